"""Memory of an idle connection in the process of its server; the clients live in another one.

It has a read timeout armed: ours by `set_timeouts`, with the others one `call_later`.

What is read is anonymous memory (`Anonymous` in /proc/self/smaps_rollup): the heap, as pages that
the kernel had to give. Buffers inside the kernel are not in it; they are alike for everybody. Each
connection has echoed one message, so that whatever is made at first use has been made. Nothing is
warmed here: a connection is to be as small as it is in a program that nobody has tuned.
"""

import gc
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.certificates import server_context
from benchmarks.peers.names import make_peer
from benchmarks.work import Work

PEERS: Final = ("asyncio", "uvloop", "ours")
FIRST: Final = 100  # connections that come before the count, and pay for what is made once


def memory(name: str, quick: bool, *, connections: int, tls: bool) -> float:
    """Return the KiB that one more idle connection takes."""
    count = connections // 3 if quick else connections
    peer = make_peer(name)
    port = peer.serve(server_context() if tls else None, patient=True)
    command = [sys.executable, "-m", "benchmarks.clients", str(port), *(["--tls"] if tls else [])]
    readings: list[float] = []

    def watch() -> None:
        for more in (FIRST, count):
            clients.stdin.write(f"{more}\n")
            clients.stdin.flush()
            if not clients.stdout.readline():
                break
            # The loop sleeps now, and its thread with it: this one may collect and read.
            gc.collect()
            readings.append(_anonymous())
        peer.call_from_thread(peer.stop)

    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as clients:
        threading.Thread(target=watch).start()
        peer.run()
        clients.kill()
    before, after = readings
    return (after - before) / count


def _anonymous() -> float:
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return float(line.split()[1])
    raise LookupError("this kernel does not tell how much memory is anonymous")


def _work(key: str, title: str, **shape: int) -> Work:
    return Work(key, title, "KiB", PEERS, partial(memory, **shape), runs=2, warm=False)


WORKS: Final = (
    _work("memory", "memory of an idle connection", connections=9000, tls=False),
    _work("tls-memory", "memory of an idle TLS connection", connections=1500, tls=True),
)
