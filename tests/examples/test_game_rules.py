"""The game of the examples without its network: datagrams, the room, and how others move."""

from __future__ import annotations

import pytest
from motion import BEHIND, Scene
from room import GRACE, SILENCE_LIMIT, Room
from wire import (
    COOKIE_SIZE,
    NOBODY,
    PLAYER_LIMIT,
    TOKEN_SIZE,
    Kind,
    Move,
    Place,
    Refused,
    Snapshot,
    newer,
    pack_cookie,
    pack_full,
    pack_move,
    pack_snapshot,
    read_from_server,
    read_move,
)

COOKIE = bytes(range(COOKIE_SIZE))
TOKEN = bytes(range(7, 7 + TOKEN_SIZE))


def at(x: float, y: float = 0.0, *, sequence: int = 1) -> Move:
    """Make a move."""
    return Move(TOKEN, COOKIE, sequence, 0, (x, y))


def snapshot(places: dict[int, Place]) -> Snapshot:
    return Snapshot(time=5, stamp=6, held=7, number=1, it=2, places=places)


# Datagrams.


@pytest.mark.parametrize("leaving", [False, True])
def test_a_move_comes_out_as_it_went_in(leaving: bool) -> None:
    move = Move(TOKEN, COOKIE, 2**32 - 1, 0, (0.0, 1.0), leaving)
    assert read_move(pack_move(move)) == move


def test_what_the_server_says_comes_out_as_it_went_in() -> None:
    here = snapshot({number: (number / 15, 1.0) for number in range(PLAYER_LIMIT)})
    said = read_from_server(pack_snapshot(TOKEN, here), TOKEN)
    assert isinstance(said, Snapshot)
    assert said.places.keys() == here.places.keys()
    assert said.places[7] == pytest.approx(here.places[7], abs=1e-5)
    assert said == Snapshot(5, 6, 7, 1, 2, said.places)
    assert read_from_server(pack_cookie(TOKEN, COOKIE), TOKEN) == COOKIE
    assert read_from_server(pack_full(TOKEN), TOKEN) is None


def test_the_answer_to_a_stranger_is_shorter_than_what_he_has_sent() -> None:
    asked = len(pack_move(at(0.5)))
    assert max(len(pack_cookie(TOKEN, COOKIE)), len(pack_full(TOKEN))) < asked


def test_a_place_outside_of_the_room_is_at_its_wall() -> None:
    assert read_move(pack_move(at(-3.0, 7.0))).place == (0.0, 1.0)


def damaged(data: bytes) -> list[bytes]:
    """Return everything that is nearly this datagram, and is none."""
    cut = [data[:size] for size in range(len(data))]
    kinds = [bytes([*data[:4], kind, *data[5:]]) for kind in (0, 6, 255)]
    return [*cut, *kinds, b"TAG1" + data[4:], data + b"\0", data + bytes(60_000)]


def test_other_datagrams_are_refused() -> None:
    good = snapshot({1: (0.0, 0.0), 2: (1.0, 1.0)})
    for said in (pack_cookie(TOKEN, COOKIE), pack_full(TOKEN), pack_snapshot(TOKEN, good), b""):
        for data in (*damaged(said), pack_move(at(0.5))):
            with pytest.raises(Refused):
                read_from_server(data, TOKEN)
    for data in (
        *damaged(pack_move(at(0.5))),
        pack_full(TOKEN),
        pack_cookie(TOKEN, COOKIE),
        bytes(26),
    ):
        with pytest.raises(Refused):
            read_move(data)


def test_what_has_another_token_is_refused() -> None:
    other = TOKEN[::-1]
    for data in (pack_cookie(other, COOKIE), pack_full(other), pack_snapshot(other, snapshot({}))):
        assert read_from_server(data, other) != b""
        with pytest.raises(Refused, match="token"):
            read_from_server(data, TOKEN)


def test_a_snapshot_of_too_many_or_of_somebody_twice_is_refused() -> None:
    crowd = pack_snapshot(TOKEN, snapshot(dict.fromkeys(range(PLAYER_LIMIT + 1), (0.0, 0.0))))
    twice = pack_snapshot(TOKEN, snapshot({1: (0.0, 0.0), 2: (0.0, 0.0)}))
    assert twice[4] == Kind.SNAPSHOT
    for data in (crowd, twice[:-5] + twice[-10:-5]):
        with pytest.raises(Refused):
            read_from_server(data, TOKEN)


