"""Health: how the loop is doing, counted by the turn and never by the event.

A turn that takes long delays everybody, so the longest is kept. Whose callback it was is known
only if somebody pays for it: `slow_callback_names=True` times every single one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from reactor.loop.wait_state import WaitState

# A callback that takes longer gets its name kept: about what the user of a window notices.
SLOW_CALLBACK: Final = 0.050  # seconds


class Health:
    """Counters of one collection.

    Thread: written by the owner's, read by any. Calls back: never. Source: LW-015, CL-88.
    """

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "clock",
        "longest_callback",
        "longest_turn",
        "naming",
        "timer_lag",
        "turns",
    )

    def __init__(self, clock: Callable[[], float], naming: bool) -> None:
        self.clock = clock
        self.naming = naming  # whether callbacks are timed one by one
        self.turns = 0
        self.longest_turn = 0.0  # seconds
        self.longest_callback: tuple[str | None, float] = (None, 0.0)
        self.timer_lag = 0.0  # seconds; the most that a timer ran too late
        self.bytes_in = 0  # of connections that are over; the open ones are asked
        self.bytes_out = 0

    def turn_took(self, seconds: float) -> None:
        """Count a turn."""
        self.turns += 1
        if seconds > self.longest_turn:
            self.longest_turn = seconds

    def callback_begins(self) -> float:
        """Return the moment, for `callback_took`; to be called only if `naming`."""
        return self.clock()

    def callback_took(self, thing: object, began: float) -> None:
        """Keep the name of the longest callback, if it was slow; only if `naming`."""
        seconds = self.clock() - began
        if seconds > SLOW_CALLBACK and seconds > self.longest_callback[1]:
            self.longest_callback = (repr(thing), seconds)

    def moved(self, bytes_in: int, bytes_out: int) -> None:
        """Count what a connection has moved that is over."""
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out

    def timer_was_late(self, seconds: float) -> None:
        """Keep the greatest lag."""
        if seconds > self.timer_lag:
            self.timer_lag = seconds

    def figures(self, states: Sequence[WaitState]) -> dict[str, Any]:
        """Return the counts, seconds and bytes by name; what is still open is asked now."""
        connections = [state for state in states if state.direction]
        return {
            "turns": self.turns,
            "longest_turn": self.longest_turn,
            "longest_callback": self.longest_callback,
            "timer_lag": self.timer_lag,
            "states": len(connections),
            "connections_in": sum(state.direction == "in" for state in connections),
            "connections_out": sum(state.direction == "out" for state in connections),
            "bytes_in": self.bytes_in + sum(state.bytes_in for state in connections),
            "bytes_out": self.bytes_out + sum(state.bytes_out for state in connections),
        }
