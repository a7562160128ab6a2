"""Network: a client of the chat in `examples/chat`, without a window.

    OFFLINE ──due, or retry()──► CONNECTING ──up──► ONLINE
       ▲                             │                │
       └───────────failed────────────┴──────lost──────┘

What there is to show it tells its `View`, and what people do there comes in by the verbs. It knows
no toolkit: `tk_client.py`, `qt_client.py` and `gtk_client.py` are three views of this one network.
The collection lives in the loop of the window, so everything is called in its thread.
"""

import enum
import math
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from company import Company
from desk import Desk
from transfers import Phase, Transfer

from protocols import LineProtocol
from reactor import (
    Backoff,
    ClientTLS,
    Reconnecting,
    SocketError,
    Transport,
    WaitStateCollection,
    may_heal,
    reconnecting,
)
from reactor.errors import address_text, escaped

LINE_LIMIT: Final = 1024  # bytes; the server takes no more
OUTPUT_LIMIT: Final = 64 * 1024  # bytes that may wait for a server that does not read
ASK_INTERVAL: Final = 120.0  # seconds; who asks is not shown out, and hears of a dead server
SILENCE_TIMEOUT: Final = 300.0  # seconds without a word, though we ask
WRITE_TIMEOUT: Final = 60.0  # seconds in which the server must have taken something
SAID: Final = re.compile(r"<(\S+)> (.*)")
BACKOFF: Final = Backoff(delay_first=1.0, delay_limit=30.0)


class State(enum.Enum):
    """Whether somebody hears us."""

    OFFLINE, CONNECTING, ONLINE = "offline", "connecting", "online"


MOVES: Final = {
    State.OFFLINE: {State.CONNECTING, State.ONLINE},  # an attempt may be quicker than its timer
    State.CONNECTING: {State.ONLINE, State.OFFLINE},
    State.ONLINE: {State.OFFLINE},
}


class View(typing.Protocol):
    """What a window does for the network; each is called in the window's thread."""

    def show_line(self, name: str, text: str) -> None:
        """Add to what was said; without a name it is news, or begins with `!` and is a refusal."""

    def show_state(self, state: State, text: str) -> None:
        """Show whether somebody hears us; `text` says it in words, and why."""

    def show_people(self, room: str, names: Sequence[str]) -> None:
        """Show who is in the room."""

    def show_transfer(self, transfer: Transfer) -> None:
        """Show a file that is offered or moves, or show it no more when it is over."""


@dataclass(frozen=True)
class Place:
    """Where the chat is, and who we are there.

    Attributes:
        host: a name or an address; over TLS the certificate has to be for it.
        port: the port.
        tls: how it is protected; None is plain.
        nick: what we are called; None leaves that to the server.
        folder: where files go that come.
    """

    host: str
    port: int
    tls: ClientTLS | None
    nick: str | None
    folder: Path


class Conversation(LineProtocol):
    """One connection to the chat."""

    line_limit = 4 * LINE_LIMIT  # what somebody says, and his name
    strip_return = True

    def __init__(self, heard: Callable[[str], object]) -> None:
        super().__init__()
        self.heard = heard

    def connection_made(self, transport: Transport) -> None:
        """Expect to hear something."""
        super().connection_made(transport)
        transport.set_timeouts(read=SILENCE_TIMEOUT, write=WRITE_TIMEOUT)

    def line_received(self, line: bytes) -> None:
        """Make text of it: a server is a stranger, too."""
        self.heard(escaped(line.decode(errors="replace")))

    def line_too_long(self, error: Exception) -> None:
        """Leave it out."""
        self.heard(f"! {error}")
        self.discard_line()


