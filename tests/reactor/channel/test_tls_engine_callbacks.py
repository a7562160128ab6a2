"""The engine: the two functions of the program that it calls in a handshake."""

from __future__ import annotations

import ssl

import pytest

from reactor.channel.tls_engine import TLSEngine
from reactor.errors import TLSError, TLSVerificationFailed
from tests.certificates import Certificates
from tests.tls_pairs import TLS_1_3, carry, contexts, engines, shake


@pytest.mark.parametrize("verdict", [False, ZeroDivisionError()])
def test_verify_callback_has_the_last_word_and_sends_no_alert__lw_170(
    certificates: Certificates, verdict: object
) -> None:
    """A false result or an exception of `verify_callback` refuses the peer, who gets no alert."""
    seen: list[object] = []

    def verify(tls_object: ssl.SSLObject) -> object:
        seen.append(tls_object.getpeercert())
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    client_context, server_context = contexts(certificates, TLS_1_3)
    client = TLSEngine(
        client_context, server_side=False, server_hostname="localhost", verify_callback=verify
    )
    server = TLSEngine(server_context, server_side=True)
    client.handshake()
    carry(client, server)
    server.handshake()
    carry(client, server)
    with pytest.raises(TLSVerificationFailed) as caught:
        client.handshake()
    assert seen[0]  # a certificate that OpenSSL has verified already
    assert caught.value.phase == "handshake"
    assert caught.value.__cause__ is (verdict if isinstance(verdict, Exception) else None)
    assert client.take() == b""
    assert not server.handshake()  # so the server has not been told of a success either


def test_verify_callback_may_agree__lw_170(certificates: Certificates) -> None:
    """`verify_callback` gets the `ssl.SSLObject`, once, and a true result changes nothing."""
    calls: list[object] = []

    def verify(tls_object: ssl.SSLObject) -> bool:
        calls.append(tls_object)
        return True

    client_context, server_context = contexts(certificates)
    client, _ = engines(client_context, server_context)
    server = TLSEngine(server_context, server_side=True, verify_callback=verify)
    shake(client, server)
    assert calls == [server.tls_object]


def test_configure_connection_comes_before_the_handshake__lw_158(
    certificates: Certificates,
) -> None:
    """`configure_connection` gets the `ssl.SSLObject` once, before the handshake."""
    seen: list[object] = []
    client_context, server_context = contexts(certificates)
    server = TLSEngine(
        server_context, server_side=True, configure_connection=lambda o: seen.append(o.version())
    )
    client, _ = engines(client_context, server_context)
    shake(client, server)
    assert seen == [None]


def test_a_failing_configure_connection_fails_the_handshake__lw_158(
    certificates: Certificates,
) -> None:
    """What `configure_connection` raises is the cause of a `TLSError` in phase "handshake"."""
    client = TLSEngine(
        certificates.client_context(),
        server_side=False,
        server_hostname="localhost",
        configure_connection=lambda _: 1 / 0,
    )
    for _ in range(2):
        with pytest.raises(TLSError) as caught:
            client.handshake()
        assert caught.value.phase == "handshake"
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert client.take() == b""
