"""The clock that is advanced by hand."""

import math

import pytest

from reactor.testing.clock import ManualClock


def test_time_passes_when_it_is_told_to() -> None:
    clock = ManualClock(100.0)
    assert clock() == clock() == 100.0
    clock.advance(2.5)
    clock.advance(0)
    assert clock() == 102.5
    assert repr(clock) == "<ManualClock at 102.5 s>"


@pytest.mark.parametrize("seconds", [-0.001, math.nan])
def test_time_does_not_run_backwards(seconds: float) -> None:
    clock = ManualClock()
    with pytest.raises(ValueError, match="0 or more seconds"):
        clock.advance(seconds)
    assert clock() == 0.0
