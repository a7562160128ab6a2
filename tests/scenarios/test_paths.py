"""Protocols on Unix sockets, with programs of other people at the other end of the path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS
from reactor.net.path import UNIX
from reactor.server import connect, serve
from reactor.transport import Transport
from tests.faults.tls.peers import Peer, Peers
from tests.recorder import Recorder

pytestmark = pytest.mark.skipif(not UNIX, reason="Python has no Unix sockets here")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A path in the folder where the programs run."""
    return tmp_path / "gate"


def echo(peers: Peers, path: Path, **options: Any) -> Recorder:
    """Serve one client at a path, who gets back what it sends."""
    protocol = Recorder()
    protocol.on["data_received"] = lambda transport: transport.write(protocol.calls[-1][1])
    serve(peers.collection, lambda: protocol, path=path, **options)
    return protocol


def asked(peers: Peers, path: Path, peer: Peer, **options: Any) -> Recorder:
    """Connect to a program, send it a line, and close when it has come back."""

    def answered(transport: Transport) -> None:
        if protocol.received.endswith(b"\n"):
            transport.close()

    protocol = Recorder(
        connection_made=lambda transport: transport.write(b"hello\n"), data_received=answered
    )
    connect(peers.collection, lambda: protocol, path=path, **options)
    peer.until(lambda: protocol.lost)
    return protocol


def test_openssl_calls_on_a_path__pr_3__lw_199(peers: Peers, path: Path) -> None:
    """`openssl s_client` speaks TLS with a server of ours on a path, verifies it, and is told
    its end.
    """
    protocol = echo(peers, path, tls=peers.described())
    where = ("-unix", path, "-servername", "localhost")
    checks = ("-CAfile", peers.certificates.authority, "-verify_return_error")
    name = ("-verify_hostname", "localhost", "-quiet", "-no_ign_eof")
    client = peers.start("openssl", "s_client", *where, *checks, *name, "1.3")
    client.types("hello")
    client.prints("hello")
    protocol.transport.close()
    assert client.exits() == 0
    assert client.was_told_goodbye


def test_openssl_is_called_on_a_path__pr_2__lw_199(peers: Peers, path: Path) -> None:
    """`openssl s_server` on a path is verified by a protocol of ours and answers it."""
    where = ("-unix", path.name)  # it takes no path of more than 31 bytes
    identity = ("-cert", peers.certificates.localhost)
    server = peers.start("openssl", "s_server", *where, *identity, "-rev", "1.3")
    server.prints("ACCEPT")
    tls = ClientTLS(trusted_file=peers.certificates.authority)
    protocol = asked(peers, path, server, tls=tls, server_hostname="localhost")
    assert (protocol.received, protocol.lost) == (b"olleh\n", [None])


def test_netcat_calls_on_a_path__pr_3__lw_199(peers: Peers, path: Path) -> None:
    """`nc -U` gets back what it sends through a path, and its end is answered."""
    echo(peers, path)
    client = peers.start("nc", "-N", "-U", path)
    client.types("hello")
    client.prints("hello")
    client.types_no_more()
    assert client.exits() == 0


def test_socat_is_called_on_a_path__pr_2__lw_199(peers: Peers, path: Path) -> None:
    """A protocol of ours connects to a path of `socat`, which sends back what comes."""
    server = peers.start("socat", "-d", "-d", f"UNIX-LISTEN:{os.fspath(path)}", "EXEC:cat")
    server.prints("listening on")
    protocol = asked(peers, path, server)
    assert (protocol.received, protocol.lost) == (b"hello\n", [None])
    assert protocol.transport.get_extra_info("peername") == (str(path), None)
