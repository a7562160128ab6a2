"""AsyncIOStream: a file over a socket that never waits."""

from __future__ import annotations

import io
from typing import Any

import pytest

from reactor.callbacks import AsyncIOStream, init_tcp_socket
from reactor.errors import EndOfStream, StateClosed, WrongThread
from reactor.loop.collection import WaitStateCollection
from tests.reactor.callbacks.conftest import Program, World
from tests.reactor.loop.probe import elsewhere


class Both:
    """A stream, and what writes at the other end of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.near, self.far = Program(), Program()
        self.socket = world.pair(self.near, self.far, stream=True)
        self.stream = self.socket.stream

    def say(self, data: bytes) -> None:
        before = len(self.socket.inbox)
        self.far.socket.write(data)
        self.world.until(lambda: len(self.socket.inbox) == before + len(data))

    def end(self) -> None:
        self.far.socket.close()
        self.world.until(lambda: self.near.events)


@pytest.fixture
def both(world: World) -> Both:
    """A connection in stream mode."""
    return Both(world)


def test_read_never_blocks__cl_29(both: Both) -> None:
    """`read` gives what there is, `None` if there is nothing yet, `b""` behind the end only."""
    assert both.stream.read() is None
    assert both.stream.read(0) == b""
    both.say(b"one two")
    assert both.stream.read(4) == b"one "
    assert both.stream.read(None) == b"two"
    assert both.stream.read(5) is None
    both.say(b"rest")
    both.end()
    assert both.stream.readall() == b"rest"
    assert both.stream.read() == b""
    assert both.stream.read(3) == b""


def test_readinto_is_the_same_as_a_count__cl_29(both: Both) -> None:
    """`readinto` gives the count of what it has moved, `None`, or 0 behind the end."""
    buffer = bytearray(4)
    assert both.stream.readinto(buffer) is None
    assert both.stream.readinto(bytearray()) == 0
    both.say(b"12345")
    assert both.stream.readinto(buffer) == 4
    assert both.stream.readinto(memoryview(buffer)[2:]) == 1
    assert buffer == b"1254"
    both.end()
    assert both.stream.readinto(buffer) == 0
    with pytest.raises(TypeError, match="writable"):
        both.stream.readinto(b"abc")


def test_write_gives_the_length__cl_30(both: Both) -> None:
    """`write` sends like the socket and returns the length of what it was given."""
    assert both.stream.write("ab") == 2
    assert both.stream.write(bytearray(b"cd")) == 2
    both.stream.writelines([b"e", b"f"])
    assert both.stream.flush() is None
    both.world.until(lambda: both.far.received == b"abcdef")


def test_closing_the_stream_closes_the_socket__cl_31(both: Both) -> None:
    """Closing sends what was written; then reading and writing raise, whatever was unread."""
    both.say(b"unread")
    both.stream.write(b"last words")
    assert not both.stream.closed
    both.stream.close()
    assert both.stream.closed
    assert both.socket.closed
    both.stream.close()
    for verb in (
        *(both.stream.read, both.stream.readline, both.stream.readall, both.stream.readlines),
        *(lambda: both.stream.readinto(bytearray(1)), lambda: list(both.stream)),
        *(lambda: both.stream.write(b"x"), lambda: both.stream.writelines([b"x"])),
    ):
        with pytest.raises(StateClosed):
            verb()
    both.world.until(lambda: both.far.events)
    assert both.far.received == b"last words"
    assert both.near.events == []


def test_closing_may_drop_everything__cl_31(both: Both) -> None:
    """`close(abort=True)` drops what is unread and unsent, also behind an orderly close."""
    both.far.socket.disable(read=True)
    both.stream.write(bytes(8 << 20))
    both.stream.close()
    both.stream.close(abort=True)
    both.far.socket.enable(read=True)
    both.world.until(lambda: both.far.events)
    assert len(both.far.received) < 8 << 20
    if both.world.kind != "unix":  # which has no word for it
        assert not isinstance(both.far.events[0], EndOfStream)


def test_after_the_end_the_rest_can_be_read__cl_31(both: Both) -> None:
    """The peer's end closes the socket and leaves what is unread: no last bytes are lost."""
    both.say(b"last words")
    both.end()
    assert both.socket.closed
    assert both.stream.read() == b"last words"
    with pytest.raises(StateClosed):
        both.stream.write(b"x")


