"""AsyncIOState, limits: timeouts and deadlines of reads and handshakes, and what they cost."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reactor.errors import (
    DeadlinePassed,
    OperationTimeout,
    TLSHandshakeTimeout,
)
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.state.farewell import LINGER_LIMIT
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.state.reports import Reports
from tests.tls_pairs import contexts, engines


@pytest.mark.parametrize("timeout", [0, -1.0, math.nan])
def test_a_limit_is_above_zero__lw_119(near: AsyncIOState, timeout: float) -> None:
    """A timeout of a verb that is zero or less is refused at the call."""
    with pytest.raises(ValueError, match="timeout"):
        near.read_buffer(bytearray(1), Reports(), timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        near.write_buffer(b"x", Reports(), timeout=timeout)
    assert not near.input.active


def test_a_limit_reports_what_has_come__lw_074_121(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`read_buffer` has one clock for all of it; the timeout says which limit, and how far
    it came.
    """
    buffer, reports, errors = bytearray(5), Reports(), Reports()
    near.read_buffer(buffer, reports, timeout=10.0, error_callback=errors)
    clock.advance(9.0)
    far.write(b"abc")
    settle(collection)
    clock.advance(0.9)
    settle(collection)
    assert len(reports) == 0
    clock.advance(0.1)
    settle(collection)
    assert (reports.moved, len(errors)) == ([(b"abc\0\0", 3)], 0)
    error = reports.status
    assert isinstance(error, OperationTimeout)
    assert (error.phase, error.limit, error.bytes_moved) == ("read", 10.0, 3)
    assert error.elapsed == pytest.approx(10.0)
    assert error.peer == ("far", None)
    assert len(collection.timers) == 0


