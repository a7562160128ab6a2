"""OperationQueue: the phases of the one machine, and what it does when it is disturbed."""

from __future__ import annotations

import pytest

from reactor.channel.base import Channel
from reactor.channel.lost import Lost
from reactor.errors import ConnectionReset, EndOfStream, InternalError, ReactorError
from reactor.loop.collection import WaitStateCollection
from reactor.operations.operation import Operation
from reactor.state.async_io_state import AsyncIOState
from reactor.state.operation_queue import MOVES, OperationQueue, Phase
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel
from reactor.testing.settle import settle
from tests.reactor.state.reports import Reports


class Scripted(Operation):
    """An operation that does what a test says, and counts its steps."""

    __slots__ = ("script", "steps")

    renewed = True

    def __init__(self, *script: bool | Exception) -> None:
        super().__init__()
        self.script = list(script)
        self.steps = 0

    def step(self, channel: Channel) -> bool:
        self.steps += 1
        if isinstance(channel, Lost):
            channel.fail()
        action = self.script.pop(0) if self.script else False
        if isinstance(action, Exception):
            raise action
        return action


@pytest.mark.parametrize("before", Phase)
@pytest.mark.parametrize("after", Phase)
def test_only_legal_moves_are_made(near: AsyncIOState, before: Phase, after: Phase) -> None:
    """An illegal change of phase is our mistake, and raises."""
    queue = OperationQueue(near, near.channel)
    queue.phase = before
    if before == after or MOVES[before] & after:
        queue._enter(after)
        assert queue.phase == after
    else:
        with pytest.raises(InternalError, match=before.name):
            queue._enter(after)


def test_readiness_that_nobody_waits_for_steps_nothing(near: AsyncIOState) -> None:
    """`proceed` is harmless when nothing is blocked."""
    near.input.proceed()
    assert near.input.phase == Phase.IDLE


def test_an_operation_is_not_stepped_inside_the_call_that_starts_it__lw_124(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A read waits for its turn of the loop, even if all bytes are there."""
    far.write(b"x")
    operation, told = Scripted(True), list[ReactorError | None]()
    near.input.start(operation.order(lambda state: told.append(state.read_status)))
    assert operation.steps == 0
    settle(collection)
    assert (operation.steps, told) == (1, [None])


def test_a_loss_reaches_who_waits_and_who_comes_later__lw_117(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """A lost direction ends the operation that waits, and every later one, with that same error."""
    status, told = ConnectionReset("lost"), Reports()
    near.input.start(Scripted().order(told))
    near.input.lose(status)
    assert len(told) == 0
    settle(collection)
    near.input.start(Scripted().order(told))
    settle(collection)
    assert told.reads == [status, status]
    near.input.lose(EndOfStream())  # the first one counts
    assert near.read_status is status


def test_a_limit_can_be_changed_while_it_runs(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState
) -> None:
    """A running operation can be given another limit, counted from now; None is no limit."""
    told = Reports()
    near.input.start(Scripted().order(told, timeout=1.0))
    near.input.retime(5.0)
    clock.advance(4.9)
    settle(collection)
    assert len(told) == 0
    near.input.retime(None)
    clock.advance(100.0)
    settle(collection)
    assert (len(told), len(collection.timers)) == (0, 0)
    near.input.retime(2.0)
    clock.advance(2.0)
    settle(collection)
    assert len(told) == 1


def test_a_step_that_breaks_leaves_the_queue_usable(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """An exception that is no error of ours goes out; the operation can be stepped again."""
    near.collection.error_handler = lambda thing, exception: seen.append(exception)
    seen, told = list[BaseException](), Reports()
    near.input.start(Scripted(ZeroDivisionError(), True).order(told))
    far.write(b"x")
    settle(collection)
    settle(collection)
    assert [type(one) for one in seen] == [ZeroDivisionError]
    assert len(told) == 1


def test_an_operation_can_be_taken_back_and_started_again(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A stream that is paused and resumed is one operation, with one end."""
    operation = Scripted().order(told := Reports(), timeout=1.0)
    near.input.start(operation)
    near.input.withdraw()
    assert (near.input.active, len(collection.timers)) == (False, 0)
    near.input.start(operation)
    near.input.lose(EndOfStream())
    settle(collection)
    assert len(told) == 1
