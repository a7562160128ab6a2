"""The report of how many of CPython's own tests ran on our modules."""

from __future__ import annotations

import pytest

from tests.old.originals import RUNS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what ran."""
    for run in RUNS:
        terminalreporter.write_line(f"originals: {run}")
