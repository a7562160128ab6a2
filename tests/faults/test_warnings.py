"""The tests once more, in a development build of the interpreter's: nothing is left unclosed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import ROOT

LIMIT: Final = 900.0  # seconds; the fast tests take a tenth of it
FORGETFUL: Final = """
import gc
import socket

def test_that_forgets_to_close() -> None:
    socket.socket()
    gc.collect()
"""

pytestmark = pytest.mark.slow  # it runs the fast tests, all of them


def in_development_mode(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run pytest under `-X dev`, where each warning is an error, those nobody can raise too."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", "-q"]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_no_test_leaves_anything_unclosed__rel_50() -> None:
    """Under `python -X dev` not one of the fast tests warns of a resource, at its end or later."""
    run = in_development_mode("-m", "not slow", "--ignore", "tests/architecture", "tests")
    assert "Warning" not in run.stdout + run.stderr
    assert run.returncode == 0, run.stdout[-5_000:]


def test_what_is_left_unclosed_would_be_found__rel_50(tmp_path: Path) -> None:
    """A socket that is only collected, in a finalizer where nothing can be raised, is an error."""
    (tmp_path / "test_forgetful.py").write_text(FORGETFUL)
    run = in_development_mode(tmp_path)
    assert run.returncode == 1
    assert "ResourceWarning: unclosed <socket.socket" in run.stdout
