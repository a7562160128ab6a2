"""Transport: writing, and the marks and the limit of the output that waits."""

from __future__ import annotations

import array
import ssl
from typing import Any

import pytest

from reactor.errors import ConnectionReset, LimitExceeded, SocketError
from reactor.flow.waiting_output import WRITE_LIMIT_HIGH, WRITE_LIMIT_LOW
from reactor.testing.memory import MemoryChannel
from reactor.transport import Transport
from tests.reactor.transport.conftest import Talks
from tests.recorder import Recorder
from tests.tls_pairs import VERSIONS

ROOM = 1000  # bytes that the small channels in memory hold


def test_a_write_reaches_the_kernel_before_it_returns__pr_5(talks: Talks) -> None:
    """If nothing waits the channel is tried inside `write`; the loop is not needed."""
    talk = talks()
    talk.transport.write(b"at once")
    assert talk.far.read(100) == b"at once"
    assert talk.transport.get_write_buffer_size() == 0


def test_writes_keep_their_order__pr_5(talks: Talks, kind: str) -> None:
    """Pieces of any size arrive in the order of the writes, once the peer reads."""
    talk = talks(kind=kind)
    pieces = [bytes([n]) * size for n, size in enumerate([1, 7, 70_000, 3, 300_000, 65_536, 2])]
    for piece in pieces[:4]:
        talk.transport.write(piece)
    talk.transport.writelines(pieces[4:])
    whole = b"".join(pieces)
    assert talk.hear_all(len(whole)) == whole


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        (b"", b""),
        (bytearray(b"array"), b"array"),
        (memoryview(b"a view")[2:], b"view"),
        (memoryview(array.array("I", [1, 2])), array.array("I", [1, 2]).tobytes()),
        (memoryview(array.array("I")), b""),
        (array.array("H", [3]), array.array("H", [3]).tobytes()),
    ],
    ids=["nothing", "bytearray", "memoryview", "of four bytes", "of no items", "array"],
)
def test_whatever_is_like_bytes_can_be_written__pr_5__rel_17(
    talks: Talks, kind: str, data: Any, sent: bytes
) -> None:
    """Whatever is like bytes is written as its bytes, whatever its items are; nothing is
    written of nothing.
    """
    talk = talks(kind=kind)
    talk.transport.write(data)
    assert talk.hear() == sent


@pytest.mark.parametrize("data", ["text", 7, None, [1], memoryview(b"abcd")[::2]])
def test_nothing_else_can_be_written__pr_5(talks: Talks, data: Any) -> None:
    """A write of what is not like bytes is a TypeError, and the connection goes on."""
    talk = talks()
    with pytest.raises(TypeError):
        talk.transport.write(data)
    with pytest.raises(TypeError):
        talk.transport.writelines([b"a", "text"])  # type: ignore[list-item]  # on purpose
    talk.transport.write(b"x")
    assert talk.hear() == b"x"


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_bytearray_may_be_changed_afterwards__pr_5__rel_17(talks: Talks, size: int) -> None:
    """A rest that is not `bytes` is copied: the caller may use its buffer again at once."""
    talk = talks(capacity=ROOM)
    talk.transport.write(bytes(ROOM))
    data = bytearray(b"a" * size)
    talk.transport.write(data)
    talk.transport.write(memoryview(data))
    data[:] = b"b" * size
    data.clear()
    assert talk.hear() == bytes(ROOM) + b"a" * size * 2


def test_a_rest_of_bytes_is_not_copied__pr_5(talks: Talks) -> None:
    """A write of 64 MiB of `bytes` costs no second 64 MiB; an empty last piece does not hang."""
    talk = talks(capacity=ROOM)
    data = bytes(64 << 20)
    talk.transport.output_limit = 1 << 30
    talk.transport.writelines([data, b""])
    assert talk.transport.get_write_buffer_size() == len(data) - ROOM
    assert talk.protocol.names[-1] == "pause_writing"
    talk.transport.write(b"")


def test_64_mib_arrive__pr_5__rel_18(talks: Talks) -> None:
    """`writelines` of 64 MiB pauses the protocol, and all of it arrives."""
    talk = talks(kind="tcp4")
    piece = bytes(1 << 20)
    talk.transport.writelines([piece] * 64 + [b""])
    assert talk.protocol.names == ["connection_made", "pause_writing"]
    assert len(talk.hear_all(64 << 20)) == 64 << 20
    assert talk.protocol.names[-1] == "resume_writing"


def test_the_marks_are_exact__pr_6(talks: Talks) -> None:
    """At the high mark nothing happens, a byte above pauses; at the low mark it resumes, later."""
    talk = talks(capacity=ROOM)
    talk.transport.write(bytes(ROOM + WRITE_LIMIT_HIGH))
    assert (talk.transport.get_write_buffer_size(), talk.protocol.names) == (
        WRITE_LIMIT_HIGH,
        ["connection_made"],
    )
    talk.transport.write(b"x")
    assert talk.protocol.names[-1] == "pause_writing"
    while talk.transport.get_write_buffer_size() > WRITE_LIMIT_LOW:
        assert talk.protocol.names[-1] == "pause_writing"
        assert talk.far.read(1)
        talk.settle()
    assert talk.transport.get_write_buffer_size() == WRITE_LIMIT_LOW
    assert talk.protocol.names[-1] == "resume_writing"


