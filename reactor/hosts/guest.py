"""Guest: a collection in somebody else's loop, and what attaching to it returns.

What all adapters share is here, and each paragraph is a trap that somebody has fallen into.

A turn raises no Exception, whatever a callback does: it would end Tk's main loop, and GLib would
drop the source in silence. KeyboardInterrupt and SystemExit do leave, to end the host's loop as the
host likes; but the watch has been put back before that. A ^C comes when Python code begins, and in
an idle host this is nearly always ours: so whatever calls us once, and not as long as something is
ready, has to call again if an exception leaves us. Adapters see to that, where their toolkit can.

A turn never nests. A callback may open a dialog that runs the host's loop again, and that one finds
our descriptor readable. To return at once would spin, so the descriptor is *masked*: not watched
until the outer turn is over. A dialog that anybody else opens changes nothing.

A turn is short, and a host has its share of the time even in a flood: toolkits paint when nothing
else is to be done, and a descriptor that is always ready would see to it that this never comes.

Where no descriptor can be watched, a thread does nothing but wait, and hands over what it has
found. It waits again only when that has been served, so it is out of the way during a turn.
"""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias, TypeVar

from reactor.deadline import NEVER
from reactor.errors import OperationNotAllowed
from reactor.hosts.host import Host
from reactor.hosts.kernel_timer import KernelTimer, open_kernel_timer
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.loop.poller import Ready
from reactor.loop.signals import SignalWakeup

Mode: TypeAlias = Literal["descriptor", "wait thread"]

AnyGuest = TypeVar("AnyGuest", bound="Guest")

log: Final = logging.getLogger("reactor")

# Events that one turn in a host serves at most: a quarter of what a loop of our own does.
TURN_EVENT_LIMIT: Final = 64

# When turns have taken so much time since the last pause, the host has its loop for itself, for a
# moment. Sixty frames a second leave 16 ms for each; so one has two pauses at least.
TURNS_TIME_LIMIT: Final = 0.005  # seconds

# Where a host has no memory to watch the descriptor once more, it may have some later: a guess.
RETRY_DELAY: Final = 0.1  # seconds

SOON: Final = -math.inf  # the moment for which a pause, or the rest of a batch, is armed


