"""Runs one file of CPython's own tests, and prints what became of them, as JSON in the last line.

    python unittests.py MODULE original|plain|shared [SKIPPED ...]

`original` runs it on the standard library, `plain` on our modules, `shared` on these with a map on
a collection. The names of tests to be skipped come last.
"""

from __future__ import annotations

import json
import sys
import unittest
from collections.abc import Iterator

from protocols import asynchat
from reactor.compat import asyncore
from tests.old.adapt import adapt


def every(suite: unittest.TestSuite | unittest.TestCase) -> Iterator[unittest.TestCase]:
    """Yield the tests of a suite."""
    if isinstance(suite, unittest.TestCase):
        yield suite
    else:
        for one in suite:
            yield from every(one)


def main(name: str, mode: str, skipped: list[str]) -> None:
    if mode != "original":
        adapt(shared=mode == "shared")
    tests = list(every(unittest.defaultTestLoader.loadTestsFromName(name)))
    ours = {asyncore.__file__, asynchat.__file__}
    found = {getattr(sys.modules.get(old), "__file__", None) for old in ("asyncore", "asynchat")}
    assert (found <= ours) == (mode != "original"), found
    chosen = [test for test in tests if test.id().rpartition(".")[2] not in skipped]
    result = unittest.TextTestRunner(sys.stderr).run(unittest.TestSuite(chosen))
    figures = {
        "there": len(tests),
        "ran": result.testsRun,
        "left_out": sorted(test.id() for test, _ in result.skipped),
        "failed": sorted(test.id() for test, _ in result.failures + result.errors),
        "dropped": sorted({test.id() for test in tests} - {test.id() for test in chosen}),
    }
    sys.stdout.write("\n" + json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
