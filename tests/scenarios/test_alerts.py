"""Failing handshakes: what the peer reads of us, beside what it reads of a blocking `ssl` socket.

Both are asked in the same way, over TCP, on the same OpenSSL. The measure is the standard library:
where its peer learns the reason, ours learns the same one, and where a reset destroys its last
word, ours arrives all the same.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from reactor.channel.tls_settings import ServerTLS
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from tests.certificates import Certificates
from tests.faults.tls.conversations import (
    FACES,
    LIMIT,
    LOST,
    ROUNDS,
    Ask,
    Case,
    Serve,
    Talk,
    Told,
    alert_in,
    contexts,
    conversation,
    our_serve,
    raw_client,
    tls_client,
)
from tests.peers import require


def no_common_version(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    if version is ssl.TLSVersion.TLSv1_2:
        server.minimum_version = ssl.TLSVersion.TLSv1_3
    else:
        server.maximum_version = ssl.TLSVersion.TLSv1_2
    return Case(("alert", "TLSV1_ALERT_PROTOCOL_VERSION"), tls_client(client), server)


def no_common_cipher(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, ssl.TLSVersion.TLSv1_2)
    client.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
    server.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384")
    return Case(("alert", "SSLV3_ALERT_HANDSHAKE_FAILURE"), tls_client(client), server)


def no_client_certificate(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(certificates.authority)
    told = {
        ssl.TLSVersion.TLSv1_2: "SSLV3_ALERT_HANDSHAKE_FAILURE",
        ssl.TLSVersion.TLSv1_3: "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
    return Case(("alert", told[version]), tls_client(client), server)


def bad_client_certificate(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    client.load_cert_chain(certificates.client)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(certificates.stranger)
    return Case(("alert", "TLSV1_ALERT_UNKNOWN_CA"), tls_client(client), server)


def sni_refused(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    server.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_INTERNAL_ERROR

    def choose(name: str | None) -> None:
        raise LookupError(name)

    ours = ServerTLS(certificates.localhost, choose_context=choose)
    told = ("alert", "TLSV1_ALERT_INTERNAL_ERROR")
    return Case(told, tls_client(client), server, ours)


def no_common_alpn(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    client.set_alpn_protocols(["h2"])
    server.set_alpn_protocols(["http/1.1"])
    return Case(("data", b"hello", None), tls_client(client), server)


def plain_http(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    return Case(("bytes", b""), raw_client(request), certificates.server_context())


def garbage(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    record = b"\x16\x03\x01\x00\x04\xff\x00\x00\x00" + bytes(100)
    told = ("bytes", b"\x15\x03\x03\x00\x02\x02\x0a")  # fatal: unexpected message
    return Case(told, raw_client(record), certificates.server_context())


def vanishing(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    told = ("bytes", b"\x15\x03\x03\x00\x02\x02\x32")  # fatal: decode error
    return Case(told, raw_client(hello), certificates.server_context())


CASES: Final = (
    *(no_common_version, no_common_cipher, no_client_certificate, bad_client_certificate),
    *(sni_refused, no_common_alpn, plain_http, garbage, vanishing),
)


@pytest.fixture
def running() -> Iterator[WaitStateCollection]:
    """A collection whose loop runs in a thread, on the time of the world."""
    with WaitStateCollection("of alerts") as collection:
        yield collection


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_a_client_is_told_what_a_blocking_server_tells__tls_9__lw_152(
    running: WaitStateCollection,
    certificates: Certificates,
    face: Callable[[WaitStateCollection], Ask],
    make: Callable[[Certificates, ssl.TLSVersion], Case],
    version: ssl.TLSVersion,
) -> None:
    """A client reads of our server why a handshake has failed whenever it reads it of a
    blocking one.
    """
    make(certificates, version).is_told_by(face(running))


def refuse_authority(certificates: Certificates) -> tuple[str, ssl.SSLContext, Any]:
    client = ssl.create_default_context(cafile=certificates.stranger)
    return "TLSV1_ALERT_UNKNOWN_CA", client, certificates.localhost


def refuse_expired(certificates: Certificates) -> tuple[str, ssl.SSLContext, Any]:
    return "SSLV3_ALERT_CERTIFICATE_EXPIRED", certificates.client_context(), certificates.expired


def refuse_host(certificates: Certificates) -> tuple[str, ssl.SSLContext, Any]:
    return "SSLV3_ALERT_BAD_CERTIFICATE", certificates.client_context(), certificates.elsewhere


def heard(context: ssl.SSLContext) -> Talk:
    """A blocking server as the peer: it tells the alert that it reads."""

    def talk(sock: socket.socket) -> Told:
        try:
            with context.wrap_socket(sock, server_side=True) as tls:
                return ("data", tls.recv(100))
        except ssl.SSLError as error:
            return alert_in(error)
        except ConnectionError:
            return LOST

    return talk


def plain_refuse(sock: socket.socket, context: ssl.SSLContext) -> None:
    """Connect as a blocking program does, and refuse."""
    with sock, contextlib.suppress(OSError):
        context.wrap_socket(sock, server_hostname="localhost").close()


def our_refuse(collection: WaitStateCollection) -> Serve:
    """Connect as a program of ours does, and refuse."""

    def refuse(sock: socket.socket, tls: Any) -> None:
        state = AsyncIOState(collection, sock)
        state.attach_tls(lambda state, error: state.close(), tls=tls, server_hostname="localhost")

    return lambda sock, tls: collection.submit(refuse, sock, tls).result(LIMIT)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("make", [refuse_authority, refuse_expired, refuse_host])
def test_a_server_is_told_what_a_blocking_client_tells__tls_9__lw_152(
    running: WaitStateCollection,
    certificates: Certificates,
    make: Callable[[Certificates], tuple[str, ssl.SSLContext, Any]],
    version: ssl.TLSVersion,
) -> None:
    """A server reads why its certificate is refused, as it does of a blocking client."""
    reason, client, identity = make(certificates)
    client.minimum_version = client.maximum_version = version
    talk = heard(certificates.server_context(identity))
    ours = [conversation(our_refuse(running), client, talk) for _ in range(ROUNDS)]
    plain = {conversation(plain_refuse, client, talk) for _ in range(ROUNDS)}
    assert ours == [("alert", reason)] * ROUNDS
    assert plain - {LOST} <= {("alert", reason)}


def test_openssl_reads_the_alert__tls_9__lw_152(
    running: WaitStateCollection, certificates: Certificates
) -> None:
    """The command line client of OpenSSL is told by our alert why its handshake has failed."""
    program = require("openssl")
    server = certificates.server_context()
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with subprocess.Popen(
            [program, "s_client", "-connect", address, "-tls1_2"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as client:
            our_serve(running)(listener.accept()[0], server)
            output, _ = client.communicate(timeout=LIMIT)
    assert b"alert protocol version" in output
