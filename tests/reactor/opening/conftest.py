"""What the tests of connecting and accepting are lent."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.reactor.opening.network import listening


@pytest.fixture
def clients() -> Iterator[contextlib.ExitStack]:
    """Closes, at the end, the clients that `call` has made."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with listening() as sock:
        yield sock
