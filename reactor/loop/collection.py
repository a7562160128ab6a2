"""WaitStateCollection: the reactor, the one place that waits.

Two halves on purpose. `wait` may block and touches no user code; `dispatch` never blocks, and runs
user code on the owner's thread. Together they are a turn, and a turn is a list of phases:

    1. how long to wait: 0 if calls are waiting, else until the next timer
    2. wait
    3. serve what is ready (the waker is drained here)
    4. timers that are due, by one reading of the clock
    5. the calls that were waiting when this phase began
    6. closes that were put off, because a number that is free can be handed out again

A host that has a loop of its own calls the two halves itself, and needs four things to do it well:
`fileno`, `next_timeout`, `wake` and `on_earlier`.
"""

import concurrent.futures
import contextlib
import functools
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from types import TracebackType
from typing import Any, TypeVar

from reactor.arguments import check_callback
from reactor.deadline import NEVER, check_timeout
from reactor.errors import OperationInProgress, SocketError
from reactor.loop.calls import CallQueue, IdleCallback, Submission
from reactor.loop.error_handler import ErrorHandler, log_and_close, report
from reactor.loop.health import Health
from reactor.loop.loop_thread import LoopThread
from reactor.loop.ownership import CLOSED, NOBODY, Ownership
from reactor.loop.poller import Poller, Ready
from reactor.loop.signals import SignalHandler, renew_wakeups
from reactor.loop.timers import RepeatedTimer, Timed, Timer, TimerQueue
from reactor.loop.wait_state import Closable, Retirable, WaitState
from reactor.loop.waker import Waker
from reactor.loop.watch import Descriptor, Watch, WatchCallback, descriptor_of
from reactor.malloc import keep_large_pieces

Result = TypeVar("Result")


