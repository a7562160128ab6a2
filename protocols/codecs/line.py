"""LineDecoder: bytes cut into lines, with raw bytes between them where somebody asks for that.

It does no I/O. `feed` gives it bytes in any pieces, `take` gives the next line or raw piece. The
class that people subclass is `protocols.line.LineProtocol`; this one is its only machinery.
"""

import enum
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from protocols.codecs.decoder import Decoder
from protocols.codecs.errors import LocalViolation, TooLong

LINE_LIMIT: Final = 16384  # bytes; longer than any line of SMTP, IMAP, HTTP or IRC should be
ENDLESS: Final = sys.maxsize  # bytes; more than can ever arrive, so "all" needs no case of its own
RETURN: Final = b"\r"


class Phase(enum.IntEnum):
    """What the next bytes are taken for."""

    LINES, RAW, REFUSED, DISCARDING = range(4)


MOVES: Final = {
    Phase.LINES: {Phase.LINES, Phase.RAW, Phase.REFUSED},
    Phase.RAW: {Phase.RAW, Phase.LINES},
    Phase.REFUSED: {Phase.DISCARDING},  # a line was too long; only `discard_line` leads on
    Phase.DISCARDING: {Phase.LINES},  # up to the end of that line
}


class LineDecoder(Decoder):
    """Cuts bytes into lines.

    `take` gives the next line without its delimiter, which may be empty; or in raw mode what there
    is of raw bytes, never empty (`raw`, asked before, tells which). A line over the limit, finished
    or not, is a `LineTooLong`, again each time until `discard_line` is called.

    What it keeps is at most what it was fed since `take` last gave None, and one unfinished line.
    No byte is searched twice for a delimiter that has not come.

    Args:
        delimiter: the bytes that end a line, at least one; they are not part of the line.
        line_limit: the longest line in bytes, as it is given out; default 16 KiB.
        strip_return: take one carriage return off the end of each line, so that telnet's line
            ends and plain ones are both welcome; default False.

    Raises:
        ValueError: the delimiter is empty, or the limit below one.

    Thread: any, one at a time. Calls back: never. Source: the default limits (line 16 KiB).
    """

    __slots__ = (
        "_delimiter",
        "_line_limit",
        "_phase",
        "_raw_left",
        "_searched",
        "_strip_return",
    )

    def __init__(
        self,
        delimiter: bytes = b"\n",
        *,
        line_limit: int = LINE_LIMIT,
        strip_return: bool = False,
    ) -> None:
        if not delimiter:
            raise ValueError("delimiter is empty: without one no line ever ends")
        if line_limit < 1:
            raise ValueError(f"line_limit is {line_limit}: it must be at least 1 byte")
        super().__init__()
        self._delimiter = bytes(delimiter)
        self._line_limit = line_limit
        self._strip_return = strip_return
        self._phase = Phase.LINES
        self._raw_left = 0  # bytes until lines come again; only in RAW
        self._searched = 0  # where in the buffer a delimiter can still begin; only in LINES

    @property
    def raw(self) -> bool:
        """Whether the next `take` gives raw bytes. Ask before; a `take` may end the raw mode."""
        return self._phase is Phase.RAW

    def set_raw(self, size: int | None = None) -> None:
        """Take the bytes after the last line as they are, not as lines.

        Args:
            size: lines come again after so many bytes; None, the default: until `set_line`.

        Raises:
            ValueError: the size is negative. LocalViolation: a line is being refused.

        Thread: any, one at a time. Calls back: never. Source: the codec chapter.
        """
        if size is not None and size < 0:
            raise ValueError(f"size is {size}: it must be None, 0 or more")
        self._raw_left = ENDLESS if size is None else size
        self._enter(Phase.RAW if self._raw_left else Phase.LINES)

    def set_line(self, extra: bytes = b"") -> None:
        """Take what follows as lines again.

        Args:
            extra: bytes that a `take` gave as raw and that are the beginning of a line after
                all; they come before what was not taken yet.

        Raises:
            LocalViolation: a line is being refused.

        Thread: any, one at a time. Calls back: never. Source: the codec chapter.
        """
        self._enter(Phase.LINES)
        self._buffer[:0] = extra
        self._searched = 0

    def discard_line(self) -> None:
        """Throw away the line that was too long, up to its delimiter, and go on after it.

        Raises:
            LocalViolation: no line was refused.

        Thread: any, one at a time. Calls back: never. Source: the codec chapter.
        """
        self._enter(Phase.DISCARDING)
        self._violation = None

    def _take(self) -> bytes | None:
        return TAKERS[self._phase](self)

    def _take_line(self) -> bytes | None:
        delimiter_size = len(self._delimiter)
        # A delimiter that does not end by here comes too late, whatever else is in the buffer.
        horizon = self._line_limit + self._strip_return + delimiter_size
        end = self._buffer.find(self._delimiter, self._searched, horizon)
        if end < 0:
            if len(self._buffer) >= horizon:
                self._refuse()
            self._searched = max(0, len(self._buffer) - delimiter_size + 1)
            return None
        line = bytes(self._buffer[:end])
        if self._strip_return:
            line = line.removesuffix(RETURN)
        if len(line) > self._line_limit:
            self._refuse()
        del self._buffer[: end + delimiter_size]
        self._searched = 0
        return line

    def _take_raw(self) -> bytes | None:
        data = bytes(self._buffer[: self._raw_left])
        del self._buffer[: len(data)]
        self._raw_left -= len(data)
        if not self._raw_left:
            self.set_line()
        return data or None

    def _take_discarding(self) -> bytes | None:
        end = self._buffer.find(self._delimiter)
        if end < 0:
            # The last bytes stay: they may be the first ones of a delimiter.
            del self._buffer[: max(0, len(self._buffer) - len(self._delimiter) + 1)]
            return None
        del self._buffer[: end + len(self._delimiter)]
        self.set_line()
        return self._take_line()

    def _refuse(self) -> NoReturn:
        self._enter(Phase.REFUSED)
        end = self._buffer.find(self._delimiter)
        raise LineTooLong(self._line_limit, len(self._buffer) if end < 0 else end)

    def _forget(self) -> None:
        self._searched = 0

    def _enter(self, phase: Phase) -> None:
        if phase not in MOVES[self._phase]:
            raise LocalViolation(f"{self!r} cannot go from {self._phase.name} to {phase.name}")
        self._phase = phase

    def __repr__(self) -> str:
        return f"<LineDecoder {self._phase.name}, {len(self._buffer)} bytes unread>"


TAKERS: Final[dict[Phase, Callable[[LineDecoder], bytes | None]]] = {
    Phase.LINES: LineDecoder._take_line,
    Phase.RAW: LineDecoder._take_raw,
    Phase.DISCARDING: LineDecoder._take_discarding,
}


class LineTooLong(TooLong):
    """The peer sent more bytes than a line may have, whether it has ended or not."""

    identifier = "line-limit"
    thing = "line"


def encode_line(line: bytes, delimiter: bytes = b"\n") -> bytes:
    """Make the bytes that a `LineDecoder` at the other end takes for this one line.

    Args:
        line: any bytes without the delimiter.
        delimiter: what ends a line, the same at both ends.

    Raises:
        LocalViolation: the delimiter is inside the line; the peer would see two lines.

    Thread: any. Calls back: never. Source: the codec chapter.
    """
    encoded = line + delimiter
    # Looked for in the whole: the end of a line and the delimiter can make an earlier delimiter.
    if encoded.find(delimiter) != len(line):
        raise LocalViolation(f"the line has its delimiter {delimiter!r} inside: send two lines")
    return encoded
