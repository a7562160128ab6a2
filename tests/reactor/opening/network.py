"""What the tests of connecting and accepting share: listeners, look-ups and guests."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import pytest

from reactor.errors import SocketError
from reactor.net.resolver import Resolver
from reactor.net.socket_address import SocketAddress
from reactor.opening.accept import AcceptingHandle
from reactor.state.async_io_state import AsyncIOState
from tests.peers import require_ipv6

if sys.platform != "win32":
    import resource

HOST: Final = "127.0.0.1"
PATIENCE: Final = 10.0  # seconds until a test that waits for somebody has failed
# A broadcast that needs no network: the one of the loopback, which only Linux has.
BROADCAST: Final = "127.255.255.255" if sys.platform == "linux" else "255.255.255.255"
FIRST_HIGH: Final = 1024  # the first descriptor that select() cannot take
USER_TIMEOUT: Final[int] = getattr(socket, "TCP_USER_TIMEOUT", 0)  # an option of Linux

# Of a TCP socket: nodelay, keepalive, linger as bytes, and the user timeout in milliseconds.
Options: TypeAlias = tuple[bool, bool, bytes, int]


class Told:
    """A callback of `connect_tcp` that keeps what it was told; `then` gets the same afterwards."""

    def __init__(
        self, then: Callable[[AsyncIOState, SocketError | None], object] | None = None
    ) -> None:
        self.calls = list[tuple[AsyncIOState, SocketError | None]]()
        self._then = then

    def __call__(self, state: AsyncIOState, error: SocketError | None) -> None:
        self.calls.append((state, error))
        if self._then is not None:
            self._then(state, error)

    def __len__(self) -> int:
        return len(self.calls)

    def __bool__(self) -> bool:
        return bool(self.calls)

    @property
    def error(self) -> Any:
        """The error of the only call; None was success."""
        assert len(self) == 1, f"one call was expected, not {self.calls}"
        return self.calls[0][1]


def family_of(host: str) -> int:
    """Return the family of a numeric host; the test is skipped if this machine does without it."""
    if ":" not in host:
        return socket.AF_INET
    require_ipv6()
    return socket.AF_INET6


@contextlib.contextmanager
def listening(host: str = "127.0.0.1", port: int = 0) -> Iterator[socket.socket]:
    """Listen, as another program does."""
    with socket.create_server((host, port), family=family_of(host)) as server:
        yield server


@contextlib.contextmanager
def full_listener(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Listen with a queue that is full: who connects hears nothing, as from a silent host."""
    with socket.create_server((host, 0), backlog=0) as server, contextlib.ExitStack() as clients:
        for _ in range(3):  # the queue takes one or two
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server


def accepted(server: socket.socket) -> socket.socket:
    """Accept a client; what it has not said in a while it never will."""
    peer, _ = server.accept()
    peer.settimeout(PATIENCE)
    return peer


def port_of(server: socket.socket) -> int:
    """Return the port that a socket is bound to."""
    port: int = server.getsockname()[1]
    return port


def read_options(sock: socket.socket) -> Options:
    """Ask the kernel for the options of a socket."""
    return (
        bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
        bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8),
        sock.getsockopt(socket.IPPROTO_TCP, USER_TIMEOUT),
    )


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port on which nobody listens, and which is free at every address.

    Connections that have ended keep theirs for a minute, each at its address: after many of them
    hardly a port that is free at one can be bound at all.
    """
    with socket.socket(family_of(host)) as sock:
        sock.bind(("::" if ":" in host else "0.0.0.0", 0))
        return port_of(sock)


def at(host: str, port: int) -> SocketAddress:
    """Return a place as system calls take it."""
    if ":" in host:
        return SocketAddress(socket.AF_INET6, (host, port, 0, 0))
    return SocketAddress(socket.AF_INET, (host, port))


def resolver(**addresses: list[str]) -> Resolver:
    """Make a resolver that knows these names, with `_` for a dot, and no others."""

    def look_up(name: str, port: int, family: int, kind: int) -> list[tuple[Any, ...]]:
        found = addresses.get(name.replace(".", "_"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        places = [at(host, port) for host in found]
        return [
            (place.family, kind, 0, "", place.sockaddr)
            for place in places
            if family in (place.family, socket.AF_UNSPEC)
        ]

    return Resolver(lookup=look_up)


@contextlib.contextmanager
def silent_resolver(end: threading.Event | None = None) -> Iterator[Resolver]:
    """Make a resolver that says nothing until the end, and then "try again"."""
    end = end or threading.Event()

    def look_up(*_: object) -> list[tuple[Any, ...]]:
        end.wait(PATIENCE)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    made = Resolver(lookup=look_up)
    try:
        yield made
    finally:
        end.set()
        made.close()


@contextlib.contextmanager
def in_a_thread(function: Callable[[], object]) -> Iterator[None]:
    """Let a blocking client do something meanwhile; what fails there the server has to tell."""

    def run() -> None:
        with contextlib.suppress(OSError):
            function()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)


class Guests:
    """A connection function that keeps whom it got; `then` is called with the same afterwards."""

    def __init__(self, then: Callable[[AcceptingHandle, Any], object] | None = None) -> None:
        self.calls = list[tuple[AcceptingHandle, Any]]()
        self._then = then

    def __call__(self, handle: AcceptingHandle, guest: Any) -> None:
        self.calls.append((handle, guest))
        if self._then is not None:
            self._then(handle, guest)

    def __len__(self) -> int:
        return len(self.calls)

    def __getitem__(self, index: int) -> Any:
        return self.calls[index][1]


def call(clients: contextlib.ExitStack, handle: AcceptingHandle, host: str = HOST) -> socket.socket:
    """Connect to a handle; the kernel does it, whatever the loop is doing."""
    family_of(host)
    sock = socket.create_connection((host, handle.local_port), PATIENCE)
    return clients.enter_context(sock)


def is_closed(client: socket.socket) -> bool:
    """Whether the other end has ended the connection, or will have soon."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Let the system have no descriptor left for us; not on Windows, which has no such limit."""
    with contextlib.ExitStack() as undo:
        if sys.platform != "win32":
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            highest = max(int(fd) for fd in os.listdir("/dev/fd"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
            undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            with contextlib.suppress(OSError):
                while True:
                    undo.callback(os.close, os.dup(0))
        yield


@contextlib.contextmanager
def high_descriptors() -> Iterator[None]:
    """Let every new descriptor be one that select() cannot take."""
    with contextlib.ExitStack() as undo:
        if sys.platform != "win32":
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            if hard in range(FIRST_HIGH + 1):
                pytest.skip("here nobody may have as many descriptors")
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * FIRST_HIGH, hard), hard))
            undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            while (number := os.dup(0)) < FIRST_HIGH:
                undo.callback(os.close, number)
            os.close(number)
        yield
