"""Files from guest to guest, without their bytes: what is offered to whom, and what becomes of it.

Lines go through the room; the bytes of a file never do. Whoever gives it and whoever takes it gets
a key for one connection to another port, where `relay.py` puts the two together. So a slow taker
holds up his giver and nobody else, and people with `nc` can do it by hand:

    ann    /send bob 5 note.txt
    both   * file 1: ann offers bob 5 bytes, note.txt
    bob    /accept 1
    ann    * file 1: give it at port 4323 behind the line /put 5e1f...
    bob    * file 1: take it at port 4323 behind the line /get 77ab...
    both   * file 1: has arrived
"""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from rooms import Guest, Hall, Refused, key_of

FILE_SIZE_LIMIT: Final = 1 << 30  # bytes
FILE_NAME_LIMIT: Final = 100  # characters
PARCEL_LIMIT: Final = 4  # files that one may give at a time, and as many that he may be offered
KEY_SIZE: Final = 16  # random bytes: nobody guesses who may take what
PUT, GET = "/put", "/get"


@dataclass(eq=False)
class Parcel:
    """A file that is offered or on its way.

    Attributes:
        number: what people call it.
        giver: who offers it.
        taker: who may have it.
        size: in bytes, as its giver says; `relay.py` holds him to it.
        name: of the file, without its folder.
        accepted: whether its taker wants it.
        ends: its connections, under the word that they came with.
    """

    number: int
    giver: Guest
    taker: Guest
    size: int
    name: str
    accepted: bool = False
    ends: dict[str, Any] = field(default_factory=dict)

    def tell(self, text: str) -> None:
        """Tell both people what has become of it."""
        for guest in (self.giver, self.taker):
            guest.tell(f"* file {self.number}: {text}")


class Porter:
    """All parcels. His verbs are the commands of guests, and raise `Refused`, with a text for them.

    Args:
        hall: where the guests are.
    """

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.parcels: dict[int, Parcel] = {}
        self._keys: dict[str, tuple[str, Parcel]] = {}  # each opens one connection, once
        self._numbers = itertools.count(1)

    def offer(self, guest: Guest, argument: str) -> None:
        """Offer a file to somebody in the room: "NAME SIZE FILE"."""
        try:
            taker, size, name = self._checked_offer(guest, *argument.split(" ", 2))
        except (TypeError, Refused) as error:
            wrong = error if isinstance(error, Refused) else "say /send NAME SIZE FILE"
            # Whoever has asked by a program has to know which of his lines this answers.
            raise Refused(f"not offered: {wrong}") from error
        parcel = Parcel(next(self._numbers), guest, taker, size, name)
        self.parcels[parcel.number] = parcel
        parcel.tell(f"{guest.name} offers {taker.name} {size} bytes, {name}")

    def accept(self, guest: Guest, argument: str) -> None:
        """Give both sides the keys for their connections."""
        parcel = self._parcel_of(guest, argument)
        if guest is not parcel.taker or parcel.accepted:
            raise Refused(f"file {parcel.number} is not yours to accept, or you have done so")
        parcel.accepted = True
        for word, verb, person in ((PUT, "give", parcel.giver), (GET, "take", parcel.taker)):
            key = secrets.token_hex(KEY_SIZE)
            self._keys[key] = (word, parcel)
            where = f"at port {person.file_port} behind the line {word} {key}"
            person.tell(f"* file {parcel.number}: {verb} it {where}")

    def cancel(self, guest: Guest, argument: str) -> None:
        """Refuse a file, take an offer back, or stop what is on its way: either side may."""
        self.end(self._parcel_of(guest, argument), f"over, {guest.name} has cancelled it")

    def forget(self, guest: Guest) -> None:
        """End everything of somebody who has left."""
        for parcel in list(self.parcels.values()):
            if guest in (parcel.giver, parcel.taker):
                self.end(parcel, f"over, {guest.name} has left")

    def claim(self, line: str, end: Any) -> Parcel | None:
        """Let a connection be an end of the parcel that its first line has the key of.

        Args:
            line: `/put KEY` or `/get KEY`.
            end: something with an `abort()`, called if the parcel will not arrive.
        """
        word, _, key = line.partition(" ")
        wanted, parcel = self._keys.get(key, (None, None))
        if parcel is None or word != wanted:
            return None
        del self._keys[key]
        parcel.ends[word] = end
        return parcel

    def arrived(self, parcel: Parcel) -> None:
        """Tell both that the taker has everything."""
        self.end(parcel, "has arrived", lambda end: end.close())

    def end(
        self, parcel: Parcel, text: str, last: Callable[[Any], object] = lambda end: end.abort()
    ) -> None:
        """Tell both what has become of a parcel, and end its connections; once more is nothing."""
        if self.parcels.pop(parcel.number, None) is None:
            return
        self._keys = {key: claim for key, claim in self._keys.items() if claim[1] is not parcel}
        parcel.tell(text)
        for end in parcel.ends.values():
            last(end)

    def _checked_offer(
        self, guest: Guest, who: str = "", size: str = "", name: str = ""
    ) -> tuple[Guest, int, str]:
        taker = self.hall.guests.get(key_of(who))
        if taker is None or taker is guest or taker.room is not guest.room:
            raise Refused(f"nobody else here is called {who or '...'}")
        if not (size.isascii() and size.isdigit()) or int(size) > FILE_SIZE_LIMIT:
            raise Refused(f"a file has at most {FILE_SIZE_LIMIT} bytes, a number, and not {size}")
        if sum(parcel.giver is guest for parcel in self.parcels.values()) >= PARCEL_LIMIT:
            raise Refused(f"{PARCEL_LIMIT} files of yours are under way")
        if sum(parcel.taker is taker for parcel in self.parcels.values()) >= PARCEL_LIMIT:
            raise Refused(f"{taker.name} has {PARCEL_LIMIT} offers to look at")
        return taker, int(size), checked_file_name(name)

    def _parcel_of(self, guest: Guest, argument: str) -> Parcel:
        number = int(argument) if argument.isascii() and argument.isdigit() else 0
        parcel = self.parcels.get(number)
        if parcel is None or guest not in (parcel.giver, parcel.taker):
            raise Refused(f"you have no file {argument or '...'}")
        return parcel


def checked_file_name(name: str) -> str:
    """Return the last part of a path, of any system's, or refuse it.

    What the taker's program calls the file is its own business, and it should not trust us.
    """
    name = name.replace("\\", "/").rpartition("/")[2].strip()
    if not name.strip("."):
        raise Refused("the name of the file is missing")
    if len(name) > FILE_NAME_LIMIT:
        raise Refused(f"the name of a file has {FILE_NAME_LIMIT} characters at most")
    return name
