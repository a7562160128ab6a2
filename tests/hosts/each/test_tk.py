"""Tk: its traps that end a process are tried in one of their own."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from reactor.errors import OperationNotAllowed, WrongThread
from reactor.hosts import tk
from reactor.hosts.host import PAUSE
from reactor.loop.collection import WaitStateCollection
from tests.hosts.conftest import Way, display, make_loop
from tests.hosts.loops import (
    LIMIT,
    Loop,
    TclOfWindows,
    TkLoop,
    in_turn,
    require_module,
    run_program,
)
from tests.hosts.test_attaching import compute
from tests.peers import require
from tests.reactor.loop.probe import elsewhere

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there Tk watches no descriptors")

WAIT = int(LIMIT * 1000)  # milliseconds, in which a machine does not stand still

BEGIN = """
import resource, socket, sys, threading, tkinter
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from reactor import WaitStateCollection
from reactor.errors import OperationNotAllowed, WrongThread
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

IN_ANOTHER_THREAD = """
import gc
from reactor.hosts import thread

class Window:
    def __init__(self):
        self.root, self.itself = root, self

gc.disable()
window = Window()
with thread.attach(tk.deliver(root), collection) as guest:
    collection.apply(guest.deliver, root.destroy)
    root.mainloop()
    del root, window
    collection.submit(gc.collect).result(10)
print("served")
"""


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display for programs of their own."""
    require("Xvfb")
    require_module("_tkinter", "Debian has it in python3-tk")
    with display() as name:
        yield name


@pytest.fixture
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """The window that all tests share."""
    with contextlib.closing(make_loop("tk", request)) as loop:
        yield loop


def output(program: str, screen: str, mode: str) -> str:
    """Run a program to its end; return what it prints."""
    done = run_program(BEGIN + program, mode, DISPLAY=screen)
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


def test_a_tk_that_watches_nothing_is_looked_at__ho_10(
    loop: TkLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """In a Tk that watches no descriptors, as that of Windows, a thread waits, and what it finds
    is served in Tk's thread; a dialog of a callback is not re-entered, and nothing is left in Tk.
    """
    collection, events, kept = WaitStateCollection(), list[object](), loop.kept()

    def open_dialog() -> None:
        loop.later(3 * tk.LOOK_INTERVAL / 1000, loop.leave)
        elsewhere(collection.apply, events.append, "post")
        loop.nested()
        events.append(threading.current_thread())
        collection.call_later(0.001, collection.apply, loop.quit)

    root: Any = SimpleNamespace(tk=TclOfWindows(loop.root.tk))
    with tk.attach(root, collection) as guest:
        assert guest.mode == "wait thread"
        collection.call_later(0.001, open_dialog)
        loop.run()
    with pytest.raises(OperationNotAllowed):
        tk.attach(root, collection, mode="descriptor")
    collection.close()
    assert events == [threading.current_thread(), "post"]
    assert loop.kept() == kept
    assert caplog.records == []


@pytest.mark.slow
def test_a_window_may_be_collected_in_another_thread__ho_9(screen: str) -> None:
    """A window of Tk that the garbage collector finds in the thread of a collection, for which the
    interpreter would abort the process, does not end there: the guest keeps what it is made of.
    """
    assert output(IN_ANOTHER_THREAD, screen, "descriptor") == "served"


def test_a_pause_lasts_until_tk_has_painted__ho_10(
    loop: TkLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a hosted collection leaves to Tk as a pause is not over before Tk has painted, however
    late it comes to look at its timers.
    """
    monkeypatch.setattr(tk, "LONGEST_REST", WAIT)
    events = list[str]()

    def turn() -> None:
        host.rest(in_turn(lambda: events.append("turn"), loop.quit))
        began = time.monotonic()
        while time.monotonic() - began < 3 * PAUSE:
            pass
        loop.paint(lambda: events.append("paint"))

    with contextlib.closing(tk.TkHost(loop.root)) as host:
        loop.later(0.0, turn)
        loop.run()
    assert events == ["paint", "turn"]


def test_a_tk_that_is_never_idle_is_no_obstacle__ho_3(
    loop: TkLoop, hosted: WaitStateCollection, way: Way
) -> None:
    """A hosted collection that has taken its time is served again though timers of the program are
    always due, so that Tk is never idle, and the pause that it leaves for painting is never used.
    """
    over = list[bool]()

    def busy() -> None:
        if not over:
            loop.later(0.0, busy)

    with loop.attach(hosted, way.mode):
        busy()
        end = in_turn(lambda: over.append(True), loop.quit)
        hosted.apply(in_turn(compute, lambda: hosted.call_later(0.001, hosted.apply, end)))
        loop.run()


@pytest.mark.parametrize("running", [False, True])
def test_a_window_is_a_host_in_its_thread_only__ho_1(loop: TkLoop, running: bool) -> None:
    """Attaching to Tk is refused in another thread than that of the window, at once, whether its
    main loop runs or not, and leaves nothing there; the collection is free.
    """
    collection, kept, refused = WaitStateCollection(), loop.kept(), list[str]()

    def attach() -> None:
        for mode in (None, "wait thread"):
            with pytest.raises(WrongThread, match="another thread"):
                tk.attach(loop.root, collection, mode=mode)
        refused.append("twice")

    stranger = threading.Thread(target=attach)
    if running:
        loop.later(0.0, stranger.start)
        loop.run_until(lambda: stranger.ident and not stranger.is_alive())
    else:
        elsewhere(attach)
    assert refused == ["twice"]
    assert loop.kept() == kept
    collection.run_once(0)
    collection.close()


def test_attaching_to_tk_serves_nobody_else__ho_10(loop: TkLoop) -> None:
    """Attaching to Tk, which has Tcl open what it needs, runs no callback of another guest."""
    first, second, served = WaitStateCollection(), WaitStateCollection(), list[str]()
    with tk.attach(loop.root, first):
        first.apply(served.append, "too early")
        with tk.attach(loop.root, second):
            assert served == []
        first.apply(loop.quit)
        loop.run()
    assert served == ["too early"]
    first.close()
    second.close()
