"""The command: `python -m benchmarks [--quick] [--check] [WORK ...]`."""

import argparse
import sys

from benchmarks import catalogue, columns, runner, table


def main() -> int:
    """Measure what was asked for and print a table for each work.

    Returns:
        The exit code: 1 if `--check` was given and a "must" figure does not hold, else 0.
    """
    options = _options()
    chosen = [work for work in catalogue.WORKS if not options.works or work.key in options.works]
    goals = table.read_goals()
    verdicts = []
    for work in chosen:
        samples = runner.run(work, quick=options.quick, runs=options.runs)
        show = columns.show if work.columns else table.show
        verdicts += show(work, samples, goals.get(work.key, {}))
    table.summarize(verdicts)
    return 1 if options.check and any(not verdict.holds for verdict in verdicts) else 0


def _options() -> argparse.Namespace:
    keys = [work.key for work in catalogue.WORKS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(keys)}; all")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--check", action="store_true", help='exit with 1 if a "must" fails')
    parser.add_argument("--runs", type=int, help="processes for each figure; else as work says")
    options = parser.parse_args()
    if unknown := set(options.works) - set(keys):
        parser.error(f"no such work: {', '.join(sorted(unknown))}; there are {', '.join(keys)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
