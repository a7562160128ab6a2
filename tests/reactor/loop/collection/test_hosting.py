"""What a host needs: fileno, next_timeout, wake, on_earlier, and a thread that does the waiting."""

from __future__ import annotations

import concurrent.futures
import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from reactor.interest import READ
from reactor.loop.collection import WaitStateCollection
from reactor.loop.poller import IN, Ready
from reactor.loop.timers import Timed
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.loop.probe import LIMIT, Probe, elsewhere, ready_probe


def readable(collection: WaitStateCollection) -> bool:
    """Tell whether a host that watches the descriptor would see something."""
    number = collection.fileno()
    assert number is not None
    with selectors.DefaultSelector() as host:
        host.register(number, READ)
        return bool(host.select(0))


@pytest.fixture
def hosted(collection: WaitStateCollection) -> WaitStateCollection:
    """A collection whose selector has a descriptor."""
    if collection.fileno() is None:
        pytest.skip("the default selector of this system has no descriptor")
    return collection


def test_the_descriptor_shows_io_and_posts__lw_020(hosted: WaitStateCollection) -> None:
    """`fileno()` is readable while a state is ready, a call is posted or `wake` was called,
    else not.
    """
    assert not readable(hosted)
    probe = ready_probe(hosted)
    assert readable(hosted)
    probe.close_silently()
    assert not readable(hosted)
    for post in (hosted.wake, lambda: hosted.apply(len, ""), lambda: hosted.call_soon(len, "")):
        post()
        assert readable(hosted)
        hosted.run_once(0)
        assert not readable(hosted)


@pytest.mark.parametrize("way", ["run_once", "dispatch"])
def test_the_descriptor_shows_what_a_turn_has_posted__lw_020(
    way: str, hosted: WaitStateCollection
) -> None:
    """A call that was posted within a turn shows in `fileno()`, though the turn itself
    needed no wake-up.
    """
    done = list[int]()
    hosted.apply(hosted.apply, done.append, 1)
    hosted.run_once(0) if way == "run_once" else hosted.dispatch(hosted.wait(0))
    assert done == []
    assert readable(hosted)
    settle(hosted)
    assert done == [1]
    assert not readable(hosted)


def test_where_there_is_no_descriptor_none_is_told__lw_020() -> None:
    """`fileno()` is None with a selector that has nothing for a host to watch."""
    collection = WaitStateCollection(selector=selectors.SelectSelector())
    assert collection.fileno() is None
    collection.close()


def test_the_next_timeout_is_that_of_the_next_work__lw_020(
    on_each: WaitStateCollection, clock: ManualClock
) -> None:
    """`next_timeout()` is None when only I/O can bring work, 0.0 when some is due, else
    seconds to the next timer.
    """
    assert on_each.next_timeout() is None
    timer = on_each.call_later(5.0, len, "")
    on_each.call_later(7.0, len, "")
    assert on_each.next_timeout() == 5.0
    clock.advance(2.0)
    assert on_each.next_timeout() == 3.0
    timer.cancel()
    assert on_each.next_timeout() == 5.0
    clock.advance(9.0)
    assert on_each.next_timeout() == 0.0
    on_each.run_once(0)
    assert on_each.next_timeout() is None
    on_each.apply(len, "")
    assert on_each.next_timeout() == 0.0
    on_each.run_once(0)
    assert on_each.next_timeout() is None
    on_each.close_later(socket.socket())
    assert on_each.next_timeout() == 0.0
    on_each.run_once(0)
    assert on_each.next_timeout() is None


def test_the_hook_tells_of_earlier_work_outside_a_turn__lw_020(
    collection: WaitStateCollection,
) -> None:
    """`on_earlier` is called when, outside a turn, the next due moment comes closer, and
    for nothing else.
    """
    told = list[float | None]()
    collection.on_earlier = lambda: told.append(collection.next_timeout())
    collection.call_later(10.0, len, "")
    collection.call_later(20.0, len, "")  # not earlier
    collection.call_every(5.0, len, "")
    collection.call_every(15.0, len, "")  # not earlier
    assert told == [10.0, 5.0]
    collection.call_soon(len, "")
    collection.call_soon(len, "")  # not earlier
    assert told == [10.0, 5.0, 0.0]


def test_the_hook_is_silent_within_a_turn__lw_020(collection: WaitStateCollection) -> None:
    """`on_earlier` is not called within a turn: a host asks `next_timeout` after each."""
    told = list[int]()
    collection.on_earlier = lambda: told.append(1)
    collection.apply(collection.call_later, 1.0, len, "")
    collection.apply(collection.call_soon, len, "")
    collection.run_once(0)
    assert told == []
    assert collection.next_timeout() == 0.0


def test_without_a_hook_it_wakes_itself__lw_020(hosted: WaitStateCollection) -> None:
    """Without `on_earlier` a timer set outside a turn makes `fileno()` readable, if it is
    the next one.
    """
    hosted.call_later(10.0, len, "")
    assert readable(hosted)
    settle(hosted)
    hosted.call_later(20.0, len, "")
    assert not readable(hosted)


