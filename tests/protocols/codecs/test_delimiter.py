"""DelimiterDecoder: one delimiter or several, and the same frames however the bytes were cut."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocols.codecs.delimiter import DelimiterDecoder, encode_delimited
from protocols.codecs.errors import LocalViolation
from protocols.codecs.frame import FrameTooLong
from tests.protocols.codecs.cuts import PLACES, Event, all_of, cut, events_of, singly

LETTERS: Final = st.lists(st.sampled_from("abc"), max_size=30).map("".join).map(str.encode)
DELIMITERS: Final = st.lists(
    st.text("abc", min_size=1, max_size=3).map(str.encode), min_size=1, max_size=4
)


@given(
    data=LETTERS, delimiters=DELIMITERS, places=PLACES, limit=st.integers(1, 9), keep=st.booleans()
)
def test_any_cut_gives_the_same_frames_for_any_delimiters(
    data: bytes, delimiters: list[bytes], places: list[int], limit: int, keep: bool
) -> None:
    assume(not any(a in b[:-1] for a in delimiters for b in delimiters))

    def run(pieces: list[bytes]) -> list[Event]:
        decoder = DelimiterDecoder(*delimiters, keep_delimiter=keep, frame_limit=limit)
        return events_of(decoder, pieces)

    whole = run([data])
    assert run(singly(data)) == whole
    assert run(cut(data, places)) == whole


def test_frames_come_without_their_delimiter_and_may_be_empty() -> None:
    decoder = DelimiterDecoder(b"--")
    decoder.feed(b"one----two---thr-")
    assert all_of(decoder) == [b"one", b"", b"two"]
    assert decoder.unread == b"-thr-"


def test_any_of_several_ends_a_frame_and_the_longer_one_if_two_do() -> None:
    decoder = DelimiterDecoder(b"\n", b"\r\n", b";")
    decoder.feed(b"one\r\ntwo;three\nfo\rur\r")
    assert all_of(decoder) == [b"one", b"two", b"three"]
    decoder.feed(b"\n")
    assert all_of(decoder) == [b"fo\rur"]


def test_a_frame_may_keep_what_has_ended_it() -> None:
    decoder = DelimiterDecoder(b"?", b"!", b".\n", keep_delimiter=True, frame_limit=4)
    decoder.feed(b"well?no!!1234.\n12345!")
    assert [decoder.take() for _ in range(4)] == [b"well?", b"no!", b"!", b"1234.\n"]
    with pytest.raises(FrameTooLong):  # the limit counts without it
        decoder.take()


@pytest.mark.parametrize("pieces", [lambda data: [data], singly], ids=["whole", "singly"])
@pytest.mark.parametrize(
    ("sent", "fits"),
    [
        (b"123;", True),
        (b"123\r\n", True),
        (b"1234;", False),
        (b"1234\r\n", False),
        (b"123\r;", False),  # what looked like the longer delimiter was not
    ],
)
def test_the_limit_holds_exactly_at_its_border(pieces: Any, sent: bytes, fits: bool) -> None:
    events = events_of(DelimiterDecoder(b";", b"\r\n", frame_limit=3), pieces(sent))
    assert events[0][0] == ("frame" if fits else "frame-limit")


def test_single_bytes_cost_no_more_than_their_number() -> None:
    """No byte is looked at twice for the delimiters: the search is told where to begin."""

    class Counting:
        def __init__(self, decoder: DelimiterDecoder) -> None:
            self.pattern = decoder._pattern
            self.searched = 0

        def search(self, data: bytearray, start: int) -> Any:
            self.searched += len(data) - start
            return self.pattern.search(data, start)

    decoder = DelimiterDecoder(b"\0", b"\r\n")
    counting: Any = Counting(decoder)
    decoder._pattern = counting
    for data in singly(b"x" * 10_000):
        decoder.feed(data)
        assert decoder.take() is None
    assert counting.searched < 3 * 10_000


@pytest.mark.parametrize(
    ("delimiters", "complaint"),
    [
        ((), "there is no delimiter"),
        ((b"\n", b""), "it is empty"),
        ((b"--;", b"--"), r"b'--;' has b'--' inside: it would never be seen"),
        ((b"a", b"bab"), r"b'bab' has b'a' inside"),
    ],
)
def test_delimiters_that_make_no_sense_are_refused(
    delimiters: tuple[bytes, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        DelimiterDecoder(*delimiters)


def test_delimiters_are_bytes_and_no_pattern() -> None:
    decoder = DelimiterDecoder(b".", b"[a-z]")
    decoder.feed(b"abc.d[a-z]e\n")
    assert (all_of(decoder), decoder.unread) == ([b"abc", b"d"], b"e\n")


@pytest.mark.parametrize(
    ("frame", "delimiters"),
    [
        (b"a\0b", (b"\0",)),
        (b"\0", (b"\0",)),
        (b"a-", (b"--",)),
        (b"a;b", (b"\0", b";")),
        (b"a\r", (b"\n", b"\r\n")),
    ],
)
def test_a_frame_with_a_delimiter_inside_is_a_local_violation(
    frame: bytes, delimiters: tuple[bytes, ...]
) -> None:
    assert encode_delimited(b"a", *delimiters) == b"a" + delimiters[0]
    with pytest.raises(LocalViolation, match="send two frames"):
        encode_delimited(frame, *delimiters)


def test_the_longer_delimiter_does_not_count_as_the_shorter_one_inside() -> None:
    assert encode_delimited(b"line", b"\r\n", b"\n") == b"line\r\n"
    with pytest.raises(ValueError, match="is empty"):
        encode_delimited(b"line", b"")
