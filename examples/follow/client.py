"""A client that prints what a server says, line by line, and comes again when that was away.

`python examples/follow/client.py HOST PORT`; `nc -lk PORT` is a server to talk to it.
"""

import argparse
import contextlib
import signal

from protocols import LineProtocol
from reactor import Backoff, ReactorError, Reconnecting, WaitStateCollection, reconnecting


class Follower(LineProtocol):
    """Prints what comes."""

    def line_received(self, line: bytes) -> None:
        """Print a line; what a stranger has written is shown with its escapes."""
        print(ascii(line.decode(errors="replace"))[1:-1], flush=True)


def follow(collection: WaitStateCollection, host: str, port: str) -> None:
    """Be there whenever the server is.

    Raises:
        ValueError: there is no such host, or port.
        NameLookupFailed: there is no such service.
    """

    def away(client: Reconnecting, error: BaseException | None) -> None:
        reason = "it has hung up" if error is None else type(error).__name__
        print(f"away: {reason}, again in {client.when - collection.time():.1f} s", flush=True)

    reconnecting(
        *(collection, Follower, host, port),
        backoff=Backoff(delay_first=0.2, delay_limit=5.0),
        waiting=away,
        connected=lambda client, transport: print("there", flush=True),
    )


def main() -> None:
    """Follow until a signal."""
    parser = argparse.ArgumentParser(description="Print what a server says, line by line.")
    parser.add_argument("host")
    parser.add_argument("port")
    options = parser.parse_args()
    with contextlib.closing(WaitStateCollection("follow")) as collection:
        for number in (signal.SIGINT, signal.SIGTERM):
            collection.on_signal(number, collection.stop)
        try:
            follow(collection, options.host, options.port)
        except (ValueError, ReactorError) as error:
            parser.error(str(error))
        collection.run()


if __name__ == "__main__":
    main()
