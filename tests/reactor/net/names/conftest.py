"""What the tests of names share."""

from collections.abc import Iterator

import pytest

from tests.reactor.net.names.questions import NameService


@pytest.fixture
def service() -> Iterator[NameService]:
    made = NameService()
    yield made
    made.answer_all()
