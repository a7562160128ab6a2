"""Calls of every turn, and calls that any thread can ask for."""

from __future__ import annotations

import contextvars
import signal
import sys
import threading
from typing import Any

import pytest

from reactor.errors import StateClosed, WrongProcess, WrongThread
from reactor.loop.calls import Notifier
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.testing.clock import ManualClock
from reactor.testing.settle import QUIET_TURNS, settle
from tests.reactor.loop.probe import elsewhere, exit_code_of_child


def test_idle_callbacks_run_once_in_every_turn__cl_84(collection: WaitStateCollection) -> None:
    """An idle callback is called once in each turn with its arguments, until it is closed."""
    calls = list[int]()
    idle = collection.on_idle(calls.append, 1)
    assert [collection.run_once(0) for _ in range(3)] == [0, 0, 0]  # they are no sign of life
    assert calls == [1, 1, 1]
    idle.close()
    idle.close()
    assert (collection.run_once(0), calls, idle.closed) == (0, [1, 1, 1], True)


def test_idle_callbacks_keep_nothing_busy__cl_84(collection: WaitStateCollection) -> None:
    """A loop that has idle callbacks only comes to rest: they do not count as something done."""
    calls = list[int]()
    idle = collection.on_idle(calls.append, 1)
    settle(collection)
    assert len(calls) == QUIET_TURNS
    idle.close()


