"""Random verbs on a pair of states, against a model of two queues of bytes.

Whatever is done in whatever order: no byte is lost, doubled or moved out of its place, and every
operation has exactly one end.
"""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactor.channel.base import Channel
from reactor.errors import EndOfStream
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import memory_pair
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.tls_pairs import channels

SIZES: Final = (0, 1, 7, 100, 1500)
TURNS: Final = 20_000
EXAMPLES: Final = 60
END_OF_LINE: Final = 100  # a byte that is in all but the shortest writes

Maker = Callable[[Certificates], tuple[Channel, Channel]]
MAKERS: Final[dict[str, Maker]] = {
    "memory": lambda _: memory_pair(),
    "sips": lambda _: memory_pair(64, sip=3),
    "clogged": lambda _: memory_pair(16),
    "tls12": lambda files: channels(files, ssl.TLSVersion.TLSv1_2, capacity=600),
    "tls13": lambda files: channels(files, ssl.TLSVersion.TLSv1_3, capacity=600),
}

SIDE: Final = st.sampled_from([0, 1])
SIZE: Final = st.sampled_from(SIZES)
LIMIT: Final = st.sampled_from([None, 1.0])
VERBS: Final = st.one_of(
    st.tuples(st.just("write"), SIDE, SIZE, LIMIT),
    st.tuples(st.just("write"), SIDE, SIZE, LIMIT),  # twice, so that there is something to read
    st.tuples(st.just("read"), SIDE, SIZE, LIMIT),
    st.tuples(st.just("check"), SIDE, st.sampled_from([1, 3, 50]), LIMIT),
    st.tuples(st.just("line"), SIDE, LIMIT),
    st.tuples(st.just("wait"), SIDE, LIMIT),
    st.tuples(st.just("fetch"), SIDE, SIZE),
    st.tuples(st.just("abort"), SIDE, st.sampled_from(["input", "output"])),
    st.tuples(st.just("advance"), st.sampled_from([0.6, 5.0])),
    st.tuples(st.just("turn")),
    st.tuples(st.just("settle")),
)
ENDINGS: Final = st.sampled_from(["half close", "close", "abort and close", "collection"])


