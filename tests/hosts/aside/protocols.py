"""A collection in a thread beside a host: what the tests of deliveries share."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from protocols.line import LineProtocol
from reactor.hosts.delivered import DeliveredTransport
from reactor.hosts.thread import DeliveringGuest
from reactor.loop.collection import WaitStateCollection
from reactor.protocol import BaseProtocol, BufferedProtocol, Protocol
from reactor.server import connect
from tests.certificates import Certificates
from tests.hosts.loops import LIMIT, Loop

AT_ONCE: Final = struct.pack("ii", 1, 0)  # of SO_LINGER: to close is to reset
STARTTLS: Final = b"STARTTLS\n"
GO_ON: Final = b"go on\n"
GREETING: Final = b"greeting\n"


class Listening(Protocol):
    """Notes every call, and fails the test's thread if one comes in another; `over` at the end."""

    transport: DeliveredTransport

    def __init__(self, over: Callable[[], object] = lambda: None) -> None:
        self.over = over
        self.calls: list[str] = []
        self.got = bytearray()
        self.threads: set[threading.Thread] = set()

    def note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.current_thread())

    def connection_made(self, transport: DeliveredTransport) -> None:
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.got += data
        self.note("data")

    def eof_received(self) -> bool | None:
        self.note("eof")
        return False

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.note("lost" if exc is None else f"lost: {type(exc).__name__}")
        self.over()

    def ended(self) -> bool:
        """Tell whether the connection is lost."""
        return self.calls[-1].startswith("lost")


class Echo(Listening):
    """Sends back what comes, and reads only while it may write."""

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.resume_reading()


class Upgrading(Listening):
    """Answers the first that comes, and puts TLS on; notes how that ended, and greets."""

    def __init__(self, tls: Any, over: Callable[[], object] = lambda: None, **options: Any) -> None:
        super().__init__(over)
        self.tls = tls
        self.options = options

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if data.startswith(STARTTLS):
            self.transport.write(GO_ON)
            self.start(unread=data[len(STARTTLS) :])

    def start(self, **options: Any) -> None:
        self.transport.start_tls(self.tls, self.told, **self.options, **options)

    def told(self, transport: DeliveredTransport, error: BaseException | None) -> None:
        assert transport is self.transport
        self.note("secured" if error is None else f"refused: {type(error).__name__}")
        if error is None:
            transport.write(GREETING)


class Lender(BufferedProtocol):
    """Lends three bytes at a time."""

    def __init__(self, host: Loop) -> None:
        self.host = host
        self.buffer = bytearray(3)
        self.got = list[bytes]()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.got.append(bytes(self.buffer[:nbytes]))

    def connection_lost(self, exc: BaseException | None) -> None:
        self.host.quit()


class Lines(LineProtocol):
    """Pauses behind each line, and gives the connection away at the last."""

    def __init__(self, host: Loop, heir: Protocol) -> None:
        super().__init__()
        self.host = host
        self.heir = heir
        self.got = list[bytes]()

    def line_received(self, line: bytes) -> None:
        self.got.append(line)
        if line == b"over":
            self.transport.set_protocol(self.heir)
            return
        self.pause_reading()
        self.host.later(0.001, self.resume_reading)


class Slow(Protocol):
    """Takes a millisecond of the processor for each call, and looks how much has been read."""

    transport: DeliveredTransport

    def __init__(self, host: Loop) -> None:
        self.host = host
        self.digest = hashlib.sha256()
        self.size = self.most = 0

    def connection_made(self, transport: DeliveredTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.most = max(self.most, self.transport.get_read_buffer_size())
        self.digest.update(data)
        self.size += len(data)
        began = time.thread_time()
        while time.thread_time() - began < 0.001:
            pass

    def connection_lost(self, exc: BaseException | None) -> None:
        self.host.quit()


@contextlib.contextmanager
def connected(
    guest: DeliveringGuest, factory: Callable[[], BaseProtocol], **options: Any
) -> Iterator[socket.socket]:
    """Connect a protocol that is delivered; yield the other end, which waits only so long."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        port = listener.getsockname()[1]
        delivered = guest.delivered_protocol(factory)
        guest.collection.apply(
            functools.partial(connect, guest.collection, delivered, "127.0.0.1", port, **options)
        )
        far, _ = listener.accept()
    far.settimeout(LIMIT)
    with far:
        yield far


def run_until(host: Loop, done: Callable[[], object]) -> None:
    """Run the host's loop until something has become true in it."""

    def look() -> None:
        if done():
            host.quit()
        else:
            host.later(0.002, look)

    host.later(0.0, look)
    host.run()


def send_more(protocol: Listening, far: socket.socket, data: bytes = b"!") -> None:
    """Send one more piece, and wait until it waits to be delivered."""
    before = protocol.transport.get_read_buffer_size()
    far.sendall(data)
    while protocol.transport.get_read_buffer_size() == before:
        protocol.transport.transport.get_write_buffer_size()  # lets the other thread run


def turns_until(collection: WaitStateCollection, done: Callable[[], object]) -> None:
    """Wait until something is true, while the other thread takes its turns."""
    for _ in range(10_000):
        if done():
            return
        collection.submit(len, "").result(LIMIT)
    pytest.fail("it never is")


def lose(collection: WaitStateCollection, protocol: Listening, far: socket.socket) -> None:
    """Send `last`, and reset the connection; it ends, of which the protocol is not told yet."""
    before = protocol.transport.get_read_buffer_size()
    far.sendall(b"last")
    turns_until(collection, lambda: protocol.transport.get_read_buffer_size() > before)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    far.close()
    turns_until(collection, lambda: protocol.transport.close_report)


@contextlib.contextmanager
def meanwhile(function: Callable[..., Any], *arguments: Any) -> Iterator[None]:
    """Do the far side's part in a thread; what it raises comes out of the block."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(function, *arguments)
        yield
        done.result(LIMIT)


def shaken(far: socket.socket, certificates: Certificates) -> ssl.SSLSocket:
    """Say that TLS is wanted, hear that it may begin, and shake hands; only that was in clear."""
    far.sendall(STARTTLS)
    assert read(far, len(GO_ON)) == GO_ON
    return certificates.client_context().wrap_socket(far, server_hostname="localhost")


def read(far: socket.socket, size: int) -> bytes:
    """Read so many bytes, and not one more."""
    data = bytearray()
    while len(data) < size and (piece := far.recv(size - len(data))):
        data += piece
    return bytes(data)
