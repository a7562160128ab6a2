"""Armed timeouts: does an echo cost more while ten thousand of them wait?"""

import statistics
from typing import Any, Final

from benchmarks.full_batch import FullBatch
from benchmarks.peers.names import make_peer
from benchmarks.work import Work

FEW, MANY = 10, 10_000
FAR = 3600.0  # seconds; none of them fires
ROUNDS = 6


def timeouts(name: str, quick: bool) -> float:
    """Return how many times the cost with few timeouts an echo costs with many."""
    peer = make_peer(name)
    batch = FullBatch(peer, connections=100, size=1 << 10)
    batches = 50 if quick else 150
    batch.run(batches)
    cost: dict[int, list[float]] = {FEW: [], MANY: []}
    for _ in range(ROUNDS):
        for count in (FEW, MANY):
            cost[count].append(_run_armed(peer, batch, count, batches))
    batch.close()
    return statistics.median(cost[MANY]) / statistics.median(cost[FEW])


def _run_armed(peer: Any, batch: FullBatch, count: int, batches: int) -> float:
    timers: list[Any] = []
    # This runs in the first turn; the median over the batches does not see it.
    peer.call_soon(lambda: timers.extend(peer.call_later(FAR, _expire) for _ in range(count)))
    cost = batch.run(batches)
    for timer in timers:
        timer.cancel()
    return cost


def _expire() -> None:
    raise AssertionError(f"a timeout of {FAR:g} seconds has expired")


WORKS: Final = (
    Work(
        "timeouts", "echo with 10,000 armed timeouts", "x", ("asyncio", "uvloop", "ours"), timeouts
    ),
)
