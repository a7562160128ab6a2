"""asyncio: a loop that watches no descriptors, as the usual one of Windows; one that nests."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from reactor.errors import OperationNotAllowed
from reactor.hosts import asyncio as hosted_by_asyncio
from reactor.hosts import thread as own_thread
from reactor.loop.collection import WaitStateCollection
from tests.hosts.loops import AsyncioLoop, in_turn
from tests.hosts.test_attaching import compute


class Unwatching(asyncio.SelectorEventLoop):
    """A loop that refuses descriptors as `asyncio.ProactorEventLoop` does."""

    add_reader: Any = asyncio.AbstractEventLoop.add_reader


class UnwatchingLoop(AsyncioLoop):
    def new_loop(self) -> asyncio.AbstractEventLoop:
        return Unwatching()


@pytest.fixture
def loop() -> Iterator[UnwatchingLoop]:
    with contextlib.closing(UnwatchingLoop()) as loop:
        yield loop


def test_a_thread_waits_for_a_loop_that_watches_nothing__ho_10(
    loop: UnwatchingLoop, collection: WaitStateCollection
) -> None:
    """In a loop of asyncio that takes no descriptors, as that of Windows, a thread waits, and what
    it finds is served, behind a pause, too; the other mode is refused.
    """
    with pytest.raises(OperationNotAllowed, match="no descriptor"):
        loop.attach(collection, "descriptor")
    with loop.attach(collection) as guest:
        assert guest.mode == "wait thread"
        collection.apply(in_turn(compute, lambda: collection.apply(loop.quit)))
        loop.run()


def test_calls_come_to_a_loop_that_watches_nothing__ho_3(
    loop: UnwatchingLoop, collection: WaitStateCollection
) -> None:
    """Calls of a collection in a thread of its own are delivered to such a loop, in their order,
    and behind a pause, too.
    """
    done = list[int]()
    with own_thread.attach(hosted_by_asyncio.deliver(loop.loop), collection) as guest:
        for number in range(3):
            guest.deliver(in_turn(compute, functools.partial(done.append, number)))
        guest.deliver(loop.quit)
        loop.run()
    assert done == [0, 1, 2]


class Patched(asyncio.SelectorEventLoop):
    """A loop as nest_asyncio marks those that may run in themselves."""

    _nest_patched = True


class PatchedLoop(AsyncioLoop):
    def new_loop(self) -> asyncio.AbstractEventLoop:
        return Patched()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no selector with a descriptor")
def test_a_loop_that_can_be_nested_does_not_watch_in_a_turn__ho_5(
    collection: WaitStateCollection,
) -> None:
    """A loop of asyncio that nest_asyncio has patched does not watch the descriptor while a
    callback runs, which may run that loop once more: asyncio itself would fail there, each time it
    looks, and spin. Behind the turn it watches again.
    """
    watched = list[bool]()
    with contextlib.closing(PatchedLoop()) as loop, loop.attach(collection, "descriptor"):
        look = functools.partial(loop.loop.remove_reader, collection.fileno() or 0)
        collection.apply(lambda: watched.append(look()))
        loop.later(0.005, lambda: collection.apply(loop.quit))
        loop.run()
    assert watched == [False]
