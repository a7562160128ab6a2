"""make_socket: one function for every kind of socket of blocking code.

The keywords are those of Clozure CL. What they mean together is checked by `Request`; here a
request becomes a socket, by the same routes, bindings and endpoints as everywhere.
"""

import contextlib
import dataclasses
import functools
import socket
from collections.abc import Iterator
from typing import Any

from reactor.channel.adopting import socket_channel
from reactor.channel.base import Channel
from reactor.channel.socket_channel import DatagramChannel, ListeningChannel
from reactor.net.address import HostLike, ServiceLike, lookup_port, read_host
from reactor.net.options import SocketOptions
from reactor.net.path import UNIX, PathLike, UnixTarget, read_path
from reactor.opening.blocking import look_up, open_route
from reactor.opening.connect import CONNECT_TIMEOUT, Route, read_route
from reactor.opening.listen import Binding, Finder
from reactor.opening.udp import Endpoint, open_udp_channel
from reactor.opening.unix import PathBinding
from reactor.sockets.listener_socket import ListenerSocket
from reactor.sockets.request import BACKLOG, Limits, Request
from reactor.sockets.udp_socket import UDPSocket
from reactor.stream.socket_stream import SocketStream


def make_socket(
    *,
    address_family: str = "internet",
    type: str = "stream",  # noqa: A002  # the name of the contract
    connect: str | None = None,
    eol: Any = None,
    format: str = "bivalent",  # noqa: A002  # likewise
    remote_host: HostLike | None = None,
    remote_port: ServiceLike | None = None,
    local_host: HostLike | None = None,
    local_port: ServiceLike | None = None,
    local_filename: PathLike | None = None,
    remote_filename: PathLike | None = None,
    keepalive: bool = False,
    reuse_address: bool = False,
    nodelay: bool = False,
    broadcast: bool = False,
    linger: float | None = None,
    backlog: int = BACKLOG,
    out_of_band_inline: bool = False,
    connect_timeout: float | None = CONNECT_TIMEOUT,
    input_timeout: float | None = None,
    output_timeout: float | None = None,
    deadline: float | None = None,
    fd: int | None = None,
) -> Any:
    """Make a socket of any kind for code that waits; the caller waits for names and connecting.

    Args:
        address_family: "internet" for IPv4, "internet6", or "file" for a path.
        type: "stream", or "datagram", which has no paths.
        connect: "active", meant by None, connects, and "passive" listens. A datagram socket hears
            everybody, unless it is "active" and has a complete remote target.
        eol: accepted, and of no effect.
        format: "text" makes `receive_from` return text; "binary", and "bivalent", the default,
            bytes. Streams carry bytes.
        remote_host: whom to connect to; of a datagram socket the default target.
        remote_port: likewise, a number, its digits or a service name.
        local_host: what to bind, None for every interface.
        local_port: likewise; None or 0 lets the system choose.
        local_filename: the path that a listener makes; one that a dead server left is taken over.
        remote_filename: the path to connect to.
        keepalive: whether the kernel probes a silent peer of TCP.
        reuse_address: whether a port may be bound although old connections have it.
        nodelay: whether TCP sends small pieces at once; false by default, as all of these are.
        broadcast: whether datagrams may go to broadcast addresses.
        linger: seconds that closing TCP waits for unsent bytes, 0 for a reset.
        backlog: clients that may wait to be accepted, 5 by default.
        out_of_band_inline: whether urgent bytes come in the stream.
        connect_timeout: 0 to 1,000,000 seconds for look-up and connecting, 30 by default; None is
            no limit.
        input_timeout: seconds; the `read_timeout` of the result.
        output_timeout: seconds; the `write_timeout` of the result.
        deadline: a moment of `time.monotonic()` in place of `connect_timeout`; it becomes the
            `deadline` of the result.
        fd: an open descriptor instead of a new socket. It belongs to the result, or is closed if
            the system refuses; one that is connected, or listens, is taken as it is.

    Returns:
        A `SocketStream` if it is active, a `ListenerSocket` if passive, a `UDPSocket` for
        datagrams.

    Raises:
        ValueError, TypeError: a keyword is wrong or missing; there was no system call yet.
        SocketCreationError and its kinds: BindError, ConnectError, ConnectTimedOut,
        NameLookupFailed. Nothing is left open, and no path.

    Thread: one that may wait. Calls back: never. Source: CC-01 to CC-26.
    """
    options = SocketOptions(
        bool(nodelay), bool(keepalive), linger, None, bool(out_of_band_inline), bool(reuse_address)
    )
    request = Request(
        address_family,
        type,
        connect,
        format,
        (remote_host, remote_port),
        (local_host, local_port),
        (remote_filename, local_filename),
        options,
        bool(broadcast),
        backlog,
        Limits(connect_timeout, input_timeout, output_timeout, deadline),
        fd,
    )
    return _make(request)


