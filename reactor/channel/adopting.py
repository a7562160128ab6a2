"""Adopting: the channel of a socket that somebody else has made, and its way back.

Its kind is found out from the socket itself. What is refused is left as it was, and so is what is
given back.
"""

import contextlib
import os
import socket
import sys
from typing import Any

from reactor.channel.base import Channel
from reactor.channel.socket_channel import (
    DatagramChannel,
    ListeningChannel,
    OwnedSocket,
    SocketChannel,
)
from reactor.channel.traffic import COUNTED_BY_KERNEL, CountingChannel, KernelCountedChannel
from reactor.channel.unix_channel import UnixChannel
from reactor.errors import Address


def socket_channel(sock: socket.socket, *, peer_address: Address | None = None) -> SocketChannel:
    """Make a channel of a connected stream socket, one that knows its traffic.

    Args:
        sock: as for `SocketChannel`.
        peer_address: likewise.

    Raises:
        StateClosed: the socket is closed.

    Thread: any. Calls back: never. Source: LW-015, LW-066.
    """
    if _is_tcp(sock, peer_address):
        kind = KernelCountedChannel if COUNTED_BY_KERNEL else CountingChannel
        return kind(sock, peer_address=peer_address)
    return UnixChannel(sock, peer_address=peer_address)


def _is_tcp(sock: socket.socket, peer_address: Address | None) -> bool:
    if peer_address is not None and isinstance(peer_address[0], str):
        return (
            peer_address[1] is not None
        )  # else it is a path; a socket makes an enum of its answer
    return sock.family in (socket.AF_INET, socket.AF_INET6)


def channel_of(thing: Any) -> Channel:
    """Return the channel of a socket, of its descriptor, or the channel itself.

    Raises:
        ValueError: a stream socket listens, or is not connected; or it is of another kind.
        TypeError: it is none of these.
    """
    if isinstance(thing, ListeningChannel):
        raise ValueError(f"{thing!r} carries no bytes")
    if isinstance(thing, Channel):
        return thing
    if isinstance(thing, int) and not isinstance(thing, bool):
        return channel_of_descriptor(thing)
    if not isinstance(thing, socket.socket):
        raise TypeError(f"a state is made of a socket, a descriptor or a channel, not {thing!r}")
    if thing.type == socket.SOCK_DGRAM:
        return DatagramChannel(thing)
    if thing.type != socket.SOCK_STREAM:
        raise ValueError(f"{thing!r} is neither a stream socket nor one for datagrams")
    try:
        thing.getpeername()
    except OSError as error:
        raise ValueError(f"{thing!r} is not connected") from error
    return socket_channel(thing)


def channel_of_descriptor(fd: int) -> Channel:
    """Return the channel of a descriptor, which stays the caller's if this fails."""
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise ValueError(f"descriptor {fd} is no socket") from error
    try:
        return channel_of(sock)
    except ValueError:
        sock.detach()
        raise


def timeout_of(object: Any) -> float | None:  # noqa: A002  # the name of the contract
    """Return the timeout of a socket, or of a descriptor: 0.0 if it is non-blocking."""
    if isinstance(object, socket.socket):
        return object.gettimeout()
    if sys.platform != "win32" and isinstance(object, int):  # Windows does not tell
        with contextlib.suppress(OSError, OverflowError):  # it is refused soon
            return None if os.get_blocking(object) else 0.0
    return None


def keep_socket(object: Any, channel: OwnedSocket, timeout: float | None) -> Any:  # noqa: A002  # as above
    """Give the socket of a channel back to who made a state of `object`; return what it is now."""
    sock = channel.detach()
    sock.settimeout(timeout)
    if isinstance(object, Channel):
        return sock  # the channel is closed, and nobody else knows the socket
    if not isinstance(object, socket.socket):
        sock.detach()  # the caller has a descriptor only: this object must not close it
    return object
