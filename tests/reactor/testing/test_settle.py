"""Turns are taken until all is quiet; here by a real collection with a clock of ours."""

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_everything_that_leads_to_more_is_run__lw_005(clock: ManualClock) -> None:
    """`settle` follows a call that posts a call that posts a call to the end."""
    ran = []
    collection = WaitStateCollection(clock=clock)

    def again(left: int) -> None:
        ran.append(left)
        if left:
            collection.call_soon(again, left - 1)

    again(5)
    settle(collection)
    collection.close()
    assert ran == [5, 4, 3, 2, 1, 0]


def test_time_does_not_pass_while_turns_are_taken__cl_73(clock: ManualClock) -> None:
    """While `settle` takes turns no time passes: a timer runs when the clock was advanced to it."""
    ran: list[str] = []
    collection = WaitStateCollection(clock=clock)
    collection.call_later(10, ran.append, "late")
    settle(collection)
    clock.advance(9.999)
    settle(collection)
    assert ran == []
    clock.advance(0.001)
    settle(collection)
    collection.close()
    assert ran == ["late"]


def test_what_never_ends_is_reported(clock: ManualClock) -> None:
    collection = WaitStateCollection("busy", clock=clock)
    turns = []

    def again() -> None:
        turns.append(1)
        collection.call_soon(again)

    again()
    with pytest.raises(AssertionError, match=r"busy.* still busy after 10 turns"):
        settle(collection, limit=10)
    collection.close()
    assert len(turns) == 11
