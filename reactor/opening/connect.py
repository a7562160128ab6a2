"""Connecting: from a host and a service to a channel that can be used.

Names are looked up off the loop, their addresses raced, and TLS put on the winner; one limit spans
all of it. What comes out is a channel, or the error; who wants it, a state of the program or a
protocol, decides what to do with it.

    RESOLVING ──addresses──► RACING ──a winner──► SHAKING ──► DONE ──told──► OVER
        │                      │        └──no TLS──────────────▲
        └──────────────────────┴──failed, or the limit─────────┘   cancel: OVER from anywhere

The sockets are in `attempt`, the order of trying in `race`. What there is of the loop in all this
is three timers: for the limit, for the look-up, and for the race.
"""

import dataclasses
import enum
import functools
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from reactor.arguments import check_callback
from reactor.channel.adopting import socket_channel
from reactor.channel.base import Channel
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT, ServerHostname, TLSPlan, tls_plan
from reactor.deadline import NEVER, check_timeout, moment
from reactor.errors import (
    ConnectTimedOut,
    InternalError,
    SocketError,
    StateClosed,
    TLSError,
    TLSHandshakeTimeout,
    address_text,
)
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed
from reactor.loop.wait_state import call, current_context
from reactor.net.address import (
    Host,
    HostLike,
    IPv6Choice,
    ServiceLike,
    Target,
    family_for_connecting,
    read_local,
    read_target,
)
from reactor.net.inquiry import Found, Inquiry, known_addresses
from reactor.net.options import SocketOptions
from reactor.net.path import UnixTarget
from reactor.net.race import Race, of_family
from reactor.net.resolver import Resolver
from reactor.net.socket_address import SocketAddress, any_interface
from reactor.opening.attempt import Attempt, Racing
from reactor.state.async_io_state import AsyncIOState
from reactor.state.connection import Callback
from reactor.state.handshake import Handshaking, socket_of

Result: TypeAlias = Channel | SocketError

CONNECT_TIMEOUT: Final = 30.0  # seconds, for look-up, all attempts and TLS together


def connect_tcp(
    collection: WaitStateCollection,
    host: HostLike,
    service: ServiceLike,
    callback: Callback,
    *,
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    user_info: Any = None,
    connect_timeout: float | None = CONNECT_TIMEOUT,
    local_address: HostLike | None = None,
    local_port: ServiceLike | None = None,
    keepalive: bool = False,
    nodelay: bool = True,
    linger: float | None = None,
    user_timeout: float | None = None,
    name: Any = "Connected TCP",
    queue_output: bool = False,
    queue_input: bool = False,
    tls: Any = None,
    configure_context: Any = None,
    configure_connection: Any = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    server_hostname: ServerHostname = None,
    ipv6: IPv6Choice = "any",
) -> AsyncIOState:
    """Return a state that is being connected; `callback` is told when it is, or why not.

    Args:
        collection: where the state belongs; it keeps the state alive until that is closed.
        host: a name, numeric text, a number, or an `ipaddress` object.
        service: a port, its digits, or the name of a service.
        callback: gets `(state, None)` when the state can be used, under TLS after the handshake;
            or the closed state and the error; `StateClosed` if it was closed meanwhile.
        read_timeout: seconds; the state's.
        write_timeout: seconds; the state's.
        user_info: any object; the state's.
        connect_timeout: seconds for look-up, all attempts and TLS together, 30 by default; None
            waits for the system's verdict.
        local_address: where to bind before; None lets the system choose.
        local_port: likewise.
        keepalive: whether the kernel probes a silent peer.
        nodelay: whether small pieces are sent at once; true by default.
        linger: seconds that closing waits for unsent bytes, 0 for a reset.
        user_timeout: seconds that sent bytes may stay unacknowledged.
        name: any object; the state's.
        queue_output: whether a second write waits in line.
        queue_input: whether a second read waits in line.
        tls: a `ClientTLS`, an `ssl.SSLContext`, True for the safe default, None for no TLS.
        configure_context: called with a new context, for which the files of `tls` are read again;
            if it raises, the handshake has failed.
        configure_connection: called with the `ssl.SSLObject` before its handshake.
        handshake_timeout: seconds for the handshake alone, 10 by default.
        server_hostname: the name to verify and to send; None and True are the host.
        ipv6: "any", True or False: which families to look up.

    Raises:
        TypeError, ValueError: an argument is wrong. NameLookupFailed: there is no such service.
        OSError: with `configure_context`, a file of `tls` cannot be read any more.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: `configure_context`; nothing else before it returns.
    Source: LW-031 to LW-042, LW-202.
    """
    check_callback(callback)
    route = read_route(
        host,
        service,
        ipv6=ipv6,
        local=(local_address, local_port),
        options=SocketOptions(nodelay, keepalive, linger, user_timeout),
        connect_timeout=connect_timeout,
        handshake_timeout=handshake_timeout,
        tls=ClientSide(tls, server_hostname, configure_context, configure_connection),
    )
    state = AsyncIOState(
        collection,
        None,
        read_timeout=read_timeout,
        write_timeout=write_timeout,
        user_info=user_info,
        name=name,
        queue_output=queue_output,
        queue_input=queue_input,
        direction="out",
    )
    Delivery(state, route, callback)
    return state


