"""Pauses: a line of events that may stand still, and what is caught up behind that.

The host makes one call for each event. One that comes while nothing may be taken is *skipped*, and
owed. What is owed is caught up by one call, which delivers one event and then has itself made
again: so a protocol that pauses behind each event costs no more than one that does not.
"""

import functools
from collections.abc import Callable

from reactor.hosts.aside.delivery import Delivery, Way
from reactor.protocol import BaseProtocol
from reactor.transport import DRAIN_TIMEOUT


class PausingDelivery(Delivery):
    """A delivery whose protocol may pause it.

    Attributes:
        paused: whether the protocol has done so.

    Thread: the host's. Calls back: hooks of the protocol, from the host's loop only.
    Source: HO-03, PR-07.
    """

    __slots__ = ("_catching_up", "_skipped", "paused")

    def __init__(self, way: Way, factory: Callable[[], BaseProtocol]) -> None:
        super().__init__(way, factory)
        self._skipped = 0  # calls that came while nothing could be taken
        self._catching_up = False  # whether a call for them is on its way
        self.paused = False

    def silence(self) -> None:
        """Deliver nothing but the end from now on, even in a pause."""
        super().silence()
        self.go_on()

    def go_on(self) -> None:
        """Deliver what was skipped in a pause."""
        self.paused = False
        self._make_up()

    def end_pause(self, gone: int | None = None) -> None:
        """Deliver the end, and nothing before it, unless more has gone than that meanwhile."""
        if self.paused and gone in {None, self._gone}:
            self.silence()

    def _make_up(self) -> None:
        """Have the calls made that were skipped, one behind the other."""
        if self._skipped and not self._catching_up:
            self._way.pass_on(self._catch_up, self.context)
            self._catching_up = True

    def _catch_up(self) -> None:
        """Make a call that was skipped, and see to the next one unless this is skipped again."""
        self._catching_up = False
        skipped = self._skipped
        if not skipped:
            return  # others have been faster
        self._skipped -= 1
        try:
            self._deliver()
        finally:  # a ^C may come out of a hook
            if self._skipped < skipped and self._way.at_home:
                self._make_up()

    def _skips(self) -> bool:
        if not self.paused or self.over:
            return False
        self._skipped += 1
        if self._skipped == len(self._events) and self._events[-1][0] == self._lost:
            self._limit_pause()
        return True

    def _limit_pause(self) -> None:
        """Let nothing but the end wait for a protocol that may never resume: it is the last call.

        As with any transport there is a limit, and it is for a pause in which nothing is taken.
        """
        end = functools.partial(self.end_pause, self._gone)
        pass_on = functools.partial(self._way.pass_on, end, self.context)
        call_later = self._way.collection.call_later
        self._way.ask_or_else(functools.partial(call_later, DRAIN_TIMEOUT, pass_on), pass_on)