def test_a_state_goes_on_after_a_limit__lw_116(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A timeout does not stick: the next operation sets it back and does its work."""
    near.read_timeout = 1.0
    near.read_buffer(bytearray(5), late := Reports())
    clock.advance(2.0)
    settle(collection)
    assert isinstance(late.status, OperationTimeout)
    assert [near.read_status] == [late.status]
    reports = Reports()
    near.read_buffer(bytearray(2), reports, timeout=math.inf)
    status = near.read_status
    assert status is None
    clock.advance(100.0)
    settle(collection)
    assert len(reports) == 0
    far.write(b"ok")
    settle(collection)
    assert (reports.moved, reports.status) == ([(b"ok", 2)], None)


def test_a_deadline_bounds_all_of_it__lw_196(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The `deadline=` of an operation passes whatever moves meanwhile, and stands beside
    its timeout.
    """
    reports = Reports()
    near.read_with_checking(reports, timeout=2.0, deadline=clock() + 3.0)
    for _ in range(2):
        clock.advance(1.5)
        far.write(b"x")
        settle(collection)
    assert isinstance(reports.reads[-1], DeadlinePassed)
    assert [type(status) for status in reports.reads[:-1]] == [type(None)] * (len(reports) - 1)
    near.read_buffer(bytearray(9), last := Reports(), timeout=1.0, deadline=clock() + 5.0)
    clock.advance(1.0)
    settle(collection)
    assert type(last.status) is OperationTimeout


@pytest.mark.parametrize("queued", [False, True])
def test_a_moment_that_has_passed_never_touches_the_socket__lw_196(
    collection: WaitStateCollection,
    clock: ManualClock,
    near: AsyncIOState,
    far: MemoryChannel,
    queued: bool,
) -> None:
    """An operation whose moment has passed already ends later, and moves nothing."""
    far.write(b"there it is")
    near.wait_for_input(lambda state: None)  # leaves an interest in input behind
    settle(collection)
    unread = near.buffered_data_length
    far.write(b"and more")
    reading, writing = Reports(), Reports()

    def start(state: object = None) -> None:
        near.read_buffer(bytearray(50), reading, deadline=clock() - 1.0)
        near.write_buffer(b"answer", writing, deadline=clock())

    if queued:
        near.wait_for_input(start)
        settle(collection)
    else:
        start()
        assert len(reading) == len(writing) == 0
        settle(collection)
    assert (reading.counts, writing.counts) == ([0], [0])
    assert isinstance(reading.reads[0], DeadlinePassed)
    assert isinstance(writing.writes[0], DeadlinePassed)
    assert near.buffered_data_length == unread
    assert far.read(100) is None


def test_a_deadline_counts_in_line_too__lw_196_102(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """What waits in line beyond its deadline ends, with what is behind it; what runs goes on."""
    near.queue_input = True
    running, second, late, behind = Reports(), Reports(), Reports(), Reports()
    near.read_buffer(bytearray(2), running)
    near.read_buffer(bytearray(2), second)
    near.read_buffer(bytearray(2), late, deadline=clock() + 2.0)
    near.read_buffer(bytearray(2), behind)
    far.write(b"ab")
    settle(collection)  # the first one is over: the deadline must be watched all the same
    clock.advance(2.0)
    settle(collection)
    assert (running.counts, second.counts) == ([2], [])
    assert (late.counts, behind.counts) == ([0], [0])
    assert isinstance(late.status, DeadlinePassed)
    assert isinstance(behind.status, DeadlinePassed)
    assert late.status.elapsed == pytest.approx(2.0)
    far.write(b"cd")
    settle(collection)
    assert (second.counts, second.reads) == ([2], [None])


def test_input_that_is_there_when_the_limit_is_noticed_counts__lw_122(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Data already readable when the limit of a read is noticed completes the read."""
    reports = Reports()
    near.read_buffer(bytearray(4), reports, timeout=1.0)
    settle(collection)
    clock.advance(5.0)
    far.write(b"late")
    settle(collection)
    assert (reports.moved, reports.status) == ([(b"late", 4)], None)


def test_a_late_timer_cannot_hit_the_next_operation__lw_122(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The limit of an operation that has ended does not hit the next one, however late its
    timer fires.
    """
    second = Reports()
    near.read_buffer(
        bytearray(1), lambda state, *_: state.read_buffer(bytearray(1), second), timeout=1.0
    )
    far.write(b"1")
    clock.advance(10.0)
    settle(collection)
    clock.advance(10.0)
    settle(collection)
    assert len(second) == 0
    far.write(b"2")
    settle(collection)
    assert second.counts == [1]


def test_an_operation_in_time_costs_no_work_in_the_heap__lw_122(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A thousand operations that end in time leave one dead entry in the heap, and no timer."""
    near.read_timeout = 60.0
    for _ in range(1000):
        far.write(b"x")
        near.read_buffer(bytearray(1), Reports())
        collection.run_once(0)
    assert len(collection.timers._heap) <= 1
    settle(collection)
    assert len(collection.timers) == 0


def test_a_limit_of_a_handshake_is_positive_or_none__lw_159(
    collection: WaitStateCollection,
    certificates: Certificates,
    clock: ManualClock,
    near: AsyncIOState,
) -> None:
    """A `handshake_timeout` is a positive number of seconds; with None a silent peer is waited
    for without end.
    """
    options: dict[str, Any] = {"tls": contexts(certificates)[0], "server_hostname": "localhost"}
    for wrong in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match="handshake_timeout"):
            near.attach_tls(Reports(), handshake_timeout=wrong, **options)
    with pytest.raises(TypeError, match="handshake_timeout"):
        near.attach_tls(Reports(), handshake_timeout="10", **options)  # type: ignore[arg-type]  # the point
    assert near.tls_side is None
    near.attach_tls(told := Reports(), handshake_timeout=None, **options)
    settle(collection)
    clock.advance(1e6)
    settle(collection)
    assert (len(told), len(collection.timers)) == (0, 0)
    near.abort_and_close()
    clock.advance(LINGER_LIMIT)  # for a last word
    settle(collection)


@pytest.mark.parametrize(
    "phase", [(side, size) for side in ("client", "server") for size in (0, 5, 100, 550)]
)
def test_a_handshake_is_limited_wherever_it_stops__lw_159(
    certificates: Certificates,
    clock: ManualClock,
    near: AsyncIOState,
    far: MemoryChannel,
    phase: tuple[str, int],
) -> None:
    """A peer that says nothing, a part of its first words, or all but the last of them, fails the
    handshake when the limit passes, counted from its beginning.
    """
    (side, size), collection = phase, near.collection
    client, server = contexts(certificates)
    both = engines(client, server)
    ours, peer = (client, both[1]) if side == "client" else (server, both[0])
    name = "localhost" if side == "client" else None
    near.attach_tls(told := Reports(), tls=ours, server_hostname=name)
    said = 0
    for _ in range(3):
        settle(collection)
        clock.advance(3.0)
        peer.feed(far.read(65536) or b"")
        peer.handshake()
        words = peer.take()[: size - said]
        far.write(words)
        said += len(words)
    settle(collection)
    assert (said, len(told)) == (size, 0)
    clock.advance(1.0)
    settle(collection)
    assert isinstance(told.moved[0], TLSHandshakeTimeout)
    near.abort_and_close()
    clock.advance(LINGER_LIMIT)
    settle(collection)
