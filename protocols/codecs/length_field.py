"""LengthFieldDecoder: frames that say their length in a field of one to eight bytes.

The field may stand anywhere in the head of a frame, and count what it likes:

    before the field | field | rest of the head, and the body
    0     field_offset       |◄── its number + adjustment ──►|

The words are those of Netty's decoder of that name, and so is the arithmetic; that the head is
stripped if nothing else was said is tokio's custom.
"""

from typing import Final, Literal, TypeAlias

from protocols.codecs.errors import LocalViolation
from protocols.codecs.frame import (
    FRAME_LIMIT,
    FrameDecoder,
    FrameTooLong,
    MalformedFrame,
    checked_limit,
)

ByteOrder: TypeAlias = Literal["big", "little"]

FIELD_SIZES: Final = range(1, 9)  # bytes; a wider field would count what no machine can hold


class LengthFieldDecoder(FrameDecoder):
    """Cuts bytes into frames by a field that has their length.

    A length over the limit is refused when the field has come, before its bytes are kept.

    Args:
        field_size: the bytes of the field, 1 to 8; default 4.
        byte_order: "big", the default, for the most significant byte first, or "little".
        field_offset: the bytes of a frame before the field; default 0.
        adjustment: what is to be added to the number in the field for the number of bytes behind
            it; default 0. A field that counts itself too has `-field_size`, one that counts the
            whole frame `-(field_offset + field_size)`.
        strip: the bytes to take off the front of each frame before it is given out; None, the
            default, is all up to the end of the field, 0 nothing.
        frame_limit: the longest frame in bytes, as it is given out; default 1 MiB.

    Raises:
        ValueError: the field is not of 1 to 8 bytes, the byte order unknown, the offset or the
            strip below zero, the limit below one.

    Thread: any, one at a time. Calls back: never. Source: the default limits (frame 1 MiB).
    """

    __slots__ = ("_adjustment", "_byte_order", "_field_offset", "_frame_limit", "_head_size")

    def __init__(
        self,
        field_size: int = 4,
        *,
        byte_order: ByteOrder = "big",
        field_offset: int = 0,
        adjustment: int = 0,
        strip: int | None = None,
        frame_limit: int = FRAME_LIMIT,
    ) -> None:
        super().__init__()
        check_field(field_size, byte_order)
        if field_offset < 0:
            raise ValueError(f"field_offset is {field_offset}: it must be 0 or more")
        if strip is not None and strip < 0:
            raise ValueError(f"strip is {strip}: it must be None, 0 or more")
        self._field_offset = field_offset
        self._head_size = field_offset + field_size  # up to the end of the field
        self._byte_order = byte_order
        self._adjustment = adjustment
        self._frame_limit = checked_limit(frame_limit)
        self._start = self._head_size if strip is None else strip

    def _measure(self) -> bool:
        if len(self._buffer) < self._head_size:
            return False
        field = self._buffer[self._field_offset : self._head_size]
        length = int.from_bytes(field, self._byte_order)
        end = self._head_size + length + self._adjustment
        if end < self._head_size or end < self._start:
            raise MalformedFrame(
                f"a length field says {length}: with the adjustment of {self._adjustment} the "
                f"frame has {end} bytes, less than its first {max(self._head_size, self._start)}"
            )
        if end - self._start > self._frame_limit:
            raise FrameTooLong(self._frame_limit, end - self._start)
        self._end = end
        return True


def encode_length_field(
    frame: bytes,
    field_size: int = 4,
    *,
    byte_order: ByteOrder = "big",
    adjustment: int = 0,
    head: bytes = b"",
) -> bytes:
    """Make the bytes that a `LengthFieldDecoder` at the other end takes for this one frame.

    Args:
        frame: the bytes behind the field.
        field_size: the bytes of the field, 1 to 8, as at the other end; default 4.
        byte_order: "big", the default, or "little", as at the other end.
        adjustment: as at the other end; the field will have the length without it.
        head: the bytes before the field, as many as the `field_offset` there; default none.

    Raises:
        LocalViolation: the field cannot say that length.
        ValueError: the field is not of 1 to 8 bytes, or the byte order unknown.

    Thread: any. Calls back: never. Source: the codec chapter.
    """
    check_field(field_size, byte_order)
    length = len(frame) - adjustment
    if not 0 <= length < 1 << 8 * field_size:
        raise LocalViolation(
            f"a frame of {len(frame)} bytes has the length {length}, with the adjustment, and a "
            f"field of {8 * field_size} bits cannot say that"
        )
    return b"%b%b%b" % (head, length.to_bytes(field_size, byte_order), frame)


def check_field(field_size: int, byte_order: str) -> None:
    """See whether there can be such a field.

    Raises:
        ValueError: there cannot.
    """
    if field_size not in FIELD_SIZES:
        raise ValueError(f"field_size is {field_size}: it must be 1 to 8 bytes")
    if byte_order not in ("big", "little"):
        raise ValueError(f'byte_order is {byte_order!r}: it must be "big" or "little"')
