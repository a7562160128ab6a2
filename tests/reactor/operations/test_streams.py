"""Streams, stepped by hand: what a feed hands over, and what a pour keeps and sends."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.errors import EndOfStream
from reactor.interest import WRITE
from reactor.operations.operation import CallbackRaised
from reactor.operations.streams import JOIN_SIZE, BufferedFeed, Feed, Pour
from reactor.testing.memory import MemoryChannel, memory_pair
from tests.tls_pairs import close


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


class Gatherer:
    """A receiver that keeps what it is given."""

    def __init__(self, got: list[bytes]) -> None:
        self.data_received = got.append


class Refuser:
    """A receiver with a mistake."""

    def data_received(self, data: bytes) -> None:
        self.refuse()

    def refuse(self) -> None:
        raise KeyError("of the user")


def test_a_feed_hands_over_whatever_arrives__pr_04(here: MemoryChannel, far: MemoryChannel) -> None:
    """A protocol is given bytes in pieces of bounded size, never an empty one."""
    got = list[bytes]()
    feed = Feed(Gatherer(got), size=4)
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
    """A buffered protocol lends a buffer for each piece, and is told how much is in it."""
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
    """An exception of a receiver is told from a failure of its connection, whatever its class."""
    far.write(b"abcdef")
    with pytest.raises(CallbackRaised) as raised:
        Feed(Refuser(), size=2).step(here)
    assert isinstance(raised.value.exception, KeyError)
    with pytest.raises(CallbackRaised) as raised:
        BufferedFeed(Lender(0)).step(here)
    assert isinstance(raised.value.exception, RuntimeError)
    pour = Pour(Refuser().refuse, low=1)
    near, narrow = memory_pair(2)
    pour.put(b"xyz")
    with pytest.raises(CallbackRaised):
        pour.step(near)
    close(near, narrow)


def test_pouring_keeps_order_and_copies_what_could_change__pr_05() -> None:
    """Output that waits keeps its order; what the caller may change afterwards is copied."""
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
    """That output has fallen to the low mark is told once, not again and again below it."""
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
