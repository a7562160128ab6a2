"""Readings: what an instrument has shown, and when, and where it has shown nothing.

A gap is a reading, too: one without a value, and with the reason. So a plot can be cut there, and
nobody who looks at the file later takes silence for a straight line.
"""

import csv
import itertools
import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple, TextIO

READING_LIMIT: Final = 100_000  # at ten a second nearly three hours


@dataclass(frozen=True)
class Reading:
    """One answer of an instrument, or its absence.

    Attributes:
        when: a moment, on the clock of whoever measures.
        value: in volts; None if there is none.
        reason: why there is none.
    """

    when: float
    value: float | None
    reason: str = ""


class Gap(NamedTuple):
    """A time in which nothing was known, and why that began."""

    begin: float
    end: float
    reason: str


@dataclass(frozen=True)
class Summary:
    """Those of some readings that have a value, in figures."""

    count: int
    low: float
    high: float
    mean: float


class Record:
    """The latest readings, in order.

    Args:
        epoch: what the wall clock showed at moment 0; so it is asked once, and may jump.
        limit: how many readings are kept.
    """

    def __init__(self, epoch: float, limit: int = READING_LIMIT) -> None:
        self._epoch = epoch
        self._readings: deque[Reading] = deque(maxlen=limit)

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, reading: Reading) -> None:
        """Keep a reading that is later than all others; the oldest makes room."""
        self._readings.append(reading)

    def since(self, moment: float) -> list[Reading]:
        """Return the readings from a moment on, and the last before it: a line leads from there."""
        found = list[Reading]()
        for reading in reversed(self._readings):
            found.append(reading)
            if reading.when < moment:
                break
        return found[::-1]

    def write_csv(self, file: TextIO) -> None:
        """Write all readings: the time in UTC, the volts or nothing, the reason for nothing.

        Args:
            file: opened with `newline=""`, as the `csv` module wants it.
        """
        rows = csv.writer(file)
        rows.writerow(["time", "volts", "reason"])
        for reading in self._readings:
            time = datetime.fromtimestamp(self._epoch + reading.when, UTC)
            value = "" if reading.value is None else format(reading.value, ".6g")
            rows.writerow([time.isoformat(timespec="milliseconds"), value, reading.reason])


def summary(readings: list[Reading]) -> Summary | None:
    """Sum readings up; None if none has a value."""
    values = [reading.value for reading in readings if reading.value is not None]
    if not values:
        return None
    return Summary(len(values), min(values), max(values), math.fsum(values) / len(values))


def runs(readings: list[Reading]) -> list[list[tuple[float, float]]]:
    """Return what can be drawn without lifting the pen: points `(when, value)`."""
    pairs = [(reading.when, reading.value) for reading in readings]
    return [
        [(when, value) for when, value in run if value is not None]
        for there, run in itertools.groupby(pairs, lambda pair: pair[1] is not None)
        if there
    ]


def gaps(readings: list[Reading], now: float) -> list[Gap]:
    """Return when nothing was known: between the values around each gap, or until now."""
    found, known, lost = list[Gap](), None, None
    for reading in readings:
        if reading.value is None:
            lost = lost or reading
            continue
        if lost is not None:
            found.append(Gap(lost.when if known is None else known, reading.when, lost.reason))
        known, lost = reading.when, None
    if lost is not None:
        found.append(Gap(lost.when if known is None else known, now, lost.reason))
    return found
