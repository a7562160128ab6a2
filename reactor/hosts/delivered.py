"""Delivered: what a protocol in the thread of a host sees of its connection.

The connection itself, and its real transport, live in the thread of a collection. A verb here
becomes a call there, in the order in which they were given; how it comes back is told in `aside`.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from reactor.channel.base import BytesLike
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT
from reactor.deadline import check_timeout
from reactor.errors import BrokenPipe, OperationInProgress, OperationNotAllowed
from reactor.hosts.aside.delivery import Way
from reactor.hosts.aside.face import Face
from reactor.transport import DRAIN_TIMEOUT, Transport

Switched: TypeAlias = Callable[["DeliveredTransport", BaseException | None], object]


class DeliveredTransport(Face):
    """What a protocol in the host's thread sees of its connection; made by its delivery.

    The verbs of a transport that a protocol needs day by day, for the host's thread. What else
    there is, `set_timeouts` for example, is asked of the real one, in its own thread:
    `collection.apply(functools.partial(delivered.transport.set_timeouts, idle=60.0))`.

    Attributes:
        transport: the `Transport`, which belongs to the thread of the collection.

    Thread: the host's. Calls back: `pause_writing`, inside `write`. Source: HO-03, PR-04 to PR-11.
    """

    __slots__ = ("_eof_asked",)

    def __init__(self, delivery: Any, way: Way, transport: Transport) -> None:
        super().__init__(delivery, way, transport)
        self._eof_asked = False

    # Verbs.

    def write(self, data: BytesLike) -> None:
        """Send bytes, after those that were written before; never block.

        Args:
            data: bytes-like, any number of bytes; yours again when this returns.

        Raises:
            LimitExceeded: as much waits already as the output limit (16 MiB) allows, each write
            counted as 256 bytes more.
            StateClosed: the protocol has closed it, or had its last call. BrokenPipe: after
            `write_eof`. WrongThread: this is not the host's. TypeError: not bytes-like.

        Thread: the host's. Calls back: `pause_writing`, at most. Source: PR-05, PR-06.
        """
        self._check_open("write")
        if self._eof_asked:
            raise BrokenPipe("write after write_eof", phase="write", connection=self)
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))
        if not data:
            return
        self._give(self.transport.write, data)

    def writelines(self, list_of_data: Iterable[BytesLike]) -> None:
        """Send many pieces, as one `write` of all of them.

        Args:
            list_of_data: bytes-like objects.

        Raises:
            LimitExceeded, StateClosed, BrokenPipe, WrongThread, TypeError: as `write`.

        Thread: the host's. Calls back: `pause_writing`, at most. Source: PR-05.
        """
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """End our direction when the output has gone; once more is harmless.

        Raises:
            StateClosed: the protocol has closed it, or had its last call. WrongThread.

        Thread: the host's. Calls back: never. Source: PR-08.
        """
        self._check_open("write_eof")
        self._eof_asked = True
        self._way.ask(self._do, self.transport.write_eof)

    def start_tls(
        self,
        tls: Any,
        callback: Switched | None = None,
        *,
        tls_side: str | None = None,
        server_hostname: str | bool | None = None,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        unread: BytesLike = b"",
    ) -> None:
        """Put TLS on the connection when its output has gone; the protocol stays.

        What was written before goes in clear, what is written from now on waits for TLS. Nothing
        is delivered until the handshake is over; what has come and was not delivered yet goes into
        the TLS engine, behind `unread`, and is never taken for protected. If TLS fails, or cannot
        begin any more, the connection is lost.

        Args:
            tls: a `ClientTLS`, a `ServerTLS`, an `ssl.SSLContext`, or True for a client.
            callback: gets `(transport, None)` after the handshake, or `(transport, error)` before
                `connection_lost`, however the connection ended; the transport is this one.
            tls_side: "client" or "server"; None is that of `tls`.
            server_hostname: the name to verify; None is the host that was connected to.
            handshake_timeout: seconds, None for no limit.
            unread: bytes that the protocol has been given, but that lie behind the switch.

        Raises:
            OperationNotAllowed: there is TLS already, or our direction has ended.
            OperationInProgress: TLS is being attached. StateClosed: the protocol has closed the
            connection, or had its last call. ValueError, TypeError, WrongThread.

        Thread: the host's. Calls back: never before it returns. Source: PR-10, LW-143.
        """
        self._check_open("start_tls")
        if self._delivery.switching:
            raise OperationInProgress("TLS is being attached already", connection=self)
        if self._eof_asked or self.get_extra_info("ssl_object") is not None:
            raise OperationNotAllowed(f"{self!r} has TLS already, or its output has ended")
        switch = self.transport.plan_switch(
            tls,
            callback,
            tls_side=tls_side,
            server_hostname=server_hostname,
            handshake_timeout=handshake_timeout,
        )
        self._delivery.begin_tls(switch, bytes(memoryview(unread)))

    def close(self, drain_timeout: float | None = DRAIN_TIMEOUT) -> None:
        """Send the output, then end; only `connection_lost` is still called. Once more is harmless.

        Args:
            drain_timeout: seconds without progress after which what is left is dropped, None for
                no limit.

        Raises:
            ValueError: not above 0. WrongThread.

        Thread: the host's. Calls back: never. Source: PR-11.
        """
        check_timeout("drain_timeout", drain_timeout)
        self._end(self.transport.close, drain_timeout)

    def pause_reading(self) -> None:
        """Deliver nothing from now on, not even an end; once more is harmless.

        The last call comes all the same when the connection is lost, and nothing has been taken
        for 20 s since, or when the collection is closed.

        Raises:
            WrongThread: this is not the host's.

        Thread: the host's. Calls back: never. Source: PR-07.
        """
        self._check_thread()
        self._delivery.paused = True

    def resume_reading(self) -> None:
        """Deliver again, also what has come meanwhile; once more is harmless.

        Raises:
            WrongThread: this is not the host's.

        Thread: the host's. Calls back: never before it returns. Source: PR-07.
        """
        self._check_thread()
        self._delivery.go_on()

    # Facts.

    def is_reading(self) -> bool:
        """Return whether input is delivered.

        Thread: the host's. Calls back: never. Source: PR-07.
        """
        delivery = self._delivery
        return not (delivery.paused or delivery.over or delivery.switching)

    def can_write_eof(self) -> bool:
        """Return true: every stream here can be half closed.

        Thread: any. Calls back: never. Source: PR-08.
        """
        return True

    def get_read_buffer_size(self) -> int:
        """Return how many bytes have been read, and wait to be delivered; each piece counts extra.

        Thread: any. Calls back: never. Source: PR-07.
        """
        waiting: int = self._delivery.waiting
        return waiting
