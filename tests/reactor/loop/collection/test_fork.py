"""After a fork: the child is refused, and whatever it does there, the parent hears and works on."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Callable

import pytest

from reactor.errors import WrongProcess
from reactor.interest import READ
from reactor.loop.collection import WaitStateCollection
from tests.reactor.loop.collection.test_threads import ANYBODYS, OWNERS
from tests.reactor.loop.probe import LIMIT, Probe, exit_code_of_child

if os.name == "nt":
    pytest.skip("Windows does not fork", allow_module_level=True)
assert sys.platform != "win32"  # says the same to mypy

VERBS: dict[str, Callable[[WaitStateCollection], object]] = {
    **OWNERS,
    **{name: verb for name, verb in ANYBODYS.items() if name not in {"alive", "repr"}},
    "run": lambda collection: collection.run(),
    "start": lambda collection: collection.start(),
    "run_once": lambda collection: collection.run_once(0),
}


def still_hears(collection: WaitStateCollection, probe: Probe) -> bool:
    """Tell whether the parent's collection serves what becomes ready, and its posts."""
    probe.events.clear()
    probe.make_ready()
    done = list[int]()
    collection.apply(done.append, 1)
    collection.run_once(LIMIT)
    collection.run_once(0)
    return READ in probe.events and done == [1]


@pytest.mark.parametrize("owned", [True, False])
def test_every_verb_is_refused_in_the_child__lw_019__rel_44(
    owned: bool, collection: WaitStateCollection
) -> None:
    """After a fork every verb raises `WrongProcess` in the child, and the parent's loop is
    not disturbed.
    """
    probe = Probe(collection)
    if owned:
        collection.run_once(0)

    def child() -> None:
        assert not collection.alive
        for verb in VERBS.values():
            with pytest.raises(WrongProcess, match="before the fork"):
                verb(collection)

    assert exit_code_of_child(child) == 0
    assert collection.wait(0) == []  # nobody has touched the waker
    assert still_hears(collection, probe)


def test_the_child_of_a_started_loop_is_refused__lw_019__rel_44() -> None:
    """A child made while a loop runs in a thread of its parent is refused; the parent's
    loop works on.
    """
    with WaitStateCollection() as collection:
        probe = collection.submit(Probe, collection).result(LIMIT)

        def child() -> None:
            with pytest.raises(WrongProcess):
                collection.submit(probe.close_silently)
            collection.__exit__(None, None, None)

        assert exit_code_of_child(child) == 0
        assert collection.submit(len, "abc").result(LIMIT) == 3
        probe.then = lambda probe: collection.stop()
        probe.make_ready()
        assert collection._thread is not None
        collection._thread.join(LIMIT)
        assert READ in probe.events


def test_leaving_the_with_block_leaves_the_parent_alone__lw_019() -> None:
    """A forked child that leaves the `with` block of its parent neither joins nor closes
    anything.
    """
    children = list[int]()
    with WaitStateCollection() as collection:
        probe = collection.submit(Probe, collection).result(LIMIT)
        children.append(exit_code_of_child(lambda: collection.__exit__(None, None, None)))
        heard = collection.submit(lambda: setattr(probe, "then", lambda probe: collection.stop()))
        heard.result(LIMIT)
        probe.make_ready()
        assert collection._thread is not None
        collection._thread.join(LIMIT)
        assert READ in probe.events
    assert children == [0]


def test_what_a_child_throws_away_leaves_the_parent_alone__lw_019() -> None:
    """Garbage collection in a forked child closes the child's descriptors, and takes nothing from
    the parent's loop.
    """
    holders = [WaitStateCollection()]
    probes = [Probe(holders[0])]
    seen = weakref.ref(holders[0].owner)

    def child() -> None:
        holders.clear()
        probes.clear()
        gc.collect()
        assert seen() is None

    assert exit_code_of_child(child) == 0
    assert still_hears(holders[0], probes[0])
    holders[0].close()


def test_the_child_may_have_one_of_its_own__lw_019() -> None:
    """A collection that is made in a forked child works there."""

    def child() -> None:
        with WaitStateCollection() as own:
            assert own.submit(len, "abc").result(LIMIT) == 3

    parents = WaitStateCollection()
    assert exit_code_of_child(child) == 0
    parents.close()


def test_a_loop_that_forks_does_not_go_on_in_the_child__lw_019() -> None:
    """If a callback forks, only the parent's loop goes on."""
    collection, forked = WaitStateCollection(), list[int]()
    probe = Probe(collection)

    def fork() -> None:
        forked.append(os.fork())
        if forked[0]:
            collection.stop()
        else:
            signal.alarm(int(LIMIT))

    collection.apply(fork)
    try:
        collection.run()
    except WrongProcess:
        os._exit(42)
    finally:
        if forked == [0]:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1]) == 42
    assert still_hears(collection, probe)
    collection.close()


def test_a_thread_that_forks_closes_nothing_in_the_child__lw_019() -> None:
    """If a callback of a started loop forks, the loop ends in the child, and the parent's
    states are left alone.
    """
    collection = WaitStateCollection()
    probe, forked = Probe(collection), list[int]()

    def fork() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            forked.append(os.fork())
        if not forked[0]:
            signal.alarm(int(LIMIT))
            threading.excepthook = lambda args: os._exit(42 if args.exc_type is WrongProcess else 1)

    with collection:
        collection.submit(fork).result(LIMIT)
        assert os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1]) == 42
        probe.then = lambda probe: collection.stop()
        probe.make_ready()
        assert collection._thread is not None
        collection._thread.join(LIMIT)
        assert READ in probe.events
