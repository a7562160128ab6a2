"""Look-ups by callbacks, with name services that know what a test says."""

import contextlib
import contextvars
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor.callbacks import PendingLookup, dns_lookup, reverse_dns_lookup
from reactor.errors import (
    LimitExceeded,
    NameLookupFailed,
    OperationTimeout,
    StateClosed,
    WrongThread,
)
from reactor.loop.collection import WaitStateCollection
from reactor.net.resolver import Resolver
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.loop.probe import elsewhere
from tests.reactor.opening.network import resolver, silent_resolver
from tests.turns import until

BOTH = ["2001:db8::1", "192.0.2.1"]
UNWANTED: Any = pytest.fail  # as a callback
ASK: Any = dns_lookup  # for arguments that are wrong
SIX, FOUR = (BOTH[0], socket.AF_INET6), (BOTH[1], socket.AF_INET)


@pytest.fixture
def names(collection: WaitStateCollection) -> Iterator[Resolver]:
    """The resolver of the collection: it knows one name."""
    with contextlib.closing(resolver(both_example=BOTH)) as collection.resolver:
        yield collection.resolver


@pytest.fixture
def silence(collection: WaitStateCollection) -> Iterator[Resolver]:
    """The resolver of the collection: it never hears an answer."""
    with silent_resolver() as collection.resolver:
        yield collection.resolver


def answers(
    collection: WaitStateCollection, *begin: Callable[[Any, Any], object]
) -> list[tuple[Any, ...]]:
    """Begin look-ups, each of which is given a place for its one callback; return what came."""
    told: list[tuple[Any, ...]] = []
    for one in begin:
        one(lambda *answer: told.append(answer), lambda event: told.append((event,)))
    assert told == []
    settle(collection)
    until(collection, lambda: len(told) == len(begin))
    return told


@pytest.mark.parametrize(
    ("family", "expected"), [("any", SIX), ("internet6", SIX), ("internet", FOUR)]
)
def test_a_name_is_looked_up_later_and_once__cl_79(
    collection: WaitStateCollection, names: Resolver, family: Any, expected: tuple[str, int]
) -> None:
    """A look-up calls back once, later, with an address as numeric text and its family."""
    told = answers(
        collection, lambda *cbs: dns_lookup(collection, "both.example", *cbs, family=family)
    )
    assert told == [expected]
    settle(collection)
    assert told == [expected]


@pytest.mark.parametrize("host", ["192.0.2.1", 3221225985, "localhost", "[2001:db8::1]"])
def test_a_number_needs_no_thread__cl_79(
    collection: WaitStateCollection, silence: Resolver, host: Any
) -> None:
    """A look-up of a number, or of "localhost", needs no thread and asks nobody; it calls back
    later all the same.
    """
    told = answers(collection, lambda *cbs: dns_lookup(collection, host, *cbs))
    assert told[0] in [SIX, FOUR, ("::1", socket.AF_INET6), ("127.0.0.1", socket.AF_INET)]
    assert silence.lookup_count == 0


def test_who_cancels_is_not_called__cl_79(
    collection: WaitStateCollection, silence: Resolver
) -> None:
    """After `cancel()` of a look-up no callback comes, whether it is asked or already answered."""
    told: list[object] = []
    lookups = [
        dns_lookup(collection, host, UNWANTED, told.append) for host in ("one.example", "::1")
    ]
    assert [repr(lookup) for lookup in lookups] == [
        "<PendingLookup of one.example open>",
        "<PendingLookup of ::1 open>",
    ]
    assert [lookup.cancel() for lookup in lookups] == [True, True]
    assert [lookup.cancel() for lookup in lookups] == [False, False]
    assert repr(lookups[0]) == "<PendingLookup of one.example over>"
    settle(collection)
    assert (told, collection.stats()["lookups"], len(collection.timers)) == ([], 0, 0)
    assert silence.abandoned_count == 1


