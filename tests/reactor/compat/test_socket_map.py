"""SocketMap: dispatchers beside everything else that a collection has."""

from __future__ import annotations

import logging
import socket

import pytest

from reactor.compat import asyncore
from reactor.compat.residents import Members
from reactor.compat.socket_map import ASK_TIMEOUT, SocketMap
from reactor.errors import OperationNotAllowed, StateClosed, WrongThread
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.loop.watch import Watch
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.compat.conftest import Noting, Pair, turns
from tests.reactor.loop.probe import elsewhere
from tests.torture.seam import needs_epoll


def test_run_serves_old_and_new_together(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair

    def answer(dispatcher: Noting) -> None:
        collection.apply(told.append, dispatcher.recv(10))
        dispatcher.close()
        collection.call_soon(collection.stop)

    told = list[bytes]()

    def greet(watch: Watch) -> None:
        far.send(b"hello")
        watch.close()

    collection.watch(far, writable=greet)
    Noting(near, shared, read=answer)
    collection.run()
    assert (told, len(shared)) == ([b"hello"], 0)


def test_the_map_of_the_module_may_be_one(
    shared: SocketMap, monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    near, far = pair
    monkeypatch.setattr(asyncore, "socket_map", shared)
    dispatcher = Noting(near)
    far.send(b"!")
    asyncore.loop(timeout=0, count=3)
    assert (list(shared.values()), "read" in dispatcher.calls) == ([dispatcher], True)
    asyncore.close_all()
    assert len(shared) == 0


def test_exit_now_stops_the_loop(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair

    def leave(dispatcher: Noting) -> None:
        raise asyncore.ExitNow

    dispatcher = Noting(near, shared, read=leave)
    far.send(b"!")
    collection.run()
    assert dispatcher.calls == ["read"]
    dispatcher.reading = False
    asyncore.poll(0, shared)  # what has left one loop does not leave the next


class Careless(Noting):
    def handle_error(self) -> None:
        raise


@pytest.mark.parametrize("hook", ["read", "readable"])
def test_what_leaves_handle_error_goes_to_the_error_handler(
    collection: WaitStateCollection,
    shared: SocketMap,
    pair: Pair,
    caplog: pytest.LogCaptureFixture,
    hook: str,
) -> None:
    near, far = pair

    def fail(dispatcher: Noting) -> None:
        raise ZeroDivisionError

    Careless(near, shared, **{hook: fail})
    far.send(b"!")
    with caplog.at_level(logging.ERROR, "reactor"):
        settle(collection)
    assert len(shared) == 0
    assert near.fileno() == -1
    assert "exception in a callback of <Resident fd=" in caplog.text


def test_an_error_handler_that_propagates_ends_run(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair
    collection.error_handler = propagate

    def leave(dispatcher: Noting) -> None:
        raise asyncore.ExitNow

    Noting(near, shared, read=leave)
    far.send(b"!")
    with pytest.raises(asyncore.ExitNow):
        collection.run()


def test_another_thread_may_neither_come_nor_go(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair
    dispatcher = Noting(near, shared)
    turns(shared)  # this thread owns it now
    for verb in (dispatcher.close, lambda: Noting(far, shared)):
        with pytest.raises(WrongThread, match="apply"):
            elsewhere(verb)
    assert list(shared) == [near.fileno()]


def test_it_closes_its_dispatchers_with_the_collection(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair
    dispatcher = Noting(near, shared)
    turns(shared)
    collection.close()
    assert (near.fileno(), len(shared), dispatcher.calls) == (-1, 0, [])
    dispatcher.close()
    with pytest.raises(StateClosed):
        Noting(far, shared)
    with pytest.raises(StateClosed):
        shared[0] = dispatcher
    asyncore.loop(map=shared)  # of nobody


def test_it_may_be_closed_while_it_asks(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    Noting(pair[0], shared, readable=lambda dispatcher: collection.close())
    collection.run_once(0)
    assert (len(shared), collection.alive) == (0, False)


def test_who_stays_in_it_has_no_loop_any_more(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    class Stubborn(Noting):
        def close(self) -> None:
            self.socket.close()

    stubborn = Stubborn(pair[0], shared)
    collection.close()
    assert list(shared.values()) == [stubborn]
    with pytest.raises(StateClosed):
        asyncore.loop(map=shared)


def test_a_change_outside_of_a_turn_is_noticed_after_a_wake(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair
    dispatcher = Noting(near, shared)
    dispatcher.reading = False
    settle(collection)
    far.send(b"!")
    dispatcher.reading = True
    assert collection.wait(0) == []
    collection.wake()
    collection.run_once()
    collection.run_once()
    assert dispatcher.calls == ["read"]


def test_a_dispatcher_that_comes_outside_of_a_turn_wakes_the_loop(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    settle(collection)
    dispatcher = Noting(pair[0], shared)
    assert dispatcher.asked == 0  # it may be half made
    collection.run_once()
    assert dispatcher.asked == 1


def test_all_are_asked_every_30_s_though_nothing_happens(
    collection: WaitStateCollection, clock: ManualClock, shared: SocketMap, pair: Pair
) -> None:
    assert ASK_TIMEOUT == 30.0
    dispatcher = Noting(pair[0], shared)
    settle(collection)
    asked = dispatcher.asked
    assert collection.next_timeout() == 30.0
    clock.advance(30.0)
    collection.run_once()
    assert dispatcher.asked == asked + 1
    assert collection.next_timeout() == 30.0
    dispatcher.close()
    settle(collection)
    assert collection.next_timeout() is None


@pytest.mark.parametrize("timeout", [0.5, None])
def test_the_span_may_be_another_or_none(
    collection: WaitStateCollection, pair: Pair, timeout: float | None
) -> None:
    dispatcher = Noting(pair[0], SocketMap(collection, timeout=timeout))
    settle(collection)
    assert collection.next_timeout() == timeout
    dispatcher.close()


def test_a_span_is_above_0(collection: WaitStateCollection) -> None:
    with pytest.raises(ValueError, match="timeout must be more than 0"):
        SocketMap(collection, timeout=0)


def test_a_number_is_given_once(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, _ = pair
    collection.watch(near)
    with pytest.raises(OperationNotAllowed):
        Noting(near, shared)
    assert len(shared) == 0


def test_its_number_is_free_as_soon_as_it_has_left(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair
    dispatcher = Noting(near, shared)
    turns(shared)
    dispatcher.del_channel()
    ready = list[int]()
    watch = collection.watch(near, readable=lambda watch: ready.append(watch.fd))
    far.send(b"!")
    collection.run_once()
    assert (ready, dispatcher.calls) == ([near.fileno()], [])
    watch.close()


def test_it_is_a_table_like_any_other(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair
    first, second = Noting(near, shared), Noting(far, shared)
    plain = shared.copy()
    assert plain == dict(shared) == {near.fileno(): first, far.fileno(): second}
    assert repr(shared) == "<SocketMap: 2 on <WaitStateCollection of the test>>"
    assert repr(shared.residents) == "<Residents: 2 of <WaitStateCollection of the test>>"
    assert shared.pop(near.fileno()) is first
    collection.watch(near).close()  # its number is free at once
    shared.clear()
    collection.watch(far).close()
    assert (len(shared), near.fileno() >= 0) == (0, True)
    assert isinstance(plain, dict)


def test_two_maps_may_share_a_collection(
    collection: WaitStateCollection, shared: SocketMap, pair: Pair
) -> None:
    near, far = pair
    other: Members = SocketMap(collection)
    first, second = Noting(near, shared), Noting(far, other)
    first.writing = second.writing = True
    settle_some(collection)
    assert {*first.calls} == {*second.calls} == {"write"}
    second.close()


def settle_some(collection: WaitStateCollection) -> None:
    """Take some turns; who can always write is never quiet."""
    for _ in range(3):
        collection.run_once(0)


@needs_epoll
def test_urgent_data_is_told_to_who_heeds_it(
    collection: WaitStateCollection, shared: SocketMap
) -> None:
    taken = list[bytes]()

    class Heeding(Noting):
        def handle_expt(self) -> None:
            taken.append(self.socket.recv(1, socket.MSG_OOB))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        for kind in (Heeding, Noting):
            far = socket.create_connection(listener.getsockname())
            near = kind(listener.accept()[0], shared)
            turns(shared)
            far.send(b"!", socket.MSG_OOB)
            collection.run_once(0)
            settle(collection)
            near.close()
            far.close()
    assert taken == [b"!"]
