"""Waker: how another thread, or a signal handler, ends a wait.

It is a pair of connected sockets with one end in the selector. At most one of our bytes is under
way, so a thousand wake-ups between two turns cost one system call. What there is to do after
waking is not known here: that is the queue in `collection`, and the next thing to read.
"""

import contextlib
import socket
from typing import Final

from reactor.interest import READ
from reactor.loop.wait_state import WaitState

# More than one byte can wait only if the interpreter's signal wake-up writes here too.
DRAIN_SIZE: Final = 4096


class Waker(WaitState):
    """The near end of a pair of sockets, readable after a `wake`.

    Thread: `wake` any, and signal handlers; the rest the owner's. Calls back: never.
    Source: LW-009, LW-020.
    """

    __slots__ = ("_far", "_near", "_pending")

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._pending = False
        super().__init__(self._near.fileno())
        self.wanted = READ
        self.context = None

    def wake(self) -> None:
        """End the wait that is running, or the next one at once."""
        if not self._pending:
            self._pending = True
            # Full means that it is readable already; closed that nobody will wait again.
            with contextlib.suppress(OSError):
                self._far.send(b"\0")

    def on_readable(self) -> None:
        """Take the byte out, then clear the mark.

        In this order a wake-up that comes in between sends nothing, and needs nothing: what it
        announces was posted before it, and the turn that drains us has yet to run the posts.
        """
        with contextlib.suppress(BlockingIOError):
            self._near.recv(DRAIN_SIZE)
        self._pending = False

    def signal_descriptor(self) -> int:
        """Return the descriptor that the interpreter may write signal numbers to."""
        return self._far.fileno()

    def close_silently(self) -> None:
        """Close both ends."""
        self._near.close()
        self._far.close()
