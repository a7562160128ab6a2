"""LineProtocol: a protocol of text lines, to be subclassed.

It binds a `LineDecoder` to a transport. A hook handles one line, and everything that a hook may do
counts before the next line is looked at: pause reading, switch to raw bytes, close, or set another
protocol, which then gets the bytes that were not taken. It runs on asyncio's transports too.

    class Shout(LineProtocol):
        def line_received(self, line: bytes) -> None:
            self.send_line(line.upper())
"""

from typing import Any, ClassVar

from protocols.codecs.line import LINE_LIMIT, LineDecoder, LineTooLong, encode_line
from reactor.errors import LimitExceeded
from reactor.protocol import Protocol
from reactor.transport import Transport


class LineProtocol(Protocol):
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

    transport: Transport

    def __init__(self) -> None:
        self._decoder = LineDecoder(
            self.delimiter, line_limit=self.line_limit, strip_return=self.strip_return
        )
        self._delivering = False

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

        An override may call `discard_line`, and lines go on after that one. Whatever else it
        does, the transport is closed when it returns.

        Args:
            error: names the peer, the limit and how much was seen; its `__cause__` is the
                `LineTooLong` of the codec, with the figures.

        Thread: the owner's. Calls back: it is a hook. Source: PR-14, the default limits.
        """
        raise error

    # What a subclass calls.

    @property
    def unfinished(self) -> bytes:
        """What was received and not delivered.

        In `eof_received` and `connection_lost` that is the beginning of a line whose delimiter
        never came; after `close`, `abort`, or a loss while reading was paused, whole lines too.
        """
        return self._decoder.unread

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

    def pause_reading(self) -> None:
        """Deliver nothing more, from inside a hook too: the next line waits.

        Thread: the owner's. Calls back: never. Source: PR-07.
        """
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Deliver again: first the lines that wait here, then what arrives.

        Use this, not the transport's: that one knows nothing of the lines that wait here, and
        they would come with the next bytes only.

        Raises:
            Exception: what a hook raised that got one of those lines; the connection is aborted.

        Thread: the owner's. Calls back: `line_received` and `raw_received`, unless it is called
            inside a hook, where the next line comes when that one has returned. Source: PR-07.
        """
        self.transport.resume_reading()
        try:
            self._deliver()
        except BaseException:
            self.transport.abort()
            raise

    def start_tls(self, tls: Any, callback: Any = None, **options: Any) -> None:
        """Put TLS on the connection; what came after this line belongs to TLS.

        Use this, not the transport's: a line that somebody sends in the same breath as STARTTLS
        would wait here meanwhile, and then be taken for one that came protected.

        Args:
            tls: a `ClientTLS`, a `ServerTLS`, an `ssl.SSLContext`, or True for a client.
            callback: gets `(transport, None)` after the handshake, or `(transport, error)`.
            options: those of `Transport.start_tls`.

        Raises:
            What `Transport.start_tls` raises; asyncio's transports do not have it.

        Thread: the owner's. Calls back: never before it returns. Source: PR-10.
        """
        self.transport.start_tls(tls, callback, unread=self._decoder.unread, **options)
        self._decoder.release()

    def release(self) -> bytes:
        """Give up what was received and not delivered, for somebody else.

        Thread: the owner's. Calls back: never. Source: PR-09.
        """
        return self._decoder.release()

    # Hooks of `Protocol`, called by the transport.

    def connection_made(self, transport: Any) -> None:
        """Keep the transport.

        Thread: the owner's. Calls back: never. Source: PR-04.
        """
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Cut the bytes into lines, and deliver them.

        Thread: the owner's. Calls back: the hooks for lines and raw bytes. Source: PR-04.
        """
        self._decoder.feed(data)
        self._deliver()

    def eof_received(self) -> bool | None:
        """Deliver what still waits; false, so the transport closes when the output has gone.

        Thread: the owner's. Calls back: the hooks for lines and raw bytes. Source: PR-08.
        """
        self._deliver()
        return False

    # Private.

    def _deliver(self) -> None:
        if self._delivering:
            return  # a hook called `resume_reading`: the loop that called the hook goes on
        self._delivering = True
        try:
            while self._can_deliver() and self._deliver_one():
                pass
        finally:
            self._delivering = False
        if self.transport.get_protocol() is not self and not self.transport.is_closing():
            self._hand_over()

    def _can_deliver(self) -> bool:
        transport = self.transport
        return (
            transport.is_reading()
            and not transport.is_closing()  # asyncio's under TLS goes on "reading" while it closes
            and transport.get_protocol() is self
        )

    def _deliver_one(self) -> bool:
        raw = self._decoder.raw
        try:
            data = self._decoder.take()
        except LineTooLong as found:
            self._refuse(found)
            return True
        if data is None:
            return False
        if raw:
            self.raw_received(data)
        else:
            self.line_received(data)
        return True

    def _refuse(self, found: LineTooLong) -> None:
        peer = self.transport.get_extra_info("peername")
        error = LimitExceeded(
            str(found),
            identifier=found.identifier,
            phase="read",
            # asyncio's name of an IPv6 peer has four parts, of a Unix one it is a string
            peer=peer[:2] if isinstance(peer, tuple) else None,
            connection=self.transport,
        )
        error.__cause__ = found
        self.line_too_long(error)
        if self._decoder.refused:
            self.transport.close()

    def _hand_over(self) -> None:
        rest = self._decoder.release()
        if rest:
            deliver(self.transport.get_protocol(), rest)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._decoder!r}>"


def deliver(protocol: Any, data: bytes) -> None:
    """Give bytes that are in memory already to a protocol of either kind."""
    if not hasattr(protocol, "get_buffer"):
        protocol.data_received(data)
        return
    rest = memoryview(data)
    while rest:
        room = memoryview(protocol.get_buffer(len(rest))).cast("B")
        if not room:
            raise ValueError(f"get_buffer of {protocol!r} returned an empty buffer")
        size = min(len(room), len(rest))
        room[:size] = rest[:size]
        protocol.buffer_updated(size)
        rest = rest[size:]
