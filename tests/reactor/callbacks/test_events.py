"""Events: the one at the end of each connection, and what is called in place of none."""

from __future__ import annotations

import gc
import logging
import socket
import weakref
from typing import Any, Final

import pytest

from reactor.callbacks import init_tcp_socket, tcp_connect
from reactor.errors import (
    ConnectionReset,
    EndOfStream,
    NameLookupFailed,
    OperationTimeout,
    ReactorError,
    SocketError,
    StateClosed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import log_and_close, propagate
from reactor.testing.clock import ManualClock
from tests.reactor.callbacks.conftest import HOST, Program, World, reset
from tests.reactor.opening.network import resolver

PLENTY: Final = bytes(8 << 20)
Errors = list[tuple[Any, BaseException]]


def test_what_a_socket_shows__cl_21_22_23_24(world: World) -> None:
    """A socket has its transport, addresses, one slot for the program, and says if it is closed."""
    near, far = Program(), Program()
    sock = world.pair(near, far)
    assert (sock.data, sock.closed) == (None, False)
    sock.data = {"any": "object"}
    far.socket.write(b"x")
    world.until(lambda: near.received)
    assert sock.data == {"any": "object"}
    assert sock.address == far.socket.peer_address
    assert sock.peer_address == far.socket.address
    assert sock.transport.get_protocol() is sock
    far.socket.close()
    world.until(lambda: near.events)
    assert sock.closed
    assert sock.data == {"any": "object"}
    far.socket.close()
    sock.close()


def test_before_the_connection_there_are_no_addresses__cl_21(
    collection: WaitStateCollection,
) -> None:
    """A socket that is not connected has no addresses and no transport, and can be shown."""
    sock = init_tcp_socket(collection, None)
    assert (sock.address, sock.peer_address, sock.transport) == ((None, None), (None, None), None)
    assert repr(sock) == "<TCPSocket to nobody>"
    sock.close()
    assert repr(sock) == "<TCPSocket to nobody closed>"


def test_an_end_is_no_failure__cl_53_54_56(world: World) -> None:
    """The peer's end is one `EndOfStream`, which names its socket and is no `SocketError`."""
    near, far = Program(), Program()
    sock = world.pair(near, far)
    far.socket.close()
    world.until(lambda: near.events)
    (event,) = near.events
    assert isinstance(event, EndOfStream)
    assert isinstance(event, ReactorError)
    assert not isinstance(event, SocketError)
    assert event.connection is sock


def test_closed_is_true_behind_the_callback_for_an_end__cl_24_57(world: World) -> None:
    """In the callback for an end the socket is open: what is written there is sent."""
    closed = list[bool]()

    def event(event: Any) -> None:
        closed.append(event.connection.closed)
        event.connection.write(b"and goodbye", write_cb=lambda sock: closed.append(False))

    near, far = Program(event=event), Program()
    sock = world.pair(near, far)
    sock.disable(write=True)
    sock.transport.write(b"queued ")
    sock.transport.hold_output()
    peer = far.socket.transport
    peer.write_eof()
    world.until(lambda: far.events)
    assert far.received == b"queued and goodbye"
    assert closed == [False]
    assert sock.closed
    assert near.names[-1] == "event"


def test_a_failure_closes_before_it_is_told__cl_55_63_64(tcp: World) -> None:
    """A failure is one `SocketError` on a closed socket, and the last call; closing is harmless."""
    closed = list[bool]()

    def event(event: Any) -> None:
        closed.append(event.connection.closed)
        event.connection.close()
        event.connection.close(abort=True)

    near = Program(event=event)
    sock, peer = tcp.bare(near)
    reset(peer)
    tcp.until(lambda: near.events)
    tcp.settle()
    (error,) = near.events
    assert isinstance(error, ConnectionReset)
    assert isinstance(error, SocketError)
    assert (error.connection, closed) == (sock, [True])


def test_errors_have_the_names_of_the_system__cl_63(
    collection: WaitStateCollection, tcp: World
) -> None:
    """An unknown name is a `NameLookupFailed`, with the identifier that tells why."""
    near = Program()
    collection.resolver = resolver()
    tcp_connect(collection, "nowhere.example", 80, near.read, near.event)
    tcp.settle()
    tcp.until(lambda: near.events)
    (event,) = near.events
    assert isinstance(event, NameLookupFailed)
    assert (event.identifier, event.phase) == ("host-not-found", "resolve")
    collection.resolver.close()


def test_one_class_catches_all_timeouts__cl_58(clock: ManualClock, tcp: World) -> None:
    """A limit that has passed is an `OperationTimeout`, which is a `TimeoutError`."""
    near = Program()
    tcp.pair(near, Program(), read_timeout=1.0)
    clock.advance(1.0)
    tcp.until(lambda: near.events)
    assert isinstance(near.events[0], OperationTimeout)
    assert isinstance(near.events[0], TimeoutError)


def test_a_closed_socket_is_no_event__cl_61(world: World) -> None:
    """Using a closed socket raises `StateClosed` where it is used, and is never an event."""
    near = Program()
    sock = world.pair(near, Program())
    sock.close()
    with pytest.raises(StateClosed):
        sock.write(b"x")
    world.settle()
    assert near.events == []


@pytest.mark.parametrize("how", ["end", "reset", "timeout", "close", "collection"])
def test_every_connection_has_one_event_or_none__cl_64(
    clock: ManualClock, tcp: World, how: str
) -> None:
    """An end and a failure give one last event; what the program ends itself gives none."""
    near = Program()
    sock, peer = tcp.bare(near, read_timeout=5.0, write_timeout=7.0)
    sock.write(PLENTY)
    tcp.settle()
    match how:
        case "end":
            peer.shutdown(socket.SHUT_WR)
        case "reset":
            reset(peer)
        case "timeout":
            clock.advance(5.0)
        case "close":
            sock.close()
        case "collection":
            tcp.collection.close()
    if tcp.collection.alive:
        tcp.settle()
        clock.advance(100.0)
        tcp.settle()
    assert len(near.events) == (how in ("end", "reset", "timeout"))
    assert near.names[-1] == ("event" if near.events else "connect")
    assert sock.closed


@pytest.mark.parametrize("stream", [False, True])
def test_closing_the_collection_closes_what_is_on_its_way__cl_87(tcp: World, stream: bool) -> None:
    """A socket that is being connected is closed with its collection, without a call."""
    near = Program()
    tcp.serve(near)
    made = tcp.connect(near, stream=stream)
    tcp.collection.close()
    assert made.closed
    assert near.calls == []


@pytest.mark.parametrize("how", ["end", "close", "abort", "before it is up"])
def test_what_has_ended_is_no_circle__cl_87(tcp: World, how: str) -> None:
    """A connection that has ended is freed at once, with what the program has put on it, without
    the collector of garbage.
    """
    ends = list[Any]()
    with socket.create_server((HOST, 0)) as listener:
        sock = tcp_connect(
            tcp.collection, HOST, listener.getsockname()[1], None, lambda event: ends.append(how)
        )
        sock.data = mark = Program()
        gone = weakref.ref(mark)
        gc.disable()
        try:
            if how == "before it is up":
                sock.close()
            tcp.settle()
            with listener.accept()[0] as peer:
                tcp.settle()
                if how == "end":
                    peer.close()
                    tcp.until(lambda: ends)
                else:
                    sock.close(abort=how == "abort")
                tcp.settle()
            del sock, mark
            assert gone() is None
        finally:
            gc.enable()


def test_without_an_event_cb_the_log_is_told__cl_65(
    tcp: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Without an `event_cb` a failure is logged as a warning, an end for debugging."""
    caplog.set_level(logging.DEBUG, logger="reactor")
    for ends in (socket.socket.close, reset):
        near = Program()
        sock, peer = tcp.bare(near, event_cb=None)
        ends(peer)
        tcp.until_closed(sock)
    end, failure = caplog.records
    assert (end.levelno, failure.levelno) == (logging.DEBUG, logging.WARNING)
    assert repr(sock) in failure.message


def explode(*arguments: Any) -> None:
    raise ZeroDivisionError


def test_an_event_cb_that_raises__cl_66(world: World, errors: Errors) -> None:
    """What an `event_cb` raises goes to the error handler, and never to an `event_cb` again."""
    near, far = Program(event=explode), Program()
    sock = world.pair(near, far)
    far.socket.close()
    world.until(lambda: errors)
    world.settle()
    ((concerned, exception),) = errors
    assert sock.closed
    assert concerned is sock
    assert isinstance(exception, ZeroDivisionError)
    assert len(near.events) == 1


def raise_again(event: Any) -> None:
    raise event


def test_an_event_cb_that_raises_its_event__cl_66(tcp: World, errors: Errors) -> None:
    """An `event_cb` may raise the failure that it was given: the error handler has it."""
    near = Program(event=raise_again)
    sock, peer = tcp.bare(near)
    reset(peer)
    tcp.until(lambda: errors)
    assert errors == [(sock, near.events[0])]


@pytest.mark.parametrize("which", ["connect", "read", "write"])
def test_another_callback_that_raises__cl_67(world: World, errors: Errors, which: str) -> None:
    """What another callback raises goes to the error handler, and ends its socket without event."""
    near, far = Program(**{which: explode}), Program()
    world.serve(far)
    sock = world.connect(near, data=b"x")
    world.until(lambda: far.sockets)
    world.settle()
    if which == "read":
        far.socket.write(b"y")
    world.until(lambda: errors)
    world.settle()
    ((concerned, exception),) = errors
    assert sock.closed
    assert concerned is sock
    assert isinstance(exception, ZeroDivisionError)
    assert near.events == []


def test_by_default_it_is_logged_and_closed__cl_67(
    tcp: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Under the default error handler the exception is logged and the socket closed."""
    near, far = Program(read=explode), Program()
    tcp.collection.error_handler = log_and_close
    sock = tcp.pair(near, far)
    far.socket.write(b"x")
    tcp.until(lambda: sock.closed)
    tcp.settle()
    (record,) = caplog.records
    assert repr(sock).removesuffix(" closed>") in record.message
    assert near.events == []


def test_propagated_it_leaves_the_loop__cl_67(tcp: World) -> None:
    """Under `propagate` the exception leaves the loop, and its socket is closed all the same."""
    near, far = Program(read=explode), Program()
    tcp.collection.error_handler = propagate
    sock = tcp.pair(near, far)
    far.socket.write(b"x")
    with pytest.raises(ZeroDivisionError):
        tcp.until(lambda: sock.closed)
    tcp.settle()
    assert sock.closed
    assert near.events == []


def test_a_loss_met_by_a_write_is_an_event__cl_55(tcp: World, errors: Errors) -> None:
    """A callback that meets the loss by writing is not at fault: the loss is an event."""
    near = Program()

    def write_on(sock: Any) -> None:
        sock.write(b"y")
        sock.write(b"z")

    sock, peer = tcp.bare(near, write_cb=write_on)
    sock.disable(read=True)
    reset(peer)
    sock.write(b"x")
    tcp.settle()
    sock.enable(read=True)
    tcp.until(lambda: near.events)
    assert errors == []
    assert len(near.events) == 1
    assert sock.closed


@pytest.mark.parametrize("ends", [socket.socket.close, reset])
def test_a_last_read_cb_that_raises__cl_67(tcp: World, errors: Errors, ends: Any) -> None:
    """What the `read_cb` for the last bytes raises is told instead of the end behind them."""
    near = Program(read=explode)
    sock, peer = tcp.bare(near, read_cb=None)
    peer.sendall(b"last words")
    tcp.until(lambda: len(sock.inbox))
    ends(peer)
    sock.write(b"", read_cb=near.read)
    tcp.until_closed(sock)
    assert [concerned for concerned, _ in errors] == [sock]
    assert near.names == ["connect", "read"]


def test_propagated_it_closes_at_once__cl_67(tcp: World) -> None:
    """Under `propagate` the socket is closed when the exception leaves the loop."""
    near = Program(read=explode)
    tcp.collection.error_handler = propagate
    sock, peer = tcp.bare(near)
    peer.sendall(b"x")
    with pytest.raises(ZeroDivisionError):
        tcp.until(lambda: False)
    assert sock.closed
    with pytest.raises(StateClosed):
        sock.write(b"x")
