"""SocketFacts: what can be asked of a stream, of a listener and of a datagram socket."""

import socket
from typing import ClassVar, Final

from reactor.errors import Address
from reactor.net.path import UNIX

FAMILIES: Final = {
    socket.AF_INET: "internet",
    socket.AF_INET6: "internet6",
    UNIX: "file",
}


class SocketFacts:
    """The queries of a socket; it has `address`, `peer_address` and `address_family`.

    Attributes:
        address_family: "internet", "internet6" or "file"; None if there is no socket.
        format: what was given to `make_socket`; else "bivalent".

    Thread: any. Calls back: never. Source: CC-35 to CC-41.
    """

    socket_type: ClassVar[str] = "stream"
    connect_role: ClassVar[str | None] = "active"
    address_family: str | None = None
    format: str = "bivalent"

    @property
    def address(self) -> Address:
        """The address of this end, a pair; stays after closing."""
        raise NotImplementedError

    @property
    def peer_address(self) -> Address:
        """The address of the other end, a pair; stays after closing."""
        raise NotImplementedError

    @property
    def remote_host(self) -> str | None:
        """The host of the peer, numeric text; None if not connected, or of a path (CC-36)."""
        return self._host(self.peer_address)

    @property
    def remote_port(self) -> int | None:
        """The port of the peer; None if not connected, or of a path (CC-36)."""
        port: int | None = self.peer_address[1]
        return port

    @property
    def local_host(self) -> str | None:
        """The host of this end, numeric text; None of a path (CC-37)."""
        return self._host(self.address)

    @property
    def local_port(self) -> int | None:
        """The port of this end; None of a path (CC-37)."""
        port: int | None = self.address[1]
        return port

    @property
    def local_filename(self) -> str | None:
        """The path of this end; None if it has none (CC-41)."""
        return self._path(self.address)

    @property
    def remote_filename(self) -> str | None:
        """The path of the peer; None if it has none (CC-41)."""
        return self._path(self.peer_address)

    def _host(self, address: Address) -> str | None:
        return None if self.address_family == "file" else address[0]

    def _path(self, address: Address) -> str | None:
        return address[0] if self.address_family == "file" else None
