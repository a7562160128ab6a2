"""The loop of asyncore on a collection: who is asked, who is served, and how it ends."""

from __future__ import annotations

import errno
import socket
import threading

import pytest

from reactor.compat import asyncore
from reactor.compat.residents import Members, Residents
from reactor.compat.socket_map import SocketMap
from reactor.errors import OperationInProgress
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from tests.reactor.compat.conftest import Noting, Pair, turns
from tests.reactor.loop.probe import LIMIT


def test_each_is_asked_before_each_wait(members: Members, pair: Pair) -> None:
    near, far = pair
    dispatcher = Noting(near, members)
    dispatcher.reading = False
    far.send(b"!")
    turns(members)
    assert (dispatcher.calls, dispatcher.asked >= 5) == ([], True)
    dispatcher.reading = True
    asyncore.poll(LIMIT, members)
    assert dispatcher.calls == ["read"]
    dispatcher.reading, dispatcher.writing = False, True
    asyncore.poll(LIMIT, members)
    assert dispatcher.calls == ["read", "write"]


def test_what_a_handler_changes_counts_in_the_same_turn(members: Members, pair: Pair) -> None:
    near, far = pair

    def answer(dispatcher: Noting) -> None:
        dispatcher.reading = dispatcher.recv(10) == b""
        dispatcher.writing = True

    dispatcher = Noting(near, members, read=answer, write=asyncore.dispatcher.close)
    far.send(b"!")
    asyncore.loop(timeout=LIMIT, map=members)  # it ends because the map is empty
    assert dispatcher.calls == ["read", "write"]


def test_who_wants_nothing_costs_no_turn(shared: SocketMap, pair: Pair) -> None:
    near, far = pair
    dispatcher = Noting(near, shared)
    dispatcher.reading = False
    turns(shared)
    far.send(b"!")
    far.shutdown(socket.SHUT_RDWR)
    assert shared.residents.collection.wait(0) == []


def test_a_count_is_a_number_of_turns(pair: Pair) -> None:
    near, _ = pair
    members: Members = {}
    dispatcher = Noting(near, members)
    asyncore.loop(timeout=0, map=members, count=3)
    assert dispatcher.asked == 3
    asyncore.poll3(0, members)
    asyncore.loop(timeout=0, map=members, count=0)
    assert dispatcher.asked == 4


def test_an_empty_map_ends_the_loop_at_once(members: Members) -> None:
    asyncore.loop(timeout=None, map=members)
    asyncore.poll(None, members)


@pytest.mark.parametrize("hook", ["read", "write", "readable"])
def test_exit_now_leaves_the_loop(members: Members, pair: Pair, hook: str) -> None:
    near, far = pair
    reason = asyncore.ExitNow("enough")

    def leave(dispatcher: Noting) -> None:
        raise reason

    dispatcher = Noting(near, members, **{hook: leave})
    dispatcher.writing = hook == "write"
    far.send(b"!")
    with pytest.raises(asyncore.ExitNow) as caught:
        asyncore.loop(timeout=LIMIT, map=members)
    assert caught.value is reason
    assert list(members.values()) == [dispatcher]  # it is left as it was, and can go on
    dispatcher.on.clear()
    turns(members)
    assert "read" in dispatcher.calls


