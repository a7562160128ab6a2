"""A collection in a thread of its own, whose callbacks are delivered to the loop of a host.

For a program whose window computes: a guest would stand still with it, and a loop in a thread of
its own goes on. What it has to tell the window is a call that waits in line until the host makes
it, in the host's thread; toolkits are never called from anywhere else.

    thread of the reactor                      thread of the host
    deliver(function) ──► the line ──────────► function()    in order, in batches, never nested
    the collection  ◄──── collection.apply ─── a button

Nobody waits for anybody. A call that finds no room is refused at once, because to wait for it
would be a deadlock as soon as the window waits for us; a connection is not read while too much of
it has not been delivered, which is how its peer comes to feel that the window is slow.

One wake-up of the host serves all calls that wait. When they have taken as much time as turns may,
the host has its loop for itself for a moment, as with a guest, so that it can paint.
"""

import contextlib
import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from types import TracebackType
from typing import Any, Final, NamedTuple, TypeAlias

from reactor.arguments import check_callback, check_count
from reactor.errors import LimitExceeded, OperationNotAllowed, StateClosed, WrongThread
from reactor.hosts.aside.streams import DeliveredProtocol
from reactor.hosts.guest import TURNS_TIME_LIMIT
from reactor.hosts.host import Call, Host
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.loop.wait_state import current_context
from reactor.protocol import BaseProtocol

Deliver: TypeAlias = Callable[[Call], object]

log: Final = logging.getLogger("reactor")

DELIVERY_LIMIT: Final = 10_000  # calls; a window that far behind will hardly catch up: a guess

# Seconds that closing waits for a callback that runs in the other thread. It stands still for that
# long only if the callback does, or if a `deliver` of the program's own waits for the window.
CLOSE_TIMEOUT: Final = 5.0


def attach(
    deliver: Host | Deliver,
    collection: WaitStateCollection,
    *,
    delivery_limit: int = DELIVERY_LIMIT,
) -> "DeliveringGuest":
    """Run a collection in a thread of its own, and deliver calls to the loop of a host.

    Args:
        deliver: what the `deliver` of a host's module returns, for this guest alone; or a function
            `(call)` that any thread may call, and that has `call()` called in the host's loop
            soon. It must not wait for that, and raises if it does not take the call.
        collection: has no loop of its own now; its `error_handler` must not be `propagate`.
        delivery_limit: calls that may wait; one more is refused.

    Raises:
        OperationNotAllowed: errors would propagate, other threads have no way into this loop, or
            that way has been another guest's.
        OperationInProgress: a loop of the collection runs, or it is attached. WrongThread,
            StateClosed, WrongProcess: as every verb of a collection.
        TypeError, ValueError: an argument is wrong.

    Thread: the host's. Calls back: from the loops only. Source: HO-03 to HO-05, HO-08, HO-09.
    """
    check_count("delivery_limit", delivery_limit, least=1)
    if not isinstance(deliver, Host):
        check_callback(deliver, "deliver")
        deliver = CalledHost(deliver)
    deliver.take()
    guest = DeliveringGuest(deliver, collection, delivery_limit)
    guest.begin()
    return guest


