"""OwnPath: the path of a Unix socket, from binding it to removing it.

A path stays when its socket is gone, so a restarted server finds that of its predecessor. Whether
somebody is behind a path is found out by connecting: if that is refused, nobody is, and the path is
taken over. Anything else that stands there, a live server's socket or a file, is left alone.

What is removed is what was looked at: device and inode are compared right before. What remains is
the moment between that look and the removal, and a server that has bound and does not listen yet,
who looks like one that is gone: two that start at the same moment can still get into each other's
way there. Whoever starts servers so gives each a path of its own.
"""

import contextlib
import errno
import os
import socket
import stat
import sys
from typing import Final

from reactor.errors import BindError, SocketError, from_os_error
from reactor.net.path import is_abstract
from reactor.net.socket_address import SocketAddress

MODE_MAX: Final = 0o777


class OwnPath:
    """A path that a socket of this process was bound to.

    Args:
        path: as the system was given it.

    Thread: one at a time. Calls back: never. Source: CC-33, LW-199, REL-42.
    """

    __slots__ = ("_identity", "_path", "_process")

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._identity = identity(path)
        self._process = os.getpid()

    def remove(self) -> None:
        """Remove the path if it is still ours; a forked child has none of its own."""
        if self._process == os.getpid():
            remove_if_still(self._path, self._identity)

    def __repr__(self) -> str:
        return f"<OwnPath {os.fsdecode(self._path)!r}>"


def bind_path(sock: socket.socket, address: SocketAddress, mode: int | None) -> OwnPath | None:
    """Bind a socket to a path, taking a stale one over.

    Args:
        sock: of this family.
        address: the path, or an abstract name.
        mode: the permissions of the path, None for those that the process gives to new files.

    Returns:
        The path, to be removed before the socket is closed; None of an abstract name.

    Raises:
        BindError: it cannot be had; `address-in-use` if somebody lives there, or it is no socket.

    Thread: any. Calls back: never. Source: CC-10, LW-199, REL-42.
    """
    if mode is not None and sys.platform != "win32":
        # Linux takes the mode of a new path from the socket's own, less the umask: so nobody gets
        # in before the chmod below, which may then only widen it. Elsewhere this is refused.
        with contextlib.suppress(OSError):
            os.fchmod(sock.fileno(), mode)
    try:
        sock.bind(address.sockaddr)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not take_over(sock.type, address):
            raise _bind_error(error, address, "bind") from error
        try:
            sock.bind(address.sockaddr)
        except OSError as again:  # somebody was quicker
            raise _bind_error(again, address, "bind") from again
    if is_abstract(address):
        return None
    own = OwnPath(address.sockaddr)
    if mode is not None:
        try:
            os.chmod(address.sockaddr, mode)
        except OSError as error:
            own.remove()
            raise _bind_error(error, address, "chmod") from error
    return own


def take_over(kind: int, address: SocketAddress) -> bool:
    """Remove a path behind which nobody is; false if it must be left alone.

    Args:
        kind: of the socket that wants it.
        address: the path.

    Thread: any. Calls back: never. Source: CC-10, REL-42.
    """
    if is_abstract(address):
        return False
    path = address.sockaddr
    found = identity(path)
    if found is None or not _is_socket(path):
        return False
    with socket.socket(address.family, kind) as probe:
        probe.setblocking(False)  # who lives there may have a full queue
        if probe.connect_ex(path) != errno.ECONNREFUSED:
            return False
    return remove_if_still(path, found)


def identity(path: bytes) -> tuple[int, int] | None:
    """Return device and inode of a path, None if there is nothing."""
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        return found.st_dev, found.st_ino
    return None


def remove_if_still(path: bytes, wanted: tuple[int, int] | None) -> bool:
    """Remove a path that is still what it was; true if it is not there any more."""
    with contextlib.suppress(OSError):
        if wanted is not None and identity(path) == wanted:
            os.unlink(path)
            return True
    return False


def check_mode(mode: int | None, address: SocketAddress | None) -> int | None:
    """Return permissions as they are; refuse what is none, and any for a name that is no file.

    Raises:
        TypeError, ValueError: it is something else.

    Thread: any. Calls back: never. Source: LW-199.
    """
    if mode is None:
        return None
    if isinstance(mode, bool) or not isinstance(mode, int):
        raise TypeError(f"mode is permissions such as 0o600, or None, not {mode!r}")
    if not 0 <= mode <= MODE_MAX:
        raise ValueError(f"mode is 0 to 0o777, not {mode:#o}")
    if address is None or is_abstract(address):
        raise ValueError("mode is for a path in the file system")
    return mode


def _is_socket(path: bytes) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    return False


def _bind_error(error: OSError, address: SocketAddress, situation: str) -> SocketError:
    made = from_os_error(error, phase="bind", situation=situation, peer=address.pair)
    assert isinstance(made, BindError), "the phase says so"
    return made
