"""What the tests of old programs share: a dispatcher that takes notes, and both kinds of maps."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor.compat import asyncore
from reactor.compat.residents import Members
from reactor.compat.socket_map import SocketMap
from reactor.loop.collection import WaitStateCollection

TURNS = 5  # what has happened already is dealt with in fewer


class Noting(asyncore.dispatcher):
    """One end of a connection; `calls` has what it was called for, `on` what is done there.

    It wants to read or to write while `reading` or `writing` say so, and reads nothing by itself.
    """

    def __init__(
        self, sock: Any, members: Members | None = None, **on: Callable[[Noting], object]
    ) -> None:
        self.calls = list[str]()
        self.on = on
        self.reading = True
        self.writing = False
        self.asked = 0
        super().__init__(sock, members)

    def note(self, name: str) -> None:
        self.calls.append(name)
        if name in self.on:
            self.on[name](self)

    def readable(self) -> bool:
        self.asked += 1
        if "readable" in self.on:
            self.on["readable"](self)
        return self.reading

    def writable(self) -> bool:
        return self.writing

    def handle_read(self) -> None:
        self.note("read")

    def handle_write(self) -> None:
        self.note("write")

    def handle_connect(self) -> None:
        self.note("connect")

    def handle_close(self) -> None:
        self.note("close")
        self.close()


def turns(members: Members, count: int = TURNS) -> None:
    """Let the loop take some turns, none of which waits."""
    asyncore.loop(timeout=0, map=members, count=count)


Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two sockets, connected; the first is for a dispatcher."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


@pytest.fixture
def shared(collection: WaitStateCollection) -> Iterator[SocketMap]:
    """A map whose dispatchers live on the collection of the test."""
    members = SocketMap(collection)
    yield members
    if collection.alive:
        asyncore.close_all(members)


@pytest.fixture(params=["plain", "shared"])
def members(request: pytest.FixtureRequest, collection: WaitStateCollection) -> Iterator[Members]:
    """Both kinds of maps in turn: a dictionary, and one on a collection."""
    members: Members = {} if request.param == "plain" else SocketMap(collection)
    yield members
    asyncore.close_all(members)
