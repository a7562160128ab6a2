"""Poller: what is ready, on every selector, and nothing under a number that has changed hands."""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reactor.errors import LimitExceeded, OperationNotAllowed, SocketError
from reactor.interest import EITHER, READ, URGENT, WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.loop.health import Health
from reactor.loop.poller import EVENT_LIMIT, IN, OUT, PRI, Poller
from reactor.loop.wait_state import WaitState
from reactor.loop.waker import Waker
from tests.reactor.opening.network import high_descriptors
from tests.torture.seam import failing, needs_epoll


@pytest.fixture
def waker() -> Iterator[Waker]:
    with contextlib.closing(Waker()) as waker:
        yield waker


@pytest.fixture
def poller(selector: selectors.BaseSelector | None, waker: Waker) -> Iterator[Poller]:
    """A poller on each selector in turn."""
    with contextlib.closing(Poller(selector, waker)) as poller:
        yield poller


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        yield near, far


Pair = tuple[socket.socket, socket.socket]


def state_of(sock: socket.socket, wanted: int) -> WaitState:
    state = WaitState(sock.fileno())
    state.wanted = wanted
    return state


def test_readiness_is_told_for_what_is_wanted__lw_006(poller: Poller, pair: Pair) -> None:
    """A wait tells the number and the direction of what is ready and wanted, and nothing else."""
    near, far = pair
    state = state_of(near, READ)
    poller.add(state)
    assert poller.wait(0) == []
    far.send(b"!")
    assert poller.wait(0) == [(near.fileno(), IN)]
    poller.want(state, EITHER)
    assert poller.wait(0) == [(near.fileno(), IN | OUT)]
    poller.want(state, WRITE)
    assert poller.wait(0) == [(near.fileno(), OUT)]
    poller.want(state, 0)
    assert poller.wait(0) == []


class Noting(WaitState):
    """Writes down what it is called for."""

    def __init__(self, sock: socket.socket, wanted: int) -> None:
        super().__init__(sock.fileno())
        self.wanted = wanted
        self.calls: list[str] = []

    def on_readable(self) -> None:
        self.calls.append("read")

    def on_writable(self) -> None:
        self.calls.append("write")

    def on_urgent(self) -> None:
        self.calls.append("urgent")


def raise_again(state: WaitState, exception: Exception) -> None:
    raise exception


@needs_epoll
def test_a_byte_out_of_band_is_no_input(waker: Waker) -> None:
    with (
        contextlib.closing(Poller(None, waker)) as poller,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as far,
        listener.accept()[0] as near,
    ):
        state = Noting(near, READ | URGENT)
        poller.add(state)
        far.send(b"!", socket.MSG_OOB)
        ready = poller.wait(10)
        assert ready == [(near.fileno(), PRI)]
        poller.serve(ready, Health(time.monotonic, naming=False), raise_again)
        assert state.calls == ["urgent"]
        poller.want(state, READ)
        assert poller.wait(0) == []


def test_where_it_cannot_be_seen_it_is_not_asked_for(poller: Poller, pair: Pair) -> None:
    near, _ = pair
    state = Noting(near, READ | URGENT)
    poller.add(state)
    poller.want(state, WRITE | URGENT)
    assert state.wanted == WRITE | URGENT
    assert poller.wait(0) == [(near.fileno(), OUT)]


def test_who_wants_nothing_hears_of_no_hang_up(poller: Poller, pair: Pair) -> None:
    near, far = pair
    poller.add(state_of(near, 0))
    far.close()
    assert poller.wait(0) == []


def test_a_hang_up_reaches_who_wants_to_read(poller: Poller, pair: Pair) -> None:
    near, far = pair
    poller.add(state_of(near, READ))
    far.close()
    ((fd, mask),) = poller.wait(0)
    assert fd == near.fileno()
    assert mask & IN


def test_the_waker_ends_a_wait_and_is_no_state__lw_020(poller: Poller, waker: Waker) -> None:
    """A wake-up ends a wait, even one of 30 years, on every selector."""
    waker.wake()
    assert poller.wait(1e9) == [(waker.fd, IN)]  # longer than a system can count: rel_43
    assert poller.states == {}


def test_a_wait_of_less_than_nothing_does_not_wait(poller: Poller) -> None:
    assert poller.wait(-1.0) == []  # for epoll and poll, -1 would be for ever


