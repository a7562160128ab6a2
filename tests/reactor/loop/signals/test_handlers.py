"""Signals: on the loop, from wherever it sleeps; everything as before when it is over."""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Any, Final

import pytest

from reactor.loop.collection import WaitStateCollection
from tests import leaks
from tests.architecture.tree import ROOT
from tests.reactor.loop.probe import LIMIT, elsewhere, exit_code_of_child
from tests.reactor.loop.signals.conftest import NUMBER, foreign_way, is_at_rest, is_woken

if os.name == "nt":
    pytest.skip("Windows has no SIGUSR1", allow_module_level=True)
assert sys.platform != "win32"  # says the same to mypy

PROGRAM: Final = """
import os, signal
from reactor import WaitStateCollection
collection = WaitStateCollection()
handler = collection.on_signal(signal.SIGUSR1, print)
near, far = os.pipe()
os.set_blocking(far, False)
signal.set_wakeup_fd(far)
collection.close()
"""


def test_a_signal_is_handled_on_the_loop__cl_85__rel_45(collection: WaitStateCollection) -> None:
    """The callback of a signal runs in a turn, not inside the code that the signal interrupts."""
    got = list[str]()
    collection.on_signal(NUMBER, got.append, "it came")
    signal.raise_signal(NUMBER)
    assert got == []
    assert collection.run_once(0) == 1
    assert got == ["it came"]


@pytest.mark.parametrize("threaded", [False, True])
def test_a_sleeping_loop_is_woken__cl_85(threaded: bool) -> None:
    """A loop that waits without limit, in the main thread or not, handles a signal at once."""
    collection, handled = WaitStateCollection(), threading.Event()

    def handle() -> None:
        handled.set()
        collection.stop()

    collection.on_signal(NUMBER, handle)
    if threaded:
        with collection:
            os.kill(os.getpid(), NUMBER)
            assert handled.wait(LIMIT)
    else:
        killer = threading.Timer(0.02, os.kill, (os.getpid(), NUMBER))
        killer.start()
        collection.run()
        killer.join()
        collection.close()
    assert handled.is_set()


def test_all_handlers_run_and_the_last_restores_what_was_there__cl_85(
    collection: WaitStateCollection,
) -> None:
    """All handlers of a signal are called; closed in any order, they leave what they found."""
    got = list[str]()

    def found(number: int, frame: object) -> None:
        got.append("found")

    before = signal.signal(NUMBER, found)
    try:
        handlers = [collection.on_signal(NUMBER, got.append, name) for name in "abc"]
        signal.raise_signal(NUMBER)
        collection.run_once(0)
        assert sorted(got) == ["a", "b", "c"]
        got.clear()
        handlers[1].close()
        handlers[0].close()
        signal.raise_signal(NUMBER)
        collection.run_once(0)
        assert got == ["c"]
        handlers[2].close()
        handlers[2].close()
        assert signal.getsignal(NUMBER) is found
    finally:
        signal.signal(NUMBER, before)


