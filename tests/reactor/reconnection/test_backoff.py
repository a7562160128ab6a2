"""Backoff: how long to wait behind so many failures. What holds of any figures is in properties."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.reconnection import DELAY_FIRST, DELAY_LIMIT, LASTING, Backoff


def test_waits_double_up_to_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.ceiling(count) for count in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (DELAY_FIRST, DELAY_LIMIT, LASTING) == (1.0, 60.0, 10.0)


def test_half_of_a_wait_is_left_to_chance() -> None:
    backoff = Backoff()
    assert [backoff.delay(3, chance) for chance in (0.0, 0.5, 1.0)] == [4.0, 3.0, 2.0]
    assert Backoff(jitter=0).delay(3, 0.9) == 4.0
    assert Backoff(jitter=1).delay(3, 1.0) == 0.0


def test_no_number_of_failures_is_too_much() -> None:
    assert Backoff().ceiling(1_000_000) == 60.0
    assert Backoff(factor=3).ceiling(1_000_000) == 60.0
    assert Backoff(factor=1).ceiling(1_000_000) == 1.0


def test_limits_are_exact() -> None:
    assert Backoff().allows(1_000_000, 1e9)
    attempts, seconds = Backoff(attempt_limit=2), Backoff(time_limit=5.0)
    assert [attempts.allows(count, 1e9) for count in (1, 2, 3)] == [True, False, False]
    assert [seconds.allows(99, elapsed) for elapsed in (5.0, 5.001)] == [True, False]


@pytest.mark.parametrize(
    ("figures", "error"),
    [
        ({"delay_first": 0}, ValueError),
        ({"delay_first": -1.0}, ValueError),
        ({"delay_first": float("nan")}, ValueError),
        ({"delay_first": "1"}, TypeError),
        ({"delay_first": True}, TypeError),
        ({"delay_first": 61.0}, ValueError),
        ({"delay_limit": float("inf")}, ValueError),
        ({"delay_limit": None}, TypeError),
        ({"factor": 0.9}, ValueError),
        ({"factor": float("inf")}, ValueError),
        ({"jitter": -0.1}, ValueError),
        ({"jitter": 1.1}, ValueError),
        ({"reset_after": 0}, ValueError),
        ({"attempt_limit": 0}, ValueError),
        ({"attempt_limit": 1.5}, TypeError),
        ({"time_limit": 0}, ValueError),
    ],
)
def test_figures_out_of_range_are_refused(figures: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(figures))):
        Backoff(**figures)
