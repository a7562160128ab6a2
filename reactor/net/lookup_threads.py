"""LookupThreads: a bounded pool of threads for questions that nothing can stop.

`getaddrinfo` waits as long as the system likes. So it is called on a few daemon threads, which do
not hold up the end of the program as those of `ThreadPoolExecutor` do. A thread begins with a
question and ends when no question waits: an idle pool has none.

A question that is given up while a thread asks it leaves that thread behind, *abandoned*: it counts
no longer among the four. A name service that is out of order would so collect threads without end;
at 64 of them every question is refused, until some come back. And one that is only slow must not
keep the next in line waiting for as long: who has waited a second is *hastened*, and gets a thread
beside the four, as long as there are not 64 of those either.

Who owns the pool holds `lock` whenever it calls one of the verbs.
"""

import collections
import enum
import threading
from collections.abc import Callable
from typing import Any, Final

from reactor.arguments import check_count
from reactor.errors import InternalError

THREAD_COUNT: Final = 4
QUEUE_LIMIT: Final = 256  # questions that wait for a thread
ABANDONED_LIMIT: Final = 64  # threads that nobody waits for; each has a stack, mostly untouched


class LookupPhase(enum.Enum):
    """Where a question is: in line, with a thread, told, or given up."""

    WAITING, RUNNING, ANSWERED, DROPPED = range(4)


MOVES: Final = {
    LookupPhase.WAITING: {LookupPhase.RUNNING, LookupPhase.ANSWERED, LookupPhase.DROPPED},
    LookupPhase.RUNNING: {
        LookupPhase.WAITING,  # the system had no thread for it
        LookupPhase.ANSWERED,
        LookupPhase.DROPPED,
    },
    LookupPhase.ANSWERED: set[LookupPhase](),  # for good: its askers have been, or are being, told
    LookupPhase.DROPPED: set[LookupPhase](),  # for good: nobody will be told
}


class Question:
    """What one thread is to find out.

    Args:
        ask: called on a thread of the pool, without its lock; returns the answer, raises nothing.
        settle: called on that thread under the lock, once, with the question and the answer;
            returns what delivers it, which is called without the lock.

    Thread: see `LookupThreads`. Calls back: `ask` and `settle`. Source: LW-029.
    """

    __slots__ = ("ask", "phase", "settle", "thread")

    def __init__(
        self,
        ask: Callable[[], Any],
        settle: Callable[[Any, Any], Callable[[], object]],
    ) -> None:
        self.ask = ask
        self.settle = settle
        self.phase = LookupPhase.WAITING
        self.thread: threading.Thread | None = None

    def enter(self, phase: LookupPhase) -> None:
        """Move to another phase; under the lock."""
        if phase not in MOVES[self.phase]:
            raise InternalError(f"{self!r} cannot go from {self.phase.name} to {phase.name}")
        self.phase = phase

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.phase.name.lower()}>"


