"""What is read from a stream, and what stays for the next read."""

from __future__ import annotations

import functools
import io
from typing import Any

import pytest

from reactor.errors import (
    EndOfStream,
    LimitExceeded,
    OperationTimeout,
)
from reactor.stream.socket_stream import SocketStream
from reactor.stream.stream_base import INPUT_LIMIT
from tests.reactor.stream.conftest import Pair
from tests.reactor.stream.streams import SHORT, meanwhile

BULK = bytes(range(256)) * 4096  # a mebibyte: more than a kernel takes at once


def test_a_read_gives_exactly_what_was_asked_for__lw_181(pair: Pair) -> None:
    """`read(n)` gives exactly n bytes, fewer only at the end of the stream, and then none."""
    near, far = pair
    far.write(b"abc")
    far.write(b"defgh")
    assert (near.read(4), near.read(0), near.read(2)) == (b"abcd", b"", b"ef")
    far.shutdown("output")
    assert [near.read(10) for _ in range(3)] == [b"gh", b"", b""]


def test_a_large_read_is_whole_too__lw_181(pair: Pair) -> None:
    """A read of more than comes at once waits for the rest of it, and takes no byte too many."""
    near, far = pair
    with meanwhile(lambda: far.write(BULK + b"behind")):
        assert near.read1(1) == BULK[:1]
        assert near.read(len(BULK) - 1) == BULK[1:]
        assert near.read(6) == b"behind"


def test_everything_to_the_end__lw_181(pair: Pair) -> None:
    """`read()` gives all that comes before the end of the stream."""
    near, far = pair

    def speak() -> None:
        far.write(BULK)
        far.shutdown("output")

    with meanwhile(speak):
        assert near.read() == BULK
    assert near.read(None) == near.read1() == near.readline() == b""


def test_a_buffer_is_filled__lw_181(pair: Pair) -> None:
    """`readinto` fills a buffer to its end unless the stream ends before."""
    near, far = pair
    buffer = bytearray(b"........")
    far.write(b"123456789")
    assert near.readinto(memoryview(buffer)[2:6]) == 4
    assert buffer == b"..1234.."
    far.shutdown("output")
    assert near.readinto(buffer) == 5
    assert buffer == b"567894.."
    assert (near.readinto(buffer), near.readinto(bytearray())) == (0, 0)


@pytest.mark.parametrize("peeked", [False, True])
@pytest.mark.parametrize("buffer", [b"12345", memoryview(bytearray(9))[::2], "12345"])
def test_a_buffer_that_cannot_be_filled_costs_no_byte__lw_181(
    pair: Pair, buffer: Any, peeked: bool
) -> None:
    """A buffer that is read-only, in pieces or no buffer is refused, and what it was meant for is
    still there to be read.
    """
    near, far = pair
    far.write(b"abcdefgh")
    if peeked:
        near.peek()
    for verb in (near.readinto, near.readinto1):
        with pytest.raises(TypeError):
            verb(buffer)
    assert near.read(8) == b"abcdefgh"


def test_a_large_buffer_is_filled_in_place__lw_181(pair: Pair) -> None:
    """A buffer larger than what the kernel holds is filled while the peer goes on."""
    near, far = pair
    buffer = bytearray(len(BULK))
    with meanwhile(lambda: far.write(BULK)):
        assert near.readinto(buffer) == len(BULK)
    assert buffer == BULK


def test_what_there_is_comes_at_once__lw_181(pair: Pair) -> None:
    """`read1` and `readinto1` give what there is and wait only if there is nothing."""
    near, far = pair
    far.write(b"abcdef")
    assert near.read1(2) == b"ab"
    buffer = bytearray(10)
    assert near.readinto1(buffer) == 4
    assert bytes(buffer[:4]) == b"cdef"
    assert near.read1(0) == b""
    assert near.readinto1(bytearray()) == 0
    far.write(b"more")
    assert near.read1() == b"more"
    far.shutdown("output")
    assert near.read1() == b""
    assert near.readinto1(buffer) == 0


def test_lines_come_with_their_ends__lw_181(pair: Pair) -> None:
    """`readline` and iteration give lines with their ends, the last one as it is."""
    near, far = pair
    far.write(b"one\ntw")
    assert near.readline() == b"one\n"
    assert near.readline(1) == b"t"
    far.write(b"o\n\nthree")
    far.shutdown("output")
    assert near.readline(2) == b"wo"
    assert list(near) == [b"\n", b"\n", b"three"]
    assert near.readline() == b""


def test_a_line_is_cut_where_it_was_told_to__lw_181(sockets: Pair) -> None:
    """`readline(n)` gives n bytes of a longer line, whose rest comes next."""
    near, far = sockets
    far.write(b"abcdef\n")
    assert [near.readline(3), near.readline(4), near.readline(0)] == [b"abc", b"def\n", b""]


def test_a_number_of_bytes_or_an_error__lw_181(pair: Pair) -> None:
    """`read_exactly` raises `EndOfStream` if the stream ends before, and its bytes stay."""
    near, far = pair
    far.write(b"abcd")
    far.shutdown("output")
    assert near.read_exactly(2) == b"ab"
    with pytest.raises(EndOfStream, match="2 of 3 bytes"):
        near.read_exactly(3)
    assert near.read() == b"cd"
    with pytest.raises(ValueError, match="0 or more"):
        near.read_exactly(-1)


