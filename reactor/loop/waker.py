"""Waker: how another thread, or a signal handler, ends a wait.

It is a pipe with one end in the selector, and on Windows, whose selectors take sockets only, a pair
of them. At most one of our bytes is under way, so a thousand wake-ups between two turns cost one
system call. What there is to do after waking is not known here: that is the queue in `calls`, and
the next thing to read.
"""

import os
import socket
import sys
from io import FileIO
from typing import Final, TypeAlias

# Bytes taken out at a time: wakers send one, the interpreter one for each signal.
DRAIN_SIZE: Final = 4096

if sys.platform == "win32":
    End: TypeAlias = socket.socket

    def open_way() -> tuple[End, End]:
        """Return the end that is read and the one that is written; neither ever blocks."""
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        return near, far

    def duplicate(end: End) -> End:
        """Return another descriptor of the same end."""
        return end.dup()

    send: Final = socket.socket.send
    receive: Final = socket.socket.recv

else:
    End: TypeAlias = FileIO

    def open_way() -> tuple[End, End]:
        """Return the end that is read and the one that is written; neither ever blocks."""
        near, far = os.pipe()  # two thirds of what a pair of sockets costs
        os.set_blocking(near, False)
        os.set_blocking(far, False)
        return FileIO(near, "rb"), FileIO(far, "wb")

    def duplicate(end: End) -> End:
        """Return another descriptor of the same end."""
        return FileIO(os.dup(end.fileno()), end.mode)

    send: Final = FileIO.write
    receive: Final = FileIO.read


class Waker:
    """A way into the selector; `fd`, the end there, is readable after a `wake`.

    `pending` tells whether a byte is under way, so that one more is not needed.

    Thread: `wake` any, and signal handlers; the rest the owner's. Calls back: never.
    Source: LW-009, LW-020.
    """

    __slots__ = ("_far", "_near", "fd", "pending")

    def __init__(self) -> None:
        self._near, self._far = open_way()
        self.pending = False
        self.fd = self._near.fileno()

    def wake(self) -> None:
        """End the wait that is running, or the next one at once."""
        if not self.pending:
            # Nothing may come between these two: with the mark set and no byte sent, nobody would
            # ever be woken again. A ^C can come out of any call.
            self.pending = True
            try:
                send(self._far, b"\0")
            except BlockingIOError:
                pass  # full: it is readable already; a pipe says None instead
            except (OSError, ValueError):
                self.pending = False  # closed: nobody will wait again; no memory: the next tries

    def drain(self) -> None:
        """Take the byte out, then clear the mark.

        In this order a wake-up that comes in between sends nothing, and needs nothing: what it
        announces was posted before it, and the turn that drains us has yet to run the posts. It is
        cleared even if a ^C comes with the byte: a mark without one would be the last for ever.
        """
        try:
            receive(self._near, DRAIN_SIZE)
        except OSError:
            pass  # "not now", or no memory: it stays readable
        finally:
            self.pending = False

    def close(self) -> None:
        """Close both ends."""
        self._near.close()
        self._far.close()

    def __repr__(self) -> str:
        return f"<Waker fd={self.fd}, {'pending' if self.pending else 'quiet'}>"
