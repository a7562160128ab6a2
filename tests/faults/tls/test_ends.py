"""How TLS ends: by closing alerts, without one, with output that waits, or by a limit."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any, Final

import pytest

from reactor.channel.tls import CLOSE_TIMEOUT
from reactor.channel.tls_engine import CHUNK_SIZE
from reactor.errors import EndOfStream, TLSTruncated
from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import accept_tcp
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.certificates import Certificates
from tests.faults.tls.peers import ECHO, HOST, KINDS, VERSIONS, Peers, sockets
from tests.reactor.opening.network import PATIENCE, in_a_thread
from tests.recorder import Notes, Recorder
from tests.talk import Talk
from tests.tls_pairs import channels, forged, memory, send
from tests.turns import until

MIB: Final = 1 << 20
# Its client prints octet by octet.
SLOW_GNUTLS: Final = ("openssl", pytest.param("gnutls", marks=pytest.mark.slow))


def greeter(**on: Any) -> Recorder:
    """A client of ours that says hello."""
    return Recorder(connection_made=lambda transport: transport.write(b"hello\n"), **on)


def ended_properly(ours: Notes) -> bool:
    """Whether a protocol has lost its connection once, without an error, by both alerts."""
    report = ours.transport.close_report
    return ours.lost == [None] and report is not None and report.tls_ended is True


# Both ends say goodbye.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_close_ends_with_the_closing_alert__rel_25(
    peers: Peers, kind: str, version: str
) -> None:
    """A client that we close reads our closing alert, and every descriptor is given back."""
    before = sockets()
    ours = Recorder(data_received=Transport.close)
    server = peers.serve(ours)
    client = peers.client(kind, server.port, version=version)
    client.types("hello")
    assert client.exits() == 0
    assert client.was_told_goodbye
    assert ended_properly(ours)
    server.close()
    until(peers.collection, lambda: sockets() == before)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_we_leave_is_told__rel_25(peers: Peers, kind: str, version: str) -> None:
    """As a client too we end with the closing alert, and give the descriptor back."""
    before = sockets()
    program, port = peers.server(kind, *ECHO[kind], version=version)
    ours = greeter(data_received=Transport.close)
    assert peers.connect(ours, port) == []
    program.until(lambda: program.was_told_goodbye)
    until(peers.collection, lambda: sockets() == before)
    assert ended_properly(ours)


@pytest.mark.parametrize("version", VERSIONS)
def test_gnutls_gets_our_answer_to_its_closing_alert__rel_25(peers: Peers, version: str) -> None:
    """GnuTLS waits for the answer before it exits, and has it."""
    ours = Recorder()
    server = peers.serve(ours)
    client = peers.client("gnutls", server.port, "-d", "5", version=version)
    client.types("hello")
    client.types_no_more()
    assert client.exits() == 0
    said, _, then = client.notes.partition("Sending Alert[1|0] - Close notify")
    assert "Close notify - was received" in then, said
    assert ours.names == ["connection_made", "data_received", "eof_received", "connection_lost"]
    assert ended_properly(ours)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_openssl_gets_our_answer_to_its_closing_alert__rel_25(
    peers: Peers, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """`SSLSocket.unwrap` returns only when the answer to its alert has come."""
    ours, unwrapped = Recorder(), list[socket.socket]()
    server = peers.serve(ours)
    context = certificates.client_context()
    context.minimum_version = context.maximum_version = version

    def leave() -> None:
        sock = socket.create_connection((HOST, server.port), PATIENCE)
        with context.wrap_socket(sock, server_hostname="localhost") as tls:
            tls.sendall(b"hello")
            unwrapped.append(tls.unwrap())
            unwrapped[0].close()

    with in_a_thread(leave):
        until(peers.collection, lambda: unwrapped and ours.lost)
    assert ours.received == b"hello"
    assert ended_properly(ours)


# Only one end does, or none.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_is_killed_has_not_ended_its_stream__rel_29(
    peers: Peers, kind: str, version: str
) -> None:
    """What it has said is delivered, and then `TLSTruncated`, without `eof_received`."""
    ours = Recorder(data_received=lambda transport: transport.write(b"heard\n"))
    server = peers.serve(ours)
    client = peers.client(kind, server.port, version=version)
    client.types("half of it")
    client.prints("heard")  # so nothing lies unread with it, which would make a reset of its end
    client.dies()
    until(peers.collection, lambda: ours.lost)
    assert ours.names == ["connection_made", "data_received", "connection_lost"]
    assert (ours.received, [type(error) for error in ours.lost]) == (
        b"half of it\n",
        [TLSTruncated],
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_killed_has_not_ended_its_stream__rel_29(peers: Peers, kind: str) -> None:
    """A client of ours that waits for the end of an answer is told that there was none."""
    program, port = peers.server(kind, *ECHO[kind])
    ours = greeter(data_received=lambda transport: program.dies())
    assert peers.connect(ours, port) == []
    until(peers.collection, lambda: ours.lost)
    assert ours.names == ["connection_made", "data_received", "connection_lost"]
    assert [type(error) for error in ours.lost] == [TLSTruncated]


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("behind", ["protected", "in clear"])
def test_what_comes_behind_the_closing_alert_is_dropped__rel_30(
    collection: WaitStateCollection,
    certificates: Certificates,
    tmp_path: Path,
    behind: str,
    stays: bool,
) -> None:
    """Behind the peer's alert neither protected nor plain bytes are delivered, or an error."""
    with forged(certificates, tmp_path, capacity=MIB) as (near, far, forger):
        ours = Recorder(eof_received=lambda transport: stays)
        talk = Talk(collection, (far, near), ours).begin()
        end = forger.data(b"data") + forger.closing_alert()
        more = forger.data(b"evil") if behind == "protected" else b"evil"
        memory(near).write(end + more)
        talk.settle()
        names = ["connection_made", "data_received", "eof_received"]
        assert (ours.names[:3], ours.received) == (names, b"data")
        if stays:
            memory(near).write(more * 100)
            talk.settle()
            assert ours.names == names
            ours.transport.write(b"last words")
            ours.transport.close()
            talk.settle()
            assert near.read(100) == b"last words"
        assert ended_properly(ours)
        talk.close()


