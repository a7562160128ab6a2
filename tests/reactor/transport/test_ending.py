"""Transport: how connections end, and what is reported of it."""

from __future__ import annotations

import contextlib
import gc
import ssl
import weakref
from collections.abc import Callable
from typing import Any, Final

import pytest

from reactor.channel.tls import TLSChannel
from reactor.errors import (
    BrokenPipe,
    ConnectionReset,
    OperationTimeout,
    ReactorError,
    TLSTruncated,
)
from reactor.flow.close_report import CloseReport
from reactor.loop.collection import WaitStateCollection
from reactor.protocol import Protocol
from reactor.state.connection import Connection
from reactor.testing.clock import ManualClock
from reactor.testing.memory import memory_pair
from reactor.testing.settle import settle
from reactor.transport import DRAIN_TIMEOUT, Transport
from tests.reactor.transport.conftest import Talks
from tests.recorder import Action, Recorder
from tests.tls_pairs import VERSIONS
from tests.torture.seam import failing

ROOM_FOR_A_RECORD: Final = 20_000  # bytes


def test_close_sends_what_waits__pr_11__rel_32(talks: Talks, kind: str) -> None:
    """After `close` all output arrives, then the end, under TLS with its alert; then the
    connection is lost.
    """
    talk = talks(kind=kind)
    size = 0
    while talk.transport.get_write_buffer_size() < 1 << 20:
        talk.transport.write(bytes(300_000))
        size += 300_000
    talk.transport.close()
    assert talk.transport.is_closing()
    assert (len(talk.hear_all()), talk.ended) == (size, True)
    assert talk.protocol.lost == [None]
    assert (talk.report.by, talk.report.phase, talk.report.bytes_unsent) == ("us", "close", 0)


def test_close_calls_back_later__pr_11(talks: Talks, kind: str) -> None:
    """`connection_lost` does not come inside `close` or `abort`."""
    for end in (Transport.close, Transport.abort):
        talk = talks(kind=kind)
        end(talk.transport)
        assert talk.protocol.lost == []
        talk.settle()
        assert talk.protocol.lost == [None]


def test_nothing_is_delivered_after_close__pr_11__rel_16(talks: Talks, kind: str) -> None:
    """After `close` nothing is delivered, not even an end, while the output drains."""
    talk = talks(kind=kind)
    while talk.transport.get_write_buffer_size() < 1 << 20:
        talk.transport.write(bytes(300_000))
    talk.transport.close()
    talk.far.write(b"too late")
    talk.far.flush()
    talk.far.write_eof()
    talk.hear_all()
    assert talk.protocol.received == b""
    assert "eof_received" not in talk.protocol.names


@pytest.mark.parametrize("end", [Transport.close, Transport.abort])
def test_who_is_closed_as_it_is_made_is_given_nothing__pr_11__rel_16(
    talks: Talks, kind: str, end: Action
) -> None:
    """What had come before `connection_made` closed, and what comes behind, is not delivered."""
    talk = talks(Recorder(connection_made=end), kind=kind, begun=False)
    talk.far.write(b"too early")
    talk.far.flush()
    talk.begin()
    with contextlib.suppress(ReactorError):
        talk.far.write(b"too late")
        talk.far.write_eof()
    talk.hear()
    assert talk.protocol.calls == [("connection_made",), ("connection_lost", None)]


def test_close_waits_as_long_as_something_moves__pr_11(clock: ManualClock, talks: Talks) -> None:
    """A closing connection sends a slow reader everything, though it takes longer than the
    limit.
    """
    talk = talks(capacity=1000)
    talk.transport.write(bytes(20_000))
    talk.transport.close()
    heard = 0
    while heard < 20_000:
        clock.advance(DRAIN_TIMEOUT - 1)
        heard += len(talk.far.read(1000) or b"")
        talk.settle()
    assert (talk.protocol.lost, talk.report.by) == ([None], "us")


