"""A chat for people with a terminal: lines over TLS on one port, plain ones on another.

    python examples/chat/server.py --host 127.0.0.1 --port 4321 --tls-port 4322

One thread serves everybody. What a guest may do is in `rooms.py`, `parcels.py` and `commands.py`,
what he is to the reactor in `connection.py`, his files in `relay.py`; this file starts and ends
the program.
"""

import argparse
import contextlib
import math
import signal
import sys
from concurrent.futures import Future
from pathlib import Path

from certificate import CertificateMissing, cache_folder, for_localhost
from connection import Chat, Connection
from parcels import Porter
from relay import FileConnection
from rooms import Hall

from reactor import ReactorError, ServerTLS, WaitStateCollection, serve
from reactor.errors import address_text
from reactor.server import Server

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FILE_CONNECTION_LIMIT = 256  # of a port for files; who comes then waits in the kernel's queue


def main() -> int:
    """Serve until a signal; return 0 if everybody could be told goodbye."""
    options = parsed_options()
    try:
        with contextlib.closing(WaitStateCollection("chat")) as collection:
            program = Program(collection, options)
            collection.run()
            return program.exit_status
    except (CertificateMissing, ReactorError, ValueError) as error:  # the last: no such port
        print(f"chat: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1


class Program:
    """The servers of all ports, and how they end.

    Args:
        collection: the reactor that runs everything.
        options: what the command line said.
    """

    def __init__(self, collection: WaitStateCollection, options: argparse.Namespace) -> None:
        self.exit_status = 0
        self._collection = collection
        self._drain_timeout: float = options.drain_timeout
        self._drained: list[Future[int]] = []
        hall = Hall()
        self._chat = Chat(collection, hall, Porter(hall), options.idle_timeout, options.rate)
        self._host: str = options.host
        self._servers: list[Server] = []
        for number in SIGNALS:
            collection.on_signal(number, self.end, number)
        certificate, key = for_localhost(options.certificate_folder)
        plain = self._serve(options.port, options.file_port, None)
        tls = ServerTLS(certificate, key)
        protected = self._serve(options.tls_port, options.tls_file_port, tls)
        introduce(plain, protected, certificate)

    def _serve(self, port: int, file_port: int, tls: ServerTLS | None) -> Server:
        """Listen for guests, and for the files of just these: as they come, so do their files."""
        collection, chat = self._chat.collection, self._chat
        files = serve(
            collection,
            lambda: FileConnection(chat.porter),
            file_port,
            address=self._host,
            tls=tls,
            connection_limit=FILE_CONNECTION_LIMIT,
        )
        guests = serve(
            collection, lambda: Connection(chat, files.port), port, address=self._host, tls=tls
        )
        self._servers += [files, guests]  # ended in this order: guests are told of their files
        return guests

    def end(self, number: int) -> None:
        """Say goodbye and stop; at the second signal just stop."""
        if self._drained:
            self.exit_status = 128 + number  # what a shell reports for a program ended by it
            self._collection.stop()
            return
        say("saying goodbye; once more ends at once")
        self._drained = [server.close(self._drain_timeout) for server in self._servers]
        for future in self._drained:
            future.add_done_callback(self._stop_when_drained)

    def _stop_when_drained(self, _: Future[int]) -> None:
        if all(future.done() for future in self._drained):
            aborted = sum(future.result() for future in self._drained)
            if aborted:
                say(f"{aborted} did not read their goodbye")
            self._collection.stop()


def say(text: str) -> None:
    """Print a line, if somebody still reads: a server behind a pipe may be the last one there."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def introduce(plain: Server, protected: Server, certificate: Path) -> None:
    """Print where the servers are, for programs, and how to come in, for people."""
    host, port = plain.addresses[0]
    tls_host, tls_port = protected.addresses[0]
    tls_address = address_text((tls_host, tls_port))
    print(f"plain {address_text((host, port))}")
    print(f"tls {tls_address}")
    print("connect with one of")
    print(f"  nc {host} {port}")
    print(f"  openssl s_client -quiet -no_ign_eof -connect {tls_address} -CAfile {certificate}")
    print(f"  python -m reactor connect localhost:{tls_port} --tls --cafile {certificate}")
    print("and end the server with Ctrl-C", flush=True)


def positive(text: str) -> float:
    """Read a number from the command line, of seconds for example."""
    if not 0 < float(text) < math.inf:
        raise ValueError
    return float(text)


def parsed_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="A chat server, over TLS and plain.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=4321, help="for plain lines; 0: a free one")
    parser.add_argument("--tls-port", type=int, default=4322, help="for TLS; 0: a free one")
    for option in ("--file-port", "--tls-file-port"):
        parser.add_argument(option, type=int, default=0, help="for files; default: a free one")
    parser.add_argument(
        "--idle-timeout", type=positive, default=600.0, metavar="S", help="seconds without a byte"
    )
    parser.add_argument(
        "--drain-timeout", type=positive, default=5.0, metavar="S", help="seconds for the goodbye"
    )
    parser.add_argument(
        "--rate", type=positive, default=5.0, help="lines a second that a guest may send for long"
    )
    parser.add_argument(
        "--certificate-folder", type=Path, default=cache_folder(), help="default: %(default)s"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
