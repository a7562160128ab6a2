"""FrameDecoder: what the codecs of frames have in common whose size is known before their end.

A frame is a piece of the stream that was sent as one. The head of a frame says how long it is, by
digits, by a number of some bytes, or it has no head and all are alike. So the head is measured
once, and then there is nothing to look at before the last byte has come: a frame that comes in a
million pieces is copied as often as one that comes in one piece.

    head | payload | tail         the head may be given out with the payload; all of it stays
    0    start     end            unread until the tail has been seen
"""

from typing import Final

from protocols.codecs.decoder import Decoder
from protocols.codecs.errors import RemoteViolation, TooLong

FRAME_LIMIT: Final = 1 << 20  # bytes; a message, not a file. A peer costs this much memory at most


class FrameDecoder(Decoder):
    """Cuts bytes into frames that say how long they are.

    What it keeps is at most what it was fed since `take` last gave None, and one unfinished frame.
    A subclass has `_measure`, which reads the head.

    Args:
        tail: the bytes that have to follow each frame.

    Thread: any, one at a time. Calls back: never. Source: the default limits (frame 1 MiB).
    """

    __slots__ = ("_end", "_measured", "_start", "_tail")

    def __init__(self, tail: bytes = b"") -> None:
        super().__init__()
        self._tail = tail
        self._measured = False  # whether the next two are those of the frame in front
        self._start = 0  # where in the buffer the frame begins, and where it ends
        self._end = 0

    def _take(self) -> bytes | None:
        if not self._measured:
            self._measured = self._measure()
        full_size = self._end + len(self._tail)
        if not self._measured or len(self._buffer) < full_size:
            return None
        if self._tail and not self._buffer.startswith(self._tail, self._end):
            found = bytes(self._buffer[self._end : full_size])
            raise MalformedFrame(f"{found!r} follows a frame, where {self._tail!r} has to")
        frame = bytes(self._buffer[self._start : self._end])
        del self._buffer[:full_size]
        self._measured = False
        return frame

    def _measure(self) -> bool:
        """Set start and end of the frame in front, and tell whether its head was there to do so."""
        raise NotImplementedError

    def _forget(self) -> None:
        self._measured = False


class FrameTooLong(TooLong):
    """The peer sent or announced more bytes than a frame may have."""

    identifier = "frame-limit"
    thing = "frame"


class MalformedFrame(RemoteViolation):
    """The peer sent what is no frame: there is no telling where the next one would begin."""

    identifier = "malformed-frame"


def checked_limit(frame_limit: int) -> int:
    """Return a limit that is one.

    Raises:
        ValueError: it is below one.
    """
    if frame_limit < 1:
        raise ValueError(f"frame_limit is {frame_limit}: it must be at least 1 byte")
    return frame_limit
