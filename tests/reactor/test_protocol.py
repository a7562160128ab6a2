"""Protocol: classes that touch no event loop get the same calls here and on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Final

import pytest
from serial.threaded import (  # type: ignore[import-untyped]  # it has no annotations
    FramedPacket,
    LineReader,
)

from reactor.loop.collection import WaitStateCollection
from reactor.protocol import BufferedProtocol, DatagramProtocol, Protocol
from reactor.state.connection import Connection
from reactor.testing.settle import settle
from reactor.transport import Transport
from tests.recorder import BufferedRecorder, Notes, Recorder

TURNS: Final = 8  # of asyncio's loop, in which it does all that a step of a conversation needs

Made = Callable[[], Any]
Step = Callable[[Any, socket.socket], object]
Runner = Callable[[Any, list[Step]], None]


def on_asyncio(protocol: Any, steps: list[Step]) -> None:
    """Let a protocol live through a conversation on asyncio."""
    near, far = socket.socketpair()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    with contextlib.closing(loop), far:
        far.setblocking(False)
        made = loop.create_connection(lambda: protocol, sock=near)
        transport, _ = loop.run_until_complete(made)
        for step in [*steps, do(lambda transport: transport.abort())]:
            step(transport, far)
            for _ in range(TURNS):
                loop.call_soon(loop.stop)
                loop.run_forever()


def on_a_collection(protocol: Any, steps: list[Step]) -> None:
    """Let a protocol live through the same conversation here."""
    near, far = socket.socketpair()
    collection = WaitStateCollection(error_handler=lambda thing, exception: None)
    with contextlib.closing(collection), far:
        far.setblocking(False)
        transport = Transport(Connection(collection, near), protocol)
        transport.begin()
        for step in [*steps, do(lambda transport: transport.abort())]:
            step(transport, far)
            settle(collection)


def say(data: bytes) -> Step:
    def step(transport: Any, far: socket.socket) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the near end has gone
            far.send(data)

    return step


def do(verb: Callable[[Any], object]) -> Step:
    """Use a verb of the transport, unless the protocol has closed it: asyncio ignores it then."""
    return lambda transport, far: transport.is_closing() or verb(transport)


def hear(transport: Any, far: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError, ConnectionResetError):
        while far.recv(1 << 20):
            pass


def hear_all(steps: int = 40) -> list[Step]:
    """As many readings as it takes until nothing waits any more."""
    return [hear] * steps


def end(transport: Any, far: socket.socket) -> None:
    far.shutdown(socket.SHUT_WR)


CONVERSATIONS: Final[dict[str, list[Step]]] = {
    "bytes and an end": [say(b"one"), say(b"two"), end],
    "an end at once": [end],
    "closed here": [say(b"one"), lambda transport, far: transport.close(), say(b"two")],
    "aborted here": [lambda transport, far: transport.abort(), say(b"late")],
    "paused and resumed": [
        say(b"one"),
        do(lambda transport: transport.pause_reading()),
        say(b"two"),
        end,
        do(lambda transport: transport.resume_reading()),
    ],
    "more output than fits": [
        do(lambda transport: transport.write(bytes(1_000_000))),
        do(lambda transport: transport.write(bytes(1_000_000))),
        *hear_all(),
        end,
    ],
    "closed with output waiting": [
        do(lambda transport: transport.write(bytes(1_000_000))),
        do(lambda transport: transport.close()),
        *hear_all(),
    ],
    "our end first": [
        do(lambda transport: transport.write_eof()),
        say(b"one"),
        end,
    ],
    "marks of our own": [
        do(lambda transport: transport.set_write_buffer_limits(high=500_000, low=100_000)),
        # Not writelines: asyncio of Python 3.12.1 forgets to pause in there.
        do(lambda transport: transport.write(bytes(1_000_000))),
        *hear_all(),
    ],
    "another protocol": [
        say(b"one"),
        do(lambda transport: transport.set_protocol(transport.get_protocol().successor())),
        say(b"two"),
        end,
    ],
}


class Successor:
    """A recorder that hands over to one of the other kind, which notes in the same list."""

    calls: list[Any]

    def successor(self) -> Notes:
        other: Notes = Recorder() if isinstance(self, BufferedProtocol) else Buffered()
        other.calls = self.calls
        return other


class Plain(Successor, Recorder):
    """Our own class, and asyncio takes it as one of its own: it goes by the names."""


class Buffered(Successor, BufferedRecorder, asyncio.BufferedProtocol):
    """Asyncio asks for its own class here, and nowhere else."""


class Raising(Plain):
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        raise KeyError("boom")


class Stubborn(Plain):
    def eof_received(self) -> bool | None:
        super().eof_received()
        return True


class Hasty(Plain):
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.write(b"welcome")
        transport.close()


class Chatty(Plain):
    """Writes in every hook in which it may."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.write(bytes(200_000))

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.writelines([data, bytearray(data), memoryview(data)])

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self.transport.write(b"a few: how much more fits is the kernel's affair")


