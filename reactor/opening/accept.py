"""Accepting: clients come to a port, and each becomes a connection of the program.

The handle is the listener in its collection. It takes at most a burst of clients in a turn, and
never shakes hands itself: under TLS each client does that on its own, beside the others, and the
program hears only of those who have succeeded.

What can go wrong concerns one client, who is dropped; or the whole system, which has no descriptor
or no memory left. Then the listener is not watched for a while: clients wait in the kernel's queue,
and are served when there is room again.
"""

import concurrent.futures
import contextlib
import dataclasses
import logging
from collections.abc import Callable
from socket import socket as Socket  # a property has the other name
from threading import get_ident
from typing import Any, Final

from reactor.arguments import check_callables, check_callback
from reactor.channel.adopting import socket_channel
from reactor.channel.base import Channel
from reactor.channel.socket_channel import ListeningChannel
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT, TLSPlan, tls_plan
from reactor.deadline import NEVER, check_timeout
from reactor.errors import AcceptError, Address, SocketError, address_text
from reactor.interest import READ
from reactor.loop.collection import WaitStateCollection
from reactor.loop.ownership import NOBODY
from reactor.loop.timers import Timer
from reactor.loop.wait_state import WaitState, call
from reactor.net.address import HostLike, IPv6Choice, ServiceLike
from reactor.net.options import SocketOptions
from reactor.opening.clients import HANDSHAKE_LIMIT, Clients, Limits
from reactor.opening.listen import Bindable, Binding, listen
from reactor.state.async_io_state import AsyncIOState
from reactor.state.connection import Callback, Connection
from reactor.state.handshake import Lobby, socket_of

ACCEPT_LIMIT: Final = 64  # clients in a turn; then timers and other connections have theirs

# Seconds. Equal events that come closer together than this are one burst, and told once.
BURST_GAP: Final = 1.0
# Seconds after which a system without descriptors is asked again; less than the gap above, so that
# a shortage that lasts is told once.
ACCEPT_RETRY_DELAY: Final = 0.5

log: Final = logging.getLogger("reactor")


def accept_tcp(
    collection: WaitStateCollection,
    service: ServiceLike | None,
    connection_function: Callable[..., object],
    *,
    init_function: Callable[[Socket], object] | None = None,
    init_timeout: float | None = None,
    backlog: int | None = None,
    address: HostLike | None = None,
    nodelay: bool = True,
    keepalive: bool = False,
    linger: float | None = None,
    user_timeout: float | None = None,
    ipv6: IPv6Choice = "any",
    reuse_port: bool = False,
    create_state: bool = True,
    name: Any = "Listening",
    queue_output: bool = False,
    queue_input: bool = False,
    handle_name: Any = None,
    user_info: Any = None,
    tls: Any = None,
    tls_side: str = "server",
    configure_context: Any = None,
    configure_connection: Any = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    tls_error_callback: Callable[..., object] | None = None,
    accept_error_callback: Callable[..., object] | None = None,
    connection_limit: int | None = None,
    connection_limit_per_peer: int | None = None,
    handshake_limit: int | None = HANDSHAKE_LIMIT,
) -> "AcceptingHandle":
    """Bind a port and accept whoever comes; clients can connect when this returns.

    Args:
        collection: where the connections belong.
        service: a port, its digits, or the name of a service; None or 0 is any free port.
        connection_function: called with `(handle, state)` for each connection, under TLS after
            its handshake.
        init_function: called with the socket between binding and listening.
        init_timeout: seconds that a busy port is tried for; None is 60, or a single try in a
            callback of the loop.
        backlog: clients that may wait to be accepted; None is 128.
        address: where to bind, None for every interface.
        nodelay: whether small pieces are sent at once; true by default.
        keepalive: whether the kernel probes silent peers.
        linger: seconds that closing waits for unsent bytes, 0 for a reset.
        user_timeout: seconds that sent bytes may stay unacknowledged.
        ipv6: "any" takes both families where the system can, "both" insists on that, True takes
            IPv6 only, False IPv4; with an address "any" and "both" leave it to that.
        reuse_port: whether several handles may share the port.
        create_state: false hands out plain blocking sockets, which the function owns.
        name: any object; the states'.
        queue_output: whether a second write waits in line; the states'.
        queue_input: whether a second read waits in line; the states'.
        handle_name: any object; shown in the `repr` of the handle.
        user_info: any object; the handle's.
        tls: a `ServerTLS` or an `ssl.SSLContext`; None for no TLS.
        tls_side: "server", or "client" for a description of that side.
        configure_context: called with a new context, for which the files of `tls` are read again,
            before the port is bound.
        configure_connection: called with each `ssl.SSLObject` before its handshake.
        handshake_timeout: seconds for each whole handshake, 10 by default; None for no limit.
        tls_error_callback: called with `(handle, exception)` for each TLS that failed to come
            up; None logs a line per burst.
        accept_error_callback: called with `(handle, exception)` when accepting fails, once per
            burst; None logs.
        connection_limit: connections at a time, those shaking hands among them; beyond it
            clients wait in the kernel's queue.
        connection_limit_per_peer: likewise of one host; beyond it they are closed at once.
        handshake_limit: handshakes at a time, 128 by default; beyond it the oldest is dropped.

    Raises:
        BindError: the port or the address cannot be had. TypeError, ValueError: an argument is
        wrong. NameLookupFailed, OperationTimeout: of a name. TLSError: `configure_context` has
        raised. OSError: with it, a file of `tls` cannot be read any more. StateClosed,
        WrongProcess. Whatever `init_function` raises.

    Thread: any, which may wait; one in a callback of the loop never does. Calls back:
    `init_function` and `configure_context`, in the caller's thread. Source: LW-043 to LW-064,
    LW-202.
    """
    plan = server_plan(tls, tls_side, tls_error_callback, (configure_context, configure_connection))
    options = SocketOptions(nodelay, keepalive, linger, user_timeout)
    make = StateMaker(collection, name, queue_output, queue_input)
    reception = Reception(
        connection_function,
        make if create_state or plan is not None else None,
        plan,
        handshake_timeout,
        Limits(connection_limit, connection_limit_per_peer, handshake_limit),
        (tls_error_callback, accept_error_callback),
        options,
    )
    binding = Binding(
        service, address, ipv6, options, backlog, reuse_port, init_function, init_timeout
    )
    return accept(collection, binding, reception, handle_name, user_info)


