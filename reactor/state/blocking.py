"""Blocking: one operation for a caller who waits, with a limit for each wait.

The operations are those of the states, and `drive` waits. What is added is what a caller in a
thread of its own expects: a limit that begins anew whenever something has moved, a deadline that
counts before anything is tried, and an end of the wait when another thread closes the stream.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from reactor.channel.base import Channel
from reactor.channel.lost import Lost
from reactor.deadline import NEVER
from reactor.errors import OperationInProgress, ReactorError, SocketError
from reactor.operations.exchanges import Exchange
from reactor.operations.operation import Operation
from reactor.state.drive import Wants, can_go_on, wait_until

Limits: TypeAlias = tuple[float | None, float]  # seconds of one wait, and the last moment of all


class Direction:
    """One direction of a stream: its user, its limit, and what it works on.

    A context manager: inside it the direction is in use. It has one user at a time, and a second
    one is refused.

    Args:
        what: "reading from" or "writing to", for the error.
        channel: the channel, or what stands there when this direction has ended or failed.
        left: called when a user has left who was told to.
        check: called before a second user is refused; it raises if the stream has been closed.
        allowed: whether the stream was opened for it.

    Attributes:
        timeout: seconds of each wait, None for no limit.
        closing: whether the stream is being closed; then `left` is called.

    Raises:
        OperationInProgress: somebody has it: another thread, or what a signal has interrupted.
        StateClosed: it is who closes the stream.

    Thread: any. Calls back: `left`, `check`. Source: LW-173, LW-182, LW-186.
    """

    __slots__ = ("_check", "_left", "_lock", "_what", "allowed", "channel", "closing", "timeout")

    def __init__(
        self,
        what: str,
        channel: Channel,
        left: Callable[[], object],
        check: Callable[[], object],
        *,
        allowed: bool,
    ) -> None:
        self._lock = threading.Lock()
        self._what = what
        self._left = left
        self._check = check
        self.allowed = allowed
        self.channel = channel
        self.timeout: float | None = None
        self.closing = False

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._check()
            raise OperationInProgress(
                f"somebody else is {self._what} this stream: one thread may read, and one write"
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if self.closing:
            self._left()

    @property
    def taken(self) -> bool:
        """Whether somebody is using it."""
        return self._lock.locked()

    def raise_if_lost(self) -> None:
        """Raise the error that ended this direction, every time."""
        if isinstance(self.channel, Lost):
            self.channel.fail()

    def lose(self, status: ReactorError) -> None:
        """Let everything fail with `status` from now on."""
        if not isinstance(self.channel, Lost):
            self.channel = Lost(status)


class Blocking:
    """An operation that a blocking caller steps, as `drive` wants it.

    An exchange has one limit for all of it; any other operation begins a new wait whenever it has
    moved something, and one that reads whenever something has arrived.

    Args:
        operation: what is to be done.
        channel: where.
        limits: asked before each try, so that a changed limit counts from the next wait on.
        lock: held for each step, never in a wait; None where nobody else steps.
        check: called before each step and after it; it raises if the stream has been closed.
        owner: for errors.
        clock: monotonic seconds.

    Thread: the caller's, which is blocked. Calls back: `limits`, `check`. Source: LW-182, LW-183,
    LW-186, CC-51 to CC-56.
    """

    __slots__ = (
        "_channel",
        "_check",
        "_clock",
        "_limits",
        "_lock",
        "_owner",
        "_progress",
        "operation",
    )

    def __init__(
        self,
        operation: Operation,
        channel: Channel,
        limits: Callable[[], Limits],
        *,
        lock: Any = None,
        check: Callable[[], object] | None = None,
        owner: object = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.operation = operation
        self._channel = channel
        self._limits = limits
        self._lock = lock
        self._check = check
        self._owner = owner
        self._clock = clock
        self._progress: tuple[int, int, int] | None = None  # bytes, at the last look; None before
        operation.began = operation.since = clock()

    def run(self, *, tried: bool = False) -> None:
        """Wait until it is done; `tried` says that a first step has found nothing just now."""
        if tried and not can_go_on(self.operation, self._channel):
            timeout, self.operation.deadline = self._limits()
            self._look_at_progress(timeout)
        elif self.step():
            return
        while True:
            wait_until(self.next_moment(), self.wants(), self._clock())
            if self.step():
                return

    def step(self) -> bool:
        """Try; true if it is done.

        Raises:
            OperationTimeout: nothing has moved for too long. DeadlinePassed, SocketError.
        """
        operation = self.operation
        timeout, operation.deadline = self._limits()
        if operation.deadline != NEVER and operation.deadline <= self._clock():
            raise self._late()
        if self._lock is None:
            done = self._try()
        else:
            with self._lock:
                done = self._try()
        if not done:
            self._look_at_progress(timeout)
        return done

    def wants(self) -> Wants:
        """Return what the operation waits for."""
        return ((self._channel.fileno(), self.operation.want(self._channel)),)

    def next_moment(self) -> float:
        """Return when this wait has lasted long enough."""
        return self.operation.limit()

    def _try(self) -> bool:
        """Step, as often as the channel holds what no descriptor shows."""
        operation, channel = self.operation, self._channel
        check = self._check
        if check is not None:
            check()
        try:
            while not operation.step(channel):
                if not can_go_on(operation, channel):
                    return False
        finally:
            if check is not None:
                check()  # closed by another thread: that is the reason, whatever was met
        return True

    def _look_at_progress(self, timeout: float | None) -> None:
        """Begin a wait if there is none or something has moved; else see whether it is over."""
        operation, channel = self.operation, self._channel
        # A large record of TLS trickles in for a while before any of it is plaintext.
        arrived = channel.traffic()[0] if operation.phase == "read" else 0
        progress = operation.moved, channel.output_size, arrived
        begins = progress != self._progress and not isinstance(operation, Exchange)
        if begins or self._progress is None:
            operation.began = operation.since = self._clock()
            operation.timeout = timeout
            self._progress = progress
        elif operation.limit() <= self._clock():
            raise self._late()

    def _late(self) -> SocketError:
        return self.operation.timeout_error(self._channel, self._owner, self._clock())