@contextlib.contextmanager
def held_up(far: socket.socket) -> Iterator[None]:
    """Let a signal hold up whoever waits, make the other end ready meanwhile, and take long."""
    if sys.platform == "win32":
        pytest.skip("Windows' Python has no interval timers")
    else:

        def hold_up(*_: object) -> None:
            far.send(b"!")
            select.select([], [], [], 0.05)

        before = signal.signal(signal.SIGALRM, hold_up)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_wait_that_is_held_up_beyond_its_end_still_looks__rel_11(
    poller: Poller, pair: Pair
) -> None:
    """What became ready while a signal held the wait up is told, though its time has passed."""
    near, far = pair
    poller.add(state_of(near, READ))
    with held_up(far):
        ready = poller.wait(0.03)
    assert ready == [(near.fileno(), IN)]


def test_a_number_is_taken_once(poller: Poller, pair: Pair) -> None:
    first = state_of(pair[0], READ)
    poller.add(first)
    with pytest.raises(OperationNotAllowed, match="is in this collection already"):
        poller.add(state_of(pair[0], WRITE))
    assert poller.states == {first.fd: first}


def test_a_closed_descriptor_is_refused_and_leaves_nothing(poller: Poller, pair: Pair) -> None:
    pair[0].close()
    for wanted in (0, READ):
        with pytest.raises(ValueError, match="closed already"):
            poller.add(state_of(pair[0], wanted))
    assert poller.states == {}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a plain file is always ready")
def test_epoll_refuses_a_plain_file_and_says_so(tmp_path: Path, waker: Waker) -> None:
    with contextlib.closing(Poller(None, waker)) as poller, open(tmp_path / "a", "w") as file:
        state = WaitState(file.fileno())
        state.wanted = READ
        with pytest.raises(SocketError) as caught:
            poller.add(state)
        assert caught.value.situation == "register"
        assert (poller.states, state.wanted) == ({}, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="there their number is bounded instead")
def test_select_says_which_numbers_it_cannot_take(pair: Pair, waker: Waker) -> None:
    with (
        high_descriptors(),
        pair[0].dup() as high,
        contextlib.closing(Poller(selectors.SelectSelector(), waker)) as poller,
    ):
        with pytest.raises(LimitExceeded, match="use another selector") as caught:
            poller.add(WaitState(high.fileno()))
        assert caught.value.identifier == "no-descriptors"
        assert poller.wait(0) == []


