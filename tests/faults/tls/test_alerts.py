"""What a peer that does not behave reads of us, beside what it reads of a blocking server.

`tests/scenarios/test_alerts.py` has the failures of well-behaved peers; here is the rest.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import pytest

from reactor.channel.tls_engine import TLSEngine
from reactor.channel.tls_settings import ServerTLS
from reactor.loop.collection import WaitStateCollection
from tests.certificates import Certificates
from tests.faults.tls.conversations import (
    FACES,
    LOST,
    Ask,
    Case,
    Talk,
    Told,
    alert_in,
    contexts,
    tls_client,
)
from tests.faults.tls.peers import Peers
from tests.recorder import Recorder
from tests.turns import until

VERSIONS: Final = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
Face: TypeAlias = Callable[[WaitStateCollection], Ask]
KINDS: Final = {20: "change", 21: "alert", 22: "handshake", 23: "protected"}

# What is sent instead of a handshake -> the records that come back before the end. Alerts are
# fatal: 10 is an unexpected message, 22 a record overflow, 50 a decode error, 70 the version.
# OpenSSL says nothing to what is no record at all; a blocking server even resets the connection.
UNWELCOME: Final[dict[str, tuple[bytes, list[str]]]] = {
    "nothing": (b"", ["alert 50"]),
    "one octet": (b"\x16", ["alert 50"]),
    "a post": (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", []),
    "a proxy request": (b"CONNECT localhost:443 HTTP/1.1\r\n\r\n", []),
    "another method": (b"OPTIONS * HTTP/1.1\r\n\r\n", []),
    "a mail": (b"EHLO localhost\r\n", []),
    "a version of the future": (b"\x16\x05\x01\x00\x05hello", []),
    "an oversized record": (b"\x16\x03\x01\x48\x01" + bytes(0x4801), ["alert 22"]),
    "a record that is just too big": (b"\x16\x03\x01\x41\x01" + bytes(0x4101), ["alert 22"]),
    "an empty record": (b"\x16\x03\x01\x00\x00", ["alert 50"]),
    "data": (b"\x17\x03\x03\x00\x05hello", ["alert 10"]),
    "a change of ciphers": (b"\x14\x03\x03\x00\x01\x01", ["alert 10"]),
    "an alert": (b"\x15\x03\x01\x00\x02\x02\x28", ["alert 10"]),
    "a closing alert": (b"\x15\x03\x01\x00\x02\x01\x00", ["alert 10"]),
    "garbage without end": (b"\x16\x03\x01\x00\x04\xff\0\0\0" + bytes(300_000), ["alert 10"]),
    "version 2": (b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37), ["alert 70"]),
}


@pytest.fixture
def running() -> Iterator[WaitStateCollection]:
    """A collection whose loop runs in a thread, on the time of the world."""
    with WaitStateCollection("of alerts") as collection:
        yield collection


def records_in(data: bytes) -> list[str]:
    """Name the records, and what the alerts in clear say."""
    found = list[str]()
    while data:
        number = f" {data[6]}" if data[0] == 21 and data[5] == 2 else ""
        found.append(KINDS[data[0]] + number)
        data = data[5 + int.from_bytes(data[3:5], "big") :]
    return found


def heard_by(data: bytes) -> Talk:
    """A client that sends this, ends, and tells the records that it reads until an orderly end."""

    def talk(sock: socket.socket) -> Told:
        heard = b""
        with sock, contextlib.suppress(OSError):  # a reset may be met by any of these
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(4096):
                heard += piece
            return tuple(records_in(heard))
        return LOST

    return talk


# On a state, and on a server with transports.
faces: Final = pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)


@faces
@pytest.mark.parametrize("what", UNWELCOME)
def test_what_is_no_handshake_is_answered_as_by_a_blocking_server__tls_9(
    running: WaitStateCollection, certificates: Certificates, face: Face, what: str
) -> None:
    """Whatever it is, the client reads the same alert of ours, and then an end in order."""
    data, expected = UNWELCOME[what]
    Case(tuple(expected), heard_by(data), certificates.server_context()).is_told_by(face(running))


@faces
@pytest.mark.parametrize("behind", [b"", bytes(100), bytes(100_000)], ids=len)
def test_a_handshake_that_breaks_off_is_answered_as_by_a_blocking_server__tls_9(
    running: WaitStateCollection, certificates: Certificates, face: Face, behind: bytes
) -> None:
    """Behind a good hello comes nothing, or garbage: our flight arrives, and then the alert."""
    client, server = contexts(certificates, ssl.TLSVersion.TLSv1_2)
    engine = TLSEngine(client, server_side=False, server_hostname="localhost")
    engine.handshake()
    alert = "alert 70" if behind else "alert 50"
    expected = (*["handshake"] * 4, alert)
    talk = heard_by(engine.take() + behind)
    Case(expected, talk, server).is_told_by(face(running))


def bad_record(data: bytes, context: ssl.SSLContext) -> Talk:
    """A client that shakes hands, sends bytes behind the back of TLS, and tells the alert."""

    def talk(sock: socket.socket) -> Told:
        try:
            with context.wrap_socket(sock, server_hostname="localhost") as tls:
                with socket.socket(fileno=os.dup(tls.fileno())) as bare:
                    bare.settimeout(tls.gettimeout())
                    bare.sendall(data)
                answer = tls.recv(100)  # empty is the end, for Python one without an alert too
                return ("data", answer) if answer else LOST
        except ssl.SSLError as error:
            return alert_in(error)
        except ConnectionError:
            return LOST

    return talk


BAD_RECORDS: Final = {
    "not authentic": (b"\x17\x03\x03\x00\x64" + bytes(100), "SSLV3_ALERT_BAD_RECORD_MAC"),
    "oversized": (b"\x17\x03\x03\x48\x01" + bytes(0x4801), "TLSV1_ALERT_RECORD_OVERFLOW"),
}


@faces
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", BAD_RECORDS)
def test_a_bad_record_is_answered_as_by_a_blocking_server__tls_9(
    running: WaitStateCollection,
    certificates: Certificates,
    face: Face,
    version: ssl.TLSVersion,
    what: str,
) -> None:
    """In the midst of a conversation too the peer reads what was wrong before the end."""
    client, server = contexts(certificates, version)
    data, reason = BAD_RECORDS[what]
    Case(("alert", reason), bad_record(data, client), server).is_told_by(face(running))


def expired_certificate(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    client.load_cert_chain(certificates.expired)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(certificates.authority)
    return Case(("alert", "SSLV3_ALERT_CERTIFICATE_EXPIRED"), tls_client(client), server)


def certificate_of_nobody(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    client.load_cert_chain(certificates.alone)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(certificates.authority)
    return Case(("alert", "TLSV1_ALERT_UNKNOWN_CA"), tls_client(client), server)


def no_common_curve(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    client.set_ecdh_curve("secp521r1")
    server.set_ecdh_curve("secp384r1")
    return Case(("alert", "SSLV3_ALERT_HANDSHAKE_FAILURE"), tls_client(client), server)


def unknown_name(certificates: Certificates, version: ssl.TLSVersion) -> Case:
    client, server = contexts(certificates, version)
    client.check_hostname = False
    ours = ServerTLS(certificates.localhost, choose_context=lambda name: None)
    talk = tls_client(client, "unknown.example")
    return Case(("data", b"hello", None), talk, server, ours)


@faces
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "make",
    [expired_certificate, certificate_of_nobody, no_common_curve, unknown_name],
    ids=lambda make: make.__name__,
)
def test_what_cannot_be_agreed_is_told_as_by_a_blocking_server__tls_9(
    running: WaitStateCollection,
    certificates: Certificates,
    face: Face,
    make: Callable[[Certificates, ssl.TLSVersion], Case],
    version: ssl.TLSVersion,
) -> None:
    """A bad certificate of the client, no curve for both, a name that nobody knows."""
    make(certificates, version).is_told_by(face(running))


def test_gnutls_reads_the_alert__tls_9(peers: Peers) -> None:
    """The command line client of GnuTLS prints why its handshake has failed."""
    server = peers.serve(Recorder(), tls=peers.described(minimum_version="1.3"))
    client = peers.client("gnutls", server.port, version="1.2")
    assert client.exits() != 0
    assert "Received alert [70]" in client.notes
    until(peers.collection, lambda: server.handle.tls_error_count == 1)


# What each program notes when no certificate of it was there.
MISSING: Final = {
    ("openssl", "1.2"): "fatal handshake_failure",
    ("openssl", "1.3"): "fatal certificate_required",
    ("gnutls", "1.2"): "Received alert [40]: Handshake failed",
    ("gnutls", "1.3"): "Received alert [116]: Certificate is required",
}


@pytest.mark.parametrize(("kind", "version"), MISSING)
def test_programs_read_that_a_certificate_is_missing__tls_9(
    peers: Peers, kind: str, version: str
) -> None:
    """Under TLS 1.3 they are told behind their own handshake, and it arrives all the same."""
    authority = peers.certificates.authority
    tls = peers.described(client_certificates="required", trusted_file=authority)
    server = peers.serve(Recorder(), tls=tls)
    client = peers.client(kind, server.port, version=version)
    assert client.exits() != 0
    assert MISSING[kind, version] in client.notes
    until(peers.collection, lambda: server.handle.tls_error_count == 1)
