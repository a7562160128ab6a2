"""TLS that is taken off again, with real programs at the other end."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS
from reactor.errors import EndOfStream
from reactor.opening.accept import accept_tcp
from reactor.opening.connect import connect_tcp
from reactor.state.async_io_state import AsyncIOState
from tests.faults.tls.peers import ECHO, HOST, KINDS, VERSIONS, Peers, sockets
from tests.turns import until


class Detacher:
    """Takes TLS off a state, and then reads to the end; `told` has what became of both."""

    def __init__(self) -> None:
        self.told = list[Any]()

    def detach(self, state: AsyncIOState) -> None:
        """Begin."""
        state.detach_tls(self._detached)

    def _detached(self, state: AsyncIOState, error: object) -> None:
        self.told += [error, state.tls_side]
        state.read_buffer(bytearray(1), self._read)

    def _read(self, state: AsyncIOState, *_: object) -> None:
        self.told.append(state.read_status)
        state.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_leaves_tls_with_us__lw_144(peers: Peers, kind: str, version: str) -> None:
    """A program that serves answers our closing alert; its end of the connection is one in clear,
    and no truncation.
    """
    before, ours = sockets(), Detacher()
    program, port = peers.server(kind, *ECHO[kind], version=version)
    connect_tcp(
        peers.collection,
        "localhost",
        port,
        lambda state, error: ours.detach(state),
        tls=ClientTLS(trusted_file=peers.certificates.authority),
        ipv6=False,
    )
    until(peers.collection, lambda: len(ours.told) == 3)
    assert ours.told[:2] == [None, None]
    assert isinstance(ours.told[2], EndOfStream)
    program.until(lambda: program.was_told_goodbye)
    until(peers.collection, lambda: sockets() == before)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_leaves_tls_with_us__lw_144(peers: Peers, kind: str, version: str) -> None:
    """With a program that has connected closing alerts are exchanged; OpenSSL answers ours, and
    GnuTLS begins.
    """
    ours = Detacher()

    def greet(_: object, state: AsyncIOState) -> None:
        if kind == "openssl":
            state.wait_for_input(lambda state: ours.detach(state))
        else:  # which does not answer: only its own end brings a closing alert
            state.read_buffer(bytearray(100), lambda state, *_: ours.detach(state))

    handle = accept_tcp(peers.collection, 0, greet, address=HOST, tls=peers.described())
    client = peers.client(kind, handle.local_port, version=version)
    client.types("hello")
    if kind == "gnutls":
        client.types_no_more()
    until(peers.collection, lambda: len(ours.told) == 3)
    assert ours.told[:2] == [None, None]
    if kind == "openssl":
        assert ours.told[2] is None  # there was something to read, from under TLS
    else:
        assert isinstance(ours.told[2], EndOfStream)
    client.exits()
    assert client.was_told_goodbye
    handle.close()
