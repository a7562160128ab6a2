"""SocketStream: a connection as a file, for code that waits.

It is an `io.BufferedIOBase` over the channels and operations of everything else here, and `drive`
waits for them: so a blocking read has the limits, the TLS and the errors of any other. Nothing that
is written waits in user space; what is read ahead is in one buffer, which `release` hands over.

One thread may read while another one writes. A second reader, or writer, is refused.
"""

import contextlib
import io
import socket
import weakref
from collections.abc import Iterable
from typing import Any, Final, Literal, TextIO, TypeAlias, overload

from reactor.channel.base import BytesLike, Channel
from reactor.channel.lost import raise_if_failed
from reactor.channel.socket_channel import OwnedSocket
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_settings import HANDSHAKE_TIMEOUT, ServerHostname, tls_plan
from reactor.deadline import NEVER, check_timeout
from reactor.errors import (
    BrokenPipe,
    EndOfStream,
    OperationInProgress,
    OperationNotAllowed,
    SocketError,
    SocketIOError,
)
from reactor.opening.blocking import shake_hands
from reactor.operations.exchanges import EndOutput, Handshake, Unwrap
from reactor.operations.writing import Send
from reactor.state.async_io_state import DETACH_TIMEOUT
from reactor.stream.stream_file import StreamFile, file_of
from reactor.stream.stream_input import StreamInput

TextMode: TypeAlias = Literal["r", "w", "rw", "wr"]
BinaryMode: TypeAlias = Literal["rb", "wb", "rwb", "wrb", "br", "bw", "brw", "bwr"]

HOW: Final = {"input": socket.SHUT_RD, "output": socket.SHUT_WR, "io": socket.SHUT_RDWR}


