"""Addresses as people write them: a host, a service, in every form that we accept.

What was written is read once, at the call, and what is wrong is refused there with `TypeError` or
`ValueError`. What comes out is a `Host` or a `Target`: immutable, in one spelling, and it remembers
what was given, for the errors. Nothing here asks for the address of a name save the blocking
`lookup_hostname` and `ipaddr_to_hostname`; everybody else takes a `Target` to the `resolver`.

One refusal needs a reason. "127.1", "010.0.0.1" and "2130706433" are IPv4 addresses to some
systems, other addresses to others, and names to the rest; filters have been walked around with
them. Text whose last label is a number is therefore an address in full, or an error: there is no
top-level domain made of digits (the URL standard of WHATWG, "ends in a number", draws this line).
"""

import dataclasses
import ipaddress
import re
import socket
from typing import Final, Literal, TypeAlias, overload

from reactor.channel.socket_channel import IPV4_IN_IPV6
from reactor.errors import Address, NameLookupFailed
from reactor.net.name_service import (
    PROTOCOLS,
    ask_for_addresses,
    ask_for_name,
    ask_for_port,
    host_not_found,
)
from reactor.net.options import ipv6_available
from reactor.net.socket_address import SocketAddress, loopback

HostLike: TypeAlias = str | int | ipaddress.IPv4Address | ipaddress.IPv6Address
ServiceLike: TypeAlias = int | str
IPv6Choice: TypeAlias = Literal["any", "both"] | bool

