"""Race: which address to try when, as RFC 8305 ("Happy Eyeballs") has it.

A name often has several addresses, and the first may lead nowhere without saying so. So the next
one is tried while the first is still under way, and the first that connects wins.

This is the schedule alone: it opens no socket and asks no clock. Whoever waits tells it what
happened and when, and is told what to do: the collection with a timer, the blocking driver with a
deadline. Both do the same,

    while (address := race.next_attempt(now)) is not None:
        ...                        # begin to connect; a failure at once is reported at once
    wait until race.next_moment(), or until an attempt ends: race.failed(...), race.won(...)

until `winner` is set or `lost` is true. Who drives it closes the sockets of the attempts that the
winner has left behind.
"""

import itertools
import math
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

from reactor.deadline import NEVER
from reactor.errors import Address, InternalError, SocketCreationError, SocketError
from reactor.net.name_service import host_not_found
from reactor.net.socket_address import SocketAddress

AddressOrder: TypeAlias = (
    Literal["system", "ipv6-first", "ipv4-first", "sorted"]
    | Callable[[list[SocketAddress]], Iterable[SocketAddress]]
)

CONNECTION_ATTEMPT_DELAY: Final = 0.250  # seconds; the figure that RFC 8305, section 5, recommends


class Race:
    """The attempts to reach one of several addresses.

    Every address is tried at most once, in the order of `in_race_order`. The next attempt is due
    when the delay since the one before has passed, or at once when that one has failed. `first` is
    the address that is tried first, `winner` the one that has connected, None before.

    Args:
        addresses: at least one, as the name service gave them.
        attempt_delay: seconds between the starts of two attempts, 0.25 by default.

    Thread: one at a time. Calls back: never. Source: LW-037, RFC 8305, sections 4 and 5.
    """

    __slots__ = ("_delay", "_due", "_outcomes", "_running", "_waiting", "first", "winner")

    def __init__(
        self,
        addresses: Iterable[SocketAddress],
        *,
        attempt_delay: float = CONNECTION_ATTEMPT_DELAY,
    ) -> None:
        self._waiting = in_race_order(addresses)
        if not self._waiting:
            raise ValueError("a race needs at least one address")
        self.first = self._waiting[0]
        self._waiting.reverse()  # so that the next one is popped from the end
        self._delay = attempt_delay
        self._due = -math.inf  # the first attempt waits for nothing
        self._running: list[SocketAddress] = []
        self._outcomes: dict[SocketAddress, SocketError | None] = {}  # in the order of trying
        self.winner: SocketAddress | None = None

    def next_attempt(self, now: float) -> SocketAddress | None:
        """Return the address to try now, or None if it is not time or none is left.

        To be called until it returns None: the answer counts as an attempt that has begun.
        """
        if now < self.next_moment():
            return None
        address = self._waiting.pop()
        self._running.append(address)
        self._outcomes[address] = None
        self._due = now + self._delay
        return address

    def next_moment(self) -> float:
        """Return when the next attempt is due; `NEVER` if there is none to come."""
        return self._due if self._waiting and self.winner is None else NEVER

    def failed(self, address: SocketAddress, error: SocketError, now: float) -> None:
        """Note that an attempt has failed; if it was the latest, the next one is due now.

        Raises:
            InternalError: there is no such attempt under way.
        """
        self._end(address)
        self._outcomes[address] = error
        if address == self._latest:
            self._due = now

    def put_back(self, address: SocketAddress, when: float) -> None:
        """Let an attempt that could not even begin be due again at `when`.

        Raises:
            InternalError: there is no such attempt under way.
        """
        self._end(address)
        del self._outcomes[address]
        self._waiting.append(address)
        self._due = when

    def won(self, address: SocketAddress) -> None:
        """Note that an attempt has connected: nothing more is due, and the others may go.

        Raises:
            InternalError: there is no such attempt under way.
        """
        self._end(address)
        self._running.clear()
        self.winner = address

    @property
    def lost(self) -> bool:
        """Whether every address has been tried and has failed."""
        return self.winner is None and not self._waiting and not self._running

    @property
    def attempts(self) -> list[tuple[Address, Exception]]:
        """The attempts that have failed so far, in the order in which they began."""
        return [(a.pair, error) for a, error in self._outcomes.items() if error is not None]

    @property
    def error(self) -> SocketError | None:
        """The error of a race that is lost: that of the first address, with all `attempts`."""
        if not self.lost:
            return None
        first = next(error for error in self._outcomes.values() if error is not None)
        if isinstance(first, SocketCreationError):
            first.attempts = self.attempts
        return first

    @property
    def _latest(self) -> SocketAddress:
        return next(reversed(self._outcomes))

    def _end(self, address: SocketAddress) -> None:
        if address not in self._running:
            raise InternalError(f"{self!r} has no attempt at {address.pair} under way")
        self._running.remove(address)

    def __repr__(self) -> str:
        winner = None if self.winner is None else self.winner.pair
        return (
            f"<Race waiting={len(self._waiting)} running={len(self._running)}"
            f" failed={len(self.attempts)} winner={winner}>"
        )


