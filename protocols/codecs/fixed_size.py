"""FixedSizeDecoder: frames that are all of one size, with nothing in between."""

from protocols.codecs.errors import LocalViolation
from protocols.codecs.frame import FrameDecoder


class FixedSizeDecoder(FrameDecoder):
    """Cuts bytes into frames of one size; the size is the limit.

    Args:
        frame_size: the bytes of each frame.

    Raises:
        ValueError: the size is below one.

    Thread: any, one at a time. Calls back: never. Source: the codec chapter.
    """

    __slots__ = ()

    def __init__(self, frame_size: int) -> None:
        super().__init__()
        self._end = checked_size(frame_size)

    def _measure(self) -> bool:
        return True


def encode_fixed_size(frame: bytes, frame_size: int) -> bytes:
    """Make the bytes that a `FixedSizeDecoder` at the other end takes for this one frame.

    Args:
        frame: so many bytes, neither more nor fewer.
        frame_size: as at the other end.

    Raises:
        LocalViolation: the frame has another size: all that follow would be cut in wrong places.
        ValueError: the size is below one.

    Thread: any. Calls back: never. Source: the codec chapter.
    """
    if len(frame) != checked_size(frame_size):
        raise LocalViolation(f"the frame has {len(frame)} bytes: each has to have {frame_size}")
    return frame


def checked_size(frame_size: int) -> int:
    """Return a size that is one.

    Raises:
        ValueError: it is below one.
    """
    if frame_size < 1:
        raise ValueError(f"frame_size is {frame_size}: it must be at least 1 byte")
    return frame_size
