"""Loops: the main loops of others, all with the same verbs, so that one suite fits them all."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from subprocess import CompletedProcess
from typing import Any, Final

import pytest

from reactor.hosts import asyncio as hosted_by_asyncio
from reactor.hosts import glib as hosted_by_glib
from reactor.hosts import pygame as hosted_by_pygame
from reactor.hosts import qt as hosted_by_qt
from reactor.hosts import tk as hosted_by_tk
from reactor.hosts import trio as hosted_by_trio
from reactor.hosts import wx as hosted_by_wx
from reactor.hosts.guest import Guest, Mode
from reactor.hosts.host import Host
from reactor.hosts.thread import Deliver
from reactor.loop.collection import WaitStateCollection
from tests.architecture.tree import ROOT

LIMIT: Final = 10.0  # seconds; what takes longer hangs
# These come as packages of Debian, for its own Python alone: `make debian` runs their tests with
# that, and fails if they are missing there.
OF_DEBIAN: Final = {"glib": "gi", "wx": "wx"}
QT_BINDINGS: Final = ("PySide6", "PyQt6")  # one of them in a process


def in_turn(*calls: Callable[[], object]) -> Callable[[], None]:
    """Make one call of several."""

    def run() -> None:
        for call in calls:
            call()

    return run


def require_module(name: str, remedy: str) -> Any:
    """Import a toolkit, or skip the test; in continuous integration fail it instead."""
    try:
        return importlib.import_module(name)
    except ImportError:
        reason = f"{name} is not installed: {remedy}"
    in_ci = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
    if in_ci and name.partition(".")[0] not in OF_DEBIAN.values():
        pytest.fail(f"{reason}, and in continuous integration no host may be missing")
    pytest.skip(reason)


def qt_binding() -> str:
    """Return by what there is a Qt here: QT_API says it, or what is installed."""
    named = {name.lower(): name for name in QT_BINDINGS}
    if wanted := os.environ.get("QT_API"):
        return named[wanted.lower()]
    return next((name for name in QT_BINDINGS if find_spec(name)), QT_BINDINGS[0])


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a program that uses our packages."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def run_program(program: str, *arguments: str, **environ: str) -> CompletedProcess[str]:
    """Run a program to its end, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment(**environ),
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
    )


class Loop:
    """A main loop of somebody else.

    `attach` is its adapter's. `run` runs it until `quit`, and fails after LIMIT. `later` is a timer
    of its own; what is called by one is code of the host, outside of any turn.
    """

    def attach(self, collection: WaitStateCollection, mode: Mode | None = None) -> Guest:
        raise NotImplementedError

    def way_in(self) -> Host | Deliver:
        """Return what a collection in another thread is given: `deliver` of the module, if any."""
        raise NotImplementedError

    def run(self) -> None:
        """Run until `quit`."""
        hung = list[str]()
        undo = self.later(
            LIMIT, in_turn(lambda: hung.append("the loop of the host hangs"), self.quit)
        )
        try:
            self.run_until_quit()
        finally:
            undo()
        assert not hung

    def run_until(self, over: Callable[[], object]) -> None:
        """Run until something is true, which is looked at by a timer of the host."""

        def look() -> None:
            if over():
                self.quit()
            else:
                self.later(0.001, look)

        self.later(0.001, look)
        self.run()

    def run_until_quit(self) -> None:
        raise NotImplementedError

    def quit(self) -> None:
        """End `run`; also from a handler of a signal."""
        raise NotImplementedError

    def later(self, delay: float, function: Callable[[], object]) -> Callable[[], object]:
        """Call `function` after seconds; return what undoes it."""
        raise NotImplementedError

    def paint(self, function: Callable[[], object]) -> None:
        """Call `function` as the host repaints: behind all events."""
        raise NotImplementedError

    def nested(self) -> None:
        """Run a loop in the loop, as a dialog does, until `leave`."""
        raise NotImplementedError

    def leave(self) -> None:
        """End `nested`."""
        raise NotImplementedError

    def kept(self) -> int:
        """Count what is kept there for others: timers, notifiers, commands; 0 if nobody can."""
        return 0

    def close(self) -> None:
        """End it for good; of a loop that all tests share, end the timers that are left."""