@pytest.mark.parametrize("write_timeout", [None, 5.0, 100.0])
def test_close_gives_up_without_progress__pr_11__pr_13(
    clock: ManualClock, talks: Talks, write_timeout: float | None
) -> None:
    """A closing connection gives up after 20 s without progress, or a shorter write
    timeout, with a reset.
    """
    limit = min(write_timeout or DRAIN_TIMEOUT, DRAIN_TIMEOUT)
    talk = talks(capacity=1000)
    talk.transport.set_timeouts(write=write_timeout)
    talk.transport.write(bytes(20_000))
    clock.advance(1.0)
    talk.transport.close()
    clock.advance(limit - 0.1)
    talk.settle()
    assert talk.protocol.lost == []
    clock.advance(0.2)
    talk.settle()
    (error,) = talk.protocol.lost
    assert isinstance(error, OperationTimeout)
    assert (error.phase, error.limit) == ("write", limit)
    assert talk.report == CloseReport("limit", "close", error, 0, 19_000, None)
    talk.hear()
    assert (talk.ended, talk.reset) == (False, True)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stream_without_its_last_bytes_does_not_look_complete__pr_11__rel_29(
    clock: ManualClock, talks: Talks, version: ssl.TLSVersion
) -> None:
    """If output is given up under TLS there is no closing alert: the peer finds it cut off."""
    talk = talks(tls=version, capacity=ROOM_FOR_A_RECORD)
    talk.transport.write(bytes(1 << 20))
    talk.transport.close()
    clock.advance(DRAIN_TIMEOUT)
    talk.settle()
    talk.hear()
    assert (talk.ended, talk.reset, talk.report.tls_ended) == (False, True, False)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_closing_collection_does_not_make_it_look_complete_either__rel_29(
    collection: WaitStateCollection, talks: Talks, version: ssl.TLSVersion
) -> None:
    """`collection.close()` sends the closing alert behind what was sent, and none if some
    was not.
    """
    whole, cut = talks(tls=version, capacity=1 << 20), talks(tls=version, capacity=1 << 20)
    whole.transport.write(b"all")
    cut.transport.write(bytes(4 << 20))
    while cut.far.read(1 << 20):
        pass  # now an alert would find room
    collection.close()
    for talk in (whole, cut):
        talk.settle = lambda: None  # type: ignore[method-assign]  # there is no loop any more
        talk.hear()
    assert (whole.ended, cut.ended) == (True, False)


def test_abort_loses_what_waits__pr_11(talks: Talks) -> None:
    """`abort` of a transport sends nothing more; the peer sees a reset, the report counts
    what was lost.
    """
    talk = talks(capacity=1000)
    talk.transport.write(bytes(5000))
    talk.transport.abort()
    talk.settle()
    talk.hear()
    assert (talk.reset, talk.protocol.lost) == (True, [None])
    assert talk.report == CloseReport("us", "close", None, 0, 4000, None)


def test_abort_ends_a_close_that_waits__pr_11(talks: Talks) -> None:
    """A connection that drains can be aborted, and is lost once."""
    talk = talks(capacity=1000)
    talk.transport.write(bytes(5000))
    talk.transport.close()
    talk.transport.abort()
    talk.settle()
    assert (talk.protocol.lost, talk.report.bytes_unsent) == ([None], 4000)


def test_resume_writing_may_still_come_while_it_drains__pr_6__pr_11(talks: Talks) -> None:
    """A paused protocol is resumed before its last call, if the output of a closing
    connection goes.
    """
    talk = talks(capacity=1000)
    talk.transport.write(bytes(100_000))
    talk.transport.close()
    talk.hear()
    assert talk.protocol.names == [
        "connection_made",
        "pause_writing",
        "resume_writing",
        "connection_lost",
    ]


def test_the_peer_s_end_is_reported__pr_13(talks: Talks, kind: str) -> None:
    """After an end that the peer began the close report says so, and that TLS has ended."""
    talk = talks(kind=kind)
    talk.end()
    tls = True if kind.startswith("tls") else None
    assert talk.report == CloseReport("peer", "close", None, 0, 0, tls)


@pytest.mark.parametrize("kind", ["memory", "tcp4", "tls12", "tls13"])  # a pair knows no reset
def test_a_reset_is_reported__pr_13__rel_4(
    talks: Talks, kind: str, errors: list[tuple[object, BaseException]]
) -> None:
    """A reset is reported as an error, once, with no traceback anywhere."""
    talk = talks(kind=kind)
    talk.far.abort()
    talk.settle()
    assert [type(error) for error in talk.protocol.lost] == [ConnectionReset]
    tls = False if kind.startswith("tls") else None
    assert talk.report == CloseReport("error", "read", talk.protocol.lost[0], 0, 0, tls)
    assert errors == []


@pytest.mark.parametrize("kind", ["tls12", "tls13"])
def test_a_truncated_stream_is_reported__pr_13__rel_29(talks: Talks, kind: str) -> None:
    """TLS without its closing alert is no ordinary end, and `eof_received` is not called."""
    talk = talks(kind=kind)
    talk.far.write(b"half of it")
    talk.far.flush()
    assert isinstance(talk.far, TLSChannel)
    talk.far.inner.write_eof()
    talk.settle()
    assert talk.protocol.received == b"half of it"
    assert talk.protocol.names == ["connection_made", "data_received", "connection_lost"]
    assert [type(error) for error in talk.protocol.lost] == [TLSTruncated]
    assert (talk.report.by, talk.report.tls_ended) == ("error", False)


