"""Signals that come in the middle: between any two steps of ours, in a child, with others."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from reactor.loop.collection import WaitStateCollection
from reactor.loop.waker import DRAIN_SIZE
from tests.reactor.loop.signals.conftest import NUMBER, foreign_way, is_woken

if sys.platform != "win32":
    pass

if os.name == "nt":
    pytest.skip("Windows has no SIGUSR1", allow_module_level=True)
assert sys.platform != "win32"  # says the same to mypy


@pytest.mark.usefixtures("ignored")
def test_signals_that_nobody_has_read_are_told_to_nobody_else__ho_7(
    collection: WaitStateCollection,
) -> None:
    """However many signals nobody has read, the loop of somebody else is told of none of them when
    a handler is made: they came before its time.
    """
    collection.on_signal(signal.SIGUSR2, print)
    for _ in range(2 * DRAIN_SIZE):
        signal.raise_signal(NUMBER)
    near, far = foreign_way()
    with near, far:
        signal.set_wakeup_fd(far.fileno())
        collection.on_signal(signal.SIGUSR2, print)
        with pytest.raises(BlockingIOError):
            near.recv(1)
        assert signal.set_wakeup_fd(-1) == far.fileno()


@pytest.mark.usefixtures("ignored")
def test_a_wake_up_that_its_owner_has_closed_is_ours__ho_7(
    collection: WaitStateCollection,
) -> None:
    """Handlers are made and closed, and signals wake, though the loop of somebody else has closed
    what the interpreter writes to, and has not told it.
    """
    handler = collection.on_signal(signal.SIGUSR2, print)
    near, far = foreign_way()
    with near, far:
        signal.set_wakeup_fd(far.fileno())
    second = collection.on_signal(signal.SIGUSR2, print)
    assert is_woken(collection)
    second.close()
    near, far = foreign_way()
    with near, far:
        signal.set_wakeup_fd(far.fileno())
    handler.close()
