"""AsyncIOStream: the unread bytes of a socket as a file that never waits.

`None` is "nothing yet" and `b""` is the end, as in `io.RawIOBase`; so it can be given to code that
knows such files. Nothing is read from the connection in here: what has arrived lies ready.
"""

import io
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from reactor.callbacks.inbox import Inbox
from reactor.channel.base import BytesLike


class AsyncIOStream(io.RawIOBase):
    """The stream of a `TCPSocket`, one and the same for all its life.

    Args:
        socket: the socket that it wraps.

    Thread: the owner's. Calls back: never. Source: CL-26 to CL-32, CL-89.
    """

    def __init__(self, socket: Any) -> None:
        super().__init__()
        self._socket = socket

    @property
    def socket(self) -> Any:
        """The `TCPSocket` that it wraps (CL-32)."""
        return self._socket

    @property
    def closed(self) -> bool:
        """Whether the socket is closed; what is unread after the peer's end can be read still."""
        return bool(self._socket.closed)

    def readable(self) -> bool:
        """Return true.

        Thread: any. Calls back: never. Source: CL-89.
        """
        return True

    def writable(self) -> bool:
        """Return true.

        Thread: any. Calls back: never. Source: CL-89.
        """
        return True

    def read(self, size: int | None = -1) -> bytes | None:
        """Return unread bytes, `None` if there are none yet, `b""` behind the peer's end.

        Args:
            size: how many at most; all for a negative number and None.

        Raises:
            StateClosed: the program has closed the socket. SocketError, LimitExceeded: it has
            failed, and all that came before has been read. WrongThread.

        Thread: the owner's. Calls back: never. Source: CL-29, CL-31.
        """
        data = self._inbox.read(-1 if size is None else size)
        self._socket.input_read()
        return data

    def readall(self) -> bytes | None:  # type: ignore[override]  # there it never returns None
        """Return all unread bytes; as `read`.

        Raises:
            StateClosed, SocketError, LimitExceeded, WrongThread: as `read`.

        Thread: the owner's. Calls back: never. Source: CL-89.
        """
        return self.read()

    def readinto(self, buffer: Any) -> int | None:
        """Move unread bytes into a buffer; return how many: None if none yet, 0 at the end.

        Args:
            buffer: a writable bytes-like object; its front is filled.

        Raises:
            TypeError: it cannot be written. StateClosed, SocketError, LimitExceeded, WrongThread:
            as `read`.

        Thread: the owner's. Calls back: never. Source: CL-29.
        """
        with memoryview(buffer) as whole, whole.cast("B") as view:
            if view.readonly:
                raise TypeError("a buffer to read into must be writable")
            count = self._inbox.read_into(view)
        self._socket.input_read()
        return count

    def readline(self, size: int | None = -1) -> bytes | None:  # type: ignore[override]  # of C
        """Return a complete line with its end, `None` while there is none yet.

        Behind the peer's end it is what is left, then `b""`.

        Args:
            size: how many bytes of it at most; no limit for a negative number and None.

        Raises:
            StateClosed, SocketError, LimitExceeded, WrongThread: as `read`.

        Thread: the owner's. Calls back: never. Source: CL-89.
        """
        line = self._inbox.read_line(-1 if size is None else size)
        self._socket.input_read()
        return line

    def __iter__(self) -> "AsyncIOStream":
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:  # there is none yet, or there will be none
            raise StopIteration
        return line

    def write(self, data: BytesLike | str) -> int:  # type: ignore[override]  # text as well
        """Write as `TCPSocket.write` does; return `len(data)`.

        Args:
            data: bytes-like, or text for UTF-8.

        Raises:
            StateClosed, LimitExceeded, SocketError, TypeError, WrongThread: as there.

        Thread: the owner's. Calls back: never. Source: CL-30.
        """
        self._socket.write(data)
        return len(data)

    def writelines(self, lines: Iterable[BytesLike | str]) -> None:  # type: ignore[override]  # text
        """Write many pieces, one behind the other.

        Args:
            lines: of what `write` takes; nothing is put between them.

        Raises:
            StateClosed, LimitExceeded, SocketError, TypeError, WrongThread: as `write`, at the
            piece at fault; those before it have been taken.

        Thread: the owner's. Calls back: never. Source: CL-89.
        """
        for piece in lines:
            self.write(piece)

    def flush(self) -> None:
        """Do nothing: output leaves by itself.

        Thread: any. Calls back: never. Source: CL-30.
        """

    def close(self, abort: bool = False) -> None:
        """Close the socket; once more is harmless.

        Args:
            abort: whether unread input and unsent output are dropped.

        Thread: the owner's. Calls back: never before it returns. Source: CL-31.
        """
        self._socket.close(abort=abort)

    def __enter__(self) -> "AsyncIOStream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        """Leave the socket as it is: that of the base class would close it, in any thread."""

    @property
    def _inbox(self) -> Inbox:
        """What is unread; who has taken of it calls `input_read`, for a full one keeps more out."""
        self._socket.collection.owner.check(over=self._socket.closed)
        inbox: Inbox = self._socket.inbox
        if inbox.dropped:
            raise self._socket.closed_error("reading")
        return inbox

    def __repr__(self) -> str:
        return f"<AsyncIOStream of {self._socket!r}>"
