"""The matrix of scenarios: each on every channel, waited for by everybody who can wait."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import pytest

from reactor.channel.socket_channel import SocketChannel
from reactor.channel.tls import TLSChannel
from reactor.errors import (
    BrokenPipe,
    ConnectionReset,
    EndOfStream,
    OperationTimeout,
)
from tests.certificates import Certificates
from tests.channels import CHANNELS
from tests.conformance.worlds import TIMEOUT, WAITERS, End, World
from tests.tls_pairs import contexts

LARGE: Final = 3_000_000  # bytes; more than any buffer between two ends holds
LESS: Final = {"memory-sips": 3_000, "memory-clogged": 30_000}  # what one byte at a time is worth

Play: TypeAlias = Callable[[World, "Stage"], None]


class Stage:
    """What a scenario may ask for: bytes of a size that suits the channel, and certificates."""

    def __init__(self, channel: str, certificates: Certificates) -> None:
        self.size = LESS.get(channel, LARGE)
        self.certificates = certificates

    def data(self, seed: int) -> bytes:
        """Return many bytes, always the same for the same seed."""
        return random.Random(seed).randbytes(self.size)


def fill(world: World, stage: Stage) -> None:
    got = world.far.read(5)
    world.go(world.near.write(b"hello"), got)
    assert (got.data, got.status) == (b"hello", None)


def fill_in_pieces(world: World, stage: Stage) -> None:
    got = world.far.read(6)
    for piece in (b"he", b"ll", b"o"):
        world.go(world.near.write(piece))
        world.rest()
        assert not got.over
    world.go(world.near.write(b"!"), got)
    assert got.data == b"hello!"


def wait_for_input(world: World, stage: Stage) -> None:
    waiting = world.far.wait()
    world.rest()
    assert not waiting.over
    world.go(world.near.write(b"abc"), waiting)
    assert waiting.status is None
    world.go(world.far.wait())  # they are still there
    got = world.far.read(3)
    world.go(got)
    assert got.data == b"abc"


def check_lines(world: World, stage: Stage) -> None:
    lines = list[bytes]()

    def checker(unread: bytes) -> tuple[int, bool]:
        size = unread.find(b"\n") + 1
        if size:
            lines.append(unread[:size])
        return size, lines[-1:] == [b"two\n"]

    checked = world.far.check(checker)
    for text in (b"one\nt", b"wo\n", b"thr"):
        world.go(world.near.write(text))
        world.rest()
    world.go(checked)
    assert (lines, checked.status) == ([b"one\n", b"two\n"], None)
    rest = world.far.read(3)
    world.go(rest)
    assert rest.data == b"thr"


def a_large_write(world: World, stage: Stage) -> None:
    data = stage.data(1)
    sent = world.near.write(data)
    world.rest()
    got = world.far.read(len(data))
    world.go(sent, got)
    assert (sent.count, got.data == data) == (len(data), True)


def both_ways_at_once(world: World, stage: Stage) -> None:
    there, back = stage.data(2), stage.data(3)
    sent = world.near.write(there), world.far.write(back)
    world.rest()
    got = world.far.read(len(there)), world.near.read(len(back))
    world.go(*sent, *got)
    assert got[0].data == there
    assert got[1].data == back


def writes_in_order(world: World, stage: Stage) -> None:
    data = stage.data(4)
    cuts = [
        data[at : at + stage.size // 20 + 1] for at in range(0, len(data), stage.size // 20 + 1)
    ]
    sent = world.near.write_in_line(cuts)
    got = world.far.read(len(data))
    world.go(*sent, got)
    assert got.data == data


def half_close(world: World, stage: Stage) -> None:
    world.go(world.near.write(b"all"))
    world.near.end_output()
    got = world.far.read(3)
    world.go(got)
    end = world.far.read(1)
    world.go(end)
    assert (got.data, end.count, type(end.status)) == (b"all", 0, EndOfStream)
    back = world.near.read(6)
    world.go(world.far.write(b"answer"), back)
    assert back.data == b"answer"


def half_close_both_ways(world: World, stage: Stage) -> None:
    for end in (world.near, world.far):
        world.go(end.write(b"bye"))
        end.end_output()
    ends = [end.read(10) for end in (world.near, world.far)]
    world.go(*ends)
    assert [(one.data, type(one.status)) for one in ends] == [(b"bye", EndOfStream)] * 2


def an_end_after_data(world: World, stage: Stage) -> None:
    data = stage.data(5)
    got = world.far.read(len(data) + 1)
    world.go(world.near.write(data))
    world.near.end_output()
    world.go(got)
    assert (got.count, got.data == data, type(got.status)) == (len(data), True, EndOfStream)


def a_reset_while_reading(world: World, stage: Stage) -> None:
    world.go(world.near.write(b"unread"))  # or a Unix socket would just end
    got = world.near.read(1)
    world.rest()
    world.far.channel.abort()
    world.go(got)
    assert (got.count, type(got.status)) == (0, ConnectionReset)


def a_reset_while_writing(world: World, stage: Stage) -> None:
    sent = world.near.write(bytes(8 * stage.size))  # TCP holds some 3 MB by itself
    world.rest()
    assert not sent.over
    world.far.channel.abort()
    world.go(sent)
    assert sent.count < 8 * stage.size
    assert isinstance(sent.status, (ConnectionReset, BrokenPipe))


def a_limit_that_passes(world: World, stage: Stage) -> None:
    got = world.far.read(6, limited=True)
    world.go(world.near.write(b"some"))
    world.rest()
    world.let_time_pass(TIMEOUT)
    assert (got.over, got.data, type(got.status)) == (True, b"some", OperationTimeout)
    rest = world.far.read(4)
    world.go(world.near.write(b"more"), rest)
    assert rest.data == b"more"


def attach_tls(world: World, stage: Stage) -> tuple[End, End]:
    client, server = contexts(stage.certificates)
    started = world.near.write(b"STARTTLS\r\n")
    world.go(started)
    shaken = world.near.attach(client, server=False)
    world.rest()  # the client is eager: its hello is on the way
    command = world.far.read(10)
    world.go(command)
    assert command.data == b"STARTTLS\r\n"
    answered = world.far.attach(server, server=True)
    world.go(shaken)
    greeting = world.near.read(2)  # takes in the tickets too, for which there may be no room
    world.go(answered)
    world.go(world.far.write(b"hi"), greeting)
    assert (shaken.status, answered.status, greeting.data) == (None, None, b"hi")
    data = stage.data(7)
    got = world.far.read(len(data))
    world.go(world.near.write(data), got)
    assert got.data == data
    return world.near, world.far


def detach_tls(world: World, stage: Stage) -> None:
    near, far = attach_tls(world, stage)
    ours = near.detach()
    world.rest()
    layer = near.channel
    assert isinstance(layer, TLSChannel)
    early = layer.inner.write(b"in clear") if not layer.holds_output else None
    theirs = far.detach()
    world.go(ours, theirs)
    assert ours.status is theirs.status is None
    assert not (isinstance(near.channel, TLSChannel) and near.channel is layer)
    late = near.write(b"in clear"[early or 0 :])
    got, back = far.read(8), near.read(2)
    if isinstance(layer.inner, TLSChannel):
        layer.inner.flush()
    world.go(late, got, far.write(b"ok"), back)
    assert (got.data, back.data) == (b"in clear", b"ok")


SCENARIOS: Final[tuple[Callable[[World, Stage], object], ...]] = (
    *(fill, fill_in_pieces, wait_for_input, check_lines, a_large_write, both_ways_at_once),
    *(writes_in_order, half_close, half_close_both_ways, an_end_after_data),
    *(a_reset_while_reading, a_reset_while_writing, a_limit_that_passes, attach_tls, detach_tls),
)


@pytest.fixture
def stage(channel: str, certificates: Certificates) -> Stage:
    """What there is to play with."""
    return Stage(channel, certificates)


@pytest.fixture
def world(channel: str, waiter: str, certificates: Certificates) -> Iterator[World]:
    """A connected pair, and who waits for it."""
    near, far = CHANNELS[channel](certificates)
    for end in (near, far):
        while isinstance(end, TLSChannel):
            end = end.inner
        if isinstance(end, SocketChannel) and end.sock.family in (socket.AF_INET, socket.AF_INET6):
            end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made = WAITERS[waiter](near, far)
    yield made
    made.close()
    near.close()
    far.close()


@pytest.mark.parametrize("waiter", WAITERS)
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_every_scenario_is_the_same_everywhere__lw_153__pitfall_8(
    scenario: Callable[[World, Stage], object],
    channel: str,
    waiter: str,
    world: World,
    stage: Stage,
) -> None:
    """What happens on a connection does not depend on its channel, nor on who waits for it."""
    scenario(world, stage)
