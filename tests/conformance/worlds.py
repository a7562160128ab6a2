"""Worlds: the same two ends of a connection, looked after by a collection or by `drive`.

A scenario starts operations at either end and lets the world `go` until some of them are over. It
cannot tell which world it is in, and must not be able to.
"""

from __future__ import annotations

import selectors
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from reactor.channel.base import Channel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import TLSEngine
from reactor.errors import OperationTimeout, ReactorError
from reactor.loop.collection import WaitStateCollection
from reactor.operations.exchanges import Handshake, Unwrap
from reactor.operations.operation import Operation
from reactor.operations.read_buffer import ReadBuffer
from reactor.operations.reading import Check, Fill, Wait
from reactor.operations.writing import Send
from reactor.state.async_io_state import AsyncIOState
from reactor.state.drive import OperationOnChannel, drive
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.turns import until

UNREAD_LIMIT: Final = 16 << 20
PATIENCE: Final = 10.0  # seconds in which something must move
TIMEOUT: Final = 2.0  # seconds; what `read` is given where it is to run out of time
STEPS: Final = 50  # of `rest`, where nobody tells whether something has moved


class Outcome:
    """What became of an operation: how many bytes, and why it ended before it was done."""

    def __init__(self, buffer: bytearray | None = None) -> None:
        self.buffer = buffer
        self.over = False
        self.count = 0
        self.status: ReactorError | None = None

    @property
    def data(self) -> bytes:
        """The bytes that were read."""
        return bytes(self.buffer or b"")[: self.count]

    def end(self, count: int, status: ReactorError | None) -> None:
        """Be over, exactly once."""
        assert not self.over, "an operation has one end"
        self.over, self.count, self.status = True, count, status


# Called with the unread bytes; returns how many to drop, and whether it has seen enough.
Checker: TypeAlias = Callable[[bytes], tuple[int, bool]]


class End(Protocol):
    """One end of the connection."""

    @property
    def channel(self) -> Channel: ...
    def read(self, size: int, *, limited: bool = False) -> Outcome: ...
    def write(self, data: bytes) -> Outcome: ...
    def write_in_line(self, pieces: list[bytes]) -> list[Outcome]: ...
    def wait(self) -> Outcome: ...
    def check(self, checker: Checker) -> Outcome: ...
    def end_output(self) -> None: ...
    def attach(self, context: ssl.SSLContext, *, server: bool) -> Outcome: ...
    def detach(self) -> Outcome: ...