def test_an_interrupt_is_pythons_again_afterwards__cl_85(collection: WaitStateCollection) -> None:
    """While SIGINT has a handler on the loop no `KeyboardInterrupt` is raised; when that is
    closed, a ^C is one again, and leaves the loop, which can run on.
    """
    got = list[str]()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        handler = collection.on_signal(signal.SIGINT, got.append, "handled")
        collection.apply(signal.raise_signal, signal.SIGINT)
        collection.run_once(0)
        collection.run_once(0)
        assert got == ["handled"]
        handler.close()
        collection.apply(signal.raise_signal, signal.SIGINT)
        collection.apply(collection.stop)
        with pytest.raises(KeyboardInterrupt):
            collection.run()
        collection.run()
        assert got == ["handled"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_closing_the_collection_closes_its_handlers__cl_85(
    collection: WaitStateCollection,
) -> None:
    """Closing a collection gives its signals back to whoever handled them before."""
    before = signal.getsignal(NUMBER)
    handler = collection.on_signal(NUMBER, print)
    collection.close()
    assert handler.closed
    assert signal.getsignal(NUMBER) == before


def test_a_closed_handler_calls_nobody__cl_85(collection: WaitStateCollection) -> None:
    """A signal that came before its handler was closed is not delivered afterwards, also if
    another handler of that turn has closed it.
    """
    got = list[str]()
    first = collection.on_signal(NUMBER, got.append, "first")
    signal.raise_signal(NUMBER)
    first.close()
    collection.run_once(0)
    assert got == []

    def both() -> None:
        got.append("closing")
        for one in handlers:
            one.close()

    handlers = [collection.on_signal(NUMBER, both) for _ in range(2)]
    signal.raise_signal(NUMBER)
    collection.run_once(0)
    assert got == ["closing"]


def test_a_handler_that_raises_is_named_and_stays__cl_85__lw_016(
    collection: WaitStateCollection,
) -> None:
    """What a signal's callback raises goes to the error handler with its `SignalHandler`; the
    next signal is handled again, and so is it by the others.
    """
    failed, got = list[tuple[object, type]](), list[int]()
    collection.error_handler = lambda thing, exception: failed.append((thing, type(exception)))
    handler = collection.on_signal(NUMBER, lambda: 1 / 0)
    collection.on_signal(NUMBER, got.append, 1)
    for _ in range(2):
        signal.raise_signal(NUMBER)
        collection.run_once(0)
    assert (failed, got) == ([(handler, ZeroDivisionError)] * 2, [1, 1])


def test_a_handler_has_its_context__cl_85__lw_021(collection: WaitStateCollection) -> None:
    """The callback of a signal runs in the context in which it was asked for, not in that of
    the code which the signal has interrupted.
    """
    variable = contextvars.ContextVar("variable", default="elsewhere")
    seen = list[str]()
    context = contextvars.copy_context()
    context.run(variable.set, "here")
    context.run(lambda: collection.on_signal(NUMBER, lambda: seen.append(variable.get())))
    signal.raise_signal(NUMBER)
    collection.run_once(0)
    assert seen == ["here"]


def test_a_handler_must_be_callable__cl_85__lw_070(collection: WaitStateCollection) -> None:
    """A signal's callback that cannot be called is refused, and no handler is replaced."""
    before = signal.getsignal(NUMBER)
    with pytest.raises(TypeError, match="is a function"):
        collection.on_signal(NUMBER, None)  # type: ignore[arg-type]  # that is what is tested
    assert (signal.getsignal(NUMBER), collection.held) == (before, set())


@pytest.mark.skipif(sys.platform != "linux", reason="real-time signals")
def test_a_signal_without_a_name_has_its_number(collection: WaitStateCollection) -> None:
    if sys.platform == "linux":
        number = signal.SIGRTMIN + 1
        assert repr(collection.on_signal(number, print)) == f"<SignalHandler of {number}>"


def test_a_closed_handler_is_not_kept(collection: WaitStateCollection) -> None:
    collection.on_signal(NUMBER, print).close()
    assert collection.held == set()


def test_the_wake_up_stays_with_those_that_remain(collection: WaitStateCollection) -> None:
    first = collection.on_signal(NUMBER, print)
    second = collection.on_signal(signal.SIGUSR2, print)
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number)
    assert number != -1
    first.close()
    os.fstat(number)
    assert signal.set_wakeup_fd(number) == number
    second.close()
    assert signal.set_wakeup_fd(-1) == -1


def test_the_wake_up_of_a_host_stays_the_hosts(collection: WaitStateCollection) -> None:
    near, far = foreign_way()
    with near, far:
        signal.set_wakeup_fd(far.fileno())
        collection.on_signal(NUMBER, print).close()
        assert signal.set_wakeup_fd(-1) == far.fileno()


