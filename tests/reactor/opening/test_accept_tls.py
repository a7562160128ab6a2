"""`accept_tcp` with TLS: handshakes beside each other, and what becomes of those that fail."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from typing import Any

import pytest

from reactor.channel.tls import CLOSE_TIMEOUT
from reactor.channel.tls_settings import ClientTLS
from reactor.errors import (
    LimitExceeded,
    SocketError,
    TLSError,
    TLSHandshakeTimeout,
    TLSTruncated,
    TLSVerificationFailed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import AcceptingHandle, accept_tcp
from reactor.opening.connect import connect_tcp
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.opening.network import HOST, PATIENCE, Told, call, in_a_thread
from tests.tls_pairs import client, server
from tests.turns import until


class Server:
    """A handle with TLS, the states that it has delivered, and the errors that it has told."""

    def __init__(
        self, collection: WaitStateCollection, certificates: Certificates, **options: Any
    ) -> None:
        self.collection = collection
        self.states = list[AsyncIOState]()
        self.errors = list[Any]()
        options.setdefault("tls", server(certificates))
        options.setdefault("tls_error_callback", lambda handle, error: self.errors.append(error))
        self.handle: AcceptingHandle = accept_tcp(
            collection, 0, lambda handle, state: self.states.append(state), **options
        )

    def until(self, *, states: int = 0, errors: int = 0) -> None:
        """Take turns until so many have come, and so many have failed."""
        wanted = (states, errors)
        until(self.collection, lambda: (len(self.states), len(self.errors)) == wanted)


def ended(sock: socket.socket) -> bytes:
    """Return what the peer says until it ends the connection."""
    said = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(65536):
            said += data
    return bytes(said)


def test_the_function_is_called_after_the_handshake__lw_054(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """With TLS the connection function is called after the handshake, with a state, even if
    none was asked for.
    """
    ours, told = Server(collection, certificates, create_state=False, name="guest"), Told()
    tls = client(certificates)
    state = connect_tcp(collection, "localhost", ours.handle.local_port, told, tls=tls)
    ours.until(states=1)
    (guest,) = ours.states
    assert isinstance(guest.object, socket.socket)
    assert (guest.tls_side, guest.name) == ("server", "guest")
    until(collection, lambda: told)
    received = bytearray(5)
    guest.write_buffer(b"hello", None)
    state.read_buffer(received, lambda *_: None)
    settle(collection)
    assert bytes(received) == b"hello"
    assert ours.errors == []


def test_the_two_configurations_are_called__lw_054_157_158(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """`configure_context` is called once, before the port is bound, `configure_connection`
    for each client.
    """
    seen = list[object]()
    ours = Server(
        collection, certificates, configure_context=seen.append, configure_connection=seen.append
    )
    for _ in range(2):
        tls = client(certificates)
        connect_tcp(collection, "localhost", ours.handle.local_port, Told(), tls=tls)
    ours.until(states=2)
    assert [type(one).__mro__[-2] for one in seen[1:]] == [ssl.SSLObject, ssl.SSLObject]
    assert isinstance(seen[0], ssl.SSLContext)


def test_a_context_that_cannot_be_configured_leaves_the_call__lw_057_158(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """What `configure_context` raises leaves `accept_tcp` in a `TLSError`, before anything
    is bound.
    """
    mistake, bound = LookupError("a mistake"), list[object]()

    def fail(_: object) -> None:
        raise mistake

    with pytest.raises(TLSError) as failed:
        Server(collection, certificates, configure_context=fail, init_function=bound.append)
    assert failed.value.__cause__ is mistake
    assert bound == []


def test_a_connection_that_cannot_be_configured_is_told__lw_057(
    collection: WaitStateCollection, certificates: Certificates, clients: contextlib.ExitStack
) -> None:
    """What `configure_connection` raises goes to `tls_error_callback`; the next client is
    served.
    """
    mistake, times = LookupError("a mistake"), list[object]()

    def fail_once(tls_object: object) -> None:
        times.append(tls_object)
        if len(times) == 1:
            raise mistake

    ours = Server(collection, certificates, configure_connection=fail_once)
    first = call(clients, ours.handle)
    ours.until(errors=1)
    (error,) = ours.errors
    assert error.__cause__ is mistake
    assert (type(error), error.phase, error.peer) == (TLSError, "handshake", first.getsockname())
    assert ended(first) == b""
    tls = client(certificates)
    connect_tcp(collection, "localhost", ours.handle.local_port, Told(), tls=tls)
    ours.until(states=1, errors=1)


@pytest.mark.parametrize(
    "options",
    [
        {"tls": True},
        {"tls_side": "both"},
        {"tls": True, "tls_side": "client"},
        {"tls": None},
        {"tls": None, "tls_error_callback": None, "tls_side": "both"},
        {"handshake_timeout": 0},
    ],
    ids=repr,
)
def test_contradictions_are_refused__lw_055_154_155(
    collection: WaitStateCollection, certificates: Certificates, options: dict[str, Any]
) -> None:
    """A server without certificate, of both sides, or with a callback for TLS but without TLS, is
    refused at the call.
    """
    with pytest.raises(ValueError, match=r"."):
        Server(collection, certificates, **options)


def test_who_accepts_may_be_the_client_of_tls__lw_055(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """Who accepts may be the client of TLS: the name to verify is then that of the description."""
    tls = ClientTLS(trusted_file=certificates.authority, server_hostname="localhost")
    ours = Server(collection, certificates, tls=tls, tls_side="client")

    def serve() -> None:
        sock = socket.create_connection((HOST, ours.handle.local_port), PATIENCE)
        with certificates.server_context().wrap_socket(sock, server_side=True) as layered:
            layered.recv(1)

    with in_a_thread(serve):
        ours.until(states=1)
        ours.states[0].close()
        until(collection, lambda: collection.stats()["states"] == 0)
    assert ours.errors == []


def test_silent_clients_delay_nobody__lw_056__rel_22(
    collection: WaitStateCollection, certificates: Certificates, clients: contextlib.ExitStack
) -> None:
    """While 100 clients shake no hands, a good one is served at once."""
    ours = Server(collection, certificates)
    for _ in range(100):
        call(clients, ours.handle)
    settle(collection)
    assert ours.handle.connection_count == 100
    tls = client(certificates)
    connect_tcp(collection, "localhost", ours.handle.local_port, Told(), tls=tls)
    ours.until(states=1)


def test_a_silent_client_is_left_at_the_limit__lw_056_057__rel_21(
    collection: WaitStateCollection,
    clock: ManualClock,
    certificates: Certificates,
    clients: contextlib.ExitStack,
) -> None:
    """`handshake_timeout` is for the whole handshake: a byte now and then does not move it."""
    ours = Server(collection, certificates)
    silent, slow = call(clients, ours.handle), call(clients, ours.handle)
    settle(collection)
    for octet in b"\x16\x03\x01":
        clock.advance(3.0)
        slow.sendall(bytes([octet]))
        settle(collection)
    assert ours.errors == []
    clock.advance(1.0)
    settle(collection)
    assert {type(error) for error in ours.errors} == {TLSHandshakeTimeout}
    assert {error.peer for error in ours.errors} == {silent.getsockname(), slow.getsockname()}
    assert (ended(silent), ended(slow)) == (b"", b"")
    assert (ours.handle.connection_count, len(collection.timers)) == (0, 0)


def test_the_limit_of_a_handshake_can_be_set__lw_056_159(
    collection: WaitStateCollection,
    clock: ManualClock,
    certificates: Certificates,
    clients: contextlib.ExitStack,
) -> None:
    """`handshake_timeout` of `accept_tcp` is the limit of each handshake, None is no limit."""
    strict = Server(collection, certificates, handshake_timeout=2.0)
    patient = Server(collection, certificates, handshake_timeout=None)
    for ours in (strict, patient):
        call(clients, ours.handle)
    settle(collection)
    clock.advance(1.9)
    settle(collection)
    assert strict.errors == []
    clock.advance(0.1)
    settle(collection)
    assert [error.limit for error in strict.errors] == [2.0]
    clock.advance(1e6)
    settle(collection)
    assert (patient.errors, patient.handle.connection_count) == ([], 1)


def test_of_too_many_the_oldest_is_dropped__lw_058(
    collection: WaitStateCollection, certificates: Certificates, clients: contextlib.ExitStack
) -> None:
    """Of too many handshakes the oldest is dropped with `LimitExceeded`, told to the callback, and
    accepting goes on.
    """
    ours = Server(collection, certificates, handshake_limit=2)
    first, second = call(clients, ours.handle), call(clients, ours.handle)
    settle(collection)
    assert ours.errors == []
    call(clients, ours.handle)
    settle(collection)
    (error,) = ours.errors
    assert (type(error), error.identifier) == (LimitExceeded, "handshake-limit")
    assert error.peer == first.getsockname()
    assert ended(first) == b""
    second.setblocking(False)
    with pytest.raises(BlockingIOError):
        second.recv(1)
    assert ours.handle.connection_count == 2


def test_closing_when_the_oldest_is_dropped_leaves_nobody__lw_064(
    collection: WaitStateCollection, certificates: Certificates, clients: contextlib.ExitStack
) -> None:
    """A callback that closes the handle while a client is dropped leaves no connection behind."""
    handle = accept_tcp(
        collection,
        0,
        lambda *_: None,
        tls=server(certificates),
        tls_error_callback=lambda handle, _: handle.close(),
        handshake_limit=1,
    )
    both = call(clients, handle), call(clients, handle)
    settle(collection)
    assert [ended(sock) for sock in both] == [b"", b""]
    assert handle.connection_count == 0


def test_those_who_shake_hands_count__lw_058(
    collection: WaitStateCollection, certificates: Certificates, clients: contextlib.ExitStack
) -> None:
    """Clients that shake hands count for `connection_limit`; others wait until one has failed."""
    ours = Server(collection, certificates, connection_limit=1)
    first = call(clients, ours.handle)
    call(clients, ours.handle)
    settle(collection)
    assert ours.handle.connection_count == 1
    first.close()
    ours.until(errors=1)
    settle(collection)
    assert (ours.handle.connection_count, type(ours.errors[0])) == (1, TLSTruncated)


def test_those_who_owe_the_closing_alert_count__lw_058(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates
) -> None:
    """A closed connection counts until its descriptor is free: a client that never says goodbye
    gets no second connection meanwhile.
    """
    ours = Server(collection, certificates, connection_limit=1)
    for _ in range(2):  # neither reads, so neither answers the alert
        connect_tcp(
            collection, "localhost", ours.handle.local_port, Told(), tls=client(certificates)
        )
    ours.until(states=1)
    ours.states[0].close()
    settle(collection)
    assert (len(ours.states), ours.handle.connection_count) == (1, 1)
    clock.advance(CLOSE_TIMEOUT)
    ours.until(states=2)
    assert ours.handle.connection_count == 1


def test_an_alert_reaches_the_client__lw_057_152(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """The alert that explains a failed handshake is sent to the client before the
    connection ends.
    """
    ours, told = Server(collection, certificates), list[str]()
    old = certificates.client_context()
    old.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    def speak() -> None:
        sock = socket.create_connection((HOST, ours.handle.local_port), PATIENCE)
        try:
            old.wrap_socket(sock, server_hostname="localhost").close()
        except ssl.SSLError as error:
            told.append(error.reason)

    with in_a_thread(speak):
        until(collection, lambda: told)
        ours.until(errors=1)
        until(collection, lambda: len(collection.timers) == 0)
    assert told == ["SSLV3_ALERT_HANDSHAKE_FAILURE"]


def test_a_client_that_refuses_us_is_told__lw_057(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """When a client refuses our certificate, the reason in its alert reaches
    `tls_error_callback`.
    """
    ours = Server(collection, certificates)
    told = Told()
    connect_tcp(collection, "localhost", ours.handle.local_port, told, tls=True)
    ours.until(errors=1)
    assert isinstance(told.error, TLSVerificationFailed)
    assert "unknown ca" in str(ours.errors[0])


@pytest.mark.parametrize("wanted", ["optional", "required"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_bad_certificate_of_a_client_is_told_to_both__lw_057_165_170(
    collection: WaitStateCollection, certificates: Certificates, version: str, wanted: str
) -> None:
    """A client whose certificate is bad is refused, be it optional or required, and learns why:
    under TLS 1.3 by its first read, as a failure of the handshake.
    """
    tls = server(certificates, client_certificates=wanted, trusted_file=certificates.authority)
    ours, told, ends = Server(collection, certificates, tls=tls), Told(), list[Any]()
    bad = client(certificates, certificate_file=certificates.alone, maximum_version=version)
    state = connect_tcp(collection, "localhost", ours.handle.local_port, told, tls=bad)
    ours.until(errors=1)
    until(collection, lambda: told)
    assert type(ours.errors[0]) is TLSVerificationFailed
    if version == "1.3":
        assert told.error is None
        state.read_buffer(bytearray(1), lambda state, *_: ends.append(state.read_status))
        until(collection, lambda: ends)
    (error,) = ends or [told.error]
    assert (error.phase, error.reason) == ("handshake", "TLSV1_ALERT_UNKNOWN_CA")
    assert state.tls_side is None
    state.close()
    until(collection, lambda: collection.stats()["states"] == 0)


@pytest.mark.parametrize("size", [1, 5, 100, 70_000])
def test_garbage_is_closed__rel_23_24(
    collection: WaitStateCollection,
    clock: ManualClock,
    certificates: Certificates,
    clients: contextlib.ExitStack,
    size: int,
) -> None:
    """A client that sends HTTP or any garbage to a TLS port sees the end within 2 s."""
    ours = Server(collection, certificates)
    client = call(clients, ours.handle)
    client.sendall((b"GET / HTTP/1.1\r\n\r\n" * 4000)[:size])
    settle(collection)
    if size == 1:  # a record may begin so; it is the limit that ends it
        assert ours.errors == []
        clock.advance(8.0)
    clock.advance(2.0)
    settle(collection)
    assert isinstance(ours.errors[0], SocketError)
    ended(client)
    settle(collection)
    assert (len(ours.errors), len(collection.timers)) == (1, 0)


def test_resets_in_the_handshake_leave_nothing__rel_27(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """Of 100 resets during handshakes each is told, and every descriptor comes back."""
    ours = Server(collection, certificates)
    for _ in range(100):
        with socket.create_connection((HOST, ours.handle.local_port), PATIENCE) as sock:
            sock.sendall(b"\x16\x03\x01")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    ours.until(errors=100)
    settle(collection)
    assert (ours.handle.connection_count, len(collection.timers)) == (0, 0)


def test_a_client_that_leaves_after_its_handshake_leaves_nothing__rel_38(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A client that is gone when the function is called leaves a state that tells so, and
    nothing else.
    """
    ends = list[object]()

    def connection_function(_: AcceptingHandle, state: AsyncIOState) -> None:
        assert gone.wait(PATIENCE)
        state.read_buffer(bytearray(1), lambda state, *_: ends.append(state.close()))

    gone = threading.Event()
    handle = accept_tcp(collection, 0, connection_function, tls=server(certificates))

    def come_and_go() -> None:
        sock = socket.create_connection((HOST, handle.local_port), PATIENCE)
        certificates.client_context().wrap_socket(sock, server_hostname="localhost").close()
        gone.set()

    with in_a_thread(come_and_go):
        until(collection, lambda: ends)
    until(collection, lambda: len(collection.timers) == 0)
    assert handle.connection_count == 0


