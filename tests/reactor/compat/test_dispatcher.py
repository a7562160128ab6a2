"""Dispatchers: what their verbs and hooks have always done, and what they say to people."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from reactor.compat import asyncore
from reactor.compat.residents import Members
from tests.reactor.compat.conftest import Noting, Pair, turns
from tests.reactor.loop.probe import LIMIT


class Server(asyncore.dispatcher):
    """Accepts, and gives each client to a dispatcher."""

    def __init__(self, members: Members) -> None:
        super().__init__(map=members)
        self.clients = list[Noting]()
        self.addresses = list[Any]()
        self.create_socket()
        self.set_reuse_addr()
        self.bind(("127.0.0.1", 0))
        self.listen(5)

    def handle_accepted(self, sock: Any, addr: Any) -> None:
        self.clients.append(Noting(sock, self._map))
        self.addresses.append(addr)


class Client(Noting):
    """Connects, and notes how that went."""

    def __init__(self, address: Any, members: Members) -> None:
        super().__init__(None, members)
        self.writing = True  # else it never hears of the connection
        self.errors = list[BaseException]()
        self.create_socket()
        self.connect(address)

    def handle_error(self) -> None:
        error = sys.exc_info()[1]
        assert error is not None
        self.errors.append(error)
        self.handle_close()


def test_a_client_and_a_server_meet(members: Members) -> None:
    server = Server(members)
    client = Client(server.socket.getsockname(), members)
    assert (client.connecting, client.connected) == (True, False)
    while not server.clients or "connect" not in client.calls:
        asyncore.poll(LIMIT, members)
    assert (client.connecting, client.connected, client.addr) == (
        *(False, True),
        server.socket.getsockname(),
    )
    assert re.fullmatch(r"<\S+\.Server listening 127\.0\.0\.1:0 at 0x\w+>", repr(server))
    assert re.fullmatch(r"<\S+\.Client connected 127\.0\.0\.1:\d+ at 0x\w+>", repr(client))
    assert server.addresses == [server.clients[0].addr] == [client.socket.getsockname()]
    client.writing = False
    server.clients[0].close()
    client.on["read"] = lambda client: client.recv(10)
    while "close" not in client.calls:
        asyncore.poll(LIMIT, members)
    assert client.calls.count("connect") == client.calls.count("close") == 1
    assert server.accept() is None
    assert server.accepting


def test_a_refusal_is_an_error_of_its_kind(members: Members) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    client = Client(address, members)
    asyncore.loop(timeout=LIMIT, map=members)
    assert [type(error) for error in client.errors] == [ConnectionRefusedError]
    assert client.calls == ["close"]


def test_what_is_refused_at_once_is_raised(tmp_path: Path) -> None:
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("there are no Unix sockets")
    members: Members = {}
    client = Noting(None, members)
    client.create_socket(socket.AF_UNIX)
    with pytest.raises(FileNotFoundError):
        client.connect(str(tmp_path / "nobody"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "somebody"))
        listener.listen()
        client.connect(str(tmp_path / "somebody"))
        assert (client.calls, client.connected) == (
            ["connect"],
            True,
        )  # there was nothing to wait for
        assert repr(client).endswith(
            f" connected {str(tmp_path / 'somebody')!r} at {id(client):#x}>"
        )
    client.close()
    assert members == {}


def test_reading_tells_nothing_now_the_end_and_a_failure_apart(pair: Pair) -> None:
    near, far = pair
    dispatcher = Noting(near, {})
    with pytest.raises(BlockingIOError):
        dispatcher.recv(10)
    far.send(b"ab")
    assert dispatcher.recv(1) == b"a"
    assert dispatcher.calls == []
    far.close()
    assert (dispatcher.recv(10), dispatcher.calls) == (b"b", [])
    assert (dispatcher.recv(10), dispatcher.calls) == (b"", ["close"])
    assert (dispatcher.recv(10), dispatcher.calls) == (b"", ["close", "close"])  # it is closed


def test_sending_tells_no_room_and_a_lost_connection_apart(pair: Pair) -> None:
    near, far = pair
    dispatcher = Noting(near, {})
    while dispatcher.send(b"x" * 65536):
        pass
    assert dispatcher.calls == []
    far.close()
    assert (dispatcher.send(b"x"), dispatcher.calls) == (0, ["close"])


def test_who_accepts_is_not_told_to_write(pair: Pair) -> None:
    dispatcher = Noting(pair[0], {})
    dispatcher.accepting = True
    dispatcher.handle_write_event()
    assert dispatcher.calls == []


def test_a_broken_socket_does_not_come_into_the_map() -> None:
    members: Members = {}

    class Broken(socket.socket):
        def getpeername(self) -> Any:
            raise OSError(errno.ENOBUFS, "no room")

    with Broken() as sock:
        with pytest.raises(OSError, match="no room"):
            Noting(sock, members)
        assert members == {}
    with socket.socket() as fresh:
        assert not Noting(fresh, members).connected
        assert list(members) == [fresh.fileno()]


def test_a_socket_may_leave_its_map_and_come_into_another(pair: Pair) -> None:
    near, far = pair
    first: Members = {}
    second: Members = {}
    dispatcher = Noting(near, first)
    turns(first)
    dispatcher.del_channel()
    assert (first, dispatcher._fileno, near.fileno() >= 0) == ({}, None, True)
    dispatcher.set_socket(near, second)
    far.send(b"!")
    turns(second, 1)
    assert dispatcher.calls == ["read"]
    dispatcher.del_channel(second)
    assert second == {}


def test_what_is_kept_leaves_in_order_and_whole(members: Members, pair: Pair) -> None:
    near, far = pair
    sent = os.urandom(1_000_000)
    got = bytearray()
    sender = asyncore.dispatcher_with_send(near, members)
    assert sender.send(sent[:10]) == 10
    sender.send(sent[10:])
    assert sender.writable()

    class Receiver(asyncore.dispatcher):
        def writable(self) -> bool:
            return False

        def handle_read(self) -> None:
            got.extend(self.recv(65536))

    Receiver(far, members)
    while len(got) < len(sent):
        asyncore.poll(LIMIT, members)
    assert bytes(got) == sent
    assert (sender.out_buffer, sender.writable()) == (b"", False)


def test_sending_is_logged_while_debugging(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    sender = asyncore.dispatcher_with_send(pair[0], {})
    sender.debug = True
    sender.send(b"hello")
    sender.log("a hit")
    sender.handle_read()
    sender.ignore_log_types = ()
    sender.handle_read()
    sender.handle_expt()
    assert capsys.readouterr() == (
        "info: sending b'hello'\n"
        "warning: unhandled read event\nwarning: unhandled incoming priority event\n",
        "log: a hit\n",
    )


class Called:
    """Not a dispatcher, but with the methods of one; `error` is what each of them raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls = list[str]()
        self.error = error

    def __getattr__(self, name: str) -> Any:
        def call() -> None:
            self.calls.append(name)
            if self.error is not None and name.endswith("_event"):
                raise self.error

        return call


