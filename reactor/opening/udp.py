"""UDP: from addresses as people write them to a datagram channel.

Opening a datagram socket sends nothing and so waits for nobody, save for the name service if an
address is a name: then the calling thread waits, unless it is that of a running loop, which is
refused. A peer that is fixed when the socket is opened is the only one that is heard.
"""

import contextlib
import dataclasses
import socket
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import SocketCreationError, SocketError, from_os_error
from reactor.loop.collection import WaitStateCollection
from reactor.net.address import (
    HostLike,
    IPv6Choice,
    ServiceLike,
    Target,
    family_for_binding,
    lookup_port,
    read_host,
    read_local,
    read_target,
)
from reactor.net.name_service import host_not_found
from reactor.net.options import check_reuse_port, set_broadcast, set_reuse_port, set_v6only
from reactor.net.socket_address import SocketAddress, any_interface
from reactor.opening.listen import addresses_of

# Peers that an endpoint remembers: working an address out costs as much as to send. A guess; above
# it all are forgotten, and worked out again.
KNOWN_LIMIT: Final = 1_024

_FAMILY_TEXT: Final = {int(socket.AF_INET): "IPv4", int(socket.AF_INET6): "IPv6"}


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a datagram socket is bound, whom it speaks to, and how.

    Args:
        local_address: a host in any form, or None for every interface.
        local_port: a port, its digits or a service name; 0 is any free port. With neither of both
            the system binds the socket when it sends.
        remote_address: the only peer, in any form; None leaves the socket open to everybody.
        remote_port: the port of that peer.
        ipv6: False, True, "both" for one socket of both families, or "any" for the family of the
            addresses, IPv4 without one. Beside an address "both" is as "any".
        broadcast: whether it may send to broadcast addresses.
        reuse_port: whether several sockets may share the port.

    Raises:
        TypeError, ValueError: an argument is wrong. NameLookupFailed: there is no such service.

    Thread: any. Calls back: never. Source: LW-025, LW-105, LW-106, LW-114, PR-16.
    """

    local_address: HostLike | None = None
    local_port: ServiceLike | None = None
    remote_address: HostLike | None = None
    remote_port: ServiceLike | None = None
    ipv6: IPv6Choice = "any"
    broadcast: bool = False
    reuse_port: bool = False

    def __post_init__(self) -> None:
        local = self.local
        family_for_binding(self.ipv6, None if local is None else local.host)
        check_reuse_port(self.reuse_port)
        if self.remote is None and self.remote_port is not None:
            raise ValueError(f"remote_port={self.remote_port!r} needs a remote_address")

    @property
    def local(self) -> Target | None:
        """The local host and port; None if there is no host."""
        host, port = read_local(self.local_address, self.local_port, "udp")
        return None if host is None else Target(host, port, self.local_port)

    @property
    def remote(self) -> Target | None:
        """The peer; None if the socket is open to everybody."""
        if self.remote_address is None:
            return None
        return read_target(self.remote_address, self.remote_port, "udp")  # type: ignore[arg-type]  # it refuses None


class Place(NamedTuple):
    """One way to open an endpoint."""

    family: int
    local: SocketAddress | None
    remote: SocketAddress | None


def open_udp_channel(collection: WaitStateCollection, endpoint: Endpoint) -> DatagramChannel:
    """Open a datagram socket, bound and connected as told; it is in no collection yet.

    Args:
        collection: whose loop must not be stopped, and whose resolver is asked.
        endpoint: where and how.

    Raises:
        BindError: the local address cannot be had. ConnectError: there is no way to the peer.
        NameLookupFailed, OperationTimeout: of a name that was given as address. ValueError: there
            is such a name, and the caller is in a callback of the loop.

    Thread: any, which waits for names. Calls back: never. Source: LW-029, LW-105, LW-106.
    """
    failures: list[SocketCreationError] = []
    for place in _places(collection, endpoint):
        try:
            return DatagramChannel(_open(place, endpoint))
        except SocketCreationError as error:
            failures.append(error)
    raise failures[0]


class Sockaddrs(dict[Any, tuple[Any, ...] | None]):
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

    def __missing__(self, address: Any) -> tuple[Any, ...]:
        if None in self:
            raise ValueError(f"{self._channel!r} sends to its peer only, not to {address!r}")
        if address is None:
            raise ValueError(f"{self._channel!r} has no peer of its own: give an address")
        sockaddr = numeric_sockaddr(self._channel.family, address)
        if len(self) >= KNOWN_LIMIT:
            self.clear()
        self[address] = sockaddr
        return sockaddr


def numeric_sockaddr(family: int, address: Any) -> tuple[Any, ...]:
    """Return a pair of host and port as a socket of a family is told it; nobody is asked.

    Args:
        family: AF_INET or AF_INET6; IPv4 is mapped for the second.
        address: the host, in any numeric form or "localhost", and the port. It may be 0, for this
            is where strangers' datagrams are answered: the system refuses it.

    Raises:
        TypeError, ValueError: it is something else, or of the wrong family. NameLookupFailed: the
            scope of an interface that is not there, or there is no such service.

    Thread: any. Calls back: never. Source: LW-022 to LW-024, LW-028, LW-029.
    """
    try:
        host, port = address
    except (TypeError, ValueError):
        raise TypeError(f"an address is a pair, host and port, not {address!r}") from None
    target = Target(read_host(host), lookup_port(port, "udp"), port)
    known = target.known_addresses()
    if known is None:
        raise ValueError(f"datagrams are sent to numeric addresses, not to the name {host!r}")
    fitting = [one for one in known if one.family == family]
    if family == socket.AF_INET6:
        fitting += [one.mapped() for one in known]
    if not fitting:
        raise ValueError(f"{target.host.text} is no {_FAMILY_TEXT[family]} address")
    return fitting[0].sockaddr


def _places(collection: WaitStateCollection, endpoint: Endpoint) -> list[Place]:
    """Return the ways to open an endpoint; only names have more than one."""
    family, local, remote = family_for_binding(endpoint.ipv6, None), endpoint.local, endpoint.remote
    if local is None and remote is None and family == socket.AF_UNSPEC:
        family = socket.AF_INET6 if endpoint.ipv6 == "both" else socket.AF_INET
    own = [] if local is None else addresses_of(collection, local, family)
    if remote is None:
        if own:
            return [Place(one.family, one, None) for one in own]
        return [Place(family, _any_local(endpoint, family), None)]
    peers = addresses_of(collection, remote, family)
    if local is None:
        return [Place(one.family, _any_local(endpoint, one.family), one) for one in peers]
    places = [Place(a.family, a, b) for b in peers for a in own if a.family == b.family]
    if not places:
        raise host_not_found("it has no address of the family of local_address", remote.given)
    return places


def _any_local(endpoint: Endpoint, family: int) -> SocketAddress | None:
    """Return what to bind without a local address: the port, if there is one."""
    if endpoint.local_port is None:
        return None
    return any_interface(family, lookup_port(endpoint.local_port, "udp"))


def _open(place: Place, endpoint: Endpoint) -> socket.socket:
    family, local, remote = place
    phase = "bind" if remote is None else "connect"
    with contextlib.ExitStack() as undo:
        with _failing(phase, "socket", remote or local):
            sock = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        sock.setblocking(False)
        if family == socket.AF_INET6:
            set_v6only(sock, endpoint.ipv6 != "both", phase=phase)
        if endpoint.broadcast:
            set_broadcast(sock, True, phase=phase)
        if endpoint.reuse_port:
            set_reuse_port(sock, True, phase=phase)
        if local is not None:
            with _failing("bind", "bind", local):
                sock.bind(local.sockaddr)
        if remote is not None:
            with _failing("connect", "connect", remote):
                sock.connect(remote.sockaddr)
        undo.pop_all()
    return sock


@contextlib.contextmanager
def _failing(phase: str, situation: str, address: SocketAddress | None) -> Iterator[None]:
    """Let a failure inside be one of our tree, with the address."""
    try:
        yield
    except OSError as error:
        if isinstance(error, SocketError):
            raise
        peer = None if address is None else address.pair
        raise from_os_error(error, phase=phase, situation=situation, peer=peer) from error
