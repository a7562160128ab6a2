"""Host: what a guest asks of somebody else's loop.

An adapter says how its toolkit watches a descriptor, has a timer, and is handed a call by another
thread. What to do with these is not known here: that is `guest`, and the next thing to read.
"""

import math
from collections.abc import Callable
from typing import Final, TypeAlias

from reactor.errors import OperationNotAllowed
from reactor.loop.poller import WAIT_LIMIT
from reactor.loop.signals import SignalWakeup
from reactor.loop.waker import Waker

Call: TypeAlias = Callable[[], object]

# For so long a host has its loop for itself; the shortest timer that all of them have.
PAUSE: Final = 0.001  # seconds


class Host:
    """One loop of somebody else, with descriptors and at most one timer of ours in it.

    Thread: the host's, save `post`. Calls back: from the host's loop only. Source: HO-01 to HO-10.
    """

    __slots__ = ("_taken",)

    # Whether signals end an idle wait of this host, so that nobody else need wake it.
    sees_signals = False

    @property
    def chokes(self) -> bool:
        """Whether it fails to call, in a loop in the loop, what it is calling; so nobody masks."""
        return False

    def take(self) -> None:
        """Belong to a guest from now on, and to no other.

        Raises:
            OperationNotAllowed: it belongs to one, or did: there is one timer, and it is closed
                with its guest.
        """
        if hasattr(self, "_taken"):
            raise OperationNotAllowed("this way into a host has been used: `deliver` makes another")
        self._taken = True

    def can_watch(self, fd: int) -> bool:
        """Tell whether the descriptor can be watched in this loop."""
        raise NotImplementedError

    def watch(self, fd: int, ready: Call) -> None:
        """Call `ready` again and again while `fd` is readable; nothing if it is watched already."""
        raise NotImplementedError

    def unwatch(self) -> None:
        """Watch no descriptor any more; nothing if none is watched."""
        raise NotImplementedError

    def arm(self, delay: float, due: Call) -> None:
        """Call `due` once after `delay` seconds, in place of what was armed before.

        A loop that has ended takes it, and never calls.
        If an exception leaves it, perhaps before its first line, soon once more.
        """
        raise NotImplementedError

    def rest(self, due: Call) -> None:
        """Call `due` as `arm` does, when the host has had its loop for itself, to paint in it."""
        self.arm(PAUSE, due)

    def disarm(self) -> None:
        """Forget what was armed, if anything was."""
        raise NotImplementedError

    def expect_posts(self) -> None:
        """Prepare for `post`.

        Raises:
            OperationNotAllowed: other threads have no way into this loop.
        """

    def post(self, call: Call) -> None:
        """Call `call` in the loop soon; must neither wait nor need the loop to run.

        Called twice, it does nothing the second time: an exception may have come in between.

        Thread: any.
        """
        raise NotImplementedError

    def keep_signals(self) -> None:
        """Let signals end an idle wait of this loop; nothing where they do, or never can.

        Thread: the main thread. Calls back: never. Source: HO-07.
        """

    def close(self) -> None:
        """Leave nothing behind in the loop, which may have ended."""
        self.unwatch()
        self.disarm()


class WokenHost(Host):
    """A host that other threads never call: what they post is called when a waker is read.

    Toolkits that let threads in may hold them up, or lose what they bring when the loop has ended.
    """

    __slots__ = ("_posted", "_signals", "_waker")

    def __init__(self) -> None:
        self._posted: Call | None = None  # a guest posts the same each time
        self._signals: SignalWakeup | None = None
        self._waker: Waker | None = None

    def expect_posts(self) -> None:
        """Watch a waker."""
        self._waker = Waker()
        self._watch_own(self._waker.fd, self._on_posted)

    def _watch_own(self, fd: int, ready: Call) -> None:
        if not self.can_watch(fd):
            raise OperationNotAllowed(
                "this host can watch no descriptor here, or none so high: attach before many are"
                " open"
            )
        self.watch(fd, ready)

    def post(self, call: Call) -> None:
        """Call soon; the toolkit itself is not called."""
        self._posted = call
        if self._waker is not None:
            self._waker.wake()

    def _on_posted(self) -> None:
        try:
            if self._waker is not None:
                self._waker.drain()
            if self._posted is not None:
                self._posted()
        except BaseException:
            if self._waker is not None:
                self._waker.wake()  # it may have come before the call, which is then still due
            raise

    def keep_signals(self) -> None:
        """Watch for them too, unless Python is called all the time."""
        if self._waker is not None:
            self._signals = SignalWakeup()
            self._watch_own(self._signals.fd, self._signals.on_readable)

    def close(self) -> None:
        """Close what is watched too."""
        super().close()
        self._drop_own()

    def _drop_own(self) -> None:
        for watched in (self._signals, self._waker):
            if watched is not None:
                watched.close()
        self._signals = self._waker = self._posted = None


def milliseconds(delay: float) -> int:
    """Round seconds up to the tick of hosts: rounded down, a turn would find nothing to do."""
    return math.ceil(min(max(delay, 0.0), WAIT_LIMIT) * 1000)


def nothing() -> None:
    """Stand for a call where something has to be called."""
