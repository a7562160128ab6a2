"""Poller: which descriptors are ready, and whose they are.

It asks a selector of the standard library, and answers with pairs `(fd, mask)` of plain numbers,
the form in which epoll delivers them: a `SelectorKey` for each event costs 4 % of an echo. The bits
are those of epoll, and the other selectors' are turned into them.

One table leads from a descriptor to its wait state, and one to what is called when there is
something to read: nearly all reports say that and nothing else, and what need not be touched on the
way is time saved. A descriptor's number can be reused between the wait that reported it and the
moment its turn comes, so what leaves the tables meanwhile is remembered in `stale`, and reports
under its number are dropped. If they concerned the successor, they come again: every selector here
is level-triggered.
"""

import contextlib
import select
import selectors
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from reactor.errors import LimitExceeded, OperationNotAllowed, SocketError, from_os_error
from reactor.interest import EITHER, READ, URGENT, WRITE
from reactor.loop.health import Health
from reactor.loop.wait_state import Reader, WaitState, call
from reactor.loop.waker import Waker

Ready: TypeAlias = list[tuple[int, int]]
Failed: TypeAlias = Callable[[WaitState, Exception], object]

# The bits of a mask: those of epoll on Linux. Any other bit is an error or a hang-up, which
# both directions have to hear of.
IN: Final = 1
PRI: Final = 2
OUT: Final = 4

# Events that one turn serves at most, so that a flood cannot keep timers and posts waiting.
EVENT_LIMIT: Final = 256

# Systems count a wait in milliseconds of 32 bits, 24 days, and refuse a longer one. One that ends
# earlier than it could is an empty turn a day.
WAIT_LIMIT: Final = 86400.0  # seconds

# What FD_SETSIZE is everywhere but on Windows, where it bounds the number of sockets instead.
SELECT_FD_LIMIT: Final = 1024


if sys.platform == "linux":

    class RawEpollSelector(selectors.EpollSelector):
        """The standard library's epoll selector, without an object for each descriptor and event.

        What is registered is kept once, in the table of the poller: a `SelectorKey` beside it
        would be an eighth of what an idle connection costs.
        """

        def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
            """Watch a descriptor."""
            self.raw.register(fileobj, epoll_bits(events))

        def modify(self, fileobj: Any, events: int, data: Any = None) -> Any:
            """Watch a descriptor for something else."""
            self.raw.modify(fileobj, epoll_bits(events))

        def unregister(self, fileobj: Any) -> Any:
            """Watch a descriptor no more; one that was closed meanwhile is in there no more."""
            with contextlib.suppress(OSError):
                self.raw.unregister(fileobj)

        @property
        def raw(self) -> select.epoll:
            """The epoll object itself, whose answer is what the poller's is.

            It counts milliseconds and rounds up; the selector's own rounding on top of that would
            make every timer one millisecond later.
            """
            epoll: select.epoll = self._selector  # type: ignore[attr-defined]  # not public there
            return epoll


def epoll_bits(events: int) -> int:
    """Turn a mask of `reactor.interest` into the bits of epoll."""
    bits = (IN if events & READ else 0) | (OUT if events & WRITE else 0)
    return bits | PRI if events & URGENT else bits


