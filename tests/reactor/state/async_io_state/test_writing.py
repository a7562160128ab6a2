"""AsyncIOState, writing: all of it or a reason, in order."""

from __future__ import annotations

import logging
import math
from typing import Any

import pytest

from reactor.errors import (
    BrokenPipe,
    ConnectionReset,
    DeadlinePassed,
    LimitExceeded,
    OperationInProgress,
    OperationTimeout,
    SocketError,
    StateClosed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import CAPACITY, MemoryChannel
from reactor.testing.settle import settle
from tests.reactor.state.reports import Reports

LARGE = bytes(range(256)) * 1024  # four times what the channel holds


def drain(collection: WaitStateCollection, far: MemoryChannel) -> bytes:
    """Read at the far end until nothing comes any more."""
    got = bytearray()
    settle(collection)
    while data := far.read(1 << 20):
        got += data
        settle(collection)
    return bytes(got)


def test_everything_goes_and_is_reported_once__lw_094(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A buffer larger than what the channel holds goes whole; only then is it reported."""
    reports = Reports()
    near.write_buffer(LARGE, reports)
    settle(collection)
    assert len(reports) == 0
    assert drain(collection, far) == LARGE
    assert (reports.counts, reports.status) == ([len(LARGE)], None)


@pytest.mark.parametrize(
    ("start", "end", "sent"), [(0, None, b"abcdef"), (1, 4, b"bcd"), (2, 2, None), (6, None, None)]
)
def test_a_range_is_written__lw_094(
    near: AsyncIOState, far: MemoryChannel, start: int, end: int | None, sent: bytes | None
) -> None:
    """`write_buffer` sends only `buffer[start:end]`; an empty range completes with 0, later."""
    collection = near.collection
    reports = Reports()
    near.write_buffer(bytearray(b"abcdef"), reports, start=start, end=end)
    assert len(reports) == 0
    settle(collection)
    assert (far.read(100), reports.counts) == (sent, [len(sent or b"")])


@pytest.mark.parametrize(
    ("buffer", "start", "end", "error"),
    [("text", 0, None, TypeError), (b"abc", -1, None, ValueError), (b"abc", 0, 4, ValueError)],
)
def test_a_wrong_buffer_is_refused_at_the_call__lw_070(
    near: AsyncIOState, buffer: Any, start: int, end: int | None, error: type[Exception]
) -> None:
    """A write of what is not bytes-like, or of a range outside it, is refused; nothing is
    started.
    """
    with pytest.raises(error):
        near.write_buffer(buffer, Reports(), start=start, end=end)
    assert not near.output.active


def test_written_means_that_closing_loses_nothing__lw_095(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A write is reported when `close()` loses nothing: the peer reads every byte, and then
    the end.
    """
    near.write_buffer(LARGE, lambda state, *_: state.close())
    assert drain(collection, far) == LARGE
    assert far.read(1) == b""


def test_a_write_without_callback_fails_into_the_log__lw_096(
    collection: WaitStateCollection,
    near: AsyncIOState,
    far: MemoryChannel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A write without callback reports no success; a failure goes to `error_callback`, else
    to the log.
    """
    errors = Reports()
    near.queue_output = True
    near.write_buffer(b"goes", None)
    near.write_buffer(LARGE, None, error_callback=errors)
    near.write_buffer(b"behind it", None)
    settle(collection)
    with caplog.at_level(logging.WARNING, "reactor"):
        far.reset()
        settle(collection)
    assert len(errors) == 1
    assert isinstance(errors.writes[0], ConnectionReset)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_timeout_without_callback_reaches_the_error_callback__lw_096(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState
) -> None:
    """A write with an error callback alone tells it a timeout too."""
    errors = Reports()
    near.write_buffer(LARGE, None, error_callback=errors, timeout=1.0)
    clock.advance(1.0)
    settle(collection)
    assert isinstance(errors.status, OperationTimeout)


def test_progress_sets_the_clock_back__lw_097(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A slow but moving peer never trips the limit of a write; one that stops does, and
    says how far.
    """
    reports, errors = Reports(), Reports()
    near.write_buffer(LARGE, reports, timeout=2.0, error_callback=errors)
    for _ in range(4):
        clock.advance(1.5)
        far.read(1000)
        settle(collection)
    assert len(reports) == 0
    clock.advance(2.0)
    settle(collection)
    assert (reports.counts, len(errors)) == ([CAPACITY + 4000], 0)
    status = reports.status
    assert isinstance(status, OperationTimeout)
    assert (status.phase, status.limit, status.bytes_moved) == ("write", 2.0, CAPACITY + 4000)


def test_the_next_write_is_accepted_after_a_limit__lw_097_116(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A timeout of a write does not stick: the next write is accepted."""
    near.write_buffer(LARGE, Reports(), timeout=2.0)
    clock.advance(2.0)
    settle(collection)
    reports = Reports()
    near.write_buffer(b"more", reports)
    assert near.write_status is None
    assert drain(collection, far) == LARGE[:CAPACITY] + b"more"
    assert reports.counts == [4]


def test_room_at_the_last_moment_completes_it__lw_122(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A write that can be completed when its limit is noticed is completed."""
    reports = Reports()
    near.write_buffer(bytes(CAPACITY + 1), reports, timeout=2.0)
    settle(collection)
    clock.advance(5.0)
    far.read(1)
    settle(collection)
    assert (reports.counts, reports.status) == ([CAPACITY + 1], None)


@pytest.mark.parametrize("given", [True, False])
def test_a_failure_goes_to_the_error_callback__lw_098(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, given: bool
) -> None:
    """A failed write goes to `error_callback`, without one to `callback`, and reading goes on."""
    reports, errors = Reports(), Reports()
    near.write_buffer(LARGE, reports, error_callback=errors if given else None)
    settle(collection)
    far.write(b"last words")
    far.close()
    settle(collection)
    told, untold = (errors, reports) if given else (reports, errors)
    assert (told.counts, len(untold)) == ([CAPACITY], 0)
    assert isinstance(told.status, BrokenPipe)
    assert near.read_status is None
    reading = Reports()
    near.read_buffer(bytearray(10), reading)
    settle(collection)
    assert reading.moved == [(b"last words", 10)]  # LW-118: a write leaves reading alone


def test_a_second_write_is_refused_and_the_first_goes_on__lw_099(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Without `queue_output` a second write is refused while one is active, though all its
    bytes have gone.
    """
    reports = Reports()
    near.write_buffer(b"first", reports)
    with pytest.raises(OperationInProgress, match="still running"):
        near.write_buffer(b"second", reports)
    settle(collection)
    assert (reports.counts, far.read(100)) == ([5], b"first")


def test_writes_queue_in_order__lw_100_124(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Queued writes send and report in the order of the calls, one callback for each."""
    near.queue_output = True
    order = list[int]()
    pieces = [bytes([number]) * 5000 for number in range(40)]
    for number, piece in enumerate(pieces):
        near.write_buffer(piece, lambda *_, number=number: order.append(number))
    assert order == []
    assert drain(collection, far) == b"".join(pieces)
    assert order == list(range(40))


def test_a_write_in_a_callback_goes_behind_those_that_wait__lw_100(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A write started in a callback goes behind those that were started before it."""
    near.queue_output = True
    near.write_buffer(b"1", lambda state, *_: state.write_buffer(b"3", Reports()))
    near.write_buffer(b"2", Reports())
    assert drain(collection, far) == b"123"


def test_ten_thousand_writes_in_a_chain_and_in_line__lw_078_103(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Ten thousand small writes, in line or in a chain of callbacks, cost no stack, and
    each the same time.
    """
    near.queue_output, left = True, 10_000

    def write_on(state: AsyncIOState, *_: object) -> None:
        nonlocal left
        left -= 1
        if left > 0:
            state.write_buffer(b"", write_on)

    for _ in range(10_000):
        near.write_buffer(b"", None, timeout=60.0)
    near.write_buffer(b"", write_on)
    settle(collection, limit=5_000)
    assert left == 0


def test_the_limit_of_a_queued_write__lw_101(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The limit of a queued write has the value of the call; its clock starts when the
    write itself starts.
    """
    near.queue_output, near.write_timeout = True, 3.0
    first, second = Reports(), Reports()
    near.write_buffer(bytes(CAPACITY + 1), first, timeout=math.inf)
    near.write_buffer(LARGE, second)
    near.write_timeout = 100.0
    clock.advance(50.0)
    settle(collection)
    assert (len(first), len(second)) == (0, 0)
    far.read(1)
    settle(collection)
    clock.advance(2.9)
    settle(collection)
    assert (first.counts, len(second)) == ([CAPACITY + 1], 0)
    clock.advance(0.2)
    settle(collection)
    assert (second.counts, type(second.status)) == ([0], OperationTimeout)


@pytest.mark.parametrize("failing", [True, False])
def test_those_behind_a_failure_end_with_it__lw_102(
    collection: WaitStateCollection,
    clock: ManualClock,
    near: AsyncIOState,
    far: MemoryChannel,
    failing: bool,
) -> None:
    """A gap in a stream is not skipped: writes behind a failed one end in order, with the
    same status.
    """
    near.queue_output = True
    reports, errors = Reports(), Reports()
    for size in (CAPACITY + 7, 5, 6):
        near.write_buffer(bytes(size), reports, timeout=2.0, error_callback=errors)
    settle(collection)
    if failing:
        far.reset()
    clock.advance(2.0)
    settle(collection)
    told, untold = (errors, reports) if failing else (reports, errors)
    assert (told.counts, len(untold)) == ([CAPACITY, 0, 0], 0)
    assert isinstance(told.writes[0], ConnectionReset if failing else OperationTimeout)
    assert told.writes[0] is told.writes[1] is told.writes[2]
    assert len(collection.timers) == 0


def test_the_line_has_a_limit__lw_103(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Bytes up to `output_limit` may wait behind the active write; one more write is
    refused, and not queued.
    """
    near.queue_output, near.output_limit = True, 10
    near.write_buffer(bytes(CAPACITY), Reports())
    for _ in range(2):
        near.write_buffer(b"12345", Reports())
    with pytest.raises(LimitExceeded) as raised:
        near.write_buffer(b"6", Reports())
    assert raised.value.identifier == "output-limit"
    assert drain(collection, far) == bytes(CAPACITY) + b"1234512345"
    near.write_buffer(b"1234567890", Reports())  # it counts what waits, not what has gone
    assert drain(collection, far) == b"1234567890"


def test_every_write_after_a_failure_raises_it__lw_104(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Every write after a failed one raises the same class and identifier."""
    near.write_buffer(LARGE, Reports())
    settle(collection)
    far.close()
    settle(collection)
    status = near.write_status
    assert isinstance(status, SocketError)
    for _ in range(3):
        with pytest.raises(BrokenPipe) as raised:
            near.write_buffer(b"x", Reports())
        assert raised.value.identifier == status.identifier
        assert raised.value.errno == status.errno
    near.close()
    with pytest.raises(StateClosed):
        near.write_buffer(b"x", Reports())


def test_a_lost_read_ends_a_write_with_the_same_status__lw_118(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A reset that a read has met stops the write that runs, with the same exception."""
    reading, writing = Reports(), Reports()
    near.read_buffer(bytearray(1), reading)
    near.write_buffer(LARGE, writing)
    settle(collection)
    far.reset()
    settle(collection)
    assert (reading.counts, writing.counts) == ([0], [CAPACITY])
    assert isinstance(reading.reads[0], ConnectionReset)
    assert near.write_status is not None
    with pytest.raises(ConnectionReset):
        near.write_buffer(b"x", Reports())


def test_a_read_status_is_independent__lw_115(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState
) -> None:
    """The status of one direction says nothing of the other, and a success has none."""
    near.queue_output = True
    near.write_buffer(bytes(CAPACITY), running := Reports())
    near.write_buffer(b"x", late := Reports(), deadline=clock())
    settle(collection)
    assert (running.writes, running.reads) == ([None], [None])
    assert isinstance(late.writes[0], DeadlinePassed)


def test_output_can_be_shut_down__lw_131(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """After `shutdown("output")` the peer reads the end, writes are broken, reading goes on."""
    near.write_buffer(b"all", Reports())
    settle(collection)
    assert near.shutdown("output") is True
    assert (far.read(10), far.read(10)) == (b"all", b"")
    for _ in range(2):
        with pytest.raises(BrokenPipe):
            near.write_buffer(b"x", Reports())
    assert isinstance(near.write_status, BrokenPipe)
    far.write(b"yes")
    near.read_buffer(bytearray(3), reading := Reports())
    settle(collection)
    assert reading.moved == [(b"yes", 3)]
    with pytest.raises(ValueError, match="direction"):
        near.shutdown("both")


def test_what_runs_must_be_aborted_to_shut_down__lw_132(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`shutdown` of an active direction needs `abort=True`: each operation ends in order,
    the result comes later.
    """
    near.queue_output = True
    reports, done = Reports(), Reports()
    near.write_buffer(LARGE, reports)
    near.write_buffer(b"behind", reports)
    with pytest.raises(OperationInProgress):
        near.shutdown("output")
    assert near.shutdown("output", abort=True, callback=done) is None
    assert (len(reports), len(done)) == (0, 0)
    settle(collection)
    assert reports.counts == [CAPACITY, 0]
    assert [status and status.identifier for status in reports.writes] == ["aborted", "aborted"]
    assert (done.moved, far.read(1 << 20)) == ([None], LARGE[:CAPACITY])
    assert far.read(1) == b""
