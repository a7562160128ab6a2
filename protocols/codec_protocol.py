"""CodecProtocol: what the handler classes do alike; it binds a decoder to a transport.

A hook handles one event, and everything that a hook may do counts before the next one is looked
at: pause reading, change what the bytes mean, close, put TLS on, or set another protocol, which
then gets the bytes that were not taken. It runs on asyncio's transports too.

It is not subclassed by programs, but by the classes that they subclass.
"""

from collections.abc import Callable
from typing import Any

from protocols.codecs.decoder import Decoder
from protocols.codecs.errors import RemoteViolation, TooLong
from reactor.errors import LimitExceeded, SocketError, SocketIOError
from reactor.protocol import Protocol
from reactor.transport import Transport


class CodecProtocol(Protocol):
    """Gives a hook one event of a decoder after the other.

    A subclass has `_hook`. With an `__init__` or a `connection_made` of its own it calls the one
    here. The transport's protocol must be this object itself, not something wrapped around it.

    Attributes:
        transport: the connection, from `connection_made` on.

    Args:
        decoder: empty; it is for this connection alone.

    Thread: the owner's. Calls back: the hooks. Source: PR-01, PR-04, PR-07, PR-09, PR-11, PR-14.
    """

    transport: Transport

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._delivering = False

    # Hooks of ours, to be overridden.

    def input_refused(self, error: SocketError) -> None:
        """Handle bytes that break the rules; this one raises the error, which ends the connection.

        An override may say something to the peer, or hand the bytes to another protocol with
        `set_protocol`. Unless it does that, the transport is closed when it returns.

        Args:
            error: a `LimitExceeded` or a `SocketIOError`; it names the peer, and its `identifier`
                the rule. Its `__cause__` is the `RemoteViolation` of the codec.

        Raises:
            SocketError: the error.

        Thread: the owner's. Calls back: it is a hook. Source: PR-14, the default limits.
        """
        raise error

    # What a subclass calls.

    @property
    def unfinished(self) -> bytes:
        """What was received and not delivered.

        In `eof_received` and `connection_lost` that is the beginning of an event that was never
        completed; after `close`, `abort`, or a loss while reading was paused, whole ones too.
        """
        return self._decoder.unread

    def pause_reading(self) -> None:
        """Deliver nothing more, from inside a hook too: the next event waits.

        Thread: the owner's. Calls back: never. Source: PR-07.
        """
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Deliver again: first what waits here, then what arrives.

        Use this, not the transport's: that one knows nothing of what waits here, and it would
        come with the next bytes only.

        Raises:
            Exception: what a hook raised that got something of it; the connection is aborted.

        Thread: the owner's. Calls back: the hooks for what was received, unless it is called
            inside one, where the next event comes when that one has returned. Source: PR-07.
        """
        self.transport.resume_reading()
        try:
            self._deliver()
        except BaseException:
            self.transport.abort()
            raise

    def start_tls(self, tls: Any, callback: Any = None, **options: Any) -> None:
        """Put TLS on the connection; what came after this event belongs to TLS.

        Use this, not the transport's: what somebody sends in the same breath as STARTTLS would
        wait here meanwhile, and then be taken for something that came protected.

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
        """Let the decoder cut the bytes, and deliver what it makes of them.

        Thread: the owner's. Calls back: the hooks for what was received. Source: PR-04.
        """
        self._decoder.feed(data)
        self._deliver()

    def eof_received(self) -> bool | None:
        """Deliver what still waits; false, so the transport closes when the output has gone.

        Thread: the owner's. Calls back: the hooks for what was received. Source: PR-08.
        """
        self._deliver()
        return False

    # Private.

    def _hook(self) -> Callable[[bytes], None]:
        """Return what the next event is to be given to."""
        raise NotImplementedError

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
        hook = self._hook()
        try:
            data = self._decoder.take()
        except RemoteViolation as found:
            self._refuse(found)
            return True
        if data is None:
            return False
        hook(data)
        return True

    def _refuse(self, found: RemoteViolation) -> None:
        kind = LimitExceeded if isinstance(found, TooLong) else SocketIOError
        peer = self.transport.get_extra_info("peername")
        error = kind(
            str(found),
            identifier=found.identifier,
            phase="read",
            # asyncio's name of an IPv6 peer has four parts, of a Unix one it is a string
            peer=peer[:2] if isinstance(peer, tuple) else None,
            connection=self.transport,
        )
        error.__cause__ = found
        self.input_refused(error)
        if self._decoder.refused and self.transport.get_protocol() is self:
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
