"""Signals that reach their handlers though the host of a guest is idle."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

import pytest

from reactor.hosts import thread as own_thread
from reactor.hosts.guest import Guest
from reactor.loop.collection import WaitStateCollection
from tests.hosts.conftest import Way
from tests.hosts.loops import LIMIT, Loop, in_turn

if os.name == "nt":
    pytest.skip("Windows has no SIGUSR1", allow_module_level=True)
assert sys.platform != "win32"  # says the same to mypy

NUMBER: Final = signal.SIGUSR1
KILLER: Final = """
import os, sys, time
for line in sys.stdin.buffer:
    moment = time.monotonic()
    os.kill(int(sys.argv[1]), int(sys.argv[2]))
    print(moment, flush=True)
"""


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Fail a test that leaves the interpreter a descriptor to write signals to."""
    yield
    assert signal.set_wakeup_fd(-1) == -1


def run_until_signalled(loop: Loop) -> None:
    """Run the host, which has nothing to do until another process sends a signal."""
    before = signal.signal(NUMBER, lambda number, frame: loop.quit())
    killers = list[subprocess.Popen[bytes]]()
    command = ["sh", "-c", f"kill -USR1 {os.getpid()}"]
    try:
        loop.later(0.001, lambda: killers.append(subprocess.Popen(command)))
        loop.run()
    finally:
        signal.signal(NUMBER, before)
    assert killers[0].wait(LIMIT) == 0


def test_a_signal_is_handled_though_the_host_is_idle__ho_7(loop: Loop, guest: Guest) -> None:
    """A signal that another process sends reaches its Python handler at once, though the host of
    the collection is idle.
    """
    run_until_signalled(loop)


def test_a_signal_is_handled_whoever_else_has_handlers__ho_7(
    loop: Loop, hosted: WaitStateCollection, way: Way
) -> None:
    """A signal reaches its handler though the host is idle also where a collection elsewhere in the
    main thread had a handler first, and when that one has gone.
    """
    first = WaitStateCollection("first")
    handler = first.on_signal(signal.SIGUSR2, print)
    with loop.attach(hosted, way.mode):
        run_until_signalled(loop)
        handler.close()
        run_until_signalled(loop)
    first.close()


def test_a_signal_is_handled_when_the_first_guest_has_gone__ho_7(
    watching_loop: Loop, way: Way
) -> None:
    """Of two guests in one host each sees to it that a signal reaches its handler though the host
    is idle; that the other one is closed changes nothing.
    """
    with contextlib.closing(way.collection()) as one, contextlib.closing(way.collection()) as two:
        guests = [watching_loop.attach(one, way.mode), watching_loop.attach(two, way.mode)]
        for guest in guests:
            run_until_signalled(watching_loop)
            guest.close()


def test_a_signal_wakes_the_host_of_a_thread__ho_7(watching_loop: Loop) -> None:
    """A signal reaches its handler though the host of a collection in its own thread is idle, also
    when another one beside this host has gone.
    """
    collections = [WaitStateCollection("one"), WaitStateCollection("two")]
    guests = [own_thread.attach(watching_loop.way_in(), each) for each in collections]
    for guest in guests:
        run_until_signalled(watching_loop)
        guest.close()
        guest.collection.close()


@pytest.mark.slow
def test_a_signal_is_handled_within_50_ms__ho_7(loop: Loop, guest: Guest) -> None:
    """A signal that another process sends reaches its Python handler within 50 milliseconds,
    though the host of the collection is idle.
    """
    sent, handled = list[float](), list[float]()
    before = signal.signal(
        NUMBER, lambda number, frame: in_turn(lambda: handled.append(time.monotonic()), loop.quit)()
    )
    with subprocess.Popen(
        [sys.executable, "-SE", "-c", KILLER, str(os.getpid()), str(int(NUMBER))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as killer:
        assert killer.stdin is not None
        assert killer.stdout is not None
        try:
            for _ in range(5):  # the fastest counts: other programs use this machine, too
                loop.later(0.02, functools.partial(os.write, killer.stdin.fileno(), b"\n"))
                loop.run()
                sent.append(float(killer.stdout.readline()))
        finally:
            signal.signal(NUMBER, before)
    assert min(after - before for before, after in zip(sent, handled, strict=True)) < 0.05
