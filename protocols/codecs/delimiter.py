r"""DelimiterDecoder: frames that end with a delimiter, or with one of several.

It is for messages; for lines of text, with raw bytes in between, there is `codecs/line.py`.

Where the bytes were cut must not matter, so the delimiter that is complete first ends the frame,
and of two that end with the same byte the longer one does: `\r\n`, not `\n`. For delimiters of
which none has another one inside, except at its end, that is the match that begins first, and so
one search for all of them finds it. A delimiter that has one inside could never be seen whole.
"""

import re

from protocols.codecs.decoder import Decoder
from protocols.codecs.errors import LocalViolation
from protocols.codecs.frame import FRAME_LIMIT, FrameTooLong, checked_limit


class DelimiterDecoder(Decoder):
    """Cuts bytes into frames by what stands between them.

    What it keeps is at most what it was fed since `take` last gave None, and one unfinished frame.
    No byte is searched twice for a delimiter that has not come.

    Args:
        delimiters: what ends a frame; if there are several, any of them does.
        keep_delimiter: give a frame out with the delimiter that has ended it; default False.
        frame_limit: the longest frame in bytes, without the delimiter; default 1 MiB.

    Raises:
        ValueError: there is no delimiter, an empty one, one that has another one inside, or the
            limit is below one.

    Thread: any, one at a time. Calls back: never. Source: the default limits (frame 1 MiB).
    """

    __slots__ = ("_frame_limit", "_keep_delimiter", "_longest", "_pattern", "_searched")

    def __init__(
        self,
        *delimiters: bytes,
        keep_delimiter: bool = False,
        frame_limit: int = FRAME_LIMIT,
    ) -> None:
        super().__init__()
        check_delimiters(delimiters)
        self._pattern = re.compile(b"|".join(re.escape(one) for one in delimiters))
        self._longest = max(len(one) for one in delimiters)
        self._keep_delimiter = keep_delimiter
        self._frame_limit = checked_limit(frame_limit)
        self._searched = 0  # where in the buffer a delimiter can still begin

    def _take(self) -> bytes | None:
        found = self._pattern.search(self._buffer, self._searched)
        # Where the frame ends; or where it can end at the earliest.
        end = found.start() if found else max(0, len(self._buffer) - self._longest + 1)
        if end > self._frame_limit:
            raise FrameTooLong(self._frame_limit, self._frame_limit + 1)
        if found is None:
            self._searched = end
            return None
        frame = bytes(self._buffer[: found.end() if self._keep_delimiter else end])
        del self._buffer[: found.end()]
        self._searched = 0
        return frame

    def _forget(self) -> None:
        self._searched = 0


def encode_delimited(frame: bytes, delimiter: bytes, *others: bytes) -> bytes:
    """Make the bytes that a `DelimiterDecoder` at the other end takes for this one frame.

    Args:
        frame: any bytes in which no delimiter is.
        delimiter: the one to end the frame with.
        others: those that would end a frame at the other end as well.

    Raises:
        LocalViolation: a delimiter is inside the frame; the peer would see two frames.
        ValueError: a delimiter is empty, or has another one inside.

    Thread: any. Calls back: never. Source: the codec chapter.
    """
    delimiters = (delimiter, *others)
    check_delimiters(delimiters)
    encoded = frame + delimiter
    for one in delimiters:
        # Looked for in the whole: the end of a frame and its delimiter can make an earlier one.
        if 0 <= encoded.find(one) < len(frame):
            raise LocalViolation(f"the frame has the delimiter {one!r} inside: send two frames")
    return encoded


def check_delimiters(delimiters: tuple[bytes, ...]) -> None:
    """See whether a stream can be cut by them.

    Raises:
        ValueError: it cannot; or some of them would never be seen.
    """
    if not delimiters or not all(delimiters):
        raise ValueError("there is no delimiter, or it is empty: no frame would ever end")
    for one in delimiters:
        for other in delimiters:
            if other in one[:-1]:
                raise ValueError(f"delimiter {one!r} has {other!r} inside: it would never be seen")
