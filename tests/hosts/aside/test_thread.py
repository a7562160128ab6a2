"""A collection in a thread of its own: what it delivers to each host, and how that ends."""

from __future__ import annotations

import contextlib
import contextvars
import os
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from reactor.errors import (
    LimitExceeded,
    OperationInProgress,
    OperationNotAllowed,
    StateClosed,
    WrongProcess,
    WrongThread,
)
from reactor.hosts import thread as own_thread
from reactor.hosts import tk
from reactor.hosts.guest import TURNS_TIME_LIMIT
from reactor.hosts.host import Host
from reactor.hosts.thread import Deliver, DeliveringGuest
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from tests.hosts.conftest import HERE, WATCHING, make_loop
from tests.hosts.loops import LIMIT, AsyncioLoop, Loop, TclOfWindows, TkLoop, in_turn
from tests.hosts.test_attaching import ManualHost
from tests.reactor.loop.probe import elsewhere, exit_code_of_child


class PolledTkLoop(TkLoop):
    """Tk as it is on Windows, where it watches nothing."""

    def way_in(self) -> Host:
        root: Any = SimpleNamespace(tk=TclOfWindows(self.root.tk))
        return tk.deliver(root)


class CalledLoop(AsyncioLoop):
    """A loop of which a program gives us no more than a function."""

    def way_in(self) -> Any:
        return self.loop.call_soon_threadsafe


