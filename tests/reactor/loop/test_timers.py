"""TimerQueue: against a sorted list; what happens while a batch runs; what it keeps."""

from __future__ import annotations

import gc
import math
import weakref
from contextvars import Context
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.deadline import NEVER
from reactor.loop.health import Health
from reactor.loop.timers import REBUILD_FLOOR, RepeatedTimer, Timed, Timer, TimerQueue

NUMBERS: Final = st.integers(0, 5)  # of the things that are armed
MOMENTS: Final = st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0, 1e9, NEVER])
VERBS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("arm"), NUMBERS, MOMENTS),
        st.tuples(st.just("disarm"), NUMBERS, st.just(0.0)),
        st.tuples(st.just("take"), st.just(0), MOMENTS.filter(math.isfinite)),
        st.tuples(st.just("look"), st.just(0), st.just(0.0)),
    ),
    max_size=60,
)


class Marked(Timed):
    """Something that writes down when it ran, and does what it is told then."""

    __slots__ = ("__weakref__", "action", "ran")

    def __init__(self, action: Any = lambda: None) -> None:
        super().__init__()
        self.action = action
        self.ran: list[float] = []

    def on_due(self, now: float) -> None:
        self.ran.append(now)
        self.action()


def run_due(queue: TimerQueue, now: float) -> int:
    def refuse(thing: object, exception: BaseException) -> None:
        raise exception

    return queue.run_due(now, Health(lambda: now, naming=False), refuse)


class Model:
    """What a queue should do, as a dictionary that is sorted every time."""

    def __init__(self) -> None:
        self.armed: dict[int, tuple[float, int]] = {}
        self.order = 0

    def arm(self, number: int, when: float) -> None:
        self.order += 1
        self.armed.pop(number, None)
        if when != NEVER:
            self.armed[number] = (when, self.order)

    def take(self, now: float) -> list[int]:
        due = [number for number in self.armed if self.armed[number][0] <= now]
        due.sort(key=lambda number: self.armed[number])
        for number in due:
            del self.armed[number]
        return due

    @property
    def next_moment(self) -> float:
        return min((when for when, _ in self.armed.values()), default=NEVER)


@given(VERBS)
def test_it_does_what_a_sorted_list_would_do__cl_74__rel_43(
    verbs: list[tuple[str, int, float]],
) -> None:
    """Whatever timers are armed, armed anew and disarmed, those that are due run in order
    and once.
    """
    queue, model = TimerQueue(), Model()
    things = [Timed() for _ in range(6)]
    for verb, number, when in verbs:
        if verb == "arm":
            queue.arm(things[number], when)
            model.arm(number, when)
        elif verb == "disarm":
            queue.disarm(things[number])
            model.arm(number, NEVER)
        elif verb == "take":
            due = queue.take_due(when)
            assert [things.index(timed) for timed in due] == model.take(when)
            for timed in due:
                queue.disarm(timed)
        else:
            assert queue.first_entry() <= model.next_moment
            assert queue.next_moment() == model.next_moment
        assert len(queue) == len(model.armed)
        for number, timed in enumerate(things):
            assert timed.when == model.armed.get(number, (NEVER, 0))[0]


def test_equal_moments_come_in_the_order_of_arming__cl_74__rel_43() -> None:
    """Timers that are due at the same moment run in the order in which they were armed last."""
    queue, ran = TimerQueue(), list[str]()
    first, second, third = (Marked(lambda name=name: ran.append(name)) for name in "abc")
    for timed in (first, second, third, first):
        queue.arm(timed, 5.0)
    assert run_due(queue, 5.0) == 3
    assert ran == ["b", "c", "a"]


def test_pushing_back_does_not_touch_the_heap() -> None:
    queue, timed = TimerQueue(), Timed()
    queue.arm(timed, 1.0)
    queue.arm(timed, 2.0)
    assert queue.first_entry() == 1.0  # the old entry, which is only found out when it comes up
    assert queue.next_moment() == 2.0
    assert queue.first_entry() == 2.0


def test_what_was_disarmed_is_forgotten_in_time() -> None:
    queue = TimerQueue()
    things = [Marked() for _ in range(1000)]
    seen = [weakref.ref(timed) for timed in things]
    for timed in things:
        queue.arm(timed, 1e9)
    for timed in things:
        queue.disarm(timed)
    del things, timed
    gc.collect()
    assert len(queue) == 0
    assert sum(ref() is not None for ref in seen) <= REBUILD_FLOOR


def test_one_that_is_armed_earlier_and_earlier_leaves_no_heap_of_entries() -> None:
    queue, timed = TimerQueue(), Timed()
    for when in range(10_000, 0, -1):
        queue.arm(timed, float(when))
    assert len(queue) == 1
    assert len(queue._heap) <= REBUILD_FLOOR + 1


def test_what_a_batch_arms_runs_in_a_later_one__rel_43() -> None:
    """A timer that arms itself for now runs once in each turn, so that I/O is served between."""
    queue = TimerQueue()
    again = Marked()
    again.action = lambda: queue.arm(again, 1.0)
    queue.arm(again, 1.0)
    assert run_due(queue, 1.0) == 1
    assert run_due(queue, 1.0) == 1
    assert again.ran == [1.0, 1.0]


