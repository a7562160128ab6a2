"""Writing with callbacks: order, who is told when it has left, limits, and closing."""

from __future__ import annotations

import logging
import socket
from typing import Any, Final

import pytest

from reactor.callbacks import init_tcp_socket
from reactor.errors import EndOfStream, LimitExceeded, StateClosed, WrongThread
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from tests.reactor.callbacks.conftest import HOST, Program, World, reset
from tests.reactor.loop.probe import elsewhere

PLENTY: Final = bytes(range(250)) * 20_000  # more than kernels keep, and TLS encrypts ahead


class Told:
    """`write_cb` functions that write down that they were called."""

    def __init__(self) -> None:
        self.names = list[str]()

    def by(self, name: str) -> Any:
        return lambda sock: self.names.append(name)


def drain(peer: socket.socket) -> None:
    """Read up to the end, which is to be an orderly one."""
    while peer.recv(1 << 20):
        pass


@pytest.mark.parametrize(
    ("data", "arrives"),
    [
        (b"abc", b"abc"),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"_abc_")[1:-1], b"abc"),
        (memoryview(bytearray(b"ab")).cast("H"), b"ab"),
        ("äb", "äb".encode()),
    ],
)
def test_what_can_be_written__cl_36(tcp: World, data: Any, arrives: bytes) -> None:
    """Bytes-like data and text can be written, text in UTF-8; the call returns nothing."""
    near, far = Program(), Program()
    sock = tcp.pair(near, far)
    assert sock.write(data) is None
    tcp.until(lambda: far.received)
    assert far.received == arrives


@pytest.mark.parametrize("data", [7, None, ["x"], 1.5])
def test_what_cannot_be_written__cl_36(collection: WaitStateCollection, data: Any) -> None:
    """Anything else is a `TypeError`, also before there is a connection; so is no function."""
    sock = init_tcp_socket(collection, None)
    with pytest.raises(TypeError):
        sock.write(data)
    with pytest.raises(TypeError, match="write_cb"):
        sock.write(b"x", write_cb="no function")
    sock.close()


def test_callbacks_not_given_stay__cl_36(world: World) -> None:
    """A write replaces the callbacks that it brings, and no others."""
    near, far, other = Program(), Program(), Program()
    sock = world.pair(near, far)
    sock.write(b"x", event_cb=other.event)
    far.socket.write(b"hello")
    world.until(lambda: near.received)
    far.socket.close()
    world.until(lambda: other.events)
    assert near.events == []


class Calls(list[Any]):
    """A callback that is a list of its calls: empty, and so untrue, until the first one."""

    def __call__(self, *arguments: Any) -> None:
        self.append(arguments)

    def __eq__(self, other: object) -> bool:
        raise AssertionError("nobody asks whether callbacks are alike")


def test_a_callback_may_be_any_object_that_can_be_called__cl_36(tcp: World) -> None:
    """A callback that is an object with a truth and an equality of its own is called like any."""
    near, read, write, event = Program(), Calls(), Calls(), Calls()
    sock, peer = tcp.bare(near)
    sock.write(b"x", read_cb=read, write_cb=write, event_cb=event)
    tcp.settle()
    peer.sendall(b"y")
    tcp.until(lambda: len(read))
    peer.close()
    tcp.until(lambda: len(event))
    assert [len(one) for one in (read, write, event)] == [1, 1, 1]
    assert near.names == ["connect"]


def test_order_is_that_of_the_calls__cl_37(world: World) -> None:
    """Bytes arrive in the order of the calls, whatever callbacks come with them."""
    near, far, told = Program(), Program(), Told()
    sock = world.pair(near, far)
    sock.write(PLENTY, write_cb=told.by("one"))
    sock.write(b"two", write_cb=told.by("two"))
    sock.write("three")
    sock.write(b"four", write_cb=told.by("four"))
    world.until(lambda: far.received.endswith(b"four"))
    assert far.received == PLENTY + b"twothreefour"
    world.settle()
    assert told.names[:3] == ["one", "two", "four"]


def test_replaced_callbacks_count_from_the_next_turn__cl_38(tcp: World) -> None:
    """What replaces a callback counts from the next turn: until then the old ones are called."""
    near, far, told = Program(), Program(), Told()

    def read(sock: Any, data: bytes) -> None:
        sock.write(b"plain")
        sock.write(b"x", write_cb=told.by("own"))

    near.on["read"] = read
    tcp.pair(near, far)
    far.socket.write(b"go")
    tcp.until(lambda: told.names)
    tcp.settle()
    # Both had left within the turn: the first is reported by the callback that counted in it.
    assert told.names == ["own"]
    assert near.names == ["connect", "read", "write"]
    near.socket.write(b"plain")
    tcp.until(lambda: len(told.names) == 2)
    assert told.names == ["own", "own"]


