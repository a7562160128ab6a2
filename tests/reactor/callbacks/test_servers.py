"""Servers as functions: listening, the sockets of clients, closing."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from reactor.callbacks import AsyncIOStream, TCPServer, tcp_server
from reactor.errors import AcceptError, BindError, ConnectionRefused, NoSuchPath, StateClosed
from reactor.loop.collection import WaitStateCollection
from tests import leaks
from tests.reactor.callbacks.conftest import HOST, Program, World


def test_a_server_listens_when_it_is_returned__cl_12(world: World) -> None:
    """`tcp_server` has bound its port when it returns; its callbacks are those of each client."""
    near = Program()
    far = Program(read=lambda sock, data: sock.write(data.upper()))
    server = world.serve(far)
    assert isinstance(server, TCPServer)
    world.connect(near, data=b"hello")
    world.until(lambda: near.received)
    assert (far.received, near.received) == (b"hello", b"HELLO")


@pytest.mark.parametrize(("backlog", "told"), [(-1, 128), (0, 128), (-7, 128), (1, 1), (300, 300)])
def test_the_backlog_is_128_unless_given__cl_13(
    collection: WaitStateCollection, monkeypatch: pytest.MonkeyPatch, backlog: int, told: int
) -> None:
    """The backlog is handed to the system; below 1 it is 128."""
    seen = list[int]()
    listen = socket.socket.listen

    def recorded(sock: socket.socket, count: int) -> None:
        seen.append(count)
        listen(sock, count)

    monkeypatch.setattr(socket.socket, "listen", recorded)
    tcp_server(collection, None, 0, Program().read, backlog=backlog).close()
    assert seen == [told]


def test_without_an_address_it_is_every_ipv4_interface__cl_13(
    collection: WaitStateCollection,
) -> None:
    """A server without an address listens on 0.0.0.0."""
    server = tcp_server(collection, None, 0, Program().read)
    with socket.create_connection((HOST, server.local_port)):
        pass
    assert "0.0.0.0" in repr(server)
    server.close()


def test_a_busy_port_is_a_bind_error__cl_14_62(tcp: World) -> None:
    """A port that is taken is a `BindError`, which is raised and is no event; nothing is open."""
    tcp.serve(Program())
    before = leaks.inventory()
    late = Program()
    with pytest.raises(BindError) as caught:
        tcp_server(tcp.collection, HOST, tcp.server.local_port, late.read, late.event)
    assert caught.value.identifier == "address-in-use"
    assert caught.value.address == (HOST, tcp.server.local_port)
    tcp.settle()
    assert late.calls == []
    assert leaks.left_since(before) == []


def test_every_client_is_announced__cl_15_17(world: World) -> None:
    """`connect_cb` comes for each client, before its first bytes, even if there are none."""
    far = Program(read=lambda sock, data: sock.write(b"for " + data))
    world.serve(far)
    nears = [Program() for _ in range(3)]
    for name, near in zip((b"one", b"two", None), nears, strict=True):
        world.connect(near, data=name)
    world.until(lambda: nears[0].received and nears[1].received and nears[2].sockets)
    world.settle()
    assert [near.received for near in nears] == [b"for one", b"for two", b""]
    assert far.names.count("connect") >= 1
    assert len(far.sockets) == len({*far.sockets}) == 3
    assert all(sock.data is None for sock in far.sockets)


def test_a_client_may_be_closed_where_it_is_announced__cl_15(tcp: World) -> None:
    """Of a socket that is closed in `connect_cb` nothing more is called."""
    far = Program(connect=lambda sock: sock.close())
    tcp.serve(far)
    with tcp.call() as client:
        client.sendall(b"too late")
        tcp.settle()
        assert client.recv(1) == b""
    tcp.settle()
    assert far.calls == [("connect",)]


def test_a_server_of_streams__cl_16(world: World) -> None:
    """With `stream=True` each client has a stream of its own, which keeps what arrives."""
    far = Program()
    world.serve(far, stream=True)
    nears = [Program(), Program()]
    for near in nears:
        world.connect(near, data=b"hello")
    world.until(lambda: far.names.count("read") >= 1 and sum(c[0] == "read" for c in far.calls) > 1)
    streams = [call[1] for call in far.calls if call[0] == "read"]
    assert {*streams} == {sock.stream for sock in far.sockets}
    assert all(isinstance(stream, AsyncIOStream) for stream in streams)
    assert [stream.read() for stream in streams] == [b"hello", b"hello"]


def test_accepted_sockets_have_no_limits__cl_17(tcp: World, clock: Any) -> None:
    """A socket that was accepted has no timeouts and no `write_cb` until the program sets them."""
    far = Program()
    tcp.serve(far)
    client = tcp.call()
    far.socket.write(b"hello")
    clock.advance(100_000.0)
    tcp.settle()
    assert far.calls == [("connect",)]
    far.socket.set_timeouts(2.0, None)
    clock.advance(2.0)
    tcp.settle()
    assert far.names == ["connect", "event"]
    assert client.recv(100) == b"hello"


def test_what_a_server_shows__cl_18(tcp: World) -> None:
    """A server tells its port and whether it is closed; the port stays known."""
    server = tcp.serve(Program())
    port = server.local_port
    assert (type(port), server.closed) == (int, False)
    assert port > 0
    server.close()
    assert (server.local_port, server.closed) == (port, True)


def test_closing_a_server_leaves_its_connections__cl_19(world: World) -> None:
    """A closed server frees its port, and the connections that it has made go on."""
    near = Program()
    far = Program(read=lambda sock, data: sock.write(data))
    world.pair(near, far)
    assert world.server.close() is None  # type: ignore[func-returns-value]  # which is the promise
    world.server.close()
    late = Program()
    world.connect(late)
    near.socket.write(b"still there")
    world.until(lambda: near.received and late.events)
    assert near.received == b"still there"
    assert isinstance(late.events[0], ConnectionRefused | NoSuchPath)


def test_trouble_with_accepting_is_an_event__cl_20_60(
    tcp: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is out of descriptors says so once, with its listener, and stays open."""
    far = Program()
    server = tcp.serve(far)

    def accept(sock: socket.socket) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch, socket.create_connection((HOST, server.local_port)) as one:
        patch.setattr(socket.socket, "_accept" if hasattr(one, "_accept") else "accept", accept)
        tcp.until(lambda: far.events)
        tcp.settle()
    (event,) = far.events
    assert isinstance(event, AcceptError)
    assert event.connection is event.server is server
    assert event.listener.getsockname()[1] == server.local_port
    assert not server.closed


def test_a_late_call_on_a_socket_of_a_closed_server__cl_19_61(tcp: World) -> None:
    """A connection is closed on its own account: its server has nothing to do with it."""
    far = Program()
    tcp.serve(far)
    client = tcp.call()
    tcp.server.close()
    far.socket.close()
    with pytest.raises(StateClosed):
        far.socket.write(b"x")
    tcp.settle()
    assert client.recv(1) == b""
