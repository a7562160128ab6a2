"""Decoder: what all codecs of streams do alike; what an event is, each of them knows alone.

It holds the bytes that were fed and not taken. Bytes leave it from the front only, and that is
cheap: a `bytearray` moves its beginning, and not the bytes behind. So many small events in one
piece cost no more than their sum, and a subclass only has to remember how far it has looked.
"""

from protocols.codecs.errors import RemoteViolation


class Decoder:
    """Takes bytes in any pieces and gives one event at a time.

    A subclass has `_take`, which gives the next event, None if bytes are missing for it, or raises
    a `RemoteViolation`. Until it has seen an event whole it leaves the bytes where they are: what
    is `unread` is exactly what the peer sent. What it remembers of them, `_forget` resets.

    Thread: any, one at a time. Calls back: never. Source: the codec chapter.
    """

    __slots__ = ("_buffer", "_violation")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._violation: RemoteViolation | None = None

    @property
    def unread(self) -> bytes:
        """What was fed and not taken: at the end of a stream, the event that is not complete."""
        return bytes(self._buffer)

    @property
    def refused(self) -> bool:
        """Whether the peer broke a rule, and it has not been said how to go on."""
        return self._violation is not None

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add what arrived.

        Args:
            data: the bytes, copied, any number; where they were cut does not matter.

        Raises:
            RemoteViolation: the peer broke a rule before, and what comes after has no meaning.

        Thread: any, one at a time. Calls back: never. Source: the codec chapter.
        """
        if self._violation is not None:
            raise self._violation.with_traceback(None)
        self._buffer += data

    def take(self) -> bytes | None:
        """Give the next event.

        Returns:
            Its bytes; or None: everything was taken that can be taken.

        Raises:
            RemoteViolation: the next bytes break a rule; and again each time.

        Thread: any, one at a time. Calls back: never. Source: the codec chapter.
        """
        if self._violation is not None:
            raise self._violation.with_traceback(None)
        try:
            return self._take()
        except RemoteViolation as violation:
            self._violation = violation
            raise

    def release(self) -> bytes:
        """Give up the bytes that were not taken, for somebody else; the decoder is empty then.

        Thread: any, one at a time. Calls back: never. Source: PR-09.
        """
        data = self.unread
        self._buffer.clear()
        self._forget()
        return data

    def _take(self) -> bytes | None:
        raise NotImplementedError

    def _forget(self) -> None:
        """Forget what is known of the bytes in the buffer: they have gone."""

    def __repr__(self) -> str:
        phase = " REFUSED" if self.refused else ""
        return f"<{type(self).__name__}{phase}, {len(self._buffer)} bytes unread>"
