"""Transfers: the bytes of a file, on a connection of their own, given or taken.

Both ways are cut into turns, so the window is painted in between: a giver hands over one piece,
and the next when the kernel has taken that; a taker writes down what has come. Nothing piles up
in memory. A file that has not come wholly is removed, and one that has replaces nothing.

There is no window here and no chat: `desk` tells a transfer when to go, and is told its end.
"""

import contextlib
import enum
import itertools
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from reactor import Protocol, Transport, WaitStateCollection

PIECE_SIZE: Final = 256 * 1024  # bytes, read and written in one turn
PROGRESS_TIMEOUT: Final = 60.0  # seconds in which a byte must move
GRACE: Final = 1.0  # seconds for the server to say why a connection has ended
SHOW_INTERVAL: Final = 0.05  # seconds; a bar that moves more often is not smoother
NAME_LIMIT: Final = 200  # bytes; file systems take 255, and there may be a number behind it
SUFFIX_LIMIT: Final = 16  # characters, for what comes behind the last dot
NAME_SHOWN: Final = 40  # characters in a window, its suffix among them
SAME_NAME_LIMIT: Final = 1000  # files of one name in a folder
NAME_SIGNS: Final = " .-_()"  # allowed in a file's name, besides letters and digits
DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\b", re.IGNORECASE)  # of Windows


class Phase(enum.Enum):
    """What a transfer is doing."""

    OFFERED, MOVING, OVER = range(3)


MOVES: Final = {
    Phase.OFFERED: {Phase.MOVING, Phase.OVER},  # nobody has accepted it yet
    Phase.MOVING: {Phase.OVER},
    Phase.OVER: set[Phase](),
}


class Transfer:
    """One file, from its offer to its end.

    Args:
        number: what the chat calls it.
        peer: the name of who is at the other end.
        path: of the file that is given; of the folder where one that comes is put.
        name: of the file; of one that comes, as a stranger says.
        size: in bytes.
        incoming: whether it comes.
        changed: called with it when there is something new to show.

    Attributes:
        phase: what it is doing.
        accepted: whether it may move: what comes, only if we have said so.
        count: bytes that have moved.
        outcome: a sentence, once it is over.
    """

    def __init__(
        self,
        number: int,
        peer: str,
        path: Path,
        *,
        name: str,
        size: int,
        incoming: bool,
        changed: "Callable[[Transfer], object]",
    ) -> None:
        self.number = number
        self.peer = peer
        self.path = path
        self.name = safe_name(name)
        self.size = size
        self.incoming = incoming
        self.phase = Phase.OFFERED
        self.accepted = not incoming
        self.count = 0
        self.outcome = ""
        self.stop: Callable[[], object] = lambda: None  # ends what moves it
        self._changed = changed

    @property
    def fraction(self) -> float:
        """How much has moved, from 0 to 1."""
        return self.count / self.size if self.size else float(self.phase is not Phase.OFFERED)

    @property
    def text(self) -> str:
        """One line for a window."""
        way = "from" if self.incoming else "to"
        name = self.name
        if len(name) > NAME_SHOWN:
            name = f"{name[: NAME_SHOWN - SUFFIX_LIMIT]}…{name[-SUFFIX_LIMIT:]}"
        if self.phase is Phase.OFFERED:
            return f"{name} {way} {self.peer}, {amount(self.size)}"
        return f"{name} {way} {self.peer}: {amount(self.count)} of {amount(self.size)}"

    def enter(self, phase: Phase, outcome: str = "") -> None:
        """Go on to that phase, and show it; what is over stays over."""
        if self.phase is Phase.OVER:
            return
        assert phase in MOVES[self.phase]
        self.phase, self.outcome = phase, outcome
        if phase is Phase.OVER:
            self.stop()
        self.show()

    def show(self) -> None:
        """Have it shown as it is now."""
        self._changed(self)


