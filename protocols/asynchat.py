r"""asynchat: the module of that name, which left Python with 3.12: `async_chat` and its producers.

Old programs run unchanged: their `import asynchat` becomes

    from protocols import asynchat

It stands on `reactor.compat.asyncore`, and finds terminators with the codec that the new protocols
have. New programs subclass `TerminatorProtocol`, which has the same two hooks, and TLS, limits and
back-pressure besides.
"""

from collections import deque
from typing import Any, ClassVar, Final, TypeAlias

from protocols.codecs.frame import FrameTooLong
from protocols.codecs.terminator import Terminator, TerminatorDecoder, overlap
from reactor.compat.asyncore import dispatcher
from reactor.compat.residents import Members
from reactor.errors import LimitExceeded

# asynchat had none. The standard library's own server of mail lets a message have 32 MiB.
INPUT_LIMIT: Final = 64 << 20  # bytes

# Bytes, or an object whose `more()` gives bytes until it gives none; None closes.
Producer: TypeAlias = Any


class async_chat(dispatcher):
    """A dispatcher that cuts its input at terminators, and sends in order what it is given.

    To be subclassed, with `collect_incoming_data` and `found_terminator`. Until `set_terminator`
    was called all is data.

    Args:
        sock, map: as of `dispatcher`.

    Attributes:
        ac_in_buffer_size: bytes that one read takes at most.
        ac_out_buffer_size: bytes that one write offers to the kernel at most.
        ac_in_limit: how much data may come before a terminator of bytes, in bytes; default 64 MiB.
            More is a `LimitExceeded` for `handle_error`. A number of bytes is its own limit.
        use_encoding, encoding: whether strings may be sent, and as what; not by default.
        producer_fifo: what waits to be sent.
        incoming: what `_collect_incoming_data` has collected.

    Thread: the owner's. Calls back: the hooks. Source: asynchat.
    """

    ac_in_buffer_size: ClassVar[int] = 65536
    ac_out_buffer_size: ClassVar[int] = 65536
    ac_in_limit: ClassVar[int] = INPUT_LIMIT
    use_encoding: Any = False
    encoding = "latin-1"

    def __init__(self, sock: Any = None, map: Members | None = None) -> None:
        self._decoder = _AnyCount(frame_limit=self.ac_in_limit)
        self.incoming: list[bytes] = []
        self.producer_fifo: deque[Producer] = deque()
        super().__init__(sock, map)

    # Input.

    def collect_incoming_data(self, data: bytes) -> None:
        """Take some of the data before the terminator.

        Args:
            data: one piece of it, never empty, cut anywhere.

        Raises:
            NotImplementedError: it has to be overridden.

        Thread: the owner's. Calls back: it is a hook. Source: asynchat.
        """
        raise NotImplementedError("must be implemented in subclass")

    def found_terminator(self) -> None:
        """Handle what was collected: its terminator was found.

        Raises:
            NotImplementedError: it has to be overridden.

        Thread: the owner's. Calls back: it is a hook. Source: asynchat.
        """
        raise NotImplementedError("must be implemented in subclass")

    def _collect_incoming_data(self, data: bytes) -> None:
        self.incoming.append(data)

    def _get_data(self) -> bytes:
        data = b"".join(self.incoming)
        self.incoming.clear()
        return data

    def set_terminator(self, term: Terminator | str) -> None:
        """Set what ends the data that comes after this call.

        Args:
            term: bytes that end a message, and go on to end the next; or the number of bytes of
                one message, after which it is 0; or None, 0 or empty bytes: all is data. A string,
                where `use_encoding` is set.

        Raises:
            TypeError: it is none of these. ValueError: it is a negative number.

        Thread: the owner's. Calls back: never. Source: asynchat.
        """
        if isinstance(term, str) and (self.use_encoding or not term):
            term = term.encode(self.encoding)
        self._decoder.set_terminator(term)  # type: ignore[arg-type]  # a string is refused there

    def get_terminator(self) -> Terminator:
        """Return what ends this message; of a number, what is left of it.

        Thread: the owner's. Calls back: never. Source: asynchat.
        """
        return self._decoder.terminator

    @property
    def terminator(self) -> Terminator:
        """What ends this message; may be set as well."""
        return self._decoder.terminator

    @terminator.setter
    def terminator(self, term: Terminator | str) -> None:
        self.set_terminator(term)

    @property
    def ac_in_buffer(self) -> bytes:
        """What was received and not given out; may be set as well."""
        return self._decoder.unread

    @ac_in_buffer.setter
    def ac_in_buffer(self, data: bytes) -> None:
        self._decoder.release()
        self._decoder.feed(data)

    def handle_read(self) -> None:
        """Read, and give out what came.

        Raises:
            LimitExceeded: the data has no end.

        Thread: the owner's. Calls back: the two hooks; `handle_error`, if reading fails.
        Source: asynchat.
        """
        try:
            data = self.recv(self.ac_in_buffer_size)
        except BlockingIOError:
            return
        except OSError:
            self.handle_error()
            return
        self._decoder.feed(data)
        try:
            while (piece := self._decoder.take()) is not None:
                if piece:
                    self.collect_incoming_data(piece)
                else:
                    self.found_terminator()
        except FrameTooLong as violation:
            self.discard_buffers()
            raise LimitExceeded(
                f"{self!r} got more than {self.ac_in_limit} bytes without a terminator",
                identifier="input-limit",
                phase="read",
            ) from violation

    # Output.

    def push(self, data: bytes | bytearray | memoryview) -> None:
        """Send the data, sooner or later.

        Args:
            data: bytes.

        Raises:
            TypeError: it is something else.

        Thread: the owner's. Calls back: as `initiate_send`. Source: asynchat.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        size = self.ac_out_buffer_size
        if len(data) > size:
            self.producer_fifo.extend(
                data[start : start + size] for start in range(0, len(data), size)
            )
        else:
            self.producer_fifo.append(data)
        self.initiate_send()

    def push_with_producer(self, producer: Producer) -> None:
        """Send what a producer gives, behind what waits.

        Args:
            producer: an object whose `more()` returns bytes, and empty ones at its end.

        Thread: the owner's. Calls back: as `initiate_send`. Source: asynchat.
        """
        self.producer_fifo.append(producer)
        self.initiate_send()

    def close_when_done(self) -> None:
        """Close as soon as all that waits was sent.

        Thread: the owner's. Calls back: never before it returns. Source: asynchat.
        """
        self.producer_fifo.append(None)

    def readable(self) -> bool:
        """Say yes: input is wanted always.

        Thread: the owner's. Calls back: it is a hook. Source: asynchat.
        """
        return True

    def writable(self) -> bool:
        """Tell whether something waits to be sent, or to be connected.

        Thread: the owner's. Calls back: it is a hook. Source: asynchat.
        """
        return bool(self.producer_fifo) or not self.connected

    def handle_write(self) -> None:
        """Send some of what waits.

        Thread: the owner's. Calls back: as `initiate_send`. Source: asynchat.
        """
        self.initiate_send()

    def handle_close(self) -> None:
        """Close: the connection has ended, or all was sent before a `close_when_done`.

        Thread: the owner's. Calls back: it is a hook. Source: asynchat.
        """
        self.close()

    def initiate_send(self) -> None:
        """Send some of what waits, with one call of the system at most.

        Thread: the owner's. Calls back: the `more()` of a producer, `handle_close`,
        `handle_error`. Source: asynchat.
        """
        fifo = self.producer_fifo
        while fifo and self.connected:
            first = fifo[0]
            if first is None:
                fifo.popleft()
                self.handle_close()
                return
            if hasattr(first, "more"):
                self._ask_producer(first)
            elif not first:
                fifo.popleft()
            else:
                self._send_some(first)
                return

    def discard_buffers(self) -> None:
        """Forget all that was received and not handled, and all that waits to be sent.

        Thread: the owner's. Calls back: never. Source: asynchat.
        """
        self._decoder = _AnyCount(self._decoder.terminator, frame_limit=self.ac_in_limit)
        self.incoming.clear()
        self.producer_fifo.clear()

    def _ask_producer(self, producer: Producer) -> None:
        data = producer.more()
        if data:
            self.producer_fifo.appendleft(data)
        elif self.producer_fifo and self.producer_fifo[0] is producer:
            self.producer_fifo.popleft()

    def _send_some(self, first: Any) -> None:
        data = first[: self.ac_out_buffer_size]
        if isinstance(data, str) and self.use_encoding:
            data = data.encode(self.encoding)
        try:
            size = self.send(data)
        except OSError:
            self.handle_error()
            return
        fifo = self.producer_fifo
        if not size or not fifo or fifo[0] is not first:
            return  # a handler has dropped what waited
        if size < len(first):
            fifo[0] = first[size:]
        else:
            fifo.popleft()


class _AnyCount(TerminatorDecoder):
    """A decoder that lets the program count as far as it likes, as asynchat does."""

    __slots__ = ()

    def _check_size(self, size: int) -> None:
        if size < 0:
            raise ValueError("the number of received bytes must be positive")


class simple_producer:
    """Gives bytes piece by piece.

    Args:
        data: the bytes.
        buffer_size: of a piece, in bytes; default 512.

    Thread: any, one at a time. Calls back: never. Source: asynchat.
    """

    def __init__(self, data: Any, buffer_size: int = 512) -> None:
        self.data = data
        self.buffer_size = buffer_size

    def more(self) -> Any:
        """Return the next piece; an empty one at the end.

        Thread: any, one at a time. Calls back: never. Source: asynchat.
        """
        piece, self.data = self.data[: self.buffer_size], self.data[self.buffer_size :]
        return piece


def find_prefix_at_end(haystack: Any, needle: Any) -> int:
    """Return how many bytes at the end of `haystack` can be the beginning of `needle`.

    Args:
        haystack: bytes, or a string.
        needle: likewise.

    Thread: any. Calls back: never. Source: asynchat.
    """
    return overlap(haystack, needle)