@pytest.mark.parametrize("behind", ["protected", "in clear"])
def test_a_state_drops_what_comes_behind_the_closing_alert__rel_30(
    collection: WaitStateCollection, certificates: Certificates, tmp_path: Path, behind: str
) -> None:
    """A read gets what came before the alert, and its status is the end, as often as it asks."""
    with forged(certificates, tmp_path, capacity=MIB) as (near, far, forger):
        state = AsyncIOState(collection, far)
        end = forger.data(b"data") + forger.closing_alert()
        memory(near).write(end + (forger.data(b"evil") if behind == "protected" else b"evil"))
        seen = list[tuple[bytes, type]]()
        for _ in range(2):
            state.read_buffer(
                bytearray(100),
                lambda state, buffer, count: seen.append(
                    (bytes(buffer[:count]), type(state.read_status))
                ),
            )
            settle(collection)
        assert seen == [(b"data", EndOfStream), (b"", EndOfStream)]
        state.close()
        settle(collection)


# Nobody answers.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_who_does_not_answer_our_closing_alert_is_left__rel_31(
    peers: Peers, clock: ManualClock, kind: str, version: str
) -> None:
    """The protocol has its last call at once; the descriptor goes after 3 s, and no sooner."""
    before = sockets()
    ours = Recorder()
    server = peers.serve(ours)
    client = peers.client(kind, server.port, version=version)
    client.types("hello")
    until(peers.collection, lambda: ours.received)
    client.stops()
    server.close()
    settle(peers.collection)
    waiting = sockets() - before
    assert (ours.lost, len(waiting)) == ([None], 1)
    clock.advance(CLOSE_TIMEOUT - 0.01)
    settle(peers.collection)
    assert sockets() - before == waiting
    clock.advance(0.01)
    settle(peers.collection)
    assert (sockets(), len(peers.collection.timers)) == (before, 0)
    client.goes_on()
    client.exits()
    assert client.was_told_goodbye


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_does_not_answer_is_left_too__rel_31(
    peers: Peers, clock: ManualClock, kind: str
) -> None:
    """A client of ours that closes does not wait for ever for a server that stands still."""
    before = sockets()
    program, port = peers.server(kind, *ECHO[kind])
    ours = greeter()
    assert peers.connect(ours, port) == []
    until(peers.collection, lambda: ours.received)
    program.stops()
    ours.transport.close()
    settle(peers.collection)
    assert (ours.lost, len(sockets() - before)) == ([None], 1)
    clock.advance(CLOSE_TIMEOUT)
    settle(peers.collection)
    assert (sockets(), len(peers.collection.timers)) == (before, 0)
    program.goes_on()
    program.until(lambda: program.was_told_goodbye)


@pytest.mark.parametrize("face", ["state", "transport"])
def test_who_talks_on_instead_of_answering_is_left_as_well__rel_31(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates, face: str
) -> None:
    """The limit is for all of the goodbye: what arrives meanwhile does not move it."""
    far, near = channels(certificates, capacity=CHUNK_SIZE)
    if face == "state":
        AsyncIOState(collection, near).close()
    else:
        ours = Recorder()
        Talk(collection, (near, far), ours).begin()
        ours.transport.close()
    for _ in range(3):
        assert near.fileno() >= 0
        send(bytes(100_000), far)
        settle(collection)
        assert not near.holds_input  # it was read, and thrown away
        clock.advance(CLOSE_TIMEOUT / 3)
    settle(collection)
    assert (near.fileno(), len(collection.timers)) == (-1, 0)
    far.close()


# Output that waits.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", SLOW_GNUTLS)
def test_what_waits_is_sent_and_then_the_closing_alert__rel_32(
    peers: Peers, kind: str, version: str
) -> None:
    """A client that stood still gets more than a mebibyte that waited, whole, then the alert."""
    ours = Recorder()
    server = peers.serve(ours)
    client = peers.client(kind, server.port, version=version)
    client.types("hello")
    until(peers.collection, lambda: ours.received)
    client.stops()
    ours.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    lines = list[str]()
    while ours.transport.get_write_buffer_size() <= MIB:
        lines.append(f"line {len(lines)} ".ljust(4095, "x") + "\n")
        ours.transport.write(lines[-1].encode())
        settle(peers.collection)
    ours.transport.close()
    settle(peers.collection)
    assert ours.lost == []
    client.goes_on()
    assert client.exits() == 0
    assert client.seen.endswith("".join(lines))
    assert client.was_told_goodbye
    assert ended_properly(ours)


@pytest.mark.parametrize("kind", SLOW_GNUTLS)
def test_a_state_that_closes_after_its_report_has_sent_all__rel_32(peers: Peers, kind: str) -> None:
    """A state may be closed in the report of its write, and its peer gets all of it."""
    lines = "".join(f"line {number} ".ljust(4095, "x") + "\n" for number in range(320))

    def serve(_: object, state: AsyncIOState) -> None:
        state.write_buffer(lines.encode(), lambda state, *_: state.close())

    tls = peers.described()
    handle = accept_tcp(peers.collection, 0, serve, tls=tls, address=HOST)
    client = peers.client(kind, handle.local_port)
    assert client.exits() == 0
    assert client.seen.endswith(lines)
    assert client.was_told_goodbye
