"""Transport: the two directions end one after the other."""

from __future__ import annotations

import pytest

from reactor.errors import BrokenPipe
from reactor.loop.collection import WaitStateCollection
from reactor.transport import Transport
from tests.reactor.transport.conftest import Talks
from tests.recorder import Recorder


@pytest.mark.parametrize("answer", [None, False, 0])
def test_a_false_answer_closes_when_the_output_has_gone__pr_8(
    talks: Talks, answer: bool | None
) -> None:
    """A false result of `eof_received` closes the connection when all of the output has gone."""
    talk = talks(Recorder(eof_received=lambda transport: answer), capacity=1000)
    talk.transport.write(bytes(100_000))
    talk.end()
    assert talk.protocol.lost == []
    assert talk.transport.is_closing()
    assert (len(talk.hear()), talk.ended) == (100_000, True)
    assert talk.protocol.lost == [None]
    assert (talk.report.by, talk.report.bytes_unsent) == ("peer", 0)


def test_a_true_answer_keeps_writing_open__pr_8(
    collection: WaitStateCollection, talks: Talks, kind: str
) -> None:
    """A true result of `eof_received` keeps writing open, under TLS too; the loop does not spin."""
    talk = talks(Recorder(eof_received=lambda transport: True), kind=kind)
    talk.end()
    assert [collection.run_once(0) for _ in range(3)] == [0, 0, 0]
    for answer in (b"still", b"here"):
        talk.transport.write(answer)
        assert talk.hear() == answer
    talk.transport.close()
    assert (talk.hear(), talk.ended) == (b"", True)
    assert talk.protocol.names == ["connection_made", "eof_received", "connection_lost"]
    assert talk.report.by == "peer"


def test_our_end_leaves_reading_open__pr_8(
    collection: WaitStateCollection, talks: Talks, kind: str
) -> None:
    """After `write_eof` the peer has read the end, and we go on reading, under TLS too."""
    talk = talks(kind=kind)
    assert talk.transport.can_write_eof()
    talk.transport.write(b"all of it")
    talk.transport.write_eof()
    talk.transport.write_eof()
    assert (talk.hear(), talk.ended) == (b"all of it", True)
    talk.say(b"one")
    talk.say(b"two")
    assert (talk.protocol.received, talk.protocol.lost) == (b"onetwo", [])
    talk.end()
    assert talk.protocol.names[-2:] == ["eof_received", "connection_lost"]


def test_our_end_follows_the_output__pr_8(talks: Talks) -> None:
    """Output that waits when `write_eof` is called goes first, then the end."""
    talk = talks(capacity=1000)
    talk.transport.write(bytes(100_000))
    talk.transport.write_eof()
    assert (len(talk.hear()), talk.ended) == (100_000, True)
    assert talk.protocol.lost == []


@pytest.mark.parametrize("kind", ["tls12", "tls13"])
def test_our_end_follows_the_output_under_tls__pr_8(talks: Talks, kind: str) -> None:
    """Under TLS the closing alert of `write_eof` goes behind all that was written."""
    talk = talks(kind=kind)
    size = 0
    while talk.transport.get_write_buffer_size() < 1 << 20:
        talk.transport.write(bytes(300_000))
        size += 300_000
    talk.transport.write_eof()
    assert (len(talk.hear_all()), talk.ended) == (size, True)
    talk.say(b"go on")
    assert talk.protocol.received == b"go on"


def test_writing_after_our_end_is_refused__pr_8(talks: Talks, kind: str) -> None:
    """After `write_eof` each write raises `BrokenPipe`."""
    talk = talks(kind=kind)
    talk.transport.write_eof()
    for data in (b"x", b"", bytearray(b"y")):
        with pytest.raises(BrokenPipe, match="write_eof"):
            talk.transport.write(data)
    assert talk.hear() == b""


@pytest.mark.parametrize("hook", ["connection_made", "data_received", "eof_received"])
def test_hooks_may_end_our_direction__pr_8(talks: Talks, hook: str) -> None:
    """A `write_eof` in a hook ends our direction behind what that hook has written."""

    def say_all(transport: Transport) -> bool:
        transport.write(b"all")
        transport.write_eof()
        return True

    talk = talks(Recorder(**{hook: say_all}), kind="tls13")
    talk.say(b"x")
    talk.end()
    assert (talk.hear(), talk.ended) == (b"all", True)


def test_closing_after_both_ends_is_clean__pr_8__pr_13(talks: Talks, kind: str) -> None:
    """Closing after both directions have ended makes no reset and no error; TLS has ended."""
    talk = talks(Recorder(eof_received=lambda transport: True), kind=kind)
    talk.transport.write_eof()
    talk.end()
    talk.transport.close()
    talk.hear()
    assert (talk.ended, talk.reset, talk.protocol.lost) == (True, False, [None])
    assert talk.report.tls_ended is (True if kind.startswith("tls") else None)
