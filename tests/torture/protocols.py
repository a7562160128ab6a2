"""Conversations of protocols: `serve` and `connect`."""

from __future__ import annotations

import os
import selectors
import socket
import tempfile
from pathlib import Path
from typing import Any, Final

from reactor.errors import SocketError
from reactor.net.options import ipv6_available
from reactor.reconnection import Backoff, Reconnecting, reconnecting
from reactor.server import Server, connect, serve
from reactor.transport import Transport
from tests.recorder import Recorder
from tests.torture.conversation import ANSWER, GREETING, HOST, MESSAGE, Conversation
from tests.torture.errnos import TABLE
from tests.torture.seam import past_the_seam

LARGE: Final = bytes(range(256)) * 1024  # more than the buffers below and the high mark hold
SMALL_BUFFER: Final = 16_384  # bytes; of the sender, so that the kernel takes some and no more


class Peer(Recorder):
    """A recorder that owes its conversation an end."""

    def __init__(self, conversation: ProtocolConversation, name: str) -> None:
        super().__init__()
        self.conversation = conversation
        self.name = name

    def connection_made(self, transport: Any) -> None:
        self.conversation.begins(self.name)
        super().connection_made(transport)
        self.made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.came(self.transport, data)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.conversation.ends(self.name, exc)
        if self.transport.close_report is None or self.transport.close_report.error is not exc:
            self.conversation.complaints.append(f"{self.name}: its report is of something else")

    def note(self, name: str, *arguments: Any) -> object:
        if self.lost:
            self.conversation.complaints.append(f"{self.name}: {name} after the end")
        paused = self.names.count("pause_writing") - self.names.count("resume_writing")
        if (name == "pause_writing" and paused) or (name == "resume_writing" and not paused):
            self.conversation.complaints.append(f"{self.name}: {name} out of turn")
        return super().note(name, *arguments)

    def made(self, transport: Transport) -> None:
        """Do what is to be done first."""

    def came(self, transport: Transport, data: bytes) -> None:
        """Do what is to be done when bytes have come."""


class EchoingFar(Peer):
    """Sends back whatever comes."""

    def came(self, transport: Transport, data: bytes) -> None:
        transport.write(data)


class AskingNear(Peer):
    """Sends a message, and closes when all of it is back."""

    def made(self, transport: Transport) -> None:
        transport.write(MESSAGE)

    def came(self, transport: Transport, data: bytes) -> None:
        if self.received == self.conversation.due:
            transport.close()


class ProtocolConversation(Conversation):
    """An echo; the base of what else protocols do."""

    near: type[Peer] = AskingNear
    far: type[Peer] = EchoingFar
    said = MESSAGE  # by the near end
    due = MESSAGE  # to the near end
    address: str | None = HOST  # that is bound, None for all
    host: str = HOST  # that is connected to
    local: str | None = None  # what the client binds
    tls = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.server: Server | None = None
        self.nears = list[Peer]()
        self.fars = list[Peer]()

    def listen(self) -> None:
        tls = self.certificates.server_context() if self.tls else None
        self.server = serve(self.collection, self._far, tls=tls, **self.place)

    @property
    def listening(self) -> bool:
        return self.server is not None and not self.server.closed

    def call(self) -> None:
        self.begins("connecting")
        connect(
            self.collection,
            self._near,
            failed=self._failed,
            tls=self.certificates.client_context() if self.tls else None,
            server_hostname="localhost" if self.tls else None,
            local_address=self.local,
            **self.target,
        )

    @property
    def place(self) -> dict[str, Any]:
        """What is bound."""
        return {"port": 0, "address": self.address}

    @property
    def target(self) -> dict[str, Any]:
        """What is connected to."""
        assert self.server is not None, "it listens"
        return {"host": self.host, "port": self.server.port}

    @property
    def served(self) -> bool:
        return bool(self.nears) and self.nears[-1].received == self.due

    def hang_up(self) -> None:
        """Close the server, which ends with its last client."""
        server, self.server = self.server, None
        if server is not None:
            self.begins("draining")
            server.close().add_done_callback(lambda drained: self.ends("draining"))

    def look_at_bytes(self) -> None:
        for near in self.nears:
            self.arrived("near", near.received, self.due)
        for far in self.fars:
            self.arrived("far", far.received, self.said)

    def _near(self) -> Peer:
        self.ends("connecting")
        self.nears.append(self.near(self, "near"))
        return self.nears[-1]

    def _far(self) -> Peer:
        self.fars.append(self.far(self, "far"))
        return self.fars[-1]

    def _failed(self, error: SocketError) -> None:
        self.ends("connecting", error)


class Echo(ProtocolConversation):
    """A message goes there and back."""


class EchoOverTLS(ProtocolConversation):
    """The same, protected."""

    tls = True


class EchoByName(ProtocolConversation):
    """The same by a name with an address of each family, both of them good."""

    address = None
    host = "localhost"
    needed_connect = 0 if ipv6_available() else 1


class EchoByTheSecondAddress(ProtocolConversation):
    """The same by a name whose IPv6 address refuses."""

    host = "localhost"
    needed_connect = 2 if ipv6_available() else 1


class EchoFromAnAddress(ProtocolConversation):
    """The same from a local address that the client has chosen."""

    local = HOST


class EchoWithOptions(ProtocolConversation):
    """The same where options are not handed down by a listener."""

    inherited = False


class EchoOnPlainEpoll(ProtocolConversation):
    """The same on the selector of the standard library."""

    selector = getattr(selectors, "EpollSelector", selectors.DefaultSelector)


