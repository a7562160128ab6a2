"""Datagram protocols: a send buffer that is full, and the end of an endpoint."""

from __future__ import annotations

import pytest

from reactor.datagram import DRAIN_TIMEOUT, open_datagram
from reactor.errors import (
    LimitExceeded,
    OperationTimeout,
    SocketError,
    StateClosed,
)
from reactor.flow.waiting_output import WRITE_LIMIT_HIGH, WRITE_LIMIT_LOW
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.datagram.endpoints import (
    LONGEST,
    LOOPBACK,
    Answers,
    Recorder,
    bound,
    can_be_full,
    clogged,
    drained,
)
from tests.torture.seam import failing, needs_epoll

# A send buffer that is full.


@can_be_full
def test_what_the_kernel_has_no_room_for_waits_in_order__rel_41(
    collection: WaitStateCollection,
) -> None:
    """Datagrams that the kernel has no room for wait in order, each of them whole."""
    transport, protocol, far = clogged(collection)
    with far:
        sent = [b"%d" % number for number in range(100)]
        for data in sent:
            lent = bytearray(data)
            transport.sendto(memoryview(lent))
            lent[:] = b"?" * len(lent)
        far.recv(100)  # there is room for one now, and it is not for the next
        transport.sendto(b"at last")
        assert drained(collection, far) == [*sent, b"at last"]
        assert transport.get_write_buffer_size() == 0
        assert protocol.errors == []


@can_be_full
def test_a_full_buffer_pauses_the_protocol_and_room_resumes_it__rel_41(
    collection: WaitStateCollection,
) -> None:
    """Datagrams that pile up pause the protocol inside `sendto`; it is resumed later, once."""
    transport, protocol, far = clogged(collection)
    with far:
        assert transport.get_write_buffer_limits() == (WRITE_LIMIT_LOW, WRITE_LIMIT_HIGH)
        transport.set_write_buffer_limits(high=10_000, low=1_000)
        while "pause" not in protocol.calls:
            assert transport.get_write_buffer_size() <= 10_000
            transport.sendto(b"more")
        transport.sendto(b"more")
        settle(collection)
        assert protocol.calls == ["made", "pause"]
        drained(collection, far)
        assert protocol.calls == ["made", "pause", "resume"]


@can_be_full
def test_a_protocol_that_fails_to_pause_is_ended__pr_14(collection: WaitStateCollection) -> None:
    """What `pause_writing` raises ends the endpoint, and does not reach the caller of `sendto`."""
    error = RuntimeError("of the user")

    def fail(_: Recorder) -> None:
        raise error

    transport, protocol, far = clogged(collection, Answers(pause=fail))
    with far:
        transport.set_write_buffer_limits(high=0)
        transport.sendto(b"too much")
        settle(collection)
        assert protocol.lost == [error]


@can_be_full
def test_above_the_limit_a_datagram_is_refused__rel_41(collection: WaitStateCollection) -> None:
    """Above the output limit `sendto` refuses a datagram; what waits already still goes."""
    transport, protocol, far = clogged(collection)
    with far:
        transport.output_limit = 50_000
        sent = list[bytes]()
        while transport.get_write_buffer_size() < 50_000:
            sent.append(b"%d" % len(sent))
            transport.sendto(sent[-1])
        with pytest.raises(LimitExceeded) as caught:
            transport.sendto(b"one too many")
        assert caught.value.identifier == "output-limit"
        assert transport.get_write_buffer_size() < 51_000
        assert drained(collection, far) == sent
        transport.sendto(b"room again")
        assert drained(collection, far) == [b"room again"]
        assert protocol.lost == []


@pytest.mark.parametrize(
    ("high", "low", "limits"),
    [(None, None, (WRITE_LIMIT_LOW, WRITE_LIMIT_HIGH)), (400, None, (100, 400)), (0, 0, (0, 0))],
)
def test_marks_are_set_as_on_streams__pr_06(
    collection: WaitStateCollection, high: int | None, low: int | None, limits: tuple[int, int]
) -> None:
    """A mark for datagrams that is left out follows from the other one, and nonsense is refused."""
    transport, _, _ = bound(collection)
    transport.set_write_buffer_limits(high, low)
    assert transport.get_write_buffer_limits() == limits
    with pytest.raises(ValueError, match="marks"):
        transport.set_write_buffer_limits(high=1, low=2)


# The end.


def test_closing_ends_once_and_for_all__pr_11(collection: WaitStateCollection) -> None:
    """A datagram transport that was closed receives and sends nothing; `connection_lost`
    comes once, later.
    """
    transport, protocol, address = bound(collection)
    transport.sendto(b"to myself", address)
    transport.close()
    transport.close()
    transport.abort()
    assert protocol.calls == ["made"]
    assert transport.is_closing()
    with pytest.raises(StateClosed):
        transport.sendto(b"late", address)
    settle(collection)
    assert (protocol.calls, protocol.lost) == (["made", "lost"], [None])
    report = transport.close_report
    assert report is not None
    assert (report.by, report.phase, report.error, report.bytes_unsent) == ("us", "close", None, 0)
    assert transport.get_extra_info("sockname") == address
    assert collection.stats()["states"] == 0


