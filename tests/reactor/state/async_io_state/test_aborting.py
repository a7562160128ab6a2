"""AsyncIOState, stopping: what is started beside an abort, and what a final call may still do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reactor.errors import StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.memory import MemoryChannel
from reactor.testing.settle import settle
from tests.reactor.state.reports import Reports

Act = Callable[[AsyncIOState], object]
ENDS: dict[str, Act] = {
    "finish": lambda state: state.finish(),
    "abort": lambda state: state.abort(None),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("ahead", [0, 1])
def test_a_read_started_where_the_one_before_ended_is_told_of_the_close__lw_123_135(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, ahead: int, end: str
) -> None:
    """A callback that ends its read, starts another and closes has had its last call; the other
    has one, and its buffer is the caller's again.
    """
    near.queue_input = True
    buffer, calls, last = bytearray(9), Reports(), Reports()

    def go_on(state: AsyncIOState, *_: object) -> None:
        calls(state)
        ENDS[end](state)
        state.read_buffer(buffer, last)
        state.close()

    for _ in range(ahead):
        near.read_buffer(bytearray(1), Reports())
    near.read_with_checking(go_on)
    far.write(b"ab")
    settle(collection)
    assert (len(calls), last.counts) == (1, [0])
    assert isinstance(last.reads[0], StateClosed)
    buffer.clear()  # a BufferError, if it were still lent


def test_a_checking_read_that_follows_another_may_close_too__lw_123_135(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The second of two checking reads, too, has had its last call when its callback closes."""
    closing = Reports(lambda state: state.close())

    def go_on(state: AsyncIOState, *_: object) -> None:
        state.finish()
        state.read_with_checking(closing)

    near.read_with_checking(go_on)
    far.write(b"ab")
    settle(collection)
    assert closing.moved == [(b"ab", 2)]
