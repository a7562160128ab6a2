"""The error handler: what the two ready-made ones do, and what becomes of their own mistakes."""

from __future__ import annotations

import logging

import pytest

from reactor.loop.error_handler import log_and_close, propagate, report


class Fragile:
    """Stands for a state: something that is closed after an error."""

    def __init__(self) -> None:
        self.closed = 0

    def close_after_error(self) -> None:
        self.closed += 1

    def __repr__(self) -> str:
        return "<the state>"


def test_the_default_logs_and_closes__lw_017(caplog: pytest.LogCaptureFixture) -> None:
    """`log_and_close` logs an exception once, with the state's repr and the traceback, and
    closes the state.
    """
    state, failure = Fragile(), LookupError("a mistake of the user")
    log_and_close(state, failure)
    assert state.closed == 1
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("reactor", logging.ERROR)
    assert "<the state>" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is failure


@pytest.mark.parametrize("thing", [None, object()], ids=["a call", "a handle"])
def test_the_default_closes_states_only__lw_017(
    thing: object, caplog: pytest.LogCaptureFixture
) -> None:
    """`log_and_close` leaves alone what has no connection of its own: a posted call, a handle."""
    log_and_close(thing, LookupError("a mistake of the user"))
    assert len(caplog.records) == 1


def test_propagate_raises_the_exception_itself__lw_018() -> None:
    """What leaves the loop with `propagate` is the very exception, not a copy or a wrapper."""
    failure = LookupError("a mistake of the user")
    for attempt in (propagate, lambda *both: report(propagate, *both)):
        with pytest.raises(LookupError) as caught:
            attempt(None, failure)
        assert caught.value is failure


def test_a_handler_gets_the_object_and_the_exception__lw_016() -> None:
    """An error handler is called with the object and the exception, and nothing else is done."""
    got, state, failure = list[object](), Fragile(), LookupError("a mistake of the user")
    report(lambda thing, exception: got.extend([thing, exception]), state, failure)
    assert got == [state, failure]
    assert state.closed == 0


def test_a_handler_that_fails_is_logged__lw_016(caplog: pytest.LogCaptureFixture) -> None:
    """An exception of an error handler goes to the log, and no further."""

    def fail(thing: object, exception: BaseException) -> None:
        raise ZeroDivisionError

    report(fail, "the thing", LookupError("a mistake of the user"))
    (record,) = caplog.records
    assert "the error handler itself failed" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_handler_may_end_the_program__lw_018() -> None:
    """SystemExit and KeyboardInterrupt raised by an error handler leave the loop."""

    def leave(thing: object, exception: BaseException) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        report(leave, None, LookupError("a mistake of the user"))
