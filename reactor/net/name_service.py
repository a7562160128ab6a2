"""The name service of the system: asked here and nowhere else, one question at a time.

Each function asks once and waits for the answer, so they belong on a thread that may wait:
`resolver` has some. This is also the border at which the failures of look-ups get their meaning:
`gaierror` with its own numbers, which are no errno, and the `UnicodeError` of a name that cannot
even be asked for. Above, there is only `NameLookupFailed`.
"""

import socket
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from reactor.errors import IDENTIFIERS, Address, NameLookupFailed
from reactor.net.socket_address import SocketAddress

AddressLookup: TypeAlias = Callable[..., list[tuple[Any, ...]]]  # as socket.getaddrinfo
NameLookup: TypeAlias = Callable[[tuple[Any, ...], int], tuple[str, str]]  # as socket.getnameinfo

# The numbers of the name service -> our words (CC-83, CC-84). Not every system has all of them.
_WORDS: Final = {
    "try-again": ("EAI_AGAIN",),
    "no-recovery": ("EAI_FAIL",),
    "host-not-found": ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY"),
    "service-not-found": ("EAI_SERVICE",),
}
NAME_SERVICE_IDENTIFIERS: Final[dict[int, str]] = {
    getattr(socket, name): word
    for word, names in _WORDS.items()
    for name in names
    if hasattr(socket, name)
}
PROTOCOLS: Final = ("tcp", "udp")
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)


def ask_for_addresses(
    name: str,
    port: int,
    family: int,
    *,
    peer: Address | None = None,
    lookup: AddressLookup = socket.getaddrinfo,
) -> list[SocketAddress]:
    """Ask for the addresses of a name, in the order in which the system prefers them.

    Args:
        name: a host name; numbers are read by `address` and need no question.
        port: becomes part of every answer.
        family: AF_INET, AF_INET6, or AF_UNSPEC for both.
        peer: host and service as the user gave them, for the error.
        lookup: what is asked, with the arguments of `socket.getaddrinfo`.

    Returns:
        At least one address; none comes twice.

    Raises:
        NameLookupFailed: there is no answer; `identifier` says why.

    Thread: one that may wait. Calls back: never. Source: CC-83, CC-84, LW-037, LW-190.
    """
    try:
        # A kind of socket is named only because each address would come once per kind otherwise.
        rows = lookup(name, port, family, socket.SOCK_STREAM)
        found = [SocketAddress(row[0], row[4]).at_port(port) for row in rows if row[0] in _FAMILIES]
    except Exception as error:  # `lookup` may be the program's own
        raise lookup_failed(error, "getaddrinfo", peer) from error
    if not found:
        raise host_not_found("the name has no address that a socket can use", peer)
    return list(dict.fromkeys(found))


def ask_for_name(
    address: SocketAddress,
    *,
    peer: Address | None = None,
    lookup: NameLookup = socket.getnameinfo,
) -> tuple[str, str]:
    """Ask for the names of a place: that of the host, and that of the service.

    Raises:
        NameLookupFailed: the host has no name.

    Thread: one that may wait. Calls back: never. Source: CC-87, CL-82.
    """
    try:
        return lookup(address.sockaddr, socket.NI_NAMEREQD)
    except Exception as error:  # `lookup` may be the program's own
        raise lookup_failed(error, "getnameinfo", peer) from error


def ask_for_port(service: str, protocol: str) -> int:
    """Ask the table of the system for a service, as given and then in lower case.

    Args:
        service: its name, such as "https".
        protocol: "tcp" or "udp".

    Raises:
        NameLookupFailed: it is in the table under neither spelling; `service-not-found`.

    Thread: any; this reads a table and waits for nobody. Calls back: never. Source: CC-84, CC-89.
    """
    for spelling in dict.fromkeys((service, service.lower())):
        try:
            return socket.getservbyname(spelling, protocol)
        except (OSError, UnicodeError) as error:
            reason = error
    raise NameLookupFailed(
        f"the system knows no service {service!r} for {protocol}; give its number",
        identifier="service-not-found",
        phase="resolve",
        situation="getservbyname",
    ) from reason


def host_not_found(message: str, peer: Address | None) -> NameLookupFailed:
    """Make the error of a host that we know not to exist, without asking."""
    return NameLookupFailed(message, identifier="host-not-found", phase="resolve", peer=peer)


def retold(error: NameLookupFailed, peer: Address | None) -> NameLookupFailed:
    """Return the failure of a look-up as it is told to another asker; without a cause."""
    return NameLookupFailed(
        error.message,
        identifier=error.identifier,
        phase=error.phase,
        situation=error.situation,
        code=error.code,
        peer=peer,
    )


def lookup_failed(
    error: Exception, situation: str | None, peer: Address | None
) -> NameLookupFailed:
    """Give the failure of a look-up its meaning: the numbers of the two tables do not mix."""
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, UnicodeError):
        # A label that is too long, empty, or not allowed by IDNA: such a name cannot exist.
        identifier, text = "host-not-found", f"this cannot be the name of a host: {error}"
    else:
        table = NAME_SERVICE_IDENTIFIERS if isinstance(error, socket.gaierror) else IDENTIFIERS
        identifier = table.get(code or 0, "unknown")
        text = getattr(error, "strerror", None) or str(error)
    return NameLookupFailed(
        text, identifier=identifier, phase="resolve", situation=situation, code=code, peer=peer
    )
