"""AsyncIOState: a connection with full control over each read and write.

It adds the verbs to `Connection`: those for streams of bytes, for TLS and for the end are here,
those for datagrams in `datagram_verbs`, and what all have in common in `state_base`. A verb checks
its arguments, makes an operation and puts it into a queue: what takes time happens there.
"""

import socket
from operator import index
from typing import Any, Final

from reactor.arguments import check_callback
from reactor.channel.lost import Lost
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT, tls_plan
from reactor.deadline import check_timeout
from reactor.errors import (
    BrokenPipe,
    EndOfStream,
    OperationAborted,
    OperationInProgress,
    OperationNotAllowed,
    ReactorError,
    SocketError,
    TLSError,
)
from reactor.operations.exchanges import Handshake, Unwrap
from reactor.operations.messages import WaitForMessage
from reactor.operations.operation import Operation
from reactor.operations.reading import Check, Fill, Wait
from reactor.operations.writing import Send
from reactor.state.connection import OPEN_TO_OPERATIONS, Callback
from reactor.state.datagram_verbs import DatagramVerbs
from reactor.state.operation_queue import OperationQueue
from reactor.state.state_base import order, view_of

DETACH_TIMEOUT: Final = 3.0  # seconds


class AsyncIOState(DatagramVerbs):
    """An existing connection, taken over into a collection; nothing is opened.

    The connection is closed with the state. Until then the collection keeps it alive.

    Args:
        collection: where it belongs, for all its life.
        object: a connected stream socket, a datagram socket, a descriptor of either, or a channel;
            None only while `connect_tcp` is still at work.
        unread: bytes that have been received already; the first read sees them first.
        read_timeout: seconds for an operation that brings no limit of its own; None is no limit.
        write_timeout: likewise.
        user_info: any object; never touched.
        name: any object; shown in the `repr`.
        queue_output: whether a second write waits in line; None is false for streams, true for
            datagrams.
        queue_input: whether a second read waits in line.
        direction: "in" or "out", for the figures of the collection: who began the connection.

    Attributes:
        collection: where it belongs.
        object: what it was made of; the connected socket after `connect_tcp`.
        name: settable.
        user_info: settable; the `user_info=` of a verb replaces it.
        max_read: bytes that one call of `read_with_checking` may add at most; 256 KiB unless set.
        protected_length: how many unread bytes TLS had protected when it was detached.

    Raises:
        ValueError: a stream socket listens, or is not connected. TypeError: it is none.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's; attributes may be read by all. Calls back: never before a call returns.
    Source: LW-065 to LW-069, LW-115 to LW-124.
    """

    __slots__ = ("__weakref__",)

    # What can be asked.

    @property
    def buffered_data_length(self) -> int:
        """The number of unread bytes; also after closing (LW-093)."""
        return len(self.unread)

    @property
    def old_length(self) -> int:
        """How many leading unread bytes the operation's callback has seen before (LW-085)."""
        return self.unread.old_length

    @property
    def allow_truncation(self) -> bool:
        """Whether an end without closing alert is an ordinary end (LW-151)."""
        return isinstance(self.channel, TLSChannel) and self.channel.allow_truncation

    @allow_truncation.setter
    def allow_truncation(self, allow: bool) -> None:
        if not isinstance(self.channel, TLSChannel):
            raise OperationNotAllowed(f"{self!r} has no TLS that could be cut off")
        self.channel.allow_truncation = allow

    # Reading.

    def read_buffer(
        self,
        buffer: Any,
        callback: Callback,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        error_callback: Callback | None = None,
        user_info: Any = None,
    ) -> None:
        """Fill `buffer[start:end]` completely, then report.

        Args:
            buffer: writable and bytes-like; leave it alone until the report.
            callback: gets `(state, buffer, count)`; `read_status` explains a short count.
            start: where to begin.
            end: where to stop; None is the end of the buffer.
            timeout: seconds for all of it; None is the `read_timeout` of the state, `math.inf`
                no limit.
            deadline: a moment of the collection's clock by which it must be over, None for none.
            error_callback: gets the same arguments instead, if the connection fails.
            user_info: replaces the state's, unless None.

        Raises:
            TypeError: the buffer cannot be written. ValueError: the range is not inside it.
            OperationInProgress: a read is running and this state does not queue its input.
            StateClosed: the state is closed. WrongThread: the caller does not own it.

        Thread: the owner's. Calls back: never before it returns. Source: LW-071 to LW-079.
        """
        view = view_of(buffer, start, end)
        if view.readonly:
            raise TypeError("the buffer of a read must be writable")
        operation = Fill(buffer, view, self.unread)
        order(operation, callback, error_callback, timeout, deadline)
        self._start(self.input, operation, user_info)

    def read_with_checking(
        self,
        callback: Callback,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_read: int | None = None,
        error_callback: Callback | None = None,
        user_info: Any = None,
    ) -> None:
        """Collect bytes and show all of them whenever some have arrived, until `finish`.

        Args:
            callback: gets `(state, buffer, end)`; `buffer[0:end]` is valid until it returns, and
                may call `discard` and `finish`. Once more, with `read_status` set, at the end.
            timeout: seconds between arrivals; None and `math.inf` as in `read_buffer`.
            deadline: as in `read_buffer`.
            max_read: bytes that one call may add at most; None is the `max_read` of the state.
            error_callback: as in `read_buffer`.
            user_info: as in `read_buffer`.

        Raises:
            OperationInProgress, StateClosed, WrongThread: as `read_buffer`.
            TypeError, ValueError: `max_read` is no whole number above 0.

        Thread: the owner's. Calls back: never before it returns. Source: LW-081 to LW-092.
        """
        size = index(self.max_read if max_read is None else max_read)
        if size <= 0:
            raise ValueError(f"max_read must be above 0, not {size}")
        operation = Check(
            self.unread,
            lambda check, buffer, length: self._show(check, callback, buffer, length),
            size,
            self.input.limit,
        )
        order(
            operation,
            self._permitting(callback, operation),
            None if error_callback is None else self._permitting(error_callback, operation),
            timeout,
            deadline,
        )
        self._start(self.input, operation, user_info)

    def wait_for_input(
        self,
        callback: Callback,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        user_info: Any = None,
    ) -> None:
        """Call `callback(state)` when bytes or the end can be read; they stay for the next read.

        Under TLS it is plaintext that counts; of datagrams an empty one does too.

        Args:
            callback: gets `(state)`; `read_status` tells if a limit, an end or a failure was first.
            timeout: seconds; None is the `read_timeout` of the state, `math.inf` no limit.
            deadline: as in `read_buffer`.
            user_info: as in `read_buffer`.

        Raises:
            OperationInProgress, StateClosed, WrongThread: as `read_buffer`.

        Thread: the owner's. Calls back: never before it returns. Source: LW-080.
        """
        operation = WaitForMessage() if self.carries_messages else Wait(self.unread)
        order(operation, callback, None, timeout, deadline)
        self._start(self.input, operation, user_info)

    def discard(self, count: int) -> int:
        """Drop the first `count` unread bytes; return how many remain. The operation goes on.

        Args:
            count: bytes, 0 or more.

        Raises:
            OperationNotAllowed: outside the callback of `read_with_checking`.
            ValueError: there are not so many.

        Thread: the owner's. Calls back: never. Source: LW-083.
        """
        self._operation_that_checks("discard")
        return self.unread.discard(count)

    def finish(self, count: int = 0) -> int:
        """Drop `count` bytes, end the operation, and return how many bytes remain unread.

        Its callback is not called again. A new read may be started at once.

        Args:
            count: bytes, 0 or more; 0 by default.

        Raises:
            OperationNotAllowed, ValueError: as `discard`.

        Thread: the owner's. Calls back: never. Source: LW-084.
        """
        check = self._operation_that_checks("finish")
        if check.finished:
            raise OperationNotAllowed("the operation has been finished already", connection=self)
        remaining = self.unread.discard(count)
        check.finished = True
        if self.input.operation is check:
            self.input.withdraw()
        return remaining

    def get_buffered_data(self, buffer: Any, *, start: int = 0, end: int | None = None) -> int:
        """Move as many unread bytes as fit into `buffer[start:end]`, and return how many.

        Works after `close` too.

        Args:
            buffer: writable and bytes-like.
            start: where to begin; 0 by default.
            end: where to stop; None, the default, is the end of the buffer.

        Raises:
            OperationInProgress: a read is running, or there is no connection yet.
            TypeError, ValueError: as `read_buffer`.

        Thread: the owner's. Calls back: never. Source: LW-034, LW-093.
        """
        if not self.closed:
            self._check_usable("get_buffered_data")
        if self.input.active:
            raise OperationInProgress(f"a read is running on {self!r}", connection=self)
        view = view_of(buffer, start, end)
        if view.readonly:
            raise TypeError("the buffer of unread bytes must be writable")
        return self.unread.move_into(view)

    # Writing.

    def write_buffer(
        self,
        buffer: Any,
        callback: Callback | None,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        error_callback: Callback | None = None,
        user_info: Any = None,
    ) -> None:
        """Send every byte of `buffer[start:end]`, then report how many went.

        Args:
            buffer: bytes-like; lent, not copied: leave it alone until the report.
            callback: gets `(state, buffer, count)` when the kernel has all of it;
                `write_status` explains a short count. None reports failures only, to the log.
            start: where to begin.
            end: where to stop; None is the end of the buffer.
            timeout: seconds without progress, counted afresh whenever bytes are taken; None is
                the `write_timeout` of the state, `math.inf` no limit.
            deadline: as in `read_buffer`.
            error_callback: as in `read_buffer`.
            user_info: as in `read_buffer`.

        Raises:
            OperationInProgress: a write is running and this state does not queue its output.
            LimitExceeded: too many bytes wait in line.
            StateClosed: the state is closed. BrokenPipe: its way out was shut down.
            SocketError: the way out has failed before: the same error, every time.
            WrongThread: the caller does not own the collection.

        Thread: the owner's. Calls back: never before it returns. Source: LW-094 to LW-104.
        """
        operation = Send(buffer, view_of(buffer, start, end))
        order(operation, callback, error_callback, timeout, deadline)
        self._start(self.output, operation, user_info)

    # Ending.

    def abort(self, abort_callback: Callback | None, direction: str = "input") -> None:
        """Stop what runs in a direction; its own callback is not called any more.

        Args:
            abort_callback: called later: for "input" and "output" with `(state, buffer, count)`
                of what was moved, None where there is no such value; for "io" with `(state)`.
                Those that waited in line have had their ends by then.
            direction: "input", "output" or "io".

        Raises:
            OperationInProgress: while connecting, and while TLS is switched.
            StateClosed, WrongThread: as every verb. ValueError: another direction.
            TypeError: the callback cannot be called.

        Thread: the owner's. Calls back: never before it returns. Source: LW-125 to LW-129.
        """
        self._check_usable("abort", OPEN_TO_OPERATIONS)
        if abort_callback is not None:
            check_callback(abort_callback)
        stopped = [queue.abort(self._aborted(), tell=False) for queue in self._queues(direction)]
        if abort_callback is None or direction == "io":
            for one in stopped:
                if one is not None:
                    one.result(None)  # it lets go of what it holds
        if abort_callback is None:
            return
        for one in stopped:
            if isinstance(one, Check):
                one.finished = True  # there is nothing to finish, but something to discard
                abort_callback = self._permitting(abort_callback, one)
        if direction == "io":
            reads, writes = self.input, self.output
            call_with = (writes.call_with, writes.status, abort_callback, self)
            reads.tell(reads.call_with, reads.status, *call_with)
            writes.tell(nothing)
            return
        (queue,) = self._queues(direction)
        queue.tell(queue.call_with, queue.status, self._report_abort, abort_callback, *stopped)

    def abort_and_close(
        self, close_callback: Callback | None = None, *, keep_object: bool = False
    ) -> None:
        """Stop both directions without a word, close, and call `close_callback(state)` later.

        Args:
            close_callback: called later with the state, when its port or path is free, unless TLS
                still takes its leave; None calls nobody.
            keep_object: leave the socket open, and blocking if it was; it is the caller's. Default
                false.

        Raises:
            OperationNotAllowed: `keep_object` where there is TLS or no socket. WrongThread,
                WrongProcess. TypeError: the callback cannot be called.

        Thread: the owner's. Calls back: never before it returns. Source: LW-130.
        """
        self.collection.owner.check()
        if close_callback is not None:
            check_callback(close_callback)
        if not self.closed:
            self._close(None, keep_object=keep_object)
        if close_callback is not None:
            # Twice, for sockets are closed behind the calls of a turn: then their port is free.
            self.later(self.later, close_callback, self)

    def shutdown(
        self, direction: str, *, abort: bool = False, callback: Callback | None = None
    ) -> bool | None:
        """End a direction of the connection, "input", "output" or "io"; it is not closed.

        Args:
            direction: "input", "output" or "io" for both.
            abort: end what is active in that direction with `OperationAborted`; by default it is an
                error.
            callback: gets `(state, None)` later, or `(state, error)` in place of what would be
                raised.

        Returns:
            True if it is done, None if it is under way.

        Raises:
            OperationInProgress: the direction is active and `abort` is false.
            OperationNotAllowed: "input" or "io" under TLS. SocketError: it failed and there is
            no `callback`, which otherwise gets `(state, exception or None)` later.
            TypeError: the callback cannot be called.

        Thread: the owner's. Calls back: never before it returns. Source: LW-131 to LW-133.
        """
        self._check_usable("shutdown")
        if callback is not None:
            check_callback(callback)
        queues = self._queues(direction)
        if self.layered and direction != "output":
            raise OperationNotAllowed(
                f"under TLS only output can be shut down, not {direction}", connection=self
            )
        stopped = False
        for queue in queues:
            if queue.active and not abort:
                raise OperationInProgress(
                    f"{queue!r} is active on {self!r}: pass abort=True to stop it", connection=self
                )
            stopped |= queue.active  # those in line too, if a callback of the queue is the caller
            queue.abort(self._aborted(), tell=True)
        failure = self._shut_down(direction)
        if callback is not None:
            self.later(callback, self, failure)
        elif failure is not None and not stopped:
            raise failure
        return None if stopped or self.channel.holds_output else True

    # TLS.

    def attach_tls(
        self,
        callback: Callback,
        *,
        tls: Any = True,
        tls_side: str | None = None,
        configure_context: Any = None,
        configure_connection: Any = None,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        server_hostname: str | bool | None = None,
    ) -> None:
        """Put TLS on the connection, shake hands, then call `callback(state, None or error)`.

        Unread bytes go into the engine: what came too early in clear never counts as protected.
        After a failure only closing is left.

        Args:
            callback: gets `(state, None)` after handshake and verification, or the error.
            tls: a `ClientTLS`, a `ServerTLS`, an `ssl.SSLContext`, or True for a client.
            tls_side: "client" or "server"; None is that of `tls`.
            configure_context: called with a new context, for which the files of `tls` are read
                again; if it raises, the handshake has failed.
            configure_connection: called with the `ssl.SSLObject` before its handshake.
            handshake_timeout: seconds for the whole handshake, None for no limit.
            server_hostname: the name to verify and to send; None and True are the host that was
                connected to, False is none.

        Raises:
            OperationNotAllowed: there is TLS already. OperationInProgress: a direction is active.
            ValueError, TypeError: the options contradict each other. StateClosed, WrongThread.
            OSError: with `configure_context`, a file of `tls` cannot be read any more.

        Thread: the owner's. Calls back: `configure_context`; nothing else before it returns.
        Source: LW-139 to LW-143.
        """
        self._check_idle("attach TLS to")
        check_callback(callback)
        self._check_carries(messages=False)
        if self.layered:
            raise OperationNotAllowed(f"{self!r} has TLS already", connection=self)
        limit = check_timeout("handshake_timeout", handshake_timeout)
        try:
            plan = tls_plan(
                tls,
                side=tls_side,
                host=self.server_name,
                server_hostname=server_hostname,
                configure_context=configure_context,
                configure_connection=configure_connection,
            )
        except TLSError as error:
            self._fail_tls(error, callback)
            return
        if plan is None:
            raise TypeError("attach_tls needs a description of TLS, not None")
        self.protected_length = 0  # of an earlier TLS: what was unread goes into the engine
        self.begin_tls(plan, callback, limit)

    def handshake(self, callback: Callback, timeout: float | None = HANDSHAKE_TIMEOUT) -> None:
        """Shake hands on a TLS channel that has not done so; `callback(state, None or error)`.

        Args:
            callback: gets `(state, None)`, or `(state, error)` after which only closing is left.
            timeout: seconds for all of it, 10 by default; None for no limit.

        Raises:
            OperationNotAllowed: there is no TLS. OperationInProgress: a direction is active.
            TypeError: the callback cannot be called.

        Thread: the owner's. Calls back: never before it returns. Source: LW-146.
        """
        self._check_idle("shake hands on")
        check_callback(callback)
        if not self.layered:
            raise OperationNotAllowed(f"{self!r} has no TLS", connection=self)
        self._exchange(Handshake(), callback, check_timeout("timeout", timeout))

    def detach_tls(self, callback: Callback, *, timeout: float | None = DETACH_TIMEOUT) -> None:
        """Exchange closing alerts and go on in clear; `callback(state, None or error)`.

        What was decrypted before the peer's alert is unread first, `protected_length` bytes, and
        then what came behind it. Without TLS only the callback comes.

        Args:
            callback: gets `(state, None)` when the traffic is plain, or `(state, error)`.
            timeout: seconds for the peer's alert, 3 by default; None for no limit.

        Raises:
            OperationInProgress: a direction is active. OperationNotAllowed: no handshake yet.
            StateClosed, WrongThread. TypeError: the callback cannot be called. ValueError: the
            limit is none.

        Thread: the owner's. Calls back: never before it returns. Source: LW-142, LW-144.
        """
        self._check_idle("detach TLS from")
        check_callback(callback)
        self._check_carries(messages=False)
        limit = check_timeout("timeout", timeout)
        if not self.layered:
            self.later(callback, self, None)
            return
        self._check_shaken()
        self._exchange(
            Unwrap(),
            lambda state, error: self._detached(callback, error),
            limit,
        )

    # Inside.

    def _aborted(self) -> OperationAborted:
        return OperationAborted("stopped by the program", peer=self.peer_address, connection=self)

    def _queues(self, direction: str) -> tuple[OperationQueue, ...]:
        queues = {
            "input": (self.input,),
            "output": (self.output,),
            "io": (self.input, self.output),
        }.get(direction)
        if queues is None:
            raise ValueError(f'a direction is "input", "output" or "io", not {direction!r}')
        return queues

    def _report_abort(self, abort_callback: Callback, operation: Operation | None) -> None:
        moved = operation.result(None) if operation is not None else ()
        abort_callback(self, *(*moved, None, None)[:2])  # there may be an address behind

    def _permitting(self, callback: Callback, check: Check) -> Callback:
        """Wrap the callback of a checking read: inside it `discard` and `finish` are allowed."""
        check_callback(callback)

        def permitted(*arguments: Any) -> None:
            before, self._checking = self._checking, check
            try:
                callback(*arguments)
            finally:
                self._checking = before

        return permitted

    def _show(self, check: Check, callback: Callback, buffer: bytearray, length: int) -> None:
        self._permitting(callback, check)(self, buffer, length)

    def _operation_that_checks(self, verb: str) -> Check:
        self.collection.owner.check()
        if self._checking is None:
            self._check_usable(verb)
            raise OperationNotAllowed(
                f"{verb}() is for the callback of read_with_checking only", connection=self
            )
        return self._checking

    def _fail_tls(self, error: TLSError, callback: Callback) -> None:
        """Fail as a handshake would: nothing goes on in clear, and the callback comes later."""
        error.connection, error.peer = self, self.peer_address
        self.unread.take()  # as the engine would have: they were meant for it
        self.input.channel = Lost(error)
        self._exchange(Handshake(), callback, None)

    def _detached(self, callback: Callback, error: ReactorError | None) -> None:
        if error is None and isinstance(self.channel, TLSChannel):
            inner, decrypted, leftover = self.channel.detach()
            self.unread.append(decrypted)
            self.protected_length = len(self.unread)
            self.unread.append(leftover)
            self._set_channel(inner)
        callback(self, error)

    def _shut_down(self, direction: str) -> SocketError | None:
        try:
            if self.layered:
                self.channel.write_eof()
                self.settle()
            else:
                self.channel.shutdown(HOW[direction])
        except SocketError as error:
            return error
        if direction != "output":
            self.input.lose(EndOfStream("input was shut down", phase="read", connection=self))
        if direction != "input":
            self.output.lose(
                BrokenPipe("output was shut down", phase="write", peer=self.peer_address)
            )
        return None


HOW: Final = {"input": socket.SHUT_RD, "output": socket.SHUT_WR, "io": socket.SHUT_RDWR}


def nothing() -> None:
    """Do nothing: as a final call it only holds a queue back until it is over."""
