"""Reconnecting: anything that can be begun again, told by its links."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from reactor.errors import (
    BindError,
    ConnectionRefused,
    EndOfStream,
    OperationNotAllowed,
    WrongThread,
)
from reactor.loop.collection import WaitStateCollection
from reactor.opening.connect import connect_tcp
from reactor.reconnection import Link, Reconnecting
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.reconnection.conftest import HOST, NO_CHANCE, Place


class Thing:
    """What a link is told of: it counts how often it was closed."""

    def __init__(self) -> None:
        self.closed_count = 0

    def close(self) -> None:
        self.closed_count += 1


class Bench:
    """A client whose links the test holds."""

    def __init__(
        self, collection: WaitStateCollection, *, start: Callable[..., Any] | None = None
    ) -> None:
        self.links = list[Link]()
        self.begun = list[Thing]()
        self.told = list[tuple[str, Any]]()
        self.inside: Callable[[Link], object] = lambda link: None
        self.client = Reconnecting(
            collection,
            start or self.start,
            backoff=NO_CHANCE,
            connected=lambda client, what: self.told.append(("connected", what)),
            waiting=lambda client, what: self.told.append(("waiting", what)),
            gave_up=lambda client, what: self.told.append(("gave_up", what)),
        )

    def start(self, link: Link) -> Thing:
        self.links.append(link)
        self.begun.append(Thing())
        self.inside(link)
        return self.begun[-1]


def calling(port: int, collection: WaitStateCollection, received: list[bytes]) -> Any:
    """Return a start that connects a state, which reads until there is an end."""

    def start(link: Link) -> AsyncIOState:
        def up(state: AsyncIOState, error: BaseException | None) -> None:
            if error is not None:
                link.ended(error)
                return
            link.connected(state)
            state.read_with_checking(look)

        def look(state: AsyncIOState, buffer: bytearray, end: int) -> None:
            if state.read_status is not None:
                state.close()
                link.ended(state.read_status)
                return
            received.append(bytes(buffer[:end]))
            state.discard(end)

        return connect_tcp(collection, HOST, port, up)

    return start


def test_a_program_of_functions_comes_again(
    collection: WaitStateCollection, clock: ManualClock, place: Place
) -> None:
    received = list[bytes]()
    bench = Bench(collection, start=calling(place.port, collection, received))
    for count in (1, 2):
        settle(collection)
        place.protocols[-1].transport.write(b"news")
        settle(collection)
        assert received == [b"news"] * count
        place.protocols[-1].transport.close()
        settle(collection)
        clock.advance(2.0)
    place.close()
    settle(collection)
    assert [(name, type(what)) for name, what in bench.told] == [
        ("connected", AsyncIOState),
        ("waiting", EndOfStream),
        ("connected", AsyncIOState),
        ("waiting", EndOfStream),
        ("waiting", ConnectionRefused),
    ]
    bench.client.close()


def test_a_start_that_raises_has_failed(
    collection: WaitStateCollection,
    clock: ManualClock,
    errors: list[tuple[object, BaseException]],
) -> None:
    causes = [BindError("no such address"), TypeError("a mistake")]

    def start(link: Link) -> None:
        raise causes[len(bench.told)]

    bench = Bench(collection, start=start)
    settle(collection)
    clock.advance(1.0)
    settle(collection)
    assert bench.told == [("waiting", causes[0]), ("gave_up", causes[1])]
    assert errors == [(bench.client, causes[1])]


def test_what_comes_late_does_nothing(
    collection: WaitStateCollection,
    clock: ManualClock,
    errors: list[tuple[object, BaseException]],
) -> None:
    bench = Bench(collection)
    settle(collection)
    bench.links[0].ended()
    bench.links[0].ended()
    settle(collection)
    clock.advance(1.0)
    settle(collection)
    first, second = bench.links
    thing = Thing()
    first.connected(thing)
    assert thing.closed_count == 1
    first.ended(TypeError())
    settle(collection)
    assert bench.told == [("waiting", None)]
    second.connected(thing)
    late = Thing()
    first.connected(late)
    first.ended(TypeError())
    settle(collection)
    assert late.closed_count == 1
    assert bench.client.connection == thing
    assert bench.told == [("waiting", None), ("connected", thing)]
    assert errors == []
    bench.client.stop()


def test_a_link_may_outlive_its_collection(collection: WaitStateCollection) -> None:
    bench, thing = Bench(collection), Thing()
    settle(collection)
    bench.links[0].connected(thing)
    collection.close()
    assert thing.closed_count == 1
    bench.links[0].ended()
    assert bench.told == [("connected", thing)]


def test_who_is_up_is_not_up_twice(collection: WaitStateCollection) -> None:
    bench = Bench(collection)
    settle(collection)
    bench.links[0].connected(Thing())
    with pytest.raises(OperationNotAllowed, match="connected already"):
        bench.links[0].connected(Thing())
    assert len(bench.told) == 1
    bench.client.stop()


@pytest.mark.parametrize("verb", ["stop", "close"])
def test_a_client_stopped_by_its_start_closes_what_was_begun(
    collection: WaitStateCollection, verb: str
) -> None:
    bench = Bench(collection)
    bench.inside = lambda link: getattr(bench.client, verb)()
    settle(collection)
    assert bench.begun[0].closed_count == 1
    late = Thing()
    bench.links[0].connected(late)
    assert late.closed_count == 1
    assert bench.told == []


@pytest.mark.parametrize("verb", ["stop", "close"])
def test_what_is_up_inside_its_start_counts(collection: WaitStateCollection, verb: str) -> None:
    bench, thing = Bench(collection), Thing()
    bench.inside = lambda link: link.connected(thing)
    settle(collection)
    assert bench.client.connection == thing
    getattr(bench.client, verb)()
    assert thing.closed_count == (verb == "close")
    assert bench.begun[0].closed_count == 0
    bench.links[0].ended()
    settle(collection)
    assert bench.client.connection is None
    assert bench.told == [("connected", thing)]


def test_what_cannot_be_given_up_is_waited_for(collection: WaitStateCollection) -> None:
    links, thing = list[Link](), Thing()
    bench = Bench(collection, start=links.append)
    settle(collection)
    bench.client.stop()
    links[0].connected(thing)
    assert thing.closed_count == 1


def test_a_link_belongs_to_the_loop(collection: WaitStateCollection) -> None:
    bench = Bench(collection)
    settle(collection)
    refused = list[type]()

    def meddle() -> None:
        verbs: tuple[Callable[[], object], ...]
        verbs = (lambda: bench.links[0].connected(Thing()), bench.links[0].ended)
        for verb in verbs:
            with pytest.raises(WrongThread) as caught:
                verb()
            refused.append(caught.type)

    collection.owner.claim()
    thread = threading.Thread(target=meddle)
    thread.start()
    thread.join()
    collection.owner.yield_up()
    assert refused == [WrongThread] * 2
    bench.client.stop()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", None),
        ("backoff", 3.0),
        ("retry", True),
        ("connected", 1),
        ("waiting", 1),
        ("gave_up", 1),
        ("random", 4),
    ],
)
def test_a_wrong_argument_is_refused_at_once(
    collection: WaitStateCollection, name: str, value: Any
) -> None:
    how: dict[str, Any] = {"start": Thing, name: value}
    with pytest.raises(TypeError, match=name):
        Reconnecting(collection, **how)
    assert not collection.held
