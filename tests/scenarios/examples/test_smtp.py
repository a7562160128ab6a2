"""The SMTP greeting of the examples, with the clients that people use to look at STARTTLS."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.certificates import Certificates
from tests.peers import require
from tests.scenarios.programs import PATIENCE, Program


@pytest.fixture
def port(certificates: Certificates, tmp_path: Path) -> Iterator[int]:
    """Where a greeting waits for clients."""
    command: list[str | Path] = [ROOT / "examples/smtp/server.py", "--port", "0"]
    command += ["--certificate", certificates.localhost]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'examples/chat'}"}
    with Program(sys.executable, *command, folder=tmp_path, environment=environment) as server:
        yield int(server.expect("smtp 127.0.0.1:").split(":")[1].split(",")[0])


def test_openssl_upgrades_in_the_midst_of_a_conversation__tls_6__lw_139(
    port: int, certificates: Certificates, tmp_path: Path
) -> None:
    """The `openssl` client finds STARTTLS in a greeting, verifies the server, and goes on."""
    command = [require("openssl"), "s_client", "-starttls", "smtp", "-crlf", "-quiet"]
    command += ["-connect", f"127.0.0.1:{port}", "-CAfile", str(certificates.authority)]
    command += ["-verify_return_error", "-verify_hostname", "localhost"]
    with Program(*command, folder=tmp_path) as client:
        client.expect("250 ")  # the last line of the answer to its own EHLO
        client.types("EHLO tester")
        assert "STARTTLS" not in client.expect("250-localhost")
        client.types("NOOP")
        client.expect("250 done")
        client.types("QUIT")
        client.expect("221 goodbye")


def test_gnutls_upgrades_in_the_midst_of_a_conversation__tls_6__lw_139(
    port: int, certificates: Certificates, tmp_path: Path
) -> None:
    """The GnuTLS client finds STARTTLS in a greeting, verifies the server, and goes on."""
    command = [require("gnutls-cli"), "--starttls-proto=smtp", f"--port={port}", "--crlf"]
    command += [f"--x509cafile={certificates.authority}", "localhost"]
    with Program(*command, folder=tmp_path) as client:
        client.expect("Handshake was completed")
        client.types("EHLO tester")
        client.expect("250 PIPELINING")
        client.types("QUIT")
        client.expect("221 goodbye")


def test_the_standard_library_upgrades__lw_139(port: int, certificates: Certificates) -> None:
    """A client of Python's own upgrades, and is offered no second STARTTLS."""
    with smtplib.SMTP("localhost", port, timeout=PATIENCE) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        client.starttls(context=ssl.create_default_context(cafile=certificates.authority))
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.noop()[0] == 250
        assert client.docmd("MAIL", "FROM:<a@b.example>")[0] == 502


@contextlib.contextmanager
def greeted(port: int) -> Iterator[socket.socket]:
    """A client that has been greeted."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        assert client.recv(100).startswith(b"220 ")
        yield client


def heard(client: socket.socket) -> bytes:
    """What a client still hears until the end; a reset is one."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(4096):
            said += data
    return said


def test_an_injected_command_is_never_obeyed__tls_6__pitfall_2(port: int) -> None:
    """A command in clear behind STARTTLS ends in a failed handshake, and is never answered."""
    with greeted(port) as client:
        client.sendall(b"STARTTLS\r\nNOOP\r\nQUIT\r\n")
        said = heard(client)
    assert said.startswith(b"220 go ahead\r\n")
    assert b"250" not in said
    assert b"221" not in said


def test_an_early_client_hello_is_used__tls_6__pitfall_2(
    port: int, certificates: Certificates
) -> None:
    """A client that sends its hello together with STARTTLS, before the answer, gets its TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = certificates.client_context()
    engine = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        engine.do_handshake()
    with greeted(port) as client:
        client.sendall(b"STARTTLS\r\n" + outgoing.read())
        answer = b""
        while len(answer) < len(b"220 go ahead\r\n"):
            answer += client.recv(14 - len(answer))
        assert answer == b"220 go ahead\r\n"
        done = False
        while not done:
            incoming.write(client.recv(4096))
            with contextlib.suppress(ssl.SSLWantReadError):
                engine.do_handshake()
                done = True
            client.sendall(outgoing.read())
        engine.write(b"NOOP\r\n")
        client.sendall(outgoing.read())
        said = b""
        while not said:
            incoming.write(client.recv(4096))
            with contextlib.suppress(ssl.SSLWantReadError):
                said = engine.read(100)
    assert said == b"250 done\r\n"


def test_an_endless_line_is_refused(port: int) -> None:
    with greeted(port) as client:
        client.sendall(bytes(511) + b"x")
        assert heard(client) == b"500 a line has 512 bytes at most\r\n"
