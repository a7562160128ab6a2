"""Endpoints for tests: a protocol that writes its calls down, and ways to open it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

from reactor.channel.socket_channel import DatagramChannel
from reactor.datagram import DatagramTransport, open_datagram
from reactor.loop.collection import WaitStateCollection
from reactor.protocol import DatagramProtocol
from reactor.state.connection import Connection
from reactor.testing.settle import settle
from tests.channels import AF_UNIX

LOOPBACK: Final = "127.0.0.1"
LONGEST: Final = 65_507  # bytes; 65,535 less the headers of IPv4 and UDP

# Over the loopback interface a datagram is in the receiver's queue at once, or lost; so a send
# buffer never fills. Between Unix sockets of Linux it does, as soon as the receiver is behind.
can_be_full = pytest.mark.skipif(sys.platform != "linux", reason="needs a send buffer that fills")


class Recorder(DatagramProtocol):
    """A protocol that writes down its calls; `then` is called after each, with its name."""

    def __init__(self, then: Callable[[Recorder, str], object] | None = None) -> None:
        self.calls = list[str]()
        self.datagrams = list[tuple[Any, Any]]()
        self.errors = list[OSError]()
        self.lost = list[BaseException | None]()
        self.transport: Any = None
        self._then = then

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self._then is not None:
            self._then(self, name)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._called("made")

    def datagram_received(self, data: Any, addr: Any) -> None:
        self.datagrams.append((data, addr))
        self._called("received")

    def error_received(self, exc: OSError) -> None:
        self.errors.append(exc)
        self._called("error")

    def pause_writing(self) -> None:
        self._called("pause")

    def resume_writing(self) -> None:
        self._called("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.append(exc)
        self._called("lost")


def echo(protocol: Recorder, name: str) -> None:
    """Send every datagram back."""
    if name == "received":
        protocol.transport.sendto(*protocol.datagrams[-1])


class Answers(dict[str, Callable[[Recorder], object]]):
    """What to do after a call, by its name."""

    def __call__(self, protocol: Recorder, name: str) -> None:
        if name in self:
            self[name](protocol)


def opened(
    collection: WaitStateCollection,
    then: Callable[[Recorder, str], object] | None = None,
    **options: Any,
) -> tuple[DatagramTransport, Recorder]:
    protocol = Recorder(then)
    transport = open_datagram(collection, lambda: protocol, **options)
    settle(collection)
    return transport, protocol


def bound(
    collection: WaitStateCollection, then: Callable[[Recorder, str], object] | None = None
) -> tuple[DatagramTransport, Recorder, Any]:
    transport, protocol = opened(collection, then, local_address=LOOPBACK, local_port=0)
    return transport, protocol, transport.get_extra_info("sockname")


def connected(
    collection: WaitStateCollection,
    address: Any,
    then: Callable[[Recorder, str], object] | None = None,
) -> tuple[DatagramTransport, Recorder]:
    return opened(collection, then, remote_address=address[0], remote_port=address[1])


def clogged(
    collection: WaitStateCollection, then: Callable[[Recorder, str], object] | None = None
) -> tuple[DatagramTransport, Recorder, socket.socket]:
    """Return an endpoint whose peer reads nothing; its first datagrams fill the kernel's queue."""
    near, far = socket.socketpair(AF_UNIX, socket.SOCK_DGRAM)
    far.setblocking(False)
    protocol = Recorder(then)
    transport = DatagramTransport(Connection(collection, DatagramChannel(near)), protocol)
    transport.begin()
    while not transport.get_write_buffer_size():
        transport.sendto(b"filling")
    return transport, protocol, far


def drained(collection: WaitStateCollection, far: socket.socket) -> list[bytes]:
    """Read all that comes, and return what is not filling."""
    received = list[bytes]()
    settle(collection)
    while True:
        try:
            received.append(far.recv(65_536))
        except BlockingIOError:
            return [data for data in received if data != b"filling"]
        collection.run_once(0)
