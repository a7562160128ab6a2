"""apply, submit and wake: from anywhere, in order, none lost, and many posts cause one wake-up."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading

import pytest

from reactor.errors import StateClosed
from reactor.loop.collection import WaitStateCollection
from tests.reactor.loop.probe import LIMIT, elsewhere


def test_a_post_runs_later_and_in_order__lw_009(on_each: WaitStateCollection) -> None:
    """`apply` returns None before the function runs; functions run in the order of posting."""
    done = list[int]()
    assert on_each.apply(done.append, 1) is None  # type: ignore[func-returns-value]  # the promise
    elsewhere(on_each.apply, done.append, 2)
    on_each.apply(done.append, 3)
    assert done == []
    assert on_each.run_once(None) == 3
    assert done == [1, 2, 3]


def test_a_post_from_the_loop_itself_runs_later__lw_009() -> None:
    """On the owner's thread too `apply` never runs the function inside the call."""
    order = list[str]()

    def post() -> None:
        collection.apply(order.append, "posted")
        order.append("returned")

    with WaitStateCollection() as collection:
        collection.submit(post).result(LIMIT)
        collection.submit(len, "").result(LIMIT)
    assert order == ["returned", "posted"]


def test_a_post_ends_a_wait__lw_006__lw_009(on_each: WaitStateCollection) -> None:
    """A wait ends when another thread posts a call, whatever the selector."""
    done = list[int]()
    poster = threading.Thread(target=on_each.apply, args=(done.append, 1))
    on_each.apply(poster.start)
    while not done:
        on_each.run_once(LIMIT)
    poster.join(LIMIT)
    assert done == [1]


def test_a_hundred_thousand_posts_all_run_in_order__rel_46() -> None:
    """Of what another thread posts while the loop sleeps or works, none is lost or overtaken."""
    done, count = list[int](), 100_000
    with WaitStateCollection() as collection:
        for number in range(count):
            collection.apply(done.append, number)
        collection.submit(len, "").result(LIMIT)
        turns = collection.stats()["turns"]
    assert done == list(range(count))
    assert turns <= count


def test_several_threads_post_at_once__rel_46() -> None:
    """The posts of each of several threads keep their order among themselves."""
    done = list[tuple[int, int]]()
    barrier = threading.Barrier(4)

    def post(who: int) -> None:
        barrier.wait(LIMIT)
        for number in range(2000):
            collection.apply(done.append, (who, number))

    with WaitStateCollection() as collection:
        threads = [threading.Thread(target=post, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        collection.submit(len, "").result(LIMIT)
    for who in range(4):
        assert [number for by, number in done if by == who] == list(range(2000))


def test_many_posts_are_one_wake_up__lw_009(on_each: WaitStateCollection) -> None:
    """A thousand posts, and wake-ups between them, are served by one turn; the next one waits."""
    for _ in range(1000):
        on_each.apply(len, "")
        elsewhere(on_each.wake) if _ % 250 == 0 else on_each.wake()
    assert on_each.run_once(None) == 1000
    assert on_each.wait(0) == []


def test_wake_ends_one_wait__lw_020(on_each: WaitStateCollection) -> None:
    """`wake` ends the wait that is running, or the next one at once, and only that."""
    elsewhere(on_each.wake)
    on_each.wake()
    assert on_each.wait(LIMIT) != []
    on_each.run_once(0)
    assert on_each.wait(0) == []


def test_submit_gives_a_future__lw_010() -> None:
    """The future of `submit` has the result or the exception, which no error handler sees."""
    seen = list[object]()
    with WaitStateCollection(error_handler=lambda *both: seen.append(both)) as collection:
        assert collection.submit(divmod, 7, 2).result(LIMIT) == (3, 1)
        failure = collection.submit(divmod, 7, 0).exception(LIMIT)
    assert isinstance(failure, ZeroDivisionError)
    assert seen == []


def test_a_cancelled_future_does_not_run__lw_010(collection: WaitStateCollection) -> None:
    """A future that is cancelled before its turn keeps the function from being called."""
    done = list[int]()
    assert collection.submit(done.append, 1).cancel()
    collection.run_once(0)
    assert done == []


def test_a_post_to_a_closed_collection_is_refused__lw_012(
    collection: WaitStateCollection,
) -> None:
    """`apply`, `submit` and `wake` raise StateClosed, in every thread, and nothing is kept."""
    collection.close()
    for attempt in (collection.apply, collection.submit):
        with pytest.raises(StateClosed):
            attempt(len, "")
        with pytest.raises(StateClosed):
            elsewhere(attempt, len, "")
    with pytest.raises(StateClosed):
        collection.wake()
    assert collection.stats()["posted_calls"] == 0


def test_a_post_while_it_closes_is_answered__lw_011() -> None:
    """Each future of `submit` is done when the collection is closed, however the moments fall."""
    futures = list[concurrent.futures.Future[int]]()
    posting = threading.Event()

    def post() -> None:
        with contextlib.suppress(StateClosed):
            while True:
                futures.append(collection.submit(len, "ab"))
                posting.set()

    collection = WaitStateCollection()
    with collection:
        thread = threading.Thread(target=post)
        thread.start()
        assert posting.wait(LIMIT)
    thread.join(LIMIT)
    assert all(future.done() for future in futures)
    assert collection.stats()["posted_calls"] == 0
