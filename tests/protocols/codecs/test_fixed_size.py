"""FixedSizeDecoder: frames that are all alike."""

from __future__ import annotations

import pytest

from protocols.codecs.errors import LocalViolation
from protocols.codecs.fixed_size import FixedSizeDecoder, encode_fixed_size
from tests.protocols.codecs.cuts import all_of


def test_frames_of_one_size_follow_each_other() -> None:
    decoder = FixedSizeDecoder(3)
    decoder.feed(b"abcdefgh")
    assert all_of(decoder) == [b"abc", b"def"]
    assert decoder.unread == b"gh"
    decoder.feed(b"i")
    assert all_of(decoder) == [b"ghi"]


@pytest.mark.parametrize("frame", [b"", b"ab", b"abcd", b"abcdef"])
def test_a_frame_of_another_size_is_a_local_violation(frame: bytes) -> None:
    assert encode_fixed_size(b"abc", 3) == b"abc"
    with pytest.raises(LocalViolation, match="each has to have 3"):
        encode_fixed_size(frame, 3)


def test_a_size_below_one_cannot_be_encoded_either() -> None:
    with pytest.raises(ValueError, match="frame_size is 0"):
        encode_fixed_size(b"", 0)
