"""Server: protocols on listening sockets, and protocols that connect.

`serve` and `connect` bring three things together that know nothing of each other: how a channel
comes to be (`opening/`), what a connection is (`state/`), and whose it shall be (a protocol of the
program, made by its factory). From then on only the transport and the protocol are left.
"""

import concurrent.futures
import functools
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from reactor.arguments import check_callables, check_callback, refuse_beside
from reactor.channel.base import Channel
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT
from reactor.deadline import check_timeout
from reactor.errors import AcceptError, Address, SocketError, address_text
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timer
from reactor.loop.wait_state import call
from reactor.net.path import PathLike, read_path
from reactor.opening.accept import (
    AcceptingHandle,
    Reception,
    accept,
    server_plan,
)
from reactor.opening.clients import HANDSHAKE_LIMIT, Limits
from reactor.opening.connect import (
    CONNECT_TIMEOUT,
    ClientSide,
    Connecting,
    Result,
    Route,
    read_route,
)
from reactor.opening.listen import Bindable, Binding
from reactor.opening.own_path import check_mode
from reactor.opening.unix import PathBinding, path_route
from reactor.protocol import BaseProtocol
from reactor.state.connection import Connection
from reactor.state.handshake import socket_of
from reactor.transport import Transport

Factory: TypeAlias = Callable[[], BaseProtocol]

DRAIN_TIMEOUT: Final = 20.0  # seconds


def serve(
    collection: WaitStateCollection,
    factory: Factory,
    port: int | str | None = None,
    *,
    address: Any = None,
    ipv6: Any = "any",
    path: PathLike | None = None,
    mode: int | None = None,
    backlog: int | None = None,
    reuse_port: bool = False,
    tls: Any = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    connection_limit: int | None = None,
    connection_limit_per_peer: int | None = None,
    handshake_limit: int | None = HANDSHAKE_LIMIT,
    failed: Callable[[AcceptError], object] | None = None,
) -> "Server":
    """Listen on a port or a path, and give every client a protocol of its own.

    The path that a dead server has left is taken over; a live one's, and any other file, is not.
    It is removed when the server, or the collection, is closed, if it is still this one.

    Args:
        collection: whose loop serves.
        factory: called without arguments for each connection, after its handshake; returns the
            protocol. If it raises, that connection is over and the error handler is told.
        port: a number, digits, or a service name; 0 and None let the system choose.
        address: a local address or name to bind; None is every interface.
        ipv6: "any" (the default), "both", True or False: the family without `address`.
        path: that of a Unix socket, instead of port, address and family: text, bytes or path-like;
            a NUL in front is a name in Linux's abstract space.
        mode: permissions of the path, set before anybody can connect; None leaves them to the
            process.
        backlog: how many clients may wait to be accepted; None is 128.
        reuse_port: whether another listener may have the same port.
        tls: a `ServerTLS` or an `ssl.SSLContext`; None is plain.
        handshake_timeout: seconds for a handshake, None for no limit.
        connection_limit: connections at one time; at it accepting pauses. None is any number.
        connection_limit_per_peer: connections of one host; one more is closed at once.
        handshake_limit: handshakes at one time; at it the longest one is dropped.
        failed: called with an error if it cannot accept for now, once per burst; None logs it.

    Returns:
        The server; its port or path is bound and clients can connect.

    Raises:
        BindError: the address cannot be had; a busy one is tried once. ValueError, TypeError: an
        argument is wrong, two contradict each other, or there are no Unix sockets here.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: PR-03, LW-043 to LW-061,
    LW-199.
    """
    collection.owner.check()
    check_callback(factory, "factory")
    check_callables(failed=failed)
    server = Server(collection, factory)
    reception = Reception(
        server.welcome,
        server.connection_of,
        server_plan(tls),
        handshake_timeout,
        Limits(connection_limit, connection_limit_per_peer, handshake_limit),
        (None, None if failed is None else functools.partial(server.cannot_accept, failed)),
    )
    binding: Bindable
    if path is None:
        check_mode(mode, None)
        binding = Binding(
            port, address, ipv6, backlog=backlog, reuse_port=reuse_port, init_timeout=0.0
        )
    else:
        refuse_beside(
            "path",
            port=port,
            address=address,
            ipv6=None if ipv6 == "any" else ipv6,
            reuse_port=reuse_port or None,
            connection_limit_per_peer=connection_limit_per_peer,
        )
        binding = PathBinding(read_path(path), mode, backlog, init_timeout=0.0)
    server.handle = accept(collection, binding, reception)
    return server


