"""TerminatorDecoder: data up to a terminator, which may be another one after each message.

The manner is that of asynchat, which left the standard library with Python 3.12: the terminator is
some bytes, or a number of bytes, or nothing, and whoever has found one sets the next. The data
comes out as it comes in, and is not kept until the terminator is there; collecting it is up to the
program. So the decoder holds next to nothing: a piece of a terminator, at most.
"""

from typing import TypeAlias

from protocols.codecs.decoder import Decoder
from protocols.codecs.errors import LocalViolation
from protocols.codecs.frame import FRAME_LIMIT, FrameTooLong, checked_limit

Terminator: TypeAlias = bytes | int | None


class TerminatorDecoder(Decoder):
    """Gives data in pieces, and an empty piece for a terminator.

    `take` gives data, never empty and cut anywhere; or empty bytes: the message ends here, since
    its terminator was found. Too much data without the terminator is a `FrameTooLong`.

    Given the same bytes, and where each terminator was found the same next one, it gives the same
    data between them as asynchat. A terminator that is set while data is given counts behind the
    one that stands there, if that was found already.

    Args:
        terminator: the first one; see `set_terminator`.
        frame_limit: how much data may come before a terminator, in bytes; default 1 MiB. Where
            there is none to come, the data has no limit.

    Raises:
        TypeError, ValueError: it can be no terminator. ValueError: the limit is below one.

    Thread: any, one at a time. Calls back: never. Source: the default limits (frame 1 MiB).
    """

    __slots__ = ("_due", "_frame_limit", "_given", "_terminator")

    def __init__(self, terminator: Terminator = None, *, frame_limit: int = FRAME_LIMIT) -> None:
        super().__init__()
        self._frame_limit = checked_limit(frame_limit)
        self._terminator: Terminator = None
        self._given = 0  # bytes of this message that were given out
        self._due: int | None = None  # the size of the terminator that stands in front, found
        self.set_terminator(terminator)

    @property
    def terminator(self) -> Terminator:
        """What ends this message; of a number, what is left of it."""
        return self._terminator

    def set_terminator(self, terminator: Terminator) -> None:
        """Set what ends the data that was not taken yet, and the messages after it.

        Args:
            terminator: bytes that end a message, and go on to end the next; or the number of bytes
                of one message, after which it is 0; or None, 0 or empty bytes: all is data, up to
                the next call of this.

        Raises:
            TypeError: it is none of these. ValueError: it is a negative number.
            LocalViolation: it is a number above `frame_limit`. Where the number is the peer's, look
                at it before.

        Thread: any, one at a time. Calls back: never. Source: asynchat.
        """
        if isinstance(terminator, int):
            self._check_size(terminator)
        elif terminator is not None:
            terminator = bytes(memoryview(terminator))  # a string raises
        self._terminator = terminator
        self._given = 0

    def _check_size(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"terminator is {size}: it must be bytes, None, 0 or more")
        if size > self._frame_limit:
            raise LocalViolation(
                f"terminator is {size}, where frame_limit is {self._frame_limit}: raise the limit, "
                "or take the bytes as they come, with None"
            )

    def _take(self) -> bytes | None:
        if self._due is not None:
            return self._end()
        if not self._buffer:
            return None
        terminator = self._terminator
        if not terminator:
            return self._give(len(self._buffer))
        if isinstance(terminator, int):
            size = min(terminator, len(self._buffer))
            self._terminator = terminator - size
            if size == terminator:
                self._due = 0
            return self._give(size)
        return self._take_up_to(terminator)

    def _take_up_to(self, terminator: bytes) -> bytes | None:
        size = self._buffer.find(terminator)
        found = size >= 0
        if not found:
            size = len(self._buffer) - overlap(self._buffer, terminator)
        room = self._frame_limit - self._given
        if size > room:
            if not room:
                raise FrameTooLong(self._frame_limit, self._frame_limit + 1)
            return self._give(room)  # what comes singly would have been given before the refusal
        if found:
            self._due = len(terminator)
        if size:
            return self._give(size)
        return self._end() if found else None

    def _give(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._given += size
        return data

    def _end(self) -> bytes:
        del self._buffer[: self._due]
        self._forget()
        self._given = 0
        return b""

    def _forget(self) -> None:
        self._due = None


def overlap(data: bytearray, terminator: bytes) -> int:
    """Return how many bytes at the end of the data can be the beginning of the terminator."""
    for size in range(min(len(data), len(terminator) - 1), 0, -1):
        if data.endswith(terminator[:size]):
            return size
    return 0
