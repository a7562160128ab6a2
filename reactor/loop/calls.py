"""CallQueue: what was posted, in order, to run in a later turn.

Appending to a deque is atomic, so posting takes no lock and may happen anywhere: in any thread, in
a signal handler, in the midst of another post.
"""

import concurrent.futures
import contextlib
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeAlias

from reactor.loop.health import Health

PostedCall: TypeAlias = tuple[Callable[..., object], tuple[Any, ...], Context | None]


class CallQueue:
    """Posted calls of one collection.

    Thread: `post` and `drop` any, the rest the owner's. Calls back: from `run` only.
    Source: LW-005, LW-009, LW-010.
    """

    __slots__ = ("_open", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[PostedCall] = deque()
        self._open = True

    def post(
        self,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        context: Context | None,
    ) -> None:
        """Put a call behind the others."""
        self.waiting.append((function, arguments, context))

    def run(self, health: Health, report: Callable[[object, BaseException], None]) -> int:
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

    def drop(self) -> None:
        """Forget all calls, for good; whoever waits for a result is told so."""
        self._open = False
        with contextlib.suppress(IndexError):  # not `while`: two threads may be dropping
            while True:
                function, _, _ = self.waiting.popleft()
                if isinstance(function, Submission):
                    function.future.cancel()


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