class AsyncioLoop(Loop):
    def __init__(self) -> None:
        self.loop = self.new_loop()

    def new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    def attach(self, collection: WaitStateCollection, mode: Mode | None = None) -> Guest:
        return hosted_by_asyncio.attach(self.loop, collection, mode=mode)

    def way_in(self) -> Host:
        return hosted_by_asyncio.deliver(self.loop)

    def run_until_quit(self) -> None:
        self.loop.run_forever()

    def quit(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)

    def later(self, delay: float, function: Callable[[], object]) -> Callable[[], object]:
        return self.loop.call_later(delay, function).cancel

    def paint(self, function: Callable[[], object]) -> None:
        self.loop.call_soon(function)

    def close(self) -> None:
        self.loop.close()


class UvloopLoop(AsyncioLoop):
    def new_loop(self) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = require_module("uvloop", "pip install uvloop").Loop()
        return loop


class TkLoop(Loop):
    """The one interpreter of Tcl that the tests have: what it opens, it keeps."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.windows: list[Any] = []

    def attach(self, collection: WaitStateCollection, mode: Mode | None = None) -> Guest:
        return hosted_by_tk.attach(self.root, collection, mode=mode)

    def way_in(self) -> Host:
        return hosted_by_tk.deliver(self.root)

    def run_until_quit(self) -> None:
        self.root.mainloop()

    def quit(self) -> None:
        self.root.quit()

    def later(self, delay: float, function: Callable[[], object]) -> Callable[[], object]:
        timer = self.root.after(int(delay * 1000), function)
        return lambda: self.root.after_cancel(timer)

    def paint(self, function: Callable[[], object]) -> None:
        self.root.after_idle(function)

    def nested(self) -> None:
        window = sys.modules["tkinter"].Toplevel(self.root)
        self.windows.append(window)
        self.root.wait_window(window)

    def leave(self) -> None:
        self.windows.pop().destroy()

    def kept(self) -> int:
        commands = self.root.tk.splitlist(self.root.tk.call("info", "commands"))
        return len(commands) + len(self.timers())

    def timers(self) -> Sequence[str]:
        timers: Sequence[str] = self.root.tk.splitlist(self.root.tk.call("after", "info"))
        return timers

    def close(self) -> None:
        for timer in self.timers():
            self.root.after_cancel(timer)


class TclOfWindows:
    """An interpreter of Tcl that lacks what that of Windows lacks."""

    def __init__(self, tcl: Any) -> None:
        self._tcl = tcl

    def __getattr__(self, name: str) -> Any:
        if name.endswith("filehandler"):
            raise AttributeError(name)
        return getattr(self._tcl, name)


class QtLoop(Loop):
    """The one application of Qt that the tests have: what it opens, it keeps."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.core: Any = sys.modules[type(app).__module__]
        self.dialogs: list[Any] = []

    def attach(self, collection: WaitStateCollection, mode: Mode | None = None) -> Guest:
        return hosted_by_qt.attach(self.app, collection, mode=mode)

    def way_in(self) -> Host:
        return hosted_by_qt.deliver(self.app)

    def run_until_quit(self) -> None:
        self.app.exec()

    def quit(self) -> None:
        self.app.quit()

    def later(self, delay: float, function: Callable[[], object]) -> Callable[[], object]:
        timer = self.core.QTimer(self.app)
        timer.setSingleShot(True)
        timer.timeout.connect(lambda: (function(), None)[1])
        timer.timeout.connect(timer.deleteLater)
        timer.start(int(delay * 1000))
        return in_turn(timer.stop, timer.deleteLater)

    def paint(self, function: Callable[[], object]) -> None:
        self.later(0.0, function)

    def nested(self) -> None:
        self.dialogs.append(self.core.QEventLoop())
        self.dialogs[-1].exec()

    def leave(self) -> None:
        self.dialogs.pop().quit()

    def kept(self) -> int:
        self.core.QTimer.singleShot(1, self.app.quit)
        self.app.exec()  # it deletes what was to be deleted later
        return len(self.app.children())

    def close(self) -> None:
        for timer in self.app.findChildren(self.core.QTimer):
            timer.stop()
            timer.deleteLater()


