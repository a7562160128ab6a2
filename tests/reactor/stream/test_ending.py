"""How streams end: in order, by force, by an exception, by another thread, by being forgotten."""

from __future__ import annotations

import gc
import socket
import struct
import sys
import warnings
import weakref
from collections.abc import Callable

import pytest

from reactor.channel.tls import TLSChannel
from reactor.errors import (
    ConnectionReset,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    SocketIOError,
    StateClosed,
    TLSTruncated,
)
from reactor.state.blocking import Direction
from reactor.stream.socket_stream import SocketStream
from tests.certificates import Certificates
from tests.channels import CHANNELS
from tests.reactor.stream.conftest import Pair
from tests.reactor.stream.streams import SHORT, interrupt_the_wait_of, meanwhile, pair_of

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset
TURNS = 200_000  # of other threads: ten seconds, after which nobody will come

# What is full stays full until the peer reads; the kernel may find room for TCP later.
CLOGGING = "tls-unix" if "tls-unix" in CHANNELS else "tls13"


def test_an_orderly_end_is_an_end__lw_186(pair: Pair) -> None:
    """A stream that is closed in order, by `with` too, ends with an end: under TLS the closing
    alert goes out, and nobody waits for that of the peer.
    """
    near, far = pair
    with near:
        near.write(b"last words")
    assert far.read() == b"last words"


@pytest.mark.parametrize("by", ["close", "with"])
def test_an_abort_leaves_the_exchange_out__lw_186__cc_32(tls_pair: Pair, by: str) -> None:
    """`close(abort=True)`, and a `with` that an exception leaves, send no closing alert: the peer
    knows that the stream was cut off.
    """
    near, far = tls_pair
    if by == "close":
        near.close(abort=True)
    else:
        with pytest.raises(LookupError), near:
            raise LookupError
    with pytest.raises(TLSTruncated):
        far.read()
    assert near.closed


def test_a_peer_that_takes_nothing_is_left__lw_186(certificates: Certificates) -> None:
    """To close a stream whose peer takes nothing waits for the closing alert to leave no longer
    than `close_timeout`.
    """
    near, far = CHANNELS[CLOGGING](certificates)
    assert isinstance(near, TLSChannel)
    near.close_timeout = SHORT
    with SocketStream(near, write_timeout=SHORT) as stream, SocketStream(far):
        with pytest.raises(OperationTimeout):
            stream.write(bytes(1 << 24))
        stream.close()
        assert near.fileno() == -1


@pytest.mark.parametrize("verb", ["read", "write", "wait_for_input", "close"])
def test_who_comes_while_it_is_closed_is_told_so__lw_186(
    certificates: Certificates, verb: str
) -> None:
    """A thread that comes to a stream while another one waits in `close` gets `StateClosed`, and
    not that somebody else reads it; to close it again is harmless.
    """
    near, far = CHANNELS[CLOGGING](certificates)
    assert isinstance(near, TLSChannel)
    with SocketStream(near, write_timeout=SHORT) as stream, SocketStream(far):
        with pytest.raises(OperationTimeout):
            stream.write(bytes(1 << 24))
        with meanwhile(stream.close):  # its alert does not leave
            until(lambda: stream.closed)
            if verb == "close":
                stream.close()
            else:
                with pytest.raises(StateClosed):
                    getattr(stream, verb)(*[b"x"] * (verb == "write"))
            near.inner.shutdown(socket.SHUT_RDWR)  # the end of the waiting
        assert near.fileno() == -1


def test_an_interrupted_close_has_closed__lw_186(certificates: Certificates) -> None:
    """A signal handler that raises while `close` waits for its alert to leave ends the waiting, and
    the connection is closed all the same.
    """
    near, far = CHANNELS[CLOGGING](certificates)
    stream = SocketStream(near, write_timeout=SHORT)
    with SocketStream(far):
        with pytest.raises(OperationTimeout):
            stream.write(bytes(1 << 24))
        interrupt_the_wait_of(stream.close)
        assert near.fileno() == -1


