"""asyncio as a host; uvloop too, which is asyncio with another loop.

There are no nested loops here, unless nest_asyncio has patched one, as notebooks like to; and a
signal ends its wait. On Windows the usual loop watches no descriptors, and a thread waits.

`asyncio.run` makes a cancelled task of a ^C, but `run_forever` is left by it wherever it comes, and
many a program then runs the loop once more, to end in order. What was called by it once is lost.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from reactor.errors import OperationNotAllowed
from reactor.hosts.guest import Guest, Mode, begin_guest
from reactor.hosts.host import Call, Host, WokenHost, milliseconds, nothing
from reactor.loop.collection import WaitStateCollection


def attach(
    loop: asyncio.AbstractEventLoop, collection: WaitStateCollection, *, mode: Mode | None = None
) -> Guest:
    """Let a collection live in a loop of asyncio, which may be running already.

    Args:
        loop: where callbacks run from now on, between its own.
        collection: has no loop of its own now; its `error_handler` must not be `propagate`.
        mode: "descriptor", "wait thread", or None, the default, for the one that works best.

    Raises:
        OperationNotAllowed: errors would propagate, another host has it, or that mode is not
            possible.
        OperationInProgress: a loop of the collection runs, or it is attached. WrongThread,
            StateClosed, WrongProcess: as every verb of a collection.

    Thread: the loop's. Calls back: from the loop only. Source: HO-01 to HO-10.
    """
    return begin_guest(AsyncioHost(loop), collection, mode)


def deliver(loop: asyncio.AbstractEventLoop) -> Host:
    """Return a way for another thread to have calls made in a loop of asyncio.

    For `reactor.hosts.thread.attach`, and for one guest.

    Args:
        loop: where they are made; it may be running already.

    Thread: the loop's. Calls back: from the loop only. Source: HO-03.
    """
    return AsyncioHost(loop)


class AsyncioHost(WokenHost):
    """A loop of asyncio, as a guest sees it."""

    __slots__ = ("_due", "_fd", "_loop", "_timers")

    sees_signals = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._due: Call | None = None
        self._fd: int | None = None
        self._timers: Sequence[asyncio.TimerHandle] = ()

    @property
    def chokes(self) -> bool:
        """Tell whether nest_asyncio has been here: a call's context is entered once at a time."""
        return hasattr(self._loop, "_nest_patched")

    def can_watch(self, fd: int) -> bool:
        """Try it: the proactor loop of Windows does not."""
        try:
            self._loop.add_reader(fd, nothing)
        except NotImplementedError:
            return False
        self._loop.remove_reader(fd)
        return True

    def watch(self, fd: int, ready: Call) -> None:
        """Have `ready` called while `fd` is readable."""
        if self._fd is None:
            self._loop.add_reader(fd, ready)
            self._fd = fd

    def unwatch(self) -> None:
        """Watch no more; a loop that is closed takes it, too."""
        if self._fd is not None:
            fd, self._fd = self._fd, None  # first: a ^C may come out of the next line
            self._loop.remove_reader(fd)

    def arm(self, delay: float, due: Call) -> None:
        """Have `due` called. uvloop rounds to the nearest millisecond, so we round up before."""
        self.disarm()
        if self._loop.is_closed():
            return  # whoever sets a timer is not to blame
        self._due = due
        seconds = milliseconds(delay) / 1000
        # Two: a ^C that comes at the first line of ours would have cost the guest its last call.
        self._timers = [self._loop.call_later(seconds, self._on_due) for _ in range(2)]

    def disarm(self) -> None:
        """Cancel the timer."""
        for timer in self._timers:
            timer.cancel()
        self._timers = ()

    def _on_due(self) -> None:
        timers = self._timers
        if self._due is not None:
            self._due()
        if self._timers is timers:
            self.disarm()

    def expect_posts(self) -> None:
        """Watch a waker, or else be ready to be called: a loop that is closed raises RuntimeError.

        The former loses nothing by a ^C, as what is readable stays so.
        """
        with contextlib.suppress(OperationNotAllowed):
            super().expect_posts()
            return
        self._drop_own()
        self._loop.call_soon_threadsafe(nothing)

    def post(self, call: Call) -> None:
        """Call soon; a loop that is closed raises RuntimeError."""
        if self._waker is None or self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)
        else:
            super().post(call)

    def keep_signals(self) -> None:
        """Do nothing: a signal ends the wait of this loop."""
