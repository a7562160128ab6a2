"""connect: a protocol for a connection of ours."""

from __future__ import annotations

import contextlib
import contextvars
import selectors
import socket
from pathlib import Path
from typing import Any, Final

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    ConnectionRefused,
    LimitExceeded,
    SocketError,
    TLSVerificationFailed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.net.path import UNIX, UnixTarget, read_path
from reactor.opening.connect import Route
from reactor.server import connect, dial
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.opening.network import free_port, high_descriptors
from tests.reactor.server.conftest import HOST, PATIENCE, Services
from tests.recorder import Recorder

WHERE: Final = contextvars.ContextVar("WHERE", default="nowhere")


class Call:
    """A connection on its way, with everything that may be called."""

    def __init__(self, collection: WaitStateCollection, port: int, **how: Any) -> None:
        self.protocols = list[Recorder]()
        self.failures = list[SocketError]()
        self.connecting = connect(
            collection, self.factory, HOST, port, failed=self.failures.append, **how
        )

    def factory(self) -> Recorder:
        self.protocols.append(Recorder())
        return self.protocols[-1]


def test_a_connection_gets_its_protocol__pr_2(services: Services) -> None:
    """`connect` calls the factory once, then `connection_made`; both ends can speak."""
    service = services()
    call = Call(service.collection, service.server.port)
    assert (call.protocols, service.protocols) == ([], [])
    settle(service.collection)
    (near,), (far,) = call.protocols, service.protocols
    near.transport.write(b"hello")
    settle(service.collection)
    far.transport.write(b"hi")
    settle(service.collection)
    assert (near.received, far.received, call.failures) == (b"hi", b"hello", [])
    near.transport.close()
    settle(service.collection)
    assert (near.lost, far.lost) == ([None], [None])
    assert (near.transport.close_report.by, far.transport.close_report.by) == ("us", "peer")  # type: ignore[union-attr]  # both have ended


def test_with_tls_it_is_made_after_the_handshake__pr_2(
    services: Services, certificates: Certificates
) -> None:
    """With TLS `connection_made` comes after the handshake, with the name verified."""
    service = services(tls=ServerTLS(certificates.localhost))
    call = Call(
        service.collection,
        service.server.port,
        tls=ClientTLS(trusted_file=certificates.authority),
    )
    settle(service.collection)
    (near,), (far,) = call.protocols, service.protocols
    assert near.transport.get_extra_info("peercert")["subjectAltName"]
    near.transport.write(b"protected")
    settle(service.collection)
    assert far.received == b"protected"
    near.transport.close()
    settle(service.collection)
    assert far.names[-2:] == ["eof_received", "connection_lost"]
    assert far.transport.close_report.tls_ended is True


def test_a_failure_is_told_once__pr_2(collection: WaitStateCollection) -> None:
    """`failed` of `connect` gets the one exception, later, and the factory is not called."""
    call = Call(collection, free_port())
    assert call.failures == []
    settle(collection)
    assert [type(error) for error in call.failures] == [ConnectionRefused]
    assert call.protocols == []


def test_without_failed_the_error_handler_is_told__pr_2(
    collection: WaitStateCollection, errors: list[tuple[object, BaseException]]
) -> None:
    """Without `failed` the error handler gets the handle of `connect` and the exception."""
    connecting = connect(collection, Recorder, HOST, free_port())
    settle(collection)
    assert [(thing, type(error)) for thing, error in errors] == [(connecting, ConnectionRefused)]


def test_a_peer_that_cannot_be_verified_is_a_failure__pr_2(
    services: Services, certificates: Certificates
) -> None:
    """TLS that fails while connecting is told like any other failure; the factory is not called."""
    service = services(tls=ServerTLS(certificates.localhost))
    call = Call(
        service.collection, service.server.port, tls=ClientTLS(trusted_file=certificates.stranger)
    )
    settle(service.collection)
    assert [type(error) for error in call.failures] == [TLSVerificationFailed]
    assert (call.protocols, service.protocols) == ([], [])


