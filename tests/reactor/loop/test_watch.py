"""Watch: descriptors of other people, on every selector."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor.errors import OperationNotAllowed, SocketError, WrongThread
from reactor.loop.collection import WaitStateCollection
from reactor.loop.watch import Watch
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.settle import settle
from tests.reactor.loop.probe import elsewhere
from tests.turns import until


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: what reads, and what writes."""
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_a_pipe_calls_while_there_is_something_to_read__cl_83(
    on_each: WaitStateCollection, pipe: tuple[int, int]
) -> None:
    """A watched descriptor has its callback called in each turn in which a read would not wait."""
    got = list[Watch]()
    watch = on_each.watch(pipe[0], got.append)
    assert on_each.run_once(0) == 0
    os.write(pipe[1], b"!")
    assert on_each.run_once(0) == 1
    assert on_each.run_once(0) == 1
    assert got == [watch, watch]
    os.read(pipe[0], 1)
    assert on_each.run_once(0) == 0
    watch.close()


def test_each_direction_has_its_callback__cl_83(
    on_each: WaitStateCollection, pair: tuple[socket.socket, socket.socket]
) -> None:
    """Reading and writing of a descriptor are watched apart; either can be taken up or
    given up at any time.
    """
    called = list[str]()
    watch = on_each.watch(pair[0], writable=lambda watch: called.append("write"))
    pair[1].send(b"!")
    on_each.run_once(0)
    assert called == ["write"]
    watch.readable = lambda watch: called.append("read")
    on_each.run_once(0)
    assert called == ["write", "read", "write"]
    watch.writable = None
    on_each.run_once(0)
    assert called == ["write", "read", "write", "read"]
    watch.readable = None
    assert (on_each.run_once(0), watch.readable, watch.writable) == (0, None, None)


def test_closing_ends_the_watch_and_leaves_the_descriptor__cl_83(
    on_each: WaitStateCollection, pair: tuple[socket.socket, socket.socket]
) -> None:
    """`close` of a watch ends its calls at once and in both directions; the descriptor can
    be used on.
    """
    called = list[str]()

    def finish(watch: Watch) -> None:
        called.append("read")
        watch.close()

    watch = on_each.watch(pair[0], finish, lambda watch: called.append("write"))
    pair[1].send(b"!")
    on_each.run_once(0)
    watch.close()
    watch.readable = lambda watch: called.append("again")
    assert on_each.wait(0) == []
    assert (on_each.run_once(0), called, watch.closed) == (0, ["read"], True)
    assert pair[0].recv(10) == b"!"
    on_each.watch(pair[0]).close()  # the number is free again


def test_closing_the_collection_leaves_the_descriptor__lw_011(
    collection: WaitStateCollection, pipe: tuple[int, int]
) -> None:
    """A watched descriptor is not the collection's, and so it is not closed with it."""
    watch = collection.watch(pipe[0], print)
    collection.close()
    assert watch.closed
    os.fstat(pipe[0])


