"""AsyncIOState, unless told otherwise: each limit is what the documents say, and is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reactor.errors import LimitExceeded, OperationTimeout
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.state.operation_queue import OPERATION_LIMIT
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel, memory_pair
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.state.reports import Reports
from tests.tls_pairs import channels

KIB = 1 << 10
MIB = 1 << 20


@pytest.fixture
def wide(collection: WaitStateCollection) -> Iterator[tuple[AsyncIOState, MemoryChannel]]:
    """A state and its peer, with room for more than any limit between them."""
    here, there = memory_pair(capacity=64 * MIB)
    yield AsyncIOState(collection, here), there
    here.close()
    there.close()


def test_a_call_shows_256_kib_more_at_most__lw_087(
    collection: WaitStateCollection, wide: tuple[AsyncIOState, MemoryChannel]
) -> None:
    """A checking callback is shown at most 256 KiB more than the last time, by default."""
    state, far = wide
    counts = list[int]()
    far.write(bytes(600 * KIB))
    state.read_with_checking(lambda _state, _buffer, end: counts.append(end))
    settle(collection)
    growth = [end - before for before, end in zip([0, *counts], counts, strict=False)]
    assert state.max_read == 256 * KIB
    assert (max(growth), counts[-1]) == (256 * KIB, 600 * KIB)


def test_16_mib_may_be_unread__lw_092(
    collection: WaitStateCollection, wide: tuple[AsyncIOState, MemoryChannel]
) -> None:
    """A checking read keeps 16 MiB of unread bytes by default; a byte more ends it, unlost."""
    state, far = wide
    state.max_read = 32 * MIB
    ended, shown = Reports(), list[int]()
    state.read_with_checking(lambda _s, _b, end: shown.append(end), error_callback=ended)
    far.write(bytes(16 * MIB))
    settle(collection)
    assert (shown[-1], len(ended)) == (16 * MIB, 0)
    far.write(b"x")
    settle(collection)
    assert isinstance(ended.reads[0], LimitExceeded)
    assert state.buffered_data_length == 16 * MIB + 1


def test_16_mib_may_wait_in_line__lw_103(near: AsyncIOState) -> None:
    """Behind the write that runs 16 MiB may wait by default; one byte more is refused."""
    near.queue_output = True
    near.write_buffer(bytes(MIB), Reports())
    near.write_buffer(bytes(16 * MIB), Reports())
    with pytest.raises(LimitExceeded):
        near.write_buffer(b"x", Reports())


def test_tls_is_taken_off_within_3_s__lw_144(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates
) -> None:
    """A peer that leaves our closing alert without answer fails the detaching after 3 s."""
    here, far = channels(certificates)
    state = AsyncIOState(collection, here)
    state.detach_tls(told := Reports())
    settle(collection)
    clock.advance(2.9)
    settle(collection)
    assert len(told) == 0
    clock.advance(0.1)
    settle(collection)
    assert isinstance(told.moved[0], OperationTimeout)
    state.close()
    far.close()


def test_64_operations_in_a_row_are_a_turn__lw_091(
    collection: WaitStateCollection, wide: tuple[AsyncIOState, MemoryChannel]
) -> None:
    """However many short reads wait in line, a turn does a bounded number of them."""
    state, far = wide
    state.queue_input = True
    far.write(bytes(200))
    done = list[object]()
    for _ in range(200):
        state.read_buffer(bytearray(1), lambda *_: done.append("read"))
    collection.apply(done.append, "posted")
    collection.run_once(0)
    collection.run_once(0)
    assert 0 < done.index("posted") <= 2 * (OPERATION_LIMIT + 1)
    settle(collection)
    assert len(done) == 201
