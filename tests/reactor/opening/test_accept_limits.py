"""`accept_tcp` where there are too many clients, and where the system has nothing left for them."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import struct
import sys
from typing import Final

import pytest

from reactor.errors import AcceptError, LimitExceeded
from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import ACCEPT_LIMIT, AcceptingHandle, accept_tcp
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.opening.network import (
    HOST,
    PATIENCE,
    Guests,
    call,
    high_descriptors,
    is_closed,
    no_descriptors,
)
from tests.torture.seam import failing

RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


def test_at_the_limit_clients_wait__lw_058(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """At `connection_limit` clients wait until a connection ends, by whatever end; then the
    next one is served.
    """
    guests = Guests()
    handle = accept_tcp(collection, 0, guests, connection_limit=2)
    for _ in range(4):
        call(clients, handle)
    settle(collection)
    assert (len(guests), handle.connection_count) == (2, 2)
    guests[0].close()
    settle(collection)
    assert (len(guests), handle.connection_count) == (3, 2)
    guests[1].abort_and_close()
    settle(collection)
    assert len(guests) == 4
    channel, _ = guests[2].release()
    channel.close()
    assert handle.connection_count == 1


def test_one_host_has_a_limit_of_its_own__lw_058(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """Above `connection_limit_per_peer` a connection is closed at once, uncalled; other
    hosts are served.
    """
    guests = Guests()
    handle = accept_tcp(collection, 0, guests, connection_limit_per_peer=1)
    call(clients, handle)
    more, other = call(clients, handle), call(clients, handle, "::1")
    settle(collection)
    assert is_closed(more)
    assert [state.peer_address for _, state in guests.calls][1:] == [other.getsockname()[:2]]
    guests[0].close()
    call(clients, handle)
    settle(collection)
    assert len(guests) == 3


def test_one_too_many_of_a_host_is_closed_even_if_that_fails__lw_058(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """A close that fails, of a client that its host's limit refuses, is nobody's trouble."""
    collection.error_handler = lambda thing, exception: reported.append(exception)
    reported, guests = list[BaseException](), Guests()
    with failing("close", "EIO") as seam:
        handle = accept_tcp(collection, 0, guests, connection_limit_per_peer=1)
        call(clients, handle)
        more = call(clients, handle)
        settle(collection)
        assert seam.fired
    assert (is_closed(more), len(guests), reported) == (True, 1, [])


@pytest.mark.parametrize(
    "options",
    [{"connection_limit": 0}, {"connection_limit_per_peer": -1}, {"handshake_limit": 0}],
    ids=repr,
)
def test_a_limit_is_positive__lw_058(
    collection: WaitStateCollection, options: dict[str, int]
) -> None:
    """A limit of connections or handshakes is positive, or refused at the call."""
    with pytest.raises(ValueError, match="1 or more"):
        accept_tcp(collection, 0, Guests(), **options)  # type: ignore[arg-type]  # all are numbers


def test_a_burst_is_bounded__lw_061(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """However many clients wait, at most 64 are accepted in a turn, and a timer runs in between."""
    order = list[str]()
    handle = accept_tcp(collection, 0, lambda *_: order.append("client"), backlog=200)
    for _ in range(ACCEPT_LIMIT + 10):
        call(clients, handle)
    collection.call_soon(order.append, "posted")
    settle(collection)
    assert order == ["client"] * ACCEPT_LIMIT + ["posted"] + ["client"] * 10


# Troubles.


def test_without_descriptors_clients_wait__lw_059__rel_20(
    collection: WaitStateCollection,
    clock: ManualClock,
    clients: contextlib.ExitStack,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without descriptors one timer retries, one line is logged, nothing spins, and all are
    served in the end.
    """
    guests = Guests()
    handle = accept_tcp(collection, 0, guests)
    for _ in range(5):
        call(clients, handle)
    with no_descriptors():
        for _ in range(5):
            settle(collection)  # fails if the listener is ready in turn after turn
            assert len(collection.timers) == 1
            clock.advance(0.9)
        settle(collection)
    assert (len(guests), len(caplog.records)) == (0, 1)
    clock.advance(1.0)
    settle(collection)
    assert len(guests) == 5
    assert len(collection.timers) == 0


def test_who_came_while_the_loop_stood_still_is_served__rel_11(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """Fifty clients that have connected while the loop stood still are all served."""
    guests = Guests(lambda _, state: state.write_buffer(b"x", None))
    handle = accept_tcp(collection, 0, guests)
    waiting = [call(clients, handle) for _ in range(50)]
    settle(collection)
    assert [client.recv(1) for client in waiting] == [b"x"] * 50


def test_trouble_is_told_once_per_burst__lw_060(
    collection: WaitStateCollection, clock: ManualClock, clients: contextlib.ExitStack
) -> None:
    """`accept_error_callback` gets an `AcceptError` once per burst, and the handle stays open."""
    told = list[tuple[AcceptingHandle, AcceptError]]()
    handle = accept_tcp(
        collection, 0, Guests(), accept_error_callback=lambda *args: told.append(args)
    )
    call(clients, handle)
    for gap in (0.9, 0.9, 5.0, 0.9):
        with no_descriptors():
            settle(collection)
        clock.advance(gap)
    (first, error), (second, _) = told
    assert first is second is handle
    assert (type(error), error.identifier, error.phase) == (AcceptError, "no-descriptors", "accept")
    assert not handle.closed


@pytest.mark.skipif(sys.platform == "win32", reason="there their number is bounded instead")
def test_a_client_that_select_cannot_watch_is_trouble__lw_060(
    clients: contextlib.ExitStack,
) -> None:
    """A client whose descriptor `select` cannot take is dropped, and `accept_error_callback` gets
    an `AcceptError` with that limit as its cause.
    """
    collection = WaitStateCollection(selector=selectors.SelectSelector())
    told = list[AcceptError]()
    guests = Guests(lambda _, state: state.wait_for_input(lambda state: None))
    with contextlib.closing(collection):
        handle = accept_tcp(
            collection, 0, guests, accept_error_callback=lambda _, error: told.append(error)
        )
        client = call(clients, handle)
        with high_descriptors():
            settle(collection)
        assert client.recv(1) == b""
        assert (len(guests), handle.connection_count, handle.closed) == (0, 0, False)
    (error,) = told
    assert (type(error), error.identifier, error.phase) == (AcceptError, "no-descriptors", "accept")
    assert isinstance(error.__cause__, LimitExceeded)


def test_clients_gone_before_are_skipped__lw_060__rel_5(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """Three hundred clients that were reset before they were accepted are skipped; the one
    who stayed is served.
    """
    guests = Guests(lambda _, state: state.wait_for_input(lambda state: state.close()))
    handle = accept_tcp(collection, 0, guests, backlog=400)
    for _ in range(300):
        with socket.create_connection((HOST, handle.local_port), PATIENCE) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    stays = call(clients, handle)
    settle(collection)
    assert handle.connection_count == 1
    assert guests[len(guests) - 1].peer_address == stays.getsockname()


def test_troubles_are_logged_by_default__lw_060(
    collection: WaitStateCollection,
    clients: contextlib.ExitStack,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a callback trouble with accepting is a warning that names the handle."""
    handle = accept_tcp(collection, 0, Guests(), handle_name="gate")
    call(clients, handle)
    with no_descriptors(), caplog.at_level(logging.WARNING, "reactor"):
        settle(collection)
    (record,) = caplog.records
    assert "gate" in record.getMessage()