class Network:
    """The chat, as a window sees it.

    Args:
        collection: attached to the loop of the window.
        view: the window.
        place: where to connect to, and as whom.
    """

    def __init__(self, collection: WaitStateCollection, view: View, place: Place) -> None:
        self.state = State.OFFLINE
        self.company = Company(self._company_changed)
        self.desk = Desk(
            collection,
            place.host,
            tls=place.tls,
            folder=place.folder,
            send=self._send,
            refuse=self._refuse,
            show=self._show_transfer,
        )
        self._collection = collection
        self._view = view
        self._place = place
        self._client: Reconnecting | None = None
        self._timer: Any = None  # the countdown while we are offline; asking while we are not
        self._leaving = False  # whether we have said goodbye

    # What people do.

    def retry(self) -> None:
        """Connect; nothing if it is connected, or about to be."""
        if self.state is not State.OFFLINE:
            return
        self._leaving = False
        if self._client is None or self._client.closed:
            place = self._place
            self._client = reconnecting(
                self._collection,
                lambda: Conversation(self._heard),
                place.host,
                place.port,
                tls=place.tls,
                backoff=BACKOFF,
                retry=lambda error: may_heal(error) and not self._leaving,
                connected=self._connected,
                waiting=self._waiting,
                gave_up=self._gave_up,
            )
        else:
            self._client.retry_now()
        self._enter(State.CONNECTING, f"connecting to {self._address}")

    def say(self, text: str) -> bool:
        """Do what was typed; false if that is not possible, and then the view keeps the text."""
        text = " ".join(text.splitlines()).strip()
        word, _, argument = text.partition(" ")
        if word.lower() == "/send":
            name, _, path = argument.partition(" ")
            if not path:
                return self._refuse("say /send NAME PATH")
            try:
                return self.offer(name, Path(path).expanduser())
            except RuntimeError as error:  # there is nobody whose home that would be
                return self._refuse(f"{path}: {error}")
        if not text or not self._send(text):
            return False
        self._leaving = self._leaving or word.lower() == "/quit"
        if not text.startswith("/"):
            self._view.show_line(self.company.name, text)
        return True

    def offer(self, name: str, path: Path) -> bool:
        """Offer a file to somebody in the room; false if that is not possible."""
        return self.desk.offer(name, path)

    def close(self) -> None:
        """End everything, in the middle of whatever it is; the view is left alone from now on."""
        self._view = Nobody()
        self._stop_timer()
        self.desk.stop("has stopped")
        if self._client is not None:
            self._client.close()

    # What becomes of the connection.

    @property
    def _address(self) -> str:
        way = "TLS" if self._place.tls else "not protected"
        return f"{address_text((self._place.host, self._place.port))}, {way}"

    def _connected(self, client: Reconnecting, transport: Transport) -> None:
        self._stop_timer()
        self._timer = self._collection.call_every(ASK_INTERVAL, self._send, "/who")
        self._enter(State.ONLINE, self._address)
        if self._place.nick is not None:
            self._send(f"/nick {self._place.nick}")

    def _waiting(self, client: Reconnecting, error: BaseException | None) -> None:
        self._lost()
        self._count_down("the server has hung up" if error is None else str(error))

    def _gave_up(self, client: Reconnecting, error: BaseException | None) -> None:
        self._lost()
        self._enter(State.OFFLINE, "you have left" if error is None else str(error))

    def _lost(self) -> None:
        self._stop_timer()
        self.company.clear()
        self.desk.stop("has stopped, since we are offline")

    def _count_down(self, reason: str) -> None:
        """Show the seconds until the next attempt, and then that it is made."""
        assert self._client is not None
        left = self._client.when - self._collection.time()
        if left <= 0 or math.isinf(left):
            self._enter(State.CONNECTING, f"connecting to {self._address}")
            return
        seconds = math.ceil(left)
        self._enter(State.OFFLINE, f"{reason}; again in {seconds} s")
        self._timer = self._collection.call_later(left - seconds + 1, self._count_down, reason)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _enter(self, state: State, text: str) -> None:
        assert state is self.state or state in MOVES[self.state]
        self.state = state
        self._view.show_state(
            state, text if state is State.CONNECTING else f"{state.value}: {text}"
        )

    def _send(self, text: str) -> bool:
        """Send a line, or say why not."""
        transport = None if self._client is None else self._client.connection
        if transport is None:
            return self._refuse("you are offline, and that was not sent")
        line = text.encode(errors="replace")
        if len(line) > LINE_LIMIT:
            return self._refuse(f"a line has {LINE_LIMIT} bytes at most, and that was not sent")
        if transport.get_write_buffer_size() > OUTPUT_LIMIT:
            return self._refuse("the server does not read, and that was not sent")
        try:
            transport.write(line + b"\n")
        except SocketError as error:
            return self._refuse(f"{error}, and that was not sent")
        return True

    def _refuse(self, reason: str) -> bool:
        self._view.show_line("", f"! {reason}")
        return False

    # What is heard.

    def _heard(self, line: str) -> None:
        if not (self.company.hears(line) or self.desk.hears(line, self.company.name)):
            match = SAID.fullmatch(line)
            self._view.show_line(*("", line) if match is None else match.groups())

    def _company_changed(self) -> None:
        self._view.show_people(self.company.room, list(self.company.names))

    def _show_transfer(self, transfer: Transfer) -> None:
        self._view.show_transfer(transfer)
        if transfer.phase is Phase.OVER:
            self._view.show_line("", f"* {transfer.outcome}")

    def __repr__(self) -> str:
        return f"<Network {self.state.value}, {self._address}>"


class Nobody:
    """The view of a network that is closed."""

    def show_line(self, name: str, text: str) -> None:
        """Show nothing."""

    def show_state(self, state: State, text: str) -> None:
        """Show nothing."""

    def show_people(self, room: str, names: Sequence[str]) -> None:
        """Show nothing."""

    def show_transfer(self, transfer: Transfer) -> None:
        """Show nothing."""