def connect(
    collection: WaitStateCollection,
    factory: Factory,
    host: Any = None,
    port: int | str | None = None,
    *,
    path: PathLike | None = None,
    failed: Callable[[SocketError], object] | None = None,
    tls: Any = None,
    server_hostname: str | bool | None = None,
    connect_timeout: float | None = CONNECT_TIMEOUT,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    local_address: Any = None,
    local_port: int | str | None = None,
    ipv6: Any = "any",
) -> Connecting:
    """Connect to a host and a port, or to a path, and give the connection a protocol.

    Args:
        collection: whose loop does it.
        factory: called without arguments when the connection is up, with TLS after the
            handshake; returns the protocol. Not called after a failure.
        host: a name, numeric text, a 32-bit number or an `ipaddress` object.
        port: a number, digits, or a service name.
        path: that of a Unix socket, instead of host and port: text, bytes or path-like; a NUL in
            front is a name in Linux's abstract space.
        failed: called later with the one exception, if it fails; None is the error handler.
        tls: a `ClientTLS`, an `ssl.SSLContext`, or True for the safe default; None is plain.
        server_hostname: the name to verify and to send; None and True are the host. With a path
            there is none, so that the name has to be given.
        connect_timeout: seconds for look-up, all attempts and TLS together; None for no limit.
        handshake_timeout: seconds for the handshake alone, beside that; None for no limit.
        local_address: what to bind before connecting; None lets the system choose.
        local_port: likewise.
        ipv6: "any" (the default) uses either family, True only IPv6, False only IPv4.

    Returns:
        A handle; its `close()` cancels, and then nothing is called.

    Raises:
        ValueError, TypeError: an argument is wrong, two contradict each other, or there are no
        Unix sockets here. NameLookupFailed: no such service. WrongThread, StateClosed,
        WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: PR-02, LW-036, LW-037,
    LW-199.
    """
    collection.owner.check()
    check_callback(factory, "factory")
    check_callables(failed=failed)

    def lost(error: SocketError) -> None:
        if failed is not None:
            failed(error)
        else:
            collection.report(connecting, error)

    route = read_where(
        (host, port),
        path,
        ipv6=ipv6,
        local=(local_address, local_port),
        connect_timeout=connect_timeout,
        handshake_timeout=handshake_timeout,
        tls=ClientSide(tls, server_hostname),
    )
    connecting = dial(collection, route, lambda connection: begin(connection, factory), lost)
    return connecting


def read_where(
    peer: tuple[Any, Any],
    path: PathLike | None,
    *,
    ipv6: Any,
    local: tuple[Any, Any],
    **how: Any,
) -> Route:
    """Check the arguments of a verb that connects to a host and a port, or to a path.

    Args:
        peer: host and port, as they were given; None where they were not.
        path: that of a Unix socket, or None.
        ipv6: as for `connect`.
        local: address and port to bind before connecting, None where the system chooses.
        how: the rest of what `read_route` and `path_route` take.

    Raises:
        TypeError, ValueError: one is wrong, or two contradict each other. NameLookupFailed: no
        such service.

    Thread: any. Calls back: never. Source: PR-02, LW-199.
    """
    host, port = peer
    if path is not None:
        family = None if ipv6 == "any" else ipv6
        own = {"local_address": local[0], "local_port": local[1]}
        refuse_beside("path", host=host, port=port, ipv6=family, **own)
        return path_route(path, **how)
    if host is None or port is None:
        raise TypeError("where to? It takes a host and a port, or a path")
    return read_route(host, port, ipv6=ipv6, local=local, **how)


def dial(
    collection: WaitStateCollection,
    route: Route,
    welcome: Callable[[Connection], object],
    failed: Callable[[SocketError], object],
) -> Connecting:
    """Connect along a route, and make a connection of the channel that comes of it.

    Args:
        collection: whose loop does it.
        route: where to, how, and for how long.
        welcome: called with the connection, in its context.
        failed: called with the error instead; both later, and one of them once.

    Raises:
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: PR-02.
    """

    def done(result: Result) -> None:
        if isinstance(result, SocketError):
            failed(result)
            return
        try:
            connection = Connection(collection, result, direction="out")
        except SocketError as error:  # select() cannot watch it
            collection.retire(result)
            failed(error)
            return
        connection.object = socket_of(result)
        connection.server_name = route.target.server_name
        call(welcome, (connection,), connection.context)

    return Connecting(collection, route, done)


