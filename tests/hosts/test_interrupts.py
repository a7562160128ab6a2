"""A ^C at any moment: it leaves the host's loop as the host likes, and makes no guest deaf."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

import reactor.hosts
from reactor.hosts import thread as own_thread
from reactor.hosts.guest import TURNS_TIME_LIMIT
from reactor.hosts.thread import DeliveringGuest
from reactor.loop.collection import WaitStateCollection
from tests.architecture.tree import ROOT
from tests.hosts.conftest import HERE, Way, display, make_loop
from tests.hosts.loops import LIMIT, OF_DEBIAN, Loop, in_turn, require_module
from tests.peers import require

HOSTS: Final = Path(reactor.hosts.__file__).parent
MOMENTS: Final = 400  # more than there are

PROGRAM: Final = """
import os, signal, sys
from reactor import WaitStateCollection
if sys.argv[1] == "tk":
    import tkinter
    from reactor.hosts import tk as host
    app = tkinter.Tk()
    run = app.mainloop
elif sys.argv[1] == "glib":
    from gi.repository import GLib
    from reactor.hosts import glib as host
    app = GLib.MainLoop()
    run = app.run
elif sys.argv[1] == "wx":
    import wx
    from reactor.hosts import wx as host
    app = wx.App()
    window = wx.Frame(None)
    app.quit, run = app.ExitMainLoop, app.MainLoop
else:
    from PySide6 import QtCore
    from reactor.hosts import qt as host
    app = QtCore.QCoreApplication([])
    run = app.exec

def leave(*_):
    os.write(1, b"!")
    raise KeyboardInterrupt

def end(*_):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collection.apply(collection.call_later, 0.001, collection.apply, over.append, True)
    collection.apply(collection.call_later, 0.01, app.quit)

collection, over = WaitStateCollection("hosted"), []
near, far = os.pipe()
os.write(far, b"flood")
with host.attach(app, collection, mode=sys.argv[2]):
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, end)
    collection.watch(near, lambda watch: os.write(1, b"."))
    while not over:
        try:
            run()
        except KeyboardInterrupt:
            pass
os.write(1, b"served")
"""


class Talk:
    """What a program says, byte by byte; one that falls silent fails the test."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def hear(self, text: bytes) -> None:
        """Read until each byte of the text has come, in this order, whatever is between them."""
        for wanted in text:
            said = b""
            while said != bytes([wanted]):
                assert select.select([self.fd], [], [], LIMIT)[0], f"no {chr(wanted)!r} comes"
                said = os.read(self.fd, 1)
                assert said, "the program has ended"


class Interruption:
    """A ^C at the `number`th moment at which one can come in the code of hosts.

    That is when a function of ours begins, and when one of C has returned.
    """

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in {"call", "c_return"} and frame.f_code.co_filename.startswith(str(HOSTS)):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt  # it ends the profiling, too


@contextlib.contextmanager
def profiled(profile: Interruption) -> Iterator[None]:
    """Have a function called at each call and return of this thread."""
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def compute() -> None:
    """Take so long that the host has its pause behind this."""
    began = time.thread_time()
    while time.thread_time() - began < TURNS_TIME_LIMIT:
        pass


def run_interrupted(loop: Loop, collection: WaitStateCollection, number: int) -> bool:
    """Run the host through turns, timers and a pause; tell whether the ^C came."""
    profile = Interruption(number)
    quit_later = functools.partial(collection.call_later, 0.001, collection.apply, loop.quit)
    collection.apply(collection.call_later, 0.001, in_turn(compute, quit_later))
    undo = loop.later(LIMIT / 10, loop.quit)
    with contextlib.suppress(KeyboardInterrupt), profiled(profile):
        loop.run()
    undo()
    return profile.left <= 0


@pytest.fixture(params=["asyncio", "uvloop", "pygame", "tk", "qt", *HERE])
def outlived_loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Each host that takes our code up again; a task of trio is over."""
    with contextlib.closing(make_loop(request.param, request)) as loop:
        yield loop


@pytest.mark.slow
def test_a_ctrl_c_at_any_moment_makes_no_guest_deaf__ho_4(outlived_loop: Loop, way: Way) -> None:
    """A KeyboardInterrupt that comes anywhere in the code that joins a collection with its host
    loses nothing: run again, the host serves timers, descriptors and posted calls.
    """
    for number in range(1, MOMENTS):
        collection = way.collection()
        with outlived_loop.attach(collection, way.mode):
            came = run_interrupted(outlived_loop, collection, number)
            collection.apply(collection.call_later, 0.001, collection.apply, outlived_loop.quit)
            outlived_loop.run()
        collection.close()
        if not came:
            break
    assert 20 < number < MOMENTS - 1


def run_delivering(loop: Loop, guest: DeliveringGuest, number: int) -> bool:
    """Run the host while both threads deliver calls to it; tell whether the ^C came."""
    profile = Interruption(number)
    deliver = functools.partial(guest.deliver, len, "")
    theirs = functools.partial(guest.collection.apply, deliver)
    press = in_turn(deliver, functools.partial(guest.deliver, compute), deliver, theirs)
    timers = [loop.later(0.0, press), loop.later(TURNS_TIME_LIMIT * 4, loop.quit)]
    with contextlib.suppress(KeyboardInterrupt), profiled(profile):
        loop.run()
    for undo in timers:
        with contextlib.suppress(RuntimeError):  # that of Qt has been, and is gone
            undo()
    return profile.left <= 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["asyncio", "uvloop", "tk", "qt", *HERE])
def test_a_ctrl_c_at_any_moment_stops_no_delivery__ho_4(
    request: pytest.FixtureRequest, name: str
) -> None:
    """A KeyboardInterrupt that comes anywhere in the code by which calls are delivered to a host
    stops none of those that are delivered when it runs again.
    """
    with contextlib.closing(make_loop(name, request)) as loop:
        for number in range(1, MOMENTS):
            collection, done = WaitStateCollection("beside"), list[str]()
            with own_thread.attach(loop.way_in(), collection) as guest:
                came = run_delivering(loop, guest, number)
                collection.apply(guest.deliver, done.append, "theirs")
                guest.deliver(done.append, "ours")
                loop.run_until(lambda: len(done) == 2)  # noqa: B023  # called at once
            collection.close()
            if not came:
                break
    assert 5 < number < MOMENTS - 1


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display for programs of their own."""
    require("Xvfb")
    with display() as name:
        yield name


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
@pytest.mark.parametrize("host", ["tk", "qt", *HERE])
def test_a_hundred_ctrl_c_in_a_flood_end_no_guest__ho_4(screen: str, host: str, mode: str) -> None:
    """A program that outlives its KeyboardInterrupts is served by its host after a hundred of
    them, from another process, while more comes in than it can take.
    """
    module = {"tk": "_tkinter", "qt": "PySide6.QtCore", **OF_DEBIAN}[host]
    require_module(module, "see test_conformance")
    environment = {**os.environ, "DISPLAY": screen, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, host, mode]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as program:
        assert program.stdout is not None
        try:
            talk = Talk(program.stdout.fileno())
            for _ in range(100):
                talk.hear(b"." * random.randrange(1, 40))
                program.send_signal(signal.SIGINT)
                talk.hear(b"!")
            program.send_signal(signal.SIGTERM)
            talk.hear(b"served")
        finally:
            program.kill()