def test_whoever_takes_the_wake_up_over_may_put_it_back__cl_85(
    collection: WaitStateCollection,
) -> None:
    """A main loop that takes the interpreter's wake-up, and puts back what it has found when it
    ends, finds that open, though the signal handler was closed meanwhile; the next one closes it.
    """
    handler = collection.on_signal(NUMBER, print)
    near, far = foreign_way()
    with near, far:
        found = signal.set_wakeup_fd(far.fileno())
        handler.close()
        assert signal.set_wakeup_fd(found) == far.fileno()
    collection.on_signal(NUMBER, print).close()
    assert signal.set_wakeup_fd(-1) == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(found)


@pytest.mark.slow
def test_what_is_kept_for_others_is_closed_in_the_end__cl_85() -> None:
    """A program that ends while another main loop may yet put our wake-up back leaves nothing
    open.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_outside_the_main_thread_it_is_refused__cl_85(collection: WaitStateCollection) -> None:
    """As with Python's own `signal`, only the main thread may handle a signal."""
    with pytest.raises(ValueError, match="main thread"):
        elsewhere(collection.on_signal, NUMBER, print)
    assert collection.held == set()


def test_closed_in_another_thread_it_is_out_of_the_way__cl_85(
    collection: WaitStateCollection,
) -> None:
    """A signal handler left by a loop that died in its thread is removed by the next signal."""
    got = list[int]()
    before = signal.signal(NUMBER, lambda number, frame: got.append(number))
    try:
        there = signal.getsignal(NUMBER)
        collection.on_signal(NUMBER, print)
        elsewhere(collection.close)
        signal.raise_signal(NUMBER)
        assert got == [NUMBER]
        assert signal.getsignal(NUMBER) is there
    finally:
        signal.signal(NUMBER, before)


def test_closed_on_a_loop_elsewhere_it_is_restored_at_the_end__cl_85() -> None:
    """Handlers that are closed in the thread of the loop are put back by the main thread when it
    closes the collection, with the interpreter's wake-up.
    """
    before = signal.signal(NUMBER, signal.SIG_IGN)
    try:
        collection = WaitStateCollection()
        handlers = [collection.on_signal(NUMBER, print) for _ in range(2)]
        with collection:
            for handler in handlers:
                collection.submit(handler.close).result(LIMIT)
        assert signal.getsignal(NUMBER) is signal.SIG_IGN
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(NUMBER, before)


def test_a_child_gets_the_signal_itself__lw_019(collection: WaitStateCollection) -> None:
    """In a forked child signal handlers of the parent give way to what was there before."""
    collection.on_signal(NUMBER, print)
    collection.on_signal(NUMBER, print)
    assert exit_code_of_child(lambda: signal.raise_signal(NUMBER)) == -NUMBER
    assert collection.run_once(0) == 0  # nothing came to the parent


@pytest.mark.usefixtures("ignored")
def test_a_signal_wakes_whoever_waits__ho_7(
    collection: WaitStateCollection, other: WaitStateCollection
) -> None:
    """A signal ends a wait of each collection of the main thread that has a handler, whichever
    was the first to have one, also when that is closed.
    """
    first = collection.on_signal(signal.SIGUSR2, print)
    second = other.on_signal(signal.SIGUSR2, print)
    assert is_woken(other)
    assert is_woken(collection)
    first.close()
    assert is_woken(other)
    assert not is_woken(collection)
    second.close()
    assert not is_woken(other)


@pytest.mark.usefixtures("ignored")
def test_a_loop_elsewhere_takes_no_wake_up_away__ho_7(
    collection: WaitStateCollection, other: WaitStateCollection
) -> None:
    """A collection that runs in another thread leaves the wake-up of a signal to those of the main
    thread, and does not spin on it; run in the main thread it is woken again.
    """
    collection.on_signal(signal.SIGUSR2, print)
    other.on_signal(signal.SIGUSR2, print)
    other.start()
    signal.raise_signal(NUMBER)
    for _ in range(5):
        other.submit(len, "").result(LIMIT)
    assert collection.wait(0) != []
    assert any(is_at_rest(other) for _ in range(1_000))
    other.stop()
    other.join()
    other.apply(other.stop)
    other.run()
    assert is_woken(other)


