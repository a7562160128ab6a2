"""Blocking: from a route to a channel, for a caller who waits.

It is what `Connecting` does in a collection: names are looked up, addresses raced and TLS put on
the winner, under one limit. The route, the race, its attempts and the handshake are the same;
`drive` waits for them.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from typing import Final

from reactor.channel.adopting import socket_channel
from reactor.channel.base import BytesLike, Channel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_settings import TLSPlan
from reactor.deadline import NEVER, moment, remaining
from reactor.errors import ConnectTimedOut, OperationTimeout, SocketError
from reactor.interest import WRITE
from reactor.net.address import Target
from reactor.net.path import UnixTarget
from reactor.net.race import Race
from reactor.net.resolver import Resolver
from reactor.net.socket_address import SocketAddress
from reactor.opening.attempt import Attempt, end_attempt
from reactor.opening.connect import Route
from reactor.operations.exchanges import Drain, Handshake
from reactor.state.blocking import Blocking
from reactor.state.drive import OperationOnChannel, Wants, drive
from reactor.state.farewell import LINGER_LIMIT


def open_route(route: Route, deadline: float | None = None) -> Channel:
    """Return a channel that is connected, and has shaken hands if the route says TLS.

    Args:
        route: where to and how; see `read_route`.
        deadline: a moment of `time.monotonic()` in place of the timeout of the route.

    Raises:
        NameLookupFailed, BindError, ConnectError, ConnectTimedOut, TLSError: as `connect_tcp` tells
            them. Nothing is left open.

    Thread: one that may wait. Calls back: what the TLS plan configures. Source: LW-172 to LW-179,
    CC-17, CC-19.
    """
    if route.failure is not None:
        raise route.failure
    if deadline is None:
        deadline = moment(route.connect_timeout, time.monotonic())
    try:
        own = () if route.own_host is None else look_up(route.own_host, route.family, deadline)
        addresses = route.from_own(look_up(route.target, route.family, deadline), own)
        channel = _win(route, addresses, own, deadline)
        if route.plan is None:
            return channel
        return shake_hands(channel, route.plan, route.handshake_timeout, deadline=deadline)
    except SocketError as error:
        route.explain(error)
        route.doubt(blocking_resolver(), error)
        raise


def look_up(
    target: Target | UnixTarget,
    family: int,
    deadline: float,
    *,
    late: type[OperationTimeout] = ConnectTimedOut,
) -> Sequence[SocketAddress]:
    """Return the addresses of a target; the caller waits.

    Args:
        target: what is looked up, unless its addresses are known.
        family: AF_INET, AF_INET6, or AF_UNSPEC for both.
        deadline: a moment of `time.monotonic()`, or NEVER.
        late: the class of the error when it has passed.

    Raises:
        NameLookupFailed: there is no such name. LimitExceeded: too many look-ups are stuck.
        OperationTimeout: of the class `late`.

    Thread: one that may wait. Calls back: never. Source: LW-029, CC-17.
    """
    known = target.known_addresses(family)
    if known is not None:
        return known
    assert isinstance(target, Target), "the address of a path is known"
    left = remaining(deadline, time.monotonic())
    return blocking_resolver().look_up_blocking(target, family, left, late=late)


def _win(
    route: Route, addresses: Sequence[SocketAddress], own: Sequence[SocketAddress], deadline: float
) -> Channel:
    """Race the addresses, and return the channel of the winner."""
    began = time.monotonic()
    attempt = functools.partial(route.attempt, own)
    with contextlib.closing(DrivenRace(addresses, attempt)) as racing:
        if not drive([racing], deadline):
            now = time.monotonic()
            elapsed = now - (began if route.connect_timeout is None else deadline)
            raise route.late_error(racing.race, elapsed + (route.connect_timeout or 0.0))
        winner = racing.take()
        return socket_channel(winner.take(), peer_address=winner.address.pair)


class DrivenRace:
    """A race whose attempts are waited for by `drive`.

    Args:
        addresses: at least one.
        attempt: makes an attempt at an address.

    Raises:
        SocketError: from `step`: every attempt has failed.

    Thread: the caller's. Calls back: `attempt`. Source: LW-037, LW-172.
    """

    __slots__ = ("_attempt", "_attempts", "_winner", "race")

    def __init__(
        self,
        addresses: Sequence[SocketAddress],
        attempt: Callable[[SocketAddress], Attempt],
    ) -> None:
        self.race = Race(addresses)
        self._attempt = attempt
        self._attempts: list[Attempt] = []  # under way
        self._winner: Attempt | None = None

    def step(self) -> bool:
        """Look at the attempts under way, and begin those that are due."""
        for attempt in list(self._attempts):
            if self._has_won(attempt, attempt.finished):
                return True
        while (address := self.race.next_attempt(time.monotonic())) is not None:
            attempt = self._attempt(address)
            self._attempts.append(attempt)
            if self._has_won(attempt, attempt.start):
                return True
        if self.race.error is not None:
            raise self.race.error
        return False

    def wants(self) -> Wants:
        """Return the sockets under way; one that can be written has ended."""
        return [(attempt.fileno(), WRITE) for attempt in self._attempts]

    def next_moment(self) -> float:
        """Return when the next attempt is due."""
        return self.race.next_moment()

    def take(self) -> Attempt:
        """Return the attempt that has won."""
        assert self._winner is not None, "it is done"
        return self._winner

    def close(self) -> None:
        """Close all attempts; the socket of the winner has been taken."""
        for attempt in self._attempts:
            attempt.close()

    def _has_won(self, attempt: Attempt, look: Callable[[], bool]) -> bool:
        """Look whether an attempt has won; one that has failed is closed."""
        try:
            if not look():
                return False
        except SocketError as error:
            attempt.close()
            self._attempts.remove(attempt)
            end_attempt(self.race, attempt.address, error, time.monotonic())
            return False
        self.race.won(attempt.address)
        self._winner = attempt
        return True


def shake_hands(
    channel: Channel,
    plan: TLSPlan,
    timeout: float | None,
    *,
    unread: BytesLike = b"",
    deadline: float = NEVER,
    check: Callable[[], object] | None = None,
) -> TLSChannel:
    """Put TLS on a channel and shake hands; the channel is closed if that fails.

    Args:
        channel: connected and plain.
        plan: how TLS is to be spoken.
        timeout: seconds for all of it, None for no limit.
        unread: what has been received already.
        deadline: a moment of `time.monotonic()` beside the timeout.
        check: as for `Blocking`.

    Raises:
        TLSHandshakeTimeout, TLSVerificationFailed, TLSClosed, TLSTruncated, TLSError.

    Thread: the caller's, which waits. Calls back: what the plan configures. Source: LW-041, LW-042,
    LW-143, LW-159.
    """
    with contextlib.ExitStack() as undo:
        undo.callback(channel.close)
        engine = plan.engine()
        engine.feed(unread)
        layered = TLSChannel(channel, engine, close_timeout=plan.close_timeout)
        try:
            Blocking(
                Handshake(), layered, lambda: (timeout, deadline), check=check, owner=layered
            ).run()
        except SocketError as error:
            said = layered.holds_output or layered.traffic()[1]
            if said and not isinstance(error, OperationTimeout):
                with contextlib.suppress(SocketError):  # the alert that says why, if there is one
                    drive([OperationOnChannel(Drain(), layered)], time.monotonic() + LINGER_LIMIT)
            raise
        undo.pop_all()
    return layered


_RESOLVER: Final = Resolver()


def blocking_resolver() -> Resolver:
    """Return the resolver of all callers who wait: bounded, however many names are stuck.

    Thread: any. Calls back: never. Source: LW-029.
    """
    return _RESOLVER
