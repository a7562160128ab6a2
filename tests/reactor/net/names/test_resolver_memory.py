"""What a resolver asks once only: shared questions, remembered answers, overrides."""

import queue
import socket
import threading
from typing import Any

import pytest

from reactor.errors import NameLookupFailed, SocketError
from reactor.net.address import read_target
from reactor.net.lookup_threads import LookupPhase
from reactor.net.resolver import Resolver
from reactor.net.socket_address import SocketAddress
from reactor.testing.clock import ManualClock
from tests.reactor.net.names.questions import (
    EITHER,
    PATIENCE,
    Answers,
    NameService,
    addresses,
    begin,
    take,
    target,
)

GONE = socket.gaierror(socket.EAI_NONAME, "no such name")
LATER = socket.gaierror(socket.EAI_AGAIN, "later")


def ask(resolver: Resolver, service: NameService, answer: str | Exception = "192.0.2.1") -> object:
    """Look "one.example" up; say what the name service would answer now if it were asked."""
    before = service.asked.qsize()
    _, (answers,) = begin(resolver, "one")
    if answers.empty():
        service.answer("one.example", answer)
    answered = take(answers)
    return answered if service.asked.qsize() > before else ("remembered", answered)


def test_many_who_ask_one_name_share_a_question__lw_029__rel_48(service: NameService) -> None:
    """A hundred look-ups of one name at one time are one question, and everybody is told."""
    resolver = Resolver(lookup=service, thread_count=1)
    lookups, places = begin(resolver, *["one"] * 99)
    other: Answers = queue.SimpleQueue()
    resolver.look_up(read_target("ONE.example", 443), EITHER, other.put)
    assert (resolver.lookup_count, take(service.asked)) == (100, "one.example")
    service.answer("one.example")
    assert [take(place) for place in places] == [addresses()] * 99
    assert take(other) == [SocketAddress(socket.AF_INET, ("192.0.2.1", 443))]
    assert {lookup.phase for lookup in lookups} == {LookupPhase.ANSWERED}
    assert (service.asked.empty(), resolver.lookup_count) == (True, 0)
    resolver.close()


def test_families_are_different_questions__lw_026(service: NameService) -> None:
    """A look-up of one family does not share the question of both."""
    resolver = Resolver(lookup=service)
    begin(resolver, "one")
    resolver.look_up(target("one"), socket.AF_INET, lambda _: None)
    assert (take(service.asked), take(service.asked)) == ("one.example", "one.example")
    resolver.close()


def test_a_shared_question_lives_until_the_last_has_left__cl_079(service: NameService) -> None:
    """Who gives a shared look-up up takes nothing from the others; the last one ends it."""
    resolver = Resolver(lookup=service)
    lookups, places = begin(resolver, "one", "one", "one")
    assert [lookups[0].cancel(), lookups[1].cancel(), lookups[0].cancel()] == [True, True, False]
    assert (resolver.lookup_count, resolver.abandoned_count) == (1, 0)
    phases = [lookup.phase for lookup in lookups]
    assert phases == [LookupPhase.DROPPED, LookupPhase.DROPPED, LookupPhase.RUNNING]
    service.answer("one.example")
    assert take(places[2]) == addresses()
    assert (places[0].empty(), places[1].empty()) == (True, True)
    (first, second), _ = begin(resolver, "two", "two")
    assert (first.cancel(), second.cancel(), resolver.abandoned_count) == (True, True, 1)
    resolver.close()


def test_everybody_gets_an_error_of_their_own__cc_083(service: NameService) -> None:
    """Several who share a failed look-up get an error each, with the peer as each has given it."""
    resolver = Resolver(lookup=service)
    _, (first,) = begin(resolver, "one")
    second: Answers = queue.SimpleQueue()
    resolver.look_up(read_target("One.example", "https"), EITHER, second.put)
    service.answer("one.example", GONE)
    errors = [take(first), take(second)]
    assert [getattr(error, "peer", None) for error in errors] == [
        ("one.example", 80),
        ("One.example", "https"),
    ]
    assert all(isinstance(e, NameLookupFailed) and e.__cause__ is GONE for e in errors)
    resolver.close()


def test_nobody_joins_a_question_that_is_overdue__lw_029__rel_48(service: NameService) -> None:
    """A look-up does not share the question of another that has been out for ten seconds."""
    clock = ManualClock(100.0)
    resolver = Resolver(lookup=service, clock=clock)
    _, (first,) = begin(resolver, "one")
    take(service.asked)
    clock.advance(9.75)
    begin(resolver, "one")
    assert service.asked.empty()
    clock.advance(0.25)
    _, (late,) = begin(resolver, "one")
    assert take(service.asked) == "one.example"
    service.answer("one.example", "192.0.2.1")
    service.answer("one.example", "192.0.2.1")
    assert (take(first), take(late)) == (addresses(), addresses())
    resolver.close()


