"""OwnPath: the path of a Unix socket, from binding it to removing it.

A path stays when its socket is gone, so a restarted server finds that of its predecessor. Whether
somebody is behind a path is found out by connecting: if that is refused, nobody is, and the path is
taken over. Anything else that stands there, a live server's socket or a file, is left alone.

We connect for datagrams, whatever we want to bind. A socket for streams answers that it is of the
wrong type, be it listening, full or not ready yet, and its server has no client that says nothing;
one for datagrams does not notice.

A stale path is removed if it is still the one that was looked at: device, inode, and the time of
its last change, since a file system gives the number of a removed file out again at once. Our own
needs no time: its socket keeps the inode, so nobody else can have the number.

What remains is the moment between the comparison and the removal. Whoever starts several servers on
one path at the same time has to put them in order.
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

    __slots__ = ("_bound", "_path", "_process")

    def __init__(self, path: bytes) -> None:
        with contextlib.suppress(OSError):  # of a folder that has been removed nobody knows where
            path = os.path.abspath(path)  # the process may be elsewhere when it is removed
        self._path = path
        self._bound = looked_at(path)
        self._process = os.getpid()

    def remove(self) -> None:
        """Remove the path if it is still ours; a forked child has none of its own."""
        found = looked_at(self._path)
        if self._process != os.getpid() or found is None or self._bound is None:
            return
        if os.path.samestat(found, self._bound):
            with contextlib.suppress(OSError):
                os.unlink(self._path)

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
        if error.errno != errno.EADDRINUSE or not take_over(address):
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


def take_over(address: SocketAddress) -> bool:
    """Remove a path behind which nobody is; false if it must be left alone.

    Args:
        address: the path.

    Raises:
        BindError: the system has no descriptor for a look.

    Thread: any. Calls back: never. Source: CC-10, REL-42.
    """
    if is_abstract(address):
        return False
    path = address.sockaddr
    found = looked_at(path)
    if found is None:
        return True  # somebody was quicker, and it is free
    if not stat.S_ISSOCK(found.st_mode):
        return False
    try:
        probe = socket.socket(address.family, socket.SOCK_DGRAM)
    except OSError as error:
        raise _bind_error(error, address, "socket") from error
    with probe:
        probe.setblocking(False)
        if probe.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT):
            return False
    return remove_if_still(path, found)


def looked_at(path: bytes) -> os.stat_result | None:
    """Return what a path is, not what it leads to; None if there is nothing."""
    with contextlib.suppress(OSError):
        return os.lstat(path)
    return None


def remove_if_still(path: bytes, wanted: os.stat_result) -> bool:
    """Remove a path that is still what it was, to the moment; true if it is not there any more."""
    found = looked_at(path)
    if found is None:
        return True
    if not os.path.samestat(found, wanted) or found.st_ctime_ns != wanted.st_ctime_ns:
        return False
    with contextlib.suppress(OSError):
        os.unlink(path)
    return looked_at(path) is None


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


def _bind_error(error: OSError, address: SocketAddress, situation: str) -> SocketError:
    made = from_os_error(error, phase="bind", situation=situation, peer=address.pair)
    assert isinstance(made, BindError), "the phase says so"
    return made
