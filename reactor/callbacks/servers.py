"""Servers as functions: `tcp_server` and its Unix twin."""

from typing import Any

from reactor.arguments import check_callables
from reactor.callbacks.binding import Settings
from reactor.callbacks.handlers import (
    Callbacks,
    EventCallback,
    ReadCallback,
    SocketCallback,
)
from reactor.callbacks.tcp_socket import TCPSocket
from reactor.errors import AcceptError
from reactor.loop.collection import WaitStateCollection
from reactor.net.address import HostLike, ServiceLike
from reactor.net.path import PathLike
from reactor.server import Server, serve


def tcp_server(
    collection: WaitStateCollection,
    bind_address: HostLike | None,
    port: ServiceLike | None,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    connect_cb: SocketCallback | None = None,
    backlog: int = -1,
    stream: bool = False,
    tls: Any = None,
) -> "TCPServer":
    """Listen, and give every client a `TCPSocket` that has these callbacks.

    Args:
        collection: whose loop serves.
        bind_address: a local address or name; None is 0.0.0.0.
        port: a number, digits, or a service name; 0 and None let the system choose.
        read_cb: gets `(socket, data)` with the bytes that have arrived, or `(socket, stream)`.
        event_cb: gets the one event at the end of each connection, as of `tcp_connect`, and an
            `AcceptError` if the server cannot accept for now, once per burst; None logs them.
        connect_cb: gets `(socket)` for every client, before anything is read.
        backlog: how many clients may wait to be accepted; below 1 it is 128.
        stream: whether `read_cb` gets a stream that keeps what arrives.
        tls: a `ServerTLS` or an `ssl.SSLContext`; None is plain.

    Raises:
        BindError: the address cannot be had; it is tried once. ValueError, TypeError: an argument
        is wrong. WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's. Calls back: never before it returns. Source: CL-12 to CL-17.
    """
    server = TCPServer(collection, Callbacks(read_cb, None, event_cb), connect_cb, stream=stream)
    server.listen(
        port=0 if port is None else port,
        address="0.0.0.0" if bind_address is None else bind_address,
        backlog=backlog,
        tls=tls,
    )
    return server


def unix_server(
    collection: WaitStateCollection,
    path: PathLike,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    connect_cb: SocketCallback | None = None,
    backlog: int = -1,
    stream: bool = False,
    tls: Any = None,
) -> "TCPServer":
    """Listen on a path; all else is as for `tcp_server`.

    The path that a dead server has left is taken over; a live one's, and any other file, is not.
    It is removed at `close()`, if it is still this server's.

    Args:
        collection: whose loop serves.
        path: text, bytes or path-like; a NUL in front is a name in Linux's abstract space.
        read_cb: gets what has arrived.
        event_cb: gets the one event at the end of each connection, and an `AcceptError`.
        connect_cb: is told of every client, before anything is read.
        backlog: how many clients may wait to be accepted; below 1 it is 128.
        stream: whether `read_cb` gets a stream that keeps what arrives.
        tls: a `ServerTLS` or an `ssl.SSLContext`; None is plain.

    Raises:
        BindError: the path cannot be had; it is tried once. ValueError, TypeError: an argument is
        wrong, or there are no Unix sockets here. WrongThread, StateClosed, WrongProcess.

    Thread: the owner's. Calls back: never before it returns. Source: CL-69.
    """
    server = TCPServer(collection, Callbacks(read_cb, None, event_cb), connect_cb, stream=stream)
    server.listen(path=path, backlog=backlog, tls=tls)
    return server


class TCPServer:
    """A listening socket; made by `tcp_server` and `unix_server`.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only.
    Source: CL-18 to CL-20.
    """

    __slots__ = ("_callbacks", "_collection", "_connect_cb", "_server", "_stream")

    def __init__(
        self,
        collection: WaitStateCollection,
        callbacks: Callbacks,
        connect_cb: SocketCallback | None,
        *,
        stream: bool,
    ) -> None:
        check_callables(connect_cb=connect_cb)
        self._collection = collection
        self._callbacks = callbacks
        self._connect_cb = connect_cb
        self._stream = stream
        self._server: Server  # set by `listen`, before any client can come

    @property
    def closed(self) -> bool:
        """Whether it accepts no more for good."""
        return self._server.closed

    @property
    def local_port(self) -> Any:
        """The port that is bound, a number, also after closing; None of a Unix socket."""
        return self._server.handle.local_port

    def close(self) -> None:
        """Accept no more, and free the port; connections go on. Once more is harmless.

        Raises:
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never. Source: CL-19.
        """
        self._server.handle.close()

    def listen(self, *, backlog: int, **how: Any) -> None:
        """Bind and accept, once: `how` is for `serve`.

        Thread: the owner's. Calls back: never. Source: CL-12, CL-13.
        """
        backlog_or_default = backlog if backlog >= 1 else None
        self._server = serve(
            self._collection,
            self.make_socket,
            backlog=backlog_or_default,
            failed=self.failed,
            **how,
        )

    def make_socket(self) -> TCPSocket:
        """Make the socket of a client that has been accepted.

        Thread: the owner's. Calls back: never. Source: CL-17.
        """
        settings = Settings(self._connect_cb, drain=not self._stream)
        return TCPSocket(self._collection, self._callbacks, settings)

    def failed(self, error: AcceptError) -> None:
        """Tell that it cannot accept for now.

        Thread: the owner's. Calls back: `event_cb`. Source: CL-20.
        """
        error.connection = error.server = self
        self._callbacks.tell(error)

    def __repr__(self) -> str:
        return f"<TCPServer of {self._server!r}>"
