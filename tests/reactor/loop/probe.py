"""What the tests of the loop share: a wait state that writes down its calls, threads, children."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from reactor.interest import READ, WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.loop.wait_state import WaitState

LIMIT: Final = 10.0  # seconds; what takes longer hangs

Result = TypeVar("Result")


class Probe(WaitState):
    """One end of a pair of sockets in a collection; `events` is what it was called for.

    `far` is the other end. `then` is called with the probe for each event. It reads nothing: once
    readable, it is ready in every turn.
    """

    __slots__ = ("_collection", "events", "far", "near", "then")

    def __init__(
        self,
        collection: WaitStateCollection,
        then: Callable[[Probe], object] = lambda probe: None,
        *,
        wanted: int = READ,
    ) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        super().__init__(self.near.fileno())
        self._collection = collection
        self.wanted = wanted
        self.then = then
        self.events: list[int] = []
        collection.add(self)

    def on_readable(self) -> None:
        self.events.append(READ)
        self.then(self)

    def on_writable(self) -> None:
        self.events.append(WRITE)
        self.then(self)

    def make_ready(self) -> None:
        """Let it be readable, from now on."""
        self.far.send(b"!")

    def close_silently(self) -> None:
        self._collection.remove(self)
        self.near.close()
        self.far.close()


def ready_probe(
    collection: WaitStateCollection, then: Callable[[Probe], object] = lambda probe: None
) -> Probe:
    """Make a probe that is readable already."""
    probe = Probe(collection, then)
    probe.make_ready()
    return probe


def elsewhere(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in another thread; return what it returns, raise what it raises."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result(LIMIT)


def exit_code_of_child(function: Callable[[], object]) -> int:
    """Call a function in a forked child; 0 says that it returned, 1 that it raised."""
    if sys.platform != "win32":
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # 3.12 and later: of threads and forks
            child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.alarm(int(LIMIT))  # it ends the child if that hangs
                function()
                code = 0
            except BaseException:  # noqa: BLE001  # nothing may leave a child
                traceback.print_exc()
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    raise NotImplementedError("Windows does not fork")
