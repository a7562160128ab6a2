"""OperationQueue: one direction of a state, and the only machine there is.

It owns the order of the operations, the limits of the one that runs, and the status that the last
one left. There are two of each, for input and output, and neither knows the other.

    IDLE ──start──► BLOCKED ──proceed──► RUNNING ──not yet──► BLOCKED
      ▲                                    │ ▲
      └──────────── nothing in line ◄──────┤ └── next in line ◄── REPORTING, the final call
                                           └──done, failed──►──────┘

While the queue is RUNNING or REPORTING its loop is on the stack, so whatever a callback starts
is picked up by that loop: nothing is ever stepped or reported from inside the call that started
it, and a chain of a hundred thousand operations needs no deeper stack than one. The exception are
writes: they are tried at once, because nobody is called back by that, and half of an echo is
saved.

What is started while earlier operations are still to be told of their ends is HELD until they
have been: final calls come in the order in which operations were started.

Who waits in line is in `line`; what stands where a channel was after an end or a failure is a
`Lost` of the floor below.
"""

import enum
from collections.abc import Callable
from typing import Any, Final, cast

from reactor.channel.base import Channel
from reactor.channel.lost import Lost
from reactor.deadline import NEVER
from reactor.errors import (
    EndOfStream,
    InternalError,
    LimitExceeded,
    OperationAborted,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    ReactorError,
    SocketError,
)
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed
from reactor.loop.wait_state import WaitState, call
from reactor.operations.exchanges import Exchange
from reactor.operations.operation import CallbackRaised, Late, Operation
from reactor.state.line import Line

# Operations that one turn steps in a row: with bytes in memory they need no readiness, and would
# go on for as long as each callback starts the next one. A guess.
OPERATION_LIMIT: Final = 64

# What stops an operation, but not those that come after it (LW-116).
PASSING: Final = (OperationTimeout, OperationAborted, LimitExceeded, OperationNotAllowed)


class Phase(enum.IntEnum):
    """What a queue is doing; powers of two, so that a set of phases is a mask."""

    IDLE = 1  # there is no operation
    BLOCKED = 2  # the operation waits for readiness, or for a turn that was posted
    RUNNING = 4  # the loop of the queue is on the stack
    REPORTING = 8  # the same, and an operation has ended: what is started now is a new one
    HELD = 16  # the operation waits until those before it have had their final calls
    CLOSED = 32  # for good


