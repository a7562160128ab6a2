"""Unix sockets: connecting to a path, accepting on one, and datagrams between paths.

All of it is what TCP and UDP have, with a path in place of a host and a service: nothing is looked
up, there is one address, and it is bound as `own_path` has it.
"""

import contextlib
import dataclasses
import socket
from collections.abc import Callable
from typing import Any

from reactor.arguments import check_callables, check_callback
from reactor.channel.socket_channel import DatagramChannel, ListeningChannel
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT, ServerHostname
from reactor.deadline import check_timeout
from reactor.errors import from_os_error
from reactor.loop.collection import WaitStateCollection
from reactor.net.path import UNIX, PathLike, UnixTarget, read_path
from reactor.net.socket_address import SocketAddress
from reactor.opening.accept import (
    AcceptingHandle,
    Reception,
    StateMaker,
    accept,
    server_plan,
)
from reactor.opening.clients import HANDSHAKE_LIMIT, Limits
from reactor.opening.connect import CONNECT_TIMEOUT, ClientSide, Delivery, Route
from reactor.opening.listen import BACKLOG, Finder, check_backlog, check_init_timeout
from reactor.opening.own_path import OwnPath, bind_path, check_mode
from reactor.opening.udp import Settings
from reactor.state.async_io_state import AsyncIOState
from reactor.state.connection import Callback


