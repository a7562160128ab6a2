"""Signal handlers, as functions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any, Final

import pytest

from reactor.callbacks.neighbours import signal_handler
from reactor.loop.collection import WaitStateCollection
from tests.reactor.callbacks.neighbours.conftest import Failures
from tests.reactor.loop.probe import LIMIT, elsewhere

if os.name == "nt":
    pytest.skip("Windows has no SIGUSR1", allow_module_level=True)
assert sys.platform != "win32"  # says the same to mypy

NOT_CALLABLE: Final[Any] = "no function"


def test_a_signal_handler_gets_the_number__cl_85(
    collection: WaitStateCollection, failures: Failures
) -> None:
    """Each `signal_handler` of a signal is called later with its number, and the last to close
    restores what was there before; what one raises is told with it.
    """
    number, got = signal.SIGUSR1, list[int]()
    before = signal.getsignal(number)
    first = signal_handler(collection, number, got.append)
    second = signal_handler(collection, number, lambda number: 1 / 0, print)
    signal.raise_signal(number)
    assert got == []
    collection.run_once(0)
    assert (got, failures) == ([number], [(second, ZeroDivisionError)])
    first.close()
    assert signal.getsignal(number) != before
    second.close()
    assert signal.getsignal(number) == before
    for wrong in ((NOT_CALLABLE,), (print, NOT_CALLABLE)):
        with pytest.raises(TypeError, match="is a function"):
            signal_handler(collection, number, *wrong)
    assert signal.getsignal(number) == before


def test_only_the_main_thread_handles_signals__cl_85(collection: WaitStateCollection) -> None:
    """In any other thread `signal_handler` is a `ValueError`, as Python's `signal` is, and no
    handler is replaced.
    """
    before = signal.getsignal(signal.SIGUSR1)
    with pytest.raises(ValueError, match="main thread"):
        elsewhere(signal_handler, collection, signal.SIGUSR1, print)
    assert (signal.getsignal(signal.SIGUSR1), collection.held) == (before, set())


def test_the_end_of_a_child_is_heard_of__cl_85(collection: WaitStateCollection) -> None:
    """A handler of SIGCHLD tells a sleeping loop that a child has ended, which can be asked for
    its code then.
    """
    codes = list[int | None]()
    handler = signal_handler(
        collection, signal.SIGCHLD, lambda number: codes.append(child.wait(LIMIT))
    )
    child = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(7)"])
    while not codes:
        assert collection.run_once(LIMIT), "the signal has not come"
    handler.close()
    assert codes == [7]
