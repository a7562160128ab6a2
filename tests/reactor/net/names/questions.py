"""A name service that answers when it is told to, and what a test asks of a resolver."""

import queue
import socket
import threading
from typing import Any, Final, TypeVar

from reactor.errors import LimitExceeded, SocketError
from reactor.net.address import Target, read_target
from reactor.net.resolver import Lookup, Resolver
from reactor.net.socket_address import SocketAddress

EITHER: Final = socket.AF_UNSPEC
PATIENCE: Final = 30.0  # seconds until a test that waits for another thread has failed
Thing = TypeVar("Thing")
Rows = list[tuple[Any, ...]]
Answers = queue.SimpleQueue[list[SocketAddress] | SocketError]


def take(things: "queue.SimpleQueue[Thing]") -> Thing:
    """Wait for what another thread puts; `queue.Empty` fails the test."""
    return things.get(timeout=PATIENCE)


class NameService:
    """Stands for `socket.getaddrinfo`: every question waits until `answer` comes for its name."""

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.threads: dict[str, threading.Thread] = {}
        self._questions: list[str] = []  # each as often as it was asked
        self._open = False  # whether nobody has to wait any more
        self._lock = threading.Lock()
        self._answers: dict[str, queue.SimpleQueue[Rows | Exception]] = {}

    def __call__(self, name: str, port: int, _family: int, _kind: int) -> Rows:
        self._questions.append(name)
        self.threads[name] = threading.current_thread()
        self.asked.put(name)
        if self._open:
            self.answer(name)
        answer = take(self._answers_for(name))
        if isinstance(answer, Exception):
            raise answer
        return [(*row[:4], (row[4][0], port)) for row in answer]

    def answer(self, name: str, answer: str | Exception = "192.0.2.1") -> None:
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, 0))]
        self._answers_for(name).put(answer if isinstance(answer, Exception) else rows)

    def answer_all(self) -> None:
        """Let everybody go, also who has still to ask, and wait until the threads have ended."""
        self._open = True
        for name in self._questions:
            self.answer(name)
        for thread in list(self.threads.values()):
            thread.join(PATIENCE)

    def _answers_for(self, name: str) -> "queue.SimpleQueue[Rows | Exception]":
        with self._lock:
            return self._answers.setdefault(name, queue.SimpleQueue())


def target(name: str) -> Target:
    return read_target(f"{name}.example", 80)


def begin(resolver: Resolver, *names: str) -> "tuple[list[Lookup[Any]], list[Answers]]":
    """Begin several look-ups, and return them with the places of their answers."""
    places: list[Answers] = [queue.SimpleQueue() for _ in names]
    begun = [
        resolver.look_up(target(name), EITHER, place.put)
        for name, place in zip(names, places, strict=True)
    ]
    return begun, places


def refusal(answers: Answers) -> LimitExceeded:
    """Take an answer that is there already, and is a refusal."""
    answer = answers.get_nowait()
    assert isinstance(answer, LimitExceeded)
    return answer


def addresses(host: str = "192.0.2.1") -> list[SocketAddress]:
    return [SocketAddress(socket.AF_INET, (host, 80))]
