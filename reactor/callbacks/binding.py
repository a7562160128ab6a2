"""SocketBinding: the one protocol of this face; it turns the hooks of a transport into callbacks.

    connection_made ──► connect_cb      data_received ──► read_cb, with bytes or with the stream
    sent, and empty ──► write_cb        eof_received, connection_lost ──► event_cb, once

Callbacks belong to the program, which may close the socket in each of them: from then on it is
*silent*. It is so as well while the one final event is told.
"""

import contextlib
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from reactor.callbacks.async_io_stream import AsyncIOStream
from reactor.callbacks.handlers import Callbacks, Handlers, SocketCallback, log
from reactor.callbacks.inbox import READ_AHEAD, Inbox
from reactor.channel.tls_settings import ServerHostname
from reactor.errors import Address, EndOfStream, LimitExceeded, ReactorError, SocketError
from reactor.interest import READ, WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.protocol import Protocol
from reactor.state.connection import OUTPUT_LIMIT
from reactor.transport import Transport

CLOSE_TIMEOUT: Final = 30.0  # seconds without progress, if there is no write timeout


@dataclass(slots=True)
class Settings:
    """How a socket behaves: `read_timeout` and `write_timeout` in seconds, None for no limit.

    With `drain`, `read_cb` gets bytes, else the stream. `output_limit` is in bytes. `tls` and
    `server_hostname` are as they were given.
    """

    connect_cb: SocketCallback | None = None
    drain: bool = True
    read_timeout: float | None = None
    write_timeout: float | None = None
    output_limit: int = OUTPUT_LIMIT
    tls: Any = None
    server_hostname: ServerHostname = None


class EarlyOutput:
    """What is written before there is a connection, in order, and who wants to know it sent."""

    __slots__ = ("size", "writes")

    def __init__(self) -> None:
        self.writes: list[tuple[bytes, SocketCallback | None]] = []
        self.size = 0  # bytes

    def keep(self, data: bytes, write_cb: SocketCallback | None, limit: int) -> None:
        """Keep a write behind the others.

        Raises:
            LimitExceeded: more than `limit` bytes are kept already; nothing was taken.
        """
        check_output(self.size, limit)
        if data:
            self.writes.append((data, write_cb))
            self.size += len(data)


def check_output(size: int, limit: int) -> None:
    """Refuse a write while more than `limit` bytes are unsent.

    Raises:
        LimitExceeded: so it is.
    """
    if size > limit:
        raise LimitExceeded(
            f"{size} bytes are unsent already and the limit is {limit}: wait for a `write_cb`,"
            " or raise `output_limit`",
            identifier="output-limit",
            phase="write",
        )