class Poller:
    """A selector, and what is in it.

    Args:
        selector: where to register; None takes the best that the system has.
        waker: is watched for reading always, and drained when it is ready; it is no wait state.

    Raises:
        SocketError: the selector does not take the waker; both are closed then.

    Thread: `wait` may run in another thread than the rest. Calls back: from `serve` only.
    Source: LW-001, LW-006, LW-007.
    """

    __slots__ = ("_first", "_poll", "_readers", "_selector", "_waker", "live", "stale", "states")

    def __init__(self, selector: selectors.BaseSelector | None, waker: Waker) -> None:
        self.states: dict[int, WaitState] = {}
        self._readers: dict[int, Reader] = {}
        self._waker = waker
        self.stale: set[int] = set()
        self._first = 0  # of the ready ones, if there are more than one turn serves
        self._poll: Callable[[float | None, int], Ready] | None = None
        with contextlib.ExitStack() as undo:
            undo.callback(waker.close)
            if sys.platform == "linux" and selector is None:
                selector = RawEpollSelector()
                self._poll = selector.raw.poll
            self._selector = selector or selectors.DefaultSelector()
            undo.callback(self._selector.close)
            try:
                self._selector.register(waker.fd, READ)
            except OSError as error:
                raise from_os_error(error, phase=None, situation="register") from error
            undo.pop_all()
        # Whether a wait that is running notices what is registered meanwhile: kernels that keep
        # the set do, select and poll are handed a copy.
        self.live = hasattr(self._selector, "fileno")

    def fileno(self) -> int | None:
        """Return the descriptor that is readable while something is ready, None without one."""
        return self._selector.fileno() if hasattr(self._selector, "fileno") else None

    def descriptor_works(self) -> bool:
        """Tell whether `fileno` of such a selector shows what it should.

        That of a kqueue in another one may never be readable, or always, on some systems. Tried on
        a fresh selector of the same kind: on this one things may be ready that nobody has served.
        """
        if self.fileno() is None or not hasattr(select, "poll"):
            return False
        with contextlib.ExitStack() as undo:
            waker = Waker()
            undo.callback(waker.close)
            try:
                selector = type(self._selector)()
            except TypeError:
                return False  # of the program's own make, and it wants arguments
            undo.callback(selector.close)
            selector.register(waker.fd, READ)
            number: int = selector.fileno()  # type: ignore[attr-defined]  # it has one, see above
            outer = select.poll()
            outer.register(number, READ)  # poll's bit is the same
            before = bool(outer.poll(0))
            waker.wake()
            awake = bool(outer.poll(0))
            waker.drain()
            return awake and not before and not outer.poll(0)

    def add(self, state: WaitState) -> None:
        """Take a wait state into the table; it is in the selector while it wants something."""
        if state.fd < 0:
            raise ValueError(f"{state!r} has no descriptor: it is closed already")
        if state.fd in self.states:
            raise OperationNotAllowed(
                f"descriptor {state.fd} is in this collection already, as {self.states[state.fd]!r}"
            )
        if isinstance(self._selector, selectors.SelectSelector) and sys.platform != "win32":
            if state.fd >= SELECT_FD_LIMIT:
                raise LimitExceeded(
                    f"select() takes no descriptor above {SELECT_FD_LIMIT - 1}, and this is"
                    f" {state.fd}: use another selector",
                    identifier="no-descriptors",
                )
        wanted, state.wanted = state.wanted, 0
        self.want(state, wanted)
        self.states[state.fd] = state
        self.rebind(state)

    def rebind(self, state: WaitState) -> None:
        """Ask a wait state anew for its reader."""
        if self.states.get(state.fd) is state:
            reader = state.reader()
            if reader is not None:
                self._readers[state.fd] = reader

    def want(self, state: WaitState, wanted: int) -> None:
        """Change what a wait state in the table wants to `wanted`, a mask.

        Raises:
            SocketError: the selector does not take the descriptor, which is not watched now.
        """
        before = state.wanted
        if before == wanted:
            return
        events = wanted if self._poll is not None else wanted & EITHER
        try:
            if not before:
                self._selector.register(state.fd, events)
            elif wanted:
                self._selector.modify(state.fd, events)
            else:
                self._selector.unregister(state.fd)
        except OSError as error:
            state.wanted = 0
            if before:  # it may still be in there, and would be ready for nobody
                with contextlib.suppress(KeyError, ValueError, OSError):
                    self._selector.unregister(state.fd)
            raise cannot_watch(state, error) from error
        state.wanted = wanted
        if before & ~wanted:
            self.stale.add(state.fd)  # in this batch; what is still wanted comes again

    def remove(self, state: WaitState) -> None:
        """Forget a wait state whose descriptor is still open; its reports are dropped."""
        if self.states.get(state.fd) is not state:
            return
        if state.wanted:
            state.wanted = 0
            # The descriptor may have been closed behind our back, and is then in no epoll set.
            with contextlib.suppress(KeyError, ValueError, OSError):
                self._selector.unregister(state.fd)
        del self.states[state.fd]
        self._readers.pop(state.fd, None)
        self.stale.add(state.fd)

    def wait(self, timeout: float | None) -> Ready:
        """Wait for at most `timeout` seconds, None for ever, and return what is ready."""
        if self.stale:
            self.stale.clear()
        if timeout is not None and not 0.0 <= timeout <= WAIT_LIMIT:
            timeout = min(max(timeout, 0.0), WAIT_LIMIT)
        ask = self._ask if self._poll is None else self._poll
        ready = ask(timeout, EVENT_LIMIT)
        if ready or not timeout:
            return ready
        # A wait that a signal has held up beyond its end, SIGSTOP for example, is answered by
        # Python without another look (PEP 475). Limits would pass of peers who have long spoken.
        return ask(0.0, EVENT_LIMIT)

    def _ask(self, timeout: float | None, limit: int) -> Ready:
        try:
            keys = self._selector.select(timeout)
        except OSError:
            # What has left while a thread waits, and was closed, may be in the copy that it gave
            # to select(), which takes nothing amiss on Linux, nearly always, and much on Windows.
            if not self._drop_closed() and not self.stale:
                raise
            return []
        if len(keys) > limit:
            # The kernel's epoll goes on where it ended; these would begin with the same each time.
            first = self._first % len(keys)
            self._first = first + limit
            keys = (keys + keys)[first : first + limit]
        return [(key.fd, epoll_bits(events)) for key, events in keys]

    def serve(self, ready: Ready, health: Health, failed: Failed) -> int:
        """Let those act that `wait` found ready, and return how many did.

        Args:
            ready: the answer of `wait`.
            health: whether each is to be timed, and where that is kept.
            failed: called with a state and the exception that has left it.
        """
        if not health.naming:
            return self._serve(ready, failed)
        served = 0
        for event in ready:
            state, began = self.states.get(event[0]), health.callback_begins()
            served += self._serve([event], failed)
            health.callback_took(state, began)
        return served

    def _serve(self, ready: Ready, failed: Failed) -> int:
        readers, stale = self._readers, self.stale
        served = len(ready)
        for fd, mask in ready:
            try:
                reader = readers[fd]
            except KeyError:  # it has left, or wakes and has nobody to call
                served -= 1
                if fd == self._waker.fd:
                    self._waker.drain()
                elif fd in self.states:
                    self.states[fd].on_readable()
                continue
            if stale and fd in stale:
                served -= 1
                continue
            try:
                if mask == IN:
                    reader.on_readable()
                else:
                    self._serve_both(self.states[fd], mask)
            except Exception as exception:  # noqa: BLE001  # user code: what it raises is reported
                failed(reader.concerns, exception)
        return served

    def _serve_both(self, state: WaitState, mask: int) -> None:
        """Serve what is not the common case: writing, urgent data, errors, hang-ups."""
        if mask & ~(OUT | PRI) and state.wanted & READ:
            call(state.on_readable, (), state.context)
        if mask & ~(IN | PRI) and state.wanted & WRITE:
            call(state.on_writable, (), state.context)
        if mask & PRI and state.wanted & URGENT:
            call(state.on_urgent, (), state.context)

    def close(self) -> None:
        """Give the selector back; the wait states are their owner's."""
        self.states.clear()
        self._readers.clear()
        self._selector.close()

    def _drop_closed(self) -> bool:
        """Take out what somebody closed behind our back: select() fails as long as it is in."""
        found = False
        for state in list(self.states.values()):  # at once: others may be added meanwhile
            if not state.wanted:
                continue
            try:
                select.select([state.fd], [], [], 0)
            except OSError:
                with contextlib.suppress(KeyError):  # it has left just now
                    self._selector.unregister(state.fd)
                state.wanted = 0
                found = True
        return found

    def __repr__(self) -> str:
        return f"<Poller of {len(self.states)}, {type(self._selector).__name__}>"


def cannot_watch(state: WaitState, error: OSError) -> SocketError:
    """Make the error that the selector does not take a descriptor; say why, if it is a file."""
    made = from_os_error(error, phase=None, situation="register", connection=state)
    hint = ": nothing of that kind is ever waited for" if isinstance(error, PermissionError) else ""
    made.message = f"descriptor {state.fd} cannot be watched{hint}: {made.message}"
    return made


def default_selector() -> str:
    """Return the name of the best selector that the system has."""
    return selectors.DefaultSelector.__name__
