"""KernelTimer: a moment at which the descriptor of a collection becomes readable, on Linux.

It is a timerfd in the collection's selector. So the one descriptor that a host watches tells of
time as well, and the host needs no timer for us. It is more punctual, too: hosts count
milliseconds, and so does epoll, and what they time is late by one; this is late by a tenth.

It goes off ahead of the moment, by what it takes to wake a process and to come through the loop of
a host. A process that is quicker finds that nothing is due, and has it armed for the moment itself.

It is armed for an earlier moment at once, and for a later one only when the earlier has come.
Limits are moved with every message that arrives. To arm anew costs two microseconds each time, and
to come too early a turn that finds nothing to do, twenty, but once until that limit.

One that has gone off is not read. It is armed anew when its turn is over, which quiets it as well,
and a call that stands between the kernel and a callback makes that late.

The clock must be the kernel's monotonic one, or we would not know what its seconds are here. Where
there is no such timer, or a sandbox refuses it, a guest asks the host for one.
"""

import contextlib
import functools
import math
import os
import sys
import time
from io import FileIO
from typing import Any, Final

from reactor.deadline import NEVER
from reactor.interest import READ
from reactor.loop.collection import WaitStateCollection
from reactor.loop.wait_state import WaitState

NANOSECONDS: Final = 1_000_000_000  # in a second

# The end of what a kernel of 32 bits can be asked for, 68 years after it has begun. Later moments
# would come too early; that is none of our worries.
LAST_MOMENT: Final = 2**31 - 1  # seconds

DISARMED: Final = 0  # the moment that is none, for the kernel

# So much ahead of its moment it goes off. Half of the wake-ups of a machine at rest take 0.13 ms
# and more, so they come in time; those of a quick one cost a turn more, which is some 20 us.
AHEAD: Final = 0.0001  # seconds


if sys.platform == "linux" and sys.version_info >= (3, 13):

    def create() -> int:
        """Return the descriptor of a new timer."""
        return os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

    def set_moment(fd: int, nanoseconds: int) -> None:
        """Have a timer go off at a moment, or at once if that has passed."""
        os.timerfd_settime_ns(fd, flags=os.TFD_TIMER_ABSTIME, initial=nanoseconds)

elif sys.platform == "linux":

    @functools.cache
    def c_library() -> Any:
        """Return the functions of libc."""
        import ctypes  # not every Python has it

        return ctypes.CDLL(None, use_errno=True)

    def create() -> int:
        """Return the descriptor of a new timer."""
        flags = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC are these
        return checked(c_library().timerfd_create(time.CLOCK_MONOTONIC, flags))

    def set_moment(fd: int, nanoseconds: int) -> None:
        """Have a timer go off at a moment, or at once if that has passed."""
        import ctypes

        # struct itimerspec: the interval and the moment, each in seconds and nanoseconds.
        moment = (ctypes.c_long * 4)(0, 0, *divmod(nanoseconds, NANOSECONDS))
        absolute = 1  # TFD_TIMER_ABSTIME
        checked(c_library().timerfd_settime(fd, absolute, moment, None))

    def checked(result: int) -> int:
        """Return what a function of libc has returned, unless it says that it has failed."""
        if result < 0:
            import ctypes

            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

else:

    def create() -> int:
        """Refuse: this system has no such timer."""
        raise NotImplementedError

    def set_moment(fd: int, nanoseconds: int) -> None:
        """Do nothing: there is no timer."""


class KernelTimer(WaitState):
    """A timer of the kernel in a collection; made by `open_kernel_timer`.

    `armed` is the moment at which it goes off, NEVER if it will not.

    Thread: the owner's. Calls back: never. Source: HO-02.
    """

    __slots__ = ("_collection", "_file", "_ringing", "armed")

    def __init__(self, collection: WaitStateCollection, file: FileIO) -> None:
        super().__init__(file.fileno())
        self.context = None  # of who attaches it; there is nobody here to be called
        self.wanted = READ
        self.armed = NEVER
        self._collection = collection
        self._file = file
        self._ringing = False  # whether it has gone off, and is readable until it is armed

    def arm(self, when: float) -> None:
        """Go off at `when`, seconds of the monotonic clock, or earlier if it is armed already."""
        if when < self.armed or self._ringing:
            set_moment(self.fd, self._moment_for(when))
            self._ringing = False
            self.armed = when  # behind it: a ^C may come in between

    def _moment_for(self, when: float) -> int:
        if when == NEVER:
            return DISARMED
        ahead = when - AHEAD
        return nanoseconds_of(ahead if self._collection.clock() < ahead else when)

    def on_readable(self) -> None:
        """Have gone off: the turn that calls this runs what is due, and then arms it anew."""
        self.armed = NEVER
        self._ringing = True

    def close(self) -> None:
        """Leave the collection, and give the descriptor back; once more is harmless."""
        self.armed = -math.inf  # whatever is called while its collection is closed may arm it
        self._ringing = False
        self._collection.remove(self)
        self._file.close()

    close_silently = close


def open_kernel_timer(collection: WaitStateCollection) -> KernelTimer | None:
    """Put a timer into the selector of a collection; return None if there can be none."""
    if collection.clock is not time.monotonic:
        return None
    with contextlib.ExitStack() as undo:
        try:
            file = undo.enter_context(FileIO(create(), "rb"))
            set_moment(file.fileno(), DISARMED)  # a sandbox may refuse this alone
            timer = KernelTimer(collection, file)
            collection.add(timer)
        except (AttributeError, ImportError, NotImplementedError, OSError):
            return None  # no such function, no ctypes, no Linux; the kernel or the selector refuses
        undo.pop_all()
        return timer


def nanoseconds_of(when: float) -> int:
    """Round seconds up, so that what is due at `when` is due then; 0 would disarm the timer."""
    return math.ceil(min(max(when, 0.0), LAST_MOMENT) * NANOSECONDS) or 1
