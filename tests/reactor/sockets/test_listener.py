"""ListenerSocket: accepting, waiting for clients and not waiting, and what goes wrong."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any, Final

import pytest

from reactor.errors import (
    AcceptError,
    DeadlinePassed,
    OperationInProgress,
    OperationTimeout,
    StateClosed,
)
from reactor.sockets.listener_socket import ListenerSocket
from reactor.sockets.make_socket import make_socket
from reactor.stream.socket_stream import SocketStream
from reactor.stream.waiting import wait_for_input_streams, with_input_timeout
from tests.reactor.opening.network import HOST, no_descriptors, read_options
from tests.reactor.sockets.asking import duplicate
from tests.reactor.stream.streams import PATIENCE, SHORT, meanwhile
from tests.reactor.stream.test_ending import until_taken
from tests.torture.seam import failing

RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


@pytest.fixture
def listener() -> Iterator[ListenerSocket]:
    """A listener on a free port."""
    with make_socket(connect="passive", local_host=HOST, input_timeout=PATIENCE) as listener:
        yield listener


def call(listener: ListenerSocket) -> socket.socket:
    """Connect, as another program does."""
    return socket.create_connection((HOST, listener.local_port), PATIENCE)


def test_clients_are_taken_one_by_one__cc_28(listener: ListenerSocket) -> None:
    """`accept_connection` gives the stream of the first client that waits; the listener stays open
    and accepts the next one.
    """
    for _ in range(2):
        with call(listener) as client, listener.accept_connection() as stream:
            assert type(stream) is SocketStream
            assert stream.peer_address == client.getsockname()
            client.sendall(b"x")
            assert stream.read(1) == b"x"


def test_a_client_is_waited_for__cc_28(listener: ListenerSocket) -> None:
    """Without a client `accept_connection` waits for one."""
    with meanwhile(lambda: listener.accept_connection()) as accepting:
        until_taken(listener._input)  # there is no other way to know that it waits
        client = call(listener)
    with client, accepting.result() as stream:
        assert stream.peer_address == client.getsockname()


def test_without_waiting_there_may_be_nobody__cc_29(listener: ListenerSocket) -> None:
    """`accept_connection(wait=False)` is None at once if nobody waits, else the client's stream."""
    assert listener.accept_connection(wait=False) is None
    with call(listener):
        assert wait_for_input_streams([listener]) == [listener]
        stream = listener.accept_connection(wait=False)
        assert stream is not None
        stream.close()
    assert listener.accept_connection(wait=False) is None


def test_the_stream_has_what_the_listener_has__cc_30() -> None:
    """An accepted stream has the listener's options, format and timeouts."""
    with (
        make_socket(
            connect="passive",
            local_host=HOST,
            keepalive=True,
            nodelay=True,
            linger=3,
            out_of_band_inline=True,
            format="text",
            input_timeout=5,
            output_timeout=6,
        ) as listener,
        call(listener),
        listener.accept_connection() as stream,
        duplicate(stream) as sock,
    ):
        assert read_options(sock)[:2] == (True, True)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 3)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE)
        assert (stream.format, stream.read_timeout, stream.write_timeout) == ("text", 5, 6)


def test_a_client_that_has_gone_is_none__cc_31() -> None:
    """A client that has gone before it was accepted counts as none yet: the call returns None, or
    goes on waiting.
    """
    keywords: Any = {"connect": "passive", "local_host": HOST, "input_timeout": SHORT}
    for wait in (False, True):
        with failing("accept", "ECONNABORTED"):
            listener: ListenerSocket = make_socket(**keywords)
            with listener, call(listener):
                if wait:
                    with pytest.raises(OperationTimeout):
                        listener.accept_connection()
                else:
                    assert listener.accept_connection(wait=False) is None
                with call(listener) as client, listener.accept_connection() as stream:
                    assert stream.peer_address == client.getsockname()


def test_waiting_has_a_limit__cc_31_52(listener: ListenerSocket) -> None:
    """The listener's `input_timeout`, or its deadline, bounds the wait for a client: phase
    "accept". It stays usable.
    """
    with with_input_timeout(listener, SHORT), pytest.raises(OperationTimeout) as raised:
        listener.accept_connection()
    assert (raised.value.phase, raised.value.limit) == ("accept", SHORT)
    listener.deadline = 0.0
    with pytest.raises(DeadlinePassed) as passed:
        listener.accept_connection()
    assert passed.value.phase == "accept"
    assert isinstance(passed.value, TimeoutError)
    listener.deadline = None
    with call(listener), listener.accept_connection():
        pass


def test_what_the_system_refuses_is_told__cc_31(listener: ListenerSocket) -> None:
    """A failure to accept is an `AcceptError`; the listener stays open, and the client waits."""
    with call(listener) as client:
        with no_descriptors(), pytest.raises(AcceptError) as raised:
            listener.accept_connection()
        assert (raised.value.identifier, raised.value.phase) == ("no-descriptors", "accept")
        with listener.accept_connection() as stream:
            assert stream.peer_address == client.getsockname()


def test_a_client_can_be_waited_for_beside_streams__lw_195(listener: ListenerSocket) -> None:
    """`wait_for_input_streams` takes listeners too: one counts when a client waits; who was only
    looked at is accepted, or sent away by closing.
    """
    with call(listener) as client, listener.accept_connection() as stream:
        assert wait_for_input_streams([listener, stream], 0) == []
        client.sendall(b"x")
        assert wait_for_input_streams([listener, stream]) == [stream]
        with call(listener) as other:
            while listener not in wait_for_input_streams([stream, listener]):
                pass
            with listener.accept_connection() as second:
                assert second.peer_address == other.getsockname()
        with call(listener) as third:
            assert wait_for_input_streams([listener]) == [listener]
            listener.close()
            assert third.recv(1) == b""


def test_a_closed_listener_wakes_who_waits__cc_32(listener: ListenerSocket) -> None:
    """`close` from another thread ends the wait for a client with `StateClosed`; again it is
    harmless, and returns None.
    """
    listener.read_timeout = None
    with meanwhile(lambda: listener.accept_connection()) as accepting:
        until_taken(listener._input)  # as above
        listener.close()
        assert isinstance(accepting.exception(timeout=PATIENCE), StateClosed)
    listener.close(abort=True)
    for verb in (listener.accept_connection, listener.fileno):
        with pytest.raises(StateClosed):
            verb()
    assert "closed" in repr(listener)
    assert listener.local_host == HOST


def test_one_accepts_at_a_time__cc_28(listener: ListenerSocket) -> None:
    """A second thread that accepts is refused."""
    with listener.looking(), pytest.raises(OperationInProgress):
        listener.accept_connection()
