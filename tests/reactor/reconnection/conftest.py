"""Servers that come and go, and clients that come again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.reconnection import Backoff, reconnecting
from reactor.server import Server, serve
from reactor.testing.settle import settle
from tests.recorder import Action, Recorder

HOST: Final = "127.0.0.1"
NO_CHANCE: Final = Backoff(jitter=0)  # 1, 2, 4 ... seconds


class Place:
    """A port at which there is a server, or none."""

    def __init__(self, collection: WaitStateCollection) -> None:
        self.collection = collection
        self.protocols = list[Recorder]()
        self.server: Server | None = None
        self.open()
        self.port = self._server.port

    @property
    def _server(self) -> Server:
        assert self.server is not None, "it is open"
        return self.server

    def open(self, *, tls: Any = None, **on: Action) -> None:
        """Let there be a server, whose protocols do something in their hooks."""

        def factory() -> Recorder:
            self.protocols.append(Recorder(**on))
            return self.protocols[-1]

        port = self.port if self.protocols or hasattr(self, "port") else 0
        self.server = serve(self.collection, factory, port, address=HOST, tls=tls)

    def close(self) -> None:
        """Let there be none; its connections end."""
        server, self.server = self.server, None
        if server is not None and self.collection.alive:
            server.close()
            settle(self.collection)


class Visitor:
    """A client that comes again: its protocols, and what it has told, with the moment."""

    def __init__(self, collection: WaitStateCollection, port: int, **how: Any) -> None:
        self.collection = collection
        self.protocols = list[Recorder]()
        self.on: dict[str, Action] = {}  # for the hooks of the next protocol
        self.told = list[tuple[str, Any]]()
        self.began = collection.clock()
        notes = {name: self._note(name) for name in ("connected", "waiting", "gave_up")}
        how = {"backoff": NO_CHANCE, **notes, **how}
        self.client = reconnecting(collection, self.factory, HOST, port, **how)

    def factory(self) -> Recorder:
        """Make the next protocol."""
        self.protocols.append(Recorder(**self.on))
        return self.protocols[-1]

    @property
    def names(self) -> list[str]:
        """What it has told, without what about."""
        return [name for name, _ in self.told]

    @property
    def wait(self) -> float:
        """The seconds until the next attempt."""
        return self.client.when - self.collection.clock()

    def _note(self, name: str) -> Callable[..., None]:
        def note(client: Any, what: Any) -> None:
            assert client is self.client
            self.told.append((name, what))

        return note


Visitors: TypeAlias = Callable[..., Visitor]


@pytest.fixture
def place(collection: WaitStateCollection) -> Iterator[Place]:
    """A port with a server on it; closed at the end."""
    place = Place(collection)
    yield place
    place.close()


@pytest.fixture
def visitors(collection: WaitStateCollection, place: Place) -> Iterator[Visitors]:
    """Make clients of `place` that come again: `visitors(backoff=...)`; they are closed."""
    with ExitStack() as made:

        def make(**how: Any) -> Visitor:
            visitor = Visitor(collection, place.port, **how)
            made.callback(end, visitor)
            return visitor

        yield make


def end(visitor: Visitor) -> None:
    """Close a client; nothing of it may be left."""
    if visitor.collection.alive:
        visitor.client.close()
        settle(visitor.collection)
        assert visitor.client not in visitor.collection.held
        assert visitor.client.connection is None


@pytest.fixture
def errors(collection: WaitStateCollection) -> list[tuple[object, BaseException]]:
    """What the error handler of the collection was given."""
    given = list[tuple[object, BaseException]]()
    collection.error_handler = lambda thing, exception: given.append((thing, exception))
    return given