@pytest.mark.parametrize(("host", "family"), [("none.example", "any"), ("::1", "internet")])
def test_a_failure_is_one_event__cl_80__cl_53(
    collection: WaitStateCollection, names: Resolver, host: str, family: Any
) -> None:
    """A name that does not exist, or not in that family, is one event, whose `connection` is what
    the call returned, and no other callback.
    """
    lookups: list[PendingLookup] = []

    def begin(_: object, event_cb: Callable[[object], None]) -> None:
        lookups.append(dns_lookup(collection, host, UNWANTED, event_cb, family=family))

    ((error,),) = answers(collection, begin)
    assert isinstance(error, NameLookupFailed)
    assert (error.identifier, error.phase) == ("host-not-found", "resolve")
    assert (error.peer, error.connection) == ((host, None), lookups[0])


def test_a_silent_name_service_is_one_event__cl_80(
    collection: WaitStateCollection, clock: ManualClock, silence: Resolver
) -> None:
    """A look-up without an answer is an `OperationTimeout`, after ten seconds or its own limit."""
    told: list[Any] = []
    dns_lookup(collection, "one.example", UNWANTED, told.append)
    dns_lookup(collection, "one.example", UNWANTED, told.append, timeout=2.5)
    dns_lookup(collection, "one.example", UNWANTED, told.append, timeout=30)
    dns_lookup(collection, "one.example", UNWANTED, told.append, timeout=None)
    for until_now, count in ((2.25, 0), (0.25, 1), (7.25, 1), (0.25, 2), (19.75, 2), (0.25, 3)):
        clock.advance(until_now)
        settle(collection)
        assert len(told) == count
    assert {type(error) for error in told} == {OperationTimeout}
    assert [(error.phase, error.limit) for error in told] == [
        ("resolve", 2.5),
        ("resolve", 10.0),
        ("resolve", 30.0),
    ]
    assert len(collection.timers) == 0  # the last one awaits the verdict of the system


def test_several_at_once_answer_once_each__cl_81_88(
    collection: WaitStateCollection, names: Resolver
) -> None:
    """Of many look-ups at once each answers exactly once, and the count of open ones returns to
    its start, after failures too.
    """
    before = collection.stats()["lookups"]
    told = answers(
        collection,
        *[lambda *cbs: dns_lookup(collection, "both.example", *cbs)] * 10,
        *[lambda *cbs: dns_lookup(collection, "none.example", *cbs)] * 10,
        *[lambda *cbs: dns_lookup(collection, "both.example", *cbs, family="internet")] * 10,
    )
    assert (told.count(SIX), told.count(FOUR)) == (10, 10)
    failures = [answer[0] for answer in told if len(answer) == 1]
    assert [type(error) for error in failures] == [NameLookupFailed] * 10
    assert len({id(error.connection) for error in failures}) == 10
    settle(collection)
    assert (len(told), before, collection.stats()["lookups"]) == (30, 0, 0)


def test_too_many_at_once_are_told_so__cl_81(collection: WaitStateCollection) -> None:
    """A look-up that finds no place in line is one event as well, and it comes later."""
    with contextlib.closing(Resolver(abandoned_limit=0)) as collection.resolver:
        told = answers(collection, lambda *cbs: dns_lookup(collection, "one.example", *cbs))
    assert isinstance(told[0][0], LimitExceeded)
    assert collection.stats()["lookups"] == 0


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        (("192.0.2.1", 80), ("192.0.2.1", 80)),
        (("2001:db8::1", "443"), ("2001:db8::1", 443, 0, 0)),
    ],
)
def test_an_address_has_its_names_looked_up__cl_82(
    collection: WaitStateCollection, address: Any, asked: tuple[Any, ...]
) -> None:
    """A reverse look-up calls back with the names of a host and of the service at its port."""

    def name_lookup(sockaddr: tuple[Any, ...], _flags: int) -> tuple[str, str]:
        return "one.example", str(sockaddr)

    with contextlib.closing(Resolver(name_lookup=name_lookup)) as collection.resolver:
        told = answers(collection, lambda *cbs: reverse_dns_lookup(collection, address, *cbs))
    assert told == [("one.example", str(asked))]


