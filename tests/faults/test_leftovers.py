"""Connections that are over: 2,000 of them leave nothing, neither with us nor with their peers."""

from __future__ import annotations

import gc
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.opening.connect import connect_tcp
from reactor.server import connect
from reactor.state.async_io_state import AsyncIOState
from tests.faults.conftest import Start
from tests.faults.watched import HOST, Watched, echoes, hear, reset
from tests.recorder import Recorder

COUNT: Final = 2_000
SMALL: Final = 4 << 20  # bytes; what the heap may grow by until the garbage collector has run
LIMIT: Final = 10.0  # seconds; what takes longer hangs

pytestmark = pytest.mark.slow  # so many connections take seconds


def ends_in_order(client: socket.socket) -> None:
    """End after a word and an answer."""
    echoes(client)
    client.shutdown(socket.SHUT_WR)
    assert hear(client) == b""


def is_reset(client: socket.socket) -> None:
    """End with a reset, after a word and an answer."""
    echoes(client)
    reset(client)


WAYS: Final[list[Callable[[socket.socket], object]]] = [
    ends_in_order,
    is_reset,
    reset,
    socket.socket.close,
]


def test_a_server_keeps_nothing_of_2000_connections(start: Start, face: str) -> None:
    """However they ended: no descriptor, timer, thread or object is left, and no memory is kept."""
    server = start()
    for number in range(COUNT):
        with server.call(face) as client:
            WAYS[number % len(WAYS)](client)
    server.gives_all_back()
    assert server.peak - server.before["memory"] < SMALL


def through_a_transport(collection: WaitStateCollection, port: int) -> None:
    """Connect, hear an echo, and end, with a protocol."""
    recorder = Recorder(
        connection_made=lambda transport: transport.write(b"x"),
        data_received=lambda transport: transport.close(),
    )
    connect(collection, lambda: recorder, HOST, port)
    while not recorder.lost:
        collection.run_once(LIMIT)


def through_a_state(collection: WaitStateCollection, port: int) -> None:
    """The same with a state."""
    closed = list[AsyncIOState]()

    def heard(state: AsyncIOState, *_: object) -> None:
        state.abort_and_close(closed.append)

    def connected(state: AsyncIOState, error: Exception | None) -> None:
        assert error is None
        state.write_buffer(b"x", None)
        state.read_buffer(bytearray(1), heard)

    connect_tcp(collection, HOST, port, connected)
    while not closed:
        collection.run_once(LIMIT)


def objects_of_ours() -> Counter[str]:
    """Count the objects of the library that there are, once the collector has run."""
    gc.collect()
    kinds = (type(thing) for thing in gc.get_objects())
    # The module of a foreign class need not be text.
    ours = (kind for kind in kinds if str(kind.__module__).startswith("reactor."))
    return Counter(kind.__qualname__ for kind in ours)


@pytest.mark.parametrize("through", [through_a_transport, through_a_state])
def test_a_client_keeps_nothing_of_2000_connections(
    server: Watched, through: Callable[[WaitStateCollection, int], object]
) -> None:
    """What connected, and was closed, is gone: each object, timer and entry of the selector."""
    collection = WaitStateCollection()
    face = "transport" if through is through_a_transport else "state"
    through(collection, server.ports[face])
    before, stats = objects_of_ours(), collection.stats()
    for _ in range(COUNT):
        through(collection, server.ports[face])
    server.calls += COUNT + 1
    assert objects_of_ours() - before == Counter()
    after = collection.stats()
    kept = ("states", "timers", "posted_calls", "lookups")
    assert [after[name] for name in kept] == [stats[name] for name in kept] == [0, 0, 0, 0]
    collection.close()
