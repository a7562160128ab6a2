"""StreamInput: what is read from a stream.

Bytes that were not asked for wait in one buffer: what came behind a short read, or before a limit
passed. A large read goes past it.
"""

import io
from typing import Any, Final, Self

from reactor.errors import EndOfStream, LimitExceeded, SocketError
from reactor.operations.operation import READ_SIZE, STEP_LIMIT, Operation
from reactor.operations.reading import Fill, Take, Wait
from reactor.stream.stream_base import StreamBase

# A read for so much takes no more than that, and needs no copy; a shorter one reads ahead. It is
# the size of the standard library's buffer.
READ_PAST_SIZE: Final = io.DEFAULT_BUFFER_SIZE


class StreamInput(StreamBase):
    """The verbs of a stream that read.

    Thread: one at a time. Calls back: never. Source: LW-181, LW-182, LW-194.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """Return exactly `size` bytes, fewer only at the end of the stream; then none.

        What has come before a limit passes, or a failure, stays for the next read.

        Args:
            size: bytes; None or -1 is all to the end, up to `input_limit`.

        Raises:
            OperationTimeout: nothing came for `read_timeout`. DeadlinePassed: `deadline` has.
            LimitExceeded: there is more to the end than `input_limit`; it stays unread.
            TLSTruncated: TLS was cut off. SocketError: the connection is lost. StateClosed.
            OperationInProgress: another thread is reading. io.UnsupportedOperation: not readable.

        Thread: one at a time. Calls back: never. Source: LW-181, LW-182.
        """
        if size is None or size < 0:
            return self._read_to(None, None)
        with self._input:
            self._check_allowed(self._input)
            unread = self._unread
            if size - len(unread) >= READ_PAST_SIZE:
                return self._read_past(size)
            while len(unread) < size and (data := self._next(READ_SIZE)):
                if not unread.data and len(data) == size:
                    return data
                unread.append(data)
            return unread.cut(size)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer, all of it unless the stream ends; return how many bytes.

        Args:
            buffer: writable and bytes-like.

        Raises:
            TypeError: it cannot be written, or is in pieces; nothing was read. Others as `read`.

        Thread: one at a time. Calls back: never. Source: LW-181, LW-182.
        """
        with self._input, memoryview(buffer) as lent, lent.cast("B") as view:
            self._check_allowed(self._input)
            check_writable(view)
            if len(view) <= len(self._unread):
                return self._unread.move_into(view)
            operation = Fill(buffer, view, self._unread)
            try:
                self._wait_for_input(operation)
            except BaseException:
                self._unread.put_back(view[: operation.moved])
                raise
            return operation.moved

    def read1(self, size: int = -1, /) -> bytes:
        """Return what there is, up to `size` bytes, after at most one wait; none at the end.

        Args:
            size: bytes; -1, the default, is any number.

        Raises:
            As `read`.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        with self._input:
            self._check_allowed(self._input)
            unread = self._unread
            if size == 0:
                return b""
            if not unread.data:
                data = self._next(READ_SIZE)
                if size < 0 or len(data) <= size:
                    return data
                unread.append(data)
            return unread.cut(len(unread) if size < 0 else size)

    def readinto1(self, buffer: Any, /) -> int:
        """Fill the front of a buffer with what there is, after at most one wait.

        Args:
            buffer: writable and bytes-like.

        Raises:
            As `readinto`.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        with memoryview(buffer) as lent, lent.cast("B") as view:
            check_writable(view)
            data = self.read1(len(view))
            view[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line with its line end; without one only at the end, or at `size`.

        Args:
            size: bytes of a line at most; None or -1 is `input_limit`, beyond which it is an error.

        Raises:
            LimitExceeded: the line is longer than `input_limit`; its bytes stay unread. Others as
                `read`.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        return self._read_to(b"\n", None if size is None or size < 0 else size)

    def read_exactly(self, size: int) -> bytes:
        """Return exactly `size` bytes.

        Args:
            size: bytes, 0 or more.

        Raises:
            EndOfStream: the stream has ended before; its bytes stay unread. ValueError: it is below
                0. Others as `read`.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        if size < 0:
            raise ValueError(f"a number of bytes is 0 or more, not {size}")
        data = self.read(size)
        if len(data) < size:
            self._unread.put_back(data)
            raise self._ended_early(f"{len(data)} of {size} bytes")
        return data

    def read_until(self, delimiter: bytes, size: int | None = None) -> bytes:
        """Return what comes up to a delimiter, and the delimiter.

        Args:
            delimiter: at least one byte.
            size: bytes at most, with the delimiter; None is `input_limit`.

        Raises:
            EndOfStream: the stream has ended before. LimitExceeded: it is not among `size` bytes.
                In both cases the bytes stay unread. ValueError: the delimiter is empty. Others as
                `read`.

        Thread: one at a time. Calls back: never. Source: LW-181.
        """
        if not delimiter:
            raise ValueError("a delimiter has at least one byte")
        data = self._read_to(delimiter, None, size, owed=1)
        if not data.endswith(delimiter):
            self._unread.put_back(data)
            raise self._ended_early(f"{len(data)} bytes without {delimiter!r}")
        return data

    def peek(self, size: int = 1) -> bytes:
        """Return unread bytes and leave them unread: at least one, unless the end has come.

        Args:
            size: how many are wanted; there may be more or fewer, after at most one wait, and with
                0 there is none.

        Raises:
            As `read`.

        Thread: one at a time. Calls back: never. Source: LW-194.
        """
        with self._input:
            self._check_allowed(self._input)
            if size and not self._unread.data:
                self._wait_for_input(Wait(self._unread))
            return bytes(self._unread.data)

    def __iter__(self) -> Self:
        self._check_allowed(self._input)
        return self

    # Inside.

    def _look(self) -> Operation:
        self._check_allowed(self._input)
        return Wait(self._unread)

    def _met(self, error: EndOfStream | SocketError) -> None:
        self._input.lose(error)
        if isinstance(error, SocketError):
            self._output.lose(error)

    def _next(self, size: int) -> bytes:
        """Return the next piece of at most `size` bytes; none at the end of the stream."""
        operation = Take(size)
        self._wait_for_input(operation)
        return operation.data

    def _read_past(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the end; the pieces do not go through the buffer."""
        pieces = [self._unread.take()] if self._unread.data else []
        missing = size - (len(pieces[0]) if pieces else 0)
        try:
            while missing and (data := self._next(min(missing, STEP_LIMIT))):
                pieces.append(data)
                missing -= len(data)
        except BaseException:
            self._unread.put_back(b"".join(pieces))
            raise
        return b"".join(pieces)

    def _read_to(
        self, delimiter: bytes | None, size: int | None, limit: int | None = None, owed: int = 0
    ) -> bytes:
        """Return what comes up to a delimiter or the end: `size` bytes at most, or an error.

        `owed` is how many bytes must come at least while there is no delimiter.
        """
        with self._input:
            self._check_allowed(self._input)
            unread, searched = self._unread, 0
            limit = self._input_limit if limit is None else limit
            while True:
                data = unread.data
                found = -1 if delimiter is None else data.find(delimiter, searched)
                end = len(data) + owed if found < 0 else found + len(delimiter or b"")
                if size is not None and (found >= 0 or end >= size):
                    return unread.cut(min(end, size))
                if limit is not None and end > limit:
                    raise self._excess(limit)
                if found >= 0:
                    return unread.cut(end)
                searched = max(0, len(data) - len(delimiter or b"") + 1)
                if not (more := self._next(READ_SIZE)):
                    return unread.take()
                unread.append(more)

    def _excess(self, limit: int) -> LimitExceeded:
        return LimitExceeded(
            f"{len(self._unread)} bytes are unread without an end, and the limit is {limit}: raise"
            " `input_limit`, or read in pieces",
            identifier="input-limit",
            phase="read",
            peer=self.peer_address,
            connection=self,
        )

    def _ended_early(self, what: str) -> EndOfStream:
        return EndOfStream(
            f"the stream ended after {what}",
            phase="read",
            peer=self.peer_address,
            connection=self,
        )


def check_writable(view: memoryview) -> None:
    """Refuse a buffer that cannot be written, before anything is read for it.

    Raises:
        TypeError: it is read-only.

    Thread: any. Calls back: never. Source: LW-181.
    """
    if view.readonly:
        raise TypeError("the buffer of a read must be writable")
