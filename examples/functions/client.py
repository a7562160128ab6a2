"""A client as functions: it closes when it has what it wants, here the first line of an answer.

`python examples/functions/client.py HOST [PORT] [--tls]` asks a web server whether it is there.
"""

import argparse
import contextlib
import signal
import sys

from reactor import WaitStateCollection
from reactor.callbacks import AsyncIOStream, TCPSocket, tcp_connect
from reactor.errors import ReactorError

PATIENCE = 10.0  # seconds for the connection, and for the answer


def ask(host: str, port: int, tls: bool) -> str | None:
    """Return the status line of a server, or None; why is printed, if it was not a ^C.

    Raises:
        ValueError: there is no such host, or port.
    """
    answers = list[str]()
    with contextlib.closing(WaitStateCollection("client")) as collection:
        collection.on_signal(signal.SIGINT, collection.stop)

        def read(socket: TCPSocket, stream: AsyncIOStream) -> None:
            line = stream.readline()
            if line is not None:  # else it is not complete yet
                answers.append(line.decode("latin-1").strip())
                socket.close()  # the rest does not matter, and nothing more is called
                collection.stop()

        def over(event: ReactorError) -> None:
            print(f"no answer: {event}", file=sys.stderr)
            collection.stop()

        request = f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        tcp_connect(
            *(collection, host, port, read, over),
            data=request,
            stream=True,
            read_timeout=PATIENCE,
            tls=tls or None,
        )
        collection.run()
    return answers[0] if answers else None


def main() -> int:
    """Print the answer; return 1 if there is none."""
    parser = argparse.ArgumentParser(description="Ask a web server whether it is there.")
    parser.add_argument("host")
    parser.add_argument("port", type=int, nargs="?", default=80, help="default: %(default)s")
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    try:
        status = ask(options.host, options.port, options.tls)
    except ValueError as error:
        parser.error(str(error))
    if status is not None:
        print(status)
    return 1 if status is None else 0


if __name__ == "__main__":
    sys.exit(main())
