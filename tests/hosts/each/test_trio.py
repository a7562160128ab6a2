"""trio: what is its own, tasks and nurseries; each test has a `trio.run` of its own."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from reactor.errors import StateClosed
from reactor.hosts import trio as hosted_by_trio
from reactor.hosts.guest import Guest
from reactor.loop.collection import WaitStateCollection
from tests.hosts.conftest import Way
from tests.hosts.loops import LIMIT, in_turn, require_module, run_program

LISTED: Final = Path("/proc/self/fdinfo").exists()
BROKEN: Final = """
import sys, time, trio
from reactor import WaitStateCollection
from reactor.hosts import trio as host

class Clock(trio.abc.Clock):
    broken = False
    def start_clock(self):
        pass
    def current_time(self):
        return time.monotonic()
    def deadline_to_sleep_time(self, deadline):
        return 1 / 0 if self.broken else deadline - time.monotonic()

async def main():
    async with trio.open_nursery() as nursery:
        guests.append(host.attach(nursery, collection, mode=sys.argv[1]))
        collection.call_later(60.0, len, "")
        await trio.sleep(0.01)
        clock.broken = True
        await trio.sleep(0.01)

async def other():
    guests[0].close()
    async with trio.open_nursery() as nursery:
        guest = host.attach(nursery, collection, mode=sys.argv[1])
        collection.call_later(0.001, collection.apply, guest.close)

clock, guests = Clock(), []
clocks = {"the kernel's": time.monotonic, "another": clock.current_time}
collection = WaitStateCollection("hosted", clock=clocks[sys.argv[3]])
try:
    trio.run(main, clock=clock)
except trio.TrioInternalError:
    collection.wake()
    collection.call_later(30.0, len, "")
if sys.argv[2] == "in another":
    trio.run(other)
guests[0].close()
collection.run_once(0)
print("served")
"""

GUEST_MODE: Final = """
import sys, trio
from reactor import WaitStateCollection
from reactor.hosts import trio as host

async def main():
    async with trio.open_nursery() as nursery:
        host.attach(nursery, inner, mode=sys.argv[1])

def pressed():
    inner.call_later(60.0, len, "")
    inner.call_later(0.01, print, "served")
    outer.call_later(0.05, getattr(inner, sys.argv[2]))

def ended(outcome):
    outcome.unwrap()
    outer.stop()

outer, inner = WaitStateCollection("outer"), WaitStateCollection("inner")
trio.lowlevel.start_guest_run(main, run_sync_soon_threadsafe=outer.apply, done_callback=ended)
outer.call_later(0.05, pressed)
outer.run()
outer.close()
inner.close()
"""


@pytest.fixture
def trio() -> Any:
    return require_module("trio", "pip install trio")


def run(trio: Any, main: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Run an async function in trio, with a limit."""

    async def limited() -> None:
        with trio.fail_after(LIMIT):
            await main(*arguments)

    trio.run(limited, **options)


