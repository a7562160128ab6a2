"""What is written to a stream: all of it is in the kernel when the call returns."""

from __future__ import annotations

import array
import io
from collections.abc import Callable

import pytest

from reactor.errors import (
    BrokenPipe,
    OperationTimeout,
    SocketIOError,
    StateClosed,
)
from reactor.stream.socket_stream import SocketStream
from tests.reactor.stream.conftest import Pair
from tests.reactor.stream.streams import SHORT, meanwhile

BULK = bytes(range(256)) * 16384  # four mebibytes: more than any kernel takes for a silent peer


def test_a_write_is_whole__lw_183(pair: Pair) -> None:
    """`write` returns the number of all bytes, however many, when the kernel has taken them."""
    near, far = pair
    with meanwhile(lambda: far.read(len(BULK))) as read:
        assert near.write(BULK) == len(BULK)
    assert read.result() == BULK


def test_nothing_waits_to_be_flushed__lw_183(pair: Pair) -> None:
    """What `write` has taken has left without a `flush`, which has nothing to do."""
    near, far = pair
    assert near.write(b"abc") == 3
    assert far.read(3) == b"abc"
    near.flush()
    near.writelines([b"d", bytearray(b"e"), memoryview(b"f")])
    near.sendall(b"g")
    assert far.read(4) == b"defg"


def test_anything_with_bytes_can_be_written__lw_183(sockets: Pair) -> None:
    """Every bytes-like object is written as its bytes, text is refused, and nothing is sent."""
    near, far = sockets
    numbers = array.array("H", [1, 2])
    assert near.write(numbers) == 4
    assert far.read(4) == numbers.tobytes()
    assert near.write(b"") == 0
    with pytest.raises(TypeError):
        near.write("text")
    numbers.append(3)  # nobody holds its memory


def test_a_write_that_does_not_move_tells_how_far_it_came__lw_183__cc_53(plain_pair: Pair) -> None:
    """A wait without progress raises `OperationTimeout`, whose `bytes_moved` have gone."""
    near, far = plain_pair
    near.write_timeout = SHORT
    much = 4 * BULK  # two kernels may keep more than one
    with pytest.raises(OperationTimeout) as raised:
        near.write(much)
    moved = raised.value.bytes_moved
    assert (raised.value.phase, raised.value.limit) == ("write", SHORT)
    assert 0 < moved < len(much)
    assert far.read(moved) == much[:moved]
    near.write(b"on")
    assert far.read(2) == b"on"


def test_after_a_shutdown_a_write_is_a_broken_pipe__lw_184(pair: Pair) -> None:
    """After `shutdown("output")` the peer reads the end, and every write raises `BrokenPipe`."""
    near, far = pair
    near.write(b"last")
    near.shutdown("output")
    assert far.read() == b"last"
    for _ in range(2):
        with pytest.raises(BrokenPipe):
            near.write(b"x")
    far.write(b"answer")
    assert near.read(6) == b"answer"


def test_a_lost_connection_refuses_every_write__lw_183(sockets: Pair) -> None:
    """Every write to a peer that has gone raises, the first one and those after it."""
    near, far = sockets
    far.close()
    for _ in range(3):
        with pytest.raises(SocketIOError):
            near.write(b"x")


def test_only_one_direction_was_opened__lw_173(sockets: Pair) -> None:
    """A stream of one direction refuses the other, and tells which it has."""
    near, far = sockets
    with SocketStream(near.release()[0], direction="input") as reader:
        assert (reader.readable(), reader.writable()) == (True, False)
        far.write(b"in")
        assert reader.read(2) == b"in"
        with pytest.raises(io.UnsupportedOperation):
            reader.write(b"out")
    with SocketStream(far.release()[0], direction="output") as writer:
        assert (writer.readable(), writer.writable()) == (False, True)
        for read in (writer.read, writer.readline, writer.peek, writer.read1, writer.__iter__):
            with pytest.raises(io.UnsupportedOperation):
                read()
        for fill in (writer.readinto, writer.readinto1):
            with pytest.raises(io.UnsupportedOperation):
                fill(bytearray(1))


@pytest.mark.parametrize("direction", ["in", "", None, ["io"]])
def test_other_directions_there_are_not__lw_173(sockets: Pair, direction: str) -> None:
    """Another word for a direction is refused, and the socket stays the caller's."""
    channel, _ = sockets[0].release()
    with pytest.raises((ValueError, TypeError)):
        SocketStream(channel, direction=direction)
    assert channel.fileno() >= 0
    channel.close()


def test_a_closed_stream_refuses_everything__lw_186(pair: Pair) -> None:
    """After `close` every verb raises `StateClosed`, which is a `ValueError`, as files do."""
    near, _ = pair
    here, there = near.address, near.peer_address
    near.close()
    near.close()
    verbs: list[Callable[[], object]] = [
        near.read,
        near.readline,
        near.read1,
        near.peek,
        near.fileno,
        near.flush,
        near.readable,
        near.writable,
        near.release,
        near.attach_tls,
        near.detach_tls,
        near.handshake,
        near.wait_for_input,
        near.makefile,
        near.__iter__,
        near.__enter__,
        near.readlines,
        lambda: near.read(0),
        lambda: near.write(b""),
        lambda: near.writelines([b"x"]),
        lambda: near.readinto(bytearray(1)),
        lambda: near.shutdown("io"),
    ]
    for verb in verbs:
        with pytest.raises(StateClosed):
            verb()
    assert (near.closed, near.address, near.peer_address) == (True, here, there)
    assert issubclass(StateClosed, ValueError)
    assert "closed" in repr(near)
