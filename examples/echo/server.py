"""An echo server: what the smallest program looks like. `python examples/echo/server.py [PORT]`."""

import argparse
import contextlib
import signal

from reactor import Protocol, ReactorError, Transport, WaitStateCollection, serve


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


def main() -> None:
    """Serve until a ^C."""
    parser = argparse.ArgumentParser(description="Send back what comes.")
    parser.add_argument("port", type=int, nargs="?", default=0, help="default: a free one")
    options = parser.parse_args()
    with contextlib.closing(WaitStateCollection("echo")) as collection:
        collection.on_signal(signal.SIGINT, collection.stop)
        try:
            server = serve(collection, Echo, options.port, address="127.0.0.1")
        except ValueError as error:
            parser.error(str(error))
        except ReactorError as error:
            parser.exit(1, f"echo: {error}\n")
        print("echo {}:{}".format(*server.addresses[0]), flush=True)
        collection.run()


if __name__ == "__main__":
    main()
