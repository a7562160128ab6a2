"""Health: what is counted, what is named, and that names cost only those who ask for them."""

from __future__ import annotations

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.loop.health import SLOW_CALLBACK, Health
from reactor.loop.wait_state import WaitState
from reactor.testing.clock import ManualClock
from tests.reactor.loop.probe import Probe, ready_probe


class Connection(WaitState):
    """A wait state that has figures."""

    __slots__ = ("bytes_in", "bytes_out", "direction")

    def __init__(self, direction: str | None) -> None:
        super().__init__(3)
        self.direction, self.bytes_in, self.bytes_out = direction, 10, 1


def test_the_figures_have_their_names__lw_015__cl_88(collection: WaitStateCollection) -> None:
    """`stats()` has every promised entry, all of them zero when nothing is open."""
    stats = collection.stats()
    assert stats == {
        **dict.fromkeys(("turns", "longest_turn", "timer_lag", "posted_calls", "timers"), 0),
        **dict.fromkeys(("lookups", "states", "connections_in", "connections_out"), 0),
        **dict.fromkeys(("bytes_in", "bytes_out"), 0),
        "longest_callback": (None, 0.0),
    }


def test_connections_are_counted_while_they_are_open__cl_88() -> None:
    """The figures count open connections by the side that began them, and bytes of closed
    ones too.
    """
    health = Health(lambda: 0.0, naming=False)
    states = [Connection("in"), Connection("in"), Connection("out"), Connection(None)]
    health.bytes_in, health.bytes_out = 100, 200
    figures = health.figures(states)
    assert (figures["states"], figures["connections_in"], figures["connections_out"]) == (3, 2, 1)
    assert (figures["bytes_in"], figures["bytes_out"]) == (130, 203)
    assert health.figures([])["connections_in"] == 0


def test_the_longest_turn_and_the_greatest_lag_are_kept__lw_015(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """Turns are counted; the longest turn and the greatest lateness of a timer stay on record."""
    collection.call_later(1.0, lambda: clock.advance(0.5))
    clock.advance(3.0)
    for _ in range(3):
        collection.run_once(0)
    stats = collection.stats()
    assert (stats["turns"], stats["longest_turn"], stats["timer_lag"]) == (3, 0.5, 2.0)


def test_what_waits_is_counted__lw_015(collection: WaitStateCollection) -> None:
    """The figures count timers and posted calls until they have run or been cancelled."""
    timer = collection.call_later(1.0, print)
    collection.apply(len, "")
    collection.call_soon(len, "")
    assert (collection.stats()["timers"], collection.stats()["posted_calls"]) == (1, 2)
    timer.cancel()
    collection.run_once(0)
    assert (collection.stats()["timers"], collection.stats()["posted_calls"]) == (0, 0)


@pytest.mark.parametrize("way", ["apply", "call_soon", "call_later", "submit", "readable"])
def test_a_slow_callback_is_named_on_request__lw_015(way: str, clock: ManualClock) -> None:
    """With `slow_callback_names` the figures name the longest callback over 50 ms."""
    collection = WaitStateCollection(clock=clock, slow_callback_names=True)

    def crunch(*arguments: object) -> None:
        clock.advance(SLOW_CALLBACK * 3)

    if way == "readable":
        name = repr(ready_probe(collection, crunch))
    else:
        getattr(collection, way)(*([0.0] if way == "call_later" else []), crunch)
        name = "crunch"
    collection.apply(clock.advance, SLOW_CALLBACK * 2)  # slow too, but not the slowest
    collection.run_once(0)
    found, seconds = collection.stats()["longest_callback"]
    collection.close()
    assert name in found
    assert seconds == pytest.approx(SLOW_CALLBACK * 3)


def test_without_the_request_nothing_is_named_or_timed(clock: ManualClock) -> None:
    collection = WaitStateCollection(clock=clock)
    collection.apply(clock.advance, 5.0)
    collection.run_once(0)
    collection.close()
    assert collection.stats()["longest_callback"] == (None, 0.0)
    assert collection.stats()["longest_turn"] == 5.0


def test_quick_callbacks_are_not_named(clock: ManualClock) -> None:
    collection = WaitStateCollection(clock=clock, slow_callback_names=True)
    Probe(collection).make_ready()
    collection.apply(clock.advance, SLOW_CALLBACK / 2)
    collection.run_once(0)
    collection.close()
    assert collection.stats()["longest_callback"] == (None, 0.0)
