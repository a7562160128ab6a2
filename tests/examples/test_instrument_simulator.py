"""The instrument of the examples on a connection: it takes its time, and fails by plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest
from scpi import IDENTITY, Voltmeter
from simulator import LINE_LIMIT, Behaviour, Session

from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.testing.memory import memory_pair
from tests.talk import Talk

Connect: TypeAlias = Callable[..., Talk]

READING = b"+1.25000E+00\n"


@pytest.fixture
def connect(collection: WaitStateCollection) -> Iterator[Connect]:
    """Make clients of one instrument: `connect(hang=1.0)`; its next ones share the meter."""
    meter = Voltmeter(lambda: 1.25)
    with ExitStack() as made:

        def connected(*, sip: int | None = None, **behaviour: Any) -> Talk:
            session: Any = Session(collection, meter, Behaviour(**behaviour))
            talk = Talk(collection, memory_pair(sip=sip), session)
            made.callback(talk.close)
            return talk.begin()

        yield connected


def test_answers_come_in_order_and_measurements_take_time(
    connect: Connect, clock: ManualClock
) -> None:
    talk = connect(measuring_time=0.5)
    talk.say(b"*OPC?\nREAD?\r\nREAD?;READ?\n*OPC?\n")
    assert talk.hear() == b"1\n"
    clock.advance(0.5)
    assert talk.hear() == READING
    clock.advance(0.99)
    assert talk.hear() == b""
    clock.advance(0.01)
    assert talk.hear() == READING[:-1] + b";" + READING + b"1\n"


def test_one_client_is_measured_for_while_another_is_answered(
    connect: Connect, clock: ManualClock
) -> None:
    slow, quick = connect(measuring_time=60.0), connect(measuring_time=0.0)
    slow.say(b"READ?\n")
    quick.say(b"READ?\n*IDN?\n")
    assert (slow.hear(), quick.hear()) == (b"", READING + IDENTITY.encode() + b"\n")
    slow.end()
    clock.advance(60.0)
    assert slow.hear() == READING  # who has said all that he had to say still hears it
    assert slow.ended


def test_a_client_that_goes_while_it_is_measured_for_leaves_no_timer(
    connect: Connect, collection: WaitStateCollection
) -> None:
    talk = connect()
    talk.say(b"READ?\n")
    assert len(collection.timers) > 0
    talk.far.close()
    talk.transport.abort()
    talk.settle()
    assert len(collection.timers) == 0


def test_a_line_over_the_limit_is_forgotten_and_the_next_is_obeyed(connect: Connect) -> None:
    talk = connect(sip=7)
    talk.say(b"x" * 10 * LINE_LIMIT + b"\nSYST:ERR?\n")
    assert talk.hear() == b'-363,"Input buffer overrun"\n'


def test_it_hangs_and_then_answers_late(connect: Connect, clock: ManualClock) -> None:
    talk = connect(hang=1.0, hanging_time=3.0, measuring_time=0.1)
    talk.say(b"*IDN?\nREAD?\n*OPC?\n")
    assert talk.hear() == IDENTITY.encode() + b"\n"  # only measurements hang
    clock.advance(3.09)
    assert talk.hear() == b""
    clock.advance(0.01)
    assert talk.hear() == READING + b"1\n"


def test_garbage_is_one_line_that_is_not_ascii(connect: Connect) -> None:
    talk = connect(garble=1.0, measuring_time=0.0)
    talk.say(b"READ?\n")
    said = talk.hear()
    assert not said.isascii()
    assert (said.count(b"\n"), len(said)) == (1, len(READING))


def failures(seed: int) -> list[bool]:
    """Which of a hundred measurements go wrong."""
    behaviour, meter = Behaviour(seed=seed, garble=0.3), Voltmeter(lambda: 1.0)
    return [not behaviour.spoil(meter.obey(b"READ?"))[1].isascii() for _ in range(100)]


def test_the_same_seed_fails_at_the_same_measurements() -> None:
    assert failures(7) == failures(7)
    assert failures(7) != failures(8)
    assert 10 < sum(failures(7)) < 50
