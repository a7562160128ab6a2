"""AsyncIOState, checking: one long read whose callback decides what is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reactor.errors import (
    ConnectionReset,
    EndOfStream,
    LimitExceeded,
    OperationAborted,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    StateClosed,
)
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import MemoryChannel
from reactor.testing.settle import settle
from tests.reactor.state.reports import Reports


class Shown(Reports):
    """As `Reports`, with what `old_length` was."""

    def __init__(self, then: Callable[[AsyncIOState], object] | None = None) -> None:
        super().__init__(then)
        self.old = list[int]()

    def __call__(self, state: AsyncIOState, *arguments: object) -> None:
        self.old.append(state.old_length)
        super().__call__(state, *arguments)


def test_bytes_stay_and_come_again_with_more_behind_them__lw_081_085(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A checking callback that does nothing is shown all bytes again, and told how many it
    has seen.
    """
    shown = Shown()
    near.read_with_checking(shown)
    for piece in (b"ab", b"cde", b"f"):
        far.write(piece)
        settle(collection)
    assert shown.moved == [(b"ab", 2), (b"abcde", 5), (b"abcdef", 6)]
    assert shown.old == [0, 2, 5]
    assert near.buffered_data_length == 6


def test_what_is_discarded_does_not_come_again__lw_083_085(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """`discard` returns what remains; the next buffer begins behind it, and the read goes on."""
    remaining = list[int]()
    shown = Shown(lambda state: remaining.append(state.discard(2)))
    near.read_with_checking(shown)
    for piece in (b"abc", b"de"):
        far.write(piece)
        settle(collection)
    assert remaining == [1, 1]
    assert shown.moved == [(b"abc", 3), (b"cde", 3)]
    assert shown.old == [0, 1]
    assert near.input.active


@pytest.mark.parametrize("count", [-1, 4])
def test_more_than_there_is_cannot_be_dropped__lw_083_084(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, count: int
) -> None:
    """`discard` and `finish` refuse a count that is negative or too large, and nothing has
    happened.
    """
    refused = list[str]()

    def check(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        for verb in (state.discard, state.finish):
            with pytest.raises(ValueError, match="cannot be dropped"):
                verb(count)
            refused.append(verb.__name__)

    near.read_with_checking(check)
    far.write(b"abc")
    settle(collection)
    assert refused == ["discard", "finish"]
    assert (near.input.active, near.buffered_data_length) == (True, 3)


def test_finishing_ends_it_and_keeps_the_rest__lw_084(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """After `finish` the callback is not called again; the rest is for the next read."""
    remaining, reading = list[int](), Reports()
    shown = Shown(lambda state: remaining.append(state.finish(2)))
    near.read_with_checking(shown)
    far.write(b"abcd")
    settle(collection)
    assert (remaining, near.input.active, near.read_status) == ([2], False, None)
    far.write(b"ef")
    settle(collection)
    near.read_buffer(bytearray(4), reading)
    settle(collection)
    assert (len(shown), reading.moved) == (1, [(b"cdef", 4)])


def test_a_new_read_may_be_started_in_the_callback_that_finishes__lw_084_086(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A new read may be started where the last one is finished, and has seen nothing yet."""
    lines, old = list[bytes](), list[int]()

    def check(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        old.append(state.old_length)
        size = buffer.find(b"\n") + 1
        if size:
            lines.append(bytes(buffer[:size]))
            state.finish(size)
            state.read_with_checking(check)

    near.read_with_checking(check)
    far.write(b"one\ntwo\nthr")
    settle(collection)
    far.write(b"ee\n")
    settle(collection)
    assert lines == [b"one\n", b"two\n", b"three\n"]
    assert old == [0, 0, 0, 3]


def test_a_second_one_does_not_disturb_the_first__lw_077_085(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A read that is refused, or waits in line, leaves the old length of the first alone."""
    first, second = Shown(), Shown()
    near.read_with_checking(first)
    far.write(b"abc")
    settle(collection)
    with pytest.raises(OperationInProgress):
        near.read_with_checking(second)
    near.queue_input = True
    near.read_with_checking(second)
    far.write(b"d")
    settle(collection)
    assert (first.old, len(second)) == ([0, 3], 0)


def test_an_old_length_is_not_inherited__lw_085_127(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A checking read started in the callback that aborts another has an old length of 0."""
    second = Shown()

    def change(state: AsyncIOState) -> None:
        state.abort(None)
        state.read_with_checking(second)

    near.read_with_checking(Shown(change))
    far.write(b"abc")
    settle(collection)
    assert (second.moved, second.old) == ([(b"abc", 3)], [0])


def test_discard_and_finish_belong_to_the_callback__lw_083_084(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Outside the callback of a checking read `discard` and `finish` are refused, also
    while it runs.
    """
    near.read_with_checking(Reports())
    far.write(b"abc")
    settle(collection)
    for verb in (near.discard, near.finish):
        with pytest.raises(OperationNotAllowed):
            verb(1)
    refused = list[int]()

    def later(state: AsyncIOState, *_: object) -> None:
        with pytest.raises(OperationNotAllowed):
            state.discard(1)
        refused.append(state.buffered_data_length)

    near.write_buffer(b"x", later)
    settle(collection)
    assert refused == [3]


def test_it_is_finished_only_once__lw_084(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A second `finish` of a checking read is refused: it is over already."""
    refused = list[bool]()

    def check(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        state.finish(1)
        with pytest.raises(OperationNotAllowed):
            state.finish(1)
        refused.append(True)

    near.read_with_checking(check)
    far.write(b"abc")
    settle(collection)
    assert (refused, near.buffered_data_length) == ([True], 2)


def test_unread_bytes_are_shown_without_waiting__lw_086(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """Bytes that were unread before are shown to a checking read, later, though nothing
    arrives any more.
    """
    state = AsyncIOState(collection, near.release()[0], b"abc")
    shown = Shown()
    state.read_with_checking(shown)
    assert len(shown) == 0
    settle(collection)
    assert (shown.moved, shown.old) == ([(b"abc", 3)], [0])


@pytest.mark.parametrize("given", [True, False])
def test_so_many_new_bytes_per_call_at_most__lw_087(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, given: bool
) -> None:
    """A call of a checking callback adds `max_read` bytes at most, those of the verb before
    those of the state.
    """
    near.max_read = 1000 if given else 3
    shown = Shown(lambda state: state.discard(state.buffered_data_length))
    near.read_with_checking(shown, max_read=3 if given else None)
    far.write(b"abcdefgh")
    settle(collection)
    assert shown.moved == [(b"abc", 3), (b"def", 3), (b"gh", 2)]
    with pytest.raises(ValueError, match="max_read"):
        near.read_with_checking(shown, max_read=0)


def test_each_arrival_sets_the_clock_back__lw_088(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The limit of a checking read is between arrivals; when it passes there is one more
    call, with the status.
    """
    shown, errors = Shown(), Shown()
    near.read_with_checking(shown, timeout=2.0, error_callback=errors)
    for _ in range(3):
        clock.advance(1.5)
        far.write(b"x")
        settle(collection)
    assert len(shown) == 3
    clock.advance(1.9)
    settle(collection)
    assert len(shown) == 3
    clock.advance(0.1)
    settle(collection)
    assert (shown.moved[-1], shown.old[-1], len(errors)) == ((b"xxx", 3), 3, 0)
    assert isinstance(shown.reads[-1], OperationTimeout)
    assert not near.input.active


def test_a_limit_may_pass_before_anything_came__lw_088(
    collection: WaitStateCollection, clock: ManualClock, near: AsyncIOState
) -> None:
    """When the limit of a checking read passes, its last call may have nothing to show."""
    shown = Shown()
    near.read_with_checking(shown, timeout=2.0)
    clock.advance(2.0)
    settle(collection)
    assert (shown.moved, shown.old) == ([(b"", 0)], [0])
    assert len(collection.timers) == 0


@pytest.mark.parametrize("failing", [True, False])
@pytest.mark.parametrize("given", [True, False])
def test_the_end_is_one_more_call_behind_all_bytes__lw_089_120(
    collection: WaitStateCollection,
    near: AsyncIOState,
    far: MemoryChannel,
    failing: bool,
    given: bool,
) -> None:
    """After all bytes have been shown the end goes to `callback`, a failure to
    `error_callback` if there is one.
    """
    shown, errors = Shown(), Shown()
    near.read_with_checking(shown, error_callback=errors if given else None)
    far.write(b"abc")
    if failing:
        settle(collection)
        far.reset()
    else:
        far.write_eof()
    settle(collection)
    last = errors if failing and given else shown
    assert len(shown) + len(errors) == 2
    assert (shown.moved[0], shown.reads[0]) == ((b"abc", 3), None)
    assert last.moved[-1] == (b"abc", 3)
    assert isinstance(last.reads[-1], ConnectionReset if failing else EndOfStream)


@pytest.mark.parametrize("verb", ["discard", "finish"])
def test_in_the_last_call_bytes_can_be_taken_too__lw_090(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel, verb: str
) -> None:
    """In the last call of a checking read `discard` and `finish` are accepted, and the rest
    is kept.
    """

    def take(state: AsyncIOState) -> None:
        if state.read_status is not None:
            getattr(state, verb)(2)
            state.read_buffer(bytearray(9), reading)

    shown, reading = Shown(take), Reports()
    near.read_with_checking(shown)
    far.write(b"abcd")
    far.write_eof()
    settle(collection)
    assert reading.moved == [(b"cd" + bytes(7), 2)]
    assert isinstance(reading.reads[0], EndOfStream)


def test_a_peer_that_never_pauses_leaves_others_their_turn__lw_091(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """However much arrives, a turn shows a bounded number of bytes; posted calls have their
    turn.
    """
    total = 0

    def check(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        nonlocal total
        total += state.buffered_data_length
        state.discard(end)
        while far.write(bytes(65536)):
            pass

    near.read_with_checking(check)
    far.write(b"x")
    posts = list[int]()
    for _ in range(3):
        collection.apply(lambda: posts.append(total))
        collection.run_once(0)
    assert len(posts) == 3
    assert posts[0] < posts[1] < posts[2] < 3_000_000
    near.abort(None)


def test_unread_bytes_have_a_limit__lw_092_116(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """Beyond `input_limit` a checking read fails; the bytes stay, and the state can be read on."""
    near.input_limit = 10
    shown, errors, reading = Shown(), Shown(), Reports()
    near.read_with_checking(shown, error_callback=errors)
    far.write(b"0123456789")
    settle(collection)
    assert (shown.counts, len(errors)) == ([10], 0)
    far.write(b"abcdef")
    settle(collection)
    status = errors.reads[0]
    assert isinstance(status, LimitExceeded)
    assert status.identifier == "input-limit"
    near.read_buffer(bytearray(16), reading)
    settle(collection)
    assert (reading.moved, reading.status) == ([(b"0123456789abcdef", 16)], None)


def test_an_end_behind_the_last_byte_is_no_excess__lw_092(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """As many bytes as `input_limit` allows, and then the end, are an ordinary end."""
    near.input_limit = 10
    shown = Shown()
    near.read_with_checking(shown)
    far.write(b"0123456789")
    far.write_eof()
    settle(collection)
    assert shown.counts == [10, 10]
    assert isinstance(shown.reads[-1], EndOfStream)


def test_aborting_keeps_all_bytes__lw_125_127(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The abort callback of a checking read may discard bytes; `finish` has nothing to end
    there.
    """
    shown, told = Shown(), list[tuple[bytes, int, int]]()

    def stopped(state: AsyncIOState, buffer: bytearray, count: int) -> None:
        told.append((bytes(buffer), count, state.discard(1)))
        assert isinstance(state.read_status, OperationAborted)
        with pytest.raises(OperationNotAllowed):
            state.finish()

    near.read_with_checking(shown)
    far.write(b"abc")
    settle(collection)
    near.abort(stopped)
    far.write(b"d")
    settle(collection)
    assert (told, len(shown)) == ([(b"abc", 3, 2)], 1)


def test_aborting_inside_the_callback_takes_effect_behind_it__lw_127(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A callback that aborts its own operation is not called again, and the rest is counted."""
    told = Reports()

    def abort_first(state: AsyncIOState) -> None:
        state.abort(told)
        assert len(told) == 0
        state.discard(2)

    shown = Shown(abort_first)
    near.read_with_checking(shown)
    far.write(b"abc")
    settle(collection)
    far.write(b"d")
    settle(collection)
    assert (len(shown), told.moved) == (1, [(b"c", 1)])


def test_closing_inside_the_callback_was_its_last_call__lw_135(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A checking callback that closes its state is not called again; what it leaves can be
    fetched.
    """

    def close(state: AsyncIOState) -> None:
        assert state.close() == 3
        assert state.discard(1) == 2

    shown, errors = Shown(close), Reports()
    near.read_with_checking(shown, error_callback=errors)
    far.write(b"abc")
    settle(collection)
    assert (len(shown), len(errors), far.read(1)) == (1, 0, b"")
    assert near.get_buffered_data(bytearray(9)) == 2


def test_the_last_call_of_a_closed_state_may_take_bytes__lw_090_135(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """A checking callback that is told that its state is closed may discard and finish as ever."""

    def take(state: AsyncIOState) -> None:
        if isinstance(state.read_status, StateClosed):
            state.finish(state.discard(2) - 1)

    shown = Shown(take)
    near.read_with_checking(shown)
    far.write(b"abcd")
    settle(collection)
    near.close()
    settle(collection)
    assert (len(shown), near.buffered_data_length) == (2, 1)


@pytest.mark.parametrize("closes", [True, False])
def test_an_exception_goes_to_the_error_handler__lw_016_017(
    clock: ManualClock, far: MemoryChannel, closes: bool
) -> None:
    """What leaves a checking callback is the error handler's; if that does not close, the
    read goes on.
    """
    seen = list[object]()

    def handler(thing: object, exception: BaseException) -> None:
        seen.append((thing, str(exception)))
        if closes:
            state.close_after_error()

    def fail(state: AsyncIOState) -> None:
        if state.read_status is None:
            raise RuntimeError("of the user")

    collection = WaitStateCollection(clock=clock, error_handler=handler)
    state = AsyncIOState(collection, far.far)
    shown = Shown(fail)
    state.read_with_checking(shown, timeout=1.0)
    far.write(b"a")
    settle(collection)
    assert seen == [(state, "of the user")]
    assert state.closed is closes
    if closes:
        assert [status and status.identifier for status in shown.reads] == [None, "closed"]
    else:
        far.write(b"b")
        settle(collection)
        clock.advance(1.0)
        settle(collection)
        assert [type(status) for status in shown.reads] == [type(None)] * 2 + [OperationTimeout]
    collection.close()


def test_what_is_shown_can_be_searched_in_place__lw_082(
    collection: WaitStateCollection, near: AsyncIOState, far: MemoryChannel
) -> None:
    """The callback of `read_with_checking` gets bytes that it can search and slice where they are;
    all of them are valid.
    """
    lines = list[bytes]()

    def check(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        assert len(buffer) == end
        complete = buffer.rfind(b"\n", state.old_length) + 1
        lines.extend(bytes(buffer[:complete]).splitlines())
        state.discard(complete)

    near.read_with_checking(check)
    for piece in (b"on", b"e\ntwo\nth", b"ree\n"):
        far.write(piece)
        settle(collection)
    assert lines == [b"one", b"two", b"three"]
    near.abort_and_close()
