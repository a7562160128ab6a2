"""Ownership: whose thread and whose process, and what is said to the others."""

from __future__ import annotations

import os

import pytest

from reactor.errors import InternalError, StateClosed, WrongProcess, WrongThread
from reactor.loop.ownership import Ownership
from tests.reactor.loop.probe import elsewhere, exit_code_of_child

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def test_without_an_owner_any_thread_may__lw_013() -> None:
    """Before the first loop, and after it, any one thread may prepare or close things."""
    ownership = Ownership("<the collection>")
    ownership.check()
    elsewhere(ownership.check)
    elsewhere(ownership.claim)
    ownership.yield_up()
    ownership.check()


def test_the_others_are_told_what_to_do_instead__lw_014() -> None:
    """A collection with an owner raises `WrongThread` in any other thread, with the remedy
    in its text.
    """
    ownership = Ownership("<the collection>")
    ownership.claim()
    ownership.check()
    with pytest.raises(WrongThread, match=r"<the collection> .*collection\.apply"):
        elsewhere(ownership.check)
    elsewhere(ownership.check_alive)


def test_what_is_over_belongs_to_its_thread_still__lw_014() -> None:
    """A verb that is harmless once its object is closed raises `WrongThread` in another thread all
    the same, as long as the collection lives; with a closed collection it is harmless everywhere.
    """
    ownership = Ownership("<the collection>")
    ownership.claim()
    ownership.check(over=True)
    with pytest.raises(WrongThread):
        elsewhere(lambda: ownership.check(over=True))
    ownership.end(None)
    ownership.check(over=True)
    elsewhere(lambda: ownership.check(over=True))


def test_closed_is_for_good_and_for_all__lw_012() -> None:
    """After closing every thread gets `StateClosed`, with what caused the end as its cause."""
    ownership, cause = Ownership("<the collection>"), LookupError("a mistake of the user")
    ownership.claim()
    assert ownership.usable
    ownership.end(cause)
    ownership.yield_up()
    assert (ownership.usable, ownership.closed, ownership.forked) == (False, True, False)
    for check in (ownership.check, ownership.check_alive):
        with pytest.raises(StateClosed, match="<the collection> is closed") as caught:
            check()
        assert caught.value.__cause__ is cause
        with pytest.raises(StateClosed):
            elsewhere(check)


@forks
@pytest.mark.parametrize("owned", [False, True])
def test_a_child_is_told_whose_it_is__lw_019__rel_44(owned: bool) -> None:
    """In a child of the process every check of ownership raises `WrongProcess`; the parent
    is not affected.
    """
    ownership = Ownership("<the collection>")
    if owned:
        ownership.claim()

    def child() -> None:
        assert ownership.forked
        assert not ownership.usable
        for check in (ownership.check, ownership.check_alive):
            with pytest.raises(WrongProcess, match="make a collection of your own"):
                check()
        with pytest.raises(InternalError):
            ownership.end(None)
        Ownership("<one of the child's own>").check()

    assert exit_code_of_child(child) == 0
    assert not ownership.forked
    ownership.check()


@forks
def test_what_was_closed_stays_closed_in_a_child__lw_012() -> None:
    """A collection that the parent had closed before the fork is closed in the child as well."""
    ownership = Ownership("<the collection>")
    ownership.end(None)

    def child() -> None:
        with pytest.raises(StateClosed):
            ownership.check()

    assert exit_code_of_child(child) == 0
