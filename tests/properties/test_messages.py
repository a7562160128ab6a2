"""Random verbs on a pair of datagram states, against a model of two queues of messages.

Whatever is done in whatever order: a message comes whole, once and in its place or not at all, one
that failed does not come, and every operation has exactly one end.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.channel.socket_channel import DatagramChannel
from reactor.errors import LimitExceeded, OperationAborted, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.net.path import UNIX
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle

TOO_LONG: Final = 8 << 20  # for UDP, and for the buffers of a Unix socket
BIG: Final = bytes(TOO_LONG)
SIZES: Final = (0, 4, 100, 1500, TOO_LONG)
ROOMS: Final = (0, 1, 4, 2000)
EXAMPLES: Final = 150
TURNS: Final = 20_000

# The bytes that were stored, the room there was, and whether the state said that there were more.
Arrival: TypeAlias = tuple[bytes, int, bool]


def udp() -> tuple[socket.socket, socket.socket]:
    """Two sockets on the loopback, connected to each other."""
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for sock in (near, far):
        sock.bind(("127.0.0.1", 0))
    near.connect(far.getsockname())
    far.connect(near.getsockname())
    return near, far


PAIRS: Final[dict[str, Callable[[], tuple[socket.socket, socket.socket]]]] = {
    "udp": udp,
    **({"unix": lambda: socket.socketpair(UNIX, socket.SOCK_DGRAM)} if UNIX else {}),
}
SIDE: Final = st.sampled_from([0, 1])
LIMIT: Final = st.sampled_from([None, 1.0])
MOMENT: Final = st.sampled_from([-1.0, 0.5, 3.0])  # from now
VERBS: Final = st.one_of(
    st.tuples(st.just("send"), SIDE, st.sampled_from(SIZES), LIMIT),
    st.tuples(st.just("send"), SIDE, st.just(4), st.none(), MOMENT),
    st.tuples(st.just("crowd"), SIDE),
    st.tuples(st.just("receive"), SIDE, st.sampled_from(ROOMS), LIMIT),
    st.tuples(st.just("receive"), SIDE, st.just(2000), st.none(), MOMENT),
    st.tuples(st.just("receive"), SIDE, st.sampled_from(ROOMS), st.just(0)),
    st.tuples(st.just("wait"), SIDE, LIMIT),
    st.tuples(st.just("abort"), SIDE, st.sampled_from(["input", "output", "io"])),
    st.tuples(st.just("advance"), st.sampled_from([0.6, 5.0])),
    st.tuples(st.just("turn")),
    st.tuples(st.just("settle")),
)
ENDINGS: Final = st.sampled_from(["drain", "close", "collection"])


class Message:
    """One that was sent; `status` is what was said of it in the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.status: object = "nothing was said"

    @property
    def has_gone(self) -> bool | None:
        """Whether it must have been sent; None where it may: it was stopped, perhaps too late."""
        if isinstance(self.status, (OperationAborted, StateClosed, str)):
            return None
        return self.status is None

    def arrives_as(self, arrival: Arrival) -> bool:
        """Whether this is what has arrived."""
        data, room, truncated = arrival
        return data == self.data[:room] and truncated == (len(self.data) > room)


def explanations(sent: list[Message], arrived: list[Arrival]) -> set[int]:
    """Return how many arrivals can be what was sent, in order: all of them, in the end.

    A message that must have gone and has not arrived is still under way behind the last of them.
    """
    counts = {0}
    for message in sent:
        gone, count_of_all = message.has_gone, len(arrived)
        if gone is not False:
            more = {
                at + 1 for at in counts if at < count_of_all and message.arrives_as(arrived[at])
            }
            waits = counts if gone is None else counts & {count_of_all}
            counts = more | waits
    return counts


