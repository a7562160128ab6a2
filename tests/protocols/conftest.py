"""What protocols are tested on: two loops, and connections in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.testing.memory import memory_pair
from tests.protocols.loops import AsyncioLoop, CollectionLoop, Loop
from tests.talk import Talk

Talks: TypeAlias = Callable[..., Talk]


@pytest.fixture(params=[AsyncioLoop, CollectionLoop], ids=["asyncio", "collection"])
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    kind: type[AsyncioLoop | CollectionLoop] = request.param
    made = kind()
    yield made
    made.close()


@pytest.fixture
def talks(collection: WaitStateCollection) -> Iterator[Talks]:
    """Make connections over memory: `talks(protocol, sip=1)`; they are closed at the end."""
    collection.error_handler = lambda *_: None
    with ExitStack() as made:

        def make(protocol: Any, **how: int) -> Talk:
            talk = Talk(collection, memory_pair(**how), protocol)
            made.callback(talk.close)
            return talk.begin()

        yield make
    assert len(collection.timers) == 0
