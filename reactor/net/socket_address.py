"""SocketAddress: an address as system calls take it.

The kernel wants a family, and a tuple whose length depends on the family. People want a pair, host
and port: `pair` makes one, in the way of the channels, so that both are equal.
"""

import socket
from typing import Any, NamedTuple

from reactor.channel.socket_channel import IPV4_IN_IPV6, address_pair
from reactor.errors import Address


class SocketAddress(NamedTuple):
    """One place: `family` is that of the socket, `sockaddr` what connect and bind are given.

    That is a tuple, or the bytes of a path.

    Thread: any. Calls back: never. Source: LW-028, LW-030.
    """

    family: int
    sockaddr: Any

    @property
    def pair(self) -> Address:
        """The address as it is shown: `(host, port)`."""
        return address_pair(self.sockaddr)

    def at_port(self, port: int) -> "SocketAddress":
        """Return the same place with another port."""
        host, _, *scope = self.sockaddr
        return SocketAddress(self.family, (host, port, *scope))

    @property
    def is_mapped(self) -> bool:
        """Whether it is an address of IPv4 as an IPv6 socket is told it."""
        return self.family == socket.AF_INET6 and ":" not in self.pair[0]

    def mapped(self) -> "SocketAddress":
        """Return the same place as an IPv6 socket has to be told it; IPv6 stays as it is."""
        if self.family != socket.AF_INET:
            return self
        host, port = self.sockaddr
        return SocketAddress(socket.AF_INET6, (IPV4_IN_IPV6 + host, port, 0, 0))


def any_interface(family: int, port: int) -> SocketAddress:
    """Return the address that stands for every interface of a family, for binding (LW-025)."""
    if family == socket.AF_INET6:
        return SocketAddress(socket.AF_INET6, ("::", port, 0, 0))
    return SocketAddress(socket.AF_INET, ("0.0.0.0", port))


def loopback(family: int, port: int) -> SocketAddress:
    """Return the address by which a machine reaches itself (RFC 6761, section 6.3)."""
    if family == socket.AF_INET6:
        return SocketAddress(socket.AF_INET6, ("::1", port, 0, 0))
    return SocketAddress(socket.AF_INET, ("127.0.0.1", port))