class ReturningNear(AskingNear):
    """Wants no further connection when all is back."""

    def came(self, transport: Transport, data: bytes) -> None:
        if self.received == self.conversation.due:
            assert isinstance(self.conversation, Returning)
            self.conversation.client.stop()
            self.conversation.ends("client")
            transport.close()


class Returning(ProtocolConversation):
    """A client that comes again until it has been served: no fault may keep it away."""

    near = ReturningNear
    needed_connect = 0
    client: Reconnecting

    def call(self) -> None:
        assert self.server is not None, "it listens"
        self.begins("client")
        self.client = reconnecting(
            *(self.collection, self._returned, self.host, self.server.port),
            backoff=Backoff(delay_first=0.5, jitter=0),
            connected=lambda client, transport: transport.set_timeouts(read=2.0),
            waiting=lambda client, error: self.told.append(error),
            gave_up=lambda client, error: self.ends("client", error),
            tls=self.certificates.client_context() if self.tls else None,
            server_hostname="localhost" if self.tls else None,
        )

    def _returned(self) -> Peer:
        self.nears.append(self.near(self, "near"))
        return self.nears[-1]


class ReturningOverTLS(Returning):
    """The same, protected."""

    tls = True


class EchoOnAPath(ProtocolConversation):
    """The same over a Unix socket, where a full queue is asked again."""

    calls = ProtocolConversation.calls - {"setsockopt", "getpeername"}
    survived = frozenset({("connect", "EAGAIN")})

    @property
    def place(self) -> dict[str, Any]:
        return {"path": Path(tempfile.gettempdir(), f"waitstate-torture-{os.getpid()}")}

    @property
    def target(self) -> dict[str, Any]:
        return self.place


class DrainingNear(AskingNear):
    """Lets the server close when all is back, and does not close itself."""

    def came(self, transport: Transport, data: bytes) -> None:
        if self.received == self.conversation.due:
            self.conversation.hang_up()


class Drain(ProtocolConversation):
    """The server closes while a client is there."""

    near = DrainingNear


class FloodingNear(Peer):
    """Sends more than there is room for, and closes when all of it is back."""

    def made(self, transport: Transport) -> None:
        be_narrow(transport)
        transport.write(LARGE)

    def came(self, transport: Transport, data: bytes) -> None:
        if self.received == self.conversation.due:
            transport.close()


class FloodedFar(EchoingFar):
    """Sends back whatever comes, through little room."""

    def made(self, transport: Transport) -> None:
        be_narrow(transport)


class Flood(ProtocolConversation):
    """Both directions are full at the same time."""

    near, far = FloodingNear, FloodedFar
    said = due = LARGE
    calls = frozenset(TABLE)


class PouringFar(Peer):
    """Sends more than there is room for, then closes: what waits has to go first."""

    def made(self, transport: Transport) -> None:
        be_narrow(transport)
        transport.write(LARGE)
        transport.close()


class PausingNear(Peer):
    """Stops reading now and then."""

    def came(self, transport: Transport, data: bytes) -> None:
        transport.pause_reading()
        self.conversation.collection.call_soon(self._resume)

    def _resume(self) -> None:
        if not self.lost and not self.transport.is_closing():
            self.transport.resume_reading()


class Pour(ProtocolConversation):
    """Much is written at once, and the connection closed behind it."""

    near, far = PausingNear, PouringFar
    said, due = b"", LARGE


class PourOverTLS(Pour):
    """The same, protected."""

    tls = True


class AnsweringFar(Peer):
    """Reads to the end, and answers then."""

    def eof_received(self) -> bool:
        super().eof_received()
        self.transport.write(self.received[::-1])
        self.transport.close()
        return True


class EndingNear(Peer):
    """Says all it has to say, ends its direction, and listens."""

    def made(self, transport: Transport) -> None:
        transport.write(MESSAGE)
        transport.write_eof()


class HalfClose(ProtocolConversation):
    """One direction ends before the other one has begun."""

    near, far = EndingNear, AnsweringFar
    due = MESSAGE[::-1]


class HalfCloseOverTLS(HalfClose):
    """The same, protected."""

    tls = True


class SwitchingPeer(Peer):
    """A peer that puts TLS on its connection in the middle."""

    def switch(self, context: Any, **how: Any) -> None:
        """Begin, and owe the end of it."""
        what = f"switch of {self.name}"
        self.conversation.begins(what)
        try:
            self.transport.start_tls(
                context, lambda _, error: self.conversation.ends(what, error), **how
            )
        except SocketError as error:
            self.conversation.ends(what, error)  # the way out was lost before: it has not begun
            raise


class SwitchingFar(SwitchingPeer):
    """Greets in clear, answers under TLS."""

    def came(self, transport: Transport, data: bytes) -> None:
        if self.received == GREETING:
            transport.write(ANSWER)
            self.switch(self.conversation.certificates.server_context())
        elif transport.get_extra_info("ssl_object") is not None:
            transport.write(data)


class SwitchingNear(SwitchingPeer):
    """Asks for TLS in clear, and says the rest under it."""

    def made(self, transport: Transport) -> None:
        transport.write(GREETING)

    def came(self, transport: Transport, data: bytes) -> None:
        if self.received == ANSWER:
            context = self.conversation.certificates.client_context()
            self.switch(context, server_hostname="localhost")
            transport.write(MESSAGE)
        elif self.received == self.conversation.due:
            transport.close()


class Switch(ProtocolConversation):
    """TLS comes in the middle of a conversation."""

    near, far = SwitchingNear, SwitchingFar
    said, due = GREETING + MESSAGE, ANSWER + MESSAGE
    calls = frozenset(TABLE)


def be_narrow(transport: Transport) -> None:
    """Let the kernel keep little of what is sent."""
    sock = transport.get_extra_info("socket")
    past_the_seam(sock, "setsockopt", socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
