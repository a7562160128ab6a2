"""Files: many bytes one way over a blocking connection, by the wall clock and by thread CPU.

`files` are CPython's own: `socket.makefile`, and that of an `SSLSocket`, in C where it matters.
`ours` is a `SocketStream`. Neither has a limit. A client in another process sends, or receives, all
of it; 64 KiB are read or written at a time, as `shutil.copyfileobj` does.
"""

import socket
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from time import perf_counter_ns, thread_time_ns
from typing import Any, Final

from benchmarks.certificates import server_context
from benchmarks.work import Work
from reactor import SocketStream

PEERS: Final = ("files", "ours")
PIECE: Final = bytes(64 << 10)
SLICE: Final = 8  # MiB; the figure is the lower quartile of them: neighbours disturb whole slices


def files(
    name: str, quick: bool, *, clock: Callable[[], int], verb: str, tls: bool, mebibytes: int
) -> float:
    """Return the microseconds that one MiB takes."""
    size = mebibytes // 3 if quick else mebibytes
    with ExitStack() as open_things:
        listener = open_things.enter_context(socket.create_server(("127.0.0.1", 0)))
        command = [sys.executable, "-m", "benchmarks.clients", str(listener.getsockname()[1])]
        command += [f"--{verb}", *(["--tls"] if tls else [])]
        client = open_things.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        )
        assert client.stdin is not None
        client.stdin.write(f"{size}\n")
        client.stdin.close()
        sock, _ = listener.accept()
        file = _OPENERS[name](open_things, sock, tls)
        file.read(1)  # the other end has begun, or is ready
        move = partial(file.read, len(PIECE)) if verb == "send" else partial(file.write, PIECE)
        costs = list[int]()
        for _ in range(size // SLICE - 1):  # the last slice ends with the connection
            began = clock()
            for _ in range((SLICE << 20) // len(PIECE)):
                move()
            costs.append(clock() - began)
        while verb == "send" and move():
            pass
    return statistics.quantiles(costs, n=4)[0] / SLICE / 1000


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
    wall = partial(files, clock=perf_counter_ns, **shape)
    cpu = partial(files, clock=thread_time_ns, **shape)
    return (
        Work(key, f"{title}, by the clock", "us/MiB", PEERS, wall, runs=9),
        Work(f"{key}-cpu", f"{title}, CPU", "us/MiB", PEERS, cpu),
    )


WORKS: Final = (
    *_work("file-in", "blocking, received", verb="send", tls=False, mebibytes=1536),
    *_work("file-out", "blocking, sent", verb="receive", tls=False, mebibytes=1536),
    *_work("tls-file-in", "blocking TLS, received", verb="send", tls=True, mebibytes=384),
    *_work("tls-file-out", "blocking TLS, sent", verb="receive", tls=True, mebibytes=384),
)