class SocketStream(StreamInput):
    """A connection that is read and written as a binary file; the caller waits.

    Closing it closes the connection. Streams carry bytes: `io.TextIOWrapper` makes text of them.

    Args:
        sock_or_channel: a connected stream socket, its descriptor, or a channel; it belongs to the
            stream.
        unread: bytes that have been received already; the first read gives them first.
        direction: "io", the default, or "input" or "output": the other one is refused with
            `io.UnsupportedOperation`.
        read_timeout: seconds for each wait of a read; None, the default, is no limit.
        write_timeout: seconds without progress of a write; None, the default, is no limit.

    Attributes:
        deadline: None, or a moment of `time.monotonic()` that bounds every wait in place of both
            timeouts.
        server_name: the host that it was connected to, for TLS; None if nobody has said.

    Raises:
        ValueError: the socket listens, is not connected, or carries datagrams; or there is no such
            direction. TypeError: it is no socket; a timeout is no number.

    Thread: any; one at a time for each direction. Calls back: never. Source: LW-180 to LW-186.
    """

    def __init__(
        self,
        sock_or_channel: Any,
        unread: BytesLike = b"",
        *,
        direction: str = "io",
        read_timeout: float | None = None,
        write_timeout: float | None = None,
    ) -> None:
        super().__init__(
            sock_or_channel,
            unread,
            direction=direction,
            read_timeout=read_timeout,
            write_timeout=write_timeout,
        )
        self._files = weakref.WeakSet[StreamFile]()  # a forgotten one closes itself
        self._ends_with_files = False

    # Writing.

    def write(self, data: Any, /) -> int:
        """Send all of it; return how many bytes when the kernel has taken them.

        Args:
            data: bytes-like; it may be changed afterwards.

        Raises:
            OperationTimeout: nothing moved for `write_timeout`; `bytes_moved` have gone.
            BrokenPipe: output was shut down. SocketError: the connection is lost. StateClosed.
            OperationInProgress: another thread is writing. io.UnsupportedOperation: not writable.

        Thread: one at a time. Calls back: never. Source: LW-183.
        """
        with self._output:
            self._check_allowed(self._output)
            if type(data) is bytes:
                self._wait_for_output(Send(data, data))
                return len(data)
            with memoryview(data) as lent, lent.cast("B") as view:
                self._wait_for_output(Send(data, view))
                return len(view)

    def sendall(self, data: Any, /) -> None:
        """Do as `write`, for libraries that take a stream for a socket.

        Args:
            data: bytes-like.

        Raises:
            As `write`.

        Thread: one at a time. Calls back: never. Source: LW-183.
        """
        self.write(data)

    def writelines(self, lines: Iterable[Any], /) -> None:
        """Write each of them; no line ends are added.

        Args:
            lines: bytes-like.

        Raises:
            As `write`.

        Thread: one at a time. Calls back: never. Source: LW-183.
        """
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing: nothing waits in user space.

        Raises:
            StateClosed: the stream is closed.

        Thread: any. Calls back: never. Source: LW-183.
        """
        self._open_channel()

    # TLS.

    def attach_tls(
        self,
        *,
        tls: Any = True,
        tls_side: str | None = None,
        configure_context: Any = None,
        configure_connection: Any = None,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        server_hostname: ServerHostname = None,
    ) -> None:
        """Put TLS on the connection and shake hands; the caller waits.

        Unread bytes go into the handshake: what came too early in clear never counts as protected.
        After a failure only closing is left.

        Args:
            tls: a `ClientTLS`, a `ServerTLS`, an `ssl.SSLContext`, or True for a client.
            tls_side: "client" or "server"; None is that of `tls`.
            configure_context: called with a new context; if it raises, the handshake has failed.
            configure_connection: called with the `ssl.SSLObject` before its handshake.
            handshake_timeout: seconds for the whole handshake, 10 by default; None for no limit.
            server_hostname: the name to verify and to send; None and True are the host that was
                connected to, False is none.

        Raises:
            OperationNotAllowed: there is TLS already. OperationInProgress: a direction is in use.
            TLSError and its kind: the handshake has failed. ValueError, TypeError: the options
            contradict each other. StateClosed.

        Thread: one at a time. Calls back: what is configured. Source: LW-185, LW-139 to LW-143.
        """
        with self._input, self._output:
            channel = self._open_channel()
            if isinstance(channel, TLSChannel):
                raise OperationNotAllowed(f"{self!r} has TLS already", connection=self)
            limit = check_timeout("handshake_timeout", handshake_timeout)
            self._check_lossless()
            try:
                plan = tls_plan(
                    tls,
                    side=tls_side,
                    host=self.server_name,
                    server_hostname=server_hostname,
                    configure_context=configure_context,
                    configure_connection=configure_connection,
                )
                if plan is None:
                    raise TypeError("attach_tls needs a description of TLS, not None")
                layered = shake_hands(
                    channel,
                    plan,
                    limit,
                    unread=self._unread.take(),
                    deadline=NEVER if self.deadline is None else self.deadline,
                    check=self._open_channel,
                )
            except SocketError as error:
                self._unread.take()  # it was meant for the handshake
                self._input.lose(error)
                self._output.lose(error)
                raise
            self._set_channel(layered)

    def detach_tls(self, timeout: float | None = DETACH_TIMEOUT) -> None:
        """Exchange closing alerts and go on in clear; the caller waits. Without TLS do nothing.

        What was decrypted before the peer's alert is unread first, then what came behind it. After
        a failure only closing is left.

        Args:
            timeout: seconds for the peer's alert, 3 by default; None for no limit.

        Raises:
            OperationInProgress: a direction is in use. TLSTruncated, OperationTimeout, SocketError:
            the peer has not answered. StateClosed.

        Thread: one at a time. Calls back: never. Source: LW-185, LW-144.
        """
        limit = check_timeout("timeout", timeout)
        with self._input, self._output:
            channel = self._open_channel()
            if isinstance(channel, TLSChannel):
                self._exchange(Unwrap(), limit)
                inner, decrypted, leftover = channel.detach()
                self._unread.append(decrypted)
                self._unread.append(leftover)
                self._set_channel(inner)

    def handshake(self, timeout: float | None = HANDSHAKE_TIMEOUT) -> None:
        """Shake hands on a TLS channel that has not done so; if it has, return at once.

        Args:
            timeout: seconds for all of it, 10 by default; None for no limit.

        Raises:
            OperationNotAllowed: there is no TLS. TLSError and its kind: it has failed, and only
            closing is left. OperationInProgress, StateClosed.

        Thread: one at a time. Calls back: what is configured. Source: LW-185, LW-146.
        """
        limit = check_timeout("timeout", timeout)
        with self._input, self._output:
            if not isinstance(self._open_channel(), TLSChannel):
                raise OperationNotAllowed(f"{self!r} has no TLS", connection=self)
            self._exchange(Handshake(), limit)

    # The end.

    def shutdown(self, direction: str, *, abort: bool = False) -> None:
        """End a direction of the connection, "input", "output" or "io"; it is not closed.

        Args:
            direction: "input", "output" or "io" for both.
            abort: drop unread bytes too; by default they can be read, and then the end.

        Raises:
            ValueError: another direction. OperationNotAllowed: "input" or "io" under TLS.
            SocketError: it failed; "not-connected" if the connection is lost. StateClosed.
            OperationInProgress: the direction is in use.

        Thread: one at a time. Calls back: never. Source: LW-184, CC-34.
        """
        if direction not in HOW:
            raise ValueError(f'a direction is "input", "output" or "io", not {direction!r}')
        with contextlib.ExitStack() as turns:
            if direction != "output":
                turns.enter_context(self._input)
            if direction != "input":
                turns.enter_context(self._output)
            channel = self._open_channel()
            if isinstance(channel, TLSChannel):
                self._end_tls_output(channel, direction)
            else:
                self._check_connected(channel)
                channel.shutdown(HOW[direction])
            if direction != "input":
                self._output.lose(
                    BrokenPipe("output was shut down", phase="write", peer=self.peer_address)
                )
            if direction != "output":
                self._input.lose(EndOfStream("input was shut down", phase="read"))
                if abort:
                    self._unread.take()

    def close(self, abort: bool = False) -> None:
        """Close the connection in order; again is harmless.

        Under TLS the closing alert is sent, and the peer's is not waited for. While another thread
        waits in the stream this is an abort: the waiter gets `StateClosed`, and closes. What
        `makefile` has lent goes on until it is closed, as that of a socket does.

        Args:
            abort: leave out the exchange of TLS, and drop what is unread; default false.

        Thread: any. Calls back: never. Source: LW-186, CC-32.
        """
        if self._files and not (abort or self.closed):
            with contextlib.suppress(OperationInProgress):  # somebody waits: it is an abort
                self._leave_to_files()
                return
        super().close(abort)

    def release(self) -> tuple[Channel, bytes]:
        """Give the channel and the unread bytes away; the stream is closed, the connection is not.

        `AsyncIOState(collection, *stream.release())` goes on with it without losing a byte.

        Raises:
            OperationInProgress: a direction is in use. SocketError: the failure of the input, if
            it has failed: nobody else would hear of that. StateClosed: it is closed already.

        Thread: one at a time. Calls back: never. Source: LW-180, LW-138.
        """
        with self._input, self._output:
            self._open_channel()
            raise_if_failed(self._input.channel)
            return self._let_go(), self._unread.take()

    # Files.

    @overload
    def makefile(self, mode: BinaryMode, buffering: int | None = None) -> StreamFile: ...

    @overload
    def makefile(
        self,
        mode: TextMode = "r",
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> TextIO: ...

    def makefile(
        self,
        mode: str = "r",
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> StreamFile | TextIO:
        """Lend the stream as a file of its own, for libraries that take it for a socket.

        The file reads from the same buffer, so nothing is read ahead behind the stream's back. The
        connection is closed when the stream and all its files are.

        Args:
            mode: "r", "w" or "rw", and "b" for bytes; otherwise it is text.
            buffering: accepted as that of `socket.makefile`, and of no effect.
            encoding: of text, as for `io.TextIOWrapper`.
            errors: likewise.
            newline: likewise.

        Raises:
            ValueError: another mode. StateClosed.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        self._open_channel()
        file = file_of(self, mode)
        self._files.add(file)
        if "b" in mode:
            return file
        return io.TextIOWrapper(file, encoding, errors, newline)

    def file_closed(self, file: StreamFile) -> None:
        """Know that a file is closed; called by the file.

        Thread: any. Calls back: never. Source: LW-181.
        """
        self._files.discard(file)
        if self._ends_with_files and not self._files:
            self.close()

    # Inside.

    def _leave_to_files(self) -> None:
        """Be closed, but leave the connection to the files that were made of it."""
        with self._input, self._output:
            heir = SocketStream(self._let_go(), self._unread.take())
        heir._files, self._files = self._files, weakref.WeakSet()
        heir._ends_with_files = True
        heir.read_timeout, heir.write_timeout = self.read_timeout, self.write_timeout
        heir.deadline, heir.input_limit = self.deadline, self.input_limit
        for mine, its in ((self._input, heir._input), (self._output, heir._output)):
            its.allowed, its.channel = mine.allowed, mine.channel  # an end, or a loss, goes along
        for file in heir._files:
            file.stream = heir

    def _check_lossless(self) -> None:
        """Raise what has ended a direction: TLS needs both."""
        for direction in (self._input, self._output):
            direction.raise_if_lost()

    def _check_connected(self, channel: Channel) -> None:
        """Raise if the connection is lost, whether anybody has met that yet or not."""
        if isinstance(channel, OwnedSocket):
            try:
                channel.raise_if_lost()
            except SocketError as error:
                self._lost_by(self._input, error)
        try:
            self._output.raise_if_lost()
        except BrokenPipe:
            pass
        except SocketError as error:
            raise SocketIOError(
                "the connection is lost already",
                identifier="not-connected",
                phase="close",
                peer=self.peer_address,
                connection=self,
            ) from error

    def _end_tls_output(self, channel: TLSChannel, direction: str) -> None:
        if direction != "output":
            raise OperationNotAllowed(
                f"under TLS only output can be shut down, not {direction}", connection=self
            )
        end = self._blocking(self._output, EndOutput(), self._write_limits)
        end.run()
