"""CallQueue: what was posted, in order, to run in a later turn.

Appending to a deque is atomic, so posting takes no lock and may happen anywhere: in any thread, in
a signal handler, in the midst of another post.
"""

import concurrent.futures
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeAlias

from reactor.loop.timers import Timer
from reactor.loop.wait_state import current_context

PostedCall: TypeAlias = tuple[Callable[..., object], tuple[Any, ...], Context | None]


class CallQueue:
    """Posted calls of one collection.

    Thread: `post` any, the rest the owner's. Calls back: never. Source: LW-009, LW-010.
    """

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: deque[PostedCall] = deque()

    def __len__(self) -> int:
        return len(self._calls)

    def post(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Put a call behind the others, with the context of the caller."""
        self._calls.append((function, arguments, current_context()))

    def post_timer(self, timer: Timer) -> None:
        """Put a call behind the others that can be cancelled; it has a context of its own."""
        self._calls.append((timer.on_due, (0.0,), None))

    def take(self) -> PostedCall:
        """Take the first call out."""
        return self._calls.popleft()

    def drop(self) -> None:
        """Forget all calls; whoever waits for a result is told so."""
        while self._calls:
            function, _, _ = self._calls.popleft()
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
