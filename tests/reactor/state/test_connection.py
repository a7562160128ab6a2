"""Connection: what a state is made of, what it wants of its descriptor, and what it leaves."""

from __future__ import annotations

import contextvars
import os
import selectors
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from reactor.channel.socket_channel import SocketChannel
from reactor.errors import (
    ConnectionReset,
    InternalError,
    OperationInProgress,
    OperationNotAllowed,
    SocketError,
    StateClosed,
)
from reactor.interest import READ, WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.net.path import UNIX
from reactor.state.async_io_state import AsyncIOState
from reactor.state.connection import MOVES, Mode
from reactor.testing.clock import ManualClock
from reactor.testing.memory import CAPACITY, MemoryChannel, memory_pair
from reactor.testing.settle import settle
from tests.channels import accepted
from tests.reactor.state.reports import Reports
from tests.torture.seam import failing, needs_epoll


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets of the kernel's."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def turns_until_quiet(collection: WaitStateCollection, limit: int = 50) -> int:
    """Count the turns in which something ran; fail if it never ends."""
    for turn in range(limit):
        if not collection.run_once(0):
            return turn
    raise AssertionError(f"{collection!r} spins")


@pytest.mark.parametrize("kind", ["socket", "descriptor", "channel"])
def test_a_state_is_made_of_anything_connected__lw_066_067(
    collection: WaitStateCollection, pair: tuple[socket.socket, socket.socket], kind: str
) -> None:
    """A state is made of a connected socket, its descriptor or a channel; `object` is what
    was given.
    """
    thing: Any = pair[0]
    if kind == "descriptor":
        thing = pair[0].detach()
    elif kind == "channel":
        thing = SocketChannel(pair[0])
    state = AsyncIOState(collection, thing, name="seven", user_info={"a": 1})
    assert (state.object, state.collection, state.closed) == (thing, collection, False)
    assert (state.name, state.user_info) == ("seven", {"a": 1})
    assert "seven" in repr(state)
    pair[1].send(b"ok")
    state.read_buffer(bytearray(2), reports := Reports(), user_info=7)
    assert state.user_info == 7
    settle(collection)
    assert reports.moved == [(b"ok", 2)]
    state.close()
    assert pair[1].recv(1) == b""


@pytest.mark.parametrize("thing", ["socket", 1.5, True, object()])
def test_nothing_else_makes_a_state__lw_066_070(
    collection: WaitStateCollection, thing: object
) -> None:
    """A state made of any other kind of object is a `TypeError`."""
    with pytest.raises(TypeError):
        AsyncIOState(collection, thing)
    assert collection.stats()["states"] == 0


@pytest.mark.parametrize("descriptor", [1 << 40, 1 << 20])
def test_a_number_that_is_no_descriptor_is_refused__lw_066(
    collection: WaitStateCollection, descriptor: int
) -> None:
    """A number behind which there is no socket is a `ValueError`, however large it is."""
    with pytest.raises(ValueError, match="is no socket"):
        AsyncIOState(collection, descriptor)


@pytest.mark.parametrize("as_descriptor", [False, True])
@pytest.mark.parametrize("kind", ["listening", "fresh", "packets", "pipe"])
def test_what_is_not_connected_is_refused_and_stays_as_it_was__lw_066(
    collection: WaitStateCollection, kind: str, as_descriptor: bool
) -> None:
    """A state of a socket that listens or is not connected is a `ValueError`, and leaves
    the socket alone.
    """
    pipe = os.pipe()
    packets, other = socket.socketpair(UNIX, socket.SOCK_SEQPACKET)
    with socket.socket() as stream, packets, other:
        if kind == "listening":
            stream.bind(("127.0.0.1", 0))
            stream.listen()
        thing: Any = packets if kind == "packets" else stream
        if kind == "pipe":
            thing = pipe[0]
        elif as_descriptor:
            thing = thing.fileno()
        with pytest.raises(ValueError, match=r"not connected|neither a stream|no socket"):
            AsyncIOState(collection, thing)
        assert stream.getblocking()
        assert stream.getsockname()
    for fd in pipe:
        os.close(fd)
    assert collection.stats()["states"] == 0


