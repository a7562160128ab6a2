"""StreamBase: a channel, its two directions, their limits, and the waiting for both.

The verbs that read and write are upstairs; here is what they have in common, and how a stream that
somebody is waiting in can be closed by somebody else.
"""

import contextlib
import io
import socket
import threading
import warnings
from typing import Any, Final, Self

from reactor.arguments import check_optional_count
from reactor.channel.adopting import channel_of
from reactor.channel.base import BytesLike, Channel
from reactor.channel.tls import TLSChannel
from reactor.deadline import NEVER, check_timeout
from reactor.errors import (
    Address,
    EndOfStream,
    OperationInProgress,
    OperationNotAllowed,
    SocketError,
    StateClosed,
    address_text,
)
from reactor.operations.exchanges import EndOutput, Exchange
from reactor.operations.operation import READ_SIZE, Operation
from reactor.operations.read_buffer import ReadBuffer
from reactor.state.blocking import Blocking, Direction, Limits
from reactor.state.handshake import socket_of
from reactor.state.operation_queue import PASSING
from reactor.stream.socket_facts import FAMILIES, SocketFacts

DIRECTIONS: Final = {"io": (True, True), "input": (True, False), "output": (False, True)}

# Bytes that a line, or the rest of a stream, may have; as for states (LW-092).
INPUT_LIMIT: Final = 16 << 20


