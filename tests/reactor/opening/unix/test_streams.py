"""`connect_unix` and `accept_unix`: the contract of TCP, on paths."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    BindError,
    ConnectionRefused,
    ConnectTimedOut,
    NoSuchPath,
    StateClosed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import AcceptingHandle
from reactor.opening.unix import accept_unix, connect_unix
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.opening.network import Guests, Told
from tests.reactor.state.reports import Reports

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells, or has such names")

assert sys.platform != "win32", "Python has no Unix sockets there"


def met(
    collection: WaitStateCollection, path: Any, **options: Any
) -> tuple[AcceptingHandle, AsyncIOState, AsyncIOState]:
    """Return a handle, the state of its first client, and that of the client itself."""
    guests, told = Guests(), Told()
    handle = accept_unix(collection, path, guests, **options)
    client = connect_unix(collection, path, told)
    settle(collection)
    assert told.error is None
    return handle, guests[0], client


def said(collection: WaitStateCollection, near: AsyncIOState, far: AsyncIOState) -> bytes:
    """Return what one end hears of what the other says."""
    buffer = bytearray(5)
    far.read_buffer(buffer, Reports())
    near.write_buffer(b"hello", None)
    settle(collection)
    return bytes(buffer)


@pytest.mark.parametrize("form", [str, os.fsencode, Path])
def test_two_states_talk_over_a_path__lw_199(
    collection: WaitStateCollection, path: Path, form: Any
) -> None:
    """A path in any form connects two states, each of which can read and write."""
    handle, guest, client = met(collection, form(path))
    assert said(collection, client, guest) == b"hello"
    assert said(collection, guest, client) == b"hello"
    assert handle.address == guest.address == client.peer_address == (str(path), None)
    assert (handle.local_port, client.address, guest.peer_address) == (None, *[(None, None)] * 2)
    assert str(path) in repr(client)


@linux_only
def test_two_states_talk_over_an_abstract_name__lw_199(collection: WaitStateCollection) -> None:
    """A name in the abstract space connects as a path does, and is free when its handle is
    closed.
    """
    name = f"\0waitstate-{os.getpid()}"
    handle, guest, client = met(collection, name)
    assert said(collection, client, guest) == b"hello"
    assert client.peer_address == (name, None)
    assert "\0" not in repr(client)
    with pytest.raises(BindError):
        accept_unix(collection, name, print, init_timeout=0)
    with pytest.raises(ValueError, match="mode"):
        accept_unix(collection, name, print, mode=0o600)
    handle.close()
    settle(collection)
    accept_unix(collection, name, print, init_timeout=0)


@linux_only
def test_both_ends_know_whose_the_other_is__lw_199(
    collection: WaitStateCollection, path: Path
) -> None:
    """`peer_credentials` are process, user and group of the other end, and stay after closing."""
    _, guest, client = met(collection, path)
    us = os.getpid(), os.getuid(), os.getgid()
    assert (guest.peer_credentials, client.peer_credentials) == (us, us)
    guest.close()
    assert guest.peer_credentials == us


def test_others_have_no_credentials__lw_199(near: AsyncIOState) -> None:
    """A state that is not on a Unix socket has no `peer_credentials`."""
    assert near.peer_credentials is None


def test_the_options_are_those_of_the_states__lw_199__lw_040(
    collection: WaitStateCollection, path: Path
) -> None:
    """Names, limits, lines and user information are the states' and the handle's."""
    guests = Guests()
    handle = accept_unix(
        collection, path, guests, name="guest", queue_input=True, handle_name="door", user_info=7
    )
    client = connect_unix(
        collection, path, print, name="me", read_timeout=3, write_timeout=4, queue_output=True
    )
    assert (client.name, client.read_timeout, client.write_timeout) == ("me", 3.0, 4.0)
    assert (client.queue_output, handle.name, handle.user_info) == (True, "door", 7)
    settle(collection)
    assert (guests[0].name, guests[0].queue_input, client.object.family) == (
        *("guest", True),
        socket.AF_UNIX,
    )


def test_a_missing_path_is_told__lw_199__lw_033(
    collection: WaitStateCollection, path: Path
) -> None:
    """Connecting to a path that is not there is a `NoSuchPath`, told to the callback."""
    told = Told()
    state = connect_unix(collection, path, told)
    assert not told
    settle(collection)
    assert isinstance(told.error, NoSuchPath)
    assert (told.error.peer, told.error.phase, state.closed) == ((str(path), None), "connect", True)
    assert str(path) in str(told.error)


def test_a_path_without_a_listener_is_refused__lw_199(
    collection: WaitStateCollection, path: Path
) -> None:
    """Connecting to a path that nobody listens on is a `ConnectionRefused`."""
    told = Told()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        connect_unix(collection, path, told)
        settle(collection)
    assert isinstance(told.error, ConnectionRefused)


def test_a_crowded_server_is_tried_again__lw_199(
    collection: WaitStateCollection, clock: ManualClock, path: Path
) -> None:
    """A client for whom there is no room in the kernel's queue is connected when there is, and
    nothing spins meanwhile.
    """
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(0)
        told = [Told() for _ in range(3)]
        for one in told:
            connect_unix(collection, path, one)
        settle(collection)
        waiting = [one for one in told if not one]
        assert waiting
        assert collection.run_once(0) == 0
        for _ in range(3):
            server.accept()[0].close()
            clock.advance(1)
            settle(collection)
    assert [one.error for one in told] == [None, None, None]


def test_a_crowded_server_has_a_limit__lw_199__lw_036(
    collection: WaitStateCollection, clock: ManualClock, path: Path
) -> None:
    """A client for whom there is never room gives up at its limit: `ConnectTimedOut`."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(0)
        told = [Told() for _ in range(3)]
        for one in told:
            connect_unix(collection, path, one, connect_timeout=5)
        settle(collection)
        for _ in range(50):
            clock.advance(0.1)
            settle(collection)
    assert isinstance(told[2].error, ConnectTimedOut)
    assert told[2].error.peer == (str(path), None)


