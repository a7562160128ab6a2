"""AsyncIOState, TLS: attached, detached, shaken hands; the nine rules at the level of a state."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from reactor.channel.base import Channel
from reactor.channel.socket_channel import SocketChannel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import CHUNK_SIZE, TLSEngine
from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    BrokenPipe,
    EndOfStream,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    ReactorError,
    StateClosed,
    TLSError,
    TLSHandshakeTimeout,
    TLSTruncated,
    TLSVerificationFailed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel, memory_pair
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.channels import tcp
from tests.reports import Reports
from tests.tls_forger import Forger
from tests.tls_pairs import VERSIONS, contexts
from tests.turns import until

MIB: Final = 1 << 20
RECORD_OF_ONE: Final = 23  # bytes of ciphertext for one of plaintext, by AES-GCM in TLS 1.3
KEY_UPDATE: Final = 27  # bytes of ciphertext

Ends: TypeAlias = tuple[Channel, Channel]
Pair: TypeAlias = tuple[AsyncIOState, AsyncIOState]
Make: TypeAlias = Callable[..., Pair]


def over_tcp(certificates: Certificates) -> Ends:
    """Two ends of a connection, with TCP's small segments leaving at once."""
    near, far = tcp(certificates)
    for end in (near, far):
        assert isinstance(end, SocketChannel)
        end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    return near, far


BELOW: Final[dict[str, Callable[[Certificates], Ends]]] = {
    "memory": lambda certificates: memory_pair(16384),
    "tcp": over_tcp,
}


@pytest.fixture(params=BELOW)
def below(request: pytest.FixtureRequest) -> str:
    """What is below TLS."""
    name: str = request.param
    return name


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    """Which TLS is spoken."""
    found: ssl.TLSVersion = request.param
    return found


@pytest.fixture
def plain(collection: WaitStateCollection, certificates: Certificates, below: str) -> Pair:
    """Two states that are connected to each other, in clear."""
    near, far = BELOW[below](certificates)
    return AsyncIOState(collection, near, name="client"), AsyncIOState(
        collection, far, name="server"
    )


@pytest.fixture
def pair(
    collection: WaitStateCollection,
    certificates: Certificates,
    plain: Pair,
    version: ssl.TLSVersion,
) -> Pair:
    """Two states that have shaken hands."""
    attach(collection, plain, *contexts(certificates, version))
    return plain


def attach(
    collection: WaitStateCollection, pair: Pair, client: Any, server: Any
) -> list[ReactorError | None]:
    """Attach TLS to both ends, let all be quiet, and return what the callbacks were told."""
    told = Reports()
    pair[0].attach_tls(told, tls=client, server_hostname="localhost")
    pair[1].attach_tls(told, tls=server)
    assert len(told) == 0
    settle(collection)
    return told.moved


def exchange(collection: WaitStateCollection, sender: AsyncIOState, receiver: AsyncIOState) -> None:
    """Let a few bytes go one way."""
    sent, got = Reports(), Reports()
    sender.write_buffer(b"hello", sent)
    receiver.read_buffer(bytearray(5), got)
    settle(collection)
    assert (got.moved, sent.counts) == ([(b"hello", 5)], [5])


def test_attached_tls_carries_both_ways__lw_139_145__tls_2(
    collection: WaitStateCollection,
    certificates: Certificates,
    plain: Pair,
    version: ssl.TLSVersion,
) -> None:
    """After attaching both ends speak TLS, and each knows its side and what was agreed."""
    assert plain[0].tls_side is plain[0].tls_object is None
    assert attach(collection, plain, *contexts(certificates, version)) == [None, None]
    client, server = plain
    assert (client.tls_side, server.tls_side) == ("client", "server")
    assert client.tls_object.version() == f"TLSv1.{int(version) - 0x301}"
    exchange(collection, client, server)
    exchange(collection, server, client)
    with pytest.raises(OperationNotAllowed, match="already"):
        client.attach_tls(Reports(), tls=True, server_hostname="localhost")