class Guest:
    """A collection in the loop of a host; made by `attach` of the host's module.

    A context manager: at the end of the block it is closed.

    Attributes:
        collection: the collection.
        mode: "descriptor" if the host watches one, "wait thread" if a thread waits for it.
        closed: whether it is over. `collection.stop()` and `collection.close()` end it, too.

    Thread: the host's. Calls back: from the host's loop only. Source: HO-01 to HO-10.
    """

    __slots__ = ("__weakref__", "_found", "_host", "_spent", "_wakeup", "closed", "collection")

    mode: Mode

    def __init__(self, host: Host, collection: WaitStateCollection) -> None:
        self.collection = collection
        self.closed = False
        self._host = host
        self._found: Ready = []  # by a wait, and not served yet
        self._spent = 0.0  # seconds, by turns since the last pause
        self._wakeup: SignalWakeup | None = None

    def begin(self) -> None:
        """Take turns from now on."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and not self._host.sees_signals:
            self._wakeup = SignalWakeup(self.collection)
        self.collection.held.add(self)

    def close(self) -> None:
        """Leave the host; nothing of ours is left in it. Once more is harmless.

        The collection lives on: it may be attached again, here or elsewhere, or run by itself.

        Raises:
            WrongThread: this is not the host's thread.

        Thread: the host's. Calls back: never. Source: HO-09.
        """
        if self.closed:
            return
        self.collection.owner.check(over=True)
        self.closed = True
        if self.collection.owner.forked:
            return  # what there is to undo is the parent's
        self.collection.held.discard(self)
        with contextlib.ExitStack() as last_first:
            last_first.callback(self.collection.end_loop)
            last_first.callback(self._host.close)
            if self._wakeup is not None:
                last_first.callback(self._wakeup.close)
            last_first.callback(self._end)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _look(self) -> Ready:
        raise NotImplementedError

    def _go_on(self) -> None:
        """See to it that there will be another turn."""
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    def _turn(self) -> None:
        """Do one turn that is short enough for the host."""
        collection = self.collection
        if self.closed:
            return
        if collection.owner.thread != threading.get_ident():
            self._leave()
            return
        began = time.monotonic()
        try:
            found = self._found or self._look()
            if not collection.alive:
                return  # it could not look
            self._found = found[TURN_EVENT_LIMIT:]
            collection.dispatch(found[:TURN_EVENT_LIMIT])
        except Exception:
            log.exception("a turn of %r has failed, and its host goes on", collection)
        finally:
            self._spent += time.monotonic() - began
            if collection.stopping:
                self.close()
            elif not self.closed:
                self._go_on()

    def _wait(self, timeout: float = 0.0) -> Ready:
        """Return what is ready; a collection that cannot wait is closed."""
        try:
            return self.collection.wait(timeout)
        except Exception as exception:  # noqa: BLE001  # a selector may be anybody's
            self._lose(exception)
            return []

    def _leave(self) -> None:
        """Do not come again: the loop of the host is not where the collection belongs."""
        self.collection.on_earlier = None
        self._host.close()
        if not self.collection.owner.forked:  # else the parent has the same, and serves them
            log.error("%r was attached in another thread than its host's loop runs in", self)

    def _pause_is_due(self) -> bool:
        """Tell whether the host is to have its loop for itself now, and count anew if so."""
        if self._spent < TURNS_TIME_LIMIT:
            return False
        self._spent = 0.0
        return True

    def _lose(self, exception: BaseException) -> None:
        """Close the collection: it cannot wait any more."""
        log.error("%r cannot wait in its host, and is closed", self.collection, exc_info=exception)
        self.collection.close_because(exception)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"by {self.mode}"
        return f"<Guest {self.collection!r} in {type(self._host).__name__}, {state}>"


class DescriptorGuest(Guest):
    """A guest whose host watches the descriptor of the collection.

    The next timer is in there as well, or else the host has it.
    """

    __slots__ = ("_armed", "_fd", "_timer")

    mode = "descriptor"

    def __init__(self, host: Host, collection: WaitStateCollection) -> None:
        super().__init__(host, collection)
        fd = collection.fileno()
        self._fd = -1 if fd is None else fd
        self._armed = NEVER  # the moment for which the timer of the host is
        self._timer: KernelTimer | None = None

    def begin(self) -> None:
        """Be watched."""
        super().begin()
        self._timer = open_kernel_timer(self.collection)
        self.collection.on_earlier = self._arm
        self._host.watch(self._fd, self._on_ready)
        self._arm()
        if self.collection.next_timeout() == 0.0:
            self.collection.wake()  # a loop that ran before may have left posted calls behind

    def _on_ready(self) -> None:
        if self.collection.turning:
            self._host.unwatch()  # until that turn is over
        else:
            self._turn_or_try_again()

    def _on_due(self) -> None:
        self._armed = NEVER
        if not self.collection.turning:
            self._turn_or_try_again()

    def _turn_or_try_again(self) -> None:
        try:
            if self._host.chokes:
                self._host.unwatch()  # until this turn is over, whatever it opens
            self._turn()
        except Exception:
            log.exception("the host of %r cannot go on, and is asked again", self.collection)
            if not self.closed:
                self._come_again(RETRY_DELAY)
        except BaseException:
            if not self.closed:  # a ^C may have come before the next timer was set
                self._come_again(0.0)
            raise

    def _come_again(self, delay: float) -> None:
        self._host.arm(delay, self._on_due)
        self._armed = SOON

    _look = Guest._wait

    def _go_on(self) -> None:
        if self._pause_is_due():
            self._host.rest(self._on_due)
            self._armed = SOON
            self._host.unwatch()  # last: with neither, nobody would ever call again
            return
        self._host.watch(self._fd, self._on_ready)
        if self._found:
            self._come_again(0.0)
        else:
            self._arm()

    def _arm(self) -> None:
        """Set the kernel's timer, or else that of the host, for the next moment."""
        when = self.collection.timers.next_moment()
        if self._timer is not None:
            self._timer.arm(when)
            return
        if self._armed in {when, SOON}:
            return
        if when == NEVER:
            self._host.disarm()
        else:
            self._host.arm(when - self.collection.clock(), self._on_due)
        self._armed = when

    def _end(self) -> None:
        self.collection.on_earlier = None
        if self._timer is not None:
            self._timer.close()