def test_closing_cancels__lw_199__lw_035(collection: WaitStateCollection, path: Path) -> None:
    """A state that is closed before it is connected tells `StateClosed`, once."""
    accept_unix(collection, path, Guests())
    told = Told()
    connect_unix(collection, path, told).close()
    settle(collection)
    assert isinstance(told.error, StateClosed)


def test_plain_sockets_are_handed_out__lw_199__lw_051(
    collection: WaitStateCollection, path: Path
) -> None:
    """With `create_state=False` the function owns a plain blocking socket."""
    guests = Guests()
    accept_unix(collection, path, guests, create_state=False)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        settle(collection)
        assert guests[0].getblocking()
        guests[0].close()


def test_clients_are_counted__lw_199__lw_058(collection: WaitStateCollection, path: Path) -> None:
    """At the limit of connections clients wait in the kernel's queue until one has ended."""
    guests = Guests()
    accept_unix(collection, path, guests, connection_limit=1)
    clients = [connect_unix(collection, path, Told()) for _ in range(2)]
    settle(collection)
    assert len(guests) == 1
    guests[0].close()
    settle(collection)
    assert len(guests) == 2
    assert not clients[1].closed


def test_tls_works_over_a_path__lw_153__lw_199(
    collection: WaitStateCollection, certificates: Certificates, path: Path
) -> None:
    """TLS works over a Unix socket; the name to verify must be given, since there is no host."""
    guests, told = Guests(), Told()
    accept_unix(collection, path, guests, tls=ServerTLS(certificates.localhost))
    trusting = ClientTLS(trusted_file=certificates.authority)
    with pytest.raises(ValueError, match="server_hostname"):
        connect_unix(collection, path, told, tls=trusting)
    client = connect_unix(collection, path, told, tls=trusting, server_hostname="localhost")
    settle(collection)
    assert told.error is None
    assert said(collection, client, guests[0]) == b"hello"
    assert said(collection, guests[0], client) == b"hello"
    if sys.platform == "linux":
        assert guests[0].peer_credentials == (os.getpid(), os.getuid(), os.getgid())


def test_the_options_of_tls_count_on_a_path__lw_199(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates, path: Path
) -> None:
    """On a path the two configuring functions, the limit of a handshake and the callback for
    failed ones are those of TCP, for either end.
    """
    ours, errors = list[object](), list[Any]()
    accept_unix(
        collection,
        path,
        Guests(),
        tls=ServerTLS(certificates.localhost),
        configure_context=ours.append,
        configure_connection=ours.append,
        handshake_timeout=2.0,
        tls_error_callback=lambda _, error: errors.append(error),
    )
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))
        settle(collection)
        clock.advance(2.0)
        settle(collection)
    assert (len(ours), [error.limit for error in errors]) == (2, [2.0])
    options: dict[str, Any] = {"tls": True, "server_hostname": "localhost"}
    for option in ("configure_context", "configure_connection"):
        failing: dict[str, Any] = {**options, option: lambda _: 1 / 0}
        connect_unix(collection, path, told := Told(), **failing)
        settle(collection)
        assert isinstance(told.error.__cause__, ZeroDivisionError)
    other = path.with_name("silent")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(other))
        server.listen()
        connect_unix(collection, other, told := Told(), handshake_timeout=3.0, **options)
        settle(collection)
        clock.advance(3.0)
        settle(collection)
    assert told.error.limit == 3.0


def test_a_state_is_made_of_a_unix_socket__lw_066(collection: WaitStateCollection) -> None:
    """A Unix socket that the program has connected becomes a state too."""
    here, there = socket.socketpair()
    state = AsyncIOState(collection, here)
    there.sendall(b"hello")
    buffer = bytearray(5)
    state.read_buffer(buffer, Reports())
    settle(collection)
    assert buffer == b"hello"
    there.close()
