"""Residents: dispatchers of asyncore as wait states of a collection.

asyncore asks every dispatcher before each wait what it waits for. `readable()` and `writable()` may
answer otherwise each time, and nobody says when. A collection waits for what it was told. So each
dispatcher has a wait state, its resident, and all of them are asked when everything that could have
changed their answers has run, and told to the selector where an answer has changed:

    ready ──► handle_read_event, handle_write_event ──► timers, posted calls ──► ask ──► wait

A dispatcher that wants nothing is in no selector, and costs the loop no turn. Asking costs two
calls for each dispatcher and turn; that is asyncore's own price, without its list of descriptors
for the kernel.
"""

import contextlib
from collections.abc import MutableMapping
from threading import get_ident
from typing import Any, TypeAlias

from reactor.errors import SocketError, StateClosed
from reactor.interest import READ, URGENT, WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.loop.wait_state import WaitState

# A dispatcher, or whatever has its methods: old programs put objects of their own into a map.
Dispatcher: TypeAlias = Any
Members: TypeAlias = MutableMapping[int, Dispatcher]


class ExitNow(Exception):
    """Raised by a handler to leave the loop: it passes through everything that catches errors."""


def read(obj: Dispatcher) -> None:
    """Tell a dispatcher that it can read; what it raises goes to its `handle_error`.

    Args:
        obj: a dispatcher, or an object with its methods.

    Raises:
        ExitNow: its handler wants to leave the loop.

    Thread: the owner's. Calls back: the dispatcher. Source: asyncore.
    """
    _tell(obj, "handle_read_event")


def write(obj: Dispatcher) -> None:
    """Tell a dispatcher that it can write; what it raises goes to its `handle_error`.

    Args:
        obj: a dispatcher, or an object with its methods.

    Raises:
        ExitNow: its handler wants to leave the loop.

    Thread: the owner's. Calls back: the dispatcher. Source: asyncore.
    """
    _tell(obj, "handle_write_event")


def urgent(obj: Dispatcher) -> None:
    """Tell a dispatcher of a byte out of band; what it raises goes to its `handle_error`."""
    _tell(obj, "handle_expt_event")


def _tell(obj: Dispatcher, handler: str) -> None:
    try:
        getattr(obj, handler)()
    except ExitNow:
        raise
    except Exception:  # noqa: BLE001  # user code: its own handler is told
        obj.handle_error()


class Resident(WaitState):
    """The place of one dispatcher in a collection.

    Thread: the owner's. Calls back: the dispatcher. Source: asyncore.
    """

    __slots__ = ("_heeds_urgent", "_posted", "_residents", "_wanted", "dispatcher", "unwatchable")

    def __init__(self, residents: "Residents", fd: int, dispatcher: Dispatcher) -> None:
        super().__init__(fd)
        self._residents = residents
        self.dispatcher = dispatcher
        self.unwatchable = False  # whether the selector takes no such thing: a plain file
        self._posted = False
        self._wanted = 0
        # A byte that nobody takes would be reported in every turn: who ignores it is not told.
        hooks = (getattr(dispatcher, name, None) for name in ("handle_expt", "handle_expt_event"))
        self._heeds_urgent = not all(getattr(hook, "ignores", False) for hook in hooks)

    def ask(self) -> None:
        """Ask the dispatcher what it waits for, and watch for that."""
        dispatcher = self.dispatcher
        wanted = READ if dispatcher.readable() else 0
        if dispatcher.writable():
            wanted |= WRITE
        if wanted and self._heeds_urgent:
            wanted |= URGENT
        if wanted == self.wanted and not self.unwatchable:
            return
        if not self.here:  # it has closed itself, which is how some count the time
            return
        if not self.unwatchable:
            self._watch(wanted)
        if self.unwatchable and wanted:
            self._wanted = wanted
            if not self._posted:
                self._posted = True
                self._residents.collection.post(self._serve, (), self.context)

    def depart(self) -> None:
        """Give the place up, before the descriptor is closed.

        A copy of the descriptor, here or in a child, would keep it in the selector for ever.
        """
        self._residents.depart(self)

    @property
    def here(self) -> bool:
        """Whether the dispatcher is still the one that the map has under this number."""
        return self._residents.members.get(self.fd) is self.dispatcher

    def on_readable(self) -> None:
        """Tell the dispatcher that it can read."""
        if self.here:
            read(self.dispatcher)

    def on_writable(self) -> None:
        """Tell the dispatcher that it can write."""
        if self.here:
            write(self.dispatcher)

    def on_urgent(self) -> None:
        """Tell the dispatcher of a byte out of band."""
        if self.here:
            urgent(self.dispatcher)

    def on_exception(self, exception: Exception) -> bool:
        """Leave the loop if the dispatcher wants to."""
        return self._residents.leave(exception)

    def close_silently(self) -> None:
        """Close the dispatcher: its collection is being closed."""
        self.dispatcher.close()

    close_after_error = close_silently  # what the error handler calls

    def _watch(self, wanted: int) -> None:
        try:
            self._residents.collection.want(self, wanted)
        except SocketError as error:
            if error.identifier == "access-denied":
                self.unwatchable = True  # epoll takes no plain file, because that is ready always
            elif self.here:  # another thread has closed it just now, if it is not
                raise

    def _serve(self) -> None:
        self._posted = False
        try:
            if self._wanted & READ:
                self.on_readable()
            if self._wanted & WRITE:
                self.on_writable()
        except Exception as exception:  # noqa: BLE001  # user code: what it raises is reported
            self._residents.failed(self, exception)

    def __repr__(self) -> str:
        return f"<Resident fd={self.fd} of {self.dispatcher!r}>"


