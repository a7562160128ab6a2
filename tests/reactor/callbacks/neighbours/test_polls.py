"""`poll` and `idle`: descriptors of others and idle moments, as functions."""

from __future__ import annotations

import contextlib
import contextvars
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from reactor.callbacks.neighbours import idle, poll
from reactor.errors import OperationNotAllowed, OperationTimeout, StateClosed, WrongThread
from reactor.interest import EITHER, READ, WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.callbacks.neighbours.conftest import Failures
from tests.reactor.loop.probe import elsewhere

Pair = tuple[socket.socket, socket.socket]

WHERE: Final = contextvars.ContextVar("WHERE", default="elsewhere")
NOT_CALLABLE: Final[Any] = "no function"


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


def test_a_poll_calls_as_long_as_a_descriptor_is_ready__cl_83(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """`poll` calls back with `READ` in each turn in which a read would not wait, and never in the
    call; after `close` it calls nobody, and the descriptor is open.
    """
    events = list[int]()
    pair[1].send(b"!")
    watched = poll(collection, pair[0], events.append)
    assert events == []
    collection.run_once(0)
    collection.run_once(0)
    assert events == [READ, READ]
    watched.close()
    watched.close()
    collection.run_once(0)
    assert (events, watched.closed, pair[0].recv(2)) == ([READ, READ], True, b"!")


def test_a_poll_looks_for_what_was_asked__cl_83(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """`poll_for` is `READ`, `WRITE` or both: each that would not wait is told, nothing else."""
    events = list[int]()
    pair[1].send(b"!")
    watched = poll(collection, pair[0].fileno(), events.append, poll_for=WRITE)
    collection.run_once(0)
    assert events == [WRITE]
    watched.close()
    watched = poll(collection, pair[0], events.append, poll_for=READ | WRITE)
    collection.run_once(0)
    assert events == [WRITE, READ, WRITE]
    pair[0].recv(1)
    collection.run_once(0)
    assert events == [WRITE, READ, WRITE, WRITE]
    watched.close()


def test_a_poll_closed_by_its_first_call_makes_no_second__cl_83(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """A poll for both directions that is closed when it hears of one does not hear of the other."""
    events = list[int]()

    def heard(event: int) -> None:
        events.append(event)
        watched.close()

    pair[1].send(b"!")
    watched = poll(collection, pair[0], heard, poll_for=EITHER, timeout=1.0)
    settle(collection)
    assert (events, len(collection.timers)) == ([READ], 0)


def test_a_poll_has_a_limit__cl_83(
    collection: WaitStateCollection, clock: ManualClock, pair: Pair
) -> None:
    """After `timeout` seconds without readiness the event callback of `poll` gets one
    `OperationTimeout`, and the watch has ended; each readiness begins the time anew.
    """
    events, calls = list[Any](), list[int]()

    def heard(event: int) -> None:
        calls.append(event)
        pair[0].recv(1)

    watched = poll(collection, pair[0], heard, events.append, timeout=2.0)
    for _ in range(3):
        clock.advance(1.5)
        pair[1].send(b"!")
        settle(collection)
    assert (calls, events) == ([READ] * 3, [])
    clock.advance(2.0)
    settle(collection)
    (event,) = events
    assert (type(event), event.connection, event.limit) == (OperationTimeout, watched, 2.0)
    assert (event.phase, event.elapsed, watched.closed) == ("read", 2.0, True)
    pair[1].send(b"!")
    clock.advance(9.0)
    settle(collection)
    assert (len(events), len(calls)) == (1, 3)
    poll(collection, pair[0], heard).close()  # the number is free again


@pytest.mark.parametrize("poll_for", [WRITE, EITHER])
def test_the_limit_names_what_was_waited_for__cl_83(
    collection: WaitStateCollection, clock: ManualClock, pair: Pair, poll_for: int
) -> None:
    """The phase of a poll's `OperationTimeout` is that of its one direction, None for both."""
    events = list[Any]()
    with contextlib.suppress(BlockingIOError):
        while pair[0].send(bytes(65536)):
            pass
    poll(collection, pair[0], print, events.append, poll_for=poll_for, timeout=1.0)
    clock.advance(1.0)
    settle(collection)
    assert [event.phase for event in events] == [{WRITE: "write"}.get(poll_for)]


def test_a_limit_without_an_event_callback_is_logged__cl_83__cl_65(
    collection: WaitStateCollection,
    clock: ManualClock,
    pair: Pair,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where `poll` has no event callback, its `OperationTimeout` is logged as a warning with the
    `repr` of the watch, and raises nothing.
    """
    watched = poll(collection, pair[0], print, timeout=1.0)
    clock.advance(1.0)
    settle(collection)
    (record,) = caplog.records
    assert (record.levelname, watched.closed) == ("WARNING", True)
    assert repr(watched) in record.getMessage()


def test_a_poll_that_raises_is_told_of__cl_83__cl_67(
    collection: WaitStateCollection, clock: ManualClock, pair: Pair, failures: Failures
) -> None:
    """What a callback of `poll` raises goes to the error handler with the watch, be it of
    readiness or of the limit; the handler alone decides whether it goes on.
    """
    pair[1].send(b"!")
    watched = poll(collection, pair[0], lambda event: 1 / 0, lambda event: [][1], timeout=1.0)
    collection.run_once(0)
    collection.run_once(0)
    assert failures == [(watched, ZeroDivisionError)] * 2
    pair[0].recv(1)
    clock.advance(1.0)
    settle(collection)
    assert failures[2:] == [(watched, IndexError)]


def test_the_default_handler_closes_a_poll_that_raises__cl_83__cl_67(
    collection: WaitStateCollection, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """The default handler logs what a poll's callback raises and closes the watch without an
    event: a descriptor that stays ready would fill the log.
    """
    events = list[Any]()
    pair[1].send(b"!")
    watched = poll(collection, pair[0], lambda event: 1 / 0, events.append, timeout=1.0)
    settle(collection)
    assert (len(caplog.records), watched.closed, events) == (1, True, [])
    assert len(collection.timers) == 0


def test_an_exception_of_a_poll_can_leave_the_loop__cl_83(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """Under `propagate` what a poll's callback raises leaves the turn, once."""
    collection.error_handler = propagate
    pair[1].send(b"!")
    watched = poll(collection, pair[0], lambda event: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        collection.run_once(0)
    watched.close()
    assert collection.run_once(0) == 0


def test_polls_have_their_context__cl_83__lw_021(
    collection: WaitStateCollection, clock: ManualClock, pair: Pair
) -> None:
    """Both callbacks of a poll run in the context in which it was made."""
    seen = list[str]()

    def heard(event: object) -> None:
        seen.append(WHERE.get())
        if isinstance(event, int):
            pair[0].recv(1)

    context = contextvars.copy_context()
    context.run(WHERE.set, "here")
    context.run(lambda: poll(collection, pair[0], heard, heard, timeout=1.0))
    pair[1].send(b"!")
    settle(collection)
    clock.advance(1.0)
    settle(collection)
    assert seen == ["here", "here"]


def test_a_poll_refuses_what_means_nothing__cl_83(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """A wrong argument of `poll` is refused at the call, and nothing is watched."""
    poll_for: Any
    for poll_for in (0, 4, READ | WRITE | 4, "read"):
        with pytest.raises(ValueError, match="poll_for"):
            poll(collection, pair[0], print, poll_for=poll_for)
    for timeout in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="timeout"):
            poll(collection, pair[0], print, timeout=timeout)
    with pytest.raises(TypeError, match="poll_cb is a function"):
        poll(collection, pair[0], NOT_CALLABLE)
    with pytest.raises(TypeError, match="event_cb is a function"):
        poll(collection, pair[0], print, NOT_CALLABLE)
    watched = poll(collection, pair[0], print, timeout=1.0)
    with pytest.raises(OperationNotAllowed):
        poll(collection, pair[0], print, timeout=2.0)
    assert len(collection.timers) == 1
    watched.close()


def test_polls_belong_to_the_owner_and_end_with_the_collection__cl_83__lw_014(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """Another thread can neither make nor close a poll; closing the collection ends it without a
    call, and leaves the descriptor open.
    """
    watched = poll(collection, pair[0], print, print, timeout=1.0)
    collection.run_once(0)
    verbs: list[Callable[[], object]] = [
        watched.close,
        lambda: poll(collection, pair[1], print),
    ]
    for verb in verbs:
        with pytest.raises(WrongThread):
            elsewhere(verb)
    open_before = not watched.closed
    collection.close()
    assert (open_before, watched.closed) == (True, True)
    watched.close()
    os.fstat(pair[0].fileno())
    with pytest.raises(StateClosed):
        poll(collection, pair[0], print)


def test_idle_calls_in_every_turn_and_causes_none__cl_84(collection: WaitStateCollection) -> None:
    """`idle` calls back once in each turn, also in those that other things have caused, until it
    is closed; it lets the loop sleep.
    """
    calls = list[int]()
    idling = idle(collection, lambda: calls.append(1))
    assert (calls, collection.next_timeout()) == ([], None)
    collection.run_once(0)
    collection.call_soon(lambda: None)
    collection.run_once(0)
    assert len(calls) == 2
    idling.close()
    collection.run_once(0)
    assert len(calls) == 2
    with pytest.raises(TypeError, match="is a function"):
        idle(collection, NOT_CALLABLE)


def test_idle_that_raises_is_told_of__cl_84__cl_67(
    collection: WaitStateCollection, failures: Failures
) -> None:
    """What an idle callback raises goes to the error handler with the object that `idle` has
    returned.
    """
    idling = idle(collection, lambda: 1 / 0)
    collection.run_once(0)
    assert failures == [(idling, ZeroDivisionError)]
    idling.close()