@dataclasses.dataclass(frozen=True, slots=True)
class ClientSide:
    """The options of TLS for one who connects, as they were given."""

    tls: Any = None
    server_hostname: ServerHostname = None
    configure_context: Any = None
    configure_connection: Any = None

    def plan(self, host: HostLike | None) -> tuple[TLSPlan | None, TLSError | None]:
        """Check them; raises as `tls_plan`.

        Returns:
            The plan, None for no TLS; or what `configure_context` has raised: that has to be
            delivered, as if a handshake had failed.
        """
        try:
            plan = tls_plan(
                self.tls,
                side="client",
                host=host,
                server_hostname=self.server_hostname,
                configure_context=self.configure_context,
                configure_connection=self.configure_connection,
            )
        except TLSError as error:
            return None, error
        return plan, None


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """Where to connect to, from where, how, and for how long; made by `read_route`.

    `family` is what is looked up; `local` a host, None for any, and a port, or None to leave our
    end to the system; `failure` is a TLSError that is known already and has to be delivered; `sock`
    is what is connected instead of a new socket, to the first address.

    Thread: any. Calls back: never. Source: LW-022 to LW-026, LW-036 to LW-041.
    """

    target: Target | UnixTarget
    family: int
    local: tuple[Host | None, int] | None
    options: SocketOptions | None
    connect_timeout: float | None
    handshake_timeout: float | None
    plan: TLSPlan | None
    failure: TLSError | None
    sock: socket.socket | None = None

    @property
    def own_host(self) -> Target | None:
        """What has to be looked up for our own end; None leaves it to the system."""
        host, port = self.local or (None, 0)
        return None if host is None else Target(host, port, None)

    def from_own(
        self, addresses: Sequence[SocketAddress], own: Sequence[SocketAddress]
    ) -> Sequence[SocketAddress]:
        """Return the addresses that can be reached from our own ones.

        Raises:
            ConnectError: there is none.
        """
        if self.sock is not None:
            addresses = addresses[:1]  # there is no socket for a second attempt
        families = {one.family for one in own}
        if len(families) != 1:
            return addresses
        return of_family(addresses, families.pop(), peer=self.target.given)

    def attempt(self, own: Sequence[SocketAddress], address: SocketAddress) -> Attempt:
        """Return an attempt at an address, from one of our own if there are any."""
        local, options = None, self.options
        if own:
            local = next(one for one in own if one.family == address.family)
        elif self.local is not None:
            local = any_interface(address.family, self.local[1])
        if options is None:
            return Attempt(address, local, sock=self.sock)
        return Attempt(
            address, local, lambda sock: options.set_on(sock, phase="connect"), self.sock
        )

    def late_error(self, race: Race, elapsed: float) -> ConnectTimedOut:
        """Make the error that no attempt was up in time."""
        limit = self.connect_timeout
        return ConnectTimedOut(
            "it was not up in time" if limit is None else f"it was not up within {limit:g} s",
            limit=limit,
            elapsed=elapsed,
            phase="connect",
            peer=race.first.pair,
            attempts=race.attempts,
        )

    def doubt(self, resolver: Resolver | None, error: SocketError) -> None:
        """Let a resolver forget addresses that were of no use: the next attempt asks anew."""
        if resolver is not None and error.phase != "resolve" and isinstance(self.target, Target):
            resolver.doubt(self.target, self.family)

    def explain(self, error: SocketError) -> None:
        """Say in the message of a failure what was to be connected to."""
        if error.phase != "resolve":
            error.message = f"cannot connect to {address_text(self.target.given)}: {error.message}"


def read_route(
    host: HostLike,
    service: ServiceLike,
    *,
    ipv6: IPv6Choice = "any",
    local: tuple[HostLike | None, ServiceLike | None] = (None, None),
    options: SocketOptions | None = None,
    connect_timeout: float | None = CONNECT_TIMEOUT,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    tls: ClientSide | None = None,
) -> Route:
    """Check the arguments of a connecting verb, which `connect_tcp` describes.

    Raises:
        TypeError, ValueError: one is wrong. NameLookupFailed: there is no such service.

    Thread: any. Calls back: `configure_context`. Source: LW-022 to LW-026, LW-158.
    """
    target = read_target(host, service)
    plan, failure = (tls or ClientSide()).plan(target.server_name)
    return Route(
        target,
        family_for_connecting(ipv6, target.host),
        None if local == (None, None) else read_local(*local),
        options or SocketOptions(),
        check_timeout("connect_timeout", connect_timeout),
        check_timeout("handshake_timeout", handshake_timeout),
        plan,
        failure,
    )


