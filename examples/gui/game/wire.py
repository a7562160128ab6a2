"""Wire: what the datagrams of the game look like. Bytes in, values out, and nothing else.

    move      magic, kind, token, cookie, sequence, stamp, x, y                player to server
    cookie    magic, kind, token, cookie                                       server to player
    full      magic, kind, token                                               server to player
    snapshot  magic, kind, token, time, stamp, held, number, it, count,        server to player
              then for each player: number, x, y

Numbers are in network order, times in milliseconds. A place in the room is two fractions of 65,535,
so there is no value that makes no sense. Whatever has another length or another beginning is
refused: a datagram may come from anybody. So each side has something that no stranger can guess:
the cookie is what the server has sent to an address, the token what the player has sent from it,
and each goes back to the other.
"""

import enum
import hmac
import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

Place: TypeAlias = tuple[float, float]  # from 0 to 1, each

MAGIC: Final = b"TAG2"
TOKEN_SIZE: Final = 8  # bytes
COOKIE_SIZE: Final = 8  # bytes
PLAYER_LIMIT: Final = 16  # in a room, and so in a snapshot
NOBODY: Final = 255  # in place of the number of a player
SPAN: Final = 65_535
WRAP: Final = 1 << 32

HEAD: Final = struct.Struct(f"!4sB{TOKEN_SIZE}s")
MOVE: Final = struct.Struct(f"!{COOKIE_SIZE}sIIHH")  # behind the head
SNAPSHOT: Final = struct.Struct("!IIHBBB")  # likewise
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
        token: random, the same in all moves of a player; the server says it back.
        cookie: what the server has sent to this address before.
        sequence: greater than that of each move before.
        stamp: the player's clock; comes back in a snapshot.
        place: in the room.
        leaving: whether it is the last one.
    """

    token: bytes
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
    body = MOVE.pack(move.cookie, *numbers, *fractions(move.place))
    return HEAD.pack(MAGIC, kind, move.token) + body


def read_move(data: bytes) -> Move:
    """Take a datagram from a player apart.

    Raises:
        Refused: it is none.
    """
    kind, token, body = opened(data)
    if len(body) != MOVE.size or kind not in (Kind.MOVE, Kind.LEAVE):
        raise Refused("that is no move")
    cookie, sequence, stamp, x, y = MOVE.unpack(body)
    return Move(token, cookie, sequence, stamp, (x / SPAN, y / SPAN), kind == Kind.LEAVE)


def pack_cookie(token: bytes, cookie: bytes) -> bytes:
    """Make a datagram of a cookie."""
    return HEAD.pack(MAGIC, Kind.COOKIE, token) + cookie


def pack_full(token: bytes) -> bytes:
    """Make the datagram that says that there is no room."""
    return HEAD.pack(MAGIC, Kind.FULL, token)


def pack_snapshot(token: bytes, snapshot: Snapshot) -> bytes:
    """Make a datagram of a snapshot."""
    body = SNAPSHOT.pack(
        *(snapshot.time % WRAP, snapshot.stamp, min(snapshot.held, SPAN)),
        *(snapshot.number, snapshot.it, len(snapshot.places)),
    )
    players = (PLAYER.pack(n, *fractions(place)) for n, place in snapshot.places.items())
    return HEAD.pack(MAGIC, Kind.SNAPSHOT, token) + body + b"".join(players)


def read_from_server(data: bytes, token: bytes) -> Said:
    """Take a datagram from the server apart.

    Raises:
        Refused: it is none, or does not have this player's token.
    """
    kind, theirs, body = opened(data)
    if not hmac.compare_digest(theirs, token):
        raise Refused("the server would know the token")
    if kind == Kind.COOKIE and len(body) == COOKIE_SIZE:
        return body
    if kind == Kind.FULL and not body:
        return None
    if kind == Kind.SNAPSHOT and len(body) >= SNAPSHOT.size:
        return read_snapshot(body)
    raise Refused("the server does not speak like that")


def read_snapshot(body: bytes) -> Snapshot:
    """Take a snapshot apart, without its head."""
    time, stamp, held, number, it, count = SNAPSHOT.unpack_from(body)
    if count > PLAYER_LIMIT or len(body) != SNAPSHOT.size + count * PLAYER.size:
        raise Refused("a snapshot has another length")
    players = PLAYER.iter_unpack(body[SNAPSHOT.size :])
    places = {one: (x / SPAN, y / SPAN) for one, x, y in players}
    if len(places) != count:
        raise Refused("somebody is in two places")
    return Snapshot(time, stamp, held, number, it, places)


def opened(data: bytes) -> tuple[int, bytes, bytes]:
    """Return what a datagram says it is, its token, and what is behind them."""
    if len(data) < HEAD.size:
        raise Refused("that is too short")
    magic, kind, token = HEAD.unpack_from(data)
    if magic != MAGIC:
        raise Refused("that is another game")
    return kind, token, data[HEAD.size :]


def fractions(place: Place) -> tuple[int, int]:
    """Write a place; what is outside of the room is at its wall."""
    x, y = (round(min(max(one, 0.0), 1.0) * SPAN) for one in place)
    return x, y


def newer(number: int, than: int) -> bool:
    """Tell whether a number that starts again at 2^32 is behind another one."""
    return 0 < (number - than) % WRAP < WRAP // 2
