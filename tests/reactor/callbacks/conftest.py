"""Programs as functions, whose callbacks write down how they are called."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from reactor.callbacks import (
    AsyncIOStream,
    TCPServer,
    TCPSocket,
    tcp_connect,
    tcp_server,
    unix_connect,
    unix_server,
)
from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.loop.collection import WaitStateCollection
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.turns import until

HOST: Final = "127.0.0.1"
PATIENCE: Final = 10.0  # seconds until a plain socket that waits for us has failed


class Program:
    """The callbacks of a client, or of all clients of a server.

    `calls` has the name and the arguments of each behind the socket, in order; `on` maps names to
    what is done there, with the same arguments.
    """

    def __init__(self, **on: Callable[..., object]) -> None:
        self.calls = list[tuple[Any, ...]]()
        self.sockets = list[TCPSocket]()
        self.on = on

    @property
    def socket(self) -> Any:
        """The one socket that has been connected."""
        (one,) = self.sockets
        return one

    @property
    def names(self) -> list[str]:
        """The callbacks, in order; arrivals in a row count once."""
        names = [call[0] for call in self.calls]
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]

    @property
    def received(self) -> bytes:
        """All bytes that came in arrivals."""
        return b"".join(call[1] for call in self.calls if call[0] == "read")

    @property
    def events(self) -> list[Any]:
        """The events."""
        return [call[1] for call in self.calls if call[0] == "event"]

    def connect(self, sock: TCPSocket) -> None:
        self.sockets.append(sock)
        self._note("connect", sock)

    def read(self, sock: TCPSocket, data: Any) -> None:
        self._note("read", sock, data)

    def write(self, sock: TCPSocket) -> None:
        self._note("write", sock)

    def event(self, event: Any) -> None:
        self.calls.append(("event", event))
        self._do("event", event)

    def _note(self, name: str, sock: TCPSocket, *arguments: Any) -> None:
        self.calls.append((name, *arguments))
        self._do(name, sock, *arguments)

    def _do(self, name: str, *arguments: Any) -> None:
        if name in self.on:
            self.on[name](*arguments)


class World:
    """Where the programs of a test live: servers and clients of one kind, and plain sockets."""

    def __init__(
        self, collection: WaitStateCollection, kind: str, certificates: Certificates, folder: Path
    ) -> None:
        self.collection = collection
        self.kind = kind
        self.certificates = certificates
        self.folder = folder
        self.undo = ExitStack()
        self.server: TCPServer
        self._listener: socket.socket

    def serve(self, program: Program, **how: Any) -> TCPServer:
        """Start a server."""
        how = {"connect_cb": program.connect, **how}
        if self.kind == "tls":
            how.setdefault("tls", ServerTLS(self.certificates.localhost))
        told = program.read, program.event
        if self.kind == "unix":
            self.server = unix_server(self.collection, self.path, *told, **how)
        else:
            self.server = tcp_server(self.collection, HOST, 0, *told, **how)
        self.undo.callback(self._close, self.server.close)
        return self.server

    def connect(self, program: Program, **how: Any) -> Any:
        """Begin to connect to the server."""
        return self.dial(program, self.server.local_port, **how)

    @property
    def path(self) -> Path:
        """Where the server is, if it is on a path."""
        return self.folder / "socket"

    def dial(self, program: Program, port: int, **how: Any) -> Any:
        """Begin to connect to a port."""
        how = {"connect_cb": program.connect, "write_cb": program.write, **how}
        read_cb = how.pop("read_cb", program.read)
        event_cb = how.pop("event_cb", program.event)
        if self.kind == "tls":
            how.setdefault("tls", ClientTLS(trusted_file=self.certificates.authority))
        if self.kind == "unix":
            made = unix_connect(self.collection, self.path, read_cb, event_cb, **how)
        else:
            made = tcp_connect(self.collection, HOST, port, read_cb, event_cb, **how)
        self.keep(made)
        return made

    def keep(self, made: TCPSocket | AsyncIOStream) -> None:
        """Abort it behind the test, if nobody has closed it."""
        self.undo.callback(self._close, made.close, True)

    def pair(self, near: Program, far: Program, **how: Any) -> Any:
        """Connect `near` to a server of `far`; return the near socket, with both ends up."""
        self.serve(far)
        made = self.connect(near, **how)
        self.until(lambda: near.sockets and far.sockets)
        self.settle()
        return made.socket if isinstance(made, AsyncIOStream) else made

    def bare(self, program: Program, **how: Any) -> tuple[Any, socket.socket]:
        """Connect to a plain listener; return both ends, the far one a plain socket."""
        self._listener = self.undo.enter_context(socket.create_server((HOST, 0)))
        how.setdefault("tls", None)
        made = self.dial(program, self._listener.getsockname()[1], **how)
        self.settle()
        peer = self.undo.enter_context(self._listener.accept()[0])
        peer.settimeout(PATIENCE)
        self.until(lambda: program.sockets)
        return made, peer

    def call(self) -> socket.socket:
        """Connect a plain socket to the server."""
        address = (HOST, self.server.local_port)
        client = self.undo.enter_context(socket.create_connection(address))
        client.settimeout(PATIENCE)
        self.settle()
        return client

    def settle(self) -> None:
        """Do all that can be done now."""
        settle(self.collection)

    def until_read(self, program: Program, data: bytes) -> None:
        """Take turns until bytes have arrived, as the last ones."""
        self.until(lambda: program.received.endswith(data))

    def until_event(self, program: Program) -> Any:
        """Take turns until there is an event, and return it, the only one."""
        self.until(lambda: program.events)
        self.settle()
        (event,) = program.events
        return event

    def until_closed(self, sock: TCPSocket) -> None:
        """Take turns until a socket is closed, and all that comes of it."""
        self.until(lambda: sock.closed)
        self.settle()

    def until(self, done: Callable[[], object]) -> None:
        """Take turns until something is so."""
        until(self.collection, done)

    def _close(self, close: Callable[..., object], *arguments: Any) -> None:
        if self.collection.alive:
            close(*arguments)

    def close(self) -> None:
        """Leave nothing behind."""
        self.undo.close()
        if self.collection.alive:
            self.settle()


def reset(peer: socket.socket) -> None:
    """Let the connection of a plain socket be reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@pytest.fixture(params=["tcp", "tls", *(["unix"] if hasattr(socket, "AF_UNIX") else [])])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of socket."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def world(
    collection: WaitStateCollection, certificates: Certificates, tmp_path: Path, kind: str
) -> Iterator[World]:
    """A world of each kind."""
    world = World(collection, kind, certificates, tmp_path)
    yield world
    world.close()


@pytest.fixture
def tcp(
    collection: WaitStateCollection, certificates: Certificates, tmp_path: Path
) -> Iterator[World]:
    """A world of plain TCP: for what has nothing to do with the kind."""
    world = World(collection, "tcp", certificates, tmp_path)
    yield world
    world.close()


@pytest.fixture
def errors(collection: WaitStateCollection) -> list[tuple[object, BaseException]]:
    """What the error handler of the collection was given."""
    given = list[tuple[object, BaseException]]()
    collection.error_handler = lambda thing, exception: given.append((thing, exception))
    return given
