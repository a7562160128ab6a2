"""The chat without its network: names, rooms, commands, and texts that nobody should trust."""

from __future__ import annotations

import pytest
from commands import HELP
from flood import Allowance
from rooms import LOBBY, NAME_LIMIT, ROOM_LIMIT, WHO_LIMIT, Hall, Refused

from tests.examples.people import Person


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_a_guest_has_a_name_and_is_in_the_lobby(hall: Hall) -> None:
    told: list[str] = []
    guest = hall.enter(told.append, lambda: None)
    assert told == [
        "* welcome, guest1; /help tells what can be done",
        "* in lobby: guest1",
    ]
    assert (guest.name, guest.room.name) == ("guest1", LOBBY)


def test_what_is_said_is_heard_by_the_others_in_the_room(hall: Hall) -> None:
    ann, bob, eve = (Person(hall, name) for name in ("ann", "bob", "eve"))
    eve.types("/join garden")
    for person in (ann, bob, eve):
        person.hears()
    ann.types("hello there")
    assert (ann.hears(), bob.hears(), eve.hears()) == ([], ["<ann> hello there"], [])


def test_coming_and_going_is_told_to_those_whom_it_concerns(hall: Hall) -> None:
    ann, bob = Person(hall, "ann"), Person(hall, "bob")
    assert ann.hears() == ["* guest2 has come to lobby", "* guest2 is now bob"]
    bob.types("/join garden")
    assert (ann.hears(), bob.hears()) == (["* bob went to garden"], ["* in garden: bob"])
    ann.types("/join Garden")
    assert ann.hears() == ["* in garden: bob, ann"]
    assert bob.hears() == ["* ann has come to garden"]
    hall.leave(bob.guest, "has left")
    assert ann.hears() == ["* bob has left"]


def test_an_empty_room_is_gone(hall: Hall) -> None:
    ann = Person(hall)
    ann.types("/join garden")
    assert list(hall.rooms) == ["garden"]
    hall.leave(ann.guest, "has left")
    assert (hall.rooms, hall.guests) == ({}, {})


@pytest.mark.parametrize("name", ["ann", "ANN", "\uff41\uff4e\uff4e"])
def test_a_name_that_looks_the_same_is_taken(hall: Hall, name: str) -> None:
    Person(hall, "Ann")
    with pytest.raises(Refused, match="is called"):
        Person(hall, name)


def test_ones_own_name_may_be_written_in_another_way(hall: Hall) -> None:
    ann = Person(hall, "ann")
    ann.types("/nick Ann")
    assert ann.hears() == ["* ann is now Ann"]
    assert list(hall.guests) == ["ann"]


def test_a_name_that_was_given_up_is_free(hall: Hall) -> None:
    Person(hall, "ann").types("/nick beth")
    assert Person(hall, "ann").guest.name == "ann"


def test_nobody_gets_a_number_that_somebody_chose_as_a_name(hall: Hall) -> None:
    Person(hall, "guest2")
    assert Person(hall).guest.name == "guest3"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "missing"),
        ("two words", "letters, digits"),
        ("<ann>", "letters, digits"),
        ("*", "letters, digits"),
        ("a\u202eb", "letters, digits"),
        ("x" * (NAME_LIMIT + 1), "24 characters at most, not 25"),
    ],
)
@pytest.mark.parametrize("command", ["/nick", "/join"])
def test_a_name_that_would_mislead_is_refused(
    hall: Hall, command: str, name: str, reason: str
) -> None:
    ann = Person(hall, "ann")
    with pytest.raises(Refused, match=reason):
        ann.types(f"{command} {name}")
    assert (ann.guest.name, ann.guest.room.name) == ("ann", LOBBY)


def test_a_name_may_be_as_long_as_the_limit_and_in_any_script(hall: Hall) -> None:
    for name in ("x" * NAME_LIMIT, "Jürgen-7", "Ольга", "小明"):
        assert Person(hall, name).guest.name == name


def test_the_number_of_rooms_has_a_limit(hall: Hall) -> None:
    people = [Person(hall) for _ in range(ROOM_LIMIT + 1)]
    for number, person in enumerate(people[1:-1]):
        person.types(f"/join room{number}")
    assert len(hall.rooms) == ROOM_LIMIT
    with pytest.raises(Refused, match="64 rooms already"):
        people[0].types("/join onemore")
    people[1].types("/join another")  # who is alone gives his room back
    assert len(hall.rooms) == ROOM_LIMIT


def test_the_room_one_is_in_cannot_be_joined(hall: Hall) -> None:
    with pytest.raises(Refused, match="you are in lobby already"):
        Person(hall).types("/join LOBBY")


def test_who_names_a_limited_number(hall: Hall) -> None:
    people = [Person(hall) for _ in range(WHO_LIMIT + 2)]
    people[0].hears()
    people[0].types("/who")
    [line] = people[0].hears()
    assert line.startswith("* in lobby: guest1, guest2, ")
    assert line.endswith(", guest50 and 2 more")


def test_commands_are_told_and_unknown_ones_refused(hall: Hall) -> None:
    ann, bob = Person(hall, "ann"), Person(hall, "bob")
    bob.types("/HELP")
    assert bob.hears() == [HELP]
    with pytest.raises(Refused, match="there is no command /sudo"):
        bob.types("/sudo su")
    ann.hears()
    bob.types("/quit")
    assert (bob.dismissed, ann.hears()) == (True, [])


def test_control_characters_arrive_as_text(hall: Hall) -> None:
    ann, bob = Person(hall, "ann"), Person(hall, "bob")
    ann.types("a\x1b]52;c;ZXZpbA==\x07\tb\x9b2J\u202e")
    [line] = bob.hears()
    assert line == r"<ann> a\x1b]52;c;ZXZpbA==\x07\tb\x9b2J\u202e"


def test_what_is_not_utf_8_is_heard_by_nobody(hall: Hall) -> None:
    ann, bob = Person(hall, "ann"), Person(hall, "bob")
    with pytest.raises(Refused, match="not UTF-8"):
        ann.types(b"caf\xe9")
    assert bob.hears() == []


def test_an_empty_line_is_nothing(hall: Hall) -> None:
    ann, bob = Person(hall, "ann"), Person(hall, "bob")
    ann.types("  ")
    assert (ann.hears()[1:], bob.hears()) == (["* guest2 is now bob"], [])


def test_an_allowance_lets_a_burst_pass_and_then_so_many_a_second() -> None:
    allowance = Allowance(rate=4.0, burst=3)
    assert [allowance.spend(100.0) for _ in range(3)] == [0.0, 0.0, 0.25]
    assert allowance.spend(100.25) == 0.25  # just in time: the next one waits again
    assert allowance.spend(100.75) == 0.0  # half a second was saved: one line more
    assert allowance.spend(100.75) == 0.25
    assert [allowance.spend(200.0) for _ in range(3)] == [0.0, 0.0, 0.25]  # no more than a burst
