"""Transport: the three limits of an established connection."""

from __future__ import annotations

import ssl
from typing import Any, Final

import pytest

from reactor.errors import OperationTimeout
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.reactor.transport.conftest import Talks
from tests.recorder import Recorder
from tests.talk import Talk
from tests.tls_pairs import VERSIONS

ROOM_FOR_A_RECORD: Final = 20_000  # bytes


def pass_time(clock: ManualClock, talk: Talk, seconds: float) -> None:
    clock.advance(seconds)
    talk.settle()


def limit_passed(talk: Talk) -> str:
    """Name the limit that has ended the connection."""
    (error,) = talk.protocol.lost
    assert isinstance(error, OperationTimeout)
    assert (talk.report.by, talk.report.error) == ("limit", error)
    assert talk.report.phase == error.phase
    assert error.limit == 10.0
    talk.far.close()  # the end of TLS has a limit of its own
    talk.settle()
    assert len(talk.collection.timers) == 0
    return str(error.phase)


def test_without_arrival_the_read_limit_passes__pr_12(
    clock: ManualClock, talks: Talks, kind: str
) -> None:
    """Each arrival begins the read limit of `set_timeouts` anew; writes do not."""
    talk = talks(kind=kind)
    talk.transport.set_timeouts(read=10.0)
    for _ in range(3):
        pass_time(clock, talk, 9.0)
        talk.say(b"x")
    talk.transport.write(b"y")
    pass_time(clock, talk, 9.9)
    assert talk.protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "read"


def test_room_for_output_is_no_arrival__pr_12(clock: ManualClock, talks: Talks) -> None:
    """A peer that takes our output, slowly, and says nothing, does not move the read limit."""
    talk = talks(capacity=ROOM_FOR_A_RECORD, tls=VERSIONS[-1])
    talk.transport.set_timeouts(read=10.0)
    talk.transport.write(bytes(10 * ROOM_FOR_A_RECORD))
    for _ in range(3):
        pass_time(clock, talk, 3.0)
        assert talk.far.read(ROOM_FOR_A_RECORD)
        talk.settle()
    assert talk.protocol.lost == []
    pass_time(clock, talk, 1.0)
    assert limit_passed(talk) == "read"


def test_the_read_limit_stands_still_while_reading_is_paused__pr_12(
    clock: ManualClock, talks: Talks, kind: str
) -> None:
    """A pause of reading takes nothing of the read limit and gives nothing back."""
    talk = talks(kind=kind)
    talk.transport.set_timeouts(read=10.0)
    for _ in range(4):
        pass_time(clock, talk, 2.0)
        talk.transport.pause_reading()
        pass_time(clock, talk, 1000.0)
        talk.transport.resume_reading()
    pass_time(clock, talk, 1.9)
    assert talk.protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "read"


def test_what_comes_during_a_pause_is_an_arrival__pr_12(clock: ManualClock, talks: Talks) -> None:
    """Bytes that wait when reading is resumed begin the read limit anew, however old they are."""
    talk = talks()
    talk.transport.set_timeouts(read=10.0)
    pass_time(clock, talk, 9.0)
    talk.transport.pause_reading()
    talk.say(b"x")
    pass_time(clock, talk, 1000.0)
    talk.transport.resume_reading()
    pass_time(clock, talk, 9.0)
    assert (talk.protocol.received, talk.protocol.lost) == (b"x", [])


def test_a_pause_in_the_hook_has_just_had_an_arrival__pr_12(
    clock: ManualClock, talks: Talks
) -> None:
    """After a pause inside `data_received` the whole read limit is left when reading goes on."""
    talk = talks(Recorder(data_received=Transport.pause_reading))
    talk.transport.set_timeouts(read=10.0)
    pass_time(clock, talk, 9.0)
    talk.say(b"x")
    talk.transport.resume_reading()
    pass_time(clock, talk, 9.9)
    assert talk.protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "read"


def test_without_progress_the_write_limit_passes__pr_12(clock: ManualClock, talks: Talks) -> None:
    """While output waits each byte that moves begins the write limit anew; arrivals do not."""
    talk = talks(capacity=1000)
    talk.transport.set_timeouts(write=10.0)
    pass_time(clock, talk, 1000.0)
    talk.transport.write(bytes(5000))
    for _ in range(3):
        pass_time(clock, talk, 9.0)
        talk.far.read(100)
        talk.settle()
    pass_time(clock, talk, 5.0)
    talk.say(b"x")
    pass_time(clock, talk, 4.9)
    assert talk.protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "write"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("hook", [False, True], ids=["outside", "in a hook"])
