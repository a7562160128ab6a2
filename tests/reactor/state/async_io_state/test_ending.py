"""AsyncIOState, ending: abort, close and hand-over, and one final event for everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reactor.channel.tls import TLSChannel
from reactor.errors import (
    OperationAborted,
    OperationInProgress,
    OperationNotAllowed,
    StateClosed,
    WrongThread,
)
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import CAPACITY, MemoryChannel
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.loop.probe import elsewhere
from tests.reactor.state.reports import Reports
from tests.tls_pairs import channels

VERBS: dict[str, Callable[[AsyncIOState], object]] = {
    "read_buffer": lambda state: state.read_buffer(bytearray(1), Reports()),
    "read_with_checking": lambda state: state.read_with_checking(Reports()),
    "wait_for_input": lambda state: state.wait_for_input(Reports()),
    "discard": lambda state: state.discard(0),
    "finish": lambda state: state.finish(),
    "write_buffer": lambda state: state.write_buffer(b"x", Reports()),
    "abort": lambda state: state.abort(None),
    "shutdown": lambda state: state.shutdown("output"),
    "attach_tls": lambda state: state.attach_tls(Reports()),
    "detach_tls": lambda state: state.detach_tls(Reports()),
    "handshake": lambda state: state.handshake(Reports()),
    "release": lambda state: state.release(),
}
ALWAYS: dict[str, Callable[[AsyncIOState], object]] = {
    "close": lambda state: state.close(),
    "abort_and_close": lambda state: state.abort_and_close(),
    "get_buffered_data": lambda state: state.get_buffered_data(bytearray(1)),
}


def test_aborting_a_read_tells_what_has_come__lw_125_128(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """After `abort` of a read only the abort callback runs, with the bytes so far."""
    reports, told = Reports(), Reports()
    near.read_buffer(bytearray(5), reports, timeout=5.0)
    far.write(b"abc")
    settle(collection)
    near.abort(told)
    assert len(told) == 0
    far.write(b"de")
    settle(collection)
    assert (told.moved, len(reports)) == ([(b"abc\0\0", 3)], 0)
    assert isinstance(told.status, OperationAborted)
    assert len(collection.timers) == 0


def test_aborting_a_write_tells_what_has_gone__lw_125(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """After `abort` of a write the count is what the kernel has taken."""
    reports, told = Reports(), Reports()
    near.write_buffer(bytes(CAPACITY + 5), reports)
    near.abort(told, "output")
    settle(collection)
    assert (told.counts, len(reports)) == ([CAPACITY], 0)
    assert isinstance(told.writes[0], OperationAborted)


def test_an_operation_without_a_value_has_none__lw_125(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """After `abort` of a wait buffer and count are None."""
    told = Reports()
    near.wait_for_input(Reports())
    near.abort(told)
    settle(collection)
    assert told.moved == [(None, None)]


def test_aborting_nothing__lw_126_128(collection: WaitStateCollection, near: AsyncIOState) -> None:
    """`abort` with nothing active calls back all the same; the status is that of before."""
    both, one = Reports(), Reports()
    near.abort(one, "output")
    near.abort(both, "io")
    near.abort(None, "input")
    assert (len(both), len(one)) == (0, 0)
    settle(collection)
    assert (one.moved, both.moved) == ([(None, None)], [()])
    assert (one.status, both.status) == (None, None)
    with pytest.raises(ValueError, match="direction"):
        near.abort(None, "both")


def test_both_ways_are_aborted_at_once__lw_126(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """`abort` with "io" stops both operations, and one call tells it."""
    reports, told = Reports(), Reports()
    near.read_buffer(bytearray(5), reports)
    near.write_buffer(bytes(CAPACITY + 5), reports)
    near.abort(told, "io")
    settle(collection)
    assert (told.moved, len(reports)) == ([()], 0)
    assert isinstance(told.reads[0], OperationAborted)
    assert isinstance(told.writes[0], OperationAborted)


def test_everything_is_allowed_in_the_abort_callback__lw_127_116(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A new operation may be started in the abort callback; nothing of the abort sticks."""
    reports = Reports()
    near.read_buffer(bytearray(5), Reports())
    near.abort(lambda state, *_: state.read_buffer(bytearray(2), reports))
    far.write(b"ok")
    settle(collection)
    assert (reports.moved, reports.status) == ([(b"ok", 2)], None)