class Delivery:
    """What stands for a state while it is being connected: it brings the channel, or the error.

    Args:
        state: made without an object.
        route: where to.
        callback: the user's.

    Thread: the owner's. Calls back: `callback`, from the loop only. Source: LW-031 to LW-035.
    """

    __slots__ = ("_callback", "_connecting", "_given", "_state")

    def __init__(self, state: AsyncIOState, route: Route, callback: Callback) -> None:
        self._state = state
        self._given = route.target.given
        self._callback = callback
        state.face = self
        state.server_name = route.target.server_name
        self._connecting = Connecting(
            state.collection, route, self._deliver, dropped=state.close_silently
        )

    def cancel(self, status: StateClosed | None) -> None:
        """Give up: the state has been closed, and `callback` is told so unless `status` is None."""
        self._connecting.cancel()
        if status is not None:  # which knows nothing of a host yet
            status.phase, status.peer = "connect", None
            status.message = f"cannot connect to {address_text(self._given)}: {status.message}"
            self._state.later(self._callback, self._state, status)

    def collection_closed(self) -> None:
        """Say nothing: the collection, which has closed the state, has dropped the rest too."""

    def failed(self, exception: Exception) -> bool:
        """Leave an exception of the callback to the error handler."""
        return False

    def _deliver(self, result: Result) -> None:
        state, error = self._state, None
        if isinstance(result, SocketError):
            error = result
            error.connection = state
            state.failed_to_connect()
        else:
            state.connected(result)
            state.object = socket_of(result)
        try:
            call(self._callback, (state, error), state.context)
        except Exception as exception:  # noqa: BLE001  # user code
            state.collection.report(state, exception)


class Phase(enum.Enum):
    """What is being waited for."""

    RESOLVING, RACING, SHAKING, DONE, OVER = range(5)


MOVES: Final = {
    Phase.RESOLVING: {Phase.RACING, Phase.DONE, Phase.OVER},
    Phase.RACING: {Phase.SHAKING, Phase.DONE, Phase.OVER},
    Phase.SHAKING: {Phase.DONE, Phase.OVER},
    Phase.DONE: {Phase.OVER},  # the result is there, and will be told in the next posted call
    Phase.OVER: set[Phase](),
}


class Cancellable(Protocol):
    """What is under way in one of the phases: a look-up, a race, a handshake."""

    def cancel(self) -> object:
        """Give it up, without a call."""