def test_an_answer_is_used_again_and_then_asked_for__lw_029(service: NameService) -> None:
    """A name is asked for once in ten seconds, for whatever port."""
    clock = ManualClock(100.0)
    resolver = Resolver(lookup=service, clock=clock)
    assert ask(resolver, service) == addresses()
    again: Answers = queue.SimpleQueue()
    lookup = resolver.look_up(read_target("one.example", 443), EITHER, again.put)
    assert again.get_nowait() == [SocketAddress(socket.AF_INET, ("192.0.2.1", 443))]
    assert (lookup.phase, lookup.cancel()) == (LookupPhase.ANSWERED, False)
    clock.advance(10)
    assert ask(resolver, service, "192.0.2.2") == addresses("192.0.2.2")
    resolver.close()


def test_a_name_that_is_not_there_is_asked_for_once_a_second__cc_083(service: NameService) -> None:
    """A name that does not exist is asked for once in a second; each asker has an own error."""
    clock = ManualClock(100.0)
    resolver = Resolver(lookup=service, clock=clock)
    error = ask(resolver, service, GONE)
    assert isinstance(error, NameLookupFailed)
    _, (place,) = begin(resolver, "one")
    again = place.get_nowait()
    assert isinstance(again, NameLookupFailed)
    assert (again.identifier, again.peer) == ("host-not-found", ("one.example", 80))
    assert again is not error
    clock.advance(1)
    assert ask(resolver, service) == addresses()
    resolver.close()


def test_a_service_that_could_not_tell_is_asked_again__cc_083(service: NameService) -> None:
    """A temporary failure of the name service is forgotten at once: the next look-up asks."""
    resolver = Resolver(lookup=service, clock=ManualClock())
    assert isinstance(ask(resolver, service, LATER), NameLookupFailed)
    assert ask(resolver, service) == addresses()
    resolver.close()


def test_forgetting_asks_anew__lw_029(service: NameService) -> None:
    """After `forget` a name is asked for again, and what is on its way is not remembered."""
    resolver = Resolver(lookup=service, clock=ManualClock())
    assert ask(resolver, service) == addresses()
    resolver.forget("other.example")
    assert ask(resolver, service) == ("remembered", addresses())
    resolver.forget("ONE.example")
    take(service.asked)
    _, (old,) = begin(resolver, "one")
    take(service.asked)
    resolver.forget()
    _, (new,) = begin(resolver, "one")
    take(service.asked)  # it does not share the question of before
    service.answer("one.example")
    service.answer("one.example")
    assert (take(old), take(new)) == (addresses(), addresses())
    resolver.close()


def test_a_forgotten_question_leaves_its_successor_alone__lw_029(service: NameService) -> None:
    """When a question of before `forget` is given up, the one that was asked since is still
    shared.
    """
    resolver = Resolver(lookup=service)
    (old,), _ = begin(resolver, "one")
    take(service.asked)
    resolver.forget()
    begin(resolver, "one")
    take(service.asked)
    assert old.cancel()
    begin(resolver, "one")
    assert resolver.lookup_count == 2
    resolver.close()
    service.answer_all()
    assert service.asked.empty()


@pytest.mark.parametrize("host", [None, "one.example"])
def test_what_was_asked_before_forgetting_is_not_remembered__lw_029(
    service: NameService, host: str | None
) -> None:
    """What is on its way when a name is forgotten is told to who has asked, and not remembered."""
    resolver = Resolver(lookup=service, clock=ManualClock())
    _, (place,) = begin(resolver, "one")
    take(service.asked)
    resolver.forget(host)
    service.answer("one.example")
    assert take(place) == addresses()
    assert ask(resolver, service, "192.0.2.2") == addresses("192.0.2.2")
    resolver.close()


def test_what_a_late_thread_brings_is_remembered__lw_029(service: NameService) -> None:
    """An answer that comes when nobody waits any more is there for who asks next."""
    resolver = Resolver(lookup=service, clock=ManualClock())
    (lookup,), (place,) = begin(resolver, "one")
    take(service.asked)
    assert lookup.cancel()
    service.answer("one.example")
    service.threads["one.example"].join(PATIENCE)
    assert place.empty()
    assert ask(resolver, service) == ("remembered", addresses())
    resolver.close()


def test_a_late_thread_does_not_replace_what_is_younger__lw_029() -> None:
    """An answer that comes too late does not take the place of one that was asked for later."""
    gates: list[queue.SimpleQueue[str]] = [queue.SimpleQueue(), queue.SimpleQueue()]
    asked: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    unused = iter(gates)

    def lookup(*_question: object) -> list[tuple[Any, ...]]:
        gate = next(unused)
        asked.put(threading.current_thread())
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (take(gate), 0))]

    resolver = Resolver(lookup=lookup, clock=ManualClock())
    (stuck,), _ = begin(resolver, "one")
    late = take(asked)
    assert stuck.cancel()
    _, (place,) = begin(resolver, "one")
    take(asked)
    gates[1].put("192.0.2.2")
    assert take(place) == addresses("192.0.2.2")
    gates[0].put("192.0.2.1")
    late.join(PATIENCE)
    _, (again,) = begin(resolver, "one")
    assert again.get_nowait() == addresses("192.0.2.2")
    resolver.close()


