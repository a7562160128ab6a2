"""Farewell: how a connection ends after its state has been closed, and what is never left."""

from __future__ import annotations

import ssl

import pytest

from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import TLSEngine
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.state.farewell import LINGER_LIMIT, part_from
from reactor.testing.clock import ManualClock
from reactor.testing.memory import memory_pair
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.state.reports import Reports
from tests.reactor.state.tls_states import attach
from tests.tls_pairs import channels, close, contexts
from tests.torture.seam import failing, needs_epoll


def test_a_plain_channel_is_closed_at_once__lw_134(collection: WaitStateCollection) -> None:
    """A connection without TLS is closed at once."""
    near, far = memory_pair()
    part_from(collection, near)
    assert (near.closed, far.read(1)) == (True, b"")
    far.close()


def test_the_closing_alert_is_sent_inside_the_call__lw_137(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """`close` sends the closing alert inside the call: it leaves even if the collection is
    closed right behind it.
    """
    near, far = channels(certificates)
    state = AsyncIOState(collection, near)
    state.close()
    collection.close()
    assert far.read(1) == b""  # and not a truncation
    assert near.fileno() == -1
    far.close()


@pytest.mark.parametrize("answers", [True, False])
def test_goodbye_is_answered_or_given_up__lw_137(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates, answers: bool
) -> None:
    """A closed TLS connection is given back when the peer's alert has come, or when it is late."""
    near, far = channels(certificates)
    near.close_timeout = 2.0
    part_from(collection, near)
    settle(collection)
    assert near.fileno() >= 0
    if answers:
        far.write(b"nobody reads this")
        far.unwrap()
    else:
        clock.advance(2.0)
    settle(collection)
    assert (near.fileno(), len(collection.timers)) == (-1, 0)
    far.close()


def test_a_peer_that_has_gone_is_not_waited_for__lw_137(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A reset, or an end without alert, ends the waiting for the peer's closing alert."""
    for end in ("abort", "close"):
        near, far = channels(certificates)
        getattr(far, end)()
        part_from(collection, near)
        settle(collection)
        assert near.fileno() == -1


def test_a_broken_conversation_lingers_for_the_alert__lw_152__tls_9(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates
) -> None:
    """After a failed handshake the peer has a moment to read why; then the connection is over."""
    _, server = contexts(certificates)
    near, far = memory_pair()
    states = AsyncIOState(collection, near), AsyncIOState(collection, far)
    stranger = ssl.create_default_context(cafile=certificates.stranger)
    attach(collection, states, stranger, server)
    states[0].close()
    settle(collection)
    assert not near.closed  # the peer has not ended yet
    clock.advance(LINGER_LIMIT)
    settle(collection)
    assert near.closed


def test_what_has_not_shaken_hands_ends_without_a_spin__lw_152__pitfall_10(
    collection: WaitStateCollection, clock: ManualClock, certificates: Certificates
) -> None:
    """Closing in a handshake that was never finished does not spin, whatever the peer has sent."""
    client, _ = contexts(certificates)
    near, far = memory_pair()
    layer = TLSChannel(near, TLSEngine(client, server_side=False, server_hostname="localhost"))
    state = AsyncIOState(collection, layer)
    state.handshake(told := Reports())
    settle(collection)
    far.write(b"\x16\x03\x03\x40\x00half a record")
    state.close()
    settle(collection)
    assert (len(told), collection.run_once(0)) == (1, 0)
    clock.advance(LINGER_LIMIT)
    settle(collection)
    assert near.closed
    far.close()


def test_who_waits_for_room_sleeps_although_the_peer_has_ended__lw_137__pitfall_10(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A closing connection whose output finds no room sleeps, even if the peer's alert is there."""
    near, far = channels(certificates, capacity=4096)
    near.write(bytes(100_000))
    far.write_eof()
    part_from(collection, near)
    settle(collection)
    assert (near.fileno() >= 0, collection.run_once(0)) == (True, 0)
    got = 0
    while (data := far.read(65_536)) != b"":
        got += len(data or b"")
        settle(collection)
    assert (got, near.fileno()) == (100_000, -1)
    far.close()


def test_all_farewells_end_with_the_collection__lw_011(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """Closing the collection while TLS goodbyes are under way leaves no descriptor."""
    ends = [channels(certificates) for _ in range(3)]
    for near, _ in ends:
        part_from(collection, near)
    collection.close()
    assert [near.fileno() for near, _ in ends] == [-1, -1, -1]
    for _, far in ends:
        close(far)


@needs_epoll
def test_a_goodbye_that_cannot_be_watched_is_over(certificates: Certificates) -> None:
    near, far = channels(certificates)
    with failing("register", "ENOMEM", number=2):
        collection = WaitStateCollection()
        part_from(collection, near)
        settle(collection)
        assert (near.fileno(), len(collection.timers)) == (-1, 0)
        collection.close()
    far.close()
