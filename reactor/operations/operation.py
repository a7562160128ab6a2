"""Operation: one read, write or handshake under way, to be stepped until it is done.

An operation never waits and knows no clock and no collection. Its `step` tries a channel and says
"done" or "not yet"; an error is raised. Whoever steps it does the waiting: the queue of a state,
for a collection, or `drive`, for a blocking call. That is why both run the very same reads, writes
and handshakes. Who is told of its end, and the limits it has, are written on the operation itself,
like an address and a date on a letter: a slip beside it would be one object more for each of them.

What there is to do is in the files beside this one: here is only what all of it has in common.
"""

import logging
from collections.abc import Callable
from typing import Any, Final, Self

from reactor.channel.base import Channel
from reactor.deadline import NEVER
from reactor.errors import (
    DeadlinePassed,
    EndOfStream,
    OperationTimeout,
    ReactorError,
    TLSHandshakeTimeout,
)

# Bytes that one step may move: then it is the turn of others, even if the peer never pauses.
STEP_LIMIT: Final = 1 << 20

# Bytes asked for at once. With malloc prepared (see `malloc`) a large request costs
# nothing, and a smaller one costs a system call more for every large message.
READ_SIZE: Final = 262_144

log: Final = logging.getLogger("reactor")


class CallbackRaised(Exception):
    """An envelope around an exception that user code raised in the midst of a step.

    The queue must tell it from a failure of the channel, even where it is of the same class.
    """

    def __init__(self, exception: Exception) -> None:
        super().__init__()
        self.exception = exception


class Operation:
    """Something under way on a channel, who is told of its end, and the limits it has.

    `timeout` is seconds, `deadline` a moment. `began` is the moment at which it was first in line,
    `since` that at which it was last stepped: a renewed timeout counts from there. They are kept by
    who does the waiting.

    `moved` counts bytes. `phase` is the word for errors; `renewed` tells whether a timeout is
    counted anew whenever bytes move, or once for all of it. `eager` operations are tried inside
    the call that starts them: they run no code of the user. `sticks` is false of datagrams: a
    failure of one says nothing about the next.

    Thread: the owner's. Calls back: from `report`, and of `Check`, `Feed` and `Pour` inside `step`.
    Source: LW-088, LW-097, LW-120, LW-121, LW-196.
    """

    __slots__ = (
        "began",
        "callback",
        "deadline",
        "error_callback",
        "moved",
        "since",
        "timeout",
    )

    phase: str = "read"
    renewed: bool = False
    eager: bool = False
    sticks: bool = True
    size: int = 0  # bytes that it is to move, if it knows
    counts: bool = True  # else `moved` only tells whether anything has: the channel knows more

    def __init__(self) -> None:
        # Not order(None): operations come by the message, and the call is a tenth of one.
        self.moved = 0
        self.callback: Callable[..., object] | None = None
        self.error_callback: Callable[..., object] | None = None
        self.timeout: float | None = None
        self.deadline = NEVER
        self.began = self.since = 0.0

    def order(
        self,
        callback: Callable[..., object] | None,
        error_callback: Callable[..., object] | None = None,
        timeout: float | None = None,
        deadline: float = NEVER,
    ) -> Self:
        """Say who is told of the end, and the limits; of one that is driven nobody is told."""
        self.callback = callback
        self.error_callback = error_callback
        self.timeout = timeout
        self.deadline = deadline
        return self

    def taken_back(self) -> None:
        """Hear that it is not wanted any more: somebody whom a step calls may have said so."""

    def step(self, channel: Channel) -> bool:
        """Try, and return whether the operation is done.

        Raises:
            EndOfStream: the peer has ended before it was. SocketError: the channel failed.
        """
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether a step can do something although the channel is quiet."""
        return False

    def want(self, channel: Channel) -> int:
        """Return the readiness to wait for before the next step, a mask."""
        return channel.read_want

    def uses_held(self, channel: Channel) -> bool:
        """Whether a step can do something with the input that `channel` says it holds."""
        return True

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Return what a callback gets behind the state."""
        return ()

    def limit(self) -> float:
        """Return the moment at which the running operation is out of time."""
        if self.timeout is None:
            return self.deadline
        start = self.since if self.renewed else self.began
        return min(self.deadline, start + self.timeout)

    def timeout_error(self, channel: Channel, state: object, now: float) -> OperationTimeout:
        """Make the error that says which limit has passed, and how far the operation came."""
        start = self.since if self.renewed else self.began
        kind, limit = OperationTimeout, self.timeout
        if self.deadline <= now:
            kind, limit = DeadlinePassed, max(0.0, self.deadline - self.began)
            what = "the deadline has passed"
        elif self.renewed:
            what = f"nothing moved for {limit:g} s"
        else:
            what = f"it was not over within {limit:g} s"
        if self.phase == "handshake":
            kind = TLSHandshakeTimeout
        moved = self.moved if self.counts else channel.traffic()[0]
        return kind(
            f"{what}; {moved} bytes were moved",
            phase=self.phase,
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
            callback(state, *self.result(status))
        elif status is not None:
            log.warning("%r: %r failed and nobody is told: %s", state, self, status)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} moved {self.moved}>"


class Late(Operation):
    """In place of an operation whose moment had passed before it began: it touches no channel.

    Source: LW-196.
    """

    __slots__ = ("_error", "_operation")

    def __init__(self, operation: Operation, error: ReactorError) -> None:
        super().__init__()
        self.order(operation.callback, operation.error_callback)
        self._operation = operation
        self._error = error

    @property
    def sticks(self) -> bool:  # type: ignore[override]  # nobody sets it
        """As of the operation: behind a message that is late others go on."""
        return self._operation.sticks

    def step(self, channel: Channel) -> bool:
        """Say that it is too late."""
        raise self._error

    def ready(self) -> bool:
        """There is nothing to wait for."""
        return True

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Return what the operation would have."""
        return self._operation.result(status)
