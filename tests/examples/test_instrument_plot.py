"""What the panel of the examples shows, in numbers: readings, gaps, figures, scales."""

from __future__ import annotations

import io

import pytest
from plot import Scale, label, room_for, thinned
from readings import Gap, Reading, Record, Summary, gaps, runs, summary


def readings(*values: float | str) -> list[Reading]:
    """Make readings, one a second from 0 on; a text is why there is no value."""
    return [
        Reading(float(when), None, value) if isinstance(value, str) else Reading(float(when), value)
        for when, value in enumerate(values)
    ]


def test_a_line_is_cut_where_nothing_was_known() -> None:
    some = readings("early", 1.0, 2.0, "away", "away", 3.0, "late")
    assert runs(some) == [[(1.0, 1.0), (2.0, 2.0)], [(5.0, 3.0)]]
    assert gaps(some, 9.5) == [Gap(0.0, 1.0, "early"), Gap(2.0, 5.0, "away"), Gap(5.0, 9.5, "late")]
    assert gaps(readings(1.0, 2.0), 9.5) == []


def test_figures_are_those_of_the_values() -> None:
    assert summary(readings("away")) is None
    assert summary(readings(3.0, "away", 1.0, 5.0)) == Summary(3, 1.0, 5.0, 3.0)


def test_a_window_has_what_leads_into_it() -> None:
    record = Record(epoch=0.0)
    for reading in readings(0.0, 1.0, 2.0, 3.0):
        record.add(reading)
    assert [reading.when for reading in record.since(1.5)] == [1.0, 2.0, 3.0]
    assert [reading.when for reading in record.since(-1.0)] == [0.0, 1.0, 2.0, 3.0]


def test_the_oldest_reading_makes_room() -> None:
    record = Record(epoch=0.0, limit=3)
    for reading in readings(0.0, 1.0, 2.0, 3.0):
        record.add(reading)
    assert len(record) == 3
    assert record.since(-1.0)[0].when == 1.0


def test_a_file_has_times_of_the_world_and_reasons() -> None:
    record, file = Record(epoch=1_700_000_000.25), io.StringIO(newline="")
    for reading in readings(-1.25, 'said "no", twice'):
        record.add(reading)
    record.write_csv(file)
    assert file.getvalue().splitlines() == [
        "time,volts,reason",
        "2023-11-14T22:13:20.250+00:00,-1.25,",
        '2023-11-14T22:13:21.250+00:00,,"said ""no"", twice"',
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
        (-30.0, 0.0, [-30.0, -20.0, -10.0, 0.0]),
        (0.1, 0.30001, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (-1e-6, 1e-6, [-1e-6, -5e-7, 0.0, 5e-7, 1e-6]),
    ],
)
def test_ticks_are_round_and_not_too_near(low: float, high: float, expected: list[float]) -> None:
    assert Scale(low, high, 200.0, 0.0).ticks(40.0) == pytest.approx(expected)


def test_a_scale_has_room_for_everything() -> None:
    assert room_for([]) == (0.0, 1.0)
    for values in ([0.0], [-5.0], [3.3, 3.3], [0.2, 9.9], [-1e-9, 1e-9], [1e6, 1e6 + 1]):
        low, high = room_for(values)
        assert low <= min(values) <= max(values) < high
        assert len(Scale(low, high, 0.0, 300.0).ticks(36.0)) >= 2
    scale = Scale(0.0, 10.0, 300.0, 24.0)
    assert (scale(0.0), scale(10.0)) == (300.0, 24.0)


def test_labels_tell_ticks_apart() -> None:
    assert [label(tick, [0.0, 0.5, 1.0]) for tick in (0.0, 0.5, 1.0)] == ["0.0", "0.5", "1.0"]
    assert label(-20.0, [-30.0, -20.0]) == "-20"
    assert label(0.15, [0.1, 0.15, 0.2]) == "0.15"


@pytest.mark.parametrize("value", [2e-323, 1e-300, 1e-15, -2e-9, 1e-7, 5e6, 9e37, -9e37])
def test_whatever_an_instrument_may_say_can_be_drawn(value: float) -> None:
    scale = Scale(*room_for([value]), 300.0, 0.0)
    ticks = scale.ticks(36.0)
    assert len(ticks) >= 2
    assert ticks == sorted(set(ticks))
    texts = [label(tick, ticks) for tick in ticks]
    assert len(set(texts)) == len(ticks)
    assert max(map(len, texts)) <= 10
    assert [float(text) for text in texts] == pytest.approx(ticks)


def test_a_thinned_line_has_no_more_points_than_needed_and_every_peak() -> None:
    points = [(number / 100, float(number % 7)) for number in range(1000)]
    points[555] = (5.55, 99.0)
    kept = thinned(points)
    assert len(kept) <= 40
    assert (5.55, 99.0) in kept
    assert kept == sorted(kept)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert thinned(points[:4]) == points[:4]