class Model:
    """The pair, and what should be true of it: by side, what was sent, and what has arrived."""

    def __init__(self, pair: tuple[socket.socket, socket.socket]) -> None:
        self.clock = ManualClock()
        self.collection = WaitStateCollection(clock=self.clock, error_handler=self._fail)
        channels = [DatagramChannel(sock) for sock in pair]
        self.states = [AsyncIOState(self.collection, one, queue_input=True) for one in channels]
        self.sent: list[list[Message]] = [[], []]
        self.arrived: list[list[Arrival]] = [[], []]
        self.exceptions = list[BaseException]()
        self.started = 0
        self.ended = 0
        self._numbers = itertools.count(1)

    def _fail(self, thing: object, exception: BaseException) -> None:
        self.exceptions.append(exception)

    def _once(self, then: Callable[..., object]) -> Callable[..., None]:
        """Make the callback of an operation, which has one end; it counts once it has begun."""
        calls = list[object]()

        def end(*arguments: Any) -> None:
            calls.append(arguments)
            assert len(calls) == 1, "an operation has one end"
            self.ended += 1
            then(*arguments)

        return end

    def _deadline(self, moment: float | None) -> float | None:
        return None if moment is None else self.clock() + moment

    def send(self, side: int, size: int, limit: float | None, moment: float | None = None) -> None:
        data = BIG if size == TOO_LONG else next(self._numbers).to_bytes(4, "big") * (size // 4)
        message = Message(data)

        def told(state: AsyncIOState) -> None:
            message.status = state.write_status

        with contextlib.suppress(LimitExceeded):  # at the call: it was not taken
            deadline = self._deadline(moment)
            self.states[side].send_message(data, self._once(told), timeout=limit, deadline=deadline)
            self.started += 1
            self.sent[side].append(message)

    def crowd(self, side: int) -> None:
        for _ in range(12):  # more than a Unix socket of Linux has room for
            self.send(side, 4, None)

    def receive(
        self, side: int, room: int, limit: float | None, moment: float | None = None
    ) -> None:
        def came(state: AsyncIOState, buffer: bytearray, count: int) -> None:
            if state.read_status is None:
                self.arrived[side].append((bytes(buffer[:count]), room, state.truncated))
            else:
                assert (count, bytes(buffer)) == (0, bytes(room))

        self.states[side].receive_message(
            bytearray(room), self._once(came), timeout=limit, deadline=self._deadline(moment)
        )
        self.started += 1

    def wait(self, side: int, limit: float | None) -> None:
        self.states[side].wait_for_input(self._once(lambda state: None), timeout=limit)
        self.started += 1

    def abort(self, side: int, direction: str) -> None:
        state = self.states[side]
        queues = [state.input] * (direction != "output") + [state.output] * (direction != "input")
        running = sum(queue.operation is not None for queue in queues)

        def aborted(state: AsyncIOState, *moved: Any) -> None:
            self.ended += running
            assert direction == "io" or moved[1] in (None, 0), "a message comes whole or not at all"

        state.abort(aborted, direction)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def turn(self) -> None:
        self.collection.run_once(0)

    def settle(self) -> None:
        settle(self.collection, limit=TURNS)
        for side in (0, 1):
            arrived = self.arrived[1 - side]
            assert len(arrived) in explanations(self.sent[side], arrived)

    def drain(self) -> None:
        """Stop everything, and receive all there is: what was said to have gone has arrived."""
        for side in (0, 1):
            self.abort(side, "io")
        self.settle()
        for side in (0, 1):
            before = -1
            while before < len(self.arrived[side]):
                before = len(self.arrived[side])
                self.receive(side, 2000, 0)
                self.settle()
            gone = [message for message in self.sent[1 - side] if message.has_gone]
            assert len(gone) <= len(self.arrived[side])


def finish(model: Model, ending: str) -> None:
    """End it in one of three ways, and look whether nothing is left."""
    if ending == "drain":
        model.drain()
    if ending != "collection":
        for state in model.states:
            state.close()
        settle(model.collection, limit=TURNS)
        assert model.ended == model.started, "each operation has one end"
        assert len(model.collection.timers) == 0


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
@settings(max_examples=EXAMPLES)
@given(verbs=st.lists(VERBS, max_size=25), ending=ENDINGS)
def test_random_verbs_on_messages_lose_none_and_no_event__lw_113__lw_123(
    pair: str, verbs: list[tuple[Any, ...]], ending: str
) -> None:
    """Whatever is done to datagram states in whatever order, each message that was said to be sent
    comes whole and in its place, none that has failed does, and each operation has one end.
    """
    model = Model(PAIRS[pair]())
    try:
        for verb, *arguments in verbs:
            getattr(model, verb)(*arguments)
        finish(model, ending)
        assert model.exceptions == []
    finally:
        model.collection.close()
