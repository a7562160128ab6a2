"""The poller of the examples, over TCP with an instrument whose every word the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from poller import SHOWN, Condition, Poller
from readings import Reading

from protocols import LineProtocol
from reactor.loop.collection import WaitStateCollection
from reactor.reconnection import Backoff
from reactor.server import serve
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.turns import until

HOST: Final = "127.0.0.1"
CONFIGURE: Final = "CONF:VOLT AUTO;:SYST:ERR?"
NO_ERROR: Final = '0,"No error"'
STEADY: Final = Backoff(delay_first=4.0, jitter=0)


class Line(LineProtocol):
    """The instrument's end of a connection."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.gone = self.talks_on = False

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self.bench.lines.append(self)

    def line_received(self, line: bytes) -> None:
        self.bench.asked.append(line.decode())

    def eof_received(self) -> bool:
        super().eof_received()
        return self.talks_on

    def connection_lost(self, exc: BaseException | None) -> None:
        self.gone = True


class Bench:
    """A poller, and the instrument that it talks to."""

    def __init__(self, collection: WaitStateCollection) -> None:
        self.collection = collection
        self.lines = list[Line]()  # a connection each
        self.asked = list[str]()
        self.readings = list[Reading]()
        self.conditions = list[Condition]()
        self.server = serve(collection, lambda: Line(self), 0, address=HOST)
        self.on_reading: Callable[[], object] = lambda: None
        self.poller = Poller(
            *(collection, HOST, self.server.port, self._measured, self._changed), backoff=STEADY
        )

    def _measured(self, reading: Reading) -> None:
        self.readings.append(reading)
        self.on_reading()

    def _changed(self) -> None:
        self.conditions.append(self.poller.condition)

    @property
    def values(self) -> list[float | str]:
        """What was measured, or why nothing was."""
        return [one.reason if one.value is None else one.value for one in self.readings]

    def hear(self) -> str:
        """Wait for the next question."""
        until(self.collection, lambda: self.asked)
        return self.asked.pop(0)

    def say(self, answer: str | bytes) -> None:
        """Answer on the latest connection."""
        self.lines[-1].send_line(answer.encode() if isinstance(answer, str) else answer)

    def greet(self) -> None:
        """Answer until the first reading is asked for."""
        assert self.hear() == "*IDN?"
        self.say("TESTER")
        assert self.hear() == CONFIGURE
        self.say(NO_ERROR)
        assert self.hear() == "READ?"

    def reads(self, *values: float | str) -> None:
        """Wait until this and no more was measured."""
        until(self.collection, lambda: len(self.readings) >= len(values))
        settle(self.collection)
        assert self.values == [*values]

    def waits(self) -> None:
        """Wait until the poller waits for its next attempt, and has hung up."""
        until(self.collection, lambda: self.poller.condition is Condition.WAITING)
        until(self.collection, lambda: all(line.gone for line in self.lines))


@pytest.fixture
def bench(collection: WaitStateCollection) -> Iterator[Bench]:
    bench = Bench(collection)
    yield bench
    bench.poller.stop()
    bench.server.close()
    settle(collection)


@pytest.fixture
def polling(bench: Bench) -> Bench:
    """A bench at which the first reading has been asked for."""
    bench.poller.start()
    bench.greet()
    return bench


def test_readings_are_asked_for_at_even_moments(polling: Bench, clock: ManualClock) -> None:
    polling.poller.start()  # once more is harmless
    for number in range(3):
        clock.advance(0.2)  # which the instrument takes
        polling.say(f"+{number}.5E+00")
        polling.reads(*[0.5, 1.5, 2.5][: number + 1])
        clock.advance(0.29)
        settle(polling.collection)
        assert polling.asked == []
        clock.advance(0.01)
        assert polling.hear() == "READ?"
    moments = [reading.when for reading in polling.readings]
    assert moments == pytest.approx([1000.2, 1000.7, 1001.2])
    assert (polling.poller.identity, len(polling.lines)) == ("TESTER", 1)