class World(Protocol):
    """Who waits."""

    near: End
    far: End

    def go(self, *outcomes: Outcome) -> None: ...
    def rest(self) -> None: ...
    def let_time_pass(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class StateEnd:
    """An end that is a state."""

    def __init__(self, state: AsyncIOState) -> None:
        self.state = state

    @property
    def channel(self) -> Channel:
        return self.state.channel

    def read(self, size: int, *, limited: bool = False) -> Outcome:
        outcome = Outcome(bytearray(size))
        self.state.read_buffer(
            outcome.buffer,
            lambda state, buffer, count: outcome.end(count, state.read_status),
            timeout=TIMEOUT if limited else None,
        )
        return outcome

    def write(self, data: bytes) -> Outcome:
        outcome = Outcome()
        self.state.write_buffer(
            data, lambda state, buffer, count: outcome.end(count, state.write_status)
        )
        return outcome

    def write_in_line(self, pieces: list[bytes]) -> list[Outcome]:
        """Start all of them at once: each waits for those before it."""
        self.state.queue_output = True
        return [self.write(piece) for piece in pieces]

    def wait(self) -> Outcome:
        outcome = Outcome()
        self.state.wait_for_input(lambda state: outcome.end(0, state.read_status))
        return outcome

    def check(self, checker: Checker) -> Outcome:
        outcome = Outcome()

        def show(state: AsyncIOState, buffer: bytearray, end: int) -> None:
            if state.read_status is not None:
                outcome.end(end, state.read_status)
                return
            count, enough = checker(bytes(buffer[:end]))
            if enough:
                outcome.end(state.finish(count), None)
            else:
                state.discard(count)

        self.state.read_with_checking(show)
        return outcome

    def end_output(self) -> None:
        self.state.shutdown("output")

    def attach(self, context: ssl.SSLContext, *, server: bool) -> Outcome:
        outcome = Outcome()
        name = None if server else "localhost"
        if self.state.tls_side is None:
            self.state.attach_tls(
                lambda state, error: outcome.end(0, error), tls=context, server_hostname=name
            )
            return outcome
        # A state attaches TLS once; TLS in TLS is a channel over a channel (LW-139, LW-146).
        channel, unread = self.state.release()
        engine = TLSEngine(context, server_side=server, server_hostname=name)
        engine.feed(unread)
        self.state = AsyncIOState(self.state.collection, TLSChannel(channel, engine))
        self.state.handshake(lambda state, error: outcome.end(0, error))
        return outcome

    def detach(self) -> Outcome:
        outcome = Outcome()
        self.state.detach_tls(lambda state, error: outcome.end(0, error))
        return outcome


class InCollection:
    """A collection that looks after two ends; what they are is for subclasses."""

    def __init__(self, selector: str) -> None:
        self._clock = ManualClock()
        self._collection = WaitStateCollection(
            clock=self._clock, selector=getattr(selectors, selector)()
        )

    def go(self, *outcomes: Outcome) -> None:
        until(self._collection, lambda: all(outcome.over for outcome in outcomes))

    def rest(self) -> None:
        settle(self._collection, limit=100_000)

    def let_time_pass(self, seconds: float) -> None:
        self._clock.advance(seconds)
        self.rest()

    def close(self) -> None:
        self._collection.close()


class CollectionWorld(InCollection):
    """Two states in one collection."""

    def __init__(self, selector: str, near: Channel, far: Channel) -> None:
        super().__init__(selector)
        self.near = StateEnd(AsyncIOState(self._collection, near))
        self.far = StateEnd(AsyncIOState(self._collection, far))


class Driven(OperationOnChannel):
    """An operation that tells an outcome how it has ended; `then` is called if it was in order."""

    def __init__(
        self,
        operation: Operation,
        channel: Channel,
        outcome: Outcome,
        then: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(operation, channel)
        self.outcome = outcome
        self._then = then

    def step(self) -> bool:
        status: ReactorError | None = None
        try:
            if not super().step():
                return False
        except ReactorError as error:
            status = error
        if status is None:
            self._then()
        self.outcome.end(self.operation.moved, status)
        return True


class DrivenEnd:
    """An end that is a channel and its unread bytes."""

    def __init__(self, world: DriveWorld, channel: Channel) -> None:
        self.channel = channel
        self.unread = ReadBuffer()
        self._world = world

    def _start(
        self, operation: Operation, outcome: Outcome, then: Callable[[], object] = lambda: None
    ) -> Outcome:
        self._world.things.append(Driven(operation, self.channel, outcome, then))
        return outcome

    def read(self, size: int, *, limited: bool = False) -> Outcome:
        buffer = bytearray(size)
        return self._start(Fill(buffer, memoryview(buffer), self.unread), Outcome(buffer))

    def write(self, data: bytes) -> Outcome:
        return self._start(Send(data, memoryview(data)), Outcome())

    def write_in_line(self, pieces: list[bytes]) -> list[Outcome]:
        """Start each when the one before it is done, as a blocking caller does."""
        outcomes = [Outcome() for _ in pieces]
        line = iter(zip(pieces, outcomes, strict=True))

        def go_on() -> None:
            for piece, outcome in line:
                self._start(Send(piece, memoryview(piece)), outcome, go_on)
                return

        go_on()
        return outcomes

    def wait(self) -> Outcome:
        return self._start(Wait(self.unread), Outcome())

    def check(self, checker: Checker) -> Outcome:
        def show(check: Check, buffer: bytearray, length: int) -> None:
            count, check.finished = checker(bytes(buffer[:length]))
            self.unread.discard(count)

        return self._start(Check(self.unread, show, 1 << 18, UNREAD_LIMIT), Outcome())

    def end_output(self) -> None:
        assert self.channel.write_eof()

    def attach(self, context: ssl.SSLContext, *, server: bool) -> Outcome:
        engine = TLSEngine(
            context, server_side=server, server_hostname=None if server else "localhost"
        )
        engine.feed(self.unread.take())
        self.channel = TLSChannel(self.channel, engine)
        return self._start(Handshake(), Outcome())

    def detach(self) -> Outcome:
        return self._start(Unwrap(), Outcome(), self._detached)

    def _detached(self) -> None:
        assert isinstance(self.channel, TLSChannel)
        self.channel, decrypted, leftover = self.channel.detach()
        self.unread.append(decrypted)
        self.unread.append(leftover)


class ByDrive:
    """One thread that drives what happens at two ends; what they are is for subclasses."""

    def __init__(self) -> None:
        self.things = list[Driven]()
        self._clock = ManualClock()

    def go(self, *outcomes: Outcome) -> None:
        while not all(outcome.over for outcome in outcomes):
            done = drive(self.things, self._clock() + PATIENCE, clock=self._clock)
            assert done, f"nothing moves any more of {self.things}"
            self.things = [thing for thing in self.things if thing not in done]

    def rest(self) -> None:
        for _ in range(STEPS):
            if self.things:
                done = drive(self.things, self._clock(), clock=self._clock)
                self.things = [thing for thing in self.things if thing not in done]

    def let_time_pass(self, seconds: float) -> None:
        assert seconds >= TIMEOUT
        self._clock.advance(seconds)
        if not drive(self.things, self._clock(), clock=self._clock):
            for thing in self.things:
                moved = thing.operation.moved
                thing.outcome.end(moved, OperationTimeout("the caller's limit", phase="read"))
            self.things.clear()

    def close(self) -> None:
        """The channels are closed by who made them."""


class DriveWorld(ByDrive):
    """Two channels, and one thread."""

    def __init__(self, near: Channel, far: Channel) -> None:
        super().__init__()
        self.near = DrivenEnd(self, near)
        self.far = DrivenEnd(self, far)


Waiter: TypeAlias = Callable[[Channel, Channel], Any]

SELECTORS: Final = ("EpollSelector", "PollSelector", "SelectSelector")
WAITERS: Final[dict[str, Waiter]] = {
    name.removesuffix("Selector").lower(): partial(CollectionWorld, name)
    for name in SELECTORS
    if hasattr(selectors, name)
} | {"drive": DriveWorld}
