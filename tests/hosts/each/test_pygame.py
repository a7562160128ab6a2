"""pygame: frames and their moments, and a queue of events that others use as they like."""

from __future__ import annotations

import contextlib
import functools
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reactor.errors import WrongThread
from reactor.hosts import pygame as hosted_by_pygame
from reactor.hosts.guest import TURN_EVENT_LIMIT
from reactor.hosts.pygame import Events, Frames
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.hosts.loops import LIMIT, PygameLoop, in_turn
from tests.hosts.test_attaching import compute
from tests.reactor.loop.probe import elsewhere

WAIT = int(LIMIT * 1000)  # milliseconds


class Passing(selectors.SelectSelector):
    """Lets a clock pass in place of waiting, and `late` seconds more, as selectors do."""

    def __init__(self, clock: ManualClock, late: float = 0.0) -> None:
        super().__init__()
        self.clock = clock
        self.late = late

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout:
            self.clock.advance(timeout + self.late)
        return found


@pytest.fixture
def paced(clock: ManualClock) -> Iterator[WaitStateCollection]:
    """A collection whose waits end a millisecond late, by a clock that nothing else moves."""
    selector = Passing(clock, late=0.001)
    with contextlib.closing(WaitStateCollection(clock=clock, selector=selector)) as collection:
        yield collection


@pytest.fixture
def frames(paced: WaitStateCollection) -> Iterator[Frames]:
    """Fifty frames a second, of that collection."""
    with hosted_by_pygame.attach(paced, fps=50) as frames:
        yield frames


@pytest.fixture
def pygame() -> Iterator[Any]:
    """The toolkit, with a display that nobody sees, and nothing in its queue."""
    with contextlib.closing(PygameLoop()) as loop:
        loop.pygame.event.clear()
        yield loop.pygame


@pytest.fixture
def collection() -> Iterator[WaitStateCollection]:
    with contextlib.closing(WaitStateCollection("hosted")) as collection:
        yield collection


@pytest.fixture
def events(pygame: Any, collection: WaitStateCollection) -> Iterator[Events]:
    """A collection that is served while a program waits for events."""
    with hosted_by_pygame.attach(collection, mode="wait thread") as events:
        yield events


def about(milliseconds: int) -> Any:
    """Return what equals a count of milliseconds that was rounded down."""
    return pytest.approx(milliseconds, abs=1)


def user_event(pygame: Any, **details: Any) -> Any:
    """Make an event of the program's own."""
    return pygame.event.Event(pygame.USEREVENT, **details)


def test_frames_have_their_moments__ho_10(frames: Frames, clock: ManualClock) -> None:
    """Frames are due a period apart, whatever the program does in between, and waits that end
    late do not add up; the milliseconds that `tick` returns do.
    """
    begun, took = clock(), list[int]()
    for number in range(1, 11):
        clock.advance(0.003 if number % 2 else 0.011)  # to draw something
        took.append(frames.tick())
        assert clock() - begun == pytest.approx(number * 0.020 + 0.001)
    assert sum(took) == about(201)
    assert frames.get_fps() == pytest.approx(50, abs=0.5)


def test_late_frames_are_not_made_up_for__ho_10(frames: Frames, clock: ManualClock) -> None:
    """A frame that is late is over at once, with one look at the collection, and the next one is
    due a whole period later: there is no burst of frames.
    """
    served = list[str]()
    clock.advance(0.5)
    frames.collection.apply(served.append, "posted")
    assert (frames.tick(), served) == (500, ["posted"])
    assert frames.tick() == about(21)
    assert frames.tick() == about(20)


def test_frames_without_a_limit_do_not_wait__ho_10(frames: Frames, clock: ManualClock) -> None:
    """Where something else paces the frames, `tick` serves what there is and does not wait."""
    served, begun = list[str](), clock()
    frames.fps = None
    frames.collection.apply(served.append, "posted")
    assert (frames.tick(), frames.fps) == (0, None)
    assert (served, clock()) == (["posted"], begun)
    frames.fps = 25.0
    assert (frames.tick(), frames.fps) == (about(41), 25.0)


def test_a_timer_is_served_within_its_frame__ho_2(frames: Frames, clock: ManualClock) -> None:
    """A timer that is due within a frame is served at its moment, and not with the next frame;
    a frame without any is no turn.
    """
    fired, begun = list[float](), clock()
    frames.collection.call_later(0.005, lambda: fired.append(clock() - begun))
    frames.tick()
    assert fired == [pytest.approx(0.006)]
    turns = frames.collection.stats()["turns"]
    assert frames.tick() == about(20)
    assert frames.collection.stats()["turns"] == turns


