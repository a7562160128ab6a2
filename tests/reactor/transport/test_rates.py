"""Transport: so many bytes per second, of one connection."""

from __future__ import annotations

from typing import Any, Final

import pytest

from reactor.errors import OperationTimeout, WrongThread
from reactor.flow.rate_limit import RateLimit
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.reactor.transport.conftest import Talks
from tests.recorder import BufferedRecorder, Recorder
from tests.talk import Talk

TEXT: Final = bytes(range(250)) * 20  # five thousand bytes
SMALL: Final = 20_000  # bytes of room in a channel: that of a TLS record, and a little
PLENTY: Final = TEXT * 200  # more than TLS encrypts ahead


@pytest.fixture
def limit(collection: WaitStateCollection) -> RateLimit:
    """A thousand bytes per second, and as many at once."""
    return RateLimit(collection, 1000)


def seconds(talk: Talk, clock: ManualClock, count: float) -> None:
    """Let time pass in steps of a quarter, in which all is done that can be."""
    for _ in range(round(4 * count)):
        clock.advance(0.25)
        talk.settle()


def test_no_more_is_read_than_may_be__pr_7(
    clock: ManualClock, talks: Talks, limit: RateLimit, kind: str
) -> None:
    """A transport whose reading is limited delivers so many bytes per second, in order, and all
    of them.
    """
    talk = talks(kind=kind)
    talk.transport.set_rate_limits(read=limit)
    talk.say(TEXT)
    for count in (1000, 2000, 3000, 4000, 5000):
        assert talk.protocol.received == TEXT[:count]
        seconds(talk, clock, 1)
    talk.say(b"more")
    assert talk.protocol.received == TEXT + b"more"


def test_no_more_is_sent_than_may_be__pr_5(
    clock: ManualClock, talks: Talks, limit: RateLimit, kind: str
) -> None:
    """A transport whose writing is limited sends so many bytes per second, in order, and all of
    them.
    """
    talk = talks(kind=kind)
    talk.transport.set_rate_limits(write=limit)
    talk.transport.write(TEXT[:700])
    talk.transport.write(TEXT[700:])
    heard = b""
    for count in (1000, 2000, 3000, 4000, 5000):
        heard += talk.hear()
        assert heard == TEXT[:count]
        assert talk.transport.get_write_buffer_size() == len(TEXT) - count
        seconds(talk, clock, 1)
    talk.transport.write(b"more")
    assert talk.hear() == b"more"


def test_a_peer_comes_to_feel_it__pr_7(talks: Talks, limit: RateLimit) -> None:
    """What a transport may not read stays with the channel, so that the peer can write no more."""
    talk = talks(capacity=SMALL)
    talk.transport.set_rate_limits(read=limit)
    sent = 0
    while (count := talk.far.write(bytes(1000))) is not None:
        sent += count
        talk.settle()
    assert sent == SMALL + 1000
    assert len(talk.protocol.received) == 1000


def test_an_end_comes_behind_what_waits__pr_8(
    clock: ManualClock, talks: Talks, limit: RateLimit, kind: str
) -> None:
    """The end of a limited input is told behind its last byte; that of a limited output is sent
    behind its last byte.
    """
    talk = talks(Recorder(eof_received=lambda transport: True), kind=kind)
    talk.transport.set_rate_limits(read=limit, write=RateLimit(limit.collection, 1000))
    talk.say(TEXT[:2000])
    talk.end()
    talk.transport.write(TEXT[:2000])
    talk.transport.write_eof()
    assert (talk.protocol.names[-1], talk.hear(), talk.ended) == (
        "data_received",
        TEXT[:1000],
        False,
    )
    seconds(talk, clock, 2)
    assert talk.protocol.received == TEXT[:2000]
    assert talk.protocol.names[-1] == "eof_received"
    assert (talk.hear(), talk.ended) == (TEXT[1000:2000], True)


