"""Reading with callbacks: bytes or a stream, now or later, and how much may be unread."""

from __future__ import annotations

import contextlib
import contextvars
import socket
import struct
from typing import Any, Final

import pytest

from reactor.callbacks.inbox import READ_AHEAD
from reactor.errors import ConnectionReset, EndOfStream, LimitExceeded
from tests.reactor.callbacks.conftest import Program, World

WHO: Final = contextvars.ContextVar[str]("WHO")
PAYLOAD: Final = (1 << 16) + 20_000  # bytes


def test_each_arrival_is_fresh_bytes__cl_25(world: World) -> None:
    """Each arrival calls `read_cb` with bytes that are not empty, and nothing is kept."""
    near, far = Program(), Program()
    world.pair(near, far)
    for word in (b"one", b"two"):
        far.socket.write(word)
        world.until_read(near, word)
    assert near.calls[-2:] == [("read", b"one"), ("read", b"two")]
    assert all(type(call[1]) is bytes for call in near.calls if call[0] == "read")
    assert near.socket.stream.read() is None


def test_a_stream_keeps_what_arrives__cl_26_28(world: World) -> None:
    """In stream mode `read_cb` gets the stream of the connect; what is unread stays for later."""
    near, far = Program(), Program()
    sock = world.pair(near, far, stream=True)
    far.socket.write(b"one ")
    world.until(lambda: "read" in near.names)
    world.settle()
    assert near.calls.count(("read", sock.stream)) == 1  # it comes again at an arrival only
    far.socket.write(b"two")
    world.until(lambda: near.calls.count(("read", sock.stream)) == 2)
    assert sock.stream.read(6) == b"one tw"
    assert sock.stream.read() == b"o"


@pytest.mark.parametrize(
    ("stream", "drain", "gets"),
    [
        (False, None, "bytes"),
        (False, True, "bytes"),
        (False, False, "stream"),
        (True, None, "stream"),
        (True, False, "stream"),
        (True, True, "bytes"),
    ],
)
def test_drain_decides_what_is_given__cl_27(
    tcp: World, stream: bool, drain: bool | None, gets: str
) -> None:
    """`read_cb` gets bytes if it drains, which is the default unless there is a stream."""
    near, far = Program(), Program()
    sock = tcp.pair(near, far, stream=stream, drain=drain)
    far.socket.write(b"x")
    tcp.until(lambda: "read" in near.names)
    assert near.calls[-1] == ("read", b"x" if gets == "bytes" else sock.stream)


def test_without_a_read_callback_64_kib_are_read_ahead__cl_33(tcp: World) -> None:
    """Without a `read_cb` 64 KiB are kept for one that is given later, the rest stays outside."""
    near = Program()
    sock, peer = tcp.bare(near, read_cb=None)
    peer.settimeout(0.0)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += peer.send(bytes(100_000))
            tcp.settle()
    assert READ_AHEAD <= len(sock.inbox) < 2 * READ_AHEAD + 200_000
    sock.write(b"", read_cb=near.read)
    tcp.until(lambda: len(near.received) == sent)
    assert len(sock.inbox) == 0


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_read_ahead_is_delivered_once__cl_33(world: World, stream: bool) -> None:
    """What came before there was a `read_cb` is told of in the next turn, once, in order."""
    near, far = Program(), Program()
    sock = world.pair(near, far, read_cb=None, stream=stream)
    far.socket.write(b"early ")
    world.until(lambda: len(sock.inbox) == 6)
    sock.write(b"x", read_cb=near.read)
    assert "read" not in near.names
    world.settle()
    assert near.calls.count(("read", sock.stream if stream else b"early ")) == 1
    far.socket.write(b"late")
    world.until(lambda: sum(call[0] == "read" for call in near.calls) == 2)
    assert (sock.stream.read() if stream else near.received) == b"early late"


def test_what_arrives_in_the_very_turn_is_told_in_the_next__cl_33_38(tcp: World) -> None:
    """What arrives in the turn in which a first `read_cb` is given is told to it in the next."""
    near, later = Program(), Program()
    late, late_peer = tcp.bare(Program(), read_cb=None)
    near.on["read"] = lambda sock, data: late.write(b"x", read_cb=later.read)
    _, peer = tcp.bare(near)
    peer.sendall(b"give it")
    late_peer.sendall(b"hello")
    tcp.settle()
    assert later.received == b"hello"


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_read_by_hand_is_not_told__cl_25_33(tcp: World, stream: bool) -> None:
    """A `read_cb` that comes when all was read by hand is not called for nothing."""
    near = Program()
    made, peer = tcp.bare(near, read_cb=None, stream=stream)
    sock = made.socket if stream else made
    peer.sendall(b"early")
    tcp.until(lambda: len(sock.inbox) == 5)
    assert sock.stream.read() == b"early"
    sock.write(b"x", read_cb=near.read)
    tcp.settle()
    assert near.names == ["connect", "write"]


