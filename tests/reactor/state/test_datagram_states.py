"""Datagram states at their edges: ends, losses, and what a socket that is given up means."""

from __future__ import annotations

from typing import Any, cast

import pytest

from reactor.errors import (
    ConnectionRefused,
    DeadlinePassed,
    EndOfStream,
    SocketError,
    SocketIOError,
    StateClosed,
    WrongThread,
)
from reactor.loop.collection import WaitStateCollection
from reactor.opening.udp import connect_udp, open_udp
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.opening.network import BROADCAST, HOST, free_port, silent_resolver
from tests.reactor.state.reports import Reports
from tests.torture.seam import failing, needs_epoll


@pytest.fixture
def server(collection: WaitStateCollection) -> AsyncIOState:
    """A state that is bound, and hears everybody."""
    return open_udp(collection, local_address=HOST, local_port=0)


@pytest.fixture
def client(collection: WaitStateCollection, server: AsyncIOState) -> AsyncIOState:
    """A state whose only peer is `server`."""
    return connect_udp(collection, *server.address)


@pytest.mark.parametrize("direction", ["input", "io"])
def test_after_the_end_of_input_no_message_comes__lw_131(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState, direction: str
) -> None:
    """After a datagram state has shut its input down every read reports `EndOfStream`, with what a
    callback of its kind gets, and the loop rests.
    """
    client.send_message(b"too late", None)
    settle(collection)
    assert server.shutdown(direction)
    messages, looks = Reports(), Reports()
    server.queue_input = True
    for _ in range(2):
        server.receive_message(bytearray(2), messages, needs_address=True)
        server.wait_for_input(looks)
    settle(collection)
    assert messages.moved == [(b"\0\0", 0, None, None)] * 2
    assert len(looks) == 2
    assert [type(status) for status in (*messages.reads, *looks.reads)] == [EndOfStream] * 4


@needs_epoll
def test_a_datagram_state_that_cannot_be_watched_is_lost__lw_123() -> None:
    """If the system does not take a datagram socket for watching, the read that runs gets that
    error once, a later message raises it, and the loop rests.
    """
    errors = Reports()
    with failing("register", "ENOMEM", number=2):
        collection = WaitStateCollection()
        state = open_udp(collection, local_address=HOST)
        state.receive_message(bytearray(1), pytest.fail, error_callback=errors)
        settle(collection)
        assert isinstance(errors.status, SocketError)
        assert errors.status.situation == "register"
        with pytest.raises(SocketError) as caught:
            state.send_message_to(*state.address, b"!", None)
        assert caught.value is errors.status
        collection.close()


def test_datagram_verbs_belong_to_the_owner__lw_014(server: AsyncIOState) -> None:
    """Another thread is refused every verb for datagrams and groups, and nothing has begun."""
    with server.collection:
        for refused in (
            lambda: server.receive_message(bytearray(1), print),
            lambda: server.send_message_to(HOST, 9, b"x", None),
            lambda: server.join_group("239.255.77.1"),
            lambda: server.leave_group("239.255.77.1"),
            lambda: setattr(server, "multicast_hops", 7),
            lambda: setattr(server, "multicast_loop", False),
            lambda: setattr(server, "multicast_interface", None),
        ):
            with pytest.raises(WrongThread):
                cast(Any, refused)()
        assert not server.input.active
        assert (server.multicast_hops, server.multicast_loop) == (1, True)


def test_what_a_socket_is_set_to_all_threads_may_ask__lw_014__lw_201(
    server: AsyncIOState,
) -> None:
    """What an attribute of a datagram state is can be read in any thread, until it is closed."""
    server.multicast_hops = 7
    with server.collection:
        found = server.multicast_hops, server.multicast_loop, server.multicast_interface
        assert (*found, server.truncated) == (7, True, None, False)
    with pytest.raises(StateClosed):
        _ = server.multicast_hops


def test_a_socket_closed_behind_our_back_has_no_options__lw_201(server: AsyncIOState) -> None:
    """If somebody else has closed the socket of a state, asking for an option is a
    `SocketIOError`, as setting it is.
    """
    server.object.close()
    for failing_verb in (
        lambda: server.multicast_hops,
        lambda: server.multicast_loop,
        lambda: setattr(server, "multicast_hops", 7),
    ):
        with pytest.raises(SocketIOError):
            cast(Any, failing_verb)()
    server.close()


