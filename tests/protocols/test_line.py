"""LineProtocol: what a hook does counts before the next line, on our transports and asyncio's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from protocols.codecs.errors import LocalViolation
from protocols.codecs.line import LineTooLong
from protocols.line import LineProtocol
from reactor.channel.tls_settings import ServerTLS
from reactor.errors import LimitExceeded, TLSError
from tests.certificates import Certificates
from tests.protocols.conftest import Talks
from tests.protocols.early_client import EarlyClient
from tests.protocols.loops import (
    BufferedCollector,
    CollectionLoop,
    Collector,
    Loop,
    Recording,
)


class Recorder(Recording, LineProtocol):
    """Notes the lines, and the raw bytes between them."""

    def line_received(self, line: bytes) -> None:
        self.note(line)

    def raw_received(self, data: bytes) -> None:
        self.got.append(("raw", data))


def test_lines_arrive_and_the_rest_is_told_at_the_end__pr_1(loop: Loop) -> None:
    """A protocol class of ours gets the same calls on asyncio and here."""
    recorder = Recorder()
    assert loop.converse(recorder, b"one\n\ntwo\nthr") == b""
    assert recorder.got == [b"one", b"", b"two"]
    assert (recorder.rest, recorder.lost) == (b"thr", [None])


def test_a_line_is_sent_with_its_delimiter(loop: Loop) -> None:
    class Telnet(Recorder):
        delimiter = b"\r\n"

    def answer(recorder: Recorder) -> None:
        recorder.send_line(b"yes")
        with pytest.raises(LocalViolation, match="send two lines"):
            recorder.send_line(b"no\r\nno")

    assert loop.converse(Telnet(ask=answer), b"ask\r\n") == b"yes\r\n"


def test_class_attributes_configure_the_decoder(loop: Loop) -> None:
    class Strict(Recorder):
        delimiter = b";"
        line_limit = 3
        strip_return = True

    recorder = Strict()
    loop.converse(recorder, b"abc\r;d;1234;")
    assert recorder.got == [b"abc", b"d"]


def test_raw_bytes_begin_in_the_middle_of_a_piece(loop: Loop) -> None:
    recorder = Recorder(body=lambda r: r.set_raw_mode(4))
    loop.converse(recorder, b"body\na\nb\nnext\nbody\nc\n")
    assert recorder.got == [b"body", ("raw", b"a\nb\n"), b"next", b"body", ("raw", b"c\n")]


def test_lines_begin_again_in_the_middle_of_raw_bytes(loop: Loop) -> None:
    class Dotted(Recorder):
        def raw_received(self, data: bytes) -> None:
            body, _, extra = data.partition(b"|")
            super().raw_received(body)
            self.set_line_mode(extra)

    recorder = Dotted(body=lambda r: r.set_raw_mode())
    loop.converse(recorder, b"body\na\nb|next\nlast\n")
    assert recorder.got == [b"body", ("raw", b"a\nb"), b"next", b"last"]


def test_a_line_too_long_ends_the_connection_with_one_clear_error__pr_14(loop: Loop) -> None:
    """What a hook raises ends its connection, and `connection_lost` gets that exception."""
    recorder = Recorder()
    loop.converse(recorder, b"fine\n" + b"x" * 16385)
    assert recorder.got == [b"fine"]
    [error] = recorder.lost
    assert isinstance(error, LimitExceeded)
    assert (error.identifier, error.phase) == ("line-limit", "read")
    assert error.peer is not None
    assert error.peer[0] == "127.0.0.1"
    assert "16385 bytes or more, where 16384 are allowed" in str(error)
    assert isinstance(error.__cause__, LineTooLong)


def test_a_line_too_long_may_be_discarded(loop: Loop) -> None:
    class Patient(Recorder):
        line_limit = 5

        def line_too_long(self, error: LimitExceeded) -> None:
            self.send_line(b"too long")
            self.discard_line()

    recorder = Patient()
    assert loop.converse(recorder, b"one\n123456789\ntwo\n") == b"too long\n"
    assert recorder.got == [b"one", b"two"]


def test_a_line_too_long_that_is_only_noted_closes_in_order(loop: Loop) -> None:
    class Polite(Recorder):
        line_limit = 5

        def line_too_long(self, error: LimitExceeded) -> None:
            self.send_line(b"goodbye")

    recorder = Polite()
    assert loop.converse(recorder, b"one\n123456789") == b"goodbye\n"
    assert (recorder.got, recorder.lost) == ([b"one"], [None])


@pytest.mark.parametrize("direct", [True, False], ids=["transport", "protocol"])
def test_a_pause_in_a_hook_holds_the_lines_that_are_here_already__pr_7(
    loop: Loop, direct: bool
) -> None:
    """Between pause and resume no line is delivered; an end that came meanwhile is told
    afterwards.
    """

    def pause(recorder: Recorder) -> None:
        (recorder.transport if direct else recorder).pause_reading()
        loop.call_soon(lambda: recorder.got.append("later"))
        loop.call_soon(recorder.resume_reading)
        loop.call_soon(lambda: recorder.got.append("resumed"))

    recorder = Recorder(wait=pause)
    loop.converse(recorder, b"wait\none\ntwo\n")
    assert recorder.got == [b"wait", "later", b"one", b"two", "resumed"]
    assert recorder.lost == [None]


def test_lines_that_wait_come_before_the_end__pr_7(loop: Loop) -> None:
    """Lines that waited for `resume_reading` of the transport come late, but before the end
    is told.
    """

    def pause(recorder: Recorder) -> None:
        recorder.transport.pause_reading()
        loop.call_soon(recorder.transport.resume_reading)

    recorder = Recorder(wait=pause)
    loop.converse(recorder, b"wait\none\ntwo\n")
    assert (recorder.got, recorder.rest) == ([b"wait", b"one", b"two"], b"")


def test_resume_in_a_hook_does_not_deliver_inside_of_it__pr_7(loop: Loop) -> None:
    """After a resume inside a hook the next line is delivered when that hook has returned."""

    def pause_and_resume(recorder: Recorder) -> None:
        recorder.pause_reading()
        recorder.resume_reading()
        recorder.got.append("hook ends")

    recorder = Recorder(wait=pause_and_resume)
    loop.converse(recorder, b"wait\none\n")
    assert recorder.got == [b"wait", "hook ends", b"one"]


def test_a_hook_that_raises_while_reading_is_resumed_ends_the_connection__pr_14(
    loop: Loop,
) -> None:
    """A hook that fails ends its own connection, also when no bytes have just arrived."""

    def resume(recorder: Recorder) -> None:
        with pytest.raises(ZeroDivisionError):
            recorder.resume_reading()

    def pause(recorder: Recorder) -> None:
        recorder.pause_reading()
        loop.call_soon(lambda: resume(recorder))

    recorder = Recorder(wait=pause, bad=lambda r: 1 / 0)
    loop.converse(recorder, b"wait\nbad\nnever\n")
    assert recorder.got == [b"wait", b"bad"]
    assert len(recorder.lost) == 1


def test_a_close_in_a_hook_ends_the_delivery__pr_11(loop: Loop) -> None:
    """`close` in a hook sends the output, and no line is delivered any more."""

    def leave(recorder: Recorder) -> None:
        recorder.send_line(b"bye")
        recorder.transport.close()

    recorder = Recorder(quit=leave)
    loop.converse(recorder, b"one\nquit\ntwo\n")
    assert (recorder.got, recorder.rest) == ([b"one", b"quit"], b"two\n")
    assert recorder.lost == [None]


@pytest.mark.parametrize("kind", [Collector, BufferedCollector])
def test_the_next_protocol_gets_the_bytes_that_were_not_taken__pr_9(
    loop: Loop, kind: Callable[[Recorder], Any]
) -> None:
    """From the return of `set_protocol` on the new protocol gets every call, and no byte is
    lost.
    """

    def switch(recorder: Recorder) -> None:
        recorder.transport.set_protocol(successor)

    recorder = Recorder(switch=switch)
    successor = kind(recorder)
    loop.converse(recorder, b"one\nswitch\ntwo\nthree")
    assert recorder.got == [b"one", b"switch"]
    assert successor.got == b"two\nthree"
    assert recorder.lost == []


def test_bytes_that_were_released_are_not_delivered__pr_9(loop: Loop) -> None:
    """Bytes that were released, for TLS or for another protocol, are not delivered as lines
    as well.
    """
    released = []
    recorder = Recorder(take=lambda r: released.append(r.release()))
    loop.converse(recorder, b"take\ntwo\nthree")
    assert (recorder.got, released) == ([b"take"], [b"two\nthree"])


def test_lines_behind_starttls_are_not_taken_for_protected__pr_10__rel_34(
    certificates: Certificates,
) -> None:
    """Lines that came in clear behind the request for TLS go into the engine, which refuses
    them.
    """
    loop = CollectionLoop()
    recorder = Recorder(starttls=lambda r: r.start_tls(ServerTLS(certificates.localhost)))
    loop.converse(recorder, b"starttls\nevil\n")
    loop.close()
    assert recorder.got == [b"starttls"]
    [error] = recorder.lost
    assert isinstance(error, TLSError)


def test_lines_go_on_under_tls_after_starttls__pr_10(
    talks: Talks, certificates: Certificates
) -> None:
    """A ClientHello in the same piece as the line that asks for TLS reaches the engine."""
    client = EarlyClient(certificates)
    recorder = Recorder(starttls=lambda r: r.start_tls(ServerTLS(certificates.localhost)))
    talk = talks(recorder)
    talk.say(b"starttls\n" + client.hello)
    talk.say(client.answer(talk.hear(), b"secret\n"))
    assert recorder.got == [b"starttls", b"secret"]


def test_its_repr_names_the_subclass() -> None:
    assert repr(Recorder()) == "<Recorder <LineDecoder LINES, 0 bytes unread>>"