def server_plan(
    tls: Any,
    side: str = "server",
    error_callback: Callable[..., object] | None = None,
    configure: tuple[Any, Any] = (None, None),
) -> TLSPlan | None:
    """Check the options of TLS for one who accepts; `configure` is for context and connection.

    Raises:
        TypeError, ValueError: they are wrong, or there is no TLS that they could be for.
        TLSError: `configure_context` has raised.

    Thread: any. Calls back: `configure_context`. Source: LW-054, LW-055, LW-057, LW-154.
    """
    context, connection = configure
    plan = tls_plan(tls, side=side, configure_context=context, configure_connection=connection)
    if plan is None and error_callback is not None:
        raise ValueError("tls_error_callback was given, but not tls=")
    return plan


@dataclasses.dataclass(frozen=True, slots=True)
class StateMaker:
    """Makes a state of each channel."""

    collection: WaitStateCollection
    name: Any
    queue_output: bool
    queue_input: bool

    def __call__(self, channel: Channel) -> AsyncIOState:
        """Make a state; its object is the socket."""
        state = AsyncIOState(
            self.collection,
            channel,
            name=self.name,
            queue_output=self.queue_output,
            queue_input=self.queue_input,
        )
        state.object = socket_of(channel)
        return state


@dataclasses.dataclass(frozen=True, slots=True)
class Reception:
    """What becomes of a client.

    Args:
        deliver: called with `(handle, connection)` for each, in the context of the connection.
        make: makes the connection of a channel that is ready; None hands out plain sockets.
        plan: how TLS is spoken, None for no TLS.
        handshake_timeout: seconds, None for no limit.
        limits: how many may come.
        error_callbacks: for TLS and for accepting, with `(handle, exception)`; None logs.
        options: of TCP, for systems on which a listener does not hand them down; None for none.

    Raises:
        TypeError, ValueError: an option is wrong, or they contradict each other.

    Thread: any. Calls back: never. Source: LW-051, LW-054 to LW-058.
    """

    deliver: Callable[..., object]
    make: Callable[[Channel], Connection] | None
    plan: TLSPlan | None = None
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT
    limits: Limits = dataclasses.field(default_factory=Limits)
    error_callbacks: tuple[Callback | None, Callback | None] = (None, None)
    options: SocketOptions | None = None

    def lobby(self, collection: WaitStateCollection, done: Callable[..., object]) -> Lobby | None:
        """Make the place where clients shake hands, None if they do not."""
        if self.plan is None:
            return None
        return Lobby(collection, self.plan, self.handshake_timeout, self.limits.handshakes, done)

    def __post_init__(self) -> None:
        tls_errors, accept_errors = self.error_callbacks
        check_callback(self.deliver)
        check_callables(tls_error_callback=tls_errors, accept_error_callback=accept_errors)
        check_timeout("handshake_timeout", self.handshake_timeout)
        counted = self.limits.connections is not None or self.limits.per_peer is not None
        if self.make is None and counted:
            raise ValueError(
                "connection_limit and connection_limit_per_peer cannot be kept with"
                " create_state=False: nobody tells when such a connection ends"
            )