def recorded(made: Made, run: Runner, steps: list[Step]) -> list[tuple[Any, ...]]:
    """Return the calls of a conversation; of exceptions only that there was one."""
    protocol = made()
    run(protocol, steps)
    return [
        tuple(Exception if isinstance(one, Exception) else one for one in call)
        for call in protocol.calls
    ]


@pytest.mark.parametrize("made", [Plain, Buffered, Stubborn, Hasty, Chatty])
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_the_same_calls_here_and_on_asyncio__pr_1(made: Made, conversation: str) -> None:
    """A protocol gets the same calls with the same arguments in the same order on asyncio
    and here.
    """
    steps = CONVERSATIONS[conversation]
    here = recorded(made, on_a_collection, steps)
    there = recorded(made, on_asyncio, steps)
    assert here == there
    assert here[0] == ("connection_made",)
    assert here[-1][0] == "connection_lost"


class Lines(LineReader, Protocol):  # type: ignore[misc]  # no annotations there
    """What programs make of pyserial's class: each line is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = list[tuple[Any, ...]]()

    def handle_line(self, line: str) -> None:
        self.calls.append(("handle_line", line))
        self.write_line(line.upper())
        if line == "bye":
            self.transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.calls.append(("connection_lost", exc))
        super().connection_lost(exc)


class Packets(FramedPacket, Protocol):  # type: ignore[misc]  # no annotations there
    """Packets in brackets; what is between them is noted too."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = list[tuple[Any, ...]]()

    def handle_packet(self, packet: bytes) -> None:
        self.calls.append(("handle_packet", packet))

    def handle_out_of_packet_data(self, data: bytes) -> None:
        self.calls.append(("handle_out_of_packet_data", data))

    def connection_lost(self, exc: BaseException | None) -> None:
        self.calls.append(("connection_lost", exc))
        super().connection_lost(exc)


@pytest.mark.parametrize(
    ("made", "steps", "calls"),
    [
        (
            Lines,
            [say(b"one\r\ntw"), say(b"o\r\nbye\r\n"), say(b"late\r\n")],
            [
                ("handle_line", "one"),
                ("handle_line", "two"),
                ("handle_line", "bye"),
                ("connection_lost", None),
            ],
        ),
        (
            Packets,
            [say(b"(ab)x(c"), say(b"d)(e"), end],
            [
                ("handle_packet", b"ab"),
                ("handle_out_of_packet_data", b"x"),
                ("handle_packet", b"cd"),
                ("connection_lost", None),
            ],
        ),
    ],
    ids=["LineReader", "FramedPacket"],
)
def test_a_published_protocol_runs_here_and_on_asyncio__pr_1(
    made: Made, steps: list[Step], calls: list[tuple[Any, ...]]
) -> None:
    """The protocol classes of pyserial, which touch no loop, do the same on asyncio and here."""
    for run in (on_a_collection, on_asyncio):
        protocol = made()
        run(protocol, steps)
        assert protocol.calls == calls


@pytest.mark.parametrize("kind", ["Protocol", "BufferedProtocol", "DatagramProtocol"])
def test_the_names_are_asyncio_s__pr_1(kind: str) -> None:
    """Each base class of protocols has the hooks of asyncio's, with the same arguments."""
    ours = {"Protocol": Protocol, "BufferedProtocol": BufferedProtocol}.get(kind, DatagramProtocol)
    theirs = getattr(asyncio, kind)
    hooks = {name for name in dir(theirs) if not name.startswith("_")}
    assert hooks == {name for name in dir(ours) if not name.startswith("_")}
    for name in hooks - {"get_buffer"}:
        code, model = getattr(ours, name).__code__, getattr(theirs, name).__code__
        assert code.co_varnames == model.co_varnames
        arguments = [None] * (code.co_argcount - 1)
        assert getattr(ours(), name)(*arguments) is None
