"""TokenBucket with any figures: no span has more than it may, and no moment less than it says."""

from __future__ import annotations

import itertools
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from reactor.flow.token_bucket import TokenBucket

RATES: Final = st.floats(0.5, 1e6)
BURSTS: Final = st.integers(1, 1_000_000)
GAPS: Final = st.lists(st.tuples(st.floats(0, 100), st.integers(1, 2_000_000)), max_size=40)


@given(rate=RATES, burst=BURSTS, gaps=GAPS)
def test_no_span_moves_more_than_burst_and_rate(
    rate: float, burst: int, gaps: list[tuple[float, int]]
) -> None:
    bucket, now = TokenBucket(rate, burst, 0.0), 0.0
    moved = list[tuple[float, int]]()
    for gap, wanted in gaps:
        now += gap
        count = min(wanted, bucket.available(now))
        bucket.take(count, now)
        moved.append((now, count))
    for first, last in itertools.combinations_with_replacement(range(len(moved)), 2):
        span = moved[last][0] - moved[first][0]
        total = sum(count for _, count in moved[first : last + 1])
        assert total <= burst + rate * span + 1


@given(rate=RATES, burst=BURSTS, gaps=GAPS, share=st.integers(1, 1_000_000))
def test_at_the_moment_it_names_there_is_enough(
    rate: float, burst: int, gaps: list[tuple[float, int]], share: int
) -> None:
    bucket, now, share = TokenBucket(rate, burst, 0.0), 0.0, min(share, burst)
    for gap, wanted in gaps:
        now += gap
        bucket.take(wanted, now)
        now = bucket.moment_of(share, now)
        assert bucket.available(now) >= share
