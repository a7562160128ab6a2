"""Pairs of states that speak TLS to each other, over TCP or over memory."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from reactor.channel.base import Channel
from reactor.channel.socket_channel import SocketChannel
from reactor.errors import (
    ReactorError,
)
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.memory import memory_pair
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.channels import tcp
from tests.reactor.state.reports import Reports

MIB: Final = 1 << 20
RECORD_OF_ONE: Final = 23  # bytes of ciphertext for one of plaintext, by AES-GCM in TLS 1.3
KEY_UPDATE: Final = 27  # bytes of ciphertext

Ends: TypeAlias = tuple[Channel, Channel]
Pair: TypeAlias = tuple[AsyncIOState, AsyncIOState]
Make: TypeAlias = Callable[..., Pair]


def over_tcp(certificates: Certificates) -> Ends:
    """Two ends of a connection, with TCP's small segments leaving at once."""
    near, far = tcp(certificates)
    for end in (near, far):
        assert isinstance(end, SocketChannel)
        end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    return near, far


BELOW: Final[dict[str, Callable[[Certificates], Ends]]] = {
    "memory": lambda certificates: memory_pair(16384),
    "tcp": over_tcp,
}


def attach(
    collection: WaitStateCollection, pair: Pair, client: Any, server: Any
) -> list[ReactorError | None]:
    """Attach TLS to both ends, let all be quiet, and return what the callbacks were told."""
    told = Reports()
    pair[0].attach_tls(told, tls=client, server_hostname="localhost")
    pair[1].attach_tls(told, tls=server)
    assert len(told) == 0
    settle(collection)
    return told.moved


def exchange(collection: WaitStateCollection, sender: AsyncIOState, receiver: AsyncIOState) -> None:
    """Let a few bytes go one way."""
    sent, got = Reports(), Reports()
    sender.write_buffer(b"hello", sent)
    receiver.read_buffer(bytearray(5), got)
    settle(collection)
    assert (got.moved, sent.counts) == ([(b"hello", 5)], [5])
