"""Talk: a transport with a recorder on this side, and a bare channel on the other."""

from __future__ import annotations

import socket
import sys
from typing import Final

from reactor.channel.base import BytesLike, Channel
from reactor.errors import ReactorError
from reactor.flow.close_report import CloseReport
from reactor.loop.collection import WaitStateCollection
from reactor.state.connection import Connection
from reactor.state.handshake import socket_of
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.channels import Ends
from tests.recorder import Notes, Recorder
from tests.turns import until

QUIET_READS: Final = 2  # in a row that find nothing; between them the near end may send on


class Talk:
    """A connection of which a test has both ends.

    `ended` tells that the far end has read the end of the stream, `reset` that it was reset.
    """

    def __init__(
        self,
        collection: WaitStateCollection,
        ends: Ends,
        protocol: Notes | None = None,
        *,
        unread: BytesLike = b"",
    ) -> None:
        near, self.far = ends
        for end in ends:
            without_delay(end)
        self.collection = collection
        self.state = Connection(collection, near, unread)
        self.protocol = Recorder() if protocol is None else protocol
        self.transport = Transport(self.state, self.protocol)
        self.ended = self.reset = False

    def begin(self) -> Talk:
        """Let the connection be made, and all that comes of it."""
        self.transport.begin()
        self.settle()
        return self

    def settle(self) -> None:
        """Let the near end do all that it can do now."""
        settle(self.collection)

    def say(self, data: bytes) -> None:
        """Write at the far end, and let it arrive."""
        rest = memoryview(data)
        while rest or not self.far.flush():  # TLS may have taken what the kernel has no room for
            rest = rest[self.far.write(rest) or 0 :]
            self.settle()
        self.settle()

    def end(self) -> None:
        """End the direction of the far end, and let that arrive."""
        self.far.write_eof()
        self.settle()

    def hear(self) -> bytes:
        """Read at the far end whatever comes, until nothing moves any more."""
        heard = bytearray()
        quiet = 0
        while quiet < QUIET_READS and not (self.ended or self.reset):
            self.settle()
            try:
                data = self.far.read(1 << 20)
            except ReactorError:
                self.reset = True
                break
            self.ended = data == b""
            quiet = 0 if data else quiet + 1
            heard += data or b""
        return bytes(heard)

    def hear_all(self, size: int = sys.maxsize) -> bytes:
        """Read at the far end until `size` bytes have come, or the end: a kernel takes its time
        for more than it can hold at once.
        """
        heard = bytearray()

        def all_heard() -> bool:
            heard.extend(self.hear())
            return len(heard) >= size or self.ended or self.reset

        until(self.collection, all_heard)
        return bytes(heard)

    @property
    def report(self) -> CloseReport:
        """Why the connection has ended."""
        report = self.transport.close_report
        assert report is not None, "the connection has not ended"
        return report

    def close(self) -> None:
        """Leave nothing behind."""
        if self.collection.alive:
            self.transport.abort()
        self.far.close()
        if self.collection.alive:
            self.settle()


def without_delay(channel: Channel) -> None:
    """Let small pieces leave at once: the kernel holds them back behind one that is under way."""
    sock = socket_of(channel)
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
