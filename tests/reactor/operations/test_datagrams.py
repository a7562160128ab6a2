"""Operations on datagrams, stepped by hand over real sockets."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

import pytest

from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import Address, LimitExceeded, SocketError, SocketIOError, StateClosed
from reactor.operations.datagrams import DATAGRAM_COST, STEP_COUNT, DatagramFeed, DatagramPour
from reactor.operations.operation import CallbackRaised

TOO_LONG = bytes(65_508)


@pytest.fixture
def near() -> Iterator[DatagramChannel]:
    with contextlib.closing(bound()) as channel:
        yield channel


@pytest.fixture
def far() -> Iterator[DatagramChannel]:
    with contextlib.closing(bound()) as channel:
        yield channel


def bound() -> DatagramChannel:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return DatagramChannel(sock)


def numbers(far: DatagramChannel) -> list[int]:
    """Return what has arrived, datagrams of one byte."""
    received = list[int]()
    while (datagram := far.receive(100)) is not None:
        received += datagram[0]
    return received


class Heard:
    """What the callbacks of an operation were called with."""

    def __init__(self) -> None:
        self.datagrams = list[tuple[bytes, Address]]()
        self.errors = list[SocketError]()
        self.marks = list[bool]()

    def received(self, data: bytes, address: Address) -> None:
        self.datagrams.append((data, address))

    def feed(self) -> DatagramFeed:
        return DatagramFeed(self.received, self.errors.append)

    def pour(self, high: int = 1 << 20, low: int = 0) -> DatagramPour:
        return DatagramPour(self.marks.append, self.errors.append, high, low)


def test_a_step_takes_a_bounded_number__pr_16(near: DatagramChannel, far: DatagramChannel) -> None:
    """A flood of datagrams is taken in bounded steps, in order."""
    for number in range(STEP_COUNT + 5):
        near.transmit(bytes([number]), far.address)
    heard = Heard()
    feed = heard.feed()
    assert not feed.step(far)
    assert len(heard.datagrams) == STEP_COUNT
    assert not feed.step(far)
    assert [data[0] for data, _ in heard.datagrams] == list(range(STEP_COUNT + 5))
    assert {address for _, address in heard.datagrams} == {near.address}
    assert feed.moved == STEP_COUNT + 5


def test_a_feed_can_be_stopped_in_the_midst_of_a_step__pr_04(
    near: DatagramChannel, far: DatagramChannel
) -> None:
    """Nothing comes to a datagram protocol after the end, however much has arrived."""
    heard = Heard()
    feed = heard.feed()

    def received(data: bytes, address: Address) -> None:
        heard.received(data, address)
        feed.stopped = True

    feed.received = received
    near.transmit(b"1", far.address)
    near.transmit(b"2", far.address)
    feed.step(far)
    assert [data for data, _ in heard.datagrams] == [b"1"]


def test_a_failure_of_user_code_is_in_an_envelope__pr_14(
    near: DatagramChannel, far: DatagramChannel
) -> None:
    """An exception of a datagram hook is not taken for a failure of the socket."""
    error = SocketIOError("of the user")

    def raises(*_: object) -> None:
        raise error

    near.transmit(b"1", far.address)
    with pytest.raises(CallbackRaised) as caught:
        DatagramFeed(raises, raises).step(far)
    assert caught.value.exception is error


def test_a_closed_channel_ends_both_operations__lw_117(near: DatagramChannel) -> None:
    """A closed socket ends receiving and sending of datagrams; no other failure does."""
    heard = Heard()
    pour = heard.pour()
    pour.put((b"x", None, None), 1)
    near.close()
    for operation in (heard.feed(), pour):
        with pytest.raises(StateClosed):
            operation.step(near)
    assert heard.errors == []


def test_datagrams_leave_in_order_and_bounded__pr_16(
    near: DatagramChannel, far: DatagramChannel
) -> None:
    """Datagrams that wait leave in order, so many at a time and no more."""
    heard = Heard()
    pour = heard.pour()
    for number in range(STEP_COUNT + 5):
        pour.put((bytes([number]), far.address, None), 1 << 20)
    assert pour.size == (STEP_COUNT + 5) * (1 + DATAGRAM_COST)
    assert not pour.step(near)
    assert pour.step(near)
    assert numbers(far) == list(range(STEP_COUNT + 5))
    assert (pour.size, pour.moved) == (0, STEP_COUNT + 5)


def test_a_failing_datagram_is_told_and_the_next_one_goes__lw_113(
    near: DatagramChannel, far: DatagramChannel
) -> None:
    """A datagram that fails is told in its place in the order, and the next one goes."""
    heard = Heard()
    pour = heard.pour()
    earlier = SocketIOError("met before it came here")
    for data, error in [(b"\1", None), (TOO_LONG, None), (b"", earlier), (b"\2", None)]:
        pour.put((data, far.address, error), 1 << 20)
    assert pour.step(near)
    assert numbers(far) == [1, 2]
    assert [one.code for one in heard.errors] == [errno.EMSGSIZE, None]
    assert heard.errors[1] is earlier
    assert pour.moved == 2


def test_marks_are_told_in_turn__pr_06(near: DatagramChannel, far: DatagramChannel) -> None:
    """Marks of waiting datagrams are told once above the high one, once at the low one, and
    then again.
    """
    heard = Heard()
    cost = DATAGRAM_COST + 1
    pour = heard.pour(high=2 * cost, low=0)
    for _ in range(2):
        for _ in range(4):
            pour.put((b"\0", far.address, None), 1 << 20)
            pour.look_at_high_mark()
        assert pour.step(near)
    assert heard.marks == [True, False, True, False]


def test_marks_count_what_empty_datagrams_cost__rel_41(far: DatagramChannel) -> None:
    """Empty datagrams count for the marks: a million of them would take memory like any other."""
    pour = Heard().pour()
    pour.put((b"", far.address, None), 1)
    with pytest.raises(LimitExceeded) as caught:
        pour.put((b"", far.address, None), DATAGRAM_COST)
    assert caught.value.identifier == "output-limit"
    assert pour.size == DATAGRAM_COST, "what was refused does not wait"


def test_what_is_cleared_does_not_leave__pr_11(near: DatagramChannel, far: DatagramChannel) -> None:
    """Datagrams that are dropped are counted in bytes, and nobody is resumed for it."""
    heard = Heard()
    pour = heard.pour(high=0)
    pour.put((b"abc", far.address, None), 1)
    pour.look_at_high_mark()
    assert pour.clear() == 3
    assert pour.step(near)
    assert numbers(far) == []
    assert heard.marks == [True]
