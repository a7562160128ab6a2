"""TokenBucket: how many bytes may move, by the moments that it is told."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.flow.token_bucket import PLENTY, TokenBucket


def test_it_begins_full_and_fills_at_its_rate() -> None:
    bucket = TokenBucket(100.0, 250, 0.0)
    assert bucket.available(0.0) == 250
    bucket.take(250, 0.0)
    assert [bucket.available(moment) for moment in (0.0, 0.005, 0.01, 1.0)] == [0, 0, 1, 100]
    assert bucket.available(1e6) == 250


def test_the_burst_is_that_of_a_second_unless_given() -> None:
    bucket = TokenBucket(100.0, None, 0.0)
    assert bucket.burst == 100
    bucket.change(0.5, None, 0.0)
    assert bucket.burst == 1
    bucket.change(100.0, 7, 0.0)
    assert bucket.burst == 7


def test_it_says_when_there_will_be_enough() -> None:
    bucket = TokenBucket(100.0, 250, 10.0)
    assert bucket.moment_of(250, 10.0) == 10.0
    bucket.take(250, 10.0)
    assert bucket.moment_of(50, 10.0) == 10.5
    assert bucket.moment_of(500, 10.0) == 15.0
    assert bucket.moment_of(50, 10.25) == 10.5


@pytest.mark.parametrize("now", [0.0, 12_345.678, 1e7])
def test_who_comes_at_that_moment_finds_enough(now: float) -> None:
    for rate in (0.3, 7.7, 1000.0, 33_333.3):
        for count in range(1, 100):
            bucket = TokenBucket(rate, 100, now)
            bucket.take(100, now)
            assert bucket.available(bucket.moment_of(count, now)) >= count


def test_what_it_owes_is_paid_back_first() -> None:
    bucket = TokenBucket(100.0, 100, 0.0)
    bucket.take(300, 0.0)
    assert bucket.available(0.0) == 0
    assert bucket.available(2.0) == 0
    assert bucket.available(2.5) == 50


def test_a_change_counts_from_its_moment() -> None:
    bucket = TokenBucket(100.0, 1000, 0.0)
    bucket.take(1000, 0.0)
    bucket.change(10.0, 1000, 1.0)
    assert bucket.available(1.0) == 100
    assert bucket.available(2.0) == 110
    bucket.change(10.0, 50, 2.0)
    assert bucket.available(2.0) == 50


def test_without_a_rate_there_is_plenty() -> None:
    bucket = TokenBucket(None, None, 0.0)
    bucket.take(1 << 40, 0.0)
    assert bucket.available(0.0) == PLENTY
    assert bucket.moment_of(1 << 40, 3.0) == 3.0
    bucket.change(100.0, None, 0.0)
    assert bucket.available(0.0) == 100
    bucket.take(100, 0.0)
    bucket.change(None, None, 0.0)
    bucket.take(1 << 40, 0.0)
    bucket.change(100.0, None, 1.0)
    assert bucket.available(1.0) == 100


def test_a_clock_that_stands_brings_nothing() -> None:
    bucket = TokenBucket(100.0, 100, 5.0)
    bucket.take(100, 5.0)
    assert bucket.available(4.0) == 0
    assert bucket.available(5.0) == 0


@pytest.mark.parametrize(
    ("rate", "burst", "error", "name"),
    [
        (0, 1, ValueError, "rate"),
        (-1.0, 1, ValueError, "rate"),
        (float("nan"), 1, ValueError, "rate"),
        (float("inf"), 1, ValueError, "rate"),
        pytest.param(10**309, 1, ValueError, "rate", id="no float"),
        ("1", 1, TypeError, "rate"),
        (True, 1, TypeError, "rate"),
        (1.0, 0, ValueError, "burst"),
        (1.0, 2.0, TypeError, "burst"),
        (None, 0, ValueError, "burst"),
        (1.0, 1 << 63, ValueError, "burst"),
    ],
)
def test_figures_out_of_range_are_refused(
    rate: Any, burst: Any, error: type[Exception], name: str
) -> None:
    with pytest.raises(error, match=name):
        TokenBucket(rate, burst, 0.0)
    bucket = TokenBucket(10.0, 10, 0.0)
    with pytest.raises(error, match=name):
        bucket.change(rate, burst, 0.0)
    assert (bucket.rate, bucket.burst) == (10.0, 10)
