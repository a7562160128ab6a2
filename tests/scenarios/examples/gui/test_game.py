"""The game of the examples over UDP: players, strangers, and a server that comes and goes."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import pytest
from player import Condition, Player
from room import SILENCE_LIMIT
from udp_relay import HOST_LIMIT, Relay
from wire import (
    COOKIE_SIZE,
    HEAD,
    PLAYER_LIMIT,
    TOKEN_SIZE,
    WRAP,
    Move,
    Snapshot,
    pack_cookie,
    pack_full,
    pack_move,
    pack_snapshot,
    read_move,
)

from reactor.datagram import open_datagram
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle

HOST: Final = "127.0.0.1"
TOKEN: Final = b"a token!"


class Arena:
    """A server and its players, in one loop, with a clock that is advanced by hand."""

    def __init__(self, collection: WaitStateCollection, clock: ManualClock) -> None:
        self.collection = collection
        self.clock = clock
        self.port = 0
        self.open()

    def open(self, host_limit: int = PLAYER_LIMIT) -> None:
        """Let there be a server; where the last one was, if there was one."""
        self.relay = Relay(self.collection, host_limit)
        transport = open_datagram(
            self.collection, lambda: self.relay, local_address=HOST, local_port=self.port
        )
        self.port = transport.get_extra_info("sockname")[1]
        settle(self.collection)

    def close(self) -> None:
        """Let there be none."""
        self.relay.transport.close()
        settle(self.collection)

    def player(self) -> Player:
        """Let somebody come who wants to play."""
        player = enter(self.collection, self.port)
        settle(self.collection)
        return player

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in steps in which everything is on time."""
        for _ in range(round(seconds * 60)):
            self.clock.advance(1 / 60)
            settle(self.collection)


def enter(collection: WaitStateCollection, port: int) -> Player:
    """Let somebody play with the server at a port."""
    player = Player(collection)
    open_datagram(collection, lambda: player, remote_address=HOST, remote_port=port)
    return player


Stranger: TypeAlias = Callable[[], socket.socket]


@pytest.fixture
def arena(collection: WaitStateCollection, clock: ManualClock) -> Arena:
    return Arena(collection, clock)


@pytest.fixture
def stranger(arena: Arena) -> Iterator[Stranger]:
    """Make sockets whose peer is the server, and which do not wait."""
    with contextlib.ExitStack() as made:

        def make() -> socket.socket:
            sock = made.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.connect((HOST, arena.port))
            sock.setblocking(False)
            return sock

        yield make


def heard(sock: socket.socket) -> list[bytes]:
    """Take everything that has come to a socket."""
    found = list[bytes]()
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(sock.recv(2000))
    return found


def move(cookie: bytes, sequence: int = 1, *, leaving: bool = False) -> bytes:
    return pack_move(Move(TOKEN, cookie, sequence, 0, (0.5, 0.5), leaving))


def test_players_see_each_other(arena: Arena) -> None:
    ann, bob = arena.player(), arena.player()
    assert ann.condition is Condition.SEARCHING
    ann.place, bob.place = (0.25, 0.5), (0.75, 1.0)
    arena.pass_time(0.5)
    assert ann.others() == {bob.number: pytest.approx((0.75, 1.0), abs=1e-4)}
    assert bob.others() == {ann.number: pytest.approx((0.25, 0.5), abs=1e-4)}
    assert (ann.condition, bob.it) == (Condition.PLAYING, ann.it)
    assert ann.latency == pytest.approx(0.0, abs=0.002)  # what the server keeps is not counted


def test_nobody_jumps(arena: Arena) -> None:
    ann, bob = arena.player(), arena.player()
    bob.place = (0.5, 1.0)
    arena.pass_time(0.5)
    bob.place = (0.5, 0.0)
    heights = [1.0]
    for _ in range(30):
        arena.pass_time(1 / 60)
        heights.append(ann.others()[bob.number][1])
    assert heights[-1] == 0.0
    assert max(before - after for before, after in itertools.pairwise(heights)) < 0.4
    assert heights == sorted(heights, reverse=True)


