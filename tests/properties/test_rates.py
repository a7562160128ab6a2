"""Random verbs on two transports under limits of the rate, against a model of two streams.

Whatever is done in whatever order: no byte is lost, doubled or out of order, no more moves in a
while than its limit allows, nobody waits when there is no limit any more, and no timer is left.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.flow.rate_limit import RateLimit
from reactor.loop.collection import WaitStateCollection
from reactor.state.connection import Connection
from reactor.testing.clock import ManualClock
from reactor.testing.memory import memory_pair
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.recorder import BufferedRecorder, Recorder

EXAMPLES: Final = 400
FEW: Final = 80  # of examples that move much
TURNS: Final = 20_000
CAPACITY: Final = 3000  # bytes that may be under way each way
SIDE: Final = st.sampled_from([0, 1])
RATE: Final = st.sampled_from([1.0, 50.0, 1000.0, 1e5])
LIMITS: Final = st.sampled_from([(0,), (0, 1), (1,), ()])
WRITE: Final = st.tuples(st.just("write"), SIDE, st.sampled_from([5000, 100, 1]))
LIMIT: Final = st.tuples(st.just("limit"), SIDE, LIMITS, LIMITS)
VERBS: Final = st.one_of(
    st.tuples(st.just("share"), LIMITS),
    WRITE,
    LIMIT,
    st.tuples(st.just("settle")),
    st.tuples(st.just("rate"), SIDE, st.one_of(st.none(), RATE)),
    st.tuples(st.just("burst"), SIDE, st.sampled_from([None, 1, 700, 4096])),
    st.tuples(st.just("pause_reading"), SIDE),
    st.tuples(st.just("resume_reading"), SIDE),
    st.tuples(st.just("hold_output"), SIDE),
    st.tuples(st.just("release_output"), SIDE),
    st.tuples(st.just("change"), SIDE, st.sampled_from([Recorder, BufferedRecorder])),
    st.tuples(st.just("advance"), st.sampled_from([0.01, 0.5, 5.0])),
    st.tuples(st.just("turn")),
    WRITE,  # again: much has to wait, in several places
    LIMIT,
)


class Model:
    """Two ends and two limits: what each has written, and what each has been given."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.collection = WaitStateCollection(clock=self.clock, error_handler=self._fail)
        self.limits = [RateLimit(self.collection, 1000.0) for _ in range(2)]
        self.exceptions = list[BaseException]()
        self.sent = [bytearray(), bytearray()]
        self.protocols: list[list[Any]] = [[Recorder()], [Recorder()]]
        self.transports = [
            Transport(Connection(self.collection, channel), protocols[0])
            for channel, protocols in zip(memory_pair(CAPACITY), self.protocols, strict=True)
        ]
        for transport in self.transports:
            transport.begin()

    def _fail(self, thing: object, exception: BaseException) -> None:
        self.exceptions.append(exception)

    def received(self, side: int) -> bytes:
        return b"".join(protocol.received for protocol in self.protocols[side])

    def do(self, verb: str, *arguments: Any) -> None:
        own = getattr(self, verb, None)
        if own is not None:
            own(*arguments)
        else:
            getattr(self.transports[arguments[0]], verb)()

    def write(self, side: int, size: int) -> None:
        began = len(self.sent[side])
        data = bytes((began + at) % 251 for at in range(size))
        self.sent[side] += data
        self.transports[side].write(data)

    def limit(self, side: int, read: tuple[int, ...], write: tuple[int, ...]) -> None:
        self.transports[side].set_rate_limits(
            read=[self.limits[at] for at in read], write=[self.limits[at] for at in write]
        )

    def share(self, both: tuple[int, ...]) -> None:
        for side in (0, 1):
            self.limit(side, both, both)

    def rate(self, which: int, rate: float | None) -> None:
        self.limits[which].rate = rate

    def burst(self, which: int, burst: int | None) -> None:
        self.limits[which].burst = burst

    def change(self, side: int, kind: Any) -> None:
        self.protocols[side].append(kind())
        self.transports[side].set_protocol(self.protocols[side][-1])

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def turn(self) -> None:
        self.collection.run_once(0)

    def settle(self) -> None:
        settle(self.collection, limit=TURNS)

    def look(self) -> None:
        for side in (0, 1):
            received = self.received(1 - side)
            assert self.sent[side].startswith(received)


