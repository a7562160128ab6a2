"""FrameProtocol: protocols of frames, to be subclassed; there is one for each way to mark a frame.

A frame is what the other end has sent as one, and comes as one. The classes here differ in what
stands on the wire, and in nothing else.

    class Shout(NetstringProtocol):
        def frame_received(self, frame: bytes) -> None:
            self.send_frame(frame.upper())
"""

from collections.abc import Callable
from typing import ClassVar

from protocols.codec_protocol import CodecProtocol
from protocols.codecs.delimiter import DelimiterDecoder, encode_delimited
from protocols.codecs.errors import LocalViolation
from protocols.codecs.fixed_size import FixedSizeDecoder, encode_fixed_size
from protocols.codecs.frame import FRAME_LIMIT
from protocols.codecs.length_field import ByteOrder, LengthFieldDecoder, encode_length_field
from protocols.codecs.netstring import NetstringDecoder, encode_netstring


class FrameProtocol(CodecProtocol):
    """Frames in, frames out; subclass one of the classes below.

    Override `frame_received`, and what else is needed of the hooks. A frame that breaks the rules
    goes to `input_refused`, which ends the connection: there is no telling where the next begins.

    Thread: the owner's. Calls back: the hooks. Source: PR-01, PR-04, PR-07, PR-09, PR-11, PR-14.
    """

    def frame_received(self, frame: bytes) -> None:
        """Handle one frame.

        Args:
            frame: its bytes, without what marks it; there may be none.

        Thread: the owner's. Calls back: it is a hook. Source: PR-04.
        """

    def send_frame(self, frame: bytes) -> None:
        """Send one frame.

        Args:
            frame: its bytes, without what marks it.

        Raises:
            LocalViolation: the format cannot say that; nothing was sent. What `transport.write`
                raises.

        Thread: the owner's. Calls back: `pause_writing`, as `write` does. Source: PR-05, PR-06.
        """
        self.transport.write(self._encode(frame))

    def _encode(self, frame: bytes) -> bytes:
        raise NotImplementedError

    def _hook(self) -> Callable[[bytes], None]:
        return self.frame_received


class NetstringProtocol(FrameProtocol):
    """Frames that say their length in digits: `5:hello,`.

    Attributes:
        frame_limit: the longest frame that is taken, in bytes without digits and signs.

    Thread: the owner's. Calls back: the hooks. Source: netstrings.txt, PR-04.
    """

    frame_limit: ClassVar[int] = FRAME_LIMIT

    def __init__(self) -> None:
        super().__init__(NetstringDecoder(frame_limit=self.frame_limit))

    def _encode(self, frame: bytes) -> bytes:
        return encode_netstring(frame)


class LengthFieldProtocol(FrameProtocol):
    """Frames that say their length in a field of 1 to 8 bytes; `LengthFieldDecoder` explains it.

    Attributes:
        field_size: the bytes of the field.
        byte_order: "big" for the most significant byte first, or "little".
        field_offset: the bytes of a frame before the field.
        adjustment: what is added to the number in the field for the number of bytes behind it.
        strip: the bytes to take off the front of a frame that was received; None is all up to the
            end of the field.
        frame_limit: the longest frame that is taken, in bytes, as `frame_received` gets it.

    Thread: the owner's. Calls back: the hooks. Source: PR-04.
    """

    field_size: ClassVar[int] = 4
    byte_order: ClassVar[ByteOrder] = "big"
    field_offset: ClassVar[int] = 0
    adjustment: ClassVar[int] = 0
    strip: ClassVar[int | None] = None
    frame_limit: ClassVar[int] = FRAME_LIMIT

    def __init__(self) -> None:
        super().__init__(
            LengthFieldDecoder(
                self.field_size,
                byte_order=self.byte_order,
                field_offset=self.field_offset,
                adjustment=self.adjustment,
                strip=self.strip,
                frame_limit=self.frame_limit,
            )
        )

    def send_frame(self, frame: bytes, head: bytes = b"") -> None:
        """Send one frame.

        Args:
            frame: the bytes behind the field.
            head: the bytes before it, as many as `field_offset`; default none.

        Raises:
            LocalViolation: the field cannot say that length, or the head has another size; nothing
                was sent. What `transport.write` raises.

        Thread: the owner's. Calls back: `pause_writing`, as `write` does. Source: PR-05, PR-06.
        """
        if len(head) != self.field_offset:
            raise LocalViolation(
                f"the head has {len(head)} bytes, where field_offset is {self.field_offset}"
            )
        encoded = encode_length_field(
            frame,
            self.field_size,
            byte_order=self.byte_order,
            adjustment=self.adjustment,
            head=head,
        )
        self.transport.write(encoded)


class Int8Protocol(LengthFieldProtocol):
    """Frames of up to 255 bytes, behind their length in one byte.

    Thread: the owner's. Calls back: the hooks. Source: PR-04.
    """

    field_size = 1


class Int16Protocol(LengthFieldProtocol):
    """Frames of up to 65,535 bytes, behind their length in two bytes.

    Thread: the owner's. Calls back: the hooks. Source: PR-04.
    """

    field_size = 2


class Int32Protocol(LengthFieldProtocol):
    """Frames of up to 4 GiB, behind their length in four bytes; `frame_limit` takes up to 1 MiB.

    Thread: the owner's. Calls back: the hooks. Source: PR-04.
    """

    field_size = 4


class FixedSizeProtocol(FrameProtocol):
    """Frames that are all of one size, with nothing in between.

    Attributes:
        frame_size: the bytes of each; a subclass has to say.

    Thread: the owner's. Calls back: the hooks. Source: PR-04.
    """

    frame_size: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__(FixedSizeDecoder(self.frame_size))

    def _encode(self, frame: bytes) -> bytes:
        return encode_fixed_size(frame, self.frame_size)


class DelimiterProtocol(FrameProtocol):
    """Frames that end with a delimiter; for lines of text there is `LineProtocol`.

    Attributes:
        delimiters: what ends a frame; if there are several, any of them does. What is sent ends
            with the first.
        keep_delimiter: whether `frame_received` gets the delimiter too.
        frame_limit: the longest frame that is taken, in bytes without the delimiter.

    Thread: the owner's. Calls back: the hooks. Source: PR-04.
    """

    delimiters: ClassVar[tuple[bytes, ...]] = (b"\0",)
    keep_delimiter: ClassVar[bool] = False
    frame_limit: ClassVar[int] = FRAME_LIMIT

    def __init__(self) -> None:
        super().__init__(
            DelimiterDecoder(
                *self.delimiters, keep_delimiter=self.keep_delimiter, frame_limit=self.frame_limit
            )
        )

    def _encode(self, frame: bytes) -> bytes:
        return encode_delimited(frame, *self.delimiters)
