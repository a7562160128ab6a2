"""GLib: what is a host there, what gets its turn, and how a program ends in its loop."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from reactor.hosts import glib
from reactor.loop.collection import WaitStateCollection
from tests.hosts.conftest import Way
from tests.hosts.loops import LIMIT, GLibLoop, require_module, run_program
from tests.reactor.loop.probe import elsewhere

PROGRAM = """
import sys
from gi.repository import GLib
from reactor import WaitStateCollection
from reactor.hosts import glib

def leave():
    collection.apply(print, "served")  # only the watch, or the thread, can tell of it
    GLib.timeout_add(20, collection.apply, sys.exit, 3)
    raise KeyboardInterrupt

loop, collection = GLib.MainLoop(), WaitStateCollection("hosted")
GLib.timeout_add(10_000, loop.quit)
with glib.attach(loop, collection, mode=sys.argv[1]):
    getattr(collection, sys.argv[2])(*[0.001] * (sys.argv[2] == "call_later"), leave)
    loop.run()
print("not reached")
"""


@pytest.fixture
def gi() -> Any:
    """The modules of PyGObject."""
    for name in ("GLib", "Gio"):
        require_module(f"gi.repository.{name}", "`make debian` runs this with Debian's Python")
    return sys.modules["gi.repository"]


def application_of(gi: Any) -> tuple[Any, Any]:
    """Return an application, which stays until it quits."""
    app = gi.Gio.Application()
    app.connect("activate", lambda app: app.hold())
    return app, app


def loop_of(gi: Any) -> tuple[Any, Any]:
    """Return a loop of a context that is not the default one."""
    loop = gi.GLib.MainLoop(gi.GLib.MainContext.new())
    return loop, loop


def context_of(gi: Any) -> tuple[Any, Any]:
    """Return the context of such a loop."""
    loop, _ = loop_of(gi)
    return loop.get_context(), loop


def nothing_of(gi: Any) -> tuple[Any, Any]:
    """Return what stands for the default context."""
    return None, None


@pytest.mark.parametrize("kind", [application_of, loop_of, context_of, nothing_of])
def test_these_are_hosts_of_glib__ho_1(
    gi: Any,
    hosted: WaitStateCollection,
    way: Way,
    kind: Callable[[Any], tuple[Any, Any]],
) -> None:
    """A collection can be attached to an application of GLib, to a loop, to a context, and to the
    default context without a name; timers, and calls of other threads, are served there.
    """
    host, runs = kind(gi)
    loop = GLibLoop(runs)
    with glib.attach(host, hosted, mode=way.mode):
        poster = threading.Thread(target=hosted.apply, args=[loop.quit])
        hosted.call_later(0.001, poster.start)
        loop.run()
        poster.join(LIMIT)


def test_what_is_no_host_of_glib_is_refused(gi: Any, collection: WaitStateCollection) -> None:
    with pytest.raises(TypeError, match="not 'loop'"):
        glib.attach("loop", collection)
    collection.run_once(0)


def test_a_busy_window_is_no_obstacle__ho_3(gi: Any, hosted: WaitStateCollection, way: Way) -> None:
    """What comes for a hosted collection is served though another source of GLib, of the usual
    priority, is always ready; idle calls would wait for ever.
    """
    loop = GLibLoop()
    busy = gi.GLib.timeout_source_new(0)
    busy.set_callback(lambda data: True)
    busy.attach(None)
    with loop.attach(hosted, way.mode):
        hosted.call_later(0.001, hosted.apply, loop.quit)
        loop.run()
    busy.destroy()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_an_interrupt_ends_the_loop_of_glib__ho_4(
    gi: Any, hosted: WaitStateCollection, way: Way
) -> None:
    """A ^C ends the loop of GLib with a KeyboardInterrupt, whatever the collection is doing; run
    again, it serves the collection as before.
    """
    loop = GLibLoop()
    with loop.attach(hosted, way.mode):
        hosted.call_later(0.001, os.kill, os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            loop.run()
        hosted.call_later(0.001, hosted.apply, loop.quit)
        loop.run()


def test_a_posted_call_ends_with_its_host__ho_9(gi: Any) -> None:
    """What a thread has posted to GLib, and GLib has not called when the guest is closed, is not
    left there; what it posts even later is dropped.
    """
    loop, called = GLibLoop(), list[str]()
    kept = loop.kept()
    host = glib.GLibHost(gi.GLib.MainContext.default())
    elsewhere(host.post, lambda: called.append("late"))
    assert loop.kept() == kept + 1
    host.close()
    assert loop.kept() == kept
    elsewhere(host.post, lambda: called.append("later"))
    loop.later(0.001, loop.quit)
    loop.run()
    assert called == []
    assert loop.kept() == kept


def test_an_interrupted_timer_of_glib_is_due_again_soon__ho_4(gi: Any) -> None:
    """A timer of a guest in GLib whose call an exception has left is due again at once, and not
    after its whole delay.
    """
    loop, calls = GLibLoop(), list[str]()

    def due() -> None:
        calls.append("due")
        if len(calls) == 1:
            raise KeyboardInterrupt
        loop.quit()

    with contextlib.closing(glib.GLibHost(gi.GLib.MainContext.default())) as host:
        host.arm(2 * LIMIT, due)
        host._timer.set_ready_time(0)  # as if it were then
        loop.run()
    assert calls == ["due", "due"]


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["call_later", "apply"])
@pytest.mark.parametrize("mode", ["descriptor", "wait thread"])
def test_an_exit_ends_the_process_of_glib__ho_4(gi: Any, mode: str, verb: str) -> None:
    """In GLib a KeyboardInterrupt of a callback is printed, and the collection is served as before;
    a SystemExit ends the process, with its code.
    """
    done = run_program(PROGRAM, mode, verb)
    assert (done.returncode, done.stdout) == (3, "served\n")
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