def test_unread_bytes_are_reported__pr_13(talks: Talks) -> None:
    """The close report counts the bytes that nobody has taken."""
    talk = talks(Recorder(connection_made=Transport.pause_reading), unread=b"abc")
    talk.transport.close()
    talk.settle()
    assert (talk.report.bytes_unread, talk.protocol.received) == (3, b"")


@pytest.mark.parametrize(
    ("end", "by"),
    [
        (lambda talk: talk.transport.close(), "us"),
        (lambda talk: talk.transport.abort(), "us"),
        (lambda talk: talk.far.write_eof(), "peer"),
        (lambda talk: talk.far.reset(), "error"),
        (lambda talk: talk.collection.close(), "us"),
    ],
    ids=["close", "abort", "end", "reset", "collection"],
)
def test_who_counts_connections_is_told_before_the_last_call__pr_13(
    collection: WaitStateCollection, talks: Talks, end: Callable[[object], None], by: str
) -> None:
    """However a connection ends, its report is there before its last call, and its server
    is told once.
    """
    order = list[object]()
    talk = talks(begun=False)
    talk.transport = Transport(
        talk.state, talk.protocol, lambda transport: order.append(transport.close_report)
    )
    talk.protocol.on["connection_lost"] = lambda transport: order.append("lost")
    talk.transport.begin()
    end(talk)
    if collection.alive:
        talk.settle()
    assert order == [talk.report, "lost"]
    assert (talk.report.by, talk.report.error) == (by, talk.protocol.lost[0])


def test_who_counts_may_end_others_while_the_collection_closes__pr_4(
    collection: WaitStateCollection, talks: Talks
) -> None:
    """While a collection closes each connection is told once, even if one ends another."""
    both = [talks(begun=False), talks(begun=False)]

    def end_all(transport: Transport) -> None:
        for talk in both:
            talk.transport.abort()

    for talk in both:
        talk.transport = Transport(talk.state, talk.protocol, end_all)
        talk.transport.begin()
    collection.close()
    assert [len(talk.protocol.lost) for talk in both] == [1, 1]


def test_output_under_tls_that_fails_while_nobody_reads_ends_too__pr_4(
    clock: ManualClock, talks: Talks
) -> None:
    """With reading paused, what TLS cannot bring out in the loop is a loss all the same."""
    talk = talks(kind="tls13")
    talk.transport.pause_reading()
    assert isinstance(talk.far, TLSChannel)
    talk.far.inner.abort()
    talk.transport.write(b"into nowhere")
    talk.settle()
    with contextlib.suppress(ConnectionReset):  # the first one may have met no resistance
        talk.transport.write(b"into nowhere")
    talk.settle()
    clock.advance(DRAIN_TIMEOUT)
    talk.settle()
    assert len(talk.protocol.lost) == 1
    assert talk.report.by == "error"


@pytest.mark.parametrize("read_timeout", [None, 5.0])
def test_last_words_are_not_waited_for_without_end__pr_04__pr_12(
    clock: ManualClock, talks: Talks, read_timeout: float | None
) -> None:
    """Once nothing can be sent, 20 s without an arrival, or a shorter limit, end the connection."""
    limit = min(read_timeout or DRAIN_TIMEOUT, DRAIN_TIMEOUT)
    with failing("send", "EPIPE"):
        talk = talks(kind="socketpair")
        talk.transport.set_timeouts(read=read_timeout)
        talk.transport.write(b"lost")
    talk.say(b"last words")
    clock.advance(limit - 0.1)
    talk.settle()
    assert (talk.protocol.received, talk.protocol.lost) == (b"last words", [])
    clock.advance(0.2)
    talk.settle()
    (error,) = talk.protocol.lost
    assert isinstance(error, BrokenPipe)
    assert (talk.report.by, talk.report.phase) == ("error", "write")


class Kept(Protocol):
    """A protocol as people write them: it keeps its transport."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport


@pytest.mark.parametrize("end", ["far", "near"])
def test_what_has_ended_is_no_circle__pr_04(collection: WaitStateCollection, end: str) -> None:
    """A connection that has ended is freed at once, with its protocol, without the collector of
    garbage.
    """
    near, far = memory_pair()
    protocol = Kept()
    Transport(Connection(collection, near), protocol).begin()
    gone = weakref.ref(protocol)
    gc.disable()
    try:
        far.close() if end == "far" else protocol.transport.close()
        del near, protocol
        settle(collection)
        assert gone() is None
    finally:
        gc.enable()
        far.close()