def test_a_flood_ends_with_the_frame__ho_10(frames: Frames, clock: ManualClock) -> None:
    """While more arrives than can be served, frames have their moments, with the turn that runs
    then behind them.
    """
    near, far = socket.socketpair()
    served = list[float]()
    with near, far:
        far.send(b"!")

        def read(watch: object) -> None:
            clock.advance(0.003)
            served.append(clock())

        watch = frames.collection.watch(near, read)
        begun = clock()
        frames.tick()
        assert len(served) == 7
        assert clock() - begun == pytest.approx(0.021)
        watch.close()


def test_late_frames_serve_all_in_turn__ho_10(frames: Frames) -> None:
    """When more are ready than one turn serves, and there is one turn in a frame, those that were
    left over come first in the next.
    """
    frames.fps = None
    served = set[int]()
    pairs = [socket.socketpair() for _ in range(TURN_EVENT_LIMIT + 36)]
    for number, (near, far) in enumerate(pairs):
        frames.collection.watch(near, functools.partial(lambda n, w: served.add(n), number))
        far.send(b"!")
    frames.tick()
    assert len(served) == TURN_EVENT_LIMIT
    frames.tick()
    assert len(served) == len(pairs)
    frames.collection.close()
    for pair in pairs:
        for end in pair:
            end.close()


@pytest.mark.parametrize("kind", ["DefaultSelector", "PollSelector", "SelectSelector"])
def test_frames_take_any_selector__ho_10(kind: str) -> None:
    """Frames need no descriptor for the whole collection: its wait is theirs, on any selector."""
    if not hasattr(selectors, kind):
        pytest.skip(f"this system has no {kind}")
    near, far = socket.socketpair()
    heard = list[bytes]()
    collection = WaitStateCollection(selector=getattr(selectors, kind)())

    def read(watch: object) -> None:
        heard.append(near.recv(1))
        collection.stop()

    with near, far, hosted_by_pygame.attach(collection, fps=1000) as frames:
        assert frames.mode == "descriptor"
        far.send(b"!")
        collection.watch(near, read)
        while not frames.closed:
            frames.tick()
    collection.close()
    assert heard == [b"!"]


def test_closed_frames_pace_the_program_still__ho_9(collection: WaitStateCollection) -> None:
    """When the collection has been closed, `tick` goes on to wait for the next frame."""
    frames = hosted_by_pygame.attach(collection, fps=100)
    frames.tick()
    collection.close()
    assert frames.closed
    assert frames.tick() + frames.tick() >= 9  # the first of them may be late


@pytest.mark.parametrize("fps", [0, -1.0, float("nan"), "60", True])
def test_what_is_no_number_of_frames_is_refused__ho_10(
    collection: WaitStateCollection, fps: Any
) -> None:
    """Frames that are no number above 0 are refused, and leave the collection free."""
    with pytest.raises((TypeError, ValueError), match="fps"):
        hosted_by_pygame.attach(collection, fps=fps)
    with hosted_by_pygame.attach(collection) as frames:
        with pytest.raises((TypeError, ValueError), match="fps"):
            frames.fps = fps
        assert frames.fps == 60.0


def test_waiting_belongs_to_the_thread_that_attached__ho_9(
    collection: WaitStateCollection, pygame: Any
) -> None:
    """Neither frames nor events can be waited for in another thread while the guest is there."""
    with hosted_by_pygame.attach(collection) as frames, pytest.raises(WrongThread):
        elsewhere(frames.tick)
    events = hosted_by_pygame.attach(collection, mode="wait thread")
    with events, pytest.raises(WrongThread):
        elsewhere(events.wait, 1)


def test_frames_may_belong_to_another_thread__ho_1() -> None:
    """A game that runs in another thread than the main one, where no signal could be seen to, has
    a collection as a guest, too.
    """
    served = list[threading.Thread]()

    def play() -> None:
        with (
            contextlib.closing(WaitStateCollection()) as collection,
            hosted_by_pygame.attach(collection, fps=1000) as frames,
        ):
            collection.apply(lambda: served.append(threading.current_thread()))
            frames.tick()

    player = threading.Thread(target=play)
    player.start()
    player.join(LIMIT)
    assert served == [player]


