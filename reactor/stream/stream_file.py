"""StreamFile: a stream lent as a file, for libraries that take it for a socket.

`http.client` and its like ask a socket for a file, close the socket, and read the file to its end.
So a file can outlive the stream that it was made of: then it is the last one that closes.
"""

import io
from typing import Any, Final, Protocol

from reactor.errors import StateClosed

MODES: Final = {
    "r": (True, False),
    "w": (False, True),
    "rw": (True, True),
    "wr": (True, True),
}


class Lender(Protocol):
    """What lends itself as a file: a stream."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes."""

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer."""

    def read1(self, size: int = -1, /) -> bytes:
        """Read what there is."""

    def readinto1(self, buffer: Any, /) -> int:
        """Fill a buffer with what there is."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line."""

    def peek(self, size: int = 1) -> bytes:
        """Look ahead."""

    def write(self, data: Any, /) -> int:
        """Write all of it."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def file_closed(self, file: "StreamFile") -> None:
        """Know that a file is closed."""


class StreamFile(io.BufferedIOBase):
    """A file that reads and writes through a stream; made by `makefile`.

    Thread: as the stream. Calls back: never. Source: LW-181.
    """

    def __init__(self, stream: Lender, *, readable: bool, writable: bool) -> None:
        self.stream = stream
        self._readable = readable
        self._writable = writable
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the file is closed; the stream may be open still."""
        return self._closed

    @property
    def name(self) -> int:
        """The descriptor of the stream, -1 once closed, as `io` shows it of a file (LW-181)."""
        return -1 if self._closed else self.stream.fileno()

    def readable(self) -> bool:
        """Return whether it can be read.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._readable

    def writable(self) -> bool:
        """Return whether it can be written.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._writable

    def fileno(self) -> int:
        """Return the descriptor of the stream.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._checked().fileno()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as the stream does.

        Args:
            size: as for the stream.

        Raises:
            As the stream; io.UnsupportedOperation: the file was made for the other direction.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._checked(self._readable).read(size)

    def readinto(self, buffer: Any, /) -> int:
        """Read as the stream does.

        Args:
            buffer: as for the stream.

        Raises:
            As the stream; io.UnsupportedOperation: the file was made for the other direction.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._checked(self._readable).readinto(buffer)

    def read1(self, size: int = -1, /) -> bytes:
        """Read as the stream does.

        Args:
            size: as for the stream.

        Raises:
            As the stream; io.UnsupportedOperation: the file was made for the other direction.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._checked(self._readable).read1(size)

    def readinto1(self, buffer: Any, /) -> int:
        """Read as the stream does.

        Args:
            buffer: as for the stream.

        Raises:
            As the stream; io.UnsupportedOperation: the file was made for the other direction.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._checked(self._readable).readinto1(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read as the stream does.

        Args:
            size: as for the stream.

        Raises:
            As the stream; io.UnsupportedOperation: the file was made for the other direction.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._checked(self._readable).readline(size)

    def peek(self, size: int = 1) -> bytes:
        """Look ahead as the stream does.

        Args:
            size: as for the stream.

        Raises:
            As the stream; io.UnsupportedOperation: the file was made for the other direction.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._checked(self._readable).peek(size)

    def write(self, data: Any, /) -> int:
        """Write as the stream does.

        Args:
            data: as for the stream.

        Raises:
            As the stream; io.UnsupportedOperation: the file was made for the other direction.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._checked(self._writable).write(data)

    def flush(self) -> None:
        """Do nothing: nothing waits in user space.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        self._checked()

    def close(self) -> None:
        """Give the file back; the last one closes the connection, if the stream is closed.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        if not self._closed:
            self._closed = True
            self.stream.file_closed(self)

    def _checked(self, allowed: bool = True) -> Lender:
        if self._closed:
            raise StateClosed("this file is closed", phase="close", connection=self)
        if not allowed:
            raise io.UnsupportedOperation("this file was made for the other direction only")
        return self.stream

    def __repr__(self) -> str:
        return f"<StreamFile of {self.stream!r}{' closed' if self._closed else ''}>"


def file_of(stream: Lender, mode: str) -> StreamFile:
    """Make a file for a mode of `makefile`.

    Raises:
        ValueError: there is no such mode.

    Thread: any. Calls back: never. Source: LW-181.
    """
    found = MODES.get(mode.replace("b", "", 1))
    if found is None:
        raise ValueError(f'a mode is "r", "w" or "rw", with or without "b", not {mode!r}')
    return StreamFile(stream, readable=found[0], writable=found[1])
