"""What the tests of neighbours are lent."""

from __future__ import annotations

import pytest

from reactor.loop.collection import WaitStateCollection

Failures = list[tuple[object, type]]


@pytest.fixture
def failures(collection: WaitStateCollection) -> Failures:
    """What the error handler was given: things, and kinds of exceptions."""
    given = Failures()
    collection.error_handler = lambda thing, exception: given.append((thing, type(exception)))
    return given