def test_events_of_the_program_come_through__ho_3(pygame: Any, events: Events) -> None:
    """Waiting returns the events of the program, in order, and none of ours; calls that threads
    post run meanwhile.
    """
    collection, served = events.collection, list[str]()
    post = functools.partial(pygame.event.post, user_event(pygame, said="b"))
    pygame.event.post(user_event(pygame, said="a"))
    assert events.wait(WAIT).said == "a"
    elsewhere(collection.apply, in_turn(lambda: served.append("posted"), post))
    assert events.wait(WAIT).said == "b"
    assert served == ["posted"]
    assert events.wait(1).type == pygame.NOEVENT


def test_a_wait_for_events_ends_in_time__ho_10(pygame: Any, events: Events) -> None:
    """A wait for events has its limit, though calls keep coming."""
    collection = events.collection

    def again() -> None:
        collection.call_later(0.0005, again)

    again()
    assert events.wait(20).type == pygame.NOEVENT


@pytest.mark.slow
def test_a_full_queue_loses_nothing__ho_3(pygame: Any, events: Events) -> None:
    """While the queue of events is full, what the collection has to do is done all the same."""

    def fill() -> None:
        with contextlib.suppress(pygame.error):
            while True:
                pygame.event.post(user_event(pygame))

    for number in range(20):
        served = list[int]()
        fill()
        elsewhere(events.collection.apply, served.append, number)
        for _ in range(10_000):
            if served:
                break
            assert events.wait(WAIT).type == pygame.USEREVENT
            fill()
        assert served == [number]
    pygame.event.clear()


@pytest.mark.slow
def test_a_long_turn_does_not_end_the_wait__ho_8(pygame: Any, events: Events) -> None:
    """When a callback has taken its time, the pause behind it neither ends the wait for an event
    nor makes it spin.
    """
    events.collection.apply(compute)
    events.collection.call_later(0.05, pygame.event.post, user_event(pygame))
    assert events.wait(WAIT).type == pygame.USEREVENT
    began = time.thread_time()
    assert events.wait(200).type == pygame.NOEVENT
    assert time.thread_time() - began < 0.1


def test_a_wake_up_that_others_took_is_not_missed__ho_3(pygame: Any, events: Events) -> None:
    """An event of ours that other code took out of the queue costs nothing: the next wait serves
    the collection, and the ones behind it do.
    """
    for number in range(3):
        served = list[int]()
        events.collection.apply(served.append, number)
        assert pygame.event.wait(WAIT).type not in {pygame.NOEVENT, pygame.USEREVENT}
        events.collection.apply(pygame.event.post, user_event(pygame))
        assert events.wait(WAIT).type == pygame.USEREVENT
        assert served == [number]


def test_a_wait_allows_its_own_events__ho_3(pygame: Any, events: Events) -> None:
    """A program that blocks all events but those that it knows is served all the same, also if a
    callback does so, while the program waits.
    """
    collection = events.collection
    post = functools.partial(collection.call_later, 0.002, pygame.event.post, user_event(pygame))

    def block() -> None:
        pygame.event.set_blocked(None)
        pygame.event.set_allowed(pygame.USEREVENT)

    try:
        block()
        for _ in range(3):
            post()
            assert events.wait(WAIT).type == pygame.USEREVENT
            collection.call_later(0.002, in_turn(block, post))
            assert events.wait(WAIT).type == pygame.USEREVENT
    finally:
        pygame.event.set_allowed(None)


def test_a_display_may_end_and_begin__ho_3(pygame: Any, events: Events) -> None:
    """What the collection has to do while there is no display is done when there is one again;
    and a type of events that it hands out anew is the program's.
    """
    pygame.display.quit()
    events.collection.apply(len, "")
    with pytest.raises(pygame.error):
        events.wait(1)
    pygame.display.init()
    kinds = [pygame.event.custom_type() for _ in range(3)]
    events.collection.call_later(0.002, pygame.event.post, pygame.event.Event(kinds[0]))
    assert events.wait(WAIT).type == kinds[0]
    pygame.event.post(pygame.event.Event(kinds[0]))
    events.close()
    assert pygame.event.wait(WAIT).type == kinds[0]


def test_closing_takes_our_events_back__ho_9(pygame: Any, events: Events) -> None:
    """A guest that is closed leaves no event behind in the queue."""
    events.collection.apply(len, "")
    told = pygame.event.wait(WAIT)
    pygame.event.post(told)
    pygame.event.post(user_event(pygame))
    events.close()
    assert [event.type for event in pygame.event.get()] == [pygame.USEREVENT]
    pygame.event.post(user_event(pygame))
    assert events.wait(WAIT).type == pygame.USEREVENT  # closed, it waits for events alone
