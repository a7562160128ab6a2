"""From blocking to callbacks and back: not a byte is lost on the way."""

from __future__ import annotations

import gc
import os
import socket
import sys
from typing import Any

import pytest

from reactor.channel.adopting import channel_of
from reactor.errors import OperationInProgress
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.stream.socket_stream import SocketStream
from tests.reactor.stream.conftest import Pair
from tests.reactor.stream.streams import SHORT


def test_a_stream_becomes_a_state_and_a_stream_again__lw_180_138(
    pair: Pair, collection: WaitStateCollection
) -> None:
    """`release` hands channel and unread bytes over, TLS included: a stream, a state, and another
    stream read one conversation without losing a byte.
    """
    near, far = pair
    far.write(b"one two three four")
    assert near.read(4) == b"one "
    assert near.peek(1)[:1] == b"t"
    side = near.tls_side
    state = AsyncIOState(collection, *near.release())
    assert near.closed
    buffer, written = bytearray(4), list[object]()
    state.read_buffer(
        buffer, lambda *_: state.write_buffer(b"from a state", lambda *_: written.append(1))
    )
    while not written:
        collection.run_once(SHORT)
    assert buffer == b"two "
    assert far.read(12) == b"from a state"
    with SocketStream(*state.release(), read_timeout=5.0) as again:
        assert state.closed
        assert again.read(10) == b"three four"
        assert again.tls_side == side
        again.write(b"from a stream")
        assert far.read(13) == b"from a stream"


def test_a_stream_in_use_is_not_released__lw_180(sockets: Pair) -> None:
    """`release` while a direction is in use is refused, and nothing has happened."""
    near, far = sockets
    with near.looking(), pytest.raises(OperationInProgress):
        near.release()
    far.write(b"x")
    assert near.read(1) == b"x"


def test_a_released_connection_is_untouched__lw_180(sockets: Pair) -> None:
    """After `release` the stream is closed, its addresses stay, and the connection is open."""
    near, far = sockets
    addresses = near.address, near.peer_address
    channel, unread = near.release()
    near.close()
    assert (near.address, near.peer_address, unread) == (*addresses, b"")
    channel.write(b"x")
    assert far.read(1) == b"x"
    channel.close()


@pytest.mark.parametrize("given", ["socket", "descriptor", "channel"])
def test_a_socket_for_datagrams_is_left_as_it_was__lw_180(given: str) -> None:
    """A socket for datagrams is refused; it, or its descriptor, stays open and its timeout is what
    it was.
    """
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        blocking = given != "channel"
        thing: Any = {"socket": sock, "descriptor": sock.fileno()}.get(given) or channel_of(sock)
        with pytest.raises(ValueError, match="carries datagrams"):
            SocketStream(thing)
        gc.collect()
        if sys.platform != "win32":  # which does not tell
            assert os.get_blocking(sock.fileno()) == blocking
        assert (sock.gettimeout() is None) == blocking
