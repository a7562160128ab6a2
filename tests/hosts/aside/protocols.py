"""A collection in a thread beside a host: what the tests of deliveries share."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from protocols.line import LineProtocol
from reactor.hosts.delivered import DeliveredTransport
from reactor.hosts.thread import DeliveringGuest
from reactor.protocol import BaseProtocol, BufferedProtocol, Protocol
from reactor.server import connect
from tests.hosts.loops import LIMIT, Loop


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


def send_more(protocol: Listening, far: socket.socket) -> None:
    """Send one more byte, and wait until it waits to be delivered."""
    before = protocol.transport.get_read_buffer_size()
    far.sendall(b"!")
    while protocol.transport.get_read_buffer_size() == before:
        protocol.transport.transport.get_write_buffer_size()  # lets the other thread run