PORT_MAX: Final = 0xFFFF
IPV4_MAX: Final = 0xFFFFFFFF
SCOPE_MAX: Final = 0xFFFFFFFF  # the scope of a socket address is an unsigned 32-bit number
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_FAMILY_TEXT: Final = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")  # as a label: what inet_aton would read


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """A host that has been read: a number in its one spelling, or a name.

    Args:
        given: what the caller wrote, for errors.
        text: numeric text without brackets, or the name.
        family: AF_INET or AF_INET6 of a number; a name has none yet, AF_UNSPEC.

    Thread: any. Calls back: never. Source: LW-022, LW-029.
    """

    given: HostLike
    text: str
    family: int = socket.AF_UNSPEC

    @property
    def numeric(self) -> bool:
        """Whether it is an address, not a name."""
        return self.family != socket.AF_UNSPEC

    @property
    def is_localhost(self) -> bool:
        """Whether it is a name of this machine for itself (RFC 6761, section 6.3)."""
        name = self.text.removesuffix(".").lower()
        return name == "localhost" or name.endswith(".localhost")


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A host and a port that belong together, to connect to or to look up.

    Args:
        host: the host.
        port: 0 to 65535.
        service: the port as the caller wrote it, None if it plays no part.

    Thread: any. Calls back: never. Source: LW-023, LW-190.
    """

    host: Host
    port: int
    service: ServiceLike | None

    @property
    def given(self) -> Address:
        """Host and service as they were given: the `peer` of a failed look-up."""
        return self.host.given, self.service

    @property
    def server_name(self) -> HostLike:
        """The host as a certificate has to have it."""
        return self.host.given

    def known_addresses(self, family: int = socket.AF_UNSPEC) -> list[SocketAddress] | None:
        """Return the addresses if nobody has to be asked; None if it takes a look-up.

        Args:
            family: AF_INET, AF_INET6, or AF_UNSPEC for both.

        Raises:
            NameLookupFailed: there can be no such address: a number of the other family, or the
                scope of an interface that this machine does not have; `host-not-found`.

        Thread: any. Calls back: never. Source: LW-026, LW-029, RFC 6724 for the order.
        """
        if self.host.numeric:
            return [self.numeric_address(family)]
        if not self.host.is_localhost:
            return None
        families = [socket.AF_INET6, socket.AF_INET] if ipv6_available() else [socket.AF_INET]
        wanted = [known for known in families if family in (known, socket.AF_UNSPEC)]
        if not wanted:
            raise host_not_found("this machine has no IPv6 to reach itself by", self.given)
        return [loopback(known, self.port) for known in wanted]

    def numeric_address(self, family: int = socket.AF_UNSPEC) -> SocketAddress:
        """Return the address of a numeric host, as `known_addresses` does."""
        host = self.host
        if family not in (host.family, socket.AF_UNSPEC):
            text = f"{host.text} is no {_FAMILY_TEXT[socket.AddressFamily(family)]} address"
            raise host_not_found(text, self.given)
        if host.family == socket.AF_INET:
            return SocketAddress(host.family, (host.text, self.port))
        number, _, scope = host.text.partition("%")
        return SocketAddress(host.family, (number, self.port, 0, self._scope_number(scope)))

    def _scope_number(self, scope: str) -> int:
        """Return the number of an interface; its name goes before a number (RFC 4007, 11.2)."""
        if not scope:
            return 0
        try:
            return socket.if_nametoindex(scope)
        except OSError as error:
            if scope.isascii() and scope.isdigit() and len(scope) <= 10 and int(scope) <= SCOPE_MAX:
                return int(scope)
            raise host_not_found(f"there is no interface {scope!r} here", self.given) from error


def read_host(value: HostLike, name: str = "host") -> Host:
    """Read a host in any of its forms.

    Args:
        value: a name; IPv4 or IPv6 as text, brackets and scope allowed; an IPv4 address as a
            number; an object of `ipaddress`.
        name: what the argument is called, for the error.

    Raises:
        TypeError: it is something else. ValueError: it is empty or out of range, or text that
            could be taken for a number but is not one in full.

    Thread: any. Calls back: never. Source: LW-022, LW-024.
    """
    if isinstance(value, str):
        return _read_host_text(value, name)
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return Host(value, _spelling(value), _FAMILIES[value.version])
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(
            f"{name} is a host name, numeric text, a number or an ipaddress object, not {value!r}"
        )
    return Host(value, ipaddr_to_dotted(value), socket.AF_INET)


def read_target(host: HostLike, service: ServiceLike, protocol: str = "tcp") -> Target:
    """Read where to connect to.

    Args:
        host: as `read_host`.
        service: a port, its digits as text, or the name of a service.
        protocol: "tcp" or "udp": whose services.

    Raises:
        TypeError: one is None or of a wrong type. ValueError: one is out of range or empty, or
            the port is 0. NameLookupFailed: the system's table does not have the service.

    Thread: any. Calls back: never. Source: LW-022 to LW-024, LW-029.
    """
    place = read_host(host)
    port = _read_port(host, service, protocol)
    if port == 0:
        raise ValueError("service is port 0, which nobody can connect to")
    return Target(place, port, service)


def read_local(
    address: HostLike | None, service: ServiceLike | None, protocol: str = "tcp"
) -> tuple[Host | None, int]:
    """Read where to bind: the host, None for every interface, and the port, 0 for any.

    Raises:
        TypeError, ValueError, NameLookupFailed: as `read_target`, save that None and port 0 mean
            something here.

    Thread: any. Calls back: never. Source: LW-025.
    """
    host = None if address is None else read_host(address, "address")
    return host, 0 if service is None else _read_port(address, service, protocol)


def family_for_connecting(ipv6: IPv6Choice, host: Host) -> int:
    """Return the family to look up: the choice counts only for a host that is text.

    Raises:
        ValueError: `ipv6` is not "any", True or False.

    Thread: any. Calls back: never. Source: LW-026.
    """
    family = _chosen_family(ipv6, ("any",))
    return family if isinstance(host.given, str) else socket.AF_UNSPEC


def family_for_binding(ipv6: IPv6Choice, host: Host | None) -> int:
    """Return the family to bind; AF_UNSPEC leaves it to the host, or to the system.

    Raises:
        ValueError: `ipv6` is not "any", "both", True or False, or contradicts a numeric host.

    Thread: any. Calls back: never. Source: LW-027.
    """
    family = _chosen_family(ipv6, ("any", "both"))
    if host is None or family == socket.AF_UNSPEC:
        return family
    if host.numeric and host.family != family:
        raise ValueError(f"ipv6={ipv6!r} contradicts the address {host.text}")
    return family


def dotted_to_ipaddr(dotted: str, *, errorp: bool = True) -> int | None:
    """Turn "192.168.0.1" into 3232235521; four numbers in full, without leading zeros.

    Args:
        dotted: the text.
        errorp: True, the default, raises for text of another form; False returns None.

    Raises:
        TypeError: it is no text. ValueError: it has another form.

    Thread: any. Calls back: never. Source: CC-85.
    """
    if not isinstance(dotted, str):
        raise TypeError(f"dotted is text such as '192.168.0.1', not {dotted!r}")
    try:
        return int(ipaddress.IPv4Address(dotted))
    except ValueError:
        if errorp:
            raise
        return None


@overload
def ipaddr_to_dotted(ipaddr: int, *, values: Literal[False] = False) -> str: ...
@overload
def ipaddr_to_dotted(ipaddr: int, *, values: Literal[True]) -> tuple[int, ...]: ...
def ipaddr_to_dotted(ipaddr: int, *, values: bool = False) -> str | tuple[int, ...]:
    """Turn 3232235521 into "192.168.0.1", or with `values` into (192, 168, 0, 1).

    Args:
        ipaddr: an unsigned number of 32 bits.
        values: whether the four numbers are wanted, not the text; false by default.

    Raises:
        TypeError: it is no number. ValueError: it is not an unsigned number of 32 bits.

    Thread: any. Calls back: never. Source: CC-86.
    """
    if isinstance(ipaddr, bool) or not isinstance(ipaddr, int):
        raise TypeError(f"ipaddr is a number of 32 bits, not {ipaddr!r}")
    if not 0 <= ipaddr <= IPV4_MAX:
        raise ValueError(f"an IPv4 address as a number is 0 to {IPV4_MAX}, not {ipaddr}")
    octets = tuple(ipaddr.to_bytes(4, "big"))
    return octets if values else ".".join(map(str, octets))


def ipaddr_to_hostname(ipaddr: HostLike, *, ignore_cache: object = None) -> str:
    """Ask for the name of an address; this waits for the name service.

    Args:
        ipaddr: a number, or any other numeric form of a host.
        ignore_cache: accepted and ignored; there is no cache.

    Raises:
        NameLookupFailed: it has no name. TypeError, ValueError: it is not an address.

    Thread: one that may wait. Calls back: never. Source: CC-87.
    """
    host = read_host(ipaddr, "ipaddr")
    if not host.numeric:
        raise ValueError(f"ipaddr is an address, not a name such as {host.text!r}")
    target = Target(host, 0, None)
    return ask_for_name(target.numeric_address(), peer=target.given)[0]


def lookup_hostname(host: HostLike) -> int:
    """Return the IPv4 address of a host as a number; for a name this waits for the service.

    Args:
        host: a name, numeric text, or a number.

    Raises:
        NameLookupFailed: the name is unknown or has no IPv4 address. TypeError, ValueError: as
            `read_host`.

    Thread: one that may wait. Calls back: never. Source: CC-88.
    """
    target = Target(read_host(host), 0, None)
    answers = target.known_addresses(socket.AF_INET) or ask_for_addresses(
        target.host.text, 0, socket.AF_INET, peer=target.given
    )
    return int(ipaddress.IPv4Address(answers[0].sockaddr[0]))


def lookup_port(port: ServiceLike, protocol: str) -> int:
    """Return the number of a port: itself, its digits, or the name of a service.

    Args:
        port: 0 to 65535, as a number or in digits, or a name, in any case.
        protocol: "tcp" or "udp".

    Raises:
        TypeError: a wrong type. ValueError: a wrong protocol, a number out of range, or an empty
            text. NameLookupFailed: the system's table does not have it; `service-not-found`.

    Thread: any. Calls back: never. Source: LW-023, LW-024, CC-89.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol is 'tcp' or 'udp', not {protocol!r}")
    if isinstance(port, bool) or not isinstance(port, (int, str)):
        raise TypeError(f"a service is a port number or the name of a service, not {port!r}")
    if isinstance(port, str) and not (port.isascii() and port.isdigit()):
        if not port:
            raise ValueError("a service is a port number or a name, not an empty text")
        return ask_for_port(port, protocol)
    number = int(port)
    if not 0 <= number <= PORT_MAX:
        raise ValueError(f"a port is 0 to {PORT_MAX}, not {number}")
    return number