class WaitStateCollection:
    """A set of wait states and the loop that serves them, in one thread.

    Args:
        name: any object; shown in messages and as the name of the thread.
        error_handler: a function `(object, exception)` for what leaves a callback; the default
            logs, closes the state concerned, and goes on.
        selector: a fresh object of the standard library's `selectors`, closed with the
            collection; None takes the best that the system has.
        clock: a function that returns monotonic seconds, for every limit and timer.
        resolver: who looks names up; None makes one of our own when it is first needed.
        slow_callback_names: whether every callback is timed, so that `stats()` can name the
            longest in turns of over 50 ms.

    Attributes:
        name: as given.
        clock: as given.
        resolver: as given, or the collection's own once there was a name to look up.
        on_earlier: None, or a function of a host without arguments: called when, outside of a
            turn, the next due moment has become earlier. Settable.

    Thread: see each verb; attributes may be read by all threads. Calls back: never from inside
    the call that caused it. Source: LW-001 to LW-021.
    """

    __slots__ = (
        "__weakref__",  # PyQt6 connects a signal to a method by one
        "_calls",
        "_loop_lock",
        "_loop_number",
        "_poller",
        "_retired",
        "_stop_number",
        "_thread",
        "_turning",
        "_waiting",
        "_waker",
        "clock",
        "error_handler",
        "health",
        "held",
        "name",
        "now",
        "on_earlier",
        "owner",
        "resolver",
        "timers",
    )

    def __init__(
        self,
        name: object = None,
        *,
        error_handler: ErrorHandler = log_and_close,
        selector: selectors.BaseSelector | None = None,
        clock: Callable[[], float] = time.monotonic,
        resolver: Any = None,
        slow_callback_names: bool = False,
    ) -> None:
        keep_large_pieces()
        self.name = name
        self.error_handler = error_handler
        self.clock = clock
        self.resolver = resolver
        self.now = clock()  # of the running turn
        self.on_earlier: Callable[[], object] | None = None
        self.owner = Ownership(repr(self))
        self.timers = TimerQueue()
        self.health = Health(clock, slow_callback_names)
        self._calls = CallQueue()
        self._waker = Waker()
        self._poller = Poller(selector, self._waker)
        self.held: set[Closable] = set()  # closed with the collection; for what has no descriptor
        self._retired: list[Closable] = []
        self._loop_lock = threading.Lock()  # held while a loop runs or is about to
        self._thread: LoopThread | None = None
        self._loop_number = 0  # of the loop that runs or ran last
        self._stop_number = 0  # of the loop that is to stop: a late stop() cannot hit the next one
        self._turning = False
        self._waiting = False

    # The loop.

    def run(self) -> None:
        """Wait and dispatch in the calling thread, again and again, until `stop()`.

        Raises:
            OperationInProgress: a loop of this collection runs already. WrongThread: another
            thread drives it by hand. StateClosed: it is closed.

        Thread: any, which thereby owns the collection until this returns. Calls back: yes.
        Source: LW-003, LW-004.
        """
        self.begin_loop()
        try:
            self._loop()
        finally:
            self.end_loop()

    def start(self) -> "WaitStateCollection":
        """Execute `run()` in a daemon thread named after the collection; return the collection.

        An exception that ends the thread closes the collection.

        Raises:
            OperationInProgress, WrongThread, StateClosed: as `run`.

        Thread: any. Calls back: in the new thread only. Source: LW-002, LW-018.
        """
        self.begin_loop()
        self._thread = thread = LoopThread(str(self.name), self._loop_in_thread)
        try:
            thread.start()
        except BaseException:
            self.end_loop()
            raise
        thread.began.wait()
        return self

    def stop(self) -> None:
        """End the loop after the turn that is running; nothing if none runs or is about to.

        Thread: any. Calls back: never. Source: LW-008.
        """
        if self.owner.forked:
            self.owner.check_alive()
        if self._loop_lock.locked() and self.owner.usable:
            self._stop_number = self._loop_number
            self._waker.wake()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the thread that `start` began has ended; return whether it has.

        Args:
            timeout: seconds at most; None, the default, is no limit.

        Raises:
            RuntimeError: the caller is that thread.

        Thread: any but that one. Calls back: never. Source: LW-002, LW-008.
        """
        return self._thread is None or self._thread.ends_within(timeout)

    def run_once(self, timeout: float | None = None) -> int:
        """Do one turn, and return how many callbacks ran; those of `on_idle` are not counted.

        Args:
            timeout: seconds to wait at most for something to do; 0 polls, None is no limit.

        Raises:
            OperationInProgress: a loop runs already, or the caller is in a callback.

        Thread: any, which owns the collection from now on. Calls back: yes. Source: LW-005.
        """
        self.begin_loop()
        try:
            self.owner.claim()
            return self._turn_by_hand(self._wait(timeout, self.timers.next_moment()))
        finally:
            self._loop_lock.release()

    def wait(self, timeout: float | None = None) -> Ready:
        """Wait until there is something to do; return what is ready, for `dispatch`.

        Ends when something is ready, a call is posted, `wake()` is called, `timeout` seconds
        have passed or a timer is due; a little earlier now and then. Runs no code of the user.

        Args:
            timeout: seconds at most; 0 only looks, None, the default, is no limit.

        Thread: any one, that does not wait again before `dispatch` has returned. Calls back:
        never. Source: LW-006.
        """
        ours = self.owner.thread == threading.get_ident()
        return self._wait(timeout, self.timers.next_moment() if ours else self.timers.first_entry())

    def dispatch(self, ready: Ready) -> int:
        """Do what `wait` found, due timers and posted calls; never block.

        Returns how many callbacks ran; those of `on_idle` are not counted.

        Args:
            ready: what `wait` has returned, once.

        Raises:
            OperationInProgress: the caller is in a callback.

        Thread: the owner's; without one the caller becomes it. Calls back: yes. Source: LW-007.
        """
        self.owner.check()
        if self._turning:
            raise OperationInProgress(f"{self!r} is in a turn already: turns do not nest")
        self.owner.claim()
        return self._turn_by_hand(ready)

    # Posting, from anywhere.

    def apply(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call `function(*arguments)` in a later turn, in the order of posting.

        Takes no lock. Many posts cause one wake-up.

        Args:
            function: called in the loop; what it returns is dropped, what it raises goes to the
                error handler.
            arguments: what it is called with.

        Raises:
            StateClosed: the collection is closed. WrongProcess: it was made before a fork.

        Thread: any, and signal handlers. Calls back: from the loop only. Source: LW-009.
        """
        self._calls.waiting.append((function, arguments, copy_context()))
        if self.owner.thread < NOBODY:
            if self.owner.closed:
                self._calls.drop()  # a `close` just before that post has not seen it
            self.owner.check_alive()
        # A turn that is running looks at the queue before it waits again.
        if not self._turning and not self._waker.pending:
            self._waker.wake()

    def submit(
        self, function: Callable[..., Result], *arguments: Any, **options: Any
    ) -> "concurrent.futures.Future[Result]":
        """Do as `apply` does, and return a future of the result or the exception.

        Args:
            function: called unless it was cancelled before.
            arguments: what it is called with.
            options: likewise, by name.

        Thread: any. Calls back: from the loop only. Source: LW-010.
        """
        submission = Submission(functools.partial(function, **options) if options else function)
        self.apply(submission, *arguments)
        return submission.future

    def wake(self) -> None:
        """End the wait that is running, or the next one at once.

        Thread: any, and signal handlers. Calls back: never. Source: LW-020.
        """
        self.owner.check_alive()
        self._waker.wake()

    # Scheduling, by the owner.

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> Timer:
        """Call `function(*arguments)` in the next turn, in one line with `apply`; cancellable.

        Args:
            function: called in the loop, in a copy of the context of this call.
            arguments: what it is called with.

        Raises:
            WrongThread, StateClosed, WrongProcess: as every verb of a collection.

        Thread: the owner's. Calls back: from the loop only. Source: CL-73.
        """
        self.owner.check()
        check_callback(function)
        timer = Timer(self.timers, function, arguments, copy_context())
        self.post(timer.on_due, (0.0,), None)
        return timer

    def call_later(self, delay: float, function: Callable[..., object], *arguments: Any) -> Timer:
        """Call `function(*arguments)` after `delay` seconds, never earlier.

        Args:
            delay: seconds, 0 or more.
            function: called in the loop, in a copy of the context of this call.
            arguments: what it is called with.

        Raises:
            ValueError: the delay is a NaN. TypeError: it is no number, or `function` cannot be
            called. WrongThread, StateClosed, WrongProcess.

        Thread: the owner's. Calls back: from the loop only. Source: CL-73, CL-74.
        """
        return self._schedule(self.clock() + delay, function, arguments)

    def call_at(self, when: float, function: Callable[..., object], *arguments: Any) -> Timer:
        """Call `function(*arguments)` at a moment of the collection's clock.

        Args:
            when: seconds of `time()`; `math.inf` is never.
            function: called in the loop, in a copy of the context of this call.
            arguments: what it is called with.

        Raises:
            ValueError: it is a NaN. OverflowError: it is no float. TypeError: it is no moment, or
            `function` cannot be called. WrongThread, StateClosed, WrongProcess.

        Thread: the owner's. Calls back: from the loop only. Source: CL-73, CL-74.
        """
        return self._schedule(when + 0.0, function, arguments)  # a float: no loop counts further

    def call_every(
        self, interval: float, function: Callable[..., object], *arguments: Any
    ) -> RepeatedTimer:
        """Call `function(*arguments)` every `interval` seconds, counted from now, without drift.

        Moments that pass while the loop is busy are skipped, and counted in `.missed`.

        Args:
            interval: seconds, above 0.
            function: called in the loop, in a copy of the context of this call.
            arguments: what it is called with.

        Raises:
            ValueError: it is not above 0. TypeError: it is no number, or `function` cannot be
            called. WrongThread, StateClosed, WrongProcess.

        Thread: the owner's. Calls back: from the loop only. Source: CL-76.
        """
        self.owner.check()
        check_callback(function)
        if check_timeout("interval", interval) is None:
            raise ValueError("interval must be seconds")
        timer = RepeatedTimer(self.timers, function, arguments, copy_context())
        self.arm(timer, timer.begin(self.clock(), interval))
        return timer

    def time(self) -> float:
        """Read the clock of the collection.

        Thread: the owner's. Calls back: never. Source: CL-73.
        """
        self.owner.check()
        return self.clock()

    def on_idle(self, function: Callable[..., object], *arguments: Any) -> IdleCallback:
        """Call `function(*arguments)` once in every turn, after everything else, until `close()`.

        It causes no turns: a loop that has nothing to do sleeps, and calls nobody.

        Args:
            function: called in the loop, in a copy of the context of this call.
            arguments: what it is called with.

        Raises:
            WrongThread, StateClosed, WrongProcess: as every verb of a collection.

        Thread: the owner's. Calls back: from the loop only. Source: CL-84, LW-005.
        """
        self.owner.check()
        check_callback(function)
        call = functools.partial(function, *arguments) if arguments else function
        return IdleCallback(self._calls, self.owner, call, copy_context())

    def watch(
        self,
        fd: Descriptor,
        readable: WatchCallback | None = None,
        writable: WatchCallback | None = None,
    ) -> Watch:
        """Call back while a descriptor is ready; it stays its owner's.

        Args:
            fd: a descriptor, or an object with `fileno()`.
            readable: a function `(watch)`, called in each turn in which a read would not wait.
            writable: likewise for writing.

        Raises:
            TypeError: an argument is wrong. ValueError: the descriptor is closed.
            OperationNotAllowed: the descriptor is in the collection already.
            SocketError: the selector does not take it (a plain file, for example).

        Thread: the owner's. Calls back: from the loop only. Source: CL-83.
        """
        self.owner.check()
        watch = Watch(self, descriptor_of(fd), readable, writable)
        self.add(watch)
        return watch

    def on_signal(
        self, number: int, function: Callable[..., object], *arguments: Any
    ) -> SignalHandler:
        """Call `function(*arguments)` on the loop whenever the process gets a signal.

        `close()` of the result, or of the collection, restores the handler that was there before.

        Args:
            number: of the `signal` module: `signal.SIGTERM`.
            function: called in the loop, in a copy of the context of this call.
            arguments: what it is called with.

        Raises:
            ValueError: the caller is not in the main thread, where Python has its signals.
            OSError: the system lets nobody handle that signal.

        Thread: the main thread, before the loop starts if that is another. Calls back: from the
        loop only. Source: CL-85.
        """
        self.owner.check()
        check_callback(function)
        call = functools.partial(function, *arguments) if arguments else function
        return SignalHandler(self, number, call, copy_context())

    # Hosts.

    def fileno(self) -> int | None:
        """Return a descriptor that is readable while I/O or a posted call waits, or None.

        Thread: the owner's. Calls back: never. Source: LW-020.
        """
        self.owner.check()
        return self._poller.fileno()

    def next_timeout(self) -> float | None:
        """Return the seconds until there is something due: 0.0 is now, None only I/O can wake us.

        Thread: the owner's. Calls back: never. Source: LW-020.
        """
        self.owner.check()
        return self._time_to_wait(None, self.timers.next_moment())

    def descriptor_works(self) -> bool:
        """Try whether a host may rely on `fileno`: on a selector of the same kind, set up anew.

        Thread: any. Calls back: never. Source: HO-10.
        """
        return self._poller.descriptor_works()

    def begin_loop(self) -> None:
        """Begin to be the loop: until `end_loop`, nobody else takes turns but by `dispatch`.

        Raises:
            OperationInProgress: a loop runs already, or the caller is in a callback.
            WrongThread: another thread owns the collection. StateClosed: it is closed.

        Thread: any, which is to claim it. Calls back: never. Source: LW-003, LW-004.
        """
        self.owner.check_alive()
        if not self._loop_lock.acquire(blocking=False):
            raise OperationInProgress(f"a loop of {self!r} is running already")
        try:
            self.owner.check()
            if self._turning:
                raise OperationInProgress(f"{self!r} is in a turn already: turns do not nest")
        except BaseException:
            self._loop_lock.release()
            raise
        self._loop_number += 1

    @property
    def stopping(self) -> bool:
        """Whether the loop that runs is to end: `stop` or `close` was called."""
        return self._stop_number == self._loop_number

    def end_loop(self) -> None:
        """Be the loop no more.

        Thread: the owner's. Calls back: never. Source: LW-008.
        """
        self.owner.yield_up()
        self._loop_lock.release()

    # The end.

    def close(self) -> None:
        """Close every state, handle and socket without a callback; once more is harmless.

        Posted calls are dropped and their futures cancelled. Protocols get their
        `connection_lost`. A loop that runs returns at the end of its turn.

        Thread: the owner's. Calls back: `connection_lost` of protocols. Source: LW-011, LW-012.
        """
        if not self.owner.closed:
            self.owner.check()
            self.close_because(None)

    @property
    def alive(self) -> bool:
        """Whether the collection can be used; it is not closed then, and this process made it."""
        return self.owner.usable

    @property
    def turning(self) -> bool:
        """Whether a turn is running, so that its owner is in a callback, or will soon be."""
        return self._turning

    def __enter__(self) -> "WaitStateCollection":
        """Start the loop in a thread of its own."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop and join the thread, then close; what ended the thread is raised here again."""
        if self.owner.forked:
            return  # the thread, the selector and the sockets are the parent's
        self.stop()
        self.join()
        self.close()
        thread = self._thread
        if exception is None and thread is not None and thread.failure is not None:
            raise thread.failure

    def stats(self) -> dict[str, Any]:
        """Return figures on the health of the loop: counts, bytes and seconds, by name.

        Thread: any. Calls back: never. Source: LW-015, CL-88.
        """
        if self.owner.forked:
            self.owner.check_alive()
        return self.health.figures(list(self._poller.states.values())) | {
            "posted_calls": len(self._calls.waiting),
            "timers": len(self.timers),
            "lookups": getattr(self.resolver, "lookup_count", 0),
        }

    # For wait states and what is built on them.

    def add(self, state: WaitState) -> None:
        """Hold a wait state until it is removed, and watch for what it wants.

        Thread: the owner's. Calls back: never. Source: LW-005, LW-031.
        """
        self._poller.add(state)
        self._interest_changed()

    def want(self, state: WaitState, wanted: int) -> None:
        """Change what a wait state wants.

        Thread: the owner's. Calls back: never. Source: LW-005.
        """
        if state.wanted != wanted:
            self._poller.want(state, wanted)
            self._interest_changed()

    def rebind(self, state: WaitState) -> None:
        """Ask a wait state anew for its `reader`.

        Thread: the owner's. Calls back: never. Source: LW-140.
        """
        self._poller.rebind(state)

    def remove(self, state: WaitState) -> None:
        """Hold a wait state no longer; its descriptor must still be open.

        Thread: the owner's. Calls back: never. Source: LW-007.
        """
        self._poller.remove(state)

    def retire(self, channel: Retirable) -> None:
        """Close a channel: at once where that is safe, else shut it down now and close it later.

        In a turn its number could be handed out again, to something that the rest of the batch
        would then be taken for; and select() and poll() in another thread wait for numbers too.
        Shut down, it wakes its waiter and its peer all the same.

        Thread: the owner's. Calls back: never. Source: LW-007, LW-134.
        """
        if not self._turning and not self._waiting:
            channel.close()
            return
        with contextlib.suppress(SocketError):  # it may have been closed behind our back
            channel.shutdown(socket.SHUT_RDWR)
        self.close_later(channel)

    def close_later(self, thing: Closable) -> None:
        """Close something at the end of the turn, or soon if none is running.

        Thread: the owner's. Calls back: never. Source: LW-005, LW-007.
        """
        self._retired.append(thing)
        if not self._turning:
            self._waker.wake()

    def post(
        self,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        context: Context | None,
    ) -> None:
        """Call a function in a later phase or turn, in the context of a connection.

        Thread: the owner's. Calls back: `on_earlier` of a host, at most. Source: LW-005,
        LW-021, LW-124.
        """
        waited = bool(self._calls.waiting)
        self._calls.post(function, arguments, context)
        if not self._turning:
            self._waker.wake()
            if not waited and self.on_earlier is not None:
                self.on_earlier()

    def arm(self, timed: Timed, when: float) -> None:
        """Make something due at a moment, in place of the one it had.

        Thread: the owner's. Calls back: `on_earlier` of a host, at most. Source: LW-005,
        LW-020.
        """
        if self._turning:
            self.timers.arm(timed, when)
            return
        before = self.timers.next_moment()
        self.timers.arm(timed, when)
        if when < before:
            (self.on_earlier or self._waker.wake)()

    def report(self, thing: object, exception: BaseException) -> None:
        """Give an exception that left a callback of `thing` to the error handler.

        Thread: the owner's. Calls back: the error handler. Source: LW-016 to LW-018.
        """
        report(self.error_handler, thing, exception)

    def close_because(self, cause: BaseException | None) -> None:
        """Close; later verbs raise StateClosed with `cause` as its cause.

        Thread: the owner's. Calls back: `connection_lost` of protocols. Source: LW-011,
        LW-018.
        """
        self._stop_number = self._loop_number
        with contextlib.ExitStack() as last_first:  # all of it, even if one of them raises
            last_first.callback(self._end, cause)
            last_first.callback(self._close_held)
            for state in self._poller.states.values():
                last_first.callback(state.close_silently)

    # Inside.

    def _schedule(
        self, when: float, function: Callable[..., object], arguments: tuple[Any, ...]
    ) -> Timer:
        if self.owner.thread != threading.get_ident():
            self.owner.check()
        if not when <= NEVER:
            raise ValueError(f"a moment is seconds on the clock of the collection, not {when!r}")
        if not callable(function):  # without a call: timers come by the thousand
            check_callback(function)  # type: ignore[unreachable]  # programs may be wrong
        timer = Timer(self.timers, function, arguments, copy_context())
        if self._turning:
            self.timers.arm(timer, when)
        else:
            self.arm(timer, when)
        return timer

    def _close_held(self) -> None:
        with contextlib.ExitStack() as all_of_them:
            for thing in self.held:
                all_of_them.callback(thing.close)

    def _end(self, cause: BaseException | None) -> None:
        self.held.clear()
        self.owner.end(cause)
        self.timers.clear()
        self._calls.drop()
        if self._turning or self._waiting:
            self._waker.wake()  # whoever is in there finishes it
        else:
            self._finish_closing()

    def _loop(self) -> None:
        self.owner.claim()
        renew_wakeups(self.held)
        Context().run(self._turn_until_stopped)

    def _turn_until_stopped(self) -> None:
        while self._stop_number != self._loop_number:
            self._turn(self._wait(None, self.timers.next_moment()))

    def _loop_in_thread(self, began: Callable[[], object]) -> None:
        self.owner.claim()
        began()
        try:
            self._loop()
        except BaseException as exception:
            if not self.owner.forked:
                self.close_because(exception)
            raise
        finally:
            self.end_loop()

    def _wait(self, timeout: float | None, when: float) -> Ready:
        self._waiting = True
        try:
            if self.owner.thread < NOBODY:  # after the mark: `close` looks at it after its own
                self.owner.check_alive()
            return self._poller.wait(self._time_to_wait(timeout, when))
        finally:
            self._waiting = False
            if self.owner.thread == CLOSED and not self._turning:
                self._finish_closing()

    def _time_to_wait(self, timeout: float | None, when: float) -> float | None:
        if self._calls.waiting or self._retired:
            return 0.0
        if when != NEVER:
            until = max(0.0, when - self.clock())
            return until if timeout is None else min(until, timeout)
        return timeout

    def _turn_by_hand(self, ready: Ready) -> int:
        try:
            return Context().run(self._turn, ready)
        finally:
            # A host may watch `fileno` and nothing else, and who waits already, in a thread of
            # the host's, has not heard of what this turn has armed and posted.
            if self._calls.waiting or self._waiting:
                self._waker.wake()

    def _turn(self, ready: Ready) -> int:
        self.now = now = self.clock()
        health = self.health
        self._turning = True  # here: a ^C comes when a call returns, and the mark would stay
        try:
            ran = self._poller.serve(ready, health, self._failed) if ready else 0
            ran += self.timers.run_due(now, health, self.report)
            if self._calls.waiting:
                ran += self._calls.run(health, self.report)
            if self._calls.idle:
                self._calls.run_idle(health, self.report)
            return ran
        finally:
            self._turning = False
            if self._retired and not self._waiting:
                self._close_retired()
            health.turn_took(self.clock() - now)
            if self.owner.thread == CLOSED and not self._waiting:
                self._finish_closing()

    def _failed(self, state: WaitState, exception: Exception) -> None:
        if not state.on_exception(exception):
            self.report(state, exception)

    def _close_retired(self) -> None:
        retired, self._retired = self._retired, []
        for thing in retired:
            thing.close()

    def _interest_changed(self) -> None:
        if self._waiting and not self._poller.live:
            self._waker.wake()

    def _finish_closing(self) -> None:
        self._close_retired()
        self._poller.close()
        self._waker.close()

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name}"
        return f"<WaitStateCollection{name}>"
