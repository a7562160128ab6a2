"""OperationQueue: one direction of a state, and the only machine there is.

It owns the order of the operations, the limits of the one that runs, and the status that the last
one left. There are two of each, for input and output, and neither knows the other.

    IDLE ──start──► BLOCKED ──proceed──► RUNNING ──not yet──► BLOCKED
      ▲                                    │
      └──────────── nothing in line ◄──────┴──done, failed──► callback, next in line

While the queue is RUNNING its loop is on the stack, so whatever a callback starts is picked up by
that loop: nothing is ever stepped or reported from inside the call that started it, and a chain
of a hundred thousand operations needs no deeper stack than one. The exception are writes: they
are tried at once, because nobody is called back by that, and half of an echo is saved.

After an end or a failure the channel of the queue is a `Lost` one, which raises that same error
for ever: so it sticks without anybody asking whether it does.
"""

import copy
import enum
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NoReturn, cast

from reactor.channel.base import BytesLike, Channel
from reactor.deadline import NEVER
from reactor.errors import (
    DeadlinePassed,
    EndOfStream,
    InternalError,
    LimitExceeded,
    OperationAborted,
    OperationInProgress,
    OperationTimeout,
    ReactorError,
    SocketError,
    TLSHandshakeTimeout,
)
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed, call
from reactor.loop.wait_state import WaitState
from reactor.state.operations import CallbackRaised, Exchange, Operation

# How many reads may wait in line behind the one that runs (LW-077); writes are counted in bytes.
LINE_LIMIT: Final = 1_000

# Operations that one turn steps in a row: with bytes in memory they need no readiness, and would
# go on for as long as each callback starts the next one. A guess.
OPERATION_LIMIT: Final = 64

log: Final = logging.getLogger("reactor")


class Phase(enum.IntEnum):
    """What a queue is doing; powers of two, so that a set of phases is a mask."""

    IDLE = 1  # there is no operation
    BLOCKED = 2  # the operation waits for readiness, or for a turn that was posted
    RUNNING = 4  # the loop of the queue is on the stack
    CLOSED = 8  # for good


# From each phase, the phases that may follow.
MOVES: Final = {
    Phase.IDLE: Phase.BLOCKED | Phase.CLOSED,
    Phase.BLOCKED: Phase.RUNNING | Phase.IDLE | Phase.CLOSED,
    Phase.RUNNING: Phase.BLOCKED | Phase.IDLE | Phase.CLOSED,
    Phase.CLOSED: 0,
}
# On the hot path a member of an enum costs more than the number that it is.
IDLE: Final[int] = Phase.IDLE.value
BLOCKED: Final[int] = Phase.BLOCKED.value
RUNNING: Final[int] = Phase.RUNNING.value
CLOSED: Final[int] = Phase.CLOSED.value