def _read_port(host: HostLike | None, service: ServiceLike, protocol: str) -> int:
    """Return the port of a service; the error of one that is unknown has both as its peer."""
    try:
        return lookup_port(service, protocol)
    except NameLookupFailed as error:
        error.peer = (host, service)
        raise


def _read_host_text(text: str, name: str) -> Host:
    """Read a host that was given as text: a number first, and a name if it cannot be one."""
    if not text:
        raise ValueError(f"{name} is empty")
    # A C library stops reading a name at a NUL, and older ones a number at a blank: what is
    # checked must be what is asked for.
    if any(character.isspace() or character == "\0" for character in text):
        raise ValueError(f"{name} contains white space or a NUL: {text!r}")
    bracketed = text.startswith("[") and text.endswith("]")
    try:
        number = ipaddress.ip_address(text[1:-1] if bracketed else text)
    except ValueError:
        if bracketed or ":" in text:
            raise ValueError(f"{name} is neither an IPv6 address nor a name: {text!r}") from None
    else:
        return Host(text, _spelling(number), _FAMILIES[number.version])
    if _ends_in_number(text):
        raise ValueError(
            f"{name} is not an IPv4 address in full, four numbers without leading zeros: {text!r}"
        )
    return Host(text, text)


def _spelling(number: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return an address as the system would write it."""
    text, _, _ = str(number).partition("/")  # an `ip_interface` is an address too, and has more
    mapped = number.ipv4_mapped if isinstance(number, ipaddress.IPv6Address) else None
    # Until 3.13 `ipaddress` wrote the IPv4 part as two groups, which nobody knows for what it is.
    return text if mapped is None else f"{IPV4_IN_IPV6}{mapped}{''.join(text.partition('%')[1:])}"


def _ends_in_number(text: str) -> bool:
    """Return whether the last label is a number, in the spelling that the name service sees."""
    try:
        # Full-width digits and dots become plain ones here, as they do inside `getaddrinfo`.
        spelling = text.encode("idna").decode("ascii")
    except UnicodeError:
        return False  # such a name cannot be asked for; the look-up says so
    return _NUMBER.fullmatch(spelling.removesuffix(".").rpartition(".")[2]) is not None


def _chosen_family(ipv6: IPv6Choice, words: tuple[str, ...]) -> int:
    """Return the family of a choice; "any" and "both" are none in particular."""
    if isinstance(ipv6, bool):
        return socket.AF_INET6 if ipv6 else socket.AF_INET
    if ipv6 not in words:
        raise ValueError(f"ipv6 is {', '.join(map(repr, words))}, True or False, not {ipv6!r}")
    return socket.AF_UNSPEC
