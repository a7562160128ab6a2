"""Datagrams: operations on messages that may be lost, doubled, or come out of order.

`DatagramFeed` and `DatagramPour` are to a `DatagramChannel` what `Feed` and `Pour` are to a stream.
Each datagram stands for itself: what the system has against one of them is told, and the next one
is another matter. Only a descriptor that is gone, or cannot be watched, ends them. Both are bounded
in each step, so that a flood cannot keep others waiting.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

from reactor.channel.base import Channel
from reactor.channel.lost import Lost
from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import Address, LimitExceeded, SocketError, StateClosed
from reactor.operations.operation import CallbackRaised, Operation

# The longest datagram that UDP can carry has 65,527 bytes, over IPv6; this asks for all of it.
DATAGRAM_SIZE: Final = 65_536

# Datagrams that one step may receive or send; then it is the turn of others. A guess: some tenths
# of a millisecond, or 2 MiB of the longest.
STEP_COUNT: Final = 32

# Bytes that a waiting datagram counts beyond its own, or a million empty ones would be for free;
# about what the tuple, the bytes object and their place in the line take.
DATAGRAM_COST: Final = 128


class DatagramFeed(Operation):
    """Hand over datagrams as they arrive, for as long as the endpoint lives.

    Args:
        received: called with each datagram, which may be empty, and the pair of its sender.
        failed: called with what the system says of an earlier one: it was refused, mostly.

    Source: PR-16, LW-117.
    """

    __slots__ = ("failed", "received", "stopped")

    renewed = True
    sticks = False

    def __init__(
        self,
        received: Callable[[bytes, Address], object],
        failed: Callable[[SocketError], object],
    ) -> None:
        super().__init__()
        self.received = received
        self.failed = failed
        self.stopped = False  # whether it is to end in the midst of a step

    def step(self, channel: Channel) -> bool:
        """Receive a bounded number of datagrams; the rest stays in the kernel, and readable."""
        channel = cast(DatagramChannel, channel)
        for _ in range(STEP_COUNT):
            try:
                datagram = channel.receive(DATAGRAM_SIZE)
            except SocketError as error:
                if is_final(error, channel):
                    raise
                calling(self.failed, error)
            else:
                if datagram is None:
                    break
                data, address, _ = datagram
                self.moved += len(data)
                calling(self.received, data, address)
            if self.stopped:
                break
        return False


# A datagram, where it goes, and the error that it has met already, in place of the datagram.
Waiting: TypeAlias = tuple[bytes, tuple[Any, ...] | None, SocketError | None]


class DatagramPour(Operation):
    """Send the datagrams that were put into it, each whole and in order, until none is left.

    `size` is what they count, in bytes.

    Args:
        marked: called with true above the mark `high`, with false at the mark `low`, in turn.
        failed: called with the error of a datagram that was dropped for it.
        high: bytes.
        low: bytes.

    Source: PR-06, PR-16, LW-113, REL-41.
    """

    __slots__ = ("_marked", "_paused", "_waiting", "failed", "high", "low", "size")

    phase = "write"
    renewed = True
    sticks = False

    def __init__(
        self,
        marked: Callable[[bool], object],
        failed: Callable[[SocketError], object],
        high: int,
        low: int,
    ) -> None:
        super().__init__()
        self._marked = marked
        self.failed = failed
        self._waiting: deque[Waiting] = deque()
        self._paused = False
        self.high = high
        self.low = low
        self.size = 0

    def put(self, waiting: Waiting, limit: int) -> None:
        """Put a datagram behind the others.

        Raises:
            LimitExceeded: `limit` bytes wait already; it was not taken.
        """
        if self.size >= limit:
            raise LimitExceeded(
                f"{self.size} bytes of datagrams wait to be sent and the limit is {limit}: stop at"
                " pause_writing(), or raise `output_limit`",
                identifier="output-limit",
                phase="write",
            )
        self._waiting.append(waiting)
        self.size += len(waiting[0]) + DATAGRAM_COST

    def look_at_high_mark(self) -> None:
        """Tell if too much waits."""
        if not self._paused and self.size > self.high:
            self._paused = True  # before the call, which may send more
            self._marked(True)

    def clear(self) -> int:
        """Forget all that waits; return how many bytes of datagrams that was."""
        unsent = sum(len(data) for data, _, _ in self._waiting)
        self._waiting.clear()
        self.size = 0
        self._paused = False
        return unsent

    def step(self, channel: Channel) -> bool:
        """Send a bounded number of datagrams, as long as the kernel has room."""
        for _ in range(STEP_COUNT):
            if not self._waiting or not self._send_first(cast(DatagramChannel, channel)):
                break
        if self._paused and self.size <= self.low:
            self._paused = False
            calling(self._marked, False)
        return not self._waiting

    def want(self, channel: Channel) -> int:
        """Wait for room."""
        return channel.write_want

    def _send_first(self, channel: DatagramChannel) -> bool:
        """Send or drop the first; false if the kernel has no room for it now."""
        data, address, error = self._waiting[0]
        if error is None:
            try:
                if not channel.transmit(data, address):
                    return False
                self.moved += len(data)
            except SocketError as failure:
                if is_final(failure, channel):
                    raise
                error = failure
        self._waiting.popleft()
        self.size -= len(data) + DATAGRAM_COST
        if error is not None:
            calling(self.failed, error)
        return True


def is_final(error: SocketError, channel: Channel) -> bool:
    """Tell whether no other datagram can fare better: the descriptor is gone, or nobody waits."""
    return isinstance(error, StateClosed) or isinstance(channel, Lost)


def calling(function: Callable[..., object], *arguments: Any) -> None:
    """Call the user's code within a step; what it raises is told from a failure of the channel."""
    try:
        function(*arguments)
    except Exception as exception:  # noqa: BLE001  # user code
        raise CallbackRaised(exception) from None
