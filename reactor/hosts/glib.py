"""GLib as a host, by PyGObject; so GTK 3 and GTK 4, and whatever else runs its main loop.

What leaves a callback PyGObject prints, and the loop goes on, without the source: GLib drops it, in
silence, even if a handler of the program has raised at the first line of ours. So what a source of
ours calls is no line of Python but a signal of GObject, which outlives what leaves its handlers. A
SystemExit ends the process there and then.

Everything of ours has the default priority. An idle call of GLib has a lower one, if nobody says
otherwise, and waits for ever behind a source that is always ready. Windows are painted at a lower
one, too; the pauses of a guest let them.
"""

import contextlib
import functools
import importlib
from typing import Any, Final

from reactor.hosts.guest import Guest, Mode, begin_guest
from reactor.hosts.host import Call, Host, milliseconds
from reactor.loop.collection import WaitStateCollection

# The last handler of each signal, which has something true to return: so a source stays until it is
# destroyed. It takes any arguments, and is one of C: no exception comes in between.
STAY: Final = "stay".format

# A call that an exception has cut short is made again after this, whatever its delay was.
AGAIN: Final = 1  # milliseconds


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


@functools.cache
def calls_type() -> Any:
    """Return a class of GObject with a signal for each kind of source; GObject never forgets it."""
    gobject: Any = importlib.import_module("gi.repository.GObject")
    arguments = {"ready": (int, int), "due": (), "posted": ()}
    last = gobject.SignalFlags.RUN_LAST
    signals = {name: (last, bool, kinds) for name, kinds in arguments.items()}
    return type("WaitstateCalls", (gobject.Object,), {"__gsignals__": signals})


class GLibHost(Host):
    """A main context, as a guest sees it.

    A source calls us again and again until it is destroyed. A watch is, by `unwatch`; the others
    are when what they have called returns.
    """

    __slots__ = (
        "_calls",
        "_context",
        "_due",
        "_fd_source",
        "_glib",
        "_gobject",
        "_posted",
        "_posting",
        "_ready",
        "_timer",
        "_watch",
    )

    # PyGObject wakes its loops, if they are of the default context, until a handler raises.
    sees_signals = True

    def __init__(self, context: Any) -> None:
        self._glib: Any = importlib.import_module("gi.repository.GLib")
        self._gobject: Any = importlib.import_module("gi.repository.GObject")
        self._context = context
        self._fd_source = fd_source_maker(self._glib)
        self._calls: Any = calls_type()()
        handlers = {"ready": self._on_ready, "due": self._on_due, "posted": self._on_posted}
        for name, handler in handlers.items():
            self._calls.connect(name, handler)
            self._calls.connect(name, STAY)
        self._ready: Call | None = None
        self._watch: Any = None
        self._due: Call | None = None
        self._timer: Any = None
        self._posted: Call | None = None  # a guest posts the same each time
        self._posting: Any = None

    def can_watch(self, fd: int) -> bool:
        """Tell whether this GLib watches descriptors; that of Windows does not."""
        return self._fd_source is not None

    def watch(self, fd: int, ready: Call) -> None:
        """Have `ready` called while `fd` is readable."""
        if self._watch is None:
            self._ready = ready
            watch = self._prepare(self._fd_source(fd, self._glib.IOCondition.IN), "ready")
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
        self._due = due
        timer = self._prepare(self._glib.timeout_source_new(AGAIN), "due")
        timer.set_ready_time(self._glib.get_monotonic_time() + milliseconds(delay) * 1000)
        self._timer = timer
        timer.attach(self._context)

    def disarm(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            timer, self._timer = self._timer, None
            timer.destroy()

    def post(self, call: Call) -> None:
        """Call soon, whatever else is ready; GLib takes sources from all threads."""
        self._posted = call
        posting = self._prepare(self._glib.idle_source_new(), "posted")
        self._posting = posting
        posting.attach(self._context)

    def close(self) -> None:
        """Destroy all sources; a call that was posted is not made, nor is one that comes late."""
        super().close()
        if self._posting is not None:
            self._posting.destroy()
        self._gobject.signal_handlers_destroy(self._calls)

    def _prepare(self, source: Any, name: str) -> Any:
        # A closure has the arguments that a source of a descriptor gives; `set_callback` has not.
        self._gobject.source_set_closure(source, functools.partial(self._calls.emit, name))
        source.set_priority(self._glib.PRIORITY_DEFAULT)
        return source

    def _on_ready(self, calls: object, fd: int, condition: int) -> None:
        assert self._ready is not None
        self._ready()

    def _on_due(self, calls: object) -> None:
        timer = self._glib.main_current_source()
        assert self._due is not None
        self._due()
        timer.destroy()

    def _on_posted(self, calls: object) -> None:
        posting = self._glib.main_current_source()
        assert self._posted is not None
        self._posted()
        posting.destroy()
