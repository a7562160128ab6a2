"""`open_udp` and `connect_udp`: states for datagrams, and peers whose names are looked up."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from reactor.errors import (
    BindError,
    NameLookupFailed,
    OperationInProgress,
    OperationTimeout,
    StateClosed,
    WrongThread,
)
from reactor.loop.collection import WaitStateCollection
from reactor.opening.udp import connect_udp, open_udp
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.opening.network import HOST, Told, resolver, silent_resolver
from tests.reactor.state.reports import Reports
from tests.turns import until

Opener = Callable[..., AsyncIOState]


def connected(collection: WaitStateCollection, **options: Any) -> AsyncIOState:
    return connect_udp(collection, HOST, 9, **options)


@pytest.mark.parametrize("opener", [open_udp, connected])
def test_the_options_are_those_of_the_state__lw_105__lw_106(
    collection: WaitStateCollection, opener: Opener
) -> None:
    """Name, limits, lines and user information are the state's as soon as it is returned; it is
    open at once, its object is the socket, and sends queue by default.
    """
    info = object()
    state = opener(
        collection,
        name="radio",
        read_timeout=1,
        write_timeout=2,
        user_info=info,
        queue_input=True,
        queue_output=False,
    )
    assert (state.name, state.read_timeout, state.write_timeout) == ("radio", 1.0, 2.0)
    assert (state.user_info, state.queue_input, state.queue_output) == (info, True, False)
    assert state.object.type == socket.SOCK_DGRAM
    assert (opener(collection).queue_output, opener(collection).queue_input) == (True, False)


def test_it_is_bound_only_if_told__lw_105(collection: WaitStateCollection) -> None:
    """`open_udp` binds its socket if an address or a port is given, 0 too, and else not yet."""
    assert open_udp(collection).address[1] == 0
    assert open_udp(collection, local_port=0).address[1]
    assert open_udp(collection, local_address=HOST).address[0] == HOST


@pytest.mark.parametrize("opener", [open_udp, connected])
@pytest.mark.parametrize(
    "options",
    [{"read_timeout": 0}, {"write_timeout": -1}, {"ipv6": None}, {"local_port": 65_536}],
    ids=str,
)
def test_wrong_options_leave_nothing_open__lw_105__lw_106(
    collection: WaitStateCollection, opener: Opener, options: dict[str, Any]
) -> None:
    """A wrong option raises at the call, and neither a socket nor a state is left."""
    with pytest.raises(ValueError, match=r"ipv6|timeout|port"):
        opener(collection, **options)
    assert collection.stats()["states"] == 0


def test_a_taken_port_raises__lw_105__lw_106(collection: WaitStateCollection) -> None:
    """A local address that cannot be had raises `BindError`, of either verb."""
    port = open_udp(collection, local_address=HOST).address[1]
    for opener in (open_udp, connected):
        with pytest.raises(BindError):
            opener(collection, local_address=HOST, local_port=port)


@pytest.mark.parametrize(
    ("host", "service", "error"),
    [(None, 9, TypeError), (HOST, None, TypeError), ("", 9, ValueError), (HOST, 0, ValueError)],
)
def test_a_peer_must_be_one__lw_106__lw_024(
    collection: WaitStateCollection, host: Any, service: Any, error: type[Exception]
) -> None:
    """A peer that is none, or port 0, is refused at the call."""
    with pytest.raises(error):
        connect_udp(collection, host, service)


def test_others_are_not_heard__lw_106(collection: WaitStateCollection) -> None:
    """A connected state hears its peer only."""
    server = open_udp(collection, local_address=HOST)
    client = connect_udp(collection, *server.address, local_address=HOST)
    stranger, reports = open_udp(collection, local_address=HOST), Reports()
    client.receive_message(bytearray(9), reports)
    stranger.send_message_to(*client.address, b"psst", None)
    settle(collection)
    assert len(reports) == 0
    server.send_message_to(*client.address, b"hello", None)
    settle(collection)
    assert reports.counts == [5]


def test_of_an_address_the_callback_comes_later__lw_106(collection: WaitStateCollection) -> None:
    """With a numeric peer the callback tells of success, later and once."""
    told = Told()
    state = connect_udp(collection, HOST, 9, told)
    assert not told
    settle(collection)
    assert (told.calls, state.peer_address) == ([(state, None)], (HOST, 9))


def test_of_an_address_too_the_callback_tells_of_a_close__lw_106__lw_123(
    collection: WaitStateCollection,
) -> None:
    """Who closes the state of a numeric peer before the callback came is told `StateClosed`, once,
    and not that messages can go.
    """
    told = Told()
    connect_udp(collection, HOST, 9, told).close()
    settle(collection)
    assert isinstance(told.error, StateClosed)


def test_what_is_started_waits_for_the_name__lw_107(collection: WaitStateCollection) -> None:
    """While a peer's name is looked up, reads and sends wait; then they go on, in order, after
    which nothing is lost.
    """
    server = open_udp(collection, local_address=HOST)
    collection.resolver = resolver(peer_test=[HOST])
    told, sent, heard = Told(), Reports(), Reports()
    client = connect_udp(collection, "peer.test", server.address[1], told)
    client.receive_message(bytearray(9), heard)
    client.send_message(b"1", sent)
    client.send_message(b"2", sent)
    assert (client.address, client.object, client.closed) == ((None, None), None, False)
    until(collection, lambda: len(sent) == 2)
    assert (told.error, client.peer_address) == (None, server.address)
    assert client.object.getpeername() == server.address
    answers = Reports()
    server.receive_message(bytearray(9), answers)
    server.send_message_to(*client.address, b"answer", None)
    settle(collection)
    assert (answers.moved[0][0][:1], heard.counts) == (b"1", [6])
    collection.resolver.close()


def test_a_name_that_fails_ends_all_that_waits__lw_107(collection: WaitStateCollection) -> None:
    """If the look-up fails, the callback and every waiting operation get that error, once, and
    the state is closed.
    """
    collection.resolver = resolver()
    told, errors = Told(), Reports()
    client = connect_udp(collection, "no.test", 9, told)
    client.receive_message(bytearray(9), pytest.fail, error_callback=errors)
    client.send_message(b"1", pytest.fail, error_callback=errors)
    client.send_message(b"2", pytest.fail, error_callback=errors)
    until(collection, lambda: len(errors) == 3)
    settle(collection)
    assert isinstance(told.error, NameLookupFailed)
    assert told.error.connection is client
    assert [errors.reads[0], *errors.writes[1:]] == [told.error] * 3
    assert client.closed
    collection.resolver.close()


@pytest.mark.parametrize("addresses", [["::1"], [HOST]], ids=str)
def test_a_peer_that_cannot_be_had_after_all__lw_107(
    collection: WaitStateCollection, addresses: list[str]
) -> None:
    """If the peer's name is found and the socket cannot be opened, that is told as a failed look-up
    is, and nothing is left open.
    """
    collection.resolver = resolver(peer_test=addresses)
    taken = open_udp(collection, local_address=HOST).address[1]
    told, errors = Told(), Reports()
    client = connect_udp(
        collection, "peer.test", 9, told, local_address=HOST, local_port=taken, queue_input=True
    )
    for _ in range(2):
        client.receive_message(bytearray(9), pytest.fail, error_callback=errors)
    until(collection, lambda: len(errors) == 2)
    settle(collection)
    assert isinstance(told.error, NameLookupFailed if addresses == ["::1"] else BindError)
    assert errors.reads == [told.error] * 2
    assert (client.closed, client.object) == (True, None)
    collection.resolver.close()


def test_a_look_up_has_ten_seconds__lw_107__lw_029(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """A name that nobody answers fails after 10 s; a limit of an operation counts meanwhile."""
    told, late = Told(), Reports()
    with silent_resolver() as collection.resolver:
        client = connect_udp(collection, "silent.test", 9, told)
        client.receive_message(bytearray(9), late, timeout=2)
        clock.advance(2)
        settle(collection)
        assert isinstance(late.status, OperationTimeout)
        assert not told
        clock.advance(8)
        settle(collection)
        assert (type(told.error), told.error.phase) == (OperationTimeout, "resolve")
    assert client.closed


@pytest.mark.parametrize("way", ["close", "abort_and_close", "collection"])
def test_it_can_be_closed_while_it_waits__lw_107__lw_035(
    collection: WaitStateCollection, way: str
) -> None:
    """A state whose peer is looked up can be closed: the callback and what waits are told, by
    `close` alone, and the look-up is given up.
    """
    told, ends = Told(), Reports()
    with silent_resolver() as collection.resolver:
        client = connect_udp(collection, "silent.test", 9, told)
        client.send_message(b"x", ends)
        if way == "collection":
            collection.close()
        else:
            getattr(client, way)()
        if way != "collection":
            settle(collection)
        assert collection.resolver.lookup_count == 0
    assert client.closed
    assert [type(error) for _, error in told.calls] == ([StateClosed] if way == "close" else [])
    assert [type(status) for status in ends.writes] == ([StateClosed] if way == "close" else [])


def test_other_verbs_have_to_wait_for_the_name__lw_107(collection: WaitStateCollection) -> None:
    """While a peer's name is looked up, only operations and closing are possible; an abort is."""
    aborts = Reports()
    with silent_resolver() as collection.resolver:
        client = connect_udp(collection, "silent.test", 9)
        client.receive_message(bytearray(1), pytest.fail)
        for refused in (client.release, lambda: client.shutdown("io")):
            with pytest.raises(OperationInProgress):
                refused()
        client.abort(aborts)
        settle(collection)
        client.close()
        settle(collection)
    assert aborts.counts == [0]


def test_another_thread_is_refused__lw_014(collection: WaitStateCollection) -> None:
    """Datagram states are opened by the thread that owns the collection."""
    with collection:
        for opener in (open_udp, connected):
            with pytest.raises(WrongThread):
                opener(collection)


def test_a_raising_callback_is_reported__lw_016(collection: WaitStateCollection) -> None:
    """An exception in the callback of `connect_udp` goes to the error handler, with the state."""
    reports = list[Any]()
    collection.error_handler = lambda state, error: reports.append((state, str(error)))

    def fail(*_: object) -> None:
        raise ValueError("mine")

    state = connect_udp(collection, HOST, 9, fail)
    settle(collection)
    assert reports == [(state, "mine")]