class Residents:
    """All dispatchers of a map, in a collection.

    Args:
        collection: where they live.
        members: asyncore's map; looked at whenever the residents are asked, so that what comes and
            goes in a plain dictionary is noticed.

    Attributes:
        collection: as given.
        members: as given.

    Thread: the owner's. Calls back: the dispatchers. Source: asyncore.
    """

    __slots__ = ("_exit", "_residents", "collection", "members")

    def __init__(self, collection: WaitStateCollection, members: Members) -> None:
        self.collection = collection
        self.members = members
        self._residents: dict[int, Resident] = {}
        self._exit: Exception | None = None

    def turn(self, timeout: float | None) -> None:
        """Ask all, and take one turn that waits for at most `timeout` seconds."""
        self._exit = None
        self.ask()
        self.collection.run_once(timeout if self.members else 0)
        if self._exit is not None:
            raise self._exit

    def ask(self) -> None:
        """Ask each dispatcher what it waits for; what one raises is reported."""
        for fd, dispatcher in list(self.members.items()):
            resident = self._residents.get(fd)
            try:
                if resident is None or resident.dispatcher is not dispatcher:
                    if self.members.get(fd) is not dispatcher:
                        continue  # one before it has closed it
                    resident = self.admit(fd, dispatcher)
                resident.ask()
            except Exception as exception:  # noqa: BLE001  # user code: what it raises is reported
                self.failed(self._residents.get(fd), exception)
        if len(self._residents) != len(self.members):
            for fd in self._residents.keys() - self.members.keys():
                self.dismiss(fd)

    def admit(self, fd: int, dispatcher: Dispatcher) -> Resident:
        """Give a dispatcher a place, unless it has it; return that."""
        resident = self._residents.get(fd)
        if resident is None or resident.dispatcher is not dispatcher:
            self.dismiss(fd)
            resident = Resident(self, fd, dispatcher)
            self.collection.add(resident)
            self._residents[fd] = resident
            if hasattr(dispatcher, "_places"):
                dispatcher._places = (*dispatcher._places, resident)
        return resident

    def dismiss(self, fd: int) -> None:
        """Take the place of whoever has this number away."""
        resident = self._residents.pop(fd, None)
        if resident is None:
            return
        if self.collection.alive:  # in a forked child the selector is the parent's, and shared
            self.collection.remove(resident)
        places = getattr(resident.dispatcher, "_places", ())
        if resident in places:
            resident.dispatcher._places = tuple(one for one in places if one is not resident)

    def depart(self, resident: Resident) -> None:
        """Take a place away whose dispatcher is about to close; in another thread, see to it."""
        if self.collection.owner.thread == get_ident():
            if self._residents.get(resident.fd) is resident:
                self.dismiss(resident.fd)
        elif self.collection.alive:  # old programs close from anywhere
            with contextlib.suppress(StateClosed):  # it may be over just now
                self.collection.wake()

    def dismiss_all(self) -> None:
        """Take all places away; the dispatchers stay as they are."""
        for fd in list(self._residents):
            self.dismiss(fd)

    def failed(self, resident: Resident | None, exception: Exception) -> None:
        """Report what left a dispatcher, unless it wants to leave the loop."""
        if not self.leave(exception):
            self.collection.report(resident, exception)

    def leave(self, exception: Exception) -> bool:
        """Stop the loop for an `ExitNow`, and tell whether it is one.

        A collection that propagates what it gets needs no such help.
        """
        if not isinstance(exception, ExitNow) or self.collection.error_handler is propagate:
            return False
        self._exit = exception
        self.collection.stop()
        return True

    def __repr__(self) -> str:
        return f"<Residents: {len(self.members)} of {self.collection!r}>"