def test_failures_are_logged_by_default__lw_057(
    collection: WaitStateCollection,
    certificates: Certificates,
    clients: contextlib.ExitStack,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a callback failed handshakes are logged, one line per burst with the count; no error
    handler hears of it.
    """
    ours = Server(collection, certificates, tls_error_callback=None)
    with caplog.at_level(logging.WARNING, "reactor"):
        for _ in range(5):
            call(clients, ours.handle).close()
        until(collection, lambda: ours.handle.tls_error_count == 5)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING


def test_a_callback_that_raises_goes_to_the_error_handler__lw_057(
    certificates: Certificates, clients: contextlib.ExitStack
) -> None:
    """What `tls_error_callback` raises goes to the error handler with the handle, which
    stays open.
    """
    reports, mistake = list[tuple[object, BaseException]](), LookupError("a mistake")

    def fail(*_: object) -> None:
        raise mistake

    collection = WaitStateCollection(error_handler=lambda *report: reports.append(report))
    with contextlib.closing(collection):
        ours = Server(collection, certificates, tls_error_callback=fail)
        call(clients, ours.handle).close()
        until(collection, lambda: reports)
        assert reports == [(ours.handle, mistake)]
        assert not ours.handle.closed


def test_closing_drops_who_is_shaking_hands__lw_064(
    collection: WaitStateCollection, certificates: Certificates, clients: contextlib.ExitStack
) -> None:
    """Closing a handle drops the clients in their handshake without a call."""
    ours = Server(collection, certificates)
    silent = call(clients, ours.handle)
    settle(collection)
    ours.handle.close()
    settle(collection)
    assert (ended(silent), ours.errors, ours.states) == (b"", [], [])
    assert (ours.handle.connection_count, len(collection.timers)) == (0, 0)
