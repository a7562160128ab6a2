"""Waiting for streams: one, several, and with other limits for a while."""

from __future__ import annotations

import contextlib
import io
import socket
import time

import pytest

from reactor.errors import (
    ConnectionReset,
    DeadlinePassed,
    OperationInProgress,
    OperationTimeout,
    StateClosed,
)
from reactor.stream.waiting import (
    wait_for_input_streams,
    with_input_timeout,
    with_output_timeout,
)
from tests.certificates import Certificates
from tests.reactor.stream.conftest import Pair
from tests.reactor.stream.streams import SHORT, TLS, interrupt_the_wait_of, pair_of
from tests.reactor.stream.test_ending import RESET


def test_a_byte_or_the_end_is_input__lw_194(pair: Pair) -> None:
    """`wait_for_input` is true as soon as a byte or the end can be read, and consumes nothing."""
    near, far = pair
    assert near.wait_for_input(0) is False
    assert near.wait_for_input(SHORT) is False
    far.write(b"a")
    assert near.wait_for_input() is True
    assert near.wait_for_input(0) is True
    assert near.read(1) == b"a"
    far.shutdown("output")
    assert near.wait_for_input() is True
    assert near.read() == b""
    assert near.wait_for_input(0) is True


@pytest.mark.parametrize("wrong", [-1, float("nan"), "1"])
def test_a_wrong_wait_is_refused__lw_194(sockets: Pair, wrong: float) -> None:
    """A time to wait that is no number of seconds is refused at the call."""
    with pytest.raises((ValueError, TypeError)):
        sockets[0].wait_for_input(wrong)
    with pytest.raises((ValueError, TypeError)):
        wait_for_input_streams(sockets, wrong)


def test_a_reset_is_found_by_waiting_and_told_by_reading__lw_194(
    certificates: Certificates,
) -> None:
    """A failure ends the wait like input; the next read tells it."""
    with pair_of("tcp4", certificates) as (near, far):
        with socket.socket(fileno=far.fileno()) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.detach()
        far.close()
        assert near.wait_for_input() is True
        with pytest.raises(ConnectionReset):
            near.read(1)


@pytest.mark.parametrize("kind", TLS)
def test_ciphertext_alone_is_no_input__lw_194(certificates: Certificates, kind: str) -> None:
    """Bytes of a record that is not complete are no input, whatever the descriptor says."""
    with pair_of(kind, certificates) as (near, far):
        channel, _ = far.release()
        assert channel.write(bytes(1000)) == 1000
        record = channel.engine.take()  # type: ignore[attr-defined]  # likewise
        inner = channel.inner  # type: ignore[attr-defined]  # likewise
        inner.write(record[:500])
        inner.flush()
        assert near.wait_for_input(SHORT) is False
        inner.write(record[500:])
        inner.flush()
        assert near.wait_for_input() is True
        assert near.read(1000) == bytes(1000)
        channel.close()
        near.close(abort=True)


def test_a_dot_for_every_moment_without_input__lw_194(sockets: Pair) -> None:
    """The first program of the manual: a dot while nothing comes, then the lines that came."""
    near, far = sockets
    shown = list[str]()
    text = io.TextIOWrapper(near)
    while not near.wait_for_input(SHORT):
        shown.append(".")
        if len(shown) == 3:
            far.write(b"one\ntwo\n")
            far.shutdown("output")
    shown += list(text)
    assert shown == [".", ".", ".", "one\n", "two\n"]


def test_those_that_can_be_read_come_in_order__lw_195(certificates: Certificates) -> None:
    """`wait_for_input_streams` gives the streams that can be read, in the order given."""
    with (
        pair_of("tcp4", certificates) as (first, one),
        pair_of("tls13", certificates) as (second, two),
        pair_of("socketpair", certificates) as (third, three),
    ):
        streams = [first, second, third]
        assert wait_for_input_streams(streams, 0) == []
        assert wait_for_input_streams(streams, SHORT) == []
        three.write(b"3")
        assert wait_for_input_streams(streams) == [third]
        one.write(b"1")
        assert first.wait_for_input() is True
        assert wait_for_input_streams(iter(streams)) == [first, third]
        two.shutdown("output")
        assert second.wait_for_input() is True
        assert wait_for_input_streams(reversed(streams)) == [third, second, first]


def test_buffers_count_before_descriptors__lw_195(sockets: Pair) -> None:
    """Bytes that are in the stream already make it readable, though its descriptor is quiet."""
    near, far = sockets
    far.write(b"ab")
    assert near.read(1) == b"a"
    assert wait_for_input_streams([far, near]) == [near]