def accept(
    collection: WaitStateCollection,
    binding: Bindable,
    reception: Reception,
    name: Any = None,
    user_info: Any = None,
) -> "AcceptingHandle":
    """Bind, and accept from the loop on, as `accept_tcp` does.

    Raises:
        Whatever `listen` raises. StateClosed, WrongProcess: the collection cannot be used.

    Thread: any, as for `listen`. Calls back: as `listen`. Source: LW-043, LW-044, LW-047.
    """
    collection.owner.check_alive()
    channel = listen(collection, binding)
    with contextlib.ExitStack() as undo:
        undo.callback(channel.close)
        handle = AcceptingHandle(collection, channel, reception, name, user_info)
        if collection.owner.thread in (NOBODY, get_ident()):
            handle.begin()
        else:
            collection.submit(handle.begin).add_done_callback(handle.begun)
        undo.pop_all()
    return handle


class Pause:
    """Why a handle does not accept; powers of two, so that any number of reasons is a mask."""

    NOT_BEGUN: Final = 1  # it was made in another thread, and the loop does not know yet
    PROGRAM: Final = 2  # `pause`
    FULL: Final = 4  # there are as many connections as there may be
    EXHAUSTED: Final = 8  # the system has no descriptors or no memory
    CLOSED: Final = 16  # for good


