"""From blocking to callbacks and back: not a byte is lost on the way."""

from __future__ import annotations

import gc
import os
import socket
import sys
from typing import Any

import pytest

from reactor.channel.adopting import channel_of
from reactor.errors import ConnectionReset, OperationInProgress
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.stream.socket_stream import SocketStream
from tests.certificates import Certificates
from tests.reactor.stream.conftest import Pair
from tests.reactor.stream.streams import PATIENCE, SHORT, pair_of
from tests.reactor.stream.test_ending import RESET


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
    with SocketStream(*state.release(), read_timeout=PATIENCE) as again:
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


def test_a_lost_connection_is_not_handed_over__lw_180_138(
    certificates: Certificates, collection: WaitStateCollection
) -> None:
    """A stream, or a state, that has met a reset raises it in `release`: whoever took over would
    read an end, and take half a message for a whole one.
    """
    for as_state in (False, True):
        with pair_of("tcp4", certificates) as (near, far):
            state = AsyncIOState(collection, *near.release()) if as_state else None
            with socket.socket(fileno=far.fileno()) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                sock.detach()
            far.close()
            if state is None:
                with pytest.raises(ConnectionReset):
                    near.read(1)
            else:
                state.read_buffer(bytearray(1), lambda *_: None)
                while state.read_status is None:
                    collection.run_once(SHORT)
            with pytest.raises(ConnectionReset):
                (state or near).release()
            (state or near).close()


def test_an_end_is_handed_over__lw_180_138(pair: Pair, collection: WaitStateCollection) -> None:
    """A stream that has read the end can be released, and whoever takes it over reads the end too;
    writing goes on.
    """
    near, far = pair
    far.shutdown("output")
    assert near.read() == b""
    with SocketStream(*near.release(), read_timeout=PATIENCE) as again:
        assert again.read() == b""
        again.write(b"x")
        assert far.read(1) == b"x"
