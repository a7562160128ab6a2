"""What is known of a name without asking: overrides, and answers of a moment ago."""

import ipaddress
import math
import socket
from collections.abc import Callable
from typing import Any

import pytest

from reactor.errors import LimitExceeded, NameLookupFailed
from reactor.net.address import read_target
from reactor.net.known_names import (
    CACHE_LIMIT,
    NEGATIVE_LIFETIME,
    POSITIVE_LIFETIME,
    Answers,
    OverrideTable,
    spelling,
)
from reactor.testing.clock import ManualClock
from tests.reactor.net.names.questions import EITHER

NOT_FOUND = NameLookupFailed("no such name", peer=("one.example", 80))
PAIR = ["192.0.2.1", "2001:db8::1"]


def answers(clock: ManualClock, limit: int = CACHE_LIMIT) -> Answers:
    return Answers(limit, POSITIVE_LIFETIME, NEGATIVE_LIFETIME, clock)


def hosts(overrides: Any, host: str, port: int = 80, family: int = EITHER) -> list[str] | None:
    """Return the hosts that overrides give to a target."""
    found = OverrideTable(overrides).addresses(read_target(host, port), family)
    if found is not None:
        assert {address.pair[1] for address in found} == {port}
        return [address.pair[0] for address in found]
    return None


def test_an_answer_is_remembered_for_ten_seconds__lw_029(clock: ManualClock) -> None:
    """Addresses are remembered for ten seconds, however often they are used meanwhile."""
    kept = answers(clock)
    kept.keep("one", "here")
    clock.advance(9.75)
    assert kept.get("one") == "here"
    clock.advance(0.25)
    assert (kept.get("one"), len(kept)) == (None, 0)


def test_that_there_is_no_name_is_remembered_for_one_second__lw_029(clock: ManualClock) -> None:
    """That a name does not exist is remembered for a second, without what it was found by."""
    kept = answers(clock)
    try:
        raise NOT_FOUND from socket.gaierror(socket.EAI_NONAME, "no such name")
    except NameLookupFailed as error:
        kept.keep("one", error)
    known = kept.get("one")
    assert (known.message, known.identifier) == ("no such name", "host-not-found")
    assert (known.__cause__, known.__traceback__, known.peer) == (None, None, None)
    clock.advance(1)
    assert kept.get("one") is None


@pytest.mark.parametrize(
    "failure",
    [
        *(
            NameLookupFailed("", identifier=word)
            for word in ("try-again", "no-recovery", "unknown", "service-not-found")
        ),
        LimitExceeded("", identifier="lookup-limit"),
    ],
    ids=lambda error: error.identifier,
)
def test_what_may_be_different_next_time_is_not_remembered__cc_083(
    failure: Exception, clock: ManualClock
) -> None:
    """No failure of a look-up is remembered, save that the name does not exist."""
    kept = answers(clock)
    kept.keep("one", failure)
    assert len(kept) == 0


def test_a_thousand_answers_are_remembered__lw_029(clock: ManualClock) -> None:
    """Of more than 1024 answers those are forgotten that were not used for longest."""
    kept = answers(clock)
    for number in range(1024):
        kept.keep(number, "here")
    assert kept.get(0) == "here"
    kept.keep(1024, "here")
    assert (len(kept), kept.get(0), kept.get(1)) == (1024, "here", None)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda clock: Answers(0, 10, 1, clock), (None, None)),
        (lambda clock: Answers(9, 0, 1, clock), (None, NOT_FOUND.message)),
        (lambda clock: Answers(9, 10, 0, clock), ("here", None)),
    ],
)
def test_zero_remembers_nothing__lw_029(
    make: Callable[[ManualClock], Answers], expected: tuple[Any, Any], clock: ManualClock
) -> None:
    """A limit or a lifetime of 0 switches that part of the memory of look-ups off."""
    kept = make(clock)
    kept.keep("one", "here")
    kept.keep("two", NOT_FOUND)
    assert (kept.get("one"), getattr(kept.get("two"), "message", None)) == expected


