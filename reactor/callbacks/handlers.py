"""Handlers: the callbacks of a socket, those that count now and those that will from the next turn.

A callback that is running ends among the callbacks that it began with. So what it replaces comes
into effect when the turn is over, whatever else happens to the socket in it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from reactor.arguments import check_callables
from reactor.errors import EndOfStream, ReactorError
from reactor.loop.collection import WaitStateCollection

ReadCallback: TypeAlias = Callable[..., object]  # (socket, data), or (socket, stream)
SocketCallback: TypeAlias = Callable[[Any], object]
EventCallback: TypeAlias = Callable[[Any], object]

log: Final = logging.getLogger("reactor")


@dataclass(frozen=True, slots=True, eq=False)
class Callbacks:
    """Who is told of what arrives, of output that is gone, and of the end; None tells nobody.

    Without a callback for events the log is told.

    Raises:
        TypeError: one of them cannot be called.

    Thread: any. Calls back: never. Source: CL-36, CL-65.
    """

    read: ReadCallback | None = None
    write: SocketCallback | None = None
    event: EventCallback | None = None

    def __post_init__(self) -> None:
        check_callables(read_cb=self.read, write_cb=self.write, event_cb=self.event)

    # A callback may be an object with a truth and an equality of its own: only None is none.

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return any(one is not None for one in (self.read, self.write, self.event))

    def replaced(self, other: "Callbacks") -> "Callbacks":
        """Return these, with those of `other` in their place that are given there."""
        return Callbacks(
            self.read if other.read is None else other.read,
            self.write if other.write is None else other.write,
            self.event if other.event is None else other.event,
        )

    def tell(self, event: ReactorError) -> None:
        """Tell of an event; whoever there is, or the log."""
        (log_event if self.event is None else self.event)(event)


class Handlers:
    """The callbacks of one socket.

    Thread: the owner's. Calls back: never. Source: CL-36, CL-38.
    """

    __slots__ = ("_collection", "_following", "_now", "_turn")

    def __init__(self, collection: WaitStateCollection, callbacks: Callbacks) -> None:
        self._collection = collection
        self._now = callbacks
        self._following: Callbacks | None = None
        self._turn = 0  # in which they were given

    @property
    def now(self) -> Callbacks:
        """The callbacks that count."""
        if self._following is not None and self._turn != self._this_turn:
            self._now, self._following = self._following, None
        return self._now

    @property
    def latest(self) -> Callbacks:
        """The callbacks that were given last, which may not count yet."""
        now = self.now
        return self._following or now

    def replace(self, callbacks: Callbacks) -> None:
        """Replace those that are given, from the next turn on."""
        if callbacks.given:
            self._following = self.latest.replaced(callbacks)
            self._turn = self._this_turn

    @property
    def _this_turn(self) -> int:
        """The number of the turn that runs, or that of the last one."""
        return self._collection.health.turns + self._collection.turning

    def __repr__(self) -> str:
        return f"<Handlers {self.latest!r}>"


def log_event(event: ReactorError) -> None:
    """Log an event, in place of an `event_cb`: a failure as a warning, an end for debugging.

    Args:
        event: what has happened; its `connection` is named.

    Thread: any. Calls back: never. Source: CL-65.
    """
    level = logging.DEBUG if isinstance(event, EndOfStream) else logging.WARNING
    log.log(level, "%r: %s", event.connection, event)
