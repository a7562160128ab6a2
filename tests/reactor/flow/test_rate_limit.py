"""RateLimit: who moves when, of those who share it. Its connections are in `transport`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final, TypeAlias

import pytest

from reactor.flow.rate_limit import Meter, RateLimit
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.testing.memory import memory_pair
from reactor.testing.settle import settle

SHARE: Final = 1024


class Flow:
    """A flow of bytes with a meter; it writes only when the test says so."""

    def __init__(self, *limits: RateLimit) -> None:
        self.meter = Meter(limits, self)
        self.channel, self.far = memory_pair(1 << 20)
        self.dry = False

    def run_dry(self) -> None:
        self.dry = True

    def refill(self) -> None:
        self.dry = False

    def move(self, size: int) -> int:
        """Write, and return how much could be."""
        count: int | None = self.meter.on(self.channel).write(bytes(size))
        return count or 0

    def close(self) -> None:
        """Leave nothing behind."""
        self.meter.leave()
        self.channel.close()
        self.far.close()


@pytest.fixture
def limit(collection: WaitStateCollection) -> RateLimit:
    """A share per second, and four at once."""
    return RateLimit(collection, SHARE, 4 * SHARE)


Flows: TypeAlias = Callable[..., Flow]


@pytest.fixture
def flows() -> Iterator[Flows]:
    """Make flows: `flows(limit)`, or `flows(limit, drained=True)` when all that may move has."""
    with ExitStack() as made:

        def make(*limits: RateLimit, drained: bool = False) -> Flow:
            flow = Flow(*limits)
            made.callback(flow.close)
            if drained:
                limits[0].take(limits[0].burst)
            return flow

        yield make


def later(limit: RateLimit, clock: ManualClock, seconds: float) -> None:
    """Let time pass, and the limit call whom it will."""
    clock.advance(seconds)
    settle(limit.collection)


def test_as_many_are_called_as_there_are_shares(
    flows: Flows, limit: RateLimit, clock: ManualClock
) -> None:
    crowd = [flows(limit, drained=True), *(flows(limit) for _ in range(3))]
    for flow in crowd:
        assert flow.move(SHARE) == 0
    later(limit, clock, 0.999)
    assert [flow.dry for flow in crowd] == [True] * 4
    later(limit, clock, 0.001)
    assert [flow.dry for flow in crowd] == [False, True, True, True]
    # The first has moved nothing yet, and what it was called for is not there for others.
    settle(limit.collection)
    assert limit.waiting_count == 3
    later(limit, clock, 0.999)
    assert limit.waiting_count == 3
    later(limit, clock, 0.001)
    assert [flow.dry for flow in crowd] == [False, False, False, True]
    later(limit, clock, 1)
    assert limit.waiting_count == 0


def test_whoever_has_had_a_share_waits_behind_the_others(
    flows: Flows, limit: RateLimit, clock: ManualClock
) -> None:
    first, second = flows(limit, drained=True), flows(limit)
    assert first.move(SHARE) == second.move(SHARE) == 0
    later(limit, clock, 1)
    clock.advance(3)  # brings more than a share, before anybody was called again
    assert [flow.dry for flow in (first, second)] == [False, True]
    assert [first.move(700), first.move(700), first.move(700)] == [700, SHARE - 700, 0]
    settle(limit.collection)
    assert not second.dry
    assert second.move(SHARE) == SHARE


def test_who_was_called_in_vain_keeps_its_place(
    flows: Flows, limit: RateLimit, clock: ManualClock
) -> None:
    first, second = flows(limit, drained=True), flows(limit)
    for flow in (first, second):
        flow.move(SHARE)
    later(limit, clock, 1)
    faster = flows(limit)
    assert faster.move(SHARE) == SHARE
    assert first.move(SHARE) == 0
    later(limit, clock, 1)
    assert (first.dry, second.dry) == (False, True)
    assert first.move(SHARE) == SHARE
    first.move(SHARE)
    later(limit, clock, 1)
    assert (first.dry, second.dry) == (True, False)
    limit.rate = None
    settle(limit.collection)


def test_a_little_is_moved_if_that_is_all(
    flows: Flows, limit: RateLimit, clock: ManualClock
) -> None:
    limit.take(limit.burst)
    clock.advance(0.5)
    much, little = flows(limit), flows(limit)
    assert little.move(100) == 100
    assert much.move(SHARE) == 0
    assert little.move(100) == 100  # it has used no share of its own yet
    assert little.move(1000) == 0
    limit.rate = None
    settle(limit.collection)
    assert limit.waiting_count == 0


def test_a_share_fits_rate_and_burst(flows: Flows, collection: WaitStateCollection) -> None:
    for rate, burst, share in (
        (100, 100, 25),
        (1e6, 1_000_000, 10_000),
        (1e6, 4_000, 1_000),
        (0.5, None, 1),
        (None, 1_000_000, 1024),
    ):
        limit = RateLimit(collection, rate, burst)
        first, second = flows(limit), flows(limit)
        limit.line_up(second.meter)
        assert first.move(1 << 19) == share
        limit.leave(second.meter)
    assert len(collection.timers) == 0


def test_of_several_limits_all_hold(
    flows: Flows, collection: WaitStateCollection, clock: ManualClock
) -> None:
    slow, fast = RateLimit(collection, 1000, 4000), RateLimit(collection, 2000, 8000)
    flow = flows(fast, slow)
    assert flow.move(10_000) == 4000
    assert flow.move(10_000) == 0
    assert (fast.waiting_count, slow.waiting_count) == (0, 1)
    later(slow, clock, 10)
    assert flow.move(10_000) == 4000
    flow.move(10_000)
    flow.meter.leave()
    assert (fast.waiting_count, slow.waiting_count) == (0, 0)
    assert flow.move(10_000) == 0  # who has left is not called, and stays as it is
    assert len(collection.timers) == 0


def test_it_tells_of_itself(flows: Flows, limit: RateLimit) -> None:
    flow = flows(limit, drained=True)
    flow.move(1)
    assert repr(limit) == "<RateLimit of 1024 bytes per second, 1 waiting>"
    assert "waiting" in repr(flow.meter)
    limit.rate = None
    settle(limit.collection)
    assert repr(limit) == "<RateLimit of no limit, 0 waiting>"
    assert "waiting" not in repr(flow.meter)
