"""Paths: the addresses of Unix sockets.

A path is text, bytes or path-like, as everywhere in Python. One that begins with a NUL is no file:
it is a name in Linux's abstract space, which is gone with its socket.
"""

import dataclasses
import os
import socket
import sys
from typing import Any, Final, TypeAlias

from reactor.errors import Address
from reactor.net.socket_address import SocketAddress

PathLike: TypeAlias = str | bytes | os.PathLike[Any]

# Bytes; `sun_path` of a socket address has 108 on Linux and 104 on the BSDs, with a NUL at the end
# of a path in the file system.
PATH_LIMIT: Final = 107 if sys.platform == "linux" else 103

# The number of the family, 0 where there is none: Python has no Unix sockets on Windows.
UNIX: Final = int(getattr(socket, "AF_UNIX", 0))


@dataclasses.dataclass(frozen=True, slots=True)
class UnixTarget:
    """A path to connect to; what `Target` is for hosts and services.

    Thread: any. Calls back: never. Source: LW-199.
    """

    address: SocketAddress

    @property
    def given(self) -> Address:
        """The path, as a pair: the `peer` of errors."""
        return self.address.pair

    @property
    def server_name(self) -> None:
        """There is no host that a certificate could be for: this is None."""

    def known_addresses(self, family: int = socket.AF_UNSPEC) -> list[SocketAddress]:
        """Return the one address: nobody has to be asked."""
        return [self.address]


def read_path(path: PathLike, name: str = "path") -> SocketAddress:
    """Read the path of a Unix socket.

    Args:
        path: text, bytes or path-like; a NUL in front is Linux's abstract space.
        name: what the argument is called, for the error.

    Raises:
        TypeError: it is something else. ValueError: it is empty or too long, has a NUL inside, or
            there are no such sockets, or names, on this platform.

    Thread: any. Calls back: never. Source: LW-199, CC-10, REL-42.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"{name} is text, bytes or path-like, not {path!r}")
    if not UNIX:
        raise ValueError("there are no Unix sockets on this platform")
    raw = os.fsencode(path)
    if not raw:
        raise ValueError(f"{name} is empty")
    abstract = raw.startswith(b"\0")
    if abstract and sys.platform != "linux":
        raise ValueError(f"{name} begins with a NUL, and only Linux has abstract names: {path!r}")
    if not abstract and b"\0" in raw:
        raise ValueError(f"{name} has a NUL inside: {path!r}")
    limit = PATH_LIMIT + abstract  # an abstract name needs no NUL behind it
    if len(raw) > limit:
        raise ValueError(f"{name} has {len(raw)} bytes and the system takes {limit}: {path!r}")
    return SocketAddress(UNIX, raw)


def is_abstract(address: SocketAddress) -> bool:
    """Whether a path is no file."""
    return bool(address.sockaddr.startswith(b"\0"))
