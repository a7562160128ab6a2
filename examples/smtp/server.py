"""An SMTP greeting with STARTTLS, on states: `make run EXAMPLE=smtp ARGS="--port 2525"`.

It greets, answers EHLO, STARTTLS, NOOP, RSET and QUIT, and takes no mail. It shows how a state goes
from clear to TLS in the midst of a conversation: what a client has sent too early, behind its
STARTTLS, goes into the handshake, and is never taken for a command that TLS had protected.

    openssl s_client -starttls smtp -connect 127.0.0.1:2525 -CAfile certificate.pem
    gnutls-cli --starttls-proto=smtp --port=2525 --x509cafile=certificate.pem localhost

The rules are those of RFC 5321 (replies, sizes, limits) and RFC 3207 (STARTTLS).
"""

import argparse
import contextlib
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from certificate import CertificateMissing, cache_folder, for_localhost

from reactor import (
    AcceptingHandle,
    AsyncIOState,
    OperationTimeout,
    ReactorError,
    ServerTLS,
    WaitStateCollection,
    accept_tcp,
)

LINE_LIMIT: Final = 512  # bytes with the line end: RFC 5321, section 4.5.3.1.4
COMMAND_TIMEOUT: Final = 300.0  # seconds: RFC 5321, section 4.5.3.2.7
NAME: Final = "localhost"

log: Final = logging.getLogger("smtp")


class Greeting:
    """One client, from the greeting to its QUIT.

    Args:
        state: in clear, with nothing read.
        tls: what STARTTLS offers.
    """

    def __init__(self, state: AsyncIOState, tls: ServerTLS) -> None:
        self.state = state
        self.tls = tls
        state.read_timeout = state.write_timeout = COMMAND_TIMEOUT
        self.say("220", f"{NAME} Waitstate greets you")

    def say(self, code: str, *lines: str, then: Callable[[], object] | None = None) -> None:
        """Send a reply; when the kernel has all of it go on with `then`, or the next command."""
        marks = ["-"] * (len(lines) - 1) + [" "]
        text = "".join(f"{code}{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True))

        def said(state: AsyncIOState, *_: object) -> None:
            if state.write_status is not None:
                state.close()
            else:
                (then or self.listen)()

        self.state.write_buffer(text.encode(), said)

    def listen(self) -> None:
        """Read the next command."""
        self.state.read_with_checking(self.check)

    def check(self, state: AsyncIOState, buffer: bytearray, end: int) -> None:
        """Take one line out of what has arrived; what is behind it stays for the next time."""
        if isinstance(state.read_status, OperationTimeout):
            self.say("421", f"{NAME} has waited long enough", then=state.close)
        elif state.read_status is not None:
            state.close()
        elif size := buffer.find(b"\n", max(0, state.old_length - 1), LINE_LIMIT) + 1:
            line = bytes(buffer[:size])
            state.finish(size)
            self.obey(line.decode("ascii", "replace").strip())
        elif end >= LINE_LIMIT:
            state.finish()
            self.say("500", f"a line has {LINE_LIMIT} bytes at most", then=state.close)

    def obey(self, line: str) -> None:
        """Answer a command."""
        verb, _, argument = line.partition(" ")
        match verb.upper():
            case "EHLO" if argument:
                offers = [] if self.state.tls_side else ["STARTTLS"]
                self.say("250", f"{NAME} is pleased to meet you", *offers, "PIPELINING")
            case "HELO" if argument:
                self.say("250", f"{NAME} is pleased to meet you")
            case "STARTTLS" if not argument and not self.state.tls_side:
                self.say("220", "go ahead", then=self.upgrade)
            case "EHLO" | "HELO" | "STARTTLS":
                self.say("503", "not like that, or not now")
            case "NOOP" | "RSET":
                self.say("250", "done")
            case "QUIT":
                self.say("221", "goodbye", then=self.state.close)
            case _:
                self.say("502", "this server greets, and takes no mail")

    def upgrade(self) -> None:
        """Put TLS on the connection; what the client has sent already goes into the handshake."""
        self.state.attach_tls(self.attached, tls=self.tls)

    def attached(self, state: AsyncIOState, error: ReactorError | None) -> None:
        """Begin anew under TLS: the client has to say EHLO again (RFC 3207, section 4.2)."""
        if error is not None:
            log.warning("no TLS with %s: %s", state.peer_address, error)
            state.close()
            return
        log.info("%s speaks %s", state.peer_address, state.tls_object.version())
        self.listen()


def serve(collection: WaitStateCollection, port: int, file: Path | None) -> tuple[Path, int]:
    """Listen; return the file of the certificate, and the port.

    Raises:
        ValueError: there is no such port.
        CertificateMissing: none is given, and none could be made.
        ReactorError: the port is taken, or the certificate is none.
        OSError: the certificate cannot be read.
    """
    files = (file,) if file else for_localhost(cache_folder())
    tls = ServerTLS(*files)

    def welcome(handle: AcceptingHandle, state: AsyncIOState) -> None:
        Greeting(state, tls)

    handle = accept_tcp(collection, port, welcome, address="127.0.0.1", init_timeout=0.0)
    return files[0], handle.local_port


def main() -> None:
    """Serve until a ^C."""
    parser = argparse.ArgumentParser(description="Greet SMTP clients, and offer STARTTLS.")
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--certificate", type=Path, help="with its key; made for localhost if none")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with contextlib.closing(WaitStateCollection("smtp")) as collection:
        collection.on_signal(signal.SIGINT, collection.stop)
        try:
            certificate, port = serve(collection, options.port, options.certificate)
        except ValueError as error:
            parser.error(str(error))
        except (CertificateMissing, ReactorError, OSError) as error:
            parser.exit(1, f"smtp: {error}\n")
        print(f"smtp 127.0.0.1:{port}, certificate {certificate}", flush=True)
        collection.run()


if __name__ == "__main__":
    main()
