"""Resolver: names are looked up on threads of its own, so that no loop waits for an answer.

`getaddrinfo` waits as long as the system likes, and nothing can stop it. So it is called on a few
daemon threads, which do not hold up the end of the program as those of `ThreadPoolExecutor` do.
A thread begins with a question and ends when no question waits: an idle resolver has none.

A look-up that is given up while a thread asks leaves that thread behind, *abandoned*: it counts no
longer among the four, and what it finds is dropped. A name service that is out of order would so
collect threads without end; at 64 of them every look-up fails at once, until some come back.

Nobody's time is kept here. Who asks, a collection with a timer or a blocking call with its own
wait, gives a look-up up at its `deadline`, which was fixed when it was asked for: waiting for a
thread counts.
"""

import collections
import enum
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from reactor.errors import (
    Address,
    InternalError,
    LimitExceeded,
    OperationTimeout,
    SocketError,
    StateClosed,
    address_text,
    escaped,
)
from reactor.net.address import Target
from reactor.net.name_service import AddressLookup, ask_for_addresses, ask_for_name
from reactor.net.socket_address import SocketAddress

Answer = TypeVar("Answer")
Late = TypeVar("Late", bound=OperationTimeout)

LOOKUP_TIMEOUT: Final = 10.0  # seconds; what glibc needs to ask two name servers once each
THREAD_COUNT: Final = 4
QUEUE_LIMIT: Final = 256  # look-ups that wait for a thread
ABANDONED_LIMIT: Final = 64  # threads that nobody waits for; each has a stack, mostly untouched

LOGGER: Final = logging.getLogger(__name__)


class LookupPhase(enum.Enum):
    """Where a look-up is: in line, with a thread, told, or given up."""

    WAITING, RUNNING, ANSWERED, DROPPED = range(4)


MOVES: Final = {
    LookupPhase.WAITING: {LookupPhase.RUNNING, LookupPhase.ANSWERED, LookupPhase.DROPPED},
    LookupPhase.RUNNING: {
        LookupPhase.WAITING,  # the system had no thread for it
        LookupPhase.ANSWERED,
        LookupPhase.DROPPED,
    },
    LookupPhase.ANSWERED: set[LookupPhase](),  # for good: `done` has been, or is being, called
    LookupPhase.DROPPED: set[LookupPhase](),  # for good: `done` will never be called
}


