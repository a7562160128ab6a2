"""pygame as a host: what a program would sleep through is a wait of the collection.

With pygame a program writes its loop itself. There is nowhere to be called from, so a guest lives
in the call that waits, and there are two of these: `Frames.tick` stands for `pygame.time.Clock`,
and serves the collection until the next frame is due; `Events.wait` stands for `pygame.event.wait`,
where there are no frames, and a thread that waits for the collection ends it by an event.

That event is a wake-up and nothing else. What the thread has found is kept beside it, and looked
for before every wait: so nothing is lost when the queue of pygame is full, is cleared, or when
somebody else reads it.
"""

import contextlib
import importlib
import math
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from reactor.deadline import NEVER
from reactor.hosts.guest import Guest, Mode, ThreadGuest, begin_as, check_mode
from reactor.hosts.host import Call, Host, milliseconds, nothing
from reactor.loop.collection import WaitStateCollection
from reactor.loop.poller import Ready

if TYPE_CHECKING:
    import pygame

# Frames that `get_fps` looks back, as many as a Clock of pygame does.
FRAMES_AVERAGED: Final = 10


@overload
def attach(
    collection: WaitStateCollection,
    *,
    fps: float | None = 60.0,
    mode: Literal["descriptor"] | None = None,
) -> "Frames": ...


@overload
def attach(
    collection: WaitStateCollection,
    *,
    fps: float | None = 60.0,
    mode: Literal["wait thread"],
) -> "Events": ...


def attach(
    collection: WaitStateCollection, *, fps: float | None = 60.0, mode: Mode | None = None
) -> "Frames | Events":
    """Let a collection live in the loop of a program that uses pygame.

    Args:
        collection: has no loop of its own now; its `error_handler` must not be `propagate`.
        fps: frames in a second; None if something else paces them, `pygame.display.flip` with
            vsync for example. Of no meaning without frames.
        mode: None, the default, or "descriptor" for a program that draws frames: it gets a
            `Frames`, and each `tick()` is a wait of the collection, on whatever selector that
            has. "wait thread" for one that waits for events: it gets an `Events`, and there can be
            one of these in a program, since pygame has one queue.

    Raises:
        TypeError: `fps` is no number. ValueError: it is not above 0, or there is no such mode.
        OperationNotAllowed: errors would propagate, or another host has the collection.
        OperationInProgress: a loop of the collection runs, or it is attached. WrongThread,
            StateClosed, WrongProcess: as every verb of a collection.

    Thread: that of the program's loop. Calls back: never. Source: HO-01 to HO-10.
    """
    check_mode(mode)
    period = frame_period(fps)
    if mode == ThreadGuest.mode:
        events = EventHost()
        return begin_as(lambda: Events(events, collection), events, collection)
    host = ProgramHost()
    return begin_as(lambda: Frames(host, collection, period), host, collection)


def frame_period(fps: float | None) -> float:
    """Return the seconds of a frame; 0.0 if there is no limit.

    Raises:
        TypeError, ValueError: that is no number of frames.
    """
    if fps is None:
        return 0.0
    if isinstance(fps, bool) or not isinstance(fps, (int, float)):
        raise TypeError(f"fps is a number of frames, or None for no limit, not {fps!r}")
    if not fps > 0:  # written this way so that a NaN is refused as well
        raise ValueError(f"fps must be more than 0 frames, or None for no limit, not {fps!r}")
    return 1.0 / fps


class ProgramHost(Host):
    """The loop that a program has written itself: there is nothing in it that could be ours."""

    __slots__ = ()

    def unwatch(self) -> None:
        """Do nothing."""

    def disarm(self) -> None:
        """Do nothing."""


class Frames(Guest):
    """A collection that is served while a program waits for its next frame; made by `attach`.

    A context manager, and all that a `Guest` is. Closed, it goes on to pace the frames.

    Attributes:
        collection: the collection.
        mode: "descriptor", though no host watches one here: `tick` does.
        closed: whether it is over. `collection.stop()` and `collection.close()` end it, too.

    Thread: that of the program's loop. Calls back: from `tick` only. Source: HO-01 to HO-10.
    """

    __slots__ = ("_due", "_period", "_ticks")

    mode = "descriptor"

    def __init__(self, host: Host, collection: WaitStateCollection, period: float) -> None:
        super().__init__(host, collection)
        now = collection.clock()
        self._due = now  # the moment of the frame that is running
        self._period = period
        self._ticks = deque([now], maxlen=FRAMES_AVERAGED + 1)

    def begin(self) -> None:
        """Be asked for the next moment in every frame, so that nobody need say it is earlier."""
        super().begin()
        self.collection.on_earlier = nothing

    @property
    def fps(self) -> float | None:
        """Frames in a second, None for no limit; settable."""
        return 1.0 / self._period if self._period else None

    @fps.setter
    def fps(self, fps: float | None) -> None:
        self._period = frame_period(fps)

    def tick(self) -> int:
        """Serve the collection until the next frame is due; stands for `Clock.tick(fps)`.

        Returns the milliseconds since it was called before. Frames have their moments, one period
        apart, and waits that end late do not add up. A frame that is late is not made up for: the
        collection is served once, and the next frame is due a period from now.

        Called by a callback of the collection, in a loop of frames there, it serves nobody, since
        turns do not nest, and sleeps.

        Raises:
            WrongThread: this is not the thread that attached it.
            KeyboardInterrupt, SystemExit: and whatever else leaves a callback and is no
                Exception. The next `tick` serves the collection as before.

        Thread: that of the program's loop. Calls back: yes. Source: HO-01, HO-05, HO-10.
        """
        if not self.closed:
            self.collection.owner.check()
        clock = self.collection.clock
        self._due = due = max(self._due + self._period, clock()) if self._period else clock()
        self._serve_until(due)
        time.sleep(max(0.0, due - clock()))
        before, now = self._ticks[-1], clock()
        self._ticks.append(now)
        return int(now * 1000) - int(before * 1000)  # rounded so, they add up

    def get_fps(self) -> float:
        """Return how many frames a second there were of late; 0.0 before the first.

        Thread: that of the program's loop. Calls back: never. Source: HO-10.
        """
        passed = self._ticks[-1] - self._ticks[0]
        return (len(self._ticks) - 1) / passed if passed else 0.0

    def _serve_until(self, due: float) -> None:
        collection = self.collection
        while not self.closed and not collection.turning:
            self._found = self._found or self._wait(due - collection.clock())
            if not self.closed and (self._found or collection.next_timeout() == 0.0):
                self._turn()
            if collection.clock() >= due:
                return

    def _look(self) -> Ready:
        return []  # it has looked; there may be timers and posted calls alone

    def _go_on(self) -> None:
        pass  # the next turn is in this tick, or the next

    def _end(self) -> None:
        self.collection.on_earlier = None