def test_a_stranger_gets_no_more_than_he_sends(arena: Arena, stranger: Stranger) -> None:
    one, other = stranger(), stranger()
    for data in (b"", b"hello", bytes(len(move(b""))), bytes(1400)):
        one.send(data)
    settle(arena.collection)
    assert (heard(one), arena.relay.refused_count) == ([], 4)
    one.send(move(bytes(COOKIE_SIZE)))
    settle(arena.collection)
    (answer,) = heard(one)
    assert len(answer) < len(move(bytes(COOKIE_SIZE)))
    cookie = answer[HEAD.size :]
    other.send(move(cookie))  # it is good for one address
    arena.pass_time(0.5)
    assert arena.relay.room.seats == {}
    assert heard(other) != [answer]
    one.send(move(cookie))
    arena.pass_time(0.2)
    assert len(arena.relay.room.seats) == 1
    assert len(heard(one)) >= 3  # snapshots


def test_nobody_is_sent_away_by_somebody_else(arena: Arena, stranger: Stranger) -> None:
    ann = arena.player()
    arena.pass_time(0.2)
    stranger().send(move(bytes(COOKIE_SIZE), leaving=True))
    arena.pass_time(0.2)
    assert len(arena.relay.room.seats) == 1
    assert ann.condition is Condition.PLAYING


def test_a_full_room_says_so_and_lets_the_next_one_in(arena: Arena) -> None:
    players = [arena.player() for _ in range(PLAYER_LIMIT + 1)]
    arena.pass_time(0.3)
    outside = [player for player in players if player.condition is Condition.FULL]
    assert len(outside) == 1
    inside = next(player for player in players if player.condition is Condition.PLAYING)
    assert len(inside.others()) == PLAYER_LIMIT - 1
    inside.leave()
    inside.leave()  # once more is harmless
    arena.pass_time(0.2)
    assert outside[0].condition is Condition.PLAYING


def test_one_host_does_not_fill_a_room(arena: Arena) -> None:
    arena.close()
    arena.open(host_limit=HOST_LIMIT)
    players = [arena.player() for _ in range(HOST_LIMIT + 4)]
    arena.pass_time(0.3)
    assert len(arena.relay.room.seats) == HOST_LIMIT < PLAYER_LIMIT
    outside = [player for player in players if player.condition is Condition.FULL]
    assert len(outside) == 4
    next(player for player in players if player.condition is Condition.PLAYING).leave()
    arena.pass_time(0.3)
    assert len([player for player in outside if player.condition is Condition.PLAYING]) == 1


def test_a_flood_keeps_nobody_from_playing(arena: Arena, stranger: Stranger) -> None:
    ann, flood = arena.player(), stranger()
    arena.pass_time(0.3)
    for sequence in range(20):
        for _ in range(50):
            flood.send(move(sequence.to_bytes(COOKIE_SIZE)))
        arena.pass_time(1 / 60)
    assert (ann.condition, len(arena.relay.room.seats)) == (Condition.PLAYING, 1)
    assert sum(map(len, heard(flood))) < 1000 * len(move(bytes(COOKIE_SIZE)))


def test_who_vanishes_has_left_after_a_while(arena: Arena) -> None:
    ann, bob = arena.player(), arena.player()
    arena.pass_time(0.3)
    assert bob.transport is not None
    bob.transport.abort()  # without a word
    arena.pass_time(SILENCE_LIMIT - 0.5)
    assert len(ann.others()) == 1
    arena.pass_time(1.0)
    assert ann.others() == {}
    assert (ann.it, ann.number) == (ann.number, ann.it)


def test_an_empty_room_costs_no_turn(arena: Arena, collection: WaitStateCollection) -> None:
    assert len(collection.timers) == 0
    ann = arena.player()
    arena.pass_time(0.3)
    ann.leave()
    arena.pass_time(0.3)
    assert arena.relay.room.seats == {}
    assert len(collection.timers) == 0


def test_players_come_back_when_the_server_was_away(arena: Arena, clock: ManualClock) -> None:
    ann, bob = arena.player(), arena.player()
    arena.pass_time(0.5)
    arena.close()
    arena.pass_time(1.5)
    assert {ann.condition, bob.condition} == {Condition.SEARCHING}
    arena.open()  # with another secret
    arena.pass_time(0.5)
    assert {ann.condition, bob.condition} == {Condition.PLAYING}
    assert len(ann.others()) == 1


