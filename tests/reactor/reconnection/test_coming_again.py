"""reconnecting: a protocol for each connection of a client that comes again."""

from __future__ import annotations

import contextvars
import random
import threading
from pathlib import Path
from typing import Any, Final

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import ConnectionRefused, NoSuchPath, TLSVerificationFailed, WrongThread
from reactor.loop.collection import WaitStateCollection
from reactor.net.path import UNIX
from reactor.reconnection import Backoff, reconnecting
from reactor.server import serve
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.reconnection.conftest import HOST, Place, Visitors
from tests.recorder import Recorder

WHERE: Final = contextvars.ContextVar("WHERE", default="nowhere")


def test_each_connection_has_a_fresh_protocol__pr_2(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    """A client that reconnects calls its factory for each connection, in a later turn, and gives
    up none of their ends.
    """
    visitor = visitors()
    assert visitor.protocols == []
    for count in (1, 2, 3):
        settle(collection)
        assert len(visitor.protocols) == len(place.protocols) == count
        place.protocols[-1].transport.close()
        settle(collection)
        clock.advance(visitor.wait)
    assert [protocol.names for protocol in visitor.protocols] == [
        ["connection_made", "eof_received", "connection_lost"]
    ] * 3


@pytest.mark.skipif(not UNIX, reason="there are no Unix sockets on this platform")
def test_a_path_is_tried_until_somebody_serves_it__pr_2__lw_199(
    collection: WaitStateCollection, clock: ManualClock, tmp_path: Path
) -> None:
    """A client reconnects to a path as to a port: while there is none, and when its server has
    gone and come back.
    """
    path, near, far = tmp_path / "gate", list[Recorder](), list[Recorder]()

    def factory(made: list[Recorder]) -> Recorder:
        made.append(Recorder())
        return made[-1]

    client = reconnecting(collection, lambda: factory(near), path=path)
    for count in (1, 2):
        settle(collection)
        assert isinstance(client.error, NoSuchPath if count == 1 else type(None))
        server = serve(collection, lambda: factory(far), path=path)
        clock.advance(client.when - clock())
        settle(collection)
        assert len(near) == len(far) == count
        assert client.connection.get_extra_info("peername") == (str(path), None)
        server.close()
        settle(collection)
        assert near[-1].lost == [None]
    assert str(path) in repr(client)
    client.close()


def test_neither_a_port_nor_a_path_is_nowhere__pr_2(collection: WaitStateCollection) -> None:
    """A client is not made without a host and a port, or a path, nor with both."""
    for where in ({}, {"host": HOST}, {"port": 9}):
        with pytest.raises(TypeError, match="a host and a port, or a path"):
            reconnecting(collection, Recorder, **where)
    with pytest.raises(ValueError, match=r"means nothing beside path|no Unix sockets"):
        reconnecting(collection, Recorder, HOST, 9, path="gate")
    assert collection.held == set()


def test_what_is_told_has_its_order(
    collection: WaitStateCollection, place: Place, visitors: Visitors
) -> None:
    visitor = visitors()
    order = visitor.told
    visitor.on = {
        name: lambda transport, name=name: order.append((name, transport))  # type: ignore[misc]  # a default
        for name in ("connection_made", "connection_lost")
    }
    settle(collection)
    transport = visitor.client.connection
    place.protocols[0].transport.close()
    settle(collection)
    assert order == [
        ("connection_made", transport),
        ("connected", transport),
        ("connection_lost", transport),
        ("waiting", None),
    ]
    assert (visitor.client.connection, visitor.client.error) == (None, None)


def test_nobody_there_is_tried_later_and_later(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    place.close()
    visitor = visitors()
    waits = []
    for count in range(1, 10):
        settle(collection)
        assert type(visitor.client.error) is ConnectionRefused
        assert visitor.client.failure_count == len(visitor.told) == count
        waits.append(visitor.wait)
        clock.advance(visitor.wait - 0.001)
        settle(collection)
        assert len(visitor.told) == count, "it does not come before its time"
        clock.advance(0.001)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    place.open()
    settle(collection)
    assert visitor.names == ["waiting"] * 9 + ["connected"]


def test_no_wait_is_longer_than_a_minute(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    place.close()
    visitor = visitors(backoff=Backoff(delay_first=50.0, jitter=0))
    settle(collection)
    clock.advance(visitor.wait)
    settle(collection)
    assert visitor.wait == 60.0


def test_a_server_that_hangs_up_at_once_was_not_reached(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    place.close()
    place.open(connection_made=lambda transport: transport.abort())
    visitor = visitors()
    waits = []
    for _ in range(4):
        settle(collection)
        waits.append(visitor.wait)
        clock.advance(visitor.wait)
    assert waits == [1, 2, 4, 8]
    assert visitor.names == ["connected", "waiting"] * 4


def test_behind_what_has_lasted_the_first_wait_comes_again(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    place.close()
    visitor = visitors()
    for _ in range(5):
        settle(collection)
        clock.advance(visitor.wait)
    place.open()
    settle(collection)
    clock.advance(9.999)
    assert visitor.client.failure_count == 5
    clock.advance(0.001)
    assert visitor.client.failure_count == 0
    place.close()
    assert (visitor.wait, visitor.client.failure_count) == (1, 1)


def test_the_program_says_when_it_has_been_served(
    collection: WaitStateCollection, clock: ManualClock, place: Place, visitors: Visitors
) -> None:
    place.close()
    visitor = visitors(backoff=Backoff(jitter=0, reset_after=None))
    for _ in range(3):
        settle(collection)
        clock.advance(visitor.wait)
    place.open(data_received=lambda transport: transport.close())
    settle(collection)
    clock.advance(1e6)
    assert visitor.client.failure_count == 3
    visitor.client.reset()
    visitor.protocols[0].transport.write(b"log me in")
    settle(collection)
    assert visitor.wait == 1


def test_a_crowd_does_not_come_back_at_once(
    collection: WaitStateCollection, clock: ManualClock, place: Place
) -> None:
    crowd = [
        reconnecting(collection, Recorder, HOST, place.port, random=random.Random(seed))
        for seed in range(20)
    ]
    settle(collection, limit=5000)
    clock.advance(60.0)
    place.close()
    waits = [client.when - clock() for client in crowd]
    assert waits == [pytest.approx(1 - random.Random(seed).random() / 2) for seed in range(20)]
    assert all(0.5 < wait <= 1 for wait in waits)
    assert len(set(waits)) == 20
    for client in crowd:
        client.stop()


def test_tls_is_what_was_reloaded__lw_167(
    clock: ManualClock,
    place: Place,
    visitors: Visitors,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    """A client that reconnects takes for its next attempt the files that `reload` has brought."""
    place.close()
    place.open(tls=ServerTLS(certificates.localhost))
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(certificates.stranger.read_bytes())
    tls = ClientTLS(trusted_file=trusted)
    visitor = visitors(tls=tls, retry=lambda error: True)
    settle(place.collection)
    assert type(visitor.client.error) is TLSVerificationFailed
    trusted.write_bytes(certificates.authority.read_bytes())
    tls.reload()
    clock.advance(visitor.wait)
    settle(place.collection)
    assert visitor.names == ["waiting", "connected"]


def test_everything_has_the_context_of_the_call__lw_021(
    collection: WaitStateCollection, clock: ManualClock, place: Place
) -> None:
    """Every hook and function of a client that reconnects sees the context of `reconnecting`."""
    seen = list[str]()
    look: Any = lambda *what: seen.append(WHERE.get())  # noqa: E731  # short
    hooks = dict.fromkeys(("connection_made", "connection_lost"), look)
    context = contextvars.copy_context()
    context.run(WHERE.set, "here")
    client = context.run(
        reconnecting,
        *(collection, lambda: Recorder(**hooks), HOST, place.port),
        **dict.fromkeys(("connected", "waiting", "gave_up"), look),
        retry=lambda error: not look() and error is None,
    )
    settle(collection)
    place.close()
    clock.advance(1.0)
    settle(collection)
    assert client.closed
    assert seen == ["here"] * 7  # both hooks, connected, retry, waiting; retry, gave_up


def test_another_thread_may_only_look(collection: WaitStateCollection, visitors: Visitors) -> None:
    visitor = visitors()
    settle(collection)
    client = visitor.client
    refused = list[type]()

    def meddle() -> None:
        for verb in (client.stop, client.close, client.reset, client.retry_now):
            with pytest.raises(WrongThread) as caught:
                verb()
            refused.append(caught.type)
        assert (client.connection, client.failure_count) == (visitor.protocols[0].transport, 0)

    # The owner is a loop that runs, or has run last.
    collection.owner.claim()
    thread = threading.Thread(target=meddle)
    thread.start()
    thread.join()
    collection.owner.yield_up()
    assert refused == [WrongThread] * 4
