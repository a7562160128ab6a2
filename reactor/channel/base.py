"""Channel: a thing that can be tried once.

A channel carries bytes both ways and answers at once, if only "not now". It never waits, knows no
timeout and no callback. As in `io.RawIOBase`, None means "not now", and empty or 0 means the end.
Sockets are channels, and so is TLS over any other channel: whoever works with one works with all.

After a "not now", `read_want` and `write_want` say for which readiness of the descriptor the next
try should wait: each is a mask of `reactor.interest`. They differ from READ and WRITE only where
there is a protocol in between, which may have to answer before it can go on.
"""

from typing import TypeAlias

from reactor.errors import Address
from reactor.interest import READ, WRITE

BytesLike: TypeAlias = bytes | bytearray | memoryview


class Channel:
    """The verbs of every channel; a failure is an error of our tree, with phase and peer.

    `holds_input` is true while there are bytes to read that no descriptor shows, `holds_output`
    while bytes that `write` has taken are not in the kernel yet; `output_size` counts them, as
    they are sent. `address` and `peer_address` are pairs `(host, port)`, and stay after closing.
    One that `carries_messages` has verbs of its own in place of those for bytes. Where a write that
    takes a part says that there is no room for more it is `full_when_partial`. Of a Unix socket
    `peer_credentials` are process, user and group of who connected it, if the system tells.

    Thread: one at a time for each direction. Calls back: never. Source: LW-030, LW-153.
    """

    __slots__ = ()

    carries_messages: bool = False
    full_when_partial: bool = False
    peer_credentials: tuple[int, int, int] | None = None
    holds_input: bool = False
    holds_output: bool = False
    output_size: int = 0
    read_want: int = READ
    write_want: int = WRITE

    @property
    def address(self) -> Address:
        """The address of this end."""
        raise NotImplementedError

    @property
    def peer_address(self) -> Address:
        """The address of the other end."""
        raise NotImplementedError

    def fileno(self) -> int:
        """Return the descriptor whose readiness is this channel's, or -1 once closed."""
        raise NotImplementedError

    def read(self, size: int) -> bytes | None:
        """Return at most `size` bytes; None is "not now", empty the end of the stream.

        Args:
            size: bytes, at least one.
        """
        raise NotImplementedError

    def readinto(self, view: memoryview) -> int | None:
        """Fill the front of `view` and return how many bytes; None is "not now", 0 the end.

        Args:
            view: writable bytes, at least one.
        """
        raise NotImplementedError

    def write(self, view: BytesLike) -> int | None:
        """Take bytes from the front of `view` and return how many; None is "not now".

        Args:
            view: any number of bytes; nothing of it is kept that could be changed afterwards.
        """
        raise NotImplementedError

    def flush(self) -> bool:
        """Return whether all that was taken is in the kernel, after trying to bring it there."""
        return True

    def rest(self) -> bool:
        """Push what is held; true if then nothing is left in here that no descriptor shows."""
        return True

    def traffic(self) -> tuple[int, int]:
        """Return how many bytes have come, and how many have gone, as far as it is known."""
        return 0, 0

    def write_eof(self) -> bool:
        """Tell the peer that nothing more will be written; true once that has left.

        Reading goes on. May be called again until it is true.
        """
        raise NotImplementedError

    def shutdown(self, how: int) -> None:
        """Shut the connection down, one way or both (`socket.SHUT_*`); the descriptor stays.

        Args:
            how: `socket.SHUT_RD`, `SHUT_WR` or `SHUT_RDWR`.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give the descriptor back; once more is harmless."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close at once; what is under way may be lost, and the peer may see a reset."""
        self.close()
