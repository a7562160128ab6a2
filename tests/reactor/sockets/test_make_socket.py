"""`make_socket`: every keyword, what comes back, and what is refused before anything is opened."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from reactor.errors import (
    BindError,
    ConnectionRefused,
    ConnectTimedOut,
    NameLookupFailed,
    ReactorError,
    SocketCreationError,
    SocketError,
    SocketIOError,
    StateClosed,
    TLSTruncated,
)
from reactor.sockets.listener_socket import ListenerSocket
from reactor.sockets.make_socket import make_socket
from reactor.sockets.udp_socket import UDPSocket
from reactor.stream.socket_stream import SocketStream
from tests.certificates import Certificates
from tests.peers import needs_ipv6
from tests.reactor.opening.network import (
    HOST,
    accepted,
    free_port,
    full_listener,
    listening,
    port_of,
    read_options,
    silent_resolver,
)
from tests.reactor.sockets.asking import duplicate
from tests.reactor.stream.streams import PATIENCE, SHORT, meanwhile
from tests.reactor.stream.test_tls import client_of, server_of

assert sys.platform != "win32", "a descriptor of a socket is no file there"

TCP: Final[Any] = {"remote_host": HOST, "remote_port": 9}


@pytest.fixture
def listener() -> Iterator[ListenerSocket]:
    """A listener on a free port."""
    with make_socket(connect="passive", local_host=HOST, input_timeout=PATIENCE) as listener:
        yield listener


WRONG: Final[dict[str, dict[str, Any]]] = {
    "cc_01 family": {"address_family": "appletalk", **TCP},
    "cc_01 datagrams of paths": {"address_family": "file", "type": "datagram"},
    "cc_02 type": {"type": "raw"},
    "cc_03 role": {"connect": "both", **TCP},
    "cc_05 format": {"format": "bytes", **TCP},
    "cc_06 no host": {"remote_port": 9},
    "cc_06 no port": {"remote_host": HOST},
    "cc_07 no path": {"address_family": "file"},
    "cc_10 no path": {"address_family": "file", "connect": "passive"},
    "cc_10 long path": {
        "address_family": "file",
        "connect": "passive",
        "local_filename": "x" * 200,
    },
    "cc_10 a path of one who connects": {
        "address_family": "file",
        "remote_filename": "a",
        "local_filename": "b",
    },
    "cc_14 linger": {"linger": -1, **TCP},
    "cc_15 backlog": {"connect": "passive", "backlog": 0},
    "cc_16 descriptor": {"fd": -1, **TCP},
    "cc_17 negative": {"connect_timeout": -1, **TCP},
    "cc_17 too long": {"connect_timeout": 1_000_001, **TCP},
    "cc_17 no number": {"connect_timeout": float("nan"), **TCP},
    "cc_18 input": {"input_timeout": 0, **TCP},
    "cc_18 output": {"output_timeout": -1, **TCP},
    "cc_19 deadline": {"deadline": float("nan"), **TCP},
}


@pytest.mark.parametrize("keywords", WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused_before_any_system_call__cc_1_2_3_25(
    keywords: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keyword that is wrong, or a required one that is missing, is a plain `ValueError`, and no
    socket was made.
    """
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # each has words of its own
        make_socket(**keywords)
    assert not isinstance(raised.value, ReactorError)


@pytest.mark.parametrize(
    "keywords", [{"connect_timeout": "1"}, {"deadline": "now"}, {"backlog": 1.5}, {"fd": "1"}]
)
def test_what_is_of_a_wrong_type_is_a_type_error__cc_25(keywords: dict[str, Any]) -> None:
    """A keyword of a wrong type is a `TypeError`, at once."""
    with pytest.raises(TypeError):
        make_socket(**TCP, **keywords)


def test_an_active_stream_connects__cc_3_6_20(listener: ListenerSocket) -> None:
    """An active internet stream, which is the default, is a `SocketStream` over TCP: both
    directions work, input is buffered and output leaves at once.
    """
    port = listener.local_port
    keywords: Any
    for keywords in ({}, {"connect": "active"}, {"type": "stream", "eol": "crlf"}):
        with (
            make_socket(remote_host="localhost", remote_port=port, **keywords) as stream,
            listener.accept_connection() as other,
        ):
            assert type(stream) is SocketStream
            stream.write(b"to you\n")
            assert other.readline() == b"to you\n"
            other.write(b"to me")
            assert stream.peek() == b"to me"


