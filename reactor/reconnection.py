"""Reconnection: a client that connects again, and again, until it is told to stop.

It begins a connection, and when that fails or has ended it waits and begins the next. What a
connection is it does not know: `start` begins one, and reports to its `Link`. `reconnecting` is
the usual start, a protocol of the program on whatever `connect` would have brought.

    WAITING ──due, or retry_now──► CONNECTING ──up──► CONNECTED
       ▲                               │                  │
       └──worth another attempt────────┴──failed──ended───┴──not worth it──► OVER ◄── stop

How long it waits is a `Backoff`. Two things are easily got wrong there. A server that accepts and
hangs up at once has not been reached: only a connection that has lasted makes the next failure
count as the first. And of a thousand clients whose server has died no two must come back at one
moment: so the wait behind a connection that had lasted is scattered like every other.

There is one timer and no recursion: an attempt begins in a turn of its own.
"""

import dataclasses
import enum
import math
import random as randomness
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from reactor.arguments import check_callables, check_callback, check_optional_count
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT
from reactor.deadline import check_timeout
from reactor.errors import (
    EndOfStream,
    InternalError,
    OperationAborted,
    OperationNotAllowed,
    ReactorError,
    SocketError,
    TLSVerificationFailed,
    address_text,
)
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed
from reactor.loop.wait_state import call, current_context
from reactor.net.path import PathLike
from reactor.opening.connect import CONNECT_TIMEOUT, ClientSide, Connecting, Route
from reactor.protocol import BaseProtocol
from reactor.server import Factory, begin, dial, read_where
from reactor.state.connection import Connection
from reactor.transport import Transport

# Seconds; the bounds of Twisted's `ClientService`, which multiplies by 1.5.
DELAY_FIRST: Final = 1.0
DELAY_LIMIT: Final = 60.0

# Seconds that a connection has to last before the next failure counts as the first: a guess.
LASTING: Final = 10.0


def reconnecting(
    collection: WaitStateCollection,
    factory: Factory,
    host: Any = None,
    port: int | str | None = None,
    *,
    path: PathLike | None = None,
    backoff: "Backoff | None" = None,
    retry: "Retry | None" = None,
    connected: "Told | None" = None,
    waiting: "Told | None" = None,
    gave_up: "Told | None" = None,
    random: randomness.Random | None = None,
    tls: Any = None,
    server_hostname: str | bool | None = None,
    connect_timeout: float | None = CONNECT_TIMEOUT,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    local_address: Any = None,
    local_port: int | str | None = None,
    ipv6: Any = "any",
) -> "Reconnecting":
    """Connect, give the connection a protocol, and do it again whenever it fails or has ended.

    Each time the resolver is asked anew where the host is, and TLS takes what `ClientTLS.reload`
    has brought.

    Args:
        collection: whose loop does it.
        factory: called without arguments for each connection that is up, with TLS after the
            handshake; returns a fresh protocol.
        host: as for `connect`.
        port: as for `connect`.
        path: that of a Unix socket, instead of host and port, as for `connect`.
        backoff: how long to wait and when to give up; None is `Backoff()`, which never does.
        retry: as for `Reconnecting`.
        connected: gets `(client, transport)` just behind `connection_made`.
        waiting: as for `Reconnecting`.
        gave_up: as for `Reconnecting`.
        random: as for `Reconnecting`.
        tls: as for `connect`.
        server_hostname: as for `connect`.
        connect_timeout: seconds for each attempt: look-up, all addresses and TLS together.
        handshake_timeout: seconds for the handshake alone, beside that; None for no limit.
        local_address: what to bind before connecting; None lets the system choose.
        local_port: likewise.
        ipv6: as for `connect`.

    Returns:
        The client; its `stop()` ends the trying, its `close()` the connection as well.

    Raises:
        ValueError, TypeError: an argument is wrong, two contradict each other, or there are no
        Unix sockets here. NameLookupFailed: no such service. WrongThread, StateClosed,
        WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: PR-02, LW-199.
    """
    collection.owner.check()
    check_callback(factory, "factory")
    route = read_where(
        (host, port),
        path,
        ipv6=ipv6,
        local=(local_address, local_port),
        connect_timeout=connect_timeout,
        handshake_timeout=handshake_timeout,
        tls=ClientSide(tls, server_hostname),
    )
    return Reconnecting(
        collection,
        Dialling(collection, route, factory),
        backoff=backoff,
        retry=retry,
        connected=connected,
        waiting=waiting,
        gave_up=gave_up,
        random=random,
    )