class WaitThread:
    """A host's thread that does nothing but wait, for a collection that belongs to the test's."""

    def __init__(self, kind: type[selectors.BaseSelector], pool: ThreadPoolExecutor) -> None:
        selector, self.entered, self.may_return = kind(), threading.Event(), threading.Event()
        self.may_return.set()
        select = selector.select

        def tell_and_select(
            timeout: float | None = None,
        ) -> list[tuple[selectors.SelectorKey, int]]:
            self.entered.set()
            ready = select(timeout)
            self.may_return.wait(LIMIT)
            return ready

        selector.select = tell_and_select  # type: ignore[method-assign]  # to know when it waits
        self.collection = WaitStateCollection(selector=selector)
        self.collection.run_once(0)
        self.pool = pool

    def begin(self) -> concurrent.futures.Future[Ready]:
        """Begin a wait, and return when it is under way."""
        self.entered.clear()
        waiting = self.pool.submit(self.collection.wait, 3 * LIMIT)
        assert self.entered.wait(LIMIT)
        return waiting

    def until(
        self, condition: Callable[[], object], waiting: concurrent.futures.Future[Ready]
    ) -> None:
        """Wait there and dispatch here until the condition holds; fail if a wait is not woken."""
        self.collection.dispatch(waiting.result(LIMIT))
        while not condition():
            self.collection.dispatch(self.begin().result(LIMIT))


@pytest.fixture(params=["PollSelector", "SelectSelector"])
def host(request: pytest.FixtureRequest) -> Iterator[WaitThread]:
    """A host with a wait thread, on select() and on poll(), which do not see what is registered."""
    kind = getattr(selectors, request.param, selectors.SelectSelector)
    with ThreadPoolExecutor(1) as pool:
        host = WaitThread(kind, pool)
        with contextlib.closing(host.collection):
            yield host


def test_a_wait_thread_notices_what_is_added__ho_4(host: WaitThread) -> None:
    """A state that is added while another thread waits is served as soon as it is ready."""
    waiting = host.begin()
    probe = ready_probe(host.collection)
    host.until(lambda: probe.events, waiting)


def test_a_wait_thread_notices_what_is_wanted__ho_4(host: WaitThread) -> None:
    """A state that begins to want something while another thread waits is served as soon as
    it is ready.
    """
    probe = Probe(host.collection, wanted=0)
    probe.make_ready()
    waiting = host.begin()
    host.collection.want(probe, READ)
    host.until(lambda: probe.events, waiting)


@pytest.mark.parametrize("verb", ["call_later", "call_every", "call_soon", "apply"])
def test_a_wait_thread_notices_what_is_scheduled__lw_006(host: WaitThread, verb: str) -> None:
    """A timer or a call of the owner's ends the wait in time, though no I/O does."""
    done = list[int]()
    waiting = host.begin()
    delay = [0.001] if verb in {"call_later", "call_every"} else []
    getattr(host.collection, verb)(*delay, done.append, 1)
    host.until(lambda: done, waiting)


def test_a_wait_thread_notices_what_an_extra_turn_has_armed__lw_006(host: WaitThread) -> None:
    """A timer that the owner arms while another thread waits ends the wait in time, also
    from a turn of its own.
    """
    done = list[int]()
    probe = Probe(host.collection, lambda probe: host.collection.call_later(0.001, done.append, 1))
    waiting = host.begin()
    host.collection.dispatch([(probe.fd, IN)])
    host.until(lambda: done, waiting)


def test_what_is_retired_under_a_wait_is_closed_after_it__ho_4(host: WaitThread) -> None:
    """A connection closed while another thread waits is shut down at once, and keeps its number
    till the wait is over.
    """
    sock, peer = socket.socketpair()
    with peer:
        host.may_return.clear()
        waiting = host.begin()
        host.collection.retire(sock)
        assert peer.recv(1) == b""
        host.collection.dispatch([])
        assert sock.fileno() >= 0  # not even a turn closes it, while somebody waits
        host.may_return.set()
        waiting.result(LIMIT)
        host.collection.dispatch([])
        assert sock.fileno() == -1


def test_what_is_retired_in_a_turn_keeps_its_number_till_the_end__lw_005__pitfall_5(
    collection: WaitStateCollection,
) -> None:
    """A connection closed in a turn keeps its number till the end of it, so that no other
    socket can get it.
    """
    sock, peer = socket.socketpair()
    seen = list[tuple[bytes, bool]]()

    def retire() -> None:
        collection.retire(sock)
        seen.append((peer.recv(1), sock.fileno() >= 0))

    with peer:
        collection.apply(retire)
        collection.run_once(0)
    assert seen == [(b"", True)]
    assert sock.fileno() == -1


def test_outside_of_both_it_is_closed_at_once__lw_005(collection: WaitStateCollection) -> None:
    """A connection closed outside of turns and waits gives its descriptor back at once."""
    sock, peer = socket.socketpair()
    with peer:
        collection.retire(sock)
        assert sock.fileno() == -1


def test_closing_under_a_wait_ends_it__lw_012(host: WaitThread) -> None:
    """Closing the collection ends a wait of another thread, which cleans up."""
    waiting = host.begin()
    probe = Probe(host.collection)
    host.collection.close()
    waiting.result(LIMIT)
    assert probe.near.fileno() == -1
    assert not host.collection.alive


def test_a_wait_elsewhere_changes_no_timer__lw_006(collection: WaitStateCollection) -> None:
    """The owner may arm timers while another thread waits; that one only looks at them."""
    timed = Timed()
    collection.run_once(0)
    collection.arm(timed, 2000.0)
    collection.arm(timed, 3000.0)
    elsewhere(collection.wait, 0)
    assert collection.timers.first_entry() == 2000.0
    collection.wait(0)  # the owner's own puts in order what it finds
    assert collection.timers.first_entry() == 3000.0


def test_timers_are_armed_while_another_thread_waits__lw_006(host: WaitThread) -> None:
    """However often the owner arms and cancels timers while another thread waits, what is
    left runs in order.
    """
    done = list[int]()
    expected = list(range(100))
    waiting = host.begin()
    for number in expected:
        timer = host.collection.call_later(0.001, done.append, -1)
        host.collection.call_later(0.002, done.append, number)
        timer.cancel()
    host.until(lambda: len(done) == 100, waiting)
    assert done == expected
