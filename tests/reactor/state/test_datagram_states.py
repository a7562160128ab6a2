"""Datagram states at their edges: ends, losses, and what a socket that is given up means."""

from __future__ import annotations

import pytest

from reactor.errors import EndOfStream, SocketError
from reactor.loop.collection import WaitStateCollection
from reactor.opening.udp import connect_udp, open_udp
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.settle import settle
from tests.reactor.opening.network import HOST
from tests.reactor.state.reports import Reports
from tests.torture.seam import failing, needs_epoll


@pytest.fixture
def server(collection: WaitStateCollection) -> AsyncIOState:
    """A state that is bound, and hears everybody."""
    return open_udp(collection, local_address=HOST, local_port=0)


@pytest.fixture
def client(collection: WaitStateCollection, server: AsyncIOState) -> AsyncIOState:
    """A state whose only peer is `server`."""
    return connect_udp(collection, *server.address)


@pytest.mark.parametrize("direction", ["input", "io"])
def test_after_the_end_of_input_no_message_comes__lw_131(
    collection: WaitStateCollection, server: AsyncIOState, client: AsyncIOState, direction: str
) -> None:
    """After a datagram state has shut its input down every read reports `EndOfStream`, with what a
    callback of its kind gets, and the loop rests.
    """
    client.send_message(b"too late", None)
    settle(collection)
    assert server.shutdown(direction)
    messages, looks = Reports(), Reports()
    server.queue_input = True
    for _ in range(2):
        server.receive_message(bytearray(2), messages, needs_address=True)
        server.wait_for_input(looks)
    settle(collection)
    assert messages.moved == [(b"\0\0", 0, None, None)] * 2
    assert len(looks) == 2
    assert [type(status) for status in (*messages.reads, *looks.reads)] == [EndOfStream] * 4


@needs_epoll
def test_a_datagram_state_that_cannot_be_watched_is_lost__lw_123() -> None:
    """If the system does not take a datagram socket for watching, the read that runs gets that
    error once, a later message raises it, and the loop rests.
    """
    errors = Reports()
    with failing("register", "ENOMEM", number=2):
        collection = WaitStateCollection()
        state = open_udp(collection, local_address=HOST)
        state.receive_message(bytearray(1), pytest.fail, error_callback=errors)
        settle(collection)
        assert isinstance(errors.status, SocketError)
        assert errors.status.situation == "register"
        with pytest.raises(SocketError) as caught:
            state.send_message_to(*state.address, b"!", None)
        assert caught.value is errors.status
        collection.close()