def test_the_line_end_is_ignored__cc_4(listener: ListenerSocket) -> None:
    """`eol` may be anything, and changes nothing of what is carried."""
    with (
        make_socket(remote_host=HOST, remote_port=listener.local_port, eol=object()) as stream,
        listener.accept_connection() as other,
    ):
        stream.write(b"a\r\nb\n")
        assert other.read(5) == b"a\r\nb\n"


@pytest.mark.parametrize("word", ["text", "binary", "bivalent"])
def test_a_stream_carries_bytes_whatever_the_format__cc_5_40(word: str) -> None:
    """`format` is kept, the accepted stream has it too, and streams carry bytes all the same."""
    with (
        make_socket(connect="passive", local_host=HOST, format=word) as listener,
        make_socket(remote_host=HOST, remote_port=listener.local_port, format=word) as stream,
        listener.accept_connection() as other,
    ):
        assert listener.format == stream.format == other.format == word
        stream.write(b"\xff")
        assert other.read(1) == b"\xff"


def test_the_format_is_bivalent_by_default__cc_5(listener: ListenerSocket) -> None:
    """Without `format` sockets carry bytes: it is "bivalent"."""
    assert listener.format == "bivalent"


def test_a_listener_ignores_remote_targets__cc_6_22() -> None:
    """A passive stream is a `ListenerSocket`, which has no verbs to read or write; remote keywords
    mean nothing to it.
    """
    with make_socket(connect="passive", **TCP) as listener:
        assert type(listener) is ListenerSocket
        assert not any(hasattr(listener, verb) for verb in ("read", "write", "shutdown"))


@needs_ipv6
def test_the_family_is_what_was_said__cc_1_41() -> None:
    """A socket of "internet6" speaks IPv6, one of "internet" only IPv4; an address of the other
    family is refused.
    """
    for family, host, other in (("internet", HOST, "::1"), ("internet6", "::1", HOST)):
        with (
            make_socket(address_family=family, connect="passive", local_host=host) as listener,
            make_socket(
                address_family=family, remote_host="localhost", remote_port=listener.local_port
            ) as stream,
        ):
            assert (stream.address_family, listener.address_family) == (family, family)
            assert stream.remote_host == host
        with pytest.raises((ValueError, NameLookupFailed)):
            make_socket(address_family=family, remote_host=other, remote_port=9)
        with pytest.raises(ValueError, match="contradicts"):
            make_socket(address_family=family, connect="passive", local_host=other)


def test_our_end_can_be_chosen__cc_8_9() -> None:
    """`local_host` and `local_port` are bound by listeners, datagram sockets and streams that
    connect; None and 0 leave it to the system.
    """
    port = free_port("127.0.0.2")
    with make_socket(connect="passive", local_host="127.0.0.2", local_port=port) as listener:
        assert (listener.local_host, listener.local_port) == ("127.0.0.2", port)
        with make_socket(
            remote_host="127.0.0.2", remote_port=port, local_host="127.0.0.3", local_port=0
        ) as stream:
            assert stream.local_host == "127.0.0.3"
        with make_socket(type="datagram", local_host="127.0.0.2", local_port=port) as datagrams:
            assert datagrams.address == ("127.0.0.2", port)
    with make_socket(connect="passive") as everywhere:
        assert everywhere.local_host == "0.0.0.0"  # it is only asked
        assert everywhere.local_port > 0


def test_options_are_set_when_told__cc_11_14(listener: ListenerSocket) -> None:
    """`keepalive`, `nodelay` and `linger` are the system's defaults unless they are given."""
    remote: Any = {"remote_host": HOST, "remote_port": listener.local_port}
    with make_socket(**remote) as plain, duplicate(plain) as sock:
        assert read_options(sock)[:2] == (False, False)
    with (
        make_socket(**remote, keepalive=True, nodelay=True, linger=7) as stream,
        duplicate(stream) as sock,
    ):
        assert read_options(sock)[:2] == (True, True)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)[4] == 7