def test_descriptions_say_which_side__lw_140(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair
) -> None:
    """A description knows its side; a contradiction is refused and leaves the state as it was."""
    client = ClientTLS(trusted_file=certificates.authority)
    server = ServerTLS(certificates.localhost)
    for wrong in ("server", "both"):
        with pytest.raises(ValueError, match=r"side"):
            plain[0].attach_tls(Reports(), tls=client, tls_side=wrong, server_hostname="localhost")
    with pytest.raises(TypeError):
        plain[0].attach_tls(Reports(), tls=None)
    with pytest.raises(ValueError, match="name"):
        plain[0].attach_tls(Reports(), tls=client)  # nobody knows whom to verify
    assert attach(collection, plain, client, server) == [None, None]
    exchange(collection, *plain)


def test_a_failed_switch_leaves_closing_only__lw_141(
    collection: WaitStateCollection,
    certificates: Certificates,
    plain: Pair,
    version: ssl.TLSVersion,
) -> None:
    """Both sides are told; later reads and writes report that exception, and there is no side."""
    client, server = contexts(certificates, version)
    client.load_verify_locations(certificates.stranger)
    stranger = ssl.create_default_context(cafile=certificates.stranger)
    stranger.minimum_version = stranger.maximum_version = version
    told = attach(collection, plain, stranger, server)
    refused = next(error for error in told if isinstance(error, TLSVerificationFailed))
    state = plain[0]
    assert state.tls_side is None
    state.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert (reports.counts, reports.reads, state.write_status) == ([0], [refused], refused)
    with pytest.raises(TLSVerificationFailed):
        state.write_buffer(b"x", Reports())
    with pytest.raises(ReactorError):
        state.attach_tls(Reports(), tls=client, server_hostname="localhost")
    assert state.close() == 0


def test_both_ways_must_be_idle_to_switch__tls_7__lw_142(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair
) -> None:
    """While a direction is active nothing is attached; while TLS is attached nothing is started."""
    client, server = contexts(certificates)
    state = plain[0]
    state.read_buffer(bytearray(1), Reports())
    with pytest.raises(OperationInProgress):
        state.attach_tls(Reports(), tls=client, server_hostname="localhost")
    state.abort(None)
    state.write_buffer(b"", Reports())
    with pytest.raises(OperationInProgress):
        state.attach_tls(Reports(), tls=client, server_hostname="localhost")
    settle(collection)
    state.attach_tls(told := Reports(), tls=client, server_hostname="localhost")
    verbs: list[Callable[[], object]] = [
        lambda: state.read_buffer(bytearray(1), Reports()),
        lambda: state.write_buffer(b"x", Reports()),
        lambda: state.abort(None),
        lambda: state.detach_tls(Reports()),
        lambda: state.handshake(Reports()),
        lambda: state.shutdown("output"),
        lambda: state.release(),
    ]
    for verb in verbs:
        with pytest.raises(OperationInProgress, match="handshake"):
            verb()
    plain[1].attach_tls(told, tls=server)
    settle(collection)
    assert told.moved == [None, None]
    state.read_buffer(bytearray(1), Reports())
    for verb in verbs[3:5]:
        with pytest.raises(OperationInProgress):
            verb()
    state.abort(None)


@pytest.mark.parametrize("verb", ["close", "abort_and_close"])
def test_closing_in_the_midst_of_a_handshake__lw_130_135(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair, verb: str
) -> None:
    """`close` ends the handshake with `StateClosed`, `abort_and_close` without a word."""
    told, closed = Reports(), Reports()
    plain[0].attach_tls(told, tls=contexts(certificates)[0], server_hostname="localhost")
    settle(collection)
    if verb == "close":
        plain[0].close()
    else:
        plain[0].abort_and_close(closed)
    settle(collection)
    assert len(told) + len(closed) == 1
    if verb == "close":
        assert isinstance(told.moved[0], StateClosed)
    plain[1].close()


def test_a_handshake_has_a_limit__lw_159(
    collection: WaitStateCollection, certificates: Certificates, clock: ManualClock, plain: Pair
) -> None:
    """A peer that says nothing, or too little, fails the handshake when the limit passes."""
    told = Reports()
    context = contexts(certificates)[0]
    plain[0].attach_tls(told, tls=context, server_hostname="localhost", handshake_timeout=3.0)
    for _ in range(2):
        clock.advance(1.4)
        plain[1].write_buffer(b"\x16", Reports())
        settle(collection)
    assert len(told) == 0
    clock.advance(0.2)
    settle(collection)
    assert isinstance(told.moved[0], TLSHandshakeTimeout)
    assert (told.moved[0].limit, told.moved[0].phase) == (3.0, "handshake")
    plain[0].close()


