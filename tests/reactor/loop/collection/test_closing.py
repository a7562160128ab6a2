"""close: all of it, once, whoever fails and whatever is under way."""

from __future__ import annotations

import contextlib

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.reactor.loop.probe import LIMIT, Probe, ready_probe


class Held:
    """Something without a descriptor that a collection closes."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.closed = 0
        self.failure = failure

    def close(self) -> None:
        self.closed += 1
        if self.failure:
            raise self.failure


class Stubborn(Probe):
    """A state whose closing fails when it is over."""

    __slots__ = ()

    def close_silently(self) -> None:
        super().close_silently()
        raise LookupError("a mistake of the user")


def test_everything_is_closed_and_nothing_called__lw_011(on_each: WaitStateCollection) -> None:
    """`close` of a collection closes all that it holds without a callback; a second one
    does nothing.
    """
    probes, held, done = [ready_probe(on_each) for _ in range(3)], Held(), list[int]()
    on_each.held.add(held)
    on_each.apply(done.append, 1)
    on_each.call_later(0.0, done.append, 2)
    future = on_each.submit(done.append, 3)
    alive = [on_each.alive]
    on_each.close()
    on_each.close()
    assert [*alive, on_each.alive] == [True, False]
    assert [probe.near.fileno() for probe in probes] == [-1, -1, -1]
    assert [probe.events for probe in probes] == [[], [], []]
    assert (held.closed, done, future.cancelled()) == (1, [], True)
    assert (on_each.stats()["timers"], on_each.stats()["posted_calls"]) == (0, 0)


@pytest.mark.parametrize("where", ["a state", "a timer", "a call"])
def test_nothing_of_the_turn_comes_after_it__lw_011(
    where: str, on_each: WaitStateCollection, clock: ManualClock
) -> None:
    """If a callback closes the collection, nothing that was ready, due or posted behind it
    is called.
    """
    done = list[str]()

    def close(*arguments: object) -> None:
        on_each.close()
        done.append("closed")

    def too_late(*arguments: object) -> None:
        done.append("too late")

    if where == "a state":
        for _ in range(3):
            ready_probe(on_each, close)
    if where != "a call":
        on_each.call_later(0.0, close if where == "a timer" else too_late)
        on_each.call_later(0.0, too_late)
    on_each.apply(close if where == "a call" else too_late)
    on_each.apply(too_late)
    on_each.run_once(0)
    assert done == ["closed"]


def test_a_loop_that_runs_returns__lw_012() -> None:
    """A loop whose collection is closed by a callback returns at the end of that turn."""
    collection = WaitStateCollection()
    held = Held()

    def close() -> None:
        collection.close_later(held)
        collection.close()

    collection.apply(close)
    collection.run()
    assert held.closed == 1
    assert not collection.alive


def test_a_loop_in_a_thread_can_close_itself__lw_012() -> None:
    """A callback may close the collection of a started loop: the thread ends, and `with`
    has nothing left to do.
    """
    with WaitStateCollection() as collection:
        collection.submit(collection.close)
        assert collection._thread is not None
        collection._thread.join(LIMIT)
        assert not collection.alive


def test_one_that_fails_keeps_no_other_open__lw_011(clock: ManualClock) -> None:
    """If closing one state raises, the others are closed all the same, and then it is told."""
    collection = WaitStateCollection(clock=clock)
    held = [Held(), Held(ZeroDivisionError("another one")), Held()]
    collection.held.update(held)
    probes = [Probe(collection), Stubborn(collection), Probe(collection)]
    future = collection.submit(len, "")
    with pytest.raises((LookupError, ZeroDivisionError)):
        collection.close()
    assert [probe.near.fileno() for probe in probes] == [-1, -1, -1]
    assert [one.closed for one in held] == [1, 1, 1]
    assert future.cancelled()
    assert not collection.alive


class Clinging(Probe):
    """A state that begins new work when it is closed, as a protocol may that has lost its peer."""

    __slots__ = ("future", "held")

    def close_silently(self) -> None:
        super().close_silently()
        self.held = Held()
        self._collection.held.add(self.held)
        self._collection.call_later(1.0, print)
        self.future = self._collection.submit(len, "")


def test_what_is_begun_while_it_closes_is_ended_with_it__lw_011(
    collection: WaitStateCollection,
) -> None:
    """Attempts, timers and posts of the last callbacks do not survive the collection."""
    state = Clinging(collection)
    collection.close()
    assert (state.held.closed, state.future.cancelled()) == (1, True)
    assert collection.stats()["timers"] == 0


def test_contextlib_closes_it_too() -> None:
    with contextlib.closing(WaitStateCollection()) as collection:
        collection.apply(collection.stop)
        collection.run()
    assert not collection.alive
