"""The race of addresses: a table of steps, and any order of events."""

import math
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.errors import (
    BindError,
    ConnectError,
    ConnectionRefused,
    InternalError,
    NameLookupFailed,
    SocketError,
)
from reactor.net.race import (
    CONNECTION_ATTEMPT_DELAY,
    AddressOrder,
    Race,
    in_race_order,
    of_family,
    read_order,
)
from reactor.net.socket_address import SocketAddress


def six(number: int) -> SocketAddress:
    return SocketAddress(socket.AF_INET6, (f"2001:db8::{number}", 80, 0, 0))


def four(number: int) -> SocketAddress:
    return SocketAddress(socket.AF_INET, (f"192.0.2.{number}", 80))


A, B, C, D = six(1), four(1), six(2), four(2)  # in the order in which they are tried
START = 1000.0  # a moment; the race has no clock of its own

# One step a line: the moment, what happens then, what is tried at once, when more is due.
TABLE = [
    (0.000, "", [A], 0.250),  # the first at once
    (0.249, "", [], 0.250),  # not before its time
    (0.250, "", [B], 0.500),  # the other family next, though A is still under way
    (0.300, "A fails", [], 0.500),  # not the latest: the one after B waits for B
    (0.310, "B fails", [C], 0.560),  # the latest: at once, and a new delay begins
    (0.320, "C fails", [D], math.inf),  # the last one: nothing more is due
    (9.000, "", [], math.inf),
]


def test_the_addresses_are_tried_as_rfc_8305_says__lw_037() -> None:
    """The next address is tried 250 ms after the one before, or at once when that fails."""
    named = {"A": A, "B": B, "C": C, "D": D}
    race = Race([A, C, B, D])
    for after, event, tried, due in TABLE:
        now = START + after
        if event:
            race.failed(named[event[0]], ConnectionRefused(event), now)
        begun = []
        while (address := race.next_attempt(now)) is not None:
            begun.append(address)
        assert begun == tried, after
        assert race.next_moment() == pytest.approx(START + due), after
        assert not race.lost, after
    race.failed(D, ConnectionRefused("D fails"), START + 10)
    assert race.lost


def test_an_attempt_that_was_put_back_is_due_again__lw_037() -> None:
    """An attempt that could not even begin is tried again at a moment, and has not failed."""
    race = Race([A])
    assert race.next_attempt(START) == race.first == A
    race.put_back(A, START + 1)
    assert (race.next_moment(), race.lost, race.attempts) == (START + 1, False, [])
    assert race.next_attempt(START + 0.9) is None
    assert race.next_attempt(START + 1) == A


def test_the_delay_is_that_of_the_rfc__lw_037() -> None:
    """Without another wish, attempts to connect begin 250 ms apart."""
    race = Race([A, B])
    assert race.next_moment() == -math.inf
    assert race.next_attempt(START) == A
    assert race.next_moment() == START + CONNECTION_ATTEMPT_DELAY == START + 0.250


def test_a_delay_that_was_slept_through_starts_one_attempt__lw_037() -> None:
    """A loop that was held up for seconds does not try all addresses at once."""
    race = Race([A, B, C], attempt_delay=0.1)
    assert race.next_attempt(START) == A
    assert race.next_attempt(START + 60) == B
    assert race.next_attempt(START + 60) is None
    assert race.next_moment() == START + 60 + 0.1


def test_the_first_that_connects_wins__lw_037() -> None:
    """After an address has connected nothing more is tried, and the others do not count any
    more.
    """
    race = Race([A, B, C])
    assert race.next_attempt(START) == A
    assert race.next_attempt(START + 1) == B
    race.won(A)
    assert race.winner == A
    assert race.next_attempt(START + 2) is None
    assert race.next_moment() == math.inf
    assert (race.lost, race.error) == (False, None)
    with pytest.raises(InternalError):
        race.failed(B, ConnectionRefused(), START + 2)


def test_the_error_is_that_of_the_first_address_and_lists_all__lw_037() -> None:
    """If all addresses fail the exception is that of the first, and `attempts` lists each."""
    race = Race([A, B])
    assert race.next_attempt(START) == A
    assert race.next_attempt(START + 1) == B
    first, second = ConnectError("of A"), ConnectionRefused("of B")
    race.failed(B, second, START + 1)  # the second address fails first
    assert not race.lost
    assert race.attempts == [(B.pair, second)]
    race.failed(A, first, START + 2)
    assert race.error is first
    assert first.attempts == [(A.pair, first), (B.pair, second)]
    assert race.attempts == first.attempts