def test_a_handshake_is_begun_by_itself_on_a_tls_channel__lw_146(
    collection: WaitStateCollection, certificates: Certificates, below: str
) -> None:
    """A state over TLS shakes hands on demand; when that was done before, it is no traffic."""
    client, server = contexts(certificates)
    near, far = BELOW[below](certificates)
    one = TLSChannel(near, TLSEngine(client, server_side=False, server_hostname="localhost"))
    other = TLSChannel(far, TLSEngine(server, server_side=True))
    states = AsyncIOState(collection, one), AsyncIOState(collection, other)
    with pytest.raises(OperationNotAllowed, match="handshake"):
        states[0].read_buffer(bytearray(1), Reports())
    with pytest.raises(OperationNotAllowed, match="handshake"):
        states[0].write_buffer(b"x", Reports())
    told = Reports()
    for state in states:
        state.handshake(told)
    settle(collection)
    assert told.moved == [None, None]
    exchange(collection, *states)
    states[0].handshake(told)
    settle(collection)
    assert (len(told), told.moved[2]) == (3, None)


def test_without_tls_there_is_no_handshake__lw_146_144(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """`handshake` is refused without TLS; `detach_tls` has only to call back, later."""
    with pytest.raises(OperationNotAllowed):
        near.handshake(Reports())
    near.detach_tls(told := Reports())
    assert len(told) == 0
    settle(collection)
    assert told.moved == [None]


# Rules 1 to 5.


@pytest.fixture
def forged(
    collection: WaitStateCollection, certificates: Certificates, tmp_path: Path
) -> Iterator[tuple[MemoryChannel, AsyncIOState, Forger]]:
    """A server's state, and somebody who writes in the client's name."""
    client, server = contexts(certificates)
    client.keylog_filename = str(tmp_path / "keys")
    here, there = memory_pair(16384)
    states = AsyncIOState(collection, here), AsyncIOState(collection, there)
    assert attach(collection, states, client, server) == [None, None]
    while here.read(MIB):
        pass  # tickets
    yield here, states[1], Forger(tmp_path / "keys")
    here.close()


def test_a_read_that_must_answer_first_gets_done__tls_1__lw_147(
    collection: WaitStateCollection, forged: tuple[MemoryChannel, AsyncIOState, Forger]
) -> None:
    """A key update that finds no room is answered when there is some, with nothing but a read."""
    peer, state, forger = forged
    state.write_buffer(bytes(MIB), Reports())
    settle(collection)
    state.abort(None, "output")
    state.read_buffer(bytearray(8), reports := Reports())
    peer.write(forger.key_update() + forger.data(b"question"))
    settle(collection)
    assert reports.moved == [(b"question", 8)]
    held = [state.channel.holds_output]  # the rest of the chunk
    while peer.read(MIB):
        settle(collection)
    assert [*held, state.channel.holds_output] == [True, False]
    assert collection.run_once(0) == 0


def test_stray_ciphertext_is_answered_and_then_nothing_turns__tls_3__lw_148(
    collection: WaitStateCollection, forged: tuple[MemoryChannel, AsyncIOState, Forger]
) -> None:
    """A key update wakes nobody for long, read or not; its answer leaves before the next bytes."""
    peer, state, forger = forged
    state.wait_for_input(reports := Reports())
    peer.write(forger.key_update())
    settle(collection)
    assert (len(reports), collection.run_once(0)) == (0, 0)
    state.write_buffer(b"x", Reports())
    settle(collection)
    assert len(peer.read(MIB) or b"") == RECORD_OF_ONE + KEY_UPDATE
    state.abort(None)
    peer.write(forger.key_update())
    settle(collection)  # nobody reads, so it stays where it is
    assert (collection.run_once(0), state.wanted) == (0, 0)
    peer.write(forger.data(b"!"))
    state.wait_for_input(reports)
    settle(collection)
    assert (len(reports), reports.status) == (1, None)


def test_tickets_wake_nobody__tls_3__lw_148(collection: WaitStateCollection, pair: Pair) -> None:
    """What comes behind a handshake causes no turns, whether somebody reads or not."""
    assert collection.run_once(0) == 0
    for state in pair:
        state.read_buffer(bytearray(1), Reports())
    settle(collection)
    assert collection.run_once(0) == 0


def test_a_write_holds_one_chunk_at_most__tls_4__lw_149(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """8 MiB to a peer that does not read: at most one chunk of ciphertext is held."""
    client, server = pair
    client.write_buffer(bytes(8 * MIB), reports := Reports())
    settle(collection)
    assert isinstance(client.channel, TLSChannel)
    held = len(client.channel._output) + client.channel.engine.output_size
    assert 0 < held < CHUNK_SIZE * 1.01
    assert len(reports) == 0
    server.read_buffer(bytearray(8 * MIB), got := Reports())
    until(collection, lambda: len(got) == 1)
    assert (reports.counts, got.counts) == ([8 * MIB], [8 * MIB])


def test_written_means_in_the_kernel__tls_2__lw_095(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """When a write is reported the engine and the channel hold nothing of it any more."""
    held = list[bool]()
    pair[0].write_buffer(bytes(MIB), lambda state, *_: held.append(state.channel.holds_output))
    settle(collection)
    assert held == []
    pair[1].read_buffer(bytearray(MIB), reports := Reports())
    until(collection, lambda: held and reports.moved)
    assert (held, reports.counts) == ([False], [MIB])


def test_a_slow_peer_never_trips_the_limit_of_a_write__lw_097(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates
) -> None:
    """Ciphertext that leaves is progress, though a whole chunk was encrypted long ago."""
    near, far = memory_pair(16384)
    pair = AsyncIOState(collection, near), AsyncIOState(collection, far)
    assert attach(collection, pair, *contexts(certificates)) == [None, None]
    pair[0].write_buffer(bytes(CHUNK_SIZE), reports := Reports(), timeout=2.0)
    settle(collection)
    for _ in range(5):
        clock.advance(1.5)
        pair[1].read_buffer(bytearray(20_000), Reports())
        settle(collection)
    assert len(reports) == 0
    clock.advance(2.0)
    settle(collection)
    assert isinstance(reports.status, OperationTimeout)


def test_plaintext_in_the_engine_is_read_while_all_is_quiet__tls_5__lw_150_091(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """Bytes in the engine complete a read, and each next one, without the socket."""
    client, server = pair
    client.write_buffer(b"one record", Reports())
    settle(collection)
    seen = list[bytes]()

    def check(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        seen.append(bytes(buffer))
        state.discard(end)

    server.read_with_checking(check, max_read=4)
    settle(collection)
    assert seen == [b"one ", b"reco", b"rd"]


def test_a_wait_is_for_plaintext__lw_080(
    collection: WaitStateCollection, pair: Pair, version: ssl.TLSVersion
) -> None:
    """Half a record is nothing to read; the other half makes it so."""
    client, server = pair
    server.wait_for_input(reports := Reports())
    assert isinstance(client.channel, TLSChannel)
    client.channel.engine.write(b"hello")
    record = client.channel.engine.take()
    inner = client.channel.inner
    inner.write(record[:10])
    settle(collection)
    assert len(reports) == 0
    inner.write(record[10:])
    settle(collection)
    assert (reports.moved, server.buffered_data_length) == ([()], 5)


# Rule 6: bytes around the switch.


def test_a_clienthello_that_came_early_reaches_the_engine__tls_6__lw_143(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair
) -> None:
    """STARTTLS with an eager client: unread bytes go into the engine, not astray."""
    client, server = plain
    client.write_buffer(b"STARTTLS\r\n", Reports())
    settle(collection)
    context, server_context = contexts(certificates)
    client.attach_tls(told := Reports(), tls=context, server_hostname="localhost")
    settle(collection)
    server.read_buffer(bytearray(10), reports := Reports())  # reads ahead
    settle(collection)
    assert (reports.counts, server.buffered_data_length > 100) == ([10], True)
    server.attach_tls(told, tls=server_context)
    assert server.buffered_data_length == 0
    settle(collection)
    assert told.moved == [None, None]
    exchange(collection, client, server)


def test_injected_commands_are_never_trusted__tls_6__lw_143(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair
) -> None:
    """What was sent in clear behind STARTTLS fails the handshake, and is not read as protected."""
    client, server = plain
    client.write_buffer(b"STARTTLS\r\nDELETE everything\r\n", Reports())
    server.read_buffer(bytearray(10), Reports())
    settle(collection)
    server.attach_tls(told := Reports(), tls=contexts(certificates)[1])
    settle(collection)
    assert isinstance(told.moved[0], TLSError)
    assert server.buffered_data_length == 0
    server.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert reports.counts == [0]


def detach_both(collection: WaitStateCollection, pair: Pair) -> list[ReactorError | None]:
    """Detach TLS from both ends; return what the callbacks were told."""
    told = Reports()
    for state in pair:
        state.detach_tls(told)
    settle(collection)
    return told.moved


def test_detached_tls_leaves_the_connection_in_clear__tls_6__lw_144(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """After both closing alerts the traffic is plain, and TLS can be attached once more."""
    exchange(collection, *pair)
    assert detach_both(collection, pair) == [None, None]
    assert [state.tls_side for state in pair] == [None, None]
    assert not isinstance(pair[0].channel, TLSChannel)
    exchange(collection, *pair)
    exchange(collection, *reversed(pair))


def test_bytes_around_the_end_of_tls_are_told_apart__tls_6__lw_144(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """What was protected comes first and is counted; what came behind the alert comes after it."""
    client, server = pair
    client.write_buffer(b"protected", Reports())
    settle(collection)
    told = Reports()
    client.detach_tls(told)
    settle(collection)
    assert isinstance(client.channel, TLSChannel)
    client.channel.inner.write(b"in clear")  # right behind the closing alert
    server.detach_tls(told)
    settle(collection)
    assert told.moved == [None, None]
    assert (server.protected_length, server.buffered_data_length) == (9, 17)
    server.read_buffer(bytearray(17), reports := Reports())
    settle(collection)
    assert reports.moved == [(b"protectedin clear", 17)]


@pytest.mark.parametrize("end", ["they", "we"])
def test_detaching_after_an_end_of_tls__tls_6__lw_144(
    collection: WaitStateCollection, pair: Pair, end: str
) -> None:
    """An end that sticks is that of TLS; detaching sets it back, and the connection goes on."""
    client, server = pair
    (server if end == "they" else client).shutdown("output")
    if end == "they":
        client.read_buffer(bytearray(1), Reports())
        settle(collection)
        assert isinstance(client.read_status, EndOfStream)
    else:
        with pytest.raises(BrokenPipe):
            client.write_buffer(b"x", Reports())
    assert detach_both(collection, pair) == [None, None]
    assert (client.read_status, client.write_status) == (None, None)
    exchange(collection, *pair)
    exchange(collection, *reversed(pair))


def test_detaching_is_bounded__lw_144_141(
    collection: WaitStateCollection, clock: ManualClock, pair: Pair
) -> None:
    """A peer that does not answer fails it when the limit passes; only closing is left."""
    pair[0].detach_tls(told := Reports(), timeout=2.0)
    settle(collection)
    assert len(told) == 0
    clock.advance(2.0)
    settle(collection)
    assert isinstance(told.moved[0], OperationTimeout)
    assert pair[0].tls_side is None
    with pytest.raises(OperationTimeout):
        pair[0].write_buffer(b"x", Reports())


# Rule 8: the end.


def test_an_end_without_alert_is_truncation__tls_8__lw_151_118(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """A connection that just ends is a failure, behind the bytes that came; writing ends too."""
    client, server = pair
    client.write_buffer(b"so far", Reports())
    settle(collection)
    assert isinstance(client.channel, TLSChannel)
    client.channel.inner.write_eof()
    server.read_buffer(bytearray(9), reports := Reports(), error_callback=(errors := Reports()))
    settle(collection)
    assert (errors.moved, len(reports)) == ([(b"so far\0\0\0", 6)], 0)
    assert isinstance(errors.reads[0], TLSTruncated)
    with pytest.raises(TLSTruncated):
        server.write_buffer(b"x", Reports())


def test_truncation_can_be_allowed__tls_8__lw_151(
    collection: WaitStateCollection, near: AsyncIOState, pair: Pair
) -> None:
    """A state that allows it takes such an end for an ordinary one, and may write on."""
    client, server = pair
    assert server.allow_truncation is False
    server.allow_truncation = True
    assert isinstance(client.channel, TLSChannel)
    client.channel.inner.write_eof()
    server.read_buffer(bytearray(9), reports := Reports())
    settle(collection)
    assert isinstance(reports.reads[0], EndOfStream)
    assert server.write_status is None
    with pytest.raises(OperationNotAllowed):
        near.allow_truncation = True


def test_only_output_can_be_shut_down__lw_133(collection: WaitStateCollection, pair: Pair) -> None:
    """`shutdown("output")` sends the closing alert; reading goes on, the peer may still write."""
    client, server = pair
    for direction in ("input", "io"):
        with pytest.raises(OperationNotAllowed):
            client.shutdown(direction)
    assert client.shutdown("output") is True
    server.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert isinstance(reports.reads[0], EndOfStream)
    exchange(collection, server, client)


def test_closing_waits_for_the_peers_alert_but_not_for_ever__tls_8__lw_137(
    collection: WaitStateCollection, clock: ManualClock, pair: Pair
) -> None:
    """The alert goes out at once; the connection is dropped when the peer's comes, or too late."""
    client, server = pair
    descriptor = client.channel.fileno()
    client.close()
    assert client.closed
    server.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert isinstance(reports.reads[0], EndOfStream)
    assert client.channel.fileno() == descriptor
    clock.advance(2.9)
    settle(collection)
    assert client.channel.fileno() == descriptor
    clock.advance(0.2)
    settle(collection)
    assert (client.channel.fileno(), len(collection.timers)) == (-1, 0)


@pytest.mark.parametrize("unread", [0, 100])
def test_both_may_close_at_once__tls_8__lw_137(
    collection: WaitStateCollection, pair: Pair, unread: int
) -> None:
    """Each gets the other's alert, behind whatever nobody has read, and both are gone at once."""
    if unread:
        pair[0].write_buffer(bytes(unread), Reports())
        settle(collection)
    for state in pair:
        state.close()
    settle(collection)
    assert [state.channel.fileno() for state in pair] == [-1, -1]
    assert len(collection.timers) == 0


def test_what_was_shut_down_still_leaves_before_closing__lw_133_137(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """A closing alert that found no room is not lost by closing behind it."""
    client, server = pair
    client.write_buffer(bytes(CHUNK_SIZE), written := Reports())
    settle(collection)
    assert client.shutdown("output", abort=True) is None
    client.close()
    server.read_buffer(bytearray(CHUNK_SIZE + 1), reports := Reports())
    until(collection, lambda: len(reports) == 1)
    assert reports.counts == [CHUNK_SIZE]
    assert isinstance(reports.reads[0], EndOfStream)
    assert len(written) == 1


def test_closing_the_collection_leaves_nothing__lw_011(
    collection: WaitStateCollection, clock: ManualClock, pair: Pair
) -> None:
    """With writes under way, and farewells too, all descriptors are given back."""
    client, server = pair
    client.write_buffer(bytes(MIB), Reports(), timeout=5.0)
    server.close()
    settle(collection)
    collection.close()
    assert [state.channel.fileno() for state in pair] == [-1, -1]


# Rule 9 is in tests/scenarios/test_alerts.py; this is what stays behind on our side of it.


def test_the_alert_leaves_before_the_connection_closes__tls_9__lw_152(
    collection: WaitStateCollection,
    certificates: Certificates,
    plain: Pair,
    version: ssl.TLSVersion,
) -> None:
    """A client that refuses the certificate, and closes at once, tells the server why."""
    _, server = contexts(certificates, version)
    stranger = ssl.create_default_context(cafile=certificates.stranger)
    told = list[object]()
    plain[1].attach_tls(lambda state, error: told.append(error), tls=server)
    plain[0].attach_tls(
        lambda state, error: state.close(), tls=stranger, server_hostname="localhost"
    )
    settle(collection)
    if told == [None]:  # TLS 1.3: the server was done, and meets it when it reads
        plain[1].read_buffer(bytearray(1), reports := Reports())
        settle(collection)
        told = list(reports.reads)
    assert isinstance(told[0], TLSError)
    assert told[0].reason == "TLSV1_ALERT_UNKNOWN_CA"
    plain[1].close()
    settle(collection)
    assert plain[0].channel.fileno() == -1
