"""dispatch: nothing reaches the wrong object, nobody waits for ever, everyone has its context."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from reactor.interest import EITHER, READ, WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.loop.poller import EVENT_LIMIT
from reactor.loop.wait_state import WaitState
from reactor.testing.clock import ManualClock
from tests.reactor.loop.probe import LIMIT, Probe, elsewhere, ready_probe

REQUEST: ContextVar[str] = ContextVar("REQUEST", default="none")


class Successor(WaitState):
    """What takes the place of another wait state, and gets its number."""

    def __init__(self, collection: WaitStateCollection, victim: Probe) -> None:
        self.sock, self.far = socket.socketpair()  # first, or these would get the number
        number = victim.fd
        victim.close_silently()
        super().__init__(os.dup2(self.sock.fileno(), number))
        self.wanted = READ
        self.events: list[int] = []
        self.collection = collection
        collection.add(self)

    def on_readable(self) -> None:
        self.events.append(READ)

    def close_silently(self) -> None:
        self.collection.remove(self)
        os.close(self.fd)
        self.sock.close()
        self.far.close()


def test_a_number_that_is_reused_in_a_batch_gets_no_event__lw_007__rel_12__pitfall_5(
    on_each: WaitStateCollection,
) -> None:
    """A state closed by a callback of the same batch gets no event, nor does a new socket
    with its number.
    """
    successors = list[Successor]()

    def replace(probe: Probe) -> None:
        victim = probes[0] if probe is probes[1] else probes[1]
        if not successors:
            successors.append(Successor(on_each, victim))

    probes = [ready_probe(on_each, replace), ready_probe(on_each, replace)]
    ready = on_each.wait(0)
    assert len(ready) == 2
    assert on_each.dispatch(ready) == 1
    assert sum(len(probe.events) for probe in probes) == 1
    (successor,) = successors
    assert successor.events == []
    successor.far.send(b"!")
    on_each.run_once(0)
    assert successor.events == [READ]  # what is its own, it gets


def test_what_left_between_wait_and_dispatch_gets_nothing__lw_007(
    on_each: WaitStateCollection,
) -> None:
    """A state that was closed between `wait` and `dispatch` gets no event, nor does a new
    one with its number.
    """
    probe = ready_probe(on_each)
    ready = on_each.wait(0)
    successor = Successor(on_each, probe)
    assert on_each.dispatch(ready) == 0
    assert (probe.events, successor.events) == ([], [])


def test_who_stops_to_want_is_not_called_in_the_same_batch__rel_19(
    on_each: WaitStateCollection,
) -> None:
    """A callback that makes its neighbour want no input keeps the event of this batch from it."""

    def silence(probe: Probe) -> None:
        if len(probe.events) == 1:
            on_each.want(probes[0] if probe is probes[1] else probes[1], 0)

    probes = [ready_probe(on_each, silence), ready_probe(on_each, silence)]
    assert on_each.run_once(0) == 1
    silenced = next(probe for probe in probes if not probe.wanted)
    assert silenced.events == []
    assert on_each.run_once(0) == 1
    assert silenced.events == []
    on_each.want(silenced, READ)
    assert on_each.run_once(0) == 2
    assert silenced.events == [READ]  # the bytes are still there, and so it is told again


def test_both_directions_are_served_by_what_is_wanted_then(on_each: WaitStateCollection) -> None:
    def turn_to_reading(probe: Probe) -> None:
        on_each.want(probe, READ)

    patient = Probe(on_each, wanted=EITHER)
    patient.make_ready()
    hasty = Probe(on_each, turn_to_reading, wanted=EITHER)
    hasty.make_ready()
    on_each.run_once(0)
    assert patient.events == [READ, WRITE]
    assert hasty.events == [READ]


@pytest.mark.parametrize("wanted", [READ, WRITE])
def test_a_lost_peer_is_told_in_the_direction_that_is_wanted(
    wanted: int, on_each: WaitStateCollection
) -> None:
    probe = Probe(on_each, wanted=wanted)
    probe.far.close()
    on_each.run_once(0)
    assert probe.events == [wanted]


def test_a_flood_leaves_time_for_timers_calls_and_the_others__pitfall_11(
    on_each: WaitStateCollection, clock: ManualClock
) -> None:
    """With more ready states than a turn serves, timers and calls run, and each state soon."""
    done = list[str]()
    first = ready_probe(on_each)
    numbers = [os.dup(first.fd) for _ in range(EVENT_LIMIT + 10)]
    flood = [Counting(number) for number in numbers]
    for state in flood:
        on_each.add(state)
    on_each.call_later(0.0, done.append, "timer")
    on_each.apply(done.append, "call")
    assert on_each.run_once(0) <= EVENT_LIMIT + 2
    assert done == ["timer", "call"]
    for _ in range(2):  # one would do, were there not the waker, which is ready in the first only
        on_each.run_once(0)
    assert min(state.count for state in flood) >= 1


class Counting(WaitState):
    """A wait state that counts how often it was served."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.wanted = READ
        self.count = 0

    def on_readable(self) -> None:
        self.count += 1

    def close_silently(self) -> None:
        os.close(self.fd)