def _make(request: Request) -> SocketStream | ListenerSocket | UDPSocket:
    timeouts = request.limits.of_waits
    made: SocketStream | ListenerSocket | UDPSocket
    if request.is_datagram:
        default = (None, None) if request.connected else request.remote
        made = UDPSocket(_open_datagrams(request), default, **timeouts)
    elif request.is_passive:
        options = None if request.is_file else request.options
        made = ListenerSocket(_listen(request), options, **timeouts)
    else:
        made = SocketStream(_connect(request), **timeouts)
    made.address_family = request.address_family
    made.format = request.format
    made.deadline = request.limits.deadline
    return made


def _connect(request: Request) -> Channel:
    """Connect, unless there is a socket that is connected."""
    destination = (request.remote_path,) if request.is_file else request.remote
    route = None if None in destination else _route(request)  # without one there is a descriptor
    with _adopted(request) as sock:
        if sock is not None and _is_connected(sock):
            if not request.is_file:
                request.options.set_on(sock, phase="connect")
            return socket_channel(sock)
        if route is None:
            raise _unusable(sock, "it is not connected, and there is no remote target")
        return open_route(dataclasses.replace(route, sock=sock), request.limits.deadline)


def _route(request: Request) -> Route:
    limits = request.limits
    limit = limits.connect_timeout if limits.deadline is None else None
    if request.is_file:
        target = UnixTarget(read_path(request.remote_path, "remote_filename"))
        return Route(target, UNIX, None, None, limit, None, None, None)
    route = read_route(
        *request.remote, local=request.local, options=request.options, connect_timeout=None
    )
    family = _family(request)
    route.target.known_addresses(family)  # a numeric host of the other family is refused
    return dataclasses.replace(route, family=family, connect_timeout=limit)


def _listen(request: Request) -> ListeningChannel:
    """Bind and listen, unless there is a socket that listens."""
    unnamed = request.is_file and request.local_path is None  # then there is a descriptor
    binding = None if unnamed else _binding(request)
    with _adopted(request) as sock:
        if sock is not None and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            if not request.is_file:
                request.options.set_on(sock, phase="bind")
            return ListeningChannel(sock)
        if binding is None:
            raise _unusable(sock, "it does not listen, and there is no local_filename")
        if sock is not None:
            binding = dataclasses.replace(binding, sock=sock)
        return binding.prepared(_finder(request))()


def _binding(request: Request) -> Binding | PathBinding:
    if request.is_file:
        return PathBinding(read_path(request.local_path, "local_filename"), backlog=request.backlog)
    host, port = request.local
    return Binding(
        port,
        host,
        request.ipv6,
        request.options,
        request.backlog,
        reuse_address=request.options.reuse_address,
    )


def _open_datagrams(request: Request) -> DatagramChannel:
    local_host, local_port = request.local
    remote_host, remote_port = request.remote
    if not request.connected:  # it may be a default, or half of one
        if remote_host is not None:
            read_host(remote_host, "remote_host")
        if remote_port is not None:
            lookup_port(remote_port, "udp")
        remote_host = remote_port = None
        if local_port is None and request.fd is None:
            local_port = 0  # it hears everybody: so it is bound from the start
    endpoint = Endpoint(
        local_host,
        local_port,
        remote_host,
        remote_port,
        request.ipv6,
        request.broadcast,
        reuse_address=request.options.reuse_address,
    )
    with _adopted(request) as sock:
        return open_udp_channel(_finder(request), dataclasses.replace(endpoint, sock=sock))


def _finder(request: Request) -> Finder:
    """Return what looks names up within the limits of the request."""
    return functools.partial(look_up, deadline=request.limits.last_moment())


def _family(request: Request) -> int:
    return socket.AF_INET6 if request.ipv6 else socket.AF_INET


@contextlib.contextmanager
def _adopted(request: Request) -> Iterator[socket.socket | None]:
    """Lend the socket of a descriptor that was given, None if there was none.

    It is closed if it comes to nothing, unless it was found unusable.
    """
    if request.fd is None:
        yield None
        return
    try:
        sock = socket.socket(fileno=request.fd)
    except OSError as error:
        raise ValueError(f"descriptor {request.fd} is no socket") from error
    kind = socket.SOCK_DGRAM if request.is_datagram else socket.SOCK_STREAM
    family = UNIX if request.is_file else _family(request)
    if (sock.type, sock.family) != (kind, family):
        raise _unusable(sock, f"it is no {request.address_family} {request.type}")
    try:
        yield sock
    except BaseException:
        sock.close()
        raise


def _unusable(sock: socket.socket | None, why: str) -> ValueError:
    """Make the error of a descriptor that stays the caller's."""
    assert sock is not None, "there was a descriptor"
    return ValueError(f"descriptor {sock.detach()} cannot be used: {why}")


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
