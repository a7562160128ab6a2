"""Unresolved: what stands for a datagram socket whose peer has a name that is being looked up.

Nothing can be sent or received yet, so every try is answered "not now", and no descriptor helps.
"""

import socket

from reactor.channel.base import Channel
from reactor.errors import Address


class Unresolved(Channel):
    """A channel that will be a `DatagramChannel`, connected to its peer.

    Thread: the owner's. Calls back: never. Source: LW-107.
    """

    __slots__ = ()

    carries_messages = True
    read_want: int = 0
    write_want: int = 0
    truncated: bool = False
    connected: bool = True
    family: int = int(socket.AF_UNSPEC)

    @property
    def address(self) -> Address:
        """There is none yet."""
        return None, None

    @property
    def peer_address(self) -> Address:
        """There is none yet."""
        return None, None

    def fileno(self) -> int:
        """Return -1: there is no descriptor."""
        return -1

    def receive_into(self, view: memoryview) -> None:
        """Say "not now"."""

    def waiting(self) -> bool:
        """Say "not now"."""
        return False

    def transmit(self, data: object, address: object = None) -> bool:
        """Say "not now"."""
        return False

    def shutdown(self, how: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def __repr__(self) -> str:
        return "<Unresolved>"
