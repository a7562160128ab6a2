"""Transports that share a limit of the rate: none has more than its part, and none starves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from reactor.flow.rate_limit import RateLimit
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.transport.conftest import Talks
from tests.recorder import Recorder
from tests.talk import Talk

RATE: Final = 40_000
SHARE: Final = 1024
STEP: Final = 0.02  # seconds; less than a share takes
FLOOD: Final = bytes(range(256)) * 1024


@pytest.fixture
def limit(collection: WaitStateCollection) -> Iterator[RateLimit]:
    """Forty shares per second, and four at once."""
    limit = RateLimit(collection, RATE, 4 * SHARE)
    yield limit
    assert limit.waiting_count == 0


def flooded(talks: Talks, limit: RateLimit, direction: str, count: int) -> list[Talk]:
    """Make connections, each of which has more to move than there is time for."""
    made = [talks(capacity=len(FLOOD)) for _ in range(count)]
    for talk in made:
        talk.transport.set_rate_limits(**{direction: limit})
    for talk in made:
        if direction == "read":
            talk.say(FLOOD)
        else:
            talk.transport.write(FLOOD)
    return made


def moved(talk: Talk, direction: str) -> int:
    """Return how many bytes have moved."""
    if direction == "read":
        return len(talk.protocol.received)
    return len(FLOOD) - talk.transport.get_write_buffer_size()


def advance(collection: WaitStateCollection, clock: ManualClock, seconds: float) -> None:
    """Let time pass in steps, in which all is done that can be."""
    for _ in range(round(seconds / STEP)):
        clock.advance(STEP)
        settle(collection)


@pytest.mark.parametrize("direction", ["read", "write"])
def test_all_have_the_same_part(
    collection: WaitStateCollection,
    clock: ManualClock,
    talks: Talks,
    limit: RateLimit,
    direction: str,
) -> None:
    crowd = flooded(talks, limit, direction, 7)
    for seconds in (1, 2, 3):
        advance(collection, clock, 1)
        parts = [moved(talk, direction) for talk in crowd]
        assert 0 <= RATE * seconds + limit.burst - sum(parts) <= limit.burst
        # The first had the burst.
        assert max(parts) - min(parts) <= 2 * SHARE + limit.burst
    for talk in crowd:
        talk.transport.abort()


def test_who_wants_little_is_not_behind_who_wants_much(
    collection: WaitStateCollection, clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    crowd = flooded(talks, limit, "read", 5)
    modest = talks()
    modest.transport.set_rate_limits(read=limit)
    advance(collection, clock, 1)
    for count in range(1, 6):
        modest.say(b"a line of a chat")
        advance(collection, clock, 6 * SHARE / RATE + STEP)  # one round
        assert len(modest.protocol.received) == count * len(b"a line of a chat")
    for talk in crowd:
        talk.transport.abort()


def test_newcomers_do_not_starve_who_waits(
    collection: WaitStateCollection, clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    (old,) = flooded(talks, limit, "read", 1)
    crowd = list[Talk]()
    for _ in range(30):
        before = moved(old, "read")
        crowd += flooded(talks, limit, "read", 1)
        advance(collection, clock, (len(crowd) + 2) * SHARE / RATE + STEP)
        assert moved(old, "read") > before
    for talk in [old, *crowd]:
        talk.transport.abort()


@pytest.mark.parametrize("verb", ["abort", "set_rate_limits", "pause_reading"])
def test_who_is_called_and_does_not_come_holds_up_nobody(
    collection: WaitStateCollection,
    clock: ManualClock,
    talks: Talks,
    limit: RateLimit,
    verb: str,
) -> None:
    first, second = flooded(talks, limit, "read", 2)
    getattr(first.transport, verb)()
    before = moved(second, "read")
    advance(collection, clock, 2)
    assert moved(second, "read") - before >= RATE * 2 - SHARE
    for talk in (first, second):
        talk.transport.abort()


def test_alone_one_may_have_it_all(
    collection: WaitStateCollection, clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    quiet = talks()
    quiet.transport.set_rate_limits(read=limit, write=limit)
    (talk,) = flooded(talks, limit, "read", 1)
    assert moved(talk, "read") == limit.burst
    advance(collection, clock, 1)
    assert 0 <= RATE + limit.burst - moved(talk, "read") <= SHARE
    talk.transport.abort()


def test_a_faster_rate_counts_for_all_who_wait(
    collection: WaitStateCollection, clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    crowd = flooded(talks, limit, "read", 4)
    limit.rate = 1.0
    advance(collection, clock, 2)
    before = [moved(talk, "read") for talk in crowd]
    limit.rate = RATE
    advance(collection, clock, 1)
    gains = [moved(talk, "read") - count for talk, count in zip(crowd, before, strict=True)]
    assert sum(gains) >= RATE - SHARE
    assert min(gains) >= RATE / 4 - 2 * SHARE
    limit.rate = None
    settle(collection, limit=5000)
    assert [moved(talk, "read") for talk in crowd] == [len(FLOOD)] * 4
    assert all(talk.protocol.received == FLOOD for talk in crowd)


def test_own_limits_beside_a_shared_one_starve_nobody(
    collection: WaitStateCollection, clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    crowd = [talks(capacity=len(FLOOD)) for _ in range(4)]
    for number, talk in enumerate(crowd):
        own = RateLimit(collection, 2_000 if number else RATE)
        talk.transport.set_rate_limits(read=(own, limit))
        talk.say(FLOOD)
    advance(collection, clock, 1)
    before = [moved(talk, "read") for talk in crowd]
    advance(collection, clock, 5)
    gains = [moved(talk, "read") - count for talk, count in zip(crowd, before, strict=True)]
    assert all(10_000 - 2 * SHARE <= gain <= 10_000 + 2 * SHARE for gain in gains[1:])
    assert gains[0] >= 5 * RATE - 3 * 10_000 - 8 * SHARE
    for talk in crowd:
        talk.transport.abort()


def test_it_is_the_same_over_the_kernel(
    collection: WaitStateCollection, clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    protocols: list[Any] = [Recorder() for _ in range(3)]
    crowd = [talks(protocol, kind="tls13") for protocol in protocols]
    for talk in crowd:
        talk.transport.set_rate_limits(read=limit)
    for talk in crowd:
        talk.say(FLOOD[:30_000])
    advance(collection, clock, 1)
    parts = [moved(talk, "read") for talk in crowd]
    assert 0 <= RATE + limit.burst - sum(parts) <= limit.burst
    assert max(parts) - min(parts) <= 2 * SHARE + limit.burst
    advance(collection, clock, 2)
    assert all(talk.protocol.received == FLOOD[:30_000] for talk in crowd)