@pytest.mark.parametrize("phase", ["call", "timer", "message"])
def test_when_a_close_is_told_the_port_is_free__lw_130__lw_134(
    collection: WaitStateCollection, clock: ManualClock, server: AsyncIOState, phase: str
) -> None:
    """The callback of `abort_and_close` can have the port again, in whatever phase of a turn the
    state was closed.
    """
    host, port = server.address
    heirs = list[AsyncIOState]()

    def inherit(state: AsyncIOState) -> None:
        heirs.append(open_udp(collection, local_address=host, local_port=port))

    def leave(*_: object) -> None:
        server.abort_and_close(inherit)

    if phase == "call":
        collection.call_soon(leave)
    elif phase == "timer":
        collection.call_later(1, leave)
        clock.advance(1)
    else:
        server.receive_message(bytearray(1), leave)
        open_udp(collection).send_message_to(host, port, b"x", None)
    settle(collection)
    assert [heir.address for heir in heirs] == [(host, port)]


def test_a_message_that_is_late_in_line_ends_alone__lw_113__lw_196(
    collection: WaitStateCollection, clock: ManualClock, server: AsyncIOState
) -> None:
    """A message whose deadline passes in line ends; those around it go on, each by its own limits,
    and are sent.
    """
    client = open_udp(collection)
    named, first, second, sent = Reports(), Reports(), Reports(), Reports()
    with silent_resolver() as collection.resolver:
        client.send_message_to("silent.test", 9, b"0", named)
        client.send_message_to(*server.address, b"1", first, deadline=clock() + 1)
        client.send_message_to(*server.address, b"2", sent)
        client.send_message_to(*server.address, b"3", second, deadline=clock() + 2)
        for late in (first, second):
            clock.advance(1)
            settle(collection)
            assert isinstance(late.status, DeadlinePassed)
        assert first.status is not second.status
        assert (len(named), len(sent)) == (0, 0)
        clock.advance(8)  # until the look-up is given up
        settle(collection)
    assert (len(named), sent.status) == (1, None)
    server.receive_message(bytearray(1), heard := Reports(), timeout=0)
    settle(collection)
    assert heard.moved == [(b"2", 1)]


def test_a_read_that_is_late_in_line_ends_alone__lw_113__lw_196(
    collection: WaitStateCollection,
    clock: ManualClock,
    server: AsyncIOState,
    client: AsyncIOState,
) -> None:
    """A read of messages whose deadline passes in line ends; those around it get the messages."""
    first, late, last = Reports(), Reports(), Reports()
    server.queue_input = True
    server.receive_message(bytearray(1), first)
    server.receive_message(bytearray(1), late, deadline=clock() + 1)
    server.receive_message(bytearray(1), last)
    clock.advance(1)
    settle(collection)
    for message in (b"1", b"2"):
        client.send_message(message, None)
    settle(collection)
    assert isinstance(late.status, DeadlinePassed)
    assert (first.moved, last.moved) == ([(b"1", 1)], [(b"2", 1)])


def test_a_message_that_begins_too_late_ends_alone__lw_113__lw_196(
    collection: WaitStateCollection,
    clock: ManualClock,
    server: AsyncIOState,
    client: AsyncIOState,
) -> None:
    """A message whose moment has passed when it is started is not sent, and the next one is."""
    late, sent, heard = Reports(), Reports(), Reports()
    client.send_message(b"1", late, deadline=clock() - 1)
    client.send_message(b"2", sent)
    server.receive_message(bytearray(1), heard)
    settle(collection)
    assert isinstance(late.status, DeadlinePassed)
    assert (sent.status, heard.moved) == (None, [(b"2", 1)])


@pytest.mark.parametrize("broadcast", [False, True])
def test_a_message_to_everybody_needs_a_permission__lw_114(
    collection: WaitStateCollection, server: AsyncIOState, broadcast: bool
) -> None:
    """A message to a broadcast address fails alone, with "access-denied", unless the state may
    send there.
    """
    state, reports, sent = open_udp(collection, broadcast=broadcast), Reports(), Reports()
    state.send_message_to(BROADCAST, 9, b"x", reports)
    state.send_message_to(*server.address, b"y", sent)
    settle(collection)
    status = reports.status
    denied = isinstance(status, SocketIOError) and status.identifier == "access-denied"
    assert denied is not broadcast
    assert sent.status is None


def test_a_refusal_has_the_form_of_the_read_that_meets_it__lw_080__lw_109__lw_113(
    collection: WaitStateCollection,
) -> None:
    """A refusal is told to the read that waits, as its callback is called otherwise: without a
    sender, or with nothing but the state; and the next read is another matter.
    """
    client = connect_udp(collection, HOST, free_port())
    told, waited, later = Reports(), Reports(), Reports()
    client.receive_message(bytearray(1), pytest.fail, error_callback=told, needs_address=True)
    client.send_message(b"x", None)
    settle(collection)
    client.wait_for_input(waited)
    client.send_message(b"x", None)
    settle(collection)
    client.receive_message(bytearray(1), later)
    settle(collection)
    assert (told.moved, waited.moved) == ([(b"\0", 0, None, None)], [()])
    assert [type(status) for status in (*told.reads, *waited.reads)] == [ConnectionRefused] * 2
    assert (len(later), client.input.active) == (0, True)
