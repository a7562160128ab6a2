"""Threads beside the first, for who has waited in line too long."""

import pytest

from reactor.errors import OperationTimeout
from reactor.loop.collection import WaitStateCollection
from reactor.net.inquiry import Found, Inquiry
from reactor.net.lookup_threads import LookupPhase
from reactor.net.resolver import Resolver
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.net.names.questions import (
    EITHER,
    NameService,
    addresses,
    begin,
    take,
    target,
)
from tests.turns import until


def test_who_waits_a_second_gets_a_thread__lw_029__rel_48(
    collection: WaitStateCollection, clock: ManualClock, service: NameService
) -> None:
    """A look-up that has waited behind stuck ones for a second gets a thread of its own."""
    collection.resolver = resolver = Resolver(lookup=service, thread_count=1, clock=clock)
    begin(resolver, "stuck")
    take(service.asked)
    found: list[Found] = []
    Inquiry(collection, target("two"), EITHER, found.append)
    clock.advance(0.75)
    settle(collection)
    assert service.asked.empty()
    clock.advance(0.25)
    settle(collection)
    assert take(service.asked) == "two.example"
    service.answer("two.example")
    until(collection, lambda: found)
    assert found == [addresses()]
    resolver.close()


def test_a_thread_of_its_own_gives_no_more_time__lw_029(
    collection: WaitStateCollection, clock: ManualClock, service: NameService
) -> None:
    """A look-up that has waited in line fails ten seconds after it was asked for, all the same."""
    collection.resolver = resolver = Resolver(lookup=service, thread_count=1, clock=clock)
    begin(resolver, "stuck")
    found: list[Found] = []
    Inquiry(collection, target("two"), EITHER, found.append)
    clock.advance(1)
    settle(collection)
    clock.advance(8.75)
    settle(collection)
    assert found == []
    clock.advance(0.25)
    settle(collection)
    (error,) = found
    assert isinstance(error, OperationTimeout)
    assert (error.limit, error.elapsed) == (10.0, 10.0)
    resolver.close()


def test_threads_for_the_impatient_are_bounded__rel_48(service: NameService) -> None:
    """There are as many threads beside the first as may be abandoned, those that are included."""
    resolver = Resolver(lookup=service, thread_count=1, abandoned_limit=2)
    lookups, _ = begin(resolver, "one", "two", "three", "four", "five")
    for lookup in lookups:
        lookup.hasten()
    assert {take(service.asked) for _ in range(3)} == {
        f"{n}.example" for n in ("one", "two", "three")
    }
    assert [lookup.phase for lookup in lookups[3:]] == [LookupPhase.WAITING] * 2
    assert lookups[1].cancel()  # it holds a thread still
    lookups[4].hasten()
    assert lookups[4].phase is LookupPhase.WAITING
    service.answer("three.example")
    assert take(service.asked) == "four.example"
    resolver.close()


def test_who_is_not_in_line_is_not_hastened(service: NameService) -> None:
    resolver = Resolver(lookup=service, thread_count=1)
    (running, waiting), (answers, _) = begin(resolver, "one", "two")
    running.hasten()
    assert waiting.cancel()
    waiting.hasten()
    service.answer("one.example")
    assert take(answers) == addresses()
    running.hasten()
    assert take(service.asked) == "one.example"
    assert service.asked.empty()
    resolver.close()


def test_a_blocking_look_up_need_not_wait_in_line_either__lw_029__rel_48(
    service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blocking look-up behind a stuck one gets a thread of its own, too."""
    monkeypatch.setattr("reactor.net.resolver.QUEUE_TIMEOUT", 0.01)
    resolver = Resolver(lookup=service, thread_count=1)
    (stuck,), _ = begin(resolver, "stuck")
    service.answer("two.example")
    for timeout in (None, 10.0):
        assert resolver.look_up_blocking(target("two"), EITHER, timeout) == addresses()
        resolver.forget()
        service.answer("two.example")
    assert stuck.phase is LookupPhase.RUNNING
    resolver.close()


def test_a_system_without_threads_leaves_the_impatient_in_line__rel_48(
    service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no thread can be started a look-up keeps its place in line."""

    def no_more(_thread: object) -> None:
        raise RuntimeError("can't start new thread")

    resolver = Resolver(lookup=service, thread_count=1)
    (_, second, _), places = begin(resolver, "one", "two", "three")
    monkeypatch.setattr("threading.Thread.start", no_more)
    second.hasten()
    assert (second.phase, resolver.lookup_count) == (LookupPhase.WAITING, 3)
    for name in ("one", "two", "three"):
        service.answer(f"{name}.example")
    assert take(places[2]) == addresses()
    assert [take(service.asked) for _ in range(3)] == [
        "one.example",
        "two.example",
        "three.example",
    ]
    resolver.close()