def test_the_first_event_of_the_next_turn_meets_the_new_ones__cl_38(tcp: World) -> None:
    """What arrives in the turn behind the replacing one is told to the new callback."""
    near, later = Program(), Program()
    sock, peer = tcp.bare(near)
    tcp.collection.call_soon(lambda: sock.write(b"x", read_cb=later.read))
    tcp.collection.run_once(0)
    peer.sendall(b"hello")
    tcp.until(lambda: later.received or near.received)
    assert (near.received, later.received) == (b"", b"hello")


def test_write_cb_means_with_the_kernel__cl_39(world: World) -> None:
    """`write_cb` comes when all of it is with the kernel; to close in it loses nothing."""
    near, far = Program(), Program()
    left = list[int]()

    def done(sock: Any) -> None:
        left.append(sock.transport.get_write_buffer_size())
        sock.close()

    sock = world.pair(near, far)
    sock.write(PLENTY, write_cb=done)
    world.until(lambda: far.events)
    assert left == [0]
    assert far.received == PLENTY
    assert isinstance(far.events[0], EndOfStream)


def test_a_write_cb_that_came_with_a_write_is_called_once__cl_40(world: World) -> None:
    """Each write that brings a `write_cb` calls it once, in order, when that write has left."""
    near, far, told = Program(), Program(), Told()
    sock = world.pair(near, far)
    for number in range(3):
        sock.write(PLENTY, write_cb=told.by(str(number)))
    assert told.names == []
    world.until(lambda: len(far.received) == 3 * len(PLENTY))
    world.settle()
    assert told.names == ["0", "1", "2"]


def test_the_sockets_write_cb_is_called_when_it_is_empty__cl_40(world: World) -> None:
    """Writes without one call that of the socket once each time the output has become empty."""
    near, far = Program(), Program()
    sock = world.pair(near, far)
    for times in (1, 2):
        for _ in range(5):
            sock.write(b"x")
        world.settle()
        assert near.calls.count(("write",)) == times
    far.socket.disable(read=True)
    sock.write(PLENTY)
    world.settle()
    sock.write(b"behind it")
    far.socket.enable(read=True)
    world.until(lambda: len(far.received) == 10 + len(PLENTY) + 9)
    world.settle()
    assert near.calls.count(("write",)) == 3


def test_a_plain_write_before_one_with_its_own__cl_40(world: World) -> None:
    """A plain write in front of one that waits is reported when the output is empty, behind it."""
    near, far, told = Program(), Program(), Told()
    sock = world.pair(near, far, write_cb=told.by("socket"))
    far.socket.disable(read=True)
    sock.write(b"plain")
    sock.write(PLENTY, write_cb=told.by("own"))
    world.settle()
    assert told.names == []
    far.socket.enable(read=True)
    world.until(lambda: len(far.received) == 5 + len(PLENTY))
    world.settle()
    assert told.names == ["own", "own"]  # by then it is that of the socket


def test_a_write_cb_that_comes_late__cl_40(world: World) -> None:
    """A `write_cb` is not told of plain writes that had left before it was given."""
    near, far, told = Program(), Program(), Told()
    sock = world.pair(near, far, write_cb=None)
    sock.write(b"left before")
    world.settle()
    sock.write(b"x", write_cb=told.by("own"))
    world.settle()
    assert told.names == ["own"]


def test_a_write_cb_that_comes_while_they_wait__cl_40(world: World) -> None:
    """Plain writes that still wait when the first `write_cb` is given are reported by it."""
    near, far, told = Program(), Program(), Told()
    sock = world.pair(near, far, write_cb=None)
    far.socket.disable(read=True)
    sock.write(PLENTY)
    sock.write(b"x", write_cb=told.by("own"))
    far.socket.enable(read=True)
    world.until_read(far, b"x")
    world.settle()
    assert told.names == ["own", "own"]


def test_nothing_written_is_not_reported__cl_40(world: World) -> None:
    """A write of no bytes calls nobody, neither its own callback nor that of the socket."""
    near, far, told = Program(), Program(), Told()
    sock = world.pair(near, far)
    sock.write(b"")
    sock.write("", write_cb=told.by("own"))
    world.settle()
    assert (near.names, told.names) == (["connect"], [])


def test_a_closed_socket_refuses_writes__cl_41(world: World) -> None:
    """Every write on a closed socket is a `StateClosed`."""
    near = Program()
    sock = world.pair(near, Program())
    sock.close()
    for _ in range(2):
        with pytest.raises(StateClosed):
            sock.write(b"x")


@pytest.mark.parametrize("connected", [True, False])
def test_too_much_unsent_is_refused__cl_42(tcp: World, connected: bool) -> None:
    """Above `output_limit` unsent bytes a write raises and takes nothing, and life goes on."""
    near, far, told = Program(), Program(), Told()
    tcp.serve(far)
    sock = tcp.connect(near)
    assert sock.output_limit == 16 << 20
    sock.output_limit = 3
    if connected:
        tcp.until(lambda: near.sockets)
        sock.disable(write=True)
        sock.transport.hold_output()
    sock.write(b"any size")
    if connected:
        sock.disable(write=True)
    with pytest.raises(LimitExceeded, match="limit") as caught:
        sock.write(b"more", write_cb=told.by("never"))
    assert caught.value.identifier == "output-limit"
    if connected:
        sock.enable(write=True)
    tcp.until(lambda: far.received)
    sock.write(b", and on")
    tcp.until(lambda: far.received == b"any size, and on")
    assert told.names == []