def output(program: str, *arguments: str) -> str:
    """Run a program in a process of its own, to its end; return what it prints."""
    require_module("trio", "pip install trio")
    done = run_program(program, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def watchers(fd: int | None) -> int:
    """Count the epoll descriptors of this process that know a descriptor; 0 elsewhere."""
    known = 0
    for info in Path("/proc/self/fdinfo").glob("*"):
        with contextlib.suppress(FileNotFoundError):  # it was the listing's own
            known += len(re.findall(rf"^tfd: +{fd} ", info.read_text(), re.MULTILINE))
    return known


def serves(trio: Any, collection: WaitStateCollection, way: Way) -> bool:
    """Tell whether a collection is served, attached in a run of trio of its own."""
    done = list[str]()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            guest = hosted_by_trio.attach(nursery, collection, mode=way.mode)
            collection.call_later(0.001, collection.apply, done.append, "served")
            collection.call_later(0.002, collection.apply, guest.close)

    run(trio, main)
    return done == ["served"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("source", ["timer", "post"])
def test_an_exit_comes_out_of_the_nursery__ho_4(
    trio: Any, hosted: WaitStateCollection, way: Way, kind: type[BaseException], source: str
) -> None:
    """KeyboardInterrupt and SystemExit in a callback of a collection that lives in trio come out
    of the nursery, in a group, when its other tasks are cancelled; the collection is free then.
    """
    ended = list[str]()

    async def neighbour() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("neighbour")

    def leave() -> None:
        raise kind

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(neighbour)
            hosted_by_trio.attach(nursery, hosted, mode=way.mode)
            if source == "timer":
                hosted.call_later(0.001, leave)
            else:
                hosted.apply(leave)

    with pytest.raises(BaseExceptionGroup) as raised:
        run(trio, main)
    assert [type(one) for one in raised.value.exceptions] == [kind]
    assert ended == ["neighbour"]
    assert serves(trio, hosted, way)


@pytest.mark.parametrize("where", ["callback", "idle"])
def test_an_interrupt_ends_trio__ho_7(
    trio: Any, hosted: WaitStateCollection, way: Way, where: str
) -> None:
    """An interrupt leaves trio as ever while a collection lives there: it is raised in the
    callback that runs, or in the main task of an idle trio, and the guest is closed.
    """
    guests = list[Guest]()
    asked, ask = os.pipe()

    def interrupt() -> None:
        if os.read(asked, 1):
            signal.raise_signal(signal.SIGINT)

    other = threading.Thread(target=interrupt)  # started here: `start` bears no interrupt
    other.start()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            guests.append(hosted_by_trio.attach(nursery, hosted, mode=way.mode))
            if where == "callback":
                hosted.call_later(0.001, signal.raise_signal, signal.SIGINT)
            else:
                await trio.sleep(0.001)
                os.write(ask, b"!")

    with pytest.raises((BaseExceptionGroup, KeyboardInterrupt)) as raised:
        run(trio, main)
    os.close(ask)
    other.join(LIMIT)
    os.close(asked)
    left = raised.value
    while isinstance(left, BaseExceptionGroup):
        (left,) = left.exceptions
    assert isinstance(left, KeyboardInterrupt)
    assert guests[0].closed
    assert serves(trio, hosted, way)


def test_a_cancelled_nursery_closes_the_guest__ho_9(
    trio: Any, hosted: WaitStateCollection, way: Way
) -> None:
    """A nursery that is cancelled closes the guest in it, whether the guest waits, has yet to
    begin, or is in a callback that cancels; nothing is served any more, and trio keeps nothing.
    """
    served = list[str]()

    async def main(when: str) -> None:
        tasks = trio.lowlevel.current_statistics().tasks_living
        async with trio.open_nursery() as nursery:
            guest = hosted_by_trio.attach(nursery, hosted, mode=way.mode)
            if when == "callback":
                hosted.call_later(0.001, nursery.cancel_scope.cancel)
                hosted.call_later(0.001, hosted.apply, served.append, when)
            elif when == "waiting":
                await trio.sleep(0.005)
                while LISTED and watchers(hosted.fileno()) != (way.mode == "descriptor"):
                    await trio.sleep(0.001)  # a turn that was held up has a pause behind it
                nursery.cancel_scope.cancel()
            else:
                nursery.cancel_scope.cancel()
        assert guest.closed
        assert watchers(hosted.fileno()) == 0
        statistics = trio.lowlevel.current_statistics()
        assert statistics.tasks_living == tasks
        assert statistics.io_statistics.tasks_waiting_read == 1  # its own waker

    for when in ("waiting", "at once", "callback"):
        run(trio, main, when)
    hosted.run_once(0)  # free
    assert served in ([], ["callback"])  # the turn that cancels ends in order


def test_a_nursery_waits_for_the_guest__ho_9(
    trio: Any, hosted: WaitStateCollection, way: Way
) -> None:
    """A nursery is open as long as the guest in it: a program that has nothing else to do is
    served until the collection is stopped.
    """
    fired = list[int]()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            guest = hosted_by_trio.attach(nursery, hosted, mode=way.mode)
            for number in range(5):
                hosted.call_later(number / 1000, fired.append, number)
            hosted.call_later(0.006, hosted.stop)
        assert guest.closed

    run(trio, main)
    assert fired == [0, 1, 2, 3, 4]


def test_attaching_needs_an_open_nursery__ho_9(
    trio: Any, hosted: WaitStateCollection, way: Way
) -> None:
    """Attaching to a nursery that is closed, or outside of trio, is refused, and leaves the
    collection free.
    """
    nurseries = list[Any]()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nurseries.append(nursery)
        with pytest.raises(RuntimeError, match="closed"):
            hosted_by_trio.attach(nursery, hosted, mode=way.mode)

    run(trio, main)
    with pytest.raises(RuntimeError, match="async context"):
        hosted_by_trio.attach(nurseries[0], hosted, mode=way.mode)
    assert serves(trio, hosted, way)


def test_a_number_that_is_used_again_is_watched_anew__ho_9(trio: Any, way: Way) -> None:
    """When a collection is closed by a task of trio while its guest waits, the next one, whose
    descriptor may have the same number, is served.
    """
    numbers, served = set[int | None](), list[int]()

    async def main() -> None:
        for number in range(10):
            async with trio.open_nursery() as nursery:
                collection = way.collection()
                numbers.add(collection.fileno())
                guest = hosted_by_trio.attach(nursery, collection, mode=way.mode)
                await trio.sleep(0.001)
                done = trio.Event()
                collection.apply(in_turn(functools.partial(served.append, number), done.set))
                await done.wait()
                await trio.sleep(0)
                collection.close()
                assert guest.closed
                with pytest.raises(StateClosed):
                    collection.apply(done.set)

    run(trio, main)
    assert served == list(range(10))
    assert len(numbers) < 10  # else nothing was shown


def test_a_clock_of_tests_moves_the_guest__ho_2(trio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection whose clock is that of trio follows a `MockClock`: where the host watches the
    descriptor, an hour passes at once when all tasks wait.
    """
    # A turn that was held up has a pause behind it, and that ends with one more turn.
    monkeypatch.setattr("reactor.hosts.guest.TURNS_TIME_LIMIT", math.inf)
    mock = require_module("trio.testing", "pip install trio").MockClock(autojump_threshold=0)
    fired = list[float]()

    async def main() -> None:
        with contextlib.closing(WaitStateCollection(clock=trio.current_time)) as collection:
            if not collection.descriptor_works():
                pytest.skip("a thread that waits cannot ask the clock of trio")
            begun = trio.current_time()
            async with trio.open_nursery() as nursery:
                guest = hosted_by_trio.attach(nursery, collection, mode="descriptor")
                collection.call_later(3600.0, lambda: fired.append(trio.current_time() - begun))
                collection.call_later(7200.0, collection.apply, guest.close)
            fired.append(trio.current_time() - begun)
            assert collection.stats()["turns"] == 2

    trio.run(main, clock=mock)
    assert fired == [3600.0, 7200.0]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
@pytest.mark.parametrize("where", ["outside", "in another"])
@pytest.mark.parametrize("clock", ["the kernel's", "another"])
def test_a_guest_outlives_a_trio_that_breaks_down__ho_9(mode: str, where: str, clock: str) -> None:
    """When trio breaks down and leaves its tasks behind, the collection takes timers still, and the
    guest can be closed, also in another run of trio, and the collection attached there.
    """
    assert output(BROKEN, mode, where, clock) == "served\n"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
@pytest.mark.parametrize("verb", ["stop", "close"])
def test_a_guest_of_trio_hears_of_trios_host__ho_2(mode: str, verb: str) -> None:
    """Where trio is itself the guest of another loop, a timer that code of that loop sets fires,
    though trio sleeps, and the collection can be stopped and closed there.
    """
    assert output(GUEST_MODE, mode, verb) == "served\n"