def test_a_turn_has_one_moment__lw_005(collection: WaitStateCollection, clock: ManualClock) -> None:
    """The clock is read once a turn: what becomes due by a slow callback runs in the next turn."""
    done, seen = list[str](), list[float]()
    start = clock()

    def work(probe: Probe) -> None:
        clock.advance(10.0)
        seen.append(collection.now)

    probe = ready_probe(collection, work)
    collection.call_later(5.0, done.append, "timer")
    collection.run_once(0)
    assert (seen, done) == ([start], [])
    probe.close_silently()
    collection.run_once(0)
    assert (collection.now, done) == (start + 10.0, ["timer"])


Schedule = Callable[[WaitStateCollection, Callable[[], object]], object]


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(lambda c, f: c.apply(f), id="apply"),
        pytest.param(lambda c, f: c.submit(f), id="submit"),
        pytest.param(lambda c, f: c.call_soon(f), id="call_soon"),
        pytest.param(lambda c, f: c.call_later(0, f), id="call_later"),
        pytest.param(lambda c, f: c.call_at(0, f), id="call_at"),
        pytest.param(lambda c, f: ready_probe(c, lambda probe: f()), id="a state"),
    ],
)
@pytest.mark.parametrize("ambient", ["none", "main"])
def test_a_callback_sees_the_context_it_was_scheduled_in__lw_021(
    schedule: Schedule, ambient: str, collection: WaitStateCollection
) -> None:
    """A callback sees the context variables as they were when it was scheduled, and changes
    them for nobody.
    """
    seen = list[str]()

    def look() -> None:
        seen.append(REQUEST.get())
        REQUEST.set("changed by a callback")

    token = REQUEST.set("41")
    try:
        schedule(collection, look)
        REQUEST.set(ambient)
        collection.run_once(0)
        assert (seen, REQUEST.get()) == (["41"], ambient)
    finally:
        REQUEST.reset(token)


def test_who_posts_from_an_empty_context_is_called_in_one__lw_021(
    collection: WaitStateCollection,
) -> None:
    """A call posted from an empty context does not see the variables of the thread that
    runs the loop.
    """
    seen = list[str]()
    elsewhere(collection.apply, lambda: seen.append(REQUEST.get()))
    token = REQUEST.set("of the main program")
    try:
        collection.apply(collection.stop)
        collection.run()
    finally:
        REQUEST.reset(token)
    assert seen == ["none"]


@pytest.mark.parametrize("way", ["run", "run_once"])
def test_a_state_of_an_empty_context_is_called_in_one__lw_021(
    way: str, collection: WaitStateCollection
) -> None:
    """The callbacks of a state made in an empty context do not see the variables of who
    runs the loop.
    """
    seen = list[str]()

    def look(probe: Probe) -> None:
        seen.append(REQUEST.get())
        REQUEST.set("changed by a callback")
        collection.stop()

    elsewhere(ready_probe, collection, look)
    token = REQUEST.set("of the main program")
    try:
        getattr(collection, way)()
        assert (seen, REQUEST.get()) == (["none"], "of the main program")
    finally:
        REQUEST.reset(token)


def test_a_connection_keeps_its_context__lw_021(collection: WaitStateCollection) -> None:
    """What a callback of a connection sets in its context its later callbacks see, and
    those of others do not.
    """
    seen = list[str]()

    def look(probe: Probe) -> None:
        seen.append(REQUEST.get())
        REQUEST.set(REQUEST.get() + "!")

    token = REQUEST.set("a")
    try:
        ready_probe(collection, look)
        REQUEST.set("b")
        ready_probe(collection, look)
    finally:
        REQUEST.reset(token)
    collection.run_once(0)
    collection.run_once(0)
    assert sorted(seen) == ["a", "a!", "b", "b!"]


def test_a_started_loop_serves_as_well__lw_002() -> None:
    """In the thread of `start` states are served without anybody's help."""
    with WaitStateCollection() as collection:
        served = collection.submit(lambda: Probe(collection, lambda probe: collection.stop()))
        probe = served.result(LIMIT)
        probe.make_ready()
        assert collection._thread is not None
        collection._thread.join(LIMIT)
        assert probe.events == [READ]