def finish(model: Model, ending: str) -> None:
    """Take off every limit in one of three ways: all that was written has to arrive."""
    for transport in model.transports:
        transport.resume_reading()
        transport.release_output()
    for side, limit in enumerate(model.limits):
        if ending == "off":
            model.transports[side].set_rate_limits()
        elif ending == "free":
            limit.rate = None
        else:
            limit.burst, limit.rate = 1000, 1000.0
    for _ in range(1600 if ending == "wait" else 1):
        model.clock.advance(0.25)  # which is one share at a thousand per second
        model.settle()
    for side in (0, 1):
        assert model.received(1 - side) == model.sent[side]
    for transport in model.transports:
        transport.close()
    model.settle()
    assert [limit.waiting_count for limit in model.limits] == [0, 0]
    assert len(model.collection.timers) == 0


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(
    verbs=st.lists(VERBS, max_size=30),
    ending=st.sampled_from(["off", "free", "wait", "collection"]),
)
def test_random_verbs_under_limits_lose_no_byte__pr_5__pr_7(
    verbs: list[tuple[Any, ...]], ending: str
) -> None:
    """Whatever is done to transports under limits of the rate, every byte arrives once and in its
    place when the limits allow it, and nobody waits for ever.
    """
    model = Model()
    try:
        for verb in verbs:
            model.do(*verb)
            model.look()
        if ending != "collection":
            finish(model, ending)
        assert model.exceptions == []
    finally:
        model.collection.close()
    assert [limit.waiting_count for limit in model.limits] == [0, 0]


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(
    rate=st.sampled_from([100.0, 3000.0]),
    burst=st.sampled_from([1, 300, 5000]),
    steps=st.lists(
        st.tuples(st.sampled_from([0.0, 0.003, 0.1, 2.0]), SIDE, st.sampled_from([0, 10, 3000])),
        max_size=30,
    ),
)
def test_no_more_moves_in_a_while_than_a_limit_allows__pr_5__pr_7(
    rate: float, burst: int, steps: list[tuple[float, int, int]]
) -> None:
    """However writes and time mix, transports that share a limit move no more than burst and rate
    allow.
    """
    model = Model()
    try:
        model.rate(0, rate)
        model.burst(0, burst)
        model.settle()
        began = model.clock()
        for side in (0, 1):
            model.limit(side, (), (0,))
        for seconds, side, size in steps:
            model.advance(seconds)
            model.write(side, size) if size else None
            model.settle()
            left = [transport.get_write_buffer_size() for transport in model.transports]
            total = sum(len(sent) for sent in model.sent) - sum(left)
            assert total <= burst + rate * (model.clock() - began) + 1
        assert model.exceptions == []
    finally:
        model.collection.close()


@pytest.mark.slow
@settings(max_examples=FEW)
@given(
    rate=st.sampled_from([0.3, 50.0, 33_333.3, 1e6]),
    burst=st.sampled_from([None, 1, 3, 100, 5000]),
    sides=st.sampled_from([(0,), (0, 1)]),
    started=st.sampled_from([0.0, 12_345.678, 1e7]),
)
def test_no_less_moves_in_a_while_than_a_limit_allows__pr_5(
    rate: float, burst: int | None, sides: tuple[int, ...], started: float
) -> None:
    """Who has more to send than a limit allows sends all that it allows: at any moment what has
    moved is within a share of burst and rate.
    """
    model = Model()
    try:
        model.advance(started)
        limit = RateLimit(model.collection, rate, burst)
        began, share = model.clock(), max(1, min(limit.burst // 4, 10_000))
        for side in sides:
            model.transports[side].set_rate_limits(write=limit)
            model.write(side, 1_000_000)
        for _ in range(60):
            model.settle()
            left = [model.transports[side].get_write_buffer_size() for side in sides]
            moved = len(sides) * 1_000_000 - sum(left)
            bound = limit.burst + rate * (model.clock() - began)
            assert bound - share - 1 <= moved <= bound + 1 or 0 in left
            model.advance(max(0.0, model.collection.timers.next_moment() - model.clock()))
        assert model.exceptions == []
    finally:
        model.collection.close()
