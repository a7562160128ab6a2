"""The two bits, and how they are written."""

import selectors

import pytest

from reactor.interest import EITHER, READ, URGENT, WRITE, interest_text


def test_the_bits_are_those_of_selectors() -> None:
    assert (READ, WRITE, EITHER) == (
        selectors.EVENT_READ,
        selectors.EVENT_WRITE,
        selectors.EVENT_READ | selectors.EVENT_WRITE,
    )


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (0, "nothing"),
        (READ, "read"),
        (WRITE, "write"),
        (EITHER, "read, write"),
        (READ | URGENT, "read, urgent"),
    ],
)
def test_a_mask_can_be_read(mask: int, text: str) -> None:
    assert interest_text(mask) == text
