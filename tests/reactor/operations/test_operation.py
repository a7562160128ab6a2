"""Operations, stepped by hand: what each of them does with a channel, step by step."""

from __future__ import annotations

import socket
from typing import Final

import pytest

from reactor.errors import BrokenPipe
from reactor.interest import READ, WRITE
from reactor.operations.exchanges import Drain, Unwrap
from reactor.operations.operation import STEP_LIMIT, Operation
from reactor.operations.read_buffer import ReadBuffer
from reactor.operations.reading import READ_AHEAD_LIMIT, Fill, Wait
from reactor.operations.writing import Send
from reactor.testing.memory import MemoryChannel, memory_pair
from tests.certificates import Certificates
from tests.tls_pairs import channels, close

HUGE: Final = 8 << 20


@pytest.fixture
def here(far: MemoryChannel) -> MemoryChannel:
    """The end at which operations are stepped."""
    return far.far


def test_a_short_read_takes_in_what_comes_behind_it(
    here: MemoryChannel, far: MemoryChannel
) -> None:
    """The next read then needs no system call; nothing of it is lost."""
    unread, buffer = ReadBuffer(b"ab"), bytearray(3)
    operation = Fill(buffer, memoryview(buffer), unread)
    assert operation.ready()
    far.write(b"cdef")
    assert operation.step(here)
    assert (bytes(buffer), bytes(unread.data), operation.moved) == (b"abc", b"def", 3)


def test_a_long_read_goes_straight_into_the_buffer(here: MemoryChannel, far: MemoryChannel) -> None:
    """Above a limit nothing is read ahead, and nothing copied twice."""
    unread, buffer = ReadBuffer(), bytearray(READ_AHEAD_LIMIT + 1)
    operation = Fill(buffer, memoryview(buffer), unread)
    far.write(b"abc")
    assert not operation.step(here)
    assert (bytes(buffer[:3]), len(unread), operation.moved) == (b"abc", 0, 3)


def test_one_step_moves_a_bounded_number_of_bytes__lw_091() -> None:
    """A huge read or write leaves others their turn, though the peer never pauses."""
    buffer = bytearray(HUGE)
    steps: list[Operation] = [
        Fill(buffer, memoryview(buffer), ReadBuffer()),
        Send(buffer, memoryview(buffer)),
    ]
    near, far = memory_pair(HUGE, sip=65536)
    far.write(bytes(65536))
    while far.write(bytes(65536)):
        pass
    for operation in steps:
        assert not operation.step(near)
        assert STEP_LIMIT <= operation.moved <= STEP_LIMIT + 65536
    close(near, far)


def test_a_wait_leaves_what_it_finds__lw_080(here: MemoryChannel, far: MemoryChannel) -> None:
    """Bytes that `wait_for_input` had to read to know of them are unread."""
    unread = ReadBuffer()
    operation = Wait(unread)
    assert (operation.step(here), operation.ready()) == (False, False)
    far.write(b"abc")
    assert (operation.step(here), operation.ready()) == (True, True)
    assert bytes(unread.data) == b"abc"


def test_a_drain_says_its_last_word_and_hears_the_peer_out__lw_152(
    here: MemoryChannel, far: MemoryChannel
) -> None:
    """After a failed handshake we end our direction, and read until the peer has ended its own."""
    drain = Drain()
    assert drain.want(here) == WRITE
    far.write(b"more")
    assert not drain.step(here)
    assert drain.want(here) == READ
    assert far.read(10) == b""
    far.shutdown(socket.SHUT_WR)
    assert drain.step(here)
    assert drain.step(here)


def test_a_drain_does_not_listen_for_ever__lw_152() -> None:
    """After a failed handshake a peer that never stops is heard for a bounded number of bytes."""
    near, far = memory_pair()
    drain, steps = Drain(), 0
    while not drain.step(near):
        far.write(bytes(65536))
        steps += 1
        assert steps < 100
    assert drain.moved > STEP_LIMIT
    close(near, far)


def test_an_unwrap_goes_both_ways__lw_144(certificates: Certificates) -> None:
    """Ending TLS is done when both closing alerts are exchanged."""
    near, far = channels(certificates)
    ours, theirs = Unwrap(), Unwrap()
    assert not ours.step(near)
    assert ours.want(near) == READ
    assert theirs.step(far)
    assert ours.step(near)
    assert ours.step(near)
    with pytest.raises(BrokenPipe):
        near.write(b"x")
    close(near, far)
