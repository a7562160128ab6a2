"""Cuts: the same bytes in other pieces, and what a decoder makes of them."""

from __future__ import annotations

import itertools
from typing import Final

from hypothesis import strategies as st

from protocols.codecs.decoder import Decoder
from protocols.codecs.errors import RemoteViolation

PLACES: Final = st.lists(st.integers(0, 400), max_size=20)  # where to cut, modulo the length

Event = tuple[str, bytes]


def singly(data: bytes) -> list[bytes]:
    """Cut into single bytes."""
    return [data[i : i + 1] for i in range(len(data))]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut at these places."""
    borders = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(borders)]


def all_of(decoder: Decoder) -> list[bytes]:
    """Take what there is."""
    return list(iter(decoder.take, None))


def events_of(decoder: Decoder, pieces: list[bytes]) -> list[Event]:
    """Feed the pieces and note the frames, and at the end the violation or what is unread."""
    events: list[Event] = []
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (frame := decoder.take()) is not None:
                events.append(("frame", frame))
    except RemoteViolation as violation:
        return [*events, (violation.identifier, str(violation).encode())]
    return [*events, ("unread", decoder.unread)]
