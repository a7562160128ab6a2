"""Conversations of states, of datagrams, and of functions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from reactor.callbacks import TCPServer, TCPSocket, tcp_connect, tcp_server
from reactor.channel.base import BytesLike
from reactor.datagram import DatagramTransport, open_datagram
from reactor.errors import AcceptError, EndOfStream, ReactorError
from reactor.opening.accept import AcceptingHandle, accept_tcp
from reactor.opening.connect import connect_tcp
from reactor.protocol import DatagramProtocol
from reactor.state.async_io_state import AsyncIOState
from tests.torture.conversation import ANSWER, GREETING, HOST, MESSAGE, Conversation
from tests.torture.seam import past_the_seam

DATAGRAMS: Final = [b"one", b"", b"three" * 200]


class StateEcho(Conversation):
    """A message goes there and back by single operations, each of which ends once."""

    tls = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.handle: AcceptingHandle | None = None
        self.got = list[bytes]()
        self.far_got = list[bytes]()
        self.states = list[AsyncIOState]()

    def listen(self) -> None:
        tls = self.certificates.server_context() if self.tls else None
        self.handle = accept_tcp(
            self.collection, 0, self._accepted, address=HOST, init_timeout=0, tls=tls
        )

    @property
    def listening(self) -> bool:
        return self.handle is not None and not self.handle.closed

    def call(self) -> None:
        assert self.handle is not None, "it listens"
        self.begins("connecting")
        self.got.append(b"")
        tls = self.certificates.client_context() if self.tls else None
        state = connect_tcp(
            self.collection,
            HOST,
            self.handle.local_port,
            self._connected,
            tls=tls,
            server_hostname="localhost" if self.tls else None,
        )
        self.states.append(state)

    @property
    def served(self) -> bool:
        return self.got[-1:] == [MESSAGE]

    @property
    def over(self) -> bool:
        return super().over and all(state.closed for state in self.states)

    def hang_up(self) -> None:
        if self.handle is not None:
            self.begins("closing of the port")
            self.handle.close(lambda collection: self.ends("closing of the port"))

    def look_at_bytes(self) -> None:
        for got in (*self.got, *self.far_got):
            self.arrived("state", got, MESSAGE)

    # The near end.

    def _connected(self, state: AsyncIOState, error: ReactorError | None) -> None:
        self.ends("connecting", error)
        if error is None:
            self._read(state, self._keep)  # it runs beside the write, and is lost with it
            self._write(state, MESSAGE, lambda state: None)
        elif not state.closed:
            self.complaints.append("not connected, and not closed")

    def _keep(self, state: AsyncIOState, data: bytes) -> None:
        self.got[-1] = data
        state.close()

    # The far end.

    def _accepted(self, handle: AcceptingHandle, state: AsyncIOState) -> None:
        self.states.append(state)
        self._read(state, self._send_back)

    def _send_back(self, state: AsyncIOState, data: bytes) -> None:
        self.far_got.append(data)
        self._write(state, data, lambda state: state.close())

    # Operations.

    def _read(self, state: AsyncIOState, then: Any, size: int = len(MESSAGE)) -> None:
        """Read so many bytes; `then` gets them if they are all there, else the state is closed."""

        def done(state: AsyncIOState, buffer: bytearray, count: int) -> None:
            self.ends("reading", state.read_status)
            if state.read_status is None:
                then(state, bytes(buffer[:count]))
            else:
                state.close()

        state.read_buffer(bytearray(size), done)
        self.begins("reading")

    def _write(self, state: AsyncIOState, data: bytes, then: Any) -> None:
        """Write; `then` is called if all has gone, else the state is closed."""

        def done(state: AsyncIOState, buffer: BytesLike, count: int) -> None:
            self.ends("writing", state.write_status)
            if state.write_status is None:
                then(state)
            else:
                state.close()

        state.write_buffer(data, done)
        self.begins("writing")


class StateEchoOverTLS(StateEcho):
    """The same, protected."""

    tls = True


class StateSwitch(StateEcho):
    """TLS comes in the middle of a conversation, and goes again."""

    # What the near end does, and the far end likewise the other way round.
    steps: Final = (
        ("write", GREETING),
        ("read", ANSWER),
        ("attach", b""),
        ("write", MESSAGE),
        ("read", MESSAGE),
        ("detach", b""),
        ("write", GREETING),
        ("read", ANSWER),
    )
    opposite: Final = {"write": "read", "read": "write"}

    def _connected(self, state: AsyncIOState, error: ReactorError | None) -> None:
        self.ends("connecting", error)
        if error is None:
            self._go_on("client", iter(self.steps), state)

    def _accepted(self, handle: AcceptingHandle, state: AsyncIOState) -> None:
        self.states.append(state)
        steps = [(self.opposite.get(verb, verb), data) for verb, data in self.steps]
        self._go_on("server", iter(steps), state)

    def _go_on(self, side: str, steps: Iterator[tuple[str, bytes]], state: AsyncIOState) -> None:
        """Do the next step, if there is one."""
        verb, data = next(steps, ("close", b""))
        then = partial(self._go_on, side, steps)
        if verb == "read":
            self._read(state, lambda state, got: self._compare(state, got, data, then), len(data))
        elif verb == "write":
            self._write(state, data, then)
        elif verb == "close":
            if side == "client":
                self.got[-1] = MESSAGE
            state.close()
        else:
            self._switch(state, side if verb == "attach" else None, then)

    def _compare(self, state: AsyncIOState, got: bytes, data: bytes, then: Any) -> None:
        self.arrived("state", got, data)
        then(state)

    def _switch(self, state: AsyncIOState, side: str | None, then: Any) -> None:
        """Attach TLS, or detach it if there is no side; `then` is called if that succeeds."""

        def done(state: AsyncIOState, error: ReactorError | None) -> None:
            self.ends("switching", error)
            if error is None:
                then(state)
            else:
                state.close()

        if side == "client":
            context = self.certificates.client_context()
            state.attach_tls(done, tls=context, server_hostname="localhost")
        elif side == "server":
            state.attach_tls(done, tls=self.certificates.server_context())
        else:
            state.detach_tls(done)
        self.begins("switching")


class Endpoint(DatagramProtocol):
    """An endpoint that owes its conversation an end."""

    transport: DatagramTransport

    def __init__(self, conversation: Datagrams, name: str) -> None:
        conversation.endpoints.append(self)
        self.conversation = conversation
        self.name = name
        self.received = list[bytes]()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.conversation.begins(self.name)

    def datagram_received(self, data: BytesLike, addr: Any) -> None:
        self.received.append(bytes(data))
        if self.name == "far":
            self.transport.sendto(data, addr)
        elif len(self.received) == len(DATAGRAMS):
            self.transport.close()

    def error_received(self, exc: Exception) -> None:
        self.conversation.told.append(exc)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.conversation.ends(self.name, exc)


class Datagrams(Conversation):
    """Three datagrams go there and back; what a fault has swallowed nobody sends again."""

    lossy = True
    calls = Conversation.calls - {"accept", "listen", "setsockopt", "getsockopt"}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.endpoints = list[Endpoint]()
        self.near = Endpoint(self, "near")
        self.transports = list[DatagramTransport]()
        self.far: DatagramTransport | None = None
        self.port = 0
        self.hung_up = False

    def listen(self) -> None:
        make = partial(Endpoint, self, "far")
        transport = open_datagram(self.collection, make, local_address=HOST, local_port=0)
        self.transports.append(transport)
        self.far = transport
        sock = transport.get_extra_info("socket")
        self.port = past_the_seam(sock, "getsockname")[1]

    @property
    def listening(self) -> bool:
        return self.far is not None and not self.far.is_closing()

    def call(self) -> None:
        """Send."""
        self.near = Endpoint(self, f"near {len(self.transports)}")
        transport = open_datagram(
            self.collection, lambda: self.near, remote_address=HOST, remote_port=self.port
        )
        self.transports.append(transport)
        for data in DATAGRAMS:
            transport.sendto(data)

    @property
    def served(self) -> bool:
        return self.near.received == DATAGRAMS

    @property
    def over(self) -> bool:
        """Whether the client has ended; after hanging up, whether everybody has."""
        return super().over if self.hung_up else not self.owed[self.near.name]

    def hang_up(self) -> None:
        self.hung_up = True
        for transport in self.transports:
            transport.close()

    def look_at_bytes(self) -> None:
        for endpoint in self.endpoints:
            if any(data not in DATAGRAMS for data in endpoint.received):
                self.complaints.append("a datagram that nobody has sent")


class Functions(Conversation):
    """A message goes there and back between functions; what is sent tells its callback."""

    tls = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.server: TCPServer | None = None
        self.clients = itertools.count()
        self.near = b""
        self.sent = 0  # final calls of writes

    def listen(self) -> None:
        tls = self.certificates.server_context() if self.tls else None
        told = self._came, self._over
        self.server = tcp_server(
            self.collection, HOST, 0, *told, connect_cb=self._accepted, tls=tls
        )

    @property
    def listening(self) -> bool:
        return self.server is not None and not self.server.closed

    def call(self) -> None:
        assert self.server is not None, "it listens"
        self.near = b""
        socket = tcp_connect(
            *(self.collection, HOST, self.server.local_port, self._back, self._over),
            data=MESSAGE[:1000],
            tls=self.certificates.client_context() if self.tls else None,
            server_hostname="localhost" if self.tls else None,
        )
        socket.data = f"near {next(self.clients)}"
        self.begins(socket.data)
        socket.write(MESSAGE[1000:], write_cb=self._sent)

    @property
    def served(self) -> bool:
        return self.near == MESSAGE

    def hang_up(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.close()

    def look_at_bytes(self) -> None:
        self.arrived("near", self.near, MESSAGE)
        if self.served and not self.sent:
            self.complaints.append("nobody was told that it has been sent")

    def _accepted(self, socket: TCPSocket) -> None:
        socket.data = f"far {next(self.clients)}"
        self.begins(socket.data)

    def _came(self, socket: TCPSocket, data: bytes) -> None:
        socket.write(data, write_cb=self._sent)

    def _back(self, socket: TCPSocket, data: bytes) -> None:
        self.near += data
        if self.near == MESSAGE:
            socket.close()
            self.ends(socket.data)

    def _sent(self, socket: TCPSocket) -> None:
        self.sent += 1
        if not self.owed[socket.data]:
            self.complaints.append(f"{socket.data}: a callback after the end")

    def _over(self, event: ReactorError) -> None:
        if isinstance(event, AcceptError):
            self.told.append(event)
        else:
            end = None if isinstance(event, EndOfStream) else event
            self.ends(event.connection.data, end)  # type: ignore[attr-defined]  # a socket's


class FunctionsOverTLS(Functions):
    """The same, protected."""

    tls = True