def trickle(stream: SocketStream, data: bytes) -> None:
    """Write byte by byte."""
    for index in range(len(data)):
        stream.write(data[index : index + 1])


@pytest.mark.parametrize("delimiter", [b"\r\n", b"\n", b"--boundary--"])
def test_up_to_a_delimiter__lw_181(pair: Pair, delimiter: bytes) -> None:
    """`read_until` gives what comes up to a delimiter and the delimiter, however it is cut."""
    near, far = pair
    for number in range(256 % len(delimiter), 2 + len(delimiter)):
        text = b"x" * number + delimiter
        with meanwhile(functools.partial(trickle, far, text)):
            assert near.read_until(delimiter) == text
    far.write(b"rest" + delimiter[:-1])
    far.shutdown("output")
    with pytest.raises(EndOfStream, match="without"):
        near.read_until(delimiter)
    assert near.read() == b"rest" + delimiter[:-1]


def test_a_delimiter_that_can_come_no_more_is_not_waited_for__lw_181(sockets: Pair) -> None:
    """When as many bytes as may have come and no delimiter is among them, `read_until` says so,
    and does not wait for one byte more from a peer that may be waiting for an answer.
    """
    near, far = sockets
    near.read_timeout = SHORT
    far.write(b"hello")
    with pytest.raises(LimitExceeded):
        near.read_until(b"\n", 5)
    assert near.read(5) == b"hello"
    far.write(b"hell\n")
    assert near.read_until(b"\n", 5) == b"hell\n"


def test_a_delimiter_has_a_byte(sockets: Pair) -> None:
    with pytest.raises(ValueError, match="at least one"):
        sockets[0].read_until(b"")


@pytest.mark.parametrize(
    "read",
    [
        SocketStream.readline,
        SocketStream.read,
        lambda stream: stream.read_until(b"\r\n"),
        lambda stream: stream.read_until(b"\n", 9),
    ],
)
def test_what_has_no_end_has_a_limit__lw_181(sockets: Pair, read: Any) -> None:
    """A line, or a rest, longer than `input_limit` raises `LimitExceeded`; it can be read on."""
    near, far = sockets
    near.input_limit = 10
    far.write(b"0123456789abcdef")
    for _ in range(2):
        with pytest.raises(LimitExceeded) as raised:
            read(near)
        assert raised.value.identifier == "input-limit"
    assert near.read(16) == b"0123456789abcdef"


def test_as_much_as_the_limit_allows_is_no_excess__lw_181(sockets: Pair) -> None:
    """As many bytes as `input_limit` allows, and then the end, are read; None is no limit."""
    near, far = sockets
    near.input_limit = 4
    far.write(b"abc\nabcdefgh")
    far.shutdown("output")
    assert near.readline() == b"abc\n"
    near.input_limit = None
    assert near.read() == b"abcdefgh"
    with pytest.raises(ValueError, match="1 or more"):
        near.input_limit = 0


def test_16_mib_may_come_without_an_end__lw_181(sockets: Pair) -> None:
    """`input_limit` is 16 MiB unless it is set."""
    assert sockets[0].input_limit == INPUT_LIMIT == 16 << 20


@pytest.mark.parametrize("size", [5, 100_000])
def test_what_came_before_a_limit_stays__lw_182__cc_53(pair: Pair, size: int) -> None:
    """A limit that passes raises `OperationTimeout`; what had arrived is given by the next read."""
    near, far = pair
    near.read_timeout = SHORT
    far.write(b"abc")
    for read in (near.read, near.read_exactly, lambda n: near.readinto(bytearray(n))):
        with pytest.raises(OperationTimeout) as raised:
            read(size)
        assert (raised.value.phase, raised.value.limit) == ("read", SHORT)
    with pytest.raises(OperationTimeout):
        near.readline()
    far.write(b"de")
    assert near.read(5) == b"abcde"


def test_looking_ahead_consumes_nothing__lw_194(pair: Pair) -> None:
    """`peek` gives unread bytes, at least one, and the next read gives them again."""
    near, far = pair
    far.write(b"abc")
    assert near.peek().startswith(b"a")
    assert (near.read(2), near.peek(), near.peek(5)) == (b"ab", b"c", b"c")
    assert near.read(1) == b"c"
    near.read_timeout = SHORT
    with pytest.raises(OperationTimeout):
        near.peek()
    assert near.peek(0) == b""
    far.shutdown("output")
    assert near.peek() == b""


def test_the_first_read_sees_what_was_unread__lw_180(sockets: Pair) -> None:
    """What was received before a stream was made of a connection is read first."""
    near, far = sockets
    far.write(b"later")
    with SocketStream(*near.release(), read_timeout=1.0) as first:
        pass
    del first
    channel, unread = far.release()
    with SocketStream(channel, b"early" + unread) as stream:
        assert stream.read(5) == b"early"


def test_it_is_the_standard_class__lw_180(sockets: Pair) -> None:
    """A stream is an `io.BufferedIOBase`, and what files cannot do here it says as files do."""
    near, _ = sockets
    assert isinstance(near, io.BufferedIOBase)
    assert (near.seekable(), near.readable(), near.writable()) == (False, True, True)
    for verb in (near.tell, near.detach, near.truncate, lambda: near.seek(0)):
        with pytest.raises(io.UnsupportedOperation):
            verb()
