"""AsyncIOState on datagram sockets: messages that are received and sent, each for itself."""

from __future__ import annotations

import array
import ipaddress
import math
import socket
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import (
    ConnectionRefused,
    DeadlinePassed,
    LimitExceeded,
    NameLookupFailed,
    OperationAborted,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    SocketIOError,
    StateClosed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.net.path import UNIX
from reactor.opening.udp import connect_udp, open_udp
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.opening.network import HOST, free_port, resolver, silent_resolver
from tests.reactor.state.reports import Reports
from tests.turns import until

TOO_LONG = bytes(65_508)


@pytest.fixture
def server(collection: WaitStateCollection) -> AsyncIOState:
    """A state that is bound, and hears everybody."""
    return open_udp(collection, local_address=HOST, local_port=0)


@pytest.fixture
def client(collection: WaitStateCollection, server: AsyncIOState) -> AsyncIOState:
    """A state whose only peer is `server`."""
    return connect_udp(collection, *server.address)


@pytest.fixture
def stream(collection: WaitStateCollection) -> Iterator[AsyncIOState]:
    """A state over a stream of bytes."""
    here, there = socket.socketpair()
    yield AsyncIOState(collection, here)
    there.close()


def hear(collection: WaitStateCollection, state: AsyncIOState, size: int = 100) -> Reports:
    """Receive one message, or look that there is none."""
    reports = Reports()
    state.receive_message(bytearray(size), reports, timeout=0)
    settle(collection)
    assert len(reports) == 1
    return reports


# Receiving.


def test_a_message_is_stored_in_its_range__lw_108(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """`receive_message` stores one datagram from `start` on, leaves the rest of the buffer alone,
    and reports how long it was, later.
    """
    buffer, reports = bytearray(b"........"), Reports()
    client.send_message(b"one", None)
    client.send_message(b"two", None)
    settle(collection)
    server.receive_message(buffer, reports, start=2, end=6)
    assert len(reports) == 0
    settle(collection)
    assert (reports.moved, reports.status) == ([(b"..one...", 3)], None)
    assert hear(collection, server).moved[0][1] == 3


def test_a_timeout_of_zero_looks_once__lw_108(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """With `timeout=0` a message that is there is received, and none is waited for."""
    reports = hear(collection, server)
    assert reports.counts == [0]
    assert isinstance(reports.status, OperationTimeout)
    client.send_message(b"here", None)
    settle(collection)
    assert hear(collection, server).counts == [4]
    assert server.read_status is None


def test_a_limit_leaves_the_state_usable__lw_108__lw_113(
    collection: WaitStateCollection,
    clock: ManualClock,
    server: AsyncIOState,
    client: AsyncIOState,
) -> None:
    """A message that has not come in time ends its own operation; the next one is received."""
    late, reports = Reports(), Reports()
    server.receive_message(bytearray(9), late, timeout=2, error_callback=pytest.fail)
    settle(collection)
    clock.advance(2)
    settle(collection)
    assert isinstance(late.status, OperationTimeout)
    client.send_message(b"late", None)
    server.receive_message(bytearray(9), reports, timeout=math.inf)
    settle(collection)
    assert (reports.counts, reports.status) == ([4], None)


def test_a_deadline_bounds_a_message__lw_196(
    collection: WaitStateCollection, clock: ManualClock, server: AsyncIOState
) -> None:
    """A message is waited for until its deadline at most, also if that has passed already."""
    reports = Reports()
    for deadline in (clock() + 1, clock()):
        server.receive_message(bytearray(9), reports, deadline=deadline)
        clock.advance(1)
        settle(collection)
    assert [type(status) for status in reports.reads] == [DeadlinePassed, DeadlinePassed]


def test_the_sender_is_told_and_can_be_answered__lw_109(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """With `needs_address` the host and the port of the sender come behind the count, and serve
    for an answer.
    """
    heard, answers = Reports(), Reports()

    def answer(state: AsyncIOState, buffer: bytearray, count: int, host: str, port: int) -> None:
        heard(state, (count, host, port))
        state.send_message_to(host, port, b"pong", None)

    server.receive_message(bytearray(9), answer, needs_address=True)
    client.receive_message(bytearray(9), answers)
    client.send_message(b"ping", None)
    settle(collection)
    assert heard.moved == [(4, *client.address)]
    assert answers.counts == [4]


def test_without_a_message_there_is_no_sender__lw_109(
    collection: WaitStateCollection, server: AsyncIOState
) -> None:
    """When nothing has come, host and port are None: the callback has as many arguments."""
    limits, ends = Reports(), Reports()
    server.receive_message(bytearray(2), limits, timeout=0, needs_address=True)
    settle(collection)
    assert limits.moved == [(b"\0\0", 0, None, None)]
    server.receive_message(bytearray(2), limits, error_callback=ends, needs_address=True)
    server.close()
    settle(collection)
    assert ends.moved == [(b"\0\0", 0, None, None)]


def test_an_empty_message_is_data__lw_110(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """An empty datagram is received as 0 bytes, with no status: it is no end."""
    client.send_message(b"", None)
    settle(collection)
    reports = hear(collection, server)
    assert (reports.counts, reports.status, server.truncated) == ([0], None, False)


@pytest.mark.parametrize("room", [0, 3])
def test_of_a_long_message_the_beginning_is_stored__lw_110(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState, room: int
) -> None:
    """A datagram longer than its room is cut off, which `truncated` tells until the next one."""
    client.send_message(b"hello", None)
    client.send_message(b"you", None)
    settle(collection)
    reports = hear(collection, server, room)
    assert (reports.moved, reports.status) == ([(b"hello"[:room], room)], None)
    assert server.truncated
    assert hear(collection, server).counts == [3]
    assert not server.truncated


def test_reads_wait_in_line_if_told__lw_077(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """A second read raises, or waits in line with `queue_input`; each gets one datagram."""
    first, second = Reports(), Reports()
    server.receive_message(bytearray(1), first)
    with pytest.raises(OperationInProgress):
        server.receive_message(bytearray(1), second)
    server.queue_input = True
    server.receive_message(bytearray(1), second)
    for number in (b"1", b"2"):
        client.send_message(number, None)
    settle(collection)
    assert (first.moved, second.moved) == ([(b"1", 1)], [(b"2", 1)])


def test_a_message_can_be_waited_for_and_stays__lw_080(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """`wait_for_input` on a datagram state reports when a message is there, an empty one too, and
    leaves it.
    """
    reports = Reports()
    for message in (b"", b"more than a byte"):
        server.wait_for_input(reports)
        settle(collection)
        client.send_message(message, None)
        settle(collection)
        assert hear(collection, server).counts == [len(message)]
    assert len(reports) == 2


def test_one_message_a_turn_lets_others_have_theirs__lw_091__pitfall_11(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """A peer that floods a state which always receives again keeps no other state waiting."""
    heard = list[int]()

    def again(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        heard.append(count)
        state.receive_message(buffer, again)

    for _ in range(100):
        client.send_message(b"x", None)
    settle(collection)
    server.receive_message(bytearray(1), again)
    collection.run_once(0)
    before = len(heard)
    collection.run_once(0)
    assert len(heard) - before <= 64
    settle(collection)
    assert len(heard) == 100


# Sending.


def test_a_message_is_reported_when_the_kernel_has_it__lw_111(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """`send_message` sends the range as one datagram, and `callback(state)` comes later, once."""
    reports = Reports()
    client.send_message(array.array("H", [0x3131, 0x3232, 0x3333]), reports, start=2, end=4)
    assert len(reports) == 0
    settle(collection)
    assert (reports.moved, reports.status) == ([()], None)
    assert hear(collection, server).moved[0][0][:3] == b"22\0"


def test_who_has_a_peer_sends_to_it_alone__lw_111__lw_112(
    server: AsyncIOState, client: AsyncIOState
) -> None:
    """`send_message` is for connected datagram states, `send_message_to` for the others."""
    with pytest.raises(OperationNotAllowed, match="send_message_to"):
        server.send_message(b"x", None)
    with pytest.raises(OperationNotAllowed, match="use send_message"):
        client.send_message_to(HOST, 9, b"x", None)


@pytest.mark.parametrize(
    ("host", "service", "error"),
    [
        ("127.1", 9, ValueError),
        ("::1", 9, ValueError),
        (HOST, 65_536, ValueError),
        (HOST, None, TypeError),
        (None, 9, TypeError),
        (HOST, "no-such-service", NameLookupFailed),
    ],
)
def test_wrong_recipients_raise_at_the_call__lw_112(
    server: AsyncIOState, host: Any, service: Any, error: type[Exception]
) -> None:
    """A recipient that cannot be one is refused by `send_message_to` itself; nothing is sent."""
    with pytest.raises(error):
        server.send_message_to(host, service, b"x", None)
    assert not server.output.active


@pytest.mark.parametrize("form", [str, int, ipaddress.ip_address])
def test_recipients_have_any_form__lw_112__lw_022(
    collection: WaitStateCollection, server: AsyncIOState, form: Callable[[str], Any]
) -> None:
    """A recipient is a host in any form, and a port as a number or in digits."""
    host = 0x7F000001 if form is int else form(HOST)
    sender = open_udp(collection)
    sender.send_message_to(host, str(server.address[1]), b"x", None)
    settle(collection)
    assert hear(collection, server).counts == [1]


def test_a_name_keeps_its_place_in_the_queue__lw_112(
    collection: WaitStateCollection, server: AsyncIOState
) -> None:
    """A message to a name waits for the look-up, and those behind it wait too."""
    collection.resolver = resolver(there_test=[HOST])
    sender, order = open_udp(collection), list[str]()
    port = server.address[1]
    sender.send_message_to("there.test", port, b"1", lambda _: order.append("name"))
    sender.send_message_to(HOST, port, b"2", lambda _: order.append("number"))
    until(collection, lambda: len(order) == 2)
    assert order == ["name", "number"]
    assert [hear(collection, server).moved[0][0][:1] for _ in range(2)] == [b"1", b"2"]
    collection.resolver.close()


def test_an_unknown_name_ends_its_message_only__lw_112__lw_113(
    collection: WaitStateCollection, server: AsyncIOState
) -> None:
    """A message to a name that nobody knows ends with `NameLookupFailed`; the next one is sent."""
    collection.resolver = resolver()
    sender, errors, sent = open_udp(collection), Reports(), Reports()
    sender.send_message_to("no.test", 9, b"x", sent, error_callback=errors)
    sender.send_message_to(*server.address, b"y", sent)
    until(collection, lambda: len(sent))
    assert isinstance(errors.status, NameLookupFailed)
    assert errors.status.peer == ("no.test", 9)
    assert sent.status is None
    collection.resolver.close()


@pytest.mark.parametrize("way", ["timeout", "abort", "close", "abort_and_close", "look-up"])
def test_what_waits_for_a_name_can_be_ended__lw_112__lw_029(
    collection: WaitStateCollection, clock: ManualClock, way: str
) -> None:
    """A message whose name is never answered ends at its limit, at the look-up's, by an abort or
    with its state, once, and its look-up with it.
    """
    sender, ends = open_udp(collection), Reports()
    with silent_resolver() as collection.resolver:
        limit = 3 if way == "timeout" else None
        sender.send_message_to("silent.test", 9, b"x", ends, timeout=limit)
        settle(collection)
        if way == "abort":
            sender.abort(ends, "output")
        elif way in ("close", "abort_and_close"):
            getattr(sender, way)()
        clock.advance(3 if way == "timeout" else 0)
        clock.advance(10 if way == "look-up" else 0)
        settle(collection)
        assert collection.resolver.lookup_count == 0
    kinds = {"abort": OperationAborted, "close": StateClosed}
    expected = [] if way == "abort_and_close" else [kinds.get(way, OperationTimeout)]
    assert [type(status) for status in ends.writes] == expected


# Failures.


def test_a_message_that_is_too_long_ends_alone__lw_113__rel_39(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """A datagram that is too long fails; the state stays usable, and queued messages go on."""
    sent, errors = Reports(), Reports()
    client.send_message(TOO_LONG, sent, error_callback=errors)
    client.send_message(b"short", sent, error_callback=errors)
    settle(collection)
    assert isinstance(errors.status, SocketIOError)
    assert (len(sent), client.write_status) == (1, None)
    assert hear(collection, server).counts == [5]


def test_a_refusal_ends_one_operation__lw_113(collection: WaitStateCollection) -> None:
    """A refused datagram is a `ConnectionRefused` of whatever comes next on the connected state,
    once, and the state lives.
    """
    port = free_port()
    client = connect_udp(collection, HOST, port)
    reports, errors = Reports(), Reports()
    client.receive_message(bytearray(9), reports, error_callback=errors)
    client.send_message(b"x", None)
    settle(collection)
    assert isinstance(errors.status, ConnectionRefused)
    server = open_udp(collection, local_address=HOST, local_port=port)
    client.send_message(b"now", reports)
    settle(collection)
    assert (reports.writes, hear(collection, server).counts) == ([None], [3])


def test_a_refusal_met_by_a_send_is_told_to_it__lw_113(collection: WaitStateCollection) -> None:
    """A send that meets the refusal of an earlier datagram fails, and the next one does not."""
    client = connect_udp(collection, HOST, free_port())
    reports = Reports()
    for _ in range(2):
        client.send_message(b"x", reports)
        settle(collection)
    client.send_message(b"x", reports)
    assert [type(status) for status in reports.writes] == [type(None), ConnectionRefused]
    settle(collection)
    assert reports.writes[2] is None


def test_nobody_is_told_of_a_failure_but_the_log__lw_096(
    collection: WaitStateCollection, client: AsyncIOState, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure of a message without callbacks is logged: nothing is lost in silence."""
    client.send_message(TOO_LONG, None)
    settle(collection)
    assert "nobody is told" in caplog.text


def test_messages_in_line_have_a_limit__lw_103__rel_41(client: AsyncIOState) -> None:
    """Messages wait in line up to `output_limit` bytes, of which an empty one has some too."""
    client.output_limit = 1000
    for _ in range(8):  # the first one does not wait
        client.send_message(b"", None)
    with pytest.raises(LimitExceeded) as caught:
        client.send_message(b"", None)
    assert caught.value.identifier == "output-limit"


# The two kinds.


def test_verbs_of_the_other_kind_are_refused__lw_070(
    client: AsyncIOState, server: AsyncIOState, stream: AsyncIOState
) -> None:
    """A datagram verb on a stream, and a stream verb or TLS on datagrams, raise
    `OperationNotAllowed`, and nothing has begun.
    """
    for refused in (
        lambda: stream.receive_message(bytearray(1), print),
        lambda: stream.send_message(b"x", None),
        lambda: stream.send_message_to(HOST, 9, b"x", None),
        lambda: stream.join_group("239.0.0.1"),
        lambda: client.read_buffer(bytearray(1), print),
        lambda: client.read_with_checking(print),
        lambda: client.write_buffer(b"x", print),
        lambda: client.attach_tls(print, server_hostname="localhost"),
        lambda: client.detach_tls(print),
        lambda: client.handshake(print),
    ):
        with pytest.raises(OperationNotAllowed):
            cast(Any, refused)()
    assert not any(queue.active for queue in (client.input, client.output, stream.input))
    assert not stream.truncated


def test_a_state_takes_over_a_datagram_socket__lw_065__lw_066(
    collection: WaitStateCollection,
) -> None:
    """A state finds out that its socket is for datagrams; sends queue there unless told not to."""
    here, there = socket.socketpair(UNIX, socket.SOCK_DGRAM)
    state = AsyncIOState(collection, here.detach())
    assert (state.queue_output, state.queue_input) == (True, False)
    state.send_message(b"1", None)
    state.send_message(b"2", None)
    settle(collection)
    assert [there.recv(9), there.recv(9)] == [b"1", b"2"]
    there.send(b"answer")
    assert hear(collection, state).counts == [6]
    there.close()


def test_a_datagram_state_can_be_given_away__lw_138__lw_136(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """The socket of a datagram state goes on elsewhere after `release`, and after
    `close(keep_object=True)`.
    """
    channel, unread = client.release()
    assert isinstance(channel, DatagramChannel)
    again = AsyncIOState(collection, channel, unread)
    again.send_message(b"once more", None)
    settle(collection)
    assert hear(collection, server).counts == [9]
    sock = channel.sock
    again.close(keep_object=True)
    assert sock.getpeername() == server.address
    sock.close()


def test_aborts_give_back_what_there_is__lw_125(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState
) -> None:
    """The callback of an abort gets three arguments, whatever was stopped."""
    aborts = Reports()
    server.receive_message(bytearray(1), pytest.fail, needs_address=True)
    server.abort(aborts)
    settle(collection)
    client.abort(aborts, "output")
    settle(collection)
    assert aborts.moved == [(b"\0", 0), (None, None)]
