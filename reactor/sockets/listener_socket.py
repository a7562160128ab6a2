"""ListenerSocket: clients are accepted one by one, by a caller who waits for them."""

import socket
from typing import ClassVar, Literal, overload

from reactor.channel.adopting import socket_channel
from reactor.channel.base import Channel
from reactor.channel.socket_channel import ListeningChannel
from reactor.errors import Address, SocketError, address_text
from reactor.net.options import SocketOptions
from reactor.operations.accepting import AcceptClient
from reactor.operations.operation import Operation
from reactor.stream.blocking_socket import BlockingSocket, no_limits
from reactor.stream.socket_stream import SocketStream


class ListenerSocket(BlockingSocket):
    """A socket on which clients are accepted; made by `make_socket`.

    `read_timeout`, or `deadline`, bounds each wait for a client. Closing removes the path of a file
    listener, if it is still its own.

    Args:
        channel: it listens, and belongs to this.
        options: of the streams that are accepted; None leaves them as the system makes them.
        read_timeout: seconds to wait for a client, and of the streams; None is no limit.
        write_timeout: of the streams; None is no limit.

    Thread: any; one at a time. Calls back: never. Source: CC-22, CC-28 to CC-33, CC-35 to CC-41.
    """

    connect_role: ClassVar[str | None] = "passive"

    def __init__(
        self,
        channel: ListeningChannel,
        options: SocketOptions | None = None,
        *,
        read_timeout: float | None = None,
        write_timeout: float | None = None,
    ) -> None:
        self._arrival = AcceptClient()
        self._options = options
        super().__init__(channel, read_timeout=read_timeout, write_timeout=write_timeout)

    @overload
    def accept_connection(self, wait: Literal[True] = True) -> SocketStream: ...

    @overload
    def accept_connection(self, wait: bool) -> SocketStream | None: ...

    def accept_connection(self, wait: bool = True) -> SocketStream | None:
        """Take the first client that waits, and return its stream.

        A client that has gone before it was accepted is passed over. The stream has the options,
        the format and the timeouts of the listener.

        Args:
            wait: whether to wait for a client if there is none; by default it does.

        Returns:
            None if there is no client and `wait` is false.

        Raises:
            OperationTimeout: nobody has come for `read_timeout`. DeadlinePassed: `deadline` has.
            AcceptError: the system cannot accept; the listener stays open, and the client waits.
            OperationInProgress: another thread is accepting. StateClosed.

        Thread: one at a time. Calls back: never. Source: CC-28 to CC-31.
        """
        with self._input:
            self._open_channel()
            if wait:
                self._run(self._input, self._arrival, self._read_limits)
            elif not self._blocking(self._input, self._arrival, no_limits).step():
                return None
            return self._stream_of(*self._arrival.take())

    # Inside.

    def _look(self) -> Operation:
        return self._arrival

    def _stream_of(self, sock: socket.socket, peer: Address) -> SocketStream:
        try:
            if self._options is not None:
                self._options.set_on_accepted(sock)
        except SocketError:
            sock.close()
            raise
        stream = SocketStream(
            socket_channel(sock, peer_address=peer),
            read_timeout=self.read_timeout,
            write_timeout=self.write_timeout,
        )
        stream.format = self.format
        return stream

    def _wake(self, channel: Channel) -> None:
        assert isinstance(channel, ListeningChannel), "it was made of one"
        channel.wake()

    def _drop(self) -> None:
        """Send away whom somebody has only looked at."""
        self._arrival.drop()

    def _where(self, address: Address, peer_address: Address) -> str:
        return f"on {address_text(address)}"
