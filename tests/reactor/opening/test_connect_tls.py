"""`connect_tcp` with TLS, against plain blocking servers of the standard library."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS
from reactor.errors import (
    OperationInProgress,
    OperationTimeout,
    StateClosed,
    TLSClosed,
    TLSError,
    TLSHandshakeTimeout,
    TLSTruncated,
    TLSVerificationFailed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.opening.connect import connect_tcp
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.opening.network import HOST, PATIENCE, Told, accepted, listening, port_of
from tests.tls_pairs import client, server
from tests.turns import until


@contextlib.contextmanager
def serving(context: ssl.SSLContext, then: Callable[[ssl.SSLSocket], object]) -> Iterator[int]:
    """Serve one client in a thread: shake hands, then `then`; what fails is left to the client."""
    with listening() as server:
        server.settimeout(PATIENCE)

        def serve() -> None:
            with contextlib.suppress(OSError):
                sock, _ = server.accept()
                sock.settimeout(PATIENCE)
                with context.wrap_socket(sock, server_side=True) as layered:
                    then(layered)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port_of(server)
        finally:
            thread.join()


def told_by(
    collection: WaitStateCollection,
    certificates: Certificates,
    *,
    identity: Path | None = None,
    **options: Any,
) -> Any:
    """Connect to a server that shows `identity`; return the error."""
    told = Told()
    options.setdefault("tls", client(certificates))
    with serving(certificates.server_context(identity), lambda peer: peer.recv(1)) as port:
        state = connect_tcp(collection, options.pop("host", "localhost"), port, told, **options)
        until(collection, lambda: told)
        if told.error is None:
            assert state.tls_object is not None
            state.close()
            until(collection, lambda: collection.stats()["states"] == 0)
        else:
            assert state.closed
    return told.error


def test_the_callback_comes_after_the_handshake__lw_041(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """With `tls=` the callback comes after the handshake, and the state is on the client's side."""
    told, received = Told(), bytearray(5)
    server = certificates.server_context()
    with serving(server, lambda peer: peer.send(b"hello") and peer.recv(1)) as port:
        state = connect_tcp(collection, "localhost", port, told, tls=client(certificates))
        with pytest.raises(OperationInProgress) as early:
            state.read_buffer(received, Told())
        until(collection, lambda: told)
        assert told.error is None
        assert isinstance(state.object, socket.socket)
        assert state.tls_side == "client"
        assert state.tls_object.version() == "TLSv1.3"
        done = list[int]()
        state.read_buffer(received, lambda state, buffer, count: done.append(count))
        until(collection, lambda: done)
        assert (done, bytes(received)) == ([5], b"hello")
        state.abort_and_close()
        until(collection, lambda: collection.stats()["states"] == 0)
    assert early.value.phase == "connect"