def test_numbers_that_start_again_stay_in_order() -> None:
    assert newer(1, 0)
    assert not newer(0, 0)
    assert not newer(0, 1)
    assert newer(3, 2**32 - 2)
    assert not newer(2**32 - 2, 3)


# The room.


def test_a_room_has_an_end_and_numbers_are_given_anew() -> None:
    room = Room()
    assert all(room.move(who, at(0.5), 0.0) for who in range(PLAYER_LIMIT))
    assert not room.move("one more", at(0.5), 0.0)
    room.leave(3)
    room.leave("nobody")
    assert room.move("one more", at(0.25), 0.0)
    assert room.seats["one more"].number == 3
    assert room.places()[3] == (0.25, 0.0)


def test_a_move_that_was_overtaken_does_nothing() -> None:
    room = Room()
    room.move("ann", at(0.1, sequence=2**32 - 1), 0.0)
    room.move("ann", at(0.3, sequence=1), 1.0)
    room.move("ann", at(0.2, sequence=0), 2.0)
    assert (room.places(), room.seats["ann"].heard) == ({0: (0.3, 0.0)}, 1.0)


def test_the_silent_have_left() -> None:
    room = Room()
    room.move("ann", at(0.1), 0.0)
    room.move("bob", at(0.9), 1.0)
    room.advance(SILENCE_LIMIT)
    assert [*room.seats] == ["ann", "bob"]
    room.advance(SILENCE_LIMIT + 0.5)
    assert [*room.seats] == ["bob"]


def it(room: Room, now: float) -> int:
    """Return who is it, after a moment."""
    room.advance(now)
    seat = next(iter(room.seats.values()))
    return room.snapshot(seat, now).it


def test_who_is_touched_is_it_but_not_at_once_again() -> None:
    room = Room()
    for who, x in (("ann", 0.1), ("bob", 0.5), ("eve", 0.9)):
        room.move(who, at(x), 0.0)
    assert it(room, 0.0) == 0
    room.move("bob", at(0.13, sequence=2), 0.5)
    room.move("eve", at(0.14, sequence=2), 0.5)
    assert it(room, GRACE - 0.1) == 0
    assert it(room, GRACE) == 1  # the nearest one
    assert it(room, GRACE + 0.9) == 1
    assert it(room, 2 * GRACE) == 2
    room.leave("eve")
    assert it(room, 2.1) == 0  # somebody has to be


def test_in_an_empty_room_nobody_is_it() -> None:
    room = Room()
    room.move("ann", at(0.5), 0.0)
    seat = room.seats["ann"]
    assert it(room, 0.0) == 0
    room.leave("ann")
    room.advance(1.0)
    assert room.snapshot(seat, 1.0).it == NOBODY


# How others move.


def seen(scene: Scene, *, time: int, x: float, now: float) -> bool:
    return scene.see(time, {4: (x, 0.5)}, now)


def test_others_are_on_the_way_between_two_snapshots() -> None:
    scene = Scene()
    seen(scene, time=1000, x=0.0, now=50.0)
    assert scene.at(50.0) == {4: (0.0, 0.5)}
    seen(scene, time=1100, x=0.2, now=50.1)
    assert scene.at(50.1 + 0.05)[4] == pytest.approx((0.1, 0.5))
    assert scene.at(50.1 + BEHIND)[4] == pytest.approx((0.2, 0.5))
    assert scene.at(60.0)[4] == pytest.approx((0.2, 0.5))  # who is not heard of stands
    scene.see(1150, {5: (0.0, 0.0)}, 50.15)
    assert scene.at(50.2) == {5: (0.0, 0.0)}


def test_snapshots_that_come_late_move_nobody_back_or_on() -> None:
    scene = Scene()
    for number in range(10):
        late = 0.04 if number % 3 == 0 else 0.0
        seen(scene, time=2**32 - 200 + 50 * number, x=number / 10, now=7.0 + number / 20 + late)
    # that of 7.4 is shown a tenth later; what came late has moved the clock by next to nothing
    assert scene.at(7.4 + BEHIND)[4] == pytest.approx((0.8, 0.5), abs=0.02)
    assert not seen(scene, time=240, x=0.0, now=7.5)  # overtaken
    assert scene.at(7.4 + BEHIND)[4] == pytest.approx((0.8, 0.5), abs=0.02)
