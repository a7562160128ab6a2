"""Very many connections, one after the other: what each has left behind would be seen."""

from __future__ import annotations

import gc
import mmap
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.protocol import Protocol
from reactor.server import serve
from reactor.transport import Transport

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the memory of a process"),
]

HOST: Final = "127.0.0.1"
AT_A_TIME: Final = 100
WARM: Final = 5_000  # connections after which everything that is made once has been made
COUNT: Final = 200_000
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset
MEMORY: Final = 4 << 20  # bytes, 20 for each connection: Python's allocator has arenas of 1 MiB
OBJECTS: Final = 1_000  # what is on its way at such a moment


class Echo(Protocol):
    """Says what it hears, and has a limit: each connection arms a timer."""

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        transport.set_timeouts(read=60.0)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def resident() -> int:
    """Return the bytes of memory that are this process's own."""
    gc.collect()
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * mmap.PAGESIZE


def come_and_go(collection: WaitStateCollection, port: int, number: int) -> None:
    """Let a hundred clients come, be echoed, and go: half of them with a reset."""
    source = f"127.0.0.{2 + number % 250}"  # ports that were used are not free at once
    clients = [socket.create_connection((HOST, port), 10, (source, 0)) for _ in range(AT_A_TIME)]
    for client in clients:
        client.sendall(b"x")
        client.setblocking(False)
    left = set(clients)
    while left:
        collection.run_once(0)
        for client in list(left):
            try:
                assert client.recv(1) == b"x"
            except BlockingIOError:
                continue
            left.discard(client)
    for index, client in enumerate(clients):
        if index % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()


def figures(collection: WaitStateCollection, server: Any) -> dict[str, int]:
    """Return what must be flat, once everybody has gone."""
    while server.connections:
        collection.run_once(0)
    collection.run_once(0)
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "timers": len(collection.timers),
        "states": collection.stats()["states"],
        "held": len(collection.held),
    }


def test_200_000_connections_leave_nothing__rel_49() -> None:
    """After 200,000 connections that have come and gone a server has as many descriptors, timers
    and states as before, and its memory has not grown.
    """
    collection = WaitStateCollection("comings")
    server = serve(collection, Echo, 0, address=HOST, backlog=AT_A_TIME)
    for number in range(WARM // AT_A_TIME):
        come_and_go(collection, server.port, number)
    before, memory, objects = figures(collection, server), resident(), len(gc.get_objects())
    for number in range(COUNT // AT_A_TIME):
        come_and_go(collection, server.port, number)
    assert figures(collection, server) == before
    assert resident() - memory < MEMORY
    assert abs(len(gc.get_objects()) - objects) < OBJECTS
    collection.close()
