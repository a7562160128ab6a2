"""ReadBuffer: bytes that nobody has asked for yet."""

from __future__ import annotations

import pytest

from reactor.operations.read_buffer import ReadBuffer


def test_bytes_are_dropped_at_the_front__lw_083() -> None:
    """Discarding drops the first unread bytes and tells how many remain."""
    buffer = ReadBuffer(b"abc")
    buffer.append(b"def")
    assert buffer.discard(2) == 4
    assert bytes(buffer.data) == b"cdef"
    assert buffer.discard(4) == 0
    assert len(buffer) == 0


@pytest.mark.parametrize("count", [-1, 4])
def test_what_is_not_there_cannot_be_dropped__lw_083(count: int) -> None:
    """To discard fewer than no bytes or more than there are is refused, and nothing is dropped."""
    buffer = ReadBuffer(b"abc")
    with pytest.raises(ValueError, match="cannot be dropped"):
        buffer.discard(count)
    assert bytes(buffer.data) == b"abc"


@pytest.mark.parametrize(("count", "old"), [(1, 2), (3, 0), (5, 0)])
def test_what_was_seen_shrinks_from_the_front__lw_085(count: int, old: int) -> None:
    """Discarded bytes are taken off `old_length`, which is never below 0."""
    buffer = ReadBuffer(b"abcdef")
    buffer.old_length = 3
    buffer.discard(count)
    assert buffer.old_length == old


@pytest.mark.parametrize(("size", "moved"), [(0, b""), (2, b"ab"), (3, b"abc"), (5, b"abc")])
def test_as_much_is_moved_as_fits__lw_093(size: int, moved: bytes) -> None:
    """`get_buffered_data` moves as many unread bytes as fit, and takes them away."""
    buffer = ReadBuffer(b"abc")
    target = bytearray(b"....." * 2)
    assert buffer.move_into(memoryview(target)[:size]) == len(moved)
    assert target.startswith(moved + b".")
    assert bytes(buffer.data) == b"abc"[len(moved) :]


def test_all_of_it_can_be_taken__lw_138() -> None:
    """Releasing takes all unread bytes."""
    buffer = ReadBuffer(b"abc")
    buffer.old_length = 3
    assert buffer.take() == b"abc"
    assert (len(buffer), buffer.old_length) == (0, 0)


@pytest.mark.parametrize(("count", "cut", "left"), [(0, b"", 3), (2, b"ab", 1), (9, b"abc", 0)])
def test_bytes_are_cut_off_the_front(count: int, cut: bytes, left: int) -> None:
    buffer = ReadBuffer(b"abc")
    assert (buffer.cut(count), len(buffer)) == (cut, left)


def test_bytes_can_be_put_back_in_front() -> None:
    buffer = ReadBuffer(b"cd")
    buffer.put_back(b"ab")
    assert bytes(buffer.data) == b"abcd"
