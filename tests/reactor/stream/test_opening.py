"""`open_tcp_stream`: every option, and every way in which there is no connection."""

from __future__ import annotations

import contextlib
import functools
import io
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import reactor.opening.blocking
from reactor.channel.tls_settings import ClientTLS
from reactor.errors import (
    BindError,
    ConnectError,
    ConnectionRefused,
    ConnectTimedOut,
    NameLookupFailed,
    ReactorError,
    TLSError,
    TLSHandshakeTimeout,
    TLSVerificationFailed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.net.resolver import Resolver
from reactor.opening.accept import accept_tcp
from reactor.state.async_io_state import AsyncIOState
from reactor.stream.opening import open_tcp_stream
from reactor.stream.socket_stream import SocketStream
from tests.certificates import Certificates
from tests.reactor.opening.network import (
    HOST,
    accepted,
    free_port,
    full_listener,
    listening,
    port_of,
    read_options,
    resolver,
    silent_resolver,
)
from tests.reactor.stream.streams import PATIENCE, SHORT, meanwhile


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[[Resolver], None]:
    """Let blocking callers ask another resolver."""

    def use(resolver: Resolver) -> None:
        monkeypatch.setattr(reactor.opening.blocking, "blocking_resolver", lambda: resolver)

    return use


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Serve one client of TLS: what it says comes back; return the port."""

    def serve(server: socket.socket) -> None:
        peer = accepted(server)
        with (
            contextlib.suppress(OSError),
            peer,
            context.wrap_socket(peer, server_side=True) as talk,
        ):
            talk.sendall(talk.recv(100))
            talk.unwrap()

    with listening() as server, meanwhile(functools.partial(serve, server)):
        yield port_of(server)


@pytest.mark.parametrize("host", [HOST, "localhost", 2130706433, ipaddress.ip_address(HOST)])
@pytest.mark.parametrize("as_text", [True, False])
def test_it_connects_without_a_collection__lw_172(host: Any, as_text: bool) -> None:
    """`open_tcp_stream` connects to hosts and services in every form, and returns the stream."""
    with listening() as server:
        port = str(port_of(server)) if as_text else port_of(server)
        with open_tcp_stream(host, port) as stream, accepted(server) as peer:
            assert isinstance(stream, SocketStream)
            assert (stream.remote_host, stream.remote_port) == (HOST, port_of(server))
            assert stream.address == peer.getpeername()
            stream.write(b"hello")
            assert peer.recv(10) == b"hello"


def test_all_addresses_are_tried__lw_172(names: Callable[[Resolver], None]) -> None:
    """A host whose first addresses refuse is reached by the next one."""
    names(resolver(host_example=["127.0.0.2", "::1", "127.0.0.1"]))
    with (
        listening() as server,
        open_tcp_stream("host.example", port_of(server)) as stream,
        accepted(server),
    ):
        assert stream.peer_address == (HOST, port_of(server))


def test_a_host_that_is_silent_costs_a_moment__lw_172(names: Callable[[Resolver], None]) -> None:
    """While a first address says nothing the next one is tried beside it."""
    names(resolver(host_example=["127.0.0.1", "::1"]))
    with (
        full_listener() as silent,
        listening("::1", port_of(silent)) as server,
        open_tcp_stream("host.example", port_of(server)) as stream,
        accepted(server),
    ):
        assert (stream.remote_host, stream.address_family) == ("::1", "internet6")


def test_a_failure_names_every_attempt__lw_175(names: Callable[[Resolver], None]) -> None:
    """A host that cannot be reached is a `ConnectError` with all attempts, and what was given."""
    names(resolver(host_example=["127.0.0.1", "127.0.0.2"]))
    with pytest.raises(ConnectionRefused, match=r"host\.example") as raised:
        open_tcp_stream("host.example", free_port())
    assert isinstance(raised.value, ConnectError)
    assert [address[0] for address, _ in raised.value.attempts] == ["127.0.0.1", "127.0.0.2"]


def test_an_unknown_name_is_told__lw_175(names: Callable[[Resolver], None]) -> None:
    """A host without addresses is `NameLookupFailed`, and so is an unknown service."""
    names(resolver())
    with pytest.raises(NameLookupFailed) as raised:
        open_tcp_stream("nowhere.example", 80)
    assert raised.value.identifier == "host-not-found"
    with pytest.raises(NameLookupFailed) as raised:
        open_tcp_stream(HOST, "no such service")
    assert raised.value.identifier == "service-not-found"


def test_the_shared_resolver_is_one__lw_029() -> None:
    """All callers who wait share one resolver, so that stuck look-ups are bounded."""
    one = reactor.opening.blocking.blocking_resolver()
    assert one is reactor.opening.blocking.blocking_resolver()
    with pytest.raises(NameLookupFailed), contextlib.closing(open_tcp_stream("a..b", 80)):
        pass


def test_a_silent_host_has_a_limit__lw_176() -> None:
    """When `timeout` passes before there is a connection it is `ConnectTimedOut`."""
    with full_listener() as server, pytest.raises(ConnectTimedOut) as raised:
        open_tcp_stream(HOST, port_of(server), timeout=SHORT)
    assert (raised.value.phase, raised.value.limit) == ("connect", SHORT)
    assert isinstance(raised.value, TimeoutError)


def test_a_silent_name_service_has_a_limit__lw_176(names: Callable[[Resolver], None]) -> None:
    """The look-up counts in `timeout`: `ConnectTimedOut` with phase "resolve"."""
    with silent_resolver() as silent:
        names(silent)
        with pytest.raises(ConnectTimedOut) as raised:
            open_tcp_stream("host.example", 80, timeout=SHORT)
    assert raised.value.phase == "resolve"


@pytest.mark.parametrize("limit", ["timeout", "handshake_timeout"])
def test_a_silent_handshake_has_a_limit__lw_176_178(certificates: Certificates, limit: str) -> None:
    """The handshake counts in `timeout`, and has a limit of its own: `TLSHandshakeTimeout`."""
    tls = ClientTLS(trusted_file=certificates.authority)
    with listening() as server:
        for seconds in (SHORT, 50 * SHORT, PATIENCE):
            options: Any = {limit: seconds}
            with pytest.raises((ConnectTimedOut, TLSHandshakeTimeout)) as raised:
                open_tcp_stream(HOST, port_of(server), tls=tls, **options)
            if raised.type is TLSHandshakeTimeout:
                break  # else the machine has stood still for so long before that
        assert (raised.type, raised.value.phase) == (TLSHandshakeTimeout, "handshake")
        assert raised.value.peer == (HOST, port_of(server))


def test_the_limit_of_opening_is_none_of_reading__lw_176_177() -> None:
    """`timeout` does not limit later reads; `read_timeout` and `write_timeout` do, by default
    none.
    """
    with listening() as server:
        with open_tcp_stream(HOST, port_of(server), timeout=PATIENCE) as stream:
            assert (stream.read_timeout, stream.write_timeout) == (None, None)
        with open_tcp_stream(HOST, port_of(server), read_timeout=1, write_timeout=2) as stream:
            assert (stream.read_timeout, stream.write_timeout) == (1, 2)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"timeout": 0}, ValueError),
        ({"timeout": "1"}, TypeError),
        ({"read_timeout": -1}, ValueError),
        ({"write_timeout": True}, TypeError),
        ({"handshake_timeout": 0}, ValueError),
        ({"direction": "both"}, ValueError),
        ({"ipv6": "yes"}, ValueError),
        ({"server_hostname": "localhost"}, ValueError),
        ({"element_type": "character"}, TypeError),
        ({"errorp": False}, TypeError),
    ],
)
def test_mistakes_are_told_at_once__lw_174_175(wrong: Any, error: type[Exception]) -> None:
    """Wrong arguments are plain errors before anything is opened; there is no element type, and
    no way to get an answer in place of an error.
    """
    with pytest.raises(error) as raised:
        open_tcp_stream(HOST, 9, **wrong)
    assert not isinstance(raised.value, ReactorError)


def test_text_is_a_matter_of_the_standard_library__lw_174() -> None:
    """The stream carries bytes, and `io.TextIOWrapper` around it text, both ways."""
    with listening() as server, open_tcp_stream(HOST, port_of(server)) as stream:
        with accepted(server) as peer, io.TextIOWrapper(stream, "utf-8", newline="\r\n") as text:
            peer.sendall("grüß dich\r\n".encode())
            assert text.readline() == "grüß dich\r\n"
            text.write("gleichfalls\n")
            text.flush()
            assert peer.recv(100) == b"gleichfalls\r\n"
        assert stream.closed


def test_the_options_are_set__lw_179() -> None:
    """`TCP_NODELAY` is set unless told otherwise, `SO_KEEPALIVE` only if told."""
    options: Any
    for options in ({}, {"nodelay": False, "keepalive": True}):
        with (
            listening() as server,
            open_tcp_stream(HOST, port_of(server), **options) as stream,
            socket.socket(fileno=socket.dup(stream.fileno())) as sock,
        ):
            assert read_options(sock)[:2] == ((False, True) if options else (True, False))


def test_our_end_can_be_chosen__lw_179() -> None:
    """`local_address` and `local_port` are bound before; what cannot be had is a `BindError`."""
    port = free_port("127.0.0.2")
    with listening() as server:
        with open_tcp_stream(
            HOST, port_of(server), local_address="127.0.0.2", local_port=port
        ) as stream:
            assert stream.address == ("127.0.0.2", port)
        with pytest.raises(BindError):
            open_tcp_stream(HOST, port_of(server), local_address="192.0.2.1")


def test_a_family_can_be_chosen__lw_179() -> None:
    """`ipv6` says which addresses of a name are tried."""
    with listening() as server, listening("::1", port_of(server)):
        for ipv6, host in ((True, "::1"), (False, HOST)):
            with open_tcp_stream("localhost", port_of(server), ipv6=ipv6) as stream:
                assert stream.remote_host == host


def test_tls_is_up_when_it_returns__lw_178(certificates: Certificates) -> None:
    """With `tls=` the stream is returned after the handshake, as a client, its peer verified."""
    seen = list[object]()
    with (
        tls_server(certificates.server_context()) as port,
        open_tcp_stream(
            HOST,
            port,
            tls=ClientTLS(trusted_file=certificates.authority),
            configure_connection=seen.append,
            read_timeout=PATIENCE,
        ) as stream,
    ):
        assert (stream.tls_side, seen) == ("client", [stream.tls_object])
        assert stream.tls_object.getpeercert()["subjectAltName"]
        stream.write(b"hello")
        assert stream.read() == b"hello"


def test_a_stranger_is_refused__lw_175_178(certificates: Certificates) -> None:
    """A certificate that is not to be trusted is `TLSVerificationFailed`."""
    tls = ClientTLS(trusted_file=certificates.authority)
    for identity, why in ((certificates.expired, "expired"), (certificates.elsewhere, "mismatch")):
        with (
            tls_server(certificates.server_context(identity)) as port,
            pytest.raises(TLSVerificationFailed, match=why),
        ):
            open_tcp_stream(HOST, port, tls=tls)
    with (
        tls_server(certificates.server_context(certificates.elsewhere)) as port,
        open_tcp_stream(HOST, port, tls=tls, server_hostname="elsewhere.example") as stream,
    ):
        stream.write(b"x")
        assert stream.read(1) == b"x"


def test_who_speaks_no_tls_is_told_so__lw_175() -> None:
    """A peer that does not speak TLS is a `TLSError`, and its connection is closed."""

    def speak(server: socket.socket) -> bytes:
        with accepted(server) as peer:
            peer.sendall(b"220 ready\r\n")
            return b"".join(iter(lambda: peer.recv(10_000), b""))

    with (
        listening() as server,
        meanwhile(functools.partial(speak, server)) as speaking,
        pytest.raises(TLSError),
    ):
        open_tcp_stream(HOST, port_of(server), tls=True)
    assert speaking.result().startswith(b"\x16\x03")


def raising(_: object) -> None:
    raise LookupError("a mistake of the user")


@pytest.mark.parametrize("function", ["configure_context", "configure_connection"])
def test_what_a_function_raises_fails_the_opening__lw_178(function: str) -> None:
    """A function for contexts or connections that raises is a `TLSError`, with the exception as
    its cause, and nothing is left open.
    """
    options: Any = {function: raising}
    with listening() as server, pytest.raises(TLSError) as raised:
        open_tcp_stream(HOST, port_of(server), tls=True, **options)
    assert isinstance(raised.value.__cause__, LookupError)


def test_a_server_in_a_thread_is_made_of_what_there_is__lw_187(
    collection: WaitStateCollection,
) -> None:
    """There is no verb for a server of blocking code: `accept_tcp(create_state=False)` hands plain
    sockets out, with the options of accepting, and each becomes a stream.
    """
    served = list[SocketStream]()

    def welcome(_: object, sock: socket.socket) -> None:
        served.append(SocketStream(sock, read_timeout=PATIENCE))

    handle = accept_tcp(
        collection, 0, welcome, create_state=False, address=HOST, backlog=5, keepalive=True
    )
    with open_tcp_stream(HOST, handle.local_port) as client:
        while not served:
            collection.run_once(SHORT)
        with served[0] as stream:
            client.write(b"hello")
            assert stream.read(5) == b"hello"


def test_sockets_of_the_standard_library_are_taken_over__lw_188(
    collection: WaitStateCollection,
) -> None:
    """A raw connection is a standard socket; a stream or a state takes it over."""
    with listening() as server:
        sock = socket.create_connection(server.getsockname())
        with SocketStream(sock) as stream, accepted(server) as peer:
            assert stream.address == sock.getsockname()
            assert stream.address_family == "internet"
            stream.write(b"x")
            assert peer.recv(1) == b"x"
            state = AsyncIOState(collection, peer.detach())
            assert state.peer_address == stream.address
            state.close()
