"""Multicast: the groups that a datagram socket hears, and how far its own messages to them go.

Plain functions on a socket, as in `options`. A group has a family; the socket's own may be both. An
*interface* is where a group is heard or sent to: its name, its number, or a local address that it
has. What the system refuses is told as it is: to join a group twice, for example.
"""

import contextlib
import ipaddress
import socket
import struct
import sys
from typing import Any, Final, TypeAlias

from reactor.errors import from_os_error
from reactor.net.address import Host, HostLike, read_host

Interface: TypeAlias = str | int | ipaddress.IPv4Address | ipaddress.IPv6Address

HOPS_MAX: Final = 255  # a field of eight bits
ANY: Final = "0.0.0.0"
IF_INET6: Final = "/proc/net/if_inet6"  # Linux: address, index, prefix length, scope, flags, name


def set_membership(
    sock: socket.socket, group: HostLike, interface: Interface | None, *, joined: bool
) -> None:
    """Join a group, or leave it.

    Args:
        sock: for datagrams.
        group: a multicast address, in any numeric form.
        interface: where; None leaves it to the system's routes.
        joined: true to join.

    Raises:
        TypeError, ValueError: it is no group, of a family that the socket cannot hear, or there is
            no such interface. SocketIOError: it is a member already, or is none, or has too many.

    Thread: any. Calls back: never. Source: LW-201.
    """
    host = read_host(group, "group")
    if not host.numeric or not ipaddress.ip_address(host.text).is_multicast:
        raise ValueError(f"{group!r} is no multicast group: 224.0.0.0/4 or ff00::/8")
    if host.family not in families(sock):
        raise ValueError(f"the socket has another family than the group {host.text}")
    number, _, scope = host.text.partition("%")
    packed = socket.inet_pton(host.family, number)
    if host.family == socket.AF_INET:
        option = socket.IP_ADD_MEMBERSHIP if joined else socket.IP_DROP_MEMBERSHIP
        _set(sock, socket.IPPROTO_IP, option, packed + _ipv4_interface(interface))
    else:
        index = struct.pack("@I", _index(interface if interface is not None else scope or None))
        option = socket.IPV6_JOIN_GROUP if joined else socket.IPV6_LEAVE_GROUP
        _set(sock, socket.IPPROTO_IPV6, option, packed + index)


def set_interface(sock: socket.socket, interface: Interface | None) -> None:
    """Say where messages to groups leave; None leaves it to the system's routes.

    Raises:
        TypeError, ValueError: there is no such interface. SocketIOError: the system refuses.

    Thread: any. Calls back: never. Source: LW-201.
    """
    if sock.family == socket.AF_INET:
        value = _ipv4_interface(interface)
        if sys.platform != "win32":
            value = bytes(4) + value  # struct ip_mreqn: group, address, index
        _set(sock, socket.IPPROTO_IP, socket.IP_MULTICAST_IF, value)
    else:
        _set(sock, socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, _index(interface))
        if socket.AF_INET in families(sock):
            with contextlib.suppress(OSError):  # where one socket of both has these options too
                value = bytes(4) + _ipv4_interface(interface)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, value)


def get_hops(sock: socket.socket) -> int:
    """Return how many routers a message to a group may pass, one more than that."""
    return _get(sock, socket.IP_MULTICAST_TTL, socket.IPV6_MULTICAST_HOPS)


def set_hops(sock: socket.socket, hops: int) -> None:
    """Set it: 0 stays on this machine, 1 on this network.

    Raises:
        TypeError, ValueError: not a whole number from 0 to 255. SocketIOError: the system refuses.

    Thread: any. Calls back: never. Source: LW-201.
    """
    if isinstance(hops, bool) or not isinstance(hops, int):
        raise TypeError(f"multicast_hops is a whole number, not {hops!r}")
    if not 0 <= hops <= HOPS_MAX:
        raise ValueError(f"multicast_hops is 0 to {HOPS_MAX}, not {hops}")
    _set_both(sock, socket.IP_MULTICAST_TTL, socket.IPV6_MULTICAST_HOPS, hops)


def get_loop(sock: socket.socket) -> bool:
    """Return whether members on this machine hear our own messages to a group."""
    return bool(_get(sock, socket.IP_MULTICAST_LOOP, socket.IPV6_MULTICAST_LOOP))


