"""What the tests of Unix sockets are lent."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reactor.net.path import UNIX

collect_ignore_glob = [] if UNIX else ["test_*.py"]


@pytest.fixture
def path() -> Iterator[Path]:
    """A short path for a socket, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="ws") as folder:
        yield Path(folder, "socket")
