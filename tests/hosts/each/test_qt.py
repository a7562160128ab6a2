"""Qt: how a program ends in its loop, and its dialogs, tried in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

import reactor
from reactor.errors import WrongThread
from reactor.hosts import qt
from reactor.hosts.guest import Guest
from reactor.loop.collection import WaitStateCollection
from tests.architecture.tree import ROOT
from tests.hosts.loops import LIMIT, QT_BINDINGS, qt_binding, require_module, run_program
from tests.reactor.loop.probe import elsewhere

BEGIN = """
import importlib, socket, sys
binding, mode, *words = sys.argv[1:]
core = importlib.import_module(binding + ".QtCore")
from reactor import WaitStateCollection
from reactor.hosts import qt
collection = WaitStateCollection("hosted")
"""
EXIT = """
class Application(core.QCoreApplication):
    pass

def leave():
    collection.call_later(0.001, print, "served")
    collection.call_later(0.01, sys.exit, 3)
    raise KeyboardInterrupt

if "hook" in words:
    sys.excepthook = lambda kind, exception, traceback: print(kind.__name__, file=sys.stderr)
app = Application([])
with qt.attach(app, collection, mode=mode):
    getattr(collection, words[0])(*[0.001] * (words[0] == "call_later"), leave)
    app.exec()
print("not reached")
"""
DIALOG = """
try:
    widgets = importlib.import_module(binding + ".QtWidgets")
except ImportError as error:
    sys.exit(f"no widgets: {error}")

def read(watch):
    print(near.recv(1).decode())
    dialog.accept()

def ask():
    core.QTimer.singleShot(1, lambda: far.send(b"!"))
    dialog.exec()
    print("closed")
    app.quit()

app = widgets.QApplication([])
dialog = widgets.QDialog()
near, far = socket.socketpair()
with qt.attach(app, collection, mode=mode):
    collection.watch(near, read)
    collection.call_later(0.001, core.QTimer.singleShot, 0, ask)  # it opens behind the turn
    core.QTimer.singleShot(10_000, lambda: sys.exit("the dialog hangs"))
    app.exec()
collection.close()
"""

mode_and_binding = pytest.mark.parametrize(
    ("mode", "binding"),
    [(mode, binding) for mode in ("descriptor", "wait thread") for binding in QT_BINDINGS],
)

AFTER_THE_END = """
app = core.QCoreApplication([])
with qt.attach(app, collection, mode=mode):
    collection.call_later(0.001, app.quit)
    app.exec()
    if binding == "PySide6":
        app.shutdown()
    else:
        importlib.import_module("PyQt6.sip").delete(app)
    collection.call_later(0.0, print, "served")
collection.run_once(0)
"""


def require_binding(name: str) -> None:
    """Skip the test if that binding is not installed; it is not imported: two would quarrel."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")


def run(program: str, binding: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program that uses one of the bindings to its end."""
    require_binding(binding)
    return run_program(BEGIN + program, binding, *words, QT_QPA_PLATFORM="offscreen")


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["call_later", "apply"])
@mode_and_binding
def test_an_exit_ends_the_process_of_qt__ho_4(mode: str, binding: str, verb: str) -> None:
    """In Qt a KeyboardInterrupt of a callback is told, and the collection is served as before, by
    PyQt if the program has a hook for exceptions; a SystemExit ends the process, with its code.
    """
    done = run(EXIT, binding, mode, verb, *["hook"] * (binding == "PyQt6"))
    assert (done.returncode, done.stdout) == (3, "served\n")
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.slow
def test_pyqt_aborts_without_a_hook__ho_4() -> None:
    """In PyQt a KeyboardInterrupt of a callback aborts the process, as that of any slot does,
    unless the program has set `sys.excepthook`.
    """
    done = run(EXIT, "PyQt6", "descriptor", "call_later")
    assert (done.returncode, done.stdout) == (-signal.SIGABRT, "")
    assert "KeyboardInterrupt" in done.stderr


@pytest.mark.slow
@mode_and_binding
def test_a_modal_dialog_of_qt_stops_nobody__ho_6(mode: str, binding: str) -> None:
    """While a QDialog is executed that Qt's timer has opened, a hosted collection is served, and
    may close it.
    """
    done = run(DIALOG, binding, mode)
    if "no widgets" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stdout, done.stderr) == (0, "!\nclosed\n", "")


@pytest.mark.slow
def test_the_suite_holds_by_the_other_qt() -> None:
    (other,) = set(QT_BINDINGS) - {qt_binding()}
    require_binding(other)
    suite = ["tests/hosts/test_conformance.py", "tests/hosts/test_attaching.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "qt", "-m", "not slow", *suite],
        env={**os.environ, "QT_API": other},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=6 * LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.slow
@mode_and_binding
def test_an_application_may_end_before_its_guest__ho_9(mode: str, binding: str) -> None:
    """When the application of Qt has been shut down, timers can still be set, the guest can be
    closed, and the collection runs by itself.
    """
    done = run(AFTER_THE_END, binding, mode)
    assert (done.returncode, done.stdout, done.stderr) == (0, "served\n", "")


def test_an_application_is_a_host_in_its_thread_only__ho_1(qt_app: Any) -> None:
    """Attaching to Qt is refused in another thread than that of the application, where Qt would
    never call.
    """
    require_module(f"{qt_binding()}.QtCore", "pip install PySide6-Essentials, or PyQt6")
    collection = WaitStateCollection()
    with pytest.raises(WrongThread, match="another thread"):
        elsewhere(qt.attach, qt_app, collection)
    collection.run_once(0)
    collection.close()


def test_only_an_application_is_a_host__ho_10() -> None:
    """What is no application of Qt is refused as a host, whatever else of Qt it may be."""
    core = require_module(f"{qt_binding()}.QtCore", "pip install PySide6-Essentials, or PyQt6")
    collection = WaitStateCollection()
    for wrong in ("app", core.QObject()):
        with pytest.raises(TypeError, match="an application of PySide6 or PyQt6"):
            qt.attach(wrong, collection)
    collection.close()


@pytest.mark.parametrize(
    "kind",
    [
        Guest,
        *(reactor.AsyncIOState, reactor.DatagramTransport, reactor.Reconnecting),
        *(reactor.Server, reactor.Transport, reactor.WaitStateCollection),
    ],
)
def test_a_signal_may_be_connected_to_a_verb__ho_10(kind: type) -> None:
    """PyQt6 connects a signal to a verb of ours, `guest.close` for example, by a weak reference."""
    assert kind.__weakrefoffset__ != 0  # where there is room for one
