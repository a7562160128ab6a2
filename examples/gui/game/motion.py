"""Motion: where others are to be shown between two datagrams.

They are shown as they were a tenth of a second ago. That is two snapshots; so there is nearly
always one before that moment and one behind it, and the way between them is a straight line. One
that is lost is not missed, and nobody jumps. What is not known is not guessed: who is not heard of
stands.
"""

import math
from collections import deque
from collections.abc import Mapping
from typing import Final

from wire import WRAP, Place, newer

BEHIND: Final = 0.1  # seconds
SAMPLE_LIMIT: Final = 64  # of one player; three seconds
CREEP: Final = 0.01  # of a difference that is taken over each time


class Scene:
    """Everybody, at a moment of the server's clock as it is seen from here.

    A datagram is never early, but often late. So of all differences between the clocks the smallest
    is the truest; it is taken at once, and a greater one only little by little, since clocks drift.
    """

    def __init__(self) -> None:
        self.seen_at = -math.inf  # the moment at which the latest snapshot has come
        self._time: int | None = None  # of the latest snapshot, as it stood there
        self._seconds = 0.0  # the same, without starting again at 2^32
        self._offset = 0.0
        self._tracks: dict[int, Track] = {}

    def see(self, time: int, places: Mapping[int, Place], now: float) -> bool:
        """Take a snapshot; false if a later one has overtaken it.

        Args:
            time: the server's, in milliseconds.
            places: of everybody who is there, by number.
            now: the moment at which it has come.
        """
        if self._time is None:
            self._offset = now
        elif newer(time, self._time):
            self._seconds += (time - self._time) % WRAP / 1000
        else:
            return False
        self._time, self.seen_at = time, now
        difference = now - self._seconds - self._offset
        self._offset += difference if difference < 0 else CREEP * difference
        self._tracks = {number: self._tracks.get(number) or Track() for number in places}
        for number, place in places.items():
            self._tracks[number].add(self._seconds, place)
        return True

    def at(self, now: float) -> dict[int, Place]:
        """Return where everybody is to be shown now."""
        moment = now - self._offset - BEHIND
        return {number: track.at(moment) for number, track in self._tracks.items()}


class Track:
    """Where one player was, lately."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Place]] = deque(maxlen=SAMPLE_LIMIT)

    def add(self, moment: float, place: Place) -> None:
        """Take a place; moments only grow."""
        self._samples.append((moment, place))

    def at(self, moment: float) -> Place:
        """Return where the player was; before the first and behind the last known place: there."""
        later, there = self._samples[-1]
        if later <= moment:
            return there
        for earlier, here in reversed(self._samples):
            if earlier <= moment:
                return between(here, there, (moment - earlier) / (later - earlier))
            later, there = earlier, here
        return there


def between(here: Place, there: Place, share: float) -> Place:
    """Return a place on the way."""
    return here[0] + share * (there[0] - here[0]), here[1] + share * (there[1] - here[1])
