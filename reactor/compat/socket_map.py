"""SocketMap: a map of asyncore whose dispatchers live on a collection, beside everything else.

asyncore takes a map wherever it takes a dispatcher, and has one of its own for the rest. So a
program that mixes old dispatchers with new protocols needs one line, and no other change:

    asyncore.socket_map = SocketMap(collection)

From then on `collection.run()` serves both, and so does `asyncore.loop()`.
"""

from collections.abc import Iterator, MutableMapping
from typing import Final

from reactor.compat.residents import Dispatcher, Residents
from reactor.deadline import check_timeout
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed

# `asyncore.loop()` asks at least so often, and old programs count on it for limits of their own.
ASK_TIMEOUT: Final = 30.0  # seconds


class SocketMap(MutableMapping[int, Dispatcher]):
    """Dispatchers by descriptor, served by a collection.

    Each is asked for `readable()` and `writable()` at the end of every turn, and at the latest
    after `timeout` seconds. A change outside of a turn of which no verb of a dispatcher knows is
    noticed then, or after `collection.wake()`. `ExitNow` stops the loop; what else leaves a
    dispatcher's `handle_error` goes to the error handler of the collection. Closing the collection
    closes the dispatchers.

    Args:
        collection: where they live.
        timeout: seconds after which they are asked though nothing has happened; default 30. None
            waits until something does.

    Attributes:
        residents: the places that the dispatchers have there.

    Raises:
        ValueError: the timeout is no number of seconds. WrongThread, StateClosed, WrongProcess: of
            the collection; also whenever a dispatcher comes or goes.

    Thread: the owner's. Calls back: the dispatchers, from the loop. Source: asyncore.
    """

    def __init__(
        self, collection: WaitStateCollection, *, timeout: float | None = ASK_TIMEOUT
    ) -> None:
        self._timeout = check_timeout("timeout", timeout)
        self._dispatchers: dict[int, Dispatcher] = {}
        self._reminder = Reminder()
        self.residents = Residents(collection, self._dispatchers)
        collection.on_idle(self._ask)

    def __getitem__(self, fd: int) -> Dispatcher:
        return self._dispatchers[fd]

    def __setitem__(self, fd: int, dispatcher: Dispatcher) -> None:
        collection = self.residents.collection
        collection.owner.check()
        self.residents.admit(fd, dispatcher)
        self._dispatchers[fd] = dispatcher
        if not collection.turning:
            collection.wake()  # it is asked at the end of a turn, and not here: it is half made

    def __delitem__(self, fd: int) -> None:
        self.residents.collection.owner.check(over=True)
        del self._dispatchers[fd]
        self.residents.dismiss(fd)

    def __iter__(self) -> Iterator[int]:
        return iter(self._dispatchers)

    def __len__(self) -> int:
        return len(self._dispatchers)

    def copy(self) -> dict[int, Dispatcher]:
        """Return the same dispatchers in a plain dictionary.

        Thread: the owner's. Calls back: never. Source: asyncore.
        """
        return dict(self._dispatchers)

    def _ask(self) -> None:
        self.residents.ask()
        collection = self.residents.collection
        if self._timeout is None:
            return
        if self._dispatchers:
            collection.arm(self._reminder, collection.now + self._timeout)
        else:
            collection.timers.disarm(self._reminder)

    def __repr__(self) -> str:
        return f"<SocketMap: {len(self)} on {self.residents.collection!r}>"


class Reminder(Timed):
    """Causes a turn, at the end of which the dispatchers are asked."""

    __slots__ = ()

    def on_due(self, now: float) -> None:
        """Do nothing: the turn is all there is to it."""
