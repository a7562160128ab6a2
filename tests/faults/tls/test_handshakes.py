"""Handshakes that do not come to an end, or to a bad one: silence, garbage, resets, deaths."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import TLSEngine
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT
from reactor.errors import (
    ConnectionReset,
    LimitExceeded,
    TLSError,
    TLSHandshakeTimeout,
    TLSTruncated,
)
from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import accept_tcp
from reactor.opening.clients import HANDSHAKE_LIMIT
from reactor.state.async_io_state import AsyncIOState
from reactor.state.farewell import LINGER_LIMIT
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.channels import CHANNELS
from tests.faults.tls.peers import HOST, KINDS, VERSIONS, Peer, Peers, sockets
from tests.reactor.opening.network import PATIENCE, accepted, in_a_thread, listening, port_of
from tests.recorder import Recorder
from tests.talk import Talk
from tests.turns import until

# Clients that wait for a greeting in clear, and until then are silent.
SILENT: Final = {"openssl": ("-starttls", "smtp"), "gnutls": ("--starttls-proto", "smtp")}
RESET: Final = b"\1\0\0\0\0\0\0\0"  # what SO_LINGER takes: close with a reset
HTTP: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Door:
    """A listener with TLS, the states that came through it, and the errors of the others."""

    def __init__(self, peers: Peers, **options: Any) -> None:
        self.collection = peers.collection
        self.states = list[AsyncIOState]()
        self.errors = list[Any]()
        options.setdefault("tls", peers.described())
        self.handle = accept_tcp(
            self.collection,
            0,
            lambda handle, state: self.states.append(state),
            address=HOST,
            tls_error_callback=lambda handle, error: self.errors.append(error),
            **options,
        )
        self.port = self.handle.local_port
        self.before = sockets()

    def call(self) -> socket.socket:
        """Connect a client that does nothing by itself."""
        return socket.create_connection((HOST, self.port), PATIENCE)

    def kinds(self) -> set[type]:
        """Return the classes of the errors."""
        return {type(error) for error in self.errors}

    def all_given_back(self) -> bool:
        """Whether nothing is left of the clients."""
        count = self.handle.connection_count
        return (count, len(self.collection.timers), sockets()) == (0, 0, self.before)


def hello(certificates: Certificates) -> bytes:
    """Return what a client of TLS says first."""
    engine = TLSEngine(
        certificates.client_context(), server_side=False, server_hostname="localhost"
    )
    engine.handshake()
    return engine.take()


# Silence.


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_says_nothing_is_left_at_the_limit__rel_21(
    peers: Peers, clock: ManualClock, kind: str
) -> None:
    """After 10 s, and no sooner, a program that waits for a greeting is closed."""
    door = Door(peers)
    client = peers.client(kind, door.port, *SILENT[kind])
    until(peers.collection, lambda: door.handle.connection_count)
    clock.advance(HANDSHAKE_TIMEOUT - 0.01)
    settle(peers.collection)
    assert (door.errors, HANDSHAKE_TIMEOUT) == ([], 10.0)
    clock.advance(0.01)
    client.exits()
    assert [type(error) for error in door.errors] == [TLSHandshakeTimeout]
    assert door.all_given_back()


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_says_nothing_is_left_at_the_limit__rel_21(
    peers: Peers, clock: ManualClock, kind: str
) -> None:
    """A client of ours tells a server that stands still, and that one connection is over."""
    before = sockets()
    program, port = peers.server(kind)
    program.stops()  # its kernel accepts all the same
    failures = peers.connect(Recorder(), port)
    until(peers.collection, lambda: len(sockets() - before) == 1 and peers.collection.timers)
    settle(peers.collection)
    clock.advance(HANDSHAKE_TIMEOUT - 0.01)
    settle(peers.collection)
    assert failures == []
    clock.advance(0.01)
    settle(peers.collection)
    assert [type(error) for error in failures] == [TLSHandshakeTimeout]
    assert (sockets(), len(peers.collection.timers)) == (before, 0)


def test_the_limit_is_for_the_whole_handshake__rel_21(
    peers: Peers, clock: ManualClock, certificates: Certificates
) -> None:
    """Who sends a hello octet by octet, one in a tenth of a second, is closed after 10 s too."""
    door = Door(peers)
    with door.call() as slow:
        sent = 0
        for octet in hello(certificates):
            slow.sendall(bytes([octet]))
            settle(peers.collection)
            if door.errors:
                break
            sent += 1
            clock.advance(0.1)
        assert sent == 100
        assert door.kinds() == {TLSHandshakeTimeout}
        assert slow.recv(1) == b""
    assert door.all_given_back()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_stalled_handshakes_delay_nobody__rel_22(
    peers: Peers, certificates: Certificates, kind: str
) -> None:
    """50 silent clients, 50 in the midst: a good one is in before any time has passed."""
    door, half = Door(peers), hello(certificates)[:100]
    with contextlib.ExitStack() as stalled:
        for number in range(100):
            sock = stalled.enter_context(door.call())
            sock.sendall(half if number % 2 else b"")
        settle(peers.collection)
        assert door.handle.connection_count == 100 < HANDSHAKE_LIMIT
        begun = time.process_time()
        client = peers.client(kind, door.port)
        until(peers.collection, lambda: door.states)
        assert time.process_time() - begun < 1.0
        assert door.errors == []
        client.dies()
    until(peers.collection, lambda: len(door.errors) == 100)
    door.states[0].close()
    until(peers.collection, door.all_given_back)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_more_stalled_ones_than_the_limit_delay_nobody_either__rel_22(
    peers: Peers, kind: str
) -> None:
    """Of too many the oldest goes, so 200 silent clients do not shut the good one out."""
    door = Door(peers)
    with contextlib.ExitStack() as stalled:
        for _ in range(200):
            stalled.enter_context(door.call())
            settle(peers.collection)
        assert door.handle.connection_count == HANDSHAKE_LIMIT
        client = peers.client(kind, door.port)
        until(peers.collection, lambda: door.states)
        client.dies()
        assert door.kinds() == {LimitExceeded}
        door.states[0].close()
    until(peers.collection, door.all_given_back)


# What is no TLS.


def test_http_on_the_port_is_closed__rel_23(peers: Peers) -> None:
    """A browser gets a proper end at once, no reset: curl says "empty reply"."""
    door = Door(peers)
    curl = peers.start("curl", "-sS", f"http://{HOST}:{door.port}/")
    assert curl.exits() == 52, curl.seen
    assert [error.reason for error in door.errors] == ["HTTP_REQUEST"]
    until(peers.collection, door.all_given_back)


def test_http_from_who_does_not_leave_is_closed_too__rel_23(
    peers: Peers, clock: ManualClock
) -> None:
    """A client that speaks HTTP to a TLS port and stays sees the end at once, and its descriptor is
    back within 2 s.
    """
    door = Door(peers)
    with door.call() as client:
        for _ in range(3):  # what comes late is read as well: unread, it would cause a reset
            client.sendall(HTTP)
            settle(peers.collection)
        assert client.recv(100) == b""
        clock.advance(1.99)
        settle(peers.collection)
        client_side = {found for found in sockets() if found[0] == client.fileno()}
        assert sockets() == door.before | client_side
        assert len(door.errors) == 1


def test_those_who_do_not_leave_are_limited__rel_23(peers: Peers, clock: ManualClock) -> None:
    """Of 200 clients with HTTP as many may linger as may shake hands; after 1 s nobody is left."""
    door = Door(peers)
    with contextlib.ExitStack() as staying:
        clients = list[socket.socket]()
        for _ in range(200):
            clients.append(staying.enter_context(door.call()))
            clients[-1].sendall(HTTP)
            settle(peers.collection)
        ours = {client.fileno() for client in clients}
        assert len(door.errors) == 200
        lingering = {found for found in sockets() - door.before if found[0] not in ours}
        assert len(lingering) == HANDSHAKE_LIMIT
        assert [client.recv(100) for client in clients] == [b""] * 200
        clock.advance(LINGER_LIMIT)
        settle(peers.collection)
        assert {fd for fd, _ in sockets() - door.before} == ours
        assert len(peers.collection.timers) == 0


def test_a_server_of_http_is_left_in_order__rel_23(peers: Peers) -> None:
    """A client of ours that expects TLS fails, and the server reads our hello and then the end."""
    heard = list[bytes]()

    def serve(listener: socket.socket) -> None:
        with accepted(listener) as sock:
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            while not heard or heard[-1]:
                heard.append(sock.recv(4096))

    with listening(HOST) as listener, in_a_thread(lambda: serve(listener)):
        failures = peers.connect(Recorder(), port_of(listener))
        until(peers.collection, lambda: failures and not len(peers.collection.timers))
    assert [error.reason for error in failures] == ["WRONG_VERSION_NUMBER"]
    assert (heard[0][:2], heard[-1]) == (b"\x16\x03", b"")


GARBAGE: Final[dict[str, Callable[[int], bytes]]] = {
    "zeros": bytes,
    "ones": lambda size: b"\xff" * size,
    "noise": lambda size: random.Random(size).randbytes(size),
    "a long record": lambda size: (b"\x16\x03\x01\xff\xff" + bytes(size))[:size],
    "a bad hello": lambda size: (b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc" + bytes(size))[:size],
}
SIZES: Final = (1, 4, 5, 6, 100, 1000, 16_389, 70_000)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_closed__rel_24(peers: Peers, kind: str, size: int) -> None:
    """From 1 to 70,000 octets of it: one error, an end for the client, and nothing is left."""
    door = Door(peers)
    with door.call() as client:
        client.sendall(GARBAGE[kind](size))
        client.shutdown(socket.SHUT_WR)
        until(peers.collection, lambda: door.errors)
        settle(peers.collection)
        said = client.recv(100)
        assert said == b"" or said[:1] == b"\x15"  # an alert, or nothing
    until(peers.collection, door.all_given_back)
    assert len(door.errors) == 1
    assert isinstance(door.errors[0], TLSError)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_of_a_server_is_an_error_once__rel_24(peers: Peers, kind: str, size: int) -> None:
    """A client of ours that gets it instead of a hello fails, once, and leaves nothing."""
    before = sockets()

    def serve(listener: socket.socket) -> None:
        with accepted(listener) as sock:
            sock.sendall(GARBAGE[kind](size))
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass

    with listening(HOST) as listener, in_a_thread(lambda: serve(listener)):
        failures = peers.connect(Recorder(), port_of(listener))
        until(peers.collection, lambda: failures and not len(peers.collection.timers))
    settle(peers.collection)
    assert len(failures) == 1
    assert isinstance(failures[0], TLSError)
    assert sockets() == before


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["tls12", "tls13"])
def test_garbage_in_a_conversation_is_closed__rel_24(
    collection: WaitStateCollection, certificates: Certificates, kind: str, size: int
) -> None:
    """What came before it is delivered; then the connection is lost, once, and the peer told."""
    ours = Recorder()
    talk = Talk(collection, CHANNELS[kind](certificates), ours).begin()
    talk.say(b"so far so good")
    assert isinstance(talk.far, TLSChannel)
    talk.far.inner.write(b"\x17\x03\x03\x40\x00"[: min(size, 5)] + bytes(size - min(size, 5)))
    talk.far.inner.write_eof()
    talk.settle()
    assert (ours.received, len(ours.lost)) == (b"so far so good", 1)
    assert isinstance(ours.lost[0], TLSError)
    if size > 16_389:  # a whole record, which cannot be authentic
        with pytest.raises(TLSError, match="bad record mac"):
            talk.far.read(100)
    talk.close()


# Clients that go.


@pytest.mark.slow
def test_a_hundred_resets_leave_nothing__rel_27(peers: Peers, certificates: Certificates) -> None:
    """Reset after nothing, a few octets, half a hello, or a hello: every descriptor is back."""
    door, first = Door(peers), hello(certificates)
    for size in itertools.islice(itertools.cycle([0, 3, len(first) // 2, len(first)]), 100):
        with door.call() as client:
            client.sendall(first[:size])
            if size == len(first):
                settle(peers.collection)
                assert client.recv(5)[0] == 0x16  # the server's hello is under way
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    until(peers.collection, lambda: len(door.errors) == 100)
    assert door.kinds() == {ConnectionReset}
    assert door.all_given_back()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_killed_in_its_handshake_leaves_nothing__rel_27(
    peers: Peers, kind: str, version: str
) -> None:
    """A client that dies in its handshake is one error, and leaves nothing."""
    clients = list[Peer]()

    def choose(name: str | None) -> None:
        clients[0].dies()

    door = Door(peers, tls=peers.described(choose_context=choose))
    clients.append(peers.client(kind, door.port, version=version))
    until(peers.collection, lambda: door.errors)
    assert door.kinds() <= {ConnectionReset, TLSTruncated}
    assert (len(door.errors), door.states) == (1, [])
    until(peers.collection, door.all_given_back)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_killed_before_it_is_let_in_leaves_nothing__rel_38(
    peers: Peers, kind: str, version: str
) -> None:
    """A client that dies between its handshake and the first call to its protocol is made known,
    and lost, and leaves nothing.
    """
    clients, before = list[Peer](), sockets()

    def look(tls_object: object) -> bool:
        clients[0].dies()
        return True

    ours = Recorder()
    server = peers.serve(ours, tls=peers.described(verify_callback=look))
    clients.append(peers.client(kind, server.port, version=version))
    until(peers.collection, lambda: ours.lost or server.handle.tls_error_count)
    server.close()
    until(peers.collection, lambda: sockets() == before)
    assert ours.names in (["connection_made", "connection_lost"], [])
    assert len(ours.lost) + server.handle.tls_error_count == 1
    assert len(peers.collection.timers) == 0