def test_ports_may_be_taken_again__cc_12() -> None:
    """`reuse_address` lets a listener take a port that has old connections; without it, which is
    the default, the port is busy.
    """
    with make_socket(connect="passive", local_host=HOST, reuse_address=True) as first:
        port = first.local_port
        client = make_socket(remote_host=HOST, remote_port=port)
        served = first.accept_connection()
        served.close()  # who closes first keeps the port for a while
        client.close()
    keywords: Any = {"connect": "passive", "local_host": HOST, "local_port": port}
    with pytest.raises(BindError) as raised:
        make_socket(**keywords)
    assert raised.value.identifier == "address-in-use"
    with make_socket(**keywords, reuse_address=True) as again:
        assert again.local_port == port


def test_the_backlog_is_five__cc_15(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener lets five clients wait unless another number is given."""
    asked = list[int]()
    listen = socket.socket.listen

    def noting(sock: socket.socket, backlog: int) -> None:
        asked.append(backlog)
        listen(sock, backlog)

    monkeypatch.setattr(socket.socket, "listen", noting)
    with make_socket(connect="passive"), make_socket(connect="passive", backlog=50):
        assert asked == [5, 50]


def test_urgent_bytes_may_come_in_line__cc_16(listener: ListenerSocket) -> None:
    """`out_of_band_inline` puts urgent bytes into the stream, in their place."""
    with (
        make_socket(
            remote_host=HOST,
            remote_port=listener.local_port,
            out_of_band_inline=True,
            input_timeout=PATIENCE,
        ) as stream,
        listener.accept_connection() as other,
        duplicate(other) as sock,
    ):
        sock.send(b"a")
        sock.send(b"!", socket.MSG_OOB)
        sock.send(b"b")
        assert stream.read(3) == b"a!b"


def test_a_descriptor_is_adopted__cc_16() -> None:
    """`fd` is used instead of a new socket, and gets the options: to connect, to listen, and for
    datagrams; what is connected or listens already is taken as it is.
    """
    with listening() as server:
        sock = socket.socket()
        number = sock.detach()
        with (
            make_socket(
                remote_host=HOST, remote_port=port_of(server), fd=number, keepalive=True
            ) as stream,
            duplicate(stream) as asked,
        ):
            assert (stream.fileno(), read_options(asked)[1]) == (number, True)
        connected = socket.create_connection(server.getsockname())
        with make_socket(fd=connected.detach(), nodelay=True) as stream:
            assert stream.remote_port == port_of(server)
    sock = socket.socket()
    with make_socket(connect="passive", local_host=HOST, fd=sock.detach()) as listener:
        other = duplicate(listener).detach()
        with make_socket(connect="passive", fd=other) as twin:
            assert twin.local_port == listener.local_port
    sock = socket.socket(type=socket.SOCK_DGRAM)
    with make_socket(type="datagram", local_host=HOST, fd=sock.detach()) as datagrams:
        assert datagrams.local_host == HOST


def test_a_descriptor_that_does_not_fit_stays_the_callers__cc_16(tmp_path: Path) -> None:
    """A descriptor of another kind, or one without a target, is refused and stays open."""
    with socket.socket() as sock, open(tmp_path / "file", "w") as file:
        keywords: Any
        for keywords in ({"type": "datagram"}, {"address_family": "internet6"}, {}):
            with pytest.raises(ValueError, match="cannot be used"):
                make_socket(fd=sock.fileno(), **keywords)
        with pytest.raises(ValueError, match="no socket"):
            make_socket(fd=file.fileno())
        assert sock.fileno() >= 0
        sock.getsockname()


@pytest.mark.parametrize(
    "keywords",
    [
        {"remote_host": HOST, "remote_port": 9},
        {"connect": "passive"},
        {"type": "datagram"},
    ],
)
def test_a_descriptor_whose_names_fail_is_closed__cc_16_25(
    monkeypatch: pytest.MonkeyPatch, keywords: dict[str, Any]
) -> None:
    """A descriptor that would do, but whose local name is not found, is closed with the error."""
    kind = socket.SOCK_DGRAM if "type" in keywords else socket.SOCK_STREAM
    fd = socket.socket(type=kind).detach()
    with silent_resolver() as silent:
        monkeypatch.setattr("reactor.opening.blocking.blocking_resolver", lambda: silent)
        with pytest.raises(ConnectTimedOut):
            make_socket(fd=fd, local_host="silent.example", connect_timeout=SHORT, **keywords)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


@pytest.mark.parametrize("limit", [0, SHORT])
def test_connecting_has_a_limit__cc_17_52(limit: float) -> None:
    """When `connect_timeout` passes it is `ConnectTimedOut`, "connection-timed-out", with the
    peer; 0 is allowed, and so is None.
    """
    with full_listener() as server:
        with pytest.raises(ConnectTimedOut) as raised:
            make_socket(remote_host=HOST, remote_port=port_of(server), connect_timeout=limit)
        error = raised.value
        assert (error.phase, error.identifier) == ("connect", "connection-timed-out")
        assert error.peer == (HOST, port_of(server))
    assert isinstance(error, TimeoutError)
    assert isinstance(error, SocketCreationError)


def test_look_ups_count_too__cc_17(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up counts in `connect_timeout`: then the phase is "resolve"."""
    with silent_resolver() as silent:
        monkeypatch.setattr("reactor.opening.blocking.blocking_resolver", lambda: silent)
        with pytest.raises(ConnectTimedOut) as raised:
            make_socket(remote_host="host.example", remote_port=9, connect_timeout=SHORT)
    assert (raised.value.phase, raised.value.identifier) == ("resolve", "connection-timed-out")


def test_timeouts_become_those_of_the_result__cc_18(listener: ListenerSocket) -> None:
    """`input_timeout` and `output_timeout` are the `read_timeout` and `write_timeout` of what comes
    back; by default there are none.
    """
    remote: Any = {"remote_host": HOST, "remote_port": listener.local_port}
    for keywords in (remote, {"connect": "passive"}, {"type": "datagram"}):
        with make_socket(**keywords) as made:
            assert (made.read_timeout, made.write_timeout, made.deadline) == (None, None, None)
        with make_socket(**keywords, input_timeout=1, output_timeout=2) as made:
            assert (made.read_timeout, made.write_timeout) == (1, 2)


def test_a_deadline_takes_the_place_of_the_timeout__cc_19(listener: ListenerSocket) -> None:
    """`deadline` counts while connecting in place of `connect_timeout`, then it is that of the
    result.
    """
    moment = time.monotonic() + PATIENCE
    with make_socket(
        remote_host=HOST, remote_port=listener.local_port, deadline=moment, connect_timeout=0
    ) as stream:
        assert stream.deadline == moment
    with full_listener() as server, pytest.raises(ConnectTimedOut):
        make_socket(
            remote_host=HOST, remote_port=port_of(server), deadline=time.monotonic() + SHORT
        )


def test_options_come_before_binding__cc_24(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options are set, then the socket is bound, then it connects or listens."""
    calls = list[str]()
    for verb in ("setsockopt", "bind", "listen", "connect_ex"):
        original = getattr(socket.socket, verb)

        def noting(
            sock: socket.socket, *arguments: Any, original: Any = original, verb: str = verb
        ) -> Any:
            calls.append(verb)
            return original(sock, *arguments)

        monkeypatch.setattr(socket.socket, verb, noting)
    with make_socket(connect="passive", local_host=HOST, keepalive=True) as listener:
        assert [one for one in calls if one != "setsockopt"] == ["bind", "listen"]
        assert calls.index("setsockopt") < calls.index("bind") == len(calls) - 2
        calls.clear()
        with make_socket(remote_host=HOST, remote_port=listener.local_port, local_host=HOST):
            assert [one for one in calls if one != "setsockopt"] == ["bind", "connect_ex"]
            assert calls[0] == "setsockopt"


def test_failures_leave_nothing_open__cc_25_59(tmp_path: Path) -> None:
    """What the system refuses is a `SocketCreationError`, which is a `SocketError` and an
    `OSError`, and no descriptor and no path is left.
    """
    with pytest.raises(ConnectionRefused) as refused:
        make_socket(remote_host=HOST, remote_port=free_port())
    with pytest.raises(BindError) as unbound:
        make_socket(connect="passive", local_host="192.0.2.1")
    with pytest.raises(SocketError) as absent:
        make_socket(address_family="file", remote_filename=tmp_path / "nobody")
    with pytest.raises(BindError) as folder:
        make_socket(
            address_family="file", connect="passive", local_filename=tmp_path / "no" / "path"
        )
    for raised in (refused, unbound, absent, folder):
        assert isinstance(raised.value, SocketCreationError)
        assert isinstance(raised.value, OSError)
        assert raised.value.errno == raised.value.code
    assert list(tmp_path.iterdir()) == []


def test_with_binds_and_closes__cc_26(listener: ListenerSocket) -> None:
    """`with make_socket(...)` closes at the end, in order, and by force if an exception leaves."""
    with make_socket(remote_host=HOST, remote_port=listener.local_port) as stream:
        other = listener.accept_connection()
    assert stream.closed
    with other:
        assert other.read() == b""
    with contextlib.suppress(LookupError), make_socket(type="datagram") as datagrams:
        raise LookupError
    assert datagrams.closed


def test_a_socket_from_here_takes_tls__cc_27_32(
    listener: ListenerSocket, certificates: Certificates
) -> None:
    """A stream of `make_socket` takes `attach_tls`; closed by force it leaves the closing alert
    out.
    """
    with (
        make_socket(remote_host="localhost", remote_port=listener.local_port) as stream,
        listener.accept_connection() as other,
    ):
        with meanwhile(lambda: other.attach_tls(tls=server_of(certificates))):
            stream.attach_tls(tls=client_of(certificates), server_hostname="localhost")
        other.write(b"x")
        assert stream.read(1) == b"x"
        assert stream.close(abort=True) is None
        with pytest.raises(TLSTruncated):
            other.read()


def test_questions_have_answers__cc_35_36_37_38_39(listener: ListenerSocket) -> None:
    """Sockets tell their descriptor, both ends, their type and their role; a closed one has no
    descriptor.
    """
    remote: Any = {"remote_host": HOST, "remote_port": listener.local_port}
    with make_socket(**remote) as stream, listener.accept_connection() as other:
        with duplicate(stream) as sock:
            assert (stream.local_host, stream.local_port) == sock.getsockname()
            assert (stream.remote_host, stream.remote_port) == sock.getpeername()
        assert (other.remote_host, other.remote_port) == stream.address
        assert (listener.remote_host, listener.remote_port) == (None, None)
        kinds = [(one.socket_type, one.connect_role) for one in (stream, other, listener)]
        assert kinds == [("stream", "active"), ("stream", "active"), ("stream", "passive")]
        ipaddress.ip_address(stream.remote_host)
    with make_socket(type="datagram") as datagrams:
        assert type(datagrams) is UDPSocket
        assert (datagrams.socket_type, datagrams.connect_role) == ("datagram", None)
        assert (datagrams.remote_host, datagrams.remote_port) == (None, None)
        assert os.fstat(datagrams.fileno())
    for closed in (stream, datagrams):
        with pytest.raises(StateClosed):
            closed.fileno()
        closed.close()


def test_a_lost_stream_raises_io_errors__cc_59(listener: ListenerSocket) -> None:
    """A failure of a connection that was there is a `SocketIOError`, which is a `SocketError`."""
    with make_socket(remote_host=HOST, remote_port=listener.local_port, linger=0):
        other = listener.accept_connection()
    with other, pytest.raises(SocketIOError) as raised:
        other.read(1)
    assert raised.value.connection is not None
    assert isinstance(raised.value, SocketError)


def test_an_accepted_socket_of_another_program_speaks__cc_20(listener: ListenerSocket) -> None:
    """Any program can connect to a listener, and be connected to."""
    with (
        socket.create_connection((HOST, listener.local_port)) as client,
        listener.accept_connection() as stream,
    ):
        client.sendall(b"hello")
        assert stream.read(5) == b"hello"
    with (
        listening() as server,
        make_socket(remote_host=HOST, remote_port=port_of(server)) as stream,
        accepted(server) as peer,
    ):
        stream.write(b"hello")
        assert peer.recv(10) == b"hello"
