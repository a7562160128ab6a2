"""Backoff with any figures: ceilings only rise, and chance takes its part and no more."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from reactor.reconnection import Backoff

SECONDS = st.floats(1e-6, 1e9)
COUNTS = st.integers(1, 5000)


@st.composite
def backoffs(draw: st.DrawFn) -> Backoff:
    first = draw(SECONDS)
    return Backoff(
        delay_first=first,
        delay_limit=draw(st.floats(first, 1e12)),
        factor=draw(st.floats(1, 1e6)),
        jitter=draw(st.floats(0, 1)),
    )


@given(backoff=backoffs(), count=COUNTS)
def test_ceilings_rise_from_the_first_to_the_limit(backoff: Backoff, count: int) -> None:
    assert backoff.ceiling(1) == backoff.delay_first
    here, next_one = backoff.ceiling(count), backoff.ceiling(count + 1)
    assert backoff.delay_first <= here <= next_one <= backoff.delay_limit
    if next_one < backoff.delay_limit:
        assert math.isclose(next_one, here * backoff.factor, rel_tol=1e-9)


@given(backoff=backoffs(), count=COUNTS, chances=st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_chance_takes_no_more_than_its_part(
    backoff: Backoff, count: int, chances: list[float]
) -> None:
    ceiling = backoff.ceiling(count)
    floor = ceiling * (1 - backoff.jitter)
    delays = [backoff.delay(count, chance) for chance in sorted(chances)]
    assert all(floor <= delay <= ceiling for delay in delays)
    assert delays == sorted(delays, reverse=True)
    assert backoff.delay(count, 0.0) == ceiling