@pytest.mark.usefixtures("ignored")
def test_a_loop_that_begins_asks_for_the_wake_up_again__ho_7(
    collection: WaitStateCollection,
) -> None:
    """When a loop like that of asyncio has taken the interpreter's wake-up, and has put nothing
    back, signals wake a collection as soon as it runs again.
    """
    collection.on_signal(signal.SIGUSR2, print)
    signal.set_wakeup_fd(-1)
    assert not is_woken(collection)
    collection.apply(collection.stop)
    collection.run()
    assert is_woken(collection)


@pytest.mark.parametrize("step", ["begins", "ends"])
@pytest.mark.usefixtures("ignored")
def test_a_signal_meanwhile_is_told_to_whom_it_belongs__ho_7(
    collection: WaitStateCollection, step: str
) -> None:
    """A signal that comes while we look whether the interpreter's wake-up is somebody else's is
    told to that one all the same, and no older one is.
    """
    signals = iter([signal.SIGUSR2, NUMBER])

    def interrupt(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_return" and function is signal.set_wakeup_fd:
            sys.setprofile(None)
            signal.raise_signal(NUMBER)

    near, far = foreign_way()
    with near, far:
        early = collection.on_signal(signal.SIGUSR2, print)
        signal.raise_signal(next(signals))
        signal.set_wakeup_fd(far.fileno())
        sys.setprofile(interrupt)
        late = collection.on_signal(signal.SIGUSR2, print) if step == "begins" else early
        late.close()
        sys.setprofile(None)
        assert near.recv(10) == bytes([next(signals)])
        assert signal.set_wakeup_fd(-1) == far.fileno()
    early.close()
    collection.on_signal(NUMBER, print).close()  # it closes what was kept for the other one


def test_a_signal_that_comes_while_its_handler_is_set_is_handled__cl_85(
    collection: WaitStateCollection,
) -> None:
    """A signal that comes before `on_signal` has returned is handled like any later one."""
    got = list[int]()

    def interrupt(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_return" and function.__name__ == "signal":
            sys.setprofile(None)
            signal.raise_signal(NUMBER)

    sys.setprofile(interrupt)
    collection.on_signal(NUMBER, got.append, 1)
    sys.setprofile(None)
    collection.run_once(0)
    assert got == [1]


@pytest.mark.usefixtures("ignored")
def test_signals_of_a_child_are_its_own__lw_019(collection: WaitStateCollection) -> None:
    """In a forked child signals wake the collections that the child has made, and not those of its
    parent.
    """
    collection.on_signal(signal.SIGUSR2, print)

    def child() -> None:
        signal.raise_signal(NUMBER)
        with contextlib.closing(WaitStateCollection("the child's")) as own:
            own.on_signal(signal.SIGUSR2, print)
            assert is_woken(own)
        assert signal.set_wakeup_fd(-1) == -1

    assert exit_code_of_child(child) == 0
    assert collection.wait(0) == []
    assert is_woken(collection)


@pytest.mark.usefixtures("ignored")
def test_a_full_way_holds_nobody_up__rel_46(collection: WaitStateCollection) -> None:
    """A signal that finds the way full of signals that nobody has read is handled, and wakes."""
    collection.on_signal(signal.SIGUSR2, print)
    way = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(way, warn_on_full_buffer=False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(way, b"!" * 4096)
    signal.raise_signal(NUMBER)
    for _ in range(20):
        collection.run_once(0)
    assert collection.wait(0) == []
    assert is_woken(collection)


def test_closed_while_the_loop_runs_elsewhere_it_is_gone__cl_85() -> None:
    """A handler that the main thread closes while the collection runs in another one leaves no
    descriptor behind.
    """
    collection = WaitStateCollection()
    opened = leaks.inventory()
    handler = collection.on_signal(NUMBER, print)
    with collection:
        handler.close()
        collection.submit(len, "").result(LIMIT)
        assert signal.set_wakeup_fd(-1) == -1
        assert leaks.inventory().descriptors == opened.descriptors
