"""What holds in every host, whichever way the collection lives in it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import socket
import subprocess
import sys
import threading
import time
from typing import Final

import pytest

from reactor.hosts.guest import Guest
from reactor.loop.collection import WaitStateCollection
from reactor.opening.udp import open_udp
from reactor.state.async_io_state import AsyncIOState
from tests.hosts.conftest import TIMING_WAYS, Way
from tests.hosts.loops import LIMIT, Loop, in_turn

SENDER: Final = (
    "import socket, sys; socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', ('127.0.0.1', "
    "int(sys.argv[1])))"
)

timing = pytest.mark.parametrize("way", TIMING_WAYS, indirect=True)


def test_a_datagram_is_served_in_the_hosts_thread__ho_1(loop: Loop, guest: Guest) -> None:
    """A datagram that another process sends to a hosted collection reaches its callback in the
    thread of the host, while the host's loop runs.
    """
    got = list[tuple[bytes, threading.Thread]]()
    state = open_udp(guest.collection, local_address="127.0.0.1", local_port=0)

    def received(state: AsyncIOState, data: bytearray, count: int) -> None:
        got.append((bytes(data[:count]), threading.current_thread()))
        loop.quit()

    state.receive_message(bytearray(99), received)
    assert state.address is not None
    sender = subprocess.Popen([sys.executable, "-SE", "-c", SENDER, str(state.address[1])])
    loop.run()
    assert sender.wait(LIMIT) == 0
    assert got == [(b"hello", threading.current_thread())]


@timing
def test_a_timer_set_outside_a_turn_fires__ho_2(loop: Loop, guest: Guest) -> None:
    """A timer of a hosted collection that code of the host sets, outside of any turn, fires in
    time and never early, also in place of a later one.
    """
    late = list[float]()
    collection = guest.collection

    def pressed() -> None:
        moment = collection.time() + 0.02
        collection.call_at(
            moment, in_turn(lambda: late.append(collection.time() - moment), loop.quit)
        )

    collection.call_later(60.0, len, "")
    loop.later(0.01, pressed)
    loop.run()
    assert 0 <= late[0] < LIMIT / 2


@timing
def test_timers_follow_one_another__ho_2(loop: Loop, guest: Guest) -> None:
    """Timers that turns set for a hosted collection fire too, one after the other."""
    fired = list[int]()

    def again(number: int) -> None:
        fired.append(number)
        if number == 5:
            loop.quit()
        else:
            guest.collection.call_later(0.002, again, number + 1)

    guest.collection.call_later(0.002, again, 1)
    loop.run()
    assert fired == [1, 2, 3, 4, 5]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has timers behind a descriptor")
def test_timers_are_punctual__ho_2(watching_loop: Loop) -> None:
    """On Linux a timer of a collection whose host watches its descriptor is late by less than the
    half of a millisecond, where those of the hosts are late by one.
    """
    late = list[float]()

    def due(moment: float) -> None:
        late.append(collection.time() - moment)
        if len(late) == 300:
            watching_loop.quit()
        else:
            arm()

    def arm() -> None:
        moment = collection.time() + 0.0033
        collection.call_at(moment, due, moment)

    collection = WaitStateCollection("hosted")
    with contextlib.closing(collection), watching_loop.attach(collection, "descriptor"):
        arm()
        watching_loop.run()
    # One of ten is enough: other programs use this machine, and a host's own timers are all late.
    assert sorted(late)[30] < 0.0005


@timing
def test_a_later_timer_costs_no_turn__ho_2(loop: Loop, guest: Guest, way: Way) -> None:
    """A timer that code of the host sets for later causes no turn of a hosted collection now,
    where the host watches the descriptor; a wait thread has to begin its wait anew, in one.
    """
    loop.later(0.005, loop.quit)
    loop.run()
    turns = guest.collection.stats()["turns"]
    loop.later(0.001, lambda: guest.collection.call_later(60.0, len, ""))
    loop.later(0.02, loop.quit)
    loop.run()
    assert guest.collection.stats()["turns"] - turns <= (0 if way.mode == "descriptor" else 1)


def test_a_call_of_another_thread_runs_in_the_hosts__ho_3(loop: Loop, guest: Guest) -> None:
    """A call that another thread posts to a hosted collection runs in the thread of the host at
    once, though the host is idle.
    """
    ran_in = list[threading.Thread]()

    def run() -> None:
        ran_in.append(threading.current_thread())
        loop.quit()

    poster = threading.Thread(target=guest.collection.apply, args=[run])
    loop.later(0.02, poster.start)
    loop.run()
    poster.join(LIMIT)
    assert ran_in == [threading.current_thread()]


def test_calls_that_turns_post_run__ho_3(loop: Loop, guest: Guest) -> None:
    """Calls that are posted within a turn of a hosted collection, or were before it was attached,
    run in later turns.
    """
    post = guest.collection.apply
    post(post, post, post, loop.quit)
    loop.run()


def test_an_exception_goes_to_the_error_handler__ho_4(loop: Loop, guest: Guest) -> None:
    """An exception that leaves a callback of a hosted collection goes to its error handler, one
    of the handler's own to the log; the host's loop goes on, and so do later callbacks.
    """
    told = list[str]()

    def fail(text: str) -> None:
        raise RuntimeError(text)

    guest.collection.error_handler = lambda thing, exception: told.append(str(exception))
    near, far = socket.socketpair()
    with near, far:
        watch = guest.collection.watch(near, lambda watch: fail(f"read {near.recv(1)!r}"))
        guest.collection.call_later(0.001, fail, "timer")
        guest.collection.apply(fail, "post")
        loop.later(0.001, lambda: far.send(b"!"))
        loop.later(0.005, lambda: far.send(b"!"))
        loop.run_until(lambda: len(told) == 4)
        watch.close()
    assert sorted(told) == ["post", "read b'!'", "read b'!'", "timer"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("source", ["timer", "post"])
def test_the_end_of_the_program_leaves_the_loop__ho_4(
    leaving_loop: Loop,
    hosted: WaitStateCollection,
    way: Way,
    kind: type[BaseException],
    source: str,
) -> None:
    """KeyboardInterrupt and SystemExit in a callback of a hosted collection end the host's loop;
    run again, it serves the collection as before.
    """

    def leave() -> None:
        raise kind

    with leaving_loop.attach(hosted, way.mode):
        if source == "timer":
            hosted.call_later(0.001, leave)
        else:
            hosted.apply(leave)
        with pytest.raises(kind):
            leaving_loop.run()
        hosted.call_later(0.001, hosted.apply, leaving_loop.quit)
        leaving_loop.run()


@pytest.mark.slow
def test_an_idle_second_is_no_turn__ho_8(loop: Loop, guest: Guest) -> None:
    """A second without traffic is no turn of a hosted collection, and next to no time of the
    processor.
    """
    guest.collection.apply(guest.collection.call_later, 0.01, len, "")
    loop.later(0.1, loop.quit)
    loop.run()
    turns, used = guest.collection.stats()["turns"], time.process_time()
    loop.later(1.0, loop.quit)
    loop.run()
    assert guest.collection.stats()["turns"] == turns
    assert time.process_time() - used < 0.05


def test_what_is_closed_outside_a_turn_is_closed__ho_4(loop: Loop, guest: Guest) -> None:
    """A connection that code of the host closes outside of any turn, perhaps while a thread waits
    for it, ends for its peer at once, and its descriptor is closed soon.
    """
    near, far = socket.socketpair()
    near.setblocking(False)
    state = AsyncIOState(guest.collection, near)
    state.read_buffer(bytearray(1), lambda state, data, count: None)
    heard = list[bytes]()

    def close() -> None:
        state.abort_and_close()
        heard.append(far.recv(1))
        guest.collection.call_later(0.001, loop.quit)

    with far:
        loop.later(0.01, close)
        loop.run()
    assert heard == [b""]
    assert near.fileno() == -1


def test_what_is_begun_outside_a_turn_is_served__ho_4(loop: Loop, guest: Guest) -> None:
    """A read that code of the host begins outside of any turn, perhaps while a thread waits,
    reports as soon as there is something to read.
    """
    near, far = socket.socketpair()
    near.setblocking(False)
    buffer = bytearray(5)

    def begin() -> None:
        state = AsyncIOState(guest.collection, near)
        state.read_buffer(buffer, lambda state, data, count: in_turn(state.close, loop.quit)())
        loop.later(0.005, lambda: far.send(b"hello"))

    with far:
        loop.later(0.005, begin)
        loop.run()
    assert buffer == b"hello"


@pytest.mark.slow
def test_a_flood_leaves_time_to_paint__ho_10(loop: Loop, guest: Guest) -> None:
    """While more datagrams come than a hosted collection can take, its host still paints 30 times
    a second: in a calm half second no two paints are further apart.
    """
    sink = open_udp(guest.collection, local_address="127.0.0.1", local_port=0)
    far = socket.socket(type=socket.SOCK_DGRAM)
    count, paints = itertools.count(), list[float]()
    used = list[float]()  # by this process: others may be using the processor, too

    def received(state: AsyncIOState, data: bytearray, size: int) -> None:
        next(count)
        far.send(b"!")  # so there is always one more, on a busy machine too
        state.receive_message(data, received)

    def tick() -> None:
        loop.paint(lambda: paints.append(time.monotonic()))
        if len(used) < 2:
            loop.later(0.01, tick)

    def clock() -> None:
        used.append(time.process_time())

    sink.receive_message(bytearray(99), received)
    assert sink.address is not None
    with far:
        far.connect(sink.address[:2])
        far.send(b"!")
        loop.later(0.2, in_turn(clock, tick))
        loop.later(1.7, in_turn(clock, lambda: loop.later(0.05, loop.quit)))
        loop.run()
        sink.close()
    assert next(count) > 1000
    assert len(paints) >= 30 * (used[1] - used[0])
    gaps = [after - before for before, after in itertools.pairwise(paints)]
    assert min(max(gaps[n : n + 15]) for n in range(len(gaps) - 15)) < 1 / 30


def test_a_dialog_of_a_callback_is_not_re_entered__ho_5(
    nesting_loop: Loop, nesting_guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    """While a callback of a hosted collection runs the host's loop, as a dialog does, no other
    callback runs; what came meanwhile is delivered behind it.
    """
    loop, collection = nesting_loop, nesting_guest.collection
    near, far = socket.socketpair()
    near.setblocking(False)
    events = list[str]()

    def read(watch: object) -> None:
        text = near.recv(1).decode()
        events.append(text)
        if text == "1":
            far.send(b"2")
            collection.call_later(0.001, events.append, "timer")
            loop.later(0.03, in_turn(lambda: collection.apply(events.append, "post"), loop.leave))
            loop.nested()
            events.append("closed")
        else:
            loop.quit()

    with near, far:
        watch = collection.watch(near, read)
        collection.call_later(0.015, events.append, "early")  # due while the dialog is open
        far.send(b"1")
        loop.run()
        watch.close()
    assert events[events.index("1") + 1] == "closed"  # "early" is before, if the begin was slow
    loop.later(0.01, lambda: collection.apply(loop.quit))
    loop.run()
    assert sorted(events) == ["1", "2", "closed", "early", "post", "timer"]
    assert caplog.records == []  # nor was a turn begun, and refused


@pytest.mark.slow
def test_a_dialog_of_a_callback_does_not_spin__ho_5(
    nesting_loop: Loop, nesting_guest: Guest
) -> None:
    """While a callback runs the host's loop, what is ready for others uses no time of the
    processor.
    """
    loop, used = nesting_loop, list[float]()

    def open_dialog() -> None:
        nesting_guest.collection.wake()
        loop.later(1.0, loop.leave)
        began = time.process_time()
        loop.nested()
        used.append(time.process_time() - began)
        loop.quit()

    nesting_guest.collection.apply(open_dialog)
    loop.run()
    assert used[0] < 0.1


@timing
def test_a_dialog_of_the_host_stops_nobody__ho_6(nesting_loop: Loop, nesting_guest: Guest) -> None:
    """While code of the host runs its loop a second time, timers and posted calls of a hosted
    collection go on.
    """
    loop, collection, events = nesting_loop, nesting_guest.collection, list[str]()

    def open_dialog() -> None:
        collection.call_later(0.002, events.append, "timer")
        collection.call_later(
            0.01, collection.apply, in_turn(lambda: events.append("post"), loop.leave)
        )
        loop.nested()
        events.append("closed")
        loop.quit()

    loop.later(0.01, open_dialog)
    loop.run()
    assert events == ["timer", "post", "closed"]


def test_what_was_posted_before_is_run__ho_9(loop: Loop, way: Way) -> None:
    """A collection that has run by itself before it is attached goes on in the host where it was,
    and a call that waits there is not forgotten.
    """
    collection = way.collection()

    def leave() -> None:
        collection.apply(loop.quit)
        raise SystemExit

    collection.apply(leave)
    with pytest.raises(SystemExit):
        collection.run()
    with loop.attach(collection, way.mode):
        loop.run()
    collection.close()


def test_a_busy_batch_is_served_in_pieces__ho_10(loop: Loop, guest: Guest) -> None:
    """A turn in a host serves 64 events; more of them are served all the same, in more turns."""
    collection, served = guest.collection, list[int]()
    pairs = [socket.socketpair() for _ in range(200)]

    def read(number: int, watch: object) -> None:
        pairs[number][0].recv(1)
        served.append(number)
        if len(served) == len(pairs):
            loop.quit()

    def begin() -> None:
        for number, (near, far) in enumerate(pairs):
            near.setblocking(False)
            far.send(b"!")
            collection.watch(near, functools.partial(read, number))

    before = collection.stats()["turns"]
    loop.later(0.001, begin)
    loop.run()
    assert sorted(served) == list(range(200))
    assert collection.stats()["turns"] - before >= 4
    collection.close()
    for pair in pairs:
        for end in pair:
            end.close()


@timing
def test_a_hundred_times_leaves_nothing__ho_9(
    loop: Loop, hosted: WaitStateCollection, way: Way
) -> None:
    """A collection is attached and detached a hundred times, and nothing is left in the host:
    no thread, no descriptor, no timer.
    """
    hosted.call_later(60.0, len, "")
    threads, kept = threading.active_count(), loop.kept()
    for _ in range(100):
        with loop.attach(hosted, way.mode) as guest:
            assert guest.mode == way.mode
        assert threading.active_count() == threads
    assert loop.kept() == kept
    turns = hosted.stats()["turns"]
    hosted.apply(len, "")
    loop.later(0.01, loop.quit)
    loop.run()
    assert hosted.stats()["turns"] == turns  # nobody is at home
    with loop.attach(hosted, way.mode):
        hosted.apply(loop.quit)
        loop.run()
