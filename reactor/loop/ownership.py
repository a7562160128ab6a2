"""Ownership: whose thread, whose process.

A collection belongs to the thread that runs its loop. Every verb asks first whether the caller is
that thread, in production too, because a race that is found on the user's machine is found too
late. So the question must be cheap: one comparison, of the caller's thread with `thread`. All that
can be wrong is poison in that one attribute, and is told apart only when the comparison fails:
there is no owner yet, the collection is closed, or this process is a child of the one that made it.
"""

import os
import weakref
from threading import get_ident
from typing import Final

from reactor.errors import InternalError, StateClosed, WrongProcess, WrongThread

# No thread has these numbers: `get_ident` is above 0.
NOBODY: Final = 0
CLOSED: Final = -1
FORKED: Final = -2


class Ownership:
    """The right to use one collection.

    Thread: any. Calls back: never. Source: LW-012 to LW-014, LW-019.
    """

    __slots__ = ("__weakref__", "_cause", "_name", "thread")

    def __init__(self, name: str) -> None:
        self.thread = NOBODY
        self._name = name
        self._cause: BaseException | None = None
        _EVERY_OWNERSHIP.add(self)

    def check(self, *, over: bool = False) -> None:
        """Raise unless the calling thread may use the collection now.

        Args:
            over: whether the object concerned is closed, so that the verb does nothing; then a
                collection that is closed too, or a parent's, is no mistake.

        Raises:
            WrongThread: another thread owns it. StateClosed: it is closed. WrongProcess: it was
            made before a fork, by the parent.
        """
        if self.thread != get_ident() and self.thread != NOBODY:
            if not self.usable and over:
                return
            self.check_alive()
            raise WrongThread(
                f"{self._name} belongs to the thread that runs its loop, and this is another one:"
                " post the call with collection.apply(function, *args), or submit() for its result"
            )

    def check_alive(self) -> None:
        """Raise if nobody may use the collection any more; any thread may ask."""
        if self.thread == CLOSED:
            raise StateClosed(f"{self._name} is closed") from self._cause
        if self.thread == FORKED:
            raise WrongProcess(
                f"{self._name} was made before the fork and belongs to the parent:"
                " make a collection of your own in the child"
            )

    @property
    def forked(self) -> bool:
        """Whether this process is a child of the one that made the collection."""
        return self.thread == FORKED

    @property
    def closed(self) -> bool:
        """Whether the collection is closed."""
        return self.thread == CLOSED

    @property
    def usable(self) -> bool:
        """Whether anybody may use the collection still."""
        return self.thread >= NOBODY

    def claim(self) -> None:
        """Make the calling thread the owner; it must have been checked."""
        self.thread = get_ident()

    def yield_up(self) -> None:
        """Leave the collection without an owner, unless it is poisoned."""
        if self.thread > NOBODY:
            self.thread = NOBODY

    def end(self, cause: BaseException | None) -> None:
        """Poison: closed for good, because of `cause` if there is one."""
        if self.thread == FORKED:
            raise InternalError(f"{self._name} cannot be closed in a child process")
        self._cause = cause
        self.thread = CLOSED


def _poison_all() -> None:
    for ownership in list(_EVERY_OWNERSHIP):
        if not ownership.closed:
            ownership.thread = FORKED


_EVERY_OWNERSHIP: Final["weakref.WeakSet[Ownership]"] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_poison_all)
