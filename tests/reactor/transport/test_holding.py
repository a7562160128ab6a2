"""Transport: output that is held, and who is told when it has been sent."""

from __future__ import annotations

from typing import Final

import pytest

from reactor.errors import LimitExceeded, OperationTimeout, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.reactor.transport.conftest import Talks
from tests.recorder import Recorder
from tests.tls_pairs import VERSIONS

SMALL: Final = 20_000  # bytes of room in a channel: that of a TLS record, and a little
PLENTY: Final = bytes(range(250)) * 4000  # more than TLS encrypts ahead


def test_held_output_waits_and_leaves_in_order__cl_46(talks: Talks, kind: str) -> None:
    """What is written while output is held leaves in order when it is released, and not before."""
    talk = talks(kind=kind)
    talk.transport.write(b"one ")
    talk.transport.hold_output()
    talk.transport.hold_output()  # is once
    talk.transport.write(b"two ")
    assert talk.hear() == b"one "
    talk.transport.write(b"three ")
    assert talk.transport.get_write_buffer_size() == len("two three ")
    talk.transport.release_output()
    talk.transport.write(b"four")
    assert talk.hear() == b"two three four"
    talk.transport.release_output()  # is harmless
    talk.transport.write(b"!")
    assert talk.hear() == b"!"


@pytest.mark.parametrize("tls", [None, *VERSIONS])
def test_a_long_write_stops_where_it_is__cl_46(talks: Talks, tls: str | None) -> None:
    """Output that is held in the middle of a long write goes on there when it is released."""
    talk = talks(capacity=SMALL, tls=tls)
    talk.transport.write(PLENTY)
    heard = talk.far.read(SMALL) or b""
    talk.transport.hold_output()
    heard += talk.hear()
    assert 0 < len(heard) < len(PLENTY)
    assert talk.hear() == b""
    talk.transport.release_output()
    assert heard + talk.hear() == PLENTY


def test_held_output_counts_for_marks_and_limit__cl_46(talks: Talks) -> None:
    """Output that is held pauses its protocol at the high mark, and is refused at the limit."""
    talk = talks()
    talk.transport.hold_output()
    talk.transport.write(bytes(100_000))
    assert talk.protocol.names[-1] == "pause_writing"
    talk.transport.output_limit = 100_000
    with pytest.raises(LimitExceeded):
        talk.transport.write(b"x")
    talk.transport.release_output()
    assert talk.hear() == bytes(100_000)
    assert talk.protocol.names[-1] == "resume_writing"


def test_no_write_timeout_runs_while_output_is_held__cl_46_47(
    clock: ManualClock, talks: Talks
) -> None:
    """The write timeout stands still while output is held, and counts from its release."""
    talk = talks(capacity=SMALL)
    talk.transport.set_timeouts(write=10.0)
    talk.transport.write(PLENTY)
    clock.advance(9.0)
    talk.transport.hold_output()
    clock.advance(1000.0)
    talk.settle()
    talk.transport.release_output()
    clock.advance(9.9)
    talk.settle()
    assert talk.protocol.lost == []
    clock.advance(0.1)
    talk.settle()
    (error,) = talk.protocol.lost
    assert isinstance(error, OperationTimeout)
    assert error.phase == "write"


def test_closing_sends_what_is_held__cl_46(talks: Talks, kind: str) -> None:
    """A transport that is closed while its output is held sends it, and ends."""
    talk = talks(kind=kind)
    talk.transport.hold_output()
    talk.transport.write(b"last words")
    talk.transport.close()
    assert talk.hear() == b"last words"
    assert talk.ended
    talk.transport.hold_output()  # too late, and harmless
    talk.transport.release_output()


def test_an_end_waits_for_what_is_held__cl_46(talks: Talks, kind: str) -> None:
    """The end of our direction waits behind output that is held."""
    talk = talks(kind=kind)
    talk.transport.hold_output()
    talk.transport.write(b"x")
    talk.transport.write_eof()
    assert (talk.hear(), talk.ended) == (b"", False)
    talk.transport.release_output()
    assert (talk.hear(), talk.ended) == (b"x", True)


class Holds(Recorder):
    """Holds its output inside the very hook that says that it may go on."""

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.hold_output()


@pytest.mark.parametrize("low", [0, SMALL])
def test_a_hook_may_hold_output__cl_46(talks: Talks, low: int) -> None:
    """A protocol may hold its output in `resume_writing`, and loses nothing by it."""
    talk = talks(Holds(), capacity=SMALL)
    talk.transport.set_write_buffer_limits(2 * SMALL, low)
    talk.transport.write(PLENTY)
    heard = talk.hear()
    talk.transport.release_output()
    assert heard + talk.hear() == PLENTY
    talk.transport.write(b"more")
    talk.transport.release_output()
    assert talk.hear() == b"more"


