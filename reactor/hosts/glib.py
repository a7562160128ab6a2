"""GLib as a host, by PyGObject; so GTK 3 and GTK 4, and whatever else runs its main loop.

What leaves a callback PyGObject prints, and the loop goes on, without the source: GLib drops it, in
silence. So ours is put back before that. A SystemExit ends the process there and then.

Everything of ours has the default priority. An idle call of GLib has a lower one, if nobody says
otherwise, and waits for ever behind a source that is always ready. Windows are painted at a lower
one, too; the pauses of a guest let them.
"""

import contextlib
import importlib
from typing import Any

from reactor.hosts.guest import Guest, Mode, begin_guest
from reactor.hosts.host import Call, Host, milliseconds
from reactor.loop.collection import WaitStateCollection


def attach(host: Any, collection: WaitStateCollection, *, mode: Mode | None = None) -> Guest:
    """Let a collection live in a main loop of GLib, which may be running already.

    Args:
        host: a Gio.Application, which that of GTK is, a GLib.MainLoop, or a GLib.MainContext. None
            is the default context, in which `Gtk.main` and all applications run.
        collection: has no loop of its own now; its `error_handler` must not be `propagate`.
        mode: "descriptor", "wait thread", or None, the default, for the one that works best.

    Raises:
        TypeError: that is no host.
        OperationNotAllowed: errors would propagate, another host has it, or that mode is not
            possible.
        OperationInProgress: a loop of the collection runs, or it is attached. WrongThread,
            StateClosed, WrongProcess: as every verb of a collection.

    Thread: the one in which the loop runs. Calls back: from the loop only. Source: HO-01 to HO-10.
    """
    return begin_guest(GLibHost(context_of(host)), collection, mode)


def deliver(host: Any) -> Host:
    """Return a way for another thread to have calls made in a main loop of GLib.

    For `reactor.hosts.thread.attach`, and for one guest.

    Args:
        host: as for `attach`.

    Raises:
        TypeError: that is no host.

    Thread: the one in which the loop runs. Calls back: from the loop only. Source: HO-03.
    """
    return GLibHost(context_of(host))


def context_of(host: Any) -> Any:
    """Return the context in which a host runs."""
    glib: Any = importlib.import_module("gi.repository.GLib")
    if isinstance(host, glib.MainContext):
        return host
    if isinstance(host, glib.MainLoop):
        return host.get_context()
    if host is None or isinstance(host, importlib.import_module("gi.repository.Gio").Application):
        return glib.MainContext.default()
    raise TypeError(
        "host is a Gio.Application, a GLib.MainLoop, a GLib.MainContext or None for the default"
        f" one, not {host!r}"
    )


def fd_source_maker(glib: Any) -> Any:
    """Return the function that makes the source of a descriptor, or None: not on Windows."""
    with contextlib.suppress(ImportError, AttributeError):
        return importlib.import_module("gi.repository.GLibUnix").fd_source_new  # GLib 2.88
    return getattr(glib, "unix_fd_source_new", None)


class GLibHost(Host):
    """A main context, as a guest sees it."""

    __slots__ = (
        "_context",
        "_fd_source",
        "_glib",
        "_posted",
        "_ready",
        "_set_closure",
        "_timer",
        "_watch",
    )

    sees_signals = True  # PyGObject wakes its loops, if they are of the default context

    def __init__(self, context: Any) -> None:
        self._glib: Any = importlib.import_module("gi.repository.GLib")
        self._context = context
        self._fd_source = fd_source_maker(self._glib)
        # A closure has the arguments that a source of a descriptor gives; `set_callback` has not.
        self._set_closure: Any = importlib.import_module("gi.repository.GObject").source_set_closure
        self._posted: Any = None  # a guest posts once, and again when that has been called
        self._ready: tuple[int, Call] | None = None
        self._timer: Any = None
        self._watch: Any = None

    def can_watch(self, fd: int) -> bool:
        """Tell whether this GLib watches descriptors; that of Windows does not."""
        return self._fd_source is not None

    def watch(self, fd: int, ready: Call) -> None:
        """Have `ready` called while `fd` is readable."""
        if self._watch is None:
            self._ready = (fd, ready)
            watch = self._fd_source(fd, self._glib.IOCondition.IN)
            self._set_closure(watch, self._on_ready)
            watch.set_priority(self._glib.PRIORITY_DEFAULT)
            self._watch = watch  # here: a ^C may come out of each of these lines
            watch.attach(self._context)

    def unwatch(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            watch, self._watch = self._watch, None
            watch.destroy()

    def arm(self, delay: float, due: Call) -> None:
        """Have `due` called."""
        self.disarm()
        self._timer = self._attach(
            self._glib.timeout_source_new(milliseconds(delay)), lambda: self._on_due(due)
        )

    def disarm(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            timer, self._timer = self._timer, None
            timer.destroy()

    def post(self, call: Call) -> None:
        """Call soon, whatever else is ready; GLib takes sources from all threads."""
        self._posted = self._attach(self._glib.idle_source_new(), call)

    def close(self) -> None:
        """Destroy all sources; a call that was posted is not made."""
        super().close()
        if self._posted is not None:
            self._posted.destroy()
            self._posted = None

    def _attach(self, source: Any, call: Call) -> Any:
        def once(*arguments: object) -> bool:
            call()
            return False  # it is over

        source.set_callback(once)
        source.set_priority(self._glib.PRIORITY_DEFAULT)
        source.attach(self._context)
        return source

    def _on_ready(self, *arguments: object) -> bool:
        assert self._ready is not None
        fd, ready = self._ready
        try:
            ready()
        except BaseException:
            if self._watch is not None:
                self.unwatch()
                self.watch(fd, ready)
            raise
        return True

    def _on_due(self, due: Call) -> None:
        self._timer = None
        due()
