"""Server.close: connections end in order, within a limit."""

from __future__ import annotations

from typing import Final

import pytest

from reactor.channel.tls_settings import ServerTLS
from reactor.loop.error_handler import propagate
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.certificates import Certificates
from tests.reactor.server.conftest import Services
from tests.recorder import Recorder

TOO_MUCH: Final = bytes(32 << 20)  # no kernel takes that much for a peer that does not read


class Draining(Recorder):
    """Notes that the server drains, and may act on it."""

    def draining(self) -> None:
        self.note("draining")


def test_idle_connections_are_closed_at_once__pr_15(services: Services) -> None:
    """A server that closes ends connections with nothing to send at once and in order, none
    aborted.
    """
    service = services()
    clients = [service.call() for _ in range(3)]
    drained = service.server.close()
    settle(service.collection)
    assert drained.result(0) == 0
    assert [one.lost for one in service.protocols] == [[None]] * 3
    assert [client.recv(1) for client in clients] == [b""] * 3
    assert len(service.collection.timers) == 0


def test_a_server_without_connections_is_drained_already__pr_15(services: Services) -> None:
    """The future of `Server.close` is done at once without connections, and the same one
    every time.
    """
    service = services()
    drained = service.server.close()
    assert drained.result(0) == 0
    assert service.server.close(5.0) is drained


def test_nobody_is_accepted_any_more__pr_15(services: Services) -> None:
    """A client that comes after `Server.close` is refused, also one that waited in the kernel."""
    service = services()
    service.server.pause()
    waiting = service.call()
    service.server.close()
    settle(service.collection)
    with pytest.raises(ConnectionError):
        service.call()
    assert service.protocols == []
    with pytest.raises(ConnectionResetError):
        waiting.recv(1)


def test_output_goes_first__pr_15(services: Services) -> None:
    """A server that closes lets a connection whose peer still reads send all its output first."""
    service = services()
    client = service.call()
    service.protocols[0].transport.write(TOO_MUCH)
    drained = service.server.close()
    settle(service.collection)
    assert not drained.done()
    size = 0
    while data := client.recv(1 << 20):
        size += len(data)
        settle(service.collection)
    settle(service.collection)
    assert (size, drained.result(0)) == (len(TOO_MUCH), 0)


def test_what_is_left_at_the_limit_is_aborted_and_counted__pr_15(
    clock: ManualClock, services: Services
) -> None:
    """What is left at the `drain_timeout` is aborted; the future tells how many, their
    report that we did it.
    """
    service = services()
    service.call()
    service.call()
    service.call()
    for stuck in service.protocols[:2]:
        stuck.transport.write(TOO_MUCH)
    drained = service.server.close(drain_timeout=5.0)
    settle(service.collection)
    clock.advance(4.9)
    settle(service.collection)
    assert not drained.done()
    clock.advance(0.1)
    settle(service.collection)
    assert drained.result(0) == 2
    assert [one.lost for one in service.protocols] == [[None]] * 3
    assert service.protocols[0].transport.close_report.bytes_unsent > 0
    assert len(service.collection.timers) == 0


def test_a_protocol_may_end_in_its_own_time__pr_15(clock: ManualClock, services: Services) -> None:
    """A protocol with `draining` is told once, later, and its connection goes on until it
    closes itself.
    """
    service = services(Draining)
    client = service.call()
    (protocol,) = service.protocols
    drained = service.server.close()
    assert protocol.names == ["connection_made"]
    settle(service.collection)
    assert protocol.names == ["connection_made", "draining"]
    client.sendall(b"one more")
    settle(service.collection)
    assert (protocol.received, drained.done()) == (b"one more", False)
    protocol.transport.write(b"last answer")
    protocol.transport.close()
    settle(service.collection)
    assert (drained.result(0), client.recv(100)) == (0, b"last answer")


def test_one_that_never_does_is_aborted__pr_15(clock: ManualClock, services: Services) -> None:
    """A protocol that does not react to `draining` is aborted after 20 s, and counted."""
    service = services(Draining)
    service.call()
    drained = service.server.close()
    settle(service.collection)
    clock.advance(19.9)
    settle(service.collection)
    assert not drained.done()
    clock.advance(0.1)
    settle(service.collection)
    assert drained.result(0) == 1


def test_a_draining_that_raises_ends_its_connection_only__pr_15__pr_14(
    services: Services, errors: list[tuple[object, BaseException]]
) -> None:
    """A `draining` that raises ends its own connection and is told; the others drain."""

    def boom(transport: Transport) -> None:
        if transport is service.protocols[0].transport:
            raise KeyError("boom")
        transport.close()

    service = services(lambda: Draining(draining=boom))
    service.call()
    service.call()
    drained = service.server.close()
    settle(service.collection)
    assert drained.result(0) == 0
    assert [type(error) for _, error in errors] == [KeyError]
    assert [[type(one) for one in each.lost] for each in service.protocols] == [
        [KeyError],
        [type(None)],
    ]


def test_propagate_does_not_keep_the_others_from_it__pr_15(services: Services) -> None:
    """With `propagate` a `draining` that raises leaves the loop, and the others still drain."""

    def boom(transport: Transport) -> None:
        if transport is service.protocols[0].transport:
            raise KeyError("boom")
        transport.close()

    service = services(lambda: Draining(draining=boom))
    service.collection.error_handler = propagate
    service.call()
    service.call()
    drained = service.server.close()
    with pytest.raises(KeyError):
        settle(service.collection)
    settle(service.collection)
    assert drained.result(0) == 0


def test_close_may_be_called_inside_a_hook__pr_15(services: Services) -> None:
    """A hook may close its server: its own connection ends with the others, and the future
    comes.
    """
    service = services(lambda: Recorder(data_received=lambda transport: service.server.close()))
    client, other = service.call(), service.call()
    client.sendall(b"stop")
    settle(service.collection)
    assert service.server.close().result(0) == 0
    assert [one.lost for one in service.protocols] == [[None], [None]]
    assert other.recv(1) == b""


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_a_limit_that_makes_no_sense_changes_nothing__pr_15(
    services: Services, limit: float
) -> None:
    """A `drain_timeout` that makes no sense is refused before anything is closed."""
    service = services()
    with pytest.raises(ValueError, match="drain_timeout"):
        service.server.close(limit)
    service.call()
    assert (service.server.closed, len(service.protocols)) == (False, 1)


def test_clients_that_still_shake_hands_are_sent_away__pr_15(
    services: Services, certificates: Certificates
) -> None:
    """Nobody becomes a connection of a server that is closed."""
    service = services(tls=ServerTLS(certificates.localhost))
    client = service.call()
    drained = service.server.close()
    settle(service.collection)
    assert drained.result(0) == 0
    assert client.recv(1) == b""
    assert service.protocols == []
