"""The ways that are drawn are the ways that a byte takes: each is walked, and compared."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import os
import re
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

import pytest

from docs.ways import LANDMARKS, WAYS, WORDS, steps_of, way
from reactor.deadline import NEVER
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.state.handshake import socket_of
from reactor.stream.socket_stream import SocketStream
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.architecture.tree import ROOT
from tests.certificates import Certificates
from tests.channels import Ends, tcp, tls
from tests.recorder import Recorder
from tests.talk import Talk

PATIENCE: Final = 10.0  # seconds until a turn that waits for its peer has waited in vain
BUFFER_SIZE: Final = 65_536  # bytes that the kernel is asked to hold
BIG: Final = bytes(1 << 20)  # more than it takes at once
LOOP: Final = "reactor.loop.collection.WaitStateCollection"
OUTSIDE: Final = {f"{LOOP}.{name}" for name in ("run_once", "_turn_by_hand", "_turn")}


@dataclass
class Call:
    """A function of ours, or a landmark, and what was called in it."""

    name: str
    inner: list[Call] = field(default_factory=list)

    def lines(self, depth: int = 0) -> list[str]:
        """Return what leads to landmarks, as in `docs/ways.py`; repetitions count once."""
        below = [lines for call in self.inner if (lines := call.lines(depth + 1))]
        once = [
            lines for lines, before in zip(below, [[], *below], strict=False) if lines != before
        ]
        if self.name in LANDMARKS or once:
            return ["  " * depth + self.name, *itertools.chain(*once)]
        return []


class Walk:
    """Notes which of our functions are called, and in which, from `begin` to `end`."""

    def __init__(self) -> None:
        self._root = Call("")
        self._frames = list[Call]()  # of those entered and not left: the last of ours

    def begin(self) -> None:
        self._frames.clear()
        sys.setprofile(self._see)

    def end(self) -> None:
        sys.setprofile(None)

    def turn(self, collection: WaitStateCollection) -> None:
        """Walk through one turn."""
        self.begin()
        collection.run_once(PATIENCE)
        self.end()

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        above = self._frames[-1] if self._frames else self._root
        if event == "call":
            name = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"
            ours = name.startswith("reactor.") and name not in OUTSIDE
            call = Call(name if ours else name.rpartition(".")[2])
            if ours or call.name in LANDMARKS:
                above.inner.append(call)
            self._frames.append(call if ours else above)
        elif event == "return" and self._frames:
            self._frames.pop()
        elif event == "c_call" and argument.__qualname__ in LANDMARKS:
            above.inner.append(Call(argument.__qualname__))

    def __str__(self) -> str:
        lines = itertools.chain(*(call.lines() for call in self._root.inner))
        return "".join(f"{line}\n" for line in lines)


def in_an_empty_context(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test as most programs run: without context variables, which pytest has."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        contextvars.Context().run(test, **fixtures)

    return run


@pytest.fixture
def walk() -> Iterator[Walk]:
    walk = Walk()
    yield walk
    walk.end()


def ends_of(certificates: Certificates, *, protected: bool) -> Ends:
    return tls(certificates, ssl.TLSVersion.TLSv1_3) if protected else tcp(certificates)


def compare(name: str, walk: Walk) -> None:
    assert str(walk) == WAYS[name], f"docs/ways.py: {name!r} is now\n{walk}"


linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a channel that counts stands between"
)


@linux_only
@pytest.mark.parametrize("name", ["in", "in-tls"])
@in_an_empty_context
def test_the_way_in_is_that_of_the_drawing(
    collection: WaitStateCollection, certificates: Certificates, walk: Walk, name: str
) -> None:
    talk = Talk(collection, ends_of(certificates, protected=name == "in-tls")).begin()
    talk.say(b"the first read meets what came behind the handshake")
    talk.far.write(b"x")
    talk.far.flush()
    walk.turn(collection)
    assert talk.protocol.received.endswith(b"x")
    talk.close()
    compare(name, walk)


@linux_only
@in_an_empty_context
def test_the_way_out_is_that_of_the_drawing(
    collection: WaitStateCollection, certificates: Certificates, walk: Walk
) -> None:
    def answer(transport: Transport) -> None:
        walk.begin()
        transport.write(BIG)

    talk = Talk(collection, tcp(certificates), Recorder(data_received=answer)).begin()
    for channel in (talk.state.channel, talk.far):
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock = socket_of(channel)
            assert sock is not None
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_SIZE)
    talk.far.write(b"x")
    collection.run_once(PATIENCE)
    walk.end()
    heard = len(talk.far.read(len(BIG)) or b"")  # room for the rest, or some of it
    walk.turn(collection)
    rest = len(BIG) - heard
    assert len(talk.hear_all(rest)) == rest
    talk.close()
    compare("out", walk)


@linux_only
@in_an_empty_context
def test_the_way_out_under_tls_is_that_of_the_drawing(
    collection: WaitStateCollection, certificates: Certificates, walk: Walk
) -> None:
    def answer(transport: Transport) -> None:
        walk.begin()
        transport.write(b"y")

    ends = ends_of(certificates, protected=True)
    talk = Talk(collection, ends, Recorder(data_received=answer)).begin()
    talk.far.write(b"x")
    talk.far.flush()
    collection.run_once(PATIENCE)
    walk.end()
    assert talk.hear() == b"y"
    talk.close()
    compare("out-tls", walk)


@linux_only
@in_an_empty_context
def test_the_way_into_a_buffer_is_that_of_the_drawing(
    collection: WaitStateCollection, certificates: Certificates, walk: Walk
) -> None:
    def callback(*_: object) -> None:
        reports.append("read")

    reports = list[str]()
    near, far = tcp(certificates)
    state = AsyncIOState(collection, near)
    state.read_buffer(bytearray(1), callback)
    settle(collection)
    far.write(b"x")
    walk.turn(collection)
    assert reports == ["read"]
    state.close()
    far.close()
    compare("read_buffer", walk)


@linux_only
@in_an_empty_context
def test_the_way_out_of_a_buffer_is_that_of_the_drawing(
    collection: WaitStateCollection, certificates: Certificates, walk: Walk
) -> None:
    def callback(*_: object) -> None:
        walk.end()
        reports.append("written")
        collection.stop()

    def send() -> None:
        walk.begin()
        state.write_buffer(b"x", callback)

    reports = list[str]()
    near, far = tcp(certificates)
    state = AsyncIOState(collection, near)
    collection.apply(send)
    collection.run()
    assert reports == ["written"]
    state.close()
    far.close()
    compare("write_buffer", walk)


def test_every_way_is_on_the_page() -> None:
    page = (ROOT / "docs/inside.md").read_text("utf-8")
    assert re.findall(r"^```\{way\} (\S+)$", page, re.MULTILINE) == list(WAYS)


def test_every_step_has_its_words() -> None:
    names = {name for text in WAYS.values() for _, name in steps_of(text)}
    assert names == {*WORDS, *LANDMARKS}


@pytest.mark.parametrize("name", WAYS)
def test_a_drawing_has_every_step(name: str) -> None:
    drawing = way(name)
    steps = [*steps_of(WAYS[name])]
    assert drawing.count('class="box') == len(steps)
    for _, step in steps:
        assert step.rpartition("reactor.")[2].rpartition(".")[2] in drawing


@linux_only
@in_an_empty_context
def test_the_blocking_way_in_is_that_of_the_drawing(certificates: Certificates, walk: Walk) -> None:
    near, far = tcp(certificates)

    def limits() -> tuple[None, float]:
        """Let the peer speak when the first try has found nothing."""
        os.write(far.fileno(), b"x")
        return None, NEVER

    with (
        SocketStream(near) as stream,
        contextlib.closing(far),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(stream, "_read_limits", limits)
        walk.begin()
        assert stream.read1().startswith(b"x")
        walk.end()
    compare("blocking", walk)
