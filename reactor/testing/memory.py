"""Memory channels: a connection without a network, under the control of a test.

    near, far = memory_pair(capacity=4)    # four bytes may be under way each way
    near.write(b"hello")                   # 4: the rest finds no room
    far.read(100)                          # b"hell"

Two `_Pipe`s carry the bytes, one each way, and hold everything that can be asked: is there
something to read, is there room. Each end has a `_Beacon`, which shows the two answers on a real
descriptor, so that epoll, poll, select and a blocking driver all see what they would see of a
socket. Nothing happens by itself: a byte has arrived when `write` returns, unless it is held.
"""

import contextlib
import socket
from collections.abc import Callable
from typing import Final

from reactor.channel.base import BytesLike, Channel
from reactor.errors import Address, BrokenPipe, ConnectionReset, SocketError, StateClosed

CAPACITY: Final = 65536  # bytes; what a Unix socket holds, roughly
NEAR: Final[Address] = ("near", None)
FAR: Final[Address] = ("far", None)

# Bytes; as little as the kernel grants (Linux rounds it up to some 4 KiB), for it is filled
# whenever a channel is clogged.
BEACON_BUFFER_SIZE: Final = 1
# Bytes in one send that fills it. In Linux a message may pass the limit but not begin beyond it.
BEACON_FILLING: Final = bytes(4096)


def memory_pair(
    capacity: int = CAPACITY, sip: int | None = None
) -> tuple["MemoryChannel", "MemoryChannel"]:
    """Return two channels that are connected to each other.

    Args:
        capacity: bytes that may be under way each way; beyond it, writing says "not now".
        sip: at most that many bytes are moved by one read or write; None, the default, is any
            number.

    Raises:
        ValueError: one of them is less than 1.

    Thread: both ends belong to one. Calls back: never. Source: LW-153.
    """
    if capacity < 1 or (sip is not None and sip < 1):
        raise ValueError(f"capacity and sip are 1 or more bytes, not {capacity!r} and {sip!r}")
    there, back = _Pipe(capacity), _Pipe(capacity)
    near = MemoryChannel(back, there, sip or capacity, NEAR, FAR)
    far = MemoryChannel(there, back, sip or capacity, FAR, NEAR)
    near.far, far.far = far, near
    return near, far


class MemoryChannel(Channel):
    """One end of a connection in memory; make them with `memory_pair`.

    It keeps the contract of every channel. Like a Unix socket it refuses to write to an end that
    has been closed. `far` is the channel at the other end.

    Thread: one, the same for both ends. Calls back: never. Source: LW-030, LW-153.
    """

    __slots__ = ("_address", "_beacon", "_inward", "_outward", "_peer_address", "_sip", "far")

    far: "MemoryChannel"

    def __init__(
        self, inward: "_Pipe", outward: "_Pipe", sip: int, address: Address, peer_address: Address
    ) -> None:
        self._inward = inward
        self._outward = outward
        self._sip = sip
        self._address = address
        self._peer_address = peer_address
        self._beacon = _Beacon()

    @property
    def address(self) -> Address:
        """The name of this end, `("near", None)` or `("far", None)`."""
        return self._address

    @property
    def peer_address(self) -> Address:
        """The name of the other end."""
        return self._peer_address

    @property
    def closed(self) -> bool:
        """Whether this end is closed."""
        return self._beacon.fileno() < 0

    def fileno(self) -> int:
        """Return a descriptor that is ready when this channel is, or -1 once closed."""
        return self._beacon.fileno()

    def read(self, size: int) -> bytes | None:
        """Take at most `size` bytes; None is "not now", empty the end of the stream.

        Args:
            size: bytes, at least one.
        """
        pipe = self._inward
        self._check("read", pipe)
        if not pipe.readable:
            return None
        data = pipe.take(min(size, self._sip))
        self._show()
        return data

    def readinto(self, view: memoryview) -> int | None:
        """Fill the front of `view`; None is "not now", 0 the end of the stream.

        Args:
            view: writable bytes, at least one.
        """
        octets = view.cast("B")
        data = self.read(len(octets))
        if data is None:
            return None
        octets[: len(data)] = data
        return len(data)

    def write(self, view: BytesLike) -> int | None:
        """Take bytes from the front of `view`; None is "not now".

        Args:
            view: any number of bytes.

        Raises:
            BrokenPipe: this way was ended, or the other end is closed. ConnectionReset: it was
                broken. StateClosed: this end is closed.
        """
        pipe = self._outward
        self._check("write", pipe)
        if pipe.ended or pipe.deaf:
            raise self._failure(BrokenPipe, "the way out is shut", "write")
        octets = memoryview(view).cast("B")
        piece = octets[: min(pipe.room, self._sip)]
        pipe.put(piece)
        self._show()
        return len(piece) if piece or not octets else None

    def traffic(self) -> tuple[int, int]:
        """Return how many bytes were read, and how many written."""
        return self._inward.taken, self._outward.written

    def write_eof(self) -> bool:
        """Let the other end see the end of the stream, after what is under way; always true."""
        self._check("write", self._outward)
        self._outward.ended = True
        self._show()
        return True

    def shutdown(self, how: int) -> None:
        """Shut one way or both, as a socket would; bytes that would have come are lost.

        Args:
            how: `socket.SHUT_RD`, `SHUT_WR` or `SHUT_RDWR`.
        """
        self._check("close", None)
        if how != socket.SHUT_RD:
            self._outward.ended = True
        if how != socket.SHUT_WR:
            self._inward.turn_deaf()
        self._show()

    def close(self) -> None:
        """End both ways and give the descriptors back; what is under way still arrives."""
        if not self.closed:
            self._outward.ended = True
            self._inward.turn_deaf()
            self._show()
            self._beacon.close()

    def abort(self) -> None:
        """Close so that the other end finds the connection reset."""
        if not self.closed:
            self.reset()
            self.close()

    def reset(self) -> None:
        """Break the connection: at both ends, all that is tried fails with `ConnectionReset`."""
        self._inward.reset = self._outward.reset = True
        self._show()

    def hold(self) -> None:
        """Let nothing that this end writes arrive, not even its end, until `let_go`."""
        self._outward.held = True
        self._show()

    def let_go(self) -> None:
        """Let everything arrive that was held."""
        self._outward.held = False
        self._show()

    def _check(self, phase: str, pipe: "_Pipe | None") -> None:
        if self.closed:
            raise self._failure(StateClosed, "this end is closed", phase)
        if pipe is not None and pipe.reset:
            raise self._failure(ConnectionReset, "the connection was reset", phase)

    def _failure(self, kind: type[SocketError], message: str, phase: str) -> SocketError:
        return kind(message, phase=phase, peer=self._peer_address, connection=self)

    def _show(self) -> None:
        """Let both descriptors tell the truth again."""
        for end in (self, self.far):
            if not end.closed:
                end._beacon.show(readable=end._inward.readable, writable=end._outward.writable)

    def __repr__(self) -> str:
        where = "closed" if self.closed else f"fd {self.fileno()}"
        return f"<MemoryChannel {self._address[0]}, {where}>"


