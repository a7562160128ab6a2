"""Timers: made and cancelled, as a timeout is that was not needed; and made, then fired."""

import random
import statistics
import time
from collections.abc import Callable
from time import thread_time_ns
from typing import Any, Final

from benchmarks.peers.names import make_peer
from benchmarks.work import Work

COUNT = 1000  # timers at a time
FAR = 60.0  # seconds; what is cancelled was meant to wait up to this long
NEAR = 0.002  # seconds; what fires is due by then


def cancel(name: str, quick: bool) -> float:
    """Return the microseconds of thread CPU for scheduling and cancelling a timer."""
    peer = make_peer(name)

    def make_and_cancel(done: Callable[[], None]) -> int:
        delays = [random.uniform(1, FAR) for _ in range(COUNT)]
        started = thread_time_ns()
        timers = [peer.call_later(delay, _nothing) for delay in delays]
        for timer in timers:
            timer.cancel()
        peer.call_soon(done)  # in the next turn: the loop has thrown the dead ones away by then
        return started

    return _measure(peer, make_and_cancel, 40 if quick else 200)


def fire(name: str, quick: bool) -> float:
    """Return the microseconds of thread CPU for taking a due timer and calling its function."""
    peer = make_peer(name)

    def make_and_wait(done: Callable[[], None]) -> int:
        for _ in range(COUNT):
            peer.call_later(random.uniform(0, NEAR), _nothing)
        peer.call_later(NEAR * 2, done)
        due = time.monotonic() + NEAR * 2
        while time.monotonic() < due:
            pass  # not asleep: a core that has rested is slow to begin with
        return thread_time_ns()

    return _measure(peer, make_and_wait, 40 if quick else 200)


def _measure(peer: Any, start: Callable[[Callable[[], None]], int], rounds: int) -> float:
    """Run rounds of `start`, which returns when the timed part began and has `done` called."""
    costs: list[int] = []
    started = 0

    def begin() -> None:
        nonlocal started
        started = start(done)

    def done() -> None:
        costs.append(thread_time_ns() - started)
        if len(costs) < rounds:
            peer.call_soon(begin)
        else:
            peer.stop()

    peer.call_soon(begin)
    peer.run()
    return statistics.quantiles(costs, n=4)[0] / COUNT / 1000


def _nothing() -> None:
    pass


PEERS: Final = ("asyncio", "uvloop", "ours")
WORKS: Final = (
    Work("timers-cancel", "timer: schedule and cancel", "us", PEERS, cancel),
    Work("timers-fire", "timer: fire", "us", PEERS, fire),
)