def test_what_an_instrument_says_of_itself_fits_into_a_window(bench: Bench) -> None:
    bench.poller.start()
    assert bench.hear() == "*IDN?"
    bench.say("TESTER\x1b[31m" + "R" * 900)
    assert bench.hear() == CONFIGURE
    bench.say('-1,"' + "x" * 900 + '"')
    assert bench.hear() == "READ?"
    assert bench.poller.identity == "TESTER\\x1b[31m" + "R" * (SHOWN - 14)
    assert bench.poller.complaint == '-1,"' + "x" * (SHOWN - 4)


def test_a_slow_answer_is_never_overtaken(polling: Bench, clock: ManualClock) -> None:
    clock.advance(0.95)
    settle(polling.collection)
    assert polling.asked == []
    polling.say("1")
    assert polling.hear() == "READ?"  # it is due already, and once
    polling.reads(1.0)


def test_a_late_answer_is_not_taken_for_that_of_the_next_question(
    polling: Bench, clock: ManualClock
) -> None:
    late = polling.lines[-1]
    late.talks_on = True
    clock.advance(1.0)
    polling.reads("no answer")
    assert (polling.poller.reason, polling.poller.when) == ("no answer", clock() + 4.0)
    clock.advance(4.0)
    polling.greet()
    late.send_line(b"+1.00000E+00")
    settle(polling.collection)
    polling.say("+2.00000E+00")
    polling.reads("no answer", 2.0)
    assert polling.poller.condition is Condition.POLLING
    assert late is not polling.lines[-1]


def test_who_measures_again_is_waited_for_as_if_for_the_first_time(
    polling: Bench, clock: ManualClock
) -> None:
    for _ in range(2):
        polling.lines[-1].transport.close()
        polling.waits()
        assert polling.poller.when == clock() + 4.0
        clock.advance(4.0)
        polling.greet()
        polling.say("1")
        settle(polling.collection)
    assert polling.values == ["hung up", 1.0] * 2


def test_moments_that_were_missed_are_not_made_up_for(polling: Bench, clock: ManualClock) -> None:
    polling.say("1")
    for late in (0.6, 0.4, 3.0):  # due at 0.5 and 1.0, then at 1.5 and a few times more
        polling.reads(*polling.values, 1.0)
        assert polling.asked == []
        clock.advance(late)
        assert polling.hear() == "READ?"
        polling.say("1")
    settle(polling.collection)
    assert polling.asked == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"+1.0\n+2.0", "that was no answer: +1.0"),
        (b"\xb3.1\x1b[2J", r"that was no answer: \xb3.1\x1b[2J"),
        (b"nan", "that is no reading: nan"),
        (b"-inf", "that is no reading: -inf"),
        (b"1_0", "that is no reading: 1_0"),
        (b"", "that is no reading"),
        (b"9" * 5000, "that was no answer: " + "9" * 40),
    ],
)
def test_what_is_no_reading_ends_the_connection(polling: Bench, answer: bytes, reason: str) -> None:
    polling.lines[-1].transport.write(answer + b"\n")
    polling.reads(reason)
    polling.waits()


def test_who_does_not_say_whether_there_was_an_error_is_not_believed(bench: Bench) -> None:
    bench.poller.start()
    assert bench.hear() == "*IDN?"
    bench.say("TESTER")
    assert bench.hear() == CONFIGURE
    bench.say("+1.0")
    bench.reads("that is no error: +1.0")
    bench.waits()


def test_an_answer_in_pieces_is_one_and_an_endless_one_is_none(
    polling: Bench, clock: ManualClock
) -> None:
    for piece in (b"+1.", b"25", b"E+00\r\n"):
        polling.lines[-1].transport.write(piece)
        settle(polling.collection)
        clock.advance(0.1)
    polling.reads(1.25)
    clock.advance(0.5)
    assert polling.hear() == "READ?"
    for _ in range(5):  # a byte at a time does not move the limit
        polling.lines[-1].transport.write(b"1")
        settle(polling.collection)
        clock.advance(0.2)
    polling.reads(1.25, "no answer")


def test_who_speaks_unasked_or_hangs_up_meanwhile_is_noticed_at_once(polling: Bench) -> None:
    polling.say("1")
    polling.reads(1.0)
    polling.say("2")
    polling.reads(1.0, "it speaks unasked")
    polling.waits()
    polling.poller.retry_now()
    polling.greet()
    polling.say("3")
    until(polling.collection, lambda: len(polling.readings) == 3)
    polling.lines[-1].transport.close()
    polling.reads(1.0, "it speaks unasked", 3.0, "hung up")