class AcceptingHandle(WaitState):
    """A port on which a program accepts; made by `accept_tcp`.

    `name` and `user_info` are the program's, any objects.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only.
    Source: LW-053, LW-058 to LW-064, LW-198.
    """

    __slots__ = (
        "_accept_errors",
        "_channel",
        "_clients",
        "_collection",
        "_count_out",
        "_lobby",
        "_pauses",
        "_reception",
        "_retry",
        "_tls_errors",
        "name",
        "user_info",
    )

    def __init__(
        self,
        collection: WaitStateCollection,
        channel: ListeningChannel,
        reception: Reception,
        name: Any,
        user_info: Any,
    ) -> None:
        super().__init__(channel.fileno())
        self._collection = collection
        self._channel = channel
        self._reception = reception
        self._pauses: int = Pause.NOT_BEGUN
        self._clients = Clients(reception.limits)
        self._lobby = reception.lobby(collection, self._shaken)
        clock, told = collection.clock, reception.error_callbacks
        self._tls_errors = Complaints(self, clock, "TLS has not come up", told[0], every_one=True)
        self._accept_errors = Complaints(self, clock, "it cannot accept for now", told[1])
        self._retry: Timer | None = None
        self._count_out = self._left  # one object for all connections
        self.name = name
        self.user_info = user_info
        channel.address  # noqa: B018  # asked for while it is sure to be known: it stays

    @property
    def collection(self) -> WaitStateCollection | None:
        """The collection, None once closed."""
        return None if self.closed else self._collection

    @property
    def socket(self) -> Socket | None:
        """The listening socket, to be asked and not to be used; None once closed."""
        return None if self.closed else self._channel.sock

    @property
    def address(self) -> Address:
        """The address bound, `(host, port)` or `(path, None)`; stays after closing."""
        return self._channel.address

    @property
    def local_port(self) -> Any:
        """The port bound, a number; stays after closing. None of a Unix socket."""
        return self._channel.address[1]

    @property
    def closed(self) -> bool:
        """Whether `close` was called, or the collection is closed."""
        return bool(self._pauses & Pause.CLOSED)

    @property
    def paused(self) -> bool:
        """Whether the program has paused it."""
        return bool(self._pauses & Pause.PROGRAM)

    @property
    def connection_count(self) -> int:
        """How many of its connections are open, those that are shaking hands among them."""
        return self._clients.count

    @property
    def tls_error_count(self) -> int:
        """How many clients have failed to bring TLS up."""
        return self._tls_errors.count

    def pause(self) -> None:
        """Accept nobody until `resume`; clients wait in the kernel's queue. Again is harmless.

        Thread: the owner's. Calls back: never. Source: LW-198.
        """
        self._collection.owner.check()
        self._pause(Pause.PROGRAM)

    def resume(self) -> None:
        """Go on accepting; again is harmless.

        Thread: the owner's. Calls back: never before it returns. Source: LW-198.
        """
        self._collection.owner.check()
        self._go_on(Pause.PROGRAM)

    def close(self, callback: Callable[[WaitStateCollection], object] | None = None) -> None:
        """Accept no more; connections that have been delivered live on. Again is harmless.

        Args:
            callback: called later, with the collection, when the port is free: at the end of the
                turn, or at once where there is none.

        Thread: the owner's. Calls back: never before it returns. Source: LW-064.
        """
        check_callables(callback=callback)
        self._collection.owner.check(over=self.closed and callback is None)
        if not self.closed:
            self._withdraw()
            self._collection.retire(self._channel)
        if callback is not None:
            # Twice, for what is closed in a turn is closed behind its calls.
            told = self.tell, (callback, self._collection), self.context
            self._collection.post(self._collection.post, told, None)

    # From the loop.

    def begin(self) -> None:
        """Begin to watch.

        Thread: the owner's. Calls back: never. Source: LW-043, LW-047.
        """
        if not self.closed:
            self._collection.add(self)
            self._go_on(Pause.NOT_BEGUN)

    def begun(self, beginning: "concurrent.futures.Future[None]") -> None:
        """See whether `begin`, which was posted, has been called.

        Thread: that in which `begin` was called, or the maker's. Calls back: the error
        handler, at most. Source: LW-012, LW-047.
        """
        if beginning.cancelled():  # the collection was closed before
            self._pauses |= Pause.CLOSED
            self._channel.close()
        elif (exception := beginning.exception()) is not None:
            self._channel.close()
            self._collection.report(self, exception)

    def on_readable(self) -> None:
        """Accept a burst of clients.

        Thread: the owner's. Calls back: the functions of the `Reception`. Source: LW-044,
        LW-059 to LW-061.
        """
        for _ in range(ACCEPT_LIMIT):
            if self._pauses:
                return
            try:
                accepted = self._channel.accept()
            except AcceptError as error:
                self._exhausted(error)
                return
            if accepted is None:
                return
            self._receive(*accepted)

    def close_silently(self) -> None:
        """Close: the collection is being closed.

        Thread: the owner's. Calls back: never. Source: LW-011.
        """
        self._withdraw()
        self._collection.close_later(self._channel)

    def tell(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call a function of the user's; what it raises goes to the error handler.

        Thread: the owner's. Calls back: that function. Source: LW-016, LW-060, LW-064.
        """
        try:
            callback(*arguments)
        except Exception as exception:  # noqa: BLE001  # user code
            self._collection.report(self, exception)

    # One client.

    def _receive(self, sock: Socket, peer: Address) -> None:
        reception = self._reception
        if reception.make is None:
            self._hand_out(sock)
            return
        channel = socket_channel(sock, peer_address=peer)
        if not self._clients.admit(peer[0]):
            channel.close()  # which cannot fail, as the socket's can
            return
        if self._clients.full:
            self._pause(Pause.FULL)
        try:
            if reception.options is not None:
                reception.options.set_on_accepted(sock)
            if self._lobby is not None:
                self._lobby.enter(channel)
        except SocketError as error:
            self._lost(channel, error)
            return
        if self._lobby is None:
            self._welcome(channel)
        else:
            self._lobby.drop_excess()

    def _shaken(self, channel: Channel, error: SocketError | None) -> None:
        """Let a client in, or out, whose handshake has ended."""
        if error is None:
            self._welcome(channel)
        else:
            self._left(channel)
            self._tls_errors.tell(error)

    def _welcome(self, channel: Channel) -> None:
        """Make a connection of a channel that is ready, and tell the program."""
        reception = self._reception
        assert reception.make is not None, "plain sockets have no channel"
        try:
            connection = reception.make(channel)
        except SocketError as error:
            self._lost(channel, error)
            return
        connection.on_closed = self._count_out
        try:
            call(reception.deliver, (self, connection), connection.context)
        except Exception as exception:  # noqa: BLE001  # user code
            self._collection.report(connection, exception)

    def _hand_out(self, sock: Socket) -> None:
        """Give a plain socket away; what the program has not taken is closed."""
        with contextlib.ExitStack() as undo:
            undo.callback(sock.close)
            sock.setblocking(True)
            with contextlib.suppress(SocketError):  # it is dead already; who reads from it is told
                if self._reception.options is not None:
                    self._reception.options.set_on_accepted(sock)
            try:
                self._reception.deliver(self, sock)
            except Exception as exception:  # noqa: BLE001  # user code
                self._collection.report(self, exception)
            else:
                undo.pop_all()

    def _lost(self, channel: Channel, error: SocketError) -> None:
        """Give up a client for whom there is no room in the collection."""
        channel.close()
        self._left(channel)
        self._accept_errors.tell(accept_error(error))

    def _left(self, client: Channel | Connection) -> None:
        """Count a connection that has ended."""
        self._clients.left(client.peer_address[0])
        if self._pauses & Pause.FULL:
            self._go_on(Pause.FULL)

    # Pauses, and the end.

    def _exhausted(self, error: SocketError) -> None:
        """Stop for a while; watched, the listener would be ready at once, and the loop spin."""
        self._pause(Pause.EXHAUSTED)
        self._retry = self._collection.call_later(ACCEPT_RETRY_DELAY, self._go_on, Pause.EXHAUSTED)
        self._accept_errors.tell(accept_error(error))

    def _pause(self, reason: int) -> None:
        self._pauses |= reason
        self._watch()

    def _go_on(self, reason: int) -> None:
        self._pauses &= ~reason
        try:
            self._watch()
        except SocketError as error:  # the system cannot watch one more: it is asked again
            self._exhausted(error)

    def _watch(self) -> None:
        if not self._pauses & (Pause.CLOSED | Pause.NOT_BEGUN):
            self._collection.want(self, 0 if self._pauses else READ)

    def _withdraw(self) -> None:
        """Leave the collection, and drop who is shaking hands."""
        self._pauses |= Pause.CLOSED
        self._collection.remove(self)
        if self._retry is not None:
            self._retry.cancel()
        for channel in self._lobby.clear() if self._lobby is not None else ():
            self._clients.left(channel.peer_address[0])

    def __repr__(self) -> str:
        name, closed = f" {self.name}" * (self.name is not None), " closed" * self.closed
        return f"<AcceptingHandle{name} on {address_text(self.address)}{closed}>"


@dataclasses.dataclass(slots=True, eq=False)
class Complaints:
    """What a handle says of one kind of trouble: to a callback, or to the log.

    Args:
        handle: whose trouble it is.
        clock: tells the seconds.
        text: what has happened, for the log.
        callback: called with `(handle, error)`; None logs a line per burst.
        every_one: whether the callback gets every error, or the first of each burst.

    Thread: the owner's. Calls back: `callback`. Source: LW-057, LW-059, LW-060.
    """

    handle: AcceptingHandle
    clock: Callable[[], float]
    text: str
    callback: Callable[..., object] | None
    every_one: bool = False
    count: int = 0
    last: dict[type[SocketError], float] = dataclasses.field(default_factory=dict)  # of each class

    def tell(self, error: SocketError) -> None:
        """Count an error; tell it, unless it belongs to a burst that is known."""
        now = self.clock()
        begins = now - self.last.get(type(error), -NEVER) >= BURST_GAP
        self.last[type(error)] = now
        self.count += 1
        if self.callback is None:
            if begins:
                log.warning("%r: %s (%d so far): %s", self.handle, self.text, self.count, error)
        elif begins or self.every_one:
            self.handle.tell(self.callback, self.handle, error)


def accept_error(error: SocketError) -> AcceptError:
    """Return the failure as one of accepting, whatever step it came from; it is the cause."""
    if isinstance(error, AcceptError):
        return error
    found = AcceptError(
        error.message,
        identifier=error.identifier,
        code=error.code,
        phase="accept",
        situation=error.situation,
        peer=error.peer,
    )
    found.__cause__ = error
    return found
