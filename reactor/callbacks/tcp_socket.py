"""TCPSocket: what every callback is given; the verbs of a program that is written as functions."""

from collections.abc import Callable
from typing import Any

from reactor.arguments import check_count
from reactor.callbacks.binding import CLOSE_TIMEOUT, SocketBinding, check_output
from reactor.callbacks.handlers import Callbacks, EventCallback, ReadCallback, SocketCallback
from reactor.channel.base import BytesLike
from reactor.channel.tls_settings import ServerHostname
from reactor.deadline import check_timeout
from reactor.errors import (
    OperationNotAllowed,
    SocketError,
    StateClosed,
    address_text,
)
from reactor.interest import READ, WRITE
from reactor.opening.connect import CONNECT_TIMEOUT, Connecting


class TCPSocket(SocketBinding):
    """A connection over TCP or over a path; made by `tcp_connect`, `tcp_server` and their like.

    Attributes:
        data: one object of the program's, None at first.
        closed: true after `close()`, before a failure is told, and after the peer's end was.
        collection: where it lives.
        transport: the `Transport` underneath, None before it is connected; what is done with it
            directly is outside the contract of this class.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only.
    Source: CL-21 to CL-24, CL-36 to CL-52.
    """

    __slots__ = ("_connecting", "data")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.data: Any = None
        self._connecting: Connecting | None = None

    # Limits of size.

    @property
    def input_limit(self) -> int:
        """Unread bytes above which the connection is ended; 16 MiB unless set (CL-34)."""
        return self.inbox.limit

    @input_limit.setter
    def input_limit(self, limit: int) -> None:
        self.inbox.limit = check_count("input_limit", limit)

    @property
    def output_limit(self) -> int:
        """Unsent bytes above which a write is refused; 16 MiB unless set (CL-42)."""
        return self._settings.output_limit

    @output_limit.setter
    def output_limit(self, limit: int) -> None:
        self._settings.output_limit = check_count("output_limit", limit)

    # Verbs.

    def write(
        self,
        data: BytesLike | str,
        *,
        read_cb: ReadCallback | None = None,
        write_cb: SocketCallback | None = None,
        event_cb: EventCallback | None = None,
    ) -> None:
        """Send bytes or text behind all that was written before; never block.

        Before the connection is up it is kept until then. A direction that was disabled for
        writing is enabled. The callbacks that are given replace those of the socket from the next
        turn on; the others stay.

        Args:
            data: bytes-like, or text, which is sent in UTF-8; yours again when this returns.
            read_cb: gets `(socket, data)` or `(socket, stream)` when something has arrived.
            write_cb: gets `(socket)` once, when the last byte of this very write is with the
                kernel; then it is that of the socket, called whenever its output has become empty.
            event_cb: gets the one event at the end of the connection.

        Raises:
            StateClosed: the socket is closed. LimitExceeded: more than `output_limit` bytes are
            unsent already; nothing was taken. SocketError: the way out was lost, and the event
            that says so is on its way. TypeError: neither bytes nor text, or no function.
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never before it returns. Source: CL-36 to CL-42.
        """
        self._check_open("write")
        replaces = read_cb is not None or write_cb is not None or event_cb is not None
        callbacks = Callbacks(read_cb, write_cb, event_cb) if replaces else None
        chunk = as_bytes(data)
        if self._pending is not None:
            self._pending.keep(bytes(chunk), write_cb, self.output_limit)
        elif len(chunk):
            assert self.transport is not None, "there is nothing pending when it is connected"
            before = self.transport.get_write_buffer_size()
            check_output(before, self.output_limit)
            self.transport.write(chunk)
            self.report_sent(write_cb, before)
        if callbacks is not None:
            self._handlers.replace(callbacks)
        if self._disabled & WRITE:
            self.enable(write=True)
        if read_cb is not None:
            self.input_read()
            self.deliver_later()

    def close(self, abort: bool = False) -> None:
        """Send what was written, then end; nothing is called any more. Once more is harmless.

        What makes no progress for the write timeout, 30 s if there is none, is dropped, and the
        log says so. A connection that is being made is given up.

        Args:
            abort: whether unread input and unsent output are dropped, and the connection at once.

        Raises:
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never. Source: CL-09, CL-43 to CL-45.
        """
        transport = self.transport
        over = self.closed and not (abort and transport is not None)
        self.collection.owner.check(over=over)
        if over:
            return
        self.inbox.drop()
        if not self.closed:
            self.closed = self._silent = True
            if self._connecting is not None:
                self._connecting.close()
                self.collection.held.discard(self)
            if not abort:
                self.send_pending()
        if transport is None:
            self.failed(None)
        elif abort:
            transport.abort()
        else:
            transport.close(self._settings.write_timeout or CLOSE_TIMEOUT)

    close_after_error = close  # what the error handler calls

    def set_timeouts(self, read: float | None, write: float | None) -> None:
        """Replace both limits; they count from now, and the earlier ones end nothing any more.

        Args:
            read: seconds without an arrival, and for the connection to be made; None, zero and
                negative numbers are no limit.
            write: seconds without progress while output waits; likewise.

        Raises:
            StateClosed: the socket is closed. TypeError: one is no number. WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: CL-48 to CL-52.
        """
        self._check_open("set_timeouts")
        limits = span("read", read), span("write", write)
        self._settings.read_timeout, self._settings.write_timeout = limits
        if self.transport is not None:
            self.transport.set_timeouts(read=limits[0], write=limits[1])
        elif self._connecting is not None:
            self._connecting.retime(self.connect_timeout)

    def disable(self, read: bool = False, write: bool = False) -> None:
        """Stop a direction: its callbacks, its limit, and what would be read or sent.

        Args:
            read: whether nothing is read for now, nor an end noticed.
            write: whether output waits for now; the next `write` enables it again.

        Raises:
            StateClosed: the socket is closed. WrongThread.

        Thread: the owner's. Calls back: never. Source: CL-46.
        """
        self._check_open("disable")
        self._disabled |= READ * read | WRITE * write
        self.input_read()
        if write and self.transport is not None:
            self.transport.hold_output()

    def enable(self, read: bool = False, write: bool = False) -> None:
        """Let a direction go on, with what has come meanwhile; its limit counts from zero.

        Args:
            read: whether to read again.
            write: whether to send again.

        Raises:
            StateClosed: the socket is closed. WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: CL-47.
        """
        self._check_open("enable")
        restart = read and bool(self._disabled & READ)
        self._disabled &= ~(READ * read | WRITE * write)
        if restart:
            self.input_read(restart=True)
            self.deliver_later()
        if write and self.transport is not None:
            self.tell_held_back()
            self.transport.release_output()

    # For who connects it.

    @property
    def connect_timeout(self) -> float:
        """Seconds for the connection to be made: the read timeout, or 30 (CL-08)."""
        return self._settings.read_timeout or CONNECT_TIMEOUT

    @property
    def tls_as_given(self) -> tuple[Any, ServerHostname]:
        """The description of TLS and the name to verify, as they were given."""
        return self._settings.tls, self._settings.server_hostname

    def connect_by(
        self, begin: Callable[[], Connecting], verb: str, event_cb: EventCallback | None
    ) -> None:
        """Begin to be connected; both directions are enabled.

        Args:
            begin: returns the attempt, whose outcome is this socket's.
            verb: what the program has called, for an error.
            event_cb: replaces that of the socket.

        Raises:
            OperationNotAllowed: that was done before. StateClosed: the socket is closed.
            What `begin` raises.

        Thread: the owner's. Calls back: never before it returns. Source: CL-11, CL-47.
        """
        self._check_open(verb)
        if self._connecting is not None or self.transport is not None:
            raise OperationNotAllowed(f"{self!r} has been connected before", connection=self)
        callbacks = Callbacks(event=event_cb)
        self._connecting = begin()
        self.collection.held.add(self)  # closed with it, until there is a transport that is
        self._handlers.replace(callbacks)
        self._disabled = 0

    def connection_made(self, transport: Any) -> None:
        """Be connected.

        Thread: the owner's. Calls back: `connect_cb`. Source: CL-04, CL-06, CL-15.
        """
        self._connecting = None
        self.collection.held.discard(self)
        super().connection_made(transport)

    def connect_failed(self, error: SocketError) -> None:
        """Tell that there will be no connection.

        Thread: the owner's. Calls back: `event_cb`. Source: CL-07.
        """
        self._connecting = None
        self.collection.held.discard(self)
        self.failed(error)

    def closed_error(self, verb: str) -> StateClosed:
        """Return what a verb of a closed socket raises.

        Args:
            verb: what the program has called.

        Thread: any. Calls back: never. Source: CL-61.
        """
        return StateClosed(
            f"{self!r} is closed, too late for {verb}", phase="close", connection=self
        )

    # Inside.

    def _check_open(self, verb: str) -> None:
        self.collection.owner.check()
        if self.closed:
            raise self.closed_error(verb)

    def __repr__(self) -> str:
        where = address_text(self.peer_address) if self.transport is not None else "nobody"
        return f"<{type(self).__name__} to {where}{' closed' if self.closed else ''}>"


def as_bytes(data: BytesLike | str) -> BytesLike:
    """Return what can be sent, as bytes; `bytes` as they are.

    Raises:
        TypeError: it is neither bytes-like nor text.

    Thread: any. Calls back: never. Source: CL-36.
    """
    if type(data) is bytes:
        return data
    return data.encode() if isinstance(data, str) else memoryview(data).cast("B")


def span(name: str, seconds: float | None) -> float | None:
    """Return a limit as it is known below: None for zero and negative numbers too.

    Raises:
        TypeError, ValueError: it is no number.

    Thread: any. Calls back: never. Source: CL-48.
    """
    if isinstance(seconds, (int, float)) and seconds <= 0:
        return None
    return check_timeout(name, seconds)
