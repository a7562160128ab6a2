"""wx as a host, by wxPython.

wx itself watches no descriptor. Where GTK is underneath, so is the main loop of GLib, and that one
does, if PyGObject is there to ask it: then that is the host. Everywhere else a thread waits, and wx
is. What leaves a callback is printed, and the loop goes on; a SystemExit ends the process there and
then.
"""

import contextlib
import importlib
from collections.abc import Sequence
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
    return begin_guest(host_of(mode), collection, mode)


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
    return host_of(None)


def check_app(app: Any) -> None:
    """Refuse what is no application of wx."""
    if not isinstance(app, importlib.import_module("wx").AppConsole):
        raise TypeError(f"app is an application of wx, not {app!r}")


def host_of(mode: Mode | None) -> Host:
    """Return the loop underneath if that mode can do with it, or else that of wx itself."""
    wx: Any = importlib.import_module("wx")
    if "wxGTK" in wx.PlatformInfo and mode != "wait thread":
        with contextlib.suppress(ImportError):
            return GtkHost(context_of(None))
    return WxHost(wx)


class GtkHost(GLibHost):
    """The main loop of the application where GTK is underneath: that of GLib."""

    __slots__ = ("_signals",)

    sees_signals = False  # it is not PyGObject that runs it

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._signals: SignalWakeup | None = None

    def keep_signals(self) -> None:
        """Watch for them."""
        self._signals = SignalWakeup()
        self.watch(self._signals.fd, self._signals.on_readable)

    def close(self) -> None:
        """Close what is watched too."""
        super().close()
        if self._signals is not None:
            self._signals.close()
            self._signals = None


class WxHost(Host):
    """The main loop of the application, as a guest sees it; there is one in a process.

    What calls us comes twice: when an exception leaves the first call, perhaps before its first
    line, the second is still to come.
    """

    __slots__ = ("_due", "_owner", "_timers", "_wx")

    def __init__(self, wx: Any) -> None:
        self._wx = wx
        self._due: Call | None = None
        self._owner: Any = wx.EvtHandler()  # of the timers
        self._owner.Bind(wx.EVT_TIMER, self._on_due)
        self._timers: Sequence[Any] = (wx.Timer(self._owner), wx.Timer(self._owner))

    def can_watch(self, fd: int) -> bool:
        """Tell that wx watches nothing."""
        return False

    def unwatch(self) -> None:
        """Do nothing: nothing is watched."""

    def arm(self, delay: float, due: Call) -> None:
        """Have `due` called. A timer of wx has a millisecond at least."""
        self._due = due
        for behind, timer in enumerate(self._timers, start=1):
            timer.StartOnce(milliseconds(delay) + behind)

    def disarm(self) -> None:
        """Stop the timers."""
        for timer in self._timers:
            timer.Stop()

    def post(self, call: Call) -> None:
        """Call soon; raises if the application is gone."""
        calls = [call]
        for _ in range(2):
            self._wx.CallAfter(make, calls)

    def close(self) -> None:
        """Let wx forget the timers: what they call it keeps, and nobody collects that."""
        super().close()
        self._owner.Unbind(self._wx.EVT_TIMER)

    def _on_due(self, event: object) -> None:
        try:
            self.disarm()  # the second, too: a loop in the loop would call it
            if self._due is not None:
                self._due()
        except BaseException:
            # It may have come before the call, which is then still due.
            self._timers[0].StartOnce(1)
            raise


def make(calls: list[Call]) -> None:
    """Make the call that is left, if one is."""
    if calls:
        calls[0]()
        calls.clear()
