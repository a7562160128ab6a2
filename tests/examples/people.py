"""People of the chat, for tests without a network."""

from __future__ import annotations

from commands import obey
from parcels import Porter
from rooms import Guest, Hall


class Person:
    """Somebody at a terminal, and what he has been told since he was asked last."""

    def __init__(self, hall: Hall, name: str | None = None, porter: Porter | None = None) -> None:
        self.hall = hall
        self.porter = porter or Porter(hall)
        self.told: list[str] = []
        self.dismissed = False
        self.guest: Guest = hall.enter(self.told.append, self._dismiss)
        if name is not None:
            self.types(f"/nick {name}")
        self.hears()

    def _dismiss(self) -> None:
        self.dismissed = True

    def types(self, line: str | bytes) -> None:
        """Send a line."""
        data = line.encode() if isinstance(line, str) else line
        obey(self.hall, self.porter, self.guest, data)

    def hears(self) -> list[str]:
        """Take what he was told."""
        told = self.told[:]
        self.told.clear()
        return told
