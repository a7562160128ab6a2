"""Tests of CPython 3.11 for other modules, whose servers are programs for asyncore and asynchat."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.old.originals import require_originals, run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_poplib", "test_ftplib", "test_smtplib"])
def test_the_old_servers_of_other_tests_run_too(name: str, tmp_path: Path) -> None:
    require_originals(name)
    ours = run(name, "plain", tmp_path)
    assert ours.ran == ours.there > 70
