"""Operations, stepped by hand: what each of them does with a channel, step by step."""

from __future__ import annotations

import socket
from typing import Any, Final

import pytest

from reactor.errors import BrokenPipe, EndOfStream
from reactor.interest import READ, WRITE
from reactor.state.operations import (
    JOIN_SIZE,
    READ_AHEAD_LIMIT,
    STEP_LIMIT,
    BufferedFeed,
    CallbackRaised,
    Drain,
    Feed,
    Fill,
    Operation,
    Pour,
    Send,
    Unwrap,
    Wait,
)
from reactor.state.read_buffer import ReadBuffer
from reactor.testing.memory import MemoryChannel, memory_pair
from tests.certificates import Certificates
from tests.tls_pairs import channels, close

HUGE: Final = 8 << 20


@pytest.fixture
def here(far: MemoryChannel) -> MemoryChannel:
    """The end at which operations are stepped."""
    return far.far


class Lender:
    """A receiver that lends one buffer again and again."""

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.got = list[bytes]()

    def get_buffer(self, sizehint: int) -> Any:
        assert sizehint > 0
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.got.append(bytes(self.buffer[:nbytes]))


def refuse(*_: object) -> None:
    """Be a callback that fails."""
    raise KeyError("of the user")


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
    """A step of a huge read or write leaves others their turn, though the peer never pauses."""
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
    """Bytes that it had to read to know of them are unread."""
    unread = ReadBuffer()
    operation = Wait(unread)
    assert (operation.step(here), operation.ready()) == (False, False)
    far.write(b"abc")
    assert (operation.step(here), operation.ready()) == (True, True)
    assert bytes(unread.data) == b"abc"


def test_a_feed_hands_over_whatever_arrives__pr_04(here: MemoryChannel, far: MemoryChannel) -> None:
    """Each step hands over one piece of at most `size` bytes, never an empty one."""
    got = list[bytes]()
    feed = Feed(got.append, size=4)
    assert not feed.step(here)
    far.write(b"abcdef")
    far.write_eof()
    assert not feed.step(here)
    assert not feed.step(here)
    assert got == [b"abcd", b"ef"]
    with pytest.raises(EndOfStream):
        feed.step(here)


def test_a_buffered_feed_borrows_its_buffers__pr_01(
    here: MemoryChannel, far: MemoryChannel
) -> None:
    """The receiver lends a buffer for each piece, and is told how much is in it."""
    lender = Lender(4)
    feed = BufferedFeed(lender)
    assert not feed.step(here)
    far.write(b"abcdef")
    far.write_eof()
    assert not feed.step(here)
    assert not feed.step(here)
    assert lender.got == [b"abcd", b"ef"]
    with pytest.raises(EndOfStream):
        feed.step(here)


def test_what_user_code_raises_is_told_from_a_failure__lw_016(
    here: MemoryChannel, far: MemoryChannel
) -> None:
    """An exception of a receiver comes in an envelope, also one of our own classes."""
    far.write(b"abcdef")
    with pytest.raises(CallbackRaised) as raised:
        Feed(refuse, size=2).step(here)
    assert isinstance(raised.value.exception, KeyError)
    with pytest.raises(CallbackRaised) as raised:
        BufferedFeed(Lender(0)).step(here)
    assert isinstance(raised.value.exception, RuntimeError)
    pour = Pour(refuse, low=0)
    pour.put(b"x")
    with pytest.raises(CallbackRaised):
        pour.step(here)


def test_pouring_keeps_order_and_copies_what_could_change__pr_05() -> None:
    """Small pieces are put together; what the caller may change afterwards was copied."""
    near, far = memory_pair(200_000)
    pour = Pour(lambda: None, low=0)
    lent = bytearray(b"lent")
    large = bytearray(b"L" * JOIN_SIZE)
    whole = b"W" * JOIN_SIZE
    for piece in (b"a", lent, memoryview(b"(view)")[1:5], large, memoryview(whole), b"z"):
        pour.put(piece)
    lent[:], large[:4] = b"****", b"****"
    expected = b"alentview" + b"L" * JOIN_SIZE + whole + b"z"
    assert pour.size == len(expected)
    while not pour.step(near):
        pass
    assert far.read(200_000) == expected
    assert pour.size == 0
    close(near, far)


def test_pouring_tells_once_when_little_is_left__pr_06() -> None:
    """The call comes when what is left falls to the mark, not again and again below it."""
    near, far = memory_pair(10)
    calls = list[int]()
    pour = Pour(lambda: calls.append(pour.size), low=15)
    pour.put(bytes(40))
    seen = list[tuple[int, int]]()
    while not pour.step(near):
        seen.append((pour.size, len(calls)))
        assert pour.want(near) == WRITE
        far.read(10)
    assert (seen, calls) == ([(30, 0), (20, 0), (10, 1)], [10])
    close(near, far)


def test_a_drain_says_its_last_word_and_hears_the_peer_out__lw_152(
    here: MemoryChannel, far: MemoryChannel
) -> None:
    """It ends our direction and reads until the peer has ended its own."""
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
    """A peer that never stops is heard for a bounded number of bytes."""
    near, far = memory_pair()
    drain, steps = Drain(), 0
    while not drain.step(near):
        far.write(bytes(65536))
        steps += 1
        assert steps < 100
    assert drain.moved > STEP_LIMIT
    close(near, far)


def test_an_unwrap_goes_both_ways__lw_144(certificates: Certificates) -> None:
    """It is done when both alerts are exchanged, and stays so."""
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
