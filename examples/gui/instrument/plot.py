"""Plot: where things are on a drawing, in numbers. Nothing is drawn here.

A scale turns values into pixels, ticks are values that people like to read, and a line with more
points than the drawing has columns is thinned so that no peak is lost.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

Point: TypeAlias = tuple[float, float]

STEPS: Final = (1.0, 2.0, 5.0, 10.0)  # what a tick may be a multiple of, times a power of ten
STEP_COUNT: Final = 5  # in which values are spread; there may be a few less
LEAST_POWER: Final = -300  # of ten, in a step: what is far smaller is no number with all its digits
SMALL, LARGE = 1e-6, 1e6  # from a step to a tick; what is beyond is written with a power of ten


@dataclass(frozen=True)
class Scale:
    """A straight line from values to pixels.

    Attributes:
        low: the value at `first`.
        high: the value at `last`; above `low`.
        first: a pixel.
        last: a pixel; of an upright scale it is above the first, so smaller.
    """

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; beyond the ends it goes on."""
        share = (value - self.low) / (self.high - self.low)
        return self.first + share * (self.last - self.first)

    def ticks(self, distance: float) -> list[float]:
        """Return round values on the scale, `distance` pixels apart at least."""
        least = (self.high - self.low) * distance / abs(self.last - self.first)
        step = round_step(least)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        digits = 1 - math.floor(math.log10(step))
        return [round(number * step, digits) for number in range(first, last + 1)]


def round_step(least: float) -> float:
    """Return the smallest round number that is not below `least`, which is above 0."""
    power = 10.0 ** max(math.floor(math.log10(least)), LEAST_POWER)
    return next(power * step for step in STEPS if power * step >= least * (1 - 1e-9))


def room_for(values: list[float]) -> tuple[float, float]:
    """Return round ends of a scale for values, so that it does not move with each of them."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    step = round_step((high - low) / STEP_COUNT or abs(high) / STEP_COUNT or 1.0)
    return math.floor(low / step) * step, (math.floor(high / step) + 1) * step


def label(tick: float, ticks: list[float]) -> str:
    """Write a tick with as many digits as tell it from its neighbours."""
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=abs(tick) or 1.0)
    power = math.floor(math.log10(step) + 1e-9)
    largest = max(map(abs, ticks))
    if step > SMALL and largest < LARGE:
        return f"{tick:.{max(0, -power)}f}"
    return f"{tick:.{math.floor(math.log10(largest)) - power}e}"


def thinned(points: list[Point]) -> list[Point]:
    """Keep of each column of pixels the first, the lowest, the highest and the last point."""
    return [point for column in columns(points) for point in extremes(column)]


def columns(points: list[Point]) -> Iterator[list[Point]]:
    """Cut points, which are in order, into those of each column."""
    for _, column in itertools.groupby(points, lambda point: int(point[0])):
        yield list(column)


def extremes(column: list[Point]) -> list[Point]:
    """Return the points of one column that can be seen, in order."""
    if len(column) <= 4:
        return column
    upright = [point[1] for point in column]
    kept = {0, upright.index(min(upright)), upright.index(max(upright)), len(column) - 1}
    return [column[number] for number in sorted(kept)]