def set_loop(sock: socket.socket, loop: bool) -> None:
    """Set it; raise `SocketIOError` if the system refuses (LW-201)."""
    _set_both(sock, socket.IP_MULTICAST_LOOP, socket.IPV6_MULTICAST_LOOP, int(bool(loop)))


def families(sock: socket.socket) -> set[int]:
    """Return the families of the groups that a socket can hear."""
    found = {int(sock.family)}
    if sock.family == socket.AF_INET6 and not sock.getsockopt(
        socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
    ):
        found.add(int(socket.AF_INET))
    return found


def _ipv4_interface(interface: Interface | None) -> bytes:
    """Return the interface as it goes behind the group: an address, or an index, or both."""
    address, index = ANY, 0
    host = _as_address(interface)
    if host is not None and host.family == socket.AF_INET:
        address = host.text
    else:
        index = _index(interface)
    if sys.platform != "win32":
        return socket.inet_aton(address) + struct.pack("@i", index)
    else:  # noqa: RET505  # an index is an address in 0.0.0.0/8 there
        return struct.pack("!I", index) if index else socket.inet_aton(address)


def _index(interface: Interface | None) -> int:
    """Return the number of an interface, 0 for the system's choice.

    Raises:
        TypeError, ValueError: there is no such interface.
    """
    if interface is None:
        return 0
    if isinstance(interface, bool) or not isinstance(
        interface, (str, int, ipaddress.IPv4Address, ipaddress.IPv6Address)
    ):
        raise TypeError(f"an interface is a name, a number or an address, not {interface!r}")
    if isinstance(interface, int):
        known = [number for number, _ in socket.if_nameindex()]
        if interface not in known:
            raise ValueError(f"this machine has no interface {interface}, but {known}")
        return interface
    host = _as_address(interface)
    if host is not None:
        return _index_of_address(host)
    try:
        return socket.if_nametoindex(str(interface))
    except OSError:
        names = [name for _, name in socket.if_nameindex()]
        raise ValueError(f"this machine has no interface {interface!r}, but {names}") from None


def _as_address(interface: Any) -> Host | None:
    """Read an interface that was given as an address; None if it was not."""
    if isinstance(interface, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return read_host(interface)
    if isinstance(interface, str):
        with contextlib.suppress(ValueError):
            host = read_host(interface)
            return host if host.numeric else None
    return None


def _index_of_address(host: Host) -> int:
    """Return the number of the interface that has an address, which only Linux tells."""
    number, _, scope = host.text.partition("%")
    if scope:
        return _index(int(scope) if scope.isdigit() else scope)
    if host.family == socket.AF_INET6:
        with contextlib.suppress(OSError), open(IF_INET6, encoding="ascii") as table:
            wanted = ipaddress.IPv6Address(number).packed.hex()
            for line in table:
                address, index = line.split()[:2]
                if address == wanted:
                    return int(index, 16)
    raise ValueError(
        f"the interface with the address {host.text} cannot be told: give its name or number"
    )


def _get(sock: socket.socket, ipv4_option: int, ipv6_option: int) -> int:
    """Ask for an option of the family of the socket; raise `SocketIOError` if it is gone."""
    try:
        if sock.family == socket.AF_INET:
            return sock.getsockopt(socket.IPPROTO_IP, ipv4_option)
        return sock.getsockopt(socket.IPPROTO_IPV6, ipv6_option)
    except OSError as error:
        raise from_os_error(error, phase=None, situation="getsockopt") from error


def _set_both(sock: socket.socket, ipv4_option: int, ipv6_option: int, value: int) -> None:
    """Set an option for the family of the socket; one of both families has two of them."""
    if sock.family == socket.AF_INET:
        _set(sock, socket.IPPROTO_IP, ipv4_option, value)
        return
    _set(sock, socket.IPPROTO_IPV6, ipv6_option, value)
    if socket.AF_INET in families(sock):
        with contextlib.suppress(OSError):  # where one socket of both has these options too
            sock.setsockopt(socket.IPPROTO_IP, ipv4_option, value)


def _set(sock: socket.socket, level: int, option: int, value: int | bytes) -> None:
    try:
        sock.setsockopt(level, option, value)
    except OSError as error:
        raise from_os_error(error, phase=None, situation="setsockopt") from error
