"""LineDecoder: the same lines however the bytes were cut, and limits that hold at the border."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codecs.errors import LocalViolation, RemoteViolation
from protocols.codecs.line import LINE_LIMIT, LineDecoder, LineTooLong, encode_line
from tests.protocols.codecs.cuts import PLACES, Event, all_of, cut, singly


def obey(decoder: LineDecoder, line: bytes) -> None:
    """Let the lines say what follows: `rawN` N raw bytes, `raw` all of them."""
    if line.startswith(b"raw"):
        decoder.set_raw(int(line[3:]) if line[3:].isdigit() else None)


def events_of(decoder: LineDecoder, pieces: list[bytes]) -> list[Event]:
    """Feed the pieces and note what comes out; raw pieces that touch are one."""
    events: list[Event] = []
    for piece in pieces:
        decoder.feed(piece)
        for kind, data in taken(decoder):
            if kind == "raw" and events and events[-1][0] == "raw":
                events[-1] = ("raw", events[-1][1] + data)
            else:
                events.append((kind, data))
    events.append(("unread", decoder.unread))
    return events


def taken(decoder: LineDecoder) -> Iterator[Event]:
    while True:
        kind = "raw" if decoder.raw else "line"
        try:
            data = decoder.take()
        except LineTooLong as error:
            yield "too long", str(error.limit).encode()
            decoder.discard_line()
            continue
        if data is None:
            return
        yield kind, data
        if kind == "line":
            obey(decoder, data)


words = st.sampled_from(
    [b"a", b"bc", b"\r", b"\n", b"\r\n", b";", b"--", b"-", b"raw3", b"raw", b"raw0", b"x" * 9]
)


@given(
    words=st.lists(words, max_size=30),
    places=PLACES,
    delimiter=st.sampled_from([b"\n", b"\r\n", b"--", b"-;-"]),
    limit=st.sampled_from([1, 3, 8, 50]),
    strip=st.booleans(),
)
def test_any_cut_of_the_bytes_gives_the_same_events(
    words: list[bytes], places: list[int], delimiter: bytes, limit: int, strip: bool
) -> None:
    data = b"".join(words)

    def run(pieces: list[bytes]) -> list[Event]:
        return events_of(LineDecoder(delimiter, line_limit=limit, strip_return=strip), pieces)

    assert run(singly(data)) == run([data]) == run(cut(data, places))


@given(lines=st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)))
def test_what_is_encoded_is_decoded(lines: list[bytes]) -> None:
    decoder = LineDecoder()
    decoder.feed(b"".join(encode_line(line) for line in lines))
    assert all_of(decoder) == lines
    assert decoder.unread == b""


def test_lines_come_without_their_delimiter_and_may_be_empty() -> None:
    decoder = LineDecoder()
    decoder.feed(b"one\n\ntwo\r\nthr")
    assert all_of(decoder) == [b"one", b"", b"two\r"]
    assert decoder.unread == b"thr"
    decoder.feed(b"ee\n4\n")
    assert all_of(decoder) == [b"three", b"4"]


def test_one_return_is_stripped_where_that_is_asked_for() -> None:
    decoder = LineDecoder(strip_return=True)
    decoder.feed(b"one\r\ntwo\n\r\nthree\r\r\nfo\rur\n")
    assert all_of(decoder) == [b"one", b"two", b"", b"three\r", b"fo\rur"]


@pytest.mark.parametrize("pieces", [lambda data: [data], singly], ids=["whole", "singly"])
@pytest.mark.parametrize(
    ("line", "strip", "fits"),
    [
        (b"12345", False, True),
        (b"123456", False, False),
        (b"1234\r", False, True),
        (b"12345\r", False, False),
        (b"12345\r", True, True),
        (b"123456", True, False),
        (b"123456\r", True, False),
        (b"12345\r\r", True, False),
    ],
)
def test_the_limit_holds_exactly_at_its_border(
    pieces: Callable[[bytes], list[bytes]], line: bytes, strip: bool, fits: bool
) -> None:
    decoder = LineDecoder(line_limit=5, strip_return=strip)
    events = events_of(decoder, pieces(line + b"\nok\n"))
    first = ("line", line.removesuffix(b"\r") if strip else line) if fits else ("too long", b"5")
    assert events == [first, ("line", b"ok"), ("unread", b"")]


def test_the_limit_is_16_kib_unless_another_is_given() -> None:
    assert LINE_LIMIT == 16384
    decoder = LineDecoder()
    decoder.feed(b"x" * 16384 + b"\n" + b"y" * 16385)
    assert decoder.take() == b"x" * 16384
    with pytest.raises(LineTooLong, match="16385 bytes or more, where 16384 are allowed") as caught:
        decoder.take()
    assert (caught.value.limit, caught.value.seen) == (16384, 16385)
    assert isinstance(caught.value, RemoteViolation)
    assert isinstance(caught.value, ValueError)


def test_a_delimiter_of_two_bytes_may_stand_across_the_limit() -> None:
    decoder = LineDecoder(b"\r\n", line_limit=3)
    decoder.feed(b"abc\r")
    assert decoder.take() is None
    decoder.feed(b"\n")
    assert decoder.take() == b"abc"
    decoder.feed(b"abc\rd")
    with pytest.raises(LineTooLong):
        decoder.take()


def test_lines_before_the_one_that_is_too_long_are_given_first() -> None:
    decoder = LineDecoder(line_limit=3)
    decoder.feed(b"a\nb\ntoo long\nc\n")
    assert [decoder.take(), decoder.take()] == [b"a", b"b"]
    with pytest.raises(LineTooLong) as caught:
        decoder.take()
    assert caught.value.seen == len("too long")  # not what follows in the same piece


def test_a_refused_line_stays_refused_until_it_is_discarded() -> None:
    decoder = LineDecoder(line_limit=3)
    decoder.feed(b"too long")
    for _ in range(2):
        with pytest.raises(LineTooLong):
            decoder.take()
    with pytest.raises(LineTooLong):
        decoder.feed(b"more")
    with pytest.raises(LocalViolation, match="REFUSED to RAW"):
        decoder.set_raw()
    decoder.discard_line()
    decoder.feed(b" still\nok\n")
    assert all_of(decoder) == [b"ok"]


def test_only_a_refused_line_can_be_discarded() -> None:
    with pytest.raises(LocalViolation, match="LINES to DISCARDING"):
        LineDecoder().discard_line()


def test_discarding_keeps_no_more_than_a_piece_of_a_delimiter() -> None:
    decoder = LineDecoder(b"\r\n", line_limit=3)
    decoder.feed(b"too long")
    with pytest.raises(LineTooLong):
        decoder.take()
    decoder.discard_line()
    for _ in range(50):
        decoder.feed(b"x" * 1000 + b"\r")
        assert decoder.take() is None
        assert decoder.unread == b"\r"
    decoder.feed(b"\nok\r\n")
    assert decoder.take() == b"ok"


def test_raw_bytes_of_a_given_number_then_lines_again() -> None:
    decoder = LineDecoder()
    decoder.feed(b"length 6\na\nb\nc\nnext\n")
    assert decoder.take() == b"length 6"
    decoder.set_raw(6)
    assert (decoder.raw, decoder.take()) == (True, b"a\nb\nc\n")
    assert (decoder.raw, decoder.take()) == (False, b"next")


def test_raw_mode_of_no_bytes_is_line_mode() -> None:
    decoder = LineDecoder()
    decoder.set_raw(0)
    decoder.feed(b"line\n")
    assert not decoder.raw
    assert decoder.take() == b"line"


def test_raw_mode_without_a_number_lasts_until_lines_are_asked_for() -> None:
    decoder = LineDecoder(line_limit=4)
    decoder.set_raw()
    decoder.feed(b"any\nthing, and longer than a line\n")
    assert decoder.take() == b"any\nthing, and longer than a line\n"
    assert decoder.take() is None
    decoder.feed(b"body|fir")
    body, _, extra = (decoder.take() or b"").partition(b"|")
    decoder.set_line(extra)
    decoder.feed(b"s\nto\n")
    assert (body, all_of(decoder)) == (b"body", [b"firs", b"to"])


def test_extra_bytes_come_before_those_that_were_not_taken() -> None:
    decoder = LineDecoder()
    decoder.feed(b"\nthird\n")
    decoder.set_raw(1)
    decoder.set_line(b"first\nsecond")
    assert all_of(decoder) == [b"first", b"second", b"third"]


def test_release_gives_everything_that_was_not_taken_once() -> None:
    decoder = LineDecoder()
    decoder.feed(b"STARTTLS\n\x16\x03\x01")
    assert decoder.take() == b"STARTTLS"
    assert decoder.take() is None
    assert decoder.release() == b"\x16\x03\x01"
    assert decoder.release() == b""
    decoder.feed(b"x\n")
    assert decoder.take() == b"x"


def test_single_bytes_cost_no_more_than_their_number() -> None:
    """No byte is looked at twice for the delimiter: the buffer's `find` is asked where from."""

    class Counting(bytearray):
        searched = 0

        def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
            Counting.searched += len(self) - start
            return super().find(sub, start, end)

    decoder = LineDecoder(b"\r\n")
    decoder._buffer = Counting()
    for piece in singly(b"x" * 10_000):
        decoder.feed(piece)
        assert decoder.take() is None
    assert Counting.searched < 3 * 10_000


def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="delimiter is empty"):
        LineDecoder(b"")
    with pytest.raises(ValueError, match="line_limit is 0"):
        LineDecoder(line_limit=0)
    with pytest.raises(ValueError, match="size is -1"):
        LineDecoder().set_raw(-1)


@pytest.mark.parametrize(("line", "delimiter"), [(b"a\nb", b"\n"), (b"a-", b"--"), (b"\n", b"\n")])
def test_a_line_with_its_delimiter_inside_is_a_local_violation(
    line: bytes, delimiter: bytes
) -> None:
    with pytest.raises(LocalViolation, match="send two lines"):
        encode_line(line, delimiter)


def test_its_repr_tells_the_phase_and_what_waits() -> None:
    decoder = LineDecoder()
    decoder.feed(b"abc")
    assert repr(decoder) == "<LineDecoder LINES, 3 bytes unread>"
