"""What a line of a guest means: a command, or something to be said."""

from collections.abc import Callable
from typing import Final

from parcels import Porter
from rooms import Guest, Hall, Refused

from reactor.errors import escaped

HELP: Final = (
    "* /nick NAME, /join ROOM, /who, /send NAME SIZE FILE, /accept N, /cancel N, /quit; "
    "anything else is said to your room"
)


def obey(hall: Hall, porter: Porter, guest: Guest, line: bytes) -> None:
    """Do what a line asks for.

    Args:
        hall: where the guest is.
        porter: who has the files there.
        guest: whose line it is.
        line: its bytes as they came, without the line end; nothing is trusted yet.

    Raises:
        Refused: it cannot be done; the text is for the guest.
    """
    text = readable(line)
    if not text:
        return
    if not text.startswith("/"):
        hall.say(guest, text)
        return
    word, _, argument = text.partition(" ")
    word = word.lower()
    if word in COMMANDS:
        COMMANDS[word](hall, guest, argument)
    elif word in FILE_COMMANDS:
        FILE_COMMANDS[word](porter, guest, argument)
    else:
        raise Refused(f"there is no command {word}; /help tells what can be done")


def readable(line: bytes) -> str:
    """Make text of bytes that is safe on anybody's terminal.

    An escape sequence in it could move a reader's cursor, or write into his clipboard.
    """
    try:
        return escaped(line.decode().strip())
    except UnicodeDecodeError:
        raise Refused("that line was not UTF-8, and nobody has seen it") from None


COMMANDS: Final[dict[str, Callable[[Hall, Guest, str], None]]] = {
    "/nick": Hall.rename,
    "/join": Hall.join,
    "/who": lambda hall, guest, _: hall.who(guest),
    "/quit": lambda _hall, guest, _: guest.dismiss(),
    "/help": lambda _hall, guest, _: guest.tell(HELP),
}

FILE_COMMANDS: Final[dict[str, Callable[[Porter, Guest, str], None]]] = {
    "/send": Porter.offer,
    "/accept": Porter.accept,
    "/cancel": Porter.cancel,
}
