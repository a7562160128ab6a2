"""TLS under callbacks: verified, with one event if it does not come up, and closed in order."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from reactor.callbacks import tcp_connect, tcp_server
from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import EndOfStream, SocketError, TLSError, TLSTruncated, TLSVerificationFailed
from reactor.loop.collection import WaitStateCollection
from tests.certificates import Certificates
from tests.reactor.callbacks.conftest import HOST, Program, World


@pytest.mark.parametrize("context", [False, True])
def test_servers_take_either_description__cl_70(
    collection: WaitStateCollection, certificates: Certificates, tcp: World, context: bool
) -> None:
    """A server takes a `ServerTLS` or an `ssl.SSLContext`; a client verifies the name it gave."""
    near, far = Program(), Program(read=lambda sock, data: sock.write(data))
    tls: Any = ServerTLS(certificates.localhost)
    if context:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificates.localhost)
    tcp.serve(far, tls=tls)
    trusting = ClientTLS(trusted_file=certificates.authority)
    tcp.connect(near, tls=trusting, server_hostname="localhost", data=b"hello")
    tcp.until(lambda: near.received == b"hello")


@pytest.mark.parametrize(
    ("tls", "name"), [("default", None), ("stranger", None), ("authority", "elsewhere.example")]
)
def test_verification_is_on__cl_70_71(
    certificates: Certificates, tcp: World, tls: str, name: str | None
) -> None:
    """A certificate that is not trusted, or is another's, is one event with phase "handshake"."""
    near, far = Program(), Program()
    tcp.serve(far, tls=ServerTLS(certificates.localhost))
    file = None if tls == "default" else getattr(certificates, tls)
    how = True if file is None else ClientTLS(trusted_file=file)
    sock = tcp.connect(near, tls=how, server_hostname=name, data=b"secret")
    tcp.until(lambda: near.events)
    tcp.settle()
    (event,) = near.events
    assert isinstance(event, TLSVerificationFailed)
    assert (event.phase, event.connection) == ("handshake", sock)
    assert near.names == ["event"]
    assert far.calls == []


def test_writes_wait_for_the_handshake__cl_71(certificates: Certificates, tcp: World) -> None:
    """What is written before the handshake is never sent in clear: it waits for it."""
    near = Program()
    trusting = ClientTLS(trusted_file=certificates.authority)
    port = tcp.serve(Program()).local_port  # which speaks no TLS
    tcp.dial(near, port, tls=trusting, data=b"secret")
    plain = Program(read=lambda sock, data: sock.write(b"no TLS here\r\n"))
    tcp.serve(plain)
    tcp.connect(near, tls=trusting, data=b"secret")
    tcp.until(lambda: near.events)
    assert isinstance(near.events[0], TLSError)
    assert b"secret" not in plain.received


def test_the_closing_alert_comes_first__cl_72(certificates: Certificates, tcp: World) -> None:
    """A close says goodbye in TLS before the end of TCP; an end without that is `TLSTruncated`."""
    tls = ServerTLS(certificates.localhost)
    trusting = ClientTLS(trusted_file=certificates.authority)
    for orderly in (True, False):
        near, far = Program(), Program(connect=lambda sock: sock.write(b"hello"))
        tcp.serve(far, tls=tls)
        tcp.connect(near, tls=trusting)
        tcp.until_read(near, b"hello")
        if orderly:
            far.socket.close()
        else:
            far.socket.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        assert type(tcp.until_event(near)) is (EndOfStream if orderly else TLSTruncated)


def test_a_client_without_tls_costs_the_server_nothing__cl_71(
    collection: WaitStateCollection, certificates: Certificates, tcp: World
) -> None:
    """A client that speaks no TLS gives the server no socket, and others are served."""
    near, far = Program(), Program(read=lambda sock, data: sock.write(data))
    tcp.serve(far, tls=ServerTLS(certificates.localhost))
    client = tcp.call()
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    tcp.settle()
    assert far.calls == []
    tcp.connect(near, tls=ClientTLS(trusted_file=certificates.authority), data=b"hello")
    tcp.until(lambda: near.received)


def test_a_wrong_description_is_said_at_once__cl_70(collection: WaitStateCollection) -> None:
    """A `tls=` that describes no TLS is a `TypeError` of the call."""
    for verb in (
        lambda: tcp_connect(collection, HOST, 1, None, tls="yes"),
        lambda: tcp_server(collection, HOST, 0, None, tls="yes"),
    ):
        with pytest.raises(TypeError):
            verb()
    assert issubclass(TLSError, SocketError)