def test_those_in_line_end_before_the_abort_callback__lw_129(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Queued writes end in order, each with count 0 and `OperationAborted`; then the abort."""
    near.queue_output = True
    order = list[object]()

    def note(name: str) -> Callable[..., None]:
        def report(state: AsyncIOState, buffer: object, count: int) -> None:
            order.append((name, count, type(state.write_status)))

        return report

    near.write_buffer(bytes(CAPACITY + 5), note("running"))
    near.write_buffer(b"one", note("callback"))
    near.write_buffer(b"two", note("unused"), error_callback=note("error"))
    near.abort(note("abort"), "output")
    settle(collection)
    assert order == [
        ("callback", 0, OperationAborted),
        ("error", 0, OperationAborted),
        ("abort", CAPACITY, OperationAborted),
    ]
    near.write_buffer(b"goes on", last := Reports())
    far.read(CAPACITY)
    settle(collection)
    assert (last.counts, far.read(100)) == ([7], b"goes on")


@pytest.mark.parametrize("direction", ["output", "io"])
def test_what_is_started_behind_an_abort_ends_behind_it__lw_124(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, direction: str
) -> None:
    """Callbacks come in the order in which their operations were started, aborted or not."""
    order = list[str]()
    near.write_buffer(b"1", lambda *_: order.append("never"))
    near.abort(lambda *_: order.append("aborted"), direction)
    near.write_buffer(b"2", lambda *_: order.append("second"))
    settle(collection)
    assert (order, far.read(10)) == (["aborted", "second"], b"12")


def test_what_a_limit_ends_in_line_comes_before_what_is_started_then__lw_124_102(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Writes behind one that has timed out are told before any that its callback has started."""
    near.queue_input = True
    order = list[str]()

    def start_another(state: AsyncIOState, *_: object) -> None:
        order.append("first")
        far.write(b"x")
        state.read_buffer(bytearray(1), lambda *_: order.append("third"), timeout=1.0)

    near.read_buffer(bytearray(1), start_another, timeout=1.0)
    near.read_buffer(bytearray(1), lambda *_: order.append("second"))
    clock.advance(1.0)
    settle(collection)
    assert order == ["first", "second", "third"]


def test_abort_and_close_is_the_only_event__lw_130(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """After `abort_and_close` no operation is told of anything; the close callback comes
    once, later.
    """
    near.queue_output = True
    reports, closed = Reports(), Reports()
    near.read_buffer(bytearray(5), reports, timeout=1.0)
    near.write_buffer(bytes(CAPACITY + 5), reports, timeout=1.0)
    near.write_buffer(b"queued", reports, deadline=2000.0)
    near.abort_and_close(closed)
    assert (near.closed, len(closed)) == (True, 0)
    settle(collection)
    assert (closed.moved, len(reports), len(collection.timers)) == ([()], 0, 0)
    near.abort_and_close(closed)
    settle(collection)
    assert len(closed) == 2  # LW-134: of a closed state it is harmless, and called


def test_closing_ends_everything_later__lw_135_124(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`close` ends all that is active in order, each through its error callback, with the
    count so far.
    """
    near.queue_output = near.queue_input = True
    reports, errors = Reports(), Reports()
    far.write(b"abc")
    near.write_buffer(bytes(CAPACITY + 5), reports, error_callback=errors, timeout=1.0)
    near.write_buffer(b"queued", errors)
    near.read_buffer(bytearray(5), errors, timeout=1.0)
    near.read_buffer(bytearray(6), errors)
    settle(collection)
    assert near.close() == 0
    assert len(errors) == 0
    settle(collection)
    assert errors.moved == [
        (b"abc\0\0", 3),
        (bytes(6), 0),
        (bytes(CAPACITY + 5), CAPACITY),
        (b"queued", 0),
    ]
    assert len(reports) == 0
    assert all(isinstance(status, StateClosed) for status in errors.reads)
    assert all(isinstance(status, StateClosed) for status in errors.writes)
    assert len(collection.timers) == 0


def test_what_a_callback_starts_before_it_closes_ends_too__lw_123_135(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """An operation that a callback starts just before it closes the state gets its one end."""
    second, writing = Reports(), Reports()

    def go_on_and_close(state: AsyncIOState, *_: object) -> None:
        state.read_buffer(bytearray(1), second)
        state.write_buffer(b"x", writing)
        state.close()
        state.close()

    near.read_buffer(bytearray(1), go_on_and_close)
    far.write(b"ab")
    settle(collection)
    assert (second.counts, writing.counts) == ([0], [1])
    assert isinstance(second.reads[0], StateClosed)


def test_a_status_outlives_closing__lw_117_134(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """What had stopped a direction of a state before is still told after closing."""
    far.reset()
    near.read_buffer(bytearray(1), Reports())
    settle(collection)
    status = near.read_status
    near.close()
    settle(collection)
    assert status is not None
    assert near.read_status is status


def test_closing_returns_what_is_unread_and_is_harmless_again__lw_134_093(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`close` tells how many bytes nobody has read, and they can still be had."""
    far.write(b"abcdef")
    near.read_buffer(bytearray(2), Reports())
    settle(collection)
    assert (near.close(), near.close()) == (4, 4)
    near.abort_and_close()
    buffer = bytearray(4)
    assert near.get_buffered_data(buffer) == 4
    assert buffer == b"cdef"
    assert near.peer_address == ("far", None)
    assert "near" in repr(near)
    assert "closed" in repr(near)


@pytest.mark.parametrize("verb", VERBS)
def test_a_closed_state_can_do_nothing__lw_134(near: AsyncIOState, verb: str) -> None:
    """After closing every verb of a state raises `StateClosed`, save those that ask for
    leftovers.
    """
    near.close()
    with pytest.raises(StateClosed):
        VERBS[verb](near)


@pytest.mark.parametrize("verb", [*VERBS, *ALWAYS])
def test_a_state_belongs_to_one_thread__lw_014(
    collection: WaitStateCollection, near: AsyncIOState, verb: str
) -> None:
    """Every verb of a state raises `WrongThread` in another thread, and nothing has happened."""
    settle(collection)
    with pytest.raises(WrongThread, match="apply"):
        elsewhere(lambda: {**VERBS, **ALWAYS}[verb](near))
    assert not near.closed


def test_closing_again_belongs_to_the_thread_too__lw_014(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """A second `close` is harmless in the owner's thread, and `WrongThread` in another one; of a
    closed collection it is harmless in all of them.
    """
    collection.run_once(0)
    near.close()
    with pytest.raises(WrongThread):
        elsewhere(near.close)
    collection.close()
    assert elsewhere(near.close) == 0


@pytest.mark.parametrize("verb", VERBS)
def test_a_closed_collection_closes_its_states__lw_011_012(
    collection: WaitStateCollection, near: AsyncIOState, verb: str
) -> None:
    """A closed collection has closed its states without a call, and they do nothing any more."""
    reports = Reports()
    near.read_buffer(bytearray(1), reports, timeout=5.0)
    near.write_buffer(bytes(CAPACITY + 1), reports)
    collection.close()
    assert near.closed
    with pytest.raises(StateClosed):
        VERBS[verb](near)
    assert near.close() == 0
    assert len(reports) == 0


def test_releasing_needs_both_ways_idle__lw_138(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """`release` is refused while a direction is active."""
    near.read_buffer(bytearray(1), Reports())
    with pytest.raises(OperationInProgress):
        near.release()
    near.abort(None)
    near.write_buffer(bytes(CAPACITY + 1), Reports())
    with pytest.raises(OperationInProgress):
        near.release()
    near.abort(None, "output")
    channel, unread = near.release()
    assert (near.closed, channel.fileno() >= 0, unread) == (True, True, b"")
    assert collection.stats()["states"] == 0


def test_one_state_goes_on_where_another_was_released__lw_138_066(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A new state goes on with the channel and the unread bytes of a released one; not a
    byte is lost.
    """
    far.write(b"abcdef")
    near.read_buffer(bytearray(2), Reports())
    settle(collection)
    far.write(b"gh")
    state = AsyncIOState(collection, *near.release())
    reports = Reports()
    state.read_buffer(bytearray(6), reports)
    settle(collection)
    assert reports.moved == [(b"cdefgh", 6)]


def test_tls_comes_along_when_released__lw_138(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """A released state with TLS becomes another one with TLS."""
    here, there = channels(certificates)
    first = AsyncIOState(collection, here)
    there.write(b"abcdef")
    there.flush()
    first.read_buffer(bytearray(2), Reports())
    settle(collection)
    second = AsyncIOState(collection, *first.release())
    assert second.tls_side == "client"
    reports = Reports()
    second.read_buffer(bytearray(4), reports)
    settle(collection)
    assert reports.moved == [(b"cdef", 4)]
    there.close()


def test_only_a_socket_can_be_kept__lw_136(
    collection: WaitStateCollection, near: AsyncIOState, certificates: Certificates
) -> None:
    """`close(keep_object=True)` is refused where there is TLS or no socket, and the state
    goes on.
    """
    here, there = channels(certificates)
    layered = AsyncIOState(collection, here)
    for state in (near, layered):
        with pytest.raises(OperationNotAllowed, match=r"detach_tls.*release"):
            state.close(keep_object=True)
        with pytest.raises(OperationNotAllowed):
            state.abort_and_close(keep_object=True)
        assert not state.closed
    assert isinstance(layered.channel, TLSChannel)
    there.close()


def test_a_callback_of_one_direction_may_end_the_other__lw_079_123(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A read whose limit has passed may abort the write in its callback; each has one end."""
    reading, writing, told = (
        Reports(lambda state: state.abort(told, "output")),
        Reports(),
        Reports(),
    )
    near.read_buffer(bytearray(1), reading, timeout=1.0)
    near.write_buffer(bytes(CAPACITY + 1), writing, timeout=5.0)
    clock.advance(1.0)
    settle(collection)
    far.read(CAPACITY)
    clock.advance(5.0)
    settle(collection)
    assert (len(reading), len(writing), told.counts) == (1, 0, [CAPACITY])


def test_shutting_down_all_that_is_active__lw_132(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`shutdown` of "io" with `abort=True` tells both operations their end, each once,
    before the result.
    """
    order = list[object]()
    near.read_buffer(bytearray(1), lambda state, *_: order.append(type(state.read_status)))
    near.write_buffer(bytes(CAPACITY + 1), lambda state, *_: order.append(type(state.write_status)))
    result = near.shutdown("io", abort=True, callback=lambda state, error: order.append(error))
    assert (result, order) == (None, [])
    settle(collection)
    assert order == [OperationAborted, OperationAborted, None]
