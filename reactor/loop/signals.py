"""Signals: handlers that run on the loop, and give back what was there before.

Python runs a signal handler between two instructions of the main thread, anywhere. Ours only posts
the callback, which then runs in a turn like any other.

That needs a main thread that comes to its next instruction, and a signal that comes just before a
wait, or that the kernel gives to another thread, does not end the wait. So the interpreter writes
a byte at each signal, to one descriptor in a process (`signal.set_wakeup_fd`). Here that is a pipe
which all read who may wait in the main thread, loops and hosts. Whichever does wait is woken, and
takes the byte out for all of them: before it comes to that, the handlers have run.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextvars import Context
from types import FrameType
from typing import Any, Final, Protocol

from reactor.errors import StateClosed, WrongProcess
from reactor.interest import READ
from reactor.loop.ownership import NOBODY
from reactor.loop.wait_state import Closable, Holder, WaitState
from reactor.loop.waker import DRAIN_SIZE, End, duplicate, open_way, receive

# For `signal.set_wakeup_fd`: the interpreter writes nowhere.
NOWHERE: Final = -1


class Home(Holder, Protocol):
    """What a handler needs of its collection."""

    held: set[Closable]

    def add(self, state: WaitState) -> None:
        """Hold a wait state, and watch for what it wants."""

    def apply(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in a later turn."""

    def report(self, thing: object, exception: BaseException) -> None:
        """Give an exception to the error handler."""


