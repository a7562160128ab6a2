"""Resolver: names are looked up on threads of its own, so that no loop waits for an answer.

What need not be asked is answered at once: numbers, "localhost", names to which the program has
given addresses, and what was asked a moment ago (`known_names`). Everything else is a question for
the pool (`lookup_threads`). Look-ups of one name at one time share a question, and it is given up
when the last of them is.

Nobody's time is kept here. Who asks, a collection with a timer or a blocking call with its own
wait, gives a look-up up at its `deadline`, which was fixed when it was asked for: waiting for a
thread counts. And who has waited in line for `QUEUE_TIMEOUT` says so, and waits there no longer.
"""

import functools
import logging
import os
import queue
import socket
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, TypeAlias, TypeVar

from reactor.arguments import check_callables
from reactor.deadline import check_timeout
from reactor.errors import (
    Address,
    LimitExceeded,
    NameLookupFailed,
    OperationTimeout,
    SocketError,
    StateClosed,
    address_text,
    escaped,
)
from reactor.net.address import HostLike, Target, read_host
from reactor.net.known_names import (
    CACHE_LIMIT,
    NEGATIVE_LIFETIME,
    POSITIVE_LIFETIME,
    Answers,
    Overrides,
    OverrideTable,
    spelling,
)
from reactor.net.lookup_threads import (
    ABANDONED_LIMIT,
    QUEUE_LIMIT,
    THREAD_COUNT,
    LookupPhase,
    LookupThreads,
    Question,
)
from reactor.net.name_service import (
    AddressLookup,
    NameLookup,
    ask_for_addresses,
    ask_for_name,
    host_not_found,
    lookup_failed,
    retold,
)
from reactor.net.race import AddressOrder, read_order
from reactor.net.socket_address import SocketAddress

Answer = TypeVar("Answer")
Late = TypeVar("Late", bound=OperationTimeout)
Key: TypeAlias = tuple[str, Hashable]  # a host, and what is asked about it
Dropped: TypeAlias = Callable[[StateClosed], None]

LOOKUP_TIMEOUT: Final = 10.0  # seconds; what glibc needs to ask two name servers once each
QUEUE_TIMEOUT: Final = 1.0  # seconds in line; then a look-up gets a thread beside the others

LOGGER: Final = logging.getLogger(__name__)