class Copied(selectors.SelectSelector):
    """Somebody else does something when select() has its copy of what is to be watched."""

    def __init__(self) -> None:
        super().__init__()
        self.deeds: list[Callable[[], object]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        copy = list(self.get_map())
        while self.deeds:
            self.deeds.pop(0)()
        select.select(copy, [], [], 0)
        return super().select(timeout)


@pytest.mark.skipif(sys.platform == "win32", reason="the copy has to have numbers")
def test_what_leaves_while_a_thread_waits_is_no_failure__ho_4(waker: Waker, pair: Pair) -> None:
    """A watch that is closed while a thread waits for its host, and its descriptor behind it, does
    not make the wait fail, on selectors that wait for a copy of what there is.
    """
    state = state_of(pair[0], READ)
    selector = Copied()
    with contextlib.closing(Poller(selector, waker)) as copying:
        copying.add(state)
        selector.deeds = [lambda: copying.remove(state), pair[0].close]
        assert copying.wait(0) == []
        waker.wake()
        assert copying.wait(0) == [(waker.fd, IN)]


def test_what_was_closed_behind_our_back_does_not_stop_the_rest(
    poller: Poller, pair: Pair, waker: Waker
) -> None:
    near, far = pair
    stray = socket.socket()
    states = [state_of(stray, READ), state_of(near, READ)]
    for state in states:
        poller.add(state)
    stray.close()
    far.send(b"!")
    poller.wait(0)  # select() fails on it, once
    assert (near.fileno(), IN) in poller.wait(0)
    for state in states:
        poller.want(state, 0)
        poller.remove(state)
    assert poller.states == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only epoll forgets what was closed")
def test_what_could_not_be_changed_is_not_watched_and_says_so(waker: Waker) -> None:
    near, far = socket.socketpair()
    with contextlib.closing(Poller(None, waker)) as poller, far:
        state = state_of(near, READ)
        poller.add(state)
        near.close()
        with pytest.raises(SocketError):
            poller.want(state, EITHER)
        assert state.wanted == 0
        poller.want(state, 0)
        poller.remove(state)
        assert poller.states == {}


def test_a_report_under_a_number_that_has_left_is_stale__lw_007__pitfall_5(
    poller: Poller, pair: Pair
) -> None:
    """What was ready when it was closed gets no event, and neither does a new owner of its
    number.
    """
    near, far = pair
    state = state_of(near, READ)
    poller.add(state)
    far.send(b"!")
    assert poller.wait(0) != []
    poller.remove(state)
    assert poller.stale == {near.fileno()}
    poller.remove(state)  # once more is harmless
    assert poller.wait(0) == []
    assert poller.stale == set()


def test_a_report_of_what_is_not_wanted_any_more_is_stale__lw_007(
    poller: Poller, pair: Pair
) -> None:
    """A state that stops to want a direction gets no event of it, though it was reported
    already.
    """
    state = state_of(pair[0], READ)
    poller.add(state)
    assert poller.stale == set()
    poller.want(state, EITHER)
    assert poller.stale == set()  # it wants more, so all that was reported counts
    poller.want(state, READ)
    assert poller.stale == {state.fd}


def test_removing_one_does_not_remove_its_successor(poller: Poller, pair: Pair) -> None:
    old, new = state_of(pair[0], READ), state_of(pair[0], READ)
    poller.add(old)
    poller.remove(old)
    poller.add(new)
    poller.remove(old)
    assert poller.states == {new.fd: new}


def test_more_than_one_turn_can_serve_are_served_in_turns__pitfall_11(
    poller: Poller, pair: Pair
) -> None:
    """With more ready descriptors than the limit, each is served within two turns."""
    near, far = pair
    far.send(b"!")
    numbers = {os.dup(near.fileno()) for _ in range(EVENT_LIMIT + 40)}
    try:
        for number in numbers:
            state = WaitState(number)
            state.wanted = READ
            poller.add(state)
        first, second = poller.wait(0), poller.wait(0)
        assert len(first) <= EVENT_LIMIT
        assert len(second) <= EVENT_LIMIT
        assert {fd for fd, _ in first + second} == numbers
    finally:
        for number in numbers:
            poller.remove(poller.states[number])
            os.close(number)


def test_a_descriptor_stands_for_all_where_the_kernel_keeps_the_set__lw_020(
    poller: Poller, pair: Pair
) -> None:
    """`fileno` is a number exactly where a wait notices what is registered meanwhile."""
    assert (poller.fileno() is not None) == poller.live
    if (number := poller.fileno()) is not None:
        with selectors.DefaultSelector() as outer:
            outer.register(number, READ)
            poller.add(state_of(pair[0], READ))
            assert outer.select(0) == []
            pair[1].send(b"!")
            assert outer.select(0) != []


@needs_epoll
def test_what_cannot_be_changed_is_not_watched(waker: Waker, pair: Pair) -> None:
    near, far = pair
    state = state_of(near, READ)
    with failing("modify", "ENOMEM"), contextlib.closing(Poller(None, waker)) as poller:
        poller.add(state)
        with pytest.raises(SocketError):
            poller.want(state, EITHER)
        far.send(b"!")
        assert (state.wanted, poller.wait(0)) == (0, [])
        poller.want(state, READ)
        assert poller.wait(0) == [(near.fileno(), IN)]


@needs_epoll
def test_a_collection_that_cannot_watch_its_waker_leaves_nothing() -> None:
    with failing("register", "ENOSPC") as seam:
        with pytest.raises(SocketError) as raised:
            WaitStateCollection()
        assert seam.left_open == []
    assert raised.value.situation == "register"


class AlwaysReadable(selectors.SelectSelector):
    """As kqueue is said to be on some systems when another one watches it."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far = socket.socketpair()
        self.far.send(b"!")

    def fileno(self) -> int:
        return self.near.fileno()

    def close(self) -> None:
        self.near.close()
        self.far.close()
        super().close()


class NeverReadable(AlwaysReadable):
    def __init__(self) -> None:
        super().__init__()
        self.near.recv(1)


class Wanting(AlwaysReadable):
    def __init__(self, name: str) -> None:
        super().__init__()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no selector with a descriptor")
@pytest.mark.parametrize("made", [AlwaysReadable, NeverReadable, lambda: Wanting("x")])
def test_a_descriptor_that_lies_is_found_out__ho_10(
    waker: Waker, made: type[AlwaysReadable]
) -> None:
    """A selector whose descriptor does not show what is ready is found out before a host relies
    on it, and so is one that cannot be tried.
    """
    with contextlib.closing(Poller(None, waker)) as poller:
        assert poller.descriptor_works()
    with contextlib.closing(Poller(made(), waker)) as poller:
        assert not poller.descriptor_works()