class _Pipe:
    """One way: the bytes under way, and what has happened at either end of it."""

    __slots__ = ("capacity", "data", "deaf", "ended", "held", "reset", "taken", "written")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.data = bytearray()
        self.ended = False  # the writer writes no more
        self.deaf = False  # the reader reads no more
        self.held = False  # what is under way does not arrive yet
        self.reset = False  # the connection is lost
        self.written = 0  # bytes that the writer has put in, and the reader taken out
        self.taken = 0

    @property
    def room(self) -> int:
        return self.capacity - len(self.data)

    @property
    def readable(self) -> bool:
        """Whether reading would say something other than "not now"."""
        arrived = not self.held and (self.ended or len(self.data) > 0)
        return arrived or self.deaf or self.reset

    @property
    def writable(self) -> bool:
        """Whether writing would say something other than "not now"."""
        return self.room > 0 or self.ended or self.deaf or self.reset

    def put(self, piece: memoryview) -> None:
        self.data += piece
        self.written += len(piece)

    def take(self, size: int) -> bytes:
        data = bytes(self.data[:size])
        del self.data[:size]
        self.taken += len(data)
        return data

    def turn_deaf(self) -> None:
        self.deaf = True
        self.data.clear()


class _Beacon:
    """A descriptor whose readiness is set, not found.

    It is one end of a pair of sockets. One byte, sent by the other end, makes it readable; its
    send buffer, filled up, makes it unwritable, and the other end empties it again.
    """

    __slots__ = ("_near", "_readable", "_remote", "_writable")

    def __init__(self) -> None:
        self._near, self._remote = socket.socketpair()
        self._near.setblocking(False)
        self._remote.setblocking(False)
        self._near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BEACON_BUFFER_SIZE)
        self._readable = False
        self._writable = True

    def fileno(self) -> int:
        return self._near.fileno()

    def show(self, *, readable: bool, writable: bool) -> None:
        if readable != self._readable:
            self._readable = readable
            if readable:
                self._remote.send(b"!")
            else:
                self._near.recv(1)
        if writable != self._writable:
            self._writable = writable
            if writable:
                _until_not_now(lambda: self._remote.recv(len(BEACON_FILLING)))
            else:
                _until_not_now(lambda: self._near.send(BEACON_FILLING))

    def close(self) -> None:
        self._near.close()
        self._remote.close()


def _until_not_now(attempt: Callable[[], object]) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            attempt()