def test_pause_and_resume_come_in_turn__pr_6(talks: Talks, kind: str) -> None:
    """However much is written in `pause_writing` and `resume_writing`, they come in turn,
    never one twice.
    """
    left = [40]

    def more(transport: Transport) -> None:
        if left[0]:
            left[0] -= 1
            transport.write(bytes(100_000))

    protocol = Recorder(pause_writing=more, resume_writing=more)
    talk = talks(protocol, kind=kind)
    for _ in range(100):
        more(talk.transport)
    talk.hear_all(40 * 100_000)
    marks = [name for name, *_ in protocol.calls if name.endswith("writing")]
    assert marks == ["pause_writing", "resume_writing"] * (len(marks) // 2)
    assert talk.transport.get_write_buffer_size() == 0


def test_a_protocol_that_writes_until_it_is_paused_ends__pr_6(talks: Talks, kind: str) -> None:
    """A protocol that writes until it is paused ends: `pause_writing` comes inside `write`."""
    stopped = list[int]()

    def until_paused(transport: Transport) -> None:
        while protocol.names[-1] != "pause_writing":
            transport.write(bytes(1000))
        stopped.append(transport.get_write_buffer_size())

    protocol = Recorder(data_received=until_paused)
    talk = talks(protocol, kind=kind)
    talk.far.write(b"go")
    talk.far.flush()
    talk.collection.run_once(0)
    assert len(stopped) == 1
    assert WRITE_LIMIT_HIGH < stopped[0] < WRITE_LIMIT_HIGH + 10_000


def test_new_marks_count_for_what_waits_already__pr_6(talks: Talks) -> None:
    """Lower marks pause at once; higher ones resume later, if what waits is below them now."""
    talk = talks(capacity=ROOM)
    talk.transport.write(bytes(ROOM + 50_000))
    talk.transport.set_write_buffer_limits(high=40_000)
    assert talk.transport.get_write_buffer_limits() == (10_000, 40_000)
    assert talk.protocol.names[-1] == "pause_writing"
    talk.transport.set_write_buffer_limits(low=60_000)
    assert talk.transport.get_write_buffer_limits() == (60_000, 240_000)
    assert talk.protocol.names[-1] == "pause_writing"
    talk.settle()
    assert talk.protocol.names[-1] == "resume_writing"


def test_marks_of_zero_pause_whenever_something_waits__pr_6(talks: Talks) -> None:
    """With a high mark of 0 any byte that waits pauses, and resuming waits until all has gone."""
    talk = talks(capacity=ROOM)
    talk.transport.set_write_buffer_limits(high=0)
    talk.transport.write(bytes(ROOM))
    assert talk.protocol.names == ["connection_made"]
    talk.transport.write(b"x")
    assert talk.protocol.names[-1] == "pause_writing"
    assert len(talk.hear()) == ROOM + 1
    assert talk.protocol.names[-1] == "resume_writing"


def test_who_is_resumed_when_all_has_gone_writes_at_once__pr_5(talks: Talks) -> None:
    """What `resume_writing` writes when all has gone reaches the kernel at once."""
    waiting = list[int]()

    def write(transport: Transport) -> None:
        transport.write(b"x")
        waiting.append(transport.get_write_buffer_size())

    talk = talks(Recorder(resume_writing=write), capacity=ROOM)
    talk.transport.set_write_buffer_limits(high=0)
    talk.transport.write(bytes(ROOM + 10))
    assert len(talk.hear()) == ROOM + 11
    assert waiting == [0]


@pytest.mark.parametrize(("high", "low"), [(-1, None), (10, 11), (10, -1), (None, -1)])
def test_marks_that_make_no_sense_are_refused__pr_6(
    talks: Talks, high: int | None, low: int | None
) -> None:
    """Marks are 0 <= low <= high, else a ValueError, and the old ones stay."""
    talk = talks()
    with pytest.raises(ValueError, match="marks"):
        talk.transport.set_write_buffer_limits(high, low)
    assert talk.transport.get_write_buffer_limits() == (WRITE_LIMIT_LOW, WRITE_LIMIT_HIGH)


def test_the_limit_counts_what_was_there_before__pr_5(talks: Talks) -> None:
    """A write is taken whole while less than `output_limit` waits before it; then it is refused."""
    talk = talks(capacity=ROOM)
    talk.transport.output_limit = 500
    talk.transport.write(bytes(ROOM + 499))
    talk.transport.write(bytes(100_000))
    with pytest.raises(LimitExceeded, match="output_limit") as caught:
        talk.transport.write(b"x")
    assert (caught.value.identifier, caught.value.connection) == ("output-limit", talk.transport)
    assert len(talk.hear()) == ROOM + 499 + 100_000
    talk.transport.write(b"y")
    assert talk.hear() == b"y"


def test_the_limit_is_16_mib__pr_5(talks: Talks) -> None:
    """By default 16 MiB of output may wait on a transport."""
    talk = talks(capacity=ROOM)
    assert talk.transport.output_limit == 16 << 20
    talk.transport.write(bytes(ROOM + (16 << 20) - 1))
    talk.transport.write(b"x")
    with pytest.raises(LimitExceeded):
        talk.transport.write(b"y")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_tls_holds_waits_too__pr_6(talks: Talks, version: ssl.TLSVersion) -> None:
    """Output that TLS has taken and who is below has not is counted, pauses, and has a limit."""
    talk = talks(tls=version, capacity=65_536)
    talk.transport.write(bytes(200_000))
    assert talk.state.channel.holds_output
    assert talk.protocol.names[-1] == "pause_writing"
    talk.transport.output_limit = 1
    with pytest.raises(LimitExceeded):
        talk.transport.write(b"x")


def test_the_loss_is_raised_every_time__pr_5(
    talks: Talks, errors: list[tuple[object, BaseException]]
) -> None:
    """The write that meets a loss is silent, those that follow raise the same error."""
    talk = talks()
    talk.transport.pause_reading()
    assert isinstance(talk.far, MemoryChannel)
    talk.far.reset()
    talk.transport.write(b"meets it")
    for verb in (talk.transport.write, lambda data: talk.transport.writelines([data])):
        for _ in range(2):
            with pytest.raises(ConnectionReset):
                verb(b"x")
    talk.transport.resume_reading()
    talk.settle()
    assert [type(error) for error in talk.protocol.lost] == [ConnectionReset]
    assert (talk.report.by, talk.report.phase, errors) == ("error", "write", [])
    with pytest.raises(ConnectionReset):
        talk.transport.write(b"x")


def test_set_timeouts_does_not_hide_the_loss__pr_5(talks: Talks) -> None:
    """After a lost way out each write raises that loss, whatever limits are set."""
    talk = talks()
    assert isinstance(talk.far, MemoryChannel)
    talk.far.reset()
    talk.transport.write(b"meets it")
    talk.transport.set_timeouts(read=1.0)
    with pytest.raises(ConnectionReset):
        talk.transport.write(b"x")
    talk.settle()
    assert len(talk.protocol.lost) == 1


@pytest.mark.parametrize("hook", ["connection_made", "data_received"])
def test_a_hook_that_meets_the_loss_has_not_failed__pr_14__rel_4(
    talks: Talks, errors: list[tuple[object, BaseException]], hook: str
) -> None:
    """A reset that leaves a hook as the exception of its write is no failure of that hook."""

    def answer(transport: Transport) -> None:
        far.reset()
        transport.write(b"meets it")
        transport.write(b"raises it")

    talk = talks(Recorder(**{hook: answer}), begun=False)
    assert isinstance(talk.far, MemoryChannel)
    far = talk.far
    talk.begin()
    if hook == "data_received":
        far.write(b"x")
        talk.settle()
    assert errors == []
    assert [type(error) for error in talk.protocol.lost] == [ConnectionReset]
    assert talk.report.by == "error"


def test_the_last_words_are_heard_after_a_failed_write__pr_4(talks: Talks) -> None:
    """A peer that has spoken, and shut its side, is heard though writing to it fails."""
    talk = talks(kind="socketpair")
    talk.far.write(b"last words")
    talk.far.close()
    talk.transport.write(b"nobody reads this")
    talk.settle()
    assert talk.protocol.received == b"last words"
    assert talk.protocol.names[-2:] == ["eof_received", "connection_lost"]
    assert isinstance(talk.protocol.lost[0], SocketError)


def test_nothing_is_kept_open_after_a_loss__pr_8(talks: Talks) -> None:
    """A true result of `eof_received` keeps nothing open if writing has failed before."""
    talk = talks(Recorder(eof_received=lambda transport: True), kind="socketpair")
    talk.far.close()
    talk.transport.write(b"fails")
    talk.settle()
    assert talk.protocol.names == ["connection_made", "eof_received", "connection_lost"]


def test_output_that_waits_when_the_peer_goes_is_reported__pr_13(talks: Talks) -> None:
    """Output that could not be sent is counted in the report, and closing after the loss ends."""
    talk = talks(capacity=ROOM)
    talk.transport.write(bytes(ROOM + 5000))
    talk.transport.pause_reading()
    talk.far.close()
    talk.settle()
    talk.transport.close()
    talk.settle()
    assert len(talk.protocol.lost) == 1
    assert (talk.report.by, talk.report.bytes_unsent) == ("error", 5000)
