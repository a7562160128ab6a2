"""A collection in a thread of its own, beside asyncio's loop or each host in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from reactor.hosts import thread as own_thread
from reactor.hosts.thread import DeliveringGuest
from reactor.loop.collection import WaitStateCollection
from tests.hosts.conftest import WATCHING, make_loop
from tests.hosts.loops import AsyncioLoop, Loop


@pytest.fixture
def host() -> Iterator[Loop]:
    """The host that is everywhere."""
    with contextlib.closing(AsyncioLoop()) as loop:
        yield loop


@pytest.fixture(params=WATCHING)
def each_host(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Each host in turn."""
    with contextlib.closing(make_loop(request.param, request)) as loop:
        yield loop


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
