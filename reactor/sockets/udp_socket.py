"""UDPSocket: datagrams are sent and received one by one, by a caller who waits."""

import time
from typing import Any, ClassVar, Final

from reactor.arguments import check_count
from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import (
    Address,
    OperationNotAllowed,
    OperationTimeout,
    SocketIOError,
    address_text,
)
from reactor.net.address import Target
from reactor.net.recipients import Recipients
from reactor.opening.blocking import look_up
from reactor.operations.messages import ReceiveMessage, SendMessage, WaitForMessage
from reactor.operations.operation import Operation
from reactor.stream.blocking_socket import BlockingSocket
from reactor.stream.socket_stream import HOW

TEXT: Final = ("utf-8", "surrogateescape")  # no datagram fails to decode, and all go back


class Received(tuple[Any, int, Any, Any]):
    """A datagram that was received: `(buffer, count, host, port)`.

    `truncated` tells whether it was longer than its room; the rest of it is lost.

    Thread: any. Calls back: never. Source: CC-45, CC-49.
    """

    truncated: bool = False


class UDPSocket(BlockingSocket):
    """A socket for datagrams; made by `make_socket`.

    Each stands for itself: what happens to one says nothing about the next, and the socket stays
    usable.

    Args:
        channel: bound, and perhaps connected; it belongs to this.
        default: host and port that `send_to` sends to unless told otherwise; each may be None.
        read_timeout: seconds to wait for a datagram; None is no limit.
        write_timeout: seconds to wait for room; None is no limit.

    Thread: any; one at a time for each direction. Calls back: never. Source: CC-23, CC-42 to CC-50.
    """

    socket_type: ClassVar[str] = "datagram"
    connect_role: ClassVar[str | None] = None

    def __init__(
        self,
        channel: DatagramChannel,
        default: tuple[Any, Any] = (None, None),
        *,
        read_timeout: float | None = None,
        write_timeout: float | None = None,
    ) -> None:
        super().__init__(channel, read_timeout=read_timeout, write_timeout=write_timeout)
        self._default = default
        self._recipients = Recipients(channel)
        self._connected = channel.connected
        self._datagrams = channel

    def send_to(
        self,
        buffer: Any,
        size: int | None = None,
        *,
        remote_host: Any = None,
        remote_port: Any = None,
        offset: int = 0,
    ) -> int:
        """Send one datagram; return how many bytes it has.

        Args:
            buffer: bytes-like; or text, which is sent as UTF-8.
            size: bytes of it; None is all from `offset` on.
            remote_host: whom to, in any form; None is that of `make_socket`.
            remote_port: likewise.
            offset: bytes to leave out at the front.

        Raises:
            ValueError: there is no such part of the buffer, or no recipient. TypeError.
            OperationNotAllowed: a recipient is named, and the socket is connected to another.
            OperationTimeout: there was no room for `write_timeout`, or the name was not found.
            ConnectionRefused: an earlier datagram was refused. SocketIOError: this one is too long,
                not allowed, or has no way there. NameLookupFailed: of a name.
            OperationInProgress: another thread is sending. StateClosed.

        Thread: one at a time. Calls back: never. Source: CC-42 to CC-44, CC-50.
        """
        data = buffer.encode(*TEXT) if isinstance(buffer, str) else buffer
        with self._output, memoryview(data) as lent, lent.cast("B") as view:
            self._open_channel()
            start, end = part_of(len(view), size, offset)
            recipient = self._recipient(remote_host, remote_port)
            with view[start:end] as part:
                sending = SendMessage(part, recipient)
                self._run(self._output, sending, self._write_limits)
            return end - start

    def receive_from(
        self, size: int, *, buffer: Any = None, extract: bool = False, offset: int = 0
    ) -> Received:
        """Wait for one datagram; return it with its size, and the host and port it came from.

        Args:
            size: bytes that are stored at most; the rest of a longer one is lost.
            buffer: where to store it; None makes bytes, or text if the format is "text".
            extract: whether the first value is bytes with the datagram only, not the whole buffer.
            offset: where in the buffer.

        Returns:
            `(buffer, count, host, port)`, with an attribute `truncated`.

        Raises:
            ValueError: the buffer has no such room. TypeError: it cannot be written.
            OperationTimeout: nothing has come for `read_timeout`. ConnectionRefused: an earlier
                datagram was refused. SocketIOError, OperationInProgress, StateClosed.

        Thread: one at a time. Calls back: never. Source: CC-45 to CC-50, CC-05.
        """
        check_count("size", size)
        with self._input:
            self._open_channel()
            if buffer is None:
                return self._received(bytearray(size), 0, size, "made")
            with memoryview(buffer) as lent:
                if lent.readonly:
                    raise TypeError(f"a buffer is writable, and {type(buffer).__name__} is not")
                with lent.cast("B") as view:
                    part_of(len(view), size, offset)
            return self._received(buffer, offset, offset + size, "cut" if extract else "given")

    def shutdown(self, direction: str) -> None:
        """End a direction of a connected socket, "input", "output" or "io"; it is not closed.

        Args:
            direction: "input", "output" or "io" for both.

        Raises:
            ValueError: another direction. SocketIOError: it is "not-connected". StateClosed.

        Thread: one at a time. Calls back: never. Source: CC-34.
        """
        if direction not in HOW:
            raise ValueError(f'a direction is "input", "output" or "io", not {direction!r}')
        channel = self._open_channel()
        if not self._connected:
            raise SocketIOError(
                "a socket without a peer cannot be shut down",
                identifier="not-connected",
                phase="close",
                connection=self,
            )
        channel.shutdown(HOW[direction])

    # Inside.

    def _look(self) -> Operation:
        return WaitForMessage()

    def _recipient(self, host: Any, port: Any) -> Any:
        """Return whom to send to as the system takes it; None is the peer of a connected socket."""
        if self._connected:
            if host is not None or port is not None:
                raise OperationNotAllowed(
                    f"{self!r} is connected, and sends to nobody else", connection=self
                )
            return None
        address = (
            self._default[0] if host is None else host,
            self._default[1] if port is None else port,
        )
        if None in address:
            raise ValueError("a datagram needs remote_host and remote_port")
        found = self._recipients.get(address) or self._recipients.find(address)
        if not isinstance(found, Target):
            return found
        timeout, deadline = self._write_limits()
        if timeout is not None:
            deadline = time.monotonic() + timeout
        addresses = look_up(found, self._recipients.families, deadline, late=OperationTimeout)
        return self._recipients.fitting(list(addresses), found)

    def _received(self, buffer: Any, start: int, end: int, how: str) -> Received:
        with memoryview(buffer) as lent, lent.cast("B") as view, view[start:end] as part:
            receiving = ReceiveMessage(buffer, part, needs_address=True)
            self._run(self._input, receiving, self._read_limits)
            host, port = receiving.address
            count = receiving.moved
            data = buffer if how == "given" else bytes(part[:count])
        if how == "made" and self.format == "text":
            data = data.decode(*TEXT)
        received = Received((data, count, host, port))
        received.truncated = self._datagrams.truncated
        return received

    def _where(self, address: Address, peer_address: Address) -> str:
        if self._connected:
            return super()._where(address, peer_address)
        return f"on {address_text(address)}"


def part_of(length: int, size: int | None, offset: int) -> tuple[int, int]:
    """Return where a part of a buffer begins and ends.

    Raises:
        TypeError, ValueError: there is no such part.

    Thread: any. Calls back: never. Source: CC-42, CC-47.
    """
    check_count("offset", offset)
    if size is not None:
        check_count("size", size)
    end = length if size is None else offset + size
    if not offset <= end <= length:
        raise ValueError(f"there are {length} bytes, not {end} with {offset} left out")
    return offset, end
