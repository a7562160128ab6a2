"""The loops that protocols are tested on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.protocols.loops import AsyncioLoop, CollectionLoop, Loop


@pytest.fixture(params=[AsyncioLoop, CollectionLoop], ids=["asyncio", "collection"])
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    kind: type[AsyncioLoop | CollectionLoop] = request.param
    made = kind()
    yield made
    made.close()
