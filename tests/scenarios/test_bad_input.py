"""Bad input of every kind: one clear error of our tree that names object, phase and remedy."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from protocols import LineProtocol
from reactor import (
    BindError,
    ClientTLS,
    LimitExceeded,
    NameLookupFailed,
    OperationInProgress,
    Protocol,
    ReactorError,
    Server,
    StateClosed,
    TLSVerificationFailed,
    WaitStateCollection,
    WrongThread,
    connect,
    serve,
)
from reactor.net.resolver import Resolver
from reactor.state.async_io_state import AsyncIOState
from tests.certificates import Certificates
from tests.turns import until


@pytest.fixture
def loop() -> Iterator[WaitStateCollection]:
    """A collection on the real clock, whose names are looked up by nobody."""

    def lookup(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolver = Resolver(lookup=lookup)
    collection = WaitStateCollection("of the test", resolver=resolver)
    yield collection
    collection.close()
    resolver.close()


@pytest.fixture
def failures() -> list[ReactorError]:
    return []


def test_a_host_that_does_not_resolve(
    loop: WaitStateCollection, failures: list[ReactorError]
) -> None:
    """The error has the name as it was given, and says that the look-up failed."""
    connect(loop, Protocol, "no-such-host.invalid", 80, failed=failures.append)
    until(loop, lambda: failures)
    (error,) = failures
    assert isinstance(error, NameLookupFailed)
    assert (error.identifier, error.phase) == ("host-not-found", "resolve")
    assert "no-such-host.invalid" in str(error)


def test_a_busy_port(loop: WaitStateCollection) -> None:
    """The error is raised by the call, with the address that was asked for."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BindError) as raised:
            serve(loop, Protocol, port, address="127.0.0.1")
    assert (raised.value.identifier, raised.value.phase) == ("address-in-use", "bind")
    assert f"127.0.0.1:{port}" in str(raised.value)


def test_a_wrong_certificate(
    loop: WaitStateCollection, failures: list[ReactorError], certificates: Certificates
) -> None:
    """The client says what is wrong with the certificate; the server only logs that it was left."""
    server = serve(
        loop,
        Protocol,
        0,
        address="127.0.0.1",
        tls=certificates.server_context(certificates.elsewhere),
    )
    tls = ClientTLS(trusted_file=certificates.authority)
    connect(loop, Protocol, "localhost", server.port, ipv6=False, failed=failures.append, tls=tls)
    until(loop, lambda: failures)
    (error,) = failures
    assert isinstance(error, TLSVerificationFailed)
    assert (error.identifier, error.phase) == ("tls-verification", "handshake")
    assert "localhost" in str(error)
    assert error.peer is not None
    until(loop, lambda: not server.handle.connection_count)


def test_a_line_too_long(loop: WaitStateCollection) -> None:
    """The connection ends with an error that has the limit, and the peer is named."""
    lost: list[BaseException | None] = []

    class Lines(LineProtocol):
        line_limit = 100

        def connection_lost(self, exc: BaseException | None) -> None:
            lost.append(exc)

    server = serve(loop, Lines, 0, address="127.0.0.1")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"x" * 1000)
        until(loop, lambda: lost)
    (error,) = lost
    assert isinstance(error, LimitExceeded)
    assert error.phase == "read"
    assert "100" in str(error)


def test_a_closed_state(loop: WaitStateCollection) -> None:
    """Every verb says that it is closed, and which state it was."""
    near, far = socket.socketpair()
    with contextlib.closing(far):
        state = AsyncIOState(loop, near, name="the printer")
        state.close()
        with pytest.raises(StateClosed, match="the printer"):
            state.write_buffer(b"x", None)
        with pytest.raises(StateClosed, match="the printer"):
            state.read_buffer(bytearray(1), lambda *_: None)


def test_a_wrong_thread(loop: WaitStateCollection) -> None:
    """The error names the collection, and `apply` as the way to do it."""
    raised: list[BaseException] = []
    loop.run_once(0)

    def elsewhere() -> None:
        try:
            serve(loop, Protocol, 0)
        except WrongThread as error:
            raised.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    (error,) = raised
    assert "of the test" in str(error)
    assert "apply" in str(error)


def test_a_second_read(loop: WaitStateCollection) -> None:
    """The error says which operation is in the way, and how to let them queue."""
    near, far = socket.socketpair()
    with contextlib.closing(far):
        state = AsyncIOState(loop, near)
        state.read_buffer(bytearray(1), lambda *_: None)
        with pytest.raises(OperationInProgress, match="queue_input"):
            state.read_buffer(bytearray(1), lambda *_: None)
        state.abort_and_close()
        loop.run_once(0)


def test_a_server_says_where_it_is(loop: WaitStateCollection) -> None:
    """What stands in messages can be read: the address, and what goes on there."""
    server: Server = serve(loop, Protocol, 0, address="127.0.0.1")
    assert repr(server) == f"<Server on 127.0.0.1:{server.port}, 0 connections>"