def test_nothing_to_wait_for_is_nothing__lw_195(sockets: Pair) -> None:
    """Without streams there is nothing to wait for; a closed one, or one in use, is a mistake."""
    near, far = sockets
    assert wait_for_input_streams([]) == []
    with near.looking(), pytest.raises(OperationInProgress):
        wait_for_input_streams([far, near], 0)
    far.close()
    with pytest.raises(StateClosed):
        wait_for_input_streams([near, far])
    assert near.read() == b""


def test_limits_count_for_a_while__cc_57(sockets: Pair) -> None:
    """`with_input_timeout` and its twin set one limit, and restore the former on any exit."""
    near, _ = sockets
    before = near.read_timeout, near.write_timeout
    with with_input_timeout(near, SHORT):
        assert (near.read_timeout, near.write_timeout) == (SHORT, before[1])
        with pytest.raises(OperationTimeout):
            near.read(1)
    with contextlib.suppress(LookupError), with_output_timeout(near, None):
        assert (near.read_timeout, near.write_timeout) == (before[0], None)
        raise LookupError
    assert (near.read_timeout, near.write_timeout) == before
    with pytest.raises(ValueError, match="read_timeout"), with_input_timeout(near, 0):
        pass


# The deadline.


def test_a_deadline_takes_the_place_of_both_limits__cc_55(sockets: Pair) -> None:
    """With `deadline` set a wait lasts at most until then, and no timeout counts."""
    near, _ = sockets
    near.read_timeout = near.write_timeout = 1000.0
    near.deadline = time.monotonic() + SHORT
    with pytest.raises(DeadlinePassed) as raised:
        near.read(1)
    assert raised.value.phase == "read"
    near.deadline = time.monotonic() + SHORT
    with pytest.raises(DeadlinePassed) as raised:
        near.write(bytes(1 << 24))
    assert raised.value.phase == "write"
    near.read_timeout, near.deadline = 0.000_001, time.monotonic() + SHORT
    with pytest.raises(DeadlinePassed):
        near.read(1)


def test_a_passed_deadline_is_seen_before_the_kernel__cc_56(pair: Pair) -> None:
    """A deadline that has passed is noticed before anything is tried, even if there are bytes;
    those that are in the stream already are given without a look at it.
    """
    near, far = pair
    far.write(b"abcdef")
    assert near.read(2) == b"ab"
    far.write(b"gh")
    near.deadline = time.monotonic() - 1
    assert near.read(2) == b"cd"
    buffer = bytearray(1)
    assert near.readinto(buffer) == 1
    assert (bytes(buffer), near.peek(), near.wait_for_input(0)) == (b"e", b"f", True)
    for read in (near.read, lambda: near.read(2), near.readline, lambda: near.write(b"x")):
        with pytest.raises(DeadlinePassed):
            read()
    near.deadline = None
    assert near.read(3) == b"fgh"


def test_a_changed_limit_counts_from_the_next_wait__lw_182__cc_54(sockets: Pair) -> None:
    """Limits may be changed at any time; the next wait has the new one."""
    near, far = sockets
    near.read_timeout = 1000.0
    far.write(b"ab")

    def change(data: bytes) -> None:
        assert data == b"a"
        near.read_timeout = SHORT

    change(near.read(1))
    assert near.read(1) == b"b"
    with pytest.raises(OperationTimeout) as raised:
        near.read(1)
    assert raised.value.limit == SHORT
    for wrong in (0, -1, "1", float("nan")):
        with pytest.raises((TypeError, ValueError)):
            near.read_timeout = wrong  # type: ignore[assignment]  # that is what is tested
    assert near.read_timeout == SHORT


def test_a_signal_is_not_seen__cc_58(sockets: Pair) -> None:
    """A wait that a signal interrupts goes on, and its handler has run."""
    signal = pytest.importorskip("signal")
    if not hasattr(signal, "setitimer"):
        pytest.skip("this system has no timers that send signals")
    near, far = sockets
    heard = list[int]()

    def answer(number: int, frame: object) -> None:
        heard.append(number)
        far.write(b"x")

    before = signal.signal(signal.SIGALRM, answer)
    try:
        signal.setitimer(signal.ITIMER_REAL, SHORT)
        assert near.read(1) == b"x"
    finally:
        signal.signal(signal.SIGALRM, before)
    assert heard == [signal.SIGALRM]


def test_an_exception_of_a_handler_ends_the_wait__cc_58(sockets: Pair) -> None:
    """A handler that raises, as that of Ctrl-C does, ends the wait; nothing read is lost."""
    near, far = sockets
    far.write(b"ab")
    interrupt_the_wait_of(lambda: near.readinto(bytearray(100_000)))
    far.write(b"c")
    assert near.read(3) == b"abc"