def test_the_write_limit_counts_for_what_tls_holds__pr_12(
    clock: ManualClock, talks: Talks, version: ssl.TLSVersion, hook: bool
) -> None:
    """The write limit counts also for what TLS has taken and cannot bring out."""

    def say_more_than_fits(transport: Transport) -> None:
        transport.write(bytes(50_000))

    talk = talks(
        Recorder(data_received=say_more_than_fits), tls=version, capacity=ROOM_FOR_A_RECORD
    )
    talk.transport.set_timeouts(write=10.0)
    if hook:
        talk.say(b"x")
    else:
        say_more_than_fits(talk.transport)
    assert talk.transport.get_write_buffer_size() > 0
    pass_time(clock, talk, 9.9)
    assert talk.protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "write"


def test_with_nothing_either_way_the_idle_limit_passes__pr_12(
    clock: ManualClock, talks: Talks, kind: str
) -> None:
    """Whatever moves begins the idle limit anew: an arrival, a write, in a turn or between two."""
    talk = talks(kind=kind)
    talk.transport.set_timeouts(idle=10.0)
    pass_time(clock, talk, 9.0)
    talk.say(b"x")
    pass_time(clock, talk, 9.0)
    talk.transport.write(b"y")
    pass_time(clock, talk, 5.0)
    clock.advance(4.0)
    talk.transport.write(b"z")
    pass_time(clock, talk, 9.9)
    assert talk.protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "idle"


def test_progress_of_what_waits_is_movement__pr_12(clock: ManualClock, talks: Talks) -> None:
    """Output that leaves slowly keeps a connection from being idle."""
    talk = talks(capacity=1000)
    talk.transport.set_timeouts(idle=10.0)
    talk.transport.write(bytes(5000))
    for _ in range(4):  # the first thousand has left at once
        pass_time(clock, talk, 9.0)
        talk.far.read(1000)
        talk.settle()
    pass_time(clock, talk, 9.9)
    assert talk.protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "idle"


def test_the_idle_limit_goes_on_while_reading_is_paused__pr_12(
    clock: ManualClock, talks: Talks
) -> None:
    """A pause of reading is no movement for the idle limit, but the arrival before it was one."""
    talk = talks()
    talk.transport.set_timeouts(idle=10.0)
    pass_time(clock, talk, 9.0)
    talk.say(b"x")
    talk.transport.pause_reading()
    pass_time(clock, talk, 9.9)
    assert talk.protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "idle"


@pytest.mark.parametrize("name", ["read", "write", "idle"])
def test_a_limit_can_be_taken_away__pr_12(
    collection: WaitStateCollection, clock: ManualClock, talks: Talks, name: str
) -> None:
    """`set_timeouts()` without arguments removes all three limits, and no timer is left."""
    talk = talks(capacity=1000)
    talk.transport.write(bytes(5000))
    limits: dict[str, Any] = {name: 10.0}
    talk.transport.set_timeouts(**limits)
    assert len(collection.timers) == 1
    talk.transport.set_timeouts()
    assert len(collection.timers) == 0
    pass_time(clock, talk, 1000.0)
    assert talk.protocol.lost == []


@pytest.mark.parametrize("name", ["read", "write", "idle"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "soon", True])
def test_a_limit_is_seconds_above_zero__pr_12(talks: Talks, name: str, value: Any) -> None:
    """`set_timeouts` refuses what is not above zero, and changes nothing."""
    talk = talks()
    limits: dict[str, Any] = {"read": 5.0, "write": 5.0, "idle": 5.0, name: value}
    with pytest.raises((TypeError, ValueError), match=name):
        talk.transport.set_timeouts(**limits)
    assert len(talk.collection.timers) == 0


@pytest.mark.parametrize("end", [Transport.close, Transport.abort])
def test_no_timer_is_left_behind__pr_12(
    collection: WaitStateCollection, talks: Talks, kind: str, end: Any
) -> None:
    """The end of a connection with limits and waiting output leaves no timer, and calls once."""
    talk = talks(kind=kind)
    talk.transport.set_timeouts(read=1.0, write=2.0, idle=3.0)
    talk.transport.write(bytes(100))
    end(talk.transport)
    talk.hear()
    talk.far.close()
    settle(collection)
    assert len(collection.timers) == 0
    assert talk.protocol.lost == [None]


def test_limits_may_be_set_in_every_hook__pr_12(clock: ManualClock, talks: Talks) -> None:
    """A limit that is set inside a hook counts from there."""
    protocol = Recorder(
        connection_made=lambda transport: transport.set_timeouts(read=5.0),
        data_received=lambda transport: transport.set_timeouts(read=10.0),
    )
    talk = talks(protocol)
    pass_time(clock, talk, 4.0)
    talk.say(b"x")
    pass_time(clock, talk, 9.9)
    assert protocol.lost == []
    pass_time(clock, talk, 0.1)
    assert limit_passed(talk) == "read"