def test_none_remembers_until_told_otherwise__lw_029(clock: ManualClock) -> None:
    """With a lifetime of None answers are remembered until somebody has them forgotten."""
    kept = Answers(9, None, None, clock)
    kept.keep("one", "here")
    kept.keep("two", NOT_FOUND)
    clock.advance(1e9)
    assert ("one" in kept, "two" in kept) == (True, True)
    kept.forget(lambda key: key == "one")
    assert ("one" in kept, "two" in kept) == (False, True)


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ((-1, 1, 1), ValueError),
        ((None, 1, 1), TypeError),
        ((1, -1, 1), ValueError),
        ((1, 1, math.nan), ValueError),
        ((1, False, 1), TypeError),
    ],
)
def test_wrong_lifetimes_are_refused__lw_029(
    limits: Any, error: type[Exception], clock: ManualClock
) -> None:
    """A limit or lifetime of remembered look-ups that is no number from 0 on is refused."""
    with pytest.raises(error):
        Answers(limits[0], limits[1], limits[2], clock)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("192.0.2.1", ["192.0.2.1"]),
        (PAIR, PAIR),
        ("[2001:db8::1]", ["2001:db8::1"]),
        (3221225985, ["192.0.2.1"]),
        ((ipaddress.ip_address(one) for one in PAIR), PAIR),
    ],
)
def test_a_name_may_be_given_addresses__lw_029(value: Any, expected: list[str]) -> None:
    """A program may give a name an address or several, in any numeric form."""
    assert hosts({"one.example": value}, "one.example") == expected


def test_a_name_is_found_in_any_spelling__lw_029() -> None:
    """An override counts for its name with a dot at the end, in capitals, and in its own script."""
    assert hosts({"One.Example": "192.0.2.1"}, "oNe.eXample.") == ["192.0.2.1"]
    assert hosts({"b\u00fccher.example": "192.0.2.1"}, "xn--bcher-kva.example") == ["192.0.2.1"]
    assert hosts({"one\u3002example\u3002": "192.0.2.1"}, "one.example") == ["192.0.2.1"]
    assert hosts({"one.example": "192.0.2.1"}, "other.example") is None
    assert spelling("\u00fc" * 64) == "\u00fc" * 64  # no name that could be asked for


def test_an_override_may_be_of_one_port__lw_029() -> None:
    """An override may count for one service of a host, and goes before that of the whole host."""
    overrides = {"one.example": "192.0.2.1", ("one.example", "https"): "192.0.2.2"}
    assert hosts(overrides, "one.example", 443) == ["192.0.2.2"]
    assert hosts(overrides, "one.example", 80) == ["192.0.2.1"]


def test_an_override_has_families_too__lw_026_029() -> None:
    """Of the addresses in an override those of the wanted family count; none is not found."""
    assert hosts({"one.example": PAIR}, "one.example", family=socket.AF_INET6) == PAIR[1:]
    values: tuple[Any, ...] = (PAIR[0], [])
    for value in values:
        with pytest.raises(NameLookupFailed) as caught:
            hosts({"one.example": value}, "one.example", family=socket.AF_INET6)
        error = caught.value
        assert (error.identifier, error.peer) == ("host-not-found", ("one.example", 80))


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"192.0.2.1": "192.0.2.2"}, ValueError),
        ({"localhost": "192.0.2.2"}, ValueError),
        ({"one.example": "other.example"}, ValueError),
        ({"one.example": None}, TypeError),
        ({80: "192.0.2.1"}, ValueError),
        ({("one.example", "no such service"): "192.0.2.1"}, NameLookupFailed),
    ],
)
def test_what_cannot_be_an_override_is_refused__lw_029(
    overrides: Any, error: type[Exception]
) -> None:
    """An override of what is never looked up, or that leads to a name, is refused at the call."""
    with pytest.raises(error):
        OverrideTable(overrides)
