"""Peers: real programs at the other end of TLS, OpenSSL's and GnuTLS's, as clients and as servers.

A test and its programs share one loop, the one under test: whoever waits for a word of a program
lets that loop take turns meanwhile, and is woken by it when the word is there.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.loop.collection import WaitStateCollection
from reactor.server import Server, connect, serve
from tests.certificates import Certificates
from tests.peers import require
from tests.reactor.opening.network import free_port
from tests.recorder import Notes
from tests.scenarios.programs import PATIENCE, Program
from tests.turns import until

Spelling: TypeAlias = dict[object, tuple[str, ...]]

HOST: Final = "127.0.0.1"
PIPE_SIZE: Final = 65536
PIPE_PIECE: Final = 512  # bytes that a writable pipe takes at once: POSIX's least PIPE_BUF
PORT_ATTEMPTS: Final = 5  # somebody may take the free port before the program does

OPENSSL: Final[Spelling] = {"1.2": ("-tls1_2",), "1.3": ("-tls1_3",)}
GNUTLS: Final[Spelling] = {
    version: ("--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}") for version in ("1.2", "1.3")
}
SPELLINGS: Final = {"openssl": OPENSSL, "gnutls-cli": GNUTLS, "gnutls-serv": GNUTLS}
# What the programs write down when our closing alert has come.
GOODBYE: Final = re.compile(
    r"<<< TLS 1.\d, Alert .*close_notify"
    r"|Peer has closed the GnuTLS connection"
    r"|Close notify - was received"
)
VERSIONS: Final = ("1.2", "1.3")
# How the servers send back what they get; and GnuTLS's says nothing of TLS unless it is asked.
ECHO: Final = {"openssl": ("-rev",), "gnutls": ("-d", "5")}
KINDS: Final = ("openssl", "gnutls")


class Peer(Program):
    """A program whose output the loop watches; what it prints of TLS is in `notes` as well."""

    def __init__(
        self, collection: WaitStateCollection, *command: str | Path, folder: Path, notes: Path
    ) -> None:
        super().__init__(*command, folder=folder)
        self._notes = notes
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.collection = collection
        self.ended = False
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._watch = collection.watch(self._stdout, readable=lambda _: self._take())

    def __exit__(self, *how: Any) -> None:
        if self.collection.alive:
            self._watch.close()
        super().__exit__(*how)

    @property
    def notes(self) -> str:
        """What it says about TLS, as far as it has written that down."""
        return self.seen + (self._notes.read_text() if self._notes.exists() else "")

    @property
    def was_told_goodbye(self) -> bool:
        """Whether our closing alert has arrived."""
        return bool(GOODBYE.search(self.notes))

    def prints(self, text: str) -> None:
        """Let the loop run until the program has printed this, anywhere."""
        self.matches(f"({re.escape(text)})")

    def matches(self, pattern: str) -> str:
        """Let the loop run until it has printed something of this form; return its group."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            found[:] = re.finditer(pattern, self.seen)
            return bool(found) or self.ended

        self.until(look)
        if not found:
            pytest.fail(f"{self.name} has not printed {pattern!r}, but:\n{self.seen}")
        return found[0][1]

    def counts(self, text: str, number: int) -> None:
        """Let the loop run until it has printed this so many times."""
        self.until(lambda: self.seen.count(text) >= number)

    def until(self, condition: Callable[[], object]) -> None:
        """Let the loop run until something is true."""
        try:
            until(self.collection, condition)
        except AssertionError:
            pytest.fail(f"{self.name} has printed only:\n{self.seen[-4000:]}")

    def exits(self) -> int:
        """Let the loop run until the program has ended, and return its status."""
        self.until(lambda: self.ended)
        return self._process.wait(PATIENCE)

    def pours(self, data: bytes) -> None:
        """Type all of it, however much it is, as the program takes it."""
        left = [memoryview(data)]

        def pour(watch: Any) -> None:
            left[0] = left[0][os.write(self._stdin, left[0][:PIPE_PIECE]) :]
            if not left[0]:
                watch.close()

        watch = self.collection.watch(self._stdin, writable=pour)
        self.until(lambda: watch.closed)

    def dies(self) -> None:
        """Kill it: the system closes its sockets, and nothing more is said."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def _take(self) -> None:
        data = os.read(self._stdout, PIPE_SIZE)
        self._pieces.append(self._decoder.decode(data))
        if not data:
            self.ended = True
            self._watch.close()


class Peers:
    """Starts programs that speak TLS, and ends them after the test."""

    def __init__(
        self, collection: WaitStateCollection, certificates: Certificates, folder: Path
    ) -> None:
        self.collection = collection
        self.certificates = certificates
        self._folder = folder
        self._running = contextlib.ExitStack()
        self._count = 0

    def close(self) -> None:
        """End all of them."""
        self._running.close()

    def client(
        self,
        kind: str,
        port: int,
        *options: str | Path,
        version: str = "1.3",
        name: str = "localhost",
    ) -> Peer:
        """Start a client that trusts our authority, verifies the host, and prints what it reads."""
        authority = self.certificates.authority
        if kind == "openssl":
            where = ("-connect", f"{HOST}:{port}", "-servername", name, "-CAfile", authority)
            checks = ("-verify_return_error", "-verify_hostname", name, "-quiet", "-no_ign_eof")
            return self.start("openssl", "s_client", *where, *checks, version, *options)
        names = ("--sni-hostname", name, "--verify-hostname", name, "--x509cafile", authority)
        return self.start("gnutls-cli", *names, version, *options, "-p", str(port), HOST)

    def server(
        self, kind: str, *options: str | Path, identity: Path | None = None, version: str = "1.3"
    ) -> tuple[Peer, int]:
        """Start a server for localhost, and return it with its port, on which it listens."""
        identity = identity or self.certificates.localhost
        if kind == "openssl":
            where = ("s_server", "-accept", f"{HOST}:0", "-cert", identity)
            server = self.start("openssl", *where, version, *options)
            return server, int(server.matches(r"ACCEPT \S+:(\d+)\n"))
        key = ("--x509certfile", identity, "--x509keyfile", identity)
        for _ in range(PORT_ATTEMPTS):
            port = free_port()  # it cannot say which one the system has given it, so we choose
            server = self.start("gnutls-serv", "--echo", "-p", str(port), *key, version, *options)
            bound = server.matches(r"IPv4 0\.0\.0\.0 port \d+\.\.\.(done|bind)")
            if bound == "done":
                return server, port
        pytest.fail("gnutls-serv did not get a port")

    def start(self, program: str, *arguments: str | Path) -> Peer:
        """Start a program; "1.2" and "1.3" stand for its way to say which version to speak."""
        if os.name == "nt":
            pytest.skip("on Windows a loop watches sockets only, and no pipes of programs")
        self._count += 1
        notes = self._folder / f"notes-{self._count}"
        spelling = SPELLINGS.get(program, {})
        command = [part for argument in arguments for part in spelling.get(argument, (argument,))]
        noting = {"openssl": ("-msg", "-msgfile", notes), "gnutls-cli": ("--logfile", notes)}
        command += noting.get(program, ())
        peer = Peer(self.collection, require(program), *command, folder=self._folder, notes=notes)
        self._running.enter_context(peer)
        return peer

    # Our side.

    def described(self, **options: Any) -> ServerTLS:
        """Describe a server that programs can trust."""
        return ServerTLS(self.certificates.localhost, **options)

    def serve(self, protocol: Notes, **options: Any) -> Server:
        """Serve one protocol of ours, by a server that programs can trust."""
        options.setdefault("tls", self.described())
        return serve(self.collection, lambda: protocol, 0, address=HOST, **options)

    def connect(self, protocol: Notes, port: int, **options: Any) -> list[Any]:
        """Connect a protocol of ours to a program; return where a failure will be."""
        failures = list[Any]()
        options.setdefault("tls", ClientTLS(trusted_file=self.certificates.authority))
        connect(
            self.collection,
            lambda: protocol,
            "localhost",
            port,
            ipv6=False,
            failed=failures.append,
            **options,
        )
        return failures


def sockets() -> set[tuple[int, int]]:
    """Return the sockets that this process has open, by descriptor and by the system's number.

    Windows does not list them, and there the set is empty.
    """
    found = set[tuple[int, int]]()
    for name in os.listdir("/dev/fd") if Path("/dev/fd").exists() else ():
        with contextlib.suppress(OSError):  # the descriptor of the listing itself is closed by now
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found.add((int(name), status.st_ino))
    return found
