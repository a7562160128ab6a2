"""Attempts and the race between them, on sockets of the loopback interface."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import socket
from collections.abc import Callable, Sequence

import pytest

from reactor.errors import BindError, ConnectError, ConnectionRefused, SocketError
from reactor.loop.collection import WaitStateCollection
from reactor.net.options import SocketOptions
from reactor.net.socket_address import SocketAddress
from reactor.opening.attempt import Attempt, Racing
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.opening.network import PATIENCE, at, free_port, full_listener, listening, port_of
from tests.torture.seam import failing


def attempt_at(address: SocketAddress, local: SocketAddress | None = None) -> Attempt:
    return Attempt(address, local, lambda sock: SocketOptions().set_on(sock, phase="connect"))


def wait_for(attempt: Attempt) -> None:
    _, writable, _ = select.select([], [attempt], [], PATIENCE)
    assert writable


def finish(attempt: Attempt) -> socket.socket:
    """Do what a blocking caller does."""
    if not attempt.start():
        wait_for(attempt)
        assert attempt.finished()
    return attempt.take()


def test_an_attempt_needs_no_loop__lw_037() -> None:
    """One attempt to connect needs no loop: start it, wait for its descriptor, ask; the socket is
    then the caller's.
    """
    with listening() as server:
        attempt = attempt_at(at("127.0.0.1", port_of(server)))
        with finish(attempt) as sock:
            assert sock.getpeername() == server.getsockname()
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert attempt.fileno() == -1
            attempt.close()
            assert sock.fileno() != -1


def test_an_attempt_under_way_has_not_finished__lw_037() -> None:
    """An attempt that is asked too early says so, and nothing is lost."""
    with full_listener() as server:
        attempt = attempt_at(at("127.0.0.1", port_of(server)))
        assert attempt.start() is False
        assert attempt.finished() is False
        attempt.close()
        attempt.close()


def test_a_refused_attempt_says_whom_it_tried__lw_190() -> None:
    """The error of a refused attempt has the phase, the system call, its number and the address."""
    port = free_port()
    attempt = attempt_at(at("127.0.0.1", port))
    with pytest.raises(ConnectionRefused) as refused:
        finish(attempt)
    attempt.close()
    error = refused.value
    assert (error.phase, error.situation, error.peer) == ("connect", "connect", ("127.0.0.1", port))
    assert error.errno == error.code


def test_a_connect_for_which_there_is_no_room_has_failed() -> None:
    with listening() as server, failing("connect", "EAGAIN"):
        attempt = attempt_at(at("127.0.0.1", port_of(server)))
        with pytest.raises(ConnectError):
            attempt.start()
        attempt.close()


def test_giving_up_never_fails() -> None:
    with listening() as server, failing("close", "EIO") as seam:
        attempt = attempt_at(at("127.0.0.1", port_of(server)))
        attempt.start()
        attempt.close()
    assert (seam.fired, seam.left_open) == (True, [])


def test_a_local_address_that_is_not_ours_is_a_bind_error__lw_038() -> None:
    """A local address that cannot be bound is a `BindError` with that address, before
    anything is sent.
    """
    attempt = attempt_at(at("127.0.0.1", 9), at("192.0.2.1", 0))
    with pytest.raises(BindError) as failed:
        attempt.start()
    attempt.close()
    assert failed.value.address == ("192.0.2.1", 0)
    assert failed.value.identifier == "address-not-available"


def test_a_socket_connected_to_itself_is_refused() -> None:
    """TCP does that if nobody listens and our port is the one that was called."""
    place = at("127.0.0.1", free_port())
    attempt = attempt_at(place, place)
    if not attempt.start():
        wait_for(attempt)
    with pytest.raises(ConnectionRefused):
        attempt.finished()
    attempt.close()


class Finish:
    """Keeps what a race was done with."""

    def __init__(self) -> None:
        self.results = list[Attempt | SocketError]()

    def __call__(self, result: Attempt | SocketError) -> None:
        self.results.append(result)

    @property
    def winner(self) -> Attempt:
        (result,) = self.results
        assert isinstance(result, Attempt)
        return result


def race(
    collection: WaitStateCollection,
    addresses: Sequence[SocketAddress],
    attempt: Callable[[SocketAddress], Attempt] = attempt_at,
) -> tuple[Racing, Finish]:
    done = Finish()
    racing = Racing(collection, addresses, attempt, done)
    racing.go_on()
    return racing, done


def test_the_next_address_is_tried_after_a_quarter_of_a_second__lw_037(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """Beside an address that is silent the next is tried after 250 ms; the first that
    connects wins.
    """
    with full_listener() as silent, listening("::1") as good:
        racing, done = race(
            collection, [at("127.0.0.1", port_of(silent)), at("::1", port_of(good))]
        )
        clock.advance(0.249)
        settle(collection)
        assert done.results == []
        clock.advance(0.001)
        settle(collection)
        assert done.winner.address == at("::1", port_of(good))
        racing.cancel()
        done.winner.take().close()
        assert collection.timers.next_moment() == float("inf")


def test_a_refusal_brings_up_the_next_address_at_once__lw_037(
    collection: WaitStateCollection,
) -> None:
    """When an address refuses, the next is tried without any time passing."""
    with listening("::1") as good:
        addresses = [at("127.0.0.1", free_port()), at("::1", port_of(good))]
        _, done = race(collection, addresses)
        settle(collection)
        assert done.winner.address == addresses[1]
        done.winner.take().close()


def test_an_attempt_that_cannot_begin_brings_up_the_next__lw_037(
    collection: WaitStateCollection,
) -> None:
    """An attempt that cannot begin has its socket closed, and the next address is tried."""

    def attempt(address: SocketAddress) -> Attempt:
        not_ours = at("192.0.2.1", 0) if address.family == socket.AF_INET else None
        return attempt_at(address, not_ours)

    with listening("::1") as good:
        addresses = [at("127.0.0.1", 9), at("::1", port_of(good))]
        _, done = race(collection, addresses, attempt)
        settle(collection)
        assert done.winner.address == addresses[1]
        done.winner.take().close()


def test_what_cannot_be_watched_has_not_connected__lw_190_191(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection that the selector does not take has failed to connect, to that address."""
    selector = selectors.DefaultSelector()
    collection = WaitStateCollection(selector=selector)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with contextlib.closing(collection), full_listener() as silent:
        monkeypatch.setattr(selector, "register", refuse)  # as at the limit of watches
        place = at("127.0.0.1", port_of(silent))
        _, done = race(collection, [place])
    (error,) = done.results
    assert isinstance(error, ConnectError)
    assert (error.phase, error.situation, error.code) == ("connect", "register", errno.ENOSPC)
    assert error.attempts == [(place.pair, error)]


def test_a_race_that_is_lost_lists_its_attempts__lw_037(collection: WaitStateCollection) -> None:
    """If all addresses fail, the error is that of the first, and `attempts` lists them all."""
    addresses = [at("127.0.0.1", free_port()), at("::1", free_port("::1"))]
    _, done = race(collection, addresses)
    settle(collection)
    (error,) = done.results
    assert isinstance(error, ConnectionRefused)
    assert error.peer == addresses[0].pair
    assert [address for address, _ in error.attempts] == [place.pair for place in addresses]
    assert [type(each) for _, each in error.attempts] == [ConnectionRefused] * 2


def test_a_cancelled_race_leaves_nothing__rel_14(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """Connecting that is cancelled leaves neither descriptor nor timer."""
    with full_listener() as silent:
        silent_place = at("127.0.0.1", port_of(silent))
        racing, done = race(collection, [silent_place, at("127.0.0.2", port_of(silent))])
        assert len(collection.timers) == 1
        racing.cancel()
        assert len(collection.timers) == 0
        clock.advance(1.0)
        settle(collection)
        assert done.results == []
