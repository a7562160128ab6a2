"""Files of the chat without their bytes: who may offer, accept and cancel what."""

from __future__ import annotations

import re

import pytest
from parcels import FILE_NAME_LIMIT, FILE_SIZE_LIMIT, PARCEL_LIMIT, Porter, checked_file_name
from rooms import Hall, Refused

from tests.examples.people import Person


class End:
    """A connection of a parcel, which notes how it was ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def close(self) -> None:
        self.ended.append("closed")

    def abort(self) -> None:
        self.ended.append("aborted")


class House:
    """Three people in one room, and a parcel of 5 bytes from ann to bob."""

    def __init__(self) -> None:
        hall = Hall()
        self.porter = Porter(hall)
        self.ann, self.bob, self.eve = (
            Person(hall, name, self.porter) for name in ("ann", "bob", "eve")
        )
        self.ann.types("/send bob 5 note.txt")
        self.hear()

    def hear(self) -> list[list[str]]:
        """Take what each was told."""
        return [person.hears() for person in (self.ann, self.bob, self.eve)]

    def keys(self) -> list[str]:
        """Accept, and return the lines that ann and bob are to send."""
        self.bob.types("/accept 1")
        return [
            re.sub(".* behind the line ", "", line) for told in self.hear()[:2] for line in told
        ]


@pytest.fixture
def house() -> House:
    return House()


def test_an_offer_is_told_to_both_and_to_nobody_else(house: House) -> None:
    house.ann.types("/send bob 0 my holidays.jpg")
    line = "* file 2: ann offers bob 0 bytes, my holidays.jpg"
    assert house.hear() == [[line], [line], []]


def test_both_ends_have_a_key_of_their_own_that_opens_once(house: House) -> None:
    put, get = house.keys()
    assert (put[:5], get[:5]) == ("/put ", "/get ")
    assert house.porter.claim(get.replace("/get", "/put"), End()) is None
    for line in (put, get):
        assert house.porter.claim(line, End()) is house.porter.parcels[1]
        assert house.porter.claim(line, End()) is None


@pytest.mark.parametrize("line", ["/put", "/put ", "", "/get 1", "/accept 1"])
def test_without_a_key_nobody_is_an_end(house: House, line: str) -> None:
    house.keys()
    assert house.porter.claim(line, End()) is None


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_either_side_may_cancel_and_both_connections_are_cut(house: House, who: str) -> None:
    ends = [End(), End()]
    for line, end in zip(house.keys(), ends, strict=True):
        house.porter.claim(line, end)
    getattr(house, who).types("/cancel 1")
    line = f"* file 1: over, {who} has cancelled it"
    assert house.hear() == [[line], [line], []]
    assert [end.ended for end in ends] == [["aborted"], ["aborted"]]
    assert house.porter.parcels == {}


def test_a_key_is_worth_nothing_when_its_file_is_over(house: House) -> None:
    put, _ = house.keys()
    house.ann.types("/cancel 1")
    assert house.porter.claim(put, End()) is None


def test_who_leaves_takes_his_files_along_and_no_others(house: House) -> None:
    house.eve.types("/send ann 1 other")
    house.hear()
    house.porter.forget(house.bob.guest)
    assert house.hear()[0] == ["* file 1: over, bob has left"]
    assert list(house.porter.parcels) == [2]


def test_a_file_is_nobody_elses(house: House) -> None:
    for person, line in (
        (house.eve, "/accept 1"),
        (house.eve, "/cancel 1"),
        (house.ann, "/cancel"),
    ):
        with pytest.raises(Refused, match="you have no file"):
            person.types(line)
    with pytest.raises(Refused, match="not yours to accept"):
        house.ann.types("/accept 1")
    house.keys()
    with pytest.raises(Refused, match="not yours to accept"):
        house.bob.types("/accept 1")


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("", "nobody else here"),
        ("ann 1 a", "nobody else here"),
        ("dan 1 a", "nobody else here is called dan"),
        ("bob", "at most"),
        ("bob -1 a", "at most"),
        ("bob ² a", "at most"),
        (f"bob {FILE_SIZE_LIMIT + 1} a", "at most"),
        ("bob 1", "the name of the file is missing"),
        ("bob 1 ..", "the name of the file is missing"),
        ("bob 1 " + "x" * (FILE_NAME_LIMIT + 1), "the name of a file has"),
    ],
)
def test_a_bad_offer_is_refused_as_an_offer(house: House, argument: str, reason: str) -> None:
    with pytest.raises(Refused, match=f"^not offered: .*{reason}"):
        house.ann.types(f"/send {argument}")
    assert len(house.porter.parcels) == 1


def test_only_those_in_the_room_are_offered_files(house: House) -> None:
    house.eve.types("/join garden")
    with pytest.raises(Refused, match="nobody else here is called eve"):
        house.ann.types("/send eve 1 a")


def test_offers_have_a_limit_on_both_sides(house: House) -> None:
    for _ in range(PARCEL_LIMIT - 1):
        house.ann.types("/send bob 1 a")
    with pytest.raises(Refused, match="files of yours"):
        house.ann.types("/send eve 1 a")
    with pytest.raises(Refused, match="bob has 4 offers"):
        house.eve.types("/send bob 1 a")
    house.bob.types("/cancel 1")
    house.eve.types("/send bob 1 a")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../passwd", "C:\\Users\\passwd", "a/..\\passwd", " passwd "]
)
def test_a_file_has_no_folder(path: str) -> None:
    assert checked_file_name(path) == "passwd"
