"""IdleLimit: the limit on nothing happening either way on a connection.

Reads and writes that wait know themselves when they were last stepped. What goes past the queues
is told by `touch`, which costs one reading of the clock, and no work in the heap of timers.
"""

from collections.abc import Callable

from reactor.errors import OperationTimeout
from reactor.loop.timers import Timed
from reactor.state.connection import Connection


class IdleLimit(Timed):
    """One limit on one connection; it counts from now on.

    Args:
        state: the connection.
        limit: seconds.
        expired: called with the `OperationTimeout`, once.

    Thread: the owner's. Calls back: `expired`, from the loop only. Source: PR-12.
    """

    __slots__ = ("_expired", "_since", "_state", "limit")

    def __init__(
        self, state: Connection, limit: float, expired: Callable[[OperationTimeout], object]
    ) -> None:
        super().__init__()
        self._state = state
        self.limit = limit
        self._expired = expired
        self._since = state.collection.clock()
        state.collection.arm(self, self._since + limit)

    def touch(self, moment: float | None = None) -> None:
        """Learn that something has moved, at a moment; None is now."""
        # Not that of the turn: a host's button handler writes when no turn is running.
        self._since = max(self._since, self._state.collection.clock() if moment is None else moment)

    def cancel(self) -> None:
        """Count no more."""
        self._state.collection.timers.disarm(self)

    def on_due(self, now: float) -> None:
        """Tell, or come again when the last movement will be old enough."""
        since = self._since
        for queue in (self._state.input, self._state.output):
            if queue.operation is not None:
                since = max(since, queue.operation.since)
        if since + self.limit > now:
            self._state.collection.arm(self, since + self.limit)
            return
        self._expired(
            OperationTimeout(
                "nothing moved either way",
                phase="idle",
                limit=self.limit,
                elapsed=now - since,
                bytes_moved=0,
                peer=self._state.peer_address,
                connection=self._state.face,
            )
        )

    def __repr__(self) -> str:
        return f"<IdleLimit of {self.limit:g} s on {self._state!r}>"
