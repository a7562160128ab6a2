"""Qt as a host, by PySide6 or PyQt6: the one that the application is of.

What leaves a slot PySide prints, and goes on. PyQt prints it and aborts the process, unless the
program has set `sys.excepthook`: then that is called, and it goes on. A SystemExit ends the process
there and then, by both.

A QTimer is asked to be precise: by default Qt lets it be late by a twentieth, to save current.
"""

import contextlib
import importlib
import sys
from typing import Any, Final

from reactor.errors import WrongThread
from reactor.hosts.guest import Guest, Mode, begin_guest
from reactor.hosts.host import Call, Host, WokenHost, milliseconds
from reactor.loop.collection import WaitStateCollection

CORES: Final = frozenset({"PySide6.QtCore", "PyQt6.QtCore"})
# What our objects raise when the application has ended, and they with it.
Ended: Final = RuntimeError


def attach(app: Any, collection: WaitStateCollection, *, mode: Mode | None = None) -> Guest:
    """Let a collection live in the event loop of Qt, which may be running already.

    Args:
        app: the QApplication, or QCoreApplication, of PySide6 or PyQt6.
        collection: has no loop of its own now; its `error_handler` must not be `propagate`.
        mode: "descriptor", "wait thread", or None, the default, for the one that works best.

    Raises:
        TypeError: that is no application of either.
        OperationNotAllowed: errors would propagate, another host has it, or that mode is not
            possible.
        WrongThread: this is not the thread of the application, or not that of the collection.
        OperationInProgress: a loop of the collection runs, or it is attached. StateClosed,
            WrongProcess: as every verb of a collection.

    Thread: that of the application. Calls back: from Qt's loop only. Source: HO-01 to HO-10.
    """
    return begin_guest(QtHost(app, core_of(app)), collection, mode)


def deliver(app: Any) -> Host:
    """Return a way for another thread to have calls made in the event loop of Qt.

    For `reactor.hosts.thread.attach`, and for one guest.

    Args:
        app: the QApplication, or QCoreApplication, of PySide6 or PyQt6.

    Raises:
        TypeError: that is no application of either. WrongThread: this is not its thread.

    Thread: that of the application. Calls back: from Qt's loop only. Source: HO-03.
    """
    return QtHost(app, core_of(app))


def core_of(app: Any) -> Any:
    """Return the module that an application is from; refuse anything else."""
    for name in CORES & {kind.__module__ for kind in type(app).__mro__}:
        core = importlib.import_module(name)
        if isinstance(app, core.QCoreApplication):
            return core
    raise TypeError(f"app is an application of PySide6 or PyQt6, not {app!r}")


class QtHost(WokenHost):
    """The event loop of an application, as a guest sees it.

    What we make belongs to the application, and is deleted by its loop: not in a call of its own.
    """

    __slots__ = ("_app", "_arming", "_core", "_due", "_notifiers", "_timer")

    def __init__(self, app: Any, core: Any) -> None:
        super().__init__()
        self._app = app
        if core.QThread.currentThread() != app.thread():
            raise WrongThread(f"{app!r} belongs to another thread: attach to it there")
        self._core = core
        self._due: Call | None = None
        self._arming = 0  # the number of the last one
        self._notifiers: dict[int, Any] = {}  # by descriptor
        self._timer: Any = self._core.QTimer(app)
        self._timer.setTimerType(self._core.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(lambda: self._on_due())  # PyQt wants a weak one of a method

    def can_watch(self, fd: int) -> bool:
        """Tell whether it is a number that Qt can watch; on Windows it takes sockets only."""
        return sys.platform != "win32" or self._waker is not None

    def watch(self, fd: int, ready: Call) -> None:
        """Have `ready` called while `fd` is readable."""
        if fd not in self._notifiers:
            kind = self._core.QSocketNotifier.Type.Read
            self._notifiers[fd] = self._core.QSocketNotifier(fd, kind, self._app)
            self._notifiers[fd].activated.connect(lambda: ready())
        with contextlib.suppress(Ended):
            self._notifiers[fd].setEnabled(True)

    def unwatch(self) -> None:
        """Watch no more, for now."""
        for notifier in self._notifiers.values():
            with contextlib.suppress(Ended):
                notifier.setEnabled(False)

    def arm(self, delay: float, due: Call) -> None:
        """Have `due` called."""
        self._due = due
        self._arming += 1
        with contextlib.suppress(Ended):
            self._timer.start(milliseconds(delay))

    def disarm(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            with contextlib.suppress(Ended):
                self._timer.stop()

    def _on_due(self) -> None:
        # No single shot: what leaves a slot is printed, and a ^C that comes at the first line of
        # this one would have cost the guest its last call.
        arming = self._arming
        if self._due is not None:
            self._due()
        if self._arming == arming:
            self.disarm()

    def close(self) -> None:
        """Leave what is ours to the loop, to be deleted; the application may have ended."""
        super().close()
        for ours in (*self._notifiers.values(), self._timer):
            if ours is not None:
                with contextlib.suppress(Ended):
                    ours.deleteLater()
        self._notifiers.clear()
        self._timer = None
