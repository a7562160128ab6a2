"""StreamBase: what is common to reading a stream and to writing it.

The directions have ends of their own: what the peer has ended, what was shut down, what was lost.
Under TLS they share an engine, whose steps take turns.
"""

import io
import threading
from typing import Any, Final

from reactor.arguments import check_optional_count
from reactor.channel.adopting import channel_of, keep_socket, timeout_of
from reactor.channel.base import BytesLike, Channel
from reactor.channel.socket_channel import OwnedSocket
from reactor.channel.tls import TLSChannel
from reactor.deadline import NEVER, check_timeout
from reactor.errors import EndOfStream, OperationNotAllowed, SocketError
from reactor.operations.exchanges import EndOutput, Exchange
from reactor.operations.operation import READ_SIZE, Operation
from reactor.operations.read_buffer import ReadBuffer
from reactor.state.blocking import Blocking, Direction
from reactor.state.handshake import socket_of
from reactor.state.operation_queue import PASSING
from reactor.stream.blocking_socket import BlockingSocket
from reactor.stream.socket_facts import FAMILIES

DIRECTIONS: Final = {"io": (True, True), "input": (True, False), "output": (False, True)}

# Bytes that a line, or the rest of a stream, may have; as for states (LW-092).
INPUT_LIMIT: Final = 16 << 20


class StreamBase(BlockingSocket, io.BufferedIOBase):
    """A connection for a caller who waits.

    Args:
        sock_or_channel: a connected stream socket, its descriptor, or a channel.
        unread: bytes that have been received already.
        direction: "io", "input" or "output".
        read_timeout: seconds for each wait of a read; None is no limit.
        write_timeout: seconds without progress of a write; None is no limit.

    Attributes:
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
        readable, writable = directions(direction)
        check_timeout("read_timeout", read_timeout)
        check_timeout("write_timeout", write_timeout)
        self._unread = ReadBuffer(unread)
        timeout = timeout_of(sock_or_channel)
        channel = channel_of(sock_or_channel)
        if channel.carries_messages:
            if isinstance(channel, OwnedSocket) and channel is not sock_or_channel:
                keep_socket(sock_or_channel, channel, timeout)  # it was not ours to change
            raise ValueError(f"{sock_or_channel!r} carries datagrams, and is no stream")
        super().__init__(
            channel,
            readable=readable,
            writable=writable,
            read_timeout=read_timeout,
            write_timeout=write_timeout,
        )
        self._input_limit: int | None = INPUT_LIMIT
        self.server_name: Any = None
        sock = socket_of(channel)
        self.address_family = None if sock is None else FAMILIES.get(sock.family)
        self._set_channel(channel)

    # What can be asked.

    @property
    def name(self) -> int:
        """The descriptor, -1 once closed, as `io` shows it of a file (LW-180)."""
        return -1 if self._channel is None else self._channel.fileno()

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

    # Inside.

    def _set_channel(self, channel: Channel) -> None:
        self._channel = self._input.channel = self._output.channel = channel
        self._steps = threading.Lock() if isinstance(channel, TLSChannel) else None

    def _check_allowed(self, direction: Direction) -> None:
        if self._channel is None or self._closing:
            self._open_channel()
        if not direction.allowed:
            other = "output" if direction is self._input else "input"
            raise io.UnsupportedOperation(f"this stream was opened for {other} only")

    def _wait_for_input(self, operation: Operation) -> bool:
        """Wait for an operation that reads; false at the end of the stream."""
        try:
            self._run(self._input, operation, self._read_limits)
        except EndOfStream as end:
            self._input.lose(end.with_traceback(None))  # its frames know this stream: no circle
            return False
        except SocketError as error:
            self._lost_by(self._input, error)
            raise
        return True

    def _wait_for_output(self, operation: Operation) -> None:
        """Wait for an operation that writes."""
        try:
            self._run(self._output, operation, self._write_limits)
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

    def _lost_by(self, direction: Direction, error: SocketError) -> None:
        """Keep a failure that lasts; one of the input is one of the output too."""
        if not isinstance(error, PASSING):
            direction.lose(error)
            self._output.lose(error)

    def _say_goodbye(self, channel: Channel) -> None:
        """Send the closing alert; read away what would let the kernel destroy it by a reset."""
        if not isinstance(channel, TLSChannel):
            return
        limit = channel.close_timeout
        Blocking(EndOutput(), channel, lambda: (limit, NEVER), owner=self).run()
        bottom: Channel = channel
        while isinstance(bottom, TLSChannel):
            bottom = bottom.inner
        bottom.read(READ_SIZE)

    def _drop(self) -> None:
        """Drop what is unread."""
        self._unread.take()


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
