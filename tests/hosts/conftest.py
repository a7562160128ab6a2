"""Hosts, each in turn; and a display for those with windows."""

from __future__ import annotations

import contextlib
import importlib
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, Final

import pytest

from reactor.hosts.guest import TURNS_TIME_LIMIT, Guest, Mode
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.hosts.loops import (
    LIMIT,
    OF_DEBIAN,
    AsyncioLoop,
    GLibLoop,
    Loop,
    PygameLoop,
    QtLoop,
    TkLoop,
    TrioLoop,
    UvloopLoop,
    WxLoop,
    qt_binding,
    require_module,
)
from tests.peers import require

HERE: Final = tuple(name for name, module in OF_DEBIAN.items() if find_spec(module) is not None)
WATCHING: Final = ("asyncio", "uvloop", "trio", "tk", "qt", *HERE)  # those that watch a descriptor
HOSTS: Final = ("pygame", *WATCHING)
LEAVING: Final = ("asyncio", "uvloop", "pygame", "tk")  # those whose loop an exit leaves
NESTING: Final = ("pygame", "tk", "qt", *HERE)  # those that can run a loop in the loop
WAYS: Final[dict[str, tuple[Mode, str]]] = {
    "descriptor": ("descriptor", "DefaultSelector"),
    "thread": ("wait thread", "DefaultSelector"),
    "thread, poll": ("wait thread", "PollSelector"),
    "thread, select": ("wait thread", "SelectSelector"),
}
# For tests of time there is one more: with another clock than the kernel's the host has a timer.
OTHER_CLOCK: Final = "descriptor, other clock"
TIMING_WAYS: Final = {**WAYS, OTHER_CLOCK: WAYS["descriptor"]}