def test_an_abort_behind_the_end_drops_the_rest__cl_31(both: Both) -> None:
    """`close(abort=True)` drops what is unread behind the peer's end; a plain close leaves it."""
    both.say(b"last words")
    both.end()
    both.stream.close()
    assert both.stream.read(5) == b"last "
    both.stream.close(abort=True)
    with pytest.raises(StateClosed):
        both.stream.read()


@pytest.mark.parametrize("how", ["raise", "collection", "transport"])
def test_what_the_program_ends_cannot_be_read__cl_31(both: Both, how: str) -> None:
    """However the program ends the connection, reading raises then, and never says "not yet"."""
    both.world.collection.error_handler = lambda thing, exception: None
    match how:
        case "raise":
            both.near.on["read"] = lambda sock, stream: 1 // 0
            both.far.socket.write(b"x")
            both.world.until_closed(both.socket)
        case "collection":
            both.world.collection.close()
        case "transport":
            both.socket.transport.abort()
            both.world.until_closed(both.socket)
    with pytest.raises(StateClosed):
        both.stream.read()


def test_a_socket_has_one_stream__cl_32(both: Both) -> None:
    """A socket and its stream know each other, and each is the same every time."""
    assert both.stream.socket is both.socket
    assert both.socket.stream is both.stream
    assert both.far.socket.stream is both.far.socket.stream
    assert both.far.socket.stream.socket is both.far.socket
    both.end()
    assert both.socket.stream is both.stream


def test_a_stream_is_made_on_demand__cl_32(collection: WaitStateCollection) -> None:
    """A socket that was made without a stream has one when it is asked for it."""
    sock = init_tcp_socket(collection, None)
    assert isinstance(sock.stream, AsyncIOStream)
    sock.close()


def test_lines__cl_89(both: Both) -> None:
    """`readline` gives whole lines, `None` before one is whole, and the rest behind the end."""
    assert both.stream.readline() is None
    both.say(b"one\ntw")
    assert both.stream.readline() == b"one\n"
    assert both.stream.readline() is None
    both.say(b"o\nthree\nfour")
    assert both.stream.readline(2) == b"tw"
    assert both.stream.readline(100) == b"o\n"
    assert both.stream.readline(6) == b"three\n"
    assert both.stream.readline(3) == b"fou"
    assert both.stream.readline() is None
    both.end()
    assert both.stream.readline() == b"r"
    assert both.stream.readline() == b""


def test_lines_are_iterated__cl_89(both: Both) -> None:
    """Iterating gives the lines that are whole, stops, and can go on later."""
    both.say(b"one\ntwo\nth")
    assert list(both.stream) == [b"one\n", b"two\n"]
    both.say(b"ree\nfour")
    assert next(both.stream) == b"three\n"
    assert list(both.stream) == []
    both.end()
    assert list(both.stream) == [b"four"]


def test_a_long_line_is_looked_at_once__cl_89(both: Both) -> None:
    """A line that comes in many pieces is found whole, and its start is not searched again."""
    for _ in range(50):
        both.say(b"x" * 1000)
        assert both.stream.readline() is None
        assert both.socket.inbox._unread.old_length == len(both.socket.inbox)
    both.say(b"\n")
    assert both.stream.readline() == b"x" * 50_000 + b"\n"


def test_it_is_a_raw_file__cl_89(both: Both) -> None:
    """The stream is an `io.RawIOBase` that other code can use, and that `with` closes."""
    stream: Any = both.stream
    assert isinstance(stream, io.RawIOBase)
    assert (stream.readable(), stream.writable(), stream.seekable()) == (True, True, False)
    both.say(b"hello")
    with stream as same:
        assert io.BufferedReader(same).read1() == b"hello"
    assert stream.closed


def test_a_forgotten_stream_closes_nothing__cl_32(both: Both) -> None:
    """A stream that the program drops closes nothing: the connection belongs to its collection."""
    both.near.calls.clear()
    both.stream = None
    both.far.socket.write(b"x")
    both.world.until(lambda: both.near.calls)
    assert not both.socket.closed


def test_only_the_owner_may_read__cl_29(both: Both) -> None:
    """Another thread that reads the stream is a `WrongThread`."""
    with pytest.raises(WrongThread):
        elsewhere(both.stream.read)