class Mover(Protocol):
    """One end of a file's connection.

    Args:
        collection: whose clock counts.
        transfer: what moves.
        line: the key, to be sent first.
        failed: called with it and the reason if it cannot go on.
    """

    transport: Transport

    def __init__(
        self,
        collection: WaitStateCollection,
        transfer: Transfer,
        line: str,
        failed: Callable[[Transfer, str], object],
    ) -> None:
        self.transfer = transfer
        self.failed = failed
        self.file: BinaryIO | None = None
        self.whole = False  # whether all of it is where it should be
        self._collection = collection
        self._line = line
        self._timer: Any = None  # when the window is to be shown how far it is

    def connection_made(self, transport: Transport) -> None:
        """Show the key."""
        self.transport = transport
        transport.set_timeouts(idle=PROGRESS_TIMEOUT)
        transport.write(f"{self._line}\n".encode())
        self.transfer.stop = self.stop

    def fail(self, error: OSError | str) -> None:
        """Give it up."""
        self.failed(self.transfer, str(error))

    def stop(self) -> None:
        """Leave nothing open: called when the transfer is over."""
        if self._timer is not None:
            self._timer.cancel()
        if self.file is not None:
            with contextlib.suppress(OSError):  # the disk is full, which has been said
                self.file.close()
        if self.whole:
            self.transport.close()
        else:
            self.transport.abort()

    def advance(self, count: int) -> None:
        """Count bytes, and show it a little later, with those that have come until then."""
        self.transfer.count += count
        if self.transfer.count == self.transfer.size:
            self.transfer.show()
        elif self._timer is None:
            self._timer = self._collection.call_later(SHOW_INTERVAL, self._show)

    def _show(self) -> None:
        self._timer = None
        self.transfer.show()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell, if it was in the middle: the server mostly says why, a moment later."""
        if not self.whole:
            reason = "its connection has ended" if exc is None else str(exc)
            self._collection.call_later(GRACE, self.failed, self.transfer, reason)


class Giver(Mover):
    """Sends a file."""

    def connection_made(self, transport: Transport) -> None:
        """Begin."""
        super().connection_made(transport)
        try:
            self.file = self.transfer.path.open("rb")
        except OSError as error:
            self.fail(error)
        else:
            self.give()

    def give(self) -> None:
        """Hand over a piece, and come again when it has gone."""
        left = self.transfer.size - self.transfer.count
        self.whole = not left
        if self.whole or self.file is None or self.file.closed:
            return
        try:
            piece = self.file.read(min(PIECE_SIZE, left))
        except OSError as error:
            self.fail(error)
            return
        if not piece:
            self.fail("the file has become shorter")
            return
        self.transport.write(piece)
        self.advance(len(piece))
        self.transport.when_sent(self.give)


class Taker(Mover):
    """Receives a file, under another name until it is whole."""

    _aside: Path | None = None

    def connection_made(self, transport: Transport) -> None:
        """Begin."""
        super().connection_made(transport)
        try:
            self.transfer.path.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(".part", ".", self.transfer.path)
            self._aside = Path(name)
            self.file = open(number, "wb")  # noqa: SIM115  # closed by `stop`
            if not self.transfer.size:
                self.keep()
        except OSError as error:
            self.fail(error)

    def data_received(self, data: bytes) -> None:
        """Write it down, or end."""
        if self.file is None or self.file.closed:
            return
        if self.transfer.count + len(data) > self.transfer.size:
            self.fail("more has come than was said")
            return
        try:
            self.file.write(data)
            self.advance(len(data))
            if self.transfer.count == self.transfer.size:
                self.keep()
        except OSError as error:  # the disk is full
            self.fail(error)

    def keep(self) -> None:
        """Give the file its name, and close: that tells the server that we have it."""
        assert self.file is not None
        assert self._aside is not None
        self.file.close()
        place = free_place(self.transfer.path, self.transfer.name)
        try:
            self._aside.replace(place)
        except OSError:
            place.unlink(missing_ok=True)
            raise
        self._aside = None
        self.whole = True
        self.transfer.enter(Phase.OVER, f"{self.transfer.name} is in {place}")

    def stop(self) -> None:
        """Remove what is not whole."""
        super().stop()
        if self._aside is not None:
            with contextlib.suppress(OSError):
                self._aside.unlink()


def safe_name(name: str) -> str:
    """Make a file's name of what a stranger says: no folder, nothing hidden, nothing strange."""
    last = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    signs = (sign if belongs(sign) else "_" for sign in last)
    stem, suffix = os.path.splitext("".join(signs).strip(" ."))
    stem = f"_{stem}" if DEVICES.match(stem) else stem
    suffix = suffix[:SUFFIX_LIMIT]
    room = NAME_LIMIT - len(suffix.encode())
    return (stem.encode()[:room].decode(errors="ignore") + suffix).rstrip(" .") or "file"


def belongs(sign: str) -> bool:
    """Tell whether a name may have it: letters, digits, marks on these, as in Hindi, and a few."""
    return sign.isalnum() or sign in NAME_SIGNS or unicodedata.category(sign) in ("Mn", "Mc")


def free_place(folder: Path, name: str) -> Path:
    """Return a path that nothing has had; it is taken by an empty file from now on.

    Raises:
        OSError: the folder cannot be written, or has too many of that name.
    """
    stem, suffix = os.path.splitext(name)
    for number in itertools.count(1):
        place = folder / (name if number == 1 else f"{stem} ({number}){suffix}")
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            if number == SAME_NAME_LIMIT:
                raise
        else:
            return place
    raise AssertionError("it counts on for ever")


def amount(size: float) -> str:
    """Write a number of bytes for people."""
    if size < 1000:
        return f"{size} B"
    for unit in ("kB", "MB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} GB"
