"""The tally of the torture: printed at the end of a run, which fails if it is too low."""

from __future__ import annotations

from typing import Final

import pytest

from tests.torture.cases import CASES, INJECTED_FLOOR, Tally

TALLY: Final = pytest.StashKey[Tally]()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """The tally of this run."""
    return request.config.stash.setdefault(TALLY, Tally())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of all cases that has injected next to nothing."""
    if session.config.stash.get(TALLY, Tally()).too_few:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many faults were injected."""
    tally = terminalreporter.config.stash.get(TALLY, None)
    if tally is None:
        return
    where = f"in {len(tally.cases)} of {len(CASES)} cases"
    terminalreporter.write_line(f"torture: injected {tally.injected} faults {where}")
    if tally.too_few:
        terminalreporter.write_line(f"torture: FAILED, {INJECTED_FLOOR} are the least")
