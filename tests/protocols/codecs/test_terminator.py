"""TerminatorDecoder: data up to a terminator that may change, as asynchat has given it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.codecs.errors import LocalViolation, RemoteViolation
from protocols.codecs.frame import FRAME_LIMIT, FrameTooLong
from protocols.codecs.terminator import Terminator, TerminatorDecoder
from tests.protocols.codecs.cuts import PLACES, cut, singly

TERMINATORS: Final = st.sampled_from([b"a", b"ab", b"aab", b"\r\n", b"abab", b"", None, 0, 1, 2, 7])
DATA: Final = st.lists(st.sampled_from([b"a", b"b", b"ab", b"\r", b"\r\n", b"x"]), max_size=40)

Message = tuple[bytes, bool]  # the data, and whether its terminator was found


class Script:
    """What both decoders do with the same terminators: the next one is set where one was found.

    With `early` it is set as soon as there is any data: it counts for the next message then, if
    the terminator of this one is there already.
    """

    def __init__(self, terminators: list[Terminator], *, early: bool = False) -> None:
        self.terminators = iter(terminators)
        self.early = early
        self.messages = list[Message]()
        self.data = b""

    def collect(self, data: bytes) -> Iterator[Terminator]:
        assert data, "data is never empty"
        self.data += data
        if self.early:
            yield from self.change()

    def found(self) -> Iterator[Terminator]:
        self.messages.append((self.data, True))
        self.data = b""
        if not self.early:
            yield from self.change()

    def change(self) -> Iterator[Terminator]:
        for terminator in self.terminators:
            yield terminator
            break


def ours(first: Terminator, script: Script, pieces: list[bytes], **options: int) -> list[Message]:
    """Return the messages, and at the end the data that has no terminator yet, and the rest."""
    decoder = TerminatorDecoder(first, **options)
    for piece in pieces:
        try:
            decoder.feed(piece)
            while (data := decoder.take()) is not None:
                for terminator in script.collect(data) if data else script.found():
                    decoder.set_terminator(terminator)
        except RemoteViolation as violation:
            return [*script.messages, (script.data, False), (str(violation).encode(), False)]
    return [*script.messages, (script.data, False), (decoder.unread, False)]


def theirs(asynchat: Any, first: Terminator, script: Script, pieces: list[bytes]) -> list[Message]:
    """The same, of asynchat."""

    class Chat(asynchat.async_chat):  # type: ignore[misc]  # a class of Any
        def recv(self, size: int) -> bytes:
            return arriving.pop()

        def collect_incoming_data(self, data: bytes) -> None:
            for terminator in script.collect(data):
                self.set_terminator(terminator)

        def found_terminator(self) -> None:
            for terminator in script.found():
                self.set_terminator(terminator)

    arriving = pieces[::-1]
    chat = Chat()
    chat.set_terminator(first)
    while arriving:
        chat.handle_read()
    return [*script.messages, (script.data, False), (chat.ac_in_buffer, False)]


@pytest.fixture(scope="module")
def asynchat() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return pytest.importorskip("asynchat", reason="gone since Python 3.12")


@pytest.mark.slow
@settings(max_examples=300)
@given(first=TERMINATORS, others=st.lists(TERMINATORS, max_size=12), words=DATA, places=PLACES)
def test_it_finds_what_asynchat_finds(
    asynchat: Any,
    first: Terminator,
    others: list[Terminator],
    words: list[bytes],
    places: list[int],
) -> None:
    data = b"".join(words)
    for pieces in ([data], singly(data), cut(data, places)):
        messages = ours(first, Script(others), pieces)
        assert messages == theirs(asynchat, first, Script(others), pieces)


@pytest.mark.slow
@settings(max_examples=300)
@given(words=DATA, others=st.lists(st.sampled_from([b"a", b"ab", b"\r\n", b"x"]), max_size=12))
def test_what_is_changed_with_the_data_comes_after_the_terminator_that_was_found(
    asynchat: Any, words: list[bytes], others: list[Terminator]
) -> None:
    pieces = [b"".join(words) + b"#"]  # no terminator begins at the end, and nothing is held back
    messages = ours(b"ab", Script(others, early=True), pieces)
    assert messages == theirs(asynchat, b"ab", Script(others, early=True), pieces)


@settings(max_examples=50)
@given(
    first=TERMINATORS,
    others=st.lists(TERMINATORS, max_size=12),
    words=DATA,
    places=PLACES,
    limit=st.sampled_from([7, 9, 30]),
)
def test_any_cut_of_the_bytes_gives_the_same_messages(
    first: Terminator, others: list[Terminator], words: list[bytes], places: list[int], limit: int
) -> None:
    data = b"".join(words)

    def run(pieces: list[bytes]) -> list[Message]:
        return ours(first, Script(others), pieces, frame_limit=limit)

    whole = run([data])
    assert run(singly(data)) == whole
    assert run(cut(data, places)) == whole


def test_data_comes_out_as_it_comes_in_and_an_empty_piece_is_the_terminator() -> None:
    decoder = TerminatorDecoder(b"\r\n")
    decoder.feed(b"abc")
    assert (decoder.take(), decoder.take()) == (b"abc", None)
    decoder.feed(b"de\r")
    assert (decoder.take(), decoder.take(), decoder.unread) == (b"de", None, b"\r")
    decoder.feed(b"\n\r\nwor")
    assert [decoder.take() for _ in range(4)] == [b"", b"", b"wor", None]
    assert decoder.terminator == b"\r\n"


def test_a_number_counts_down_and_is_nothing_then() -> None:
    decoder = TerminatorDecoder(5)
    decoder.feed(b"abc")
    assert (decoder.take(), decoder.terminator) == (b"abc", 2)
    decoder.feed(b"de world")
    assert (decoder.take(), decoder.take(), decoder.terminator) == (b"de", b"", 0)
    assert (decoder.take(), decoder.take()) == (b" world", None)


@pytest.mark.parametrize("nothing", [None, 0, b""])
def test_without_a_terminator_all_is_data_and_has_no_limit(nothing: Terminator) -> None:
    decoder = TerminatorDecoder(nothing, frame_limit=3)
    for _ in range(10):
        decoder.feed(b"data\n")
        assert (decoder.take(), decoder.take(), decoder.unread) == (b"data\n", None, b"")
    decoder.set_terminator(b"\n")  # from here on there is one
    decoder.feed(b"abc\n")
    assert (decoder.take(), decoder.take()) == (b"abc", b"")


def test_bytes_go_over_to_the_next_terminator_and_to_somebody_else() -> None:
    decoder = TerminatorDecoder(b"\n")
    decoder.feed(b"4\nbody\nSTARTTLS\n\x16\x03")
    assert (decoder.take(), decoder.unread) == (b"4", b"\nbody\nSTARTTLS\n\x16\x03")
    assert decoder.take() == b""
    decoder.set_terminator(4)
    assert (decoder.take(), decoder.take()) == (b"body", b"")
    decoder.set_terminator(b"\n")
    assert [decoder.take() for _ in range(3)] == [b"", b"STARTTLS", b""]
    assert (decoder.release(), decoder.release()) == (b"\x16\x03", b"")


def test_a_terminator_that_was_found_and_given_away_is_forgotten() -> None:
    decoder = TerminatorDecoder(b"\n")
    decoder.feed(b"line\nmore")
    assert decoder.take() == b"line"
    assert decoder.release() == b"\nmore"  # nobody was told of the terminator, so it is here
    decoder.feed(b"next")
    assert decoder.take() == b"next"


@pytest.mark.parametrize("pieces", [lambda data: [data], singly], ids=["whole", "singly"])
def test_the_limit_holds_exactly_at_its_border(pieces: Any) -> None:
    fits = ours(b"\r\n", Script([]), pieces(b"abc\r\n123\r\nab\r"), frame_limit=3)
    assert fits == [(b"abc", True), (b"123", True), (b"ab", False), (b"\r", False)]
    for more in (b"d\r\n", b"\rd", b"d"):
        *_, data, refusal = ours(b"\r\n", Script([]), pieces(b"1\r\nabc" + more), frame_limit=3)
        assert data == (b"abc", False)
        assert b"a frame of 4 bytes or more, where 3 are allowed" in refusal[0]


def test_the_limit_is_that_of_frames_unless_another_is_given() -> None:
    decoder = TerminatorDecoder(b"\n")
    decoder.feed(b"x" * (FRAME_LIMIT + 1))
    assert len(decoder.take() or b"") == FRAME_LIMIT
    for _ in range(2):
        with pytest.raises(FrameTooLong):
            decoder.take()
    with pytest.raises(FrameTooLong):
        decoder.feed(b"\n")


def test_what_can_be_no_terminator_is_refused_and_changes_nothing() -> None:
    decoder = TerminatorDecoder(b"\n", frame_limit=10)
    with pytest.raises(TypeError):
        decoder.set_terminator("\n")  # type: ignore[arg-type]  # as old programs do
    with pytest.raises(ValueError, match="terminator is -1"):
        decoder.set_terminator(-1)
    with pytest.raises(LocalViolation, match="terminator is 11, where frame_limit is 10"):
        decoder.set_terminator(11)
    assert decoder.terminator == b"\n"
    decoder.set_terminator(10)
    with pytest.raises(ValueError, match="frame_limit is 0"):
        TerminatorDecoder(frame_limit=0)


@pytest.mark.slow
def test_a_message_in_single_bytes_and_many_in_one_piece_cost_their_sum() -> None:
    """If a byte were touched once for every byte or message behind it, this would take minutes."""
    size, count = 1 << 18, 200_000
    decoder = TerminatorDecoder(b"\r\n")
    for data in [*singly(b"x" * size), b"\r"]:
        decoder.feed(data)
        while (taken := decoder.take()) is not None:
            assert taken == b"x"
    decoder.feed(b"\n" + (b"x" * 98 + b"\r\n") * count)
    assert decoder.take() == b""
    for _ in range(count):
        assert (decoder.take(), decoder.take()) == (b"x" * 98, b"")
    assert decoder.take() is None
