"""UnixChannel: a connected Unix socket, which knows who is at its other end."""

import contextlib
import socket
import struct
import sys
from typing import Final, TypeAlias

from reactor.channel.traffic import CountingChannel
from reactor.errors import Address

# Process, user and group.
Credentials: TypeAlias = tuple[int, int, int]

UCRED: Final = struct.Struct("iII")  # Linux's `struct ucred`: unix(7)


class UnixChannel(CountingChannel):
    """A connected stream socket that is not of the internet: a Unix socket, or one of a pair.

    Who is at the other end is asked for at once: it is who has connected, or made the listener,
    whatever becomes of the process later.

    Source: LW-199.
    """

    __slots__ = ("peer_credentials",)

    def __init__(self, sock: socket.socket, *, peer_address: Address | None = None) -> None:
        super().__init__(sock, peer_address=peer_address)
        self.peer_credentials = ask_peer_credentials(sock)


if sys.platform == "linux":

    def ask_peer_credentials(sock: socket.socket) -> Credentials | None:
        """Ask who is at the other end of a Unix socket; None if there is no answer."""
        with contextlib.suppress(OSError):
            answer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
            process, user, group = UCRED.unpack(answer)
            return process, user, group
        return None

else:

    def ask_peer_credentials(sock: socket.socket) -> Credentials | None:
        """Know nothing: Python has no words for what this system would be asked."""
        return None
