"""CallQueue: what was posted, in order, to run in a later turn, and what runs in every turn.

Appending to a deque is atomic, so posting takes no lock and may happen anywhere: in any thread, in
a signal handler, in the midst of another post.
"""

import concurrent.futures
import contextlib
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Protocol, TypeAlias

from reactor.arguments import check_callback
from reactor.errors import StateClosed
from reactor.loop.health import Health
from reactor.loop.ownership import Ownership

PostedCall: TypeAlias = tuple[Callable[..., object], tuple[Any, ...], Context | None]
Report: TypeAlias = Callable[[object, BaseException], None]


class Applies(Protocol):
    """What a notifier needs of its collection."""

    owner: Ownership

    def apply(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in a later turn."""

    def report(self, thing: object, exception: BaseException) -> None:
        """Give an exception to the error handler."""


class CallQueue:
    """Posted calls of one collection.

    Thread: `post` and `drop` any, the rest the owner's. Calls back: from `run` only.
    Source: LW-005, LW-009, LW-010.
    """

    __slots__ = ("_open", "idle", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[PostedCall] = deque()
        self.idle: list[IdleCallback] = []
        self._open = True

    def post(
        self,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        context: Context | None,
    ) -> None:
        """Put a call behind the others."""
        self.waiting.append((function, arguments, context))

    def run(self, health: Health, report: Report) -> int:
        """Make the calls that wait now, and return how many; what they raise is reported.

        What they post stays for the next turn; so does the rest if an exception leaves this.
        """
        waiting = self.waiting
        count = len(waiting)
        for ran in range(count):
            if not self._open:
                return ran
            function, arguments, context = waiting.popleft()
            began = health.callback_begins() if health.naming else 0.0
            try:
                if context is None:
                    function(*arguments)
                else:
                    context.run(function, *arguments)
            except Exception as exception:  # noqa: BLE001  # user code
                report(None, exception)
            if health.naming:
                health.callback_took(function, began)
        return count

    def run_idle(self, health: Health, report: Report) -> None:
        """Make the calls of every turn; what they raise is reported.

        They are no sign of life: who looks whether a turn had anything to do is not told of them.
        """
        for callback in list(self.idle):
            if not callback.closed:
                callback.run(health, report)

    def drop(self) -> None:
        """Forget all calls, for good; whoever waits for a result is told so."""
        self._open = False
        for callback in list(self.idle):
            callback.close_silently()
        with contextlib.suppress(IndexError):  # not `while`: two threads may be dropping
            while True:
                function, _, _ = self.waiting.popleft()
                if isinstance(function, Submission):
                    function.future.cancel()


class IdleCallback:
    """A function that is called once in every turn; made by `WaitStateCollection.on_idle`.

    Thread: the owner's. Calls back: from the loop only. Source: CL-84, LW-005.
    """

    __slots__ = ("_call", "_context", "_idle", "_owner", "closed")

    def __init__(
        self, calls: CallQueue, owner: Ownership, call: Callable[[], object], context: Context
    ) -> None:
        self._call = call
        self._context = context
        self.closed = False
        self._owner = owner
        self._idle = calls.idle
        self._idle.append(self)

    def close(self) -> None:
        """Call the function no more; once more is harmless."""
        self._owner.check(over=self.closed)
        self.close_silently()

    close_after_error = close  # what the error handler calls

    def close_silently(self) -> None:
        """Call the function no more."""
        if not self.closed:
            self.closed = True
            self._idle.remove(self)

    def run(self, health: Health, report: Report) -> None:
        """Call the function; what it raises is reported."""
        began = health.callback_begins() if health.naming else 0.0
        try:
            self._context.run(self._call)
        except Exception as exception:  # noqa: BLE001  # user code
            report(self, exception)
        if health.naming:
            health.callback_took(self._call, began)

    def __repr__(self) -> str:
        return f"<IdleCallback of {self._call!r}{' closed' if self.closed else ''}>"


class Notifier:
    """Lets any thread make a function run on the loop: several triggers make one call.

    Args:
        collection: whose loop calls it.
        callback: called without arguments, in a copy of the context of the trigger.
        single_shot: whether it is closed after its call; it is by default.

    Raises:
        TypeError: the callback cannot be called.

    Thread: any. Calls back: from the loop only. Source: CL-77, CL-78.
    """

    __slots__ = ("_callback", "_collection", "_pending", "closed", "single_shot")

    def __init__(
        self, collection: Applies, callback: Callable[[], object], *, single_shot: bool = True
    ) -> None:
        check_callback(callback)
        self._collection = collection
        self._callback = callback
        self._pending = False
        self.single_shot = single_shot
        self.closed = False

    def trigger(self) -> None:
        """Make the callback run; again, before it has, is one call.

        Raises:
            StateClosed: it is closed, or the collection is. WrongProcess: that of a parent.

        Thread: any, and signal handlers. Calls back: from the loop only. Source: CL-77, CL-78.
        """
        if self.closed:
            raise StateClosed(f"{self!r} is closed", connection=self)
        self._collection.owner.check_alive()  # else the trigger on its way hides that it is lost
        if self._pending:
            return
        try:  # two threads may both come here: the second call finds nothing to do
            self._pending = True
            self._collection.apply(self._run)
        except BaseException:  # a ^C, at the worst: no trigger is on its way
            self._pending = False
            raise

    def close(self) -> None:
        """Call nobody any more, a trigger that is on its way included; once more is harmless.

        Thread: any. Calls back: never. Source: CL-78.
        """
        self.closed = True

    def _run(self) -> None:
        pending, self._pending = self._pending, False
        if pending and not self.closed:
            self.closed = self.single_shot
            try:
                self._callback()
            except Exception as exception:  # noqa: BLE001  # user code
                self._collection.report(self, exception)

    def __repr__(self) -> str:
        return f"<Notifier of {self._callback!r}{' closed' if self.closed else ''}>"


class Submission:
    """A posted call whose result somebody waits for."""

    __slots__ = ("_function", "future")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def __call__(self, *arguments: Any) -> None:
        """Run the function, unless that was cancelled; its exception belongs to the future."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self._function(*arguments)
        except Exception as exception:  # noqa: BLE001  # user code: the future has it
            self.future.set_exception(exception)
        except BaseException as exception:
            self.future.set_exception(exception)
            raise
        else:
            self.future.set_result(result)

    def __repr__(self) -> str:
        return f"<Submission of {self._function!r}>"
