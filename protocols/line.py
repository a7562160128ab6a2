"""LineProtocol: a protocol of text lines, to be subclassed.

It binds a `LineDecoder` to a transport. A hook handles one line, and everything that a hook may do
counts before the next line is looked at: pause reading, switch to raw bytes, close, or set another
protocol, which then gets the bytes that were not taken. It runs on asyncio's transports too.

    class Shout(LineProtocol):
        def line_received(self, line: bytes) -> None:
            self.send_line(line.upper())
"""

from collections.abc import Callable
from typing import ClassVar

from protocols.codec_protocol import CodecProtocol
from protocols.codecs.line import LINE_LIMIT, LineDecoder, encode_line
from reactor.errors import LimitExceeded, SocketError


class LineProtocol(CodecProtocol):
    """Lines in, lines out, and raw bytes between them.

    Override `line_received`, and what else is needed of the hooks. A subclass with an `__init__`
    or a `connection_made` of its own calls the one here. The transport's protocol must be this
    object itself, not something wrapped around it.

    Attributes:
        delimiter: the bytes that end a line, both ways.
        line_limit: the longest line that is taken, in bytes without the delimiter.
        strip_return: whether one carriage return is taken off the end of each line.
        transport: the connection, from `connection_made` on.

    Thread: the owner's. Calls back: the hooks. Source: PR-01, PR-04, PR-07, PR-09, PR-11, PR-14.
    """

    delimiter: ClassVar[bytes] = b"\n"
    line_limit: ClassVar[int] = LINE_LIMIT
    strip_return: ClassVar[bool] = False

    _decoder: LineDecoder

    def __init__(self) -> None:
        super().__init__(
            LineDecoder(self.delimiter, line_limit=self.line_limit, strip_return=self.strip_return)
        )

    # Hooks of ours, to be overridden.

    def line_received(self, line: bytes) -> None:
        """Handle one line.

        Args:
            line: its bytes, without the delimiter.

        Thread: the owner's. Calls back: it is a hook. Source: PR-04.
        """

    def raw_received(self, data: bytes) -> None:
        """Handle bytes of the raw mode.

        Args:
            data: one piece of them, never empty, cut anywhere.

        Thread: the owner's. Calls back: it is a hook. Source: PR-04.
        """

    def line_too_long(self, error: LimitExceeded) -> None:
        """Handle a line over the limit; this one raises the error, which ends the connection.

        An override may call `discard_line`, and lines go on after that one, or `set_protocol` of
        the transport. Whatever else it does, the transport is closed when it returns.

        Args:
            error: names the peer, the limit and how much was seen; its `__cause__` is the
                `LineTooLong` of the codec, with the figures.

        Raises:
            LimitExceeded: always, in this class: it is `error`.

        Thread: the owner's. Calls back: it is a hook. Source: PR-14, the default limits.
        """
        raise error

    def input_refused(self, error: SocketError) -> None:
        """Call `line_too_long`, as a line knows no other rule.

        Args:
            error: a `LimitExceeded` that names the peer.

        Thread: the owner's. Calls back: that hook. Source: PR-14, the default limits.
        """
        assert isinstance(error, LimitExceeded)
        self.line_too_long(error)

    # What a subclass calls.

    def send_line(self, line: bytes) -> None:
        """Send one line and its delimiter.

        Args:
            line: its bytes, without the delimiter.

        Raises:
            LocalViolation: the delimiter is inside the line. What `transport.write` raises.

        Thread: the owner's. Calls back: `pause_writing`, as `write` does. Source: PR-05, PR-06.
        """
        self.transport.write(encode_line(line, self.delimiter))

    def set_raw_mode(self, size: int | None = None) -> None:
        """Give what comes after this line to `raw_received`.

        Args:
            size: lines come again after so many bytes; None, the default: until `set_line_mode`.

        Raises:
            ValueError: the size is negative. LocalViolation: a line is being refused.

        Thread: the owner's. Calls back: never. Source: PR-04.
        """
        self._decoder.set_raw(size)

    def set_line_mode(self, extra: bytes = b"") -> None:
        """Take what follows as lines again.

        Args:
            extra: the part of the data of `raw_received` that belongs to the first line.

        Raises:
            LocalViolation: a line is being refused.

        Thread: the owner's. Calls back: never: from outside of a hook, lines in `extra` are
            delivered with the next bytes. Source: PR-04.
        """
        self._decoder.set_line(extra)

    def discard_line(self) -> None:
        """Inside `line_too_long`: throw that line away and go on after its delimiter.

        Raises:
            LocalViolation: no line was too long.

        Thread: the owner's. Calls back: never. Source: the default limits.
        """
        self._decoder.discard_line()

    # Private.

    def _hook(self) -> Callable[[bytes], None]:
        return self.raw_received if self._decoder.raw else self.line_received
