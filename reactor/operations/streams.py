"""Streams: operations that go on as long as the connection lives.

A `Feed` hands over what arrives, a `Pour` takes what is to leave. Both call the user's code from
inside a step, and give it an envelope if it raises: a failure of the hook is none of the channel.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, Self, TypeAlias

from reactor.channel.base import BytesLike, Channel
from reactor.errors import EndOfStream
from reactor.operations.operation import READ_SIZE, STEP_LIMIT, CallbackRaised, Operation

# Small writes behind one that waits are put together up to this size: a guess.
JOIN_SIZE: Final = 65_536


class Receiver(Protocol):
    """Who is given what arrives."""

    def data_received(self, data: bytes) -> object:
        """Be given the next piece."""


class Feed(Operation):
    """Hand over what arrives as it arrives, for as long as there is something.

    Args:
        receiver: its `data_received` is called with each piece, never an empty one.
        size: bytes of a piece at most.

    Source: PR-04, PR-07.
    """

    __slots__ = ("receiver", "size")

    renewed = True
    counts = False

    def __init__(self, receiver: Receiver, size: int = READ_SIZE) -> None:
        super().__init__()
        self.receiver = receiver
        self.size = size

    def step(self, channel: Channel) -> bool:
        """Read once, and hand it over: this is the hottest step of all."""
        data = channel.read(self.size)
        if data:
            self.moved = 1
            try:
                self.receiver.data_received(data)
            except Exception as exception:  # noqa: BLE001  # user code
                raise CallbackRaised(exception) from None
        elif data is not None:
            raise EndOfStream("the peer has ended the stream", phase="read")
        return False


class BufferSource(Protocol):
    """Who lends a buffer for input and is told how much is in it."""

    def get_buffer(self, sizehint: int) -> Any:
        """Return a writable buffer, not empty."""

    def buffer_updated(self, nbytes: int) -> object:
        """Be told that so many bytes are at the front of the buffer."""


class BufferedFeed(Operation):
    """Put what arrives into buffers that the receiver lends.

    Whoever is asked for a buffer may pause, close, or begin TLS: then nothing is put into it.

    Source: PR-01, PR-07.
    """

    __slots__ = ("receiver", "size", "wanted")

    renewed = True
    counts = False

    def __init__(self, receiver: BufferSource, size: int = READ_SIZE) -> None:
        super().__init__()
        self.receiver = receiver
        self.size = size
        self.wanted = True

    def order(self, *whom: Any, **limits: Any) -> Self:
        """Be wanted, perhaps again; the rest as always."""
        self.wanted = True
        return super().order(*whom, **limits)

    def taken_back(self) -> None:
        """Read no more, not even in the step that has asked for a buffer."""
        self.wanted = False

    def step(self, channel: Channel) -> bool:
        """Ask for a buffer, read once, and tell how much it was."""
        try:
            view = self.lend(self.size)
        except Exception as exception:  # noqa: BLE001  # user code
            raise CallbackRaised(exception) from None
        if not self.wanted:
            return False
        count = channel.readinto(view)
        if count:
            self.moved = 1
            try:
                self.receiver.buffer_updated(count)
            except Exception as exception:  # noqa: BLE001  # user code
                raise CallbackRaised(exception) from None
        elif count is not None:
            raise EndOfStream("the peer has ended the stream", phase="read")
        return False

    def lend(self, size: int) -> memoryview:
        """Get a buffer of the receiver; `size` bytes are recommended.

        Raises:
            RuntimeError: it is empty. TypeError: it cannot be written. What the receiver raises.
        """
        view = memoryview(self.receiver.get_buffer(size)).cast("B")
        if view.readonly:
            raise TypeError("get_buffer() returned a buffer that cannot be written")
        if not len(view):
            raise RuntimeError("get_buffer() returned an empty buffer")
        return view


Chunk: TypeAlias = bytes | bytearray | memoryview
Marks: TypeAlias = deque[tuple[int, Callable[[], object]]]  # at how many bytes who is told


class Pour(Operation):
    """Send what was put into it, and what is put into it meanwhile, until nothing is left.

    Args:
        sunk: called without arguments when what is left falls to `low` bytes, and is not all gone.
        low: bytes.
        meter: what stands in for the channel and lets less through, or None.

    Source: PR-05, PR-06, CL-40.
    """

    __slots__ = ("_chunks", "_marks", "_sunk", "low", "meter", "size")

    phase = "write"
    renewed = True

    def __init__(self, sunk: Callable[[], object], low: int, meter: Any = None) -> None:
        super().__init__()
        self._chunks: deque[Chunk] = deque()
        self._marks: Marks | None = None  # made when there is one
        self._sunk = sunk
        self.low = low
        self.meter = meter
        self.size = 0  # bytes that are left

    def put(self, data: BytesLike) -> None:
        """Put bytes behind the others; what could change meanwhile is copied."""
        chunks = self._chunks
        self.size += len(data)
        last = chunks[-1] if chunks else None
        if isinstance(last, bytearray) and len(last) + len(data) <= JOIN_SIZE:
            last += data
        elif len(data) < JOIN_SIZE // 2:
            chunks.append(bytearray(data))
        elif isinstance(data, memoryview) and isinstance(data.obj, bytes):
            chunks.append(data)
        else:
            chunks.append(memoryview(bytes(data)))

    def forget(self) -> None:
        """Drop what is left, which cannot be sent any more; how much it was is known still."""
        self._chunks.clear()

    def mark(self, passed: Callable[[], object]) -> None:
        """Call `passed`, which must not raise, when all that is in it now is with the kernel."""
        if self._marks is None:
            self._marks = deque()
        self._marks.append((self.moved + self.size, passed))

    def step(self, channel: Channel) -> bool:
        """Write until the channel refuses, then tell if it has become little."""
        before, began = self.size, self.moved
        if self.meter is not None:
            channel = self.meter.on(channel)
        try:
            while self._chunks and self.moved - began < STEP_LIMIT:
                if self._marks and not self._pass_marks(self._marks, channel):
                    break
                count = channel.write(self._chunks[0])
                if count is None:
                    break
                self._drop(count)
            done = not self._chunks and channel.flush()
            if done and self._marks:
                self._pass_marks(self._marks, channel)
        finally:
            # Of one that is empty the end comes next: what is written then need not wait behind it.
            sank = 0 < self.size <= self.low < before
        if sank:
            try:
                self._sunk()
            except Exception as exception:  # noqa: BLE001  # user code
                raise CallbackRaised(exception) from None
        return done and not self._chunks

    def want(self, channel: Channel) -> int:
        """Wait for what the channel needs to write."""
        return channel.write_want

    def _pass_marks(self, marks: Marks, channel: Channel) -> bool:
        """Pass those that are reached; false if the channel has to bring something out before."""
        if marks[0][0] <= self.moved and not channel.flush():
            return False
        while marks and marks[0][0] <= self.moved:
            marks.popleft()[1]()
        return True

    def _drop(self, count: int) -> None:
        self.moved += count
        self.size -= count
        first = self._chunks[0]
        if count == len(first):
            self._chunks.popleft()
        elif isinstance(first, bytearray):
            del first[:count]
        else:
            self._chunks[0] = first[count:]