def test_exactly_the_limit_is_no_limit__cl_42(tcp: World) -> None:
    """With exactly `output_limit` bytes unsent one more write is taken."""
    near, far = Program(), Program()
    sock = tcp.pair(near, far)
    sock.output_limit = 4
    sock.disable(write=True)
    sock.transport.write(b"1234")
    sock.transport.hold_output()
    sock.write(b"5")
    tcp.until(lambda: far.received == b"12345")


def test_closing_sends_what_was_written__cl_43_45(world: World) -> None:
    """`close` is true at once, sends what was written, and then the peer meets an orderly end."""
    near, far = Program(), Program()
    sock = world.pair(near, far)
    sock.write(PLENTY)
    sock.close()
    assert sock.closed
    sock.close()
    world.until(lambda: far.events)
    assert far.received == PLENTY
    assert isinstance(far.events[0], EndOfStream)
    assert sock.close() is None
    assert near.names == ["connect"]


@pytest.mark.parametrize(("timeout", "limit"), [(-1, 30.0), (50.0, 50.0), (2.0, 2.0)])
def test_closing_gives_up_without_progress__cl_43(
    clock: ManualClock, tcp: World, caplog: pytest.LogCaptureFixture, timeout: float, limit: float
) -> None:
    """Output that does not move for the write timeout, or 30 s, is dropped, and logged once."""
    near = Program()
    sock, peer = tcp.bare(near, write_timeout=timeout)
    sock.write(PLENTY)
    sock.close()
    tcp.settle()
    clock.advance(limit - 0.1)
    tcp.settle()
    assert caplog.records == []
    clock.advance(0.1)
    tcp.settle()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "bytes were not sent" in record.message
    assert near.names == ["connect"]
    assert peer.recv(1) != b""


def test_a_loss_while_closing_is_logged__cl_43(
    tcp: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that is lost before its output has left says so in the log, and to nobody."""
    near = Program()
    sock, peer = tcp.bare(near)
    sock.write(PLENTY)
    sock.close()
    tcp.settle()
    peer.close()  # with bytes unread: a reset
    tcp.until(lambda: caplog.records)
    assert "bytes were not sent" in caplog.records[0].message
    assert near.names == ["connect"]


def test_an_abort_drops_the_output__cl_43(tcp: World) -> None:
    """`close(abort=True)` drops what was written, and the peer meets a reset, not an end."""
    near = Program()
    sock, peer = tcp.bare(near)
    sock.write(PLENTY)
    sock.close(abort=True)
    tcp.settle()
    with pytest.raises(ConnectionResetError):
        drain(peer)


def test_closing_never_raises_a_loss__cl_43_44(tcp: World) -> None:
    """A `connect_cb` may close whatever was written before, and whatever the peer has done."""
    listener = tcp.undo.enter_context(socket.create_server((HOST, 0)))
    closed = list[bool]()

    def close(sock: Any) -> None:
        reset(listener.accept()[0])
        sock.close()
        closed.append(True)

    near = Program(connect=close)
    sock = tcp.dial(near, listener.getsockname()[1])
    for _ in range(3):
        sock.write(b"x", write_cb=near.write)
    tcp.until_closed(sock)
    assert (closed, near.names) == ([True], ["connect"])


def test_what_waits_for_the_connection_is_dropped_too__cl_43(tcp: World) -> None:
    """`close(abort=True)` in a `connect_cb` sends nothing of what was written before."""
    near, far = Program(connect=lambda sock: sock.close(abort=True)), Program()
    tcp.serve(far)
    tcp.connect(near, data=b"data")
    tcp.until(lambda: far.events)
    assert (near.names, far.received) == (["connect"], b"")


@pytest.mark.parametrize("abort", [True, False])
def test_after_closing_nothing_is_called__cl_44(world: World, abort: bool) -> None:
    """After `close` by the program no callback of the socket runs, whatever was on its way."""
    near, far, told = Program(), Program(), Told()
    sock = world.pair(near, far)
    far.socket.write(b"on its way")
    sock.write(b"x", write_cb=told.by("never"))
    sock.close(abort=abort)
    far.socket.close()
    world.settle()
    assert near.names == ["connect"]
    assert told.names == []


def test_only_the_owner_may_write__cl_36(tcp: World) -> None:
    """Another thread that writes or closes is a `WrongThread`."""
    sock = tcp.pair(Program(), Program())
    for verb in (lambda: sock.write(b"x"), sock.close):
        with pytest.raises(WrongThread):
            elsewhere(verb)