def test_a_failing_callback_does_not_end_the_watch__lw_017(
    collection: WaitStateCollection, pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    """The default handler logs an exception of a watch's callback, and the watch goes on."""
    watch = collection.watch(pipe[0], lambda watch: 1 / 0)
    os.write(pipe[1], b"!")
    collection.run_once(0)
    collection.run_once(0)
    assert len(caplog.records) == 2
    assert repr(watch) in caplog.records[0].getMessage()


def terminal() -> tuple[int, int]:
    """Open a pseudo-terminal: a master, and the line that programs see."""
    if sys.platform != "win32":
        return os.openpty()
    raise NotImplementedError("Windows has none")


def counter() -> tuple[int, int]:
    """Open a counter of Linux', which is read and written by one descriptor."""
    if sys.platform == "linux":
        number = os.eventfd(0)
        return number, os.dup(number)
    raise NotImplementedError("only Linux has them")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has all of them")
@pytest.mark.parametrize("opened", [os.pipe, terminal, counter])
def test_whatever_can_be_waited_for_is_watched__cl_83(
    on_each: WaitStateCollection, opened: Callable[[], tuple[int, int]]
) -> None:
    """Pipes, terminals and counters are watched for input, on every selector: nothing comes before
    there is some, and it is there when the callback reads.
    """
    near, far = opened()
    got = list[bytes]()
    watch = on_each.watch(near, lambda watch: got.append(os.read(near, 8)))
    assert on_each.run_once(0) == 0
    os.write(far, b"12345678")
    until(on_each, lambda: got)  # a terminal takes its time
    assert got == [b"12345678"]
    watch.close()
    for fd in (near, far):
        os.close(fd)


def test_a_hang_up_is_something_to_read__cl_83(
    on_each: WaitStateCollection, pipe: tuple[int, int]
) -> None:
    """When the other end of a pipe is closed its reader is called, and reads the end; a writer
    is called, and its write tells that nobody reads.
    """
    ends, other = list[object](), os.pipe()
    reading = on_each.watch(other[0], lambda watch: ends.append(os.read(other[0], 1)))
    os.close(other[1])
    assert on_each.run_once(0) == 1
    assert ends == [b""]
    reading.close()
    near, far = os.pipe()

    def write(watch: Watch) -> None:
        try:
            os.write(far, b"!")
        except BrokenPipeError:
            watch.close()

    writing = on_each.watch(far, writable=write)
    os.close(near)
    settle(on_each)
    assert writing.closed
    for fd in (other[0], far):
        os.close(fd)


def test_a_descriptor_is_watched_once__cl_83(
    collection: WaitStateCollection, pair: tuple[socket.socket, socket.socket]
) -> None:
    """A descriptor that a collection holds already, watched or of a connection, is refused by
    `watch` with the name of who has it, who hears on.
    """
    heard = list[Watch]()
    first = collection.watch(pair[0], heard.append)
    state = AsyncIOState(collection, pair[1].dup())
    for descriptor, holder in ((pair[0], first), (state.object, state)):
        with pytest.raises(OperationNotAllowed, match=re.escape(repr(holder))):
            collection.watch(descriptor, print)
    pair[1].send(b"!")
    collection.run_once(0)
    assert heard == [first]
    first.close()
    state.abort_and_close()


def test_a_number_that_was_closed_under_its_watch__cl_83(
    collection: WaitStateCollection, pipe: tuple[int, int]
) -> None:
    """If a watched descriptor is closed and its number given out again, the old watch is in the
    way of a new one, and hears nothing of it; once it is closed there is room.
    """
    near, far = os.pipe()
    heard = list[str]()
    forgotten = collection.watch(near, lambda watch: heard.append("old"))
    os.close(near)
    os.dup2(pipe[0], near)
    os.write(pipe[1], b"!")
    assert collection.run_once(0) == 0
    with pytest.raises(OperationNotAllowed):
        collection.watch(near, print)
    forgotten.close()
    watch = collection.watch(near, lambda watch: heard.append("new"))
    collection.run_once(0)
    assert heard == ["new"]
    watch.close()
    for fd in (near, far):
        os.close(fd)


@pytest.mark.skipif(sys.platform != "linux", reason="epoll refuses files")
def test_a_file_cannot_be_watched__cl_83(collection: WaitStateCollection, tmp_path: Path) -> None:
    """A plain file, which is always ready, is refused by `watch` with its number and the reason;
    nothing is left of it.
    """
    with (tmp_path / "file").open("w") as file:
        with pytest.raises(SocketError, match="cannot be watched: nothing of that kind") as caught:
            collection.watch(file, print)
        assert str(file.fileno()) in str(caught.value)
        assert isinstance(caught.value.connection, Watch)
        watch = collection.watch(file)  # nothing is waited for yet
        with pytest.raises(SocketError):
            watch.writable = print
        watch.close()


@pytest.mark.parametrize("fd", [None, "3", 3.0])
def test_what_has_no_descriptor_is_refused__cl_83(collection: WaitStateCollection, fd: Any) -> None:
    """`watch` takes numbers and objects with `fileno()`; anything else is a `TypeError`, and so is
    a callback that cannot be called, now or later.
    """
    with pytest.raises(TypeError, match="fd is a descriptor"):
        collection.watch(fd, print)
    near, far = socket.socketpair()
    with near, far:
        wrong: Any = "no function"
        for options in ({"readable": wrong}, {"writable": wrong}):
            with pytest.raises(TypeError, match="is a function"):
                collection.watch(near, **options)
        watch = collection.watch(near, print)
        for name in ("readable", "writable"):
            with pytest.raises(TypeError, match="is a function"):
                setattr(watch, name, wrong)
        assert (watch.readable, watch.writable) == (print, None)
        watch.close()


def test_a_closed_socket_cannot_be_watched(collection: WaitStateCollection) -> None:
    sock = socket.socket()
    sock.close()
    with pytest.raises(ValueError, match="closed already"):
        collection.watch(sock, print)


@pytest.mark.parametrize(
    "verb",
    [
        lambda watch: watch.close(),
        lambda watch: setattr(watch, "readable", None),
        lambda watch: setattr(watch, "writable", print),
    ],
)
def test_its_verbs_belong_to_the_owner__lw_014(
    collection: WaitStateCollection, pipe: tuple[int, int], verb: Callable[[Watch], object]
) -> None:
    """The verbs of a watch raise `WrongThread` in another thread, and change nothing."""
    watch = collection.watch(pipe[0], print)
    collection.run_once(0)
    with pytest.raises(WrongThread, match="apply"):
        elsewhere(verb, watch)
    assert (watch.closed, watch.readable, watch.writable) == (False, print, None)
    watch.close()
    with pytest.raises(WrongThread):
        elsewhere(watch.close)
