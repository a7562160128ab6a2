"""Delivery: the hooks of a protocol that lives in another thread, waiting in line.

What a transport calls here becomes an event, and for each event the host is given one call, which
makes the next. So the hooks keep their order among themselves, and theirs among other deliveries.
"""

import functools
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, Protocol, TypeAlias

from reactor.errors import StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.loop.wait_state import current_context
from reactor.protocol import BaseProtocol

# Bytes that an event, or a write, counts for beside its data: about what it takes, so that single
# bytes have a limit, too.
EVENT_SIZE: Final = 256

Event: TypeAlias = tuple[Callable[[Any], object], Any]


class Way(Protocol):
    """What a delivery needs of its guest."""

    closed: bool
    collection: WaitStateCollection

    @property
    def at_home(self) -> bool:
        """Whether the caller is in the host's thread."""

    def pass_on(self, call: Callable[[], object], context: Context | None) -> None:
        """Make a call in the host's loop."""

    def ask(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in the thread of the collection."""

    def ask_or_else(self, function: Callable[[], object], otherwise: Callable[[], object]) -> None:
        """Call a function there, or else another one somewhere: the collection has been closed."""

    def report(self, thing: object, exception: BaseException, tell: Callable[[], object]) -> None:
        """Call `tell` in the thread of the collection, or have it in the log."""

    def closed_error(self) -> StateClosed:
        """Say that the guest is closed."""


class Delivery(BaseProtocol):
    """The hooks that all protocols have, and the line; a subclass has the others.

    What is the program's, the factory and the protocol, is let go in the host's thread: there are
    toolkits whose objects must not die in another one.

    Args:
        way: to the host and back.
        factory: called in the host's thread; returns the protocol.

    Attributes:
        context: in which the hooks are called.
        over: whether nothing but the end is delivered any more.
        protocol: who gets the calls; None before it is made, and when it has had the last one.

    Thread: hooks the owner's, the rest the host's. Calls back: hooks of the protocol, from the
    host's loop only. Source: HO-03, HO-04, PR-04.
    """

    __slots__ = (
        "_came",
        "_events",
        "_face",
        "_factory",
        "_gone",
        "_way",
        "context",
        "over",
        "protocol",
    )

    def __init__(self, way: Way, factory: Callable[[], BaseProtocol]) -> None:
        self._way = way
        self._factory: Callable[[], BaseProtocol] | None = factory
        self.context = current_context()
        self._events: deque[Event] = deque()
        self._face: Any = None  # there is one since `connection_made`
        self._came = self._gone = 0  # bytes: the one the collection's thread counts, one the host's
        self.over = False
        self.protocol: Any = None

    # Hooks, in the thread of the collection.

    def connection_made(self, transport: Any) -> None:
        """Have the protocol made, and told."""
        self._face = self._face_of(transport)
        self._put(self._made, self._face)

    def pause_writing(self) -> None:
        """Count no more of what the transport takes as gone."""
        if self._face is not None:
            self._face.hold(True)

    def resume_writing(self) -> None:
        """Count it as gone."""
        if self._face is not None:
            self._face.hold(False)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Have it delivered, behind everything else; held by the collection until it has been."""
        self._events.append((self._lost, exc))
        if self._way.closed and self._way.at_home:
            self.close()
        else:
            self._way.pass_on(self._deliver, self.context)
            self._way.collection.held.add(self)  # `_lost` lets go, in a turn behind this one

    def close(self) -> None:
        """Make all calls now, or have them made: the collection ends, and nobody will later."""
        if not self._way.closed:
            self._way.pass_on(self.end_pause, self.context)
        elif self._way.at_home:
            while self._events:
                self.end_pause()
                self._deliver()

    @property
    def waiting(self) -> int:
        """How many bytes have come and were not delivered yet, each event counted as some more."""
        return self._came - self._gone

    def _face_of(self, transport: Any) -> Any:
        """Return what stands for the transport in the host's thread."""
        raise NotImplementedError

    def _put(self, handler: Callable[[Any], object], argument: object) -> None:
        self._events.append((handler, argument))
        self._way.pass_on(self._deliver, self.context)

    @property
    def _transport(self) -> Any:
        return self._face.transport

    # In the host's thread.

    def change(self, protocol: Any) -> None:
        """Let another protocol have every call from now on; None for nobody."""
        self.protocol = protocol

    def silence(self) -> None:
        """Deliver nothing but the end from now on."""
        self.over = True

    def end_pause(self) -> None:
        """Let the end wait for nothing any more, if it does."""

    def failed(self, exception: Exception) -> None:
        """End the connection: a hook has raised this; nothing but the end is delivered now."""
        self.silence()
        transport = self._transport
        self._way.report(transport, exception, functools.partial(transport.failed, exception))

    def attempt(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call something of the program; if it raises, that ends the connection."""
        try:
            function(*arguments)
        except Exception as exception:  # noqa: BLE001  # user code
            self.failed(exception)

    def resumed(self) -> None:
        """Tell the protocol that it may write again."""
        self._face.resumed()
        if not self.over:
            self.attempt(self.protocol.resume_writing)

    def _deliver(self) -> None:
        """Deliver the next event."""
        if not self._way.at_home:  # the guest is closed, and the collection runs elsewhere
            self._transport.failed(self._way.closed_error())
        elif not self._skips() and self._events:
            self.attempt(*self._events.popleft())

    def _skips(self) -> bool:
        """Tell whether this call is to deliver nothing."""
        return False

    def _made(self, face: Any) -> None:
        factory, self._factory = self._factory, None
        assert factory is not None
        self.change(factory())
        self.protocol.connection_made(face)

    def _lost(self, exception: BaseException | None) -> None:
        protocol, self.over = self.protocol, True
        self.change(None)
        self._factory = None
        self._way.ask(self._way.collection.held.discard, self)
        if protocol is not None:
            protocol.connection_lost(exception)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.protocol!r}>"
