"""Other threads and other loops: posts while the loop stops and starts, wait threads, ticks."""

from __future__ import annotations

import contextlib
import functools
import select
import selectors
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import NoneType
from typing import Any, Final

import pytest

from reactor.errors import OperationInProgress, OperationTimeout
from reactor.loop.collection import WaitStateCollection
from reactor.server import connect, serve
from reactor.state.async_io_state import AsyncIOState
from reactor.state.connection import Connection
from reactor.testing.clock import ManualClock
from reactor.transport import Transport
from tests.certificates import Certificates
from tests.channels import CHANNELS
from tests.reactor.loop.collection.test_hosting import WaitThread
from tests.reactor.loop.probe import LIMIT
from tests.recorder import Recorder

AT_ONCE: Final = 0.050  # seconds within which a peer sees an end
POSTS: Final = 5_000  # of each thread; they last longer than the loop is stopped and started
HOST: Final = "127.0.0.1"
TICKS: Final = 1_000_000  # that is a limit; it takes a few, or those of 50 ms
MUCH: Final = bytes(range(256)) * 4096


# Posts.


def test_posts_survive_that_the_loop_stops_and_starts__rel_46() -> None:
    """Of what eight threads post meanwhile none is lost, and each thread's come in its order."""
    collection, done = WaitStateCollection(), list[tuple[int, int]]()
    rounds, begin = 0, threading.Barrier(9)

    def post(who: int) -> None:
        begin.wait(LIMIT)
        for number in range(POSTS):
            collection.apply(done.append, (who, number))

    with (
        contextlib.closing(collection),
        ThreadPoolExecutor(9) as pool,
        contextlib.ExitStack() as failed,
    ):
        failed.callback(collection.stop)
        posting = [pool.submit(post, who) for who in range(8)]
        begin.wait(LIMIT)
        while not all(thread.done() for thread in posting) or rounds < 10:
            loop = pool.submit(collection.run)
            collection.submit(len, "").result(LIMIT)
            collection.stop()
            loop.result(LIMIT)
            rounds += 1
        for thread in posting:
            thread.result(LIMIT)
        while collection.run_once(0):
            pass
    for who in range(8):
        assert [number for by, number in done if by == who] == list(range(POSTS))


# A thread that waits for the owner.


@pytest.fixture(params=["PollSelector", "SelectSelector", "DefaultSelector"])
def host(request: pytest.FixtureRequest) -> Iterator[WaitThread]:
    """A host with a wait thread."""
    with ThreadPoolExecutor(1) as pool:
        host = WaitThread(getattr(selectors, request.param, selectors.SelectSelector), pool)
        with contextlib.closing(host.collection):
            yield host


@pytest.mark.parametrize("kind", ["tcp4", "unix", "tls12", "tls13"])
@pytest.mark.parametrize("face", ["transport", "state"])
def test_a_peer_sees_a_close_beside_a_wait_thread_at_once__ho_4(
    host: WaitThread, certificates: Certificates, face: str, kind: str
) -> None:
    """Closed outside a turn, while another thread waits for it, the end is there in 50 ms."""
    near, far = CHANNELS[kind](certificates)
    end: AsyncIOState | Transport
    if face == "state":
        end = AsyncIOState(host.collection, near)
        end.read_with_checking(lambda *_: None)
    else:
        end = Transport(Connection(host.collection, near), Recorder())
        end.begin()
    host.collection.run_once(0)
    waiting = host.begin()
    end.close()
    with contextlib.closing(far):
        assert select.select([far.fileno()], [], [], AT_ONCE)[0]
        assert far.read(1) == b""
        far.write_eof()
        host.until(lambda: host.collection.stats()["states"] == 0, waiting)


# Somebody else's ticks.


class Play:
    """All that a collection does, once: an echo, timers, posts, limits; `facts` is what came."""

    def __init__(self, collection: WaitStateCollection) -> None:
        self.collection = collection
        self.timers, self.posts = list[int](), list[int]()
        self.echo = Recorder(data_received=lambda transport: transport.write(last(self.echo)))
        self.caller = Recorder(connection_made=self.speak, data_received=self.listen)
        self.silent = Recorder(connection_made=lambda transport: transport.set_timeouts(idle=0.02))
        self.recorders = (self.echo, self.caller, self.silent)
        self.missing = len(MUCH)
        servers = [self.echo, Recorder()]
        server = serve(collection, lambda: servers.pop(0), 0, address=HOST)
        for recorder in (self.caller, self.silent):
            connect(collection, functools.partial(itself, recorder), HOST, server.port)
            while recorder.calls == []:
                collection.run_once(LIMIT)
        for number in (3, 1, 2, 5, 4):
            collection.call_later(number * 0.01, self.timers.append, number)
            collection.apply(self.posts.append, number)
        collection.apply(self.nest)

    def speak(self, transport: Transport) -> None:
        """Say much; what comes back keeps us waiting less than the limit."""
        transport.set_timeouts(read=LIMIT)
        transport.write(MUCH)

    def listen(self, transport: Transport) -> None:
        """Close when all has come back."""
        self.missing -= len(last(self.caller))
        if not self.missing:
            transport.close()

    def nest(self) -> None:
        """Try a turn within a turn."""
        try:
            self.collection.run_once(0)
        except OperationInProgress:
            self.posts.append(6)

    @property
    def over(self) -> bool:
        """Whether all has been done."""
        return len(self.timers) == 5 and all(recorder.lost for recorder in self.recorders)

    @property
    def facts(self) -> Any:
        """What has come of it, and in which order, where there is one."""
        hooks = ("connection_made", "eof_received", "connection_lost")
        calls = [[call[0] for call in recorder.calls] for recorder in self.recorders]
        return (
            (self.timers, self.posts, self.caller.received == MUCH, self.missing),
            [[names.count(hook) for hook in hooks] for names in calls],
            [[type(error) for error in recorder.lost] for recorder in self.recorders],
        )


def itself(recorder: Recorder) -> Recorder:
    """Return it: as a factory, which is asked once."""
    return recorder


def last(recorder: Recorder) -> bytes:
    """Return what was delivered last."""
    data: bytes = recorder.calls[-1][1]
    return data


@pytest.mark.parametrize("tick", [0.0, 0.016, 0.5])
def test_ticks_of_a_foreign_loop_come_to_the_same__rel_47(tick: float) -> None:
    """Driven every 0, 16 or 500 ms, and never waiting, all is done as by a loop that runs free."""
    with contextlib.closing(WaitStateCollection()) as collection:
        free = Play(collection)
        while not free.over:
            collection.run_once(LIMIT)
        expected = free.facts
    clock = ManualClock(1000.0)
    with contextlib.closing(
        WaitStateCollection(clock=clock if tick else time.monotonic)
    ) as collection:
        play = Play(collection)
        for _ in range(TICKS):
            collection.dispatch(collection.wait(0))
            clock.advance(tick)
            if play.over:
                break
        assert play.facts == expected
    assert expected == (
        ([1, 2, 3, 4, 5], [3, 1, 2, 5, 4, 6], True, 0),
        [[1, 1, 1], [1, 0, 1], [1, 0, 1]],
        [[NoneType], [NoneType], [OperationTimeout]],
    )
