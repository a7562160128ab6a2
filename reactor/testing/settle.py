"""Settle: let a loop take turns until there is nothing left to do.

It takes the place of every sleep in a test. Time does not pass by it: a timer that is not due on
the collection's clock stays where it is, however many turns are taken.
"""

import typing
from typing import Final

QUIET_TURNS: Final = 2  # in a row; in the first, what was just written may still be under way


class TakesTurns(typing.Protocol):
    """Anything with a `run_once` that returns how many callbacks it ran: a collection."""

    def run_once(self, timeout: float | None) -> int:
        """Take one turn that waits at most `timeout` seconds."""


def settle(collection: TakesTurns, limit: int = 1000) -> None:
    """Take turns, none of which waits, until two in a row ran nothing.

    Args:
        collection: what takes the turns; the caller must own it.
        limit: how many turns may be taken.

    Raises:
        AssertionError: it is still busy after `limit` turns.

    Thread: the owner's. Calls back: whatever is due. Source: LW-005.
    """
    quiet = 0
    for _ in range(limit):
        quiet = 0 if collection.run_once(0) else quiet + 1
        if quiet == QUIET_TURNS:
            return
    raise AssertionError(f"{collection!r} is still busy after {limit} turns")
