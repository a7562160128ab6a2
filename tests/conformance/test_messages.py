"""The matrix of messages: each scenario on every kind of datagram socket, for every waiter."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol, TypeAlias

import pytest

from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import (
    ConnectionRefused,
    OperationTimeout,
    ReactorError,
    SocketError,
    SocketIOError,
)
from reactor.net.path import UNIX
from reactor.net.recipients import Recipients
from reactor.opening.unix import open_unix_datagram_channel
from reactor.operations.messages import ReceiveMessage, SendMessage, WaitForMessage
from reactor.operations.operation import Operation
from reactor.state.async_io_state import AsyncIOState
from tests.conformance.worlds import SELECTORS, TIMEOUT, ByDrive, Driven, InCollection, Outcome
from tests.peers import require_ipv6

TOO_LONG: Final = bytes(8 << 20)  # for UDP, and for the buffers of a Unix socket

Ends: TypeAlias = tuple[DatagramChannel, DatagramChannel]


class End(Protocol):
    """One of two sockets."""

    channel: DatagramChannel

    def receive(self, size: int) -> Outcome: ...
    def wait(self) -> Outcome: ...
    def send(self, data: bytes) -> Outcome: ...


class World(Protocol):
    """Who waits."""

    near: End
    far: End

    def go(self, *outcomes: Outcome) -> None: ...
    def rest(self) -> None: ...
    def let_time_pass(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class StateEnd:
    """An end that is a state; it sends to whom it is connected, or to `peer`."""

    def __init__(self, state: AsyncIOState, peer: Any) -> None:
        assert isinstance(state.channel, DatagramChannel)
        self.channel = state.channel
        self._state = state
        self._peer = peer
        state.queue_input = True

    def receive(self, size: int) -> Outcome:
        outcome = Outcome(bytearray(size))
        self._state.receive_message(
            outcome.buffer,
            lambda state, buffer, count: outcome.end(count, state.read_status),
            timeout=TIMEOUT,
        )
        return outcome

    def wait(self) -> Outcome:
        outcome = Outcome()
        self._state.wait_for_input(lambda state: outcome.end(0, state.read_status))
        return outcome

    def send(self, data: bytes) -> Outcome:
        outcome, state = Outcome(), self._state

        def sent(state: AsyncIOState) -> None:
            outcome.end(0 if state.write_status else len(data), state.write_status)

        if self.channel.connected:
            state.send_message(data, sent)
        else:
            host, service = self._peer
            state.send_message_to(host, service, data, sent)
        return outcome


class CollectionWorld(InCollection):
    """Two states in one collection."""

    def __init__(self, selector: str, near: DatagramChannel, far: DatagramChannel) -> None:
        super().__init__(selector)
        self.near: End = StateEnd(AsyncIOState(self._collection, near), far.address)
        self.far: End = StateEnd(AsyncIOState(self._collection, far), near.address)


class DrivenEnd:
    """An end that is a channel; what is started waits for what was started before it."""

    def __init__(self, world: DriveWorld, channel: DatagramChannel, peer: Any) -> None:
        self.channel = channel
        self._world = world
        self._sockaddr = None if channel.connected else Recipients(channel)[peer]

    def _start(self, operation: Operation, outcome: Outcome) -> Outcome:
        self._world.things.append(Driven(operation, self.channel, outcome))
        return outcome

    def receive(self, size: int) -> Outcome:
        buffer = bytearray(size)
        return self._start(ReceiveMessage(buffer, memoryview(buffer), False), Outcome(buffer))

    def wait(self) -> Outcome:
        return self._start(WaitForMessage(), Outcome())

    def send(self, data: bytes) -> Outcome:
        return self._start(SendMessage(memoryview(data), self._sockaddr), Outcome())


class DriveWorld(ByDrive):
    """Two channels, and one thread."""

    def __init__(self, near: DatagramChannel, far: DatagramChannel) -> None:
        super().__init__()
        self.near: End = DrivenEnd(self, near, far.address)
        self.far: End = DrivenEnd(self, far, near.address)


def udp(family: int, host: str, *, connected: bool) -> Iterator[Ends]:
    """Two sockets on the loopback, each of which may have the other for its only peer."""
    if family == socket.AF_INET6:
        require_ipv6()
    socks = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
    for sock in socks:
        sock.bind((host, 0))
    if connected:
        socks[0].connect(socks[1].getsockname())
        socks[1].connect(socks[0].getsockname())
    yield DatagramChannel(socks[0]), DatagramChannel(socks[1])


def unix() -> Iterator[Ends]:
    """Two sockets with paths."""
    with TemporaryDirectory(prefix="ws") as folder:
        yield (
            open_unix_datagram_channel(Path(folder, "near")),
            open_unix_datagram_channel(Path(folder, "far")),
        )


def pair() -> Iterator[Ends]:
    """Two sockets that the kernel has connected to each other."""
    near, far = socket.socketpair(UNIX, socket.SOCK_DGRAM)
    yield DatagramChannel(near), DatagramChannel(far)


CHANNELS: Final[dict[str, Callable[[], Iterator[Ends]]]] = {
    "udp4": partial(udp, socket.AF_INET, "127.0.0.1", connected=False),
    "udp4-connected": partial(udp, socket.AF_INET, "127.0.0.1", connected=True),
    "udp6": partial(udp, socket.AF_INET6, "::1", connected=False),
    "udp6-connected": partial(udp, socket.AF_INET6, "::1", connected=True),
    **({"unix": unix, "socketpair": pair} if UNIX else {}),
}
WAITERS: Final[dict[str, Callable[..., World]]] = {
    name.removesuffix("Selector").lower(): partial(CollectionWorld, name)
    for name in SELECTORS
    if hasattr(selectors, name)
} | {"drive": DriveWorld}


def one_message(world: World) -> None:
    got = world.far.receive(100)
    world.go(world.near.send(b"hello"), got)
    assert (got.data, got.status, world.far.channel.truncated) == (b"hello", None, False)


def an_answer(world: World) -> None:
    for near, far in ((world.near, world.far), (world.far, world.near)):
        got = far.receive(100)
        world.go(near.send(b"hello"), got)
        assert got.data == b"hello"


def an_empty_message(world: World) -> None:
    got = world.far.receive(100)
    world.go(world.near.send(b""), got)
    assert (got.count, got.status) == (0, None)


def no_room_for_all_of_it(world: World) -> None:
    for room in (3, 0):
        got = world.far.receive(room)
        world.go(world.near.send(b"hello"), got)
        assert (got.data, got.status) == (b"hello"[:room], None)
        assert world.far.channel.truncated


def each_message_for_itself(world: World) -> None:
    sent = [world.near.send(bytes([number])) for number in range(5)]
    world.go(*sent)
    for number in range(5):
        got = world.far.receive(100)
        world.go(got)
        assert got.data == bytes([number])


def waiting_takes_nothing(world: World) -> None:
    waiting = world.far.wait()
    world.rest()
    assert not waiting.over
    world.go(world.near.send(b"hello"), waiting)
    got = world.far.receive(100)
    world.go(got)
    assert (waiting.status, got.data) == (None, b"hello")


def a_limit_that_passes(world: World) -> None:
    late = world.far.receive(100)
    world.rest()
    world.let_time_pass(TIMEOUT)
    assert (late.count, type(late.status)) == (0, OperationTimeout)
    got = world.far.receive(100)
    world.go(world.near.send(b"hello"), got)
    assert got.data == b"hello"


def one_that_is_too_long(world: World) -> None:
    failed = world.near.send(TOO_LONG)
    world.go(failed)
    assert isinstance(failed.status, SocketIOError)
    got = world.far.receive(100)
    world.go(world.near.send(b"hello"), got)
    assert (got.data, failed.count) == (b"hello", 0)


def a_peer_that_is_gone(world: World) -> None:
    world.far.channel.close()
    statuses = list[ReactorError | None]()
    for _ in range(3):  # over UDP a refusal is the answer to an earlier one
        sent = world.near.send(b"hello")
        world.go(sent)
        statuses.append(sent.status)
    family = world.near.channel.family
    told = world.near.channel.connected or family == UNIX
    assert any(isinstance(status, SocketError) for status in statuses) is told
    if family != UNIX and told:
        assert [type(status) for status in statuses[:2]] == [type(None), ConnectionRefused]


SCENARIOS: Final = (
    *(one_message, an_answer, an_empty_message, no_room_for_all_of_it, each_message_for_itself),
    *(waiting_takes_nothing, a_limit_that_passes, one_that_is_too_long, a_peer_that_is_gone),
)


@pytest.fixture
def world(channel: str, waiter: str) -> Iterator[World]:
    """Two sockets, and who waits for them."""
    with contextlib.contextmanager(CHANNELS[channel])() as (near, far):
        made = WAITERS[waiter](near, far)
        yield made
        made.close()
        near.close()
        far.close()


@pytest.mark.parametrize("waiter", WAITERS)
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_messages_are_the_same_everywhere__lw_108__lw_111__lw_200(
    scenario: Callable[[World], object], channel: str, waiter: str, world: World
) -> None:
    """What happens to a datagram does not depend on the kind of its socket, nor on who waits."""
    scenario(world)
