"""Any order of verbs, in callbacks and between them, against a model of two strings of bytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.callbacks import TCPSocket
from reactor.errors import EndOfStream, ReactorError, SocketError
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.net.path import UNIX
from tests.certificates import Certificates
from tests.reactor.callbacks.conftest import Program, World

PATTERN: Final = bytes(range(251)) * 2000  # of a length that no buffer has
SIZES: Final = st.sampled_from([0, 1, 100, 70_000, 400_000])
MASKS: Final = st.tuples(st.booleans(), st.booleans())
VERBS: Final = st.one_of(
    st.tuples(st.just("write"), SIZES),
    st.tuples(st.just("write_told"), SIZES),
    st.tuples(st.just("write_read"), SIZES),
    st.tuples(st.just("disable"), MASKS),
    st.tuples(st.just("enable"), MASKS),
    st.tuples(st.just("set_timeouts"), st.just((60.0, None))),
    st.tuples(st.just("read"), SIZES),
    st.tuples(st.just("turn"), st.none()),
)
ENDS: Final = st.tuples(st.sampled_from(["close", "abort"]), st.none())
SCRIPTS: Final = st.lists(st.one_of(VERBS, VERBS, VERBS, VERBS, VERBS, VERBS, ENDS), max_size=14)
KINDS: Final = ["tcp", *(["unix"] if UNIX else []), "tls"]
EXAMPLES: Final = 300


class Side:
    """One end, and what it must and must not be told.

    `script` has what it does when it is called; `outside` does the same between turns.
    """

    def __init__(self, script: list[Any], *, stream: bool) -> None:
        self.script: Iterator[Any] = iter(script)
        self.stream = stream
        self.socket: Any = None
        self.wrote = self.got = b""
        self.asked, self.told = list[int](), list[int]()  # numbers of writes with a callback
        self.events = list[ReactorError]()
        self.ended: str | None = None  # how this side has ended it
        self.numbers = itertools.count()
        self.plain = False  # whether there was a write without a callback of its own

    def connect(self, sock: TCPSocket) -> None:
        assert self.socket is None, "it is told first that it is connected"
        self.socket = sock
        self.called(sock)

    def read(self, sock: TCPSocket, data: Any) -> None:
        if self.stream:
            assert data is sock.stream
            self.called(sock)
            self.take(-1)
        else:
            assert type(data) is bytes
            assert data
            self.got += data
            self.called(sock)

    def event(self, event: ReactorError) -> None:
        assert self.ended is None, "nothing comes after the program has ended it"
        self.events.append(event)
        assert len(self.events) == 1
        self.take(-1)

    def called(self, sock: TCPSocket) -> None:
        assert self.ended is None, "nothing comes after the program has ended it"
        assert not self.events, "the event is the last call"
        assert sock is self.socket
        self.act(next(self.script, None))

    @property
    def over(self) -> bool:
        return self.ended is not None or bool(self.events)

    def act(self, step: Any) -> None:
        """Do one thing; a loss that it meets will be told by the event."""
        if step is None or self.over or self.socket is None or self.socket.closed:
            return
        try:
            self.do(*step)
        except SocketError:
            assert not self.socket.closed

    def do(self, verb: str, value: Any) -> None:
        match verb:
            case "write" | "write_told" | "write_read":
                self.write(verb, value)
            case "disable" | "enable" | "set_timeouts":
                getattr(self.socket, verb)(*value)
            case "read":
                self.take(value)
            case "close" | "abort":
                self.take(-1)
                self.ended = verb
                self.socket.close(abort=verb == "abort")

    def write(self, verb: str, size: int) -> None:
        at = len(self.wrote) % 251
        data = PATTERN[at : at + size]
        how = dict[str, Any]()
        if verb == "write_told":
            number = next(self.numbers)
            how["write_cb"] = lambda sock: self.sent(sock, number)
        elif verb == "write_read":
            how["read_cb"] = self.read
        self.socket.write(data, **how)
        self.wrote += data
        self.plain |= verb != "write_told"  # told to the last callback, which is the socket's
        if size and verb == "write_told":
            self.asked.append(number)

    def sent(self, sock: TCPSocket, number: int) -> None:
        if self.asked[len(self.told) :][:1] == [number]:
            self.told.append(number)
        else:
            assert self.plain, "out of order, and nothing else that it could be told of"
        self.called(sock)

    def take(self, count: int) -> None:
        if self.stream and len(self.socket.inbox):
            self.got += self.socket.stream.read(count) or b""


def play(world: World, near: Side, far: Side, steps: list[Any]) -> None:
    """Let both do what their scripts say, then let all arrive that can."""
    one, other = cast(Program, near), cast(Program, far)  # they have the callbacks of one
    world.serve(other, stream=far.stream)
    world.dial(one, world.server.local_port, stream=near.stream, write_cb=None)
    for side, step in zip(itertools.cycle([near, far]), steps, strict=False):
        if step[0] == "turn":
            world.collection.run_once(0)
        side.act(step)
    world.until(lambda: near.over or (near.socket and far.socket))
    for side in (near, far):
        side.script = iter(())
        side.act(("enable", (True, True)))
        side.act(("write_read", 1))
    world.settle()
    if not near.over and not far.over:
        world.until(lambda: near.got == far.wrote and far.got == near.wrote)
        world.settle()
        assert (near.told, far.told) == (near.asked, far.asked)
    near.act(("close", None))
    world.settle()
    world.until(lambda: near.over and (far.over or far.socket is None))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES)
@given(scripts=st.tuples(SCRIPTS, SCRIPTS, SCRIPTS), streams=MASKS)
def test_what_one_side_writes_the_other_reads__cl_25_37_40_44_46_64(
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    scripts: tuple[list[Any], ...],
    streams: tuple[bool, bool],
) -> None:
    """Whatever both sides do in their callbacks and between them, each reads a beginning of what
    the other has written, all of it before an end; every `write_cb` comes once and in order; there
    is one event, and nothing after it or after a close.
    """
    collection = WaitStateCollection("property")
    world = World(collection, kind, certificates, tmp_path_factory.mktemp("path"))
    near, far = (Side(scripts[i], stream=streams[i]) for i in (0, 1))
    collection.error_handler = propagate
    try:
        play(world, near, far, scripts[2])
        for one, other in ((near, far), (far, near)):
            assert other.wrote.startswith(one.got)
            if one.events and isinstance(one.events[0], EndOfStream):
                assert one.got == other.wrote
            assert one.told == one.asked[: len(one.told)]
    finally:
        world.close()
        collection.close()
