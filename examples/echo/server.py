"""An echo server: what the smallest program looks like. `python examples/echo/server.py [PORT]`."""

import sys

from reactor import Protocol, Transport, WaitStateCollection, serve


class Echo(Protocol):
    """Sends back what it gets, no faster than its peer reads."""

    def connection_made(self, transport: Transport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)

    def pause_writing(self) -> None:
        """Take nothing more from a peer that does not read."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on when it has read."""
        self.transport.resume_reading()


if __name__ == "__main__":
    collection = WaitStateCollection("echo")
    server = serve(collection, Echo, int(sys.argv[1]) if sys.argv[1:] else 0, address="127.0.0.1")
    print("echo {}:{}".format(*server.addresses[0]), flush=True)
    collection.run()
