"""TimerQueue: what is due when.

A heap of `(when, order, timed)`. Most limits never expire: they are set, the bytes arrive, they
are set again. So arming something that has an entry already, for a later moment, is one store:
its entry comes up too early, sees that, and goes back. Disarming is one store too, and the heap
is built anew when more than half of it is dead. An operation that ends in time thereby costs no
work in the heap at all.

Whoever can be due is a `Timed`: a `Timer` with a function, or one direction of a state.
"""

from collections.abc import Callable
from contextvars import Context
from heapq import heapify, heappop, heappush
from typing import Any, Final, TypeAlias

from reactor.deadline import NEVER
from reactor.loop.health import Health

# A smaller heap is not worth building anew, however many of its entries are dead: a guess.
REBUILD_FLOOR: Final = 64

# When so many times what was taken out is more than what is left, the rest is sorted: for what is
# due all at once that costs a third of taking out one by one, and never more than a few times that.
SORTING_SHARE: Final = 8


class Timed:
    """Something that can be due at a moment.

    `when` is that moment, NEVER if there is none. `order` is the number of its last arming, so
    that equal moments come in the order in which they were asked for, and 0 if there is none.
    `entry` is its one entry in the heap, at `when` or earlier, None if there is none; it is true
    if it bears that number. Any other entry is dead.
    """

    __slots__ = ("entry", "order", "when")

    # What the error handler is shown if `on_due` fails.
    concerns: object = None

    def __init__(self) -> None:
        self.when = NEVER
        self.order = 0
        self.entry: Entry | None = None

    def on_due(self, now: float) -> None:
        """Act: the moment has come. `when` is NEVER again, and may be set anew."""
        raise NotImplementedError


Entry: TypeAlias = tuple[float, int, Timed]


