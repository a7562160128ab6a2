"""Ours: what a user of `reactor` writes, with a read timeout armed on every connection."""

import ssl

from reactor import Protocol, WaitStateCollection, serve

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

    def serve(self, tls: ssl.SSLContext | None, *, patient: bool = True) -> int:
        """Start an echo server on a free port and return the port; ours is always patient."""
        self.server = serve(self.collection, Echo, 0, address="127.0.0.1", tls=tls)
        return int(self.server.addresses[0][1])
