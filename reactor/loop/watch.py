"""Watch: any descriptor, with a callback for each direction.

For pipes, terminals, serial ports and other people's sockets: whatever the system can wait for and
nobody here reads or writes. The descriptor stays its owner's.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from reactor.arguments import check_callables
from reactor.interest import READ, WRITE
from reactor.loop.wait_state import Holder, WaitState

WatchCallback: TypeAlias = Callable[["Watch"], object]


class HasFileno(Protocol):
    """An object with a descriptor: a file, a socket."""

    def fileno(self) -> int:
        """Return the descriptor."""


Descriptor: TypeAlias = int | HasFileno


class Watch(WaitState):
    """A watched descriptor; made by `WaitStateCollection.watch`.

    Setting `readable` or `writable` to a function `(watch)` or to None changes what is watched.
    Readiness is a level: a callback that does not read is called again in the next turn.

    Thread: the owner's. Calls back: from the loop only. Source: CL-83.
    """

    __slots__ = ("_collection", "_readable", "_writable", "closed")

    def __init__(
        self,
        collection: Holder,
        fd: int,
        readable: WatchCallback | None,
        writable: WatchCallback | None,
    ) -> None:
        check_callables(readable=readable, writable=writable)
        super().__init__(fd)
        self._collection = collection
        self._readable = readable
        self._writable = writable
        self.closed = False
        self.wanted = self._wish()

    @property
    def readable(self) -> WatchCallback | None:
        """What is called while a read would not wait; None does not watch for that."""
        return self._readable

    @readable.setter
    def readable(self, callback: WatchCallback | None) -> None:
        check_callables(readable=callback)
        self._collection.owner.check()
        self._readable = callback
        self._update()

    @property
    def writable(self) -> WatchCallback | None:
        """What is called while a write would not wait; None does not watch for that."""
        return self._writable

    @writable.setter
    def writable(self, callback: WatchCallback | None) -> None:
        check_callables(writable=callback)
        self._collection.owner.check()
        self._writable = callback
        self._update()

    def close(self) -> None:
        """Watch no more; the descriptor stays open. Once more is harmless."""
        self._collection.owner.check(over=self.closed)
        if not self.closed:
            self.close_silently()

    def close_silently(self) -> None:
        """Watch no more."""
        self.closed = True
        self._collection.remove(self)

    def on_readable(self) -> None:
        """Call who waits for input."""
        if self._readable is not None:
            self._readable(self)

    def on_writable(self) -> None:
        """Call who waits for room to write."""
        if self._writable is not None:
            self._writable(self)

    def _wish(self) -> int:
        return (READ if self._readable else 0) | (WRITE if self._writable else 0)

    def _update(self) -> None:
        if not self.closed:
            self._collection.want(self, self._wish())


def descriptor_of(fd: Descriptor) -> int:
    """Return the number of a descriptor.

    Raises:
        TypeError: it is neither a number nor an object with `fileno()`. ValueError: it is closed.

    Thread: any. Calls back: never. Source: CL-83.
    """
    if isinstance(fd, int):
        return fd
    try:
        number = fd.fileno
    except AttributeError:
        raise TypeError(f"fd is a descriptor, or an object with fileno(), not {fd!r}") from None
    return number()
