"""Transport: what a protocol sees of its connection; all flow control is here.

It does no I/O of its own. What arrives comes through one `Feed` on the read queue, bound directly
to the protocol. What is written is tried at once; what the channel does not take is kept in a
`WaitingOutput`, the next thing to read, which exists only while there is something to wait for.

However it ends, it ends through `_end` or with its collection: once, with one report of who
closed and why, and one last call to the protocol. What it is doing until then is a `Phase`.
"""

import functools
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any, Final, TypeAlias

from reactor.arguments import check_callback
from reactor.channel.base import BytesLike
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT
from reactor.deadline import check_timeout, shorter
from reactor.errors import (
    BrokenPipe,
    EndOfStream,
    InternalError,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    ReactorError,
    SocketError,
    StateClosed,
    address_text,
)
from reactor.flow.close_report import Closer, CloseReport, LastCall, tls_ended
from reactor.flow.feeding import Feeding
from reactor.flow.idle_limit import IdleLimit
from reactor.flow.phase import CLOSED, CLOSING, ENDING, MOVES, OPEN, SHAKING, SWITCHING, Phase
from reactor.flow.switch import Switch, switch_for
from reactor.flow.transport_base import TransportBase
from reactor.protocol import BaseProtocol
from reactor.state.connection import Connection

# Seconds without progress that a closing connection may still send, and without an arrival that a
# connection is kept for the peer's last words when nothing can be sent any more.
DRAIN_TIMEOUT: Final = 20.0

Switched: TypeAlias = Callable[["Transport", BaseException | None], object]


