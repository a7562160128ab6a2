"""Turns that wait: for what passes through the kernel, which takes its time over TCP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reactor.loop.collection import WaitStateCollection

PATIENCE: Final = 0.5  # seconds for one event; an acknowledgement may be put off for a tenth of it
TURN_LIMIT: Final = 20_000


def until(collection: WaitStateCollection, done: Callable[[], object]) -> None:
    """Take turns, each of which waits for an event, until `done`; fail if none comes any more."""
    for _ in range(TURN_LIMIT):
        if done():
            return
        if not collection.run_once(PATIENCE) and not done():
            break
    assert done(), f"{collection!r} has nothing more to do"