def test_close_cancels_and_nothing_is_called__pr_2__rel_14(services: Services) -> None:
    """A `connect` whose handle is closed calls nobody, at whatever stage; closing again is
    harmless.
    """
    service = services()
    for turns in range(3):
        call = Call(service.collection, service.server.port)
        for _ in range(turns):
            if not call.protocols:
                service.collection.run_once(0)
        if call.protocols:
            break
        call.connecting.close()
        call.connecting.close()
        settle(service.collection)
        assert (call.protocols, call.failures) == ([], [])
    else:
        pytest.fail("it was never connected in so few turns: the last stage is missing")
    call.connecting.close()  # of what is connected it takes nothing away
    settle(service.collection)
    assert call.protocols[0].lost == []
    call.protocols[0].transport.abort()


def test_close_during_the_handshake__pr_2(services: Services, certificates: Certificates) -> None:
    """Closing the handle of `connect` during the handshake calls nobody, and ends both sides."""
    service = services()  # it says nothing, so hands are never shaken
    call = Call(
        service.collection, service.server.port, tls=ClientTLS(trusted_file=certificates.authority)
    )
    settle(service.collection)
    call.connecting.close()
    settle(service.collection)
    assert (call.protocols, call.failures) == ([], [])
    assert len(service.protocols[0].lost) == 1
    assert len(service.collection.timers) == 0


def test_a_handshake_has_a_limit__pr_2(
    clock: ManualClock, services: Services, certificates: Certificates
) -> None:
    """`connect` gives a silent server up: one limit spans all, another the handshake."""
    service = services()
    tls = ClientTLS(trusted_file=certificates.authority)
    port = service.server.port
    shaking = Call(service.collection, port, tls=tls, handshake_timeout=5.0)
    everything = Call(service.collection, port, tls=tls, connect_timeout=3.0)
    settle(service.collection)
    clock.advance(3.0)
    settle(service.collection)
    assert [isinstance(error, TimeoutError) for error in everything.failures] == [True]
    assert shaking.failures == []
    clock.advance(2.0)
    settle(service.collection)
    assert [isinstance(error, TimeoutError) for error in shaking.failures] == [True]


def test_a_factory_that_raises_ends_the_connection__pr_2(
    services: Services, errors: list[tuple[object, BaseException]]
) -> None:
    """A factory that raises in `connect` is told to the error handler; the peer sees the end,
    `failed` is not called.
    """

    def factory() -> Recorder:
        raise KeyError("boom")

    service = services()
    failures = list[SocketError]()
    connect(service.collection, factory, HOST, service.server.port, failed=failures.append)
    settle(service.collection)
    assert ([type(error) for _, error in errors], failures) == ([KeyError], [])
    assert service.protocols[0].lost == [None]


@pytest.mark.skipif(not UNIX, reason="over TCP the attempt itself is watched, and fails")
def test_what_cannot_be_watched_has_failed__pr_2(tmp_path: Path) -> None:
    """A connection whose descriptor `select` cannot take is a failure that is told, and closed."""
    collection = WaitStateCollection(selector=selectors.SelectSelector())
    failures = list[SocketError]()
    path = tmp_path / "server"
    with contextlib.closing(collection), socket.socket(UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        route = Route(UnixTarget(read_path(path)), UNIX, None, None, 1.0, None, None, None)
        with high_descriptors():
            dial(collection, route, lambda connection: pytest.fail("it is up"), failures.append)
            settle(collection)
        client = listener.accept()[0]
        with client:
            client.settimeout(PATIENCE)
            assert client.recv(1) == b""
    assert [type(error) for error in failures] == [LimitExceeded]


def test_a_closing_collection_calls_nobody__pr_2(
    collection: WaitStateCollection, services: Services
) -> None:
    """A `connect` under way when the collection closes is dropped without a call."""
    service = services()
    call = Call(collection, service.server.port)
    collection.close()
    assert (call.protocols, call.failures) == ([], [])


def test_hooks_have_the_context_of_connect__lw_021(services: Services) -> None:
    """Every hook sees the context in which `connect` was called."""
    seen = list[str]()
    service = services()
    context = contextvars.copy_context()
    context.run(WHERE.set, "here")
    look: Any = lambda transport: seen.append(WHERE.get())  # noqa: E731  # short
    protocol = Recorder(connection_made=look, data_received=look, connection_lost=look)
    context.run(connect, service.collection, lambda: protocol, HOST, service.server.port)
    settle(service.collection)
    service.protocols[0].transport.write(b"x")
    settle(service.collection)
    service.protocols[0].transport.close()
    settle(service.collection)
    assert seen == ["here"] * 3