def in_race_order(addresses: Iterable[SocketAddress]) -> list[SocketAddress]:
    """Let the families take turns, beginning with that of the first; no address comes twice.

    Within a family the order stays: it is that of RFC 6724, which the system has applied. One
    address of the first family goes ahead ("First Address Family Count" of 1), so that a family
    that leads nowhere costs one delay.

    Thread: any. Calls back: never. Source: RFC 8305, section 4.
    """
    families: dict[int, list[SocketAddress]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(address.family, []).append(address)
    rounds = itertools.zip_longest(*families.values())
    return [address for turn in rounds for address in turn if address is not None]


def read_order(order: AddressOrder) -> Callable[[list[SocketAddress]], list[SocketAddress]]:
    """Return what puts addresses into an order, before the families take turns.

    Args:
        order: "system" leaves it to the name service; "ipv6-first" and "ipv4-first" move one family
            to the front; "sorted" is IPv6 first, each family by its numbers, the same in every run;
            or a function that gets a list of `SocketAddress` and returns those to be used.

    Raises:
        ValueError: it is none of the words, and no function.

    Thread: any. Calls back: never. Source: LW-037, RFC 8305, section 4.
    """
    if callable(order):
        return lambda addresses: [SocketAddress(*one) for one in order(addresses)]
    if order not in _ORDERS:
        words = ", ".join(map(repr, _ORDERS))
        raise ValueError(f"order is one of {words}, or a function, not {order!r}")
    key = _ORDERS[order]
    return list if key is None else lambda addresses: sorted(addresses, key=key)


def _number(address: SocketAddress) -> tuple[bool, bytes, Any]:
    """Return the key by which addresses are sorted."""
    host = address.sockaddr[0].partition("%")[0]
    return (
        address.family != socket.AF_INET6,
        socket.inet_pton(address.family, host),
        address.sockaddr[1:],
    )


_ORDERS: Final[dict[str, Callable[[SocketAddress], Any] | None]] = {
    "system": None,
    "ipv6-first": lambda address: address.family != socket.AF_INET6,
    "ipv4-first": lambda address: address.family != socket.AF_INET,
    "sorted": _number,
}


def of_family(
    addresses: Sequence[SocketAddress], family: int, *, peer: Address | None = None
) -> list[SocketAddress]:
    """Keep the addresses that a socket bound to a local address can reach.

    Args:
        addresses: as the name service gave them.
        family: that of the local address, or AF_UNSPEC to keep them all.
        peer: host and service as they were given, for the error.

    Raises:
        NameLookupFailed: none is left; `host-not-found`, as if the name had only been looked up
            in that family.

    Thread: any. Calls back: never. Source: LW-037.
    """
    kept = [a for a in addresses if family in (a.family, socket.AF_UNSPEC)]
    if not kept:
        raise host_not_found("the host has no address of the local address's family", peer)
    return kept