class Model:
    """The pair, and what should be true of it: by side, the bytes sent and the bytes received."""

    def __init__(self, ends: tuple[Channel, Channel]) -> None:
        self.clock = ManualClock()
        self.collection = WaitStateCollection(clock=self.clock, error_handler=self._fail)
        self.states = [
            AsyncIOState(self.collection, end, queue_output=True, queue_input=True) for end in ends
        ]
        self.sent = [bytearray(), bytearray()]
        self.received = [bytearray(), bytearray()]
        self.exceptions = list[BaseException]()
        self.started = 0
        self.ended = 0
        self._numbers = itertools.count()

    def _fail(self, thing: object, exception: BaseException) -> None:
        self.exceptions.append(exception)

    def once(self, then: Callable[..., object]) -> Callable[..., None]:
        """Count an operation that has begun, and its only end."""
        self.started += 1
        calls = list[object]()

        def end(*arguments: Any) -> None:
            calls.append(arguments)
            assert len(calls) == 1, "an operation has one end"
            self.ended += 1
            then(*arguments)

        return end

    def write(self, side: int, size: int, limit: float | None) -> None:
        data = bytes((next(self._numbers) + at) % 251 for at in range(size))

        def sent(state: AsyncIOState, buffer: bytes, count: int) -> None:
            self.sent[side] += data[:count]

        self.states[side].write_buffer(data, self.once(sent), timeout=limit)

    def read(self, side: int, size: int, limit: float | None) -> None:
        self.states[side].read_buffer(
            bytearray(size), self.once(self._received(side)), timeout=limit
        )

    def _received(self, side: int) -> Callable[..., None]:
        def received(state: AsyncIOState, buffer: bytearray | None, count: int) -> None:
            self.received[side] += (buffer or b"")[:count]

        return received

    def check(self, side: int, bite: int, limit: float | None) -> None:
        end = self.once(lambda *_: None)

        def show(state: AsyncIOState, buffer: bytearray, length: int) -> None:
            assert state.old_length <= length
            count = min(bite, length)
            self.received[side] += buffer[:count]
            if state.read_status is not None or count % 2:
                state.finish(count)
                end()
            else:
                state.discard(count)

        self.states[side].read_with_checking(show, timeout=limit)

    def line(self, side: int, limit: float | None) -> None:
        end, seen = self.once(lambda *_: None), 0

        def show(state: AsyncIOState, buffer: bytearray, length: int) -> None:
            nonlocal seen
            assert state.old_length == seen, "there it was looked for before"
            at = buffer.find(END_OF_LINE, seen, length)
            seen = length
            if at >= 0:
                self.received[side] += buffer[: at + 1]
                assert state.finish(at + 1) == length - at - 1
            if at >= 0 or state.read_status is not None:
                end()

        self.states[side].read_with_checking(show, timeout=limit)

    def wait(self, side: int, limit: float | None) -> None:
        self.states[side].wait_for_input(self.once(lambda state: None), timeout=limit)

    def fetch(self, side: int, size: int) -> None:
        state, buffer = self.states[side], bytearray(size)
        if not state.input.active:
            self.received[side] += buffer[: state.get_buffered_data(buffer)]

    def abort(self, side: int, direction: str) -> None:
        queue = getattr(self.states[side], direction)
        running = queue.operation
        if running is None:
            return
        size_of_check = type(running).__name__ == "Check"

        def aborted(state: AsyncIOState, buffer: Any, count: int | None) -> None:
            self.ended += 1
            if direction == "input" and not size_of_check:
                self.received[side] += bytes(buffer or b"")[:count]
            elif direction == "output":
                self.sent[side] += bytes(buffer)[:count]

        self.states[side].abort(aborted, direction)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def turn(self) -> None:
        self.collection.run_once(0)

    def settle(self) -> None:
        settle(self.collection, limit=TURNS)
        for side in (0, 1):
            sent = self.sent[side]
            got = self.received[1 - side]
            assert got[: len(sent)] == sent[: len(got)], "bytes are lost or out of place"

    def drain(self) -> None:
        """End both ways in order, and read all there is."""
        for state in self.states:
            for direction in ("input", "output"):
                self.abort(self.states.index(state), direction)
        self.settle()
        for side in (0, 1):
            self._read_to_the_end(side)
        self.settle()
        for state in self.states:
            state.shutdown("output")
        self.settle()
        assert self.received[0] == self.sent[1]
        assert self.received[1] == self.sent[0]
        assert all(isinstance(state.read_status, EndOfStream) for state in self.states)

    def _read_to_the_end(self, side: int) -> None:
        def received(state: AsyncIOState, buffer: bytearray, count: int) -> None:
            self.received[side] += buffer[:count]
            if state.read_status is None:
                state.read_buffer(bytearray(1000), received)

        self.states[side].read_buffer(bytearray(1000), received)


def finish(model: Model, ending: str) -> None:
    """End it in one of four ways, and look whether nothing is left."""
    if ending == "half close":
        model.drain()
    elif ending == "close":
        for state in model.states:
            state.close()
        settle(model.collection, limit=TURNS)
    elif ending == "abort and close":
        for state in model.states:
            for queue in (state.input, state.output):  # they end without a word
                model.ended += int(queue.operation is not None) + len(queue.line or ())
            state.abort_and_close(model.once(lambda state: None))
        settle(model.collection, limit=TURNS)
    if ending != "collection":
        assert model.ended == model.started, "each operation has one end"
        model.clock.advance(10.0)  # what a farewell waits for
        settle(model.collection, limit=TURNS)
        assert len(model.collection.timers) == 0


@pytest.mark.slow
@pytest.mark.parametrize("channel", MAKERS)
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(verbs=st.lists(VERBS, max_size=25), ending=ENDINGS)
def test_random_verbs_lose_no_byte_and_no_event__lw_123(
    channel: str, verbs: list[tuple[Any, ...]], ending: str, certificates: Certificates
) -> None:
    """Whatever is done to a state in whatever order, bytes keep their place and each
    operation has one end.
    """
    ends = MAKERS[channel](certificates)
    model = Model(ends)
    try:
        for verb, *arguments in verbs:
            getattr(model, verb)(*arguments)
        finish(model, ending)
        assert model.exceptions == []
    finally:
        model.collection.close()
        for end in ends:
            end.close()
