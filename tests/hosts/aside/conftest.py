"""A collection in a thread of its own; beside which `host`, each module says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from reactor.hosts import thread as own_thread
from reactor.hosts.thread import DeliveringGuest
from reactor.loop.collection import WaitStateCollection
from tests.hosts.loops import Loop


@pytest.fixture
def beside() -> Iterator[WaitStateCollection]:
    """A collection with a clock that goes."""
    with contextlib.closing(WaitStateCollection("beside")) as collection:
        yield collection


@pytest.fixture
def guest(host: Loop, beside: WaitStateCollection) -> Iterator[DeliveringGuest]:
    """That collection, in a thread of its own beside that host."""
    with own_thread.attach(host.way_in(), beside) as guest:
        yield guest
