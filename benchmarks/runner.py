"""Runner: a process for each figure, the peers in random order, again and again."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field

from benchmarks.peers.names import OURS
from benchmarks.work import WARM_MALLOC, Work

WORKER_LIMIT = 120.0  # seconds; the longest work takes ten on an idle machine


@dataclass
class Samples:
    """What one peer has cost in each of its processes, or why there is nothing to compare."""

    costs: list[float] = field(default_factory=list)
    figures: list[dict[str, float]] = field(default_factory=list)  # where there are columns
    missing: str = ""  # what is not installed
    failed: str = ""  # how it went wrong


def run(work: Work, *, quick: bool, runs: int | None = None) -> dict[str, Samples]:
    """Measure every peer of `work` the same number of times.

    Args:
        work: what to measure.
        quick: whether to do with half of the runs, and with shorter ones.
        runs: processes for each peer, in place of the number that the work names.

    Returns:
        The samples of each peer, by its name.
    """
    samples = {peer: Samples() for peer in work.peers}
    for _ in range(runs or (work.runs + 1) // 2 if quick else runs or work.runs):
        for peer in random.sample(work.peers, len(work.peers)):
            if not (samples[peer].missing or samples[peer].failed):
                _measure(work, peer, samples[peer], quick=quick)
    return samples


def _measure(work: Work, peer: str, samples: Samples, *, quick: bool) -> None:
    command = [sys.executable, "-m", "benchmarks.worker", work.key, peer]
    warmth = WARM_MALLOC if work.warm and peer != OURS else {}
    worker = subprocess.Popen(
        [*command, "--quick"] if quick else command,
        env=os.environ | warmth,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, so that what it has started ends with it
    )
    try:
        output, errors = worker.communicate(timeout=WORKER_LIMIT)
    except subprocess.TimeoutExpired:
        samples.failed = f"gave up after {WORKER_LIMIT:g} seconds"
        return
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
    if worker.returncode != 0:
        samples.failed = (errors.strip() or "no word").splitlines()[-1]
        return
    answer = json.loads(output.splitlines()[-1])
    samples.missing = answer.get("missing", "")
    if "cost" in answer:
        samples.costs.append(answer["cost"])
    if "figures" in answer:
        samples.figures.append(answer["figures"])
