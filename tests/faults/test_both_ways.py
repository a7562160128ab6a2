"""The two directions of a connection: each has an end of its own, and none waits for the other."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pytest

from reactor.errors import ConnectionReset, EndOfStream, SocketError, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import accept_tcp
from reactor.server import serve
from reactor.state.async_io_state import AsyncIOState
from reactor.transport import Transport
from tests.certificates import Certificates
from tests.faults.watched import hear, hear_some, reset
from tests.recorder import Recorder

HOST: Final = "127.0.0.1"
LIMIT: Final = 10.0  # seconds; what takes longer hangs
MANY: Final = random.Random(7).randbytes(3_000_000)
VERSIONS: Final = {"tls12": ssl.TLSVersion.TLSv1_2, "tls13": ssl.TLSVersion.TLSv1_3}
FIRST: Final = b"first words"

Welcome: TypeAlias = Callable[[AsyncIOState], object]


@dataclass
class Place:
    """A running collection that serves plainly, or TLS of one version, and a peer that calls."""

    collection: WaitStateCollection
    certificates: Certificates
    kind: str

    @property
    def tls(self) -> ssl.SSLContext | None:
        return None if self.kind == "tcp" else self.certificates.server_context()

    def serves(self, protocol: Recorder) -> int:
        """Give a protocol to who comes; return the port."""
        how: dict[str, Any] = {"address": HOST, "tls": self.tls}
        server = self.collection.submit(serve, self.collection, lambda: protocol, 0, **how)
        port: int = server.result(LIMIT).port
        return port

    def accepts(self, welcome: Welcome) -> int:
        """Give the state of who comes to a function; return the port."""
        handle = accept_tcp(
            self.collection, 0, lambda _, state: welcome(state), address=HOST, tls=self.tls
        )
        return int(handle.local_port)

    def call(self, port: int) -> socket.socket:
        """Connect as a blocking program does."""
        sock = socket.create_connection((HOST, port), LIMIT)
        if self.kind == "tcp":
            return sock
        context = self.certificates.client_context()
        context.minimum_version = context.maximum_version = VERSIONS[self.kind]
        return context.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)


@pytest.fixture(params=["tcp", *VERSIONS])
def place(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Place]:
    with WaitStateCollection("both ways") as collection:
        yield Place(collection, certificates, request.param)


def end(sock: socket.socket) -> None:
    """End the direction of a blocking peer, which reads on."""
    if isinstance(sock, ssl.SSLSocket):
        sock.setblocking(False)  # else it would wait for the answer, and take nothing else
        with contextlib.suppress(ssl.SSLWantReadError):
            sock.unwrap()
        sock.settimeout(LIMIT)
    else:
        sock.shutdown(socket.SHUT_WR)


# One after the other.


def reads_on(face: str, place: Place, over: threading.Event) -> tuple[int, bytearray]:
    """Let our end say something and end, then read; return its port and what it will have read."""
    heard = bytearray()

    def arrived(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        if state.read_status is None:
            heard.extend(buffer[:count])
            state.discard(count)
        else:
            assert isinstance(state.read_status, EndOfStream)
            state.close()
            over.set()

    def welcome(state: AsyncIOState) -> None:
        state.write_buffer(FIRST, lambda state, *_: state.shutdown("output"))
        state.read_with_checking(arrived)

    def begin(transport: Transport) -> None:
        transport.write(FIRST)
        transport.write_eof()

    def lost(transport: Transport) -> None:
        assert recorder.lost == [None]
        heard.extend(recorder.received)
        over.set()

    recorder = Recorder(connection_made=begin, connection_lost=lost)
    port = place.accepts(welcome) if face == "state" else place.serves(recorder)
    return port, heard


@pytest.mark.parametrize("face", ["transport", "state"])
def test_we_end_first_and_read_on(face: str, place: Place) -> None:
    """Our peer reads our last word and the end, and then all that it has to say still arrives."""
    over = threading.Event()
    port, heard = reads_on(face, place, over)
    with place.call(port) as peer:
        assert hear(peer) == FIRST
        peer.sendall(MANY[:1000])
        peer.sendall(MANY[1000:])
        end(peer)
        assert over.wait(LIMIT)
    assert heard == MANY


def writes_on(face: str, place: Place, over: threading.Event) -> int:
    """Let our end hear the end of its peer, then write in three later turns; return its port."""
    thirds = [MANY[:1_000_000], MANY[1_000_000:2_000_000], MANY[2_000_000:]]

    def sent(state: AsyncIOState, *_: object) -> None:
        assert state.write_status is None
        if thirds:
            state.write_buffer(thirds.pop(0), sent)
        else:
            state.close()
            over.set()

    def arrived(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        if state.read_status is not None:
            assert isinstance(state.read_status, EndOfStream)
            assert buffer[:count] == FIRST
            sent(state)

    def write_on(transport: Transport) -> None:
        transport.write(thirds.pop(0))
        if thirds:
            place.collection.call_soon(write_on, transport)
        else:
            transport.close()

    def ended(transport: Transport) -> bool:
        assert recorder.received == FIRST
        place.collection.call_soon(write_on, transport)
        return True

    def lost(transport: Transport) -> None:
        assert recorder.lost == [None]
        over.set()

    recorder = Recorder(eof_received=ended, connection_lost=lost)
    if face == "state":
        return place.accepts(lambda state: state.read_with_checking(arrived))
    return place.serves(recorder)


@pytest.mark.parametrize("face", ["transport", "state"])
def test_the_peer_ends_first_and_we_write_on(face: str, place: Place) -> None:
    """After the end of our peer, who reads on, all that we write in later turns arrives."""
    over = threading.Event()
    with place.call(writes_on(face, place, over)) as peer:
        peer.sendall(FIRST)
        end(peer)
        assert hear(peer) == MANY
    assert over.wait(LIMIT)


# At once.


def exchanges(face: str, place: Place, over: threading.Event) -> tuple[int, list[bytes]]:
    """Let our end write much at once and read as much; return its port and what it will read."""
    heard = list[bytes]()
    left = ["to write", "to read"]

    def done(state: AsyncIOState, what: str) -> None:
        left.remove(what)
        if not left:
            state.close()
            over.set()

    def filled(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        heard.append(bytes(buffer[:count]))
        done(state, "to read")

    def welcome(state: AsyncIOState) -> None:
        state.write_buffer(MANY, lambda state, *_: done(state, "to write"))
        state.read_buffer(bytearray(len(MANY)), filled)

    def received(transport: Transport) -> None:
        if sum(len(call[1]) for call in recorder.calls if call[0] == "data_received") == len(MANY):
            heard.append(recorder.received)
            transport.close()

    recorder = Recorder(
        connection_made=lambda transport: transport.write(MANY),
        data_received=received,
        connection_lost=lambda transport: over.set(),
    )
    return (place.accepts(welcome) if face == "state" else place.serves(recorder)), heard


@pytest.mark.parametrize("face", ["transport", "state"])
def test_much_each_way_at_once_does_not_lock(face: str, place: Place) -> None:
    """3 MB each way, though our peer reads nothing before it has written all of its own."""
    over = threading.Event()
    port, heard = exchanges(face, place, over)
    with place.call(port) as peer:
        peer.sendall(MANY)
        assert hear_some(peer, len(MANY)) == MANY
        assert over.wait(LIMIT)
    assert heard == [MANY]


# After the loss.


def raised_by(place: Place, verb: Callable[..., object], *arguments: Any) -> type[BaseException]:
    """Return the type of what a verb raises on the loop."""
    error = place.collection.submit(verb, *arguments).exception(LIMIT)
    assert error is not None
    return type(error)


def test_a_transport_that_is_lost_refuses_every_write(place: Place) -> None:
    """After a reset each write raises the loss, before and after the protocol has closed."""
    over = threading.Event()
    recorder = Recorder(
        connection_made=lambda transport: transport.write(FIRST),
        connection_lost=lambda transport: over.set(),
    )
    peer = place.call(place.serves(recorder))
    assert peer.recv(100) == FIRST  # TLS is up at our end too
    reset(peer)
    assert over.wait(LIMIT)
    assert [type(error) for error in recorder.lost] == [ConnectionReset]
    for data in (b"x", bytearray(b"y"), b"", b"z"):
        assert issubclass(raised_by(place, recorder.transport.write, data), SocketError)
    place.collection.submit(recorder.transport.close).result(LIMIT)
    for _ in range(3):
        assert issubclass(raised_by(place, recorder.transport.writelines, [b"x"]), SocketError)


def test_a_state_that_is_lost_refuses_every_write(place: Place) -> None:
    """After a reset each write raises it, and once the state is closed each says that it is."""
    over, states = threading.Event(), list[AsyncIOState]()

    def arrived(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        if state.read_status is not None:
            states.append(state)
            over.set()

    def welcome(state: AsyncIOState) -> None:
        state.write_buffer(FIRST, None)
        state.read_with_checking(arrived)

    peer = place.call(place.accepts(welcome))
    assert peer.recv(100) == FIRST
    reset(peer)
    assert over.wait(LIMIT)
    (state,) = states
    assert isinstance(state.read_status, ConnectionReset)
    for _ in range(3):
        assert raised_by(place, state.write_buffer, b"x", None) is ConnectionReset
    place.collection.submit(state.close).result(LIMIT)
    for _ in range(3):
        assert raised_by(place, state.write_buffer, b"x", None) is StateClosed
