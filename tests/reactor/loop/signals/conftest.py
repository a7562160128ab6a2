"""What the tests of signals share: a second collection, and somebody else who asks for signals."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

import pytest

from reactor.loop.collection import WaitStateCollection
from tests.reactor.loop.probe import LIMIT

if sys.platform == "win32":
    NUMBER: Final = signal.SIGTERM  # it has no SIGUSR1, and the tests beside this are skipped
else:
    NUMBER: Final = signal.SIGUSR1


@pytest.fixture
def other() -> Iterator[WaitStateCollection]:
    """A second collection in the main thread; without a handler, so far."""
    with contextlib.closing(WaitStateCollection("other")) as other:
        yield other


@pytest.fixture
def ignored() -> Iterator[None]:
    """A handler of the program's own, to which a signal is nothing."""
    before = signal.signal(NUMBER, lambda number, frame: None)
    yield
    signal.signal(NUMBER, before)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Fail a test that leaves its handlers, or a descriptor to write signals to."""
    before = signal.getsignal(NUMBER)
    yield
    left = signal.signal(NUMBER, before)
    assert left == before
    assert signal.set_wakeup_fd(-1) == -1


def foreign_way() -> tuple[socket.socket, socket.socket]:
    """Open what a loop of somebody else has the interpreter write to."""
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    return near, far


def is_woken(collection: WaitStateCollection) -> bool:
    """Tell whether a signal that comes now would end a wait of this collection."""
    collection.run_once(0)
    signal.raise_signal(NUMBER)
    return collection.wait(0) != []


def is_at_rest(elsewhere: WaitStateCollection) -> bool:
    """Tell whether nothing is ready for a loop in another thread, which has just taken a turn.

    What wakes it for that may be ready still.
    """
    fd = elsewhere.submit(elsewhere.fileno).result(LIMIT)
    return fd is None or select.select([fd], [], [], 0)[0] == []


def interrupt_at(step: int, call: Callable[[], object]) -> bool:
    """Make a call, and let a signal come where Python looks for one for the n-th time.

    That is when a function begins and when one has returned. Returns whether it has come.
    """
    left = step

    def count(frame: FrameType, event: str, function: Any) -> None:
        nonlocal left
        left -= event != "c_call"
        if left == 0:
            sys.setprofile(None)
            signal.raise_signal(NUMBER)

    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(None)
    return left <= 0
