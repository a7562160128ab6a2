"""What the tests of the loop share: a collection on each selector."""

from __future__ import annotations

import contextlib
import selectors
from collections.abc import Iterator

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock


@pytest.fixture(params=["default", "PollSelector", "SelectSelector"])
def selector(request: pytest.FixtureRequest) -> selectors.BaseSelector | None:
    """Each selector in turn; None is the collection's own choice."""
    if request.param == "default":
        return None
    kind = getattr(selectors, request.param, None)
    if kind is None:
        pytest.skip(f"this system has no {request.param}")
    made: selectors.BaseSelector = kind()
    return made


@pytest.fixture
def on_each(
    selector: selectors.BaseSelector | None, clock: ManualClock
) -> Iterator[WaitStateCollection]:
    """A collection on each selector in turn, with the hand-driven clock."""
    with contextlib.closing(WaitStateCollection(selector=selector, clock=clock)) as collection:
        yield collection
