"""Protocol: the classes that people subclass.

The names, arguments and order of calls are those of asyncio's protocol classes, so that a protocol
that touches no event loop runs there and here unchanged. Every hook does nothing by default; all
of them are called on the owner's thread of the collection, from its loop.

    connection_made   once, first
    data_received     whenever bytes have arrived (`get_buffer`, `buffer_updated` if buffered)
    eof_received      at most once: the peer has ended its direction
    connection_lost   exactly once, last
    pause_writing     above the high mark of the output; `resume_writing` follows, in turn

`data_received` is looked up once, when a protocol begins to be fed: who wants to handle bytes in
another way assigns another protocol, with `set_protocol`, and not another method.

An exception that leaves a hook ends its connection and nobody else's: the error handler of the
collection gets `(transport, exception)`, and `connection_lost` the exception.
"""

from typing import Any

from reactor.channel.base import BytesLike


class BaseProtocol:
    """What all protocols have in common.

    Thread: the owner's. Calls back: never. Source: PR-01, PR-04, PR-06.
    """

    __slots__ = ()

    def connection_made(self, transport: Any) -> None:
        """Be connected; under TLS the handshake is over.

        Args:
            transport: a `Transport`, or whatever another framework gives.

        Thread: the owner's. Calls back: never. Source: PR-04.
        """

    def connection_lost(self, exc: BaseException | None) -> None:
        """Be disconnected; nothing is called after this.

        Args:
            exc: what went wrong, or None if the connection has ended in order.

        Thread: the owner's. Calls back: never. Source: PR-04.
        """

    def pause_writing(self) -> None:
        """Stop writing for now: more waits than the high mark of the transport allows.

        Called inside `write`, so that a loop of writes can end.

        Thread: the owner's. Calls back: never. Source: PR-06.
        """

    def resume_writing(self) -> None:
        """Go on writing: what waits has sunk to the low mark.

        Thread: the owner's. Calls back: never. Source: PR-06.
        """


class Protocol(BaseProtocol):
    """A protocol on a stream of bytes.

    Thread: the owner's. Calls back: never. Source: PR-01, PR-04, PR-08.
    """

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived: never empty, and cut anywhere.

        Args:
            data: `bytes`, yours to keep.

        Thread: the owner's. Calls back: never. Source: PR-04.
        """

    def eof_received(self) -> bool | None:
        """Hear that the peer has ended its direction.

        Returns:
            False or None to close when the output has gone; True to keep writing.

        Thread: the owner's. Calls back: never. Source: PR-08.
        """


class BufferedProtocol(BaseProtocol):
    """A protocol on a stream of bytes that lends the buffers for its input.

    Thread: the owner's. Calls back: never. Source: PR-01.
    """

    __slots__ = ()

    def get_buffer(self, sizehint: int) -> Any:
        """Return a writable buffer, not empty; `sizehint` bytes are recommended.

        A protocol that pauses reading, closes, begins TLS or gives the connection away in here is
        given nothing in this buffer: what has come waits, or belongs to somebody else.

        Args:
            sizehint: bytes, above 0; a smaller or a larger buffer will do.

        Raises:
            NotImplementedError: always, in this class.

        Thread: the owner's. Calls back: never. Source: PR-01.
        """
        raise NotImplementedError

    def buffer_updated(self, nbytes: int) -> None:
        """Take the first `nbytes` bytes of that buffer.

        Args:
            nbytes: how many, at least one.

        Thread: the owner's. Calls back: never. Source: PR-01.
        """

    def eof_received(self) -> bool | None:
        """Hear that the peer has ended its direction; as `Protocol.eof_received`.

        Thread: the owner's. Calls back: never. Source: PR-08.
        """


class DatagramProtocol(BaseProtocol):
    """A protocol on datagrams.

    Thread: the owner's. Calls back: never. Source: PR-16.
    """

    __slots__ = ()

    def datagram_received(self, data: BytesLike, addr: Any) -> None:
        """Take one datagram, and the address `(host, port)` that it came from.

        Args:
            data: the datagram, whole; perhaps empty.
            addr: where an answer would go.

        Thread: the owner's. Calls back: never. Source: PR-16.
        """

    def error_received(self, exc: OSError) -> None:
        """Hear that a datagram was refused or could not be sent; the endpoint lives on.

        Args:
            exc: what the system said, an error of `reactor.errors`.

        Thread: the owner's. Calls back: never. Source: PR-16.
        """
