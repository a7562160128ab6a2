"""Tk: its traps that end a process are tried in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.architecture.tree import ROOT
from tests.hosts.conftest import display
from tests.hosts.loops import LIMIT, require_module
from tests.peers import require

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there Tk watches no descriptors")

BEGIN = """
import resource, socket, sys, threading, tkinter
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from reactor import WaitStateCollection
from reactor.errors import OperationNotAllowed
from reactor.hosts import tk
root, collection, mode = tkinter.Tk(), WaitStateCollection("hosted"), sys.argv[1]
root.after(10_000, root.destroy)
"""
MANY_DESCRIPTORS = """
with tk.attach(root, collection, mode=mode):
    pairs = [socket.socketpair() for _ in range(600)]
    near, far = pairs[-1]
    assert near.fileno() > 1023
    collection.watch(near, lambda watch: (watch.close(), root.quit()))
    root.after(10, far.send, b"!")
    root.mainloop()
print("served")
"""
TOO_LATE = """
pairs = [socket.socketpair() for _ in range(600)]
late = WaitStateCollection("late")
try:
    tk.attach(root, late, mode=mode)
except OperationNotAllowed:
    print("served")
"""
AFTER_THE_END = """
with tk.attach(root, collection, mode=mode):
    collection.call_later(0.01, root.destroy)
    root.mainloop()
    posters = [threading.Thread(target=collection.apply, args=[len, ""]) for _ in range(10)]
    for poster in posters:
        poster.start()
        poster.join()
    collection.call_later(60.0, len, "")
print("served")
"""


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display for programs of their own."""
    require("Xvfb")
    require_module("_tkinter", "Debian has it in python3-tk")
    with display() as name:
        yield name


def output(program: str, screen: str, mode: str) -> str:
    """Run a program to its end; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program, mode],
        env={**os.environ, "DISPLAY": screen, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
def test_tk_lives_with_many_descriptors__ho_1(screen: str, mode: str) -> None:
    """A collection that is attached to Tk before they are opened serves descriptors above 1023,
    at which Tk itself would abort the process.
    """
    assert output(MANY_DESCRIPTORS, screen, mode) == "served"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
def test_attaching_to_tk_too_late_is_refused__ho_10(screen: str, mode: str) -> None:
    """A collection whose own descriptor is above 1023 is not attached to Tk, which would abort."""
    assert output(TOO_LATE, screen, mode) == "served"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
def test_threads_post_though_tk_has_ended__ho_3(screen: str, mode: str) -> None:
    """Threads that post to a hosted collection while Tk ends, or later, are neither held up nor
    refused, and the guest is closed as ever.
    """
    assert output(AFTER_THE_END, screen, mode) == "served"
