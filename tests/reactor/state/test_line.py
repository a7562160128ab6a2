"""Line, and who is told of an operation: order, sums, limits."""

from __future__ import annotations

import logging
import math
from typing import Any

import pytest

from reactor.deadline import NEVER
from reactor.errors import (
    ConnectionReset,
    DeadlinePassed,
    EndOfStream,
    LimitExceeded,
    OperationAborted,
    OperationTimeout,
    ReactorError,
    StateClosed,
    TLSHandshakeTimeout,
)
from reactor.operations.exchanges import Handshake, Unwrap
from reactor.operations.operation import Operation
from reactor.operations.read_buffer import ReadBuffer
from reactor.operations.reading import Wait
from reactor.operations.writing import Send
from reactor.state.line import READ_LIMIT, WRITE_LIMIT, Line
from reactor.testing.memory import memory_pair
from tests.tls_pairs import close


def write(size: int, deadline: float = NEVER) -> Operation:
    """A write of so many bytes."""
    data = bytes(size)
    return Send(data, memoryview(data)).order(None, deadline=deadline)


def read() -> Operation:
    """A read, which has no size."""
    return Wait(ReadBuffer()).order(print)


def test_first_come_first_served__lw_100() -> None:
    """Operations that wait in line leave it in the order in which they came."""
    line, requests = Line(), [write(size) for size in (1, 2, 3)]
    for request in requests:
        line.admit(request, 100, None)
    assert (len(line), line.size) == (3, 6)
    assert line.pop() is requests[0]
    assert (len(line), line.size) == (2, 5)
    assert line.take() == requests[1:]
    assert (len(line), line.size, bool(line)) == (0, 0, False)


def test_a_line_is_bounded_in_bytes_or_in_reads__lw_077_103() -> None:
    """A line of writes is bounded in bytes, one of reads in their number."""
    line = Line()
    line.admit(write(6), 10, None)
    with pytest.raises(LimitExceeded) as raised:
        line.admit(write(5), 10, "the state")
    assert (raised.value.identifier, raised.value.connection) == ("output-limit", "the state")
    line.admit(write(4), 10, None)
    reads = Line()
    for _ in range(READ_LIMIT):
        reads.admit(read(), 0, None)
    with pytest.raises(LimitExceeded) as raised:
        reads.admit(read(), 0, None)
    assert raised.value.identifier == "input-limit"
    assert (len(line), len(reads)) == (2, READ_LIMIT)


def test_empty_writes_are_bounded_in_their_number__lw_103() -> None:
    """A line of writes has a limit in their number too, so that empty ones cannot fill memory."""
    line = Line()
    for _ in range(WRITE_LIMIT):
        line.admit(write(0), 10, None)
    with pytest.raises(LimitExceeded) as raised:
        line.admit(write(0), 10, "the state")
    assert (raised.value.identifier, raised.value.connection) == ("output-limit", "the state")


def test_who_is_late_takes_those_behind_along__lw_196_102() -> None:
    """An operation in line that is out of time ends, and with it all that stand behind it."""
    line = Line()
    requests = [write(1), write(2, 7.0), write(3, 5.0), write(4)]
    for request in requests:
        line.admit(request, 100, None)
    assert line.deadline == 5.0
    assert line.take_late(4.9) == []
    assert line.take_late(5.0) == [requests[2:]]
    assert (len(line), line.size, line.deadline) == (2, 3, 7.0)
    assert line.take_late(7.0) == [requests[1:2]]
    assert (line.size, line.deadline) == (1, NEVER)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (None, "callback"),
        (EndOfStream(), "callback"),
        (OperationTimeout(), "callback"),
        (DeadlinePassed(), "callback"),
        (ConnectionReset(), "error"),
        (StateClosed(), "error"),
        (OperationAborted(), "error"),
        (LimitExceeded(), "error"),
    ],
)
def test_where_things_go__lw_120(status: ReactorError | None, told: str) -> None:
    """Success, ends and timeouts go to `callback`, failures to `error_callback` if there is one."""
    calls = list[tuple[str, Any]]()
    alone = Wait(ReadBuffer()).order(lambda state: calls.append(("alone", state)))
    both = Wait(ReadBuffer()).order(
        lambda state: calls.append(("callback", state)),
        lambda state: calls.append(("error", state)),
    )
    both.report("state", status)
    alone.report("state", status)
    assert calls == [(told, "state"), ("alone", "state")]


def test_nobody_to_tell_is_told_to_the_log__lw_096(caplog: pytest.LogCaptureFixture) -> None:
    """Without a callback success is silent, and every other end of an operation is logged."""
    with caplog.at_level(logging.INFO, "reactor"):
        write(1).report("state", None)
        assert caplog.records == []
        write(1).report("state", ConnectionReset("gone"))
    assert "gone" in caplog.text


@pytest.mark.parametrize(
    ("operation", "kind"),
    [(Handshake(), TLSHandshakeTimeout), (Unwrap(), OperationTimeout)],
)
def test_a_limit_of_tls_has_its_class__lw_192(operation: Operation, kind: type) -> None:
    """A handshake that takes too long is a `TLSHandshakeTimeout`, the end of TLS an
    ordinary timeout.
    """
    near, far = memory_pair()
    request = operation.order(print, timeout=3.0)
    request.began = 10.0
    error = request.timeout_error(near, "state", 13.5)
    assert (type(error), error.limit, error.elapsed) == (kind, 3.0, 3.5)
    assert (error.peer, error.connection) == (near.peer_address, "state")
    close(near, far)


def test_the_earlier_limit_counts__lw_196() -> None:
    """Of a timeout and a deadline the earlier one counts; a renewed timeout counts from the
    last progress.
    """
    request = write(1, deadline=20.0)
    request.began, request.since = 10.0, 14.0
    assert request.limit() == 20.0
    request.timeout = 5.0
    assert request.limit() == 19.0
    request.timeout = 7.0
    assert request.limit() == 20.0
    waiting = Wait(ReadBuffer()).order(print, timeout=5.0)
    waiting.began, waiting.since = 10.0, 14.0
    assert waiting.limit() == 15.0
    waiting.timeout = math.inf
    assert waiting.limit() == NEVER