def test_idle_callbacks_come_after_everything_else__lw_005__cl_84(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """In a turn idle callbacks come behind what is ready, timers and posted calls, and before what
    is closed at the end.
    """
    order = list[str]()

    class Last:
        def close(self) -> None:
            order.append("close")

    collection.on_idle(order.append, "idle")
    collection.call_soon(order.append, "posted")
    collection.call_soon(collection.close_later, Last())
    collection.call_later(1, order.append, "timer")
    clock.advance(1)
    collection.run_once(0)
    assert order == ["timer", "posted", "idle", "close"]


def test_an_idle_program_sleeps__cl_84(collection: WaitStateCollection) -> None:
    """Idle callbacks cause no turns: a loop with nothing else to do waits for ever."""
    collection.on_idle(lambda: None)
    assert collection.next_timeout() is None


def test_an_idle_callback_may_change_the_others__cl_84(collection: WaitStateCollection) -> None:
    """One that is closed by another in the same turn is not called, and one that is made then has
    its first call in the next.
    """
    calls = list[str]()

    def first() -> None:
        calls.append("first")
        if len(calls) == 1:
            second.close()
            collection.on_idle(calls.append, "third")

    collection.on_idle(first)
    second = collection.on_idle(calls.append, "second")
    collection.run_once(0)
    assert calls == ["first"]
    collection.run_once(0)
    assert calls == ["first", "first", "third"]


def test_an_idle_callback_that_raises_is_closed__cl_84(collection: WaitStateCollection) -> None:
    """What an idle callback raises goes to the error handler, which closes it; the others run."""
    seen = list[Any]()
    calls = list[int]()

    def handler(concerns: object, exception: BaseException) -> None:
        seen.append((concerns, exception))
        concerns.close()  # type: ignore[attr-defined]  # as the default handler does

    def fail() -> None:
        raise LookupError("a mistake of the user")

    collection.error_handler = handler
    failing = collection.on_idle(fail)
    collection.on_idle(calls.append, 1)
    collection.run_once(0)
    collection.run_once(0)
    assert [(concerns, type(exception)) for concerns, exception in seen] == [(failing, LookupError)]
    assert (failing.closed, calls) == (True, [1, 1])


def test_an_exception_that_leaves_the_turn_leaves_the_rest__cl_84(
    collection: WaitStateCollection,
) -> None:
    """Where the handler lets exceptions through, an idle callback's one leaves the turn."""
    collection.error_handler = propagate
    collection.on_idle(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        collection.run_once(0)


def test_an_idle_callback_belongs_to_the_owner__lw_014__cl_84(
    collection: WaitStateCollection,
) -> None:
    """Another thread can neither make nor close idle callbacks, and a closed collection calls
    none.
    """
    idle = collection.on_idle(lambda: None)
    collection.run_once(0)
    for verb in (lambda: collection.on_idle(print), idle.close):
        with pytest.raises(WrongThread):
            elsewhere(verb)
    with pytest.raises(TypeError):
        collection.on_idle("no function")  # type: ignore[arg-type]  # that is what is tested
    collection.close()
    assert idle.closed
    idle.close()
    with pytest.raises(StateClosed):
        collection.on_idle(print)


def test_an_idle_callback_has_its_context__cl_84(collection: WaitStateCollection) -> None:
    """An idle callback runs in the context in which it was made."""
    variable = contextvars.ContextVar("variable", default="elsewhere")
    seen = list[str]()
    context = contextvars.copy_context()
    context.run(variable.set, "here")
    context.run(lambda: collection.on_idle(lambda: seen.append(variable.get())))
    collection.run_once(0)
    assert seen == ["here"]


# Notifiers.


def test_several_triggers_are_one_call__cl_77(collection: WaitStateCollection) -> None:
    """However often a notifier is triggered before its callback runs, that is called once, later;
    then it can be triggered again if it is not for a single shot.
    """
    calls = list[int]()
    notifier = Notifier(collection, lambda: calls.append(1), single_shot=False)
    for expected in (1, 2):
        for _ in range(3):
            notifier.trigger()
        assert len(calls) == expected - 1
        collection.run_once(0)
        collection.run_once(0)
        assert len(calls) == expected
    notifier.close()


def test_any_thread_may_trigger__cl_77__lw_014() -> None:
    """Threads trigger without being the owner; no trigger is lost, and none is made up."""
    with WaitStateCollection("notified") as collection:
        called, count = threading.Event(), list[int]()

        def callback() -> None:
            count.append(1)
            called.set()

        notifier = Notifier(collection, callback, single_shot=False)
        for _ in range(50):
            called.clear()
            notifier.trigger()
            assert called.wait(10)
        threads = [threading.Thread(target=notifier.trigger) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        collection.submit(lambda: None).result(10)
    assert 51 <= len(count) <= 58


def test_a_single_shot_is_over_when_it_has_run__cl_77_78(collection: WaitStateCollection) -> None:
    """By default a notifier is closed when its callback runs; then `trigger` raises."""
    calls = list[bool]()
    notifier = Notifier(collection, lambda: calls.append(notifier.closed))
    notifier.trigger()
    assert not notifier.closed
    collection.run_once(0)
    assert calls == [True]
    with pytest.raises(StateClosed):
        notifier.trigger()


def test_a_closed_notifier_calls_nobody__cl_78(collection: WaitStateCollection) -> None:
    """After `close` a trigger that is on its way is dropped, and a further one raises; of a closed
    collection too.
    """
    calls = list[int]()
    notifier, other = (
        Notifier(collection, lambda: calls.append(1), single_shot=False) for _ in range(2)
    )
    notifier.trigger()
    notifier.close()
    notifier.close()
    collection.run_once(0)
    assert calls == []
    with pytest.raises(StateClosed):
        notifier.trigger()
    other.trigger()
    collection.close()
    for lost in (other, Notifier(collection, print)):
        for _ in range(2):
            with pytest.raises(StateClosed):
                lost.trigger()
    with pytest.raises(TypeError):
        Notifier(collection, None)  # type: ignore[arg-type]  # that is what is tested


def test_a_child_cannot_trigger__cl_77__lw_019(collection: WaitStateCollection) -> None:
    """In a forked child `trigger` raises `WrongProcess`, also if a trigger of the parent was on
    its way; that one is delivered, in the parent.
    """
    calls = list[int]()
    notifier = Notifier(collection, lambda: calls.append(1))
    notifier.trigger()

    def trigger() -> None:
        with pytest.raises(WrongProcess):
            notifier.trigger()

    if sys.platform != "win32":
        assert exit_code_of_child(trigger) == 0
    collection.run_once(0)
    assert calls == [1]


def test_a_notifier_that_raises_is_named__cl_77__lw_016(collection: WaitStateCollection) -> None:
    """What the callback of a notifier raises goes to the error handler with the notifier, which
    can be triggered again.
    """
    failed = list[object]()
    collection.error_handler = lambda thing, exception: failed.append(thing)
    notifier = Notifier(collection, lambda: 1 / 0, single_shot=False)
    for _ in range(2):
        notifier.trigger()
        collection.run_once(0)
    assert failed == [notifier, notifier]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGUSR1")
def test_a_signal_handler_may_trigger__cl_77(collection: WaitStateCollection) -> None:
    """A handler of the program's own may trigger a notifier between any two instructions; the
    callback runs on the loop.
    """
    if sys.platform != "win32":
        calls = list[int]()
        notifier = Notifier(collection, lambda: calls.append(1), single_shot=False)
        before = signal.signal(signal.SIGUSR1, lambda number, frame: notifier.trigger())
        try:
            for expected in (1, 2):
                signal.raise_signal(signal.SIGUSR1)
                signal.raise_signal(signal.SIGUSR1)
                assert len(calls) == expected - 1
                collection.run_once(0)
                assert len(calls) == expected
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_a_trigger_that_was_interrupted_blocks_no_other__cl_77(
    collection: WaitStateCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a ^C ends a `trigger` before its call was posted, the next trigger is delivered."""
    calls = list[int]()
    notifier = Notifier(collection, lambda: calls.append(1), single_shot=False)

    def interrupted() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("reactor.loop.collection.copy_context", interrupted)
        with pytest.raises(KeyboardInterrupt):
            notifier.trigger()
    collection.run_once(0)
    assert calls == []
    notifier.trigger()
    collection.run_once(0)
    assert calls == [1]
