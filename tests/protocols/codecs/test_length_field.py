"""LengthFieldDecoder: whatever the field counts, and wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.codecs.errors import LocalViolation
from protocols.codecs.frame import FrameTooLong, MalformedFrame
from protocols.codecs.length_field import LengthFieldDecoder, encode_length_field
from tests.protocols.codecs.cuts import all_of

HELLO = b"HELLO, WORLD"  # twelve bytes, as in the examples of Netty


@pytest.mark.parametrize(
    ("shape", "sent", "frame"),
    [
        ({}, b"\0\x0c" + HELLO, HELLO),
        ({"strip": 0}, b"\0\x0c" + HELLO, b"\0\x0c" + HELLO),
        ({"adjustment": -2, "strip": 0}, b"\0\x0e" + HELLO, b"\0\x0e" + HELLO),
        ({"field_offset": 2, "strip": 0}, b"\xca\xfe\0\x0c" + HELLO, b"\xca\xfe\0\x0c" + HELLO),
        ({"field_offset": 2}, b"\xca\xfe\0\x0c" + HELLO, HELLO),
        (
            {"adjustment": 2, "strip": 0},
            b"\0\x0c\xca\xfe" + HELLO,
            b"\0\x0c\xca\xfe" + HELLO,
        ),
        (
            {"field_offset": 1, "adjustment": 1, "strip": 3},
            b"\xca\0\x0c\xfe" + HELLO,
            b"\xfe" + HELLO,
        ),
        (
            {"field_offset": 1, "adjustment": -3, "strip": 3},
            b"\xca\0\x10\xfe" + HELLO,
            b"\xfe" + HELLO,
        ),
        ({"strip": 4}, b"\0\x0c" + HELLO, b"LLO, WORLD"),
        ({"byte_order": "little"}, b"\x0c\0" + HELLO, HELLO),
    ],
)
def test_a_field_of_16_bits_in_every_shape(
    shape: dict[str, Any], sent: bytes, frame: bytes
) -> None:
    decoder = LengthFieldDecoder(2, **shape)
    decoder.feed(sent + sent + sent[:-1])
    assert all_of(decoder) == [frame, frame]
    assert decoder.unread == sent[:-1]


@pytest.mark.parametrize("field_size", range(1, 9))
@pytest.mark.parametrize("byte_order", ["big", "little"])
def test_a_field_of_every_size(field_size: int, byte_order: Any) -> None:
    decoder = LengthFieldDecoder(field_size, byte_order=byte_order)
    sent = encode_length_field(HELLO, field_size, byte_order=byte_order)
    assert sent == (12).to_bytes(field_size, byte_order) + HELLO
    decoder.feed(sent)
    assert decoder.take() == HELLO


@pytest.mark.parametrize("strip", [0, None, 5])
def test_the_limit_is_on_what_is_given_out(strip: int | None) -> None:
    size = 10 + 2 if strip is None else 10 + strip
    decoder = LengthFieldDecoder(2, adjustment=-2, strip=strip, frame_limit=10)
    decoder.feed(size.to_bytes(2, "big") + b"x" * (size - 2) + (size + 1).to_bytes(2, "big"))
    assert len(decoder.take() or b"") == 10
    with pytest.raises(FrameTooLong) as caught:
        decoder.take()
    assert caught.value.seen == 11


@pytest.mark.parametrize(
    ("shape", "field", "complaint"),
    [
        ({"adjustment": -2}, b"\0\1", "says 1: with the adjustment of -2 the frame has 1 bytes"),
        ({"adjustment": -9}, b"\0\0", "the frame has -7 bytes, less than its first 2"),
        ({"adjustment": -2, "strip": 0}, b"\0\1", "the frame has 1 bytes, less than its first 2"),
        ({"strip": 4}, b"\0\1", "the frame has 3 bytes, less than its first 4"),
    ],
)
def test_a_frame_shorter_than_its_own_head_is_refused(
    shape: dict[str, Any], field: bytes, complaint: str
) -> None:
    decoder = LengthFieldDecoder(2, **shape)
    decoder.feed(field + b"a lot more")
    with pytest.raises(MalformedFrame, match=complaint):
        decoder.take()


def test_a_frame_of_nothing_but_a_head_is_empty() -> None:
    decoder = LengthFieldDecoder(2, adjustment=-2)
    decoder.feed(b"\0\2\0\2\0\3!")
    assert all_of(decoder) == [b"", b"", b"!"]


def test_a_number_of_64_bits_is_no_size_to_believe() -> None:
    decoder = LengthFieldDecoder(8)
    decoder.feed(b"\xff" * 8)
    with pytest.raises(FrameTooLong, match="18446744073709551615 bytes"):
        decoder.take()


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ({"field_size": 0}, "field_size is 0: it must be 1 to 8"),
        ({"field_size": 9}, "field_size is 9"),
        ({"byte_order": "middle"}, 'it must be "big" or "little"'),
        ({"field_offset": -1}, "field_offset is -1"),
        ({"strip": -1}, "strip is -1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(shape: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        LengthFieldDecoder(**shape)


def test_a_field_counts_for_both_ends_what_the_adjustment_says() -> None:
    sent = encode_length_field(b"body", 2, adjustment=-5, head=b"\xca\xfe\xba")
    assert sent == b"\xca\xfe\xba\0\x09body"  # here it counts the whole
    decoder = LengthFieldDecoder(2, field_offset=3, adjustment=-5, strip=0)
    decoder.feed(sent)
    assert decoder.take() == sent


@pytest.mark.parametrize(
    ("size", "adjustment"), [(256, 0), (255, -1), (1, 2)], ids=["long", "with itself", "negative"]
)
def test_a_length_that_the_field_cannot_say_is_a_local_violation(
    size: int, adjustment: int
) -> None:
    with pytest.raises(LocalViolation, match="a field of 8 bits cannot say that"):
        encode_length_field(b"x" * size, 1, adjustment=adjustment)
    with pytest.raises(ValueError, match="field_size is 0"):
        encode_length_field(b"", 0)