class StreamBase(SocketFacts, io.BufferedIOBase):
    """A channel for a caller who waits.

    Args:
        sock_or_channel: a connected stream socket, its descriptor, or a channel.
        unread: bytes that have been received already.
        direction: "io", "input" or "output".
        read_timeout: seconds for each wait of a read; None is no limit.
        write_timeout: seconds without progress of a write; None is no limit.

    Attributes:
        deadline: None, or a moment of `time.monotonic()` that bounds every wait in place of both
            timeouts (CC-55).
        server_name: the host that it was connected to, for TLS; None if nobody has said.

    Thread: any; one at a time for each direction. Calls back: never. Source: LW-180, LW-186.
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
        self._channel: Channel | None = None  # for __del__, if what follows raises
        readable, writable = directions(direction)
        check_timeout("read_timeout", read_timeout)
        check_timeout("write_timeout", write_timeout)
        channel = channel_of(sock_or_channel)
        if channel.carries_messages:
            raise ValueError(f"{sock_or_channel!r} carries datagrams, and is no stream")
        self._input = Direction("reading from", channel, self._left, allowed=readable)
        self._output = Direction("writing to", channel, self._left, allowed=writable)
        self._input.timeout, self._output.timeout = read_timeout, write_timeout
        self._unread = ReadBuffer(unread)
        self._input_limit: int | None = INPUT_LIMIT
        self._steps: threading.Lock | None = None  # under TLS the directions share an engine
        self._closing = False  # by another thread than the one that waits
        self._addresses: tuple[Address, Address] | None = None  # once closed
        self.deadline: float | None = None
        self.server_name: Any = None
        sock = socket_of(channel)
        self.address_family = None if sock is None else FAMILIES.get(sock.family)
        self._set_channel(channel)

    # What can be asked.

    @property
    def closed(self) -> bool:
        """Whether the stream is closed, or has been released."""
        return self._channel is None or self._closing

    @property
    def name(self) -> int:
        """The descriptor, -1 once closed, as `io` shows it of a file (LW-180)."""
        return -1 if self._channel is None else self._channel.fileno()

    @property
    def address(self) -> Address:
        """The address of this end, a pair; stays after closing (LW-180)."""
        return self._addresses[0] if self._addresses else self._open_channel().address

    @property
    def peer_address(self) -> Address:
        """The address of the other end, a pair; stays after closing (LW-180)."""
        return self._addresses[1] if self._addresses else self._open_channel().peer_address

    @property
    def read_timeout(self) -> float | None:
        """Seconds for each wait of a read; a new value counts from the next wait (LW-182)."""
        return self._input.timeout

    @read_timeout.setter
    def read_timeout(self, timeout: float | None) -> None:
        self._input.timeout = check_timeout("read_timeout", timeout)

    @property
    def write_timeout(self) -> float | None:
        """Seconds without progress of a write; a new value counts from the next wait (LW-183)."""
        return self._output.timeout

    @write_timeout.setter
    def write_timeout(self, timeout: float | None) -> None:
        self._output.timeout = check_timeout("write_timeout", timeout)

    @property
    def input_limit(self) -> int | None:
        """Bytes of a line, or of `read()` to the end; 16 MiB unless set, None for no limit."""
        return self._input_limit

    @input_limit.setter
    def input_limit(self, limit: int | None) -> None:
        check_optional_count("input_limit", limit)
        self._input_limit = limit

    @property
    def allow_truncation(self) -> bool:
        """Whether an end without closing alert is an ordinary end; false unless set (LW-151)."""
        return isinstance(self._channel, TLSChannel) and self._channel.allow_truncation

    @allow_truncation.setter
    def allow_truncation(self, allow: bool) -> None:
        channel = self._open_channel()
        if not isinstance(channel, TLSChannel):
            raise OperationNotAllowed(f"{self!r} has no TLS that could be cut off")
        channel.allow_truncation = allow

    @property
    def tls_side(self) -> str | None:
        """Which side of TLS is ours, "client" or "server"; None without TLS (LW-145)."""
        return self._channel.tls_side if isinstance(self._channel, TLSChannel) else None

    @property
    def tls_object(self) -> Any:
        """The `ssl.SSLObject` with version, cipher, certificate and ALPN choice, or None."""
        return self._channel.tls_object if isinstance(self._channel, TLSChannel) else None

    def readable(self) -> bool:
        """Return whether it was opened for reading.

        Thread: any. Calls back: never. Source: LW-173.
        """
        self._open_channel()
        return self._input.allowed

    def writable(self) -> bool:
        """Return whether it was opened for writing.

        Thread: any. Calls back: never. Source: LW-173.
        """
        self._open_channel()
        return self._output.allowed

    def fileno(self) -> int:
        """Return the descriptor.

        Raises:
            StateClosed: the stream is closed.

        Thread: any. Calls back: never. Source: LW-186, CC-35.
        """
        return self._open_channel().fileno()

    # The end.

    def close(self, abort: bool = False) -> None:
        """Close the connection in order; again is harmless.

        Under TLS the closing alert is sent, and the peer's is not waited for. While another thread
        waits in the stream this is an abort: the waiter gets `StateClosed`, and closes.

        Args:
            abort: leave out the exchange of TLS, and drop what is unread; default false.

        Thread: any. Calls back: never. Source: LW-186, CC-32.
        """
        channel = self._channel
        if channel is None or self._closing:
            return
        with contextlib.ExitStack() as turns:
            try:
                turns.enter_context(self._input)
                turns.enter_context(self._output)
            except OperationInProgress:
                self._closing = True
                with contextlib.suppress(SocketError):
                    channel.shutdown(socket.SHUT_RDWR)  # who waits wakes up, and closes
                self._left()  # unless it has gone in the meantime
                return
            if not abort and isinstance(channel, TLSChannel):
                with contextlib.suppress(SocketError):
                    self._say_goodbye(channel)
            self._forget()

    def __enter__(self) -> Self:
        self._open_channel()
        return self

    def __exit__(self, kind: Any, exception: Any, traceback: Any) -> None:
        self.close(abort=kind is not None)

    def __del__(self) -> None:
        if self._channel is not None:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self.close(abort=True)

    # Inside.

    def _set_channel(self, channel: Channel) -> None:
        self._channel = self._input.channel = self._output.channel = channel
        self._steps = threading.Lock() if isinstance(channel, TLSChannel) else None

    def _open_channel(self) -> Channel:
        if self._channel is None or self._closing:
            raise StateClosed("this stream is closed: open another", phase="close", connection=self)
        return self._channel

    def _check_allowed(self, direction: Direction) -> None:
        self._open_channel()
        if not direction.allowed:
            other = "output" if direction is self._input else "input"
            raise io.UnsupportedOperation(f"this stream was opened for {other} only")

    def _read_limits(self) -> Limits:
        deadline = self.deadline
        return (self._input.timeout, NEVER) if deadline is None else (None, deadline)

    def _write_limits(self) -> Limits:
        deadline = self.deadline
        return (self._output.timeout, NEVER) if deadline is None else (None, deadline)

    def _wait_for_input(self, operation: Operation) -> bool:
        """Wait for an operation that reads; false at the end of the stream."""
        step = self._blocking(self._input, operation, self._read_limits)
        try:
            step.run()
        except EndOfStream as end:
            self._input.lose(end)
            return False
        except SocketError as error:
            self._lost_by(self._input, error)
            raise
        return True

    def _wait_for_output(self, operation: Operation) -> None:
        """Wait for an operation that writes."""
        try:
            self._blocking(self._output, operation, self._write_limits).run()
        except SocketError as error:
            self._lost_by(self._output, error)
            raise

    def _exchange(self, operation: Exchange, timeout: float | None) -> None:
        """Wait for an exchange; when it has failed, only closing is left (LW-141)."""
        deadline = NEVER if self.deadline is None else self.deadline
        try:
            self._blocking(self._input, operation, lambda: (timeout, deadline)).run()
        except SocketError as error:
            self._input.lose(error)
            self._output.lose(error)
            raise

    def _blocking(self, direction: Direction, operation: Operation, limits: Any) -> Blocking:
        return Blocking(
            operation,
            direction.channel,
            limits,
            lock=self._steps,
            check=self._open_channel,
            owner=self,
        )

    def _lost_by(self, direction: Direction, error: SocketError) -> None:
        """Keep a failure that lasts; one of the input is one of the output too."""
        if not isinstance(error, PASSING):
            direction.lose(error)
            self._output.lose(error)

    def _say_goodbye(self, channel: TLSChannel) -> None:
        """Send the closing alert; read away what would let the kernel destroy it by a reset."""
        Blocking(EndOutput(), channel, lambda: (channel.close_timeout, NEVER), owner=self).run()
        bottom: Channel = channel
        while isinstance(bottom, TLSChannel):
            bottom = bottom.inner
        bottom.read(READ_SIZE)

    def _left(self) -> None:
        """Close what another thread has told to close, when nobody uses it any more."""
        if self._closing and not (self._input.taken or self._output.taken):
            self._forget()

    def _let_go(self) -> Channel:
        """Be closed, without the channel."""
        channel = self._open_channel()
        self._addresses = channel.address, channel.peer_address
        self._channel = None
        return channel

    def _forget(self) -> None:
        """Close the channel, which the stream has no longer."""
        channel = self._channel
        if channel is not None:
            self._addresses = channel.address, channel.peer_address
            self._channel = None
            self._unread.take()
            channel.close()

    def __repr__(self) -> str:
        peer = self._addresses or (self._channel and (None, self._channel.peer_address))
        where = address_text(peer[1]) if peer else "nobody"
        return f"<{type(self).__name__} to {where}{' closed' if self.closed else ''}>"


def directions(word: str) -> tuple[bool, bool]:
    """Return whether a stream is for reading, and for writing.

    Raises:
        ValueError: there is no such direction.

    Thread: any. Calls back: never. Source: LW-173.
    """
    found = DIRECTIONS.get(word)
    if found is None:
        raise ValueError(f'a direction is "io", "input" or "output", not {word!r}')
    return found
