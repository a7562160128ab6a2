"""What is special about sockets; what holds for every channel is in `tests/conformance`."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reactor.channel.socket_channel import (
    LOST_CLIENT_LIMIT,
    ListeningChannel,
    SocketChannel,
    address_pair,
)
from reactor.errors import (
    AcceptError,
    BrokenPipe,
    ConnectionReset,
    SocketIOError,
    StateClosed,
)
from tests.channels import AF_UNIX
from tests.torture.seam import failing


class LosesClients(socket.socket):
    """A real listener whose first calls of accept fail with `numbers`, as the system may do."""

    def __init__(self, numbers: list[int]) -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self.numbers = numbers

    def accept(self) -> tuple[socket.socket, object]:
        if self.numbers:
            raise OSError(self.numbers.pop(0), "injected")
        return super().accept()


class ClosesBadly(socket.socket):
    """A real socket whose descriptor is given back with a complaint."""

    def close(self) -> None:
        super().close()
        raise OSError(errno.EIO, "injected")


def tcp_pair() -> tuple[SocketChannel, SocketChannel]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, peer = server.accept()
    return SocketChannel(near), SocketChannel(far, peer_address=peer)


@pytest.fixture
def listener() -> Iterator[ListeningChannel]:
    with contextlib.closing(ListeningChannel(socket.create_server(("127.0.0.1", 0)))) as channel:
        yield channel


# Connections.


def test_the_addresses_of_both_ends_are_pairs__lw_030() -> None:
    """An address is host as numeric text and port, the same seen from either end."""
    near, far = tcp_pair()
    with contextlib.closing(near), contextlib.closing(far):
        assert near.address == near.sock.getsockname()
        assert near.peer_address == far.address == far.sock.getsockname()
        assert far.peer_address == near.address


def test_addresses_can_be_read_after_a_reset__lw_067() -> None:
    """The peer's address can be asked for after a reset, when the system does not know it
    any more.
    """
    near, far = tcp_pair()
    addresses = near.sock.getsockname(), near.sock.getpeername()
    far.abort()
    with contextlib.closing(near):
        with pytest.raises(ConnectionReset) as caught:
            near.read(1)
        assert (near.address, near.peer_address) == addresses
        assert caught.value.peer == addresses[1]
    assert (near.address, near.peer_address) == addresses


def test_an_address_that_nobody_asked_for_is_known_after_the_end__lw_067() -> None:
    """Addresses are known after a channel was closed or its socket given away, even if
    nobody had asked before.
    """
    near, far = tcp_pair()
    addresses = near.sock.getsockname(), far.sock.getsockname()
    near.close()
    far.detach().close()
    assert (near.address, far.address) == addresses


def test_an_error_names_the_system_call__lw_190() -> None:
    """An error of a socket says which system call failed, and with which number."""
    near, far = tcp_pair()
    with contextlib.closing(near), contextlib.closing(far):
        near.write_eof()
        with pytest.raises(BrokenPipe) as caught:
            near.write(b"x")
        error = caught.value
        assert (error.situation, error.code, error.phase) == ("send", errno.EPIPE, "write")
        assert (error.connection, error.identifier) == (near, "broken-pipe")


def test_ending_a_lost_connection_is_an_error_of_ours__lw_131() -> None:
    """Shutting down a connection that was reset raises an error of the tree."""
    near, far = tcp_pair()
    far.abort()
    with contextlib.closing(near):
        with pytest.raises(ConnectionReset):
            near.read(1)
        with pytest.raises(SocketIOError) as caught:
            near.write_eof()
        assert (caught.value.identifier, caught.value.situation) == ("not-connected", "shutdown")


def test_ending_again_is_harmless_when_both_have_ended() -> None:
    near, far = tcp_pair()
    with contextlib.closing(near), contextlib.closing(far):
        assert near.write_eof()
        assert far.write_eof()
        assert (near.read(1), far.read(1)) == (b"", b"")
        assert near.write_eof()  # by now the system calls it ENOTCONN
        near.shutdown(socket.SHUT_RDWR)
    with pytest.raises(StateClosed):
        near.write_eof()


def test_aborting_sends_a_reset_and_closing_does_not() -> None:
    near, far = tcp_pair()
    near.close()
    assert far.read(1) == b""
    far.close()
    near, far = tcp_pair()
    near.abort()
    with contextlib.closing(far), pytest.raises(ConnectionReset):
        far.read(1)


def test_a_socket_is_given_up_alive__lw_136() -> None:
    """A channel that gives its socket back is closed, and the connection is not."""
    near, far = socket.socketpair()
    channel = SocketChannel(near)
    assert channel.detach() is near
    with near, far:
        assert (channel.closed, channel.fileno()) == (True, -1)
        channel.close()
        channel.abort()
        far.send(b"still here")
        assert near.recv(100) == b"still here"
        verbs = (channel.detach, channel.write_eof, lambda: channel.read(1))
        for verb in verbs:
            with pytest.raises(StateClosed):
                verb()
        assert "closed" in repr(channel)


def test_a_closed_socket_makes_no_channel() -> None:
    sock = socket.socket()
    sock.close()
    for kind in (SocketChannel, ListeningChannel):
        with pytest.raises(StateClosed, match="this one is closed"):
            kind(sock)


def test_a_socket_closed_behind_our_back_is_a_closed_channel() -> None:
    near, far = socket.socketpair()
    channel = SocketChannel(near)
    near.close()
    far.close()
    with pytest.raises(StateClosed):
        channel.read(1)


def test_a_close_that_fails_has_closed() -> None:
    sock = ClosesBadly()
    channel = SocketChannel(sock)
    channel.close()
    assert (channel.closed, channel.fileno()) == (True, -1)


def test_a_channel_has_room_for_nothing_else() -> None:
    near, far = socket.socketpair()
    channel = SocketChannel(near)
    assert not hasattr(channel, "__dict__")  # of 10,000 idle ones each must be small
    channel.close()
    far.close()


# Addresses.


@pytest.mark.parametrize(
    ("raw", "pair"),
    [
        (("192.0.2.1", 80), ("192.0.2.1", 80)),
        (("2001:db8::1", 80, 0, 0), ("2001:db8::1", 80)),
        (("::ffff:192.0.2.1", 80, 0, 0), ("192.0.2.1", 80)),
        (("::ffff:0:1", 80, 0, 0), ("::ffff:0:1", 80)),  # no IPv4 in there
        (("fe80::1", 80, 0, 999999), ("fe80::1%999999", 80)),
        ("/run/a", ("/run/a", None)),
        (b"\0abstract", ("\0abstract", None)),
        ("", (None, None)),
        ((), (None, None)),
    ],
)
def test_any_address_is_a_pair__lw_028_030(raw: object, pair: tuple[object, object]) -> None:
    """Whatever the family, an address is a pair: IPv4 in IPv6 is shown as IPv4, a Unix socket has a
    path or no name.
    """
    assert address_pair(raw) == pair


def test_a_scope_is_shown_by_the_name_of_its_interface__lw_030() -> None:
    """The scope of an address is the name of its interface, as a connecting verb takes it."""
    number, name = socket.if_nameindex()[0]
    assert address_pair(("fe80::1", 80, 0, number)) == (f"fe80::1%{name}", 80)


def test_an_ipv4_client_of_an_ipv6_listener_is_shown_as_ipv4__lw_028() -> None:
    """A client that comes by IPv4 to a listener of both families has an IPv4 address, in
    limits and logs alike.
    """
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with (
        contextlib.closing(ListeningChannel(server)) as channel,
        socket.create_connection(("127.0.0.1", channel.address[1])) as client,
    ):
        accepted = channel.accept()
        assert accepted is not None
        with contextlib.closing(SocketChannel(accepted[0])) as far:
            assert accepted[1] == far.peer_address == client.getsockname()
            assert far.address == client.getpeername()


@pytest.mark.skipif(AF_UNIX < 0, reason="this Python has no Unix sockets")
def test_a_unix_socket_has_a_path__lw_030(tmp_path: Path) -> None:
    """The address of a Unix listener is its path, and its clients have none."""
    path = str(tmp_path / "socket")
    server = socket.socket(AF_UNIX)
    server.bind(path)
    server.listen()
    with contextlib.closing(ListeningChannel(server)) as channel:
        client = socket.socket(AF_UNIX)
        client.connect(path)
        accepted = channel.accept()
        assert accepted is not None
        with accepted[0], contextlib.closing(SocketChannel(client)) as near:
            assert (channel.address, accepted[1]) == ((path, None), (None, None))
            assert near.peer_address == (path, None)


# Listeners.


def test_nobody_waiting_is_none_and_each_client_comes_once(listener: ListeningChannel) -> None:
    assert listener.accept() is None
    with socket.create_connection(listener.address) as client:
        accepted = listener.accept()
        assert accepted is not None
        with accepted[0]:
            assert accepted[1] == client.getsockname()
        assert listener.accept() is None


@pytest.mark.parametrize("name", ["ECONNABORTED", "ENOTCONN", "EPROTO", "ENETDOWN"])
def test_a_client_that_was_lost_is_passed_over__rel_5(name: str) -> None:
    """A client that left before it was accepted is skipped, and the next one is served."""
    numbers = [getattr(errno, name)] * 3
    server = LosesClients(numbers)
    with (
        contextlib.closing(ListeningChannel(server)) as channel,
        socket.create_connection(channel.address),
    ):
        accepted = channel.accept()
        assert accepted is not None
        accepted[0].close()


def test_many_lost_clients_in_a_row_give_others_a_turn__rel_5() -> None:
    """However many clients have left before they were accepted, one call skips a bounded
    number of them.
    """
    numbers = [errno.ECONNABORTED] * (LOST_CLIENT_LIMIT + 1)
    server = LosesClients(numbers)
    with contextlib.closing(ListeningChannel(server)) as channel:
        assert channel.accept() is None
        assert len(numbers) == 1


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("EMFILE", "no-descriptors"),
        ("ENFILE", "no-descriptors"),
        ("ENOBUFS", "no-buffer-space"),
        ("ENOMEM", "no-buffer-space"),
        ("EOPNOTSUPP", "unknown"),
        ("EPERM", "access-denied"),
    ],
)
def test_a_lack_of_descriptors_is_told_and_survived__rel_20(name: str, identifier: str) -> None:
    """Without descriptors accepting fails with an `AcceptError`; the client waits, and is
    served later.
    """
    server = LosesClients([getattr(errno, name)])
    with (
        contextlib.closing(ListeningChannel(server)) as channel,
        socket.create_connection(channel.address),
    ):
        with pytest.raises(AcceptError) as caught:
            channel.accept()
        assert (caught.value.identifier, caught.value.phase) == (identifier, "accept")
        assert (caught.value.situation, caught.value.connection) == ("accept", channel)
        accepted = channel.accept()
        assert accepted is not None
        accepted[0].close()


def test_a_listener_closes_once_and_keeps_its_address(listener: ListeningChannel) -> None:
    address = listener.sock.getsockname()
    listener.close()
    listener.close()
    assert (listener.closed, listener.fileno(), listener.address) == (True, -1, address)
    assert repr(listener) == f"<ListeningChannel on {address[0]}:{address[1]}, closed>"
    with pytest.raises(StateClosed):
        listener.accept()


def test_an_address_that_could_not_be_told_is_asked_for_again() -> None:
    with failing("getsockname", "ENOBUFS"), socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        channel = ListeningChannel(sock)
        assert channel.address == (None, None)
        assert channel.address == sock.getsockname()
