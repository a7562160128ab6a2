"""Blocking: one operation stepped for a caller who waits; the time is a clock of the test."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final, TypeAlias

import pytest

from reactor.channel.tls import TLSChannel
from reactor.deadline import NEVER
from reactor.errors import (
    DeadlinePassed,
    EndOfStream,
    OperationInProgress,
    OperationTimeout,
    StateClosed,
)
from reactor.operations.operation import Operation
from reactor.operations.read_buffer import ReadBuffer
from reactor.operations.reading import Fill, Take
from reactor.operations.writing import Send
from reactor.state.blocking import Blocking, Direction, Limits
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel, memory_pair
from tests.certificates import Certificates
from tests.channels import in_memory, tls

LIMIT: Final = 5.0  # seconds of a wait


Ends: TypeAlias = tuple[MemoryChannel, MemoryChannel]


@pytest.fixture
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """Two ends in memory; a parameter is how many bytes there is room for."""
    near, far = memory_pair(getattr(request, "param", 65536))
    yield near, far
    near.close()
    far.close()


def waiting(
    operation: Operation,
    channel: MemoryChannel,
    clock: ManualClock,
    limits: Limits = (LIMIT, NEVER),
) -> Blocking:
    """Step an operation once that cannot be done yet: a wait has begun."""
    blocking = Blocking(operation, channel, lambda: limits, clock=clock)
    assert not blocking.step()
    return blocking


def test_a_wait_begins_anew_whenever_bytes_come__lw_182__cc_51(
    ends: Ends, clock: ManualClock
) -> None:
    """A limit is that of each wait: a peer that sends one byte before each limit never trips it,
    however long all of it takes.
    """
    near, far = ends
    buffer = bytearray(10)
    operation = Fill(buffer, memoryview(buffer), ReadBuffer())
    blocking = waiting(operation, near, clock)
    for _ in range(9):
        assert blocking.next_moment() == clock() + LIMIT
        clock.advance(LIMIT - 0.1)
        far.write(b".")
        assert not blocking.step()
    clock.advance(LIMIT)
    with pytest.raises(OperationTimeout) as raised:
        blocking.step()
    assert (raised.value.bytes_moved, raised.value.limit) == (9, LIMIT)


def test_what_trickles_in_as_ciphertext_counts__lw_182__cc_51(
    certificates: Certificates, clock: ManualClock
) -> None:
    """Under TLS too a peer that sends one byte before each limit never trips it, though a record
    is plaintext only when the last one has come.
    """
    near, far = tls(certificates, ssl.TLSVersion.TLSv1_3, below=in_memory)
    assert isinstance(far, TLSChannel)
    far.write(bytes(10))
    record = far.engine.take()
    operation = Take(100)
    blocking = Blocking(operation, near, lambda: (LIMIT, NEVER), clock=clock)
    assert not blocking.step()
    for index in range(len(record) - 1):
        clock.advance(LIMIT - 0.1)
        far.inner.write(record[index : index + 1])
        assert not blocking.step()
    far.inner.write(record[-1:])
    assert blocking.step()
    assert operation.data == bytes(10)
    near.close()
    far.close()


def test_waking_up_for_nothing_is_no_progress__lw_182(ends: Ends, clock: ManualClock) -> None:
    """A try that moves nothing does not begin a new wait."""
    near, _ = ends
    blocking = waiting(Take(10), near, clock)
    clock.advance(LIMIT / 2)
    assert not blocking.step()
    clock.advance(LIMIT / 2)
    with pytest.raises(OperationTimeout):
        blocking.step()


@pytest.mark.parametrize("ends", [10], indirect=True)
def test_a_writer_has_time_for_each_wait_too__lw_183__cc_51(ends: Ends, clock: ManualClock) -> None:
    """A write whose peer reads a little before each limit never trips it."""
    near, far = ends
    blocking = waiting(Send(b"", memoryview(bytes(100))), near, clock)
    for _ in range(8):
        clock.advance(LIMIT - 0.1)
        far.read(10)
        assert not blocking.step()
    clock.advance(LIMIT)
    with pytest.raises(OperationTimeout) as raised:
        blocking.step()
    assert (raised.value.phase, raised.value.bytes_moved) == ("write", 90)


def test_the_limit_of_the_next_wait_is_asked_for__lw_182__cc_54(
    ends: Ends, clock: ManualClock
) -> None:
    """A changed limit counts from the next wait, to the fraction, and not in the running one."""
    near, far = ends
    buffer, limits = bytearray(2), [(LIMIT, NEVER)]
    operation = Fill(buffer, memoryview(buffer), ReadBuffer())
    blocking = Blocking(operation, near, lambda: limits[-1], clock=clock)
    assert not blocking.step()
    limits.append((0.25, NEVER))
    clock.advance(1)
    assert not blocking.step()
    assert blocking.next_moment() == clock() - 1 + LIMIT
    far.write(b"x")
    assert not blocking.step()
    assert blocking.next_moment() == clock() + 0.25


def test_a_deadline_is_seen_before_a_try__cc_56(ends: Ends, clock: ManualClock) -> None:
    """A deadline that has passed ends the operation before it is tried, though there are bytes."""
    near, far = ends
    blocking = waiting(Take(10), near, clock, (None, clock() + 1))
    assert blocking.next_moment() == clock() + 1
    far.write(b"abc")
    clock.advance(1)
    with pytest.raises(DeadlinePassed):
        blocking.step()
    assert near.read(10) == b"abc"


@pytest.mark.parametrize("by_end", [True, False])
def test_who_closes_meanwhile_is_the_reason__lw_186(
    ends: Ends, clock: ManualClock, by_end: bool
) -> None:
    """What a try meets because another thread has closed the stream is told as `StateClosed`."""
    near, far = ends
    checks = list[str]()

    def check() -> None:
        checks.append("asked")
        if len(checks) == 2:
            raise StateClosed("closed by another thread")

    blocking = Blocking(Take(10), near, lambda: (None, NEVER), check=check, clock=clock)
    if by_end:
        far.write_eof()
    else:
        near.close()
    with pytest.raises(StateClosed, match="another thread"):
        blocking.step()


def test_a_direction_has_one_user__lw_186(ends: Ends) -> None:
    """A second user of a direction gets `OperationInProgress`; the first, if the stream is being
    closed, tells that it has left.
    """
    left = list[str]()
    near, _ = ends
    direction = Direction("reading from", near, lambda: left.append("left"), nothing, allowed=True)
    with direction:
        assert direction.taken
        with pytest.raises(OperationInProgress, match="reading from"), direction:
            pass
        direction.closing = True
        assert left == []
    assert (direction.taken, left) == (False, ["left"])


def test_who_closes_is_no_second_user__lw_186(ends: Ends) -> None:
    """Who comes while the stream is being closed is told that, and not that somebody reads it."""

    def refuse() -> None:
        raise StateClosed("closed")

    direction = Direction("reading from", ends[0], nothing, refuse, allowed=True)
    with direction, pytest.raises(StateClosed), direction:
        pass


def test_what_ended_a_direction_stays__lw_181(ends: Ends) -> None:
    """The first thing that ends a direction is what everything after it raises."""
    near, _ = ends
    direction = Direction("reading from", near, nothing, nothing, allowed=True)
    direction.raise_if_lost()
    direction.lose(EndOfStream("the first"))
    direction.lose(EndOfStream("the second"))
    for _ in range(2):
        with pytest.raises(EndOfStream, match="the first"):
            direction.raise_if_lost()


def nothing() -> None:
    """Do nothing."""
