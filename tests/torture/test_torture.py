"""Torture: whichever call fails, and with whatever errno, only its own connection may suffer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.certificates import Certificates
from tests.torture.cases import CASES, CONVERSATIONS, Case, Tally
from tests.torture.conversation import Conversation
from tests.torture.protocols import Echo
from tests.torture.trial import Trial

SAMPLE: Final = 2  # faults of each kind of call that the fast tests try


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Fail a test in which a traceback has gone to nobody."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("make", CONVERSATIONS, ids=lambda make: make.__name__)
def test_without_a_fault_everything_holds(
    certificates: Certificates, make: type[Conversation]
) -> None:
    trial = Trial(make, certificates)
    assert trial.problems == []
    assert not trial.fired


@pytest.mark.parametrize("case", [case for case in CASES if case.make is Echo], ids=str)
def test_the_first_call_of_each_kind_may_fail(
    certificates: Certificates, case: Case, tally: Tally
) -> None:
    assert injected(certificates, case, tally, limit=SAMPLE) > 0


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_any_call_may_fail_with_any_errno(
    certificates: Certificates, case: Case, tally: Tally
) -> None:
    """No leak, one report, one end for each, bytes in order, and the next client is served."""
    assert injected(certificates, case, tally) > 0
    tally.cases.add(str(case))


def injected(certificates: Certificates, case: Case, tally: Tally, limit: int | None = None) -> int:
    """Try the faults of a case, at most `limit`; return how many have happened."""
    count, problems = 0, list[str]()
    calls = Trial(case.make, certificates).counts[case.call]
    assert calls, f"{case} makes no such call: take it out of `calls`"
    for fault in list(case.faults(calls))[:limit]:
        trial = Trial(case.make, certificates, fault)
        count += trial.fired
        problems += [f"{case}: {fault}: {problem}" for problem in trial.problems]
    tally.injected += count
    if problems:
        pytest.fail("\n".join([*problems, f"again: pytest -k '{case}'"]), pytrace=False)
    return count
