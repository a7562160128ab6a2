"""Watched: the server of the faults in its process, and what it may not keep of anybody."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final, Self

import pytest

from tests.architecture.tree import ROOT
from tests.scenarios.programs import PATIENCE, Program

SERVER: Final = Path(__file__).with_name("server.py")
HOST: Final = "127.0.0.1"
FACES: Final = ("transport", "state")
GROWTH: Final = 32 << 20  # bytes that a process may grow by at most, whatever its peers do
KEPT: Final = ("connections", "descriptors", "threads", "timers", "posted")

# Objects that a process may have more of at the end: the interpreter makes some of its own, once.
SPARE_OBJECTS: Final = 100


class Watched(Program):
    """The server, its ports, and its figures before somebody came."""

    def __init__(self, folder: Path, *options: str) -> None:
        if not Path("/proc/self/clear_refs").exists():
            pytest.skip("this system does not tell what a process uses in /proc")
        command = (sys.executable, "-X", "dev", str(SERVER), *options)
        super().__init__(*command, folder=folder, environment={"PYTHONPATH": str(ROOT)})

    def __enter__(self) -> Self:
        super().__enter__()
        self.ports: dict[str, int] = self.answer("ports")
        self.calls = 0
        self.peak = 0
        self.reports = 0  # that its error handler may get
        self.look_again()
        return self

    def call(self, face: str, *, patience: float = PATIENCE, room: int = 0) -> socket.socket:
        """Connect to it.

        Args:
            face: "transport" or "state".
            patience: seconds for whatever is done with the socket; then it raises.
            room: bytes that the kernel keeps for us each way; 0 is up to it.
        """
        self.calls += 1
        sock = socket.socket()
        try:
            if room:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(patience)
            sock.connect((HOST, self.ports[face]))
        except BaseException:
            sock.close()
            raise
        return sock

    def figures(self) -> Any:
        """Ask what it has, and has done."""
        self.types("figures")
        return self._figures()

    def share(self, seconds: float) -> Any:
        """Ask what it uses in the seconds that follow: of the processor from 0 to 1."""
        self.types(f"share {seconds}")
        return self.answer("share")

    def quiet(self) -> Any:
        """Wait until all who have called are gone; return its figures."""
        self.types(f"quiet {self.calls}")
        return self._figures()

    def ends_of(self, after: Any) -> dict[str, int]:
        """Return how many final events there were of each reason."""
        return dict(Counter(after["ends"]) - Counter(self.before["ends"]))

    def look_again(self) -> None:
        """Take the figures of now for those from before."""
        self.before = self.quiet()
        self.peak = 0  # bytes
        self.calls = self.before["made"]

    def gives_all_back(self) -> Any:
        """Fail unless what it took for anybody is given back, and nobody has harmed it."""
        before, after = self.before, self.quiet()
        assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
        assert after["objects"] - before["objects"] < SPARE_OBJECTS
        assert self.peak - before["memory"] < GROWTH
        assert sum(self.ends_of(after).values()) == self.calls - before["made"]
        assert (after["twice"], after["reports"]) == (0, self.reports)
        assert ("Traceback" in self.seen) == bool(self.reports)
        assert "Warning" not in self.seen
        return after

    def answer(self, word: str) -> Any:
        """Wait for the answer that begins with a word."""
        return json.loads(self.expect(f"{word} {{").partition(" ")[2])

    def _figures(self) -> Any:
        figures = self.answer("figures")
        self.peak = max(self.peak, figures["peak"])
        return figures


def reset(sock: socket.socket) -> None:
    """End a connection with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def hear(sock: socket.socket) -> bytes:
    """Read to the end, under TLS to that of TLS."""
    heard = bytearray()
    with contextlib.suppress(ssl.SSLZeroReturnError):  # the end, for one who has ended before
        while piece := sock.recv(1 << 20):
            heard += piece
    return bytes(heard)


def hear_some(sock: socket.socket, count: int) -> bytes:
    """Read so many bytes; fail if the end comes before."""
    heard = bytearray()
    while len(heard) < count:
        piece = sock.recv(count - len(heard))
        assert piece, f"the end came after {len(heard)} of {count} bytes"
        heard += piece
    return bytes(heard)


def echoes(client: socket.socket, rounds: int = 1) -> None:
    """Say something and hear it, again and again."""
    for number in range(rounds):
        words = f"round {number}".encode()
        client.sendall(words)
        assert hear_some(client, len(words)) == words
