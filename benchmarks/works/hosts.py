"""Hosts: how soon a datagram and a timer reach their callbacks in the main loops of others.

Another process sends datagrams at uneven gaps, each with the moment at which it was sent, on the
clock that all processes share. So the figure is the whole way: from its `send` to our callback. At
the same time timers come due, one after the other, at moments that have nothing to do with those
datagrams. Then nothing happens for a while, and turns are counted.

This is read from the clock, since to be late is not to compute: the machine must be at rest.
"""

import contextlib
import functools
import random
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.peers.hosts import MAKERS, Host
from benchmarks.peers.names import BARE
from benchmarks.work import Work
from reactor import WaitStateCollection, open_udp

GAPS = (0.003, 0.017)  # seconds between two datagrams
DELAYS = (0.004, 0.030)  # seconds of a timer
COUNT = 200  # datagrams
PAUSE = 0.1  # seconds, for what is still to be done for that
REST = 1.0  # seconds without traffic
STAMP = struct.Struct("q")  # nanoseconds of the monotonic clock

COLUMNS: Final = (
    *("io p50", "io p95", "io p99"),
    *("timer p50", "timer p95", "timer p99"),
    *("plain p50", "plain p95", "plain p99"),
    "idle turns",
)


def other_clock() -> float:
    """Tell the kernel's time, as a clock that guests do not know: they have no kernel timer."""
    return time.monotonic()


class Probe:
    """A collection in a host, what has arrived there, and how late."""

    def __init__(self, host: Host, clock: Any) -> None:
        self._host = host
        self._collection = WaitStateCollection("probe", clock=clock)
        self._io: list[float] = []  # microseconds
        self._timers: list[float] = []
        self._left = 0  # datagrams
        self._deliver: Any = call
        self.mode = ""
        self.idle_turns = 0

    def run(self, count: int) -> tuple[list[float], list[float]]:
        """Receive `count` datagrams; return how old they were, and how late timers."""
        self._left = count
        with contextlib.ExitStack() as ended:
            self._host.live(self._collection, functools.partial(self._begin, ended))
        self._collection.close()
        return self._io, self._timers

    def _begin(self, ended: contextlib.ExitStack, guest: Any) -> None:
        """Begin to receive; what is noted is noted in the host's thread."""
        self.mode = getattr(guest, "mode", "")
        self._deliver = getattr(guest, "deliver", call)
        listen = call if self._deliver is call else self._collection.submit
        port = listen(self._listen)
        ended.enter_context(start_sender(port if listen is call else port.result(), self._left))

    def _listen(self) -> int:
        state = open_udp(self._collection, local_address="127.0.0.1", local_port=0)
        state.receive_message(bytearray(STAMP.size), self._received)
        self._arm()
        port: int = state.address[1]
        return port

    def _received(self, state: Any, data: bytearray, size: int) -> None:
        self._deliver(self._note, self._io, STAMP.unpack(data)[0])
        self._left -= 1
        if self._left:
            state.receive_message(data, self._received)

    def _note(self, where: list[float], when: int) -> None:
        where.append((time.monotonic_ns() - when) / 1000)

    def _arm(self) -> None:
        when = self._collection.time() + random.uniform(*DELAYS)
        self._collection.call_at(when, self._due, when)

    def _due(self, when: float) -> None:
        self._deliver(self._note, self._timers, int(when * 1e9))
        if self._left:
            self._arm()
            return
        threading.Timer(PAUSE + REST, self._collection.apply, [self._end]).start()
        self._collection.call_later(PAUSE, self._rest)

    def _rest(self) -> None:
        self.idle_turns = -1 - self._turns()  # this one is none of them

    def _end(self) -> None:
        self.idle_turns += self._turns()
        self._deliver(self._host.quit, self._collection)

    def _turns(self) -> int:
        turns: int = self._collection.stats()["turns"]
        return turns


def measure(name: str, quick: bool) -> dict[str, float]:
    """Return the percentiles in microseconds, and the turns of an idle second.

    `timer` is with the kernel's timer behind the descriptor, `plain` without; that is all there is
    in our own loop, in a game, and where a thread waits.
    """
    count = COUNT // 2 if quick else COUNT
    if name == BARE:
        return measure_bare(count)
    host = MAKERS[name]()
    probe = Probe(host, time.monotonic)
    latencies, lateness = probe.run(count)
    figures = percentiles("io", latencies)
    if not host.paced:
        figures["idle turns"] = probe.idle_turns
    if host.paced or probe.mode != "descriptor":
        return figures | percentiles("plain", lateness)
    figures |= percentiles("timer", lateness)
    return figures | percentiles("plain", Probe(host, other_clock).run(count)[1])


def measure_bare(count: int) -> dict[str, float]:
    """Return what Python does without any loop: it receives, and then it sleeps."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        with start_sender(sock.getsockname()[1], count):
            latencies = [age(sock.recv(STAMP.size)) for _ in range(count)]
    lateness = list[float]()
    for _ in range(count):
        when = time.monotonic() + (delay := random.uniform(*DELAYS))
        time.sleep(delay)
        lateness.append((time.monotonic() - when) * 1e6)
    return percentiles("io", latencies) | percentiles("plain", lateness)


def percentiles(name: str, values: list[float]) -> dict[str, float]:
    """Return the median, the 95th and the 99th percentile by name."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {f"{name} p{percent}": cuts[percent - 1] for percent in (50, 95, 99)}


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function here and now: in a host nothing need be delivered."""
    return function(*arguments)


def age(stamp: bytes | bytearray) -> float:
    """Return how many microseconds ago a datagram was sent."""
    return (time.monotonic_ns() - STAMP.unpack(stamp)[0]) / 1000


def start_sender(port: int, count: int) -> subprocess.Popen[bytes]:
    """Start a process that sends; a context manager that waits for its end."""
    return subprocess.Popen([sys.executable, "-m", __name__, str(port), str(count)])


def send(port: int, count: int) -> None:
    """Send stamped datagrams, at uneven gaps."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        time.sleep(0.1)  # until the host's loop runs
        for _ in range(count):
            time.sleep(random.uniform(*GAPS))
            sock.send(STAMP.pack(time.monotonic_ns()))


WORKS: Final = (
    Work(
        "hosts",
        "datagrams and timers in the loops of others",
        "us",
        (BARE, *MAKERS),
        measure,
        runs=3,
        columns=COLUMNS,
    ),
)

if __name__ == "__main__":
    send(int(sys.argv[1]), int(sys.argv[2]))