def test_a_cut_may_be_allowed__lw_180_181(tls_pair: Pair) -> None:
    """An end without closing alert is `TLSTruncated` at every read, unless `allow_truncation`."""
    near, far = tls_pair
    assert far.allow_truncation is False
    far.allow_truncation = True
    near.write(b"abc")
    near.close(abort=True)
    assert far.read() == b"abc"


def test_a_cut_is_told_every_time__lw_181(tls_pair: Pair) -> None:
    """A stream that was cut off never looks complete, however often it is read."""
    near, far = tls_pair
    near.close(abort=True)
    reads: list[Callable[[], bytes]] = [far.read, far.read1, far.readline, lambda: far.read(1)]
    for read in reads:
        with pytest.raises(TLSTruncated):
            read()


def test_without_tls_nothing_can_be_cut_off__lw_180(sockets: Pair) -> None:
    """`allow_truncation` is for TLS only; without it setting it is refused."""
    assert sockets[0].allow_truncation is False
    with pytest.raises(OperationNotAllowed):
        sockets[0].allow_truncation = True


def test_a_reset_is_told_every_time__lw_181(certificates: Certificates) -> None:
    """A connection that the peer has reset raises `ConnectionReset` at every read and write: the
    second read does not look like an end.
    """
    with pair_of("tcp4", certificates) as (near, far):
        with socket.socket(fileno=far.fileno()) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.detach()
        far.close()
        for _ in range(3):
            with pytest.raises(ConnectionReset):
                near.read(1)
        with pytest.raises(ConnectionReset):
            near.write(b"x")


def test_the_unread_can_be_read_after_a_shutdown__lw_184__cc_34(plain_pair: Pair) -> None:
    """After `shutdown("input")` what the stream has buffered can be read, and then the end."""
    near, far = plain_pair
    far.write(b"abcdef")
    assert near.read(2) == b"ab"
    near.shutdown("input")
    assert (near.read(2), near.read(), near.read()) == (b"cd", b"ef", b"")
    near.write(b"still")
    assert far.read(5) == b"still"


def test_a_shutdown_with_abort_drops_it__lw_184(plain_pair: Pair) -> None:
    """`shutdown("io", abort=True)` drops what is unread: only the end can be read."""
    near, far = plain_pair
    far.write(b"abcdef")
    assert near.read(2) == b"ab"
    near.shutdown("io", abort=True)
    assert near.read() == b""
    assert far.read() == b""


def test_a_direction_must_be_named__cc_34(sockets: Pair) -> None:
    """`shutdown` has no default, and knows three words."""
    near, _ = sockets
    with pytest.raises(TypeError):
        near.shutdown()  # type: ignore[call-arg]  # that is what is tested
    for word in ("both", "", 1):
        with pytest.raises(ValueError, match="a direction is"):
            near.shutdown(word)  # type: ignore[arg-type]  # likewise


def test_under_tls_only_output_ends__lw_184(tls_pair: Pair) -> None:
    """Under TLS `shutdown` of the input, or of both, is refused, and nothing has happened."""
    near, far = tls_pair
    for word in ("input", "io"):
        with pytest.raises(OperationNotAllowed):
            near.shutdown(word)
    near.write(b"on")
    assert far.read(2) == b"on"


@pytest.mark.parametrize("met", [True, False])
def test_a_lost_connection_cannot_be_shut_down__cc_34(
    certificates: Certificates, met: bool
) -> None:
    """To shut down a connection that is lost is a `SocketIOError`, `not-connected`, whether the
    loss was met by a read before or not.
    """
    with pair_of("tcp4", certificates) as (near, far):
        with socket.socket(fileno=far.fileno()) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.detach()
        far.close()
        if met:
            with pytest.raises(ConnectionReset):
                near.read()
        for _ in range(2):
            with pytest.raises(SocketIOError) as raised:
                near.shutdown("output")
            assert raised.value.identifier == "not-connected"
        with pytest.raises(ConnectionReset):
            near.read()


