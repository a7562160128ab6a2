"""What a callback does to connections that are ready with it, in the same turn."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterator

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.state.connection import Connection
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.faults.watched import FACES
from tests.recorder import Recorder


class Side:
    """A connection under one of the faces, and the socket at its other end."""

    def __init__(
        self,
        collection: WaitStateCollection,
        face: str,
        then: Callable[[Side], object] = lambda side: None,
    ) -> None:
        near, self.far = socket.socketpair()
        self.fd = near.fileno()
        self.heard = list[bytes]()
        self.then = then
        self.near: AsyncIOState | Transport
        if face == "state":
            self.near = AsyncIOState(collection, near)
            self.near.read_with_checking(self.arrived)
        else:
            recorder = Recorder(data_received=lambda transport: self.hears(recorder.calls[-1][1]))
            self.near = Transport(Connection(collection, near), recorder)
            self.near.begin()

    def arrived(self, state: AsyncIOState, buffer: bytearray, end: int) -> None:
        """Take what has come to a state."""
        if state.read_status is None:
            data = bytes(buffer[:end])
            state.discard(end)
            self.hears(data)

    def hears(self, data: bytes) -> None:
        """Note it, and do what is to be done then."""
        self.heard.append(data)
        self.then(self)

    def close(self) -> None:
        """Close both ends."""
        self.near.close()
        self.far.close()


@pytest.fixture(params=["DefaultSelector", "PollSelector", "SelectSelector"])
def on_each(request: pytest.FixtureRequest) -> Iterator[WaitStateCollection]:
    """A collection on each selector in turn."""
    kind = getattr(selectors, request.param, None)
    if kind is None:
        pytest.skip(f"this system has no {request.param}")
    collection = WaitStateCollection(selector=kind())
    yield collection
    settle(collection)
    collection.close()


@pytest.mark.parametrize("face", FACES)
def test_who_is_closed_in_a_batch_gets_nothing_of_it__rel_12(
    on_each: WaitStateCollection, face: str
) -> None:
    """Ten are ready, the first closes the others and opens new ones: these hear their own only.

    The numbers that the closed ones had are handed out again, but not before the batch is over.
    """
    heirs = list[Side]()

    def replace_all(side: Side) -> None:
        for other in sides:
            if other is not side:
                other.close()
                heirs.append(Side(on_each, face))

    sides = [Side(on_each, face, replace_all) for _ in range(10)]
    settle(on_each)
    for side in sides:
        side.far.send(b"old")
    ready = on_each.wait(0)
    assert len(ready) == 10
    on_each.dispatch(ready)
    assert sorted(side.heard for side in sides) == [[]] * 9 + [[b"old"]]
    old_numbers = {side.fd for side in sides}
    assert not old_numbers & {heir.fd for heir in heirs}
    heirs += [Side(on_each, face) for _ in range(5)]
    assert old_numbers & {heir.fd for heir in heirs}
    settle(on_each)
    assert [heir.heard for heir in heirs] == [[]] * 14
    for heir in heirs:
        heir.far.send(b"own")
    settle(on_each)
    assert [heir.heard for heir in heirs] == [[b"own"]] * 14
    for side in [*sides, *heirs]:
        side.close()
