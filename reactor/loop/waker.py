"""Waker: how another thread, or a signal handler, ends a wait.

It is a pair of connected sockets with one end in the selector. At most one of our bytes is under
way, so a thousand wake-ups between two turns cost one system call. What there is to do after
waking is not known here: that is the queue in `calls`, and the next thing to read.
"""

import contextlib
import socket
from typing import Final

# More than one byte can wait only if the interpreter's signal wake-up writes here too.
DRAIN_SIZE: Final = 4096


class Waker:
    """A pair of sockets; `fd`, one of them, is readable after a `wake`.

    Thread: `wake` any, and signal handlers; the rest the owner's. Calls back: never.
    Source: LW-009, LW-020.
    """

    __slots__ = ("_far", "_near", "_pending", "fd")

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._pending = False
        self.fd = self._near.fileno()

    def wake(self) -> None:
        """End the wait that is running, or the next one at once."""
        if not self._pending:
            # Nothing may come between these two: with the mark set and no byte sent, nobody would
            # ever be woken again. A ^C can come out of any function of Python's, suppress() too.
            self._pending = True
            try:  # noqa: SIM105  # see above
                self._far.send(b"\0")
            except OSError:
                pass  # full: it is readable already; closed: nobody will wait again

    def drain(self) -> None:
        """Take the byte out, then clear the mark.

        In this order a wake-up that comes in between sends nothing, and needs nothing: what it
        announces was posted before it, and the turn that drains us has yet to run the posts.
        """
        with contextlib.suppress(BlockingIOError):
            self._near.recv(DRAIN_SIZE)
        self._pending = False

    def signal_pair(self) -> tuple[socket.socket, socket.socket]:
        """Return a socket that the interpreter may write signal numbers to, and one that reads it.

        They are duplicates, for the caller to close, because only the main thread can take a
        descriptor back from the interpreter: we may be closed in another thread before that, and
        a way that nobody reads would make Python complain.
        """
        return self._far.dup(), self._near.dup()

    def close(self) -> None:
        """Close both ends."""
        self._near.close()
        self._far.close()

    def __repr__(self) -> str:
        return f"<Waker fd={self.fd}, {'pending' if self._pending else 'quiet'}>"
