"""Signals: handlers that run on the loop, and give back what was there before.

Python runs a signal handler between two instructions of the main thread, anywhere. Ours only posts
the callback, which then runs in a turn like any other. A loop that sleeps is woken by the
interpreter itself, which writes to the waker (`signal.set_wakeup_fd`): else a signal that the
kernel gives to another thread would wait for the next event.
"""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from reactor.errors import StateClosed, WrongProcess


class SignalHandler:
    """One handler of one signal; made by `WaitStateCollection.on_signal`.

    Several handlers of a signal all run: each calls what it replaced if that is one of ours.

    Thread: the main thread. Calls back: from the loop only. Source: CL-85.
    """

    __slots__ = ("_post", "_previous", "_previous_descriptor", "closed", "number")

    def __init__(self, number: int, post: Callable[[], object], wake_descriptor: int) -> None:
        self.number = number
        self.closed = False
        self._post = post
        # In any other thread than the main one Python itself refuses, with a ValueError.
        self._previous: Any = signal.signal(number, self)
        self._previous_descriptor = signal.set_wakeup_fd(wake_descriptor, warn_on_full_buffer=False)
        if self._previous_descriptor != -1:
            # Somebody else (a host, another collection) is woken already; it stays theirs.
            signal.set_wakeup_fd(self._previous_descriptor, warn_on_full_buffer=False)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Post the callback; runs in the main thread, between any two instructions."""
        try:
            if not self.closed:
                self._post()
        except StateClosed:
            pass  # this moment; there is nobody left to tell
        except WrongProcess:
            # A child inherits its parent's handlers, and must not become deaf through ours.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if isinstance(self._previous, SignalHandler):
            self._previous(number, frame)

    def close(self) -> None:
        """Restore the handler that was there before; once more is harmless."""
        if self.closed:
            return
        self.closed = True
        installed: object = signal.getsignal(self.number)
        if installed is self:
            previous = self._previous
            while isinstance(previous, SignalHandler) and previous.closed:
                previous = previous._previous
            signal.signal(self.number, previous if previous is not None else signal.SIG_DFL)
        if self._previous_descriptor == -1:
            signal.set_wakeup_fd(-1)