class Transport(TransportBase):
    """The connection of a protocol; made by `serve` and `connect`.

    Args:
        state: the connection, open, with nothing running on it.
        protocol: whose it is.
        ended: called with this transport when it has ended, before `connection_lost`.

    Attributes:
        close_report: a `CloseReport`, from just before `connection_lost` on; None until then.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only, except
    `pause_writing`, which is called inside `write`. Source: PR-04 to PR-14.
    """

    __slots__ = (
        "__weakref__",  # PyQt6 connects a signal to a method by one
        "_channel",
        "_ended",
        "_eof_asked",
        "_idle",
        "_layered",
        "_switch",
        "close_report",
    )

    def __init__(
        self,
        state: Connection,
        protocol: BaseProtocol,
        ended: Callable[["Transport"], object] | None = None,
    ) -> None:
        self._state = state
        self._owner = state.collection.owner
        self._protocol = protocol
        self._ended = ended
        self._phase: int = OPEN
        self._output = None
        self._feeding = Feeding(state, protocol, self)
        self._eof_asked = False
        self._idle: IdleLimit | None = None
        self._switch: Switch | None = None
        self.close_report: CloseReport | None = None
        state.face = self
        self._layered: bool
        self._be_direct()

    def begin(self) -> None:
        """Tell the protocol that it is connected, then feed it; in the connection's context.

        Thread: the owner's. Calls back: `connection_made`. Source: PR-04.
        """
        try:
            self._protocol.connection_made(self)
        except Exception as exception:  # noqa: BLE001  # user code
            self.failed(exception)
        else:
            if self._phase == OPEN:
                self._feeding.go()

    # Writing.

    def write(self, data: BytesLike) -> None:
        """Send bytes, after those that were written before; never block.

        The kernel is tried at once if nothing waits. What it does not take is kept: `bytes` as
        they are, anything else as a copy. That this very write meets the loss of the connection
        is told by `connection_lost`; those that follow raise it.

        Args:
            data: bytes-like, any number of bytes; yours again when this returns.

        Raises:
            LimitExceeded: as much waits already as the output limit (16 MiB) allows.
            SocketError: the way out was lost before; the same error every time.
            StateClosed: the transport is closing or closed. BrokenPipe: after `write_eof`.
            WrongThread: the caller does not own the collection. TypeError: not bytes-like.

        Thread: the owner's. Calls back: `pause_writing`, at most. Source: PR-05, PR-06.
        """
        if self._owner.thread != get_ident():
            self._owner.check()
        if type(data) is not self._direct:
            careful = self._ready_to_go(data)
            if careful is None:
                return
            data = careful
        try:
            count = self._channel.write(data)
        except SocketError as error:
            self.output_failed(error)
            return
        if count != len(data):
            self._direct = None
            self._waiting.keep(memoryview(data)[count:] if count else data)
        elif self._layered and not self._state.input.running:
            self._state.settle()  # else once, behind the hook that called us

    def writelines(self, list_of_data: Iterable[BytesLike]) -> None:
        """Send many pieces, as one `write` of all of them.

        Args:
            list_of_data: bytes-like objects.

        Raises:
            LimitExceeded, StateClosed, BrokenPipe, SocketError, WrongThread: as `write`.

        Thread: the owner's. Calls back: `pause_writing`, at most. Source: PR-05.
        """
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """End our direction when the output has gone; reading goes on.

        Under TLS it is the closing alert that ends it. Once more is harmless.

        Raises:
            StateClosed: the transport is closing or closed. SocketError: the way out was lost.
            WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: PR-08.
        """
        self._check_open("write_eof")
        if not self._eof_asked:
            self._eof_asked = True
            self._direct = None
            if not self._output:
                self.output_gone()

    def when_sent(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call back when all that was written before this has been handed to the kernel.

        Those that were asked for first come first. None comes any more when the connection has
        been lost or has ended: `connection_lost` tells of that.

        Args:
            callback: called with the arguments; to close in it is to send and close.
            arguments: what it is called with.

        Raises:
            StateClosed: the transport is closing or closed. WrongThread. TypeError: it cannot be
            called.

        Thread: the owner's. Calls back: never before it returns. Source: CL-39, CL-40.
        """
        check_callback(callback)
        self._owner.check()
        if self._state.loss is not None:
            return
        self._check_open("when_sent")
        passed = functools.partial(self._state.later, self._sent, callback, arguments)
        if self._output or self._state.channel.holds_output:
            self._waiting.mark(passed)
            self._direct = None
        else:
            passed()

    def later(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call back later, in the context of the connection; what it raises ends that.

        Args:
            callback: called with the arguments, also when the connection has ended meanwhile.
            arguments: what it is called with.

        Raises:
            WrongThread: the caller does not own the collection. TypeError: it cannot be called.

        Thread: the owner's. Calls back: never before it returns. Source: LW-021, CL-36.
        """
        check_callback(callback)
        self._owner.check(over=self._phase == CLOSED)
        self._state.later(callback, *arguments)

    # Limits, TLS.

    def set_timeouts(
        self, *, read: float | None = None, write: float | None = None, idle: float | None = None
    ) -> None:
        """Set how long, in seconds, the peer may keep us waiting; None is no limit.

        Args:
            read: since the last arrival; stands still while reading is paused.
            write: without progress while output waits.
            idle: with nothing either way.

        Each counts from now on. Expiry ends the connection with an `OperationTimeout` whose
        `phase` names the limit.

        Raises:
            ValueError: not above 0. WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: PR-12.
        """
        self._owner.check()
        for name, limit in (("read", read), ("write", write), ("idle", idle)):
            check_timeout(name, limit)
        if self._phase & ENDING:
            return
        self._feeding.retime(read)
        self._state.set_write_timeout(write)
        if self._output is not None:
            self._output.retime(write)
        if self._state.loss is None:  # else it bounds the waiting for the last words
            if self._idle is not None:
                self._idle.cancel()
            self._idle = None if idle is None else IdleLimit(self._state, idle, self.end_by)
        self._be_direct()

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
        is delivered until the handshake is over. If it fails the connection is lost.

        Args:
            tls: a `ClientTLS`, a `ServerTLS`, an `ssl.SSLContext`, or True for a client.
            callback: gets `(transport, None)` after the handshake, or `(transport, error)` before
                `connection_lost`, however the connection ended.
            tls_side: "client" or "server"; None is that of `tls`.
            server_hostname: the name to verify; None is the host that was connected to.
            handshake_timeout: seconds, None for no limit.
            unread: bytes that the protocol has been given, but that lie behind the switch: they
                go into the TLS engine and are never taken for protected.

        Raises:
            OperationNotAllowed: there is TLS already. OperationInProgress: TLS is being attached.
            StateClosed: the transport is closing or closed. SocketError: the way out was lost.
            ValueError, TypeError, WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: PR-10, LW-143.
        """
        self._check_open("start_tls")
        switch = self.plan_switch(
            tls,
            callback,
            tls_side=tls_side,
            server_hostname=server_hostname,
            handshake_timeout=handshake_timeout,
        )
        self.begin_switch(switch, unread)

    # The end.

    def close(self, drain_timeout: float | None = DRAIN_TIMEOUT) -> None:
        """Send the output, for as long as it moves within 20 s, then end; once more is harmless.

        Nothing is delivered any more; after `resume_writing` and the callbacks of `when_sent`, if
        they are due, only `connection_lost` is called. What waits for a handshake is lost.

        Args:
            drain_timeout: seconds without progress after which what is left is dropped, None for
                no limit; the write timeout counts too.

        Raises:
            ValueError: not above 0. WrongThread.

        Thread: the owner's. Calls back: never before it returns. Source: PR-11.
        """
        self._owner.check(over=self.is_closing())
        check_timeout("drain_timeout", drain_timeout)
        if self._phase & ENDING:
            return
        self.release_output()
        loss = self._state.loss
        self._feeding.stop()
        if loss is not None:
            self.end_by(loss)
        elif self._phase == SHAKING:
            self._end(None, "us", "handshake")
        else:
            self._enter(CLOSING)
            self._direct = None
            if self._state.channel.holds_output:
                self._waiting.watch()
            if self._output is not None and self._output.leaving:
                self._output.retime(shorter(self._state.output.timeout, drain_timeout))
            else:
                self.output_gone()

    def drain(self) -> None:
        """Close, or let the protocol do it in its own time if it has a hook `draining`.

        Thread: the owner's. Calls back: `draining`, but never before it returns. Source: PR-15.
        """
        draining = getattr(self._protocol, "draining", None)
        if draining is None:
            self.close()
        else:
            self._state.later(draining)

    def abort(self) -> None:
        """End at once; what waits is lost. Once more is harmless.

        Thread: the owner's. Calls back: never before it returns. Source: PR-11.
        """
        self._owner.check(over=self._phase == CLOSED)
        if self._phase != CLOSED:
            self._end(None, "us", "close", abort=True)

    # From below.

    def plan_switch(
        self,
        tls: Any,
        callback: Callable[[Any, BaseException | None], object] | None,
        *,
        tls_side: str | None,
        server_hostname: str | bool | None,
        handshake_timeout: float | None,
    ) -> Switch:
        """Look at the arguments of `start_tls`, and change nothing yet.

        Raises:
            ValueError, TypeError: one of them is wrong, or there is no name to verify.

        Thread: any. Calls back: never. Source: PR-10, LW-143.
        """
        return switch_for(
            self._state,
            tls,
            callback,
            timeout=handshake_timeout,
            side=tls_side,
            name=server_hostname,
        )

    def begin_switch(self, switch: Switch, unread: BytesLike) -> None:
        """Do what `start_tls` does when its arguments are right.

        Raises:
            OperationNotAllowed, OperationInProgress, StateClosed, SocketError, WrongThread: as
            `start_tls`.

        Thread: the owner's. Calls back: never before it returns. Source: PR-10, LW-143.
        """
        self._check_open("start_tls")
        state = self._state
        if self._phase != OPEN:
            raise OperationInProgress("TLS is being attached already", connection=self)
        if state.layered or self._eof_asked:
            raise OperationNotAllowed(f"{self!r} has TLS already, or its output has ended")
        state.unread.data[:0] = unread  # first: it may not be bytes
        self._switch = switch
        self._feeding.stop()
        self._enter(SWITCHING)
        self._direct = None
        self._waiting.fence()
        if not self._waiting.leaving:
            self.output_gone()

    def failed(self, exception: Exception, concerned: object = None) -> bool:
        """End the connection: a hook has raised this, and the error handler is told.

        The handler is told of `concerned`, None for the transport. The loss of the connection is
        no failure of the hook that met it by writing.

        Thread: the owner's. Calls back: the error handler. Source: PR-14.
        """
        if isinstance(exception, ReactorError) and exception is self._state.loss:
            self.end_by(exception)
            return True
        try:
            self._state.collection.report(concerned or self, exception)
        finally:
            self._end(exception, "error", "callback")
        return True

    def end_by(self, error: ReactorError) -> None:
        """End the connection: it is lost, or a limit has passed.

        Thread: the owner's. Calls back: never. Source: PR-12.
        """
        by: Closer = "limit" if isinstance(error, OperationTimeout) else "error"
        phase = {SHAKING: "handshake", CLOSING: "close"}.get(self._phase)
        self._end(error, by, phase or error.phase or "read")

    def held_up(self) -> None:
        """Wait for the channel: it holds what it cannot bring out now.

        Thread: the owner's. Calls back: `pause_writing`, at most. Source: PR-06.
        """
        if self._phase & (OPEN | CLOSING):
            self._direct = None
            self._waiting.watch()

    def output_failed(self, error: ReactorError) -> None:
        """End the connection; after a loss not before the peer's last words have been read.

        The peer may have none, and wait for ours, and the program may have paused reading: so
        there is a limit.

        Thread: the owner's. Calls back: never. Source: PR-05.
        """
        self._direct = None
        if isinstance(error, SocketError) and not isinstance(error, OperationTimeout):
            self._state.output.lose(error)
            if self._phase == OPEN and not self._feeding.over:
                self._wait_for_last_words()
                return
        self.end_by(error)

    def collection_closed(self) -> None:
        """End, without a connection; the collection makes the last call before it is closed.

        Thread: the owner's. Calls back: never. Source: PR-04.
        """
        if self._phase != CLOSED:
            self._conclude(self._closed_error("anything: the collection was closed"), "us", "close")

    # Inside: reading.

    def moved(self, moment: float | None = None) -> None:
        """Tell who watches for nothing to move; None is now.

        Thread: the owner's. Calls back: never. Source: PR-12.
        """
        if self._idle is not None:
            self._idle.touch(moment)

    def input_ended(self, state: Connection) -> None:
        """Act on the end of the input: by the peer, by a limit, or by a loss.

        Thread: the owner's. Calls back: `eof_received`. Source: PR-08.
        """
        status, loss = state.input.status, state.loss
        # When a write has met a reset the kernel shows an end, but it is none of the peer's: the
        # stream was cut. Only a broken pipe says that there was one. TLS has its own.
        cut = loss is not None and not isinstance(loss, BrokenPipe) and not state.layered
        if isinstance(status, EndOfStream) and not cut:
            keep_open = self._protocol.eof_received()  # type: ignore[attr-defined]  # a stream's
            # After a loss there is nothing to be kept open: it was put off for the last words.
            if self._phase == OPEN and (loss is not None or not keep_open):
                self.close()
        elif status is not None:
            self.end_by(loss or status)

    def _wait_for_last_words(self) -> None:
        if self._output is not None:
            self._output.give_up()
        limit = DRAIN_TIMEOUT
        if self._idle is not None:
            limit = min(limit, self._idle.limit)
            self._idle.cancel()
        self._idle = IdleLimit(self._state, limit, self._no_last_words)

    def _no_last_words(self, late: OperationTimeout) -> None:
        self.end_by(self._state.loss or late)

    # Inside: writing.

    def _ready_to_go(self, data: BytesLike) -> BytesLike | None:
        """Look at what is not plain bytes, or comes at a special time; None if it is taken care of.

        Raises: as `write`.
        """
        if not isinstance(data, bytes):
            data = memoryview(data).cast("B")
        self._check_open("write")
        if self._eof_asked:
            raise BrokenPipe("write after write_eof", phase="write", connection=self)
        if not data:
            return None
        self.moved()
        if not self._output:
            return data
        self._output.check_limit()
        self._output.keep(data)
        return None

    def _be_direct(self) -> None:
        """Let writes go straight into the channel, if nothing has to be looked at on the way.

        `_direct` is the type of what may, or None if nothing may: so `write` asks one question.
        """
        channel, output = self._state.channel, self._output
        meter = None if output is None else output.meter
        self._channel = channel if meter is None else meter.on(channel)
        free = (
            self._phase == OPEN
            and not output
            and not self._eof_asked
            and self._idle is None
            and self._state.loss is None
        )
        self._direct = bytes if free else None
        self._layered = self._state.layered

    def mark_passed(self, above: bool) -> None:
        """Let the protocol know that it should stop writing, or can go on.

        Thread: the owner's. Calls back: `pause_writing`, `resume_writing`. Source: PR-06.
        """
        if not above:
            self._protocol.resume_writing()
            return
        try:
            self._protocol.pause_writing()
        except Exception as exception:  # noqa: BLE001  # user code
            self.failed(exception)

    def output_gone(self) -> None:
        """Do what had to wait for the output.

        Thread: the owner's. Calls back: never. Source: PR-05, PR-08, PR-10, PR-11.
        """
        self.moved()
        if self._phase == CLOSING:
            self._end(None, "us", "close")
        elif self._phase == SWITCHING:
            self._shake_hands()
        elif self._phase == OPEN and self._eof_asked:
            self._send_eof()
        else:
            self._be_direct()

    def _sent(self, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        if self._phase != CLOSED and self._state.loss is None:
            callback(*arguments)

    def _send_eof(self) -> None:
        try:
            self._state.channel.write_eof()
        except SocketError as error:
            self.output_failed(error)
        else:
            self._state.settle()

    # Inside: TLS.

    def _shake_hands(self) -> None:
        switch = self._switch
        assert switch is not None
        self._enter(SHAKING)
        self._state.begin_tls(switch.plan, self._shaken, switch.timeout)

    def _shaken(self, state: Connection, error: ReactorError | None) -> None:
        if error is not None:
            self.end_by(error)
            return
        self._enter(OPEN)
        self._waiting.lift()
        if not self._output:
            self.output_gone()
        self._switch_over(None)
        if self._phase == OPEN:
            self._feeding.go()

    # Inside: the end.

    def _end(
        self, error: BaseException | None, by: Closer, phase: str, *, abort: bool = False
    ) -> None:
        """End the connection, once: report, close, and tell the protocol later."""
        if self._phase == CLOSED:
            return
        state = self._state
        if by == "us" and isinstance(state.input.status, EndOfStream) and not abort:
            by = "peer"
        # A stream that lacks its last bytes must not look complete to the peer.
        abort = abort or (
            self._state.loss is None and self._output is not None and self._output.kept > 0
        )
        last_call = self._conclude(error, by, phase, abort=abort)
        state.end(abort=abort)
        state.later(last_call.make)

    def _conclude(
        self, error: BaseException | None, by: Closer, phase: str, *, abort: bool = False
    ) -> "LastCall":
        state = self._state
        self._enter(CLOSED)
        self._direct = None
        self._feeding.end()
        self._leave_limits()
        if self._idle is not None:
            self._idle.cancel()
        self.close_report = CloseReport(
            by,
            phase,
            error,
            state.unread_count,
            self.get_write_buffer_size(),
            tls_ended(state, abort),
        )
        if self._ended is not None:
            self._ended(self)
        return LastCall(
            state,
            lambda: self._switch_over(error),
            lambda: self._protocol.connection_lost(error),
            self._let_go,
        )

    def _switch_over(self, error: BaseException | None) -> None:
        switch, self._switch = self._switch, None
        if switch is not None:
            closed = self._phase == CLOSED
            switch.tell(self, error or (self._closed_error("TLS") if closed else None))

    def _let_go(self) -> None:
        """Forget the protocol, which has had its last call: what has ended shall be no circle."""
        self._protocol = None  # type: ignore[assignment]  # it is not called any more
        self._ended = None
        self._feeding.let_go()
        self._state.face = None

    def _check_open(self, verb: str) -> None:
        """Raise unless output may still be asked for: the loss, if there was one, every time."""
        self._owner.check()
        if self._state.loss is not None:
            raise self._state.loss.with_traceback(None)
        if self._phase & ENDING:
            raise self._closed_error(verb)

    def _closed_error(self, verb: str) -> StateClosed:
        text = f"{self!r} is closing or closed, too late for {verb}"
        peer = self._state.peer_address
        return StateClosed(text, phase="close", peer=peer, connection=self)

    def _enter(self, phase: int) -> None:
        if not MOVES[self._phase] & phase:
            raise InternalError(f"{self!r} cannot become {Phase(phase).name}")
        self._phase = phase

    def __repr__(self) -> str:
        peer = address_text(self._state.peer_address)
        return f"<Transport to {peer} {Phase(self._phase).name}>"
