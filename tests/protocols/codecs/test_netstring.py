"""NetstringDecoder: digits, a colon, so many bytes, a comma, and nothing else."""

from __future__ import annotations

import pytest

from protocols.codecs.frame import FrameTooLong, MalformedFrame
from protocols.codecs.netstring import NetstringDecoder, encode_netstring
from tests.protocols.codecs.cuts import all_of


def test_netstrings_come_without_their_signs_and_may_be_empty() -> None:
    decoder = NetstringDecoder()
    decoder.feed(b"12:hello world!,0:,3:,:,,4:hal")
    assert all_of(decoder) == [b"hello world!", b"", b",:,"]
    assert decoder.unread == b"4:hal"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b":,", "b':' in the length of a netstring, not a digit"),
        (b"-1:a,", "b'-' in the length of a netstring, not a digit"),
        (b" 1:a,", "b' ' in the length"),
        (b"1 :a,", "b' ' in the length of a netstring, not a digit or a colon"),
        ("\N{ARABIC-INDIC DIGIT ONE}:a,".encode(), r"b'\\xd9' in the length"),
        (b"00:,", "begins with a zero, and goes on"),
        (b"01:a,", "begins with a zero, and goes on"),
        (b"1:ab", "b'b' follows a frame, where b',' has to"),
        (b"0:\n", r"b'\\n' follows a frame"),
    ],
)
def test_what_is_no_netstring_is_refused(data: bytes, complaint: str) -> None:
    decoder = NetstringDecoder()
    decoder.feed(data)
    with pytest.raises(MalformedFrame, match=complaint) as caught:
        decoder.take()
    assert caught.value.identifier == "malformed-frame"


def test_the_limit_holds_exactly_at_its_border() -> None:
    decoder = NetstringDecoder(frame_limit=10)
    decoder.feed(b"10:0123456789,11")
    assert decoder.take() == b"0123456789"
    with pytest.raises(FrameTooLong):
        decoder.take()


def test_digits_without_end_are_refused_with_the_one_that_is_too_many() -> None:
    decoder = NetstringDecoder(frame_limit=999)
    decoder.feed(b"999")
    assert decoder.take() is None
    decoder.feed(b"9" * 100_000)
    with pytest.raises(FrameTooLong, match="9999 bytes or more") as caught:
        decoder.take()
    assert caught.value.seen == 9999


def test_a_frame_is_encoded_with_its_length() -> None:
    assert encode_netstring(b"hello world!") == b"12:hello world!,"
    assert encode_netstring(b"") == b"0:,"
