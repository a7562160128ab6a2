"""The chat server in a process of its own, and guests of it."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from tests.architecture.tree import ROOT
from tests.peers import require
from tests.scenarios.programs import PATIENCE, Program

SERVER: Final = ROOT / "examples" / "chat" / "server.py"

Start: TypeAlias = Callable[..., Program]


class ChatServer:
    """The server in a process of its own, and the ways to it."""

    def __init__(self, start: Start, folder: Path, *options: str) -> None:
        self.start = start
        self.program = start(
            sys.executable,
            *("-X", "dev", SERVER, "--port", "0", "--tls-port", "0"),
            *("--certificate-folder", folder, *options),
        )
        self.certificate = folder / "certificate.pem"
        self.port = int(self.program.expect("plain ").rpartition(":")[2])
        self.tls_port = int(self.program.expect("tls ").rpartition(":")[2])

    def named(self, name: str, guest: Program) -> Program:
        """Give a guest who has just come a name."""
        guest.expect("* welcome")
        guest.types(f"/nick {name}")
        guest.expect(f"is now {name}")
        return guest

    def s_client(self, name: str, *options: str) -> Program:
        where = ("-connect", f"localhost:{self.tls_port}", "-CAfile", self.certificate)
        checks = ("-verify_return_error", "-verify_hostname", "localhost")
        quiet = ("-quiet", "-no_ign_eof")
        client = self.start(require("openssl"), "s_client", *where, *checks, *quiet, *options)
        return self.named(name, client)

    def gnutls(self, name: str) -> Program:
        trust = ("--x509cafile", self.certificate)
        client = self.start(require("gnutls-cli"), *trust, "-p", str(self.tls_port), "localhost")
        return self.named(name, client)

    def nc(self, name: str) -> Program:
        return self.named(name, self.start(require("nc"), "127.0.0.1", str(self.port)))

    def guest(self, name: str) -> Guest:
        """Connect without a program, over plain TCP."""
        guest = Guest(socket.create_connection(("127.0.0.1", self.port), PATIENCE))
        guest.says(f"/nick {name}")
        guest.hears(f"is now {name}")
        return guest


class Guest:
    """Somebody who is in the chat through a socket of the test."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("r", encoding="utf-8", newline="\n")

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self.sock.close()

    def says(self, *lines: str) -> None:
        """Send lines."""
        self.sock.sendall("".join(f"{line}\n" for line in lines).encode())

    def hears(self, text: str) -> list[str]:
        """Read until a line has `text` in it, and return what was read."""
        heard: list[str] = []
        while not heard or text not in heard[-1]:
            line = self._file.readline()
            assert line, f"the end came before {text!r}, after {heard[-3:]}"
            heard.append(line.rstrip("\n"))
        return heard

    def hears_the_end(self) -> list[str]:
        """Read until the connection ends."""
        return self._file.readlines()

    def hears_the_key(self) -> tuple[int, str]:
        """Read until a file may move; return the port for it, and the line to begin with."""
        found = re.search(
            r"at port (\d+) behind the line (.*)", self.hears(" behind the line ")[-1]
        )
        assert found is not None
        return int(found[1]), found[2]

    def end(self) -> socket.socket:
        """Be one end of the file that may move now."""
        port, line = self.hears_the_key()
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        sock.sendall(f"{line}\n".encode())
        return sock
