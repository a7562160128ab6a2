"""The chat without its network: who is there, under which name, in which room.

A `Guest` is whoever can be told something. How that reaches him is known to `connection.py` only,
so everything here is tested by calling it.
"""

import itertools
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

NAME_LIMIT: Final = 24  # characters of a nickname or a room's name
NAME_SIGNS: Final = "-_"  # allowed in a name, besides letters and digits of any script
ROOM_LIMIT: Final = 64  # rooms; one that is empty is gone
WHO_LIMIT: Final = 50  # names in one answer of /who, which stays one short line
LOBBY: Final = "lobby"


class Refused(Exception):
    """What a guest asked for cannot be; the text is for him."""


@dataclass(eq=False)
class Guest:
    """Somebody who is connected.

    Attributes:
        name: what he is called; nobody else is.
        tell: shows one line of text to him; it never raises.
        dismiss: ends his connection when he has been told everything.
        file_port: where the connections for his files go.
        room: where he is; the hall takes him there.
    """

    name: str
    tell: Callable[[str], None]
    dismiss: Callable[[], None]
    file_port: int
    room: "Room" = field(init=False)


@dataclass(eq=False)
class Room:
    """Those who hear each other; a dict, so that they stay in the order in which they came."""

    name: str
    guests: dict[Guest, None] = field(default_factory=dict)

    def tell(self, text: str, *, but: Guest | None = None) -> None:
        """Show a line to everybody here `but` one."""
        for guest in self.guests:
            if guest is not but:
                guest.tell(text)


class Hall:
    """All rooms and all guests."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}  # by the key of the name
        self.guests: dict[str, Guest] = {}  # likewise
        self._numbers = itertools.count(1)

    def enter(
        self, tell: Callable[[str], None], dismiss: Callable[[], None], file_port: int = 0
    ) -> Guest:
        """Let somebody in, give him a name, and take him to the lobby."""
        names = (f"guest{number}" for number in self._numbers)
        name = next(name for name in names if name not in self.guests)
        guest = Guest(name, tell, dismiss, file_port)
        self.guests[key_of(guest.name)] = guest
        guest.tell(f"* welcome, {guest.name}; /help tells what can be done")
        self._take_to(guest, LOBBY)
        return guest

    def leave(self, guest: Guest, reason: str) -> None:
        """Let somebody out, and tell those who stay."""
        del self.guests[key_of(guest.name)]
        self._take_out(guest, reason)

    def rename(self, guest: Guest, name: str) -> None:
        """Give a guest another name, which nobody else may have."""
        name = checked_name(name)
        if self.guests.get(key_of(name), guest) is not guest:
            raise Refused(f"somebody is called {name} already")
        del self.guests[key_of(guest.name)]
        self.guests[key_of(name)] = guest
        guest.room.tell(f"* {guest.name} is now {name}")
        guest.name = name

    def join(self, guest: Guest, name: str) -> None:
        """Take a guest to another room, which is made if there is none of that name."""
        name = checked_name(name)
        if key_of(name) == key_of(guest.room.name):
            raise Refused(f"you are in {guest.room.name} already")
        # Whoever is alone gives a room back when he leaves it.
        room_count = len(self.rooms) - (len(guest.room.guests) == 1)
        if key_of(name) not in self.rooms and room_count >= ROOM_LIMIT:
            raise Refused(f"there are {ROOM_LIMIT} rooms already: join one of them")
        self._take_out(guest, f"went to {name}")
        self._take_to(guest, name)

    def say(self, guest: Guest, text: str) -> None:
        """Show what a guest says to the others in his room."""
        guest.room.tell(f"<{guest.name}> {text}", but=guest)

    def who(self, guest: Guest) -> None:
        """Tell a guest who is in his room."""
        names = [other.name for other in itertools.islice(guest.room.guests, WHO_LIMIT)]
        more = len(guest.room.guests) - len(names)
        rest = f" and {more} more" if more else ""
        guest.tell(f"* in {guest.room.name}: {', '.join(names)}{rest}")

    def _take_to(self, guest: Guest, name: str) -> None:
        guest.room = self.rooms.setdefault(key_of(name), Room(name))
        guest.room.tell(f"* {guest.name} has come to {guest.room.name}")
        guest.room.guests[guest] = None
        self.who(guest)

    def _take_out(self, guest: Guest, reason: str) -> None:
        room = guest.room
        del room.guests[guest]
        if not room.guests:
            del self.rooms[key_of(room.name)]
        room.tell(f"* {guest.name} {reason}")


def key_of(name: str) -> str:
    """Make equal what looks equal to people: case, and the several codes of one letter."""
    return unicodedata.normalize("NFKC", name).casefold()


def checked_name(name: str) -> str:
    """Return a name as it will be shown, or refuse it."""
    name = unicodedata.normalize("NFKC", name.strip())
    if not name:
        raise Refused("a name is missing")
    if len(name) > NAME_LIMIT:
        raise Refused(f"a name has {NAME_LIMIT} characters at most, not {len(name)}")
    if not all(sign.isalnum() or sign in NAME_SIGNS for sign in name):
        raise Refused(f"a name is made of letters, digits and {' '.join(NAME_SIGNS)}")
    return name
