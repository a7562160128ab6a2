"""Columns: the table of a work that has several figures for each peer.

A figure is the least of all runs: these works read the clock, and a neighbour can only add to that.

In `goals.toml` a bound bears the name of a column, and holds for every peer but ours and the bare
one. If the name ends in `times` it is on the ratio to ours, which is measured beside them.
"""

from typing import Final

from benchmarks.peers.names import BARE, OURS
from benchmarks.runner import Samples
from benchmarks.table import Figures, Goals, Verdict
from benchmarks.work import Work

TIMES: Final = " times"


def show(work: Work, samples: dict[str, Samples], goals: Goals) -> list[Verdict]:
    """Print a line for each peer of one work.

    Args:
        work: what was measured.
        samples: of each peer, by its name.
        goals: the bounds for this work.

    Returns:
        A verdict on each "must" figure that a peer has, or should have if it did not go wrong.
    """
    print(f"\n{work.title} [{work.key}], {work.unit}")
    print(f"  {'':15} {_line(work, {column: column for column in work.columns})}")
    figures = {name: _least(of) for name, of in samples.items()}
    for name, of in samples.items():
        cells = {column: f"{figure:.0f}" for column, figure in figures[name].items()}
        words = of.missing or f"failed: {of.failed}"
        print(f"  {name:15} {_line(work, cells) if cells else words}".rstrip())
    for level, of_level in goals.items():
        bounds = (f"{bound} <= {limit:g}" for bound, limit in of_level.items())
        print(f"  {level}: {', '.join(bounds)}")
    return [
        _verdict(f"{work.key}: {bound} of {name}", bound, limit, (figures[name], figures[OURS]))
        for bound, limit in goals.get("must", {}).items()
        for name, of in samples.items()
        if name not in {OURS, BARE} and (of.failed or bound.removesuffix(TIMES) in figures[name])
    ]


def _line(work: Work, cells: dict[str, str]) -> str:
    return "  ".join(f"{cells.get(column, ''):>{len(column)}}" for column in work.columns)


def _least(of: Samples) -> Figures:
    columns = dict.fromkeys(column for figures in of.figures for column in figures)
    return {column: min(figures[column] for figures in of.figures) for column in columns}


def _verdict(text: str, bound: str, limit: float, figures: tuple[Figures, Figures]) -> Verdict:
    theirs, ours = (of.get(bound.removesuffix(TIMES)) for of in figures)
    if not bound.endswith(TIMES):
        ours = 1.0
    if theirs is None or not ours:
        return Verdict(f"{text}: no figure to hold against {limit:g}", holds=False)
    text += f" is {theirs / ours:.2f}, must be at most {limit:g}"
    return Verdict(text, holds=round(theirs / ours, 2) <= limit)
