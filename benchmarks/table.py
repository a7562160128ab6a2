"""Table: medians, spreads and ratios of one work, and how they stand to the goals."""

import statistics
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.peers.names import OURS
from benchmarks.runner import Samples
from benchmarks.work import Work

GOALS: Final = Path(__file__).with_name("goals.toml")
AT_MOST: Final = "at_most"

Figures: TypeAlias = dict[str, float]  # by peer, or under AT_MOST
Goals: TypeAlias = dict[str, Figures]  # by "must" and "goal"


@dataclass(frozen=True)
class Verdict:
    """Whether a figure that must hold does; one that went wrong does not."""

    text: str
    holds: bool


def read_goals() -> dict[str, Goals]:
    """Read `goals.toml`."""
    return tomllib.loads(GOALS.read_text())


def show(work: Work, samples: dict[str, Samples], goals: Goals) -> list[Verdict]:
    """Print the table of one work.

    Args:
        work: what was measured.
        samples: of each peer, by its name.
        goals: the figures for this work.

    Returns:
        A verdict on each "must" figure, save those of peers that are not installed.
    """
    print(f"\n{work.title} [{work.key}], {work.unit}")
    print(f"  {'':8}  {'median':>8}  {'min .. max':>18}  {'ours is cheaper':>15}  by best")
    medians = {name: statistics.median(of.costs) for name, of in samples.items() if of.costs}
    for name, of in samples.items():
        line = _line(of, samples[OURS]) if of.costs else of.missing or f"failed: {of.failed}"
        print(f"  {name:8}  {line}   {'   '.join(_words(name, goals))}".rstrip())
    must = goals.get("must", {}).items()
    absent = {name for name, of in samples.items() if of.missing}
    return [_verdict(work, key, limit, medians) for key, limit in must if not absent & {OURS, key}]


def summarize(verdicts: list[Verdict]) -> None:
    """Print what must hold and does not."""
    failed = [verdict for verdict in verdicts if not verdict.holds]
    print(f"\n{len(verdicts) - len(failed)} of {len(verdicts)} figures that must hold do.")
    for verdict in failed:
        print(f"  fails: {verdict.text}")


def _line(of: Samples, ours: Samples) -> str:
    median = statistics.median(of.costs)
    spread = f"{min(of.costs):.2f} .. {max(of.costs):.2f}"
    times = best = ""
    if ours.costs:
        times = f"{median / statistics.median(ours.costs):.2f} x"
        best = f"{min(of.costs) / min(ours.costs):.2f} x"
    return f"{median:8.2f}  {spread:>18}  {times:>15}  {best:>7}"


def _words(name: str, goals: Goals) -> list[str]:
    key = AT_MOST if name == OURS else name
    sign = "<=" if name == OURS else ">="
    return [f"{level} {sign} {of[key]:g}" for level, of in goals.items() if key in of]


def _verdict(work: Work, key: str, limit: float, medians: Figures) -> Verdict:
    if OURS not in medians or (key != AT_MOST and key not in medians):
        return Verdict(f"{work.key}: no figure to hold against {key} {limit:g}", holds=False)
    ours = medians[OURS]
    if key == AT_MOST:
        text = f"{work.key}: {ours:.2f} {work.unit}, must be at most {limit:g}"
        return Verdict(text, holds=round(ours, 2) <= limit)
    times = medians[key] / ours
    text = f"{work.key}: {times:.2f} x cheaper than {key}, must be {limit:g} x"
    return Verdict(text, holds=round(times, 2) >= limit)