class SocketBinding(Protocol):
    """What a socket is told by its transport, and tells the program.

    Thread: the owner's. Calls back: the program, from the loop only. Source: CL-04, CL-25 to
    CL-28, CL-33 to CL-40, CL-53 to CL-67.
    """

    __slots__ = (
        "_asked",
        "_disabled",
        "_handlers",
        "_held_back",
        "_pending",
        "_settings",
        "_silent",
        "_stream",
        "closed",
        "collection",
        "inbox",
        "transport",
    )

    def __init__(
        self, collection: WaitStateCollection, callbacks: Callbacks, settings: Settings
    ) -> None:
        self.collection = collection
        self.transport: Transport | None = None
        self.closed = False
        self.inbox = Inbox()
        self._handlers = Handlers(collection, callbacks)
        self._settings = settings
        self._pending: EarlyOutput | None = EarlyOutput()  # until it is connected
        self._asked = False  # whether the end of output without a callback of its own is awaited
        self._disabled = 0  # a mask of directions
        self._held_back = list[SocketCallback]()  # those due while writing is disabled
        self._silent = False
        self._stream: AsyncIOStream | weakref.ref[AsyncIOStream] | None = None

    @property
    def stream(self) -> AsyncIOStream:
        """The stream over this socket, made on first use and the same ever after (CL-32)."""
        stream = self._stream
        if isinstance(stream, weakref.ref):
            stream = stream()
        if stream is None:
            stream = AsyncIOStream(self)
            self._stream = weakref.ref(stream) if self.closed else stream
        return stream

    @property
    def address(self) -> Address:
        """The address of this end, a pair `(host, port)`; Nones before there is one (LW-030)."""
        return self._fact("sockname")

    @property
    def peer_address(self) -> Address:
        """The address of the peer, a pair `(host, port)`; Nones before there is one (LW-030)."""
        return self._fact("peername")

    # What the transport says.

    def connection_made(self, transport: Any) -> None:
        """Be connected: the program is told, then what it has written leaves.

        Thread: the owner's. Calls back: `connect_cb`. Source: CL-04, CL-06, CL-15.
        """
        self.transport = transport
        transport.output_limit = sys.maxsize  # ours is looked at before
        transport.set_timeouts(read=self._settings.read_timeout, write=self._settings.write_timeout)
        if self._disabled & WRITE:
            transport.hold_output()
        if self._settings.connect_cb is not None:
            self._call(self._settings.connect_cb, self)
        self.send_pending()
        self.input_read()

    def data_received(self, data: bytes) -> None:
        """Give it to the program, or keep it.

        Thread: the owner's. Calls back: `read_cb`. Source: CL-25, CL-26, CL-33, CL-34.
        """
        read_cb = self._handlers.now.read
        if self._settings.drain and read_cb is not None and not self.inbox:
            self._call(read_cb, self, data)
            return
        self.inbox.put(data)
        if read_cb is None:
            self.deliver_later()
        else:
            self._deliver(read_cb)
        if len(self.inbox) > self.inbox.limit and self.transport is not None:
            self.transport.end_by(self._too_much())
        else:
            self.input_read()

    def eof_received(self) -> None:
        """Tell of the peer's end; what is written meanwhile is sent, then the socket closes.

        Thread: the owner's. Calls back: `read_cb`, `event_cb`. Source: CL-56, CL-57.
        """
        self._deliver_the_last()
        if self._quiet or self.transport is None:
            return
        text = "the peer has ended the connection"
        end = EndOfStream(text, phase="read", peer=self.peer_address)
        self.inbox.end = EndOfStream(text)  # another one: the event knows its socket, a circle
        self._silent = True
        self._call(self._tell, end)
        self.closed = True
        self.transport.close(self._settings.write_timeout or CLOSE_TIMEOUT)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell of a failure, unless the program itself has ended it.

        Thread: the owner's. Calls back: `read_cb`, `event_cb`. Source: CL-51, CL-55, CL-64.
        """
        report = self.transport.close_report if self.transport is not None else None
        assert report is not None, "it has been connected, and has ended"
        told = not self._silent and report.phase != "callback" and report.by != "us"
        if told:
            self._deliver_the_last()
        elif report.bytes_unsent and isinstance(exc, ReactorError) and report.by != "us":
            log.warning("%r: %d bytes were not sent: %s", self, report.bytes_unsent, exc)
        self.failed(exc if told and not self._silent else None)

    def failed(self, error: BaseException | None) -> None:
        """Be closed: by a failure, of which the program is told, or without a word.

        Thread: the owner's. Calls back: `event_cb`. Source: CL-07, CL-55, CL-66.
        """
        self.closed = self._silent = True
        self._pending = None
        stream = self._stream
        if isinstance(stream, AsyncIOStream):
            self._stream = weakref.ref(stream)  # what has ended shall be no circle
        if not isinstance(error, ReactorError):
            if self.inbox.end is None:
                self.inbox.drop()  # else reading would say for ever that there is nothing yet
            return
        self.inbox.end = self.inbox.end or error
        try:
            self._tell(error)
        except Exception as exception:  # noqa: BLE001  # user code
            self.collection.report(self, exception)

    # Reading.

    def input_read(self, *, restart: bool = False) -> None:
        """Let the transport read, unless the program does not want it, or has no place for it.

        With `restart` the read timeout counts from zero.

        Thread: the owner's. Calls back: never. Source: CL-33, CL-46.
        """
        transport = self.transport
        if transport is None or self.closed:
            return
        if self._disabled & READ or (
            self._handlers.latest.read is None and len(self.inbox) >= READ_AHEAD
        ):
            transport.pause_reading()
        else:
            transport.resume_reading(restart=restart)

    def deliver_later(self) -> None:
        """Tell of what is kept in a later turn, if there is a callback by now.

        Thread: the owner's. Calls back: never before it returns. Source: CL-33, CL-46.
        """
        transport, read_cb = self.transport, self._handlers.latest.read
        if transport is not None and read_cb is not None and self.inbox.untold:
            transport.later(self._deliver_kept)

    def _deliver(self, read_cb: Callable[..., object]) -> None:
        """Tell of what is kept."""
        self.inbox.tell()
        if self._settings.drain:
            self._call(read_cb, self, self.inbox.take())
        else:
            self._call(read_cb, self, self.stream)

    def _deliver_kept(self) -> None:
        """Tell of what had arrived before there was a callback; in the turn in which it counts."""
        read_cb = self._handlers.now.read
        if self._quiet or self._disabled & READ or not self.inbox.untold:
            return
        if read_cb is None:
            self.deliver_later()
            return
        self._deliver(read_cb)
        self.input_read()

    def _deliver_the_last(self) -> None:
        """Tell of what is kept before the end is told, if there is a callback by now."""
        read_cb = self._handlers.latest.read
        if read_cb is not None and self.inbox.untold and not self._silent:
            self._deliver(read_cb)

    def _too_much(self) -> LimitExceeded:
        return LimitExceeded(
            f"{len(self.inbox)} bytes are unread and the limit is {self.inbox.limit}: read them,"
            " or raise `input_limit`",
            identifier="input-limit",
            phase="read",
            peer=self.peer_address,
        )

    # Writing.

    def send_pending(self) -> None:
        """Send what was written before there was a connection, as one piece where nobody asks.

        Thread: the owner's. Calls back: never. Source: CL-04, CL-05, CL-37.
        """
        pending, self._pending = self._pending, None
        transport = self.transport
        if pending is None or transport is None or transport.is_closing():
            return
        for_nobody = list[bytes]()
        # The loss that one of them meets is raised by those behind it: it is told as an event.
        with contextlib.suppress(SocketError):
            for data, write_cb in pending.writes:
                for_nobody.append(data)
                if write_cb is not None:
                    transport.writelines(for_nobody)
                    for_nobody.clear()
                self.report_sent(write_cb)
            if for_nobody:
                transport.writelines(for_nobody)

    def report_sent(self, write_cb: SocketCallback | None, before: int = 0) -> None:
        """Tell of what was just written when it has left: its own callback, or that of the socket.

        As long as the socket has none, plain writes are not followed, which costs as much as they
        do. With the first one that is given, what is still unsent of them is: `before` bytes.

        Thread: the owner's. Calls back: never. Source: CL-39, CL-40.
        """
        if self._silent or self.transport is None:
            return
        plain = self._handlers.latest.write is not None
        if write_cb is not None:
            self.transport.when_sent(self._sent, write_cb)
            plain = not plain and before > 0
        if plain and not self._asked:
            self._asked = True
            self.transport.when_sent(self._perhaps_empty)

    def _sent(self, write_cb: SocketCallback) -> None:
        if self._disabled & WRITE:
            self._held_back.append(write_cb)
        elif not self._silent:
            self._call(write_cb, self)

    def tell_held_back(self) -> None:
        """Tell of what was sent before writing was disabled, later, in front of all else.

        Thread: the owner's. Calls back: never before it returns. Source: CL-40, CL-47.
        """
        held_back, self._held_back = self._held_back, []
        for write_cb in held_back:
            assert self.transport is not None, "it has sent something"
            self.transport.later(self._sent, write_cb)

    def _perhaps_empty(self) -> None:
        """Tell that all output has left, or ask again behind what was written meanwhile."""
        transport = self.transport
        assert transport is not None, "it has sent something"
        if self._silent:
            return
        if self._disabled & WRITE or transport.get_write_buffer_size():
            transport.when_sent(self._perhaps_empty)
            return
        self._asked = False
        write_cb = self._handlers.now.write
        if write_cb is not None:
            self._call(write_cb, self)

    # Inside.

    @property
    def _quiet(self) -> bool:
        """Whether the program is to hear nothing any more."""
        return self._silent or (self.transport is not None and self.transport.is_closing())

    def _fact(self, name: str) -> Address:
        if self.transport is None:
            return (None, None)
        address: Address = self.transport.get_extra_info(name)
        return address

    def _tell(self, event: ReactorError) -> None:
        event.connection = self
        self._handlers.now.tell(event)

    def _call(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call the program; what it raises ends the connection, and goes to the error handler."""
        transport = self.transport
        assert transport is not None, "callbacks come when it is connected"
        try:
            callback(*arguments)
        except Exception as exception:  # noqa: BLE001  # user code
            try:
                transport.failed(exception, self)
            finally:
                self.closed = transport.is_closing()
                report = transport.close_report
                assert report is not None, "that has ended it"
                # Only of a loss that it has met by writing there is an event.
                if report.error is not exception or report.phase == "callback":
                    self._silent = True
