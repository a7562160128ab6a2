"""The measure of the old modules: the tests that CPython 3.11 has for its own, on ours."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.old.originals import require_originals, run

COUNTS: Final = {"test_asyncore": 101, "test_asynchat": 25, "test_smtpd": 153}
# What cannot be on a map that is on a collection, and why. On a plain map nothing is skipped.
SKIPPED: Final = {
    "test_quick_connect": "it runs the loop in a thread of its own, and the collection has one",
    "test_blockingioerror": "its socket is a mock whose descriptor is no number",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_an_old_module_passes_its_own_tests(name: str, tmp_path: Path) -> None:
    require_originals(name)
    original = run(name, "original", tmp_path)
    ours = run(name, "plain", tmp_path)
    assert ours == original
    assert (ours.there, ours.ran, ours.dropped) == (COUNTS[name], COUNTS[name], [])


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_it_passes_them_on_a_shared_collection(name: str, tmp_path: Path) -> None:
    require_originals(name)
    ours = run(name, "shared", tmp_path, tuple(SKIPPED))
    assert {test.rpartition(".")[2] for test in ours.dropped} <= {*SKIPPED}
    assert (ours.there, ours.ran) == (COUNTS[name], COUNTS[name] - len(ours.dropped))
    assert len(ours.dropped) * 10 <= ours.there