class Resolver:
    """Who knows what names stand for: a few threads that ask, and a memory.

    Args:
        thread_count: how many names are asked for at the same time, 4 by default.
        queue_limit: how many more may wait for a thread, 256 by default.
        abandoned_limit: at how many abandoned threads look-ups fail at once, 64 by default; and
            how many threads there may be beside the first ones, for who waits over a second.
        timeout: seconds from the request to a look-up's `deadline`, 10 by default.
        lookup: what is asked for addresses, with the arguments of `socket.getaddrinfo`; the port
            is always 0.
        name_lookup: what is asked for names, with the arguments of `socket.getnameinfo`.
        overrides: addresses that the program gives to names itself: a mapping from a host name, or
            a pair of it and a service, to an address or several, in any numeric form; none at all
            says that there is no such name. Such a name is never asked for.
        order: in which order addresses are tried: "system", the default, leaves it to the name
            service; "ipv6-first", "ipv4-first"; "sorted", the same in every run; or a function
            that gets a list of socket addresses and returns those to be used.
        cache_limit: how many answers are remembered, 1024 by default; 0 for none.
        positive_lifetime: seconds for which addresses and names are remembered, 10 by default; 0
            for not at all, None until they are forgotten.
        negative_lifetime: likewise, 1 by default, that there is no such name. No other failure is
            remembered.
        clock: a function without arguments that tells the seconds.

    Attributes:
        timeout: as given.
        clock: as given.

    Raises:
        TypeError, ValueError: one of them is wrong. NameLookupFailed: an override has a service
            or an interface that there is not.

    Thread: any; its verbs take a lock, but never while something is waited for. Calls back: on
    threads of its own, or before a verb returns where nobody need be asked. Source: LW-029.
    """

    __slots__ = (
        "__weakref__",
        "_answers",
        "_lookup",
        "_name_lookup",
        "_open",
        "_order",
        "_overrides",
        "_threads",
        "clock",
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
        name_lookup: NameLookup = socket.getnameinfo,
        overrides: Overrides | None = None,
        order: AddressOrder = "system",
        cache_limit: int = CACHE_LIMIT,
        positive_lifetime: float | None = POSITIVE_LIFETIME,
        negative_lifetime: float | None = NEGATIVE_LIFETIME,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_callables(lookup=lookup, name_lookup=name_lookup, clock=clock)
        if check_timeout("timeout", timeout) is None:
            raise ValueError("timeout is the limit of a look-up, in seconds; None is no limit")
        self.timeout = timeout
        self.clock = clock
        self._lookup = lookup
        self._name_lookup = name_lookup
        self._order = read_order(order)
        self._overrides = OverrideTable(overrides or {})
        self._answers = Answers(cache_limit, positive_lifetime, negative_lifetime, clock)
        self._threads = LookupThreads(thread_count, queue_limit, abandoned_limit)
        self._open: dict[Key, SharedQuestion] = {}  # those that one more may join
        _EVERY_RESOLVER.add(self)

    @property
    def overrides(self) -> dict[Any, Any]:
        """The addresses that the program gives to names, as given; settable as a whole."""
        return dict(self._overrides.given)

    @overrides.setter
    def overrides(self, overrides: Overrides) -> None:
        self._overrides = OverrideTable(overrides)

    def forget(self, host: HostLike | None = None) -> None:
        """Forget what was looked up, so that the next look-up asks; those under way go on.

        Args:
            host: a name, or an address whose name was looked up; None, the default, is all.

        Raises:
            TypeError, ValueError: it is no host.

        Thread: any. Calls back: never. Source: LW-029.
        """
        name = None if host is None else spelling(read_host(host).text)

        def concerned(key: Key) -> bool:
            return name is None or spelling(key[0]) == name

        with self._threads.lock:
            self._answers.forget(concerned)
            for key in [key for key in self._open if concerned(key)]:
                del self._open[key]

    def known_addresses(self, target: Target, family: int) -> list[SocketAddress] | None:
        """Return the addresses of a target that is never asked for; None if it takes a look-up.

        Args:
            target: host and port.
            family: AF_INET, AF_INET6, or AF_UNSPEC for both.

        Raises:
            NameLookupFailed: there are none.

        Thread: any. Calls back: the order, if it is a function. Source: LW-029.
        """
        found = target.known_addresses(family)
        if target.host.numeric:
            return found
        if found is None:
            found = self._overrides.addresses(target, family)
        return None if found is None else self._in_order(found, target.given)

    def doubt(self, target: Target, family: int) -> None:
        """Forget the addresses of a target: none of them is of use.

        Args:
            target: as it was looked up.
            family: likewise.

        Thread: any. Calls back: never. Source: LW-029.
        """
        if not target.host.numeric:
            with self._threads.lock:
                self._answers.doubt(_addresses_key(target, family))

    def look_up(
        self,
        target: Target,
        family: int,
        done: Callable[[list[SocketAddress] | SocketError], None],
        *,
        dropped: Dropped | None = None,
    ) -> "Lookup[list[SocketAddress]]":
        """Find the addresses of a target, in the order in which they are to be tried.

        Args:
            target: host and port.
            family: AF_INET, AF_INET6, or AF_UNSPEC for both.
            done: gets the addresses, or the error: `NameLookupFailed`, or `LimitExceeded` if too
                much is going on. It must not wait; what it raises is logged.
            dropped: gets a `StateClosed` instead if the resolver is closed first; None for who
                need not know.

        Raises:
            StateClosed: the resolver is closed.

        Thread: any. Calls back: once, unless it is cancelled: on a thread of the resolver; or,
        if nobody has to be asked or too much is going on, before it returns. Source: LW-029.
        """

        def ported(answer: list[SocketAddress] | SocketError) -> None:
            if not isinstance(answer, SocketError):
                answer = [address.at_port(target.port) for address in answer]
            done(answer)

        def ask() -> list[SocketAddress]:
            return self._in_order(
                ask_for_addresses(target.host.text, 0, family, lookup=self._lookup), None
            )

        lookup: Lookup[list[SocketAddress]] = Lookup(self, target, ported, dropped)
        try:
            found = self.known_addresses(target, family)
        except SocketError as error:
            lookup.deliver(error)
        else:
            if found is None:
                self._begin(lookup, _addresses_key(target, family), ask)
            else:
                lookup.deliver(found)
        return lookup

    def look_up_name(
        self,
        target: Target,
        done: Callable[[tuple[str, str] | SocketError], None],
        *,
        dropped: Dropped | None = None,
    ) -> "Lookup[tuple[str, str]]":
        """Find the names of a numeric target: that of its host and that of its service.

        Args:
            target: its host must be numeric.
            done: as for `look_up`, but gets `(host, service)`.
            dropped: as for `look_up`.

        Raises:
            ValueError: the host is a name. StateClosed: the resolver is closed.

        Thread: any. Calls back: as `look_up`. Source: CL-82.
        """
        if not target.host.numeric:
            raise ValueError(f"only an address has a name to look up, not {target.host.text!r}")
        lookup: Lookup[tuple[str, str]] = Lookup(self, target, done, dropped)
        try:
            address = target.numeric_address()
        except SocketError as error:  # there is no such interface
            lookup.deliver(error)
        else:
            key = target.host.text, address.sockaddr
            self._begin(lookup, key, lambda: ask_for_name(address, lookup=self._name_lookup))
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
            OperationTimeout: time is up, phase "resolve". StateClosed: the resolver is closed, or
            is being closed meanwhile.

        Thread: one that may wait. Calls back: never. Source: LW-029, CC-17.
        """
        limit = None if timeout is None else min(timeout, self.timeout, threading.TIMEOUT_MAX)
        answers: queue.SimpleQueue[list[SocketAddress] | SocketError] = queue.SimpleQueue()
        lookup = self.look_up(target, family, answers.put, dropped=answers.put)
        try:
            answer = _take(answers, lookup, limit)
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
        """How many look-ups are open, those that wait for a thread among them."""
        with self._threads.lock:
            return sum(len(one.askers) for one in self._questions())

    @property
    def abandoned_count(self) -> int:
        """How many threads are with the system though nobody waits for them."""
        return self._threads.abandoned_count

    def close(self) -> None:
        """Drop every look-up, and let every thread end; again is harmless.

        No answer comes any more. Who wants to know is told so, and who waits for an answer, in a
        collection that is not closed or in a blocking call, has a `StateClosed`. A thread that is
        with the system cannot be reached: it ends when the system lets it go, or with the program.

        Thread: any. Calls back: `dropped` of those that are dropped. Source: LW-002, LW-011.
        """
        with self._threads.lock:
            lost = [one for question in self._questions() for one in self._withdraw(question)]
            ending = self._threads.close()
        for lookup in lost:
            lookup.drop()
        for thread in ending:
            thread.join()  # it has its answer, and nothing else to do

    # For `Lookup`.

    def drop(self, lookup: "Lookup[Any]") -> bool:
        """Give a look-up up; false if it is too late. For `Lookup.cancel`, which see.

        Args:
            lookup: what a verb of this resolver has returned.

        Thread: any. Calls back: `done` of those that are refused. Source: LW-029, CL-79.
        """
        with self._threads.lock:
            question = lookup.question
            if question is None or lookup not in question.askers:
                return False
            del question.askers[lookup]
            lookup.given_up = True
            if question.askers:
                return True
            self._withdraw(question)
            refused = [one for late in self._threads.drop(question) for one in self._withdraw(late)]
        self._refuse(refused)
        return True

    def hasten(self, lookup: "Lookup[Any]") -> None:
        """Let a look-up wait in line no longer. For `Lookup.hasten`, which see.

        Args:
            lookup: what a verb of this resolver has returned.

        Thread: any. Calls back: never. Source: LW-029, REL-48.
        """
        with self._threads.lock:
            if lookup.question is not None and lookup in lookup.question.askers:
                self._threads.hasten(lookup.question)

    def start_anew(self) -> None:
        """Let go of what the parent of this process is doing: threads do not survive a fork.

        Its look-ups will never be answered here, and its lock may have been held just then.

        Thread: the only one, in the child. Calls back: never. Source: REL-44, LW-029.
        """
        for question in self._questions():
            question.askers.clear()
        self._open = {}
        self._threads = self._threads.unused()

    def _begin(self, lookup: "Lookup[Any]", key: Key, ask: Callable[[], Any]) -> None:
        """Answer a look-up from memory, let it join a question, or begin one; or refuse it."""
        refused: list[Lookup[Any]] = []
        with self._threads.lock:
            if self._threads.closed:
                raise lookup.closed_error()
            answer = self._answers.get(key)
            if answer is None:
                question = self._open.get(key)
                # One that is overdue is as good as lost: who comes now asks anew.
                if question is not None and lookup.asked < question.asked + self.timeout:
                    question.join(lookup)
                    return
                question = SharedQuestion(key, ask, self._settle, lookup.asked, self._answers.epoch)
                question.join(lookup)
                self._open[key] = question
                if not self._threads.begin(question):
                    refused = self._withdraw(question)
        if answer is not None:
            lookup.deliver(answer)
        self._refuse(refused)

    def _settle(self, question: "SharedQuestion", answer: Any) -> Callable[[], object]:
        """Remember an answer, and return what tells it to those who have asked; under the lock."""
        abandoned = question.phase is LookupPhase.DROPPED
        younger = abandoned and question.key in self._answers
        if question.epoch == self._answers.epoch and not younger:
            self._answers.keep(question.key, answer)
        return functools.partial(_tell, self._withdraw(question), answer)

    def _withdraw(self, question: Any) -> list["Lookup[Any]"]:
        """Let nobody join a question any more, and return who had; under the lock."""
        key, askers = question.key, list(question.askers)
        question.askers.clear()
        if self._open.get(key) is question:
            del self._open[key]
        return askers

    def _refuse(self, refused: list["Lookup[Any]"]) -> None:
        for lookup in refused:
            lookup.deliver(
                LimitExceeded(
                    f"too many look-ups: {self._threads.state},"
                    f" and {self.abandoned_count} threads got no answer in time;"
                    " does the name service work?",
                    identifier="lookup-limit",
                    phase="resolve",
                    peer=lookup.peer,
                )
            )

    def _questions(self) -> list["SharedQuestion"]:
        questions: list[Any] = self._threads.questions
        return questions

    def _in_order(
        self, addresses: list[SocketAddress], peer: Address | None
    ) -> list[SocketAddress]:
        try:
            ordered = self._order(addresses)
        except Exception as error:  # it may be the program's own
            raise lookup_failed(error, None, peer) from error
        if not ordered:
            raise host_not_found("the order leaves no address to try", peer)
        return ordered

    def __repr__(self) -> str:
        return f"<Resolver {self._threads!r} {self._answers!r} closed={self._threads.closed}>"


class SharedQuestion(Question):
    """A question, and all who have asked it.

    `asked` is the moment at which the first of them has, `epoch` what was forgotten before.
    """

    __slots__ = ("asked", "askers", "epoch", "key")

    def __init__(
        self,
        key: Key,
        ask: Callable[[], Any],
        settle: Callable[[Any, Any], Callable[[], object]],
        asked: float,
        epoch: int,
    ) -> None:
        super().__init__(functools.partial(_answer_to, ask), settle)
        self.key = key
        self.asked = asked
        self.epoch = epoch
        self.askers: dict[Lookup[Any], None] = {}  # in the order of asking

    def join(self, lookup: "Lookup[Any]") -> None:
        """Let one more hear of the answer; under the lock."""
        self.askers[lookup] = None
        lookup.question = self


class Lookup(Generic[Answer]):
    """One look-up: made by a `Resolver`, given up by whoever keeps the time.

    `target` is what is looked up; `asked` and `deadline` are moments of the resolver's clock, that
    of the request and that at which it should be given up; `question` is shared with others, None
    if none had to be asked.

    Thread: any. Calls back: as `Resolver.look_up` says. Source: LW-029, CL-79.
    """

    __slots__ = (
        "_done",
        "_dropped",
        "_resolver",
        "asked",
        "deadline",
        "given_up",
        "question",
        "target",
    )

    def __init__(
        self,
        resolver: Resolver,
        target: Target,
        done: Callable[[Answer | SocketError], None],
        dropped: Dropped | None = None,
    ) -> None:
        self.target = target
        self.asked = resolver.clock()
        self.deadline = self.asked + resolver.timeout
        self.question: SharedQuestion | None = None
        self.given_up = False
        self._resolver = resolver
        self._done = done
        self._dropped = dropped

    @property
    def peer(self) -> Address:
        """Host and service as they were given."""
        return self.target.given

    @property
    def phase(self) -> LookupPhase:
        """Where it is: where its question is, unless it was given up."""
        if self.given_up:
            return LookupPhase.DROPPED
        return LookupPhase.ANSWERED if self.question is None else self.question.phase

    def cancel(self) -> bool:
        """Give the look-up up: true if `done` will never be called, false if it was or is being.

        This is for a program that has lost interest, and for a limit that has passed alike. If a
        thread is asking for nobody else, it is abandoned, and those in line move up.

        Thread: any. Calls back: never its own `done`; those in line may be refused, before it
        returns. Source: LW-029, CL-79.
        """
        return self._resolver.drop(self)

    def hasten(self) -> None:
        """Say that it has waited in line for too long: it gets a thread beside the others.

        Thread: any. Calls back: never. Source: LW-029, REL-48.
        """
        self._resolver.hasten(self)

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

    def deliver(self, answer: Answer | SocketError) -> None:
        """Tell the answer to who wants it. For the resolver, without its lock."""
        if isinstance(answer, NameLookupFailed):  # shared: everybody gets an error of his own
            told = retold(answer, self.peer)
            told.__cause__ = answer.__cause__
            answer = told
        try:
            self._done(answer)
        except Exception:  # whatever it is, the thread has more look-ups to serve
            LOGGER.exception("%r could not deliver its answer", self)

    def drop(self) -> None:
        """Tell who wants to know that no answer will come. For the resolver, without its lock."""
        if self._dropped is not None:
            self._dropped(self.closed_error())

    def closed_error(self) -> StateClosed:
        """Make the error that the resolver is closed.

        Thread: any. Calls back: never. Source: LW-002.
        """
        return StateClosed("the resolver is closed", phase="resolve", peer=self.peer)

    def __repr__(self) -> str:
        return f"<Lookup {escaped(address_text(self.peer))} {self.phase.name.lower()}>"


def _addresses_key(target: Target, family: int) -> Key:
    return target.host.text.lower(), family


def _answer_to(ask: Callable[[], Any]) -> Any:
    """Ask the name service, which takes its time."""
    try:
        return ask()
    except SocketError as error:
        return error


def _tell(askers: list[Lookup[Any]], answer: Any) -> None:
    for lookup in askers:
        lookup.deliver(answer)


def _take(answers: "queue.SimpleQueue[Answer]", lookup: Lookup[Any], limit: float | None) -> Answer:
    """Wait for an answer; in line only as long as that is reasonable.

    Raises:
        queue.Empty: there is none within the limit.
    """
    if limit is not None and limit <= QUEUE_TIMEOUT:
        return answers.get(timeout=limit)
    try:
        return answers.get(timeout=QUEUE_TIMEOUT)
    except queue.Empty:
        lookup.hasten()
    return answers.get(timeout=None if limit is None else limit - QUEUE_TIMEOUT)


def _start_anew_all() -> None:
    for resolver in list(_EVERY_RESOLVER):
        resolver.start_anew()


_EVERY_RESOLVER: Final["weakref.WeakSet[Resolver]"] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_all)