class Events(ThreadGuest):
    """A collection that is served while a program waits for an event; made by `attach`.

    A context manager, and all that a `Guest` is. Close it before `pygame.quit`.

    Attributes:
        collection: the collection.
        mode: "wait thread": a thread waits for the collection, and ends the wait for an event.
        closed: whether it is over. `collection.stop()` and `collection.close()` end it, too.

    Thread: that of the program's loop. Calls back: from `wait` only. Source: HO-01 to HO-10.
    """

    __slots__ = ("_events",)

    def __init__(self, host: "EventHost", collection: WaitStateCollection) -> None:
        super().__init__(host, collection)
        self._events = host

    def wait(self, timeout: int = 0) -> "pygame.event.Event":
        """Wait for an event, and serve the collection meanwhile; stands for `pygame.event.wait`.

        Args:
            timeout: milliseconds at most, as there; then an event of type `pygame.NOEVENT` is
                returned. 0, the default, is no limit.

        Raises:
            WrongThread: this is not the thread that attached it.
            pygame.error: the display is not initialized.
            KeyboardInterrupt, SystemExit: and whatever else leaves a callback and is no
                Exception. The next `wait` serves the collection as before.

        Thread: that of the program's loop. Calls back: yes. Source: HO-01, HO-03, HO-05.
        """
        if not self.closed:
            self.collection.owner.check()
        event: pygame.event.Event = self._events.wait(timeout / 1000 if timeout > 0 else NEVER)
        return event


class EventHost(ProgramHost):
    """The queue of events, as a guest sees it."""

    __slots__ = ("_due", "_kind", "_posted", "_pygame", "_when")

    def __init__(self) -> None:
        self._pygame: Any = importlib.import_module("pygame")
        self._kind: int = self._pygame.event.custom_type()
        self._posted: Call | None = None  # a guest posts the same each time
        self._due: Call | None = None
        self._when = NEVER

    def arm(self, delay: float, due: Call) -> None:
        """Have `due` called by a wait."""
        self._due, self._when = due, time.monotonic() + delay

    def disarm(self) -> None:
        """Have nothing called."""
        self._when = NEVER

    def post(self, call: Call) -> None:
        """Have `call` called by a wait; the one that runs, if one does, is ended by an event."""
        self._posted = call
        # A full queue ends that wait, too; and without a display there is none.
        with contextlib.suppress(self._pygame.error):
            self._pygame.event.post(self._pygame.event.Event(self._kind, guest=self))

    def wait(self, timeout: float) -> Any:
        """Return the next event that is not ours, or that there was none for `timeout` seconds."""
        until = time.monotonic() + timeout
        while True:
            self._call_what_is_due()
            if self._pygame.event.get_blocked(self._kind):  # by a program that allows what it knows
                self._pygame.event.set_allowed(self._kind)
                continue  # an event of ours may have been dropped meanwhile: look once more
            left = min(until, self._when) - time.monotonic()
            event = self._next_event(left)
            if event.type == self._pygame.NOEVENT:
                if time.monotonic() >= until:
                    return event
            elif not self._is_ours(event):
                return event

    def _next_event(self, left: float) -> Any:
        if left == math.inf:
            return self._pygame.event.wait()
        if left <= 0.0:
            return self._pygame.event.poll()
        return self._pygame.event.wait(milliseconds(left))

    def _call_what_is_due(self) -> None:
        # A ^C may come out of each line: what is undone only behind its call is called once more.
        if self._posted is not None:
            self._posted()  # or the thread waits still, and it has nothing to do
        when = self._when
        if self._due is not None and when <= time.monotonic():
            self._due()
            if self._when is when:  # else it has been armed anew
                self._when = NEVER

    def _is_ours(self, event: Any) -> bool:
        """Tell it by more than its type: a display that begins anew hands out the same again."""
        return event.type == self._kind and event.dict.get("guest") is self

    def close(self) -> None:
        """Take what is ours out of the queue."""
        super().close()
        self._posted = self._due = None
        with contextlib.suppress(self._pygame.error):  # the display has ended, and its queue
            for event in self._pygame.event.get(self._kind):
                if not self._is_ours(event):
                    self._pygame.event.post(event)
