"""UDPSocket: datagrams sent and received one by one, and every shape of a buffer."""

from __future__ import annotations

import array
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from reactor.errors import (
    ConnectionRefused,
    DeadlinePassed,
    NameLookupFailed,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    SocketIOError,
    StateClosed,
)
from reactor.net.options import ipv6_available
from reactor.sockets.make_socket import make_socket
from reactor.sockets.udp_socket import UDPSocket
from reactor.stream.waiting import wait_for_input_streams
from tests.reactor.opening.network import BROADCAST, HOST, free_port
from tests.reactor.stream.streams import PATIENCE, SHORT, meanwhile
from tests.reactor.stream.test_ending import until_taken

Pair: TypeAlias = tuple[UDPSocket, UDPSocket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two sockets; the first sends to the second unless told otherwise."""
    limits: Any = {"type": "datagram", "input_timeout": PATIENCE, "output_timeout": PATIENCE}
    with (
        make_socket(**limits, local_host=HOST) as there,
        make_socket(
            **limits, local_host=HOST, remote_host=HOST, remote_port=there.local_port
        ) as here,
    ):
        yield here, there


def test_a_datagram_goes_and_comes__cc_23_42_45(pair: Pair) -> None:
    """`send_to` sends one datagram and returns its size; `receive_from` waits for one and tells
    who has sent it, in a form that can be given to `send_to`.
    """
    here, there = pair
    assert here.send_to(b"hello") == 5
    data, count, host, port = there.receive_from(100)
    assert (data, count, (host, port)) == (b"hello", 5, here.address)
    there.send_to(b"answer", remote_host=host, remote_port=port)
    assert here.receive_from(100)[:2] == (b"answer", 6)


def test_a_datagram_is_waited_for__cc_45(pair: Pair) -> None:
    """`receive_from` waits until a datagram comes."""
    here, there = pair
    with meanwhile(lambda: there.receive_from(10)) as receiving:
        until_taken(there._input)  # there is no other way to know that it waits
        here.send_to(b"x")
    assert receiving.result()[0] == b"x"


@pytest.mark.parametrize(
    ("size", "offset", "sent"),
    [(None, 0, b"0123456789"), (None, 4, b"456789"), (3, 0, b"012"), (3, 7, b"789"), (0, 10, b"")],
)
def test_a_part_of_a_buffer_is_sent__cc_42(
    pair: Pair, size: int | None, offset: int, sent: bytes
) -> None:
    """`offset` and `size` choose what is sent of a buffer, all the rest unless told."""
    here, there = pair
    assert here.send_to(b"0123456789", size, offset=offset) == len(sent)
    assert there.receive_from(100)[0] == sent


@pytest.mark.parametrize(("size", "offset"), [(11, 0), (1, 10), (None, 11), (-1, 0), (1, -1)])
def test_no_other_part_is_sent__cc_42(pair: Pair, size: int | None, offset: int) -> None:
    """A range outside of the buffer is refused before anything is sent."""
    here, there = pair
    with pytest.raises(ValueError, match=r"or more|left out"):
        here.send_to(b"0123456789", size, offset=offset)
    there.read_timeout = SHORT
    with pytest.raises(OperationTimeout):
        there.receive_from(100)


def test_text_is_sent_as_utf_8__cc_43(pair: Pair) -> None:
    """Text is encoded first, surrogate escapes included, and sizes count bytes; other bytes-like
    objects go as they are, and nothing else is taken.
    """
    here, there = pair
    assert here.send_to("grüß") == 6
    assert there.receive_from(100)[0] == "grüß".encode()
    assert here.send_to("ü\udcff", 2, offset=1) == 2
    assert there.receive_from(100)[0] == b"\xbc\xff"
    assert here.send_to(array.array("H", [1, 2])) == 4
    assert there.receive_from(100)[1] == 4
    with pytest.raises(TypeError):
        here.send_to(5)


@pytest.mark.parametrize("word", ["text", "binary", "bivalent"])
def test_the_format_says_what_is_made__cc_5(pair: Pair, word: str) -> None:
    """With format "text" `receive_from` makes text, of which no bytes are lost: they can be sent
    back; else it makes bytes.
    """
    here, _ = pair
    with make_socket(
        type="datagram", local_host=HOST, format=word, input_timeout=PATIENCE
    ) as there:
        where: Any = {"remote_host": HOST, "remote_port": there.local_port}
        here.send_to(b"a\xffb", **where)
        data, count, host, port = there.receive_from(100)
        assert count == 3
        assert type(data) is (str if word == "text" else bytes)
        there.send_to(data, remote_host=host, remote_port=port)
        assert here.receive_from(100)[0] == b"a\xffb"


def test_recipients_have_defaults__cc_6_44(pair: Pair) -> None:
    """The recipient is that of `make_socket` unless another is given, host and port on their own;
    without one it is a `ValueError`. A default does not restrict who is heard.
    """
    here, there = pair
    with make_socket(type="datagram", local_host=HOST, input_timeout=PATIENCE) as third:
        here.send_to(b"1", remote_port=third.local_port)
        assert third.receive_from(9)[0] == b"1"
        for half in ({}, {"remote_host": HOST}, {"remote_port": 9}):
            with pytest.raises(ValueError, match="needs remote_host and remote_port"):
                third.send_to(b"x", **half)
        third.send_to(b"2", remote_host="localhost", remote_port=here.local_port)
        assert here.receive_from(9)[:1] == (b"2",)
        here.send_to(b"3")
        assert there.receive_from(9)[0] == b"3"
    with (
        make_socket(type="datagram", remote_port=here.local_port) as half_known,
        pytest.raises(NameLookupFailed),
    ):
        half_known.send_to(b"x", remote_host="a..b")


def test_only_active_with_a_target_connects__cc_3_44_50(pair: Pair) -> None:
    """A datagram socket is connected only if it is "active" and its target complete: then it hears
    its peer only, and naming another recipient is refused.
    """
    here, there = pair
    target: Any = {"remote_host": HOST, "remote_port": there.local_port}
    for keywords in ({}, {"connect": "passive", **target}, {"connect": "active"}, target):
        with make_socket(type="datagram", **keywords) as open_to_all:
            assert open_to_all.remote_host is None
    with make_socket(type="datagram", connect="active", input_timeout=SHORT, **target) as one:
        assert (one.remote_host, one.remote_port) == there.address
        here.send_to(b"stranger", remote_host=HOST, remote_port=one.local_port)
        with pytest.raises(OperationTimeout):
            one.receive_from(100)
        one.send_to(b"x")
        there.send_to(b"y", remote_host=HOST, remote_port=there.receive_from(9)[3])
        assert one.receive_from(100)[0] == b"y"
        for other in ({"remote_host": HOST}, {"remote_port": 9}):
            with pytest.raises(OperationNotAllowed):
                one.send_to(b"z", **other)


def test_a_refusal_is_told_and_survived__cc_50() -> None:
    """A refused datagram raises `ConnectionRefused` at the next call; the socket stays usable."""
    port = free_port()
    with make_socket(
        type="datagram",
        connect="active",
        remote_host=HOST,
        remote_port=port,
        input_timeout=PATIENCE,
    ) as one:
        one.send_to(b"x")
        with pytest.raises(ConnectionRefused):
            one.receive_from(9)
        with make_socket(type="datagram", local_host=HOST, local_port=port) as there:
            there.read_timeout = PATIENCE
            one.send_to(b"y")
            assert there.receive_from(9)[0] == b"y"


def test_what_is_made_is_exact__cc_46(pair: Pair) -> None:
    """Without a buffer the first value is a new object of exactly what came, at most `size` bytes;
    `offset` and `extract` change nothing.
    """
    here, there = pair
    for options in ({}, {"extract": True}, {"offset": 5}):
        here.send_to(b"abc")
        received = there.receive_from(100, **options)
        assert (type(received[0]), received[:2]) == (bytes, (b"abc", 3))


def test_a_buffer_is_filled_in_its_place__cc_47_48(pair: Pair) -> None:
    """With a buffer the datagram is stored from `offset` on, and the same object comes back, the
    rest untouched; with `extract` it is bytes with the received part alone.
    """
    here, there = pair
    buffer = bytearray(b"........")
    here.send_to(b"abc")
    received = there.receive_from(4, buffer=buffer, offset=2)
    assert received[0] is buffer
    assert (bytes(buffer), received[1]) == (b"..abc...", 3)
    here.send_to(b"defg")
    received = there.receive_from(8, buffer=buffer, extract=True)
    assert (received[:2], bytes(buffer)) == ((b"defg", 4), b"defgc...")


def test_a_buffer_must_have_the_room__cc_47(pair: Pair) -> None:
    """A buffer without the room is a `ValueError`, one that cannot be written a `TypeError`, before
    anything is received.
    """
    here, there = pair
    here.send_to(b"abc")
    for size, offset in ((9, 0), (8, 1), (1, 8), (-1, 0)):
        with pytest.raises(ValueError, match=r"or more|left out"):
            there.receive_from(size, buffer=bytearray(8), offset=offset)
    buffer: Any
    for buffer in (b"read only", "text", 5):
        with pytest.raises(TypeError):
            there.receive_from(1, buffer=buffer)
    assert there.receive_from(100)[0] == b"abc"


def test_unusual_sizes__cc_49(pair: Pair) -> None:
    """Of a datagram longer than `size` the rest is lost, and `truncated` is true; an empty one is
    received with count 0.
    """
    here, there = pair
    cases = [(b"abcdef", 3, True), (b"abc", 3, False), (b"", 3, False), (b"x", 0, True)]
    for sent, size, cut in cases:
        here.send_to(sent)
        received = there.receive_from(size)
        data, count, host, port = received
        assert (data, count, received.truncated) == (sent[:size], min(len(sent), size), cut)
        assert (host, port) == here.address
    here.send_to(b"abcdef")
    assert there.receive_from(3, buffer=bytearray(9), offset=4).truncated is True


def test_a_datagram_has_a_greatest_size__cc_42(pair: Pair) -> None:
    """A datagram that is too long for the system is a `SocketIOError`; the socket goes on."""
    here, there = pair
    with pytest.raises(SocketIOError):
        here.send_to(bytes(70_000))
    here.send_to(bytes(65_507))
    assert there.receive_from(65_507)[1] == 65_507


def test_broadcast_must_be_asked_for__cc_13() -> None:
    """To send to a broadcast address is `access-denied` unless `broadcast` was set."""
    target: Any = {"remote_host": BROADCAST, "remote_port": 9}
    with make_socket(type="datagram", **target) as quiet:
        with pytest.raises(SocketIOError) as raised:
            quiet.send_to(b"x")
        assert raised.value.identifier == "access-denied"
    with (
        make_socket(type="datagram", broadcast=True) as loud,
        socket.socket(fileno=socket.dup(loud.fileno())) as sock,
    ):
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)


def test_datagrams_can_be_waited_for__lw_195(pair: Pair) -> None:
    """`wait_for_input` and `wait_for_input_streams` take datagram sockets too, and leave the
    datagram where it is.
    """
    here, there = pair
    assert there.wait_for_input(0) is False
    assert wait_for_input_streams(pair, SHORT) == []
    here.send_to(b"")
    assert wait_for_input_streams(pair) == [there]
    assert there.wait_for_input() is True
    assert there.receive_from(9)[:2] == (b"", 0)


def test_waiting_has_limits__cc_51_52_55_56(pair: Pair) -> None:
    """`read_timeout` and `deadline` bound the wait for a datagram; a deadline that has passed is
    noticed although there is one.
    """
    here, there = pair
    there.read_timeout = SHORT
    with pytest.raises(OperationTimeout) as raised:
        there.receive_from(9)
    assert (raised.value.phase, raised.value.limit) == ("read", SHORT)
    here.send_to(b"x")
    there.deadline = time.monotonic() - 1
    with pytest.raises(DeadlinePassed):
        there.receive_from(9)
    there.deadline = None
    assert there.receive_from(9)[0] == b"x"


def test_a_connected_socket_is_shut_down__cc_34(pair: Pair) -> None:
    """`shutdown` ends a direction of a connected socket; an unconnected one is `not-connected`."""
    here, there = pair
    with pytest.raises(SocketIOError) as raised:
        here.shutdown("output")
    assert raised.value.identifier == "not-connected"
    with make_socket(
        type="datagram", connect="active", remote_host=HOST, remote_port=there.local_port
    ) as one:
        one.shutdown("output")
        with pytest.raises(SocketIOError):
            one.send_to(b"x")
        with pytest.raises(ValueError, match="a direction is"):
            one.shutdown("both")


def test_a_closed_socket_wakes_who_waits__cc_32(pair: Pair) -> None:
    """`close` from another thread ends the wait for a datagram with `StateClosed`, also by force;
    again it is harmless.
    """
    here, there = pair
    there.read_timeout = None
    with meanwhile(lambda: there.receive_from(9)) as receiving:
        until_taken(there._input)  # as above
        there.close()
        assert isinstance(receiving.exception(timeout=PATIENCE), StateClosed)
    there.close()
    here.close(abort=True)
    verbs: list[Callable[[], object]] = [
        lambda: here.send_to(b"x"),
        lambda: here.receive_from(1),
        lambda: here.shutdown("io"),
        here.wait_for_input,
    ]
    for verb in verbs:
        with pytest.raises(StateClosed):
            verb()


def test_each_direction_has_one_user__cc_42_45(pair: Pair) -> None:
    """A second receiver is refused, and a sender is not."""
    here, there = pair
    with meanwhile(lambda: there.receive_from(9)) as receiving:
        until_taken(there._input)  # as above
        with pytest.raises(OperationInProgress):
            there.receive_from(9)
        there.send_to(b"x", remote_host=HOST, remote_port=here.local_port)
        here.send_to(b"y")
    assert receiving.result()[0] == b"y"


@pytest.mark.skipif(not ipv6_available(), reason="this machine has no IPv6")
def test_both_families_carry_datagrams__cc_1_41() -> None:
    """Datagram sockets of "internet6" speak IPv6."""
    with make_socket(
        address_family="internet6", type="datagram", local_host="::1", input_timeout=PATIENCE
    ) as six:
        six.send_to(b"x", remote_host="localhost", remote_port=six.local_port)
        assert six.receive_from(9)[2:] == six.address
        assert (six.address_family, six.local_filename) == ("internet6", None)