class Server:
    """A port or a path, and the connections that came through it; made by `serve`.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only.
    Source: PR-03, PR-15.
    """

    __slots__ = (
        "__weakref__",  # PyQt6 connects a signal to a method by one
        "_aborted_count",
        "_collection",
        "_drained",
        "_factory",
        "_hears_of_end",
        "_transports",
        "handle",
    )

    def __init__(self, collection: WaitStateCollection, factory: Factory) -> None:
        self.handle: AcceptingHandle  # set by `serve`, before any client can come
        self._collection = collection
        self._factory = factory
        self._transports: set[Transport] = set()
        self._drained: concurrent.futures.Future[int] | None = None
        self._aborted_count = 0
        self._hears_of_end = self._ended  # one object for all connections

    @property
    def addresses(self) -> list[Address]:
        """The addresses that clients connect to, `(host, port)` or `(path, None)`; they stay."""
        return [self.handle.address]

    @property
    def port(self) -> Any:
        """The port that is bound, a number; also after closing. None of a Unix socket."""
        return self.handle.local_port

    @property
    def connections(self) -> frozenset[Transport]:
        """The transports of the connections that are up now."""
        return frozenset(self._transports)

    @property
    def closed(self) -> bool:
        """Whether the server accepts no more for good."""
        return self.handle.closed

    def pause(self) -> None:
        """Accept nobody for now; clients wait in the kernel's queue.

        Thread: the owner's. Calls back: never. Source: PR-03, LW-198.
        """
        self.handle.pause()

    def resume(self) -> None:
        """Accept again, those first who have waited.

        Thread: the owner's. Calls back: never before it returns. Source: PR-03, LW-198.
        """
        self.handle.resume()

    def close(
        self, drain_timeout: float | None = DRAIN_TIMEOUT
    ) -> "concurrent.futures.Future[int]":
        """Accept no more, let the connections end in order, abort what is left at the limit.

        A protocol with a method `draining()` is told, and closes its transport when it is ready;
        the others are closed as soon as their output has gone.

        Args:
            drain_timeout: seconds from now until what is left is aborted, None for no limit.

        Returns:
            A future of the number of connections that had to be aborted; the same one every time.

        Thread: the owner's. Calls back: never before it returns. Source: PR-15.
        """
        self._collection.owner.check()
        if self._drained is not None:
            return self._drained
        check_timeout("drain_timeout", drain_timeout)
        drained: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._drained = drained
        self.handle.close()
        for transport in list(self._transports):
            transport.drain()
        if drain_timeout is not None and self._transports:
            timer: Timer = self._collection.call_later(drain_timeout, self._abort_all)
            drained.add_done_callback(lambda done: timer.cancel())
        self._look_whether_drained()
        return drained

    def connection_of(self, channel: Channel) -> Connection:
        """Make the connection of a client that has been accepted.

        Thread: the owner's. Calls back: never. Source: PR-03.
        """
        connection = Connection(self._collection, channel)
        connection.object = socket_of(channel)
        return connection

    def welcome(self, handle: AcceptingHandle, connection: Connection) -> None:
        """Give a connection its protocol.

        Thread: the owner's. Calls back: the factory, `connection_made`. Source: PR-03,
        PR-04.
        """
        begin(connection, self._factory, self._transports.add, self._hears_of_end)

    def cannot_accept(
        self, told: Callable[[AcceptError], object], handle: AcceptingHandle, error: AcceptError
    ) -> None:
        """Tell that nobody can be accepted for now.

        Thread: the owner's. Calls back: `told`. Source: PR-03, CL-20.
        """
        error.listener, error.server = handle.socket, self
        told(error)

    def _ended(self, transport: Transport) -> None:
        self._transports.discard(transport)
        self._look_whether_drained()

    def _abort_all(self) -> None:
        left = list(self._transports)
        self._aborted_count = len(left)
        for transport in left:
            transport.abort()

    def _look_whether_drained(self) -> None:
        drained = self._drained
        if drained is not None and not self._transports and not drained.done():
            drained.set_result(self._aborted_count)

    def __repr__(self) -> str:
        where = ", ".join(address_text(address) for address in self.addresses)
        state = "closed" if self.closed else f"{len(self._transports)} connections"
        return f"<Server on {where}, {state}>"


def begin(
    connection: Connection,
    factory: Factory,
    begun: Callable[[Transport], object] | None = None,
    ended: Callable[[Transport], object] | None = None,
) -> None:
    """Make the protocol and the transport of a connection that is up; runs in its context.

    A factory that raises ends its own connection: the exception leaves, to the error handler. The
    protocol of one that closes the collection is never connected, and so nothing of it is called.
    """
    try:
        protocol = factory()
    except BaseException:
        connection.end()
        raise
    if connection.closed:
        return
    transport = Transport(connection, protocol, ended)
    if begun is not None:
        begun(transport)
    transport.begin()
