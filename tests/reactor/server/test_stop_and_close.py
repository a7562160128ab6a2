"""The loop and the connections: what `stop` leaves, what `close` ends, what `stats` counts."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any, Final

import pytest

from reactor.callbacks.neighbours import idle, poll
from reactor.errors import SocketError, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import accept_tcp
from reactor.opening.connect import connect_tcp
from reactor.server import connect, serve
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.opening.network import silent_resolver
from tests.reactor.server.conftest import HOST, PATIENCE, Services
from tests.recorder import Recorder

OPEN_NOW: Final = (
    *("states", "connections_in", "connections_out"),
    *("lookups", "timers", "posted_calls"),
)


@pytest.fixture
def patient(clock: ManualClock) -> Iterator[WaitStateCollection]:
    """A collection whose look-ups are never answered."""
    with silent_resolver() as resolver:
        collection = WaitStateCollection(clock=clock, resolver=resolver)
        yield collection
        collection.close()


def test_stop_leaves_connections_as_they_are__cl_87(services: Services) -> None:
    """`stop` ends the loop and nothing else: connections, servers and timers go on with the next
    loop, and what has come meanwhile is delivered then.
    """
    service = services()
    collection, near = service.collection, Recorder(data_received=lambda _: collection.stop())
    connect(collection, lambda: near, HOST, service.server.port)
    settle(collection)
    (far,) = service.protocols
    ticks = list[int]()
    collection.call_later(0, ticks.append, 1)
    for count in (1, 2):
        far.transport.write(b"x")
        collection.run()
        assert (near.received, near.lost, far.lost) == (b"x" * count, [], [])
    assert (ticks, service.server.closed, collection.alive) == ([1], False, True)
    late = socket.create_connection((HOST, service.server.port))  # while no loop runs
    with late:
        collection.apply(collection.stop)
        collection.run()
        settle(collection)
        assert len(service.protocols) == 2
    near.transport.abort()
    settle(collection)


def test_close_ends_all_without_events__cl_87(patient: WaitStateCollection) -> None:
    """`collection.close()` closes connections of both directions, servers, attempts, look-ups,
    watches and timers; nobody but the protocols of connections that were up is called, and peers
    see the end.
    """
    events, protocols = list[Any](), list[Recorder]()

    def protocol() -> Recorder:
        protocols.append(Recorder())
        return protocols[-1]

    collection = patient
    collection.error_handler = lambda thing, exception: events.append(exception)
    server = serve(collection, protocol, 0, address=HOST)
    handle = accept_tcp(collection, 0, print, address=HOST)
    near, far = socket.socketpair()
    with near, far, socket.create_connection((HOST, server.port)) as client:
        connect(collection, protocol, HOST, server.port, failed=events.append)
        settle(collection)
        assert len(protocols) == 3
        connect(collection, protocol, "silent.invalid", 80, failed=events.append)
        connect(collection, protocol, HOST, server.port, failed=events.append)
        poll(collection, near, events.append, events.append, timeout=1.0)
        idle(collection, lambda: events.append("idle"))
        collection.call_later(0, events.append, "timer")
        far.send(b"!")
        collection.close()
        client.settimeout(10)
        assert client.recv(1) == b""
        os.fstat(near.fileno())
    assert events == []
    assert [[type(error) for error in one.lost] for one in protocols] == [[StateClosed]] * 3
    assert (server.closed, handle.closed, server.connections) == (True, True, frozenset())
    for port in (server.port, handle.local_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port))


def test_close_in_a_callback_is_the_last_that_happens__cl_87(services: Services) -> None:
    """A callback that closes the collection ends `run()`, and nobody is called behind it."""
    service = services()
    client, calls = service.call(), list[int]()
    service.protocols[0].on["data_received"] = lambda _: service.collection.close()
    client.send(b"x")
    service.collection.apply(calls.append, 1)
    service.collection.run()
    assert (calls, service.collection.alive) == ([], False)
    assert service.protocols[0].names == ["connection_made", "data_received", "connection_lost"]
    assert client.recv(1) == b""


def test_who_closes_all_in_a_factory_connects_nobody__pr_4(
    collection: WaitStateCollection,
    services: Services,
) -> None:
    """A protocol whose factory closes the collection is never connected, and never lost."""
    exceptions = list[BaseException]()
    collection.error_handler = lambda thing, exception: exceptions.append(exception)

    def fatal() -> Recorder:
        collection.close()
        return Recorder()

    service = services(fatal)
    with socket.create_connection(service.server.addresses[0]) as client:
        client.settimeout(PATIENCE)
        collection.run()
        assert client.recv(1) == b""
    assert [protocol.calls for protocol in service.protocols] == [[]]
    assert exceptions == []


def test_what_is_open_is_counted_until_it_is_closed__cl_88(
    patient: WaitStateCollection, clock: ManualClock
) -> None:
    """`stats()` counts connections by direction, look-ups, timers and posted calls while they
    are there; when all is closed, failures included, the counts are where they began.
    """
    collection, protocols = patient, list[Recorder]()

    def protocol() -> Recorder:
        protocols.append(Recorder())
        return protocols[-1]

    def counts() -> dict[str, int]:
        stats = collection.stats()
        return {name: stats[name] for name in OPEN_NOW}

    before = counts()
    assert set(before.values()) == {0}
    failures = list[SocketError]()
    server = serve(collection, protocol, 0, address=HOST)
    connect(collection, protocol, HOST, server.port)
    state = connect_tcp(collection, HOST, server.port, lambda state, error: None)
    settle(collection)
    lookup = connect(collection, protocol, "silent.invalid", 80, failed=failures.append)
    connect(collection, protocol, "quiet.invalid", 80, failed=failures.append, connect_timeout=1.0)
    timers = collection.call_every(0.5, len, ""), collection.call_later(9.0, print)
    assert (counts()["connections_in"], counts()["connections_out"]) == (2, 2)
    assert (counts()["states"], counts()["lookups"]) == (4, 2)
    assert counts()["timers"] >= 4
    clock.advance(1.0)
    settle(collection)
    assert (len(failures), counts()["lookups"]) == (1, 1)
    for timer in timers:
        timer.cancel()
    lookup.close()
    state.abort_and_close()
    server.close()
    settle(collection)
    assert counts() == before