@pytest.mark.parametrize("limit", ["read_timeout", "write_timeout"])
def test_wrong_limits_leave_no_state_behind__lw_069(
    collection: WaitStateCollection, pair: tuple[socket.socket, socket.socket], limit: str
) -> None:
    """A limit of a state that is not above zero is refused, when making it and afterwards."""
    options: dict[str, Any] = {limit: 0}
    with pytest.raises(ValueError, match=limit):
        AsyncIOState(collection, pair[0], **options)
    assert collection.stats()["states"] == 0
    options[limit] = 5.0
    state = AsyncIOState(collection, pair[0], **options)
    with pytest.raises(ValueError, match=limit):
        setattr(state, limit, -1)
    assert getattr(state, limit) == 5.0
    setattr(state, limit, None)
    assert getattr(state, limit) is None


def test_a_descriptor_has_one_state__lw_065(
    collection: WaitStateCollection, pair: tuple[socket.socket, socket.socket]
) -> None:
    """A second state of the same descriptor is refused, and the first goes on."""
    state = AsyncIOState(collection, pair[0])
    with pytest.raises(OperationNotAllowed):
        AsyncIOState(collection, pair[0])
    state.write_buffer(b"x", Reports())
    assert pair[1].recv(5) == b"x"


@pytest.mark.parametrize("timeout", [None, 5.0, 0.0])
def test_a_socket_that_is_kept_is_as_it_was__lw_136(
    collection: WaitStateCollection,
    pair: tuple[socket.socket, socket.socket],
    timeout: float | None,
) -> None:
    """After `close(keep_object=True)` the socket is open, and blocking again if it was; unread
    bytes can be fetched.
    """
    near, far = pair
    near.settimeout(timeout)
    state = AsyncIOState(collection, near)
    far.send(b"abc")
    state.wait_for_input(Reports())
    settle(collection)
    state.read_buffer(bytearray(9), reports := Reports())
    assert state.close(keep_object=True) == 3
    settle(collection)
    assert reports.counts == [0]
    assert (near.gettimeout(), near.fileno() >= 0) == (timeout, True)
    assert state.get_buffered_data(bytearray(9)) == 3
    near.send(b"mine")
    assert far.recv(10) == b"mine"


def test_a_socket_that_was_closed_behind_our_back_can_be_closed__lw_134(
    collection: WaitStateCollection, pair: tuple[socket.socket, socket.socket]
) -> None:
    """`close` of a state is harmless also when somebody else has closed its socket."""
    closed = list[bool]()

    def close(state: AsyncIOState, *_: object) -> None:
        state.object.close()
        state.close()
        closed.append(state.closed)

    near, far = pair
    AsyncIOState(collection, near).read_buffer(bytearray(1), close)
    far.send(b"x")
    settle(collection)
    close(AsyncIOState(collection, far))
    assert closed == [True, True]


def test_addresses_are_kept_after_a_loss__lw_067_030(collection: WaitStateCollection) -> None:
    """Both addresses of a state can be asked for when the connection is gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near, far = accepted(server)
    state = AsyncIOState(collection, near)
    mine, theirs = far.peer_address, far.address
    far.abort()
    state.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert isinstance(reports.reads[0], ConnectionReset)
    state.close()
    assert (state.address, state.peer_address) == (mine, theirs)
    assert f"127.0.0.1:{theirs[1]}" in repr(state)


def test_nothing_is_wanted_by_a_state_that_does_nothing__pitfall_10(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Bytes nobody asked for, and the peer's end, cause no turns."""
    assert near.wanted == 0
    near.wait_for_input(Reports())
    far.write(b"first")
    settle(collection)
    far.write(b"more")
    assert turns_until_quiet(collection) <= 1  # an interest that was left behind is forgotten
    assert near.wanted == 0
    far.write_eof()
    assert turns_until_quiet(collection) == 0


