"""What holds for all codecs of frames: any cut, both ways, the refusal, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.codecs.decoder import Decoder
from protocols.codecs.delimiter import DelimiterDecoder, encode_delimited
from protocols.codecs.errors import RemoteViolation
from protocols.codecs.fixed_size import FixedSizeDecoder, encode_fixed_size
from protocols.codecs.frame import FRAME_LIMIT, FrameTooLong, MalformedFrame
from protocols.codecs.length_field import LengthFieldDecoder, encode_length_field
from protocols.codecs.netstring import NetstringDecoder, encode_netstring
from tests.protocols.codecs.cuts import PLACES, all_of, cut, events_of, singly

SIZE: Final = 100  # bytes of each frame, where all have to be alike
MIB: Final = 1 << 20
EXAMPLES: Final = 40  # of each codec


@dataclass(frozen=True)
class Codec:
    """A codec as these tests see it: they say what a limit is, and it says how it is given."""

    make: Callable[[int], Decoder]
    encode: Callable[[bytes], bytes]
    too_long: bytes = b""  # where the limit is 10: what is refused
    malformed: bytes = b""  # what is refused for another reason

    def __str__(self) -> str:
        return type(self.make(SIZE)).__name__


def length_field(limit: int, **shape: Any) -> LengthFieldDecoder:
    return LengthFieldDecoder(**shape, frame_limit=limit)


CODECS: Final = {
    "netstring": Codec(
        lambda limit: NetstringDecoder(frame_limit=limit), encode_netstring, b"11", b"2:abc"
    ),
    "8 bits": Codec(
        lambda limit: length_field(limit, field_size=1),
        lambda frame: encode_length_field(frame, 1),
        b"\x0b",
    ),
    "32 bits": Codec(length_field, encode_length_field, b"\0\0\0\x0b"),
    "in the middle": Codec(
        lambda limit: length_field(
            limit, field_size=2, byte_order="little", field_offset=1, adjustment=-3
        ),
        lambda frame: encode_length_field(frame, 2, byte_order="little", adjustment=-3, head=b"!"),
        b"!\x0e\0",
        b"!\x02\0",
    ),
    "fixed size": Codec(FixedSizeDecoder, lambda frame: encode_fixed_size(frame, SIZE)),
    "delimiter": Codec(
        lambda limit: DelimiterDecoder(b"\0", frame_limit=limit),
        lambda frame: encode_delimited(frame, b"\0"),
        b"x" * 11,
    ),
    "delimiters": Codec(
        lambda limit: DelimiterDecoder(b"\r\n", b"\n", frame_limit=limit),
        lambda frame: encode_delimited(frame, b"\r\n", b"\n"),
        b"x" * 12,
    ),
}
REFUSED: Final = [
    (name, data)
    for name, codec in CODECS.items()
    for data in (codec.too_long, codec.malformed)
    if data
]
codecs = pytest.mark.parametrize("name", CODECS)
words = st.one_of(
    st.sampled_from([b"\0", b"\r", b"\n", b"\r\n", b"!", b":", b",", b"0", b"1", b"5:hello,"]),
    st.sampled_from([b"\x01a", b"\x02ab", b"\0\0\0\x01a", b"!\x04\0a", b"x" * 9]),
    st.binary(max_size=4),
)


@codecs
@settings(max_examples=EXAMPLES)
@given(words=st.lists(words, max_size=20), places=PLACES, limit=st.sampled_from([1, 3, 8, 50]))
def test_any_cut_of_the_bytes_gives_the_same_events(
    name: str, words: list[bytes], places: list[int], limit: int
) -> None:
    make, data = CODECS[name].make, b"".join(words)
    whole = events_of(make(limit), [data])
    assert events_of(make(limit), singly(data)) == whole
    assert events_of(make(limit), cut(data, places)) == whole


@codecs
@settings(max_examples=EXAMPLES)
@given(data=st.data(), places=PLACES)
def test_what_is_encoded_is_decoded(name: str, data: st.DataObject, places: list[int]) -> None:
    codec = CODECS[name]
    smallest = SIZE if name == "fixed size" else 0
    payloads = st.binary(min_size=smallest, max_size=SIZE).map(
        lambda payload: payload.translate(None, b"\0\n" if name.startswith("delimiter") else b"")
    )
    frames = data.draw(st.lists(payloads.filter(lambda payload: payload[-1:] != b"\r")))
    sent = b"".join(map(codec.encode, frames))
    assert events_of(codec.make(SIZE), cut(sent, places)) == [
        *(("frame", frame) for frame in frames),
        ("unread", b""),
    ]


@codecs
def test_what_is_not_taken_is_given_up_as_it_was_sent(name: str) -> None:
    codec = CODECS[name]
    decoder, sent = codec.make(SIZE), codec.encode(b"x" * SIZE)
    for data in singly(sent + sent[:-1]):
        decoder.feed(data)
        all_of(decoder)
    assert decoder.unread == sent[:-1]
    assert (decoder.release(), decoder.release(), decoder.unread) == (sent[:-1], b"", b"")
    short = b"x" * SIZE if name == "fixed size" else b"short"
    decoder.feed(codec.encode(short))  # and nothing is remembered of what has gone
    assert all_of(decoder) == [short]


@pytest.mark.parametrize(("name", "data"), REFUSED)
def test_a_violation_comes_after_the_frames_before_it_and_stays(name: str, data: bytes) -> None:
    codec = CODECS[name]
    decoder = codec.make(10)
    decoder.feed(codec.encode(b"first") + data)
    assert (decoder.take(), decoder.refused) == (b"first", False)
    kind = FrameTooLong if data == codec.too_long else MalformedFrame
    for call in (decoder.take, decoder.take, lambda: decoder.feed(b"more")):
        with pytest.raises(kind) as caught:
            call()
        assert isinstance(caught.value, RemoteViolation)
        assert decoder.refused
    assert decoder.release() == data  # it can be looked at, or be for another codec
    with pytest.raises(kind):
        decoder.feed(codec.encode(b"second"))


@pytest.mark.parametrize("name", [name for name in CODECS if CODECS[name].too_long])
def test_a_frame_over_the_limit_is_refused_before_its_bytes_are_kept(name: str) -> None:
    decoder = CODECS[name].make(10)
    for data in singly(CODECS[name].too_long):
        assert decoder.take() is None
        decoder.feed(data)
    with pytest.raises(FrameTooLong, match="11 bytes or more, where 10 are allowed") as caught:
        decoder.take()
    assert (caught.value.limit, caught.value.seen) == (10, 11)
    assert caught.value.identifier == "frame-limit"
    assert len(decoder.unread) <= 13


@pytest.mark.parametrize(
    ("decoder", "longest", "longer"),
    [
        (NetstringDecoder(), b"1048576:%b,", b"1048577"),
        (LengthFieldDecoder(), b"\0\x10\0\0%b", b"\0\x10\0\1"),
        (DelimiterDecoder(b"\0"), b"%b\0", b"x" * (MIB + 1)),
    ],
    ids=["netstring", "length field", "delimiter"],
)
def test_the_limit_is_1_mib_unless_another_is_given(
    decoder: Decoder, longest: bytes, longer: bytes
) -> None:
    assert FRAME_LIMIT == MIB
    decoder.feed(longest % (b"x" * MIB) + longer)
    assert decoder.take() == b"x" * MIB
    with pytest.raises(FrameTooLong, match="1048577 bytes or more"):
        decoder.take()


@pytest.mark.parametrize("make", [codec.make for codec in CODECS.values()])
def test_a_limit_below_one_is_refused(make: Callable[[int], Decoder]) -> None:
    with pytest.raises(ValueError, match=r"(frame_limit|frame_size) is 0: it must be at least 1"):
        make(0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in CODECS if name not in ("8 bits", "in the middle")]
)
def test_a_frame_of_1_mib_in_single_bytes_costs_their_number(name: str) -> None:
    """If a byte were touched once for every byte that follows it, this would take minutes."""
    codec = CODECS[name]
    decoder = FixedSizeDecoder(MIB) if name == "fixed size" else codec.make(MIB)
    sent = b"x" * MIB if name == "fixed size" else codec.encode(b"x" * MIB)
    feed, take = decoder.feed, decoder.take
    for data in singly(sent[:-1]):
        feed(data)
        assert take() is None
    feed(sent[-1:])
    assert take() == b"x" * MIB


@pytest.mark.slow
@codecs
def test_a_hundred_thousand_frames_in_one_piece_cost_their_sum(name: str) -> None:
    """If taking one moved those behind it, ten megabytes at most, this would take minutes."""
    codec = CODECS[name]
    decoder = codec.make(SIZE)
    decoder.feed(codec.encode(b"x" * SIZE) * 100_000)
    assert all_of(decoder) == [b"x" * SIZE] * 100_000


def test_its_repr_tells_what_waits_and_whether_it_goes_on() -> None:
    decoder = NetstringDecoder()
    decoder.feed(b"3:ab")
    assert (decoder.take(), repr(decoder)) == (None, "<NetstringDecoder, 4 bytes unread>")
    decoder.feed(b"c;")
    with pytest.raises(MalformedFrame):
        decoder.take()
    assert repr(decoder) == "<NetstringDecoder REFUSED, 6 bytes unread>"
