"""Visits: a connection that comes, is echoed once and goes; CPU time of the serving thread.

The clients live in another process, and a score of them come at a time, so that the server's turns
have something to do. Asked for is the time between two marks that the loop itself sets, with all
the visits between them.
"""

import ssl
import subprocess
import sys
import threading
from functools import partial
from time import thread_time_ns
from typing import Any, Final

from benchmarks.certificates import server_context
from benchmarks.peers.names import make_peer
from benchmarks.work import Work

PEERS: Final = ("asyncio", "streams", "uvloop", "ours")
FIRST: Final = 200  # visits that come before the count, and pay for what is made once
TICKETS: Final = 2  # what OpenSSL sends after a handshake of TLS 1.3, unless it is told otherwise


def visits(name: str, quick: bool, *, count: int, tls: bool, tickets: int = TICKETS) -> float:
    """Return the microseconds of thread CPU that one visit takes."""
    count = count // 3 if quick else count
    peer = make_peer(name)
    port = peer.serve(_context(tickets) if tls else None)
    command = [sys.executable, "-m", "benchmarks.clients", str(port), "--visit"]
    marks: list[int] = []
    with subprocess.Popen(
        [*command, "--tls"] if tls else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as clients:
        threading.Thread(target=_send, args=(clients, peer, (FIRST, count), marks)).start()
        peer.run()
        clients.kill()
    before, after = marks
    return (after - before) / count / 1000


def _send(clients: Any, peer: Any, numbers: tuple[int, ...], marks: list[int]) -> None:
    for number in numbers:
        clients.stdin.write(f"{number}\n")
        clients.stdin.flush()
        if not clients.stdout.readline():
            break
        marked = threading.Event()
        peer.call_from_thread(lambda marked=marked: _mark(marks, marked))
        marked.wait()
    peer.call_from_thread(peer.stop)


def _mark(marks: list[int], marked: threading.Event) -> None:
    marks.append(thread_time_ns())
    marked.set()


def _context(tickets: int) -> ssl.SSLContext:
    context = server_context()
    context.num_tickets = tickets
    return context


def _work(key: str, title: str, **shape: int) -> Work:
    return Work(key, title, "us", PEERS, partial(visits, **shape))


WORKS: Final = (
    _work("connect", "connect, echo, close", count=3000, tls=False),
    _work("tls-connect", "TLS: connect, echo, close", count=600, tls=True),
    _work("tls-connect-plain", "the same without tickets", count=600, tls=True, tickets=0),
)
