"""Neighbours: what a program waits for beside its sockets.

Descriptors of others (pipes, terminals, serial ports), idle moments and signals. The collection
has a verb for each; here they take the callbacks that programs written as functions know, and a
watch gets a limit.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from reactor.arguments import check_callables, check_callback
from reactor.callbacks.handlers import EventCallback, log_event
from reactor.deadline import check_timeout, moment
from reactor.errors import OperationTimeout
from reactor.interest import EITHER, READ, WRITE, interest_text
from reactor.loop.calls import IdleCallback
from reactor.loop.collection import WaitStateCollection
from reactor.loop.signals import SignalHandler
from reactor.loop.timers import Timed
from reactor.loop.wait_state import call
from reactor.loop.watch import Descriptor, Watch

PollCallback: TypeAlias = Callable[[int], object]

# What a limit is reported as, if only one of the two was waited for.
PHASES: Final = {READ: "read", WRITE: "write"}


def poll(
    collection: WaitStateCollection,
    fd: Descriptor,
    poll_cb: PollCallback,
    event_cb: EventCallback | None = None,
    *,
    poll_for: int = READ,
    timeout: float | None = None,
) -> "Poll":
    """Call back whenever, and as long as, a descriptor is ready; it stays its owner's.

    Args:
        collection: whose loop watches.
        fd: a descriptor, or an object with `fileno()`; not a plain file.
        poll_cb: called with `READ` or `WRITE`, in every turn in which that would not wait; one
            that neither reads nor closes is called again at once. With both asked for and both
            ready it is called twice in a turn.
        event_cb: called once with an `OperationTimeout` when the limit has passed, after which
            nothing is watched any more; None logs it.
        poll_for: `READ`, the default, `WRITE`, or `READ | WRITE`.
        timeout: seconds without readiness; None, the default, is no limit.

    Returns:
        The watch: its `close()` ends it, and leaves the descriptor open.

    Raises:
        TypeError, ValueError: an argument is wrong, or the descriptor is closed.
        OperationNotAllowed: it is in the collection already. SocketError: the selector does not
        take it. WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: CL-83.
    """
    check_callback(poll_cb, "poll_cb")
    check_callables(event_cb=event_cb)
    if poll_for not in (READ, WRITE, EITHER):
        raise ValueError(f"poll_for is READ, WRITE or both, not {poll_for!r}")
    check_timeout("timeout", timeout)
    return Poll(
        collection, fd, poll_for, timeout, (poll_cb, log_event if event_cb is None else event_cb)
    )


def idle(collection: WaitStateCollection, callback: Callable[[], object]) -> IdleCallback:
    """Call back once in every turn, after everything else, until `close()` of the result.

    It causes no turns: a program that has nothing to do sleeps.

    Args:
        collection: whose turns they are.
        callback: called without arguments. If it raises, the error handler is told, and the
            default one closes it.

    Raises:
        TypeError: the callback cannot be called. WrongThread, StateClosed, WrongProcess: as every
        verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: CL-84.
    """
    return collection.on_idle(callback)


def signal_handler(
    collection: WaitStateCollection,
    number: int,
    callback: Callable[[int], object],
    event_cb: EventCallback | None = None,
) -> SignalHandler:
    """Call back with the number whenever the process gets a signal, until `close()` of the result.

    Several handlers of one signal all run. When the last one closes, the handler that was there
    before is restored.

    Args:
        collection: whose loop calls back, also if it was asleep.
        number: of the `signal` module: `signal.SIGTERM`.
        callback: called with `number`.
        event_cb: as everywhere in this module; no event of a signal is known yet.

    Raises:
        ValueError: the caller is not in the main thread, where Python has its signals.
        OSError: the system lets nobody handle that signal. TypeError: a callback cannot be called.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the main thread, before the loop starts if that is another. Calls back: never before
    it returns. Source: CL-85.
    """
    check_callback(callback)
    check_callables(event_cb=event_cb)
    return collection.on_signal(number, callback, number)


class Poll(Timed):
    """A descriptor that is watched, with a limit; made by `poll`.

    Thread: the owner's. Calls back: from the loop only. Source: CL-83.
    """

    __slots__ = ("_callbacks", "_collection", "_poll_for", "_since", "_timeout", "_watch")

    def __init__(
        self,
        collection: WaitStateCollection,
        fd: Descriptor,
        poll_for: int,
        timeout: float | None,
        callbacks: tuple[PollCallback, EventCallback],
    ) -> None:
        super().__init__()
        self._collection = collection
        self._callbacks = callbacks
        self._poll_for = poll_for
        self._timeout = timeout
        self._watch = collection.watch(
            fd,
            self._readable if poll_for & READ else None,
            self._writable if poll_for & WRITE else None,
        )
        self._wait_from(collection.clock())

    @property
    def closed(self) -> bool:
        """Whether nothing is watched any more."""
        return self._watch.closed

    def close(self) -> None:
        """Watch no more, and tell nobody; the descriptor stays open. Once more is harmless.

        Thread: the owner's. Calls back: never. Source: CL-83.
        """
        self._watch.close()
        self._collection.timers.disarm(self)

    close_after_error = close  # what the error handler calls

    def on_due(self, now: float) -> None:
        """Give up: the descriptor was not ready in time.

        Thread: the owner's. Calls back: `event_cb`. Source: CL-83.
        """
        self._watch.close()
        event = OperationTimeout(
            f"descriptor {self._watch.fd} was not ready in time",
            phase=PHASES.get(self._poll_for),
            limit=self._timeout,
            elapsed=now - self._since,
            connection=self,
        )
        call(self._callbacks[1], (event,), self._watch.context)

    @property
    def concerns(self) -> object:  # type: ignore[override]  # never set
        """Who is concerned if `event_cb` raises."""
        return self

    def _readable(self, watch: Watch) -> None:
        self._ready(READ)

    def _writable(self, watch: Watch) -> None:
        self._ready(WRITE)

    def _ready(self, events: int) -> None:
        self._wait_from(self._collection.now)
        try:
            self._callbacks[0](events)
        except Exception as exception:  # noqa: BLE001  # user code
            self._collection.report(self, exception)

    def _wait_from(self, now: float) -> None:
        self._since = now
        if self._timeout is not None:
            self._collection.arm(self, moment(self._timeout, now))

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"for {interest_text(self._poll_for)}"
        return f"<Poll fd={self._watch.fd} {state}>"
