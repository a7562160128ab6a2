"""Datagram channels: messages over real sockets, each for itself."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import ConnectionRefused, SocketIOError, StateClosed

LONGEST = 65_507  # bytes; 65,535 less the headers of IPv4 and UDP


def bound(host: str = "127.0.0.1") -> DatagramChannel:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((host, 0))
    return DatagramChannel(sock)


def connected(port: int) -> DatagramChannel:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    return DatagramChannel(sock)


class Refuses(socket.socket):
    """A real socket whose next call of sendto fails with `number`, as the system may do."""

    number = errno.ECONNRESET

    def sendto(self, *_: object) -> int:
        raise OSError(self.number, "injected")


@pytest.fixture
def near() -> Iterator[DatagramChannel]:
    with contextlib.closing(bound()) as channel:
        yield channel


@pytest.fixture
def far() -> Iterator[DatagramChannel]:
    with contextlib.closing(bound()) as channel:
        yield channel


def test_a_datagram_arrives_whole_and_names_its_sender__lw_030(
    near: DatagramChannel, far: DatagramChannel
) -> None:
    """A datagram arrives whole, with the address of its sender as a pair."""
    assert far.receive(100) is None
    assert near.transmit(b"hello", far.address)
    assert near.transmit(b"", far.address)
    assert far.receive(100) == (b"hello", near.address, False)
    assert far.receive(100) == (b"", near.address, False), "an empty one is a datagram as well"
    assert far.receive(100) is None


def test_of_a_datagram_that_is_too_long_the_beginning_is_kept__lw_110(
    near: DatagramChannel, far: DatagramChannel
) -> None:
    """Of a datagram that is too long the beginning is kept, the loss told, and the next one
    not concerned.
    """
    near.transmit(b"abcdef", far.address)
    near.transmit(b"next", far.address)
    received = far.receive(4)
    assert received is not None
    assert (received[0], received[2]) == (b"abcd", True)
    assert received[1] == ((None, None) if sys.platform == "win32" else near.address)
    assert far.receive(4) == (b"next", near.address, False)


def test_the_longest_goes_and_one_byte_more_is_an_error__rel_39(
    near: DatagramChannel, far: DatagramChannel
) -> None:
    """A datagram of 65,507 bytes is sent; one byte more is an error with the address, and
    the socket lives.
    """
    assert near.transmit(bytes(LONGEST), far.address)
    with pytest.raises(SocketIOError) as caught:
        near.transmit(bytes(LONGEST + 1), far.address)
    assert (caught.value.code, caught.value.phase) == (errno.EMSGSIZE, "write")
    assert caught.value.peer == far.address
    assert near.transmit(b"short", far.address)
    received = [far.receive(65_536), far.receive(65_536)]
    assert [one and len(one[0]) for one in received] == [LONGEST, 5]


def test_a_refusal_is_told_once_and_ends_nothing__rel_40(far: DatagramChannel) -> None:
    """That a peer has vanished is told once, by the next try, and the socket can be used on."""
    port = far.address[1]
    with contextlib.closing(connected(port)) as near:
        far.close()
        assert near.transmit(b"anybody?")
        with pytest.raises(ConnectionRefused) as caught:
            near.receive(100)
        assert (caught.value.phase, caught.value.peer) == ("read", ("127.0.0.1", port))
        assert near.receive(100) is None, "it was told already"
        assert near.transmit(b"still there")


def test_a_reset_is_how_windows_says_refused__lw_113() -> None:
    """A refused datagram is `ConnectionRefused` on every system, also where the system
    calls it a reset.
    """
    sock = Refuses(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.closing(DatagramChannel(sock)) as channel:
        with pytest.raises(ConnectionRefused) as caught:
            channel.transmit(b"x", ("127.0.0.1", 9))
        assert caught.value.code == errno.ECONNREFUSED


@pytest.mark.skipif(sys.platform == "win32", reason="its sockets are no descriptors")
def test_a_descriptor_taken_away_is_the_end_of_the_channel__lw_117() -> None:
    """A datagram socket that somebody else has closed is the end of its channel, unlike any
    other failure.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    channel = DatagramChannel(sock)
    os.close(sock.fileno())
    with pytest.raises(StateClosed):
        channel.receive(100)
    sock.detach()


def test_addresses_change_as_the_socket_gets_them__lw_067(far: DatagramChannel) -> None:
    """The address of a datagram socket is known once its first send has bound it, and stays
    known.
    """
    channel = DatagramChannel(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    assert (channel.connected, channel.peer_address) == (False, (None, None))
    assert not channel.address[1]
    channel.transmit(b"x", far.address)
    received = far.receive(1)
    assert received is not None
    assert channel.address[1] == received[1][1]
    channel.sock.connect(far.address)
    assert (channel.connected, channel.peer_address) == (True, far.address)
    address = channel.address
    channel.close()
    assert (channel.address, channel.peer_address) == (address, far.address)
    with pytest.raises(StateClosed):
        channel.transmit(b"x")


def test_an_ipv4_peer_is_shown_in_its_own_form__lw_028(near: DatagramChannel) -> None:
    """A datagram socket of both families names IPv4 senders as an IPv4 socket would."""
    with contextlib.closing(bound("::")) as both:
        near.transmit(b"x", ("127.0.0.1", both.address[1]))
        assert both.receive(1) == (b"x", near.address, False)


def test_shutting_down_what_has_no_peer_is_harmless__lw_134(near: DatagramChannel) -> None:
    """Closing is harmless for a datagram socket that has no peer."""
    near.shutdown(socket.SHUT_RDWR)
    near.close()
    near.close()
    assert near.closed
    assert near.fileno() == -1
