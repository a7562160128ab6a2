"""Directions that are disabled and enabled, and the timeouts of a socket of callbacks."""

from __future__ import annotations

from typing import Any, Final

import pytest

from reactor.errors import EndOfStream, OperationTimeout, StateClosed
from reactor.testing.clock import ManualClock
from tests.reactor.callbacks.conftest import Program, World, reset

PLENTY: Final = bytes(16 << 20)  # more than kernels keep


def pass_time(world: World, clock: ManualClock, seconds: float) -> None:
    clock.advance(seconds)
    world.settle()


def timed_out(near: Program) -> Any:
    """Return the one event, an `OperationTimeout` on a closed socket."""
    (event,) = near.events
    assert event.connection.closed
    assert isinstance(event, OperationTimeout)
    assert near.names[-1] == "event"
    return event


def test_a_disabled_direction_is_not_read__cl_46_47(world: World) -> None:
    """While reading is disabled nothing arrives, not even an end; `enable` delivers all of it."""
    near, far = Program(), Program()
    sock = world.pair(near, far)
    sock.disable(read=True)
    far.socket.write(b"one ")
    sock.write(b"writing goes on")
    world.until(lambda: far.received)
    far.socket.write(b"two")
    far.socket.close()
    world.settle()
    assert near.names == ["connect", "write"]
    sock.enable(read=True)
    world.until(lambda: near.events)
    assert near.received == b"one two"
    assert isinstance(near.events[0], EndOfStream)


def test_disabled_in_its_own_callback__cl_46(world: World) -> None:
    """A callback may disable reading: it is the last one until reading is enabled."""
    near, far = Program(read=lambda sock, data: sock.disable(read=True)), Program()
    sock = world.pair(near, far)
    far.socket.write(b"one")
    world.until(lambda: near.received)
    far.socket.write(b"two")
    world.settle()
    assert near.received == b"one"
    sock.enable(read=True)
    world.until(lambda: near.received == b"onetwo")


def test_a_loss_does_not_take_what_has_arrived__cl_46_64(tcp: World) -> None:
    """What arrived while reading was disabled is delivered after `enable`, and then the event, also
    if a write has met the loss of the connection meanwhile.
    """
    near = Program()
    sock, peer = tcp.bare(near)
    sock.disable(read=True)
    peer.sendall(b"last words")
    reset(peer)
    sock.write(b"into nowhere")
    tcp.settle()
    assert near.names == ["connect"]
    sock.enable(read=True)
    tcp.until_event(near)
    assert near.received == b"last words"
    assert near.names == ["connect", "read", "event"]


def test_what_was_read_ahead_waits_too__cl_46(world: World) -> None:
    """What was kept for a later `read_cb` is not told of while reading is disabled."""
    near, far = Program(), Program()
    sock = world.pair(near, far, read_cb=None)
    far.socket.write(b"early")
    world.until(lambda: len(sock.inbox) == 5)
    sock.write(b"x", read_cb=near.read)
    sock.disable(read=True)
    world.settle()
    assert near.received == b""
    sock.enable(read=True)
    world.until(lambda: near.received == b"early")


def test_a_disabled_direction_is_not_written__cl_46_47(world: World) -> None:
    """While writing is disabled nothing is sent and no `write_cb` comes; `enable` undoes it."""
    near, far = Program(), Program()
    sock = world.pair(near, far)
    sock.write(PLENTY)
    sock.disable(write=True)
    world.settle()
    before = len(far.received)
    world.settle()
    assert len(far.received) == before < len(PLENTY)
    assert near.names == ["connect"]
    sock.enable(write=True)
    world.until(lambda: len(far.received) == len(PLENTY) and "write" in near.names)


def test_no_write_cb_that_was_on_its_way__cl_46(tcp: World) -> None:
    """A `write_cb` that is due comes after `enable`, not while writing is disabled."""
    near, far = Program(), Program()
    own = list[str]()
    sock = tcp.pair(near, far)
    sock.write(b"x", write_cb=lambda sock: own.append("own"))
    sock.write(b"y")
    sock.disable(write=True)
    tcp.settle()
    assert far.received == b"xy"
    assert own == []
    sock.enable(write=True)
    tcp.settle()
    assert own == ["own", "own"]


def test_write_cbs_that_were_held_back_come_first__cl_40_46(world: World) -> None:
    """A `write_cb` that came due while writing was disabled comes before those of later writes."""
    near, far, told = Program(), Program(), list[str]()
    sock = world.pair(near, far)
    sock.write(b"x", write_cb=lambda sock: told.append("sent before"))
    sock.write(PLENTY, write_cb=lambda sock: told.append("sent after"))
    sock.disable(write=True)
    world.settle()
    assert told == []
    sock.enable(write=True)
    world.until(lambda: len(told) == 2)
    assert told == ["sent before", "sent after"]


def test_a_write_enables_writing__cl_47(world: World) -> None:
    """A `write` enables writing by itself, and leaves the reading direction as it is."""
    near, far = Program(), Program()
    sock = world.pair(near, far)
    sock.disable(read=True, write=True)
    sock.write(b"hello")
    world.until(lambda: far.received)
    far.socket.write(b"unread")
    world.settle()
    assert near.received == b""


def test_a_direction_not_named_is_unchanged__cl_47(world: World) -> None:
    """`enable` and `disable` change the directions that they name, and no others."""
    near, far = Program(), Program()
    sock = world.pair(near, far)
    sock.disable(True)
    sock.disable(write=True)
    sock.enable(write=True)
    far.socket.write(b"x")
    world.settle()
    assert near.received == b""
    sock.enable()
    world.settle()
    assert near.received == b""
    sock.enable(True)
    world.until(lambda: near.received == b"x")


