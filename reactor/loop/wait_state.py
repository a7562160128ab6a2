"""WaitState: what a collection can hold.

A wait state is a descriptor, the readiness that is wanted of it, and one method for each
direction. The collection calls them and knows nothing else: connections, listeners and watched
descriptors are peers here.
"""

from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, Protocol

from reactor.interest import interest_text
from reactor.loop.ownership import Ownership


class WaitState:
    """A thing with a descriptor in a collection.

    `wanted` is a mask of `reactor.interest`, kept by the collection's `want`; `context` is the
    `contextvars` context in which the methods are called, None where it would be empty, because
    `Context.run` costs a tenth of an echo.

    Thread: the owner's. Calls back: the two methods, from the loop only. Source: LW-021.
    """

    __slots__ = ("context", "fd", "wanted")

    # For the figures of the collection: which way a connection was made, and what it has moved.
    direction: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.wanted = 0
        self.context = current_context()

    def on_readable(self) -> None:
        """Act: a read would find bytes, the end or a failure."""
        raise NotImplementedError

    def reader(self) -> "Reader | None":
        """Return whose `on_readable` is called if a read is ready, and nothing else.

        It is asked for when the state enters a collection, and at a `rebind`. None is this state
        itself, where that is to wake, and does not count as a callback.
        """
        return self if self.context is None else InContext(self, self.context)

    @property
    def concerns(self) -> "WaitState":
        """Who is concerned if `on_readable` fails: this state itself."""
        return self

    def on_writable(self) -> None:
        """Act: a write would be taken, or find a failure."""
        raise NotImplementedError

    def on_urgent(self) -> None:
        """Act: there is a byte out of band; asked for by nobody who does not override this."""
        raise NotImplementedError

    def on_exception(self, exception: Exception) -> bool:
        """Act on an exception that left one of the two methods; false leaves it to the handler."""
        return False

    def close_silently(self) -> None:
        """Close without a callback: the collection itself is being closed."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} fd={self.fd} wants {interest_text(self.wanted)}>"


class Reader(Protocol):
    """Who acts when there is something to read: a wait state, or a part of one."""

    @property
    def concerns(self) -> Any:
        """The wait state."""

    def on_readable(self) -> None:
        """Act: a read would find bytes, the end or a failure."""


class InContext:
    """The reader of a state that has a context."""

    __slots__ = ("_context", "concerns")

    def __init__(self, state: WaitState, context: Context) -> None:
        self.concerns = state
        self._context = context

    def on_readable(self) -> None:
        """Let the state act, in its context."""
        self._context.run(self.concerns.on_readable)


class Holder(Protocol):
    """What a wait state needs of its collection."""

    owner: Ownership

    def want(self, state: WaitState, wanted: int) -> None:
        """Change what a wait state wants."""

    def remove(self, state: WaitState) -> None:
        """Hold a wait state no longer."""


class Closable(Protocol):
    """What can be closed without a callback: a channel, a resolver, an attempt to connect."""

    def close(self) -> None:
        """Close; once more is harmless."""


class Retirable(Closable, Protocol):
    """What can be shut down now and closed later: a channel."""

    def shutdown(self, how: int) -> None:
        """Shut the connection down (`socket.SHUT_*`); the descriptor stays."""


def current_context() -> Context | None:
    """Return a copy of the caller's context, or None if there is nothing in it."""
    context = copy_context()
    return context if len(context) else None


def call(
    function: Callable[..., object], arguments: tuple[Any, ...], context: Context | None
) -> None:
    """Call a function of the user in the context in which it was scheduled."""
    if context is None:
        function(*arguments)
    else:
        context.run(function, *arguments)
