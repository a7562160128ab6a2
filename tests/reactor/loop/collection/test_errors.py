"""Exceptions of callbacks: reported once, to the right handler, and nobody else is harmed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from reactor.errors import StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.testing.clock import ManualClock
from tests.reactor.loop.probe import LIMIT, Probe, ready_probe

Place = Callable[[WaitStateCollection, Callable[..., object]], object]

PLACES = [
    pytest.param(lambda c, f: ready_probe(c, f), id="a state"),
    pytest.param(lambda c, f: c.call_later(0, f), id="a timer"),
    pytest.param(lambda c, f: c.call_every(0.001, f), id="a repeated timer"),
    pytest.param(lambda c, f: c.call_soon(f), id="a call"),
    pytest.param(lambda c, f: c.apply(f), id="a post"),
]


class Mistake(Exception):
    """What a callback of the user raises."""


def fail(*arguments: object) -> None:
    raise Mistake


def keep_busy(collection: WaitStateCollection) -> Callable[[], list[int]]:
    """Let there be two of everything; return a function that says how often each was called."""
    done = list[int]()
    probes = [ready_probe(collection) for _ in range(2)]
    for number in (0, 1):
        collection.call_later(0.0, done.append, number)
        collection.apply(done.append, number + 2)
    return lambda: [*(len(probe.events) for probe in probes), *map(done.count, range(4))]


@pytest.mark.parametrize("place", PLACES)
def test_the_others_are_served_in_the_same_turn__lw_016__rel_15(
    place: Place, clock: ManualClock
) -> None:
    """A callback that raises is reported once, with its object, and what was ready with it
    is served.
    """
    reports = list[tuple[object, BaseException]]()
    collection = WaitStateCollection(
        clock=clock, error_handler=lambda thing, exception: reports.append((thing, exception))
    )
    before = keep_busy(collection)
    failing = place(collection, fail)
    after = keep_busy(collection)
    clock.advance(0.001)
    collection.run_once(0)
    collection.close()
    assert before() + after() == [1] * 12
    ((thing, exception),) = reports
    assert isinstance(exception, Mistake)
    assert exception.__traceback__ is not None
    assert thing is (failing if isinstance(failing, Probe) else None)


@pytest.mark.parametrize("place", PLACES)
def test_by_default_it_is_logged_and_the_loop_goes_on__lw_017(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """By default an exception of a callback is logged, once, and the loop of a thread
    survives it.
    """
    failed = threading.Event()

    def fail_once(*arguments: object) -> None:
        collection.stop()
        failed.set()
        raise Mistake

    collection = WaitStateCollection()
    place(collection, fail_once)
    collection.run()
    assert collection.alive
    collection.close()
    assert failed.is_set()
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is Mistake


class Patient(Probe):
    """A state that looks after its own failures, and may be closed after an error."""

    __slots__ = ("answer", "closed", "seen")

    def __init__(self, collection: WaitStateCollection, answer: bool) -> None:
        super().__init__(collection, fail)
        self.answer = answer
        self.seen: list[Exception] = []
        self.closed = False

    def on_exception(self, exception: Exception) -> bool:
        self.seen.append(exception)
        return self.answer

    def close_after_error(self) -> None:
        self.closed = True


@pytest.mark.parametrize("answer", [True, False])
def test_a_state_may_see_to_its_own_failures__lw_016(
    answer: bool, collection: WaitStateCollection, caplog: pytest.LogCaptureFixture
) -> None:
    """A state is asked first about an exception of its callback; only what it leaves is
    reported.
    """
    state = Patient(collection, answer)
    state.make_ready()
    collection.run_once(0)
    assert [type(exception) for exception in state.seen] == [Mistake]
    assert state.closed is not answer
    assert len(caplog.records) == (0 if answer else 1)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["run", "run_once", "dispatch"])
def test_propagate_lets_it_leave__lw_018(place: Place, way: str, clock: ManualClock) -> None:
    """With `propagate` an exception of a callback leaves `run` or `run_once`; the
    collection lives on.
    """
    raised = list[int]()

    def fail_once(*arguments: object) -> None:
        if not raised:
            raised.append(1)
            raise Mistake

    collection = WaitStateCollection(clock=clock, error_handler=propagate)
    place(collection, fail_once)
    clock.advance(0.001)
    arguments = [collection.wait(0)] if way == "dispatch" else []
    with pytest.raises(Mistake):
        getattr(collection, way)(*arguments)
    assert collection.alive
    with collection:
        assert collection.submit(len, "").result(LIMIT) == 0


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("leaving", [Mistake, SystemExit, KeyboardInterrupt])
def test_what_ends_a_turn_loses_nothing__lw_018(
    place: Place, leaving: type[BaseException], clock: ManualClock
) -> None:
    """States, timers and calls behind an exception that left the loop are served in the
    next turns.
    """
    collection = WaitStateCollection(clock=clock, error_handler=propagate)
    raised = list[int]()

    def leave(*arguments: object) -> None:
        if not raised:
            raised.append(1)
            raise leaving

    before = keep_busy(collection)
    place(collection, leave)
    after = keep_busy(collection)
    clock.advance(0.001)
    with pytest.raises(leaving):
        collection.run_once(0)
    collection.run_once(0)
    collection.close()
    counts = [*before(), *after()]
    assert min(counts) >= 1
    assert max(counts[2:6] + counts[8:]) == 1  # each timer and call once; states as long as ready


@pytest.mark.parametrize("leaving", [SystemExit, KeyboardInterrupt])
def test_some_leave_under_every_handler__lw_018(
    leaving: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """KeyboardInterrupt and SystemExit are not for error handlers: they leave `run`."""

    def leave() -> None:
        raise leaving

    collection = WaitStateCollection()
    collection.apply(leave)
    with pytest.raises(leaving):
        collection.run()
    collection.close()
    assert caplog.records == []


@pytest.fixture
def thread_failures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What came to `threading.excepthook`."""
    failures = list[Any]()
    monkeypatch.setattr(threading, "excepthook", failures.append)
    return failures


