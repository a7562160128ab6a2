"""reconnecting: stopped, closed, or hurried, at any moment."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS
from reactor.loop.collection import WaitStateCollection
from reactor.reconnection import reconnecting
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.reconnection.conftest import HOST, Place, Visitor, Visitors
from tests.recorder import Recorder
from tests.turns import until

VERBS = pytest.mark.parametrize("verb", ["stop", "close"])


def end(visitor: Visitor, verb: str) -> None:
    """Stop or close a client, twice, which must be the same as once."""
    for _ in range(2):
        getattr(visitor.client, verb)()
        assert visitor.client.closed


@VERBS
def test_before_the_first_attempt_nothing_is_begun__pr_2(
    collection: WaitStateCollection, visitors: Visitors, place: Place, verb: str
) -> None:
    """A client that is stopped before its first attempt makes none, and calls nobody."""
    visitor = visitors()
    end(visitor, verb)
    settle(collection)
    assert (visitor.told, place.protocols) == ([], [])
    assert len(collection.timers) == 0


@VERBS
def test_in_a_wait_there_is_no_next_attempt__pr_2(
    collection: WaitStateCollection,
    clock: ManualClock,
    visitors: Visitors,
    place: Place,
    verb: str,
) -> None:
    """A client that is stopped in a wait makes no further attempt, and calls nobody."""
    place.close()
    visitor = visitors()
    settle(collection)
    end(visitor, verb)
    assert len(collection.timers) == 0
    place.open()
    clock.advance(100.0)
    settle(collection)
    assert (visitor.names, place.protocols) == (["waiting"], [])


@VERBS
def test_an_attempt_is_given_up__pr_2__rel_14(
    collection: WaitStateCollection,
    visitors: Visitors,
    place: Place,
    certificates: Certificates,
    verb: str,
) -> None:
    """A client that is stopped in an attempt gives that up, with its descriptor, and calls
    nobody.
    """
    # The server speaks no TLS, so hands are never shaken.
    visitor = visitors(tls=ClientTLS(trusted_file=certificates.authority))
    settle(collection)
    assert len(place.protocols) == 1
    end(visitor, verb)
    settle(collection)
    assert (visitor.told, visitor.protocols) == ([], [])
    assert len(place.protocols[0].lost) == 1
    assert len(collection.timers) == 0


def test_a_connection_outlives_a_stop(
    collection: WaitStateCollection, clock: ManualClock, visitors: Visitors, place: Place
) -> None:
    asked = list[object]()
    visitor = visitors(retry=asked.append)
    settle(collection)
    end(visitor, "stop")
    (near,), (far,) = visitor.protocols, place.protocols
    far.transport.write(b"still there?")
    settle(collection)
    assert near.received == b"still there?"
    assert visitor.client.connection == near.transport
    place.close()
    clock.advance(100.0)
    settle(collection)
    assert near.lost == [None]
    assert visitor.client.connection is None
    assert (visitor.names, asked) == (["connected"], [])


@pytest.mark.parametrize("stopped", [True, False])
def test_closing_sends_what_was_written__pr_11(
    collection: WaitStateCollection, visitors: Visitors, place: Place, stopped: bool
) -> None:
    """The `close` of a client that reconnects closes its connection in order, stopped before or
    not.
    """
    visitor = visitors()
    settle(collection)
    if stopped:
        visitor.client.stop()
    large = bytes(4 << 20)
    visitor.protocols[0].transport.write(large)
    end(visitor, "close")
    settle(collection, limit=5000)
    assert place.protocols[0].received == large
    assert visitor.protocols[0].lost == [None]
    assert visitor.names == ["connected"]


@pytest.mark.parametrize("when", ["at first", "in an attempt", "connected", "in a wait"])
def test_the_collection_ends_it__lw_011(
    collection: WaitStateCollection, place: Place, visitors: Visitors, when: str
) -> None:
    """A client that reconnects ends with its collection, and calls nobody but the protocol."""
    if when == "in a wait":
        place.close()
    visitor = visitors()
    if when == "in an attempt":
        collection.run_once(0)
    elif when != "at first":
        settle(collection)
    told = list(visitor.told)
    collection.close()
    assert visitor.client.closed
    assert visitor.told == told
    assert [len(protocol.lost) for protocol in visitor.protocols] == [1] * (when == "connected")
    visitor.client.close()
    visitor.client.stop()
    visitor.client.retry_now()


@pytest.mark.parametrize("where", ["connection_made", "connected", "waiting", "gave_up", "retry"])
def test_the_collection_may_be_closed_in_any_function__pr_4(
    collection: WaitStateCollection, place: Place, visitors: Visitors, where: str
) -> None:
    """A collection that is closed in a function of a client that reconnects calls no other one but
    `connection_lost`, once and behind `connection_made`.
    """

    def end_all(*what: Any) -> bool:
        collection.close()
        return False

    how: dict[str, Any] = {} if where == "connection_made" else {where: end_all}
    if where == "gave_up":
        how["retry"] = lambda error: False
    visitor = visitors(**how)
    if where == "connection_made":
        visitor.on = {where: end_all}
    for _ in range(20):
        if collection.alive:
            collection.run_once(0)
        if visitor.protocols and place.protocols and collection.alive:
            place.protocols[0].transport.close()
    assert not collection.alive
    assert visitor.protocols[0].names[0] == "connection_made"
    assert visitor.protocols[0].names[-1] == "connection_lost"
    assert len(visitor.protocols[0].lost) == 1
    assert visitor.names == (["connected"] if where in ("waiting", "gave_up", "retry") else [])


@pytest.mark.parametrize("verb", ["stop", "close"])
def test_stopped_in_connection_made_it_tells_nothing(
    collection: WaitStateCollection, place: Place, visitors: Visitors, verb: str
) -> None:
    visitor = visitors()
    visitor.on = {"connection_made": lambda transport: getattr(visitor.client, verb)()}
    settle(collection)
    assert visitor.told == []
    assert len(visitor.protocols[0].lost) == (verb == "close")
    place.close()


def test_a_wait_can_be_cut_short(
    collection: WaitStateCollection, clock: ManualClock, visitors: Visitors, place: Place
) -> None:
    place.close()
    visitor = visitors()
    for _ in range(4):
        settle(collection)
        clock.advance(visitor.wait)
    settle(collection)
    place.open()
    visitor.client.retry_now()
    assert visitor.protocols == [], "not inside the call"
    settle(collection)
    assert visitor.names[-1] == "connected"
    visitor.client.retry_now()  # there is nothing to be done
    settle(collection)
    assert len(visitor.protocols) == 1


def test_who_always_hurries_has_no_deeper_stack(
    collection: WaitStateCollection, place: Place, visitors: Visitors
) -> None:
    place.close()
    attempts = list[object]()

    def hurry(client: Any, error: BaseException | None) -> None:
        attempts.append(error)
        if len(attempts) < 1100:
            client.retry_now()

    visitors(waiting=hurry)
    until(collection, lambda: len(attempts) == 1100)


@VERBS
@pytest.mark.parametrize("where", ["connected", "waiting", "gave_up", "retry"])
def test_it_can_be_ended_from_its_own_functions(
    place: Place,
    visitors: Visitors,
    errors: list[tuple[object, BaseException]],
    verb: str,
    where: str,
) -> None:
    collection = place.collection
    told = list[object]()

    def end_it(*what: Any) -> bool:
        told.append(what)
        getattr(visitor.client, verb)()
        return where == "retry"

    how = {"retry": lambda error: where == "waiting", where: end_it}
    visitor = visitors(**how)
    settle(collection)
    place.close()
    settle(collection)
    assert visitor.client.closed
    assert len(told) == 1
    assert visitor.protocols[0].names[-1] == "connection_lost"
    assert visitor.names.count("waiting") == visitor.names.count("gave_up") == 0
    assert errors == []


class Never:
    """Finds nothing worth another attempt; can be referred to weakly."""

    def __call__(self, error: BaseException | None) -> bool:
        return False


@pytest.mark.parametrize("how", ["stopped", "closed", "ended", "in an attempt"])
def test_what_is_over_is_no_circle(collection: WaitStateCollection, place: Place, how: str) -> None:
    never = Never()
    client = reconnecting(collection, Recorder, HOST, place.port, retry=never)
    gone = weakref.ref(never)
    gc.collect()
    gc.disable()
    try:
        if how == "in an attempt":
            collection.run_once(0)
        else:
            settle(collection)
        if how != "ended":
            client.close() if how == "closed" else client.stop()
        del client, never
        place.close()
        settle(collection)
        assert gone() is None
    finally:
        gc.enable()