def test_a_batch_can_disarm_and_put_off_what_comes_behind__rel_43() -> None:
    """A timer that is cancelled or put off by an earlier one of the same batch does not run
    in it.
    """
    queue = TimerQueue()
    cancelled, postponed, early = Marked(), Marked(), Marked()

    def act() -> None:
        queue.disarm(cancelled)
        queue.arm(postponed, 9.0)
        queue.arm(early, 0.5)  # still due by now: it runs in this batch, and once

    first = Marked(act)
    for timed in (first, cancelled, postponed, early):
        queue.arm(timed, 1.0)
    assert run_due(queue, 1.0) == 2
    assert (cancelled.ran, postponed.ran, early.ran) == ([], [], [1.0])
    assert run_due(queue, 9.0) == 1
    assert (cancelled.ran, postponed.ran, early.ran) == ([], [9.0], [1.0])


def test_an_exception_leaves_the_others_due__lw_018() -> None:
    """Timers behind one whose exception leaves the loop run in the next turn, in order."""
    queue, ran = TimerQueue(), list[str]()

    def fail() -> None:
        raise LookupError("a mistake of the user")

    things = [Marked(fail), *(Marked(lambda name=name: ran.append(name)) for name in "ab")]
    for timed in things:
        queue.arm(timed, 1.0)
    with pytest.raises(LookupError):
        run_due(queue, 1.0)
    assert ran == []
    assert run_due(queue, 1.0) == 2
    assert ran == ["a", "b"]


def test_clearing_ends_the_batch_that_runs__lw_011() -> None:
    """When the collection is closed by a timer, those that were due with it do not run."""
    queue = TimerQueue()
    first, second, later = Marked(lambda: queue.clear()), Marked(), Marked()
    queue.arm(first, 1.0)
    queue.arm(second, 1.0)
    queue.arm(later, 2.0)
    assert run_due(queue, 1.0) == 1
    assert (second.ran, second.when, later.when) == ([], NEVER, NEVER)
    assert (len(queue), queue.next_moment()) == (0, NEVER)
    queue.arm(later, 3.0)
    assert queue.next_moment() == 3.0


def test_the_lag_of_the_latest_is_told() -> None:
    queue, health = TimerQueue(), Health(lambda: 0.0, naming=False)
    queue.arm(Timed(), 4.0)
    first = Marked()
    queue.arm(first, 1.0)
    queue.run_due(3.5, health, lambda thing, exception: None)
    assert (first.ran, health.timer_lag) == ([3.5], 2.5)


def test_cancel_says_whether_it_prevented_the_call__cl_75() -> None:
    """A timer can be cancelled once; afterwards, and when it has run, cancel only says false."""
    queue, ran = TimerQueue(), list[int]()
    spent = Timer(queue, ran.append, (1,), Context())
    cancelled = Timer(queue, ran.append, (2,), Context())
    queue.arm(spent, 1.0)
    queue.arm(cancelled, 1.0)
    assert cancelled.cancel()
    assert (spent.active, cancelled.active) == (True, False)
    run_due(queue, 1.0)
    assert ran == [1]
    assert [spent.cancel(), spent.cancel(), cancelled.cancel()] == [False, False, False]


def test_a_cancelled_timer_keeps_nothing_alive() -> None:
    class Big:
        pass

    big = Big()
    seen = weakref.ref(big)
    timer = Timer(TimerQueue(), print, (big,), Context())
    timer.cancel()
    del big
    gc.collect()
    assert seen() is None


def test_a_spent_timer_still_shows_its_function() -> None:
    def refresh() -> None: ...

    queue = TimerQueue()
    timer = Timer(queue, refresh, (), Context())
    queue.arm(timer, 1.0)
    assert "refresh" in repr(timer)
    run_due(queue, 1.0)
    assert "refresh" in repr(timer)


def test_repeating_keeps_to_its_moments_and_skips_the_missed__cl_76() -> None:
    """A repeated call keeps to start + n intervals, however late the last one was; missed
    ones are counted.
    """
    queue, ran = TimerQueue(), list[float]()
    timer = RepeatedTimer(queue, lambda: ran.append(timer.when), (), Context())
    queue.arm(timer, timer.begin(100.0, 10.0))
    assert queue.next_moment() == 110.0
    run_due(queue, 113.0)  # late, but the next moment is not
    assert (timer.when, timer.missed) == (120.0, 0)
    run_due(queue, 155.0)  # for 120; 130, 140 and 150 have passed
    assert (timer.when, timer.missed) == (160.0, 3)
    assert ran == [120.0, 160.0]
    assert timer.cancel()
    assert run_due(queue, 1e9) == 0


@pytest.mark.parametrize("interval", [0.1, 1 / 3, 0.007])
def test_repeating_is_not_misled_by_rounding__cl_76(interval: float) -> None:
    """Called at the very moments that it has named, a repeated call misses none and makes none
    twice.
    """
    queue, moments = TimerQueue(), list[float]()
    timer = RepeatedTimer(queue, lambda: moments.append(timer.when), (), Context())
    queue.arm(timer, timer.begin(12_345.678, interval))
    for _ in range(1000):
        assert run_due(queue, timer.when) == 1
    assert moments == sorted(set(moments))
    assert (len(moments), timer.missed) == (1000, 0)


def test_repeating_can_be_cancelled_from_within__cl_76() -> None:
    """A repeated call that cancels itself is the last one."""
    queue, calls = TimerQueue(), list[bool]()
    timer = RepeatedTimer(queue, lambda: calls.append(timer.cancel()), (), Context())
    queue.arm(timer, timer.begin(0.0, 1.0))
    assert run_due(queue, 1.0) == 1
    assert run_due(queue, 50.0) == 0
    assert (calls, len(queue)) == ([True], 0)