def test_an_error_ends_its_dispatcher_and_nothing_else(
    members: Members, pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    near, far = pair
    other_near, other_far = socket.socketpair()

    def fail(dispatcher: Noting) -> None:
        raise ZeroDivisionError("of the test")

    failing = Noting(near, members, read=fail)
    other = Noting(other_near, members)
    far.send(b"!")
    other_far.send(b"!")
    turns(members)
    assert failing.calls == ["read", "close"]
    assert set(other.calls) == {"read"}
    assert list(members.values()) == [other]
    out = capsys.readouterr().out
    assert out.startswith("error: uncaptured python exception, closing channel <")
    assert "(<class 'ZeroDivisionError'>:of the test [" in out
    other_far.close()


class Careless(Noting):
    def handle_error(self) -> None:
        raise


def test_what_leaves_handle_error_leaves_the_loop(pair: Pair) -> None:
    near, far = pair
    members: Members = {}
    Careless(near, members, read=lambda dispatcher: dispatcher.calls.remove("nothing"))
    far.send(b"!")
    with pytest.raises(ValueError, match="not in list"):
        asyncore.loop(timeout=LIMIT, map=members)
    asyncore.close_all(members)


def test_who_was_closed_in_the_same_turn_is_not_called(members: Members) -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    dispatchers = list[Noting]()

    def close_the_others(dispatcher: Noting) -> None:
        for one in dispatchers:
            if one is not dispatcher:
                one.close()
        # The numbers that are free now are given out again; what was reported is not theirs.
        dispatchers.extend(Noting(sock, members) for sock in socket.socketpair())
        dispatcher.reading = False

    dispatchers += [Noting(near, members, read=close_the_others) for near, _ in pairs]
    for _, far in pairs:
        far.send(b"!")
    turns(members)
    assert sorted(len(one.calls) for one in dispatchers) == [0, 0, 0, 0, 1]
    for _, far in pairs:
        far.close()


def test_another_socket_under_the_same_number_is_watched(members: Members) -> None:
    near, far = socket.socketpair()
    dispatcher = Noting(near, members)
    turns(members)
    number = near.fileno()
    near.close()  # without a word to the map, as clients do that connect anew
    far.close()
    pair = socket.socketpair()
    near, far = pair if pair[0].fileno() == number else pair[::-1]
    assert near.fileno() == number
    near.setblocking(False)
    dispatcher.set_socket(near)
    far.send(b"!")
    asyncore.poll(LIMIT, members)
    asyncore.poll(0, members)
    assert "read" in dispatcher.calls
    far.close()


def test_it_may_close_itself_when_it_is_asked(members: Members, pair: Pair) -> None:
    near, far = pair
    dispatcher = Noting(near, members, readable=asyncore.dispatcher.close)
    far.send(b"!")
    turns(members)
    assert (dispatcher.calls, dispatcher.asked, len(members)) == ([], 1, 0)


def test_it_may_be_replaced_when_it_is_asked(members: Members) -> None:
    near, far = socket.socketpair()
    heirs = list[Noting]()

    def connect_anew(dispatcher: Noting) -> None:
        far.close()
        dispatcher.close()
        heirs.extend(Noting(sock, members) for sock in socket.socketpair())
        heirs[1].send(b"!")

    number = near.fileno()
    Noting(near, members, readable=connect_anew)
    turns(members)
    assert number in members  # the number was given out again
    assert "read" in heirs[0].calls
    assert len(members) == 2


def test_who_was_closed_before_its_turn_is_not_asked(members: Members, pair: Pair) -> None:
    near, far = pair
    dispatchers = list[Noting]()
    dispatchers.append(Noting(near, members, readable=lambda dispatcher: dispatchers[1].close()))
    dispatchers.append(Noting(far, members))
    turns(members)
    assert (dispatchers[0].asked > 0, dispatchers[1].asked) == (True, 0)


class Bare:
    """In a map, and no dispatcher of ours."""

    accepting = False

    def __init__(self) -> None:
        self.calls = list[str]()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        self.calls.append("read")


def test_a_stranger_is_watched_while_it_is_in_the_map(
    collection: WaitStateCollection, pair: Pair
) -> None:
    near, far = pair
    stranger = Bare()
    members: Members = {near.fileno(): stranger}
    residents = Residents(collection, members)
    far.send(b"!")
    residents.turn(LIMIT)
    assert stranger.calls == ["read"]
    members.clear()  # nobody tells
    residents.turn(0)
    assert (stranger.calls, collection.wait(0)) == (["read"], [])


def test_when_the_last_one_has_closed_itself_nobody_waits(pair: Pair) -> None:
    members: Members = {}
    Noting(pair[0], members, readable=asyncore.dispatcher.close)
    thread = threading.Thread(target=asyncore.loop, args=(None, False, members), daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive()


def test_a_handler_may_run_a_loop_of_its_own(pair: Pair) -> None:
    near, far = pair
    members: Members = {}

    def wait_for_more(dispatcher: Noting) -> None:
        dispatcher.recv(10)
        dispatcher.on["read"] = asyncore.dispatcher.close
        far.send(b"more")
        asyncore.loop(timeout=LIMIT, map=members)

    dispatcher = Noting(near, members, read=wait_for_more)
    far.send(b"!")
    asyncore.loop(timeout=LIMIT, map=members)
    assert dispatcher.calls == ["read", "read"]
    assert dispatcher._places == ()


def test_turns_of_a_shared_collection_do_not_nest(shared: SocketMap, pair: Pair) -> None:
    near, far = pair
    caught = list[OperationInProgress]()

    def nest(dispatcher: Noting) -> None:
        dispatcher.recv(10)
        try:
            asyncore.poll(0, shared)
        except OperationInProgress as error:
            caught.append(error)

    Noting(near, shared, read=nest)
    far.send(b"!")
    turns(shared)
    assert len(caught) == 1


def test_another_thread_may_close_what_is_waited_for(pair: Pair) -> None:
    near, far = pair
    members: Members = {}
    asked, closed = threading.Event(), threading.Event()

    def linger(dispatcher: Noting) -> None:
        if dispatcher.asked > 1:
            dispatcher.close()
        asked.set()
        assert closed.wait(LIMIT)

    first = Noting(near, members)  # was asked already when the second lingers
    Noting(far, members, readable=linger).reading = False
    thread = threading.Thread(target=asyncore.loop, args=(None, False, members), daemon=True)
    thread.start()
    assert asked.wait(LIMIT)
    first.close()
    closed.set()
    thread.join(LIMIT)
    assert not thread.is_alive()


def test_below_0_a_timeout_is_none(pair: Pair) -> None:
    near, far = pair
    members: Members = {}
    asked = threading.Event()
    dispatcher = Noting(near, members, readable=lambda dispatcher: asked.set())

    def speak() -> None:
        assert asked.wait(LIMIT)
        far.send(b"!")

    thread = threading.Thread(target=speak)
    thread.start()
    asyncore.loop(timeout=-1, use_poll=True, map=members, count=1)
    thread.join()
    assert dispatcher.calls == ["read"]


def test_a_descriptor_that_is_gone_is_told(collection: WaitStateCollection, pair: Pair) -> None:
    near, _ = pair
    members: Members = {}
    Noting(near, members)
    near.close()  # behind its back
    collection.error_handler = propagate
    with pytest.raises(OSError) as caught:  # noqa: PT011  # its number tells
        Residents(collection, members).turn(0)
    assert caught.value.errno == errno.EBADF
