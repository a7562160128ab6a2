"""Clients as functions: `tcp_connect` and its Unix twin, in one step or in two."""

from typing import Any

from reactor.arguments import check_callables
from reactor.callbacks.async_io_stream import AsyncIOStream
from reactor.callbacks.binding import Settings
from reactor.callbacks.handlers import Callbacks, EventCallback, ReadCallback, SocketCallback
from reactor.callbacks.tcp_socket import TCPSocket, span
from reactor.channel.base import BytesLike
from reactor.channel.tls_settings import ServerHostname
from reactor.loop.collection import WaitStateCollection
from reactor.net.address import HostLike, ServiceLike
from reactor.net.path import PathLike
from reactor.opening.connect import Connecting
from reactor.server import connect


def tcp_connect(
    collection: WaitStateCollection,
    host: HostLike,
    port: ServiceLike,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    data: BytesLike | str | None = None,
    stream: bool = False,
    connect_cb: SocketCallback | None = None,
    write_cb: SocketCallback | None = None,
    read_timeout: float | None = -1,
    write_timeout: float | None = -1,
    drain: bool | None = None,
    tls: Any = None,
    server_hostname: ServerHostname = None,
) -> Any:
    """Connect to a server; return a `TCPSocket`, or an `AsyncIOStream` around it, at once.

    What is written before the connection is up leaves when it is, behind `data`.

    Args:
        collection: whose loop does it.
        host: a name, numeric text, a 32-bit number or an `ipaddress` object; all addresses of a
            name are tried.
        port: a number, digits, or a service name.
        read_cb: gets `(socket, data)` with the bytes that have arrived, never none, or
            `(socket, stream)`. None reads 64 KiB ahead for one that is given later.
        event_cb: gets one error of `reactor.errors`, the last of all calls: `EndOfStream` if the
            peer has ended the connection, and then the socket can still be written; else what has
            gone wrong. It is not called if the program closes. None logs it.
        data: what is sent first, bytes-like or text.
        stream: whether callbacks get a stream that keeps what arrives, which is also returned.
        connect_cb: gets `(socket)` when the connection is up, under TLS after the handshake.
        write_cb: gets `(socket)` whenever all output has been handed to the kernel.
        read_timeout: seconds without an arrival, and for the connection to be made; None, zero and
            negative numbers, as by default, are no limit, and 30 for the connection to be made.
        write_timeout: seconds without progress while output waits; likewise.
        drain: whether `read_cb` gets bytes; None does unless `stream`.
        tls: a `ClientTLS`, an `ssl.SSLContext`, or True for the safe default; None is plain.
        server_hostname: the name to verify and to send; None and True are the host.

    Raises:
        ValueError, TypeError: an argument is wrong. NameLookupFailed: no such service.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: CL-01 to CL-09.
    """
    unconnected = init_tcp_socket(
        collection,
        read_cb,
        event_cb,
        data=data,
        stream=stream,
        connect_cb=connect_cb,
        write_cb=write_cb,
        read_timeout=read_timeout,
        write_timeout=write_timeout,
        drain=drain,
        tls=tls,
        server_hostname=server_hostname,
    )
    return connect_tcp_socket(unconnected, host, port)


