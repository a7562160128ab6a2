"""Reading: the operations by which a program takes bytes from a stream.

`Fill` wants a buffer full, `Take` whatever comes next, `Check` shows what has arrived until it is
told to finish, and `Wait` takes nothing: it only tells that there is something.
"""

from collections.abc import Callable
from typing import Any, Final

from reactor.channel.base import Channel
from reactor.errors import EndOfStream, LimitExceeded, ReactorError
from reactor.operations.operation import READ_SIZE, STEP_LIMIT, CallbackRaised, Operation
from reactor.operations.read_buffer import ReadBuffer

# A shorter read takes in what comes behind it as well: the next read then needs no system call.
READ_AHEAD_LIMIT: Final = 65_536


class Fill(Operation):
    """Fill a buffer completely.

    Source: LW-071 to LW-076.
    """

    __slots__ = ("_buffer", "_unread", "_view")

    def __init__(self, buffer: Any, view: memoryview, unread: ReadBuffer) -> None:
        super().__init__()
        self._buffer = buffer
        self._view = view
        self._unread = unread

    def step(self, channel: Channel) -> bool:
        """Take unread bytes first, then the channel's, until the view is full."""
        began = self.moved
        while self.moved < len(self._view):
            if self._unread.data:
                self.moved += self._unread.move_into(self._view[self.moved :])
                continue
            if self.moved - began >= STEP_LIMIT or not self._receive(channel):
                return False
        return True

    def ready(self) -> bool:
        """An empty view, and one that unread bytes begin to fill, need no readiness."""
        return bool(self._unread.data) or not len(self._view)

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Let go of the buffer; return it and how many bytes of it were filled."""
        self._view.release()  # a bytearray can be cut and grown again by who is told
        return self._buffer, self.moved

    def _receive(self, channel: Channel) -> bool:
        rest = self._view[self.moved :] if self.moved else self._view
        if len(rest) > READ_AHEAD_LIMIT:
            count = channel.readinto(rest)
            if count is None:
                return False
            self.moved += count
        else:
            data = channel.read(READ_SIZE)
            if data is None:
                return False
            count, room = len(data), len(rest)
            if count <= room:
                rest[:count] = data
                self.moved += count
            else:
                rest[:] = data[:room]
                self.moved += room
                self._unread.append(memoryview(data)[room:])
        if not count:
            raise EndOfStream("the peer has ended the stream", phase="read")
        return True


class Take(Operation):
    """Take what comes next, in one piece: it is in `data`.

    Args:
        size: bytes at most.

    Source: LW-181.
    """

    __slots__ = ("_size", "data")

    renewed = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self.data = b""

    def step(self, channel: Channel) -> bool:
        """Read once."""
        data = channel.read(self._size)
        if data is None:
            return False
        if not data:
            raise EndOfStream("the peer has ended the stream", phase="read")
        self.data = data
        self.moved = len(data)
        return True


class Wait(Operation):
    """Wait until something can be read, and leave it there.

    Source: LW-080.
    """

    __slots__ = ("_unread",)

    def __init__(self, unread: ReadBuffer) -> None:
        super().__init__()
        self._unread = unread

    def step(self, channel: Channel) -> bool:
        """Take in what there is, so that under TLS it is plaintext that counts."""
        if not self._unread.data:
            data = channel.read(READ_SIZE)
            if data is None:
                return False
            if not data:
                raise EndOfStream("the peer has ended the stream", phase="read")
            self._unread.append(data)
        return True

    def ready(self) -> bool:
        """Unread bytes are something to read."""
        return bool(self._unread.data)


class Check(Operation):
    """Collect what arrives among the unread bytes and show all of it, until told to finish.

    Args:
        unread: the buffer of the state.
        show: called with this, the buffer and its length whenever bytes have arrived.
        size: bytes that one call may add at most.
        limit: bytes that may be unread at most.

    Source: LW-081 to LW-092.
    """

    __slots__ = ("_limit", "_show", "_shown", "_size", "_unread", "finished")

    renewed = True

    def __init__(
        self,
        unread: ReadBuffer,
        show: Callable[["Check", bytearray, int], object],
        size: int,
        limit: int,
    ) -> None:
        super().__init__()
        self._unread = unread
        self._show = show
        self._size = size
        self._limit = limit
        self._shown = False
        self.finished = False

    def step(self, channel: Channel) -> bool:
        """Show what was there before at first; then read once, and show."""
        unread = self._unread
        if self._shown or not unread.data:
            # One byte more than the limit allows: an end behind the last byte is no excess.
            data = channel.read(min(self._size, max(0, self._limit - len(unread)) + 1))
            if data is None:
                return False
            if not data:
                raise EndOfStream("the peer has ended the stream", phase="read")
            self.moved += len(data)
            unread.append(data)
            if len(unread) > self._limit:
                raise self._excess()
        self._begin_to_show()
        try:
            self._show(self, unread.data, len(unread))
        except Exception as exception:  # noqa: BLE001  # user code
            raise CallbackRaised(exception) from None
        finally:
            if not self.finished:
                unread.old_length = len(unread)
        return self.finished

    def ready(self) -> bool:
        """Bytes that were unread before are shown without waiting."""
        return not self._shown and bool(self._unread.data)

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Return the buffer and its length."""
        self._begin_to_show()
        return self._unread.data, len(self._unread)

    def _begin_to_show(self) -> None:
        if not self._shown:
            self._shown = True
            self._unread.old_length = 0

    def _excess(self) -> LimitExceeded:
        return LimitExceeded(
            f"{len(self._unread)} bytes are unread and the limit is {self._limit}:"
            " discard() what is done with, or raise `input_limit`",
            identifier="input-limit",
            phase="read",
        )
