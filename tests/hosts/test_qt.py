"""Qt: how a program ends in its loop, tried in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from reactor.hosts import qt
from reactor.loop.collection import WaitStateCollection
from tests.architecture.tree import ROOT
from tests.hosts.loops import LIMIT, require_module

PROGRAM = """
import sys
from PySide6 import QtCore
from reactor import WaitStateCollection
from reactor.hosts import qt

class Application(QtCore.QCoreApplication):
    pass

def leave():
    collection.call_later(0.001, print, "served")
    collection.call_later(0.01, sys.exit, 3)
    raise KeyboardInterrupt

app, collection = Application([]), WaitStateCollection("hosted")
with qt.attach(app, collection, mode=sys.argv[1]):
    getattr(collection, sys.argv[2])(*[0.001] * (sys.argv[2] == "call_later"), leave)
    app.exec()
print("not reached")
"""


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["call_later", "apply"])
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
def test_an_exit_ends_the_process_of_qt__ho_4(mode: str, verb: str) -> None:
    """In Qt a KeyboardInterrupt of a callback is printed, and the collection is served as before;
    a SystemExit ends the process, with its code.
    """
    require_module("PySide6.QtCore", "pip install PySide6-Essentials")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode, verb],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "served\n")
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_only_an_application_is_a_host() -> None:
    collection = WaitStateCollection()
    with pytest.raises(TypeError, match="an application of PySide6"):
        qt.attach("app", collection)
    collection.close()
