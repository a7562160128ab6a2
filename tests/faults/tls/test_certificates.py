"""Certificates that servers show to a client of ours: good ones, and each kind of bad ones."""

from __future__ import annotations

import logging
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from reactor.channel.tls_settings import ClientTLS
from reactor.errors import TLSVerificationFailed
from tests.certificates import Certificates
from tests.faults.tls.peers import ECHO, HOST, KINDS, VERSIONS, Peers, sockets
from tests.recorder import Recorder
from tests.turns import until

# What is wrong -> the host, the text of our error, and the number of the alert for the server.
TEXTS: Final = {
    "expired": ("localhost", "certificate has expired", 45),
    "not yet valid": ("localhost", "certificate is not yet valid", 42),
    "another host": ("localhost", "certificate is not valid for 'localhost'", 42),
    "another wildcard": ("a.b.example", "certificate is not valid for 'a.b.example'", 42),
    "an unknown authority": ("localhost", "unable to get local issuer certificate", 48),
    "no authority": ("localhost", "self-signed certificate", 48),
}
ALERTS: Final = {42: "bad certificate", 45: "certificate expired", 48: "unknown ca"}
# GnuTLS cannot decrypt what OpenSSL's clients say in this phase of TLS 1.3, whoever uses them.
NOT_HEARD: Final = r"(Error in handshake: Decryption has failed)"


def identity(certificates: Certificates, what: str) -> Path:
    """Return the certificate with which something is wrong."""
    if what == "not yet valid":
        return certificates.issue("localhost", begins=timedelta(days=1))
    if what == "another wildcard":
        return certificates.issue("*.example")
    return {
        "expired": certificates.expired,
        "another host": certificates.elsewhere,
        "an unknown authority": certificates.localhost,
        "no authority": certificates.alone,
    }[what]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_certificate_is_refused_and_the_server_told__rel_35(
    peers: Peers, kind: str, what: str, version: str
) -> None:
    """Each kind has its own text, the server reads the alert, and no protocol is made."""
    before, certificates = sockets(), peers.certificates
    host, text, alert = TEXTS[what]
    shown = identity(certificates, what)
    program, port = peers.server(kind, *ECHO[kind], identity=shown, version=version)
    roots = certificates.authority if what != "an unknown authority" else certificates.stranger
    ours, tls = Recorder(), ClientTLS(trusted_file=roots)
    failures = peers.connect(ours, port, tls=tls, server_hostname=host)
    until(peers.collection, lambda: failures)
    assert [type(error) for error in failures] == [TLSVerificationFailed]
    assert text in str(failures[0])
    heard = f"(alert {ALERTS[alert]}|Alert\\[2\\|{alert}\\])"
    program.matches(NOT_HEARD if (kind, version) == ("gnutls", "1.3") else heard)
    program.dies()
    until(peers.collection, lambda: sockets() == before)
    assert (ours.calls, len(peers.collection.timers)) == ([], 0)


def test_each_refusal_has_its_own_text__rel_35() -> None:
    """No two of the texts that are looked for are alike, so each failure is told apart."""
    assert len({text for _, text, _ in TEXTS.values()}) == len(TEXTS) == 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("names", "host", "good"),
    [
        (["127.0.0.1"], HOST, True),
        (["127.0.0.2", "localhost"], HOST, False),
        (["::1"], "::1", True),
        (["::2", "localhost"], "::1", False),
        (["xn--bcher-kva.example"], "bücher.example", True),
        (["xn--bcher-kva.example"], "bucher.example", False),
        (["*.xn--bcher-kva.example"], "www.bücher.example", True),
    ],
)
def test_addresses_and_international_names_are_verified__rel_36(
    peers: Peers, kind: str, names: list[str], host: str, good: bool
) -> None:
    """Addresses and international names are compared with the alternative names, an address
    with addresses only.
    """
    shown = peers.certificates.issue(*names)
    _program, port = peers.server(kind, *ECHO[kind], identity=shown)
    ours = Recorder()
    failures = peers.connect(ours, port, server_hostname=host)
    until(peers.collection, lambda: failures or ours.calls)
    assert ours.names == (["connection_made"] if good else [])
    assert [type(error) for error in failures] == ([] if good else [TLSVerificationFailed])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [[], ["elsewhere.example"]])
def test_a_common_name_is_not_believed__rel_36(peers: Peers, kind: str, names: list[str]) -> None:
    """A host that is written only into the field for any text is no reason to trust."""
    shown = peers.certificates.issue(*names, common_name="localhost")
    _program, port = peers.server(kind, *ECHO[kind], identity=shown)
    ours = Recorder()
    failures = peers.connect(ours, port)
    until(peers.collection, lambda: failures or ours.calls)
    assert [type(error) for error in failures] == [TLSVerificationFailed]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_only_an_explicit_argument_switches_verification_off__rel_37(
    peers: Peers, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is safe by default refuses and logs nothing; `verify=False` connects, and is logged."""
    shown = peers.certificates.expired
    _program, port = peers.server(kind, *ECHO[kind], identity=shown)
    for safe in (True, ClientTLS(), ssl.create_default_context()):
        failures = peers.connect(Recorder(), port, tls=safe)
        until(peers.collection, lambda: failures)  # noqa: B023  # called before the next round
        assert isinstance(failures[0], TLSVerificationFailed)
    assert caplog.records == []
    ours = Recorder()
    assert peers.connect(ours, port, tls=ClientTLS(verify=False, name="reckless")) == []
    until(peers.collection, lambda: ours.calls)
    (record,) = caplog.records
    assert (record.levelno, record.name.split(".")[0]) == (logging.WARNING, "reactor")
    assert "reckless" in record.getMessage()