def test_a_buffer_is_filled_as_far_as_it_may_be__pr_1(
    clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    """A protocol that lends its buffers is given no more than the limit of its input allows."""
    protocol = BufferedRecorder()
    talk = talks(protocol)
    talk.transport.set_rate_limits(read=limit)
    talk.say(TEXT)
    assert protocol.received == TEXT[:1000]
    seconds(talk, clock, 10)
    assert protocol.received == TEXT


def test_marks_count_what_waits__pr_6(clock: ManualClock, talks: Talks, limit: RateLimit) -> None:
    """A protocol whose output is limited is paused at the high mark and resumed at the low one."""
    talk = talks()
    talk.transport.set_rate_limits(write=limit)
    talk.transport.write(bytes(70_000))
    assert talk.protocol.names[-1] == "pause_writing"
    seconds(talk, clock, 52)
    assert talk.protocol.names[-1] == "pause_writing"
    seconds(talk, clock, 1)
    assert talk.protocol.names[-1] == "resume_writing"
    talk.transport.abort()


def test_a_change_counts_at_once_for_who_waits(
    clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    talk = talks()
    talk.transport.set_rate_limits(write=limit)
    talk.transport.write(TEXT)
    talk.hear()
    limit.rate = 0.001
    seconds(talk, clock, 100)
    assert talk.hear() == b""
    limit.burst = 500
    limit.rate = 2000.0
    seconds(talk, clock, 0.25)
    assert talk.hear() == TEXT[1000:1500]
    limit.rate = None
    assert talk.hear() == TEXT[1500:]
    assert (limit.rate, limit.burst, limit.waiting_count) == (None, 500, 0)


@pytest.mark.parametrize("direction", ["read", "write"])
def test_a_limit_that_is_taken_off_frees_what_waits(
    talks: Talks, limit: RateLimit, direction: str, kind: str
) -> None:
    talk = talks(kind=kind)
    talk.transport.set_rate_limits(**{direction: limit})
    talk.transport.write(TEXT)
    talk.say(TEXT)
    heard = talk.hear()
    assert limit.waiting_count == 1
    talk.transport.set_rate_limits()
    assert limit.waiting_count == 0
    assert heard + talk.hear() == TEXT
    assert talk.protocol.received == TEXT
    assert len(limit.collection.timers) == 0


def test_both_directions_may_share_a_limit(
    clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    talk = talks()
    talk.transport.set_rate_limits(read=limit, write=limit)
    talk.transport.write(TEXT)
    talk.say(TEXT)
    heard = talk.hear()
    for count in range(1000, 10_000, 1000):
        assert len(heard) + len(talk.protocol.received) == count
        seconds(talk, clock, 1)
        heard += talk.hear()
    assert (heard, talk.protocol.received) == (TEXT, TEXT)


def test_a_connection_may_have_several_limits(
    clock: ManualClock, collection: WaitStateCollection, talks: Talks, limit: RateLimit
) -> None:
    own, talk = RateLimit(collection, 500), talks()
    talk.transport.set_rate_limits(read=[own, limit])
    talk.say(TEXT)
    for count in (500, 1000, 1500):
        assert len(talk.protocol.received) == count
        seconds(talk, clock, 1)
    own.rate, limit.rate = 1000.0, 250.0
    seconds(talk, clock, 4)  # what had been saved in the wider one is spent first
    before = len(talk.protocol.received)
    seconds(talk, clock, 4)
    assert len(talk.protocol.received) - before == 1000


def test_a_pause_and_a_limit_both_count__pr_7(
    clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    """Reading that is paused while a limit holds it goes on when both have ended, not before."""
    talk = talks()
    talk.transport.set_rate_limits(read=limit)
    talk.say(TEXT)
    talk.transport.pause_reading()
    seconds(talk, clock, 10)
    assert len(talk.protocol.received) == 1000
    talk.transport.resume_reading()
    talk.settle()
    assert len(talk.protocol.received) == 2000
    talk.transport.pause_reading()
    talk.transport.resume_reading()
    talk.settle()
    assert len(talk.protocol.received) == 2000


def test_a_new_protocol_is_under_the_limit_too__pr_9(
    clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    """A protocol that takes over while its input waits for a limit gets the next bytes."""
    talk, heir = talks(), Recorder()
    talk.transport.set_rate_limits(read=limit)
    talk.say(TEXT)
    talk.transport.set_protocol(heir)
    talk.settle()
    assert heir.received == b""
    seconds(talk, clock, 1)
    assert heir.received == TEXT[1000:2000]


def test_a_hook_may_set_limits(clock: ManualClock, talks: Talks, limit: RateLimit) -> None:
    def slow_down(transport: Any) -> None:
        transport.set_rate_limits(read=limit)

    talk = talks(Recorder(data_received=slow_down))
    talk.say(b"x")
    talk.say(TEXT)
    assert talk.protocol.received == b"x" + TEXT[:1000]
    talk.protocol.on["data_received"] = lambda transport: transport.set_rate_limits()
    talk.settle()
    assert len(talk.protocol.received) == 1001
    seconds(talk, clock, 0.25)  # brings a share, and with it the hook
    assert talk.protocol.received == b"x" + TEXT


@pytest.mark.parametrize("protocol", [Recorder, BufferedRecorder])
def test_what_was_unread_counts(
    clock: ManualClock, talks: Talks, limit: RateLimit, protocol: Any
) -> None:
    talk = talks(protocol(), unread=TEXT[:3000], begun=False)
    talk.transport.set_rate_limits(read=limit)
    talk.begin()
    assert talk.protocol.received == TEXT[:3000]
    talk.say(TEXT[3000:])
    seconds(talk, clock, 2)
    assert talk.protocol.received == TEXT[:3000]
    seconds(talk, clock, 2)
    assert talk.protocol.received == TEXT


def test_who_waits_takes_no_turns(collection: WaitStateCollection, talks: Talks) -> None:
    limit, talk = RateLimit(collection, 1000), talks(kind="socketpair")
    talk.transport.set_rate_limits(read=limit, write=RateLimit(collection, 1000))
    talk.say(TEXT)
    talk.transport.write(TEXT)
    talk.settle()
    talk.transport.write(TEXT)
    talk.transport.pause_reading()
    talk.transport.resume_reading()
    assert collection.run_once(0) == 0
    assert collection.run_once(0) == 0


def test_a_wrong_limit_changes_nothing(talks: Talks, limit: RateLimit) -> None:
    talk, other = talks(), WaitStateCollection()
    with pytest.raises(TypeError, match="RateLimit"):
        talk.transport.set_rate_limits(read=limit, write=1000)  # type: ignore[arg-type]  # that is it
    with pytest.raises(ValueError, match="another collection"):
        talk.transport.set_rate_limits(read=limit, write=RateLimit(other, 1))
    other.close()
    talk.say(TEXT)
    assert talk.protocol.received == TEXT
    talk.transport.set_rate_limits(read=[], write=())
    talk.transport.write(TEXT)
    assert talk.hear() == TEXT


def test_limits_belong_to_the_loop(collection: WaitStateCollection, limit: RateLimit) -> None:
    collection.owner.thread += 1 << 40
    with pytest.raises(WrongThread):
        limit.rate = 1.0
    with pytest.raises(WrongThread):
        RateLimit(collection, 1)
    collection.owner.yield_up()
    assert limit.rate == 1000


EXPIRED = pytest.mark.parametrize("limited", [True, False])


@EXPIRED
def test_no_write_timeout_runs_while_the_limit_holds__pr_12(
    clock: ManualClock, collection: WaitStateCollection, talks: Talks, limited: bool
) -> None:
    """The write timeout passes where a peer takes nothing, and not where a limit of the rate lets
    nothing leave.
    """
    talk = talks(capacity=SMALL)
    talk.transport.set_timeouts(write=5.0)
    talk.transport.set_rate_limits(write=RateLimit(collection, 25 if limited else 1e6, 1000))
    talk.transport.write(TEXT * 8)
    seconds(talk, clock, 30)  # a share takes ten
    if limited:
        assert talk.protocol.lost == []
        assert talk.hear() == TEXT[:1750]
    else:
        (error,) = talk.protocol.lost
        assert isinstance(error, OperationTimeout)
        assert error.phase == "write"


@EXPIRED
def test_no_read_timeout_runs_while_the_limit_holds__pr_12(
    clock: ManualClock, collection: WaitStateCollection, talks: Talks, limited: bool
) -> None:
    """The read timeout stands still while a limit of the rate lets nothing be read."""
    talk = talks()
    talk.transport.set_timeouts(read=5.0)
    talk.transport.set_rate_limits(read=RateLimit(collection, 25 if limited else 1e6, 1000))
    talk.say(TEXT[:2000])
    seconds(talk, clock, 9)  # a share takes ten
    assert (talk.protocol.lost == []) is limited
    seconds(talk, clock, 31)
    assert talk.protocol.received == TEXT[:2000]
    seconds(talk, clock, 16)
    assert len(talk.protocol.lost) == 1


@pytest.mark.parametrize("direction", ["read", "write"])
def test_the_idle_limit_counts_from_the_last_share__pr_12(
    clock: ManualClock, collection: WaitStateCollection, talks: Talks, direction: str
) -> None:
    """The idle limit does not pass while a limit of the rate lets a share through now and then."""
    talk = talks()
    talk.transport.set_timeouts(idle=10.0)
    # Of a thousand bytes a share is a quarter, which takes eight seconds.
    talk.transport.set_rate_limits(**{direction: RateLimit(collection, 31.25, 1000)})
    talk.transport.write(TEXT[:2000])
    talk.say(TEXT[:2000])
    seconds(talk, clock, 40)
    assert talk.protocol.lost == []
    seconds(talk, clock, 10)
    assert len(talk.protocol.lost) == 1


def test_tls_waits_behind_limited_output__pr_10(
    clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    """TLS comes when all that was written in clear has left at its rate; then the rest does."""
    talk = talks()
    talk.transport.set_rate_limits(write=limit)
    talk.transport.write(TEXT[:2000])
    talk.transport.start_tls(True, server_hostname="localhost")
    talk.transport.write(b"protected")
    heard = talk.hear()
    assert heard == TEXT[:1000]
    seconds(talk, clock, 1)
    heard += talk.hear()
    assert heard[:2000] == TEXT[:2000]
    assert heard[2000:2002] == b"\x16\x03"  # the record of a handshake
    assert b"protected" not in heard


def test_when_sent_waits_for_the_limit__cl_40(
    clock: ManualClock, talks: Talks, limit: RateLimit
) -> None:
    """Who asks to be told when output has been sent is told when it has left at its rate."""
    told, talk = list[str](), talks()
    talk.transport.set_rate_limits(write=limit)
    talk.transport.write(TEXT[:1500])
    talk.transport.when_sent(told.append, "half")
    talk.transport.write(TEXT[:1500])
    talk.transport.when_sent(told.append, "all")
    talk.settle()
    assert told == []
    seconds(talk, clock, 0.5)
    assert told == ["half"]
    seconds(talk, clock, 1.5)
    assert told == ["half", "all"]


def test_closing_sends_at_the_rate_too__pr_11(
    clock: ManualClock, collection: WaitStateCollection, talks: Talks, kind: str
) -> None:
    """A transport that closes sends what waits at its rate, however long that takes."""
    talk = talks(kind=kind)
    talk.transport.set_rate_limits(write=RateLimit(collection, 10, 1000))
    talk.transport.write(TEXT[:2000])
    talk.transport.close()
    heard = talk.hear()
    for count in (1000, 1250, 1500, 1750):
        assert (heard, talk.protocol.lost) == (TEXT[:count], [])
        seconds(talk, clock, 25)  # which is longer than the limit of closing
        heard += talk.hear()
    assert (heard, talk.ended, talk.protocol.lost) == (TEXT[:2000], True, [None])


def test_nothing_waits_for_no_turn__rel_17(talks: Talks, limit: RateLimit, kind: str) -> None:
    """A write of no bytes under an exhausted limit waits for nothing, and holds up no end."""
    talk = talks(kind=kind)
    talk.transport.set_rate_limits(write=limit)
    talk.transport.write(TEXT[:1000])
    talk.transport.write(b"")
    assert limit.waiting_count == 0
    talk.transport.close()
    assert (talk.hear(), talk.ended, talk.protocol.lost) == (TEXT[:1000], True, [None])


@pytest.mark.parametrize("first", ["limit", "peer"])
def test_closing_still_gives_a_peer_up_that_takes_nothing__pr_11(
    clock: ManualClock, collection: WaitStateCollection, talks: Talks, first: str
) -> None:
    """A transport that closes under a limit of the rate ends after 20 s in which its peer could
    have taken something and did not.
    """
    limit, talk = RateLimit(collection, 1000, 1000), talks(capacity=SMALL)
    if first == "peer":
        limit.rate = None
    talk.transport.set_rate_limits(write=limit)
    talk.transport.write(PLENTY)
    talk.transport.close()
    if first == "limit":
        seconds(talk, clock, 19)  # of a thousand bytes, and then there is no room
    seconds(talk, clock, 19.75)
    assert talk.protocol.lost == []
    seconds(talk, clock, 0.75)
    (error,) = talk.protocol.lost
    assert isinstance(error, OperationTimeout)
    assert talk.report.by == "limit"
    assert len(collection.timers) == 0


@pytest.mark.parametrize("how", ["none", "another", "late"])
def test_who_closes_may_still_be_given_another_limit__pr_11(
    clock: ManualClock, collection: WaitStateCollection, talks: Talks, limit: RateLimit, how: str
) -> None:
    """What a closing transport has to send leaves at once when the limit is taken off, and at a
    new rate when there is another; one that has ended has none.
    """
    talk = talks(kind="socketpair")
    talk.transport.set_rate_limits(write=limit)
    talk.transport.write(TEXT[:4000])
    (talk.transport.abort if how == "late" else talk.transport.close)()
    talk.settle()
    fast = RateLimit(collection, 2000, 1000)
    talk.transport.set_rate_limits(write=None if how == "none" else fast)
    heard = talk.hear()
    assert limit.waiting_count == 0
    if how == "another":
        assert fast.waiting_count == 1
        seconds(talk, clock, 1)
        heard += talk.hear()
    assert (fast.waiting_count, len(collection.timers)) == (0, 0)
    if how != "late":
        assert (heard, talk.ended, talk.protocol.lost) == (TEXT[:4000], True, [None])


@pytest.mark.parametrize("how", ["abort", "close", "peer", "collection"])
def test_who_has_ended_waits_for_no_turn__pr_4(
    clock: ManualClock, talks: Talks, limit: RateLimit, how: str
) -> None:
    """A connection that ends while it waits for a limit leaves the line, and no timer behind."""
    talk = talks(kind="socketpair")
    talk.transport.set_rate_limits(read=limit)
    talk.say(TEXT)
    assert limit.waiting_count == 1
    if how == "peer":
        talk.far.abort()
        seconds(talk, clock, 10)
    elif how == "collection":
        limit.collection.close()
    else:
        getattr(talk.transport, how)()
    assert limit.waiting_count == 0
    assert len(limit.collection.timers) == 0
    if how != "collection":
        talk.settle()
    assert len(talk.protocol.lost) == 1
