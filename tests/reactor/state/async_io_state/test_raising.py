"""AsyncIOState, callbacks that raise: the exception is told once, and what is next goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.memory import MemoryChannel
from reactor.testing.settle import settle
from tests.reactor.state.reports import Reports

Act = Callable[[AsyncIOState], object]


class Oops(Exception):
    """What the callbacks here raise."""


@pytest.fixture
def told(collection: WaitStateCollection) -> Iterator[list[BaseException]]:
    """What the error handler has been told; it does nothing else."""
    errors = list[BaseException]()
    collection.error_handler = lambda _, error: errors.append(error)
    yield errors
    assert [type(error) for error in errors] == [Oops]


def raising(first: Act) -> Callable[..., None]:
    """Return a callback that does something, and then raises."""

    def callback(state: AsyncIOState, *_: object) -> None:
        first(state)
        raise Oops

    return callback


@pytest.mark.parametrize("ahead", [0, 1])
def test_who_waits_in_line_has_its_turn_though_a_callback_raises__lw_077_123(
    collection: WaitStateCollection,
    near: AsyncIOState,
    far: MemoryChannel,
    told: list[BaseException],
    ahead: int,
) -> None:
    """A read in line behind one whose callback has finished it, and raised, is done all the
    same.
    """
    near.queue_input = True
    for _ in range(ahead):
        near.read_buffer(bytearray(1), Reports())
    near.read_with_checking(raising(lambda state: state.finish()))
    near.read_buffer(bytearray(2), last := Reports())
    far.write(b"x" * ahead + b"ok")
    settle(collection)
    assert last.moved == [(b"ok", 2)]


@pytest.mark.parametrize("end", ["finish", "abort"])
def test_what_a_callback_starts_before_it_raises_is_done__lw_123_127(
    collection: WaitStateCollection,
    near: AsyncIOState,
    far: MemoryChannel,
    told: list[BaseException],
    end: str,
) -> None:
    """A read that a callback has started before it raised finds the bytes that are unread."""
    last = Reports()

    def go_on(state: AsyncIOState) -> None:
        state.finish() if end == "finish" else state.abort(None)
        state.read_buffer(bytearray(2), last)

    near.read_with_checking(raising(go_on))
    far.write(b"ok")
    settle(collection)
    assert last.moved == [(b"ok", 2)]


def test_a_read_that_began_with_unread_bytes_goes_on_after_a_raise__lw_081_086(
    collection: WaitStateCollection,
    near: AsyncIOState,
    far: MemoryChannel,
    told: list[BaseException],
) -> None:
    """If the callback raises over the bytes of before, those that arrive are shown none the
    less.
    """
    ends = list[int]()

    def show(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        ends.append(end)
        if len(ends) == 1:
            raise Oops

    near.unread.append(b"old")
    near.read_with_checking(show)
    settle(collection)
    far.write(b"new")
    settle(collection)
    assert ends == [3, 6]
    near.abort(None)


def test_what_is_raised_behind_a_close_is_told__lw_016_135(
    collection: WaitStateCollection,
    near: AsyncIOState,
    far: MemoryChannel,
    told: list[BaseException],
) -> None:
    """An exception of a callback reaches the error handler although it has closed its state."""
    near.read_with_checking(raising(lambda state: state.close()))
    far.write(b"x")
    settle(collection)
    assert near.closed
