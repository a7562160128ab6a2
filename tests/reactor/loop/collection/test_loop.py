"""The loop of a collection: run, start, with, stop, restart; the order of a turn."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from reactor.errors import OperationInProgress, StateClosed, WrongThread
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.reactor.loop.probe import LIMIT, Probe, elsewhere, ready_probe


class Closing:
    """Something that writes down when it is closed."""

    def __init__(self, done: list[str]) -> None:
        self.done = done

    def close(self) -> None:
        self.done.append("postponed close")


def test_a_turn_has_its_order__lw_005(on_each: WaitStateCollection, clock: ManualClock) -> None:
    """In a turn ready states come first, then due timers, then posted calls, then postponed
    closes.
    """
    done = list[str]()
    on_each.apply(done.append, "posted call")
    on_each.call_later(1.0, done.append, "timer")

    def serve(probe: Probe) -> None:
        done.append("state")
        on_each.close_later(Closing(done))

    ready_probe(on_each, serve)
    clock.advance(1.0)
    assert on_each.run_once(0) == 3
    assert done == ["state", "timer", "posted call", "postponed close"]


def test_run_once_says_how_many_callbacks_ran__lw_005(on_each: WaitStateCollection) -> None:
    """`run_once` returns how many callbacks ran, and being woken up is none."""
    assert on_each.run_once(0) == 0
    on_each.wake()
    assert on_each.run_once(None) == 0
    ready_probe(on_each)
    on_each.apply(len, "")
    assert on_each.run_once(None) == 2


def test_what_a_posted_call_posts_runs_in_the_next_turn__lw_005(
    collection: WaitStateCollection,
) -> None:
    """A call posted by a posted call waits for one more turn, and that turn does not wait."""
    done = list[str]()
    collection.apply(lambda: collection.apply(done.append, "second"))
    assert (collection.run_once(None), done) == (1, [])
    assert (collection.run_once(None), done) == (1, ["second"])


def test_run_returns_when_it_is_stopped_and_not_before__lw_003__cl_86() -> None:
    """With nothing open, armed or posted `run` waits on, until `stop`; then it returns None."""
    collection = WaitStateCollection()
    with ThreadPoolExecutor(1) as another:
        loop = another.submit(collection.run)
        for _ in range(3):
            collection.submit(len, "").result(LIMIT)
        assert not loop.done()
        collection.stop()
        assert loop.result(LIMIT) is None
    collection.close()


def test_what_was_posted_before_runs_in_the_first_turn__cl_86(
    collection: WaitStateCollection,
) -> None:
    """What was posted with `apply` before `run` is called in the first turn."""
    collection.apply(collection.stop)
    collection.run()
    assert collection.stats()["turns"] == 1


def test_start_runs_the_loop_in_a_named_daemon__lw_002() -> None:
    """`start` returns the collection, whose loop runs in a daemon thread with its name in it."""
    collection = WaitStateCollection("of the chat")
    assert collection.start() is collection
    thread = collection.submit(threading.current_thread).result(LIMIT)
    assert "of the chat" in thread.name
    assert thread.daemon
    assert thread is not threading.current_thread()
    collection.stop()
    thread.join(LIMIT)
    assert collection.alive
    collection.close()


def test_with_starts_stops_joins_and_closes__lw_002() -> None:
    """At the end of `with`, through an exception too, no thread is left and all is closed."""
    for failure in (None, LookupError("a mistake of the user")):
        collection = WaitStateCollection()
        expected = pytest.raises(LookupError) if failure else contextlib.nullcontext()
        with expected, collection as same:
            assert same is collection
            thread = collection.submit(threading.current_thread).result(LIMIT)
            if failure:
                raise failure
        assert not thread.is_alive()
        assert not collection.alive


@pytest.mark.parametrize("verb", ["run", "start", "run_once"])
def test_a_second_loop_is_refused__lw_004(verb: str) -> None:
    """To run a second loop raises, in a callback and in another thread, and the first is
    unharmed.
    """
    with WaitStateCollection() as collection:
        second: Callable[[], object] = getattr(collection, verb)
        with pytest.raises(OperationInProgress):
            second()
        with pytest.raises(OperationInProgress):
            collection.submit(second).result(LIMIT)
        assert collection.submit(len, "abc").result(LIMIT) == 3


@pytest.mark.parametrize("verb", ["run", "start", "run_once", "dispatch"])
def test_a_turn_by_hand_does_not_nest__lw_004__rel_47(
    verb: str, collection: WaitStateCollection
) -> None:
    """Inside a callback of `dispatch` or `run_once` no other turn can begin."""
    refusals = list[BaseException]()

    def nest(*arguments: object) -> None:
        try:
            getattr(collection, verb)(*arguments)
        except OperationInProgress as error:
            refusals.append(error)

    collection.apply(nest, *([[]] if verb == "dispatch" else []))
    collection.dispatch(collection.wait(0))
    collection.apply(nest, *([[]] if verb == "dispatch" else []))
    collection.run_once(0)
    assert len(refusals) == 2


def test_who_drives_by_hand_owns_it__lw_013(collection: WaitStateCollection) -> None:
    """The thread that calls `run_once` or `dispatch` owns the collection, and no other can
    run it.
    """
    collection.run_once(0)
    with pytest.raises(WrongThread):
        elsewhere(collection.run)
    collection.apply(collection.stop)
    collection.run()
    with ThreadPoolExecutor(1) as another:  # run() has left it without an owner
        assert another.submit(collection.run_once, 0).result(LIMIT) == 0
        with pytest.raises(WrongThread):
            collection.run_once(0)
        another.submit(collection.close).result(LIMIT)


def test_stop_without_a_loop_does_nothing__lw_008(collection: WaitStateCollection) -> None:
    """Neither before nor after a loop does `stop` have an effect on the next one."""
    for turns in (1, 3):
        collection.stop()
        collection.apply(collection.apply, collection.stop)
        collection.run()
        assert collection.stats()["turns"] == turns + 1
        collection.stop()


def test_stop_completes_the_turn__lw_008(collection: WaitStateCollection) -> None:
    """What is ready, due and posted with the call of `stop` is still done."""
    done = list[str]()
    ready_probe(collection, lambda probe: collection.stop())
    collection.call_later(0.0, done.append, "timer")
    collection.apply(done.append, "call")
    collection.run()
    assert done == ["timer", "call"]


def test_a_stopped_loop_runs_again_with_all_it_had__lw_008(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """After `stop` states, timers and posted calls are as they were when `run` is called again."""
    done, probe = list[str](), ready_probe(collection)
    collection.call_later(5.0, done.append, "timer")
    collection.apply(collection.stop)
    collection.apply(collection.apply, done.append, "call")
    collection.run()
    assert (done, len(probe.events)) == ([], 1)
    clock.advance(5.0)
    collection.apply(collection.stop)
    collection.run()
    assert (done, len(probe.events)) == (["timer", "call"], 2)


def test_it_can_be_started_again__lw_008() -> None:
    """After `stop` and the end of its thread a collection can be started again."""
    collection = WaitStateCollection()
    for _ in range(2):
        assert collection.start().submit(len, "abc").result(LIMIT) == 3
        collection.stop()
        assert collection.join(LIMIT)
    collection.close()


def test_the_end_of_its_thread_can_be_waited_for__lw_002_008() -> None:
    """`join` waits for the end of the thread that `start` began, for a limited time if one is
    given, and tells whether it has come; without a thread there is nothing to wait for.
    """
    collection = WaitStateCollection()
    assert collection.join()
    thread = collection.start().submit(threading.current_thread).result(LIMIT)
    assert not collection.join(0.001)
    with pytest.raises(RuntimeError, match="join"):
        collection.submit(collection.join).result(LIMIT)
    collection.stop()
    assert collection.join(LIMIT)
    assert not thread.is_alive()
    collection.close()
    assert collection.join()


@pytest.mark.parametrize("verb", ["run", "start"])
def test_stop_reaches_a_loop_that_is_about_to_begin__lw_008(verb: str) -> None:
    """A `stop` between the call that starts a loop and its first turn ends it before that."""

    class Hesitating(WaitStateCollection):
        __slots__ = ()

        def _turn_until_stopped(self) -> None:
            elsewhere(self.stop)
            super()._turn_until_stopped()

    collection = Hesitating()
    getattr(collection, verb)()
    for thread in threading.enumerate():
        if thread.name.startswith("reactor"):
            thread.join(LIMIT)
    assert collection.stats()["turns"] == 0
    collection.run_once(0)
    collection.close()


def test_stop_from_another_thread_ends_a_wait__lw_008() -> None:
    """A loop that waits without limit is stopped at once, from any thread."""
    collection = WaitStateCollection()
    collection.apply(lambda: stopper.start())
    stopper = threading.Thread(target=collection.stop)
    collection.run()
    stopper.join(LIMIT)
    collection.close()


def test_many_stops_and_starts_lose_no_stop__lw_008() -> None:
    """A `stop` after `start` has returned ends that loop, however the moments fall."""
    collection = WaitStateCollection()
    for _ in range(100):
        collection.start()
        collection.stop()
        assert collection.join(LIMIT)
    collection.close()


@pytest.mark.slow
def test_an_idle_loop_takes_no_turns__pitfall_10() -> None:
    """A loop with a connection and a far timer does nothing at all while nothing happens."""
    with WaitStateCollection() as collection:
        collection.submit(Probe, collection).result(LIMIT)
        collection.submit(collection.call_later, 1e9, print).result(LIMIT)
        before = collection.submit(lambda: collection.health.turns).result(LIMIT)
        with contextlib.closing(WaitStateCollection()) as other:
            assert other.wait(0.3) == []
        assert collection.stats()["turns"] == before + 1  # the one that has answered


def test_a_closed_collection_does_not_start_again__lw_012(
    collection: WaitStateCollection,
) -> None:
    """After `close` every way to run a collection raises `StateClosed`."""
    collection.close()
    for verb in (collection.run, collection.start, collection.run_once, collection.wait):
        with pytest.raises(StateClosed):
            verb()
    with pytest.raises(StateClosed):
        collection.dispatch([])


def test_several_collections_do_not_meet__lw_001() -> None:
    """Two collections in two threads are independent, and one can post to the other."""
    with WaitStateCollection("a") as first, WaitStateCollection("b") as second:
        there = first.submit(second.submit, threading.current_thread).result(LIMIT)
        assert there.result(LIMIT) is not first.submit(threading.current_thread).result(LIMIT)
        first.stop()
        assert second.submit(len, "ab").result(LIMIT) == 2


def test_it_shows_its_name__lw_001() -> None:
    """The name of a collection, any object, is in its repr and in the text of refusals."""
    collection = WaitStateCollection(("chat", 1))
    assert "('chat', 1)" in repr(collection)
    collection.run_once(0)
    with pytest.raises(WrongThread, match=r"\('chat', 1\)"):
        elsewhere(collection.close)
    collection.close()


def test_a_ctrl_c_as_a_turn_begins_ends_no_later_turn__lw_003() -> None:
    """A KeyboardInterrupt that comes as a turn reads its clock ends that turn only: run again, the
    collection takes turns as before.
    """
    moments = list[BaseException]()

    def clock() -> float:
        if moments:
            raise moments.pop()
        return 1000.0

    called = list[str]()
    with contextlib.closing(WaitStateCollection(clock=clock)) as collection:
        collection.apply(called.append, "served")
        ready = collection.wait(0)
        moments.append(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            collection.dispatch(ready)
        collection.run_once(0)
    assert called == ["served"]
