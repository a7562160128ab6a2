"""The asyncio family: Protocol, streams, and Protocol on uvloop."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, cast

from benchmarks.work import MESSAGE_SIZE, NotInstalledError

BACKLOG = 1024  # connections; with the default of 100 a client could meet a full queue
READ_SIZE = 262_144  # bytes; as much as the transport below reads at once
READ_TIMEOUT = 60.0  # seconds; never reached


class Echo(asyncio.Protocol):
    """What the documentation of asyncio shows."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


class PatientEcho(Echo):
    """The same with a timer on each connection, as far as it goes without re-arming it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and arm the timer."""
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(READ_TIMEOUT, self.transport.abort)


class AsyncioPeer:
    """asyncio with Protocol and Transport."""

    def __init__(self) -> None:
        self.loop = self._new_loop()
        self.call_soon = self.loop.call_soon
        self.call_later = self.loop.call_later
        self.call_from_thread = self.loop.call_soon_threadsafe
        self.run = self.loop.run_forever
        self.stop = self.loop.stop

    def serve(
        self,
        tls: ssl.SSLContext | None,
        *,
        patient: bool = False,
        factory: Callable[[], Any] | None = None,
    ) -> int:
        """Start a server on a free port and return the port.

        Args:
            tls: what to encrypt with, or None.
            patient: whether a timer waits on each connection; streams have none.
            factory: makes the protocol of a connection; None echoes. Streams always do.
        """
        self.echo = factory or (PatientEcho if patient else Echo)
        self.server = self.loop.run_until_complete(self._start(tls))
        return cast(int, self.server.sockets[0].getsockname()[1])

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    async def _start(self, tls: ssl.SSLContext | None) -> asyncio.Server:
        return await self.loop.create_server(self.echo, "127.0.0.1", 0, ssl=tls, backlog=BACKLOG)


class UvloopPeer(AsyncioPeer):
    """The same protocol on libuv, by way of Cython."""

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        try:
            import uvloop  # not at the top: asyncio is to be measured where it is missing
        except ImportError:
            raise NotInstalledError("uvloop is not installed") from None
        return uvloop.new_event_loop()


class StreamsPeer(AsyncioPeer):
    """asyncio with StreamReader and StreamWriter."""

    async def _start(self, tls: ssl.SSLContext | None) -> asyncio.Server:
        return await asyncio.start_server(_echo, "127.0.0.1", 0, ssl=tls, backlog=BACKLOG)


class MessagesPeer(AsyncioPeer):
    """The same, for messages of one size."""

    async def _start(self, tls: ssl.SSLContext | None) -> asyncio.Server:
        return await asyncio.start_server(_echo_messages, "127.0.0.1", 0, ssl=tls, backlog=BACKLOG)


async def _echo_messages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            writer.write(await reader.readexactly(MESSAGE_SIZE))
            await writer.drain()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(READ_SIZE):
        writer.write(data)
        await writer.drain()