def init_tcp_socket(
    collection: WaitStateCollection,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    data: BytesLike | str | None = None,
    stream: bool = False,
    connect_cb: SocketCallback | None = None,
    write_cb: SocketCallback | None = None,
    read_timeout: float | None = -1,
    write_timeout: float | None = -1,
    drain: bool | None = None,
    tls: Any = None,
    server_hostname: ServerHostname = None,
) -> Any:
    """Make a `TCPSocket`, or an `AsyncIOStream` around one, that will be connected later.

    It touches no network, and can be written. The arguments are those of `tcp_connect`.

    Args:
        collection: whose loop will do it.
        read_cb: gets what has arrived.
        event_cb: gets the one event at the end.
        data: what is sent first.
        stream: whether callbacks get a stream, which is also returned.
        connect_cb: is told when the connection is up.
        write_cb: is told whenever all output has gone.
        read_timeout: seconds without an arrival, and for the connection to be made.
        write_timeout: seconds without progress while output waits.
        drain: whether `read_cb` gets bytes; None does unless `stream`.
        tls: None is plain.
        server_hostname: the name to verify and to send.

    Raises:
        ValueError, TypeError: an argument is wrong. WrongThread, StateClosed, WrongProcess.

    Thread: the owner's. Calls back: never before it returns. Source: CL-10.
    """
    collection.owner.check()
    check_callables(connect_cb=connect_cb)
    settings = Settings(
        connect_cb,
        drain=not stream if drain is None else drain,
        read_timeout=span("read_timeout", read_timeout),
        write_timeout=span("write_timeout", write_timeout),
        tls=tls,
        server_hostname=server_hostname,
    )
    sock = TCPSocket(collection, Callbacks(read_cb, write_cb, event_cb), settings)
    if data is not None:
        sock.write(data)
    return sock.stream if stream else sock


def connect_tcp_socket(
    socket: TCPSocket | AsyncIOStream,
    host: HostLike,
    port: ServiceLike,
    *,
    event_cb: EventCallback | None = None,
) -> Any:
    """Connect what `init_tcp_socket` has made, and return that very object.

    Args:
        socket: a socket, or a stream.
        host: as for `tcp_connect`.
        port: likewise.
        event_cb: replaces that of the socket.

    Raises:
        OperationNotAllowed: it has been connected before. StateClosed: it is closed.
        ValueError, TypeError: an argument is wrong. NameLookupFailed: no such service.
        WrongThread, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: CL-11.
    """
    _begin(socket, "connect_tcp_socket", event_cb, host=host, port=port)
    return socket


def unix_connect(
    collection: WaitStateCollection,
    path: PathLike,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    data: BytesLike | str | None = None,
    stream: bool = False,
    connect_cb: SocketCallback | None = None,
    write_cb: SocketCallback | None = None,
    read_timeout: float | None = -1,
    write_timeout: float | None = -1,
    drain: bool | None = None,
    tls: Any = None,
    server_hostname: ServerHostname = None,
) -> Any:
    """Connect to a server on a path; return a `TCPSocket`, or an `AsyncIOStream` around it.

    All is as for `tcp_connect`, but for the path in place of host and port.

    Args:
        collection: whose loop does it.
        path: text, bytes or path-like; a NUL in front is a name in Linux's abstract space.
        read_cb: gets what has arrived.
        event_cb: gets the one event at the end; of a path that is not there, `NoSuchPath`.
        data: what is sent first.
        stream: whether callbacks get a stream, which is also returned.
        connect_cb: is told when the connection is up.
        write_cb: is told whenever all output has gone.
        read_timeout: seconds without an arrival, and for the connection to be made.
        write_timeout: seconds without progress while output waits.
        drain: whether `read_cb` gets bytes; None does unless `stream`.
        tls: None is plain.
        server_hostname: the name to verify, which has to be given with `tls`.

    Raises:
        ValueError, TypeError: an argument is wrong, or there are no Unix sockets here.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: CL-68.
    """
    socket = init_tcp_socket(
        collection,
        read_cb,
        event_cb,
        data=data,
        stream=stream,
        connect_cb=connect_cb,
        write_cb=write_cb,
        read_timeout=read_timeout,
        write_timeout=write_timeout,
        drain=drain,
        tls=tls,
        server_hostname=server_hostname,
    )
    _begin(socket, "unix_connect", None, path=path)
    return socket


def _begin(
    socket: TCPSocket | AsyncIOStream, verb: str, event_cb: EventCallback | None, **target: Any
) -> None:
    sock: TCPSocket = socket.socket if isinstance(socket, AsyncIOStream) else socket
    tls, server_hostname = sock.tls_as_given

    def begin() -> Connecting:
        return connect(
            sock.collection,
            lambda: sock,
            failed=sock.connect_failed,
            connect_timeout=sock.connect_timeout,
            tls=tls,
            server_hostname=server_hostname,
            **target,
        )

    sock.connect_by(begin, verb, event_cb)
