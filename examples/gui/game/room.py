"""Room: who plays, where they are, and who is it. No network here, and no clock.

The rules of the game: one is it, and gives that away by touching somebody, who has a second to run.
A player who is not heard of for a while has left.
"""

import itertools
import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from wire import NOBODY, PLAYER_LIMIT, WRAP, Move, Place, Snapshot, newer

SILENCE_LIMIT: Final = 3.0  # seconds
TOUCH: Final = 0.06  # of the room, from middle to middle
GRACE: Final = 1.0  # seconds in which nobody is touched again


@dataclass(eq=False)
class Seat:
    """Somebody's place in the room, as his latest move says.

    Attributes:
        number: his, until he leaves.
        move: the latest.
        heard: when that came.
    """

    number: int
    move: Move
    heard: float


class Room:
    """All players, by whatever tells them apart; moments are given by who calls."""

    def __init__(self) -> None:
        self.seats: dict[Any, Seat] = {}
        self._it = NOBODY
        self._safe_until = -math.inf

    def move(self, who: Hashable, move: Move, now: float) -> bool:
        """Let somebody move, and in, if he is new; false if there is no room for him.

        A move that another one has overtaken does nothing.
        """
        seat = self.seats.get(who)
        if seat is None:
            if len(self.seats) >= PLAYER_LIMIT:
                return False
            self.seats[who] = Seat(self._free_number(), move, now)
        elif newer(move.sequence, seat.move.sequence):
            seat.move, seat.heard = move, now
        return True

    def leave(self, who: Hashable) -> None:
        """Let somebody go, if he was there."""
        self.seats.pop(who, None)

    def advance(self, now: float) -> None:
        """Do what the time brings: the silent are gone, and who is touched is it."""
        for who, seat in list(self.seats.items()):
            if now - seat.heard > SILENCE_LIMIT:
                self.leave(who)
        places = self.places()
        if self._it not in places:
            self._it = min(places, default=NOBODY)
            self._safe_until = now + GRACE
        elif now >= self._safe_until:
            distance = {n: math.dist(places[self._it], place) for n, place in places.items()}
            del distance[self._it]
            nearest = min(distance, key=distance.__getitem__, default=NOBODY)
            if nearest != NOBODY and distance[nearest] <= TOUCH:
                self._it, self._safe_until = nearest, now + GRACE

    def places(self) -> dict[int, Place]:
        """Return where everybody is, by number."""
        return {seat.number: seat.move.place for seat in self.seats.values()}

    def snapshot(self, seat: Seat, now: float) -> Snapshot:
        """Return what somebody is told."""
        return Snapshot(
            time=milliseconds(now),
            stamp=seat.move.stamp,
            held=round((now - seat.heard) * 1000),
            number=seat.number,
            it=self._it,
            places=self.places(),
        )

    def _free_number(self) -> int:
        taken = {seat.number for seat in self.seats.values()}
        return next(number for number in itertools.count() if number not in taken)


def milliseconds(moment: float) -> int:
    """Write a moment as it stands in a datagram."""
    return round(moment * 1000) % WRAP
