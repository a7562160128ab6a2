"""Line: operations in order, with who is told of each and the limits it has.

A `Request` is an operation and all that a queue has to know about it. A `Line` holds those that
wait for their turn. Neither steps anything: that is `operation_queue`, and the next thing to read.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from reactor.channel.base import Channel
from reactor.deadline import NEVER
from reactor.errors import (
    DeadlinePassed,
    EndOfStream,
    LimitExceeded,
    OperationTimeout,
    ReactorError,
    TLSHandshakeTimeout,
)
from reactor.state.operations import Exchange, Operation

# How many reads may wait in line behind the one that runs (LW-077); writes are counted in bytes.
READ_LIMIT: Final = 1_000

log: Final = logging.getLogger("reactor")


class Request:
    """An operation in line: what is to be done, who is told, and the limits.

    `timeout` is seconds, `deadline` a moment. `began` is the moment at which the operation was
    first in line, `since` that at which it was last stepped: a renewed timeout counts from there.

    Thread: the owner's. Calls back: from `report`. Source: LW-097, LW-120, LW-121, LW-196.
    """

    __slots__ = (
        "began",
        "callback",
        "deadline",
        "error_callback",
        "operation",
        "since",
        "timeout",
    )

    def __init__(
        self,
        operation: Operation,
        callback: Callable[..., object] | None,
        error_callback: Callable[..., object] | None = None,
        *,
        timeout: float | None = None,
        deadline: float = NEVER,
    ) -> None:
        self.operation = operation
        self.callback = callback
        self.error_callback = error_callback
        self.timeout = timeout
        self.deadline = deadline
        self.began = self.since = 0.0

    def limit(self) -> float:
        """Return the moment at which the running operation is out of time."""
        if self.timeout is None:
            return self.deadline
        start = self.since if self.operation.renewed else self.began
        return min(self.deadline, start + self.timeout)

    def timeout_error(self, channel: Channel, state: object, now: float) -> OperationTimeout:
        """Make the error that says which limit has passed, and how far the operation came."""
        operation = self.operation
        start = self.since if operation.renewed else self.began
        kind, limit = OperationTimeout, self.timeout
        if self.deadline <= now:
            kind, limit = DeadlinePassed, max(0.0, self.deadline - self.began)
            what = "the deadline has passed"
        elif operation.renewed:
            what = f"nothing moved for {limit:g} s"
        else:
            what = f"it was not over within {limit:g} s"
        if isinstance(operation, Exchange) and operation.phase == "handshake":
            kind = TLSHandshakeTimeout
        moved = operation.moved if operation.counts else channel.traffic()[0]
        return kind(
            f"{what}; {moved} bytes were moved",
            phase=operation.phase,
            limit=limit,
            elapsed=now - start,
            bytes_moved=moved,
            peer=channel.peer_address,
            connection=state,
        )

    def report(self, state: object, status: ReactorError | None) -> None:
        """Make the one final call: ends and timeouts to the callback, failures to theirs."""
        callback = self.callback
        if status is not None:
            failure = not isinstance(status, (EndOfStream, OperationTimeout))
            if callback is None or (failure and self.error_callback is not None):
                callback = self.error_callback
        if callback is not None:
            callback(state, *self.operation.result(status))
        elif status is not None:
            log.warning("%r: %r failed and nobody is told: %s", state, self.operation, status)

    def __repr__(self) -> str:
        return f"<Request of {self.operation!r}>"


class Line:
    """Requests that wait behind the one that runs, first come, first served.

    `size` is how many bytes they are to move. Before the moment `deadline` none of them is out
    of time; it may be too early, never too late.

    Thread: the owner's. Calls back: never. Source: LW-077, LW-100 to LW-103, LW-196.
    """

    __slots__ = ("_requests", "deadline", "size")

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self.size = 0
        self.deadline = NEVER

    def __len__(self) -> int:
        return len(self._requests)

    def admit(self, request: Request, size_limit: int, state: object) -> None:
        """Put a request behind the others, if there is room.

        Raises:
            LimitExceeded: so many reads wait already, or more than `size_limit` bytes would.
        """
        if request.operation.phase == "read":
            if len(self) >= READ_LIMIT:
                raise LimitExceeded(
                    f"{len(self)} reads wait in line already, which is the limit",
                    identifier="input-limit",
                    connection=state,
                )
        elif self.size + request.operation.size > size_limit:
            raise LimitExceeded(
                f"{self.size} bytes wait in line, {request.operation.size} more exceed the limit"
                f" of {size_limit}: wait for callbacks, or raise `output_limit`",
                identifier="output-limit",
                connection=state,
            )
        self._append(request)

    def _append(self, request: Request) -> None:
        self._requests.append(request)
        self.size += request.operation.size
        self.deadline = min(self.deadline, request.deadline)

    def pop(self) -> Request:
        """Take out the first request."""
        request = self._requests.popleft()
        self.size -= request.operation.size
        return request

    def take_from_the_first_late(self, now: float) -> list[Request]:
        """Take out the first request that is out of time, and all behind it, in order."""
        if now < self.deadline:
            return []
        first = next((i for i, one in enumerate(self._requests) if one.deadline <= now), len(self))
        requests = list(self._requests)
        staying, self._requests, self.size, self.deadline = requests[:first], deque(), 0, NEVER
        for request in staying:
            self._append(request)
        return requests[first:]

    def take(self) -> list[Request]:
        """Take out all of them, in order."""
        requests = list(self._requests)
        self._requests.clear()
        self.size, self.deadline = 0, NEVER
        return requests

    def __repr__(self) -> str:
        return f"<Line of {len(self)}, {self.size} bytes>"
