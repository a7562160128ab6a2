"""What stands in errors and logs about TLS: the peer's words made harmless, and no secrets."""

from __future__ import annotations

import logging
import ssl
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import serialization

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import TLSVerificationFailed
from tests.certificates import Certificates
from tests.faults.tls.peers import ECHO, KINDS, VERSIONS, Peers
from tests.recorder import Recorder
from tests.turns import until

EVIL: Final = "evil\r\nWARNING all is well\x1b[2J"
HARMLESS: Final = r"evil\r\nWARNING all is well\x1b[2J"


def refuse(name: str | None) -> None:
    """A `choose_context` that says whom it does not know."""
    raise LookupError(f"nobody is called {name}")


def test_the_name_that_a_client_asks_for_is_escaped_in_the_log(
    peers: Peers, caplog: pytest.LogCaptureFixture
) -> None:
    """A name with line ends and escape sequences stays on its one line, and says what it is."""
    ours = Recorder()
    server = peers.serve(ours, tls=peers.described(choose_context=refuse))
    client = peers.client("openssl", server.port, name=EVIL)
    assert client.exits() != 0
    until(peers.collection, lambda: server.handle.tls_error_count)
    (record,) = caplog.records
    line = logging.Formatter("%(levelname)s %(message)s").format(record)
    assert line.isprintable()
    assert f"choose_context raised LookupError: nobody is called {HARMLESS}" in line


def test_the_name_is_escaped_in_what_a_protocol_is_told(peers: Peers) -> None:
    """With STARTTLS the error goes to the protocol, which may print it."""
    ours, tls = Recorder(), peers.described(choose_context=refuse)
    ours.on["data_received"] = lambda transport: transport.start_tls(tls, unread=ours.calls[-1][1])
    server = peers.serve(ours, tls=None)
    client = peers.client("openssl", server.port, name=EVIL)
    until(peers.collection, lambda: ours.lost)
    (error,) = ours.lost
    for text in (str(error), repr(error), repr(ours.transport.close_report)):
        assert text.isprintable()
        assert "nobody is called evil" in text
    assert client.exits() != 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python's complaint
def test_a_name_that_is_no_ascii_is_refused_and_harms_nobody(
    peers: Peers, caplog: pytest.LogCaptureFixture
) -> None:
    """Python cannot decode it, and tells nobody but the client: it reads an alert."""
    ours = Recorder()
    server = peers.serve(ours, tls=peers.described(choose_context=lambda name: None))
    client = peers.client("openssl", server.port, name="bücher.example")
    assert client.exits() != 0
    assert "fatal internal_error" in client.notes
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    peers.client("openssl", server.port).types("hello")
    until(peers.collection, lambda: ours.received)


@pytest.mark.parametrize("kind", KINDS)
def test_names_in_a_certificate_are_escaped(peers: Peers, kind: str) -> None:
    """What a callback says of the subject stays on one line in our error."""

    def look(tls_object: Any) -> bool:
        names = dict(pair[0] for pair in tls_object.getpeercert()["subject"])
        raise ValueError(f"never heard of {names['commonName']}")

    certificates = peers.certificates
    shown = certificates.issue("localhost", common_name=EVIL)
    _program, port = peers.server(kind, *ECHO[kind], identity=shown)
    tls = ClientTLS(trusted_file=certificates.authority, verify_callback=look)
    failures = peers.connect(Recorder(), port, tls=tls)
    until(peers.collection, lambda: failures)
    (error,) = failures
    assert isinstance(error, TLSVerificationFailed)
    assert str(error).isprintable()
    assert f"never heard of {HARMLESS}" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_certificate_says_nothing_in_its_own_words(
    peers: Peers, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The text about an expired one is OpenSSL's, and so is that in the log of a server."""
    certificates = peers.certificates
    shown = certificates.issue("localhost", common_name=EVIL, ended=timedelta(days=1))
    _program, port = peers.server(kind, *ECHO[kind], identity=shown)
    failures = peers.connect(Recorder(), port)
    until(peers.collection, lambda: failures)
    assert str(failures[0]).isprintable()
    assert "evil" not in str(failures[0])
    tls = peers.described(client_certificates="required", trusted_file=certificates.authority)
    server = peers.serve(Recorder(), tls=tls)
    files = {
        "openssl": ("-cert", shown, "-key", shown),
        "gnutls": ("--x509certfile", shown, "--x509keyfile", shown),
    }
    peers.client(kind, server.port, *files[kind])
    until(peers.collection, lambda: server.handle.tls_error_count)
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert "certificate has expired" in record.getMessage()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_logged(
    peers: Peers, tmp_path: Path, kind: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At the lowest level neither keys nor passwords nor words of the conversation are told."""
    caplog.set_level(logging.DEBUG)
    keys = tmp_path / "keys"
    ours = Recorder(data_received=lambda transport: transport.write(b"their word is Honig\n"))
    tls = peers.described(password="sesame", key_log_file=keys, name="the shop")
    server = peers.serve(ours, tls=tls)
    client = peers.client(kind, server.port, version=version)
    client.types("my word is Swordfish")
    client.prints("Honig")
    transport = ours.transport
    shown = [repr(thing) for thing in (tls, server, server.handle, transport, transport._state)]
    shown += [repr(transport.get_extra_info("ssl_object")), repr(peers.collection)]
    client.dies()
    until(peers.collection, lambda: ours.lost)
    text = "\n".join([caplog.text, *shown, repr(ours.lost), repr(transport.close_report)])
    assert "the shop" in text
    secrets = [line.split()[-1] for line in keys.read_text().splitlines() if line[:1] != "#"]
    assert len(secrets) >= 1
    lines = peers.certificates.localhost.read_text().splitlines()
    for secret in ("sesame", "Swordfish", "Honig", *secrets, *(line for line in lines if line)):
        assert secret not in text
    caplog.clear()  # a record keeps the description, and that the file of the keys


@pytest.mark.parametrize("password", ["swordfish", b"swordfish", bytearray(b"swordfish")])
def test_a_password_that_does_not_fit_is_not_repeated(
    certificates: Certificates, tmp_path: Path, password: Any
) -> None:
    """Neither a wrong one nor one of a wrong kind is in the text or in the causes of the error."""
    key = serialization.load_pem_private_key(certificates.localhost.read_bytes(), None)
    path = tmp_path / "key.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    with pytest.raises((ssl.SSLError, TypeError)) as caught:
        ServerTLS(certificates.localhost, path, password=password)
    text = "".join(traceback.format_exception_only(caught.value))
    assert "swordfish" not in text + repr(caught.value.__cause__) + repr(caught.value.__context__)
