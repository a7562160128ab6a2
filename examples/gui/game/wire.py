"""Wire: what the datagrams of the game look like. Bytes in, values out, and nothing else.

    move      magic, kind, cookie, sequence, stamp, x, y                       player to server
    cookie    magic, kind, cookie                                              server to player
    full      magic, kind                                                      server to player
    snapshot  magic, kind, time, stamp, held, number, it, count, then for      server to player
              each player: number, x, y

Numbers are in network order, times in milliseconds. A place in the room is two fractions of 65,535,
so there is no value that makes no sense. Whatever has another length or another beginning is
refused: a datagram may come from anybody.
"""

import enum
import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

Place: TypeAlias = tuple[float, float]  # from 0 to 1, each

MAGIC: Final = b"TAG1"
COOKIE_SIZE: Final = 8  # bytes
PLAYER_LIMIT: Final = 16  # in a room, and so in a snapshot
NOBODY: Final = 255  # in place of the number of a player
SPAN: Final = 65_535
WRAP: Final = 1 << 32

HEAD: Final = struct.Struct("!4sB")
MOVE: Final = struct.Struct("!4sB8sIIHH")
SNAPSHOT: Final = struct.Struct("!4sBIIHBBB")
PLAYER: Final = struct.Struct("!BHH")


class Refused(ValueError):
    """That is no datagram of the game."""


class Kind(enum.IntEnum):
    """What a datagram is."""

    MOVE = 1
    LEAVE = 2  # a last move
    COOKIE = 3
    FULL = 4
    SNAPSHOT = 5


@dataclass(frozen=True)
class Move:
    """Where a player is.

    Attributes:
        cookie: what the server has sent to this address before.
        sequence: greater than that of each move before.
        stamp: the player's clock; comes back in a snapshot.
        place: in the room.
        leaving: whether it is the last one.
    """

    cookie: bytes
    sequence: int
    stamp: int
    place: Place
    leaving: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Where everybody is.

    Attributes:
        time: the server's clock.
        stamp: the latest that came from this player.
        held: for how long the server has had that.
        number: of this player.
        it: the number of the one who is to be run away from.
        places: by number; this player's, too.
    """

    time: int
    stamp: int
    held: int
    number: int
    it: int
    places: dict[int, Place]


Said: TypeAlias = Snapshot | bytes | None  # a snapshot, a cookie, or that the room is full


def pack_move(move: Move) -> bytes:
    """Make a datagram of a move."""
    kind = Kind.LEAVE if move.leaving else Kind.MOVE
    numbers = (move.sequence % WRAP, move.stamp % WRAP)
    return MOVE.pack(MAGIC, kind, move.cookie, *numbers, *fractions(move.place))


def read_move(data: bytes) -> Move:
    """Take a datagram from a player apart.

    Raises:
        Refused: it is none.
    """
    if len(data) != MOVE.size or kind_of(data) not in (Kind.MOVE, Kind.LEAVE):
        raise Refused("that is no move")
    _, kind, cookie, sequence, stamp, x, y = MOVE.unpack(data)
    return Move(cookie, sequence, stamp, (x / SPAN, y / SPAN), kind == Kind.LEAVE)


def pack_cookie(cookie: bytes) -> bytes:
    """Make a datagram of a cookie."""
    return HEAD.pack(MAGIC, Kind.COOKIE) + cookie


def pack_full() -> bytes:
    """Make the datagram that says that there is no room."""
    return HEAD.pack(MAGIC, Kind.FULL)


def pack_snapshot(snapshot: Snapshot) -> bytes:
    """Make a datagram of a snapshot."""
    head = SNAPSHOT.pack(
        *(MAGIC, Kind.SNAPSHOT, snapshot.time % WRAP, snapshot.stamp, min(snapshot.held, SPAN)),
        *(snapshot.number, snapshot.it, len(snapshot.places)),
    )
    players = (PLAYER.pack(n, *fractions(place)) for n, place in snapshot.places.items())
    return head + b"".join(players)


def read_from_server(data: bytes) -> Said:
    """Take a datagram from the server apart.

    Raises:
        Refused: it is none.
    """
    kind = kind_of(data)
    if kind == Kind.COOKIE and len(data) == HEAD.size + COOKIE_SIZE:
        return data[HEAD.size :]
    if kind == Kind.FULL and len(data) == HEAD.size:
        return None
    if kind == Kind.SNAPSHOT and len(data) >= SNAPSHOT.size:
        return read_snapshot(data)
    raise Refused("the server does not speak like that")


def read_snapshot(data: bytes) -> Snapshot:
    """Take a snapshot apart."""
    _, _, time, stamp, held, number, it, count = SNAPSHOT.unpack_from(data)
    if count > PLAYER_LIMIT or len(data) != SNAPSHOT.size + count * PLAYER.size:
        raise Refused("a snapshot has another length")
    players = PLAYER.iter_unpack(data[SNAPSHOT.size :])
    places = {one: (x / SPAN, y / SPAN) for one, x, y in players}
    if len(places) != count:
        raise Refused("somebody is in two places")
    return Snapshot(time, stamp, held, number, it, places)


def kind_of(data: bytes) -> int:
    """Return what a datagram says it is."""
    if len(data) < HEAD.size:
        raise Refused("that is too short")
    magic, kind = HEAD.unpack_from(data)
    if magic != MAGIC:
        raise Refused("that is another game")
    return int(kind)


def fractions(place: Place) -> tuple[int, int]:
    """Write a place; what is outside of the room is at its wall."""
    x, y = (round(min(max(one, 0.0), 1.0) * SPAN) for one in place)
    return x, y


def newer(number: int, than: int) -> bool:
    """Tell whether a number that starts again at 2^32 is behind another one."""
    return 0 < (number - than) % WRAP < WRAP // 2
