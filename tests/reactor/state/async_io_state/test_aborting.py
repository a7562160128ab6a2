"""AsyncIOState, stopping: what is started beside an abort, and what a final call may still do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reactor.errors import EndOfStream, OperationAborted, OperationNotAllowed, StateClosed
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


@pytest.mark.parametrize("direction", ["input", "io"])
def test_a_new_operation_does_not_change_what_the_abort_tells__lw_128_116(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, direction: str
) -> None:
    """In the abort callback the status is `OperationAborted` though another read has been
    started since; that one begins with None.
    """
    told, last = Reports(), Reports()
    near.read_buffer(bytearray(5), Reports())
    near.abort(told, direction)
    near.read_buffer(bytearray(2), last)
    settle(collection)
    assert near.read_status is None
    far.write(b"ok")
    settle(collection)
    assert isinstance(told.reads[0], OperationAborted)
    assert (last.moved, last.status) == ([(b"ok", 2)], None)


def test_an_abort_that_came_too_late_tells_what_was_left__lw_128(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """With nothing to stop the abort callback sees the status that the last operation left."""
    told = Reports()
    far.write_eof()
    near.read_buffer(bytearray(1), Reports())
    settle(collection)
    near.abort(told)
    settle(collection)
    assert [type(status) for status in told.reads] == [EndOfStream]


def test_only_those_in_line_are_something_stopped_too__lw_128_129(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """An abort in the callback of a write whose followers wait in line has stopped them."""
    near.queue_output = True
    order = list[tuple[str, object]]()

    def note(name: str) -> Callable[..., None]:
        return lambda state, *_: order.append((name, type(state.write_status)))

    near.write_buffer(b"1", lambda state, *_: state.abort(note("abort"), "output"))
    near.write_buffer(b"2", note("in line"))
    settle(collection)
    assert order == [("in line", OperationAborted), ("abort", OperationAborted)]


@pytest.mark.parametrize("direction", ["input", "io"])
def test_bytes_can_be_discarded_in_either_abort_callback__lw_083_127(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, direction: str
) -> None:
    """The abort callback that stopped a checking read may discard, of one way or of both."""
    left = list[int]()
    near.read_with_checking(Reports())
    far.write(b"abcd")
    settle(collection)
    near.abort(lambda state, *_: left.append(state.discard(3)), direction)
    settle(collection)
    assert (left, near.buffered_data_length) == ([1], 1)
    with pytest.raises(OperationNotAllowed):
        near.discard(1)


@pytest.mark.parametrize("direction", ["output", "io"])
def test_followers_that_a_shutdown_stops_are_something_active__lw_132(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, direction: str
) -> None:
    """In the callback of a write, `shutdown` with `abort=True` returns None if others waited."""
    near.queue_output = True
    results, last = list[object](), Reports()
    near.write_buffer(b"1", lambda state, *_: results.append(state.shutdown(direction, abort=True)))
    near.write_buffer(b"2", last)
    settle(collection)
    assert (results, last.counts, type(last.writes[0])) == ([None], [0], OperationAborted)
    assert (far.read(9), far.read(9)) == (b"1", b"")
