"""CPython's own tests of asyncore and of what stands on it, run in a process of their own.

They are not copied: Python 3.11 has them, in its package `test`. Later Pythons have neither the
modules nor their tests.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import ROOT

LIMIT: Final = 120  # seconds for one file; the longest takes ten
RUNS: Final = list[str]()  # what ran, for the report at the end


@dataclass(frozen=True)
class Outcome:
    """What became of the tests of one file; names without their module."""

    there: int
    ran: int
    left_out: list[str]  # by themselves: the machine has no IPv6, for one
    failed: list[str]
    dropped: list[str]  # by us


def run(name: str, mode: str, folder: Path, skipped: tuple[str, ...] = ()) -> Outcome:
    """Run the tests of `test.name` in one of the modes of `unittests.py`."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "tests.old.unittests",
            f"test.{name}",
            mode,
            *skipped,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{name} did not come to its end:\n{done.stderr}")
    outcome = Outcome(**json.loads(done.stdout.splitlines()[-1]))
    if mode != "original":
        RUNS.append(
            f"{name}, {mode}: {outcome.ran} of {outcome.there} ran, {len(outcome.failed)} failed,"
            f" {len(outcome.left_out)} skipped themselves, {len(outcome.dropped)} skipped here"
        )
    assert outcome.failed == [], done.stderr
    return outcome


def require_originals(name: str) -> None:
    """Skip on a Python that has no asyncore; fail in CI where a 3.11 lacks the tests of it."""
    if sys.version_info >= (3, 12):
        pytest.skip("Python 3.12 and later have neither asyncore nor its tests")
    if importlib.util.find_spec("test") and importlib.util.find_spec(f"test.{name}"):
        return
    reason = f"this Python has no test.{name}; Debian has it in libpython3.11-testsuite"
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"{reason}, and in continuous integration it may not be missing")
    pytest.skip(reason)