class Resolver:
    """A bounded pool of threads that ask the name service.

    Args:
        thread_count: how many look-ups are asked at the same time.
        queue_limit: how many more may wait for a thread.
        abandoned_limit: at how many abandoned threads look-ups fail at once.
        timeout: seconds from the request to a look-up's `deadline`.
        lookup: what is asked, with the arguments of `socket.getaddrinfo`.
        clock: a function without arguments that tells the seconds.

    Thread: any; its verbs take a lock, but never while something is waited for. Calls back: on
    threads of its own, or before a verb returns where nobody need be asked. Source: LW-029.
    """

    __slots__ = (
        "_abandoned_count",
        "_busy",
        "_closed",
        "_lock",
        "_lookup",
        "_waiting",
        "abandoned_limit",
        "clock",
        "queue_limit",
        "thread_count",
        "timeout",
    )

    def __init__(
        self,
        *,
        thread_count: int = THREAD_COUNT,
        queue_limit: int = QUEUE_LIMIT,
        abandoned_limit: int = ABANDONED_LIMIT,
        timeout: float = LOOKUP_TIMEOUT,
        lookup: AddressLookup = socket.getaddrinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.thread_count = thread_count
        self.queue_limit = queue_limit
        self.abandoned_limit = abandoned_limit
        self.timeout = timeout
        self.clock = clock
        self._lookup = lookup
        self._lock = threading.Lock()  # guards everything below, and the phase of every look-up
        self._waiting: collections.deque[Lookup[Any]] = collections.deque()
        self._busy: dict[threading.Thread, Lookup[Any]] = {}  # a thread, and what it asks
        self._abandoned_count = 0
        self._closed = False

    def look_up(
        self,
        target: Target,
        family: int,
        done: Callable[[list[SocketAddress] | SocketError], None],
    ) -> "Lookup[list[SocketAddress]]":
        """Find the addresses of a target, in the order in which the system prefers them.

        Args:
            target: host and port.
            family: AF_INET, AF_INET6, or AF_UNSPEC for both.
            done: gets the addresses, or the error: `NameLookupFailed`, or `LimitExceeded` if too
                much is going on. It must not wait; what it raises is logged.

        Raises:
            StateClosed: the resolver is closed.

        Thread: any. Calls back: once, unless it is cancelled: on a thread of the resolver; or,
        if nobody has to be asked or too much is going on, before it returns. Source: LW-029.
        """

        def ask() -> list[SocketAddress]:
            return ask_for_addresses(
                target.host.text, target.port, family, peer=target.given, lookup=self._lookup
            )

        lookup = Lookup(self, target, ask, done)
        try:
            known = target.known_addresses(family)
        except SocketError as error:
            self._answer_at_once(lookup, error)
        else:
            if known is None:
                self._begin(lookup)
            else:
                self._answer_at_once(lookup, known)
        return lookup

    def look_up_name(
        self, target: Target, done: Callable[[tuple[str, str] | SocketError], None]
    ) -> "Lookup[tuple[str, str]]":
        """Find the names of a numeric target: that of its host and that of its service.

        Args:
            target: its host must be numeric.
            done: as for `look_up`, but gets `(host, service)`.

        Raises:
            ValueError: the host is a name. StateClosed: the resolver is closed.

        Thread: any. Calls back: as `look_up`. Source: CL-82.
        """
        if not target.host.numeric:
            raise ValueError(f"only an address has a name to look up, not {target.host.text!r}")

        def ask() -> tuple[str, str]:
            return ask_for_name(target.numeric_address(), peer=target.given)

        lookup = Lookup(self, target, ask, done)
        self._begin(lookup)
        return lookup

    def look_up_blocking(
        self,
        target: Target,
        family: int,
        timeout: float | None = LOOKUP_TIMEOUT,
        *,
        late: type[OperationTimeout] = OperationTimeout,
    ) -> list[SocketAddress]:
        """Find the addresses of a target; the caller waits.

        Args:
            target: host and port.
            family: AF_INET, AF_INET6, or AF_UNSPEC for both.
            timeout: seconds, 0 if no time is left; None waits for the system's verdict. More
                than the resolver's own limit does not count.
            late: the class of the error when time is up; a connecting verb says
                `ConnectTimedOut`.

        Raises:
            NameLookupFailed: there is no such name. LimitExceeded: too much is going on.
            OperationTimeout: time is up, phase "resolve". StateClosed: the resolver is closed.

        Thread: one that may wait. Calls back: never. Source: LW-029, CC-17.
        """
        limit = None if timeout is None else min(timeout, self.timeout, threading.TIMEOUT_MAX)
        answers: queue.SimpleQueue[list[SocketAddress] | SocketError] = queue.SimpleQueue()
        lookup = self.look_up(target, family, answers.put)
        try:
            answer = answers.get(timeout=limit)
        except queue.Empty:
            if lookup.cancel():
                raise lookup.late_error(late, limit) from None
            answer = answers.get()  # it came in the same moment: `done` is on its way
        finally:
            lookup.cancel()  # for an interrupt; otherwise there is nothing left to cancel
        if isinstance(answer, SocketError):
            raise answer
        return answer

    @property
    def lookup_count(self) -> int:
        """How many look-ups are open; those that wait, and those that somebody waits for."""
        with self._lock:
            running = [x for x in self._busy.values() if x.phase is LookupPhase.RUNNING]
            return len(self._waiting) + len(running)

    @property
    def abandoned_count(self) -> int:
        """How many threads are with the system though nobody waits for them."""
        return self._abandoned_count

    def close(self) -> None:
        """Drop every look-up without a call, and let every thread end; again is harmless.

        A thread that is with the system cannot be reached: it ends when the system lets it go,
        or with the program.

        Thread: any. Calls back: never. Source: LW-002, LW-011.
        """
        with self._lock:
            self._closed = True
            while self._waiting:
                self._waiting.popleft().enter(LookupPhase.DROPPED)
            for lookup in list(self._busy.values()):
                self._abandon(lookup)
            ending = set(self._busy) - {threading.current_thread()}
        for thread in ending:
            thread.join()  # it has its answer, and nothing else to do

    def drop(self, lookup: "Lookup[Any]") -> bool:
        """Give a look-up up; false if it is too late. For `Lookup.cancel`, which see.

        Args:
            lookup: what a verb of this resolver has returned.
        """
        with self._lock:
            if lookup.phase is LookupPhase.WAITING:
                self._waiting.remove(lookup)
                lookup.enter(LookupPhase.DROPPED)
                return True
            if not self._abandon(lookup):
                return False
            refused = self._advance()
        self._refuse(refused)
        return True

    def _answer_at_once(
        self, lookup: "Lookup[list[SocketAddress]]", answer: list[SocketAddress] | SocketError
    ) -> None:
        lookup.enter(LookupPhase.ANSWERED)
        lookup.deliver(answer)

    def _begin(self, lookup: "Lookup[Any]") -> None:
        """Give a look-up a thread or a place in line, or refuse it."""
        with self._lock:
            if self._closed:
                raise StateClosed("the resolver is closed", phase="resolve", peer=lookup.peer)
            room = self._abandoned_count < self.abandoned_limit
            taken = room and (self._start(lookup) or self._line_up(lookup))
            if not taken:
                lookup.enter(LookupPhase.ANSWERED)
        if not taken:
            self._refuse([lookup])

    def _start(self, lookup: "Lookup[Any]") -> bool:
        """Begin a thread with this question; false if there are enough, or no more to be had."""
        if len(self._busy) >= self.thread_count:
            return False
        thread = threading.Thread(
            target=self._work, args=(lookup,), name="waitstate look-up", daemon=True
        )
        # Counted before it runs: an interrupt can leave `start` when the thread has begun already.
        self._employ(thread, lookup)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads, or the program is ending
            del self._busy[thread]
            lookup.enter(LookupPhase.WAITING)
            return False
        return True

    def _line_up(self, lookup: "Lookup[Any]") -> bool:
        """Put a look-up in line; false if that is full, or no thread would come to serve it."""
        if not self._busy or len(self._waiting) >= self.queue_limit:
            return False
        self._waiting.append(lookup)
        return True

    def _employ(self, thread: threading.Thread, lookup: "Lookup[Any]") -> None:
        lookup.enter(LookupPhase.RUNNING)
        lookup.thread = thread
        self._busy[thread] = lookup

    def _abandon(self, lookup: "Lookup[Any]") -> bool:
        """Count the thread of a look-up no longer among ours; false if none is asking."""
        if lookup.phase is not LookupPhase.RUNNING or lookup.thread is None:
            return False
        lookup.enter(LookupPhase.DROPPED)
        del self._busy[lookup.thread]
        self._abandoned_count += 1
        return True

    def _advance(self) -> list["Lookup[Any]"]:
        """Let the line move up after an abandonment; return those who have to be refused.

        That is all of them once too many threads are abandoned, or the line would go on to make
        new ones; and all of them if there is no thread left that could serve them.
        """
        if self._abandoned_count < self.abandoned_limit:
            while self._waiting:
                following = self._waiting.popleft()
                if not self._start(following):
                    self._waiting.appendleft(following)
                    break
            if self._busy:
                return []
        refused = list(self._waiting)
        self._waiting.clear()
        for lookup in refused:
            lookup.enter(LookupPhase.ANSWERED)
        return refused

    def _refuse(self, refused: list["Lookup[Any]"]) -> None:
        for lookup in refused:
            lookup.deliver(
                LimitExceeded(
                    f"too many look-ups: {len(self._waiting)} wait for {len(self._busy)} threads,"
                    f" and {self._abandoned_count} threads got no answer in time;"
                    " does the name service work?",
                    identifier="lookup-limit",
                    phase="resolve",
                    peer=lookup.peer,
                )
            )

    def _work(self, lookup: "Lookup[Any]") -> None:
        """Ask one question after the other until none waits: the whole life of a thread."""
        following: Lookup[Any] | None = lookup
        while following is not None:
            answer = following.ask()
            following = self._answered(following, answer)

    def _answered(self, lookup: "Lookup[Any]", answer: object) -> "Lookup[Any] | None":
        """Deliver an answer, and return what this thread asks next; None if it ends."""
        with self._lock:
            if lookup.phase is LookupPhase.DROPPED:
                self._abandoned_count -= 1
                return None  # another thread has taken the place of this one
            lookup.enter(LookupPhase.ANSWERED)
        lookup.deliver(answer)
        thread = threading.current_thread()
        with self._lock:
            if not self._waiting:
                del self._busy[thread]
                return None
            following = self._waiting.popleft()
            self._employ(thread, following)
            return following

    def __repr__(self) -> str:
        return (
            f"<Resolver waiting={len(self._waiting)} threads={len(self._busy)}"
            f" abandoned={self._abandoned_count} closed={self._closed}>"
        )


class Lookup(Generic[Answer]):
    """One look-up: made by a `Resolver`, given up by whoever keeps the time.

    `target` is what is looked up; `asked` and `deadline` are moments of the resolver's clock, that
    of the request and that at which it should be given up; `phase` tells where it is.

    Thread: any. Calls back: as `Resolver.look_up` says. Source: LW-029, CL-79.
    """

    __slots__ = ("_ask", "_done", "_resolver", "asked", "deadline", "phase", "target", "thread")

    def __init__(
        self,
        resolver: Resolver,
        target: Target,
        ask: Callable[[], Answer],
        done: Callable[[Answer | SocketError], None],
    ) -> None:
        self.target = target
        self.asked = resolver.clock()
        self.deadline = self.asked + resolver.timeout
        self.phase = LookupPhase.WAITING
        self.thread: threading.Thread | None = None
        self._resolver = resolver
        self._ask = ask
        self._done = done

    @property
    def peer(self) -> Address:
        """Host and service as they were given."""
        return self.target.given

    def cancel(self) -> bool:
        """Give the look-up up: true if `done` will never be called, false if it was or is being.

        This is for a program that has lost interest, and for a limit that has passed alike. If a
        thread is asking, it is abandoned, and those in line move up.

        Thread: any. Calls back: never its own `done`; those in line may be refused, before it
        returns. Source: LW-029, CL-79.
        """
        return self._resolver.drop(self)

    def late_error(self, kind: type[Late], limit: float | None = None) -> Late:
        """Make the error of a look-up that was given up at a limit.

        Args:
            kind: `ConnectTimedOut` in a connecting verb, else `OperationTimeout`.
            limit: the seconds that were allowed, by default those of the resolver.

        Thread: any. Calls back: never. Source: LW-029, LW-036.
        """
        allowed = self._resolver.timeout if limit is None else limit
        return kind(
            f"no answer from the name service within {allowed:g} s",
            limit=allowed,
            elapsed=self._resolver.clock() - self.asked,
            phase="resolve",
            peer=self.peer,
        )

    def ask(self) -> Answer | SocketError:
        """Ask the name service, which takes its time. For the resolver's threads."""
        try:
            return self._ask()
        except SocketError as error:
            return error

    def deliver(self, answer: Answer | SocketError) -> None:
        """Tell the answer to who wants it. For the resolver, without its lock."""
        try:
            self._done(answer)
        except Exception:  # whatever it is, the thread has more look-ups to serve
            LOGGER.exception("%r could not deliver its answer", self)

    def enter(self, phase: LookupPhase) -> None:
        """Move to another phase. For the resolver, which holds its lock."""
        if phase not in MOVES[self.phase]:
            raise InternalError(f"{self!r} cannot go from {self.phase.name} to {phase.name}")
        self.phase = phase

    def __repr__(self) -> str:
        return f"<Lookup {escaped(address_text(self.peer))} {self.phase.name.lower()}>"