class TimerQueue:
    """The moments of one collection.

    Thread: the owner's, save `first_entry`. Calls back: from `run_due` only.
    Source: LW-005, LW-122, LW-196, CL-74.
    """

    __slots__ = ("_dead", "_due", "_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._due: list[Timed] = []  # taken out and not run yet, the last one first
        self._order = 0
        self._dead = 0  # entries left behind, and those of something that is disarmed

    def __len__(self) -> int:
        return len(self._heap) - self._dead

    def arm(self, timed: Timed, when: float) -> None:
        """Make `timed` due at `when`, in place of the moment it had; NEVER disarms it."""
        if when == NEVER:
            self.disarm(timed)
            return
        self._order = timed.order = order = self._order + 1
        entry = timed.entry
        if entry is not None:
            if timed.when == NEVER:
                self._dead -= 1
            if when >= entry[0]:
                timed.when = when
                return
            timed.entry = None
            self._bury()
        timed.when = when
        timed.entry = entry = (when, order, timed)
        heappush(self._heap, entry)

    def disarm(self, timed: Timed) -> None:
        """Make `timed` due never."""
        if timed.when != NEVER:
            timed.when = NEVER
            timed.order = 0
            if timed.entry is not None:
                self._bury()

    def next_moment(self) -> float:
        """Return when something is due next, NEVER if nothing is."""
        heap = self._heap
        while heap:
            entry = heap[0]
            if entry[2].order == entry[1]:
                return entry[0]
            self._lift(entry)
        return NEVER

    def first_entry(self) -> float:
        """Return the moment of the first entry, dead or not: no later than `next_moment`.

        It changes nothing, so it is for a wait in another thread. What is due later, or never,
        then costs that thread one wait that ends too early.
        """
        first = self._heap[:1]
        return first[0][0] if first else NEVER

    def run_due(
        self, now: float, health: Health, report: Callable[[object, BaseException], None]
    ) -> int:
        """Run what is due by `now`, and return how many ran; what they raise is reported.

        What they arm runs in a later turn, even if it is due by `now`. What they disarm does not
        run. If an exception leaves this, those that come behind it are due in the next turn.
        """
        heap = self._heap
        if not heap or heap[0][0] > now:
            return 0
        due = self._due = self.take_due(now)
        if not due:
            return 0
        health.timer_was_late(now - due[0].when)
        ran = 0
        try:
            due.reverse()
            while due:
                timed = due.pop()
                if timed.when > now:
                    continue  # disarmed, or armed anew, by one that came before it
                timed.when = NEVER
                timed.order = 0
                if timed.entry is not None:
                    self._bury()  # by one before it, for a moment that has passed as well
                ran += 1
                began = health.callback_begins() if health.naming else 0.0
                try:
                    timed.on_due(now)
                except Exception as exception:  # noqa: BLE001  # user code
                    report(timed.concerns, exception)
                if health.naming:
                    health.callback_took(timed, began)
        finally:
            for timed in reversed(due):
                self.arm(timed, timed.when)
        return ran

    def clear(self) -> None:
        """Make everything due never."""
        for timed in [*self._due, *(entry[2] for entry in self._heap)]:
            timed.when = NEVER
            timed.order = 0
            timed.entry = None
        self._heap.clear()
        self._dead = 0

    def take_due(self, now: float) -> list[Timed]:
        """Take out what is due by `now`, in the order of moments, then of arming.

        Whoever runs them looks at `when` again before each: an earlier one may have disarmed it.
        """
        heap = self._heap
        due: list[Timed] = []
        while heap and heap[0][0] <= now:
            entry = heap[0]
            timed = entry[2]
            if timed.order != entry[1]:
                self._lift(entry)
                continue
            if len(due) * SORTING_SHARE > len(heap):
                due += self._cut_off(now)
                continue
            heappop(heap)
            timed.entry = None
            due.append(timed)
        return due

    def _cut_off(self, now: float) -> list[Timed]:
        """Take out what is due by `now` at the front, all at once: a sorted list is a heap."""
        heap = self._heap
        heap.sort()
        due: list[Timed] = []
        for count, (when, order, timed) in enumerate(heap):
            if when > now or timed.order != order:
                del heap[:count]
                return due
            timed.entry = None
            due.append(timed)
        heap.clear()
        return due

    def _lift(self, entry: Entry) -> None:
        """Take the first entry off; put it back where it belongs now, if it is not dead."""
        heappop(self._heap)
        timed = entry[2]
        if timed.entry is not entry:
            self._dead -= 1
        elif timed.when == NEVER:
            self._dead -= 1
            timed.entry = None
        else:
            self._push(timed)

    def _bury(self) -> None:
        """Count an entry that has died; build the heap anew when most of it is dead."""
        self._dead += 1
        if self._dead * 2 > len(self._heap) > REBUILD_FLOOR:
            self._rebuild()

    def _push(self, timed: Timed) -> None:
        timed.entry = entry = (timed.when, timed.order, timed)
        heappush(self._heap, entry)

    def _rebuild(self) -> None:
        living = []
        for entry in self._heap:
            timed = entry[2]
            if timed.order == entry[1]:
                living.append(entry)
            elif timed.entry is entry:
                timed.entry = None
                if timed.order:
                    timed.entry = entry = (timed.when, timed.order, timed)
                    living.append(entry)
        heapify(living)
        self._heap = living
        self._dead = 0

    def __repr__(self) -> str:
        return f"<TimerQueue of {len(self)}, next at {self.next_moment()}>"


class Timer(Timed):
    """A function that is called once, at a moment or in the next turn; made by a collection.

    Thread: the owner's. Calls back: from the loop only. Source: LW-021, CL-73 to CL-75.
    """

    __slots__ = ("_arguments", "_context", "_function", "_queue")

    def __init__(
        self,
        queue: TimerQueue,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        context: Context,
    ) -> None:
        # Not super().__init__(): timers come by the thousand, and the call is a tenth of one.
        self.when = NEVER
        self.order = 0
        self.entry = None
        self._queue = queue
        self._function: Callable[..., object] | None = function  # kept when it has run, for repr
        self._arguments: tuple[Any, ...] | None = arguments  # None: it will not be called
        self._context: Context | None = context

    @property
    def active(self) -> bool:
        """Whether the function will still be called."""
        return self._arguments is not None

    def cancel(self) -> bool:
        """Call the function no more; false if it has run, or was cancelled before."""
        active = self._arguments is not None
        self._function = self._arguments = self._context = None
        self._queue.disarm(self)
        return active

    def on_due(self, now: float) -> None:
        """Call the function, unless it has been cancelled."""
        function, arguments, context = self._function, self._arguments, self._context
        self._arguments = self._context = None
        if context is not None and function is not None and arguments is not None:
            context.run(function, *arguments)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._function!r} at {self.when}>"


class RepeatedTimer(Timer):
    """A function that is called again and again; made by `WaitStateCollection.call_every`.

    The calls are at start + 1, 2, 3 ... intervals, without drift.

    `missed` counts the moments that had passed before the loop came to them: they are skipped,
    not caught up with.

    Thread: the owner's. Calls back: from the loop only. Source: CL-76.
    """

    __slots__ = ("_count", "_interval", "_start", "missed")

    def begin(self, start: float, interval: float) -> float:
        """Return the first moment, one `interval` (seconds) after `start`, to be armed for."""
        self._start, self._interval = start, interval
        self._count = 1  # of the interval at whose end it is due next
        self.missed = 0
        return start + interval

    def on_due(self, now: float) -> None:
        """Set the next moment, so that the function can cancel it, then call the function."""
        if self._context is None or self._function is None or self._arguments is None:
            return
        passed = max(self._count, int((now - self._start) / self._interval))
        self.missed += passed - self._count
        self._count = passed + 1
        self._queue.arm(self, self._start + self._count * self._interval)
        self._context.run(self._function, *self._arguments)
