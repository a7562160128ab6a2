"""Conversations: a client that tells what it was told, and the servers that it asks.

The measure of ours is the standard library's: a blocking `ssl.SSLSocket` on the same OpenSSL,
asked in the same way. Where its client learns the reason, that of ours learns the same one; and
where a reset destroys its last word, ours arrives all the same.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from reactor.loop.collection import WaitStateCollection
from reactor.protocol import Protocol
from reactor.server import Server, serve
from reactor.state.async_io_state import AsyncIOState
from reactor.transport import Transport
from tests.certificates import Certificates

LIMIT: Final = 10.0  # seconds for one conversation; it takes milliseconds
ROUNDS: Final = 3  # what a reset destroys is a matter of luck
LOST: Final = ("lost",)

Told: TypeAlias = tuple[Any, ...]
Talk: TypeAlias = Callable[[socket.socket], Told]
Serve: TypeAlias = Callable[[socket.socket, Any], object]
Ask: TypeAlias = Callable[[Any, Talk], Told]


def spoken(tls: ssl.SSLSocket) -> Told:
    """Say something, hear the echo, and tell what was agreed."""
    tls.sendall(b"hello")
    return ("data", tls.recv(100), tls.selected_alpn_protocol())


def alert_in(error: ssl.SSLError) -> Told:
    """Return the alert that was read; without one the connection just ended."""
    return LOST if error.reason is None else ("alert", error.reason)


def tls_client(context: ssl.SSLContext, server_hostname: str = "localhost") -> Talk:
    """A client that tells the alert it reads."""

    def talk(sock: socket.socket) -> Told:
        try:
            with context.wrap_socket(sock, server_hostname=server_hostname) as tls:
                return spoken(tls)
        except ssl.SSLError as error:
            return alert_in(error)
        except ConnectionError:
            return LOST

    return talk


def raw_client(data: bytes) -> Talk:
    """A client that is none of TLS, and tells the bytes it reads."""

    def talk(sock: socket.socket) -> Told:
        got = b""
        try:
            with sock:
                sock.sendall(data)
                with contextlib.suppress(OSError):  # a reset may have come before
                    sock.shutdown(socket.SHUT_WR)
                while piece := sock.recv(4096):
                    got += piece
        except ConnectionError:
            return ("bytes", got) if got else LOST
        return ("bytes", got)

    return talk


def plain_serve(sock: socket.socket, context: ssl.SSLContext) -> None:
    """Serve as a blocking program does: shake hands, echo once, close."""
    with sock, contextlib.suppress(OSError), context.wrap_socket(sock, server_side=True) as tls:
        tls.sendall(tls.recv(100))


def our_serve(collection: WaitStateCollection) -> Serve:
    """Serve as a program of ours does."""

    def echo(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        data = bytes(buffer[:end])
        if state.read_status is not None:
            state.close()
        else:
            state.finish(end)
            state.write_buffer(data, lambda state, *_: state.close())

    def attached(state: AsyncIOState, error: Exception | None) -> None:
        if error is None:
            state.read_with_checking(echo)
        else:
            state.close()

    def serve(sock: socket.socket, tls: Any) -> None:
        AsyncIOState(collection, sock).attach_tls(attached, tls=tls)

    return lambda sock, tls: collection.submit(serve, sock, tls).result(LIMIT)


def conversation(serve: Serve, tls: Any, talk: Talk) -> Told:
    """Let a client talk to a server, and return what it was told."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        sock = socket.create_connection(listener.getsockname(), timeout=LIMIT)
        told = pool.submit(talk, sock)
        accepted, _ = listener.accept()
        serve(accepted, tls)
        return told.result(LIMIT)


class Echo(Protocol):
    """Echoes once, and closes."""

    def connection_made(self, transport: Any) -> None:
        self.transport: Transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.close()


def at_our_door(collection: WaitStateCollection) -> Ask:
    """Let clients talk to a server of ours that accepts them itself."""

    def open_door(tls: Any) -> Server:
        return serve(collection, Echo, 0, address="127.0.0.1", tls=tls)

    def ask(tls: Any, talk: Talk) -> Told:
        server = collection.submit(open_door, tls).result(LIMIT)
        try:
            return talk(socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT))
        finally:
            collection.submit(server.close).result(LIMIT)

    return ask


def of_a_state(collection: WaitStateCollection) -> Ask:
    """Let clients talk to a state of ours that was given the accepted socket."""
    return partial(conversation, our_serve(collection))


FACES: Final[tuple[Callable[[WaitStateCollection], Ask], ...]] = (of_a_state, at_our_door)


@dataclass
class Case:
    """How a conversation with a server fails: the two ends, and what must be told at least."""

    expected: Told
    talk: Talk
    server: Any
    ours: Any = field(default=None)

    def is_told_by(self, ask: Ask) -> None:
        """Assert that ours tells what is expected, every time, and a blocking one nothing else."""
        ours = [ask(self.ours or self.server, self.talk) for _ in range(ROUNDS)]
        plain = {conversation(plain_serve, self.server, self.talk) for _ in range(ROUNDS)}
        assert ours == [self.expected] * ROUNDS
        assert plain - {LOST} <= {self.expected}


def contexts(certificates: Certificates, version: ssl.TLSVersion) -> tuple[Any, Any]:
    """Make a client's context of one version, and a server's of any."""
    client = certificates.client_context()
    client.minimum_version = client.maximum_version = version
    return client, certificates.server_context()