def test_an_override_is_never_asked_for__lw_029(service: NameService) -> None:
    """A name to which the program gives addresses is not looked up, not even a remembered one."""
    resolver = Resolver(lookup=service, clock=ManualClock())
    assert ask(resolver, service) == addresses()
    overrides: dict[Any, Any] = {"one.example": ["192.0.2.9", "2001:db8::9"], "two.example": ()}
    resolver.overrides = overrides
    assert resolver.overrides == overrides
    _, (one, two) = begin(resolver, "one", "two")
    found = one.get_nowait()
    assert not isinstance(found, SocketError)
    assert [address.pair[0] for address in found] == ["192.0.2.9", "2001:db8::9"]
    error = two.get_nowait()
    assert isinstance(error, NameLookupFailed)
    assert (error.identifier, error.peer) == ("host-not-found", ("two.example", 80))
    resolver.overrides = {}
    assert ask(resolver, service) == ("remembered", addresses())
    resolver.close()


def test_the_order_is_that_of_the_program__lw_037() -> None:
    """The order that a resolver is told to use is that of looked up, overridden and own names."""

    def lookup(*_question: object) -> list[tuple[Any, ...]]:
        places = [("2001:db8::1", 0, 0, 0), ("192.0.2.9", 0), ("192.0.2.10", 0)]
        families = [socket.AF_INET6, socket.AF_INET, socket.AF_INET]
        return [(f, 1, 6, "", place) for f, place in zip(families, places, strict=True)]

    overrides = {"two.example": ["2001:db8::2", "192.0.2.2"]}
    resolver = Resolver(lookup=lookup, overrides=overrides, order="ipv4-first")
    found = [resolver.look_up_blocking(target(name), EITHER) for name in ("one", "two")]
    hosts = [[address.pair[0] for address in addresses] for addresses in found]
    assert hosts == [["192.0.2.9", "192.0.2.10", "2001:db8::1"], ["192.0.2.2", "2001:db8::2"]]
    own = resolver.look_up_blocking(read_target("localhost", 80), EITHER)
    assert own[0].family == socket.AF_INET
    resolver.close()


@pytest.mark.parametrize(
    ("order", "identifier"), [(lambda _: [][0], "unknown"), (lambda _: [], "host-not-found")]
)
def test_an_order_that_fails_fails_the_look_up__lw_037(order: Any, identifier: str) -> None:
    """A function for the order that raises, or leaves nothing, is a failed look-up."""
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]
    resolver = Resolver(lookup=lambda *_: rows, overrides={"two.example": "192.0.2.2"}, order=order)
    for name in ("one", "two"):
        with pytest.raises(NameLookupFailed) as caught:
            resolver.look_up_blocking(target(name), EITHER)
        error = caught.value
        assert (error.identifier, error.peer) == (identifier, (f"{name}.example", 80))
    resolver.close()


def test_names_of_addresses_are_remembered_too__cl_082() -> None:
    """The name of an address is asked for once, by the function that the program gave."""
    asked: list[object] = []

    def name_lookup(sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        asked.append((sockaddr, flags))
        return "one.example", "http"

    resolver = Resolver(name_lookup=name_lookup, clock=ManualClock())
    places: list[queue.SimpleQueue[tuple[str, str] | SocketError]] = []
    for _ in range(2):
        places.append(queue.SimpleQueue())
        resolver.look_up_name(read_target("192.0.2.1", 80), places[-1].put)
        assert take(places[-1]) == ("one.example", "http")
    assert asked == [(("192.0.2.1", 80), socket.NI_NAMEREQD)]
    resolver.forget("192.0.2.1")
    resolver.look_up_name(read_target("192.0.2.1", 80), places[0].put)
    take(places[0])
    assert len(asked) == 2
    resolver.close()


def test_an_interface_that_is_not_there_has_no_name__cl_082() -> None:
    """The name of an address at an interface that does not exist is not found."""
    answers: queue.SimpleQueue[tuple[str, str] | SocketError] = queue.SimpleQueue()
    Resolver().look_up_name(read_target("fe80::1%nowhere", 80), answers.put)
    error = answers.get_nowait()
    assert isinstance(error, NameLookupFailed)
    assert error.identifier == "host-not-found"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"lookup": "nothing"}, TypeError),
        ({"name_lookup": "nothing"}, TypeError),
        ({"clock": "nothing"}, TypeError),
        ({"thread_count": 0}, ValueError),
        ({"queue_limit": -1}, ValueError),
        ({"abandoned_limit": 1.5}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": None}, ValueError),
        ({"cache_limit": -1}, ValueError),
        ({"order": "random"}, ValueError),
        ({"overrides": {"one.example": "two.example"}}, ValueError),
    ],
)
def test_wrong_settings_of_a_resolver_are_refused__lw_029(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    """Wrong settings of a resolver are refused when it is made, and the error names them."""
    (name,) = arguments
    with pytest.raises(error, match=name.removesuffix("s")):
        Resolver(**arguments)