def test_connecting_enables_and_keeps__cl_47(tcp: World) -> None:
    """What is disabled while the connection is being made stays so when it is up."""
    near, far = Program(), Program(connect=lambda sock: sock.write(b"hello"))
    tcp.serve(far)
    sock = tcp.connect(near, data=b"data")
    sock.disable(read=True, write=True)
    tcp.until(lambda: near.sockets and far.sockets)
    tcp.settle()
    assert (near.names, far.names) == (["connect"], ["connect"])
    sock.enable(read=True, write=True)
    tcp.until(lambda: near.received and far.received)


@pytest.mark.parametrize("none", [None, 0, -1, -0.5])
def test_no_limit_can_be_said_in_many_ways__cl_48(
    clock: ManualClock, tcp: World, none: Any
) -> None:
    """None, zero and negative timeouts are no limit; fractions are seconds as well."""
    near = Program()
    sock = tcp.pair(near, Program(), read_timeout=none, write_timeout=none)
    pass_time(tcp, clock, 1e6)
    assert near.events == []
    sock.set_timeouts(0.5, none)
    pass_time(tcp, clock, 0.5)
    assert timed_out(near).limit == 0.5
    for wrong in ("5", True, float("nan")):
        with pytest.raises((TypeError, ValueError), match="seconds"):
            tcp.connect(Program(), read_timeout=wrong)


def test_the_read_timeout_begins_anew_at_each_arrival__cl_49_51(
    clock: ManualClock, world: World
) -> None:
    """The read timeout counts from the connection, and anew at each arrival; writing is none."""
    near, far = Program(), Program()
    sock = world.pair(near, far, read_timeout=10.0)
    for letter in (b"a", b"b", b"c"):
        pass_time(world, clock, 9.0)
        far.socket.write(letter)
        world.until_read(near, letter)
    sock.write(b"y")
    pass_time(world, clock, 9.9)
    assert near.events == []
    pass_time(world, clock, 0.1)
    event = timed_out(near)
    assert (event.phase, event.limit, event.connection) == ("read", 10.0, sock)


def test_connecting_takes_nothing_of_the_read_timeout__cl_49(
    clock: ManualClock, tcp: World
) -> None:
    """The whole read timeout is left when the connection is up, however long that took."""
    near = Program()
    tcp.serve(Program())
    tcp.connect(near, read_timeout=10.0)
    clock.advance(9.0)
    tcp.until(lambda: near.sockets)
    pass_time(tcp, clock, 9.9)
    assert near.events == []
    pass_time(tcp, clock, 0.1)
    timed_out(near)


def test_the_write_timeout_runs_while_output_waits__cl_50_51(
    clock: ManualClock, world: World
) -> None:
    """The write timeout counts without progress while output waits, and never when none does."""
    near, far = Program(), Program()
    sock = world.pair(near, far, write_timeout=10.0)
    pass_time(world, clock, 1000.0)
    far.socket.disable(read=True)
    sock.write(PLENTY)
    world.settle()
    pass_time(world, clock, 9.0)
    far.on["read"] = lambda sock, data: sock.disable(read=len(far.received) > 1 << 20)
    far.socket.enable(read=True)
    world.settle()  # which is progress
    assert len(far.received) < len(PLENTY)
    pass_time(world, clock, 9.0)
    assert near.events == []
    for _ in range(3):  # the kernel may have taken more, behind our back
        pass_time(world, clock, 10.0)
    assert timed_out(near).phase == "write"


def test_disabled_directions_have_no_limit__cl_46_47(clock: ManualClock, world: World) -> None:
    """The clock of a direction stops while it is disabled, and counts from zero afterwards."""
    near, far = Program(), Program()
    sock = world.pair(near, far, read_timeout=10.0)
    pass_time(world, clock, 9.0)
    sock.disable(read=True)
    pass_time(world, clock, 1000.0)
    sock.enable(read=True)
    pass_time(world, clock, 9.9)
    assert near.events == []
    pass_time(world, clock, 0.1)
    assert timed_out(near).phase == "read"


def test_a_timeout_is_the_last_call__cl_51(clock: ManualClock, world: World) -> None:
    """An expiry closes the socket once, and after any close no timer of it is left."""
    near, far = Program(), Program()
    first = world.pair(near, far, read_timeout=5.0, write_timeout=5.0)
    first.close()
    world.until(lambda: far.events)
    pass_time(world, clock, 100.0)
    assert near.names == ["connect"]
    if world.kind == "tcp":
        assert world.collection.stats()["timers"] == 0


def test_new_timeouts_count_from_the_call__cl_52(clock: ManualClock, tcp: World) -> None:
    """`set_timeouts` replaces both limits; they count from the call, and the old never pass."""
    near = Program()
    sock = tcp.pair(near, Program(), read_timeout=10.0)
    pass_time(tcp, clock, 9.0)
    sock.set_timeouts(20.0, 5.0)
    pass_time(tcp, clock, 19.9)
    assert near.events == []
    sock.set_timeouts(None, None)
    pass_time(tcp, clock, 1000.0)
    sock.set_timeouts(read=1, write=None)
    pass_time(tcp, clock, 1.0)
    timed_out(near)
    with pytest.raises(StateClosed):
        sock.set_timeouts(1, 1)


def test_a_closed_socket_knows_no_directions__cl_61(tcp: World) -> None:
    """`enable`, `disable` and `set_timeouts` of a closed socket are a `StateClosed`."""
    sock = tcp.pair(Program(), Program())
    sock.close()
    for verb in (sock.enable, sock.disable, lambda: sock.set_timeouts(1, 1)):
        with pytest.raises(StateClosed):
            verb()