def test_who_is_not_there_is_looked_for_less_and_less_often(
    bench: Bench, clock: ManualClock
) -> None:
    bench.server.close()
    settle(bench.collection)
    bench.poller.start()
    waits = []
    for count in range(1, 4):
        bench.reads(*["connection refused"] * count)
        assert bench.poller.when is not None
        waits.append(bench.poller.when - clock())
        clock.advance(waits[-1])
    assert waits == [4.0, 8.0, 16.0]
    assert bench.conditions[-2:] == [Condition.CONNECTING, Condition.WAITING]


def test_an_address_that_is_none_is_not_tried_again(collection: WaitStateCollection) -> None:
    collection.error_handler = lambda thing, exception: None
    conditions = list[Condition]()
    poller = Poller(collection, HOST, 0, print, lambda: conditions.append(poller.condition))
    poller.start()
    settle(collection)
    assert conditions[-1] is Condition.STOPPED
    assert poller.complaint == "service is port 0, which nobody can connect to"
    assert len(collection.timers) == 0
    poller.start()
    assert poller.complaint == ""
    poller.stop()


def test_overload_is_a_gap_and_no_failure(polling: Bench, clock: ManualClock) -> None:
    polling.say("+9.90000E+37")
    polling.reads("overload")
    clock.advance(0.5)
    assert polling.hear() == "READ?"
    assert len(polling.lines) == 1


def test_a_range_is_told_between_two_questions(polling: Bench, clock: ManualClock) -> None:
    polling.poller.full_scale = "10"
    settle(polling.collection)
    assert polling.asked == []
    polling.say("1")
    assert polling.hear() == "CONF:VOLT 10;:SYST:ERR?"
    polling.say('-222,"Data out of range"')
    settle(polling.collection)
    assert polling.poller.complaint == '-222,"Data out of range"'
    polling.poller.full_scale = "AUTO"  # nothing runs now, so it is told at once
    assert polling.hear() == CONFIGURE
    polling.say(NO_ERROR)
    clock.advance(0.5)
    assert polling.hear() == "READ?"
    assert polling.poller.complaint == ""
    with pytest.raises(ValueError, match="a range is a number of volts"):
        polling.poller.full_scale = "1;*RST"


def test_an_interval_counts_at_once(polling: Bench, clock: ManualClock) -> None:
    polling.poller.interval = 60.0
    polling.say("1")
    polling.reads(1.0)
    clock.advance(2.0)
    settle(polling.collection)
    assert polling.asked == []
    polling.poller.interval = 1.0
    assert polling.hear() == "READ?"
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="an interval has at least"):
            polling.poller.interval = wrong


def test_stopping_in_the_middle_of_a_question_tells_nobody(polling: Bench) -> None:
    polling.poller.stop()
    polling.poller.stop()
    assert polling.conditions[-1] is Condition.STOPPED
    until(polling.collection, lambda: polling.lines[-1].gone)
    assert polling.readings == []
    polling.poller.start()
    polling.greet()
    polling.say("1")
    polling.reads(1.0)
    assert len(polling.collection.timers) == 1
    polling.poller.stop()
    assert len(polling.collection.timers) == 0


def test_stopping_while_it_connects_or_waits_tells_nobody(bench: Bench, clock: ManualClock) -> None:
    bench.poller.start()
    bench.poller.stop()
    bench.poller.start()
    until(bench.collection, lambda: bench.poller.condition is not Condition.CONNECTING)
    bench.poller.stop()
    bench.server.close()
    bench.poller.start()
    bench.reads("connection refused")
    bench.poller.stop()
    clock.advance(100.0)
    settle(bench.collection)
    assert len(bench.readings) == 1


def test_a_reading_may_stop_the_poller(polling: Bench, clock: ManualClock) -> None:
    polling.on_reading = polling.poller.stop
    polling.say("1")
    until(polling.collection, lambda: polling.lines[-1].gone)
    clock.advance(100.0)
    settle(polling.collection)
    assert (polling.values, polling.asked) == ([1.0], [])
