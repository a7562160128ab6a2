"""Tk as a host.

Tcl waits with `select`, and a descriptor above its limit aborts the process. The one that it is
given here is opened early and stands for all others, so a program may have ten thousand of those;
it has to make its collection, and attach it, before it opens them. Tcl has a descriptor of its own
that must be low too, and opens it only when its loop runs for the first time: attaching sees to it.

Other threads never call Tk here, not even where Tk allows it: it blocks them until the loop runs,
for a second at the end of a program, and for ever if the loop waits for them.

The Tcl of Windows watches nothing. There a thread waits, and Tk looks again and again whether it
has brought something: the one place here where something is polled.
"""

from typing import TYPE_CHECKING, Any, Final

from reactor.errors import WrongThread
from reactor.hosts.guest import Guest, Mode, begin_guest
from reactor.hosts.host import Call, Host, WokenHost, milliseconds, nothing
from reactor.loop.collection import WaitStateCollection
from reactor.loop.poller import SELECT_FD_LIMIT

if TYPE_CHECKING:
    import tkinter

# How long a post waits at most where nothing is watched: a frame's time, and a tick of Windows.
LOOK_INTERVAL: Final = 15  # milliseconds

# So long a pause waits at most for Tk to be idle: a program whose timers are always due never is.
LONGEST_REST: Final = 33  # milliseconds, a thirtieth of a second

# A kind of events that Tcl does not have: it opens what it needs to wait, and calls nobody.
NO_EVENTS: Final = 1 << 6


def attach(
    root: "tkinter.Misc", collection: WaitStateCollection, *, mode: Mode | None = None
) -> Guest:
    """Let a collection live in the main loop of Tk, which may be running already.

    Attach before you open many sockets: Tk cannot have a descriptor above 1023.

    Args:
        root: the window of the program, or any other widget.
        collection: has no loop of its own now; its `error_handler` must not be `propagate`.
        mode: "descriptor", "wait thread", or None, the default, for the one that works best.

    Raises:
        OperationNotAllowed: errors would propagate, another host has it, or that mode is not
            possible: on Windows a thread waits.
        WrongThread: this is not the thread of the window, or not that of the collection.
        OperationInProgress: a loop of the collection runs, or it is attached. StateClosed,
            WrongProcess: as every verb of a collection.

    Thread: the one that made the window. Calls back: from Tk's loop only. Source: HO-01 to HO-10.
    """
    return begin_guest(TkHost(root), collection, mode)


def deliver(root: "tkinter.Misc") -> Host:
    """Return a way for another thread to have calls made in the main loop of Tk.

    For `reactor.hosts.thread.attach`, and for one guest.

    Args:
        root: the window of the program, or any other widget.

    Raises:
        WrongThread: this is not the thread of the window.
        OperationNotAllowed: by `attach`, when so many descriptors are open that Tk cannot have one
            more: attach before.

    Thread: the one that made the window. Calls back: from Tk's loop only. Source: HO-03.
    """
    return TkHost(root)


class TkHost(WokenHost):
    """The loop of a Tcl interpreter, as a guest sees it."""

    __slots__ = (
        "_command",
        "_due",
        "_late",
        "_look",
        "_ready",
        "_rest",
        "_tk",
        "_tkinter",
        "_watched",
    )

    def __init__(self, root: "tkinter.Misc") -> None:
        import _tkinter

        super().__init__()
        self._tkinter = _tkinter
        self._tk: Any = root.tk
        self._check_thread(root)
        self._watched: dict[int, Any] = {}  # what is called, by descriptor
        self._ready: dict[int, Any] = {}  # kept: Tk borrows it while it calls, and it may unwatch
        self._due: Call | None = None
        self._command = f"waitstate_due_{id(self)}"
        # One command for all timers: to make one for each costs four times as much as the timer.
        self._tk.createcommand(f"{self._command}_once", self._on_due)
        # A ^C that comes at the first line of ours would have cost the guest its last call. Tk
        # remembers the exception, and the main loop ends with it all the same.
        again = f"after cancel {self._command}; after 1 {self._command}"
        self._tk.call("proc", self._command, "", f"if [catch {self._command}_once] {{{again}}}")
        # By a timer all the same: out of `update_idletasks` no program expects to be called.
        self._late = f"{self._command}_late"
        self._rest = f"after cancel {self._late}; after 1 {self._command}"
        self._tk.call("proc", self._late, "", f"after cancel {{{self._rest}}}; {self._command}")
        self._look = ""  # the command that looks for posts, if one does

    def _check_thread(self, root: "tkinter.Misc") -> None:
        """Ask for something that Tk does in no other thread; most of it is brought to its own."""
        try:
            self._tk.createtimerhandler(0, nothing).deletetimerhandler()
        except RuntimeError as error:
            raise WrongThread(f"{root!r} belongs to another thread: attach to it there") from error

    def can_watch(self, fd: int) -> bool:
        """Tell whether Tcl's `select` can take it; that of Windows takes sockets only."""
        if not self._watches or fd >= SELECT_FD_LIMIT:
            return False
        self._tk.dooneevent(NO_EVENTS | self._tkinter.DONT_WAIT)
        return True

    def watch(self, fd: int, ready: Call) -> None:
        """Have `ready` called while `fd` is readable."""
        if fd not in self._watched:
            self._watched[fd] = self._ready[fd] = lambda file, mask: ready()
            self._tk.createfilehandler(fd, self._tkinter.READABLE, self._ready[fd])

    def unwatch(self) -> None:
        """Watch no more."""
        watched, self._watched = self._watched, {}  # first: a ^C may come out of the next line
        for fd in watched:
            self._tk.deletefilehandler(fd)

    def arm(self, delay: float, due: Call) -> None:
        """Have `due` called."""
        self.disarm()
        self._due = due
        self._tk.call("after", milliseconds(delay), self._command)

    def rest(self, due: Call) -> None:
        """Have `due` called when Tk has painted: what is idle comes behind all timers that are due.

        On a busy machine a timer alone may be due before Tk looks. But a program whose own timers
        are always due does not let Tk paint, and need not be left to it for ever.
        """
        self.disarm()
        self._due = due
        self._tk.call("after", "idle", self._rest)
        self._tk.call("after", LONGEST_REST, self._late)

    def disarm(self) -> None:
        """Cancel the timer."""
        for script in (self._command, self._rest, self._late):
            self._tk.call("after", "cancel", script)

    def _on_due(self) -> None:
        if self._due is not None:
            self._due()

    def expect_posts(self) -> None:
        """Watch a waker, or look for posts now and then."""
        if self._watches:
            super().expect_posts()
            return
        self._look = f"{self._command}_look"
        self._tk.createcommand(f"{self._look}_once", self._on_posted)
        body = f"after {LOOK_INTERVAL} {self._look}; catch {self._look}_once"
        self._tk.call("proc", self._look, "", body)
        self._tk.call("after", LOOK_INTERVAL, self._look)

    @property
    def _watches(self) -> bool:
        return hasattr(self._tk, "createfilehandler")

    def close(self) -> None:
        """Delete everything that Tk has of ours; the window may be destroyed."""
        super().close()
        if self._look:
            self._tk.call("after", "cancel", self._look)
        for command in filter(None, (self._look, self._command)):
            self._tk.call("rename", command, "")
            self._tk.deletecommand(f"{command}_once")
        if self._late:
            self._tk.call("rename", self._late, "")
        self._look = self._command = self._late = ""
