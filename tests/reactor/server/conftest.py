"""Servers and clients for the tests of `serve` and `connect`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.net.path import UNIX
from reactor.server import Server, serve
from reactor.testing.settle import settle
from tests.recorder import Recorder

HOST: Final = "127.0.0.1"
collect_ignore_glob = [] if UNIX else ["test_paths.py"]
PATIENCE: Final = 10.0  # seconds until a socket of a test that waits for us has failed


class Service:
    """A server whose protocols are recorders, and plain sockets that connect to it.

    It has a port of its own, unless a `path` is among the options.
    """

    def __init__(
        self, collection: WaitStateCollection, make: Callable[[], Any], **how: Any
    ) -> None:
        self.collection = collection
        self.protocols = list[Any]()
        self._make = make
        where: Any = {} if "path" in how else {"port": 0, "address": HOST}
        self.server: Server = serve(collection, self.factory, **where, **how)
        self.clients = ExitStack()

    def factory(self) -> Any:
        protocol = self._make()
        self.protocols.append(protocol)
        return protocol

    def call(self) -> socket.socket:
        """Connect, and let the server notice."""
        host, port = self.server.addresses[0]
        where: Any = host if port is None else (host, port)
        client = self.clients.enter_context(socket.socket(UNIX if port is None else socket.AF_INET))
        client.settimeout(PATIENCE)
        client.connect(where)
        settle(self.collection)
        return client


Services: TypeAlias = Callable[..., Service]


@pytest.fixture
def services(collection: WaitStateCollection) -> Iterator[Services]:
    """Make servers: `services(factory, tls=...)`; they and their clients are closed."""
    with ExitStack() as made:

        def make(factory: Callable[[], Any] = Recorder, **how: Any) -> Service:
            service = Service(collection, factory, **how)
            made.callback(service.clients.close)
            if collection.alive:
                made.callback(end, collection, service)
            return service

        yield make


def end(collection: WaitStateCollection, service: Service) -> None:
    if collection.alive:
        service.server.close()
        for transport in service.server.connections:
            transport.abort()
        settle(collection)


@pytest.fixture
def errors(collection: WaitStateCollection) -> list[tuple[object, BaseException]]:
    """What the error handler of the collection was given."""
    given = list[tuple[object, BaseException]]()
    collection.error_handler = lambda thing, exception: given.append((thing, exception))
    return given
