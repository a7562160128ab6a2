"""AsyncIOState, reading: buffers that are filled, and bytes that are waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor.errors import (
    BrokenPipe,
    ConnectionReset,
    EndOfStream,
    LimitExceeded,
    OperationInProgress,
    OperationTimeout,
)
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel
from reactor.testing.settle import settle
from tests.reactor.state.reports import Reports


def test_read_buffer_reports_once_and_only_when_full__lw_071(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`read_buffer` fills the whole buffer, then reports once; fewer bytes do not complete it."""
    buffer, reports = bytearray(5), Reports()
    near.read_buffer(buffer, reports)
    far.write(b"hell")
    settle(collection)
    assert len(reports) == 0
    far.write(b"o, world")
    settle(collection)
    assert (reports.moved, reports.status) == ([(b"hello", 5)], None)


def test_a_range_of_the_buffer_is_filled__lw_071(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`read_buffer` fills only `buffer[start:end]`, and the count is its length."""
    buffer, reports = bytearray(b"......"), Reports()
    near.read_buffer(buffer, reports, start=1, end=4)
    far.write(b"abcdef")
    settle(collection)
    assert reports.moved == [(b".abc..", 3)]
    assert near.buffered_data_length == 3


def test_an_empty_range_completes_later__lw_071(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """A read of an empty range completes with 0, though nothing arrives, and not inside the
    call.
    """
    reports = Reports()
    near.read_buffer(bytearray(3), reports, start=2, end=2)
    assert len(reports) == 0
    settle(collection)
    assert reports.counts == [0]


@pytest.mark.parametrize(
    ("buffer", "start", "end", "error"),
    [
        (b"immutable", 0, None, TypeError),
        ("text", 0, None, TypeError),
        (bytearray(3), -1, None, ValueError),
        (bytearray(3), 0, 4, ValueError),
        (bytearray(3), 2, 1, ValueError),
    ],
)
def test_a_wrong_buffer_is_refused_at_the_call__lw_072(
    near: AsyncIOState, buffer: Any, start: int, end: int | None, error: type[Exception]
) -> None:
    """A buffer that cannot be written, or a range outside it, is refused; nothing is started."""
    with pytest.raises(error):
        near.read_buffer(buffer, Reports(), start=start, end=end)
    assert not near.input.active


@pytest.mark.parametrize("callback", [None, "callback"])
def test_a_reader_needs_a_callback__lw_070(near: AsyncIOState, callback: Any) -> None:
    """A callback that cannot be called is refused at the call."""
    with pytest.raises(TypeError, match="callback"):
        near.read_buffer(bytearray(1), callback)
    with pytest.raises(TypeError, match="callback"):
        near.read_with_checking(callback)
    assert not near.input.active


def test_unread_bytes_come_first_and_later__lw_073_065(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Bytes that have been received already are read first; the callback still comes later."""
    state = AsyncIOState(collection, near.release()[0], b"abcdef")
    first, second = Reports(), Reports()
    state.read_buffer(bytearray(4), first)
    assert len(first) == 0
    settle(collection)
    far.write(b"gh")
    state.read_buffer(bytearray(4), second)
    settle(collection)
    assert (first.moved, second.moved) == ([(b"abcd", 4)], [(b"efgh", 4)])


def test_the_end_is_no_failure__lw_075_120(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The end goes to `callback`, with the short count, though there is an error callback."""
    reports, errors = Reports(), Reports()
    near.read_buffer(bytearray(5), reports, error_callback=errors)
    far.write(b"abc")
    far.write_eof()
    settle(collection)
    assert (reports.moved, len(errors)) == ([(b"abc\0\0", 3)], 0)
    assert isinstance(reports.status, EndOfStream)
    assert near.write_status is None


@pytest.mark.parametrize("given", [True, False])
def test_a_failure_goes_to_the_error_callback__lw_076_118(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, given: bool
) -> None:
    """A failed read goes to `error_callback`, without one to `callback`, and ends writing."""
    reports, errors = Reports(), Reports()
    near.read_buffer(bytearray(5), reports, error_callback=errors if given else None)
    far.write(b"abc")
    settle(collection)
    far.abort()
    settle(collection)
    told, untold = (errors, reports) if given else (reports, errors)
    assert (told.moved, len(untold)) == ([(b"abc\0\0", 3)], 0)
    assert isinstance(told.reads[0], ConnectionReset)
    assert near.write_status is near.read_status


def test_the_end_sticks_and_unread_bytes_come_before_it__lw_117(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """After the end a read gets unread bytes, then the same status again, without the socket."""
    far.write(b"abcdef")
    far.write_eof()
    calls = list[tuple[int, type | None]]()

    def read(size: int) -> None:
        near.read_buffer(bytearray(size), report)

    def report(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        calls.append((count, type(state.read_status) if state.read_status else None))

    read(2)
    settle(collection)
    near.wait_for_input(lambda state: read(10))
    settle(collection)
    far.reset()  # would be found by who tries the socket again
    read(1)
    read_status = near.read_status
    settle(collection)
    assert calls == [(2, None), (4, EndOfStream), (0, EndOfStream)]
    assert near.read_status is read_status


def test_writing_goes_on_after_the_end__lw_104(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """After the peer's end writing goes on: a peer that has said everything may still listen."""
    far.write_eof()
    near.read_buffer(bytearray(1), Reports())
    settle(collection)
    reports = Reports()
    near.write_buffer(b"answer", reports)
    settle(collection)
    assert (reports.counts, reports.writes) == ([6], [None])
    assert far.read(100) == b"answer"


def test_a_second_read_is_refused_and_the_first_goes_on__lw_077(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """While a read of any kind is active every other read is refused."""
    reports, refused = Reports(), Reports()
    near.read_buffer(bytearray(3), reports)
    starts: list[Callable[[], object]] = [
        lambda: near.read_buffer(bytearray(1), refused),
        lambda: near.read_with_checking(refused),
        lambda: near.wait_for_input(refused),
    ]
    for start in starts:
        with pytest.raises(OperationInProgress, match="still running"):
            start()
    far.write(b"abcd")
    settle(collection)
    assert (reports.moved, len(refused)) == ([(b"abc", 3)], 0)


def test_reads_may_queue__lw_077(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """With `queue_input` reads wait in line and are done in the order of the calls."""
    near.queue_input = True
    order = list[bytes]()

    def shown(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        order.append(bytes(buffer[:end]))
        state.finish(end)

    near.read_buffer(bytearray(2), lambda state, buffer, count: order.append(bytes(buffer)))
    near.wait_for_input(lambda state: order.append(b"there is more"))
    near.read_with_checking(shown)
    near.read_buffer(bytearray(3), lambda state, buffer, count: order.append(bytes(buffer)))
    far.write(b"abcd")
    settle(collection)
    far.write(b"efg")
    settle(collection)
    assert order == [b"ab", b"there is more", b"cd", b"efg"]


def test_a_thousand_reads_may_wait__lw_077(near: AsyncIOState) -> None:
    """One thousand reads may wait behind the one that runs; one more is refused."""
    near.queue_input = True
    for _ in range(1001):
        near.wait_for_input(Reports())
    with pytest.raises(LimitExceeded) as raised:
        near.wait_for_input(Reports())
    assert raised.value.identifier == "input-limit"


@pytest.mark.slow
def test_a_hundred_thousand_reads_in_a_chain__lw_078(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The next read may be started in the callback of the last one, again and again,
    without using up the stack.
    """
    left = 100_000
    buffer = bytearray(1)

    def read_on(state: AsyncIOState, *_: object) -> None:
        nonlocal left
        left -= 1
        if left:
            state.read_buffer(buffer, read_on)

    state = AsyncIOState(collection, near.release()[0], bytes(100_000))
    state.read_buffer(buffer, read_on)
    collection.run_once(0)
    assert left > 90_000  # it is the turn of others in between
    settle(collection, limit=5_000)
    assert left == 0


def test_both_directions_are_independent__lw_079(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A read that ends in a timeout leaves a write alone, and the reverse."""
    reading, writing = Reports(), Reports()
    near.write_buffer(bytes(100_000), writing, timeout=5.0)
    near.read_buffer(bytearray(5), reading, timeout=1.0)
    clock.advance(1.0)
    settle(collection)
    assert (reading.counts, len(writing), near.write_status) == ([0], 0, None)
    near.read_buffer(bytearray(5), reading)
    clock.advance(4.0)
    settle(collection)
    assert (len(reading), len(writing), near.read_status) == (1, 1, None)
    assert isinstance(near.write_status, OperationTimeout)
    far.write(b"12345")
    settle(collection)
    assert reading.counts == [0, 5]


def test_input_is_waited_for_and_left_alone__lw_080(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`wait_for_input` reports when something can be read, which stays for the next read."""
    waiting, reading = Reports(), Reports()
    near.wait_for_input(waiting)
    settle(collection)
    assert len(waiting) == 0
    far.write(b"abc")
    settle(collection)
    assert (waiting.moved, waiting.status) == ([()], None)
    near.wait_for_input(waiting)  # unread bytes count
    settle(collection)
    assert len(waiting) == 2
    near.read_buffer(bytearray(3), reading)
    settle(collection)
    assert reading.moved == [(b"abc", 3)]


@pytest.mark.parametrize(
    ("happen", "status"),
    [
        (lambda far, clock: far.write_eof(), EndOfStream),
        (lambda far, clock: far.reset(), ConnectionReset),
        (lambda far, clock: clock.advance(2.0), OperationTimeout),
    ],
    ids=["end", "reset", "limit"],
)
def test_a_wait_ends_with_a_status__lw_080(
    clock: ManualClock, near: AsyncIOState, far: MemoryChannel, happen: Any, status: type[Exception]
) -> None:
    """The end, a failure or a limit calls the callback of `wait_for_input`, with the status set."""
    collection = near.collection
    reports = Reports()
    near.wait_for_input(reports, timeout=2.0)
    happen(far, clock)
    settle(collection)
    assert reports.moved == [()]
    assert isinstance(reports.reads[0], status)


def test_what_was_kept_can_be_fetched_at_any_time__lw_093(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Unread bytes can be counted and fetched at any time, after closing too, but not
    during a read.
    """
    far.write(b"abcdef")
    near.wait_for_input(Reports())
    settle(collection)
    buffer = bytearray(4)
    assert near.get_buffered_data(buffer, start=1, end=3) == 2
    assert (bytes(buffer), near.buffered_data_length) == (b"\0ab\0", 4)
    near.read_buffer(bytearray(5), Reports())
    with pytest.raises(OperationInProgress, match="a read is running"):
        near.get_buffered_data(buffer)
    near.abort(None)
    unread = near.close()
    assert unread == near.buffered_data_length
    assert near.get_buffered_data(bytearray(10)) == unread


def test_input_can_be_shut_down__lw_131(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """After `shutdown("input")` reads get the unread bytes, then the end; writing goes on."""
    far.write(b"abc")
    near.wait_for_input(Reports())
    settle(collection)
    assert near.shutdown("input") is True
    reading, writing = Reports(), Reports()
    near.read_buffer(bytearray(5), reading)
    near.write_buffer(b"x", writing)
    settle(collection)
    assert reading.moved == [(b"abc\0\0", 3)]
    assert isinstance(reading.reads[0], EndOfStream)
    assert (writing.counts, writing.writes) == ([1], [None])


def test_both_ways_can_be_shut_down__lw_131(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """After `shutdown("io")` reads end, writes fail, and the peer reads the end."""
    done = Reports()
    assert near.shutdown("io", callback=done) is True
    assert len(done) == 0
    settle(collection)
    assert done.moved == [None]
    assert far.read(1) == b""
    with pytest.raises(BrokenPipe):
        near.write_buffer(b"x", Reports())


def test_the_buffer_is_the_callers_again_in_the_callback__lw_072(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """In its callback the buffer of a read is the caller's again, who may cut and grow it."""
    sizes = list[int]()

    def cut(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        del buffer[:count]
        sizes.append(len(buffer))

    near.read_buffer(bytearray(5), cut, end=3)
    near.write_buffer(bytearray(7), cut)
    far.write(b"abc")
    settle(collection)
    assert sorted(sizes) == [0, 2]


@pytest.mark.parametrize("verb", ["read_buffer", "wait_for_input", "read_with_checking"])
def test_user_information_of_a_verb_replaces_the_states__lw_068(
    near: AsyncIOState, verb: str
) -> None:
    """`user_info` can be set, and a verb's own replaces it at the call; one that is None, and a
    verb that is refused, leave it.
    """
    assert near.user_info is None
    near.user_info = first = object()
    arguments = (bytearray(1), print) if verb == "read_buffer" else (print,)
    getattr(near, verb)(*arguments, user_info=None)
    assert near.user_info is first
    with pytest.raises(OperationInProgress):
        getattr(near, verb)(*arguments, user_info="refused")
    assert near.user_info is first
    near.abort(None)
    getattr(near, verb)(*arguments, user_info="second")
    assert near.user_info == "second"
    near.queue_output = True
    near.write_buffer(b"1", None)
    near.write_buffer(b"2", None, user_info="third")
    assert near.user_info == "third"
