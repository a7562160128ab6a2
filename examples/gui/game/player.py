"""Player: one end of the game, without a window.

It says thirty times a second where it is, whether anybody listens or not: that is how it comes in,
stays in, and comes back when the server was away. Nothing is ever sent again; the next move is
better than a lost one.
"""

import enum
import os
from typing import Any, Final

from motion import Scene
from room import milliseconds
from wire import (
    COOKIE_SIZE,
    NOBODY,
    TOKEN_SIZE,
    WRAP,
    Move,
    Place,
    Refused,
    Snapshot,
    pack_move,
    read_from_server,
)

from reactor import DatagramProtocol, DatagramTransport, WaitStateCollection

MOVES_EVERY: Final = 1 / 30  # seconds
SILENCE_LIMIT: Final = 1.0  # seconds without a snapshot, and nobody is there
SMOOTHING: Final = 0.1  # of each new latency, in the one that is shown


class Condition(enum.Enum):
    """What there is to say to the user."""

    SEARCHING = "nobody answers"
    FULL = "the room is full"
    PLAYING = "playing"


class Player(DatagramProtocol):
    """Us, on an endpoint whose peer is the server.

    Args:
        collection: whose loop and clock it uses.

    Attributes:
        place: where we are; set it whenever we move.
        number: ours.
        it: the number of who is it.
        latency: seconds from a move to the snapshot that answers it, without the time that the
            server has kept it; None before the first.
    """

    def __init__(self, collection: WaitStateCollection) -> None:
        self.place: Place = (0.5, 0.5)
        self.number = self.it = NOBODY
        self.latency: float | None = None
        self._collection = collection
        self._token = os.urandom(TOKEN_SIZE)
        self._cookie = bytes(COOKIE_SIZE)
        self._sequence = 0
        self._timer: Any = None
        self._full = False
        self._scene = Scene()
        self.transport: DatagramTransport | None = None

    @property
    def condition(self) -> Condition:
        """Whether we play, and if not, why."""
        if self._collection.time() - self._scene.seen_at <= SILENCE_LIMIT:
            return Condition.PLAYING
        return Condition.FULL if self._full else Condition.SEARCHING

    def others(self) -> dict[int, Place]:
        """Return where the others are to be shown now, by number."""
        places = self._scene.at(self._collection.time())
        places.pop(self.number, None)
        return places

    def leave(self) -> None:
        """Say goodbye, and end."""
        if self.transport is not None and not self.transport.is_closing():
            self._say(leaving=True)
            self.transport.close()

    # Called by the transport.

    def connection_made(self, transport: DatagramTransport) -> None:
        """Begin to say where we are."""
        self.transport = transport
        self._timer = self._collection.call_every(MOVES_EVERY, self._say)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Say no more."""
        self._timer.cancel()

    def datagram_received(self, data: Any, addr: Any) -> None:
        """Take what the server says.

        The kernel drops what comes from another address; who forges that one lacks our token.
        """
        try:
            said = read_from_server(data, self._token)
        except Refused:
            return
        if isinstance(said, Snapshot):
            self._full = False
            self._see(said)
        elif said is None:
            self._full = True
        elif said != self._cookie:  # a new server, perhaps, whose clock is another
            self._cookie, self._scene = said, Scene()

    def _see(self, snapshot: Snapshot) -> None:
        now = self._collection.time()
        if not self._scene.see(snapshot.time, snapshot.places, now):
            if now - self._scene.seen_at <= SILENCE_LIMIT:
                return
            self._scene = Scene()  # one that was far ahead is not waited for: it was wrong
            self._scene.see(snapshot.time, snapshot.places, now)
        self.number, self.it = snapshot.number, snapshot.it
        took = (milliseconds(now) - snapshot.stamp - snapshot.held) % WRAP / 1000
        if took <= SILENCE_LIMIT:
            self.latency = took if self.latency is None else self._smoothed(self.latency, took)

    def _smoothed(self, before: float, latest: float) -> float:
        return before + SMOOTHING * (latest - before)

    def _say(self, *, leaving: bool = False) -> None:
        self._sequence += 1
        stamp = milliseconds(self._collection.time())
        move = Move(self._token, self._cookie, self._sequence, stamp, self.place, leaving)
        assert self.transport is not None
        if not self.transport.get_write_buffer_size():  # else the last one has not left yet
            self.transport.sendto(pack_move(move))