# Threads.


def test_closing_from_another_thread_wakes_the_waiter__lw_186(pair: Pair) -> None:
    """`close` while another thread waits is an abort: the waiter gets `StateClosed` and gives the
    descriptor back.
    """
    near, _ = pair
    near.read_timeout = None
    channel = near._open_channel()  # to see that its descriptor is given back
    with meanwhile(lambda: near.read(1)) as reading:
        until_taken(near._input)  # there is no other way to know that it waits
        near.close()
        assert near.closed
        assert isinstance(reading.exception(timeout=10), StateClosed)
    assert channel.fileno() == -1


def test_a_writer_is_woken_as_well__lw_186(plain_pair: Pair) -> None:
    """A thread that waits in `write` gets `StateClosed` too when another one closes the stream."""
    near, _ = plain_pair
    near.write_timeout = None
    with meanwhile(lambda: near.write(bytes(1 << 24))) as writing:
        until_taken(near._output)  # as above
        near.close()
        assert isinstance(writing.exception(timeout=10), StateClosed)


def test_one_reads_while_another_writes__lw_186(pair: Pair) -> None:
    """One thread may read while another one writes, both ways at once, and nothing is lost."""
    near, far = pair
    bulk = bytes(range(256)) * 8192

    def echo() -> None:
        left = len(bulk)
        while left:
            data = far.read1()
            far.write(data)
            left -= len(data)

    with meanwhile(echo), meanwhile(lambda: near.read(len(bulk))) as reading:
        near.write(bulk)
    assert reading.result() == bulk


def test_a_second_of_a_kind_is_refused__lw_186(sockets: Pair) -> None:
    """A second reader, or a verb that needs both directions, raises `OperationInProgress`; the
    first one goes on.
    """
    near, far = sockets
    with meanwhile(lambda: near.read(2)) as reading:
        until_taken(near._input)  # as above
        for verb in (near.read, near.release, near.attach_tls, near.peek):
            with pytest.raises(OperationInProgress):
                verb()
        near.write(b"x")
        far.write(b"ab")
    assert reading.result() == b"ab"


def test_a_forgotten_stream_is_closed_with_a_warning__lw_180(certificates: Certificates) -> None:
    """A stream that nobody holds any more closes its connection, with a `ResourceWarning`."""
    near, far = socket.socketpair()
    with far:
        stream = SocketStream(near)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            del stream
            gc.collect()
        assert [str(one.category.__name__) for one in seen] == ["ResourceWarning"]
        assert far.recv(1) == b""


@pytest.mark.parametrize("closed", [True, False])
def test_a_stream_is_no_circle__lw_180(pair: Pair, closed: bool) -> None:
    """A stream that was read to its end is freed as soon as nobody holds it, closed or not: no
    collector of garbage is waited for, and the connection of a forgotten one ends at once.
    """
    near, far = pair
    channel, unread = near.release()
    far.shutdown("output")
    gc.disable()
    try:
        stream = SocketStream(channel, unread)
        assert stream.read() == b""
        if closed:
            stream.close()
        gone = weakref.ref(stream)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del stream
        assert gone() is None
        assert channel.fileno() == -1
    finally:
        gc.enable()


def test_a_warning_that_is_an_error_closes_too__lw_180(
    sockets: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten stream closes its connection although a filter makes an error of the warning."""
    near, far = sockets
    channel, unread = near.release()
    stream = SocketStream(channel, unread)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        del stream
        gc.collect()
    assert channel.fileno() == -1
    assert far.read() == b""


def until_taken(direction: Direction) -> None:
    """Wait until somebody uses a direction."""
    until(lambda: direction.taken)


def until(come: Callable[[], object]) -> None:
    """Wait until another thread has come somewhere."""
    for _ in range(TURNS):
        if come():
            return
        with meanwhile(lambda: None):
            pass  # a thread that begins and ends gives the other one its turn
    raise AssertionError("nobody has come")