class QueueOwner(WaitState):
    """A wait state whose work is done by queues: what they need of it.

    Args:
        collection: where it lives; it is not added here.
        channel: what it works on; None as long as there is none.

    Thread: the owner's. Calls back: from the loop only. Source: LW-021.
    """

    __slots__ = ("channel", "collection")

    def __init__(self, collection: WaitStateCollection, channel: Channel | None) -> None:
        super().__init__(-1 if channel is None else channel.fileno())
        self.collection = collection
        self.channel = cast(Channel, channel)

    def settle(self) -> None:
        """Bring what is wanted of the descriptor up to date, and flush what is held."""
        raise NotImplementedError

    def lost(self, queue: "OperationQueue", status: SocketError) -> None:
        """Be told that a queue has failed for good."""

    def later(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function among the posted calls, in the context of this state."""
        self.collection.post(self._call_guarded, (function, arguments), self.context)

    def _call_guarded(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        try:
            function(*arguments)
        except Exception as exception:  # noqa: BLE001  # user code
            if not self.on_exception(exception):
                self.collection.report(self, exception)


class Request:
    """An operation in line: what is to be done, who is told, and the limits.

    `timeout` is seconds, `deadline` a moment. `began` is the moment at which the operation was
    first in line, `since` that at which it was last stepped: a renewed timeout counts from there.
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

    def report(self, state: object, status: ReactorError | None) -> None:
        """Make the one final call: ends and timeouts to the callback, failures to theirs."""
        callback = self.callback
        if status is not None and not isinstance(status, (EndOfStream, OperationTimeout)):
            callback = self.error_callback or callback
        if callback is not None:
            callback(state, *self.operation.result(status))
        elif status is not None:
            log.warning("%r: %r failed and nobody is told: %s", state, self.operation, status)


class OperationQueue(Timed):
    """The operations of one direction, in order.

    Args:
        state: whose direction it is.
        channel: what the operations are stepped on.
        lines_up: whether a second operation waits in line; otherwise it is refused.
        line_size_limit: bytes that may wait in line, or unread bytes for the input.

    Thread: the owner's. Calls back: from `proceed` and `on_due`, which only the loop calls.
    Source: LW-077, LW-099 to LW-104, LW-115 to LW-124.
    """

    __slots__ = (
        "channel",
        "limit",
        "line",
        "lines_up",
        "moved",
        "phase",
        "posted",
        "request",
        "state",
        "status",
        "timeout",
    )

    def __init__(
        self, state: QueueOwner, channel: Channel, lines_up: bool = False, limit: int = 0
    ) -> None:
        super().__init__()
        self.state = state
        self.channel = channel
        self.phase: int = IDLE
        self.request: Request | None = None
        self.line: deque[Request] | None = None  # made when somebody waits in it
        self.lines_up = lines_up
        self.limit = limit
        self.timeout: float | None = None  # seconds; of operations that bring none of their own
        self.status: ReactorError | None = None
        self.moved = 0  # bytes, by operations that are over
        self.posted = False  # whether `proceed` is on its way through the posted calls

    # Starting.

    @property
    def concerns(self) -> object:  # type: ignore[override]  # never set
        """Whose callbacks run when a limit passes."""
        return self.state

    @property
    def active(self) -> bool:
        """Whether an operation runs or waits in line."""
        return self.request is not None

    @property
    def total(self) -> int:
        """Bytes that have been moved, by the running operation too."""
        return self.moved + (self.request.operation.moved if self.request else 0)

    @property
    def running(self) -> bool:
        """Whether the loop of this queue is on the stack: a callback of it is the caller."""
        return self.phase == RUNNING

    def want(self) -> int:
        """Return the readiness that the running operation waits for, a mask."""
        return self.request.operation.want(self.channel) if self.request else 0

    def start(self, request: Request) -> None:
        """Begin an operation, or let it wait in line.

        Raises:
            OperationInProgress: one is running, and this queue has no line.
            LimitExceeded: the line is too long.
        """
        if self.request is None:
            self._begin(request)
            if self.phase != RUNNING:
                self._enter(BLOCKED)
                self._first_try(request.operation)
            return
        if not self.lines_up:
            raise OperationInProgress(
                f"{self.request.operation!r} is still running on {self.state!r}: wait for its"
                " callback, or let operations queue (`queue_input`, `queue_output`)",
                phase=request.operation.phase,
                connection=self.state,
            )
        self._line_up(request)

    def proceed(self) -> None:
        """Step the operation, which is ready or was promised a try; then those behind it.

        The common case is a stream that has moved something and goes on: one step, and one
        look at the clock of the turn. All that happens seldom is in `_conclude`.
        """
        if self.phase != BLOCKED:
            return
        self.phase = RUNNING  # legal by MOVES; a call of _enter would cost a tenth of the step
        request: Request = self.request  # type: ignore[assignment]  # there is one while BLOCKED
        try:
            done = request.operation.step(self.channel)
        except ReactorError as error:
            self._conclude(request, error)
        except CallbackRaised as raised:
            escaped = raised.exception
        else:
            if done or self.request is not request:
                self._conclude(request, None)
                return
            request.since = self.state.collection.now
            self.phase = BLOCKED
            return
        if self.phase == RUNNING:  # only if the user's code has raised: else _conclude was here
            self._leave()
            raise escaped

    def fail(self, status: ReactorError) -> None:
        """End the operation, which waits, with `status`; then go on with those behind it."""
        if self.phase == BLOCKED and self.request is not None:
            self.phase = RUNNING
            self._conclude(self.request, status)

    def withdraw(self) -> None:
        """Take the running operation back without a word; the callers know why."""
        if self.request is not None:
            self.moved += self.request.operation.moved
        self.request = None
        self._disarm()
        if self.phase == BLOCKED:
            self._enter(IDLE)

    # Limits.

    def retime(self, timeout: float | None) -> None:
        """Give the running operation another timeout, in seconds, counted from now."""
        request = self.request
        if request is not None:
            request.timeout = timeout
            request.began = request.since = self.state.collection.clock()
            self._arm()

    def on_due(self, now: float) -> None:
        """Look whether a limit has passed: arrivals and progress have moved it meanwhile."""
        call(self._look_at_limits, (now,), self.state.context)

    def _look_at_limits(self, now: float) -> None:
        request = self.request
        if request is None or self.phase != BLOCKED:
            return
        if request.limit() <= now:
            moved, since = request.operation.moved, request.since
            self.proceed()  # what can be read at this last moment completes it after all
            if request.operation.moved == moved:
                request.since = since
        if self.request is request and self.phase == BLOCKED:
            if request.limit() <= now:
                self.fail(self._timeout_error(request, now))
            else:
                self._expire_in_line(now)
                self._arm()
        self.state.settle()

    def _expire_in_line(self, now: float) -> None:
        """End what has waited in line beyond its deadline, and what is behind it."""
        line = self.line or ()
        for index, request in enumerate(line):
            if request.deadline <= now:
                status = self._timeout_error(request, now)
                count = len(line) - index
                late = [self.line.pop() for _ in range(count)]  # type: ignore[union-attr]  # not empty
                for waiting in reversed(late):
                    self.state.later(self._report, waiting, status)
                return

    def _timeout_error(self, request: Request, now: float) -> OperationTimeout:
        operation = request.operation
        late = request.deadline <= now
        kind: type[OperationTimeout] = DeadlinePassed if late else OperationTimeout
        if isinstance(operation, Exchange) and operation.phase == "handshake":
            kind = TLSHandshakeTimeout
        what = "the deadline has passed" if late else f"nothing moved for {request.timeout:g} s"
        return kind(
            f"{what}; {operation.moved} bytes were moved",
            phase=operation.phase,
            limit=request.timeout,
            elapsed=now - request.since,
            bytes_moved=operation.moved,
            peer=self.state.channel.peer_address,
            connection=self.state,
        )

    # Ending.

    def abort(self, status: ReactorError, *, tell: bool) -> Request | None:
        """Stop everything; those in line are told later, in order, before the running one.

        Returns:
            The running operation's request, or None if there was none. It is told too if
            `tell`; else it is the caller's.
        """
        request, line = self.request, self.line
        self.line = None
        if request is not None:
            self.status = status
            self.withdraw()
        for waiting in line or ():
            self.state.later(self._report, waiting, status)
        if request is not None and tell:
            self.state.later(self._report, request, status)
        return request

    def lose(self, status: ReactorError) -> None:
        """Let every later step fail with `status`; a running operation does so soon."""
        if not isinstance(self.channel, Lost):
            self.channel = Lost(status)
        if self.phase == IDLE:
            self.status = status
        elif self.phase == BLOCKED:
            self.post()

    def close(self, status: ReactorError | None) -> None:
        """Close for good; what runs or waits is told later, or never if `status` is None."""
        ended = [] if self.request is None or self.phase == RUNNING else [self.request]
        ended += self.line or ()
        self._disarm()
        self.request = self.line = None
        self._enter(CLOSED)
        if status is not None:
            self.status = status
            for request in ended:
                self.state.later(request.report, self.state, status)

    def post(self) -> None:
        """Let `proceed` run in a later turn: what there is to do no descriptor shows."""
        if not self.posted:
            self.posted = True
            self.state.later(self._proceed_as_posted)

    def raise_if_lost(self) -> None:
        """Raise the error that ended this direction, every time."""
        if isinstance(self.channel, Lost):
            self.channel.fail()

    # Inside.

    def _begin(self, request: Request) -> None:
        """Make a request the running one and set its clock."""
        self.request = request
        self.moved -= request.operation.moved  # one that comes back has been counted
        if not isinstance(self.channel, Lost):
            self.status = None  # a timeout or an abort does not stick
        if request.timeout is None:
            request.timeout = self.timeout
        if request.timeout is not None or request.deadline != NEVER:
            request.began = request.since = self.state.collection.clock()
            self._arm()

    def _first_try(self, operation: Operation) -> None:
        if operation.eager:
            try:
                done = operation.step(self.channel)
            except ReactorError as error:
                self.channel = Lost(error)
                done = True
            if done:
                self.post()
                return
        elif self._needs_no_readiness(operation):
            self.post()
            return
        self.state.settle()

    def _proceed_as_posted(self) -> None:
        self.posted = False
        self.proceed()
        self.state.settle()

    def _conclude(self, request: Request, status: ReactorError | None) -> None:
        """End an operation, unless its callback has; step those that need no readiness."""
        escaped: Exception | None = None
        try:
            if self.request is request:
                self._end(request, status)
            for _ in range(OPERATION_LIMIT):
                if not self._bring_up_next() or not self._step_next():
                    break
            else:
                self.post()  # it is the turn of others
        except CallbackRaised as raised:
            escaped = raised.exception
        except BaseException:
            self._bring_up_next()
            if self.request is not None:
                self.post()
            raise
        finally:
            self._leave()
        if escaped is not None:
            raise escaped

    def _step_next(self) -> bool:
        """Step an operation that was brought up; true if it has come to its end."""
        request = cast(Request, self.request)
        status: ReactorError | None = None
        try:
            done = request.operation.step(self.channel)
        except ReactorError as error:
            done, status = True, error
        if done and self.request is request:
            self._end(request, status)
        return done or self.request is not request

    def _leave(self) -> None:
        """Be out of the loop, and wait for what there is to do."""
        if self.phase == RUNNING:
            self.phase = IDLE if self.request is None else BLOCKED

    def _bring_up_next(self) -> bool:
        """Make the next request the running one; true if it can be stepped without waiting."""
        if self.phase == CLOSED:
            return False
        if self.request is None:
            if not self.line:
                return False
            self._begin(self.line.popleft())
        request = cast(Request, self.request)
        return self._needs_no_readiness(request.operation)

    def _needs_no_readiness(self, operation: Operation) -> bool:
        return operation.eager or operation.ready() or isinstance(self.channel, Lost)

    def _end(self, request: Request, status: ReactorError | None) -> None:
        """Take the running request out, keep its status, and make its final call."""
        self.request = None
        self.moved += request.operation.moved
        self._disarm()
        if status is not None:
            self._keep(request.operation, status)
        request.report(self.state, status)

    def _keep(self, operation: Operation, status: ReactorError) -> None:
        """Keep why an operation ended; ends and failures for good."""
        self.status = status
        passing = isinstance(status, (OperationTimeout, OperationAborted, LimitExceeded))
        if isinstance(operation, Exchange) or (operation.sticks and not passing):
            if not isinstance(self.channel, Lost):
                self.channel = Lost(status)
            if isinstance(status, SocketError):
                self.state.lost(self, status)
        elif operation.sticks and self.line:
            # What is behind would leave a gap in the stream, so it ends too.
            line, self.line = self.line, None
            for waiting in line:
                self.state.later(self._report, waiting, status)

    def _report(self, request: Request, status: ReactorError) -> None:
        if self.phase != CLOSED and not isinstance(self.channel, Lost):
            self.status = status
        request.report(self.state, status)

    def _line_up(self, request: Request) -> None:
        line = self.line
        if line is None:
            line = self.line = deque()
        size = request.operation.size
        waiting = sum(one.operation.size for one in line)
        if request.operation.phase == "read":
            if len(line) >= LINE_LIMIT:
                raise LimitExceeded(
                    f"{len(line)} reads wait in line already, which is the limit",
                    identifier="input-limit",
                    connection=self.state,
                )
        elif waiting + size > self.limit:
            raise LimitExceeded(
                f"{waiting} bytes wait in line, {size} more exceed the limit of {self.limit}:"
                " wait for callbacks, or raise `output_limit`",
                identifier="output-limit",
                connection=self.state,
            )
        if request.timeout is None:
            request.timeout = self.timeout  # its value of now: LW-101
        line.append(request)
        if request.deadline != NEVER:
            self._arm()

    def _arm(self) -> None:
        assert self.request is not None
        when = min(self.request.limit(), *(r.deadline for r in self.line or ()), NEVER)
        if when != self.when:
            self.state.collection.arm(self, when)

    def _disarm(self) -> None:
        if self.when != NEVER:
            self.state.collection.timers.disarm(self)

    def _enter(self, phase: int) -> None:
        if phase == self.phase:
            return
        if not MOVES[Phase(self.phase)] & phase:
            raise InternalError(
                f"{self!r} cannot go from {Phase(self.phase).name} to {Phase(phase).name}"
            )
        self.phase = phase

    def __repr__(self) -> str:
        running = self.request.operation if self.request else "nothing"
        return f"<OperationQueue {Phase(self.phase).name} runs {running!r}>"


class Lost(Channel):
    """What stands where a channel was that has ended or failed: every try raises that again."""

    __slots__ = ("status",)

    def __init__(self, status: ReactorError) -> None:
        self.status = status

    def fail(self) -> NoReturn:
        """Raise the error of this direction, as if it had happened now."""
        raise copy.copy(self.status) from self.status.__cause__

    def read(self, size: int) -> bytes | None:
        """Fail."""
        raise self.status.with_traceback(None)

    def readinto(self, view: memoryview) -> int | None:
        """Fail."""
        raise self.status.with_traceback(None)

    def write(self, view: BytesLike) -> int | None:
        """Fail."""
        raise self.status.with_traceback(None)

    def flush(self) -> bool:
        """Fail."""
        raise self.status.with_traceback(None)