class DeliveringGuest:
    """A collection in a thread of its own, and the way from there to a host; made by `attach`.

    A context manager: at the end of the block it is closed. The collection itself is used through
    its `apply` and `submit`, as from every other thread.

    Attributes:
        collection: the collection.
        mode: "own thread".
        closed: whether it is over. `collection.stop()` ends the loop; what was to be delivered
            comes all the same, until the guest is closed.

    Thread: see each verb. Calls back: from the host's loop only. Source: HO-03 to HO-09.
    """

    __slots__ = ("_deliveries", "_host", "_limit", "_thread", "closed", "collection")

    mode: Final = "own thread"

    def __init__(self, host: Host, collection: WaitStateCollection, limit: int) -> None:
        self.collection = collection
        self.closed = False
        self._host = host
        self._limit = limit
        self._thread = threading.get_ident()
        self._deliveries = Deliveries(host, self._failed)

    def begin(self) -> None:
        """Have a way to the host, and start the loop; leave nothing if one of them fails."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._host.close)
            if self.collection.error_handler is propagate:
                raise OperationNotAllowed(
                    f"{self.collection!r} propagates errors, which would end its thread, and nobody"
                    " would see it: give it another error_handler"
                )
            self._host.expect_posts()
            if threading.current_thread() is threading.main_thread():
                self._host.keep_signals()
            self.collection.start()
            undo.pop_all()

    def deliver(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call `function(*arguments)` in the host's loop, in the order of the calls to this.

        Args:
            function: called in the host's thread, in a copy of the context of this call; what it
                returns is dropped, what it raises goes to the error handler of the collection, in
                the thread of that.
            arguments: what it is called with.

        Raises:
            LimitExceeded: as many calls wait as may, and this one is not taken. StateClosed: the
            guest is closed. WrongProcess: this is a child of the process that attached it.
            TypeError: it cannot be called.

        Thread: any, and signal handlers. Calls back: from the host's loop only. Source: HO-03,
        HO-04.
        """
        check_callback(function)
        if self.closed:
            raise self.closed_error()
        if self.collection.owner.forked:
            self.collection.owner.check_alive()
        waiting = len(self._deliveries.waiting)
        if waiting >= self._limit:
            raise LimitExceeded(
                f"{waiting} calls wait for the host of {self.collection!r} and the limit is"
                f" {self._limit}: its loop stands still, or has ended",
                identifier="delivery-limit",
                connection=self,
            )
        self._deliveries.put(Delivery(function, arguments, current_context()))

    def delivered(self, function: Callable[..., object]) -> Callable[..., None]:
        """Return a function that has `function` called in the host's loop each time.

        For callbacks: `connect(..., failed=guest.delivered(show))`.

        Args:
            function: called with whatever the other one is called with.

        Raises:
            TypeError: it cannot be called.

        Thread: any. Calls back: never. Source: HO-03.
        """
        check_callback(function)
        return Delivered(self, function)

    def delivered_protocol(self, factory: Callable[[], BaseProtocol]) -> Callable[[], BaseProtocol]:
        """Return a factory for `connect` and `serve` whose protocols live in the host's thread.

        Their hooks are called by the host's loop, in their order, each byte once. What a protocol
        gets for a transport is a `DeliveredTransport`. If its connection comes faster than it is
        delivered, the connection is not read for a while.

        Args:
            factory: called without arguments in the host's thread for each connection; returns a
                protocol on a stream of bytes.

        Raises:
            TypeError: it cannot be called.

        Thread: any. Calls back: never. Source: HO-03, HO-04, PR-04.
        """
        check_callback(factory, "factory")
        return lambda: DeliveredProtocol(self, factory)

    def close(self) -> None:
        """Stop the loop, wait for the end of its thread, leave the host; once more is harmless.

        Calls that were not delivered yet are dropped, and the log says how many. The collection
        lives on, with its connections: it may be attached again, or run by itself.

        A callback that runs in the other thread is waited for, but not for ever.

        Raises:
            WrongThread: this is not the host's thread.

        Thread: the host's. Calls back: never. Source: HO-09.
        """
        if self.closed:
            return
        if self.collection.owner.forked:
            self.closed = True  # what there is to undo is the parent's
            return
        if not self.at_home:
            raise WrongThread(f"{self!r} is closed by the thread of its host, and by no other")
        if not self.collection.join(0):
            self.collection.stop()
            if not self.collection.join(CLOSE_TIMEOUT):
                log.error("%r is closed, but a callback in its thread has not returned", self)
        self.closed = True
        left = self._deliveries.take_all()
        dropped = sum(not call.lasting for call in left)
        if dropped:
            log.warning("%r is closed, and calls were not delivered: %d", self, dropped)
        for call in left:
            if call.lasting:
                self.ask(call.function)
        self._host.close()

    def __enter__(self) -> "DeliveringGuest":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    # For what is delivered.

    @property
    def at_home(self) -> bool:
        """Whether the caller is in the host's thread."""
        return self._thread == threading.get_ident()

    def pass_on(self, call: Call, context: Context | None) -> None:
        """Make a call in the host's loop, whatever waits.

        When the guest is closed, and the collection lives in the host's thread now, that is the
        loop of the collection.

        Raises:
            StateClosed: the guest is closed, and this is another thread.

        Thread: any. Calls back: from the host's loop only. Source: HO-03, HO-09.
        """
        if not self.closed:
            self._deliveries.put(Delivery(call, (), context, lasting=True))
        elif self.at_home:
            self.ask(call)
        else:
            raise self.closed_error()

    def ask(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in the thread of the collection, if that has not been closed."""
        with contextlib.suppress(StateClosed):
            self.collection.apply(function, *arguments)

    def ask_or_else(self, function: Call, otherwise: Call) -> None:
        """Call a function there, or `otherwise` in any thread if it is not called, or raises."""

        def look(asked: Future[object]) -> None:
            if asked.cancelled() or asked.exception() is not None:
                otherwise()

        try:
            asked = self.collection.submit(function)
        except StateClosed:
            otherwise()
        else:
            asked.add_done_callback(look)  # cancelled if the collection is closed before that

    def report(self, thing: object, exception: BaseException, tell: Call) -> None:
        """Call `tell` in the thread of the collection; the log has it if nobody is told there."""
        text = "exception in a delivered callback of %r"
        self.ask_or_else(tell, functools.partial(log.error, text, thing, exc_info=exception))

    def _failed(self, function: Callable[..., object], exception: Exception) -> None:
        if getattr(self.collection.error_handler, "function", None) is function:
            log.error("the error handler itself failed", exc_info=exception)
        else:
            tell = functools.partial(self.collection.report, None, exception)
            self.report(None, exception, tell)

    def closed_error(self) -> StateClosed:
        """Say that the guest is closed."""
        return StateClosed(f"{self!r} delivers no more", connection=self)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"by its {self.mode}"
        return f"<DeliveringGuest {self.collection!r} beside {type(self._host).__name__}, {state}>"


class Delivered:
    """A function that is called in the host's loop; made by `DeliveringGuest.delivered`."""

    __slots__ = ("_guest", "function")

    def __init__(self, guest: DeliveringGuest, function: Callable[..., object]) -> None:
        self._guest = guest
        self.function = function

    def __call__(self, *arguments: Any) -> None:
        """Deliver a call.

        Raises:
            LimitExceeded, StateClosed, WrongProcess: as `DeliveringGuest.deliver`.
        """
        self._guest.deliver(self.function, *arguments)

    def __repr__(self) -> str:
        return f"<Delivered {self.function!r}>"


class Delivery(NamedTuple):
    """A call that waits; `lasting` if it is made by the collection when the guest is closed."""

    function: Callable[..., object]
    arguments: tuple[Any, ...]
    context: Context | None
    lasting: bool = False

    def make(self) -> None:
        """Make the call."""
        if self.context is None:
            self.function(*self.arguments)
        else:
            self.context.run(self.function, *self.arguments)


class Deliveries:
    """The line of calls, and who sees to it.

    `_seen_to` is locked while a post is on its way to the host, or a batch runs, or a pause. So one
    post at a time is under way, calls never nest, and nobody ever waits for the lock. A host may
    call twice for one post: `_due` is whether a batch is wanted. A ^C may come out of any call,
    and must leave it locked only if a batch is wanted or `_running`. When it is `_over`, nothing is
    called that a thread puts there late.

    Thread: `put` any, and signal handlers; the rest the host's. Calls back: the calls, and
    `failed(function, exception)`, from the host's loop only. Source: HO-03 to HO-05, HO-08.
    """

    __slots__ = (
        "_due",
        "_failed",
        "_host",
        "_over",
        "_refused",
        "_running",
        "_seen_to",
        "calls",
        "waiting",
    )

    def __init__(self, host: Host, failed: Callable[[Any, Exception], object]) -> None:
        self.calls: deque[Delivery] = deque()
        self.waiting: deque[None] = deque()  # one for each call that is not lasting
        self._host = host
        self._failed = failed
        self._due = False
        self._over = False
        self._refused = False
        self._running = False
        self._seen_to = threading.Lock()

    def put(self, call: Delivery) -> None:
        """Put a call behind the others, and wake the host unless it is awake."""
        if not call.lasting:  # those of connections have limits of their own
            self.waiting.append(None)
        self.calls.append(call)
        try:
            if self._seen_to.acquire(blocking=False):
                self._see_to_it(self._host.post, self._run)
        except BaseException:
            # A ^C may have come between these two; that another thread is there now does no harm.
            if self._seen_to.locked() and not (self._due or self._running):
                self._see_to_it(self._host.post, self._run)
            raise

    def _see_to_it(self, way: Callable[..., object], *arguments: Any) -> None:
        self._due = True
        try:
            way(*arguments)
        except Exception as exception:  # it may be a function of the program
            self._due = False
            self._seen_to.release()  # the calls wait, and the next one tries anew
            if not self._refused:
                self._refused = True
                log.error("%r takes no calls now, which wait", self._host, exc_info=exception)
        except BaseException:
            self._see_to_it(way, *arguments)  # it may have come before that; twice is harmless
            raise

    def _run(self) -> None:
        """Make the calls that wait, for as long as a batch may take."""
        if not self._due or self._over:
            return
        self._running = True
        self._due = self._refused = False
        try:
            until = time.monotonic() + TURNS_TIME_LIMIT
            while self.calls and not self._over:
                self._make(self.calls.popleft())
                if time.monotonic() >= until:
                    break
        finally:
            self._running = False
            try:
                self._go_on()
            except BaseException:
                if self._seen_to.locked() and not self._due:  # the same as in `put`
                    self._go_on()
                raise

    def _go_on(self) -> None:
        if self._over:
            return  # and let it be locked, for good
        if not self.calls:
            self._seen_to.release()
            # One may have come just before that, and its thread have left it to us.
            if not self.calls or not self._seen_to.acquire(blocking=False):
                return
        self._see_to_it(self._host.rest, self._run)

    def _make(self, call: Delivery) -> None:
        if not call.lasting:
            self.waiting.pop()
        try:
            call.make()
        except Exception as exception:  # noqa: BLE001  # user code
            self._failed(call.function, exception)

    def take_all(self) -> list[Delivery]:
        """Return the calls that are left, which are not made here any more, as none is."""
        self._over = True
        left = list(self.calls)
        self.calls.clear()
        self.waiting.clear()
        return left


class CalledHost(Host):
    """The loop of a host of which no more is known than a function that brings calls there."""

    __slots__ = ("_deliver",)

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def post(self, call: Call) -> None:
        """Bring it there."""
        self._deliver(call)

    def arm(self, delay: float, due: Call) -> None:
        """Bring it there at once: it comes behind what the host has to do."""
        self._deliver(due)

    def close(self) -> None:
        """Leave nothing behind: what comes late finds nothing to do."""

    def __repr__(self) -> str:
        return f"<CalledHost by {self._deliver!r}>"