def test_an_address_without_a_name_is_one_event__cl_82(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """A reverse look-up fails like one of a name: once, with its limit, and not after `cancel`."""

    def name_lookup(sockaddr: tuple[Any, ...], _flags: int) -> tuple[str, str]:
        raise socket.gaierror(socket.EAI_NONAME, "it has no name")

    with contextlib.closing(Resolver(name_lookup=name_lookup)) as collection.resolver:
        ((error,),) = answers(
            collection, lambda _, told: reverse_dns_lookup(collection, "::1", UNWANTED, told)
        )
        assert isinstance(error, NameLookupFailed)
        assert (error.peer, error.situation) == (("::1", None), "getnameinfo")
        lookup = reverse_dns_lookup(collection, "::1", UNWANTED, UNWANTED)
        assert lookup.cancel()
        settle(collection)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda c: ASK(c, None, print), TypeError),
        (lambda c: ASK(c, "", print), ValueError),
        (lambda c: ASK(c, "one.example", None), TypeError),
        (lambda c: ASK(c, "one.example", print, "log"), TypeError),
        (lambda c: ASK(c, "one.example", print, family="ipv6"), ValueError),
        (lambda c: ASK(c, "one.example", print, timeout=0), ValueError),
        (lambda c: reverse_dns_lookup(c, "one.example", print), ValueError),
        (lambda c: reverse_dns_lookup(c, ("::1", 65536), print), ValueError),
        (lambda c: elsewhere(lambda: dns_lookup(c, "::1", print)), WrongThread),
    ],
)
def test_wrong_arguments_raise_at_the_call__cl_79(
    collection: WaitStateCollection, make: Callable[[Any], object], error: type[Exception]
) -> None:
    """Wrong arguments of a look-up raise at the call, and nothing has begun."""
    collection.run_once(0)
    with pytest.raises(error):
        make(collection)
    assert len(collection.held) <= 1  # its resolver, perhaps


def test_without_an_event_callback_the_log_is_told__cl_65(
    collection: WaitStateCollection, names: Resolver, caplog: pytest.LogCaptureFixture
) -> None:
    """Without an `event_cb` a failed look-up is a warning in the log that names it."""
    with caplog.at_level(logging.WARNING, "reactor"):
        dns_lookup(collection, "::1", UNWANTED, family="internet")
        settle(collection)
    assert "<PendingLookup of ::1 over>: ::1 is no IPv4 address" in caplog.text


@pytest.mark.parametrize("family", ["any", "internet"])
def test_what_a_callback_raises_goes_to_the_error_handler__cl_66_67(
    collection: WaitStateCollection, family: Any
) -> None:
    """What a callback of a look-up raises goes to the error handler, with the look-up."""
    reported: list[tuple[object, BaseException]] = []
    collection.error_handler = lambda *report: reported.append(report)

    def broken(*_: object) -> None:
        raise RuntimeError("of the program")

    lookup = dns_lookup(collection, "::1", broken, broken, family=family)
    settle(collection)
    ((concerned, exception),) = reported
    assert (concerned, str(exception)) == (lookup, "of the program")


def test_a_callback_has_the_context_of_the_call__lw_021(
    collection: WaitStateCollection, names: Resolver
) -> None:
    """A callback of a look-up runs in the context in which the look-up was asked for."""
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request")
    token = request.set("one")
    told: list[str] = []
    dns_lookup(collection, "both.example", lambda *_: told.append(request.get()))
    request.reset(token)
    settle(collection)
    until(collection, lambda: told)
    assert told == ["one"]


def test_a_closed_collection_calls_nobody__cl_87(silence: Resolver) -> None:
    """Closing a collection ends its look-ups without an event; cancelling them is harmless then."""
    collection = WaitStateCollection(resolver=silence)
    lookup = dns_lookup(collection, "one.example", UNWANTED, UNWANTED)
    collection.close()
    assert silence.lookup_count == 0
    assert not lookup.cancel()
    with pytest.raises(StateClosed):
        dns_lookup(collection, "one.example", print)
