"""Transport: reading, pausing, and changing the protocol."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reactor.errors import EndOfStream
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.transport import Transport
from tests.reactor.transport.conftest import Talks
from tests.recorder import Action, BufferedRecorder, Notes, Recorder

PROTOCOLS = [Recorder, BufferedRecorder]
ONE_AFTER_THE_OTHER = [(Recorder, BufferedRecorder), (BufferedRecorder, Recorder)]

Made = Callable[..., Notes]


@pytest.mark.parametrize("made", PROTOCOLS)
def test_what_arrives_is_delivered__pr_4(talks: Talks, kind: str, made: Made) -> None:
    """Everything that arrives is delivered, in order, to protocols of either kind."""
    talk = talks(made(), kind=kind)
    data = bytes(range(256)) * 3000
    talk.say(data)
    assert talk.protocol.received == data


def test_a_small_buffer_is_filled_again_and_again__pr_1(talks: Talks, kind: str) -> None:
    """A buffered protocol is asked for each buffer with a size above 0, and it is filled at
    most.
    """
    protocol = BufferedRecorder(size=3)
    talk = talks(protocol, kind=kind)
    talk.say(b"abcdefgh")
    assert protocol.received == b"abcdefgh"
    assert min(protocol.hints) > 0
    assert max(len(call[1]) for call in protocol.calls if call[0] == "data_received") == 3


@pytest.mark.parametrize("buffer", [b"", bytearray(), b"cannot be written", None])
def test_a_buffer_of_no_use_ends_the_connection__pr_14(
    talks: Talks, errors: list[tuple[object, BaseException]], buffer: bytearray
) -> None:
    """A `get_buffer` whose result is read-only or empty ends its connection."""
    protocol = BufferedRecorder()
    protocol.buffer = buffer
    talk = talks(protocol)
    talk.say(b"x")
    assert len(errors) == len(protocol.lost) == 1
    assert protocol.received == b""


@pytest.mark.parametrize("made", PROTOCOLS)
def test_a_pause_in_a_hook_holds_at_once__pr_7__rel_19(talks: Talks, kind: str, made: Made) -> None:
    """After `pause_reading` nothing is delivered, decrypted bytes included, until resumed."""
    protocol = made(data_received=Transport.pause_reading)
    talk = talks(protocol, kind=kind)
    pieces = 0
    data = bytes(100_000)
    talk.far.write(data[:50_000])
    talk.far.flush()
    while len(protocol.received) < 50_000:
        talk.settle()
        assert protocol.names == ["connection_made", "data_received"]
        delivered = [call for call in protocol.calls if call[0] == "data_received"]
        assert len(delivered) == pieces + 1
        assert not talk.transport.is_reading()
        pieces += 1
        talk.transport.resume_reading()
        talk.transport.resume_reading()
    talk.settle()
    assert len(protocol.received) == 50_000


@pytest.mark.parametrize("made", PROTOCOLS)
def test_an_end_that_comes_meanwhile_is_delivered_afterwards__pr_7__rel_19(
    talks: Talks, kind: str, made: Made
) -> None:
    """Bytes and the end that come while reading is paused wait for `resume_reading`."""
    talk = talks(made(), kind=kind)
    talk.transport.pause_reading()
    talk.transport.pause_reading()
    talk.say(b"last words")
    talk.end()
    assert talk.protocol.names == ["connection_made"]
    talk.transport.resume_reading()
    assert talk.protocol.names == ["connection_made"]
    talk.settle()
    assert talk.protocol.received == b"last words"
    assert talk.protocol.names[-2:] == ["eof_received", "connection_lost"]


def lending_once(act: Action, size: int = 3) -> BufferedRecorder:
    """Return a protocol that does something when it first lends a buffer for bytes."""

    def first(transport: Transport) -> None:
        del protocol.on["get_buffer"]
        act(transport)

    protocol = BufferedRecorder(size)
    protocol.on["get_buffer"] = first
    return protocol


@pytest.mark.parametrize("early", [False, True], ids=["", "early"])
@pytest.mark.parametrize("end", [Transport.pause_reading, Transport.close, Transport.abort])
def test_who_lends_a_buffer_may_think_better_of_it__pr_1__pr_7__pr_11(
    talks: Talks, kind: str, end: Action, early: bool
) -> None:
    """A protocol that pauses reading, closes or aborts while it lends a buffer is given nothing in
    it; when it resumes it gets every byte, those too that came before it was connected.
    """
    data = b"abcdefgh"
    talk = talks(lending_once(end), kind=kind, begun=False, unread=data if early else b"")
    if not early:
        talk.far.write(data)
        talk.far.flush()
    talk.begin()
    assert talk.protocol.received == b""
    talk.transport.resume_reading()
    talk.settle()
    paused = end is Transport.pause_reading
    assert talk.protocol.received == (data if paused else b"")
    assert talk.protocol.lost == ([] if paused else [None])


@pytest.mark.parametrize("heir", [Recorder, BufferedRecorder])
@pytest.mark.parametrize("early", [False, True], ids=["", "early"])
def test_who_lends_a_buffer_may_give_the_connection_away__pr_1__pr_9(
    talks: Talks, kind: str, heir: Made, early: bool
) -> None:
    """A protocol that sets another one while it lends a buffer gets nothing more; the other one
    gets every byte, those too that came before it was connected.
    """
    data, other = b"abcdefgh", heir()
    protocol = lending_once(lambda transport: transport.set_protocol(other))
    talk = talks(protocol, kind=kind, begun=False, unread=data if early else b"")
    other.transport = talk.transport
    if not early:
        talk.far.write(data)
        talk.far.flush()
    talk.begin()
    assert (protocol.received, other.received) == (b"", data)


def test_who_lends_a_buffer_may_pause_and_resume__pr_1__pr_7(talks: Talks, kind: str) -> None:
    """A protocol that pauses and resumes each time when it lends a buffer is fed all the same."""

    def both(transport: Transport) -> None:
        transport.pause_reading()
        transport.resume_reading()

    talk = talks(BufferedRecorder(3, get_buffer=both), kind=kind)
    talk.say(b"abcdefgh")
    assert talk.protocol.received == b"abcdefgh"


def test_pause_and_resume_in_one_hook_change_nothing__pr_7(talks: Talks, kind: str) -> None:
    """A hook that pauses and resumes goes on being fed."""

    def both(transport: Transport) -> None:
        transport.pause_reading()
        transport.resume_reading()

    talk = talks(Recorder(data_received=both), kind=kind)
    talk.say(b"one")
    talk.say(b"two")
    assert talk.protocol.received == b"onetwo"


@pytest.mark.parametrize("hook", ["connection_made", "pause_writing", "resume_writing"])
def test_every_hook_may_pause_reading__pr_7(talks: Talks, hook: str) -> None:
    """Reading can be paused in each hook, and resumed in another turn."""
    talk = talks(Recorder(**{hook: Transport.pause_reading}), capacity=1000)
    if hook != "connection_made":
        talk.transport.write(bytes(100_000))
        talk.hear()
    talk.say(b"waits")
    assert talk.protocol.received == b""
    talk.transport.resume_reading()
    talk.settle()
    assert talk.protocol.received == b"waits"


def test_a_paused_connection_does_not_spin__pr_7__rel_7(
    collection: WaitStateCollection, talks: Talks
) -> None:
    """Bytes and an end that nobody wants make the loop turn once, and then it is quiet."""
    talk = talks(kind="tcp4")
    talk.transport.pause_reading()
    talk.far.write(b"x")
    talk.far.write_eof()
    assert collection.run_once(0) <= 1
    assert [collection.run_once(0) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("made", PROTOCOLS)
def test_what_was_read_before_comes_first__pr_9__lw_065(talks: Talks, made: Made) -> None:
    """Bytes that came before there was a protocol are delivered first, from the loop."""
    talk = talks(made(), unread=b"before ", begun=False)
    talk.far.write(b"after")
    talk.transport.begin()
    assert talk.protocol.received == b""
    talk.settle()
    assert talk.protocol.received == b"before after"


@pytest.mark.parametrize("verb", ["abort", "close"])
def test_resuming_behind_the_end_is_harmless__pr_7(talks: Talks, kind: str, verb: str) -> None:
    """A connection that has ended may be resumed, before and behind `connection_lost`: nothing
    comes of it.
    """
    talk = talks(Recorder(), kind=kind)
    talk.transport.pause_reading()
    talk.say(b"never delivered")
    getattr(talk.transport, verb)()
    talk.transport.resume_reading()
    talk.settle()
    talk.transport.pause_reading()
    talk.transport.resume_reading()
    talk.settle()
    assert talk.protocol.names == ["connection_made", "connection_lost"]


def test_unread_bytes_wait_while_reading_is_paused__pr_7(talks: Talks) -> None:
    """Unread bytes of which delivery was paused are delivered when reading is resumed."""
    talk = talks(unread=b"before", begun=False)
    talk.transport.begin()
    talk.transport.pause_reading()
    talk.settle()
    assert talk.protocol.received == b""
    talk.transport.resume_reading()
    talk.settle()
    assert talk.protocol.received == b"before"


def test_a_pause_counts_between_two_buffers_of_unread_bytes__pr_7(talks: Talks) -> None:
    """A buffered protocol may pause or close between two buffers of unread bytes."""
    protocol = BufferedRecorder(size=2, data_received=Transport.pause_reading)
    talk = talks(protocol, unread=b"abcdef")
    assert protocol.received == b"ab"
    talk.transport.resume_reading()
    talk.settle()
    assert protocol.received == b"abcd"
    protocol.on["data_received"] = Transport.close
    talk.transport.resume_reading()
    talk.settle()
    assert (protocol.received, talk.report.bytes_unread) == (b"abcdef", 0)


@pytest.mark.parametrize(("first", "second"), ONE_AFTER_THE_OTHER)
def test_another_protocol_gets_every_call_from_now_on__pr_9(
    talks: Talks, kind: str, first: Made, second: Made
) -> None:
    """A hook may hand over to a protocol of the other kind: no byte is lost or given twice."""
    later = second()

    def hand_over(transport: Transport) -> None:
        transport.set_protocol(later)
        assert transport.get_protocol() is later

    talk = talks(first(data_received=hand_over), kind=kind)
    talk.say(b"first")
    talk.say(b"second")
    talk.end()
    assert talk.protocol.names == ["connection_made", "data_received"]
    assert later.names == ["data_received", "eof_received", "connection_lost"]
    assert (talk.protocol.received, later.received) == (b"first", b"second")


def test_unread_bytes_are_for_who_has_the_connection__pr_9(talks: Talks) -> None:
    """A protocol that hands over in the midst of unread bytes leaves the rest to the other."""
    later = Recorder()
    protocol = BufferedRecorder(size=2, data_received=lambda transport: hand_over(transport))

    def hand_over(transport: Transport) -> None:
        transport.set_protocol(later)

    talk = talks(protocol, unread=b"abcdef")
    talk.say(b"gh")
    assert (protocol.received, later.received) == (b"ab", b"cdefgh")


@pytest.mark.parametrize("hook", ["connection_made", "eof_received", "pause_writing"])
def test_every_hook_may_hand_over__pr_9(talks: Talks, hook: str) -> None:
    """Whichever hook hands over, only what comes before it is the first protocol's."""
    later = Recorder()
    protocol = Recorder(**{hook: lambda transport: transport.set_protocol(later)})
    talk = talks(protocol, capacity=1000)
    talk.transport.write(bytes(100_000))
    talk.hear()
    talk.say(b"x")
    talk.end()
    assert protocol.names[-1] == hook
    assert later.names[-1] == "connection_lost"
    assert protocol.lost == []


def test_the_end_is_told_once__pr_4(talks: Talks, kind: str) -> None:
    """Pausing, resuming and handing over after the end do not bring it a second time."""
    talk = talks(Recorder(eof_received=lambda transport: True), kind=kind)
    later = Recorder()
    talk.end()
    talk.transport.pause_reading()
    talk.transport.resume_reading()
    talk.settle()
    talk.transport.set_protocol(later)
    talk.settle()
    assert talk.protocol.names == ["connection_made", "eof_received"]
    assert later.names == []
    assert isinstance(talk.state.input.status, EndOfStream)


def test_the_end_closes_only_once_the_hook_says_so__pr_8(
    clock: ManualClock, talks: Talks, kind: str
) -> None:
    """A connection whose end waits for `resume_reading` is not closed before its hook has
    answered.
    """
    talk = talks(kind=kind)
    talk.transport.pause_reading()
    talk.end()
    clock.advance(1000.0)
    talk.settle()
    assert talk.protocol.names == ["connection_made"]
    talk.transport.close()
    talk.settle()
    assert talk.protocol.names == ["connection_made", "connection_lost"]