def may_heal(error: BaseException | None) -> bool:
    """Tell whether trying again may help: what `reconnecting` asks unless told otherwise.

    True for whatever network, peer and system do, a name that is not found included: at boot, or
    in a cluster, it will be. False for a certificate that cannot be verified, since trying again
    makes nobody else of the peer, and for what code of the program has raised.

    Args:
        error: why a connection could not be made or has ended; None is an end in order.

    Thread: any. Calls back: never. Source: PR-02.
    """
    if isinstance(error, TLSVerificationFailed):
        return False
    return error is None or isinstance(error, (SocketError, EndOfStream, OperationAborted))


@dataclasses.dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt, and when to make none.

    Behind the first failure it is `delay_first` at most, behind each further one `factor` times as
    much, up to `delay_limit`. From that, `jitter` takes a random part away.

    Args:
        delay_first: seconds.
        delay_limit: seconds; no wait is longer.
        factor: 1 or more; 1 waits the same time always.
        jitter: how much of a wait is left to chance: 0 nothing, 0.5 its second half, 1 all of it.
        reset_after: seconds that a connection must have lasted for the next failure to count as
            the first; None leaves it to `Reconnecting.reset`.
        attempt_limit: failures in a row at which it gives up; None is any number.
        time_limit: seconds, from the first attempt or from the end of the last connection that had
            lasted; none begins later. None is no limit.

    Raises:
        ValueError: a figure is out of its range. TypeError: it is none.

    Thread: any. Calls back: never. Source: PR-02.
    """

    delay_first: float = DELAY_FIRST
    delay_limit: float = DELAY_LIMIT
    factor: float = 2.0
    jitter: float = 0.5
    reset_after: float | None = LASTING
    attempt_limit: int | None = None
    time_limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("delay_first", "delay_limit", "factor", "jitter"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"{name} is a number, not {value!r}")
        if not 0 < self.delay_first <= self.delay_limit < math.inf:
            raise ValueError(
                "the delays must be 0 < delay_first <= delay_limit seconds, not"
                f" {self.delay_first!r} and {self.delay_limit!r}"
            )
        if not 1 <= self.factor < math.inf:
            raise ValueError(f"factor is 1 or more, not {self.factor!r}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is between 0 and 1, not {self.jitter!r}")
        check_optional_count("attempt_limit", self.attempt_limit)
        check_timeout("reset_after", self.reset_after)
        check_timeout("time_limit", self.time_limit)

    def ceiling(self, failure_count: int) -> float:
        """Return the longest wait, in seconds, behind so many failures in a row.

        Args:
            failure_count: 1 or more.

        Thread: any. Calls back: never. Source: PR-02.
        """
        try:
            return min(
                self.delay_limit, self.delay_first * float(self.factor) ** (failure_count - 1)
            )
        except OverflowError:
            return self.delay_limit

    def delay(self, failure_count: int, chance: float) -> float:
        """Return the seconds to wait behind so many failures in a row.

        Args:
            failure_count: 1 or more.
            chance: from 0, which takes nothing away, to 1, which takes all that `jitter` leaves
                to it.

        Thread: any. Calls back: never. Source: PR-02.
        """
        return self.ceiling(failure_count) * (1 - self.jitter * chance)

    def allows(self, failure_count: int, elapsed: float) -> bool:
        """Tell whether another attempt may be made.

        Args:
            failure_count: those in a row so far.
            elapsed: seconds since trying began, at the moment of that attempt.

        Thread: any. Calls back: never. Source: PR-02.
        """
        attempts, seconds = self.attempt_limit, self.time_limit
        return (attempts is None or failure_count < attempts) and (
            seconds is None or elapsed <= seconds
        )


Start: TypeAlias = Callable[["Link"], Any]
Retry: TypeAlias = Callable[[BaseException | None], bool]
Told: TypeAlias = Callable[["Reconnecting", Any], object]


class Phase(enum.Enum):
    """What a client is doing."""

    WAITING, CONNECTING, CONNECTED, OVER = range(4)


MOVES: Final = {
    Phase.WAITING: {Phase.CONNECTING, Phase.OVER},  # for its moment; the first is at once
    Phase.CONNECTING: {Phase.CONNECTED, Phase.WAITING, Phase.OVER},
    Phase.CONNECTED: {Phase.WAITING, Phase.OVER},
    Phase.OVER: set[Phase](),  # it has given up or was stopped; a connection may be left
}


class Reconnecting(Timed):
    """A client that connects again and again, with anything that can be begun again.

    `reconnecting` makes one for protocols. A program that is written as functions makes it itself:
    `start` begins a connection by whatever verb, and tells its `Link` what becomes of it.

    It belongs to its collection, which keeps it, and ends it without a call when it is closed.

    Args:
        collection: whose loop and clock it uses.
        start: called with a `Link` for each attempt; returns what can be closed to give that up,
            or None. If it raises, the attempt has failed.
        backoff: how long to wait and when to give up; None is `Backoff()`, which never does.
        retry: a function of the error, None for an end in order, that tells whether it is worth
            another attempt; None is `may_heal`.
        connected: gets `(client, connection)` whenever a connection is up.
        waiting: gets `(client, error)` whenever there is a wait; `when` is its end.
        gave_up: gets `(client, error)` once, if it tries no more although nobody has stopped it.
            Without it the error handler is told, unless that has had this error already.
        random: where chance comes from; None makes a generator of its own.

    Attributes:
        when: the moment of the next attempt, on the clock of the collection; `math.inf` if none is
            due.
        error: why the last attempt failed or the last connection ended; None if it was in order,
            or if there was none yet.

    Raises:
        TypeError: an argument is wrong.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only, except as
    `Link.connected` says. Source: PR-02.
    """

    __slots__ = (
        "__weakref__",  # PyQt6 connects a signal to a method by one
        "_backoff",
        "_collection",
        "_context",
        "_failure_count",
        "_link",
        "_phase",
        "_random",
        "_retry",
        "_since",
        "_start",
        "_told",
        "error",
    )

    def __init__(
        self,
        collection: WaitStateCollection,
        start: Start,
        *,
        backoff: Backoff | None = None,
        retry: Retry | None = None,
        connected: Told | None = None,
        waiting: Told | None = None,
        gave_up: Told | None = None,
        random: randomness.Random | None = None,
    ) -> None:
        collection.owner.check()
        check_callback(start, "start")
        check_callables(retry=retry, connected=connected, waiting=waiting, gave_up=gave_up)
        if backoff is not None and not isinstance(backoff, Backoff):
            raise TypeError(f"backoff is a Backoff, not {backoff!r}")
        if random is not None and not callable(getattr(random, "random", None)):
            raise TypeError(f"random is a random.Random, not {random!r}")
        super().__init__()
        self._collection = collection
        self._start = start
        self._backoff = backoff or Backoff()
        self._retry = retry or may_heal
        self._told = (connected, waiting, gave_up)
        self._random = random or randomness.Random()
        self._context = current_context()
        self._phase = Phase.WAITING
        self._link: Link | None = None  # from its attempt until it has ended, even if we are OVER
        self._failure_count = 0
        self._since = collection.clock()  # when trying began, this time
        self.error: BaseException | None = None
        collection.held.add(self)
        collection.arm(self, self._since)

    @property
    def concerns(self) -> object:  # type: ignore[override]  # never set
        """Whose callbacks run when the moment has come."""
        return self

    @property
    def connection(self) -> Any:
        """What stands for the connection that is up, a `Transport` for protocols; None without."""
        link = self._link
        return None if link is None or link.since is None else link.thing

    @property
    def failure_count(self) -> int:
        """How many attempts in a row have failed, or have brought what did not last."""
        return 0 if self._has_lasted(self._collection.clock()) else self._failure_count

    @property
    def closed(self) -> bool:
        """Whether it makes no attempt any more, since it was stopped or has given up."""
        return self._phase is Phase.OVER

    def retry_now(self) -> None:
        """End the wait that is running, because a network has come up, say; else do nothing.

        Raises:
            WrongThread, StateClosed, WrongProcess: as every verb of a collection.

        Thread: the owner's. Calls back: never before it returns. Source: PR-02.
        """
        self.check()
        if self._phase is Phase.WAITING:
            self._collection.arm(self, self._collection.clock())

    def reset(self) -> None:
        """Let the next failure count as the first: a login was accepted, say.

        Raises:
            WrongThread, StateClosed, WrongProcess: as every verb of a collection.

        Thread: the owner's. Calls back: never. Source: PR-02.
        """
        self.check()
        self._failure_count = 0
        self._since = self._collection.clock()

    def stop(self) -> None:
        """Begin no further connection, and give up the one on its way; once more is harmless.

        One that is up stays, and is the program's. Nothing is called because of this.

        Raises:
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never. Source: PR-02.
        """
        self.check()
        if self.closed:
            return
        on_its_way = self._link if self._phase is Phase.CONNECTING else None
        self._end()
        if on_its_way is not None:
            self._link = None
            on_its_way.close()

    def close(self) -> None:
        """Do as `stop`, and close the connection that is up; once more is harmless.

        Raises:
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never before it returns. Source: PR-02, PR-11.
        """
        self.stop()
        if self._link is not None:
            self._link.close()

    # From the loop, and from links.

    def on_due(self, now: float) -> None:
        """Begin an attempt: the moment has come.

        Thread: the owner's. Calls back: `start`. Source: PR-02.
        """
        call(self._begin, (), self._context)

    def _begin(self) -> None:
        self._enter(Phase.CONNECTING)
        link = self._link = Link(self)
        try:
            thing = self._start(link)
        except ReactorError as error:
            link.ended(error)
        except BaseException as exception:
            link.ended(exception, told=True)  # by who has called us, as it goes on
            raise
        else:
            link.begun(thing)

    def up(self) -> None:
        """Learn that a connection is up.

        Thread: the owner's. Calls back: never. Source: PR-02.
        """
        self._enter(Phase.CONNECTED)

    def tell(self, link: "Link") -> None:
        """Tell the program that a connection is up, unless it has ended the client meanwhile.

        Thread: the owner's. Calls back: `connected`. Source: PR-02.
        """
        if self._phase is Phase.CONNECTED and self.wants(link):
            self._tell(self._told[0], link.thing)

    def wants(self, link: "Link") -> bool:
        """Tell whether a link is the present one; what others say is of the past.

        Thread: the owner's. Calls back: never. Source: PR-02.
        """
        return self._link is link

    def later(self, link: "Link", error: BaseException | None, told: bool) -> None:
        """Go on in a later turn: a link has ended.

        Thread: the owner's. Calls back: never before it returns. Source: PR-02.
        """
        if self._collection.alive:
            self._collection.post(self._go_on, (link, error, told), self._context)

    def check(self) -> None:
        """Raise unless the calling thread may tell what becomes of a connection.

        Thread: any. Calls back: never. Source: PR-02.
        """
        self._collection.owner.check(over=self.closed)

    def clock(self) -> float:
        """Read the clock of the collection.

        Thread: the owner's. Calls back: never. Source: PR-02.
        """
        return self._collection.clock()

    # What comes next.

    def _go_on(self, link: "Link", error: BaseException | None, told: bool) -> None:
        if link is not self._link:
            return
        now = self.clock()
        if self._has_lasted(now):
            self._failure_count, self._since = 0, now
        self._link = None
        if self.closed:
            return
        self.error = error
        self._failure_count = count = self._failure_count + 1
        delay = self._backoff.delay(count, self._random.random())
        again = False
        try:
            again = self._backoff.allows(count, now + delay - self._since) and self._retry(error)
        finally:  # one that raises has said no
            if again and not self.closed:
                self._enter(Phase.WAITING)
                self._collection.arm(self, now + delay)
                self._tell(self._told[1], error)
            elif not self.closed:
                self._give_up(error, told)

    def _give_up(self, error: BaseException | None, told: bool) -> None:
        self._end()
        gave_up = self._told[2]
        if gave_up is not None:
            self._tell(gave_up, error)
        elif error is not None and not told:
            self._collection.report(self, error)

    def _tell(self, function: Told | None, what: object) -> None:
        """Call a function of the program, which must not stand in the way of what comes next."""
        if function is None:
            return
        try:
            function(self, what)
        except Exception as exception:  # noqa: BLE001  # user code
            self._collection.report(self, exception)

    def _has_lasted(self, now: float) -> bool:
        link, needed = self._link, self._backoff.reset_after
        if link is None or link.since is None or needed is None:
            return False
        return now - link.since >= needed

    def _end(self) -> None:
        self._enter(Phase.OVER)
        self._collection.timers.disarm(self)
        self._collection.held.discard(self)

    def _enter(self, phase: Phase) -> None:
        if phase not in MOVES[self._phase]:
            raise InternalError(f"{self!r} cannot go from {self._phase.name} to {phase.name}")
        self._phase = phase

    def __repr__(self) -> str:
        failures = f", {self._failure_count} failures" if self._failure_count else ""
        return f"<Reconnecting by {self._start!r} {self._phase.name}{failures}>"


class Link:
    """One connection of a client, from its attempt to its end; made by `Reconnecting`.

    Whoever begins the connection tells it what happens. What comes late, from a connection that
    was given up, or twice, does no harm.

    Attributes:
        since: the moment at which it was up, None before.
        thing: what can be closed: the connection once it is up, before that what `start` returned.

    Thread: the owner's. Calls back: see each verb. Source: PR-02.
    """

    __slots__ = ("_client", "since", "thing")

    def __init__(self, client: Reconnecting) -> None:
        self._client = client
        self.since: float | None = None
        self.thing: Any = None

    def begun(self, thing: Any) -> None:
        """Keep what the attempt can be given up with, unless it is up already.

        Thread: the owner's. Calls back: never. Source: PR-02.
        """
        if self.since is None:
            self.thing = thing
        if not self._client.wants(self):
            self.close()  # somebody has stopped the client from inside `start`

    def connected(self, connection: Any) -> None:
        """Tell that the connection is up; one that nobody wants any more is closed.

        Args:
            connection: what stands for it: something with a `close()`.

        Raises:
            OperationNotAllowed: it is up already. WrongThread.

        Thread: the owner's. Calls back: the client's `connected`. Source: PR-02.
        """
        self.up(connection)
        self.tell()

    def up(self, connection: Any) -> None:
        """Do as `connected`, without a word to the program.

        Raises:
            OperationNotAllowed, WrongThread: as `connected`.

        Thread: the owner's. Calls back: never. Source: PR-02.
        """
        client = self._client
        client.check()
        if self.since is not None:
            raise OperationNotAllowed(f"{self!r} is connected already", connection=connection)
        self.thing = connection
        if not client.wants(self):
            self.close()
            return
        self.since = client.clock()
        client.up()

    def ended(self, error: BaseException | None = None, *, told: bool = False) -> None:
        """Tell that the attempt has failed, or that the connection is over.

        Args:
            error: why; None is an end in order.
            told: whether the error handler has been told already.

        Raises:
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never before it returns. Source: PR-02.
        """
        self._client.check()
        self._client.later(self, error, told)

    def tell(self) -> None:
        """Tell the program that the connection is up, if there is anything to tell still.

        Thread: the owner's. Calls back: the client's `connected`. Source: PR-02.
        """
        self._client.tell(self)

    def close(self) -> None:
        """Close the connection, or give up what leads to it.

        Thread: the owner's. Calls back: what the `close` of the connection calls. Source: PR-02.
        """
        thing, self.thing = self.thing, None
        if thing is not None:
            thing.close()

    def __repr__(self) -> str:
        return f"<Link {'to' if self.since is None else 'with'} {self.thing!r}>"


class Dialling:
    """The start of a client of protocols: a route, and the factory for who answers."""

    __slots__ = ("_collection", "_factory", "_route")

    def __init__(self, collection: WaitStateCollection, route: Route, factory: Factory) -> None:
        self._collection = collection
        self._route = route
        self._factory = factory

    def __call__(self, link: Link) -> Connecting:
        """Begin an attempt."""

        def make() -> BaseProtocol:
            try:
                return self._factory()
            except BaseException as exception:
                link.ended(exception, told=True)  # as it goes on, to the error handler
                raise

        def gone(transport: Transport) -> None:
            report = transport.close_report
            assert report is not None, "it is made before this"
            # Posted, and then posted again by the link, to come behind `connection_lost`.
            self._collection.post(self._gone, (link, report.error, report.phase), None)

        def welcome(connection: Connection) -> None:
            begin(connection, make, link.up, gone)
            link.tell()

        return dial(self._collection, self._route, welcome, link.ended)

    def _gone(self, link: Link, error: BaseException | None, phase: str) -> None:
        link.ended(error, told=phase == "callback")

    def __repr__(self) -> str:
        return f"<Dialling {address_text(self._route.target.given)}>"
