"""The server that the tests treat badly, in a process of its own; it echoes, and says how it is.

`python tests/faults/server.py` prints the port of each face, and then answers lines:

    figures            what the process has and has done, and its peak of memory since the last time
    quiet COUNT        the same, as soon as COUNT connections have been made and all are over
    share SECONDS      processor time, turns and bytes of the seconds that follow, and what there is
                       then; this needs no descriptor
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from reactor import AsyncIOState, Protocol, Transport, WaitStateCollection, accept_tcp, serve
from reactor.loop.error_handler import log_and_close
from reactor.loop.watch import Watch

if sys.platform != "win32":
    import resource

STATUS: Final = Path("/proc/self/status")
CLEAR_REFS: Final = Path("/proc/self/clear_refs")
RESET_PEAK: Final = "5"  # proc(5): the peak of memory is counted afresh
HOST: Final = "127.0.0.1"


class Book:
    """What has become of the connections, and who wants to know when all of them are over.

    `room` is what the kernel may keep of the output of each, in bytes; 0 is up to it: megabytes.
    """

    def __init__(self, collection: WaitStateCollection, room: int = 0) -> None:
        self.collection = collection
        self.room = room
        self.made = self.reports = 0
        self.ends = Counter[str]()  # final events by their reason
        self.open = set[object]()
        self.twice = 0  # final events of connections that were over
        self.quiet: tuple[int, Callable[[], object]] | None = None

    def begin(self, connection: object, sock: socket.socket) -> None:
        """Count a connection."""
        if self.room:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.room)
        self.made += 1
        self.open.add(connection)

    def end(self, connection: object, reason: BaseException | None) -> None:
        """Count a final event."""
        self.twice += connection not in self.open
        self.open.discard(connection)
        self.ends["" if reason is None else type(reason).__name__] += 1
        self.look()

    def report(self, thing: object, exception: BaseException) -> None:
        """Count what the error handler gets."""
        self.reports += 1
        log_and_close(thing, exception)

    def look(self) -> None:
        """Tell who waits for the end of all connections, when their descriptors are closed too."""
        if self.quiet is not None and self.made >= self.quiet[0] and not self.open:
            tell, self.quiet = self.quiet[1], None
            self.collection.call_soon(self.collection.call_soon, tell)


class Echo(Protocol):
    """Sends back what it gets: no faster than its peer reads, unless it is careless."""

    def __init__(self, book: Book, careless: bool, idle: float | None) -> None:
        self.book, self.careless, self.idle = book, careless, idle

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        transport.set_timeouts(idle=self.idle)
        self.book.begin(self, transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        if not self.careless:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.book.end(self, exc)


class StateEcho:
    """The same with a state: it reads when it has written."""

    def __init__(self, book: Book, state: AsyncIOState) -> None:
        self.book = book
        book.begin(self, state.object)
        state.read_with_checking(self.arrived)

    def arrived(self, state: AsyncIOState, buffer: bytearray, end: int) -> None:
        """Send it back."""
        if state.read_status is None:
            data = bytes(buffer[:end])
            state.finish(end)
            state.write_buffer(data, self.sent)
        else:
            self.over(state, state.read_status)

    def sent(self, state: AsyncIOState, *_: object) -> None:
        """Read on."""
        if state.write_status is None:
            state.read_with_checking(self.arrived)
        else:
            self.over(state, state.write_status)

    def over(self, state: AsyncIOState, reason: BaseException) -> None:
        """Close it."""
        state.close()
        self.book.end(self, reason)


class Desk:
    """Where the questions are answered."""

    def __init__(self, book: Book) -> None:
        self.book, self.collection = book, book.collection
        self.asked = b""
        self.collection.watch(sys.stdin.fileno(), readable=self.hear)

    def hear(self, watch: Watch) -> None:
        """Read questions; their end is the end of the server."""
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            self.collection.stop()
        *lines, self.asked = (self.asked + data).split(b"\n")
        for line in lines:
            verb, *arguments = line.decode().split()
            getattr(self, verb)(*map(float, arguments))

    def figures(self) -> None:
        """Say what there is now."""
        gc.collect()
        book, stats = self.book, self.collection.stats()
        answer(
            "figures",
            made=book.made,
            ends=book.ends,
            twice=book.twice,
            reports=book.reports,
            connections=stats["states"],
            timers=stats["timers"],
            posted=stats["posted_calls"],
            bytes_in=stats["bytes_in"],
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=threading.active_count(),
            objects=len(gc.get_objects()),
            memory=from_status("VmRSS"),
            peak=from_status("VmHWM"),
        )
        CLEAR_REFS.write_text(RESET_PEAK)

    def quiet(self, count: float) -> None:
        """Say it when so many connections have been made, and all are over."""
        self.book.quiet = (int(count), self.figures)
        self.book.look()

    def share(self, seconds: float) -> None:
        """Say what is used in the seconds that follow."""
        before, began = self.used(), time.monotonic()

        def say() -> None:
            span = time.monotonic() - began
            cpu, turns, moved = (now - then for now, then in zip(self.used(), before, strict=True))
            stats = self.collection.stats()
            here = {"timers": stats["timers"], "connections": stats["states"]}
            answer("share", cpu=cpu / span, turns=turns, bytes_in=moved, **here)

        self.collection.call_later(seconds, say)

    def used(self) -> tuple[float, int, int]:
        """Return processor time, turns and bytes up to now."""
        stats = self.collection.stats()
        return time.process_time(), stats["turns"], stats["bytes_in"]


def from_status(name: str) -> int:
    """Return a size of this process in bytes, by the name that the kernel gives it."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def answer(word: str, **facts: Any) -> None:
    """Print an answer."""
    sys.stdout.write(f"{word} {json.dumps(facts)}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until nobody asks any more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backlog", type=int, help="clients that may wait to be accepted")
    parser.add_argument("--careless", action="store_true", help="write on when told to pause")
    parser.add_argument("--files", type=int, help="descriptors that the process may have")
    parser.add_argument("--idle", type=float, help="seconds without traffic on a transport")
    parser.add_argument("--room", type=int, default=0, help="bytes of output in the kernel")
    parser.add_argument("--transport-port", type=int, default=0)
    parser.add_argument("--state-port", type=int, default=0)
    options = parser.parse_args()
    if options.files is not None and sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_NOFILE, (options.files, options.files))
    collection = WaitStateCollection("faults")
    book = Book(collection, options.room)
    collection.error_handler = book.report
    how = {"address": HOST, "backlog": options.backlog}
    server = serve(
        collection,
        lambda: Echo(book, options.careless, options.idle),
        options.transport_port,
        **how,
    )
    handle = accept_tcp(
        collection, options.state_port, lambda _, state: StateEcho(book, state), **how
    )
    Desk(book)
    answer("ports", transport=server.port, state=handle.local_port)
    collection.run()
    collection.close()


if __name__ == "__main__":
    main()