def test_a_bind_that_fails_is_the_error_of_a_race__lw_037_038() -> None:
    """A local address that cannot be bound fails an attempt like any other cause."""
    race = Race([B])
    assert race.next_attempt(START) == B
    error = BindError("not ours", address=("192.0.2.9", 0))
    race.failed(B, error, START)
    assert race.error is error


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ([A, C, B, D], [A, B, C, D]),
        ([B, A, C], [B, A, C]),  # the system prefers IPv4 here: so it goes first
        ([A, C, six(3), B], [A, B, C, six(3)]),  # one family has run out
        ([A, A, B, A], [A, B]),
        ([B, D], [B, D]),
        ([], []),
    ],
)
def test_the_families_take_turns__lw_037(
    given: list[SocketAddress], order: list[SocketAddress]
) -> None:
    """Addresses of the two families are tried in turn, that of the first address before; within one
    the order stays.
    """
    assert in_race_order(given) == order


def test_a_local_address_leaves_the_addresses_of_its_family__lw_037() -> None:
    """With `local_address` only the peer's addresses of its family are tried."""
    assert of_family([A, B, C, D], socket.AF_INET) == [B, D]
    assert of_family([A, B], socket.AF_UNSPEC) == [A, B]
    with pytest.raises(NameLookupFailed) as caught:
        of_family([A, C], socket.AF_INET, peer=("name.example", "http"))
    assert caught.value.identifier == "host-not-found"
    assert caught.value.peer == ("name.example", "http")


def test_moves_that_cannot_be_are_our_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Race([])
    race = Race([A, B])
    with pytest.raises(InternalError):
        race.won(A)  # not begun
    assert race.next_attempt(START) == A
    race.failed(A, ConnectionRefused(), START)
    with pytest.raises(InternalError):
        race.failed(A, ConnectionRefused(), START)  # twice


addresses = st.lists(st.builds(lambda f, n: f(n), st.sampled_from([six, four]), st.integers(1, 6)))


@given(addresses.filter(bool), st.data())
def test_every_address_is_tried_at_most_once_and_in_order__lw_037(
    given_addresses: list[SocketAddress], data: st.DataObject
) -> None:
    """Every address is tried at most once and in order; connecting ends with a win or all
    failures.
    """
    race, now = Race(given_addresses), START
    tried: list[SocketAddress] = []
    open_attempts: list[SocketAddress] = []
    errors: dict[SocketAddress, SocketError] = {}
    while race.winner is None and not race.lost:
        while (address := race.next_attempt(now)) is not None:
            tried.append(address)
            open_attempts.append(address)
        choices = ["fail", "win"] if open_attempts else []
        choices += ["wait"] if race.next_moment() < math.inf else []
        event = data.draw(st.sampled_from(choices))
        if event == "wait":
            now = max(now, race.next_moment())
            continue
        address = open_attempts.pop(data.draw(st.integers(0, len(open_attempts) - 1)))
        if event == "win":
            race.won(address)
        else:
            errors[address] = ConnectionRefused(str(address.pair))
            race.failed(address, errors[address], now)
    order = in_race_order(given_addresses)
    assert tried == order[: len(tried)]
    assert sorted(order) == sorted(set(given_addresses))
    assert race.next_attempt(now + 1000) is None
    assert (race.winner is None) == race.lost
    assert race.attempts == [(a.pair, errors[a]) for a in tried if a in errors]
    if race.lost:
        assert tried == order
        assert race.error is errors[order[0]]


MIXED = [four(9), six(9), four(10), six(2)]
ORDERED = [
    ("system", MIXED),
    ("ipv6-first", [six(9), six(2), four(9), four(10)]),
    ("ipv4-first", [four(9), four(10), six(9), six(2)]),
    ("sorted", [six(2), six(9), four(9), four(10)]),  # by number: 10 is after 9
]


@pytest.mark.parametrize(("order", "expected"), ORDERED)
def test_a_program_chooses_the_order_of_addresses__lw_037(
    order: AddressOrder, expected: list[SocketAddress]
) -> None:
    """Addresses are tried as the system has them, one family first, or sorted: in equal order."""
    assert read_order(order)(MIXED) == expected
    assert MIXED[0] == four(9)  # the list that was given is left alone


def test_a_function_may_order_addresses__lw_037() -> None:
    """A function of the program may order addresses, and leave some of them out."""
    assert read_order(lambda found: reversed(found[:2]))(MIXED) == [six(9), four(9)]
    with pytest.raises(TypeError):
        read_order(lambda _: list[Any]([("192.0.2.1",)]))(MIXED)


@pytest.mark.parametrize("order", ["ipv6", None, 6])
def test_an_unknown_order_is_refused__lw_037(order: AddressOrder) -> None:
    """An order of addresses that does not exist is a `ValueError` that names those that do."""
    with pytest.raises(ValueError, match="'ipv4-first', 'sorted', or a function"):
        read_order(order)


def test_sorted_addresses_begin_with_ipv6() -> None:
    low = SocketAddress(socket.AF_INET, ("10.0.0.1", 80))
    assert read_order("sorted")([low, six(1)]) == [six(1), low]


def test_link_local_addresses_are_sorted_with_their_scopes() -> None:
    near = [SocketAddress(socket.AF_INET6, ("fe80::1%eth0", 80, 0, scope)) for scope in (3, 2)]
    assert read_order("sorted")(near) == near[::-1]