class FarEnd:
    """A server that says what the test wants, and its player."""

    def __init__(self, collection: WaitStateCollection, clock: ManualClock) -> None:
        self.collection = collection
        self.clock = clock
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HOST, 0))
        self.sock.setblocking(False)
        self.player = enter(collection, self.sock.getsockname()[1])
        settle(collection)
        clock.advance(0.05)
        settle(collection)
        data, self.address = self.sock.recvfrom(100)
        self.token = read_move(data).token

    def says(self, data: bytes, then: float = 0.0) -> Condition:
        """Send a datagram, let some seconds pass, and return what the player thinks."""
        self.sock.sendto(data, self.address)
        settle(self.collection)
        self.clock.advance(then)
        settle(self.collection)
        return self.player.condition

    def snapshot(self, time: int, x: float, token: bytes | None = None) -> bytes:
        """Make a snapshot in which the other one is at `x`."""
        here = Snapshot(time, stamp=0, held=0, number=1, it=1, places={1: (x, x), 2: (x, x)})
        return pack_snapshot(self.token if token is None else token, here)


@pytest.fixture
def far_end(collection: WaitStateCollection, clock: ManualClock) -> Iterator[FarEnd]:
    far_end = FarEnd(collection, clock)
    with far_end.sock:
        yield far_end


def test_a_player_believes_no_garbage(far_end: FarEnd) -> None:
    for data in (b"", b"TAG2", b"TAG2\x05" + bytes(5), bytes(2000)):
        assert far_end.says(data) is Condition.SEARCHING
    assert far_end.says(pack_full(far_end.token)) is Condition.FULL


def test_a_new_server_may_have_another_clock(far_end: FarEnd) -> None:
    assert far_end.says(pack_full(far_end.token)) is Condition.FULL
    for time, x in ((5000, 0.0), (100, 1.0)):
        far_end.says(pack_cookie(far_end.token, time.to_bytes(COOKIE_SIZE)))
        assert far_end.says(far_end.snapshot(time, x)) is Condition.PLAYING
        assert far_end.player.others() == {2: (x, x)}
        assert far_end.says(b"", then=SILENCE_LIMIT) is Condition.SEARCHING


def test_a_forged_snapshot_is_not_seen(far_end: FarEnd) -> None:
    assert far_end.says(far_end.snapshot(1000, 0.0)) is Condition.PLAYING
    for token in (bytes(TOKEN_SIZE), far_end.token[::-1]):
        far_end.says(far_end.snapshot(WRAP // 2, 1.0, token))
        far_end.says(pack_cookie(token, b"a cookie"))
        far_end.says(pack_full(token), then=0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind((HOST, 0))
        elsewhere.sendto(far_end.snapshot(WRAP // 2, 1.0), far_end.address)
        settle(far_end.collection)
    assert far_end.player.others() == {2: (0.0, 0.0)}
    assert far_end.says(far_end.snapshot(1100, 0.5)) is Condition.PLAYING
    far_end.says(b"", then=0.5)
    assert far_end.player.others() == {2: pytest.approx((0.5, 0.5), abs=1e-4)}


def test_a_snapshot_far_ahead_blinds_for_a_moment_only(far_end: FarEnd) -> None:
    assert far_end.says(far_end.snapshot(WRAP // 2 - 1, 0.0)) is Condition.PLAYING
    for number in range(1, 31):
        far_end.says(far_end.snapshot(50 * number, 1.0), then=0.05)
    assert far_end.player.condition is Condition.PLAYING
    assert far_end.player.others() == {2: (1.0, 1.0)}


def test_a_cookie_that_comes_twice_changes_nothing(far_end: FarEnd) -> None:
    far_end.says(pack_cookie(far_end.token, b"a cookie"))
    far_end.says(far_end.snapshot(1000, 0.0))
    assert far_end.says(pack_cookie(far_end.token, b"a cookie")) is Condition.PLAYING
    assert far_end.player.others() == {2: (0.0, 0.0)}
