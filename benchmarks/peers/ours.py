"""Ours: what a user of `reactor` writes, with a read timeout armed on every connection."""

import ssl
from collections.abc import Callable
from typing import Any

from benchmarks.work import MESSAGE_SIZE
from reactor import AsyncIOState, Protocol, WaitStateCollection, accept_tcp, serve

READ_TIMEOUT = 60.0  # seconds; armed throughout, and never reached


class Echo(Protocol):
    """The echo of the other peers, but a peer that falls silent is dropped."""

    def connection_made(self, transport):
        """Keep the transport and arm the timeout."""
        self.transport = transport
        transport.set_timeouts(read=READ_TIMEOUT)

    def data_received(self, data):
        """Send it back."""
        self.transport.write(data)


class OurPeer:
    """A WaitStateCollection that serves a Protocol."""

    def __init__(self) -> None:
        self.collection = WaitStateCollection("benchmark")
        self.call_soon = self.collection.call_soon
        self.call_later = self.collection.call_later
        self.call_from_thread = self.collection.apply
        self.run = self.collection.run
        self.stop = self.collection.stop

    def serve(
        self,
        tls: ssl.SSLContext | None,
        *,
        patient: bool = True,
        factory: Callable[[], Any] = Echo,
    ) -> int:
        """Start a server on a free port and return the port; our echo is always patient."""
        self.server = serve(self.collection, factory, 0, address="127.0.0.1", tls=tls)
        return int(self.server.addresses[0][1])


class StatesPeer(OurPeer):
    """The same on states, for messages of one size: read all of one, write all of it."""

    def serve(self, tls: ssl.SSLContext | None, *, patient: bool = True) -> int:
        """Start an echo server on a free port and return the port."""
        self.handle = accept_tcp(self.collection, 0, accepted, address="127.0.0.1", tls=tls)
        return int(self.handle.local_port)


def accepted(handle: Any, state: AsyncIOState) -> None:
    """Serve a connection, with one buffer."""
    state.read_timeout = READ_TIMEOUT
    state.read_buffer(bytearray(MESSAGE_SIZE), answer)


def answer(state: AsyncIOState, buffer: bytearray, count: int) -> None:
    """Send a whole message back; what is less is the end."""
    if count < MESSAGE_SIZE:
        state.close()
    else:
        state.write_buffer(buffer, listen)


def listen(state: AsyncIOState, buffer: bytearray, count: int) -> None:
    """Wait for the next message, when this one has gone."""
    state.read_buffer(buffer, answer)