def test_reading_that_is_enabled_for_nobody_is_quiet__cl_33_47(tcp: World) -> None:
    """Enabling reading over bytes that nobody is there for keeps them, and does not spin."""
    near = Program()
    sock, peer = tcp.bare(near, read_cb=None)
    peer.sendall(b"kept")
    tcp.until(lambda: len(sock.inbox) == 4)
    sock.disable(read=True)
    sock.enable(read=True)
    tcp.settle()
    assert len(sock.inbox) == 4


def test_what_was_kept_is_told_in_the_context_of_the_socket__cl_33(tcp: World) -> None:
    """A callback for what was kept has the context variables that all callbacks have."""
    seen = list[str]()
    near = Program(read=lambda *arguments: seen.append(WHO.get()))
    token = WHO.set("the one who connects")
    sock, peer = tcp.bare(near, read_cb=None)
    WHO.reset(token)
    peer.sendall(b"early")
    tcp.until(lambda: len(sock.inbox) == 5)
    sock.write(b"x", read_cb=near.read)
    tcp.settle()
    peer.sendall(b"late")
    tcp.until_read(near, b"late")
    assert seen == ["the one who connects"] * 2


def test_without_a_read_callback_an_end_is_met__cl_33(world: World) -> None:
    """Without a `read_cb` an end within what is read ahead is told as always."""
    near, far = Program(), Program()
    sock = world.pair(near, far, read_cb=None)
    far.socket.write(b"last words")
    far.socket.close()
    world.until(lambda: near.events)
    assert isinstance(near.events[0], EndOfStream)
    assert sock.stream.read() == b"last words"


def test_reading_by_hand_makes_room__cl_33(tcp: World) -> None:
    """A program that only reads the stream, whenever it likes, gets all of it."""
    near = Program()
    sock, peer = tcp.bare(near, read_cb=None)
    peer.settimeout(0.0)
    got, sent, total = b"", 0, bytes(range(250)) * 4000
    while len(got) < len(total):
        with contextlib.suppress(BlockingIOError):
            sent += peer.send(total[sent:])
        tcp.settle()
        got += sock.stream.read() or b""
    assert got == total


def test_a_failure_does_not_drop_what_came_before__cl_31_33(tcp: World) -> None:
    """What had arrived before a failure can be read; then reading raises the failure."""
    near = Program()
    sock, peer = tcp.bare(near, stream=True)
    peer.sendall(b"words")
    tcp.until(lambda: "read" in near.names)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    tcp.until(lambda: near.events)
    assert isinstance(near.events[0], ConnectionReset)
    assert sock.socket.closed
    assert sock.read() == b"words"
    with pytest.raises(ConnectionReset):
        sock.read()


def test_too_much_unread_ends_it__cl_34(world: World) -> None:
    """Above `input_limit` unread bytes the socket is closed, and the event says why."""
    near, far = Program(), Program()
    sock = world.pair(near, far, stream=True)
    assert sock.input_limit == 16 << 20
    sock.input_limit = 100_000
    far.socket.write(bytes(100_000))
    world.until(lambda: len(sock.inbox) == 100_000)
    assert near.events == []
    far.socket.write(b"x")
    world.until(lambda: near.events)
    (event,) = near.events
    assert isinstance(event, LimitExceeded)
    assert (event.identifier, event.connection) == ("input-limit", sock)
    assert sock.closed
    with pytest.raises(ValueError, match="input_limit"):
        sock.input_limit = -1


def test_who_reads_is_never_above_the_limit__cl_34(world: World) -> None:
    """A callback that takes what it is told of may have a limit below one arrival."""
    got = bytearray()
    near = Program(read=lambda sock, stream: got.extend(stream.read()))
    far = Program()
    sock = world.pair(near, far, stream=True)
    sock.input_limit = 10
    far.socket.write(bytes(200_000))
    world.until(lambda: len(got) == 200_000)
    assert near.events == []


def test_every_client_has_its_own_bytes__cl_35(world: World) -> None:
    """Four clients that send different payloads at one time are never mixed up."""
    got = dict[Any, bytearray]()
    far = Program(read=lambda sock, data: got.setdefault(sock, bytearray()).extend(data))
    world.serve(far)
    payloads = [bytes([65 + number]) * PAYLOAD for number in range(4)]
    for payload in payloads:
        world.connect(Program(), data=payload)
    world.until(lambda: sum(len(data) for data in got.values()) == 4 * PAYLOAD)
    assert sorted(got.values()) == payloads
