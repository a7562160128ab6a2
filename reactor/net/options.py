"""The options of a socket: plain functions, each of which sets one, and the set of TCP's.

`check_...` is for the door of a verb, before any system call: it refuses a wrong value with
`TypeError` or `ValueError`. `set_...` is for the socket. What the system refuses becomes an error
of our tree, whose class depends on the `phase` in which the socket is made.
"""

import dataclasses
import math
import socket
import struct
import sys
from typing import Final

from reactor.deadline import check_timeout
from reactor.errors import from_os_error

# struct linger: two ints, on Windows two unsigned shorts; so the seconds have a ceiling.
_LINGER: Final = "HH" if sys.platform == "win32" else "ii"
LINGER_LIMIT: Final = 0xFFFF if sys.platform == "win32" else 0x7FFFFFFF  # seconds
USER_TIMEOUT_LIMIT: Final = 0x7FFFFFFF / 1000  # seconds; the kernel counts milliseconds in an int

# Linux hands the options of a listener down to what it accepts; others are not asked to.
INHERITED: Final = sys.platform == "linux"


@dataclasses.dataclass(frozen=True, slots=True)
class SocketOptions:
    """What can be asked of every TCP connection, whichever side has begun it.

    Args:
        nodelay: send small pieces at once.
        keepalive: let the kernel probe a silent peer.
        linger: seconds that closing waits for unsent bytes, 0 for a reset; None is the kernel's.
        user_timeout: seconds that sent bytes may stay unacknowledged; None is the kernel's.
        out_of_band_inline: put urgent bytes into the stream.
        reuse_address: bind a port although old connections have it.

    Raises:
        TypeError, ValueError: as `check_linger` and `check_user_timeout`.

    Thread: any. Calls back: never. Source: LW-039, LW-049, LW-202.
    """

    nodelay: bool = True
    keepalive: bool = False
    linger: float | None = None
    user_timeout: float | None = None
    out_of_band_inline: bool = False
    reuse_address: bool = False

    def __post_init__(self) -> None:
        check_linger(self.linger)
        check_user_timeout(self.user_timeout)

    def set_on(self, sock: socket.socket, *, phase: str) -> None:
        """Set them all on a TCP socket.

        Raises:
            SocketError: the system refuses one.
        """
        set_nodelay(sock, self.nodelay, phase=phase)
        if self.reuse_address:
            set_reuse_address(sock, True, phase=phase)
        if self.keepalive:
            set_keepalive(sock, True, phase=phase)
        set_linger(sock, self.linger, phase=phase)
        set_user_timeout(sock, self.user_timeout, phase=phase)
        if self.out_of_band_inline:
            set_out_of_band_inline(sock, True, phase=phase)

    def set_on_accepted(self, sock: socket.socket) -> None:
        """Set them on the socket of a client, unless it has them from its listener.

        Raises:
            AcceptError: the system refuses one.
        """
        if not INHERITED:
            self.set_on(sock, phase="accept")


def check_linger(linger: float | None) -> int | None:
    """Return whole seconds, rounded up, since half a second must not become 0, a reset.

    Raises:
        TypeError: it is no number. ValueError: it is negative, or more than the system can count.

    Thread: any. Calls back: never. Source: CC-14, LW-202.
    """
    if linger is None:
        return None
    if isinstance(linger, bool) or not isinstance(linger, (int, float)):
        raise TypeError(f"linger is seconds, or None, not {linger!r}")
    if not 0 <= linger <= LINGER_LIMIT:  # a NaN fails this too
        raise ValueError(f"linger must be 0 to {LINGER_LIMIT} seconds, not {linger!r}")
    return math.ceil(linger)


def check_user_timeout(user_timeout: float | None) -> float | None:
    """Return the seconds that unacknowledged bytes may wait before the kernel gives up.

    Raises:
        TypeError: it is no number. ValueError: it is not above 0, or more than the system can
            count, or this platform has no such option.

    Thread: any. Calls back: never. Source: LW-202, RFC 5482.
    """
    seconds = check_timeout("user_timeout", user_timeout)
    if seconds is None:
        return None
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        raise ValueError("user_timeout cannot be set on this platform")
    if seconds > USER_TIMEOUT_LIMIT:
        raise ValueError(f"user_timeout must be at most {USER_TIMEOUT_LIMIT} s, not {seconds}")
    return seconds


