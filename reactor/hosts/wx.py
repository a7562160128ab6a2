"""wx as a host, by wxPython.

wx itself watches no descriptor. Where GTK is underneath, so is the main loop of GLib, and that one
does, if PyGObject is there to ask it; everywhere else a thread waits. What leaves a callback is
printed, and the loop goes on; a SystemExit ends the process there and then.
"""

import contextlib
import importlib
from typing import Any

from reactor.hosts.glib import GLibHost, context_of
from reactor.hosts.guest import Guest, Mode, begin_guest
from reactor.hosts.host import Call, Host, milliseconds
from reactor.loop.collection import WaitStateCollection
from reactor.loop.signals import SignalWakeup


def attach(app: Any, collection: WaitStateCollection, *, mode: Mode | None = None) -> Guest:
    """Let a collection live in the main loop of wx, which may be running already.

    Args:
        app: the wx.App.
        collection: has no loop of its own now; its `error_handler` must not be `propagate`.
        mode: "descriptor", "wait thread", or None, the default, for the one that works best: the
            former needs GTK underneath, and PyGObject.

    Raises:
        TypeError: that is no application of wx.
        OperationNotAllowed: errors would propagate, another host has it, or that mode is not
            possible.
        OperationInProgress: a loop of the collection runs, or it is attached. WrongThread,
            StateClosed, WrongProcess: as every verb of a collection.

    Thread: that of the application. Calls back: from its loop only. Source: HO-01 to HO-10.
    """
    check_app(app)
    return begin_guest(WxHost(), collection, mode)


def deliver(app: Any) -> Host:
    """Return a way for another thread to have calls made in the main loop of wx.

    For `reactor.hosts.thread.attach`, and for one guest.

    Args:
        app: the wx.App.

    Raises:
        TypeError: that is no application of wx.

    Thread: that of the application. Calls back: from its loop only. Source: HO-03.
    """
    check_app(app)
    return WxHost()


def check_app(app: Any) -> None:
    """Refuse what is no application of wx."""
    if not isinstance(app, importlib.import_module("wx").AppConsole):
        raise TypeError(f"app is an application of wx, not {app!r}")


class WxHost(Host):
    """The main loop of the application, as a guest sees it; there is one in a process."""

    __slots__ = ("_below", "_due", "_owner", "_signals", "_timer", "_wx")

    def __init__(self) -> None:
        self._wx: Any = importlib.import_module("wx")
        self._below = glib_below(self._wx)
        self._due: Call | None = None
        self._signals: SignalWakeup | None = None
        self._owner: Any = self._wx.EvtHandler()  # of the timer
        self._owner.Bind(self._wx.EVT_TIMER, self._on_due)
        self._timer: Any = self._wx.Timer(self._owner)

    def can_watch(self, fd: int) -> bool:
        """Tell whether there is a loop underneath that does."""
        return self._below is not None and self._below.can_watch(fd)

    def watch(self, fd: int, ready: Call) -> None:
        """Have `ready` called while `fd` is readable."""
        assert self._below is not None
        self._below.watch(fd, ready)

    def unwatch(self) -> None:
        """Watch no more."""
        if self._below is not None:
            self._below.unwatch()

    def arm(self, delay: float, due: Call) -> None:
        """Have `due` called. A timer of wx has a millisecond at least."""
        self._due = due
        self._timer.StartOnce(max(1, milliseconds(delay)))

    def disarm(self) -> None:
        """Stop the timer."""
        self._timer.Stop()

    def post(self, call: Call) -> None:
        """Call soon; raises if the application is gone."""
        self._wx.CallAfter(call)

    def keep_signals(self) -> None:
        """Let them wake the loop underneath, which is the only one that can be woken by them."""
        if self._below is not None:
            self._signals = SignalWakeup()
            self._below.watch(self._signals.fd, self._signals.on_readable)

    def close(self) -> None:
        """Let wx forget the timer: what it calls it keeps, and nobody collects that."""
        super().close()
        if self._signals is not None:
            self._signals.close()
            self._signals = None
        self._owner.Unbind(self._wx.EVT_TIMER)

    def _on_due(self, event: object) -> None:
        if self._due is not None:
            self._due()


def glib_below(wx: Any) -> GLibHost | None:
    """Return the loop of GLib in which that of wx runs, if there is one that we can reach."""
    if "wxGTK" in wx.PlatformInfo:
        with contextlib.suppress(ImportError):
            return GLibHost(context_of(None))
    return None
