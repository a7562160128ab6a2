"""LoopThread: the thread in which a collection runs its loop after `start`."""

import threading
from collections.abc import Callable


class LoopThread(threading.Thread):
    """A daemon that runs a loop, and keeps what ended it.

    Args:
        name: is part of the thread's.
        loop: a function `(began)`; it calls `began()` when it owns its collection.

    Thread: any. Calls back: `loop`, in the new thread. Source: LW-002, LW-018.
    """

    def __init__(self, name: str, loop: Callable[[Callable[[], object]], object]) -> None:
        super().__init__(name=f"reactor {name}", daemon=True)
        self.began = threading.Event()
        self.failure: BaseException | None = None
        self._loop = loop

    def run(self) -> None:
        """Run the loop; an exception goes to `threading.excepthook`, and into `failure`."""
        try:
            self._loop(self.began.set)
        except BaseException as exception:
            self.failure = exception
            raise

    def ends_within(self, timeout: float | None) -> bool:
        """Wait for the end, so many seconds at most; return whether it has come."""
        self.join(timeout)
        return not self.is_alive()
