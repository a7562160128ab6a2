"""NetstringDecoder: frames that say their length in digits, `5:hello,`.

A format of D. J. Bernstein's (https://cr.yp.to/proto/netstrings.txt): decimal digits without
leading zeros, a colon, so many bytes, a comma. Easy to read in a trace, and hard to get wrong.
"""

from typing import Final

from protocols.codecs.frame import (
    FRAME_LIMIT,
    FrameDecoder,
    FrameTooLong,
    MalformedFrame,
    checked_limit,
)

COLON: Final = ord(":")
COMMA: Final = b","
ZERO: Final = ord("0")
DIGITS: Final = range(ZERO, ZERO + 10)


class NetstringDecoder(FrameDecoder):
    """Cuts bytes into netstrings.

    A length over the limit is refused with the digit that makes it so; as there are no leading
    zeros, the digits have a limit as well.

    Args:
        frame_limit: the longest frame in bytes, without its digits and signs; default 1 MiB.

    Raises:
        ValueError: the limit is below one.

    Thread: any, one at a time. Calls back: never. Source: netstrings.txt, the default limits.
    """

    __slots__ = ("_frame_limit",)

    def __init__(self, *, frame_limit: int = FRAME_LIMIT) -> None:
        super().__init__(COMMA)
        self._frame_limit = checked_limit(frame_limit)

    def _measure(self) -> bool:
        size = 0
        for at, octet in enumerate(self._buffer):
            if octet == COLON and at:
                self._start = at + 1
                self._end = self._start + size
                return True
            self._check_digit(at, octet, size)
            size = size * 10 + octet - ZERO
            if size > self._frame_limit:
                raise FrameTooLong(self._frame_limit, size)
        return False

    def _check_digit(self, at: int, octet: int, size: int) -> None:
        if octet not in DIGITS:
            wanted = "a digit or a colon" if at else "a digit"
            raise MalformedFrame(f"{bytes([octet])!r} in the length of a netstring, not {wanted}")
        if at and not size:
            raise MalformedFrame("the length of a netstring begins with a zero, and goes on")


def encode_netstring(frame: bytes) -> bytes:
    """Make the bytes that a `NetstringDecoder` at the other end takes for this one frame.

    Args:
        frame: any bytes.

    Thread: any. Calls back: never. Source: netstrings.txt.
    """
    return b"%d:%b," % (len(frame), frame)
