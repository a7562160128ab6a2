"""A client that prints what a server says, line by line, and comes again when that was away.

`python examples/follow/client.py HOST PORT`; `nc -lk PORT` is a server to talk to it.
"""

import signal
import sys

from protocols import LineProtocol
from reactor import Backoff, Reconnecting, WaitStateCollection, reconnecting


class Follower(LineProtocol):
    """Prints what comes."""

    def line_received(self, line: bytes) -> None:
        """Print a line; what a stranger has written is shown with its escapes."""
        print(ascii(line.decode(errors="replace"))[1:-1], flush=True)


def away(client: Reconnecting, error: BaseException | None) -> None:
    """Say why there is nobody, and how long it takes."""
    reason = "it has hung up" if error is None else type(error).__name__
    print(f"away: {reason}, again in {client.when - collection.time():.1f} s", flush=True)


if __name__ == "__main__":
    collection = WaitStateCollection("follow")
    client = reconnecting(
        collection,
        Follower,
        sys.argv[1],
        sys.argv[2],
        backoff=Backoff(delay_first=0.2, delay_limit=5.0),
        waiting=away,
        connected=lambda client, transport: print("there", flush=True),
    )
    collection.on_signal(signal.SIGTERM, collection.stop)
    collection.run()
    collection.close()
