"""CallQueue: order, what a turn takes of it, what happens to the rest; Submission."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from contextvars import Context, ContextVar

import pytest

from reactor.loop.calls import CallQueue, Submission
from reactor.loop.health import Health

NAME: ContextVar[str] = ContextVar("NAME", default="nothing")


def run(queue: CallQueue, report: Callable[[object, BaseException], None] | None = None) -> int:
    def refuse(thing: object, exception: BaseException) -> None:
        raise exception

    return queue.run(Health(lambda: 0.0, naming=False), report or refuse)


def test_calls_are_made_in_the_order_of_posting__lw_009() -> None:
    """Posted calls are made in the order of posting."""
    queue, made = CallQueue(), list[int]()
    for number in range(5):
        queue.post(made.append, (number,), None)
    assert run(queue) == 5
    assert made == [0, 1, 2, 3, 4]
    assert run(queue) == 0


def test_what_a_call_posts_waits_for_the_next_turn__lw_005() -> None:
    """A posted call that posts itself is made once in each turn."""
    queue, made = CallQueue(), list[int]()

    def again() -> None:
        made.append(1)
        queue.post(again, (), None)

    queue.post(again, (), None)
    assert (run(queue), len(made), len(queue.waiting)) == (1, 1, 1)
    assert (run(queue), len(made)) == (1, 2)


def test_a_failing_call_is_reported_and_harms_no_other__lw_016() -> None:
    """What a posted call raises is reported with None as its object; the other calls are made."""
    queue, made, reports = CallQueue(), list[int](), list[tuple[object, BaseException]]()
    failure = LookupError("a mistake of the user")

    def fail() -> None:
        raise failure

    queue.post(fail, (), None)
    queue.post(made.append, (1,), None)
    assert run(queue, lambda thing, exception: reports.append((thing, exception))) == 2
    assert (made, reports) == ([1], [(None, failure)])


def test_an_exception_that_ends_the_turn_loses_no_call__lw_018() -> None:
    """What is posted behind a call that ends the turn is called in the next one."""
    queue, made = CallQueue(), list[int]()

    def leave() -> None:
        raise SystemExit(3)

    queue.post(leave, (), None)
    queue.post(made.append, (1,), None)
    with pytest.raises(SystemExit):
        run(queue)
    assert made == []
    assert run(queue) == 1
    assert made == [1]


def test_dropping_ends_the_turn_and_the_hopes__lw_011() -> None:
    """When a collection is closed, posted calls are not made, and their futures are cancelled."""
    queue, made, submission = CallQueue(), list[int](), Submission(lambda: 1)
    queue.post(queue.drop, (), None)
    queue.post(made.append, (1,), None)
    queue.post(submission, (), None)
    assert run(queue) == 1
    assert (made, len(queue.waiting), submission.future.cancelled()) == ([], 0, True)
    queue.post(made.append, (2,), None)  # too late
    assert (run(queue), made) == (0, [])


def test_each_call_has_the_context_it_came_with__lw_021() -> None:
    """A posted call sees the variables of its context, and what it sets stays in there."""
    queue, seen, context = CallQueue(), list[str](), Context()
    context.run(NAME.set, "theirs")

    def look() -> None:
        seen.append(NAME.get())
        NAME.set("changed")

    queue.post(look, (), context)
    queue.post(look, (), Context())
    run(queue)
    assert seen == ["theirs", "nothing"]
    assert (NAME.get(), context[NAME]) == ("nothing", "changed")


def test_a_submission_gives_its_future_the_result__lw_010() -> None:
    """The future of a submitted function gets what it returns."""
    submission = Submission(lambda base, power: base**power)
    submission(2, 5)
    assert submission.future.result(0) == 32


def test_a_submission_gives_its_future_the_exception__lw_010() -> None:
    """The future of a submitted function gets what it raises, and nobody else does, unless
    it ends programs.
    """
    failure = LookupError("a mistake of the user")

    def fail(exception: BaseException) -> None:
        raise exception

    submission = Submission(fail)
    submission(failure)
    assert submission.future.exception(0) is failure
    leaving = Submission(fail)
    with pytest.raises(SystemExit):
        leaving(SystemExit(3))
    assert isinstance(leaving.future.exception(0), SystemExit)


def test_a_cancelled_submission_does_not_run__lw_010() -> None:
    """A submitted function whose future is cancelled in time is never called."""
    made = list[int]()
    submission = Submission(made.append)
    assert submission.future.cancel()
    submission(1)
    assert made == []
    with pytest.raises(concurrent.futures.CancelledError):
        submission.future.result(0)


def test_a_submission_names_its_function() -> None:
    def compute() -> None: ...

    assert "compute" in repr(Submission(compute))
