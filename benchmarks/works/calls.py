"""Calls from another thread: how many get through, and how soon a sleeping loop runs one."""

import statistics
import threading
import time
from time import perf_counter_ns
from typing import Any, Final

from benchmarks.peers.names import make_peer
from benchmarks.work import Work

BURST = 20_000  # calls
REST = 0.001  # seconds between two single calls; the loop is asleep again long before


def throughput(name: str, quick: bool) -> float:
    """Return the microseconds from one call to the next when a thread posts without a pause."""
    peer = make_peer(name)
    costs = []

    def post() -> None:
        for _ in range(5 if quick else 15):
            done = threading.Event()
            started = perf_counter_ns()
            for _ in range(BURST - 1):
                peer.call_from_thread(_nothing)
            peer.call_from_thread(done.set)
            done.wait()
            costs.append((perf_counter_ns() - started) / BURST)

    _run_beside(peer, post)
    return statistics.median(costs) / 1000


def latency(name: str, quick: bool) -> float:
    """Return the microseconds between a call and its run in a loop that was asleep."""
    peer = make_peer(name)
    costs = []

    def post() -> None:
        for _ in range(200 if quick else 1000):
            done = threading.Event()
            time.sleep(REST)
            posted = perf_counter_ns()
            peer.call_from_thread(lambda posted=posted, done=done: _arrive(posted, done))
            done.wait()

    def _arrive(posted: int, done: threading.Event) -> None:
        costs.append(perf_counter_ns() - posted)
        done.set()

    _run_beside(peer, post)
    return statistics.median(costs) / 1000


def _run_beside(peer: Any, post: Any) -> None:
    def post_then_stop() -> None:
        post()
        peer.call_from_thread(peer.stop)

    threading.Thread(target=post_then_stop).start()
    peer.run()


def _nothing() -> None:
    pass


PEERS: Final = ("asyncio", "uvloop", "ours")
WORKS: Final = (
    Work("calls", "call from another thread", "us", PEERS, throughput),
    Work("calls-latency", "latency of a call to a sleeping loop", "us", PEERS, latency),
)