@pytest.mark.parametrize("leaving", [Mistake, SystemExit])
def test_a_thread_that_dies_closes_its_collection__lw_018(
    leaving: type[BaseException], thread_failures: list[Any]
) -> None:
    """An exception that ends the thread of `start` closes the collection: futures fail, verbs name
    it, `with` raises it.
    """
    failure = leaving("a mistake of the user")
    collection = WaitStateCollection(error_handler=propagate)

    def leave() -> None:
        raise failure

    collection.apply(leave)
    future = collection.submit(len, "")
    thread = collection.start()._thread
    assert thread is not None
    thread.join(LIMIT)
    assert future.cancelled()
    assert not collection.alive
    with pytest.raises(StateClosed) as closed:
        collection.apply(len, "")
    assert closed.value.__cause__ is failure
    with pytest.raises(leaving) as caught:
        collection.__exit__(None, None, None)
    assert caught.value is failure
    assert [args.exc_value for args in thread_failures] == [failure]


def test_an_exception_of_the_with_body_goes_before_it__lw_018(thread_failures: list[Any]) -> None:
    """If the body of `with` and the loop both raise, that of the body leaves the block."""

    def body() -> None:
        with WaitStateCollection(error_handler=propagate) as collection:
            collection.apply(fail)
            assert collection._thread is not None
            collection._thread.join(LIMIT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        body()
    assert len(thread_failures) == 1


def test_what_ended_the_thread_leaves_the_block__lw_018(thread_failures: list[Any]) -> None:
    """The exception that ended the thread of `start` is raised at the end of `with`."""

    def body() -> None:
        with WaitStateCollection(error_handler=propagate) as collection:
            collection.apply(fail)

    with pytest.raises(Mistake):
        body()
    assert [args.exc_type for args in thread_failures] == [Mistake]


def test_a_failing_handler_is_logged_and_harms_nobody__lw_016(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An exception of the error handler itself goes to the log; the rest of the turn is done."""

    def handle(thing: object, exception: BaseException) -> None:
        raise ZeroDivisionError

    collection = WaitStateCollection(error_handler=handle)
    collection.apply(fail)
    counts = keep_busy(collection)
    collection.run_once(0)
    collection.close()
    assert counts() == [1] * 6
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [
        ZeroDivisionError
    ]
