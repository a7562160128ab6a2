"""A server as a function: it answers, and closes when the answer has left.

`python examples/functions/server.py [PORT]`, then `curl http://127.0.0.1:PORT/`. It reads a request
up to the empty line and looks at nothing else; who wants to speak HTTP in earnest takes a library.
"""

import argparse
import contextlib
import signal

from reactor import ReactorError, WaitStateCollection
from reactor.callbacks import AsyncIOStream, TCPSocket, tcp_server

REQUEST_LIMIT = 16_384  # bytes
PATIENCE = 10.0  # seconds between two arrivals, or without progress


def welcome(socket: TCPSocket) -> None:
    """Bound what a client may send, and how long it may take."""
    socket.input_limit = REQUEST_LIMIT
    socket.set_timeouts(PATIENCE, PATIENCE)
    socket.data = 0  # requests answered


def read(socket: TCPSocket, stream: AsyncIOStream) -> None:
    """Answer when the request is complete."""
    for line in stream:
        if line in (b"\r\n", b"\n") and not socket.data:
            socket.data = 1
            answer(socket)
            return


def answer(socket: TCPSocket) -> None:
    """Send a page, then close: by then all of it is with the kernel."""
    body = f"hello, {socket.peer_address[0]}\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    socket.write(head + body, write_cb=lambda socket: socket.close())


def main() -> None:
    """Serve until a ^C."""
    parser = argparse.ArgumentParser(description="Answer requests of HTTP.")
    parser.add_argument("port", type=int, nargs="?", default=0, help="default: a free one")
    options = parser.parse_args()
    with contextlib.closing(WaitStateCollection("functions")) as collection:
        collection.on_signal(signal.SIGINT, collection.stop)
        where = (collection, "127.0.0.1", options.port)
        try:
            server = tcp_server(*where, read, connect_cb=welcome, stream=True)
        except ValueError as error:
            parser.error(str(error))
        except ReactorError as error:
            parser.exit(1, f"functions: {error}\n")
        print(f"functions 127.0.0.1:{server.local_port}", flush=True)
        collection.run()


if __name__ == "__main__":
    main()
