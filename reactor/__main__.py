"""The command line: `python -m reactor connect | echo | doctor`.

    connect HOST:PORT [--tls] [--cafile FILE]   talk to a server, line by line, from a terminal
    echo [--host HOST] [--port PORT] [--tls-certificate FILE]   send back what arrives
    doctor                                      say what this machine gives us to work with

It is also the smallest complete program on this library: one thread runs the loop, another one
reads the terminal and posts what it reads.
"""

import argparse
import contextlib
import os
import signal
import ssl
import sys
import threading
from typing import Any, Final

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import ReactorError, StateClosed, address_text
from reactor.loop.collection import WaitStateCollection
from reactor.loop.poller import default_selector
from reactor.net.options import ipv6_available
from reactor.protocol import Protocol
from reactor.server import connect, serve

if sys.platform == "win32":

    def descriptor_limit() -> str:
        """Return how many sockets can be waited for."""
        return "512 sockets, the limit of select() in CPython"

else:
    import resource

    def descriptor_limit() -> str:
        """Return how many descriptors this process may have, now and at most."""
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        return f"{now}, can be raised to {most}"


TERMINAL: Final = 0  # the descriptor of standard input
READ_SIZE: Final = 65_536  # bytes


class Terminal(Protocol):
    """What arrives is written to standard output; what is typed is sent."""

    def __init__(self, collection: WaitStateCollection) -> None:
        self.collection = collection
        self.failure: BaseException | None = None
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Say so, and begin to read the terminal."""
        self.transport = transport
        cipher = transport.get_extra_info("cipher")
        how = f" with {cipher[1]}, {cipher[0]}" if cipher else ""
        say(f"connected to {address_text(transport.get_extra_info('peername'))}{how}")
        threading.Thread(target=self._read_terminal, daemon=True).start()

    def data_received(self, data: bytes) -> None:
        """Show what the peer says."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the program."""
        self.failure = exc
        self.collection.stop()

    def _read_terminal(self) -> None:
        """Post what is typed, in a thread: not every terminal can be waited for.

        Not through `sys.stdin`: the interpreter cannot end while a daemon thread is in there.
        """
        with contextlib.suppress(StateClosed):
            while typed := os.read(TERMINAL, READ_SIZE):
                self.collection.apply(self._send, typed)
            self.collection.apply(self._send, b"")

    def _send(self, line: bytes) -> None:
        if self.transport.is_closing():
            return
        if line:
            self.transport.write(line)
        else:
            self.transport.write_eof()


class Echo(Protocol):
    """What arrives is sent back; who does not read is not read either."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)

    def pause_writing(self) -> None:
        """Read no more while the peer does not."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        self.transport.resume_reading()


def run_connect(options: argparse.Namespace) -> int:
    """Talk to a server until one of both ends the conversation."""
    host, _, port = options.address.rpartition(":")
    if not host or not port:
        raise ValueError(f"an address is HOST:PORT, not {options.address!r}")
    tls = ClientTLS(trusted_file=options.cafile) if options.tls or options.cafile else None
    collection = WaitStateCollection("connect")
    terminal = Terminal(collection)

    def failed(error: BaseException) -> None:
        terminal.failure = error
        collection.stop()

    collection.on_signal(signal.SIGINT, collection.stop)
    connect(collection, lambda: terminal, host, port, failed=failed, tls=tls)
    try:
        collection.run()
    finally:
        collection.close()
    if terminal.failure is not None:
        say(str(terminal.failure))
    return 0 if terminal.failure is None else 1


def run_echo(options: argparse.Namespace) -> int:
    """Send back what arrives, until interrupted."""
    tls = ServerTLS(options.tls_certificate) if options.tls_certificate else None
    collection = WaitStateCollection("echo")
    server = serve(collection, Echo, options.port, address=options.host, tls=tls)

    def stop() -> None:
        server.close(drain_timeout=1.0).add_done_callback(lambda done: collection.stop())

    for number in (signal.SIGINT, signal.SIGTERM):
        collection.on_signal(number, stop)
    for address in server.addresses:
        print(f"echo {address_text(address)}", flush=True)  # a command's output
    try:
        collection.run()
    finally:
        collection.close()
    return 0


def run_doctor(options: argparse.Namespace) -> int:
    """Say what this machine gives us to work with, and what is wrong with it."""
    for name, value in findings().items():
        print(f"{name + ':':<24}{value}")  # a command's output
    return 0


def findings() -> dict[str, str]:
    """Return what there is, by name."""
    collection = WaitStateCollection("doctor")
    try:
        descriptor = "yes" if collection.fileno() is not None else "no: hosts use a wait thread"
        collection.call_later(0.001, collection.stop)
        collection.run()
        lag = f"{collection.stats()['timer_lag'] * 1e6:.0f} us late"
    finally:
        collection.close()
    return {
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "selector": default_selector(),
        "descriptor for hosts": descriptor,
        "a timer of 1 ms": lag,
        "descriptors": descriptor_limit(),
        "TLS library": ssl.OPENSSL_VERSION,
        "TLS 1.3": "yes" if ssl.HAS_TLSv1_3 else "no",
        "trusted roots": roots(),
        "IPv6": "yes" if ipv6_available() else "no",
        "fork guard": "yes" if hasattr(os, "register_at_fork") else "not needed here",
    }


def roots() -> str:
    """Return where the system's roots come from, and how many there are."""
    paths = ssl.get_default_verify_paths()
    count = len(ssl.create_default_context().get_ca_certs())
    return f"{count} from {paths.cafile or paths.capath or 'nowhere: pass trusted_file'}"


def say(text: str) -> None:
    """Tell the user something that is not the conversation."""
    print(f"-- {text}", file=sys.stderr, flush=True)  # a command's output


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reactor", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("connect", help="talk to a server from a terminal")
    command.add_argument("address", metavar="HOST:PORT")
    command.add_argument("--tls", action="store_true", help="use TLS, with the system's roots")
    command.add_argument("--cafile", help="use TLS, and trust only the roots in this file")
    command.set_defaults(run=run_connect)
    command = commands.add_parser("echo", help="send back what arrives")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", default=0, help="0, the default, picks a free one")
    command.add_argument("--tls-certificate", help="use TLS, with this certificate and key")
    command.set_defaults(run=run_echo)
    command = commands.add_parser("doctor", help="say what this machine gives us")
    command.set_defaults(run=run_doctor)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except (ReactorError, OSError, ValueError) as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
