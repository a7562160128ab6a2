"""Signals that come in the middle: between any two steps of ours, in a child, with others."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
from types import FrameType
from typing import Final

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.loop.signals import SignalHandler
from reactor.loop.waker import DRAIN_SIZE
from tests.architecture.tree import ROOT
from tests.reactor.loop.probe import LIMIT
from tests.reactor.loop.signals.conftest import NUMBER, foreign_way, interrupt_at, is_woken

if os.name == "nt":
    pytest.skip("Windows has no SIGUSR1", allow_module_level=True)
assert sys.platform != "win32"  # says the same to mypy

FORK: Final = """
import os, resource, signal
from reactor import WaitStateCollection
collection = WaitStateCollection()
collection.on_signal(signal.SIGUSR2, print)
signal.signal(signal.SIGUSR1, lambda number, frame: None)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
child = os.fork()
if child == 0:
    signal.raise_signal(signal.SIGUSR1)
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
if child == 0:
    own = WaitStateCollection()
    own.on_signal(signal.SIGUSR2, print)
    own.run_once(0)
    signal.raise_signal(signal.SIGUSR1)
    os._exit(not own.wait(0))
assert os.waitpid(child, 0)[1] == 0
assert collection.wait(0) == []
collection.close()
"""


@pytest.mark.usefixtures("ignored")
def test_signals_that_nobody_has_read_are_told_to_nobody_else__ho_7(
    collection: WaitStateCollection,
) -> None:
    """However many signals nobody has read, the loop of somebody else is told of none of them when
    a handler is made: they came before its time.
    """
    collection.on_signal(signal.SIGUSR2, print)
    for _ in range(2 * DRAIN_SIZE):
        signal.raise_signal(NUMBER)
    near, far = foreign_way()
    with near, far:
        signal.set_wakeup_fd(far.fileno())
        collection.on_signal(signal.SIGUSR2, print)
        with pytest.raises(BlockingIOError):
            near.recv(1)
        assert signal.set_wakeup_fd(-1) == far.fileno()


@pytest.mark.usefixtures("ignored")
def test_a_wake_up_that_its_owner_has_closed_is_ours__ho_7(
    collection: WaitStateCollection,
) -> None:
    """Handlers are made and closed, and signals wake, though the loop of somebody else has closed
    what the interpreter writes to, and has not told it.
    """
    handler = collection.on_signal(signal.SIGUSR2, print)
    near, far = foreign_way()
    with near, far:
        signal.set_wakeup_fd(far.fileno())
    second = collection.on_signal(signal.SIGUSR2, print)
    assert is_woken(collection)
    second.close()
    near, far = foreign_way()
    with near, far:
        signal.set_wakeup_fd(far.fileno())
    handler.close()


@pytest.mark.parametrize("stays", [True, False])
def test_a_signal_may_make_a_handler_while_the_last_one_closes__ho_7(
    other: WaitStateCollection, stays: bool
) -> None:
    """A Python handler that comes between any two steps in which the last handler of the loop is
    closed may make the next one, and close it: the interpreter never writes to what is closed.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        made = other.on_signal(signal.SIGUSR2, print)
        if stays:
            handlers.append(made)
        else:
            made.close()

    before = signal.signal(NUMBER, interrupt)
    handlers = list[SignalHandler]()
    for step in itertools.count(1):
        with contextlib.closing(WaitStateCollection()) as collection:
            interrupted = interrupt_at(step, collection.on_signal(signal.SIGUSR2, print).close)
        way = signal.set_wakeup_fd(-1)
        assert (way != -1) == (stays and interrupted)
        if not interrupted:
            break
        if stays:
            signal.set_wakeup_fd(way)  # raises if it is closed
            handlers.pop().close()
    assert step > 20
    signal.signal(NUMBER, before)


def test_a_signal_that_comes_while_its_handler_closes_is_pythons__cl_85() -> None:
    """A signal that comes between any two steps in which its handler is closed does not keep that
    from being closed.
    """
    before = signal.signal(NUMBER, lambda number, frame: None)
    found = signal.getsignal(NUMBER)
    for step in itertools.count(1):
        with contextlib.closing(WaitStateCollection()) as collection:
            if not interrupt_at(step, collection.on_signal(NUMBER, print).close):
                break
            assert (signal.getsignal(NUMBER), collection.held) == (found, set())
    assert step > 20
    signal.signal(NUMBER, before)


def test_handlers_that_follow_each_other_make_no_line__cl_85(
    collection: WaitStateCollection,
) -> None:
    """A program that makes each handler of a signal before it closes the one before keeps none of
    these, and a signal that comes in the end is handled.
    """
    got = list[int]()
    handlers = [collection.on_signal(NUMBER, print) for _ in range(2)]
    for _ in range(sys.getrecursionlimit()):
        handlers.append(collection.on_signal(NUMBER, got.append, 1))
        handlers.pop(0).close()
    signal.raise_signal(NUMBER)
    collection.run_once(0)
    assert got == [1, 1]


@pytest.mark.slow
def test_a_child_without_descriptors_leaves_its_parent_alone__lw_019() -> None:
    """Signals of a child do not wake its parent though it was forked when no descriptor was left;
    it can handle them when there are some again.
    """
    done = subprocess.run(  # what other libraries do in such a child is theirs: libuv aborts
        [sys.executable, "-W", "error", "-c", FORK],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
