"""Transport: what a protocol sees of its connection; all flow control is here.

It does no I/O of its own. What arrives comes through one `Feed` on the read queue, bound directly
to the protocol. What is written is tried at once, and an operation exists only while it has to
wait: then a `Pour` takes that write and those behind it.

    OPEN ──start_tls──► SWITCHING ──handshake──► OPEN
      │                     │
      ├──close──► CLOSING ──┴─output gone, or its limit──► CLOSED ──later──► connection_lost
      └──abort, loss, a hook that raises, a limit──────────►

However it ends, it ends through `_end`: once, with one report of who closed and why.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import get_ident
from typing import Any, Final, Literal, TypeAlias

from reactor.channel.base import BytesLike
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import Stage
from reactor.channel.tls_settings import tls_plan
from reactor.deadline import check_timeout
from reactor.errors import (
    BrokenPipe,
    EndOfStream,
    InternalError,
    LimitExceeded,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    ReactorError,
    SocketError,
    StateClosed,
    address_text,
)
from reactor.loop.timers import Timed, call
from reactor.protocol import BaseProtocol, BufferedProtocol
from reactor.state.connection import Connection
from reactor.state.line import Request
from reactor.state.operations import BufferedFeed, Feed, Pour

WRITE_LIMIT_HIGH: Final = 65_536  # bytes of output above which the protocol is paused
WRITE_LIMIT_LOW: Final = 16_384  # bytes of output at which it is resumed
DRAIN_TIMEOUT: Final = 20.0  # seconds without progress that a closing connection may still send
HANDSHAKE_TIMEOUT: Final = 10.0  # seconds

Closer: TypeAlias = Literal["us", "peer", "limit", "error"]


class Phase(enum.IntEnum):
    """What a transport is doing; powers of two, so that a set of phases is a mask."""

    OPEN = 1
    SWITCHING = 2  # waits for its output to go, then for a handshake; writes are kept
    CLOSING = 4  # nothing is read any more, and what was written still goes
    CLOSED = 8


MOVES: Final = {
    Phase.OPEN: Phase.SWITCHING | Phase.CLOSING | Phase.CLOSED,
    Phase.SWITCHING: Phase.OPEN | Phase.CLOSING | Phase.CLOSED,
    Phase.CLOSING: Phase.CLOSED,
    Phase.CLOSED: 0,
}


@dataclass(frozen=True, slots=True)
class CloseReport:
    """Who closed a connection and why.

    `by` is "us", "peer", "limit" or "error"; `phase` what was going on; `error` the exception that
    `connection_lost` gets, or None; `bytes_unread` and `bytes_unsent` what was left;
    `tls_ended` whether TLS ended properly, None without TLS.

    Thread: any. Calls back: never. Source: PR-13.
    """

    by: Closer
    phase: str
    error: BaseException | None
    bytes_unread: int
    bytes_unsent: int
    tls_ended: bool | None


class Transport:
    """The connection of a protocol; made by `serve` and `connect`.

    Args:
        state: the connection, open, with nothing running on it.
        protocol: whose it is.
        ended: called with this transport when it has ended, before `connection_lost`.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only, except
    `pause_writing`, which is called inside `write`. Source: PR-04 to PR-14.
    """

    __slots__ = (
        "_channel",
        "_direct",
        "_ended",
        "_eof_asked",
        "_high",
        "_idle",
        "_low",
        "_owner",
        "_phase",
        "_pour",
        "_protocol",
        "_reading",
        "_reading_paused",
        "_sent",
        "_state",
        "_switch",
        "_writing_paused",
        "close_report",
    )

    def __init__(
        self,
        state: Connection,
        protocol: BaseProtocol,
        ended: Callable[["Transport"], object] | None = None,
    ) -> None:
        self._state = state
        self._channel = state.channel
        self._sent = 0  # bytes that went directly into the channel
        self._protocol = protocol
        self._ended = ended
        self._owner = state.collection.owner
        self._phase: int = Phase.OPEN
        self._direct = False  # whether a write may go straight into a plain channel
        self._pour: Pour | None = None
        self._reading: Request | None = None  # the feed, made when reading begins
        self._reading_paused = False
        self._writing_paused = False
        self._eof_asked = False
        self._idle: IdleLimit | None = None
        self._switch: tuple[Any, ...] | None = None  # a handshake that waits for the output to go
        self._high = WRITE_LIMIT_HIGH
        self._low = WRITE_LIMIT_LOW
        self.close_report: CloseReport | None = None
        state.face = self
        self._be_direct()

    def begin(self) -> None:
        """Tell the protocol that it is connected, then feed it, in the connection's context."""
        state = self._state
        try:
            call(self._protocol.connection_made, (self,), state.context)
        except Exception as exception:  # noqa: BLE001  # user code
            self.failed(exception)
        else:
            self._read_on()

    # Writing.

    def write(self, data: BytesLike) -> None:
        """Send bytes, after those that were written before; never block.

        The kernel is tried at once if nothing waits. What it does not take is kept: `bytes` as
        they are, anything else as a copy.

        Raises:
            LimitExceeded: as much waits already as the output limit (16 MiB) allows.
            StateClosed: the transport is closing or closed. BrokenPipe: after `write_eof`.
            SocketError: the way out was lost before; the same error every time.
            WrongThread: the caller does not own the collection. TypeError: not bytes-like.

        Thread: the owner's. Calls back: `pause_writing`, at most. Source: PR-05, PR-06.
        """
        if self._owner.thread != get_ident():
            self._owner.check()
        if not self._direct or type(data) is not bytes:
            self._write_with_care(data)
            return
        channel = self._channel
        try:
            count = channel.write(data)
        except SocketError as error:
            self._output_failed(error)
            return
        if count == len(data):
            self._sent += count
        else:
            self._keep(data, count or 0)

    def writelines(self, list_of_data: Iterable[BytesLike]) -> None:
        """Send many pieces, as one `write` of all of them.

        Raises:
            LimitExceeded, StateClosed, BrokenPipe, SocketError, WrongThread: as `write`.

        Thread: the owner's. Calls back: `pause_writing`, at most. Source: PR-05.
        """
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """End our direction when the output has gone; reading goes on.

        Under TLS it is the closing alert that ends it. Once more is harmless.

        Raises:
            StateClosed: the transport is closing or closed. WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: PR-08.
        """
        self._owner.check()
        if self._phase & (Phase.CLOSING | Phase.CLOSED):
            raise self._closed_error("write_eof")
        if not self._eof_asked:
            self._eof_asked = True
            self._direct = False
            if self._pour is None:
                self._output_gone()

    def can_write_eof(self) -> bool:
        """Return true: every stream here can be half closed.

        Thread: any. Calls back: never. Source: PR-08.
        """
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks, in bytes, at which the protocol is paused and resumed.

        None for `high` is four times `low`, or 64 KiB; for `low` a quarter of `high`.

        Raises:
            ValueError: not 0 <= low <= high. WrongThread.

        Thread: the owner's. Calls back: never. Source: PR-06.
        """
        self._owner.check()
        if high is None:
            high = WRITE_LIMIT_HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(f"the marks must be 0 <= low <= high, not {low} and {high}")
        self._high, self._low = high, low
        if self._pour is not None:
            self._pour.low = low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark, in bytes.

        Thread: any. Calls back: never. Source: PR-06.
        """
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent.

        Thread: any. Calls back: never. Source: PR-06.
        """
        return 0 if self._pour is None else self._pour.size

    @property
    def output_limit(self) -> int:
        """Bytes of waiting output at which a write is refused: 16 MiB unless set (PR-05)."""
        return self._state.output.limit

    @output_limit.setter
    def output_limit(self, limit: int) -> None:
        self._state.output.limit = limit

    # Reading.

    def pause_reading(self) -> None:
        """Deliver nothing from now on, not even an end; once more is harmless.

        Thread: the owner's. Calls back: never. Source: PR-07.
        """
        self._owner.check()
        if not self._reading_paused:
            self._reading_paused = True
            self._stop_feeding()

    def resume_reading(self) -> None:
        """Deliver again, also what has come meanwhile; once more is harmless.

        Thread: the owner's. Calls back: never before it returns. Source: PR-07.
        """
        self._owner.check()
        if self._reading_paused:
            self._reading_paused = False
            self._read_on()

    def is_reading(self) -> bool:
        """Return whether input is delivered.

        Thread: any. Calls back: never. Source: PR-07.
        """
        return not self._reading_paused and self._phase == Phase.OPEN

    def set_protocol(self, protocol: BaseProtocol) -> None:
        """Let another protocol have every call from now on; no byte is lost between them.

        Thread: the owner's. Calls back: never. Source: PR-09.
        """
        self._owner.check()
        feeding = self._reading is not None and self._state.input.request is self._reading
        self._stop_feeding()
        self._protocol = protocol
        self._reading = None
        if feeding:
            self._read_on()

    def get_protocol(self) -> BaseProtocol:
        """Return the protocol that gets the calls.

        Thread: any. Calls back: never. Source: PR-09.
        """
        return self._protocol

    # Limits, TLS, facts.

    def set_timeouts(
        self, *, read: float | None = None, write: float | None = None, idle: float | None = None
    ) -> None:
        """Set how long, in seconds, the peer may keep us waiting; None is no limit.

        Args:
            read: since the last arrival; stands still while reading is paused.
            write: without progress while output waits.
            idle: with nothing either way.

        Expiry ends the connection with an `OperationTimeout` that names the limit.

        Raises:
            ValueError: not above 0. WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: PR-12.
        """
        self._owner.check()
        state = self._state
        state.input.timeout = check_timeout("read", read)
        state.output.timeout = check_timeout("write", write)
        check_timeout("idle", idle)
        if self._reading is not None and state.input.request is self._reading:
            state.input.retime(read)
        if self._pour is not None and self._phase == Phase.OPEN:
            state.output.retime(write)
        if self._idle is not None:
            self._idle.cancel()
        self._idle = None
        if idle is not None and not self._phase & (Phase.CLOSING | Phase.CLOSED):
            self._idle = IdleLimit(self, state, idle)
        self._be_direct()

    def start_tls(
        self,
        tls: Any,
        callback: Callable[["Transport", ReactorError | None], object] | None = None,
        *,
        tls_side: str | None = None,
        server_hostname: str | bool | None = None,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        unread: BytesLike = b"",
    ) -> None:
        """Put TLS on the connection when its output has gone; the protocol stays.

        Until the handshake is over nothing is delivered, and writes wait. If it fails the
        connection is lost.

        Args:
            tls: a `ClientTLS`, a `ServerTLS`, an `ssl.SSLContext`, or True for a client.
            callback: gets `(transport, None)` after the handshake, or `(transport, error)`.
            tls_side: "client" or "server"; None is that of `tls`.
            server_hostname: the name to verify; None is the host that was connected to.
            handshake_timeout: seconds, None for no limit.
            unread: bytes that the protocol has been given, but that lie behind the switch: they
                go into the TLS engine and are never taken for protected.

        Raises:
            OperationNotAllowed: there is TLS already. OperationInProgress: TLS is being attached.
            StateClosed: the transport is closing or closed. ValueError, TypeError, WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: PR-10, LW-143.
        """
        self._owner.check()
        if self._phase == Phase.SWITCHING:
            raise OperationInProgress("TLS is being attached already", connection=self)
        if self._phase != Phase.OPEN:
            raise self._closed_error("start_tls")
        if self._state.layered or self._eof_asked:
            raise OperationNotAllowed(f"{self!r} has TLS already, or its output has ended")
        plan = tls_plan(
            tls, side=tls_side, host=self._state.server_name, server_hostname=server_hostname
        )
        if plan is None:
            raise TypeError("start_tls needs a description of TLS, not None")
        self._stop_feeding()
        self._state.unread.append(unread)
        self._switch = plan, callback, check_timeout("handshake_timeout", handshake_timeout)
        self._enter(Phase.SWITCHING)
        self._direct = False
        if self._pour is None:
            self._output_gone()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the connection by asyncio's name for it.

        "peername" and "sockname" are pairs `(host, port)`; "socket"; under TLS "ssl_object",
        "sslcontext", "peercert", "cipher" and "compression".

        Thread: any. Calls back: never. Source: PR-10, LW-030.
        """
        state = self._state
        if name == "peername":
            return state.peer_address
        if name == "sockname":
            return state.address
        if name == "socket":
            return state.object
        tls_object = state.tls_object
        if tls_object is None:
            return default
        return {
            "ssl_object": lambda: tls_object,
            "sslcontext": lambda: tls_object.context,
            "peercert": tls_object.getpeercert,
            "cipher": tls_object.cipher,
            "compression": tls_object.compression,
        }.get(name, lambda: default)()

    # The end.

    def close(self) -> None:
        """Send the output, for as long as it moves within 20 s, then end; once more is harmless.

        Nothing is delivered any more but `connection_lost`.

        Thread: the owner's. Calls back: never before it returns. Source: PR-11.
        """
        self._owner.check()
        if self._phase & (Phase.CLOSING | Phase.CLOSED):
            return
        self._stop_feeding()
        if self._phase == Phase.SWITCHING and self._switch is None:
            self._end(None, "us", "handshake")
            return
        self._enter(Phase.CLOSING)
        self._direct = False
        if self._pour is None and self._state.channel.holds_output:
            self._keep(b"", 0)
        if self._pour is None:
            self._output_gone()
        else:
            self._state.output.retime(self._state.output.timeout or DRAIN_TIMEOUT)

    def abort(self) -> None:
        """End at once; what waits is lost. Once more is harmless.

        Thread: the owner's. Calls back: never before it returns. Source: PR-11.
        """
        self._owner.check()
        self._end(None, "us", "close", abort=True)

    def is_closing(self) -> bool:
        """Return whether the transport is closing or closed.

        Thread: any. Calls back: never. Source: PR-11.
        """
        return bool(self._phase & (Phase.CLOSING | Phase.CLOSED))

    # From below.

    def failed(self, exception: Exception) -> bool:
        """End the connection: a hook has raised this, and the error handler is told."""
        try:
            self._state.collection.report(self, exception)
        finally:
            self._end(exception, "error", "callback")
        return True

    def expired(self, error: OperationTimeout) -> None:
        """End the connection: a limit has passed."""
        self._end(error, "limit", error.phase or "idle")

    def collection_closed(self) -> None:
        """Tell the protocol, at once: there will be no later."""
        if self._phase != Phase.CLOSED:
            error = self._closed_error("anything: the collection was closed")
            self._conclude(error, "us", "close")
            self._say_goodbye(error)

    @property
    def bytes_sent(self) -> int:
        """Bytes that went past the queue of the connection, for its figures."""
        return self._sent

    # Inside: reading.

    def _read_on(self) -> None:
        """Let the feed run, if nothing stands against it."""
        state = self._state
        if self._phase != Phase.OPEN or self._reading_paused or state.input.active:
            return
        if state.unread.data:
            state.later(self._deliver_unread)
            return
        if self._reading is None:
            protocol = self._protocol
            if isinstance(protocol, BufferedProtocol) or not hasattr(protocol, "data_received"):
                self._reading = Request(BufferedFeed(protocol), self._input_ended)  # type: ignore[arg-type]  # asyncio's own classes fit too
            else:
                self._reading = Request(Feed(protocol.data_received), self._input_ended)
        self._reading.timeout = None
        state.input.start(self._reading)

    def _deliver_unread(self) -> None:
        """Deliver what had arrived before there was a feed."""
        state = self._state
        if self._phase == Phase.OPEN and not self._reading_paused and not state.input.active:
            data = state.unread.take()
            if data:
                deliver(self._protocol, data)
            self._read_on()

    def _stop_feeding(self) -> None:
        state = self._state
        if self._reading is not None and state.input.request is self._reading:
            state.input.withdraw()

    def _input_ended(self, state: Connection) -> None:
        status = state.input.status
        if isinstance(status, EndOfStream):
            keep_open = self._protocol.eof_received()  # type: ignore[attr-defined]  # a stream's
            if not keep_open and self._phase == Phase.OPEN:
                self._close_after_peer()
        elif isinstance(status, OperationTimeout):
            self.expired(status)
        elif status is not None:
            lost_before = state.output.status
            error = lost_before if isinstance(lost_before, SocketError) else status
            self._end(error, "error", error.phase or "read")

    def _close_after_peer(self) -> None:
        failure = self._state.output.status
        if isinstance(failure, SocketError):
            self._end(failure, "error", "write")  # it was put off for the peer's last words
        else:
            self.close()

    # Inside: writing.

    def _write_with_care(self, data: BytesLike) -> None:
        """Write what is not plain bytes, or behind what waits already."""
        if not isinstance(data, bytes):
            data = memoryview(data).cast("B")
        if self._phase & (Phase.CLOSING | Phase.CLOSED):
            raise self._closed_error("write")
        if self._eof_asked:
            raise BrokenPipe("write after write_eof", phase="write", connection=self)
        self._state.output.raise_if_lost()
        if not data:
            return
        if self._phase == Phase.OPEN and self._pour is None:
            self._try_first(data)
        else:
            self._keep(data, 0)
        if self._idle is not None:
            self._idle.touch()

    def _try_first(self, data: BytesLike) -> None:
        """Try the channel, where nothing waits; it may be TLS, and the data anything bytes-like."""
        state = self._state
        try:
            count = state.channel.write(data) or 0
        except SocketError as error:
            self._output_failed(error)
            return
        if count < len(data):
            self._keep(data, count)
            return
        self._sent += count
        if state.layered:
            self._push()

    def _be_direct(self) -> None:
        """Let writes go straight into the channel, if nothing has to be looked at on the way."""
        self._channel = self._state.channel
        self._direct = (
            self._phase == Phase.OPEN
            and self._pour is None
            and self._idle is None
            and not self._eof_asked
            and not self._state.layered
        )

    def _push(self) -> None:
        """Bring ciphertext out; a callback of this very connection has it done once, after it."""
        if not self._state.input.running:
            self._state.settle()

    def _keep(self, data: BytesLike, sent: int) -> None:
        """Keep what the channel did not take, behind what waits already."""
        state = self._state
        self._sent += sent
        pour = self._pour
        if pour is None:
            pour = self._pour = Pour(self._sunk, self._low)
        elif pour.size >= state.output.limit:
            raise LimitExceeded(
                f"{pour.size} bytes wait to be sent on {self!r} already: pause at pause_writing(),"
                " or raise `output_limit`",
                identifier="output-limit",
                phase="write",
                peer=state.peer_address,
                connection=self,
            )
        self._direct = False
        if len(data) > sent:
            pour.put(data if not sent else memoryview(data)[sent:])
        if not state.output.active and self._phase != Phase.SWITCHING:
            state.output.start(Request(pour, self._poured))
        if pour.size > self._high and not self._writing_paused:
            self._writing_paused = True
            try:
                self._protocol.pause_writing()
            except Exception as exception:  # noqa: BLE001  # user code
                self.failed(exception)

    def _sunk(self) -> None:
        """Let the protocol write again; called by the pour at the low mark."""
        if self._writing_paused and self._phase != Phase.CLOSED:
            self._writing_paused = False
            self._protocol.resume_writing()

    def _poured(self, state: Connection) -> None:
        status = state.output.status
        if status is None:
            self._pour = None
            self._output_gone()
        elif isinstance(status, OperationTimeout):
            self.expired(status)
        elif isinstance(status, SocketError):
            self._output_failed(status)

    def _output_gone(self) -> None:
        """Do what had to wait for the output."""
        if self._idle is not None:
            self._idle.touch()
        if self._phase == Phase.CLOSING:
            self._end(None, "us", "close")
        elif self._switch is not None:
            self._shake_hands()
        elif self._eof_asked:
            try:
                self._state.channel.write_eof()
                self._state.settle()
            except SocketError as error:
                self._output_failed(error)
        else:
            self._be_direct()

    def _output_failed(self, error: SocketError) -> None:
        """Keep the failure for later: the peer's last words may still be there to be read."""
        state = self._state
        self._direct = False
        state.output.lose(error)
        feeding = self._reading is not None and state.input.request is self._reading
        if not feeding:
            self._end(error, "error", "write")

    # Inside: TLS, and the end.

    def _shake_hands(self) -> None:
        assert self._switch is not None
        plan, callback, timeout = self._switch
        self._switch = None

        def shaken(state: Connection, error: ReactorError | None) -> None:
            if error is not None:
                self._end(error, "error", "handshake")
            elif self._phase == Phase.SWITCHING:
                self._enter(Phase.OPEN)
                if self._pour is None:
                    self._output_gone()
                else:
                    state.output.start(Request(self._pour, self._poured))
            if callback is not None:
                callback(self, error)
            self._read_on()

        self._state.begin_tls(plan, shaken, timeout)

    def _end(
        self, error: BaseException | None, by: Closer, phase: str, *, abort: bool = False
    ) -> None:
        """End the connection, once: report, close, and tell the protocol later."""
        if self._phase == Phase.CLOSED:
            return
        state = self._state
        if by == "us" and isinstance(state.input.status, EndOfStream) and not abort:
            by = "peer"
        self._conclude(error, by, phase)
        state.end(abort=abort)
        state.later(self._say_goodbye, error)

    def _conclude(self, error: BaseException | None, by: Closer, phase: str) -> None:
        state = self._state
        self._enter(Phase.CLOSED)
        self._direct = False
        if self._idle is not None:
            self._idle.cancel()
        self.close_report = CloseReport(
            by, phase, error, len(state.unread), self.get_write_buffer_size(), tls_ended(state)
        )
        if self._ended is not None:
            self._ended(self)

    def _say_goodbye(self, error: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(error)
        except Exception as exception:  # noqa: BLE001  # user code
            self._state.collection.report(self, exception)

    def _closed_error(self, verb: str) -> StateClosed:
        return StateClosed(
            f"{self!r} is closing or closed, too late for {verb}",
            phase="close",
            peer=self._state.peer_address,
            connection=self,
        )

    def _enter(self, phase: int) -> None:
        if not MOVES[Phase(self._phase)] & phase:
            raise InternalError(
                f"{self!r} cannot go from {Phase(self._phase).name} to {Phase(phase).name}"
            )
        self._phase = phase

    def __repr__(self) -> str:
        peer = address_text(self._state.peer_address)
        return f"<Transport to {peer} {Phase(self._phase).name}>"


class IdleLimit(Timed):
    """The limit on nothing happening either way.

    Source: PR-12.
    """

    __slots__ = ("_limit", "_since", "_state", "_transport")

    def __init__(self, transport: Transport, state: Connection, limit: float) -> None:
        super().__init__()
        self._transport = transport
        self._state = state
        self._limit = limit
        self._since = state.collection.clock()
        state.collection.arm(self, self._since + limit)

    def touch(self) -> None:
        """Count anew: something has moved."""
        self._since = self._state.collection.now

    def cancel(self) -> None:
        """Count no more."""
        self._state.collection.timers.disarm(self)

    def on_due(self, now: float) -> None:
        """End the connection, or come again when the last movement is old enough."""
        since = self._since
        for request in (self._state.input.request, self._state.output.request):
            if request is not None:
                since = max(since, request.since)
        if since + self._limit > now:
            self._state.collection.arm(self, since + self._limit)
            return
        error = OperationTimeout(
            "idle for too long",
            phase="idle",
            limit=self._limit,
            elapsed=now - since,
            peer=self._state.peer_address,
            connection=self._transport,
        )
        self._transport.expired(error)


def deliver(protocol: Any, data: bytes) -> None:
    """Give bytes that are in memory already to a protocol of either kind."""
    if hasattr(protocol, "data_received"):
        protocol.data_received(data)
        return
    view = memoryview(data)
    while len(view):
        buffer = memoryview(protocol.get_buffer(len(view))).cast("B")
        count = min(len(view), len(buffer))
        if not count:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:count] = view[:count]
        protocol.buffer_updated(count)
        view = view[count:]


def tls_ended(state: Connection) -> bool | None:
    """Tell whether TLS has ended properly, or is about to; None without TLS."""
    channel = state.channel
    if not isinstance(channel, TLSChannel):
        return None
    engine = channel.engine
    return engine.they_ended or (engine.stage is Stage.OPEN and state.input.status is None)