@contextlib.contextmanager
def display() -> Iterator[str]:
    """Yield the name of a display that nobody sees."""
    read, write = os.pipe()
    with contextlib.closing(os.fdopen(read)) as told:
        server = subprocess.Popen(
            # Without -noreset it begins anew when a window was the last, and refuses the next.
            ["Xvfb", "-noreset", "-displayfd", str(write), "-screen", "0", "640x480x24"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        try:
            yield f":{told.readline().strip()}"
        finally:
            server.terminate()
            server.wait(LIMIT)


@pytest.fixture(scope="session", autouse=True)
def tk_root() -> Iterator[Any]:
    """A window, or None; made before any test, since what Tcl and uvloop open first they keep."""
    with contextlib.ExitStack() as undo:
        if find_spec("uvloop") is not None:
            UvloopLoop().close()
        if find_spec("_tkinter") is None or shutil.which("Xvfb") is None:
            yield None
            return
        root = importlib.import_module("tkinter").Tk(screenName=undo.enter_context(display()))
        undo.callback(root.destroy)
        root.update()
        yield root


@pytest.fixture(scope="session", autouse=True)
def qt_app() -> Any:
    """An application, or None; made before any test, as above."""
    if find_spec(qt_binding()) is None:
        return None
    core = importlib.import_module(f"{qt_binding()}.QtCore")
    app = core.QCoreApplication([])
    core.QTimer.singleShot(0, app.quit)
    app.exec()
    return app


@pytest.fixture(scope="session", autouse=True)
def glib_application() -> None:
    """What an application of GLib opens, it keeps; so one runs before any test, too."""
    if find_spec("gi") is not None:
        app = importlib.import_module("gi.repository.Gio").Application()
        app.connect("activate", lambda app: None)  # there is nothing to do, and that is the end
        app.run()


@pytest.fixture(scope="session", autouse=True)
def wx_app(glib_application: None) -> Iterator[Any]:
    """An application with a window, or None; made before any test, as above."""
    if find_spec("wx") is None or shutil.which("Xvfb") is None:
        yield None
        return
    with display() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        wx = importlib.import_module("wx")
        app = wx.App(clearSigInt=False)  # a ^C is for pytest
        window = wx.Frame(None)
        window.Show()
        wx.CallLater(1, app.ExitMainLoop)
        app.MainLoop()
        yield app
        window.Destroy()
        app.Destroy()


def make_loop(name: str, request: pytest.FixtureRequest) -> Loop:
    """Make the loop of that name."""
    if name == "tk":
        require("Xvfb")
        require_module("_tkinter", "Debian has it in python3-tk")
        return TkLoop(request.getfixturevalue("tk_root"))
    if name == "qt":
        require_module(f"{qt_binding()}.QtCore", "pip install PySide6-Essentials, or PyQt6")
        return QtLoop(request.getfixturevalue("qt_app"))
    if name == "glib":
        return GLibLoop()
    if name == "wx":
        require("Xvfb")
        return WxLoop(request.getfixturevalue("wx_app"))
    loops: dict[str, type[Loop]] = {
        "asyncio": AsyncioLoop,
        "uvloop": UvloopLoop,
        "trio": TrioLoop,
        "pygame": PygameLoop,
    }
    return loops[name]()


@pytest.fixture(params=HOSTS)
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Each host in turn."""
    with contextlib.closing(make_loop(request.param, request)) as loop:
        yield loop


@pytest.fixture(params=WATCHING)
def watching_loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Each host that watches the descriptor, if there is one."""
    with contextlib.closing(make_loop(request.param, request)) as loop:
        yield loop


@pytest.fixture(params=LEAVING)
def leaving_loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Each host whose loop an exit leaves, instead of the process."""
    with contextlib.closing(make_loop(request.param, request)) as loop:
        yield loop


@pytest.fixture(params=NESTING)
def nesting_loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Each host that can run a loop in the loop."""
    with contextlib.closing(make_loop(request.param, request)) as loop:
        yield loop


@dataclass(frozen=True)
class Way:
    """A mode, and a selector with it."""

    mode: Mode
    selector: Callable[[], selectors.BaseSelector] | None
    clock: Callable[[], float] = time.monotonic

    def collection(self) -> WaitStateCollection:
        selector = self.selector and self.selector()
        return WaitStateCollection("hosted", selector=selector, clock=self.clock)


def other_clock() -> float:
    """Tell the kernel's time, as no clock that a guest knows."""
    return time.monotonic()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    """Each way to live in a host, on each selector."""
    mode, selector = TIMING_WAYS[request.param]
    if selector == "DefaultSelector":
        with contextlib.closing(WaitStateCollection()) as probe:
            if mode == "descriptor" and not probe.descriptor_works():
                pytest.skip("the default selector of this system has no descriptor")
        return Way(mode, None, other_clock if request.param == OTHER_CLOCK else time.monotonic)
    kind = getattr(selectors, selector, None)
    if kind is None:
        pytest.skip(f"this system has no {selector}")
    return Way(mode, kind)


@pytest.fixture
def hosted(way: Way) -> Iterator[WaitStateCollection]:
    """A collection with a clock that goes, as those of hosts do."""
    with contextlib.closing(way.collection()) as collection:
        yield collection


@pytest.fixture
def guest(loop: Loop, hosted: WaitStateCollection, way: Way) -> Iterator[Guest]:
    """That collection, attached to that host."""
    with loop.attach(hosted, way.mode) as guest:
        yield guest


@pytest.fixture
def nesting_guest(nesting_loop: Loop, hosted: WaitStateCollection, way: Way) -> Iterator[Guest]:
    """That collection, attached to a host that can run a loop in the loop."""
    with nesting_loop.attach(hosted, way.mode) as guest:
        yield guest


@pytest.fixture
def spend(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have a turn take more time than it may; without this it takes none, on a busy machine too."""
    passing = ManualClock()
    monkeypatch.setattr("reactor.hosts.guest.time", SimpleNamespace(monotonic=passing))
    return lambda: passing.advance(2 * TURNS_TIME_LIMIT)
