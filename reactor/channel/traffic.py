"""Traffic: how many bytes a connection has carried, without counting them.

Counting every read and write takes 2 % of an echo, for figures that are asked for once in a while.
Linux counts the octets of a TCP connection anyway, so there it is asked; for all other sockets the
channel counts. Who makes a channel of a socket asks `adopting` for the right one.
"""

import contextlib
import socket
import struct
import sys
from typing import Final

from reactor.channel.base import BytesLike
from reactor.channel.socket_channel import SocketChannel
from reactor.errors import Address

# Linux's `struct tcp_info` (include/uapi/linux/tcp.h): where it keeps the octets that have arrived,
# those that wait unsent, and those that were sent and sent again. Complete since Linux 4.19.
INFO_SIZE: Final = 216
RECEIVED: Final = struct.Struct("=128xQ")
UNSENT: Final = struct.Struct("=144xL")
SENT: Final = struct.Struct("=200xQQ")


class KernelCountedChannel(SocketChannel):
    """A TCP connection whose traffic the kernel counts.

    Source: LW-015.
    """

    __slots__ = ()

    def traffic(self) -> tuple[int, int]:
        """Return how many bytes have arrived, read or not, and how many were taken for sending."""
        if not self.closed:
            with contextlib.suppress(OSError):
                counted = tcp_traffic(self.sock)
                if counted is not None:
                    return counted
        return 0, 0


class CountingChannel(SocketChannel):
    """A connection that counts its traffic itself.

    Source: LW-015.
    """

    __slots__ = ("_arrived", "_sent")

    def __init__(self, sock: socket.socket, *, peer_address: Address | None = None) -> None:
        super().__init__(sock, peer_address=peer_address)
        self._arrived = 0
        self._sent = 0

    def read(self, size: int) -> bytes | None:
        """Read, and count."""
        data = super().read(size)
        self._arrived += len(data or b"")
        return data

    def readinto(self, view: memoryview) -> int | None:
        """Read, and count."""
        count = super().readinto(view)
        self._arrived += count or 0
        return count

    def write(self, view: BytesLike) -> int | None:
        """Write, and count."""
        count = super().write(view)
        self._sent += count or 0
        return count

    def traffic(self) -> tuple[int, int]:
        """Return how many bytes were read, and how many written."""
        return self._arrived, self._sent


if sys.platform == "linux":

    def tcp_traffic(sock: socket.socket) -> tuple[int, int] | None:
        """Ask for the octets received and those taken for sending; None if one is not known."""
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_SIZE)
        if len(info) < INFO_SIZE:
            return None
        (received,) = RECEIVED.unpack_from(info)
        (unsent,) = UNSENT.unpack_from(info)
        sent, again = SENT.unpack_from(info)
        return received, sent - again + unsent

else:

    def tcp_traffic(sock: socket.socket) -> tuple[int, int] | None:
        """Know nothing: this system counts otherwise, or not at all."""
        return None


def _kernel_counts() -> bool:
    with contextlib.suppress(OSError), socket.socket() as sock:
        return tcp_traffic(sock) is not None
    return False


COUNTED_BY_KERNEL: Final = _kernel_counts()