# From each phase, the phases that may follow.
MOVES: Final[dict[int, int]] = {
    Phase.IDLE: Phase.BLOCKED | Phase.HELD | Phase.CLOSED,
    Phase.BLOCKED: Phase.RUNNING | Phase.IDLE | Phase.CLOSED,
    Phase.RUNNING: Phase.BLOCKED | Phase.REPORTING | Phase.HELD | Phase.IDLE | Phase.CLOSED,
    Phase.REPORTING: Phase.RUNNING | Phase.BLOCKED | Phase.HELD | Phase.IDLE | Phase.CLOSED,
    Phase.HELD: Phase.BLOCKED | Phase.IDLE | Phase.CLOSED,
    Phase.CLOSED: 0,
}
# On the hot path a member of an enum costs more than the number that it is.
IDLE: Final[int] = Phase.IDLE.value
BLOCKED: Final[int] = Phase.BLOCKED.value
RUNNING: Final[int] = Phase.RUNNING.value
REPORTING: Final[int] = Phase.REPORTING.value
HELD: Final[int] = Phase.HELD.value
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

    def settle(self, *, forget: bool = False) -> None:
        """Bring what is wanted of the descriptor up to date, and flush what is held.

        Interest in input may outlive its operation; `forget` ends it.
        """
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
        "collection",
        "limit",
        "line",
        "lines_up",
        "operation",
        "phase",
        "posted",
        "state",
        "status",
        "timeout",
        "untold",
    )

    def __init__(
        self, state: QueueOwner, channel: Channel, lines_up: bool = False, limit: int = 0
    ) -> None:
        super().__init__()
        self.state = state
        self.collection = state.collection
        self.channel = channel
        self.phase: int = IDLE
        self.operation: Operation | None = None
        self.line: Line | None = None  # made when somebody waits in it
        self.lines_up = lines_up
        self.limit = limit
        self.timeout: float | None = None  # seconds; of operations that bring none of their own
        self.status: ReactorError | None = None
        self.posted: Operation | None = None  # whose `proceed` is on its way among the posted calls
        self.untold = 0  # final calls that are on their way there

    # Starting.

    @property
    def concerns(self) -> object:  # type: ignore[override]  # never set
        """Whose callbacks run when a limit passes."""
        return self.state

    @property
    def active(self) -> bool:
        """Whether an operation runs or waits in line."""
        return self.operation is not None or bool(self.line)

    @property
    def running(self) -> bool:
        """Whether the loop of this queue is on the stack: a callback of it is the caller."""
        return bool(self.phase & (RUNNING | REPORTING))

    def want(self) -> int:
        """Return the readiness that the running operation waits for, a mask."""
        return self.operation.want(self.channel) if self.operation else 0

    def start(self, operation: Operation) -> None:
        """Begin an operation, or let it wait in line.

        Raises:
            OperationInProgress: one is running, and this queue has no line.
            LimitExceeded: the line is too long.
        """
        if self.operation is None and not self.line:
            self._begin(operation)
            if self.phase & (RUNNING | REPORTING):
                return  # the loop, which is on the stack, will come to it
            if self.untold:
                self._enter(HELD)
                return
            self._enter(BLOCKED)
            if first_try(self.operation or operation, self):
                self.post()
            else:
                self.state.settle()
        elif self.lines_up:
            if self.line is None:
                self.line = Line()
            self.line.admit(operation, self.limit, self.state)
            if operation.timeout is None:
                operation.timeout = self.timeout  # its value of now: LW-101
            if operation.deadline != NEVER:
                operation.began = operation.since = self.collection.clock()
                self._arm()
        else:
            raise OperationInProgress(
                f"{self!r} is still running for {self.state!r}: wait for the callback, or let"
                " operations queue (`queue_input`, `queue_output`)",
                phase=operation.phase,
                connection=self.state,
            )

    def proceed(self) -> None:
        """Step the operation, which is ready or was promised a try; then those behind it.

        For the input of a plain connection this is what the collection calls. The common case is
        a stream that has moved something and goes on: one step, and one look at the clock of the
        turn. All that happens seldom is in `_conclude`.
        """
        if self.phase != BLOCKED:
            self.state.settle(forget=True)  # it came for nobody
            return
        self.phase = RUNNING  # legal by MOVES; a call of _enter would cost a tenth of the step
        operation: Operation = self.operation  # type: ignore[assignment]  # one is BLOCKED
        try:
            done = operation.step(self.channel)
        except ReactorError as error:
            self._conclude(operation, error)
            return
        except CallbackRaised as raised:
            escaped = raised.exception
        except BaseException:
            self._leave(escaped=True)
            raise
        else:
            if done or self.operation is not operation:
                self._conclude(operation, None)
                return
            operation.since = self.collection.now
            self.phase = BLOCKED
            return
        self._leave(escaped=True)
        raise escaped  # not in the `except`, which would write itself into its context

    def withdraw(self) -> None:
        """Take the running operation back without a word; the callers know why."""
        if self.operation is not None:
            self.operation.taken_back()
        self.operation = self.posted = None
        self.collection.timers.disarm(self)
        if self.phase & (BLOCKED | HELD):
            self._enter(IDLE)
        elif self.phase == RUNNING:
            self._enter(REPORTING)  # what its callback starts now is a new one

    on_readable = proceed  # what the collection calls

    # Limits.

    def retime(self, timeout: float | None, passed: float = 0.0) -> None:
        """Give the running operation another timeout, of which `passed` seconds are over now."""
        operation = self.operation
        if operation is not None:
            operation.timeout = timeout
            operation.began = operation.since = self.collection.clock() - passed
            self._arm()

    def on_due(self, now: float) -> None:
        """Look whether a limit has passed: arrivals and progress have moved it meanwhile."""
        call(self._look_at_limits, (now,), self.state.context)

    def _look_at_limits(self, now: float) -> None:
        operation, state = self.operation, self.state
        if operation is None or self.phase != BLOCKED:
            return
        try:
            if operation.limit() <= now:
                since = operation.since
                moved = operation.moved = operation.moved if operation.counts else 0
                self.proceed()  # what can be read at this last moment completes it after all
                if operation.moved == moved:
                    operation.since = since
            if self.operation is operation and self.phase == BLOCKED and operation.limit() <= now:
                self.phase = RUNNING
                self._conclude(operation, operation.timeout_error(state.channel, state, now))
        finally:
            if self.phase == BLOCKED:
                for late in self.line.take_late(now) if self.line else ():
                    self._tell(late, late[0].timeout_error(state.channel, state, now))
                self._arm()
            state.settle()

    # Ending.

    def abort(self, status: ReactorError, *, tell: bool) -> Operation | None:
        """Stop everything; those in line are told later, in order.

        Returns:
            The running operation, or None if there was none. It is told too, and first, if
            `tell`; else it is the caller's.
        """
        operation = self.operation
        if self.active:
            self.status = status
        if operation is not None:
            self.withdraw()
            if tell:
                self._tell([operation], status)
        if self.line:
            self._tell(self.line.take(), status)
        return operation

    def lose(self, status: ReactorError) -> None:
        """Let every later step fail with `status`; a running operation does so soon."""
        if isinstance(self.channel, Lost):
            return
        self.channel = Lost(status)
        if self.phase == IDLE:
            self.status = status
        elif self.phase != CLOSED:
            self.post()

    def close(self, status: ReactorError | None) -> None:
        """Close for good; what runs or waits is told later, or never if `status` is None.

        When all has been told the queue lets go of its state, so that a connection that has ended
        is no circle of objects, and needs no collector of garbage.
        """
        ended = list[Operation]()
        if self.operation is not None:
            # A step that closes the state has had its last call. Not so an exchange: what it calls
            # is about TLS, and no end.
            if self.phase != RUNNING or isinstance(self.operation, Exchange):
                ended.append(self.operation)
            self.withdraw()
        if self.line:
            ended += self.line.take()
        self._enter(CLOSED)
        if status is not None and ended:
            self.status = status
            self._tell(ended, status)
        elif status is None:
            for operation in ended:
                operation.result(None)  # nobody hears of it, but it lets go of what it holds
        if not self.untold:
            self.state = None  # type: ignore[assignment]  # it is not asked for any more

    def post(self) -> None:
        """Let `proceed` run in a later turn: what there is to do no descriptor shows."""
        if self.posted is not self.operation:
            self.posted = self.operation
            self.state.later(self._proceed_as_posted, self.operation)

    def tell(self, function: Callable[..., object], *arguments: Any) -> None:
        """Make a final call later; what is started from now on is not stepped before it."""
        self.untold += 1
        self.state.later(self._told, function, arguments)

    def call_with(
        self, status: ReactorError | None, function: Callable[..., object], *arguments: Any
    ) -> None:
        """Make a final call, with the status that belongs to it in place.

        A status that lasts comes back afterwards, and that of an operation started since.
        """
        lasting, held = self.status, self.operation
        self.status = status
        try:
            function(*arguments)
        finally:
            newer = held is not None and self.operation is held
            if newer or isinstance(self.channel, Lost) or self.phase == CLOSED:
                self.status = lasting

    def raise_if_lost(self) -> None:
        """Raise the error that ended this direction, every time."""
        if isinstance(self.channel, Lost):
            self.channel.fail()

    # Inside.

    def _begin(self, operation: Operation) -> None:
        """Make an operation the running one and set its clock."""
        self.operation = operation
        if self.status is not None and not isinstance(self.channel, Lost):
            self.status = None  # a timeout or an abort does not stick
        if operation.timeout is None:
            operation.timeout = self.timeout
        if operation.timeout is not None or operation.deadline != NEVER or self.line:
            operation.began = operation.since = now = self.collection.clock()
            if operation.deadline <= now:
                late = operation.timeout_error(self.state.channel, self.state, now)
                self.operation = Late(operation, late)
            self._arm()

    def _proceed_as_posted(self, operation: Operation) -> None:
        if self.posted is operation:
            state = self.state
            self.posted = None
            self.proceed()
            state.settle()

    def _conclude(self, operation: Operation, status: ReactorError | None) -> None:
        """End an operation, unless its callback has; step those that need no readiness."""
        escaped: Exception | None = None
        try:
            if self.operation is operation:
                self._end(operation, status)
            for _ in range(OPERATION_LIMIT):
                if (self.operation is None and not self.line) or not self._bring_up_next():
                    break
                if not self._step_next():
                    break
            else:
                if self._bring_up_next():
                    self.post()  # it is the turn of others
        except CallbackRaised as raised:
            escaped = raised.exception
            self._leave(escaped=True)
        except BaseException:
            self._leave(escaped=True)
            raise
        finally:
            self._leave()
        if escaped is not None:
            raise escaped

    def _step_next(self) -> bool:
        """Step an operation that was brought up; true if it has come to its end."""
        operation = cast(Operation, self.operation)
        status: ReactorError | None = None
        self.phase = RUNNING  # the one before may have been withdrawn
        try:
            done = operation.step(self.channel)
        except ReactorError as error:
            done, status = True, error
        if done and self.operation is operation:
            self._end(operation, status)
        return done or self.operation is not operation

    def _leave(self, *, escaped: bool = False) -> None:
        """Be out of the loop; what is next behind an exception gets a turn of its own."""
        if escaped:
            self._bring_up_next()
            if self.operation is not None:
                self.post()
        if self.phase & (RUNNING | REPORTING):
            if self.operation is None:
                self.phase = IDLE
            else:
                self.phase = HELD if self.untold else BLOCKED

    def _bring_up_next(self) -> bool:
        """Make the next operation the running one; true if it can be stepped without waiting."""
        if self.phase == CLOSED:
            return False
        if self.operation is None:
            if not self.line:
                return False
            self._begin(self.line.pop())
        operation = cast(Operation, self.operation)
        return not self.untold and needs_no_readiness(operation, self.channel)

    def _end(self, operation: Operation, status: ReactorError | None) -> None:
        """Take the running operation out, keep its status, and make its final call."""
        self.operation = self.posted = None
        if self.when != NEVER:
            self.collection.timers.disarm(self)
        if status is not None:
            self._keep(operation, status)
        elif self.status is not None and not isinstance(self.channel, Lost):
            self.status = None
        self.phase = REPORTING
        operation.report(self.state, status)
        if self.phase == REPORTING:
            self.phase = RUNNING

    def _keep(self, operation: Operation, status: ReactorError) -> None:
        """Keep why an operation ended; ends and failures for good."""
        if isinstance(status, EndOfStream):
            status.__traceback__ = None  # nobody wonders whence; its frames hold all of us
        self.status = status
        if isinstance(operation, Exchange) or not (
            isinstance(status, PASSING) or not operation.sticks
        ):
            if not isinstance(self.channel, Lost):
                self.channel = Lost(status)
            if isinstance(status, SocketError):
                self.state.lost(self, status)
        elif operation.sticks and self.line:
            # What is behind would leave a gap in the stream, so it ends too.
            self._tell(self.line.take(), status)

    def _tell(self, operations: list[Operation], status: ReactorError) -> None:
        """Let operations that will not be stepped any more have their final calls, later."""
        for operation in operations:
            self.tell(self.call_with, status, operation.report, self.state, status)

    def _told(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        try:
            function(*arguments)
        finally:
            self.untold -= 1
            if not self.untold and self.phase == HELD:
                self.phase = BLOCKED
                self._arm()  # a limit that passed meanwhile was not looked at
                self.post()
            elif not self.untold and self.phase == CLOSED:
                self.state = None  # type: ignore[assignment]  # as in `close`

    def _arm(self) -> None:
        if self.operation is None:
            return  # its successor will do it
        when = self.operation.limit()
        if self.line:
            when = min(when, self.line.deadline)
        if when != self.when:
            self.collection.arm(self, when)

    def _enter(self, phase: int) -> None:
        if phase == self.phase:
            return
        if not MOVES[self.phase] & phase:
            raise InternalError(
                f"{self!r} cannot go from {Phase(self.phase).name} to {Phase(phase).name}"
            )
        self.phase = phase

    def __repr__(self) -> str:
        running = self.operation or "nothing"
        return f"<OperationQueue {Phase(self.phase).name} runs {running!r}>"


def needs_no_readiness(operation: Operation, channel: Channel) -> bool:
    """Tell whether a step would do something although the channel is quiet."""
    return operation.eager or operation.ready() or isinstance(channel, Lost)


def first_try(operation: Operation, queue: OperationQueue) -> bool:
    """Try an eager operation inside the call that starts it; true if the loop need not wait."""
    if not operation.eager:
        return needs_no_readiness(operation, queue.channel)
    try:
        return operation.step(queue.channel)
    except ReactorError as error:
        sticks = operation.sticks and not isinstance(error, PASSING)
        if isinstance(error, SocketError) and sticks:
            queue.channel = Lost(error)
        return True  # the step in the loop raises it again, and reports