def test_room_to_write_is_wanted_only_while_it_lacks__pitfall_10(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Room to write is watched for only while a write lacks it."""
    near.write_buffer(b"x", Reports())
    assert near.wanted == 0
    settle(collection)
    near.write_buffer(bytes(CAPACITY), Reports())
    assert near.wanted == WRITE
    assert turns_until_quiet(collection) == 0
    near.read_buffer(bytearray(1), Reports())
    assert near.wanted == READ | WRITE
    near.abort(None, "output")
    far.read(CAPACITY)
    assert turns_until_quiet(collection) <= 2
    assert near.wanted == READ
    near.abort(None)


def test_a_peer_that_hangs_up_causes_no_turns__pitfall_10(collection: WaitStateCollection) -> None:
    """A reset that nobody is waiting for does not spin, though the kernel reports it for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near, far = accepted(server)
    state = AsyncIOState(collection, near)
    far.abort()
    assert turns_until_quiet(collection) == 0
    state.wait_for_input(Reports())
    assert turns_until_quiet(collection) <= 2
    state.close()


def test_two_floods_leave_a_third_its_turn__pitfall_11(collection: WaitStateCollection) -> None:
    """Beside two peers that never pause, and reads that go on for ever, a third is served
    each turn.
    """
    ends = [memory_pair() for _ in range(3)]
    states = [AsyncIOState(collection, near) for near, _ in ends]

    def read_on(state: AsyncIOState, *_: object) -> None:
        while ends[states.index(state)][1].write(bytes(65536)):
            pass
        state.read_buffer(bytearray(100_000), read_on)

    for state in states[:2]:
        read_on(state)
    states[2].read_buffer(bytearray(1), reports := Reports())
    collection.run_once(0)
    ends[2][1].write(b"!")
    collection.run_once(0)
    assert reports.moved == [(b"!", 1)]
    for _, far in ends:
        far.close()


@pytest.mark.parametrize("selector", ["EpollSelector", "PollSelector", "SelectSelector"])
def test_a_number_that_is_used_again_wakes_nobody_else__lw_007__pitfall_5(selector: str) -> None:
    """What was reported of a closed state does not reach the one that got its descriptor's
    number.
    """
    collection = WaitStateCollection(selector=getattr(selectors, selector)())
    ends = [socket.socketpair() for _ in range(2)]
    states = [AsyncIOState(collection, near) for near, _ in ends]
    reports, made = Reports(), list[AsyncIOState]()

    def replace(state: AsyncIOState, *_: object) -> None:
        for other in states:
            other.abort_and_close()
        near, far = socket.socketpair()
        ends.append((near, far))
        made.append(AsyncIOState(collection, near))
        made[0].read_buffer(bytearray(1), reports)

    for state, (_, far) in zip(states, ends, strict=True):
        state.read_buffer(bytearray(1), replace)
        far.send(b"x")
    settle(collection)
    assert (len(made), len(reports)) == (1, 0)
    ends[2][1].send(b"y")
    settle(collection)
    assert reports.moved == [(b"y", 1)]
    collection.close()
    for pair in ends:
        for sock in pair:
            sock.close()


def test_a_connection_keeps_its_context__lw_021(
    collection: WaitStateCollection, clock: ManualClock, far: MemoryChannel
) -> None:
    """Every callback of a state sees the context in which the state was made."""
    request = contextvars.ContextVar("request", default="none")
    seen = list[str]()

    def make() -> AsyncIOState:
        request.set("seven")
        return AsyncIOState(collection, far.far)

    state = contextvars.Context().run(make)

    def note(*_: object) -> None:
        seen.append(request.get())

    state.read_buffer(bytearray(1), note)
    state.write_buffer(b"x", note)
    far.write(b"y")
    settle(collection)
    state.read_buffer(bytearray(1), note, timeout=1.0)
    clock.advance(1.0)
    settle(collection)
    state.abort(note)
    settle(collection)
    assert seen == ["seven"] * 4
    state.close()


@pytest.mark.parametrize("start", ["read", "write", "timer", "abort"])
def test_what_a_callback_raises_closes_the_state_and_nothing_else__lw_016_017(
    collection: WaitStateCollection,
    clock: ManualClock,
    near: AsyncIOState,
    far: MemoryChannel,
    start: str,
) -> None:
    """What a callback raises is logged and closes its state; another one goes on in the
    same turn.
    """

    def fail(*_: object) -> None:
        raise RuntimeError("of the user")

    here, there = memory_pair()
    other = AsyncIOState(collection, here)
    other.read_buffer(bytearray(1), reports := Reports())
    far.write(b"x")
    there.write(b"x")
    {
        "read": lambda: near.read_buffer(bytearray(1), fail),
        "write": lambda: near.write_buffer(b"x", fail),
        "timer": lambda: near.read_buffer(bytearray(2), fail, timeout=1.0),
        "abort": lambda: near.abort(fail),
    }[start]()
    clock.advance(1.0)
    settle(collection)
    assert (near.closed, other.closed, reports.moved) == (True, False, [(b"x", 1)])
    other.close()
    there.close()


def test_an_exception_that_is_propagated_loses_no_operation__lw_018(clock: ManualClock) -> None:
    """What `propagate` lets out of a turn leaves what is in line to go on in the next."""
    collection = WaitStateCollection(clock=clock, error_handler=propagate)
    here, there = memory_pair()
    state = AsyncIOState(collection, here, b"abcdef", queue_input=True)
    order = list[bytes]()

    def report(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        order.append(bytes(buffer))
        if buffer == b"ab":
            raise KeyError("of the user")

    for _ in range(3):
        state.read_buffer(bytearray(2), report)
    with pytest.raises(KeyError):
        settle(collection)
    settle(collection)
    assert order == [b"ab", b"cd", b"ef"]
    collection.close()
    there.close()


def test_an_interrupt_leaves_the_state_usable__lw_018(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A `KeyboardInterrupt` in the midst of a read leaves the loop; the read goes on in the
    next one.
    """
    calls = list[bytes]()

    def check(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        calls.append(bytes(buffer))
        if len(calls) == 1:
            raise KeyboardInterrupt

    near.read_with_checking(check)
    far.write(b"a")
    with pytest.raises(KeyboardInterrupt):
        settle(collection)
    far.write(b"b")
    settle(collection)
    assert calls == [b"a", b"ab"]
    near.abort(None)


def test_figures_count_what_has_moved__lw_015(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The figures of a collection count the bytes of operations that are over and of those
    that run.
    """
    near.write_buffer(b"12345", Reports())
    near.read_buffer(bytearray(2), Reports())
    far.write(b"abc")
    settle(collection)
    near.read_with_checking(Reports())
    far.write(b"defg")
    settle(collection)
    figures = collection.stats()
    assert (figures["states"], figures["connections_in"], figures["bytes_out"]) == (1, 1, 5)
    assert figures["bytes_in"] in (6, 7)  # one of the bytes was read ahead
    near.close()


def test_while_connecting_nothing_can_be_started(collection: WaitStateCollection) -> None:
    """A state that is being connected is not ready for operations; then it is like any other."""
    state = AsyncIOState(collection, None)
    assert (state.address, state.peer_address) == ((None, None), (None, None))
    with pytest.raises(OperationInProgress, match="connect"):
        state.read_buffer(bytearray(1), Reports())
    with pytest.raises(OperationInProgress):
        state.abort(None)
    near, far = memory_pair()
    state.connected(near)
    far.write(b"x")
    state.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert reports.moved == [(b"x", 1)]
    state.close()
    far.close()


def test_a_state_that_could_not_be_connected_is_closed(collection: WaitStateCollection) -> None:
    """When connecting has failed, every verb says that the state is closed."""
    state = AsyncIOState(collection, None)
    state.failed_to_connect()
    assert state.closed
    with pytest.raises(StateClosed):
        state.read_buffer(bytearray(1), Reports())
    assert state.close() == 0


@pytest.mark.parametrize("before", Mode)
@pytest.mark.parametrize("after", Mode)
def test_only_legal_moves_are_made(
    collection: WaitStateCollection, near: AsyncIOState, before: Mode, after: Mode
) -> None:
    """An illegal change of mode is our mistake, and raises."""
    state = near
    state._mode = before
    if MOVES[before] & after:
        state._enter(after)
        assert state._mode == after
    else:
        with pytest.raises(InternalError):
            state._enter(after)
    state._mode = Mode.OPEN
    state.close()


@needs_epoll
def test_what_cannot_be_watched_is_lost() -> None:
    statuses = list[Any]()
    with failing("register", "ENOMEM", number=2):
        collection = WaitStateCollection()
        near, far = memory_pair()
        state = AsyncIOState(collection, near)
        state.read_buffer(bytearray(1), lambda state, *_: statuses.append(state.read_status))
        assert statuses == []
        settle(collection)
        (status,) = statuses
        assert (status.identifier, status.situation) == ("no-buffer-space", "register")
        with pytest.raises(SocketError):
            state.write_buffer(b"!", None)
        collection.close()
        far.close()
