"""Inquiry: a look-up for somebody who lives in a collection.

The resolver answers on threads of its own and keeps no limit. Here the answer comes from the loop,
once, and so does the error if there is none in time.
"""

import contextlib
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from reactor.deadline import NEVER
from reactor.errors import OperationTimeout, SocketError, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed
from reactor.net.address import Target
from reactor.net.lookup_threads import LookupPhase
from reactor.net.resolver import QUEUE_TIMEOUT, Lookup, Resolver
from reactor.net.socket_address import SocketAddress

Answer = TypeVar("Answer")
Found: TypeAlias = list[SocketAddress] | SocketError
FoundNames: TypeAlias = tuple[str, str] | SocketError


class Asking(Timed, Generic[Answer]):
    """What asks the resolver of a collection, and keeps the time; see its two kinds.

    Thread: the owner's. Calls back: `done`, from the loop only. Source: LW-029, CL-79 to CL-82.
    """

    __slots__ = ("_collection", "_deadline", "_done", "_late", "_limit", "_lookup")

    def __init__(
        self,
        collection: WaitStateCollection,
        begin: Callable[[Resolver, Callable[[Answer | SocketError], None]], Lookup[Answer]],
        done: Callable[[Answer | SocketError], object],
        *,
        late: type[OperationTimeout] = OperationTimeout,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        self._collection = collection
        self._done: Callable[[Answer | SocketError], object] | None = done
        self._late = late
        resolver = resolver_of(collection)
        self._limit = resolver.timeout if limit is None else limit
        self._lookup = begin(resolver, self._answered)
        now = collection.clock()
        self._deadline = now + self._limit
        waiting = self._lookup.phase is LookupPhase.WAITING
        collection.arm(self, min(self._deadline, now + QUEUE_TIMEOUT if waiting else NEVER))
        collection.held.add(self)

    def cancel(self) -> bool:
        """Give it up: `done` will not be called; false if it was, or this was done before."""
        open_until_now = self._over() is not None
        self._lookup.cancel()
        return open_until_now

    def close(self) -> None:
        """Give it up: the collection is being closed."""
        self.cancel()

    def on_due(self, now: float) -> None:
        """Give it up: there is no answer in time. Or ask for a thread: it is still in line."""
        if now < self._deadline:
            self._lookup.hasten()
            self._collection.arm(self, self._deadline)
        elif self._lookup.cancel():
            self._finish(self.late_error(None))

    def late_error(self, limit: float | None) -> OperationTimeout:
        """Make the error of a look-up for which `limit` seconds were allowed, None for its own."""
        return self._lookup.late_error(self._late, self._limit if limit is None else limit)

    def _answered(self, answer: Answer | SocketError) -> None:
        """Post the answer; on a thread of the resolver."""
        with contextlib.suppress(StateClosed):  # nobody waits for it any more
            self._collection.apply(self._finish, answer)

    def _finish(self, answer: Answer | SocketError) -> None:
        done = self._over()
        if done is not None:
            done(answer)

    def _over(self) -> Callable[[Answer | SocketError], object] | None:
        """Keep nothing, and return who is to be told, None if nobody is any more."""
        done, self._done = self._done, None
        self._collection.timers.disarm(self)
        self._collection.held.discard(self)
        return done

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self._lookup!r}>"


class Inquiry(Asking[list[SocketAddress]]):
    """One look-up of addresses, within the limit of the resolver.

    Args:
        collection: whose resolver is asked, and whose loop tells the answer.
        target: host and port; see `known_addresses` for those that need no look-up.
        family: AF_INET, AF_INET6, or AF_UNSPEC for both.
        done: called once with the addresses, or with the error; never after `cancel`.
        late: the class of the error when the limit has passed.
        limit: seconds; None for those of the resolver, NEVER for the verdict of the system.

    Raises:
        StateClosed: the collection is closed.

    Thread: the owner's. Calls back: `done`, from the loop only. Source: LW-029, LW-107, LW-112.
    """

    __slots__ = ()

    def __init__(
        self,
        collection: WaitStateCollection,
        target: Target,
        family: int,
        done: Callable[[Found], object],
        *,
        late: type[OperationTimeout] = OperationTimeout,
        limit: float | None = None,
    ) -> None:
        super().__init__(
            collection,
            lambda resolver, told: resolver.look_up(target, family, told, dropped=told),
            done,
            late=late,
            limit=limit,
        )


class NameInquiry(Asking[tuple[str, str]]):
    """One look-up of the names of an address, likewise.

    Args:
        collection: whose resolver is asked, and whose loop tells the answer.
        target: a numeric host, and a port.
        done: called once with `(host, service)`, or with the error; never after `cancel`.
        limit: seconds; None for those of the resolver, NEVER for the verdict of the system.

    Raises:
        ValueError: the host is a name. StateClosed: the collection is closed.

    Thread: the owner's. Calls back: `done`, from the loop only. Source: CL-82.
    """

    __slots__ = ()

    def __init__(
        self,
        collection: WaitStateCollection,
        target: Target,
        done: Callable[[FoundNames], object],
        *,
        limit: float | None = None,
    ) -> None:
        super().__init__(
            collection,
            lambda resolver, told: resolver.look_up_name(target, told, dropped=told),
            done,
            limit=limit,
        )


def known_addresses(
    collection: WaitStateCollection, target: Target, family: int
) -> list[SocketAddress] | None:
    """Return the addresses of a target that is never asked for; None if it takes a look-up.

    Raises:
        NameLookupFailed: there are none.

    Thread: any. Calls back: never. Source: LW-029.
    """
    resolver: Resolver | None = collection.resolver
    if resolver is None or target.host.numeric:
        return target.known_addresses(family)
    return resolver.known_addresses(target, family)


def resolver_of(collection: WaitStateCollection) -> Resolver:
    """Return the resolver of a collection, which is made, and closed with it, if it has none.

    Thread: the owner's. Calls back: never. Source: LW-001, LW-029.
    """
    if collection.resolver is None:
        collection.resolver = Resolver()
        collection.held.add(collection.resolver)
    resolver: Resolver = collection.resolver
    return resolver