class SignalHandler:
    """One handler of one signal; made by `WaitStateCollection.on_signal`.

    Several handlers of a signal all run: each calls what it replaced if that is one of ours.

    Thread: the main thread. Calls back: from the loop only. Source: CL-85.
    """

    __slots__ = ("_call", "_collection", "_context", "_previous", "_wakeup", "closed", "number")

    def __init__(
        self, collection: Home, number: int, call: Callable[[], object], context: Context
    ) -> None:
        self.closed = False
        self.number = number
        self._collection = collection
        self._call = call
        self._context = context
        self._previous: Any = signal.getsignal(number)  # before: we may be called in the next line
        # In any other thread than the main one Python itself refuses, with a ValueError.
        signal.signal(number, self)
        try:
            self._wakeup = SignalWakeup(collection)
        except BaseException:
            self.closed = True  # it may have been called already
            self._restore()
            raise
        collection.held.add(self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Post the callback; runs in the main thread, between any two instructions."""
        if not self._posted() and self._installed:
            # Nobody is left to tell: a collection that was closed in another thread, or a child,
            # which inherits its parent's handlers and must not become deaf through ours.
            self.close()
            signal.raise_signal(number)
        elif isinstance(self._previous, SignalHandler):
            self._previous(number, frame)

    def close(self) -> None:
        """Restore the handler that was there before, and call nobody any more.

        Once more is harmless. Python lets only the main thread restore it: called in another one,
        that is put off until the next signal comes, or the collection is closed in the main one.
        """
        self.closed = True
        if in_main_thread():
            self._collection.held.discard(self)
            self._restore()  # first: a signal that finds us installed and closed closes us
        self._wakeup.close()

    def renew(self) -> None:
        """Be woken again, by signals that somebody else was told of."""
        if not self.closed:
            self._wakeup.renew()

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
            previous = behind_closed(self._previous)
            signal.signal(self.number, previous if previous is not None else signal.SIG_DFL)
            return
        # Those above us forget us: of a program that always has one it would be a longer line each
        # time, until calling it takes more calls than Python has.
        above: Any = signal.getsignal(self.number)
        while isinstance(above, SignalHandler):
            above._previous = behind_closed(above._previous)
            above = above._previous

    def __repr__(self) -> str:
        return f"<SignalHandler of {signal_name(self.number)}{', closed' if self.closed else ''}>"


def behind_closed(handler: Any) -> Any:
    """Return a handler, or what it replaced if it is one of ours that is closed."""
    while isinstance(handler, SignalHandler) and handler.closed:
        handler = handler._previous
    return handler


class SignalWakeup(WaitState):
    """What is ready when a signal has come: in a collection, or watched by a host.

    Thread: begun in the main thread, the rest the owner's; `close` any. Calls back: never.
    Source: HO-07.
    """

    __slots__ = ("_collection", "_end")

    def __init__(self, collection: Home | None = None) -> None:
        self._end = _WAY.join(self)
        super().__init__(self._end.fileno())
        self.context = None  # there is nobody here to be called
        self.wanted = READ
        self._collection = collection
        if collection is not None:
            try:
                collection.add(self)
            except BaseException:
                self.close_silently()
                raise

    def reader(self) -> None:
        """Return nobody: it wakes, and is no callback."""

    def on_readable(self) -> None:
        """Be quiet again, in the main thread; a loop in another one need not be woken at all."""
        if self._collection is None or in_main_thread():
            drain(self._end)
        else:
            self._collection.want(self, 0)  # what it takes out would wake nobody else

    def renew(self) -> None:
        """Be woken again, unless somebody else is."""
        _WAY.claim()
        if self._collection is not None:
            self._collection.want(self, READ)

    def close(self) -> None:
        """Be woken no more; once more is harmless."""
        _WAY.leave(self)
        home = self._collection
        if home is None or home.owner.thread in {NOBODY, threading.get_ident()}:
            self.close_silently()
            return
        # One that is closed has closed us; of a parent's nothing is undone.
        with contextlib.suppress(StateClosed, WrongProcess):
            home.apply(self.close_silently)

    def close_silently(self) -> None:
        """Leave the collection, and give the descriptor back."""
        _WAY.leave(self)
        if self._collection is not None:
            self._collection.remove(self)
        self._end.close()


class SignalWay:
    """The pipe to which the interpreter writes when a signal comes: one for the process.

    Who is written to already stays it: loops of PyGObject and trio are while they run, and put back
    in the end what they have found. If that is ours, the pipe is not closed before: its number
    might be that of a connection by then.

    Thread: `leave` any, the rest the main thread. Calls back: never. Source: HO-07.
    """

    __slots__ = ("_ends", "_found", "_readers")

    def __init__(self) -> None:
        self._ends: tuple[End, End] | None = None  # read and written
        self._found = False  # whether others may have found it with the interpreter
        self._readers: set[object] = set()

    def join(self, reader: object) -> End:
        """Return an end that is readable when a signal has come, for a reader to close."""
        try:
            self._readers.add(reader)
            ends = self._ends
            if ends is None:
                fresh = open_way()
                ends = self._ends = self._ends or fresh
                if ends is not fresh:  # a handler of the program has joined meanwhile
                    close_both(fresh)
            self.claim()
            return duplicate(ends[0])
        except BaseException:
            self.leave(reader)
            raise

    def leave(self, reader: object) -> None:
        """Forget a reader; behind the last one, in the main thread, all is as it was before."""
        self._readers.discard(reader)
        if self._ends is None or self._readers or not in_main_thread():
            return
        # A signal may come when a call returns, and its handler join, and leave. It will not be the
        # last one to leave: we stand in line ourselves.
        try:
            self._readers.add(self)
            ours = self.claim()
            if not ours and self._found:
                return
        finally:
            self._readers.discard(self)
        if self._ends is None or self._readers:
            return
        ends, self._ends, self._found = self._ends, None, False
        if ours:  # no call since the question: whoever joins now opens another one
            signal.set_wakeup_fd(NOWHERE)
        close_both(ends)

    def claim(self) -> bool:
        """Have the interpreter write here unless it writes elsewhere; tell whether it does."""
        if self._ends is None:
            return False
        near, far = self._ends
        drain(near)
        before = signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
        if before in {NOWHERE, far.fileno()} or not write_again_to(before):
            self._found = True
            return True
        if sys.platform != "win32":  # there it is not even a descriptor
            # What came between these two was for others, and may be all that asyncio hears of it.
            with contextlib.suppress(OSError):
                os.write(before, receive(near, DRAIN_SIZE) or b"")
        return False

    def begin_anew(self) -> None:
        """Have a pipe of its own in a child, under the same numbers: that one is the parent's."""
        self._readers.clear()
        if self._ends is None:
            return
        try:
            way = open_way()
        except OSError:  # no descriptor is left: it has none until somebody joins
            signal.set_wakeup_fd(NOWHERE)
            close_both(self._ends)
            self._ends = None
            return
        for end, fresh in zip(self._ends, way, strict=True):
            with fresh:
                os.dup2(fresh.fileno(), end.fileno(), inheritable=False)

    def end(self) -> None:
        """Close what was kept for others, at the end of the program."""
        self._found = False
        self.leave(None)

    def __repr__(self) -> str:
        return f"<SignalWay of {len(self._readers)}>"


def renew_wakeups(held: set[Closable]) -> None:
    """Let those of a collection whose loop begins wake it again, if it is in the main thread.

    Meanwhile it may have run in another one, or a loop of others have taken our place for good.
    """
    if in_main_thread():
        for thing in list(held):
            if isinstance(thing, SignalHandler):
                thing.renew()


def drain(end: End) -> None:
    """Take out what has been written."""
    with contextlib.suppress(OSError):  # "not now", or no memory: it stays readable
        while len(receive(end, DRAIN_SIZE) or b"") == DRAIN_SIZE:
            pass  # all of it: what is left would be taken for new, and passed on


def write_again_to(fd: int) -> bool:
    """Have the interpreter write where it did; tell whether it can: that may have been closed."""
    with contextlib.suppress(OSError, ValueError):
        signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
        return True
    return False


def close_both(ends: tuple[End, End]) -> None:
    """Close both ends."""
    for end in ends:
        end.close()


def in_main_thread() -> bool:
    """Tell whether this is the thread in which Python runs the handlers of signals."""
    return threading.current_thread() is threading.main_thread()


def signal_name(number: int) -> str:
    """Return the name of a signal, or the number of one that has none: real-time signals."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


_WAY: Final = SignalWay()
atexit.register(_WAY.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_WAY.begin_anew)