@pytest.mark.parametrize("verb", ["close", "abort"])
@pytest.mark.parametrize("hook", ["made", "received", "error"])
def test_a_hook_may_end_its_endpoint__pr_04(
    collection: WaitStateCollection, hook: str, verb: str
) -> None:
    """After a datagram hook has closed its transport nothing but `connection_lost` comes,
    though more has arrived.
    """
    end = Answers({hook: lambda protocol: getattr(protocol.transport, verb)()})
    transport, protocol, address = bound(collection, end)
    if hook != "made":
        if hook == "error":
            transport.sendto(bytes(LONGEST + 1), address)
        for _ in range(3):
            transport.sendto(b"to myself", address)
    settle(collection)
    assert protocol.calls[-1] == "lost"
    assert protocol.calls.count(hook) == protocol.calls.count("lost") == 1
    assert protocol.lost == [None]


@can_be_full
def test_closing_waits_for_what_waits__pr_11(collection: WaitStateCollection) -> None:
    """Datagrams that wait when a transport is closed are sent before the end."""
    transport, protocol, far = clogged(collection)
    with far:
        transport.sendto(b"my last words")
        transport.close()
        with pytest.raises(StateClosed):
            transport.sendto(b"late")
        far.send(b"nobody listens")
        settle(collection)
        assert protocol.calls == ["made"]
        assert drained(collection, far) == [b"my last words"]
        settle(collection)
        assert protocol.lost == [None]


@can_be_full
def test_closing_does_not_wait_for_ever__pr_11(
    collection: WaitStateCollection, clock: ManualClock
) -> None:
    """A closing datagram transport gives up after 20 s without room, and reports how much
    was lost.
    """
    transport, protocol, far = clogged(collection)
    with far:
        waiting = len(b"filling") + len(b"lost")
        transport.sendto(b"lost")
        transport.close()
        clock.advance(DRAIN_TIMEOUT - 1)
        settle(collection)
        assert protocol.lost == []
        clock.advance(1)
        settle(collection)
        assert [type(error) for error in protocol.lost] == [OperationTimeout]
        report = transport.close_report
        assert report is not None
        assert (report.by, report.bytes_unsent) == ("limit", waiting)


@can_be_full
def test_aborting_waits_for_nothing__pr_11(collection: WaitStateCollection) -> None:
    """`abort` of a datagram transport drops what waits, and reports how much."""
    transport, protocol, far = clogged(collection)
    with far:
        transport.abort()
        settle(collection)
        assert protocol.lost == [None]
        report = transport.close_report
        assert report is not None
        assert report.bytes_unsent == len(b"filling")


@pytest.mark.parametrize("before", ["nothing", "close"])
def test_the_end_of_the_collection_is_told__pr_04(clock: ManualClock, before: str) -> None:
    """Closing the collection makes exactly one `connection_lost` for each datagram
    endpoint, within the call.
    """
    collection = WaitStateCollection(clock=clock)
    transport, protocol, _ = bound(collection)
    if before == "close":
        transport.close()
    collection.close()
    assert protocol.calls == ["made", "lost"]
    assert [type(error) for error in protocol.lost] == [
        type(None) if before == "close" else StateClosed
    ]


def test_who_was_told_of_nothing_is_told_of_no_end__pr_04(clock: ManualClock) -> None:
    """A protocol that had no `connection_made` before the collection was closed gets no
    `connection_lost`.
    """
    collection = WaitStateCollection(clock=clock)
    protocol = Recorder()
    open_datagram(collection, lambda: protocol, local_port=0)
    collection.close()
    assert protocol.calls == []


def test_a_socket_closed_behind_our_back_ends_the_endpoint__pr_13(
    collection: WaitStateCollection,
) -> None:
    """A datagram socket closed by somebody else is found out by the next send, and told;
    nothing spins.
    """
    transport, protocol, address = bound(collection)
    transport.get_extra_info("socket").close()
    transport.sendto(b"x", address)
    settle(collection)
    assert [type(error) for error in protocol.lost] == [StateClosed]
    report = transport.close_report
    assert report is not None
    assert (report.by, report.phase) == ("error", "write")


def test_figures_count_the_bytes_of_datagrams__lw_015(collection: WaitStateCollection) -> None:
    """The figures count the bytes of datagrams, and an endpoint as a state, not as a connection."""
    transport, _, address = bound(collection)
    transport.sendto(b"12345", address)
    settle(collection)
    figures = collection.stats()
    assert (figures["bytes_in"], figures["bytes_out"]) == (5, 5)
    assert (figures["states"], figures["connections_in"], figures["connections_out"]) == (1, 0, 0)
    transport.close()
    settle(collection)
    assert collection.stats()["bytes_out"] == 5


@needs_epoll
def test_an_endpoint_that_cannot_be_watched_is_ended__pr_04__pr_16() -> None:
    """If the system does not take an endpoint for watching, its protocol is told so once: by
    `connection_lost`.
    """
    protocol = Recorder()
    with failing("register", "ENOMEM", number=2):
        collection = WaitStateCollection()
        transport = open_datagram(collection, lambda: protocol, local_address=LOOPBACK)
        settle(collection)
        assert (protocol.calls, protocol.errors) == (["made", "lost"], [])
        assert isinstance(protocol.lost[0], SocketError)
        assert transport.is_closing()
        collection.close()
