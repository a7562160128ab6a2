"""Connection, kept: what is left to the caller who closes a state and keeps its socket."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.settle import settle


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are connected."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_a_descriptor_that_is_kept_stays_open__lw_136(
    collection: WaitStateCollection, pair: tuple[socket.socket, socket.socket]
) -> None:
    """A state that was made of a descriptor leaves it open too, if it is told to keep it."""
    near, far = pair
    descriptor = near.detach()
    AsyncIOState(collection, descriptor).close(keep_object=True)
    settle(collection)
    with socket.socket(fileno=descriptor) as kept:
        kept.send(b"mine")
    assert far.recv(10) == b"mine"


@pytest.mark.skipif(sys.platform == "win32", reason="there a descriptor does not tell")
@pytest.mark.parametrize("blocking", [True, False])
def test_a_descriptor_that_is_kept_is_as_it_was__lw_136(
    collection: WaitStateCollection, pair: tuple[socket.socket, socket.socket], blocking: bool
) -> None:
    """A descriptor comes back from a state that keeps it as it was given: blocking or not."""
    near, _ = pair
    near.setblocking(blocking)
    AsyncIOState(collection, near.fileno()).close(keep_object=True)
    if sys.platform != "win32":
        assert os.get_blocking(near.fileno()) is blocking


def test_the_socket_of_a_channel_that_is_kept_is_the_object__lw_136__lw_138(
    collection: WaitStateCollection, pair: tuple[socket.socket, socket.socket]
) -> None:
    """A state made of what another has released gives the socket itself away, if told to."""
    near, far = pair
    first = AsyncIOState(collection, near.detach())
    state = AsyncIOState(collection, *first.release())
    state.close(keep_object=True)
    settle(collection)
    with state.object as kept:
        kept.send(b"mine")
        assert kept.gettimeout() is None
    assert far.recv(10) == b"mine"
