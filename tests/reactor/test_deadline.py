"""Spans are checked at the door and become moments; moments give back what remains."""

import math

import pytest

from reactor.deadline import NEVER, check_timeout, moment, remaining, shorter


@pytest.mark.parametrize("value", [0.001, 5, 1e9, math.inf])
def test_a_span_is_any_positive_number__lw_069_119__rel_43(value: float) -> None:
    """A timeout is any positive number, whole or not, long or endless."""
    checked = check_timeout("timeout", value)
    assert checked == value
    assert isinstance(checked, float)


def test_no_span_is_no_limit__lw_069() -> None:
    """A timeout of None is no limit."""
    assert check_timeout("timeout", None) is None


@pytest.mark.parametrize("value", [0, 0.0, -1, -math.inf, math.nan])
def test_a_span_that_is_not_above_zero_is_refused__lw_069_119(value: float) -> None:
    """A timeout that is not above zero is a `ValueError` that names the argument and the value."""
    with pytest.raises(ValueError, match=rf"^read_timeout must be .* not {value!r}$"):
        check_timeout("read_timeout", value)


@pytest.mark.parametrize("value", ["5", True, b"", [1]])
def test_a_span_that_is_no_number_is_refused__lw_069(value: object) -> None:
    """A timeout that is no number is a `TypeError`, True as well: somebody meant something else."""
    with pytest.raises(TypeError, match=r"^read_timeout is seconds"):
        check_timeout("read_timeout", value)  # type: ignore[arg-type]  # the wrong type, on purpose


def test_a_span_becomes_a_moment_once() -> None:
    assert moment(2.5, 100.0) == 102.5
    assert moment(math.inf, 100.0) == NEVER
    assert moment(None, 100.0) == NEVER


def test_what_remains_is_never_below_zero() -> None:
    assert remaining(102.5, 100.0) == 2.5
    assert remaining(100.0, 100.0) == 0.0
    assert remaining(99.0, 100.0) == 0.0
    assert remaining(NEVER, 100.0) is None


def test_of_two_spans_the_shorter_counts() -> None:
    assert shorter(2.0, 1.0) == shorter(1.0, 2.0) == shorter(None, 1.0) == shorter(1.0, None) == 1.0
    assert shorter(None, None) is None
