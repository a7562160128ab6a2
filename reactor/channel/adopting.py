"""Adopting: the channel of a socket that somebody else has made.

Its kind is found out from the socket itself. What is refused is left as it was.
"""

import socket
from typing import Any

from reactor.channel.base import Channel
from reactor.channel.socket_channel import DatagramChannel, SocketChannel
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
