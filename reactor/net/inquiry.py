"""Inquiry: a look-up for somebody who lives in a collection.

The resolver answers on threads of its own and keeps no limit. Here the answer comes from the loop,
once, and so does the error if there is none in time.
"""

import contextlib
from collections.abc import Callable
from typing import TypeAlias

from reactor.errors import OperationTimeout, SocketError, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed
from reactor.net.address import Target
from reactor.net.resolver import Resolver
from reactor.net.socket_address import SocketAddress

Found: TypeAlias = list[SocketAddress] | SocketError


class Inquiry(Timed):
    """One look-up, within the limit of the resolver.

    Args:
        collection: whose resolver is asked, and whose loop tells the answer.
        target: host and port; see `Target.known_addresses` for those that need no look-up.
        family: AF_INET, AF_INET6, or AF_UNSPEC for both.
        done: called once with the addresses, or with the error; never after `cancel`.
        late: the class of the error when the limit has passed.
        limited: whether there is that limit; else the verdict of the system is awaited.

    Raises:
        StateClosed: the collection is closed.

    Thread: the owner's. Calls back: `done`, from the loop only. Source: LW-029, LW-107, LW-112.
    """

    __slots__ = ("_collection", "_done", "_late", "_lookup")

    def __init__(
        self,
        collection: WaitStateCollection,
        target: Target,
        family: int,
        done: Callable[[Found], object],
        *,
        late: type[OperationTimeout] = OperationTimeout,
        limited: bool = True,
    ) -> None:
        super().__init__()
        self._collection = collection
        self._done: Callable[[Found], object] | None = done
        self._late = late
        resolver = resolver_of(collection)
        self._lookup = resolver.look_up(target, family, self._answered)
        if limited:
            collection.arm(self, collection.clock() + resolver.timeout)
        collection.held.add(self)

    def cancel(self) -> None:
        """Give it up: `done` will not be called; again is harmless."""
        self._over()
        self._lookup.cancel()

    close = cancel  # when the collection is closed

    def on_due(self, now: float) -> None:
        """Give it up: there is no answer in time."""
        if self._lookup.cancel():
            self._finish(self.late_error(None))

    def late_error(self, limit: float | None) -> OperationTimeout:
        """Make the error of a look-up for which `limit` seconds were allowed, None for its own."""
        return self._lookup.late_error(self._late, limit)

    def _answered(self, answer: Found) -> None:
        """Post the answer; on a thread of the resolver."""
        with contextlib.suppress(StateClosed):  # nobody waits for it any more
            self._collection.apply(self._finish, answer)

    def _finish(self, answer: Found) -> None:
        done = self._over()
        if done is not None:
            done(answer)

    def _over(self) -> Callable[[Found], object] | None:
        """Keep nothing, and return who is to be told, None if nobody is any more."""
        done, self._done = self._done, None
        self._collection.timers.disarm(self)
        self._collection.held.discard(self)
        return done

    def __repr__(self) -> str:
        return f"<Inquiry for {self._lookup!r}>"


def resolver_of(collection: WaitStateCollection) -> Resolver:
    """Return the resolver of a collection, which is made, and closed with it, if it has none.

    Thread: the owner's. Calls back: never. Source: LW-001, LW-029.
    """
    if collection.resolver is None:
        collection.resolver = Resolver()
        collection.held.add(collection.resolver)
    resolver: Resolver = collection.resolver
    return resolver
