"""Company: who is in the room with us, by what the server says of coming and going."""

import re
from collections.abc import Callable
from typing import Final

PEOPLE_LIMIT: Final = 1000  # names that are kept


class Company:
    """Our name, our room, and the names of all who are there.

    The server's own lines begin with a star, and nobody's words do; names have no blanks in them.

    Args:
        changed: called when any of that is another.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self.name = ""
        self.room = ""
        self.names: dict[str, None] = {}  # in the order in which they came
        self._changed = changed

    def hears(self, line: str) -> bool:
        """Learn from a line; true if it need not be shown as well."""
        for pattern, learn in NEWS:
            match = pattern.fullmatch(line)
            if match is not None:
                learn(self, *match.groups())
                self._changed()
                return learn is Company.be_among
        return False

    def clear(self) -> None:
        """Be nowhere."""
        self.room = ""
        self.names.clear()
        self._changed()

    def be_called(self, name: str) -> None:
        """Have a name."""
        self.name = name

    def be_among(self, room: str, names: str) -> None:
        """Be in a room, with these; a list that is cut short takes nobody away."""
        listed, short = re.subn(r" and \d+ more$", "", names)
        if not short or room != self.room:
            self.names = {}
        self.room = room
        for name in listed.split(", "):
            self.meet(name)

    def meet(self, name: str) -> None:
        """Have one more there."""
        if len(self.names) < PEOPLE_LIMIT:
            self.names[name] = None

    def miss(self, name: str) -> None:
        """Have one less."""
        self.names.pop(name, None)

    def rename(self, old: str, new: str) -> None:
        """Know somebody by another name."""
        if old == self.name:
            self.name = new
        self.names = {new if name == old else name: None for name in self.names}

    def __repr__(self) -> str:
        return f"<Company of {self.name}, {len(self.names)} in {self.room or 'no room'}>"


GOING: Final = r"has left|went to \S+|has gone silent|did not read and was dropped"
NEWS: Final[list[tuple[re.Pattern[str], Callable[..., None]]]] = [
    (re.compile(r"\* welcome, (\S+);.*"), Company.be_called),
    (re.compile(r"\* in (\S+): (.*)"), Company.be_among),
    (re.compile(r"\* (\S+) has come to \S+"), Company.meet),
    (re.compile(rf"\* (\S+) (?:{GOING})"), Company.miss),
    (re.compile(r"\* (\S+) is now (\S+)"), Company.rename),
]
