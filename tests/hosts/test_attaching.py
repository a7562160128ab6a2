"""Attaching: which way is taken, who may not, and the ends of it."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import queue
import selectors
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor.errors import OperationInProgress, OperationNotAllowed, StateClosed, WrongThread
from reactor.hosts.guest import (
    RETRY_DELAY,
    TURNS_TIME_LIMIT,
    Guest,
    Mode,
    begin_guest,
)
from reactor.hosts.host import PAUSE, Call, Host, milliseconds
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from tests.hosts.conftest import TIMING_WAYS, Way
from tests.hosts.loops import LIMIT, AsyncioLoop, Loop, UvloopLoop, in_turn
from tests.reactor.loop.probe import elsewhere, exit_code_of_child
from tests.reactor.loop.test_poller import AlwaysReadable


class ManualHost(Host):
    """A loop that the test is: it notes what it is asked for."""

    def __init__(self) -> None:
        self.ready: Call | None = None
        self.timer: tuple[float, Call] | None = None
        self.posts = queue.SimpleQueue[Call]()

    def can_watch(self, fd: int) -> bool:
        return True

    def watch(self, fd: int, ready: Call) -> None:
        self.ready = ready

    def unwatch(self) -> None:
        self.ready = None

    def arm(self, delay: float, due: Call) -> None:
        self.timer = (delay, due)

    def disarm(self) -> None:
        self.timer = None

    def post(self, call: Call) -> None:
        self.posts.put(call)

    def shows(self) -> tuple[bool, float | None]:
        """Tell whether it watches, and after how many seconds its timer is due."""
        return (self.ready is not None, self.timer and self.timer[0])

    def is_ready(self) -> None:
        assert self.ready is not None
        self.ready()

    def is_due(self) -> None:
        assert self.timer is not None
        self.timer[1]()


@pytest.fixture
def plain() -> Iterator[AsyncioLoop]:
    """The host that is everywhere, for what does not depend on it."""
    with contextlib.closing(AsyncioLoop()) as loop:
        yield loop


def test_the_best_way_is_taken__ho_10(watching_loop: Loop) -> None:
    """Without a wish a host watches the descriptor, if there is one that works; else a thread
    waits. `mode` says which.
    """
    loop = watching_loop
    with contextlib.closing(WaitStateCollection()) as collection:
        wanted = "descriptor" if collection.descriptor_works() else "wait thread"
        with loop.attach(collection) as guest:
            assert guest.mode == wanted
            assert wanted in repr(guest)
    doubtful = AlwaysReadable()
    with contextlib.closing(WaitStateCollection(selector=doubtful)) as collection:
        with loop.attach(collection) as guest:
            assert guest.mode == "wait thread"
            collection.apply(loop.quit)
            loop.run()
        with pytest.raises(OperationNotAllowed, match="no descriptor"):
            loop.attach(collection, "descriptor")
        assert collection.run_once(0) == 0  # free again


def test_what_is_no_mode_is_refused__ho_10(loop: Loop) -> None:
    """Attaching by a mode that there is not is refused, and leaves the collection free."""
    with contextlib.closing(WaitStateCollection()) as collection:
        with pytest.raises(ValueError, match="'thread'"):
            loop.attach(collection, "thread")  # type: ignore[arg-type]  # programs may be wrong
        collection.run_once(0)


def test_who_is_refused_leaves_nothing__ho_9(loop: Loop) -> None:
    """A collection that cannot be attached, since somebody else is told of earlier moments, leaves
    nothing in the host, and is free.
    """
    kept = loop.kept()
    with contextlib.closing(WaitStateCollection()) as collection:
        collection.on_earlier = int
        with pytest.raises(OperationNotAllowed, match="one host at a time"):
            loop.attach(collection)
        assert loop.kept() == kept
        collection.on_earlier = None
        collection.run_once(0)


def test_a_timer_set_before_fires__ho_2(loop: Loop, hosted: WaitStateCollection, way: Way) -> None:
    """A timer that was set before a collection is attached fires in the host, even if the wake-up
    that told of it has been used up.
    """
    # What a posted call posts is for the next turn: slow as it may be, this one does not quit.
    hosted.call_later(0.03, hosted.apply, hosted.apply, loop.quit)
    hosted.run_once(0)
    with loop.attach(hosted, way.mode):
        loop.run()


def test_errors_of_a_guest_do_not_propagate__ho_4(
    loop: Loop, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    """A collection that propagates errors cannot be attached; one that begins to, when it is,
    logs them, and its host goes on.
    """
    collection = WaitStateCollection(error_handler=propagate)
    with pytest.raises(OperationNotAllowed, match="propagate"):
        loop.attach(collection)
    collection.close()
    guest.collection.error_handler = propagate
    guest.collection.call_later(0.001, guest.collection.apply, lambda: 1 / 0)
    guest.collection.call_later(0.01, loop.quit)
    loop.run()
    assert [record.message.endswith("its host goes on") for record in caplog.records] == [True]


def test_a_guest_is_the_loop__ho_9(
    plain: AsyncioLoop, hosted: WaitStateCollection, way: Way
) -> None:
    """A collection that is attached can neither run by itself nor be attached again, and belongs
    to the thread of the host.
    """
    with plain.attach(hosted, way.mode):
        for verb in (hosted.run, hosted.start, lambda: hosted.run_once(0)):
            with pytest.raises(OperationInProgress):
                verb()
        with pytest.raises((OperationInProgress, OperationNotAllowed)):
            plain.attach(hosted, way.mode)
        with pytest.raises(WrongThread):
            elsewhere(hosted.call_later, 1.0, len, "")
    hosted.run_once(0)


def test_a_running_loop_is_not_attached__ho_9(plain: AsyncioLoop) -> None:
    """A collection whose own loop runs cannot be attached, from its callbacks neither."""
    refused = list[BaseException]()

    def attach() -> None:
        try:
            plain.attach(collection)
        except OperationInProgress as error:
            refused.append(error)

    with WaitStateCollection() as collection:
        collection.submit(attach).result()
        with pytest.raises(OperationInProgress):
            plain.attach(collection)
    assert len(refused) == 1


def test_a_guest_is_closed_by_its_thread__ho_9(guest: Guest) -> None:
    """Closing a guest in another thread than the host's is refused; once more in the right one
    is harmless.
    """
    with pytest.raises(WrongThread):
        elsewhere(guest.close)
    assert not guest.closed
    guest.close()
    guest.close()
    assert guest.closed


def test_a_callback_may_close_its_guest__ho_9(loop: Loop, guest: Guest) -> None:
    """A callback of a hosted collection may close the guest: the turn ends in order, none comes
    behind it, and the collection can be attached anew.
    """
    done = list[str]()
    collection = guest.collection
    collection.call_later(
        0.001, in_turn(guest.close, lambda: collection.apply(done.append, "late"))
    )
    loop.run_until(lambda: guest.closed)
    late, done[:] = list(done), []
    with loop.attach(collection, guest.mode):
        collection.apply(loop.quit)
        loop.run()
    assert [*late, *done] == ["late"]


def test_stopping_detaches__ho_9(loop: Loop, guest: Guest) -> None:
    """Stopping a hosted collection, in any thread, closes the guest in the thread of the host."""
    stopper = threading.Thread(target=guest.collection.stop)
    loop.later(0.005, stopper.start)
    loop.run_until(lambda: guest.closed)
    stopper.join()
    guest.collection.run_once(0)


@pytest.mark.parametrize("inside", [False, True])
def test_closing_the_collection_detaches__ho_9(loop: Loop, guest: Guest, inside: bool) -> None:
    """Closing a hosted collection, in a callback of its own or of the host, closes the guest, and
    the host goes on.
    """
    if inside:
        guest.collection.call_later(0.001, guest.collection.close)
    else:
        loop.later(0.001, guest.collection.close)
    loop.run_until(lambda: guest.closed)
    with pytest.raises(StateClosed):
        loop.attach(guest.collection)


def test_a_host_forgets_its_guests__ho_9(loop: Loop) -> None:
    """A toolkit keeps nothing that would keep a guest, or its collection, when that is closed."""

    class Name:
        pass

    def attach(mode: Mode | None) -> weakref.ref[Name]:
        name = Name()
        with contextlib.closing(WaitStateCollection(name)) as collection:
            with loop.attach(collection, mode):
                collection.call_later(60.0, len, "")
            return weakref.ref(name)

    names = [attach(mode) for mode in (None, "wait thread")]
    loop.later(0.005, loop.quit)
    loop.run()  # what the thread has posted is over then, and Qt deletes in its loop
    gc.collect()
    assert [name() for name in names] == [None, None]


@pytest.mark.parametrize("kind", [AsyncioLoop, UvloopLoop])
def test_closing_a_guest_whose_host_is_closed__ho_9(
    kind: type[AsyncioLoop], hosted: WaitStateCollection, way: Way
) -> None:
    """When the host's loop is closed, nobody is served, but timers can be set and the guest can be
    closed; and that loop is no host any more.
    """
    loop, done = kind(), list[str]()
    with loop.attach(hosted, way.mode):
        hosted.call_later(60.0, len, "")
        hosted.wake()
        loop.close()
        hosted.call_later(0.0, done.append, "timer")
    hosted.run_once(0)
    assert done == ["timer"]
    with pytest.raises(RuntimeError, match="closed"):
        loop.attach(hosted, way.mode)
    hosted.run_once(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_leaves_the_guest_alone__ho_9(
    plain: AsyncioLoop, hosted: WaitStateCollection, way: Way
) -> None:
    """A forked child that closes the guest undoes nothing: what there is belongs to the parent."""
    with plain.attach(hosted, way.mode) as guest:
        assert exit_code_of_child(guest.close) == 0
        plain.later(0.001, lambda: hosted.apply(plain.quit))
        plain.run()


@pytest.mark.parametrize(("delay", "tick"), [(0.0, 0), (0.0001, 1), (0.0021, 3), (-1.0, 0)])
def test_a_delay_is_rounded_up__ho_2(delay: float, tick: int) -> None:
    """Hosts count milliseconds, and a delay is rounded up to them: rounded down, a turn would come
    too early and find nothing to do.
    """
    assert milliseconds(delay) == tick


@pytest.mark.parametrize("way", TIMING_WAYS, indirect=True)
def test_a_loop_in_another_thread_is_left__ho_1(
    plain: AsyncioLoop, hosted: WaitStateCollection, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    """A collection that was attached in another thread than the host's loop runs in is not served
    there; the log says so, once.
    """
    with plain.attach(hosted, way.mode):
        hosted.apply(len, "")
        hosted.call_later(0.001, len, "")
        elsewhere(plain.run_until, lambda: caplog.records)
        hosted.call_at(0.0, len, "")  # nor is that loop asked for a timer
        plain.later(0.03, plain.quit)
        elsewhere(plain.run)
        assert hosted.stats()["turns"] == 0
    assert [record.message.endswith("loop runs in") for record in caplog.records] == [True]


def compute() -> None:
    """Take more time than turns have between two pauses."""
    began = time.thread_time()
    while time.thread_time() - began < 2 * TURNS_TIME_LIMIT:
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows has no selector with a descriptor")
def test_a_watching_host_has_its_pause__ho_10(
    collection: WaitStateCollection, spend: Callable[[], None]
) -> None:
    """When turns have taken 5 ms, a host does not watch the descriptor for the next, whatever
    comes meanwhile; a short turn behind that changes nothing.
    """
    host = ManualHost()
    with begin_guest(host, collection, "descriptor"):
        collection.apply(spend)
        host.is_ready()
        assert host.shows() == (False, PAUSE)
        collection.call_later(60.0, len, "")
        assert host.shows() == (False, PAUSE)
        host.is_due()
        collection.apply(len, "")
        host.is_ready()
        assert host.shows() == (True, 60.0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no selector with a descriptor")
def test_a_host_that_cannot_watch_now_is_asked_again__ho_4(
    collection: WaitStateCollection, spend: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A host that has no memory to watch a descriptor once more, when a pause is over, gets no
    exception, and is asked until it has: the collection does not stay deaf.
    """

    class Short(ManualHost):
        refusals = 0

        def watch(self, fd: int, ready: Call) -> None:
            if self.refusals:
                self.refusals -= 1
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            super().watch(fd, ready)

    host = Short()
    with begin_guest(host, collection, "descriptor"):
        collection.apply(spend)
        host.is_ready()
        host.refusals = 2
        for shown in (False, RETRY_DELAY), (False, RETRY_DELAY), (True, RETRY_DELAY):
            host.is_due()
            assert host.shows() == shown
    assert [record.message.endswith("asked again") for record in caplog.records] == [True] * 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no selector with a descriptor")