class TrioLoop(Loop):
    """trio, in a greenlet of its own: where `quit` leaves it, in a task, `run` lets it go on."""

    def __init__(self) -> None:
        self.trio = require_module("trio", "pip install trio")
        self.greenlet = require_module("greenlet", "pip install greenlet")
        self.test = self.greenlet.getcurrent()
        self.left: Any = None  # an event
        self.nursery: Any = None
        self.token: Any = None
        self.inside = self.greenlet.greenlet(self.trio.run)
        self.inside.switch(self.live)

    async def live(self) -> None:
        self.token = self.trio.lowlevel.current_trio_token()
        async with self.trio.open_nursery() as self.nursery:
            while True:
                self.left = self.trio.Event()
                self.test.switch()
                await self.left.wait()

    def attach(self, collection: WaitStateCollection, mode: Mode | None = None) -> Guest:
        return hosted_by_trio.attach(self.nursery, collection, mode=mode)

    def way_in(self) -> Deliver:
        run_sync_soon: Deliver = self.token.run_sync_soon
        return run_sync_soon

    def run_until_quit(self) -> None:
        self.inside.switch()

    def quit(self) -> None:
        self.token.run_sync_soon(lambda: self.left.set())

    def later(self, delay: float, function: Callable[[], object]) -> Callable[[], object]:
        scope = self.trio.CancelScope()

        async def wait() -> None:
            with scope:
                await self.trio.sleep(delay)
                function()

        self.nursery.start_soon(wait)
        return lambda: scope.cancel()

    def paint(self, function: Callable[[], object]) -> None:
        self.later(0.0, function)

    def kept(self) -> int:
        self.later(0.001, self.quit)
        self.run()  # what was cancelled ends
        living: int = self.trio.lowlevel.current_statistics().tasks_living
        return living

    def close(self) -> None:
        if not self.inside.dead:
            self.nursery.cancel_scope.cancel()
            self.inside.switch()


class GLibLoop(Loop):
    """A main loop of GLib: `loop`, which may be an application, else one of the default context."""

    def __init__(self, loop: Any = None) -> None:
        self.glib: Any = importlib.import_module("gi.repository.GLib")
        self.loop = loop or self.glib.MainLoop()
        default = self.glib.MainContext.default
        self.context = getattr(self.loop, "get_context", default)()
        self.inner: list[Any] = []
        self.timers: list[Any] = []

    def attach(self, collection: WaitStateCollection, mode: Mode | None = None) -> Guest:
        return hosted_by_glib.attach(self.loop, collection, mode=mode)

    def way_in(self) -> Host:
        return hosted_by_glib.deliver(self.loop)

    def run_until_quit(self) -> None:
        self.loop.run()

    def quit(self) -> None:
        self.loop.quit()

    def later(self, delay: float, function: Callable[[], object]) -> Callable[[], object]:
        source = self.glib.timeout_source_new(int(delay * 1000))
        source.set_callback(lambda data: (function(), False)[1])
        source.attach(self.context)
        self.timers.append(source)
        return in_turn(source.destroy)

    def paint(self, function: Callable[[], object]) -> None:
        source = self.glib.idle_source_new()
        source.set_callback(lambda data: (function(), False)[1])
        source.set_priority(120)  # with this one GTK paints
        source.attach(self.context)

    def nested(self) -> None:
        self.inner.append(self.glib.MainLoop())
        self.inner[-1].run()

    def leave(self) -> None:
        self.inner.pop().quit()

    def kept(self) -> int:
        return sources_of(self.context)

    def close(self) -> None:
        for source in self.timers:
            source.destroy()


def sources_of(context: Any) -> int:
    """Count the sources of the default context of GLib, by asking for each number so far."""
    glib: Any = importlib.import_module("gi.repository.GLib")
    last = glib.idle_add(len)
    glib.source_remove(last)
    return sum(context.find_source_by_id(number) is not None for number in range(1, last))


