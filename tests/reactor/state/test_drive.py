"""drive(): one caller that has nothing else to do, and the operations it steps."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

import pytest

from reactor.channel.base import Channel
from reactor.channel.socket_channel import SocketChannel
from reactor.deadline import NEVER
from reactor.errors import ConnectionReset
from reactor.interest import READ, WRITE
from reactor.operations.exchanges import Unwrap
from reactor.operations.read_buffer import ReadBuffer
from reactor.operations.reading import Fill
from reactor.operations.writing import Send
from reactor.state.drive import WAIT_LIMIT, OperationOnChannel, drive, wait
from reactor.testing.clock import ManualClock
from reactor.testing.memory import memory_pair
from tests.certificates import Certificates
from tests.tls_pairs import channels, close

MIB: Final = 1 << 20


@pytest.fixture
def pair() -> Iterator[tuple[SocketChannel, SocketChannel]]:
    """Two ends of the kernel's."""
    near, far = socket.socketpair()
    with near, far:
        yield SocketChannel(near), SocketChannel(far)


def reading(channel: Channel, size: int) -> tuple[OperationOnChannel, bytearray]:
    """A read of `size` bytes, and where they go."""
    buffer = bytearray(size)
    return OperationOnChannel(Fill(buffer, memoryview(buffer), ReadBuffer()), channel), buffer


def sending(channel: Channel, data: bytes) -> OperationOnChannel:
    """A write of `data`."""
    return OperationOnChannel(Send(data, memoryview(data)), channel)


class Sleeper:
    """Something that is driven by time alone."""

    def __init__(self, clock: ManualClock, when: float) -> None:
        self.steps = 0
        self._clock = clock
        self._when = when

    def step(self) -> bool:
        self.steps += 1
        self._clock.advance(0.001)  # or the test would wait for the real one
        return self._clock() >= self._when

    def wants(self) -> list[tuple[int, int]]:
        return []

    def next_moment(self) -> float:
        return self._clock() + 0.001


class SecondTry:
    """Something that is done when it is stepped for the second time; there is always room."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._steps = 0

    def step(self) -> bool:
        self._steps += 1
        return self._steps == 2

    def wants(self) -> list[tuple[int, int]]:
        return [(self._fd, WRITE)]

    def next_moment(self) -> float:
        return NEVER


def test_the_done_ones_are_returned_in_the_order_given__lw_195(
    pair: tuple[SocketChannel, SocketChannel],
) -> None:
    """Of several things that are driven at once, those that are done are returned in the
    order given.
    """
    first, _ = reading(pair[0], 3)
    other, _ = reading(pair[1], 3)
    send = sending(pair[1], b"abc")
    assert drive([first, other, send]) == [send]
    assert drive([other, first]) == [first]


def test_a_large_write_and_its_reader_move_each_other__lw_172(
    pair: tuple[SocketChannel, SocketChannel],
) -> None:
    """A blocking write and its reader that are driven together pass a mebibyte through
    small buffers.
    """
    data = bytes(range(256)) * 4096
    send, (read, buffer) = sending(pair[0], data), reading(pair[1], MIB)
    left = [send, read]
    while left:
        done = drive(left)
        left = [thing for thing in left if thing not in done]
    assert buffer == data


def test_a_deadline_ends_it_with_nothing__lw_172(
    pair: tuple[SocketChannel, SocketChannel],
) -> None:
    """Driving ends with nothing done when its deadline has passed; each thing was tried
    once all the same.
    """
    clock = ManualClock(50.0)
    read, buffer = reading(pair[0], 6)
    pair[1].write(b"abc")
    assert drive([read], 50.0, clock=clock) == []
    assert (read.operation.moved, bytes(buffer)) == (3, b"abc\0\0\0")
    pair[1].write(b"def")
    assert drive([read], 0.0, clock=clock) == [read]


def test_a_moment_far_away_is_waited_for_in_pieces(
    pair: tuple[SocketChannel, SocketChannel],
) -> None:
    """A deadline of years is not refused by a system that counts milliseconds."""
    thing = SecondTry(pair[0].fileno())
    assert drive([thing], 1e12) == [thing]
    wait([(pair[0].fileno(), WRITE)], WAIT_LIMIT)  # as long a wait as is ever asked for


def test_time_alone_can_bring_something_on() -> None:
    """What wants to be stepped at a moment is, though no descriptor is ready."""
    clock = ManualClock()
    sleeper = Sleeper(clock, 0.005)
    assert drive([sleeper], NEVER, clock=clock) == [sleeper]
    assert sleeper.steps == 5


def test_what_a_step_raises_comes_out__lw_172() -> None:
    """A failure met while driving is the caller's."""
    near, far = memory_pair()
    read, _ = reading(near, 1)
    far.reset()
    with pytest.raises(ConnectionReset):
        drive([read])
    close(near, far)


def test_an_end_of_tls_is_waited_for__lw_144__pitfall_10(certificates: Certificates) -> None:
    """Who waits for the peer's closing alert waits for the descriptor, and no longer than the
    deadline, though what was decrypted before it is unread.
    """
    near, far = channels(certificates)
    far.write(b"abcdef")
    far.flush()
    unwrap = OperationOnChannel(Unwrap(), near)
    assert drive([unwrap], 0.0) == []
    assert far.unwrap()
    assert drive([unwrap], 0.0) == [unwrap]
    assert near.detach()[1:] == (b"abcdef", b"")
    close(near, far)


def test_plaintext_in_the_engine_needs_no_descriptor__tls_5(certificates: Certificates) -> None:
    """A driven read goes on with what the engine holds, instead of waiting for the quiet socket."""
    near, far = channels(certificates)
    far.write(b"abcdef")
    far.flush()
    near.read(1)
    read, buffer = reading(near, 5)
    assert drive([read], 0.0) == [read]
    assert buffer == b"bcdef"
    close(near, far)


def test_readiness_of_either_kind_is_waited_for(pair: tuple[SocketChannel, SocketChannel]) -> None:
    """Two wishes for one descriptor are one; a span of no time is not waited."""
    fd = pair[0].fileno()
    wait([(fd, READ), (fd, WRITE)], None)  # there is room to write
    wait([(fd, READ)], 0.0)