def test_the_number_of_a_descriptor_may_be_0__ho_10() -> None:
    """A selector that was opened when standard input was closed has the number 0, and a host
    watches that.
    """

    class Watching(ManualHost):
        watched = -1

        def watch(self, fd: int, ready: Call) -> None:
            self.watched = fd

    selector: Any = selectors.DefaultSelector()
    selector.fileno = lambda: 0
    host, numbered = Watching(), WaitStateCollection(selector=selector)
    with begin_guest(host, numbered, "descriptor"):
        assert host.watched == 0
    numbered.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no selector with a descriptor")
@pytest.mark.usefixtures("spend")
def test_a_late_call_finds_nothing_to_do__ho_9(
    collection: WaitStateCollection, caplog: pytest.LogCaptureFixture
) -> None:
    """What a host calls when the guest is closed, since it was on its way, serves nobody, and what
    it calls in a loop in the loop has it not watch until the turn is over.
    """
    host, served = ManualHost(), list[str]()
    guest = begin_guest(host, collection, "descriptor")
    collection.apply(in_turn(host.is_ready, lambda: served.append(str(host.shows()))))
    host.is_ready()
    assert (served, host.shows()) == (["(False, None)"], (True, None))
    ready = host.ready
    guest.close()
    assert guest not in collection.held
    collection.apply(served.append, "late")
    assert ready is not None
    ready()
    assert (len(served), caplog.records) == (1, [])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no selector with a descriptor")
