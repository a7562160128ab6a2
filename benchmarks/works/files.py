"""Files: many bytes one way over a blocking connection, by the wall clock and by thread CPU.

`files` are CPython's own: `socket.makefile`, and that of an `SSLSocket`, in C where it matters.
`ours` is a `SocketStream`. Neither has a limit. A client in another process sends, or receives, all
of it; 64 KiB are read or written at a time, as `shutil.copyfileobj` does.
"""

import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from time import perf_counter_ns, thread_time_ns
from typing import Any, Final

from benchmarks.certificates import server_context
from benchmarks.work import Work
from reactor import SocketStream

PEERS: Final = ("files", "ours")
PIECE: Final = bytes(64 << 10)
SLICE: Final = 8  # MiB


def by_turns(name: str, quick: bool, **shape: Any) -> float:
    """Return how many times as long as CPython's files ours take by the clock, in one process.

    They take turns, slice by slice, and the medians are compared: from one process to the next
    either may vary by half, as that of the client finds its memory near or far.
    """
    costs = _slices(PEERS, quick, perf_counter_ns, **shape)
    return statistics.median(costs[name]) / statistics.median(costs["files"])


def alone(name: str, quick: bool, **shape: Any) -> float:
    """Return the microseconds of thread CPU that one MiB takes; the median of all slices."""
    costs = _slices((name,), quick, thread_time_ns, **shape)
    return statistics.median(costs[name]) / SLICE / 1000


def _slices(
    names: Sequence[str],
    quick: bool,
    clock: Callable[[], int],
    *,
    verb: str,
    tls: bool,
    mebibytes: int,
) -> dict[str, list[int]]:
    """Move the bytes of each, a slice at a time; return what the slices took."""
    size = mebibytes // 3 if quick else mebibytes
    costs: dict[str, list[int]] = {name: [] for name in names}
    with ExitStack() as open_things:
        moves = {name: _open(open_things, name, verb, tls, size) for name in names}
        order = list(names)
        for _ in range(size // SLICE - 1):  # the last one ends with the connection
            for name in order:
                began = clock()
                for _ in range((SLICE << 20) // len(PIECE)):
                    moves[name]()
                costs[name].append(clock() - began)
            order.reverse()
        for move in moves.values():
            while verb == "send" and move():
                pass
    return costs


def _open(
    open_things: ExitStack, name: str, verb: str, tls: bool, size: int
) -> Callable[[], object]:
    """Connect a client, and return what moves a piece to it or from it."""
    listener = open_things.enter_context(socket.create_server(("127.0.0.1", 0)))
    command = [sys.executable, "-m", "benchmarks.clients", str(listener.getsockname()[1])]
    command += [f"--{verb}", *(["--tls"] if tls else [])]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    client = open_things.enter_context(subprocess.Popen(command, text=True, **streams))
    assert client.stdin is not None
    client.stdin.write(f"{size}\n")
    client.stdin.close()
    sock, _ = listener.accept()
    file = _OPENERS[name](open_things, sock, tls)
    file.read(1)  # the other end has begun, or is ready
    return partial(file.read, len(PIECE)) if verb == "send" else partial(file.write, PIECE)


def _files(open_things: ExitStack, sock: socket.socket, tls: bool) -> Any:
    if tls:
        sock = server_context().wrap_socket(sock, server_side=True, suppress_ragged_eofs=True)
    open_things.enter_context(sock)
    return open_things.enter_context(sock.makefile("rwb"))


def _ours(open_things: ExitStack, sock: socket.socket, tls: bool) -> Any:
    stream = open_things.enter_context(SocketStream(sock))
    if tls:
        stream.attach_tls(tls=server_context(), tls_side="server")
        stream.allow_truncation = True  # as the other does
    return stream


_OPENERS: Final = {"files": _files, "ours": _ours}


def _work(key: str, title: str, **shape: Any) -> tuple[Work, Work]:
    wall, cpu = partial(by_turns, **shape), partial(alone, **shape)
    return (
        Work(key, f"{title}, by the clock", "x of CPython's", ("ours",), wall),
        Work(f"{key}-cpu", f"{title}, CPU", "us/MiB", PEERS, cpu),
    )


WORKS: Final = (
    *_work("file-in", "blocking, received", verb="send", tls=False, mebibytes=1536),
    *_work("file-out", "blocking, sent", verb="receive", tls=False, mebibytes=1536),
    *_work("tls-file-in", "blocking TLS, received", verb="send", tls=True, mebibytes=384),
    *_work("tls-file-out", "blocking TLS, sent", verb="receive", tls=True, mebibytes=384),
)
