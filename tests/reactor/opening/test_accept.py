"""`accept_tcp` and its handle, with plain blocking sockets as clients."""

from __future__ import annotations

import contextlib
import contextvars
import socket
import struct
import threading
from typing import Any, Final

import pytest

from reactor.errors import BindError, SocketError, StateClosed, WrongThread
from reactor.loop.collection import WaitStateCollection
from reactor.loop.error_handler import propagate
from reactor.opening.accept import ACCEPT_RETRY_DELAY, AcceptingHandle, accept_tcp
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.loop.probe import elsewhere
from tests.reactor.opening.network import (
    HOST,
    PATIENCE,
    Guests,
    Options,
    call,
    is_closed,
    no_descriptors,
    read_options,
)
from tests.torture.seam import failing, needs_epoll
from tests.turns import until

RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


def test_each_client_becomes_a_state__lw_043_044_052(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """Each client becomes a state, told once, later, with the handle that `accept_tcp` returned."""
    guests = Guests(lambda _, state: state.write_buffer(b"hello", None))
    handle = accept_tcp(collection, 0, guests)
    client = call(clients, handle)
    assert len(guests) == 0
    settle(collection)
    assert len(guests) == 1
    assert guests.calls[0][0] is handle
    state = guests[0]
    assert isinstance(state, AsyncIOState)
    assert client.recv(5) == b"hello"
    assert state.peer_address == client.getsockname()
    assert (state.name, state.queue_output, state.queue_input) == ("Listening", False, False)
    assert (state.read_timeout, state.write_timeout, state.user_info) == (None, None, None)
    assert isinstance(state.object, socket.socket)
    assert collection.stats()["connections_in"] == 1


def test_options_of_the_states__lw_052(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """Accepted states have the name and the queues that `accept_tcp` was given."""
    guests = Guests()
    handle = accept_tcp(collection, 0, guests, name="guest", queue_output=True, queue_input=True)
    call(clients, handle)
    settle(collection)
    assert (guests[0].name, guests[0].queue_output, guests[0].queue_input) == ("guest", True, True)


def test_an_ipv4_client_is_shown_as_one__lw_028(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """The state of an IPv4 client has an IPv4 address, also where the listener's socket is
    one of IPv6.
    """
    guests = Guests()
    handle = accept_tcp(collection, 0, guests)
    call(clients, handle)
    call(clients, handle, "::1")
    settle(collection)
    assert sorted(state.peer_address[0] for _, state in guests.calls) == [HOST, "::1"]
    assert sorted(state.address[0] for _, state in guests.calls) == [HOST, "::1"]


def test_options_of_the_sockets__lw_049_202(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """`nodelay`, `keepalive`, `linger` and `user_timeout` are set on every accepted socket."""

    def options_of(**options: Any) -> Options:
        guests = Guests()
        call(clients, accept_tcp(collection, 0, guests, **options))
        settle(collection)
        return read_options(guests[0].object)

    assert options_of() == (True, False, struct.pack("ii", 0, 0), 0)
    asked = options_of(nodelay=False, keepalive=True, linger=2, user_timeout=1.5)
    assert asked == (False, True, struct.pack("ii", 1, 2), 1500)


@pytest.mark.parametrize("create_state", [True, False])
def test_options_that_a_listener_keeps_are_set_anew__lw_049_202(
    collection: WaitStateCollection,
    clients: contextlib.ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    create_state: bool,
) -> None:
    """Where a listener does not hand its options down each accepted socket gets them, be it
    plain or that of a state.
    """

    def forget(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)

    monkeypatch.setattr("reactor.net.options.INHERITED", False)
    guests = Guests()
    handle = accept_tcp(
        collection, 0, guests, init_function=forget, linger=2, create_state=create_state
    )
    call(clients, handle)
    settle(collection)
    sock = guests[0].object if create_state else clients.enter_context(guests[0])
    assert read_options(sock) == (True, False, struct.pack("ii", 1, 2), 0)


def test_any_thread_may_accept__lw_047() -> None:
    """Any thread may call `accept_tcp`: it binds there, and calls the connection function
    on the owner's thread.
    """
    threads = list[int]()
    came = threading.Event()

    def connection_function(handle: AcceptingHandle, state: AsyncIOState) -> None:
        threads.append(threading.get_ident())
        state.close()
        came.set()

    with WaitStateCollection() as collection:
        handle = accept_tcp(collection, 0, connection_function)
        with socket.create_connection((HOST, handle.local_port), PATIENCE):
            assert came.wait(PATIENCE)
        owner = collection.submit(threading.get_ident).result(PATIENCE)
    assert threads == [owner]
    assert handle.closed


def test_a_handle_that_never_began_is_closed_all_the_same__lw_047(
    collection: WaitStateCollection,
) -> None:
    """A handle made by another thread is closed with its collection, even if it never came
    to be watched.
    """
    collection.run_once(0)
    handle = elsewhere(lambda: accept_tcp(collection, 0, Guests()))
    port = handle.local_port
    collection.close()
    assert handle.closed
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), PATIENCE)


def test_a_closed_collection_accepts_nothing__lw_012() -> None:
    """`accept_tcp` on a closed collection raises, and binds nothing."""
    collection = WaitStateCollection()
    collection.close()
    with pytest.raises(StateClosed):
        accept_tcp(collection, 0, Guests())


def test_plain_sockets_are_the_programs__lw_051(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """With `create_state=False` the function gets a blocking socket, and owns it."""
    guests = Guests(lambda _, sock: clients.enter_context(sock))
    handle = accept_tcp(collection, 0, guests, create_state=False)
    client = call(clients, handle)
    settle(collection)
    sock = guests[0]
    assert type(sock) is socket.socket
    assert sock.gettimeout() is None
    client.sendall(b"x")
    assert sock.recv(1) == b"x"
    with pytest.raises(ValueError, match="create_state"):
        accept_tcp(collection, 0, guests, create_state=False, connection_limit=1)


def test_a_plain_socket_can_become_a_state_elsewhere__lw_051(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """A plain socket that was put into a state, of any collection, is closed with that."""
    with contextlib.closing(WaitStateCollection()) as other:
        guests = Guests()
        client = call(clients, accept_tcp(collection, 0, guests, create_state=False))
        settle(collection)
        state = AsyncIOState(other, guests[0])
        state.write_buffer(b"x", lambda state, *_: state.close())
        settle(other)
        assert guests[0].fileno() == -1
        assert (client.recv(1), client.recv(1)) == (b"x", b"")


@pytest.mark.parametrize("handler", ["kept", "propagate"])
def test_a_plain_socket_is_closed_if_the_function_raises__lw_051_062(
    clients: contextlib.ExitStack, handler: str
) -> None:
    """A plain socket is closed if the connection function raises, under every handler; the
    handle stays open.
    """
    reports, mistake = list[tuple[object, BaseException]](), LookupError("a mistake")

    def fail(handle: AcceptingHandle, sock: socket.socket) -> None:
        raise mistake

    kept = propagate if handler == "propagate" else lambda *report: reports.append(report)
    with contextlib.closing(WaitStateCollection(error_handler=kept)) as collection:
        handle = accept_tcp(collection, 0, fail, create_state=False)
        client = call(clients, handle)
        if handler == "propagate":
            with pytest.raises(LookupError):
                settle(collection)
        else:
            settle(collection)
            assert reports == [(handle, mistake)]
        assert is_closed(client)
        assert not handle.closed


def test_a_function_that_raises_harms_its_client_only__lw_062(
    collection: WaitStateCollection,
    clients: contextlib.ExitStack,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If the connection function raises, the error handler gets the state, and the next
    client is served.
    """

    def fail_once(handle: AcceptingHandle, state: AsyncIOState) -> None:
        if len(guests) == 1:
            raise LookupError("a mistake")

    guests = Guests(fail_once)
    handle = accept_tcp(collection, 0, guests)
    first, second = call(clients, handle), call(clients, handle)
    settle(collection)
    assert is_closed(first)
    assert (len(guests), guests[0].closed, guests[1].closed) == (2, True, False)
    assert len(caplog.records) == 1
    guests[1].write_buffer(b"x", None)
    settle(collection)
    assert second.recv(1) == b"x"


def test_the_connection_has_a_context_of_its_own__lw_021(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """Each accepted connection has a copy of the context of `accept_tcp`: what one sets
    another does not see.
    """
    variable = contextvars.ContextVar[str]("variable")
    seen = list[str]()

    def connection_function(handle: AcceptingHandle, state: AsyncIOState) -> None:
        seen.append(variable.get())
        variable.set("changed")
        state.write_buffer(b"x", lambda *_: seen.append(variable.get()))

    context = contextvars.copy_context()
    context.run(variable.set, "given")
    handle = context.run(accept_tcp, collection, 0, connection_function)
    call(clients, handle)
    call(clients, handle)
    settle(collection)
    assert seen == ["given", "given", "changed", "changed"]


# Pausing and closing.


def test_a_paused_handle_accepts_nobody__lw_198(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """While a handle is paused clients wait in the kernel's queue; pausing and resuming may
    come twice.
    """
    guests = Guests()
    handle = accept_tcp(collection, 0, guests, connection_limit=1)
    handle.pause()
    handle.pause()
    call(clients, handle)
    settle(collection)
    assert (handle.paused, len(guests)) == (True, 0)
    handle.resume()
    handle.resume()
    settle(collection)
    assert (handle.paused, len(guests)) == (False, 1)
    call(clients, handle)
    handle.pause()  # beside the pause for the limit
    guests[0].close()
    settle(collection)
    assert len(guests) == 1


def test_what_a_handle_tells__lw_053_063(collection: WaitStateCollection) -> None:
    """A handle tells its name and port, and until it is closed its socket and collection."""
    info = object()
    handle = accept_tcp(collection, 0, Guests(), handle_name="gate", user_info=info)
    sock = handle.socket
    assert sock is not None
    port = sock.getsockname()[1]
    assert (handle.name, handle.user_info) == ("gate", info)
    assert (handle.collection, handle.local_port) == (collection, port)
    assert "gate" in repr(handle)
    handle.user_info = None
    handle.close()
    assert (handle.collection, handle.socket, handle.local_port) == (None, None, port)


def test_closing_frees_the_port_and_tells__lw_064(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """Closing a handle frees the port; delivered states live on, who waits is sent away,
    and each close is told, however late.
    """
    guests, told = Guests(), list[object]()
    handle = accept_tcp(collection, 0, guests)
    call(clients, handle)
    settle(collection)
    waiting = call(clients, handle)
    handle.close(lambda of: told.append((of, free_again(handle.local_port))))
    handle.close(told.append)
    assert (handle.closed, told) == (True, [])
    settle(collection)
    assert told == [(collection, True), collection]
    assert (len(guests), guests[0].closed) == (1, False)
    assert is_closed(waiting)
    handle.close()
    handle.close(told.append)
    settle(collection)
    assert told[2:] == [collection]


def test_outside_of_a_turn_the_port_is_free_at_once__lw_064__lw_046(
    collection: WaitStateCollection,
) -> None:
    """Who closes a handle where no turn is under way can have the port again in the next line: to
    wait for it would be in vain.
    """
    handle = accept_tcp(collection, 0, print, address=HOST)
    handle.close()
    again = accept_tcp(collection, handle.local_port, print, address=HOST, init_timeout=0)
    assert again.local_port == handle.local_port


@pytest.mark.parametrize("phase", ["call", "timer"])
def test_when_a_close_is_told_the_port_can_be_had__lw_064(
    collection: WaitStateCollection, clock: ManualClock, phase: str
) -> None:
    """The callback of `close` can accept on the port again, in whatever phase it was closed."""
    heirs = list[AcceptingHandle]()
    handle = accept_tcp(collection, 0, print, address=HOST)

    def inherit(of: object) -> None:
        heirs.append(accept_tcp(collection, handle.local_port, print, address=HOST))

    if phase == "call":
        collection.call_soon(handle.close, inherit)
    else:
        collection.call_later(1, handle.close, inherit)
        clock.advance(1)
    settle(collection)
    assert [heir.local_port for heir in heirs] == [handle.local_port]


def test_who_has_the_listener_too_goes_on__lw_064(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """A socket that another process or the program has duplicated accepts on when the handle is
    closed.
    """
    handle = accept_tcp(collection, 0, print, address=HOST)
    assert handle.socket is not None
    with handle.socket.dup() as shared:
        collection.call_soon(handle.close)
        settle(collection)
        call(clients, handle)
        shared.settimeout(PATIENCE)
        shared.accept()[0].close()


def test_a_closed_handle_leaves_nothing__lw_064(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """A closed handle leaves no timer, even if it was short of descriptors; its number can
    be used again.
    """
    handle = accept_tcp(collection, 0, Guests())
    call(clients, handle)
    with no_descriptors():
        settle(collection)
    assert len(collection.timers) == 1
    sock = handle.socket
    assert sock is not None
    number = sock.fileno()
    handle.close()
    assert len(collection.timers) == 0
    settle(collection)
    again = accept_tcp(collection, 0, Guests()).socket
    assert again is not None
    assert again.fileno() == number


def test_a_handle_closed_before_it_began_leaves_nothing__lw_047_064(
    collection: WaitStateCollection,
) -> None:
    """A handle that another thread has made, and that is closed before the loop knows of it, is
    never watched; its number can be used again.
    """
    collection.run_once(0)  # from now on the thread of this test is the owner
    handle = elsewhere(lambda: accept_tcp(collection, 0, Guests()))
    sock, told = handle.socket, list[object]()
    assert sock is not None
    number = sock.fileno()
    handle.close(told.append)
    settle(collection)
    again = accept_tcp(collection, 0, Guests()).socket
    assert again is not None
    assert (again.fileno(), told) == (number, [collection])


def free_again(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def test_closing_inside_a_burst_ends_it__lw_064(
    collection: WaitStateCollection, clients: contextlib.ExitStack
) -> None:
    """From the call of `close` on the connection function is not called, though more
    clients wait.
    """
    guests = Guests(lambda handle, _: handle.close())
    handle = accept_tcp(collection, 0, guests)
    for _ in range(3):
        call(clients, handle)
    settle(collection)
    assert len(guests) == 1


def test_only_the_owner_may_close_and_pause__lw_014(collection: WaitStateCollection) -> None:
    """The verbs of a handle raise `WrongThread` in another thread; its attributes can be
    read there.
    """
    handle = accept_tcp(collection, 0, Guests())
    collection.run_once(0)
    for verb in (handle.close, handle.pause, handle.resume):
        with pytest.raises(WrongThread):
            elsewhere(verb)
    assert elsewhere(lambda: (handle.closed, handle.paused)) == (False, False)
    handle.close()
    with pytest.raises(WrongThread):
        elsewhere(handle.close)


def test_a_busy_port_leaves_nothing__lw_046(collection: WaitStateCollection) -> None:
    """An `accept_tcp` that fails for a busy port leaves nothing in the collection."""
    handle = accept_tcp(collection, 0, Guests())
    with pytest.raises(BindError):
        accept_tcp(collection, handle.local_port, Guests(), init_timeout=0)
    handle.close()
    until(collection, lambda: not collection.held)
    assert len(collection.timers) == 0


@needs_epoll
@pytest.mark.parametrize("number", [2, 3], ids=["at first", "again"])
def test_a_listener_that_cannot_be_watched_is_tried_later__rel_20(
    clock: ManualClock, clients: contextlib.ExitStack, number: int
) -> None:
    """If there is no memory for the watch, one timer tries again, and who has waited is served."""
    guests, errors = Guests(), list[SocketError]()
    with failing("register", "ENOMEM", number=number):
        collection = WaitStateCollection(clock=clock)
        clients.callback(collection.close)
        handle = accept_tcp(
            collection, 0, guests, accept_error_callback=lambda _, error: errors.append(error)
        )
        handle.pause()
        call(clients, handle)
        handle.resume()
        settle(collection)
        assert (len(guests), len(errors), len(collection.timers)) == (0, 1, 1)
        clock.advance(ACCEPT_RETRY_DELAY)
        settle(collection)
        assert (len(guests), len(errors), len(collection.timers)) == (1, 1, 0)
