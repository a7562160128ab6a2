"""AsyncIOState, TLS: rules 1 to 5, how it ends, and what an attacker cannot do (rules 8 and 9)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import CHUNK_SIZE
from reactor.errors import (
    EndOfStream,
    OperationNotAllowed,
    OperationTimeout,
    TLSError,
    TLSTruncated,
)
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel, memory_pair
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.state.reports import Reports
from tests.reactor.state.tls_states import (
    KEY_UPDATE,
    MIB,
    RECORD_OF_ONE,
    Pair,
    attach,
    exchange,
)
from tests.tls_forger import Forger
from tests.tls_pairs import contexts
from tests.turns import until

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
    """Of 8 MiB for a peer that does not read TLS holds one chunk of ciphertext at most."""
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
    """When a write is reported, TLS holds nothing of it any more."""
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
    """Ciphertext that leaves is progress of a write, though a whole chunk was encrypted
    long ago.
    """
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
    """Bytes that TLS has decrypted already complete a read, and each next one, without the
    socket.
    """
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
    """Under TLS `wait_for_input` waits for plaintext: half a record is nothing to read."""
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


# Rule 8: the end.


def test_an_end_without_alert_is_truncation__tls_8__lw_151_118(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """A TLS connection that just ends is a failure behind the bytes that came; writing ends too."""
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
    """A state with `allow_truncation` takes the end of a connection without alert for an
    ordinary one.
    """
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
    """Under TLS `shutdown("output")` sends the closing alert; reading goes on, the peer may
    still write.
    """
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
    """Closing sends the alert at once, and drops the connection with the peer's, or when it
    is too late.
    """
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
    """When both sides close TLS at once each gets the other's alert, and both are gone."""
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
    """Closing the collection gives all descriptors back, with writes and TLS goodbyes under
    way too.
    """
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
