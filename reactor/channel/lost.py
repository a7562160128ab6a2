"""Lost: what stands where a channel was.

After an end or a failure the channel of a direction is a lost one, which raises that same error
for ever. So an end sticks without anybody asking whether it does, and the socket is not touched.
"""

from typing import NoReturn

from reactor.channel.base import BytesLike, Channel
from reactor.errors import ReactorError, SocketError
from reactor.interest import READ, WRITE


class Lost(Channel):
    """A channel that has ended or failed: every try raises `status`.

    Thread: the owner's. Calls back: never. Source: LW-104, LW-117, LW-141.
    """

    __slots__ = ("status",)

    exchange_want: int = READ | WRITE

    def __init__(self, status: ReactorError) -> None:
        self.status = status

    def fail(self) -> NoReturn:
        """Raise the error of this direction, without the traces of earlier times."""
        raise self.status.with_traceback(None)

    def read(self, size: int) -> bytes | None:
        """Fail."""
        self.fail()

    def readinto(self, view: memoryview) -> int | None:
        """Fail."""
        self.fail()

    def write(self, view: BytesLike) -> int | None:
        """Fail."""
        self.fail()

    def flush(self) -> bool:
        """Fail."""
        self.fail()

    def receive(self, size: int) -> NoReturn:
        """Fail: the verbs of datagrams do, as those of streams."""
        self.fail()

    def receive_into(self, view: memoryview) -> NoReturn:
        """Fail."""
        self.fail()

    def waiting(self) -> NoReturn:
        """Fail."""
        self.fail()

    def transmit(self, data: BytesLike, address: object = None) -> NoReturn:
        """Fail."""
        self.fail()

    def handshake(self) -> bool:
        """Fail."""
        self.fail()

    def unwrap(self, *, discard: bool = False) -> bool:
        """Fail."""
        self.fail()

    def __repr__(self) -> str:
        return f"<Lost by {self.status!r}>"


def raise_if_failed(channel: Channel) -> None:
    """Raise the failure that a direction has had; an end is none.

    The kernel tells a failure once, and an end for ever: who took a failed connection over would
    meet an end.

    Raises:
        SocketError: that failure.

    Thread: the owner's. Calls back: never. Source: LW-117, LW-138.
    """
    if isinstance(channel, Lost) and isinstance(channel.status, SocketError):
        channel.fail()
