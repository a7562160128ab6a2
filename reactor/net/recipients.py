"""Recipients: whom datagrams go to, from addresses as people write them.

A stranger's datagram is answered at the address that it came from, so what `receive` tells must be
taken here as it is, even if the system will refuse it. Names are not looked up here; they come out
as the `Target` that has to be.
"""

import socket
from typing import Any, Final

from reactor.channel.socket_channel import IPV6_LENGTH, DatagramChannel
from reactor.net.address import Target, lookup_port, read_host
from reactor.net.path import UNIX, read_path
from reactor.net.socket_address import SocketAddress

# Peers that an endpoint remembers: working an address out costs as much as to send. A guess; above
# it all are forgotten, and worked out again.
KNOWN_LIMIT: Final = 1_024

_FAMILY_TEXT: Final = {int(socket.AF_INET): "IPv4", int(socket.AF_INET6): "IPv6"}


class Recipients(dict[Any, Any]):
    """Whom an endpoint can send to: addresses as people write them, and as the system takes them.

    It is asked as a dict, by the pair of host and port; what it does not know it works out, without
    asking anybody. A connected endpoint knows its peer, and None, as None, and nobody else.

    Args:
        channel: the endpoint.

    Raises:
        TypeError, ValueError: when asked for what is no numeric address, has the wrong family, or
            is not the peer. NameLookupFailed: for the scope of an interface that is not there, or
            a service that is none.

    Thread: one at a time. Calls back: never. Source: PR-16, LW-022 to LW-024, LW-028, LW-029.
    """

    __slots__ = ("_channel",)

    def __init__(self, channel: DatagramChannel) -> None:
        super().__init__()
        self._channel = channel
        if channel.connected:
            self[None] = self[channel.peer_address] = None

    def __missing__(self, address: Any) -> Any:
        if None in self:
            raise ValueError(f"{self._channel!r} sends to its peer only, not to {address!r}")
        if address is None:
            raise ValueError(f"{self._channel!r} has no peer of its own: give an address")
        found = self.find(address)
        if isinstance(found, Target):
            name = found.host.given
            raise ValueError(f"datagrams are sent to numeric addresses, not to the name {name!r}")
        return found

    def find(self, address: Any) -> Any:
        """Return the socket address of a pair; of a name its `Target`, which is to be looked up.

        Args:
            address: the host, in any form, and the port, or a path and None. The port may be 0,
                for this is where strangers' datagrams are answered: the system refuses it.

        Raises:
            TypeError, ValueError: it is something else, or of the wrong family. NameLookupFailed:
                the scope of an interface that is not there, or there is no such service.
        """
        try:
            host, port = address
        except (TypeError, ValueError):
            raise TypeError(f"an address is a pair, host and port, not {address!r}") from None
        if self._channel.family == UNIX:
            if port is not None:
                raise ValueError(f"a Unix socket has a path and None for one, not {address!r}")
            return self._keep(address, read_path(host).sockaddr)
        target = Target(read_host(host), lookup_port(port, "udp"), port)
        known = target.known_addresses()
        if known is None:
            return target
        sockaddr = self.fitting(known, target)
        if len(sockaddr) == IPV6_LENGTH and sockaddr[-1]:
            return sockaddr  # an interface that goes and comes again has another number
        return self._keep(address, sockaddr)

    def fitting(self, addresses: list[SocketAddress], target: Target) -> Any:
        """Return the first address that the socket can be told; IPv4 is mapped for IPv6.

        Args:
            addresses: those of `target`.
            target: for the error.

        Raises:
            ValueError: there is none.
        """
        family = self._channel.family
        fitting = [one for one in addresses if one.family == family]
        if family == socket.AF_INET6:  # the system refuses it if the socket has one family only
            fitting += [one.mapped() for one in addresses]
        if not fitting:
            raise ValueError(f"{target.host.text} is no {_FAMILY_TEXT[family]} address")
        return fitting[0].sockaddr

    def _keep(self, address: Any, sockaddr: Any) -> Any:
        if len(self) >= KNOWN_LIMIT:
            self.clear()
        self[address] = sockaddr
        return sockaddr

    @property
    def families(self) -> int:
        """The family in which a name is looked up; AF_UNSPEC for a socket of both."""
        if self._channel.family == socket.AF_INET6 and not self._channel.sock.getsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        ):
            return socket.AF_UNSPEC
        return self._channel.family