def hosts(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("host", names, indirect=True)


@pytest.fixture(params=[*WATCHING, "tk, polled", "a function"])
def host(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Each host in turn, and two more ways into them."""
    if request.param == "tk, polled":
        loop: Loop = PolledTkLoop(make_loop("tk", request).root)  # type: ignore[attr-defined]  # Tk's has one
    elif request.param == "a function":
        loop = CalledLoop()
    else:
        loop = make_loop(request.param, request)
    with contextlib.closing(loop):
        yield loop


def test_calls_come_in_order_in_the_hosts_thread__ho_3(host: Loop, guest: DeliveringGuest) -> None:
    """Calls that a collection in its own thread delivers run in the thread of the host, in their
    order and each once, though the host is idle.
    """
    got = list[tuple[int, threading.Thread]]()

    def deliver_all() -> None:
        for number in range(500):
            guest.deliver(lambda number: got.append((number, threading.current_thread())), number)
        guest.deliver(host.quit)

    host.later(0.02, lambda: guest.collection.apply(deliver_all))
    host.run()
    assert got == [(number, threading.current_thread()) for number in range(500)]


def test_many_threads_deliver_at_once__ho_3(host: Loop, guest: DeliveringGuest) -> None:
    """Calls of several threads, the host's among them, all come, in the order of each thread."""
    got, over = list[tuple[int, int]](), list[int]()

    def end(poster: int) -> None:
        over.append(poster)
        if len(over) == 4:
            host.quit()

    def deliver_all(poster: int) -> None:
        for number in range(300):
            guest.deliver(got.append, (poster, number))
        guest.deliver(end, poster)

    posters = [threading.Thread(target=deliver_all, args=[poster]) for poster in range(3)]
    host.later(0.001, in_turn(*(poster.start for poster in posters), lambda: deliver_all(3)))
    host.run()
    for thread in posters:
        thread.join(LIMIT)
    assert len(got) == 1200
    for poster in range(4):
        assert [number for who, number in got if who == poster] == list(range(300))


def test_a_callback_can_be_delivered__ho_3(host: Loop, guest: DeliveringGuest) -> None:
    """What `delivered` makes of a function is a callback: each of its calls is made in the host's
    thread, with the same arguments, in the context of the caller.
    """
    name = contextvars.ContextVar[str]("name", default="nobody")
    got = list[tuple[object, ...]]()

    def received(*arguments: object) -> None:
        got.append((*arguments, name.get(), threading.current_thread()))
        host.quit()

    callback = guest.delivered(received)
    assert "received" in repr(callback)

    def call() -> None:
        name.set("somebody")
        callback("state", 5)

    guest.collection.apply(call)
    host.run()
    assert got == [("state", 5, "somebody", threading.current_thread())]


def test_an_exception_of_a_delivered_call_is_reported__ho_4(
    host: Loop, guest: DeliveringGuest
) -> None:
    """An exception that leaves a delivered call goes to the error handler of the collection, in
    the collection's thread; the host's loop goes on, and so do later calls.
    """
    told = list[tuple[str, bool]]()
    home = threading.current_thread()

    def handle(thing: object, exception: BaseException) -> None:
        told.append((str(exception), threading.current_thread() is home))
        guest.deliver(host.quit)

    def fail() -> None:
        raise RuntimeError("a mistake of the user")

    guest.collection.error_handler = handle
    guest.deliver(fail)
    host.run()
    assert told == [("a mistake of the user", False)]


@hosts("asyncio")
def test_a_delivered_error_handler_may_fail__ho_4(
    host: Loop, guest: DeliveringGuest, caplog: pytest.LogCaptureFixture
) -> None:
    """An error handler that is delivered itself, and fails, is logged and not called for that."""
    told = list[str]()

    def show(thing: object, exception: BaseException) -> None:
        told.append(str(exception))
        guest.deliver(host.quit)
        raise RuntimeError("no window")

    guest.collection.error_handler = guest.delivered(show)
    guest.collection.apply(lambda: 1 / 0)
    host.run()
    assert told == ["division by zero"]
    assert [record.message for record in caplog.records] == ["the error handler itself failed"]


@hosts("asyncio", "uvloop", "tk")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_program_leaves_the_hosts_loop__ho_4(
    host: Loop, guest: DeliveringGuest, kind: type[BaseException]
) -> None:
    """KeyboardInterrupt and SystemExit in a delivered call end the host's loop; when that runs
    again the calls behind it come.
    """
    done = list[str]()

    def leave() -> None:
        raise kind

    guest.deliver(leave)
    guest.deliver(done.append, "behind")
    guest.deliver(host.quit)
    with pytest.raises(kind):
        host.run()
    host.run()
    assert done == ["behind"]


@hosts("tk", "qt", *HERE, "tk, polled")
def test_a_dialog_of_a_delivered_call_is_not_re_entered__ho_5(
    host: Loop, guest: DeliveringGuest
) -> None:
    """While a delivered call runs the host's loop, as a dialog does, no other one is made; the
    collection goes on meanwhile, and what it delivers comes behind the dialog.
    """
    events = list[str]()

    def open_dialog() -> None:
        guest.collection.submit(guest.deliver, events.append, "delivered").result(LIMIT)
        host.later(0.03, in_turn(lambda: events.append("still open"), host.leave))
        host.nested()
        events.append("closed")
        guest.deliver(host.quit)

    guest.collection.apply(guest.deliver, open_dialog)
    host.run()
    assert events == ["still open", "closed", "delivered"]


@hosts("tk", "qt", *HERE)
def test_a_dialog_of_the_host_stops_no_delivery__ho_6(host: Loop, guest: DeliveringGuest) -> None:
    """While code of the host runs its loop a second time, delivered calls are made."""
    events = list[str]()

    def open_dialog() -> None:
        guest.collection.apply(
            guest.deliver, in_turn(lambda: events.append("delivered"), host.leave)
        )
        host.nested()
        events.append("closed")
        host.quit()

    host.later(0.01, open_dialog)
    host.run()
    assert events == ["delivered", "closed"]


@pytest.mark.slow
@hosts(*WATCHING, "a function")
def test_an_idle_second_beside_a_host_is_no_turn__ho_8(host: Loop, guest: DeliveringGuest) -> None:
    """A second without traffic is no turn of a collection in its own thread, and next to no time
    of the processor.
    """
    guest.deliver(len, "")
    host.later(0.1, host.quit)
    host.run()
    turns, used = guest.collection.stats()["turns"], time.process_time()
    host.later(1.0, host.quit)
    host.run()
    assert guest.collection.stats()["turns"] == turns
    assert time.process_time() - used < 0.05


def test_a_hundred_threads_leave_nothing__ho_9(host: Loop, beside: WaitStateCollection) -> None:
    """A collection is started beside a host and stopped a hundred times, and nothing is left: no
    thread, no descriptor, no timer; what was delivered too late is dropped, and counted.
    """
    threads, kept, done = threading.active_count(), host.kept(), list[str]()
    for _ in range(100):
        with own_thread.attach(host.way_in(), beside) as guest:
            assert guest.mode == "own thread"
            guest.deliver(done.append, "late")
        assert threading.active_count() == threads
    assert host.kept() == kept
    host.later(0.03, host.quit)
    host.run()
    assert done == []
    with own_thread.attach(host.way_in(), beside) as guest:
        guest.collection.apply(guest.deliver, host.quit)
        host.run()


def test_what_is_not_delivered_is_counted__ho_9(
    host: Loop, guest: DeliveringGuest, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls that wait when the guest is closed are not made, and the log says how many; later ones
    are refused.
    """
    for _ in range(3):
        guest.deliver(len, "")
    guest.close()
    guest.close()
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == ["3"]
    with pytest.raises(StateClosed):
        guest.deliver(len, "")
    with pytest.raises(StateClosed):
        elsewhere(guest.delivered(len), "")


def test_a_delivered_call_may_close_the_guest__ho_9(host: Loop, guest: DeliveringGuest) -> None:
    """A delivered call may close its guest while the other thread delivers on: neither waits for
    the other, and none of the calls behind it is made.
    """
    done = list[str]()

    def deliver_on() -> None:
        with contextlib.suppress(LimitExceeded):
            guest.deliver(done.append, "behind")
        guest.collection.call_soon(deliver_on)

    guest.deliver(in_turn(guest.close, lambda: done.append("closed")))
    guest.collection.apply(deliver_on)
    host.later(0.05, host.quit)
    host.run()
    assert done == ["closed"]
    assert guest.collection.join(0)


def test_a_closed_collection_still_delivers__ho_9(host: Loop, guest: DeliveringGuest) -> None:
    """What a collection in its own thread has delivered before it was closed, or stopped, comes
    all the same, until the guest is closed.
    """
    done = list[str]()
    guest.collection.apply(guest.deliver, done.append, "before")
    guest.collection.apply(guest.collection.close)
    assert guest.collection.join(LIMIT)
    guest.deliver(lambda: 1 / 0)  # there is nobody to report it; the log has it
    guest.deliver(host.quit)
    host.run()
    assert done == ["before"]
    assert not guest.closed


@hosts("asyncio", "a function")
def test_closing_does_not_wait_for_ever__ho_9(
    host: Loop,
    guest: DeliveringGuest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Closing waits for a callback that does not return only so long; the log says so."""
    monkeypatch.setattr(own_thread, "CLOSE_TIMEOUT", 0.01)
    entered, may_return = threading.Event(), threading.Event()
    guest.collection.apply(in_turn(entered.set, lambda: may_return.wait(LIMIT)))
    assert entered.wait(LIMIT)
    guest.close()
    assert guest.closed
    assert [record.message.endswith("has not returned") for record in caplog.records] == [True]
    may_return.set()
    assert guest.collection.join(LIMIT)


@hosts("asyncio", "a function")
def test_a_host_that_is_closed_takes_nothing__ho_9(
    host: Loop, guest: DeliveringGuest, caplog: pytest.LogCaptureFixture
) -> None:
    """When the host's loop is closed before the guest, calls wait in vain; the log tells of the
    first, and of their number in the end.
    """
    host.close()
    for _ in range(3):
        guest.collection.submit(guest.deliver, len, "").result(LIMIT)
    guest.close()
    ends = [record.message.rpartition(" ")[2] for record in caplog.records]
    assert ends == ["wait", "3"]


class LateLock:
    """A lock behind which, when it is released, another thread has just left a call in line."""

    def __init__(self, late: Callable[[], object]) -> None:
        self.lock = threading.Lock()
        self.late: Callable[[], object] | None = late

    def acquire(self, blocking: bool) -> bool:
        return self.lock.acquire(blocking)

    def release(self) -> None:
        late, self.late = self.late, None
        if late is not None:
            late()
        self.lock.release()


@pytest.mark.parametrize("inside", [False, True])
def test_a_call_that_comes_as_the_guest_closes_is_not_made__ho_9(inside: bool) -> None:
    """A call that a thread delivers while the guest is being closed, by a delivered call or by
    other code of the window, is not made behind that.
    """
    done, host = list[str](), ManualHost()
    line = own_thread.Deliveries(host, lambda function, exception: None)
    late = own_thread.Delivery(done.append, ("late",), None)

    def close() -> None:
        line.take_all()
        line.put(late)

    if inside:
        line.put(own_thread.Delivery(close, (), None))
    else:
        close()
    host.posts.get_nowait()()
    assert done == []
    assert host.timer is None  # that of a host that is closed


@hosts("asyncio")
def test_a_call_that_comes_at_the_end_of_a_batch_is_made__ho_3(
    host: Loop, guest: DeliveringGuest
) -> None:
    """A call that another thread leaves at the moment at which a batch ends is not forgotten."""
    late: Any = LateLock(lambda: elsewhere(guest.deliver, host.quit))
    guest._deliveries._seen_to = late
    guest.deliver(len, "")
    host.run()
    assert late.late is None


@hosts("asyncio")
def test_too_many_calls_are_refused__ho_3(host: Loop, beside: WaitStateCollection) -> None:
    """When as many calls wait as may, 10,000 unless set, one more is refused in the thread that
    asks, and the others are made.
    """
    done, refused = list[int](), list[BaseException]()
    beside.error_handler = lambda thing, exception: refused.append(exception)
    with own_thread.attach(host.way_in(), beside) as guest:
        for number in range(10_000):
            guest.deliver(done.append, number)
        with pytest.raises(LimitExceeded, match="10000"):
            guest.deliver(len, "")
        beside.submit(beside.apply, guest.delivered(len), "").result(LIMIT)
        beside.submit(len, "").result(LIMIT)
        host.later(0.05, host.quit)
        host.run()
        guest.deliver(host.quit)
        host.run()
    assert done == list(range(10_000))
    assert [type(exception) for exception in refused] == [LimitExceeded]


@hosts(*WATCHING)
def test_a_flood_of_calls_leaves_time_to_paint__ho_10(host: Loop, guest: DeliveringGuest) -> None:
    """Delivered calls that take long have a pause between them, in which the host paints."""
    frames, seen = list[int](), list[int]()

    def work() -> None:
        began = time.thread_time()
        while time.thread_time() - began < 2 * TURNS_TIME_LIMIT:
            pass
        host.paint(lambda: frames.append(1))
        seen.append(len(frames))
        if frames or len(seen) == 100:  # on a busy machine a pause may be over before it is noticed
            host.quit()
        else:
            guest.deliver(work)

    guest.deliver(work)
    host.run()
    assert seen[-1] > 0


@hosts("asyncio", "tk", "qt", *HERE)
def test_a_way_into_a_host_is_for_one_guest__ho_9(host: Loop, beside: WaitStateCollection) -> None:
    """What `deliver` of a host returns is refused when it has been given to a guest already, whose
    timer it would share, or whose end; that guest goes on.
    """
    way, other, done = host.way_in(), WaitStateCollection(), list[str]()
    with own_thread.attach(way, beside) as guest:
        with pytest.raises(OperationNotAllowed, match="has been used"):
            own_thread.attach(way, other)
        guest.deliver(in_turn(lambda: done.append("delivered"), host.quit))
        host.run()
    with pytest.raises(OperationNotAllowed, match="has been used"):
        own_thread.attach(way, other)
    other.run_once(0)  # free
    other.close()
    assert done == ["delivered"]


@hosts(*WATCHING)
def test_who_may_not_have_a_thread_of_its_own__ho_9(
    host: Loop, beside: WaitStateCollection
) -> None:
    """A collection that propagates errors, or whose loop runs, gets no thread beside a host; what
    is no way into a host's loop is refused.
    """
    beside.error_handler = propagate
    with pytest.raises(OperationNotAllowed, match="propagate"):
        own_thread.attach(host.way_in(), beside)
    beside.error_handler = lambda thing, exception: None
    with pytest.raises(TypeError, match="deliver"):
        own_thread.attach("tk", beside)  # type: ignore[arg-type]  # programs may be wrong
    with pytest.raises(ValueError, match="delivery_limit"):
        own_thread.attach(host.way_in(), beside, delivery_limit=0)
    with own_thread.attach(host.way_in(), beside) as guest:
        assert "own thread" in repr(guest)
        with pytest.raises(OperationInProgress):
            own_thread.attach(host.way_in(), beside)
        with pytest.raises(OperationInProgress):
            beside.run_once(0)
        with pytest.raises(TypeError):
            guest.deliver("no function")  # type: ignore[arg-type]  # likewise
        with pytest.raises(WrongThread):
            elsewhere(guest.close)
    assert "closed" in repr(guest)
    beside.run_once(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@hosts("asyncio")
def test_a_child_leaves_the_thread_alone__ho_9(host: Loop, guest: DeliveringGuest) -> None:
    """A forked child that closes the guest undoes nothing, since what there is belongs to the
    parent; and what it would deliver is refused, as nobody makes its calls.
    """

    def refused() -> None:
        with pytest.raises(WrongProcess):
            guest.deliver(len, "")

    assert exit_code_of_child(guest.close) == 0
    assert exit_code_of_child(refused) == 0
    guest.collection.apply(guest.deliver, host.quit)
    host.run()


@hosts("asyncio")
def test_a_function_that_refuses_now_may_take_later__ho_3(
    host: Loop, beside: WaitStateCollection, caplog: pytest.LogCaptureFixture
) -> None:
    """A call that the way into a host does not take waits, and comes with the next that is taken:
    a loop need not run yet.
    """
    assert isinstance(host, AsyncioLoop)
    ways: list[Deliver] = []
    done = list[str]()
    with own_thread.attach(lambda call: ways[0](call), beside) as guest:
        guest.deliver(done.append, "first")
        ways.append(host.loop.call_soon_threadsafe)
        guest.deliver(host.quit)
        host.run()
    assert done == ["first"]
    assert len(caplog.records) == 1
