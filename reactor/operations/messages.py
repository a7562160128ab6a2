"""Messages: the operations by which a program receives and sends single datagrams.

Each stands for itself: what happens to one says nothing about the next, so no failure sticks.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from reactor.channel.base import Channel
from reactor.channel.socket_channel import NO_ADDRESS, DatagramChannel
from reactor.errors import ReactorError, SocketError
from reactor.operations.datagrams import DATAGRAM_COST
from reactor.operations.operation import Operation

# What waits for a look-up or a timer has no readiness to wait for.
NOTHING: Final = 0


class ReceiveMessage(Operation):
    """Receive one datagram.

    Args:
        buffer: what the callback gets.
        view: the part of it where the datagram goes.
        needs_address: whether the callback gets the host and the port of the sender as well.

    Attributes:
        address: the sender, a pair.

    Source: LW-108 to LW-110.
    """

    __slots__ = ("_buffer", "_needs_address", "_view", "address")

    sticks = False

    def __init__(self, buffer: Any, view: memoryview, needs_address: bool) -> None:
        super().__init__()
        self._buffer = buffer
        self._view = view
        self._needs_address = needs_address
        self.address = NO_ADDRESS

    def step(self, channel: Channel) -> bool:
        """Take one, if there is one: an empty one too."""
        received = cast(DatagramChannel, channel).receive_into(self._view)
        if received is None:
            return False
        self.moved, self.address = received
        return True

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Let go of the buffer; return it, how many bytes were stored, and perhaps the sender."""
        self._view.release()
        return self._buffer, self.moved, *(self.address if self._needs_address else ())


class WaitForMessage(Operation):
    """Wait until a datagram can be received, and leave it there.

    Source: LW-080.
    """

    __slots__ = ()

    sticks = False

    def step(self, channel: Channel) -> bool:
        """Look whether one is there."""
        return cast(DatagramChannel, channel).waiting()


class SendMessage(Operation):
    """Send one datagram.

    Args:
        view: all of it.
        sockaddr: whom to, as the system takes it; None for the peer of a connected socket, and
            while it is looked up.

    Attributes:
        awaited: what has to come before the next try and no descriptor shows: a look-up of
            `sockaddr`, or a timer. It is cancelled if the message is not wanted any more.
        crowded: called with this when the kernel has no room, if no descriptor will tell when it
            has: it sets `awaited`. None where waiting for readiness is right.
        failure: why it cannot be sent.
        sent: whether the kernel has it; it is tried in the call that starts it, and told later.

    Source: LW-111 to LW-113.
    """

    __slots__ = ("awaited", "crowded", "failure", "sent", "size", "sockaddr", "view")

    phase = "write"
    eager = True
    sticks = False

    def __init__(self, view: memoryview, sockaddr: Any = None) -> None:
        super().__init__()
        self.view = view
        self.sockaddr = sockaddr
        self.awaited: Any = None
        self.crowded: Callable[[SendMessage], object] | None = None
        self.failure: SocketError | None = None
        self.sent = False
        self.size = len(view) + DATAGRAM_COST

    def step(self, channel: Channel) -> bool:
        """Try, unless its address is not known yet; a failure is kept until it is told."""
        if self.failure is not None:
            raise self.failure
        if self.sent or self.awaited is not None:
            return self.sent
        try:
            self.sent = cast(DatagramChannel, channel).transmit(self.view, self.sockaddr)
        except SocketError as error:
            self.failure = error
            raise
        if self.sent:
            self.moved = len(self.view)
        elif self.crowded is not None:
            self.crowded(self)
        return self.sent

    def want(self, channel: Channel) -> int:
        """Wait for room, or for nothing that a descriptor could show."""
        return channel.write_want if self.awaited is None else NOTHING

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Let go of the buffer, and of what is awaited."""
        self.view.release()
        if self.awaited is not None:
            self.awaited.cancel()
        return ()