@pytest.mark.parametrize(
    ("flags", "calls"),
    [
        (0, []),
        (asyncore.POLLIN | asyncore.POLLOUT, ["handle_read_event", "handle_write_event"]),
        (asyncore.POLLPRI, ["handle_expt_event"]),
        (asyncore.POLLOUT | asyncore.POLLHUP, ["handle_write_event", "handle_close"]),
        (asyncore.POLLERR, ["handle_close"]),
        (asyncore.POLLNVAL, ["handle_close"]),
    ],
)
def test_the_bits_of_poll_become_calls(flags: int, calls: list[str]) -> None:
    called = Called()
    asyncore.readwrite(called, flags)
    assert called.calls == calls


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (ConnectionResetError(errno.ECONNRESET, "reset"), "handle_close"),
        (OSError(errno.ENOBUFS, "no room"), "handle_error"),
        (ZeroDivisionError(), "handle_error"),
    ],
)
def test_what_a_handler_raises_is_its_own_affair(error: Exception, then: str) -> None:
    called = Called(error)
    asyncore.readwrite(called, asyncore.POLLIN | asyncore.POLLOUT)
    assert called.calls == ["handle_read_event", then]
    for function in (asyncore.read, asyncore.write, asyncore._exception):
        called.calls.clear()
        function(called)
        assert called.calls[1:] == ["handle_error"]


@pytest.mark.parametrize("error", [asyncore.ExitNow(), KeyboardInterrupt(), SystemExit()])
def test_three_things_pass_through_all(error: BaseException) -> None:
    for function in (
        asyncore.read,
        asyncore.write,
        asyncore._exception,
        lambda called: asyncore.readwrite(called, asyncore.POLLIN),
    ):
        with pytest.raises(type(error)):
            function(Called(error))


def test_all_are_closed_whatever_they_raise(pair: Pair) -> None:
    class Failing(Noting):
        error: BaseException = OSError(errno.EBADF, "gone")

        def close(self) -> None:
            super().close()
            raise self.error

    members: Members = {}
    near, far = pair
    Failing(near, members)
    members[-1] = Failing(far, members)
    asyncore.close_all(members)
    assert (members, near.fileno(), far.fileno()) == ({}, -1, -1)
    failing = Failing(None, members)
    members[0] = failing
    for error, ignored in ((ValueError(), True), (OSError(errno.EIO, "broken"), True)):
        failing.error = error
        with pytest.raises(type(error)):
            asyncore.close_all(members)
        asyncore.close_all(members, ignore_all=ignored)
        assert members == {}
        members[0] = failing
    failing.error = asyncore.ExitNow()
    with pytest.raises(asyncore.ExitNow):
        asyncore.close_all(members, ignore_all=True)


def test_an_exception_fits_on_a_line() -> None:
    with pytest.raises(AssertionError, match="traceback does not exist"):
        asyncore.compact_traceback()
    try:
        int("x")
    except ValueError:
        (file, function, line), kind, value, text = asyncore.compact_traceback()
    assert (file, function, kind) == (__file__, "test_an_exception_fits_on_a_line", ValueError)
    assert (text, isinstance(value, kind)) == (f"[{file}|{function}|{line}]", True)
    assert asyncore._strerror(errno.EPERM) == os.strerror(errno.EPERM)
    assert asyncore._strerror(1 << 80) == f"Unknown error {1 << 80}"


def test_a_repr_that_fails_is_no_end(capsys: pytest.CaptureFixture[str]) -> None:
    class Nameless(Noting):
        def __repr__(self) -> str:
            raise ValueError

    dispatcher = Nameless(None, {})
    try:
        int("x")
    except ValueError:
        dispatcher.handle_error()
    assert "<__repr__(self) failed for object at " in capsys.readouterr().out
    assert dispatcher.calls == ["close"]