class ThreadGuest(Guest):
    """A guest for which a thread waits. Callbacks run in the host's thread all the same.

    `_found` and `_failure` are the thread's while it waits, and the host's while it is `_parked`.
    """

    __slots__ = ("_failure", "_may_wait", "_parked", "_thread")

    mode = "wait thread"

    def __init__(self, host: Host, collection: WaitStateCollection) -> None:
        super().__init__(host, collection)
        self._failure: BaseException | None = None  # that of the wait
        self._may_wait = threading.Lock()  # taken by the thread, given back by the host
        self._parked = False
        self._thread = threading.Thread(
            target=self._wait_and_tell, name=f"reactor waits for {collection!r}", daemon=True
        )

    def begin(self) -> None:
        """Start the thread."""
        self._host.expect_posts()
        super().begin()
        self._thread.start()

    def _wait_and_tell(self) -> None:
        while True:
            self._may_wait.acquire()
            if self._over():
                return
            try:
                self._found = self.collection.wait()
            except BaseException as exception:  # noqa: BLE001  # told in the host's thread
                self._failure = exception
            if self._over():
                return
            self._parked = True
            try:
                self._host.post(self._on_parked)
            except Exception:  # noqa: BLE001  # the host has ended, and will serve nobody again
                return

    def _over(self) -> bool:
        return self.closed  # asked twice: another thread sets it

    def _on_parked(self) -> None:
        """Serve what the thread has found; if that is done already, or under way, do nothing."""
        if self.closed or not self._parked or self.collection.turning:
            return
        if self._failure is not None:
            self._lose(self._failure)
        else:
            self._turn()

    def _on_due(self) -> None:
        if self.collection.turning:
            return  # a dialog that was opened in it runs the host's loop
        if self._found:
            self._turn()
        else:
            self._let_wait()

    def _look(self) -> Ready:
        return []  # the thread has looked; there may be timers and posted calls alone

    def _go_on(self) -> None:
        if self._pause_is_due():
            self._host.rest(self._on_due)
        elif self._found:
            self._host.arm(0.0, self._on_due)
        else:
            self._let_wait()

    def _let_wait(self) -> None:
        if self._parked:
            # Python looks for a ^C when a function begins and when one has returned: not between
            # these two, and the thread is let go exactly once.
            self._parked = False
            self._may_wait.release()

    def _end(self) -> None:
        if self._thread.is_alive():
            self.collection.wake()
            if self._may_wait.locked():
                self._may_wait.release()
            self._thread.join()


def begin_guest(host: Host, collection: WaitStateCollection, mode: Mode | None) -> Guest:
    """Attach a collection to a host, by the way that works; `host` is closed if none does."""
    return begin_as(lambda: _way(host, collection, mode)(host, collection), host, collection)


def begin_as(make: Callable[[], AnyGuest], host: Host, collection: WaitStateCollection) -> AnyGuest:
    """Attach a collection by the guest that `make` returns; `host` is closed if that fails."""
    with contextlib.ExitStack() as undo:
        undo.callback(host.close)
        if collection.error_handler is propagate:
            raise OperationNotAllowed(
                f"{collection!r} propagates errors, which would end the loop of its host:"
                " give it another error_handler"
            )
        if collection.on_earlier is not None:
            raise OperationNotAllowed(
                f"{collection!r} has an on_earlier already: one host at a time, so close its guest"
            )
        collection.begin_loop()
        undo.callback(collection.end_loop)
        collection.owner.claim()
        guest = make()
        undo.pop_all()
        undo.callback(guest.close)
        guest.begin()
        undo.pop_all()
    log.debug("%r has begun", guest)
    return guest


def _way(
    host: Host, collection: WaitStateCollection, mode: Mode | None
) -> type[DescriptorGuest] | type[ThreadGuest]:
    check_mode(mode)
    if mode == ThreadGuest.mode:
        return ThreadGuest
    fd = collection.fileno()
    if fd is not None and host.can_watch(fd) and collection.descriptor_works():
        return DescriptorGuest
    if mode == DescriptorGuest.mode:
        raise OperationNotAllowed(
            f"{collection!r} has no descriptor that this host can watch: leave the mode to us"
        )
    return ThreadGuest


def check_mode(mode: object) -> None:
    """Refuse what is no mode.

    Raises:
        ValueError: it is none.
    """
    if mode not in {None, DescriptorGuest.mode, ThreadGuest.mode}:
        raise ValueError(f'mode is "descriptor", "wait thread" or None, not {mode!r}')
