"""Turns that wait: for what another program, another thread or the kernel is still to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reactor.loop.collection import WaitStateCollection

TURN: Final = 0.02  # seconds that a turn waits at most; what a test waits for ends it earlier
QUIET_LIMIT: Final = 1_000  # turns of which nothing came: 20 s, after which a test has failed
TURN_LIMIT: Final = 20_000_000  # turns in all: a spin needs a minute; gnutls-cli prints octets


def until(collection: WaitStateCollection, done: Callable[[], object]) -> None:
    """Take turns until something is true; who waits in vain, or for too much, has failed."""
    quiet = 0
    for _ in range(TURN_LIMIT):
        if done():
            return
        quiet = 0 if collection.run_once(TURN) else quiet + 1
        if quiet == QUIET_LIMIT:
            break
    raise AssertionError(f"it has not become true, and {collection!r} has nothing more to do")
