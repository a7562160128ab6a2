"""Main loops of others in which a collection lives, and its own; one small entry for each.

An entry imports its toolkit, makes what a program makes anyway, and says how a collection is
attached, and how the loop is run and left. To add a host, write one and put it into `MAKERS`.
"""

import asyncio
import contextlib
import functools
import importlib
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.peers.names import OURS
from benchmarks.work import NotInstalledError
from reactor import WaitStateCollection


@dataclass(frozen=True)
class Host:
    """A main loop.

    Attributes:
        attach: puts a collection in; the result is a context manager, a `Guest` if it is a host.
        run: runs the loop until `quit`; gets the collection.
        quit: ends it; called in the loop.
    """

    attach: Callable[[WaitStateCollection], AbstractContextManager[Any]]
    run: Callable[[WaitStateCollection], object]
    quit: Callable[[WaitStateCollection], object]


def own() -> Host:
    """Our own loop, with which the others are compared."""
    return Host(contextlib.nullcontext, WaitStateCollection.run, WaitStateCollection.stop)


def asyncio_host(loop: asyncio.AbstractEventLoop | None = None) -> Host:
    """A loop of asyncio."""
    loop = loop or asyncio.new_event_loop()
    attach = functools.partial(adapter("asyncio"), loop)
    return Host(attach, lambda guest: loop.run_forever(), lambda guest: loop.stop())


def uvloop_host() -> Host:
    """A loop of uvloop."""
    return asyncio_host(toolkit("uvloop").new_event_loop())


def tk_host() -> Host:
    """A window of Tk, on a display that nobody sees."""
    root = toolkit("tkinter").Tk(screenName=display())
    attach = functools.partial(adapter("tk"), root)
    return Host(attach, lambda guest: root.mainloop(), lambda guest: root.quit())


def qt_host(binding: str) -> Host:
    """An application of Qt without a window."""
    app = toolkit(f"{binding}.QtCore").QCoreApplication([])
    attach = functools.partial(adapter("qt"), app)
    return Host(attach, lambda guest: app.exec(), lambda guest: app.quit())


MAKERS: Final[dict[str, Callable[[], Host]]] = {
    OURS: own,
    "asyncio": asyncio_host,
    "uvloop": uvloop_host,
    "tk": tk_host,
    "pyside6": functools.partial(qt_host, "PySide6"),
    "pyqt6": functools.partial(qt_host, "PyQt6"),
}


def adapter(name: str) -> Callable[..., AbstractContextManager[Any]]:
    """Return `attach` of a host's module."""
    attach: Callable[..., AbstractContextManager[Any]]
    attach = importlib.import_module(f"reactor.hosts.{name}").attach
    return attach


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