def check_reuse_port(reuse_port: bool) -> bool:
    """Return it; raise `ValueError` if it is true where the platform lacks the option (LW-050)."""
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("reuse_port is not possible on this platform")
    return bool(reuse_port)


def set_nodelay(sock: socket.socket, enabled: bool, *, phase: str) -> None:
    """Send small pieces at once instead of collecting them (LW-039, LW-049)."""
    _set(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY, bool(enabled), phase)


def set_keepalive(sock: socket.socket, enabled: bool, *, phase: str) -> None:
    """Let the kernel probe a silent peer (LW-039, LW-049)."""
    _set(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE, enabled, phase)


def set_linger(sock: socket.socket, linger: float | None, *, phase: str) -> None:
    """Say what closing does with unsent bytes: wait so many seconds, or, at 0, reset.

    Args:
        sock: a TCP socket.
        linger: seconds, rounded up to whole ones; None leaves the kernel's way, which is to send
            them in the background.
        phase: for the error.

    Raises:
        TypeError, ValueError: as `check_linger`. SocketError: the system refuses.

    Thread: any. Calls back: never. Source: CC-14, LW-202.
    """
    seconds = check_linger(linger)
    if seconds is not None:
        _set(sock, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, seconds), phase)


def set_reuse_address(sock: socket.socket, enabled: bool, *, phase: str) -> None:
    """Let a listener take a port on which only old connections are left (CC-12, LW-050)."""
    if sys.platform == "win32":
        # There a port is free despite old connections, and SO_REUSEADDR would let any program
        # steal that of a live listener. The opposite option is the one that means the same.
        _set(sock, socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, enabled, phase)
    else:
        _set(sock, socket.SOL_SOCKET, socket.SO_REUSEADDR, enabled, phase)


def set_reuse_port(sock: socket.socket, enabled: bool, *, phase: str) -> None:
    """Let several listeners share a port; `ValueError` where that is not possible (LW-050)."""
    check_reuse_port(enabled)
    option: int | None = getattr(socket, "SO_REUSEPORT", None)
    if option is not None:
        _set(sock, socket.SOL_SOCKET, option, enabled, phase)


def set_v6only(sock: socket.socket, enabled: bool, *, phase: str) -> None:
    """Keep IPv4 away from an IPv6 socket, or let it in; systems differ when not told (LW-027)."""
    _set(sock, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, enabled, phase)


def set_user_timeout(sock: socket.socket, user_timeout: float | None, *, phase: str) -> None:
    """Limit how long sent bytes may stay unacknowledged before the connection is given up.

    Args:
        sock: a TCP socket.
        user_timeout: seconds above 0, rounded up to whole milliseconds; None leaves the system's.
        phase: for the error.

    Raises:
        TypeError, ValueError: as `check_user_timeout`. SocketError: the system refuses.

    Thread: any. Calls back: never. Source: LW-202, RFC 5482.
    """
    seconds = check_user_timeout(user_timeout)
    option: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
    if seconds is not None and option is not None:
        # 0 would mean "the system's own", so the shortest span is a millisecond.
        _set(sock, socket.IPPROTO_TCP, option, math.ceil(seconds * 1000), phase)


def set_broadcast(sock: socket.socket, enabled: bool, *, phase: str) -> None:
    """Allow a datagram socket to send to broadcast addresses (CC-13, LW-105)."""
    _set(sock, socket.SOL_SOCKET, socket.SO_BROADCAST, enabled, phase)


def set_out_of_band_inline(sock: socket.socket, enabled: bool, *, phase: str) -> None:
    """Put urgent bytes into the stream, in their place (CC-16)."""
    _set(sock, socket.SOL_SOCKET, socket.SO_OOBINLINE, enabled, phase)


def ipv6_available() -> bool:
    """Return whether this machine can speak IPv6 to itself: whether ::1 can be bound.

    `socket.has_ipv6` only tells how Python was built; in a container, or with IPv6 disabled, it
    is true all the same.

    Thread: any. Calls back: never. Source: LW-027, LW-029.
    """
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def _set(
    sock: socket.socket, level: int, option: int, value: bool | int | bytes, phase: str
) -> None:
    """Set one option; the one call of `setsockopt` in this file."""
    try:
        sock.setsockopt(level, option, value)
    except OSError as error:
        raise from_os_error(error, phase=phase, situation="setsockopt") from error
