"""Signals: handlers that run on the loop, and give back what was there before.

Python runs a signal handler between two instructions of the main thread, anywhere. Ours only posts
the callback, which then runs in a turn like any other. A loop that sleeps is woken by the
interpreter itself, which writes to the waker (`signal.set_wakeup_fd`): else a signal that the
kernel gives to another thread would wait for the next event.
"""

import atexit
import signal
import threading
from collections.abc import Callable
from contextvars import Context
from types import FrameType
from typing import Any, Protocol, TypeAlias

from reactor.errors import StateClosed, WrongProcess
from reactor.loop.wait_state import Closable
from reactor.loop.waker import End, Waker

WakePair: TypeAlias = tuple[End, End]


class Holder(Protocol):
    """Who is woken: a collection, or what lives beside one."""

    held: set[Closable]


class Home(Holder, Protocol):
    """What a handler needs of its collection."""

    def apply(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in a later turn."""

    def report(self, thing: object, exception: BaseException) -> None:
        """Give an exception to the error handler."""


class SignalWakeup:
    """What is woken by the interpreter at every signal, while nobody else is.

    A host needs it in the main thread: Python's handlers run only when Python does, and an idle
    host is in code of its own until something is ready.

    Thread: the main thread. Calls back: never. Source: HO-07.
    """

    __slots__ = ("_holder", "_wake_pair", "closed")

    def __init__(self, holder: Holder) -> None:
        self.closed = False
        self._holder = holder
        self._wake_pair: WakePair | None = None

    def begin(self, waker: Waker) -> "SignalWakeup":
        """Be woken from now on, through `waker`; return itself."""
        self._wake_pair = waker.signal_pair()
        before = signal.set_wakeup_fd(self._wake_pair[0].fileno(), warn_on_full_buffer=False)
        if before != -1:
            # Somebody else (a host, a fellow) is woken already; it stays theirs.
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
            close_pair(self._wake_pair)
            self._wake_pair = None
        self._holder.held.add(self)
        return self

    def close(self) -> None:
        """Be woken no more; once more is harmless."""
        self.closed = True
        self._holder.held.discard(self)
        self._give_back()

    def _give_back(self) -> None:
        """Leave the interpreter's wake-up to a fellow of the same holder, if there is one."""
        pair, self._wake_pair = self._wake_pair, None
        if pair is None:
            return
        for fellow in self._holder.held:
            if isinstance(fellow, SignalWakeup) and fellow is not self and not fellow.closed:
                fellow._wake_pair = pair
                return
        current = signal.set_wakeup_fd(-1)
        if current in {-1, pair[0].fileno()}:
            close_pair(pair)
            return
        # Somebody has taken over. Loops of PyGObject and trio do, while they run, and put back in
        # the end what they have found: that number must not be closed then, or a connection's.
        signal.set_wakeup_fd(current, warn_on_full_buffer=False)
        atexit.register(close_pair, pair)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{', closed' if self.closed else ''}>"


class SignalHandler(SignalWakeup):
    """One handler of one signal; made by `WaitStateCollection.on_signal`.

    Several handlers of a signal all run: each calls what it replaced if that is one of ours.

    Thread: the main thread. Calls back: from the loop only. Source: CL-85.
    """

    __slots__ = ("_call", "_collection", "_context", "_previous", "number")

    def __init__(
        self,
        collection: Home,
        waker: Waker,
        number: int,
        call: Callable[[], object],
        context: Context,
    ) -> None:
        super().__init__(collection)
        self._collection = collection
        self.number = number
        self._call = call
        self._context = context
        # In any other thread than the main one Python itself refuses, with a ValueError.
        self._previous: Any = signal.signal(number, self)
        self.begin(waker)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Post the callback; runs in the main thread, between any two instructions."""
        if not self._posted() and self._installed:
            # Nobody is left to tell: a collection that was closed in another thread, or a child,
            # which inherits its parent's handlers and must not become deaf through ours.
            self._restore()
            signal.raise_signal(number)
        elif isinstance(self._previous, SignalHandler):
            self._previous(number, frame)

    def close(self) -> None:
        """Restore the handler that was there before, and call nobody any more.

        Once more is harmless. Python lets only the main thread restore it: called in another one,
        that is put off until the next signal comes, or the collection is closed in the main one.
        """
        self.closed = True
        if threading.current_thread() is threading.main_thread():
            self._holder.held.discard(self)
            self._restore()

    def _posted(self) -> bool:
        if self.closed:
            return False
        try:
            self._collection.apply(self._run)
        except (StateClosed, WrongProcess):
            return False
        return True

    def _run(self) -> None:
        if self.closed:
            return  # since the signal came
        try:
            self._context.run(self._call)
        except Exception as exception:  # noqa: BLE001  # user code
            self._collection.report(self, exception)

    @property
    def _installed(self) -> bool:
        handler: object = signal.getsignal(self.number)
        return handler is self

    def _restore(self) -> None:
        if self._installed:
            previous = self._previous
            while isinstance(previous, SignalHandler) and previous.closed:
                previous = previous._previous
            signal.signal(self.number, previous if previous is not None else signal.SIG_DFL)
        self._give_back()

    def __repr__(self) -> str:
        return f"<SignalHandler of {signal_name(self.number)}{', closed' if self.closed else ''}>"


def close_pair(pair: WakePair) -> None:
    """Close both ends."""
    for end in pair:
        end.close()


def signal_name(number: int) -> str:
    """Return the name of a signal, or the number of one that has none: real-time signals."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