def connect_unix(
    collection: WaitStateCollection,
    path: PathLike,
    callback: Callback,
    *,
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    user_info: Any = None,
    connect_timeout: float | None = CONNECT_TIMEOUT,
    name: Any = "Connected Unix",
    queue_output: bool = False,
    queue_input: bool = False,
    tls: Any = None,
    configure_context: Any = None,
    configure_connection: Any = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    server_hostname: ServerHostname = None,
) -> AsyncIOState:
    """Return a state that is being connected to a path; `callback` is told when it is, or why not.

    A server with as many clients in line as it may have is tried again until the limit.

    Args:
        collection: where the state belongs; it keeps the state alive until that is closed.
        path: text, bytes or path-like; a NUL in front is a name in Linux's abstract space.
        callback: gets `(state, None)` when the state can be used, or the closed state and the
            error, as of `connect_tcp`: `NoSuchPath`, or `ConnectionRefused` if nobody listens.
        read_timeout: seconds; the state's.
        write_timeout: seconds; the state's.
        user_info: any object; the state's.
        connect_timeout: seconds for connecting and TLS together, 30 by default; None is no limit.
        name: any object; the state's.
        queue_output: whether a second write waits in line.
        queue_input: whether a second read waits in line.
        tls: as for `connect_tcp`.
        configure_context: as for `connect_tcp`.
        configure_connection: as for `connect_tcp`.
        handshake_timeout: seconds for the handshake alone, 10 by default.
        server_hostname: the name to verify and to send, since there is no host: to be given, here
            or in the description, unless that checks no names.

    Raises:
        TypeError, ValueError: an argument is wrong, or there are no Unix sockets here.
        OSError: with `configure_context`, a file of `tls` cannot be read any more.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: `configure_context`; nothing else before it returns.
    Source: LW-199, LW-031 to LW-042.
    """
    check_callback(callback)
    route = path_route(
        path,
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


def path_route(
    path: PathLike,
    *,
    connect_timeout: float | None,
    handshake_timeout: float | None,
    tls: ClientSide,
) -> Route:
    """Check the arguments of a verb that connects to a path, as `read_route` does for hosts.

    Raises:
        TypeError, ValueError: one is wrong, or there are no Unix sockets here.

    Thread: any. Calls back: `configure_context`. Source: LW-199.
    """
    plan, failure = tls.plan(None)
    return Route(
        UnixTarget(read_path(path)),
        UNIX,
        None,
        None,
        check_timeout("connect_timeout", connect_timeout),
        check_timeout("handshake_timeout", handshake_timeout),
        plan,
        failure,
    )


def accept_unix(
    collection: WaitStateCollection,
    path: PathLike,
    connection_function: Callable[..., object],
    *,
    mode: int | None = None,
    init_function: Callable[[socket.socket], object] | None = None,
    init_timeout: float | None = None,
    backlog: int | None = None,
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
    handshake_limit: int | None = HANDSHAKE_LIMIT,
) -> AcceptingHandle:
    """Bind a path and accept whoever comes; clients can connect when this returns.

    The path that a dead server has left is taken over; a live one's, and any other file, is not.
    It is removed when the handle, or the collection, is closed, if it is still this one.

    Args:
        collection: where the connections belong.
        path: text, bytes or path-like; a NUL in front is a name in Linux's abstract space.
        connection_function: as for `accept_tcp`; `state.peer_credentials` tells who it is.
        mode: permissions of the path, set before anybody can connect; None leaves them to the
            process. Linux asks for write permission to connect; elsewhere the directory counts.
        init_function: called with the socket between binding and listening.
        init_timeout: seconds that a path of a live server is tried for; None is 60, or a single try
            in a callback of the loop.
        backlog: clients that may wait to be accepted; None is 128.
        create_state: false hands out plain blocking sockets, which the function owns.
        name: any object; the states'.
        queue_output: whether a second write waits in line; the states'.
        queue_input: whether a second read waits in line; the states'.
        handle_name: any object; shown in the `repr` of the handle.
        user_info: any object; the handle's.
        tls: as for `accept_tcp`.
        tls_side: as for `accept_tcp`.
        configure_context: as for `accept_tcp`.
        configure_connection: as for `accept_tcp`.
        handshake_timeout: seconds for each whole handshake, 10 by default; None for no limit.
        tls_error_callback: as for `accept_tcp`.
        accept_error_callback: as for `accept_tcp`.
        connection_limit: connections at a time; beyond it clients wait in the kernel's queue.
        handshake_limit: handshakes at a time, 128 by default; beyond it the oldest is dropped.

    Raises:
        BindError: the path cannot be had. TypeError, ValueError: an argument is wrong, or there
        are no Unix sockets here. TLSError: `configure_context` has raised. StateClosed,
        WrongProcess. Whatever `init_function` raises.

    Thread: any, which may wait; one in a callback of the loop never does. Calls back:
    `init_function` and `configure_context`, in the caller's thread. Source: LW-199, LW-043 to
    LW-064, CC-10, CC-33.
    """
    plan = server_plan(tls, tls_side, tls_error_callback, (configure_context, configure_connection))
    make = StateMaker(collection, name, queue_output, queue_input)
    reception = Reception(
        connection_function,
        make if create_state or plan is not None else None,
        plan,
        handshake_timeout,
        Limits(connection_limit, None, handshake_limit),
        (tls_error_callback, accept_error_callback),
    )
    binding = PathBinding(read_path(path), mode, backlog, init_function, init_timeout)
    return accept(collection, binding, reception, handle_name, user_info)


def open_unix_datagram(
    collection: WaitStateCollection,
    path: PathLike | None = None,
    *,
    mode: int | None = None,
    queue_output: bool = True,
    queue_input: bool = False,
    name: Any = None,
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    user_info: Any = None,
) -> AsyncIOState:
    """Open a Unix socket for datagrams; return its state at once.

    Messages go by `send_message_to(path, None, ...)`, and come with `(path, None)` for an address,
    or `(None, None)` from who has no path. The path is taken over and removed as by `accept_unix`.

    Args:
        collection: where the state belongs.
        path: where to be reached, as for `accept_unix`; None cannot be answered.
        mode: permissions of the path; None leaves them to the process.
        queue_output: whether a second message waits in line; it does by default.
        queue_input: whether a second read waits in line.
        name: any object; shown in the `repr`.
        read_timeout: seconds for reads that bring no limit of their own; None is no limit.
        write_timeout: likewise for messages that are sent.
        user_info: any object; the state's.

    Raises:
        BindError: the path cannot be had. TypeError, ValueError: an argument is wrong, or there
        are no Unix sockets here. WrongThread, StateClosed, WrongProcess.

    Thread: the owner's. Calls back: never. Source: LW-200, LW-105.
    """
    collection.owner.check()
    settings = Settings(name, queue_output, queue_input, read_timeout, write_timeout, user_info)
    return settings.state(collection, open_unix_datagram_channel(path, mode))


def open_unix_datagram_channel(
    path: PathLike | None = None, mode: int | None = None
) -> DatagramChannel:
    """Open a datagram socket, bound to a path if there is one; it is in no collection yet.

    Raises:
        BindError, TypeError, ValueError: as `open_unix_datagram`.

    Thread: any. Calls back: never. Source: LW-200.
    """
    address = None if path is None else read_path(path)
    check_mode(mode, address)
    sock, own = _bound(socket.SOCK_DGRAM, address, mode)
    channel = DatagramChannel(sock)
    channel.before_close = None if own is None else own.remove
    return channel


@dataclasses.dataclass(frozen=True, slots=True)
class PathBinding:
    """What a listener on a path is bound to, and how; see `accept_unix`.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Thread: any. Calls back: never. Source: LW-199, LW-045 to LW-048.
    """

    address: SocketAddress
    mode: int | None = None
    backlog: int | None = None
    init_function: Callable[[socket.socket], object] | None = None
    init_timeout: float | None = None
    sock: socket.socket | None = None

    def __post_init__(self) -> None:
        check_mode(self.mode, self.address)
        check_callables(init_function=self.init_function)
        check_backlog(self.backlog)
        check_init_timeout(self.init_timeout)

    def prepared(self, find: Finder) -> Callable[[], ListeningChannel]:
        """Return what tries once to bind and to listen; there is nothing to be looked up."""
        return self._listen

    def _listen(self) -> ListeningChannel:
        sock, own = _bound(socket.SOCK_STREAM, self.address, self.mode, self.sock)
        with contextlib.ExitStack() as undo:
            undo.callback(sock.close)
            if own is not None:
                undo.callback(own.remove)
            if self.init_function is not None:
                self.init_function(sock)
            try:
                sock.listen(self.backlog or BACKLOG)
            except OSError as error:
                raise from_os_error(
                    error, phase="bind", situation="listen", peer=self.address.pair
                ) from error
            undo.pop_all()
        channel = ListeningChannel(sock)
        channel.before_close = None if own is None else own.remove
        return channel


def _bound(
    kind: int,
    address: SocketAddress | None,
    mode: int | None,
    made: socket.socket | None = None,
) -> tuple[socket.socket, OwnPath | None]:
    """Make a Unix socket, and bind it if there is an address."""
    if not UNIX:
        raise ValueError("there are no Unix sockets on this platform")
    pair = (None, None) if address is None else address.pair
    try:
        sock = made or socket.socket(UNIX, kind)
    except OSError as error:
        raise from_os_error(error, phase="bind", situation="socket", peer=pair) from error
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        own = None if address is None else bind_path(sock, address, mode)
        undo.pop_all()
    return sock, own