class WxLoop(Loop):
    """The one application of wx that the tests have, with a window: what it opens, it keeps."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.wx: Any = importlib.import_module("wx")
        self.painted: Callable[[], object] = list
        self.window = app.GetTopWindow()
        self.window.Bind(self.wx.EVT_PAINT, lambda event: (event.Skip(), self.painted()))
        self.dialogs: list[Any] = []
        self.timers: list[Any] = []

    def attach(self, collection: WaitStateCollection, mode: Mode | None = None) -> Guest:
        return hosted_by_wx.attach(self.app, collection, mode=mode)

    def way_in(self) -> Host:
        return hosted_by_wx.deliver(self.app)

    def run_until_quit(self) -> None:
        self.app.MainLoop()

    def quit(self) -> None:
        self.app.ExitMainLoop()

    def later(self, delay: float, function: Callable[[], object]) -> Callable[[], object]:
        self.timers.append(self.wx.CallLater(max(1, int(delay * 1000)), function))
        stop: Callable[[], object] = self.timers[-1].Stop
        return stop

    def paint(self, function: Callable[[], object]) -> None:
        self.painted = function
        self.window.Refresh()

    def nested(self) -> None:
        dialog = self.wx.Dialog(self.window)
        self.dialogs.append(dialog)
        dialog.ShowModal()
        dialog.Destroy()

    def leave(self) -> None:
        self.dialogs.pop().EndModal(0)

    def kept(self) -> int:
        context = importlib.import_module("gi.repository.GLib").MainContext.default()
        counts = []
        for _ in range(3):  # what has been posted keeps an idle source of wx, for a while
            self.later(0.005, self.quit)
            self.run()
            counts.append(sources_of(context))
        return min(counts)

    def close(self) -> None:
        self.painted = list
        for timer in self.timers:
            timer.Stop()


class PygameLoop(Loop):
    """The loop of a program with pygame: of frames, or of events where a thread waits."""

    def __init__(self) -> None:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        self.pygame = require_module("pygame", "pip install pygame-ce")
        self.pygame.display.init()
        self.over = False
        self.guest: hosted_by_pygame.Frames | hosted_by_pygame.Events | None = None
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self.dialogs = 0

    def attach(self, collection: WaitStateCollection, mode: Mode | None = None) -> Guest:
        self.guest = hosted_by_pygame.attach(collection, fps=200, mode=mode)
        return self.guest

    def run_until_quit(self) -> None:
        self.over = False
        if self.guest is not None and self.guest.closed:
            self.guest = None  # as a program would
        while not self.over:
            self.step()

    def step(self) -> None:
        """Call what is due, and wait: for the next frame, or for an event."""
        due = [timer for timer in self.timers if timer[0] <= time.monotonic()]
        for timer in due:
            if timer in self.timers:
                self.timers.remove(timer)
                timer[1]()
        if isinstance(self.guest, hosted_by_pygame.Events):
            self.guest.wait(self.until_next())
        elif self.guest is not None:
            self.guest.tick()
        else:
            self.pygame.event.wait(1)

    def until_next(self) -> int:
        """Return the milliseconds until the next timer, at least one."""
        when = min((when for when, _ in self.timers), default=time.monotonic() + LIMIT)
        return max(1, int((when - time.monotonic()) * 1000))

    def quit(self) -> None:
        self.over = True
        self.look_up()

    def look_up(self) -> None:
        """End the wait that is running."""
        self.pygame.event.post(self.pygame.event.Event(self.pygame.USEREVENT))

    def later(self, delay: float, function: Callable[[], object]) -> Callable[[], object]:
        timer = (time.monotonic() + delay, function)
        self.timers.append(timer)
        return lambda: self.cancel(timer)

    def cancel(self, timer: tuple[float, Callable[[], object]]) -> None:
        if timer in self.timers:
            self.timers.remove(timer)

    def paint(self, function: Callable[[], object]) -> None:
        self.later(0.0, function)

    def nested(self) -> None:
        depth = self.dialogs
        self.dialogs += 1
        while self.dialogs > depth:
            self.step()

    def leave(self) -> None:
        self.dialogs -= 1
        self.look_up()

    def kept(self) -> int:
        return len(self.pygame.event.get())

    def close(self) -> None:
        self.pygame.display.quit()