def test_the_host_is_verified__lw_042_161_162(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A server is verified by name or address of the host, or by what `server_hostname` says."""
    for host in ("localhost", HOST, 2130706433, ipaddress.IPv4Address(HOST)):
        assert told_by(collection, certificates, host=host) is None
    elsewhere = {"identity": certificates.elsewhere}
    assert (
        told_by(collection, certificates, **elsewhere, server_hostname="elsewhere.example") is None
    )
    error = told_by(collection, certificates, **elsewhere)
    assert isinstance(error, TLSVerificationFailed)
    assert error.phase == "handshake"
    assert "localhost" in str(error)
    error = told_by(collection, certificates, **elsewhere, host=2130706433)
    assert isinstance(error, TLSVerificationFailed)
    assert HOST in str(error)


def test_an_unknown_authority_is_refused__lw_042_155(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """`tls=True` trusts the roots of the system, and nobody else."""
    assert isinstance(told_by(collection, certificates, tls=True), TLSVerificationFailed)


def test_a_silent_server_is_left_at_the_handshake_limit__lw_042_159__rel_21(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates
) -> None:
    """A silent server is given up at the earlier of both limits; either is an
    `OperationTimeout`.
    """
    given: list[tuple[dict[str, Any], float]] = [
        ({}, 10.0),
        ({"connect_timeout": 4.0}, 4.0),
        ({"handshake_timeout": 2.0}, 2.0),
        ({"handshake_timeout": None}, 30.0),
    ]
    for limits, limit in given:
        told = Told()
        with listening() as silent:
            tls = client(certificates)
            state = connect_tcp(collection, HOST, port_of(silent), told, tls=tls, **limits)
            settle(collection)
            clock.advance(limit - 0.01)
            settle(collection)
            assert not told
            clock.advance(0.01)
            settle(collection)
            assert (type(told.error), told.error.limit) == (TLSHandshakeTimeout, limit)
            assert isinstance(told.error, OperationTimeout)
            assert (told.error.phase, told.error.peer) == ("handshake", (HOST, port_of(silent)))
            assert state.closed
            assert len(collection.timers) == 0


def test_a_server_that_vanishes_has_truncated__lw_042(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A server that ends the connection within the handshake, without an alert, is
    `TLSTruncated`.
    """
    told = Told()
    with listening() as server:
        connect_tcp(collection, HOST, port_of(server), told, tls=client(certificates))
        peer = accepted(server)
        settle(collection)
        peer.recv(65536)
        peer.close()
        until(collection, lambda: told)
    assert isinstance(told.error, TLSTruncated)


def test_a_server_that_ends_in_order_has_closed__lw_042(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A server that sends the closing alert within the handshake is `TLSClosed`."""
    told = Told()
    with listening() as server:
        state = connect_tcp(collection, HOST, port_of(server), told, tls=client(certificates))
        with accepted(server) as peer:
            peer.sendall(bytes([21, 3, 3, 0, 2, 1, 0]))
            until(collection, lambda: told)
    assert (type(told.error), told.error.phase) == (TLSClosed, "handshake")
    assert "the peer has ended TLS" in str(told.error)
    assert (state.closed, state.tls_side) == (True, None)


def test_a_server_without_tls_is_told__lw_042(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A server that speaks no TLS is a `TLSError` of phase "handshake", and sees an end."""
    told = Told()
    with listening() as server:
        connect_tcp(collection, HOST, port_of(server), told, tls=client(certificates))
        peer = accepted(server)
        with peer:
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            until(collection, lambda: told)
            assert (type(told.error), told.error.phase) == (TLSError, "handshake")
            settle(collection)
            assert peer.recv(65536) != b""  # the client's hello
            assert peer.recv(65536) == b""


def test_closing_in_the_handshake_cancels__lw_035(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """Closing a state in its handshake tells the callback `StateClosed`, and the server an end."""
    told = Told()
    with listening() as server:
        state = connect_tcp(collection, HOST, port_of(server), told, tls=client(certificates))
        peer = accepted(server)
        settle(collection)
        state.close()
        settle(collection)
        with peer:
            assert peer.recv(65536) != b""  # the client's hello
            assert peer.recv(65536) == b""
    assert isinstance(told.error, StateClosed)


@pytest.mark.parametrize("option", ["configure_context", "configure_connection"])
def test_a_configuration_that_raises_fails_the_attempt__lw_158(
    collection: WaitStateCollection, certificates: Certificates, option: str
) -> None:
    """What a configuring function raises fails the attempt with a `TLSError` that has it as
    cause.
    """
    mistake = LookupError("a mistake")

    def configure(_: object) -> None:
        raise mistake

    told = Told()
    with listening() as server:
        options: dict[str, Any] = {"tls": client(certificates), option: configure}
        state = connect_tcp(collection, HOST, port_of(server), told, **options)
        assert not told
        until(collection, lambda: told)
    assert (type(told.error), told.error.__cause__) == (TLSError, mistake)
    assert told.error.phase == "handshake"
    assert state.closed


def test_options_of_tls_without_tls_are_refused__lw_154(collection: WaitStateCollection) -> None:
    """Options of TLS without `tls=` are refused, so that nobody goes without it by oversight."""
    with pytest.raises(ValueError, match="tls="):
        connect_tcp(collection, HOST, 9, Told(), configure_connection=print)


def test_a_wrong_kind_of_tls_is_refused__lw_041_154_156_163(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """Who connects is the client of TLS, and verifies some name, unless the description is for
    that: anything else is refused at the call.
    """
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (TypeError, {"tls": server(certificates)}),
        (ValueError, {"tls": certificates.server_context()}),
        (TypeError, {"tls": "yes"}),
        (ValueError, {"tls": False, "server_hostname": "localhost"}),
        (ValueError, {"tls": True, "server_hostname": False}),
        (ValueError, {"tls": certificates.client_context(), "configure_context": print}),
        (TypeError, {"tls": client(certificates), "tls_side": "client"}),
    ]
    for kind, options in wrong:
        with pytest.raises(kind):
            connect_tcp(collection, HOST, 9, Told(), **options)
    assert collection.stats()["states"] == 0
    unnamed = client(certificates, check_hostname=False)
    assert told_by(collection, certificates, tls=unnamed, server_hostname=False) is None


def test_tls_can_be_attached_later_by_the_same_name__lw_139(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """TLS attached later verifies the host that was given to `connect_tcp`."""
    told, attached = Told(), Told()
    with serving(certificates.server_context(), lambda peer: peer.recv(1)) as port:
        state = connect_tcp(collection, "localhost", port, told)
        until(collection, lambda: told)
        state.attach_tls(attached, tls=ClientTLS(trusted_file=certificates.authority))
        until(collection, lambda: attached)
        assert attached.error is None
        state.close()
        until(collection, lambda: collection.stats()["states"] == 0)


def test_a_blocking_server_leaves_tls_and_comes_back__lw_139__lw_144(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A server of the standard library leaves TLS with us, goes on in clear, and comes back."""
    context, heard = certificates.server_context(), list[bytes]()

    def talk(peer: ssl.SSLSocket) -> None:
        peer.sendall(b"protected")
        plain = peer.unwrap()  # which waits for our closing alert
        plain.sendall(b"in clear")
        heard.append(plain.recv(12))
        with context.wrap_socket(plain, server_side=True) as again:
            again.sendall(b"anew")
            heard.append(again.recv(16))

    told, received = Told(), bytearray(17)
    with serving(context, talk) as port:
        state = connect_tcp(collection, "localhost", port, told, tls=client(certificates))
        until(collection, lambda: told)
        state.detach_tls(detached := Told())
        until(collection, lambda: detached)
        assert (detached.error, state.tls_side, state.protected_length) == (None, None, 9)
        done = list[int]()
        state.read_buffer(received, lambda state, buffer, count: done.append(count))
        state.write_buffer(b"back, please", None)
        until(collection, lambda: done)
        state.attach_tls(attached := Told(), tls=client(certificates))
        until(collection, lambda: attached)
        assert (attached.error, bytes(received)) == (None, b"protectedin clear")
        state.read_buffer(received, lambda state, buffer, count: done.append(count))
        state.write_buffer(b"thanks", lambda state, *_: state.close())
        until(collection, lambda: collection.stats()["states"] == 0)
    assert heard == [b"back, please", b"thanks"]