class LookupThreads:
    """The threads, and the line before them.

    Args:
        thread_count: how many questions are asked at the same time.
        queue_limit: how many more may wait for a thread.
        abandoned_limit: at how many abandoned threads every question is refused; and how many
            threads there may be beside the first ones for those who have waited too long.

    Raises:
        TypeError, ValueError: one of them is no such number.

    Thread: any, with `lock`. Calls back: `Question.ask` and `settle`, on threads of its own.
    Source: LW-029, REL-48.
    """

    __slots__ = (
        "_busy",
        "_closed",
        "_waiting",
        "abandoned_count",
        "abandoned_limit",
        "lock",
        "queue_limit",
        "thread_count",
    )

    def __init__(self, thread_count: int, queue_limit: int, abandoned_limit: int) -> None:
        self.thread_count = check_count("thread_count", thread_count, least=1)
        self.queue_limit = check_count("queue_limit", queue_limit)
        self.abandoned_limit = check_count("abandoned_limit", abandoned_limit)
        self.lock = threading.Lock()  # guards everything here, and the phase of every question
        self._waiting: collections.deque[Question] = collections.deque()
        self._busy: dict[threading.Thread, Question] = {}  # a thread, and what it asks
        self.abandoned_count = 0
        self._closed = False

    def unused(self) -> "LookupThreads":
        """Return others with the same limits; closed, if these are."""
        others = LookupThreads(self.thread_count, self.queue_limit, self.abandoned_limit)
        others._closed = self._closed
        return others

    @property
    def closed(self) -> bool:
        """Whether it is closed, and asks nothing any more."""
        return self._closed

    def begin(self, question: Question) -> bool:
        """Give a question a thread or a place in line; false if it is refused."""
        room = self.abandoned_count < self.abandoned_limit
        if room and (self._start(question, self.thread_count) or self._line_up(question)):
            return True
        question.enter(LookupPhase.ANSWERED)
        return False

    def hasten(self, question: Question) -> None:
        """Give a question that has waited too long a thread beside the others, if there may be."""
        extra = self.abandoned_limit - self.abandoned_count
        if question.phase is LookupPhase.WAITING and extra > 0:
            place = self._waiting.index(question)
            del self._waiting[place]
            if not self._start(question, self.thread_count + extra):
                self._waiting.insert(place, question)

    def drop(self, question: Question) -> list[Question]:
        """Give a question up; return those in line that have to be refused now."""
        if question.phase is LookupPhase.WAITING:
            self._waiting.remove(question)
            question.enter(LookupPhase.DROPPED)
            return []
        self._abandon(question)
        return self._advance()

    def close(self) -> list[threading.Thread]:
        """Drop every question; return the threads that have their answer, and are ending.

        A thread that is with the system cannot be reached: it ends when the system lets it go, or
        with the program.
        """
        self._closed = True
        while self._waiting:
            self._waiting.popleft().enter(LookupPhase.DROPPED)
        for question in list(self._busy.values()):
            if question.phase is LookupPhase.RUNNING:
                self._abandon(question)
        return [thread for thread in self._busy if thread is not threading.current_thread()]

    @property
    def questions(self) -> list[Question]:
        """Those that wait, and those that are with a thread of ours."""
        return [*self._waiting, *self._busy.values()]

    @property
    def state(self) -> str:
        """The figures, for messages."""
        return f"{len(self._waiting)} wait for {len(self._busy)} threads"

    def _start(self, question: Question, limit: int) -> bool:
        """Begin a thread with this question; false if there are enough, or no more to be had."""
        if len(self._busy) >= limit:
            return False
        thread = threading.Thread(
            target=self._work, args=(question,), name="waitstate look-up", daemon=True
        )
        # Counted before it runs: an interrupt can leave `start` when the thread has begun already.
        self._employ(thread, question)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads, or the program is ending
            del self._busy[thread]
            question.enter(LookupPhase.WAITING)
            return False
        return True

    def _line_up(self, question: Question) -> bool:
        """Put a question in line; false if that is full, or no thread would come to serve it."""
        if not self._busy or len(self._waiting) >= self.queue_limit:
            return False
        self._waiting.append(question)
        return True

    def _employ(self, thread: threading.Thread, question: Question) -> None:
        question.enter(LookupPhase.RUNNING)
        question.thread = thread
        self._busy[thread] = question

    def _abandon(self, question: Question) -> None:
        """Count the thread of a question no longer among ours."""
        question.enter(LookupPhase.DROPPED)
        assert question.thread is not None, "it is being asked"
        del self._busy[question.thread]
        self.abandoned_count += 1

    def _advance(self) -> list[Question]:
        """Let the line move up after an abandonment; return those who have to be refused.

        That is all of them once too many threads are abandoned, or the line would go on to make
        new ones; and all of them if there is no thread left that could serve them.
        """
        if self.abandoned_count < self.abandoned_limit:
            while self._waiting:
                following = self._waiting.popleft()
                if not self._start(following, self.thread_count):
                    self._waiting.appendleft(following)
                    break
            if self._busy:
                return []
        refused = list(self._waiting)
        self._waiting.clear()
        for question in refused:
            question.enter(LookupPhase.ANSWERED)
        return refused

    def _work(self, question: Question) -> None:
        """Ask one question after the other until none waits: the whole life of a thread."""
        following: Question | None = question
        while following is not None:
            following = self._answered(following, following.ask())

    def _answered(self, question: Question, answer: object) -> Question | None:
        """Settle a question, and return what this thread asks next; None if it ends."""
        with self.lock:
            abandoned = question.phase is LookupPhase.DROPPED
            if abandoned:
                self.abandoned_count -= 1
            else:
                question.enter(LookupPhase.ANSWERED)
            deliver = question.settle(question, answer)
        deliver()
        if abandoned:
            return None  # another thread has taken the place of this one
        thread = threading.current_thread()
        with self.lock:
            if not self._waiting:
                del self._busy[thread]
                return None
            following = self._waiting.popleft()
            self._employ(thread, following)
            return following

    def __repr__(self) -> str:
        return f"<LookupThreads {self.state}, abandoned={self.abandoned_count}>"