class Connecting(Timed):
    """One connection on its way, made by `connect`; a collection that is closed cancels it.

    Args:
        collection: whose loop does it.
        route: where to and how; see `read_route`.
        done: called once, in the context of who made this, with a channel, which is in no
            collection yet, or with the error. What it raises is its caller's business.
        dropped: called instead when the collection is closed.

    Raises:
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: `done`, from the loop only. Source: LW-029, LW-033 to LW-042.
    """

    __slots__ = (
        "_collection",
        "_context",
        "_current",
        "_deadline",
        "_done",
        "_dropped",
        "_local_addresses",
        "_phase",
        "_result",
        "_route",
    )

    def __init__(
        self,
        collection: WaitStateCollection,
        route: Route,
        done: Callable[[Result], object],
        *,
        dropped: Callable[[], object] | None = None,
    ) -> None:
        collection.owner.check()
        super().__init__()
        self._collection = collection
        self._route = route
        self._done: Callable[[Result], object] | None = done
        self._dropped = dropped
        self._context = current_context()
        self._deadline = moment(route.connect_timeout, collection.clock())
        self._phase = Phase.RESOLVING
        self._current: Cancellable | None = None
        self._result: Result | None = None
        self._local_addresses: Sequence[SocketAddress] = ()
        collection.held.add(self)
        collection.arm(self, self._deadline)
        self._proceed(self._begin)

    def cancel(self) -> None:
        """Give it up: nothing will be called, and no descriptor is left; again is harmless.

        Thread: the owner's. Calls back: never. Source: LW-035, PR-02, REL-14.
        """
        if self._phase is Phase.OVER:
            return
        self._collection.owner.check()
        self._stop()
        self._enter(Phase.OVER)
        self._collection.held.discard(self)
        if isinstance(self._result, Channel):
            self._collection.retire(self._result)
        self._done = None

    def close(self) -> None:
        """Cancel, and tell who wants to know that it was not `done`; for the collection's end."""
        self.cancel()
        if self._dropped is not None:
            self._dropped()

    def retime(self, timeout: float | None) -> None:
        """Have another limit for all of it, in seconds from now; None is none.

        Thread: the owner's. Calls back: never before it returns. Source: CL-52.
        """
        if self._phase not in (Phase.DONE, Phase.OVER):
            self._route = dataclasses.replace(self._route, connect_timeout=timeout)
            self._deadline = moment(timeout, self._collection.clock())
            self._collection.arm(self, self._deadline)

    def on_due(self, now: float) -> None:
        """Give up: the limit of everything has passed."""
        self._finish(self._late_error(now))

    # From phase to phase. A failure in a step is the result.

    def _proceed(self, step: Callable[..., object], *arguments: Any) -> None:
        try:
            step(*arguments)
        except SocketError as error:
            self._finish(error)

    def _begin(self) -> None:
        route = self._route
        if route.failure is not None:
            raise route.failure
        own = route.own_host
        if own is None:
            self._look_up_target(())
        else:
            self._look_up(own, route.family, self._look_up_target)

    def _look_up_target(self, local_addresses: Sequence[SocketAddress]) -> None:
        self._local_addresses = local_addresses
        self._look_up(self._route.target, self._route.family, self._race)

    def _look_up(
        self,
        target: Target | UnixTarget,
        family: int,
        then: Callable[[Sequence[SocketAddress]], None],
    ) -> None:
        if isinstance(target, UnixTarget):
            then(target.known_addresses(family))
            return
        known = known_addresses(self._collection, target, family)
        if known is not None:
            then(known)
            return
        self._current = Inquiry(
            self._collection,
            target,
            family,
            functools.partial(self._go_on, then),
            late=ConnectTimedOut,
            # Without a limit for all of it the system's verdict counts here too.
            limit=NEVER if self._deadline == NEVER else None,
        )

    def _go_on(self, then: Callable[..., None], answer: Found) -> None:
        if isinstance(answer, SocketError):
            self._finish(answer)
        else:
            self._proceed(then, answer)

    def _race(self, addresses: Sequence[SocketAddress]) -> None:
        route, own = self._route, self._local_addresses
        addresses = route.from_own(addresses, own)
        attempt = functools.partial(route.attempt, own)
        self._enter(Phase.RACING)
        self._current = racing = Racing(self._collection, addresses, attempt, self._raced)
        racing.go_on()

    def _raced(self, result: Attempt | SocketError) -> None:
        if isinstance(result, SocketError):
            self._finish(result)
            return
        channel = socket_channel(result.take(), peer_address=result.address.pair)
        plan = self._route.plan
        if plan is None:
            self._finish(channel)
            return
        self._enter(Phase.SHAKING)
        limit = self._route.handshake_timeout
        self._current = Handshaking(
            self._collection, channel, plan, limit, lambda _, answer: self._finish(answer)
        )

    # The end.

    def _finish(self, result: Result) -> None:
        """Keep the result, which is told later."""
        self._stop()
        if isinstance(result, SocketError):
            self._route.explain(result)
            self._route.doubt(self._collection.resolver, result)
        self._result = result
        self._enter(Phase.DONE)
        self._collection.post(self._tell, (), self._context)

    def _tell(self) -> None:
        done, self._done = self._done, None  # who is told may hold us: that shall be no circle
        if done is not None and self._phase is Phase.DONE and self._result is not None:
            self._enter(Phase.OVER)
            self._collection.held.discard(self)
            done(self._result)

    def _stop(self) -> None:
        """Cancel what is under way, and the limit."""
        self._collection.timers.disarm(self)
        current, self._current = self._current, None
        if current is not None:
            current.cancel()

    def _late_error(self, now: float) -> SocketError:
        limit, current = self._route.connect_timeout, self._current
        if isinstance(current, Inquiry):
            return current.late_error(limit)
        assert limit is not None, "without a limit there is no timer"
        elapsed = limit + now - self._deadline
        if isinstance(current, Racing):
            return self._route.late_error(current.race, elapsed)
        assert isinstance(current, Handshaking), "nothing else can be under way"
        return TLSHandshakeTimeout(
            f"it was not up within {limit:g} s",
            limit=limit,
            elapsed=elapsed,
            phase="handshake",
            peer=current.channel.peer_address,
        )

    def _enter(self, phase: Phase) -> None:
        if phase not in MOVES[self._phase]:
            raise InternalError(f"{self!r} cannot go from {self._phase.name} to {phase.name}")
        self._phase = phase

    def __repr__(self) -> str:
        return f"<Connecting to {address_text(self._route.target.given)} {self._phase.name}>"
