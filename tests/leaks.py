"""What a test may not leave behind: threads and descriptors. `conftest` puts it around every test.

Timers and selector entries are looked after by the fixture that lends the collection. Descriptors
are seen where the system lists them in `/proc/self/fd`; elsewhere only threads are compared.
"""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DESCRIPTORS: Final = Path("/proc/self/fd")
ENDING: Final = 10.0  # seconds; a thread that was told to end and has not by then hangs


@dataclass(frozen=True)
class Inventory:
    """The threads that run, and each open descriptor with what it stands for."""

    threads: frozenset[threading.Thread]
    descriptors: frozenset[tuple[int, str]]


def inventory() -> Inventory:
    """Say what there is now."""
    return Inventory(frozenset(threading.enumerate()), frozenset(_descriptors()))


def left_since(before: Inventory) -> list[str]:
    """Name what is there now and was not then, one line each.

    Rubbish is collected only when there seems to be a difference: it takes longer than most tests.
    """
    if not _new_since(before):
        return []
    for thread in threading.enumerate():
        if thread not in before.threads and thread is not threading.current_thread():
            thread.join(ENDING)
    gc.collect()
    return _new_since(before)


def _new_since(before: Inventory) -> list[str]:
    now = inventory()
    return [
        *(f"thread {thread.name!r}" for thread in now.threads - before.threads),
        *(f"descriptor {fd}: {what}" for fd, what in sorted(now.descriptors - before.descriptors)),
    ]


def _descriptors() -> list[tuple[int, str]]:
    if not DESCRIPTORS.exists():
        return []
    found = []
    for name in os.listdir(DESCRIPTORS):
        try:
            found.append((int(name), os.readlink(DESCRIPTORS / name)))
        except FileNotFoundError:
            continue  # it was the listing's own
    return found
