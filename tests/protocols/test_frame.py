"""Protocols of frames: each kind alike, on our transports and asyncio's, and over memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

import pytest

from protocols.codecs.errors import LocalViolation, RemoteViolation
from protocols.codecs.frame import FRAME_LIMIT
from protocols.frame import (
    DelimiterProtocol,
    FixedSizeProtocol,
    FrameProtocol,
    Int8Protocol,
    Int16Protocol,
    Int32Protocol,
    LengthFieldProtocol,
    NetstringProtocol,
)
from reactor.channel.tls_settings import ServerTLS
from reactor.errors import LimitExceeded, SocketError, SocketIOError, TLSError
from tests.certificates import Certificates
from tests.protocols.conftest import Talks
from tests.protocols.early_client import EarlyClient
from tests.protocols.loops import BufferedCollector, Collector, Loop, Recording


class Recorder(Recording, FrameProtocol):
    """Notes the frames."""

    mark: ClassVar[bytes]  # three bytes between two marks, as they are on the wire

    def frame_received(self, frame: bytes) -> None:
        self.note(frame)

    @classmethod
    def wire(cls, *frames: bytes) -> bytes:
        """Return frames as they are sent; all have three bytes."""
        return b"".join(cls.mark % frame for frame in frames)


class Netstrings(Recorder, NetstringProtocol):
    mark = b"3:%b,"


class Bytes(Recorder, Int8Protocol):
    mark = b"\3%b"


class Shorts(Recorder, Int16Protocol):
    mark = b"\0\3%b"


class Words(Recorder, Int32Protocol):
    mark = b"\0\0\0\3%b"


class Whole(Recorder, LengthFieldProtocol):
    mark = b"\5\0%b"
    field_size = 2
    byte_order = "little"
    adjustment = -2


class Alike(Recorder, FixedSizeProtocol):
    mark = b"%b"
    frame_size = 3


class Ended(Recorder, DelimiterProtocol):
    mark = b"%b\0"


class EndedSomehow(Recorder, DelimiterProtocol):
    mark = b"%b\r\n"
    delimiters = (b"\r\n", b"\n")


KINDS: Final = [Netstrings, Bytes, Shorts, Words, Whole, Alike, Ended, EndedSomehow]
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_frames_arrive_and_the_rest_is_told_at_the_end__pr_1(
    loop: Loop, kind: type[Recorder]
) -> None:
    """A protocol of ours gets the same calls on asyncio and here."""
    recorder, rest = kind(), kind.wire(b"six")[:2]
    assert loop.converse(recorder, kind.wire(b"one", b"two") + rest) == b""
    assert recorder.got == [b"one", b"two"]
    assert (recorder.rest, recorder.lost) == (rest, [None])


@kinds
def test_frames_come_whole_out_of_single_bytes(talks: Talks, kind: type[Recorder]) -> None:
    recorder = kind(two=lambda recorder: recorder.send_frame(b"yes"))
    talk = talks(recorder, sip=1)
    talk.say(kind.wire(b"one", b"two", b"six"))
    assert recorder.got == [b"one", b"two", b"six"]
    assert talk.hear() == kind.wire(b"yes")


@kinds
def test_a_frame_is_sent_as_it_would_be_received(loop: Loop, kind: type[Recorder]) -> None:
    recorder = kind(ask=lambda recorder: recorder.send_frame(b"yes"))
    assert loop.converse(recorder, kind.wire(b"ask")) == kind.wire(b"yes")


@pytest.mark.parametrize(
    ("kind", "frame"),
    [(Bytes, b"x" * 256), (Shorts, b"x" * 65536), (Alike, b"four"), (Ended, b"a\0b")],
)
def test_what_the_format_cannot_say_is_not_sent(
    talks: Talks, kind: type[Recorder], frame: bytes
) -> None:
    recorder = kind()
    talk = talks(recorder)
    with pytest.raises(LocalViolation):
        recorder.send_frame(frame)
    recorder.send_frame(b"yes")
    assert talk.hear() == kind.wire(b"yes")


def test_a_head_comes_before_the_field(talks: Talks) -> None:
    class Tagged(Recorder, LengthFieldProtocol):
        field_size = 2
        field_offset = 1
        strip = 0

    recorder = Tagged()
    talk = talks(recorder)
    recorder.send_frame(b"body", b"!")
    sent = talk.hear()
    assert sent == b"!\0\4body"
    talk.say(sent)
    assert recorder.got == [sent]
    with pytest.raises(LocalViolation, match="the head has 0 bytes, where field_offset is 1"):
        recorder.send_frame(b"body")


def test_class_attributes_configure_the_decoder(talks: Talks) -> None:
    class Kept(Ended):
        delimiters = (b";", b"!")
        keep_delimiter = True
        frame_limit = 4

    recorder = Kept()
    talks(recorder).say(b"one;two!12345")
    assert recorder.got == [b"one;", b"two!"]
    assert [type(lost) for lost in recorder.lost] == [LimitExceeded]
    with pytest.raises(ValueError, match="frame_size is 0"):
        FixedSizeProtocol()  # only a subclass knows


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Alike])
def test_each_kind_has_a_limit_that_a_subclass_may_set(talks: Talks, kind: type[Recorder]) -> None:
    recorder = type("Limited", (kind,), {"frame_limit": 2})()
    talks(recorder).say(kind.wire(b"one"))
    assert recorder.got == []
    assert [type(lost) for lost in recorder.lost] == [LimitExceeded]
    assert kind.frame_limit == FRAME_LIMIT  # type: ignore[attr-defined]  # these have it


REFUSALS: Final = [
    (Netstrings, b"1048577", LimitExceeded, "frame-limit"),
    (Netstrings, b"3:abcd", SocketIOError, "malformed-frame"),
    (Words, b"\0\x10\0\1", LimitExceeded, "frame-limit"),
    (Whole, b"\1\0", SocketIOError, "malformed-frame"),
]


@pytest.mark.parametrize(("kind", "data", "error", "identifier"), REFUSALS)
def test_a_violation_ends_the_connection_with_one_clear_error__pr_14(
    loop: Loop,
    kind: type[Recorder],
    data: bytes,
    error: type[SocketError],
    identifier: str,
) -> None:
    """What a hook raises ends the connection, and `connection_lost` gets it."""
    recorder = kind()
    loop.converse(recorder, kind.wire(b"one") + data + kind.wire(b"two"))
    assert recorder.got == [b"one"]
    [lost] = recorder.lost
    assert isinstance(lost, error)
    assert (lost.identifier, lost.phase) == (identifier, "read")
    assert lost.peer is not None
    assert lost.peer[0] == "127.0.0.1"
    assert isinstance(lost.__cause__, RemoteViolation)


def test_a_violation_that_is_only_noted_closes_in_order(loop: Loop) -> None:
    class Polite(Netstrings):
        def input_refused(self, error: SocketError) -> None:
            self.send_frame(error.identifier.encode())

    recorder = Polite()
    assert loop.converse(recorder, b"3:one,bad") == b"15:malformed-frame,"
    assert (recorder.got, recorder.rest, recorder.lost) == ([b"one"], b"bad", [None])


def test_after_a_violation_another_protocol_may_take_the_bytes__pr_9(loop: Loop) -> None:
    """From the return of `set_protocol` on the new protocol gets every call; no byte is lost."""

    class Guessing(Netstrings):
        def input_refused(self, error: SocketError) -> None:
            self.transport.set_protocol(successor)

    recorder = Guessing()
    successor = Collector(recorder)
    loop.converse(recorder, b"GET / HTTP/1.1\r\n")
    assert (recorder.got, successor.got) == ([], b"GET / HTTP/1.1\r\n")


@kinds
def test_a_pause_in_a_hook_holds_the_frames_that_are_here_already__pr_7(
    loop: Loop, kind: type[Recorder]
) -> None:
    """Between pause and resume nothing is delivered; an end that came meanwhile is, afterwards."""

    def pause(recorder: Recorder) -> None:
        recorder.pause_reading()
        loop.call_soon(lambda: recorder.got.append("later"))
        loop.call_soon(recorder.resume_reading)

    recorder = kind(one=pause)
    loop.converse(recorder, kind.wire(b"one", b"two", b"six"))
    assert recorder.got == [b"one", "later", b"two", b"six"]
    assert recorder.lost == [None]


@kinds
def test_a_close_in_a_hook_ends_the_delivery__pr_11(loop: Loop, kind: type[Recorder]) -> None:
    """`close` sends the output, and nothing is delivered any more."""

    def leave(recorder: Recorder) -> None:
        recorder.send_frame(b"bye")
        recorder.transport.close()

    recorder = kind(two=leave)
    loop.converse(recorder, kind.wire(b"one", b"two", b"six"))
    assert (recorder.got, recorder.rest) == ([b"one", b"two"], kind.wire(b"six"))
    assert recorder.lost == [None]


def test_a_hook_that_raises_ends_its_connection_and_the_delivery__pr_14(loop: Loop) -> None:
    """A failing hook ends its own connection, and `connection_lost` gets what it raised."""
    recorder = Netstrings(bad=lambda recorder: 1 / 0)
    loop.converse(recorder, Netstrings.wire(b"one", b"bad", b"two"))
    assert recorder.got == [b"one", b"bad"]
    assert [type(lost) for lost in recorder.lost] == [ZeroDivisionError]


@kinds
@pytest.mark.parametrize("taker", [Collector, BufferedCollector])
def test_the_next_protocol_gets_the_bytes_that_were_not_taken__pr_9(
    loop: Loop, kind: type[Recorder], taker: Callable[[Recorder], Any]
) -> None:
    """From the return of `set_protocol` on the new protocol gets every call; no byte is lost."""
    recorder = kind(two=lambda recorder: recorder.transport.set_protocol(successor))
    successor, rest = taker(recorder), kind.wire(b"six", b"ten")[:-1]
    loop.converse(recorder, kind.wire(b"one", b"two") + rest)
    assert recorder.got == [b"one", b"two"]
    assert (successor.got, recorder.lost) == (rest, [])


@kinds
def test_frames_go_on_under_tls_with_a_clienthello_that_came_early__pr_10(
    talks: Talks, certificates: Certificates, kind: type[Recorder]
) -> None:
    """A ClientHello in the same piece as the frame that asks for TLS reaches the engine."""
    client = EarlyClient(certificates)
    recorder = kind(tls=lambda recorder: recorder.start_tls(ServerTLS(certificates.localhost)))
    talk = talks(recorder)
    talk.say(kind.wire(b"one", b"tls") + client.hello)
    talk.say(client.answer(talk.hear(), kind.wire(b"two", b"six")))
    assert recorder.got == [b"one", b"tls", b"two", b"six"]
    assert recorder.unfinished == b""


def test_a_frame_behind_starttls_is_not_taken_for_protected__pr_10__rel_34(
    talks: Talks, certificates: Certificates
) -> None:
    """Bytes past the switch go into the engine, which does not take them for TLS."""
    recorder = Netstrings(
        tls=lambda recorder: recorder.start_tls(ServerTLS(certificates.localhost))
    )
    talks(recorder).say(Netstrings.wire(b"tls", b"bad"))
    assert recorder.got == [b"tls"]
    [lost] = recorder.lost
    assert isinstance(lost, TLSError)
