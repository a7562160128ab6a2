"""Bulk: many bytes one way, under TLS; CPU time of the serving thread for each MiB.

One client in another process sends or receives all of it on one connection. The clock runs from
`connection_made`, when the handshake is over, to `connection_lost`.
"""

import subprocess
import sys
from functools import partial
from time import thread_time_ns
from typing import Any, Final

from benchmarks.certificates import server_context
from benchmarks.peers.names import make_peer
from benchmarks.work import Work

PEERS: Final = ("asyncio", "uvloop", "ours")
PIECE: Final = bytes(256 << 10)  # what a server writes at a time, until it is paused


class Sink:
    """A protocol for any of the loops that throws away what it gets."""

    def __init__(self, peer: Any) -> None:
        """Keep the peer, to stop it, and who has been connected."""
        self.peer = peer
        self.cost = 0  # nanoseconds

    def connection_made(self, transport: Any) -> None:
        """Begin to count."""
        self.transport = transport
        self.began = thread_time_ns()

    def data_received(self, data: bytes) -> None:
        """Throw it away."""

    def eof_received(self) -> None:
        """Let the connection be closed."""

    def pause_writing(self) -> None:
        """Nothing is written."""

    def resume_writing(self) -> None:
        """Nothing is written."""

    def connection_lost(self, exception: Exception | None) -> None:
        """Count no more."""
        self.cost = thread_time_ns() - self.began
        self.peer.stop()


class Source(Sink):
    """A protocol for any of the loops that sends so many pieces, then closes."""

    def __init__(self, peer: Any, pieces: int) -> None:
        """Keep what is to be done."""
        super().__init__(peer)
        self.left = pieces
        self.paused = False

    def data_received(self, data: bytes) -> None:
        """Begin: the client is ready."""
        self.pour()

    def pause_writing(self) -> None:
        """Wait."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self.paused = False
        self.pour()

    def pour(self) -> None:
        """Write until there is no room, or nothing left."""
        while self.left and not self.paused:
            self.left -= 1
            self.transport.write(PIECE)
        if not self.left:
            self.transport.close()


def bulk(name: str, quick: bool, *, verb: str, mebibytes: int) -> float:
    """Return the microseconds of thread CPU that one MiB takes."""
    size = mebibytes // 3 if quick else mebibytes
    peer = make_peer(name)
    protocol = Sink(peer) if verb == "send" else Source(peer, (size << 20) // len(PIECE))
    port = peer.serve(server_context(), factory=lambda: protocol)
    command = [sys.executable, "-m", "benchmarks.clients", str(port), "--tls", f"--{verb}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as client:
        client.stdin.write(f"{size}\n")
        client.stdin.close()
        peer.run()
    return protocol.cost / size / 1000


def _work(key: str, title: str, **shape: Any) -> Work:
    return Work(key, title, "us/MiB", PEERS, partial(bulk, **shape))


WORKS: Final = (
    _work("tls-bulk-in", "TLS bulk, received", verb="send", mebibytes=192),
    _work("tls-bulk-out", "TLS bulk, sent", verb="receive", mebibytes=192),
)
