"""trio as a host: the guest is a task of one of its nurseries.

What a nursery promises holds for the guest as for every other task. The nursery waits until the
guest is closed; cancelled, it closes the guest; and what leaves a callback and is no Exception, a
KeyboardInterrupt or a SystemExit, comes out of the nursery in a group, when its other tasks have
been cancelled. There are no nested loops here, and a signal ends its wait.

Everything of ours happens in that one task. A call of `TrioToken.run_sync_soon` only wakes it: run
by trio itself, a callback could not raise KeyboardInterrupt without breaking trio.
"""

import importlib
import math
import sys
from typing import TYPE_CHECKING, Any

from reactor.hosts.guest import Guest, Mode, begin_guest
from reactor.hosts.host import Call, Host
from reactor.loop.collection import WaitStateCollection

if TYPE_CHECKING:
    import trio


def attach(
    nursery: "trio.Nursery", collection: WaitStateCollection, *, mode: Mode | None = None
) -> Guest:
    """Let a collection live in trio, as a task of a nursery.

    A nursery, because trio has no other place for what goes on by itself: somebody waits for the
    guest, ends it, and gets what it cannot handle.

    Args:
        nursery: an open one; it stays open until the guest is closed. Callbacks run in a task of
            it, and may use whatever of trio needs no `await`.
        collection: has no loop of its own now; its `error_handler` must not be `propagate`.
        mode: "descriptor", "wait thread", or None, the default, for the one that works best.

    Raises:
        RuntimeError: the caller is not in trio, or the nursery is closed.
        OperationNotAllowed: errors would propagate, another host has it, or that mode is not
            possible.
        OperationInProgress: a loop of the collection runs, or it is attached. WrongThread,
            StateClosed, WrongProcess: as every verb of a collection.

    Thread: trio's. Calls back: from a task of the nursery only. Source: HO-01 to HO-10.
    """
    host = TrioHost()
    guest = begin_guest(host, collection, mode)
    try:
        nursery.start_soon(host.live, guest, name=guest)
    except BaseException:
        guest.close()
        raise
    return guest


class TrioHost(Host):
    """The task of a guest, as the guest sees it."""

    __slots__ = ("_deadline", "_due", "_fd", "_life", "_ready", "_token", "_trio", "_wait")

    sees_signals = True

    def __init__(self) -> None:
        self._trio: Any = importlib.import_module("trio")
        self._token = self._trio.lowlevel.current_trio_token()
        self._life = self._trio.CancelScope()
        self._wait = self._trio.CancelScope()  # of the wait that is running, or ran last
        self._deadline = math.inf  # on the clock of trio, which may be that of a test
        self._due: Call | None = None
        self._fd = -1
        self._ready: Call | None = None

    def can_watch(self, fd: int) -> bool:
        """Tell whether trio takes descriptors; on Windows it takes sockets only."""
        return sys.platform != "win32"

    def watch(self, fd: int, ready: Call) -> None:
        """Have `ready` called while `fd` is readable; by the task, or before that has begun."""
        self._fd, self._ready = fd, ready

    def unwatch(self) -> None:
        """Watch no more; by the task, or behind its end."""
        self._ready = None

    def arm(self, delay: float, due: Call) -> None:
        """Have `due` called; a wait that is running is told of it."""
        self._due = due
        if self._trio_runs:  # else there is no time any more
            self._set_deadline(self._trio.current_time() + delay)

    def disarm(self) -> None:
        """Have nothing called."""
        self._set_deadline(math.inf)

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        if self._trio_runs:
            self._wait.deadline = deadline

    def post(self, call: Call) -> None:
        """Call in the task soon; a trio that is over raises RunFinishedError.

        It is a timer that is due: no guest has another one armed while its thread waits.
        """
        self._token.run_sync_soon(self.arm, 0.0, call)

    async def live(self, guest: Guest) -> None:
        """Be the task: wait and call, until the guest is closed; closed, it ends at once."""
        try:
            with self._life:
                while not guest.closed:
                    await self._wait_and_call()
        finally:
            guest.close()

    async def _wait_and_call(self) -> None:
        """Call what is ready again and again, until the deadline comes, and then what is due."""
        with self._trio.CancelScope(deadline=self._deadline) as self._wait:
            while self._ready is not None:
                await self._trio.lowlevel.wait_readable(self._fd)
                if self._ready is not None:
                    self._ready()
            await self._trio.sleep_forever()
        self._deadline = math.inf
        if self._due is not None:
            self._due()

    @property
    def _trio_runs(self) -> bool:
        """Whether that trio runs still: it may have broken down, and left its tasks behind."""
        try:
            return self._trio.lowlevel.current_trio_token() is self._token
        except RuntimeError:  # none runs in this thread
            return False

    def close(self) -> None:
        """End the task, and take the descriptor out of trio before it is closed."""
        super().close()
        if self._trio_runs:
            self._life.cancel()
            if self._fd >= 0:
                self._trio.lowlevel.notify_closing(self._fd)
