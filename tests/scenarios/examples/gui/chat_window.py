"""A window of the chat that nobody sees: it notes what it is to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from network import Network, Place, State
from transfers import Phase, Transfer

from reactor import ClientTLS, WaitStateCollection
from tests.scenarios.examples.chat_server import ChatServer
from tests.scenarios.programs import PATIENCE


class Window:
    """A view that keeps everything, and the network that it is a view of."""

    def __init__(self, collection: WaitStateCollection, place: Place) -> None:
        self.collection = collection
        self.place = place
        self.lines: list[str] = []
        self.states: list[tuple[State, str]] = []
        self.people: list[str] = []
        self.room = ""
        self.fractions: list[float] = []
        self.network = Network(collection, self, place)

    def show_line(self, name: str, text: str) -> None:
        self.lines.append(f"<{name}> {text}" if name else text)

    def show_state(self, state: State, text: str) -> None:
        self.states.append((state, text))

    def show_people(self, room: str, names: Sequence[str]) -> None:
        self.room, self.people = room, list(names)

    def show_transfer(self, transfer: Transfer) -> None:
        if transfer.phase is Phase.MOVING:
            self.fractions.append(transfer.fraction)

    def until(self, done: Callable[[], object]) -> None:
        """Take turns until `done`; fail at a limit."""
        late: list[bool] = []
        limit = self.collection.call_later(PATIENCE, late.append, True)
        while not done():
            self.collection.run_once()
            if late:
                pytest.fail(f"it was not done in time: {self.states[-2:]} {self.lines[-5:]}")
        limit.cancel()

    def hears(self, text: str) -> str:
        """Take turns until a line that has `text` in it is shown; return the line, once."""
        self.until(lambda: any(text in line for line in self.lines))
        number = next(n for n, line in enumerate(self.lines) if text in line)
        line = self.lines[number]
        del self.lines[: number + 1]
        return line

    def is_offered(self) -> Transfer:
        """Take turns until there is one transfer; return it."""
        self.until(lambda: self.network.desk.transfers)
        [transfer] = self.network.desk.transfers.values()
        return transfer

    def files(self) -> list[Path]:
        """Return what is in its folder."""
        return sorted(self.place.folder.iterdir()) if self.place.folder.exists() else []


def place_at(server: ChatServer, nick: str, folder: Path, *, tls: bool = True) -> Place:
    """Return where that server is for a window."""
    description = ClientTLS(trusted_file=server.certificate) if tls else None
    port = server.tls_port if tls else server.port
    return Place("localhost", port, description, nick, folder / nick)
