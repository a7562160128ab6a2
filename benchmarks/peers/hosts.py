"""Main loops of others in which a collection lives, and its own; one small entry for each.

An entry imports its toolkit, makes what a program makes anyway, and says how a collection is
attached, and how the loop is run and left. To add a host, write one and put it into `MAKERS`.
"""

import asyncio
import functools
import importlib
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from benchmarks.peers.names import OURS
from benchmarks.work import NotInstalledError
from reactor import WaitStateCollection

Attach: TypeAlias = Callable[[WaitStateCollection], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Host:
    """A main loop.

    Attributes:
        live: attaches a collection, calls `begin` with what that returns, and runs the loop.
        quit: ends it; gets the collection, and is called in the loop.
        paced: whether the loop turns all the time, and is not told of time by the kernel.
    """

    live: Callable[[WaitStateCollection, Callable[[Any], object]], object]
    quit: Callable[[WaitStateCollection], object]
    paced: bool = False


def looping(attach: Attach, run: Callable[[], object], leave: Callable[[], object]) -> Host:
    """Return a host whose loop is run by one call and left by another."""

    def live(collection: WaitStateCollection, begin: Callable[[Any], object]) -> None:
        with attach(collection) as guest:
            begin(guest)
            run()

    return Host(live, lambda collection: leave())


def own() -> Host:
    """Our own loop, with which the others are compared."""

    def live(collection: WaitStateCollection, begin: Callable[[Any], object]) -> None:
        begin(None)
        collection.run()

    return Host(live, WaitStateCollection.stop)


def asyncio_host(loop: asyncio.AbstractEventLoop | None = None) -> Host:
    """A loop of asyncio."""
    loop = loop or asyncio.new_event_loop()
    return looping(way("asyncio", loop), loop.run_forever, loop.stop)


def uvloop_host() -> Host:
    """A loop of uvloop."""
    return asyncio_host(toolkit("uvloop").new_event_loop())


def trio_host() -> Host:
    """A task of trio."""
    trio, scopes = toolkit("trio"), list[Any]()

    async def task(collection: WaitStateCollection, begin: Callable[[Any], object]) -> None:
        async with trio.open_nursery() as nursery:
            with way("trio", nursery)(collection) as guest:
                begin(guest)
                with trio.CancelScope() as scope:
                    scopes.append(scope)
                    await trio.sleep_forever()

    return Host(functools.partial(trio.run, task), lambda collection: scopes[-1].cancel())


def tk_host(*, thread: bool = False) -> Host:
    """A window of Tk, on a display that nobody sees."""
    root = toolkit("tkinter").Tk(screenName=display())
    return looping(way("tk", root, thread=thread), root.mainloop, root.quit)


def qt_host(binding: str, *, thread: bool = False) -> Host:
    """An application of Qt without a window."""
    app = toolkit(f"{binding}.QtCore").QCoreApplication([])
    return looping(way("qt", app, thread=thread), app.exec, app.quit)


def glib_host(*, thread: bool = False) -> Host:
    """A main loop of GLib, in which GTK runs as well."""
    loop = toolkit("gi.repository.GLib").MainLoop()
    return looping(way("glib", loop, thread=thread), loop.run, loop.quit)


def wx_host() -> Host:
    """An application of wx with a window, on a display that nobody sees."""
    wx = toolkit("wx")
    os.environ["DISPLAY"] = display()
    app = wx.App()
    wx.Frame(None)
    return looping(way("wx", app), app.MainLoop, app.ExitMainLoop)


def pygame_host() -> Host:
    """A game of sixty frames a second, which draws nothing."""
    toolkit("pygame")
    over = list[WaitStateCollection]()

    def live(collection: WaitStateCollection, begin: Callable[[Any], object]) -> None:
        with verb("pygame", "attach")(collection) as frames:
            begin(frames)
            while collection not in over:
                frames.tick()

    return Host(live, over.append, paced=True)


MAKERS: Final[dict[str, Callable[[], Host]]] = {
    OURS: own,
    "asyncio": asyncio_host,
    "uvloop": uvloop_host,
    "trio": trio_host,
    "tk": tk_host,
    "pyside6": functools.partial(qt_host, "PySide6"),
    "pyqt6": functools.partial(qt_host, "PyQt6"),
    "glib": glib_host,
    "wx": wx_host,
    "pygame": pygame_host,
    # The collection has a thread of its own, and delivers.
    "tk, thread": functools.partial(tk_host, thread=True),
    "pyside6, thread": functools.partial(qt_host, "PySide6", thread=True),
    "glib, thread": functools.partial(glib_host, thread=True),
}


def way(module: str, host: object, *, thread: bool = False) -> Attach:
    """Return how a collection is attached to a host, or to a thread that delivers to it."""
    if not thread:
        return functools.partial(verb(module, "attach"), host)
    deliver, attach = verb(module, "deliver"), verb("thread", "attach")
    return lambda collection: attach(deliver(host), collection)


def verb(module: str, name: str) -> Any:
    """Return a verb of an adapter."""
    return getattr(importlib.import_module(f"reactor.hosts.{module}"), name)


def toolkit(module: str) -> Any:
    """Import a toolkit."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise NotInstalledError(f"{module} is not installed") from error


def display() -> str:
    """Start a display that ends with this process's group, and return its name."""
    if shutil.which("Xvfb") is None:
        raise NotInstalledError("Xvfb is not installed")
    read, write = os.pipe()
    subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,  # ours is read to its end
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with open(read) as told:
        return f":{told.readline().strip()}"
