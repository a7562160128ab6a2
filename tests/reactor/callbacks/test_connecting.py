"""Clients as functions: how a connection is begun, made, refused and given up."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.callbacks import (
    AsyncIOStream,
    TCPSocket,
    connect_tcp_socket,
    init_tcp_socket,
    tcp_connect,
)
from reactor.errors import (
    ConnectionRefused,
    ConnectTimedOut,
    OperationNotAllowed,
    OperationTimeout,
    StateClosed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.reactor.callbacks.conftest import HOST, Program, World
from tests.reactor.opening.network import free_port, full_listener, port_of, silent_resolver


def test_each_call_makes_a_connection__cl_01(world: World) -> None:
    """Each `tcp_connect` returns at once, with a socket, or a stream around one, of its own."""
    near, far = Program(), Program()
    world.serve(far)
    first, second = world.connect(near), world.connect(near, stream=True)
    assert isinstance(first, TCPSocket)
    assert isinstance(second, AsyncIOStream)
    assert (near.calls, far.calls) == ([], [])
    world.until(lambda: len(far.sockets) == 2 and len(near.sockets) == 2)
    assert {*near.sockets} == {first, second.socket}


def test_nothing_happens_before_the_loop_runs__cl_02(tcp: World) -> None:
    """A program may connect, write and listen before the loop runs: until then nothing happens."""
    near, far = Program(), Program()
    tcp.serve(far)
    sock = tcp.connect(near, data="a")
    sock.write("b")
    assert sock.transport is None
    assert (near.calls, far.calls) == ([], [])
    tcp.until(lambda: far.received)
    assert far.received == b"ab"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", 0x7F000001])
def test_every_form_of_a_host_will_do__cl_03(
    collection: WaitStateCollection, tcp: World, host: Any
) -> None:
    """A name, numeric text and a number reach the same server, a name by all of its addresses."""
    near, far = Program(), Program()
    tcp.serve(far)
    tcp.keep(tcp_connect(collection, host, tcp.server.local_port, near.read, data=b"hello"))
    tcp.until(lambda: far.received)
    assert far.received == b"hello"


def test_what_leaves_first__cl_04_05(world: World) -> None:
    """First `connect_cb` is called; then `data` leaves, and later writes; then `write_cb`."""
    near = Program(connect=lambda sock: sock.write("you"))
    far = Program(read=lambda sock, data: sock.write(b"!"))
    world.serve(far)
    sock = world.connect(near, data="ha")
    sock.write("i ")
    world.until(lambda: near.received)
    assert far.received == b"hai you"
    assert near.names == ["connect", "write", "read"]


def test_early_output_is_one_piece__cl_04_37(tcp: World) -> None:
    """What was written before the connection was up arrives as one piece, in order."""
    near = Program()
    sock, peer = tcp.bare(near, data="one ")
    assert peer.recv(100) == b"one "
    near, late = Program(connect=lambda sock: sock.write("three")), Program()
    tcp.serve(late)
    sock = tcp.connect(near, data=b"one ")
    sock.write(bytearray(b"two "))
    tcp.until(lambda: late.received)
    assert late.calls == [("connect",), ("read", b"one two three")]


def test_connected_under_tls_is_behind_the_handshake__cl_06(world: World) -> None:
    """`connect_cb` is called once, with the socket, also for a stream; TLS is up by then."""
    versions = list[Any]()
    near = Program(
        connect=lambda sock: versions.append(sock.transport.get_extra_info("ssl_object"))
    )
    world.serve(Program())
    stream = world.connect(near, stream=True)
    world.until(lambda: near.calls)
    world.settle()
    assert near.calls == [("connect",)]
    assert near.socket is stream.socket
    assert [bool(one) for one in versions] == [world.kind == "tls"]


def test_a_refusal_is_one_event__cl_07_59(tcp: World) -> None:
    """A connection that fails gives one event, on a closed socket, and no other call."""
    near = Program(event=lambda event: seen.append(event.connection.closed))
    seen = list[bool]()
    sock = tcp.dial(near, free_port(), data=b"x")
    tcp.until(lambda: near.events)
    tcp.settle()
    assert near.names == ["event"]
    (event,) = near.events
    assert isinstance(event, ConnectionRefused)
    assert event.connection is sock
    assert seen == [True]


@pytest.mark.parametrize(("limit", "passes"), [(1.0, 1.0), (-1, 30.0), (None, 30.0), (0, 30.0)])
def test_connecting_has_the_read_timeout_or_30_s__cl_08(
    clock: ManualClock, tcp: World, limit: float | None, passes: float
) -> None:
    """The read timeout bounds connecting too, and gives one `ConnectTimedOut`; without it, 30 s."""
    near = Program()
    with full_listener() as silent:
        tcp.dial(near, port_of(silent), read_timeout=limit)
        clock.advance(passes - 0.01)
        tcp.settle()
        assert near.calls == []
        clock.advance(0.01)
        tcp.settle()
    (event,) = near.events
    assert isinstance(event, ConnectTimedOut)
    assert isinstance(event, OperationTimeout)
    assert (event.phase, event.limit) == ("connect", passes)


def test_a_look_up_counts_too__cl_08(
    collection: WaitStateCollection, clock: ManualClock, tcp: World
) -> None:
    """A look-up that outlasts the read timeout is a `ConnectTimedOut` of phase "resolve"."""
    near = Program()
    with silent_resolver() as collection.resolver:
        tcp_connect(collection, "slow.example", 9, near.read, near.event, read_timeout=2.0)
        clock.advance(2.0)
        tcp.settle()
    (event,) = near.events
    assert isinstance(event, ConnectTimedOut)
    assert (event.phase, event.limit) == ("resolve", 2.0)


@pytest.mark.parametrize(("limit", "passes"), [(5.0, 5.0), (None, 30.0)])
def test_the_limit_of_connecting_can_be_changed__cl_08_52(
    clock: ManualClock, tcp: World, limit: float | None, passes: float
) -> None:
    """`set_timeouts` gives a connection that is being made another limit, counted from the call."""
    near = Program()
    with full_listener() as silent:
        sock = tcp.dial(near, port_of(silent), read_timeout=4.0)
        clock.advance(3.0)
        sock.set_timeouts(limit, None)
        clock.advance(passes - 0.1)
        tcp.settle()
        assert near.calls == []
        clock.advance(0.1)
        tcp.settle()
    assert [type(event) for event in near.events] == [ConnectTimedOut]
    assert near.events[0].limit == passes


def test_closing_before_it_is_up_gives_it_up__cl_09(world: World) -> None:
    """A socket that is closed before it is connected calls nobody."""
    near, far = Program(), Program()
    world.serve(far)
    sock = world.connect(near, data=b"x")
    sock.close()
    sock.close()
    world.settle()
    assert sock.closed
    assert near.calls == []
    assert far.received == b""


@pytest.mark.parametrize("stream", [False, True])
def test_in_two_steps__cl_10_11(collection: WaitStateCollection, tcp: World, stream: bool) -> None:
    """`init_tcp_socket` makes what `connect_tcp_socket` connects, and returns; writes wait."""
    near, far, later = Program(), Program(), Program()
    tcp.serve(far)
    made = init_tcp_socket(
        collection,
        near.read,
        near.event,
        data="one ",
        stream=stream,
        connect_cb=near.connect,
        write_cb=near.write,
    )
    tcp.keep(made)
    made.write(b"two")
    tcp.settle()
    assert near.calls == []
    port = tcp.server.local_port
    assert connect_tcp_socket(made, HOST, port, event_cb=later.event) is made
    with pytest.raises(OperationNotAllowed, match="before"):
        connect_tcp_socket(made, HOST, port)
    tcp.until(lambda: far.received and "write" in near.names)
    assert far.received == b"one two"
    with pytest.raises(OperationNotAllowed):
        connect_tcp_socket(made, HOST, port)
    far.socket.close()
    tcp.until(lambda: later.events)
    assert near.events == []


def test_what_is_closed_cannot_be_connected__cl_11(collection: WaitStateCollection) -> None:
    """Connecting a closed socket is a `StateClosed`; a wrong port leaves it as it was."""
    sock = init_tcp_socket(collection, None)
    with pytest.raises(ValueError, match="port"):
        connect_tcp_socket(sock, HOST, 70_000)
    sock.close()
    with pytest.raises(StateClosed):
        connect_tcp_socket(sock, HOST, 80)
