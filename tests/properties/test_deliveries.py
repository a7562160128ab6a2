"""Any protocol on any stream, in its own thread and delivered to another: no byte is lost."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.hosts import thread as own_thread
from reactor.loop.collection import WaitStateCollection
from reactor.protocol import BaseProtocol, BufferedProtocol, Protocol
from reactor.server import connect
from tests.hosts.aside.protocols import connected
from tests.hosts.loops import LIMIT, AsyncioLoop

# Pieces as a peer may send them: single bytes, many of them, and more than may wait.
PIECES = st.lists(st.sampled_from([1, 1, 2, 255, 70_000, 600_000]), max_size=8)
LENT = st.lists(st.sampled_from([1_000, 4_096, 65_537, 1_000_000]), min_size=1, max_size=3)
ACTS = st.lists(
    st.sampled_from(["nothing", "echo", "pause", "give away", "write much"]),
    min_size=1,
    max_size=8,
)


class Life:
    """What the protocols of a connection do, whichever has it, each time when something comes."""

    def __init__(
        self, acts: list[str], lent: list[int], later: Callable[[Callable[[], object]], object]
    ) -> None:
        self.acts = itertools.cycle(acts)
        self.lent = itertools.cycle(lent)
        self.later = later
        self.over: Callable[[], object] = lambda: None
        self.transport: Any = None
        self.calls = list[str]()
        self.got = bytearray()
        self.wrote = bytearray()
        self.full = False

    def arrived(self, data: bytes) -> None:
        self.got += data
        act = next(self.acts)
        if act == "echo":
            self.write(data)
        elif act == "write much":
            self.write(bytes(300_000))
        elif act == "pause":
            self.transport.pause_reading()
            self.later(self.resume)
        elif act == "give away":
            other = Lending if type(self.transport.get_protocol()) is Taking else Taking
            self.transport.set_protocol(other(self))

    def write(self, data: bytes) -> None:
        self.wrote += data
        self.transport.write(data)

    def resume(self) -> None:
        if not self.full:
            self.transport.resume_reading()

    def said(self, call: str) -> None:
        self.calls.append(call)


class Living(BaseProtocol):
    """What both kinds of protocol have in common; it reads only while it may write."""

    def __init__(self, life: Life) -> None:
        self.life = life

    def connection_made(self, transport: Any) -> None:
        self.life.transport = transport
        self.life.said("made")

    def pause_writing(self) -> None:
        self.life.full = True
        self.life.transport.pause_reading()

    def resume_writing(self) -> None:
        self.life.full = False
        self.life.transport.resume_reading()

    def eof_received(self) -> None:
        self.life.said("eof")
        self.life.write(b"the end")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.life.said("lost" if exc is None else repr(exc))
        self.life.over()


class Taking(Living, Protocol):
    """Is given bytes."""

    def data_received(self, data: bytes) -> None:
        self.life.arrived(data)


class Lending(Living, BufferedProtocol):
    """Lends buffers of odd sizes, a new one each time."""

    def get_buffer(self, sizehint: int) -> bytearray:
        self.buffer = bytearray(next(self.life.lent))
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.life.arrived(bytes(self.buffer[:nbytes]))


class Peer(threading.Thread):
    """Sends pieces, ends its direction, and keeps what comes back."""

    def __init__(self, far: socket.socket, pieces: list[int]) -> None:
        super().__init__()
        self.sent = b"".join(bytes([number]) * size for number, size in enumerate(pieces, 1))
        self.far = far
        self.pieces = pieces
        self.got = bytearray()
        self.reader = threading.Thread(target=self.read)

    def run(self) -> None:
        self.reader.start()
        for number, size in enumerate(self.pieces, 1):
            self.far.sendall(bytes([number]) * size)
        self.far.shutdown(socket.SHUT_WR)
        self.reader.join(LIMIT)

    def read(self) -> None:
        while piece := self.far.recv(65_536):
            self.got += piece


def check(life: Life, peer: Peer) -> None:
    """See that all came, both ways, and that there was one end."""
    assert life.calls == ["made", "eof", "lost"]
    assert life.got == peer.sent
    assert peer.got == life.wrote


def live_delivered(pieces: list[int], acts: list[str], lent: list[int]) -> None:
    """Have the protocol in the thread of a host."""
    with (
        contextlib.closing(AsyncioLoop()) as host,
        contextlib.closing(WaitStateCollection("beside")) as collection,
        own_thread.attach(host.way_in(), collection) as guest,
    ):
        life = Life(acts, lent, lambda call: host.later(0.0, call))
        life.over = host.quit
        with connected(guest, lambda: Taking(life)) as far:
            peer = Peer(far, pieces)
            peer.start()
            host.run()
            peer.join(LIMIT)
        check(life, peer)


def live_plainly(pieces: list[int], acts: list[str], lent: list[int]) -> None:
    """Have the protocol where its connection is."""
    with contextlib.closing(WaitStateCollection("plain")) as collection:
        life = Life(acts, lent, collection.call_soon)
        life.over = collection.stop
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            connect(collection, lambda: Taking(life), "127.0.0.1", port)
            listener.settimeout(LIMIT)
            far, _ = listener.accept()
        with far:
            far.settimeout(LIMIT)
            peer = Peer(far, pieces)
            peer.start()
            collection.call_later(LIMIT, collection.stop)
            collection.run()
            peer.join(LIMIT)
        check(life, peer)


@pytest.mark.slow
@pytest.mark.parametrize("live", [live_plainly, live_delivered])
@settings(max_examples=200)
@given(PIECES, ACTS, LENT)
def test_no_byte_is_lost_between_two_threads__ho_3__pr_5__pr_7(
    live: Callable[..., None], pieces: list[int], acts: list[str], lent: list[int]
) -> None:
    """Whatever a protocol does each time when something comes, write, pause, lend, or give the
    connection away, it gets all that was sent and sends all that it writes, each byte once; and
    this is so where its connection is and in the thread of a host.
    """
    live(pieces, acts, lent)
