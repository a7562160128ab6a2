"""ReadBuffer: the bytes that have arrived and that nobody has asked for yet.

A `bytearray`, so that a parser can search and slice it in place, and because CPython drops bytes
at its front without moving the rest.
"""

from reactor.channel.base import BytesLike


class ReadBuffer:
    """The unread bytes of one state.

    `data` holds them; `old_length` is how many of them the running operation has shown before.

    Thread: the owner's. Calls back: never. Source: LW-081 to LW-085, LW-093.
    """

    __slots__ = ("data", "old_length")

    def __init__(self, unread: BytesLike = b"") -> None:
        self.data = bytearray(unread)
        self.old_length = 0

    def __len__(self) -> int:
        return len(self.data)

    def append(self, data: BytesLike) -> None:
        """Put bytes behind the others."""
        self.data += data

    def discard(self, count: int) -> int:
        """Drop the first `count` bytes and return how many remain.

        Raises:
            ValueError: there are not so many.
        """
        if not 0 <= count <= len(self.data):
            raise ValueError(f"{count} bytes cannot be dropped of {len(self.data)} unread ones")
        del self.data[:count]
        self.old_length = max(0, self.old_length - count)
        return len(self.data)

    def move_into(self, view: memoryview) -> int:
        """Move as many bytes as fit to the front of `view`; return how many."""
        count = min(len(self.data), len(view))
        with memoryview(self.data) as source:
            view[:count] = source[:count]
        self.discard(count)
        return count

    def cut(self, count: int) -> bytes:
        """Take the first `count` bytes out, or as many as there are."""
        if count >= len(self.data):
            return self.take()
        data = bytes(self.data[:count])  # short mostly: a view would cost more than the copy
        del self.data[:count]
        self.old_length = max(0, self.old_length - count)
        return data

    def put_back(self, data: BytesLike) -> None:
        """Put bytes in front of the others."""
        self.data[:0] = data

    def take(self) -> bytes:
        """Take all of it out."""
        data = bytes(self.data)
        self.discard(len(data))
        return data

    def __repr__(self) -> str:
        return f"<ReadBuffer of {len(self.data)}>"