@pytest.mark.usefixtures("spend")
def test_a_watching_host_has_one_timer__ho_2(collection: WaitStateCollection) -> None:
    """Where the kernel has no timer for a hosted collection, its host has one: for the next moment,
    set once, and ended when there is none.
    """
    armed = list[float]()

    class Counting(ManualHost):
        def arm(self, delay: float, due: Call) -> None:
            armed.append(delay)
            super().arm(delay, due)

    host = Counting()
    with begin_guest(host, collection, "descriptor"):
        timers = [collection.call_later(delay, len, "") for delay in (60.0, 90.0, 30.0)]
        collection.apply(len, "")
        host.is_ready()
        assert armed == [60.0, 30.0]
        for timer in timers:
            timer.cancel()
        collection.apply(len, "")
        host.is_ready()
        assert host.shows() == (True, None)


def test_a_posting_thread_leaves_a_pause__ho_10(spend: Callable[[], None]) -> None:
    """When turns have taken 5 ms, the thread that waits for a host begins its wait a moment
    later.
    """
    host = ManualHost()
    collection = WaitStateCollection()
    with begin_guest(host, collection, "wait thread"):
        collection.apply(spend)
        host.posts.get(timeout=LIMIT)()
        assert host.shows() == (False, PAUSE)
        host.is_due()
        collection.apply(len, "")
        host.posts.get(timeout=LIMIT)()
    collection.close()


def test_a_wait_that_fails_closes_the_collection__ho_4(
    plain: AsyncioLoop, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    """A hosted collection whose selector fails is closed, with the failure as the cause, and its
    host goes on.
    """
    failures = list[RuntimeError]()
    kind: Any = way.selector or selectors.DefaultSelector

    class Failing(kind):  # type: ignore[misc]  # it is chosen at run time
        def select(self, timeout: float | None = None) -> Any:
            if failures:
                raise failures[0]
            return super().select(timeout)

    collection = WaitStateCollection(selector=Failing())
    guest = plain.attach(collection, way.mode)
    failures.append(RuntimeError("the selector fails"))
    collection.wake()
    plain.run_until(lambda: guest.closed)
    with pytest.raises(StateClosed) as raised:
        collection.wake()
    assert raised.value.__cause__ is failures[0]
    assert [record.message.endswith("and is closed") for record in caplog.records] == [True]
