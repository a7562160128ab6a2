"""How a test controls memory channels, and what their descriptors show."""

import selectors
import socket
from collections.abc import Callable, Iterator

import pytest

from reactor.channel.base import BytesLike
from reactor.errors import BrokenPipe, ConnectionReset, StateClosed
from reactor.interest import EITHER, READ, WRITE
from reactor.testing.memory import MemoryChannel, memory_pair

SELECTORS = [
    getattr(selectors, name)
    for name in ("EpollSelector", "KqueueSelector", "PollSelector", "SelectSelector")
    if hasattr(selectors, name)
]
Ends = tuple[MemoryChannel, MemoryChannel]
Step = Callable[[MemoryChannel, MemoryChannel], object]


@pytest.fixture
def ends() -> Iterator[Ends]:
    near, far = memory_pair(capacity=8)
    yield near, far
    near.close()
    far.close()


def readiness(kind: type[selectors.BaseSelector], channel: MemoryChannel) -> int:
    with kind() as selector:
        selector.register(channel.fileno(), EITHER)
        return sum(mask for _, mask in selector.select(0))


def fill(channel: MemoryChannel) -> int:
    return channel.write(b"12345678") or 0


# What is done to a new pair, and what the near end's descriptor must show then.
SHOWN: list[tuple[str, list[Step], int]] = [
    ("new", [], WRITE),
    ("bytes", [lambda near, far: far.write(b"x")], EITHER),
    ("bytes read", [lambda near, far: far.write(b"x"), lambda near, far: near.read(9)], WRITE),
    ("some left", [lambda near, far: far.write(b"xy"), lambda near, far: near.read(1)], EITHER),
    ("full", [lambda near, far: fill(near)], 0),
    ("one taken", [lambda near, far: fill(near), lambda near, far: far.read(1)], WRITE),
    ("full, bytes", [lambda near, far: fill(near), lambda near, far: far.write(b"x")], READ),
    ("nothing written", [lambda near, far: far.write(b"")], WRITE),
    ("peer ended", [lambda near, far: far.write_eof()], EITHER),
    ("we ended", [lambda near, far: fill(near), lambda near, far: near.write_eof()], WRITE),
    ("held", [lambda near, far: far.hold(), lambda near, far: far.write(b"x")], WRITE),
    ("held end", [lambda near, far: far.hold(), lambda near, far: far.write_eof()], WRITE),
    (
        "let go",
        [
            lambda near, far: far.hold(),
            lambda near, far: far.write(b"x"),
            lambda near, far: far.let_go(),
        ],
        EITHER,
    ),
    ("held late", [lambda near, far: far.write(b"x"), lambda near, far: far.hold()], WRITE),
    ("reset", [lambda near, far: fill(near), lambda near, far: far.reset()], EITHER),
    ("peer closed", [lambda near, far: fill(near), lambda near, far: far.close()], EITHER),
    ("shut down", [lambda near, far: near.shutdown(socket.SHUT_RDWR)], EITHER),
]


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize(("steps", "mask"), [row[1:] for row in SHOWN], ids=[r[0] for r in SHOWN])
def test_the_descriptor_shows_just_what_would_not_be_refused__lw_153(
    ends: Ends, selector: type[selectors.BaseSelector], steps: list[Step], mask: int
) -> None:
    """A channel in memory is readable and writable for every selector exactly when it has
    an answer.
    """
    for step in steps:
        step(*ends)
    for _ in range(2):  # it is a level, not an edge: looking does not change it
        assert readiness(selector, ends[0]) == mask


def test_readiness_comes_back_any_number_of_times(ends: Ends) -> None:
    near, far = ends
    for _ in range(100):
        assert fill(near) == 8
        assert readiness(selectors.SelectSelector, near) == 0
        assert far.read(8) == b"12345678"
        assert readiness(selectors.SelectSelector, near) == WRITE


def test_a_waiter_that_waits_already_is_woken(ends: Ends) -> None:
    near, far = ends
    with selectors.DefaultSelector() as selector:
        selector.register(near.fileno(), READ)
        assert selector.select(0) == []
        far.write(b"x")
        assert [mask for _, mask in selector.select(0)] == [READ]


def test_capacity_is_what_may_be_under_way(ends: Ends) -> None:
    near, far = ends
    assert near.write(b"1234567890") == 8
    assert near.write(b"90") is None
    assert near.write(b"") == 0
    assert far.read(3) == b"123"
    assert near.write(b"90") == 2
    assert far.read(100) == b"4567890"


def test_a_sip_bounds_every_read_and_write() -> None:
    near, far = memory_pair(sip=2)
    assert (near.write(b"abcde"), near.write(b"cde")) == (2, 2)
    assert far.read(100) == b"ab"
    buffer = bytearray(5)
    assert far.readinto(memoryview(buffer)) == 2
    assert buffer == b"cd\0\0\0"
    near.close()
    far.close()


@pytest.mark.parametrize(("capacity", "sip"), [(0, None), (-1, None), (8, 0)])
def test_sizes_are_positive(capacity: int, sip: int | None) -> None:
    with pytest.raises(ValueError, match="1 or more bytes"):
        memory_pair(capacity, sip)


def test_views_of_wider_items_count_as_bytes(ends: Ends) -> None:
    near, far = ends
    wide: BytesLike = memoryview(b"12345678").cast("I")
    assert near.write(wide) == 8
    buffer = memoryview(bytearray(8)).cast("I")
    assert far.readinto(buffer) == 8
    assert bytes(buffer) == b"12345678"


def test_what_is_held_arrives_when_it_is_let_go(ends: Ends) -> None:
    near, far = ends
    near.hold()
    near.write(b"late")
    near.write_eof()
    assert (far.read(9), far.write(b"x"), near.read(9)) == (None, 1, b"x")
    near.let_go()
    assert (far.read(9), far.read(9)) == (b"late", b"")


def test_a_reset_fails_at_both_ends_for_good(ends: Ends) -> None:
    near, far = ends
    near.write(b"lost")
    near.reset()
    for end in (near, far):
        for _ in range(2):
            with pytest.raises(ConnectionReset) as caught:
                end.read(1)
            assert (caught.value.phase, caught.value.peer) == ("read", end.peer_address)
            with pytest.raises(ConnectionReset) as caught:
                end.write(b"x")
            assert (caught.value.phase, caught.value.connection) == ("write", end)


def test_a_closed_end_lets_its_last_bytes_arrive_and_takes_none(ends: Ends) -> None:
    near, far = ends
    near.write(b"bye")
    near.close()
    with pytest.raises(BrokenPipe):
        far.write(b"x")
    assert (far.read(9), far.read(9)) == (b"bye", b"")
    with pytest.raises(StateClosed):
        near.read(1)


def test_shutting_down_is_one_way_or_both(ends: Ends) -> None:
    near, far = ends
    far.write(b"never read")
    near.shutdown(socket.SHUT_RD)
    assert near.read(1) == b""
    with pytest.raises(BrokenPipe):
        far.write(b"x")
    assert (near.write(b"y"), far.read(1)) == (1, b"y")
    near.shutdown(socket.SHUT_WR)
    assert far.read(1) == b""


def test_each_end_knows_the_other_and_shows_itself(ends: Ends) -> None:
    near, far = ends
    assert (near.far, far.far) == (far, near)
    assert (near.address, near.peer_address) == (("near", None), ("far", None))
    assert repr(near) == f"<MemoryChannel near, fd {near.fileno()}>"
    near.close()
    assert repr(near) == "<MemoryChannel near, closed>"
