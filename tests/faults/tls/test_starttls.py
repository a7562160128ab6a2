"""STARTTLS with real clients, and with somebody on the way who puts words into their mouths."""

from __future__ import annotations

from typing import Any, Final

import pytest

from reactor.channel.tls_settings import ServerTLS
from reactor.errors import TLSError
from reactor.protocol import Protocol
from reactor.server import connect, serve
from reactor.transport import Transport
from tests.faults.tls.peers import HOST, KINDS, VERSIONS, Peers
from tests.recorder import Recorder
from tests.turns import until

COMMAND: Final = b"STARTTLS\r\n"
EVIL: Final = b"EVIL: believe me\r\n"
STARTTLS: Final = {"openssl": ("-starttls", "smtp"), "gnutls": ("--starttls-proto", "smtp")}


class Mail(Recorder):
    """A server of SMTP that knows two commands; `switched` has what became of TLS."""

    def __init__(self, tls: ServerTLS) -> None:
        super().__init__(connection_made=lambda transport: transport.write(b"220 welcome\r\n"))
        self.tls = tls
        self.protected = bytearray()
        self.switched = list[BaseException | None]()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        transport = self.transport
        if self.switched:
            self.protected += data
            transport.write(b"250 heard\r\n")
        elif COMMAND in data:
            transport.write(b"220 go on\r\n")
            behind = data.partition(COMMAND)[2]
            transport.start_tls(
                self.tls, lambda _, error: self.switched.append(error), unread=behind
            )
        else:
            transport.write(b"250-here\r\n250 STARTTLS\r\n")


class Meddler(Protocol):
    """One of two ends of somebody in the middle: what comes here goes on from the other one."""

    def __init__(self, change: Any) -> None:
        self.change = change
        self.other: Meddler | None = None
        self.early = list[bytes]()
        self.transport: Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        for data in self.early:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        self.other.passes_on(self.change(data))

    def passes_on(self, data: bytes) -> None:
        """Send it, as soon as there is a connection."""
        if self.transport is None:
            self.early.append(data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


def meddle(peers: Peers, port: int, change: Any) -> int:
    """Stand between a client and a server; return the port for the client."""

    def meet() -> Meddler:
        near, far = Meddler(change), Meddler(lambda data: data)
        near.other, far.other = far, near
        connect(peers.collection, lambda: far, HOST, port)
        return near

    here: int = serve(peers.collection, meet, 0, address=HOST).port
    return here


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_starttls_protects_what_follows__rel_34(peers: Peers, kind: str, version: str) -> None:
    """A client that says STARTTLS gets TLS on the same connection, and is understood."""
    ours = Mail(peers.described())
    port = meddle(peers, peers.serve(ours, tls=None).port, lambda data: data)
    client = peers.client(kind, port, *STARTTLS[kind], version=version)
    client.types("hello")
    client.prints("250 heard")
    assert (ours.switched, bytes(ours.protected)) == ([None], b"hello\n")
    client.types_no_more()
    client.exits()


@pytest.mark.parametrize("where", ["with the command", "before the hello"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_put_behind_starttls_is_never_believed__rel_34(
    peers: Peers, kind: str, version: str, where: str
) -> None:
    """Words in clear that came before TLS break the handshake; no word of them is delivered."""

    def change(data: bytes) -> bytes:
        if where == "with the command":
            return data.replace(COMMAND, COMMAND + EVIL)
        return EVIL + data if data.startswith(b"\x16\x03") else data  # the ClientHello

    ours = Mail(peers.described())
    port = meddle(peers, peers.serve(ours, tls=None).port, change)
    client = peers.client(kind, port, *STARTTLS[kind], version=version)
    until(peers.collection, lambda: ours.lost)
    assert client.exits() != 0
    assert [type(error) for error in ours.switched] == [TLSError]
    assert ours.protected == b""
    assert [type(error) for error in ours.lost] == [TLSError]
