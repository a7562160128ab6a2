"""Inbox: bytes that have arrived and that the program has not read.

The end of them is kept with them, so that it is met behind the last one: `b""` if the peer has
ended the connection, else the error that did.
"""

from typing import Final

from reactor.errors import EndOfStream, ReactorError
from reactor.operations.read_buffer import ReadBuffer

INPUT_LIMIT: Final = 16 << 20  # unread bytes
READ_AHEAD: Final = 65_536  # bytes that are read although nobody is there to be told


class Inbox:
    """The unread bytes of one socket.

    `end` is what there is behind them, None if more may come. `limit` is how many there may be;
    `dropped` says that the program has closed, and that nothing can be read any more.

    Thread: the owner's. Calls back: never. Source: CL-28, CL-29, CL-33, CL-34.
    """

    __slots__ = ("_told", "_unread", "dropped", "end", "limit")

    def __init__(self) -> None:
        self._unread = ReadBuffer()
        self.dropped = False
        self.end: ReactorError | None = None
        self.limit = INPUT_LIMIT
        self._told = True  # whether somebody knows of the last ones

    def __len__(self) -> int:
        return len(self._unread)

    @property
    def untold(self) -> bool:
        """Whether there is something of which nobody has been told."""
        return not self._told and bool(self._unread)

    def put(self, data: bytes) -> None:
        """Keep what has arrived."""
        self._unread.append(data)
        self._told = False

    def tell(self) -> None:
        """Learn that somebody is being told of all of it."""
        self._told = True

    def take(self) -> bytes:
        """Take all of it out."""
        return self._unread.take()

    def drop(self) -> None:
        """Drop everything: the program has closed."""
        self.take()
        self.dropped = True

    def read(self, count: int) -> bytes | None:
        """Take `count` bytes out, all for a negative number; None if there are none yet.

        Raises: what has ended the connection, if that was not the peer's orderly end.
        """
        if not count:
            return b""
        if self._unread:
            return self._unread.take() if count < 0 else self._unread.cut(count)
        return self._at_the_end()

    def read_line(self, limit: int) -> bytes | None:
        """Take a line out, at most `limit` bytes of it if that is not negative; as `read`."""
        data = self._unread.data
        # What was looked at before has no end of a line.
        at = data.find(b"\n", self._unread.old_length)
        length = len(data) if at < 0 else at + 1
        if 0 <= limit <= length:
            return self.read(limit)
        if at >= 0 or self.end is not None:
            return self.read(length) if length else self._at_the_end()
        self._unread.old_length = length
        return None

    def read_into(self, view: memoryview) -> int | None:
        """Move bytes to the front of `view`; return how many, None if there are none yet."""
        if not len(view):
            return 0
        if self._unread:
            return self._unread.move_into(view)
        return None if self._at_the_end() is None else 0

    def _at_the_end(self) -> bytes | None:
        if self.end is None:
            return None
        if isinstance(self.end, EndOfStream):
            return b""
        raise self.end.with_traceback(None)

    def __repr__(self) -> str:
        return f"<Inbox of {len(self)}{'' if self.end is None else ' ended'}>"
