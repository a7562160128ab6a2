"""TerminatorProtocol: asynchat's words, on our transports and asyncio's, and over memory."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.codecs.errors import LocalViolation
from protocols.terminator import TerminatorProtocol
from reactor.channel.tls_settings import ServerTLS
from reactor.errors import LimitExceeded
from tests.certificates import Certificates
from tests.protocols.conftest import Talks
from tests.protocols.early_client import EarlyClient
from tests.protocols.loops import Collector, Loop, Recording


class Recorder(Recording, TerminatorProtocol):
    """Collects, as programs for asynchat do, and notes what had its terminator."""

    def __init__(self, **actions: Any) -> None:
        super().__init__(**actions)
        self.data = b""
        self.set_terminator(b"\r\n")

    def collect_incoming_data(self, data: bytes) -> None:
        self.data += data

    def found_terminator(self) -> None:
        data, self.data = self.data, b""
        self.note(data)


class Uploads(Recorder):
    """A line with a length, so many bytes, and so on."""

    def found_terminator(self) -> None:
        asked = self.data
        super().found_terminator()
        self.set_terminator(int(asked) if asked.isdigit() else b"\r\n")


def test_messages_arrive_and_the_rest_is_told_at_the_end__pr_1(loop: Loop) -> None:
    """A protocol of ours gets the same calls on asyncio and here."""
    recorder = Recorder()
    loop.converse(recorder, b"one\r\n\r\ntwo\r\nthr\r")
    assert recorder.got == [b"one", b"", b"two"]
    assert (recorder.data, recorder.rest, recorder.lost) == (b"thr", b"\r", [None])


@pytest.mark.parametrize("how", [{}, {"sip": 1}], ids=["whole", "sips"])
def test_the_terminator_changes_in_the_middle_of_a_piece(talks: Talks, how: dict[str, int]) -> None:
    recorder = Uploads()
    talks(recorder, **how).say(b"5\r\na\r\nb\r3\r\nabcend\r\n4\r\nbo")
    assert recorder.got == [b"5", b"a\r\nb\r", b"3", b"abc", b"end", b"4"]
    assert (recorder.data, recorder.get_terminator()) == (b"bo", 2)


def test_until_a_terminator_is_set_all_is_data(loop: Loop) -> None:
    recorder = Recorder()
    recorder.set_terminator(None)
    loop.converse(recorder, b"one\r\ntwo\r\n")
    assert (recorder.got, recorder.data, recorder.rest) == ([], b"one\r\ntwo\r\n", b"")
    assert TerminatorProtocol().get_terminator() is None


def test_too_much_without_a_terminator_ends_the_connection__pr_14(loop: Loop) -> None:
    """What a hook raises ends the connection, and `connection_lost` gets it."""

    class Short(Recorder):
        frame_limit = 5

    recorder = Short()
    with pytest.raises(LocalViolation, match="terminator is 6, where frame_limit is 5"):
        recorder.set_terminator(6)
    loop.converse(recorder, b"12345\r\n123456\r\n")
    assert (recorder.got, recorder.data) == ([b"12345"], b"12345")
    [error] = recorder.lost
    assert isinstance(error, LimitExceeded)
    assert error.identifier == "frame-limit"


def test_a_pause_between_data_and_its_terminator_holds_both__pr_7(loop: Loop) -> None:
    """Between pause and resume nothing is delivered; an end that came meanwhile is, afterwards."""

    class Slow(Recorder):
        def collect_incoming_data(self, data: bytes) -> None:
            super().collect_incoming_data(data)
            self.pause_reading()
            loop.call_soon(lambda: self.got.append("later"))
            loop.call_soon(self.resume_reading)

    recorder = Slow()
    loop.converse(recorder, b"one\r\ntwo\r\n")
    assert recorder.got == ["later", b"one", "later", b"two"]
    assert (recorder.rest, recorder.lost) == (b"", [None])


def test_the_next_protocol_gets_the_bytes_that_were_not_taken__pr_9(loop: Loop) -> None:
    """From the return of `set_protocol` on the new protocol gets every call; no byte is lost."""

    def switch(recorder: Recorder) -> None:
        recorder.transport.set_protocol(successor)

    recorder = Recorder(switch=switch)
    successor = Collector(recorder)
    loop.converse(recorder, b"one\r\nswitch\r\ntwo\r\nthr\r")
    assert (recorder.got, successor.got) == ([b"one", b"switch"], b"two\r\nthr\r")


def test_messages_go_on_under_tls_with_a_clienthello_that_came_early__pr_10(
    talks: Talks, certificates: Certificates
) -> None:
    """A ClientHello in the same piece as the message that asks for TLS reaches the engine."""
    client = EarlyClient(certificates)
    recorder = Recorder(tls=lambda recorder: recorder.start_tls(ServerTLS(certificates.localhost)))
    talk = talks(recorder)
    talk.say(b"tls\r\n" + client.hello)
    talk.say(client.answer(talk.hear(), b"secret\r\nmo"))
    assert (recorder.got, recorder.data) == ([b"tls", b"secret"], b"mo")
