"""Loops: asyncio's and ours, as tests of protocols see them, and a protocol that takes notes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.protocol import BaseProtocol, BufferedProtocol, Protocol
from reactor.server import serve

LIMIT: Final = 10.0  # seconds; a conversation that takes longer has hung


class Loop:
    """What the tests ask of a main loop: serve one protocol, run until it has lost its peer."""

    def listen(self, protocol: Recording) -> tuple[str, int]:
        """Serve `protocol` to the first who connects."""
        raise NotImplementedError

    def run(self) -> None:
        """Run until `stop`, or fail."""
        raise NotImplementedError

    def stop(self) -> None:
        """End `run`; where a test makes the turns itself there is nothing to end."""

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call `function` in a later turn."""
        raise NotImplementedError

    def converse(self, protocol: Recording, data: bytes) -> bytes:
        """Send all of `data` in one piece and the end; return what came back."""
        protocol.loop = self
        with socket.create_connection(self.listen(protocol), timeout=LIMIT) as far:
            far.sendall(data)
            far.shutdown(socket.SHUT_WR)
            self.run()
            return b"".join(received(far))


def received(far: socket.socket) -> Iterator[bytes]:
    """Yield what arrives, up to the end or a reset."""
    with contextlib.suppress(ConnectionResetError):
        yield from iter(lambda: far.recv(65536), b"")


class AsyncioLoop(Loop):
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: None)
        self.server: asyncio.Server | None = None

    def listen(self, protocol: Recording) -> tuple[str, int]:
        factory: Any = lambda: protocol  # noqa: E731 - ours is not asyncio's class, only its shape
        made = self.loop.create_server(factory, "127.0.0.1", 0)
        self.server = self.loop.run_until_complete(made)
        host, port = self.server.sockets[0].getsockname()
        return host, port

    def run(self) -> None:
        hung = self.loop.call_later(LIMIT, self.loop.stop)
        self.loop.run_forever()
        assert hung.when() > self.loop.time(), "hung"
        hung.cancel()

    def stop(self) -> None:
        self.loop.stop()

    def call_soon(self, function: Callable[[], object]) -> None:
        self.loop.call_soon(function)

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


class CollectionLoop(Loop):
    def __init__(self) -> None:
        self.collection = WaitStateCollection("lines", error_handler=lambda *_: None)

    def listen(self, protocol: Recording) -> tuple[str, int]:
        server = serve(self.collection, lambda: protocol, 0, address="127.0.0.1")
        return server.addresses[0]

    def run(self) -> None:
        hung = self.collection.call_later(LIMIT, self._fail)
        self.collection.run()
        hung.cancel()

    def _fail(self) -> None:
        self.stop()
        pytest.fail("hung")

    def stop(self) -> None:
        self.collection.stop()

    def call_soon(self, function: Callable[[], object]) -> None:
        self.collection.call_soon(function)

    def close(self) -> None:
        self.collection.close()


class Recording(BaseProtocol):
    """Notes what a protocol gets; `actions` says what to do then, by its text.

    It is mixed into a protocol of ours, in front; the hooks there call `note`.
    """

    def __init__(self, **actions: Callable[[Any], object]) -> None:
        super().__init__()
        self.actions = actions
        self.got: list[object] = []
        self.lost: list[BaseException | None] = []
        self.rest = b""
        self.loop = Loop()

    def note(self, data: bytes) -> None:
        """Write it down, and do what is to be done."""
        self.got.append(data)
        if action := self.actions.get(data.decode("latin-1")):
            action(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note how it ended, and what was left."""
        self.rest = self.unfinished  # type: ignore[attr-defined]  # of what it is mixed into
        self.lost.append(exc)
        self.loop.stop()


class Collector(Protocol):
    """Takes what another protocol leaves."""

    def __init__(self, recorder: Recording) -> None:
        self.recorder = recorder
        self.got = b""

    def data_received(self, data: bytes) -> None:
        self.got += data

    def connection_lost(self, exc: BaseException | None) -> None:
        self.recorder.loop.stop()


class BufferedCollector(BufferedProtocol):
    """The same, three bytes at a time."""

    def __init__(self, recorder: Recording) -> None:
        self.recorder = recorder
        self.got = b""
        self.buffer = bytearray(3)

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self.buffer)

    def buffer_updated(self, nbytes: int) -> None:
        self.got += self.buffer[:nbytes]

    def connection_lost(self, exc: BaseException | None) -> None:
        self.recorder.loop.stop()
