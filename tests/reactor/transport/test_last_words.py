"""Transport: nothing can be sent any more, and the peer's last words have not been read yet."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.errors import BrokenPipe, ConnectionReset
from reactor.testing.clock import ManualClock
from reactor.transport import DRAIN_TIMEOUT
from tests.reactor.transport.conftest import Talks
from tests.recorder import Recorder
from tests.talk import Talk
from tests.torture.seam import failing


def without_output(
    talks: Talks, *, paused: bool = False, idle: float | None = None, said: bytes = b""
) -> Talk:
    """Make a connection whose first write meets the loss of it."""
    with failing("send", "EPIPE"):
        talk = talks(kind="socketpair")
        talk.transport.set_timeouts(idle=idle)
        if paused:
            talk.transport.pause_reading()
        talk.transport.write(b"lost")
    talk.say(said)
    return talk


def test_who_has_paused_reading_gets_them__pr_07(talks: Talks) -> None:
    """A protocol that meets a loss while it has paused reading has the last words when it resumes,
    and the loss behind them.
    """
    talk = without_output(talks, paused=True, said=b"last words")
    assert (talk.protocol.received, talk.protocol.lost) == (b"", [])
    talk.transport.resume_reading()
    talk.far.close()
    talk.settle()
    assert talk.protocol.received == b"last words"
    (error,) = talk.protocol.lost
    assert error is None or isinstance(error, BrokenPipe)


@pytest.mark.parametrize("idle", [None, 5.0])
def test_who_never_resumes_is_told_of_the_loss__pr_07__pr_12(
    clock: ManualClock, talks: Talks, idle: float | None
) -> None:
    """If reading stays paused the loss is told after 20 s, or the shorter limit without anything
    moving; new limits do not put it off for ever.
    """
    talk = without_output(talks, paused=True, idle=idle)
    talk.transport.set_timeouts()
    clock.advance((idle or DRAIN_TIMEOUT) - 0.1)
    talk.settle()
    assert talk.protocol.lost == []
    clock.advance(0.1)
    talk.settle()
    assert [type(error) for error in talk.protocol.lost] == [BrokenPipe]
    assert (talk.report.by, talk.report.phase) == ("error", "write")


@pytest.mark.parametrize("verb", ["pause_reading", "set_timeouts"])
def test_the_limit_stays_whatever_the_program_does__pr_12(
    clock: ManualClock, talks: Talks, verb: str
) -> None:
    """Who pauses reading, or takes all limits away, after the loss is told of it all the same."""
    talk = without_output(talks)
    getattr(talk.transport, verb)()
    clock.advance(DRAIN_TIMEOUT)
    talk.settle()
    assert [type(error) for error in talk.protocol.lost] == [BrokenPipe]


def test_a_reset_that_a_write_has_met_is_no_end__pr_08(talks: Talks) -> None:
    """When a write has met a reset the stream was cut: no end is told, though the kernel shows
    one, and the connection is lost by the reset.
    """
    talk = talks(kind="tcp4")
    talk.transport.write(b"never read")
    talk.far.write(b"a beginning")
    talk.far.close()  # with bytes unread: a reset
    talk.transport.write(b"meets it")
    talk.settle()
    assert "eof_received" not in talk.protocol.names
    assert [type(error) for error in talk.protocol.lost] == [ConnectionReset]
    assert talk.report.by == "error"


class Relaying(Recorder):
    """Reads as long as it can write."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.resume_reading()


def test_who_reads_as_long_as_it_can_write_hears_at_once__pr_04__pr_06(talks: Talks) -> None:
    """A protocol that was paused when the way out was lost is resumed: nothing waits any more.
    If it reads on, it has the last words and hears of the loss without delay.
    """
    talk = talks(Relaying(), kind="socketpair")
    talk.transport.set_write_buffer_limits(10)
    talk.transport.write(bytes(4 << 20))
    assert talk.protocol.names[-1] == "pause_writing"
    talk.say(b"last words")
    talk.far.close()
    talk.settle()
    assert talk.protocol.received == b"last words"
    assert talk.protocol.names[-2:] == ["data_received", "connection_lost"]
    assert len(talk.protocol.lost) == 1
    assert talk.report.bytes_unsent > 0


class Eager(Recorder):
    """Writes as soon as it is connected."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.write(b"lost")


def test_who_meets_it_in_the_first_hook_gets_them__pr_04(talks: Talks) -> None:
    """A loss that is met in `connection_made` takes nothing away of what the peer has sent."""
    with failing("send", "EPIPE"):
        talk = talks(Eager(), kind="socketpair")
    talk.say(b"go away")
    assert talk.protocol.received == b"go away"
    talk.far.close()
    talk.settle()
    assert len(talk.protocol.lost) == 1
