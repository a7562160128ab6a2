"""Deadline: a timeout turned into a moment, once.

A timeout is a span and a deadline is a moment, both in seconds on a monotonic clock. A span that
is handed from call to call grows with each of them; a moment does not. So a verb turns the span
it was given into a moment at its door, and from there on only moments travel. No limit is a
moment too, `NEVER`, which spares everybody below a question.
"""

import math
from typing import Final

NEVER: Final = math.inf


def check_timeout(name: str, value: float | None) -> float | None:
    """Return `value`, a span in seconds or None for no limit; refuse anything else.

    Raises:
        TypeError: it is no number. ValueError: it is not above zero.

    Thread: any. Calls back: never. Source: LW-069, LW-119.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is seconds, or None for no limit, not {value!r}")
    if not value > 0:  # written this way so that a NaN is refused as well
        raise ValueError(f"{name} must be more than 0 seconds, or None for no limit, not {value!r}")
    return float(value)


def shorter(first: float | None, second: float | None) -> float | None:
    """Return the shorter one of two spans; None is endless."""
    return second if first is None else first if second is None else min(first, second)


def moment(timeout: float | None, now: float) -> float:
    """Return the moment at which a span that begins now is over; None never is."""
    return NEVER if timeout is None else now + timeout


def remaining(when: float, now: float) -> float | None:
    """Return the seconds from now until `when`, at least 0.0; None if it never comes."""
    return None if when == NEVER else max(0.0, when - now)