def test_who_asks_is_told_when_it_is_sent__cl_39_40(talks: Talks, kind: str) -> None:
    """Who asks is called later, once, in the order of asking, when what was written is sent."""
    talk = talks(kind=kind)
    told = list[object]()
    talk.transport.when_sent(told.append, "nothing was written")
    talk.transport.write(b"one")
    talk.transport.when_sent(told.append, "one")
    talk.transport.when_sent(told.append, "one again")
    assert told == []
    talk.settle()
    assert told == ["nothing was written", "one", "one again"]


@pytest.mark.parametrize("tls", [None, *VERSIONS])
def test_it_is_told_between_two_writes__cl_40(talks: Talks, tls: str | None) -> None:
    """Who asks between two writes is told when the first has been sent and the second has not."""
    talk = talks(capacity=SMALL, tls=tls)
    told = list[tuple[str, bool]]()

    def tell(which: str) -> None:
        told.append((which, talk.transport.get_write_buffer_size() > 0))

    for which in ("first", "second"):
        talk.transport.write(PLENTY)
        talk.transport.when_sent(tell, which)
    talk.settle()
    assert told == []
    assert talk.hear() == PLENTY + PLENTY
    assert told == [("first", True), ("second", False)]


def test_what_is_held_is_not_sent__cl_46(talks: Talks) -> None:
    """Nobody is told of output that is held, nor of none behind it."""
    talk = talks()
    told = list[str]()
    talk.transport.hold_output()
    talk.transport.when_sent(told.append, "nothing")
    talk.transport.write(b"x")
    talk.transport.when_sent(told.append, "x")
    talk.settle()
    assert told == []
    talk.transport.release_output()
    talk.settle()
    assert told == ["nothing", "x"]


def test_closing_in_the_callback_sends_and_closes__cl_39(talks: Talks, kind: str) -> None:
    """A transport that closes when it is told that all is sent has lost nothing."""
    talk = talks(kind=kind)
    talk.transport.write(b"answer")
    talk.transport.when_sent(talk.transport.close)
    assert talk.hear() == b"answer"
    assert talk.ended


def test_what_waits_for_tls_is_not_sent__cl_40(
    collection: WaitStateCollection, talks: Talks
) -> None:
    """Behind a switch to TLS nobody is told before the handshake: nothing has left."""
    talk = talks()
    told = list[str]()
    talk.transport.write(b"in clear")
    talk.transport.when_sent(told.append, "in clear")
    talk.transport.start_tls(True, server_hostname="example.net")
    talk.transport.write(b"protected")
    talk.transport.when_sent(told.append, "protected")
    talk.settle()
    assert told == ["in clear"]


def test_after_the_end_nobody_is_told__cl_44(talks: Talks) -> None:
    """What an abort drops is not reported as sent, and what has ended cannot be asked."""
    talk = talks(capacity=SMALL)
    told = list[str]()
    talk.transport.when_sent(told.append, "just before")
    talk.transport.write(PLENTY)
    talk.transport.when_sent(told.append, "never")
    talk.transport.abort()
    talk.settle()
    assert told == []
    with pytest.raises(StateClosed):
        talk.transport.when_sent(told.append, "too late")
    with pytest.raises(TypeError, match="callback"):
        talks().transport.when_sent("no function")  # type: ignore[arg-type]  # on purpose


def test_after_a_loss_nobody_is_told__cl_40(talks: Talks) -> None:
    """Who asks when the way out is lost is never told that anything was sent."""
    talk = talks(kind="socketpair")
    told = list[str]()
    talk.transport.pause_reading()
    talk.far.abort()
    talk.transport.write(b"met by this")
    talk.transport.when_sent(told.append, "never")
    talk.settle()
    talk.transport.resume_reading()
    talk.settle()
    assert told == []
    assert len(talk.protocol.lost) == 1


@pytest.mark.parametrize(("drain", "write", "limit"), [(5.0, None, 5.0), (None, 7.0, 7.0)])
def test_closing_may_have_another_limit__cl_43(
    clock: ManualClock, talks: Talks, drain: float | None, write: float | None, limit: float
) -> None:
    """A close drops the rest at its own limit without progress, or at that of writes if shorter."""
    talk = talks(capacity=SMALL)
    talk.transport.set_timeouts(write=write)
    talk.transport.write(PLENTY)
    talk.transport.close(drain)
    clock.advance(limit - 0.1)
    talk.settle()
    assert talk.protocol.lost == []
    clock.advance(0.1)
    talk.settle()
    assert isinstance(talk.protocol.lost[0], OperationTimeout)


def test_the_read_timeout_may_begin_anew__cl_47(clock: ManualClock, talks: Talks) -> None:
    """Reading that is resumed with `restart` has its whole timeout before it."""
    talk = talks()
    talk.transport.set_timeouts(read=10.0)
    clock.advance(9.0)
    talk.transport.pause_reading()
    talk.transport.resume_reading(restart=True)
    clock.advance(9.9)
    talk.settle()
    assert talk.protocol.lost == []
    clock.advance(0.1)
    talk.settle()
    assert len(talk.protocol.lost) == 1
