"""Writing: the operation by which a program sends bytes into a stream."""

from typing import Any

from reactor.channel.base import Channel
from reactor.errors import ReactorError
from reactor.operations.operation import STEP_LIMIT, Operation


class Send(Operation):
    """Send all of a buffer, into the kernel.

    Args:
        buffer: what the callback gets.
        view: what is sent of it.

    Source: LW-094, LW-095.
    """

    __slots__ = ("_buffer", "_view", "size")

    phase = "write"
    renewed = True
    eager = True

    def __init__(self, buffer: Any, view: memoryview | bytes) -> None:
        super().__init__()
        self._buffer = buffer
        self._view = view
        self.size = len(view)

    def step(self, channel: Channel) -> bool:
        """Write until the channel refuses; then whatever it holds must leave as well."""
        began = self.moved
        while self.moved < self.size:
            if self.moved - began >= STEP_LIMIT:
                return False
            rest = memoryview(self._view)[self.moved :] if self.moved else self._view
            count = channel.write(rest)
            if count is None:
                return False
            self.moved += count
            if count < len(rest) and channel.full_when_partial:
                return False  # a further try would be in vain
        return channel.flush()

    def want(self, channel: Channel) -> int:
        """Wait for what the channel needs to write."""
        return channel.write_want

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Let go of the buffer; return it and how many bytes of it went."""
        if isinstance(self._view, memoryview):
            self._view.release()
        return self._buffer, self.moved
