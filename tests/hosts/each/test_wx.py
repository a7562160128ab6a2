"""wx: what it needs to watch a descriptor, and how a program ends; in processes of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from reactor.hosts import wx as hosted_by_wx
from reactor.loop.collection import WaitStateCollection
from tests.hosts.conftest import display, make_loop
from tests.hosts.loops import require_module, run_program
from tests.peers import require

BEGIN = """
import sys, threading, wx
from reactor import WaitStateCollection, errors
app, mode = wx.App(), sys.argv[1]
window, collection = wx.Frame(None), WaitStateCollection("hosted")
wx.CallLater(10_000, app.ExitMainLoop)
"""
EXIT = """
from reactor.hosts import wx as host

def leave():
    collection.apply(print, "served")  # only the watch, or the thread, can tell of it
    wx.CallLater(20, collection.apply, sys.exit, 3)
    raise KeyboardInterrupt

with host.attach(app, collection, mode=mode):
    getattr(collection, sys.argv[2])(*[0.001] * (sys.argv[2] == "call_later"), leave)
    app.MainLoop()
print("not reached")
"""
ALONE = """
sys.modules["gi"] = None  # as if it were not installed
from reactor.hosts import wx as host
try:
    host.attach(app, collection, mode="descriptor")
except errors.OperationNotAllowed:
    print("refused")
with host.attach(app, collection) as guest:
    collection.call_later(0.001, collection.apply, app.ExitMainLoop)
    app.MainLoop()
    print(guest.mode)
"""
AFTER_THE_END = """
from reactor.hosts import wx as host
with host.attach(app, collection, mode=mode):
    collection.call_later(0.001, window.Destroy)
    app.MainLoop()
    app.Destroy()
    posters = [threading.Thread(target=collection.apply, args=[len, ""]) for _ in range(10)]
    for poster in posters:
        poster.start()
        poster.join()
    collection.call_later(60.0, len, "")
print("served")
"""
MODES = ["descriptor", "wait thread"]


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display for programs of their own."""
    require("Xvfb")
    require_module("wx", "`make debian` runs this with Debian's Python")
    with display() as name:
        yield name


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["call_later", "apply"])
@pytest.mark.parametrize("mode", MODES)
def test_an_exit_ends_the_process_of_wx__ho_4(screen: str, mode: str, verb: str) -> None:
    """In wx a KeyboardInterrupt of a callback is printed, and the collection is served as before;
    a SystemExit ends the process, with its code.
    """
    done = run_program(BEGIN + EXIT, mode, verb, DISPLAY=screen)
    assert (done.returncode, done.stdout) == (3, "served\n")
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.slow
def test_a_thread_waits_for_wx_alone__ho_10(screen: str) -> None:
    """Without PyGObject wx watches no descriptor: that mode is refused, and a thread waits."""
    done = run_program(BEGIN + ALONE, "", DISPLAY=screen)
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\nwait thread\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_threads_post_though_wx_has_ended__ho_3(screen: str, mode: str) -> None:
    """Threads that post to a hosted collection when the application of wx has ended are neither
    held up nor refused, and the guest is closed as ever.
    """
    done = run_program(BEGIN + AFTER_THE_END, mode, DISPLAY=screen)
    assert (done.returncode, done.stdout, done.stderr) == (0, "served\n", "")


def test_a_call_comes_once_unless_an_exception_left_it__ho_3(
    request: pytest.FixtureRequest,
) -> None:
    """A call that is posted to wx is made once, though wx is handed two of them; if an exception
    leaves the first, it is made again.
    """
    wx = require_module("wx", "`make debian` runs this with Debian's Python")
    loop, calls = make_loop("wx", request), list[str]()

    def cut_short() -> None:
        calls.append("cut short")
        if len(calls) == 2:
            raise KeyboardInterrupt

    with contextlib.closing(loop), contextlib.closing(hosted_by_wx.WxHost(wx)) as host:
        host.post(lambda: calls.append("whole"))
        host.post(cut_short)
        host.post(loop.quit)
        loop.run()
    assert calls == ["whole", "cut short", "cut short"]


def test_only_an_application_is_a_host_of_wx(collection: WaitStateCollection) -> None:
    require_module("wx", "`make debian` runs this with Debian's Python")
    with pytest.raises(TypeError, match="an application of wx"):
        hosted_by_wx.attach("app", collection)
    collection.run_once(0)
