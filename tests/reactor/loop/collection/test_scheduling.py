"""call_soon, call_later, call_at, call_every: by the hand-driven clock, and once by a real one."""

from __future__ import annotations

import math
import selectors
import time
from collections.abc import Callable
from typing import Any

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.loop.probe import LIMIT, ready_probe


def test_soon_stands_in_one_line_with_apply__cl_73(collection: WaitStateCollection) -> None:
    """`call_soon` and `apply` run later, in the order of the calls; `call_soon` can be undone."""
    done = list[int]()
    collection.apply(done.append, 1)
    collection.call_soon(done.append, 2)
    undone = collection.call_soon(done.append, 3)
    collection.apply(done.append, 4)
    assert undone.cancel()
    assert done == []
    collection.run_once(None)
    assert done == [1, 2, 4]
    assert not undone.cancel()


def test_later_is_exact_by_the_clock_of_the_collection__cl_73(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """`call_later` calls when the collection's clock has got there: never inside the call,
    never early.
    """
    done = list[str]()
    collection.call_later(2.0, done.append, "later")
    collection.call_at(collection.time() + 3.0, done.append, "at")
    collection.call_later(0, done.append, "now")
    assert done == []
    settle(collection)
    assert done == ["now"]
    clock.advance(1.999)
    settle(collection)
    assert done == ["now"]
    clock.advance(0.001)
    settle(collection)
    assert done == ["now", "later"]
    clock.advance(1.0)
    settle(collection)
    assert done == ["now", "later", "at"]


def test_time_is_the_clock_of_the_collection__cl_73(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """`time` reads the clock that the collection was given."""
    clock.advance(12.5)
    assert collection.time() == clock()


def test_several_timers_run_in_their_order__cl_74__rel_43(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """Timers run by the time at which they are due, and those of one moment as they were made."""
    done = list[str]()
    for delay, name in ((3.0, "c"), (1.0, "a"), (3.0, "d"), (2.0, "b"), (3.0, "e")):
        collection.call_later(delay, done.append, name)
    clock.advance(10.0)
    assert collection.run_once(0) == 5
    assert done == ["a", "b", "c", "d", "e"]


def test_one_of_a_batch_cancels_another__cl_75__rel_43(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """A timer that is cancelled by another that was due with it does not run."""
    answers = list[bool]()
    collection.call_later(1.0, lambda: answers.append(victim.cancel()))
    victim = collection.call_later(1.0, answers.append, False)
    clock.advance(1.0)
    assert collection.run_once(0) == 1
    assert answers == [True]


def test_without_delay_again_and_again_starves_nobody__rel_43(
    collection: WaitStateCollection,
) -> None:
    """A call that schedules itself with 0 seconds runs once a turn; ready states get their part."""
    probe = ready_probe(collection)

    def again() -> None:
        collection.call_later(0, again)
        collection.call_at(0.0, len, "")  # long ago

    again()
    assert [collection.run_once(0) for _ in range(3)] == [3, 3, 3]
    assert len(probe.events) == 3


@pytest.mark.parametrize("delay", [1e9, 1e300, math.inf])
def test_ages_are_accepted__rel_43(delay: float, on_each: WaitStateCollection) -> None:
    """A delay of 30 years, or for ever, is a delay like others, and the loop waits for less."""
    done = list[int]()
    timer = on_each.call_later(delay, done.append, 1)
    on_each.apply(len, "")
    on_each.run_once(None)
    on_each.wake()
    on_each.run_once(None)
    assert done == []
    assert timer.cancel()


def test_what_is_no_time_is_refused(collection: WaitStateCollection) -> None:
    with pytest.raises(ValueError, match="nan"):
        collection.call_later(math.nan, print)
    with pytest.raises(ValueError, match="nan"):
        collection.call_at(math.nan, print)
    with pytest.raises(TypeError):
        collection.call_later("1", print)  # type: ignore[arg-type]  # this is the point
    for interval in (0, -1.0, math.nan, None):
        with pytest.raises(ValueError, match="interval"):
            collection.call_every(interval, print)  # type: ignore[arg-type]  # this is the point
    with pytest.raises(OverflowError):  # it would end the loop, which cannot wait for it
        collection.call_at(10**400, print)
    assert collection.stats()["timers"] == 0


def test_what_cannot_be_called_is_refused__cl_73__lw_070(collection: WaitStateCollection) -> None:
    """What a timer cannot call is a `TypeError` of the verb, and no timer is left."""
    wrong: Any = None
    schedules: list[Callable[[], object]] = [
        lambda: collection.call_soon(wrong),
        lambda: collection.call_later(1.0, wrong),
        lambda: collection.call_at(1.0, wrong),
        lambda: collection.call_every(1.0, wrong),
    ]
    for schedule in schedules:
        with pytest.raises(TypeError, match="is a function"):
            schedule()
    assert (len(collection.timers), collection.run_once(0)) == (0, 0)


def test_every_has_no_drift__cl_76(collection: WaitStateCollection, clock: ManualClock) -> None:
    """`call_every` has no drift: 0.1 s, cancelled after 0.32 s, gives 3 calls, however late
    each turn is.
    """
    moments = list[float]()
    start = clock()
    timer = collection.call_every(0.1, lambda: moments.append(round(clock() - start, 3)))
    for step in (0.05, 0.09, 0.09, 0.09):
        clock.advance(step)
        settle(collection)
    assert moments == [0.14, 0.23, 0.32]
    assert timer.cancel()
    clock.advance(1.0)
    settle(collection)
    assert (len(moments), timer.missed) == (3, 0)


def test_every_skips_what_it_missed_and_counts_it__cl_76(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """After a long pause `call_every` makes one call and counts the moments it has missed."""
    done = list[int]()
    timer = collection.call_every(1.0, done.append, 1)
    clock.advance(5.5)
    settle(collection)
    assert (len(done), timer.missed) == (1, 4)
    clock.advance(0.5)
    settle(collection)
    assert (len(done), timer.missed) == (2, 4)
    timer.cancel()


def test_every_goes_on_after_a_failure__lw_016(clock: ManualClock) -> None:
    """A repeated call that raises is reported each time, and repeated all the same."""
    reports = list[object]()
    collection = WaitStateCollection(
        clock=clock, error_handler=lambda thing, exception: reports.append(thing)
    )
    collection.call_every(1.0, lambda: 1 / 0)
    for _ in range(3):
        clock.advance(1.0)
        collection.run_once(0)
    collection.close()
    assert reports == [None, None, None]


def test_by_the_real_clock_nothing_is_early__cl_73(
    selector: selectors.BaseSelector | None,
) -> None:
    """On every selector the loop waits for a timer by itself, and no call is early."""
    collection = WaitStateCollection(selector=selector)
    early = list[bool]()
    for delay in (0.003, 0.0051, 0.0101):
        due = time.monotonic() + delay
        collection.call_later(delay, lambda due=due: early.append(time.monotonic() < due))
    while len(early) < 3:
        collection.run_once(LIMIT)
    collection.close()
    assert early == [False, False, False]
    assert collection.stats()["turns"] < 20


@pytest.mark.slow
def test_two_seconds_are_two_seconds__cl_73() -> None:
    """On an idle loop a call after 2 s comes within 0.02 s, and not before."""
    collection, late = WaitStateCollection(), list[float]()
    for number in range(5):  # a busy machine may hold some of them up
        due = collection.time() + 2.0 + number / 20
        collection.call_at(due, lambda due=due: late.append(time.monotonic() - due))
    while len(late) < 5:
        collection.run_once(LIMIT)
    collection.close()
    assert min(late) >= 0.0
    assert sorted(late)[2] < 0.02
    assert collection.stats()["turns"] <= 10
