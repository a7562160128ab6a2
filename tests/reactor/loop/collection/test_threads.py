"""Whose verbs they are: with an owner every other thread is refused, and told what to do."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from reactor.errors import StateClosed, WrongThread
from reactor.loop.collection import WaitStateCollection
from tests.reactor.loop.probe import LIMIT, elsewhere

Verb = Callable[[WaitStateCollection], object]

OWNERS: dict[str, Verb] = {
    "dispatch": lambda collection: collection.dispatch([]),
    "call_soon": lambda collection: collection.call_soon(print),
    "call_later": lambda collection: collection.call_later(1.0, print),
    "call_at": lambda collection: collection.call_at(1.0, print),
    "call_every": lambda collection: collection.call_every(1.0, print),
    "time": lambda collection: collection.time(),
    "watch": lambda collection: collection.watch(0, print),
    "on_signal": lambda collection: collection.on_signal(signal.SIGTERM, print),
    "fileno": lambda collection: collection.fileno(),
    "next_timeout": lambda collection: collection.next_timeout(),
    "close": lambda collection: collection.close(),
}
ANYBODYS: dict[str, Verb] = {
    "apply": lambda collection: collection.apply(len, ""),
    "submit": lambda collection: collection.submit(len, ""),
    "wake": lambda collection: collection.wake(),
    "wait": lambda collection: collection.wait(0),
    "stop": lambda collection: collection.stop(),
    "stats": lambda collection: collection.stats(),
    "alive": lambda collection: collection.alive,
    "repr": repr,
}
AFTER_THE_END = {"stop", "stats", "alive", "repr", "close"}


@pytest.mark.parametrize("verb", OWNERS)
@pytest.mark.parametrize("by_hand", [True, False])
def test_the_owners_verbs_are_refused_to_others__lw_014(verb: str, by_hand: bool) -> None:
    """Whether a loop runs or somebody drives by hand, the owner's verbs raise `WrongThread`
    in other threads.
    """
    collection = WaitStateCollection()
    if by_hand:
        collection.run_once(0)
        with pytest.raises(WrongThread, match=r"collection\.apply"):
            elsewhere(OWNERS[verb], collection)
        collection.close()
        return
    with collection:
        with pytest.raises(WrongThread, match=r"collection\.apply"):
            OWNERS[verb](collection)
        assert collection.submit(len, "").result(LIMIT) == 0


@pytest.mark.parametrize("verb", ANYBODYS)
def test_some_verbs_are_everybodys__lw_014(verb: str, collection: WaitStateCollection) -> None:
    """Posting, waking, stopping and asking for figures are allowed in every thread."""
    collection.run_once(0)
    elsewhere(ANYBODYS[verb], collection)


@pytest.mark.parametrize("verb", sorted(OWNERS.keys() - {"dispatch", "on_signal", "watch"}))
def test_without_an_owner_they_are_anybodys__lw_013(
    verb: str, collection: WaitStateCollection
) -> None:
    """Before the first loop any thread may prepare a collection, and another one may run it."""
    elsewhere(OWNERS[verb], collection)


@pytest.mark.parametrize("verb", sorted(OWNERS.keys() | ANYBODYS.keys()))
def test_after_the_end_nearly_all_are_refused__lw_012(
    verb: str, collection: WaitStateCollection
) -> None:
    """A closed collection answers `stop`, `close` and `stats`, and raises StateClosed otherwise."""
    collection.close()
    do = (OWNERS | ANYBODYS)[verb]
    for call in (do, lambda collection: elsewhere(do, collection)):
        if verb in AFTER_THE_END:
            call(collection)
        else:
            with pytest.raises(StateClosed):
                call(collection)
