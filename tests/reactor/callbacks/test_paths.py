"""Unix sockets under callbacks: paths that are missing, taken, left over and removed."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from reactor.callbacks import AsyncIOStream, unix_connect, unix_server
from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import BindError, EndOfStream, NoSuchPath
from reactor.loop.collection import WaitStateCollection
from tests.certificates import Certificates
from tests.reactor.callbacks.conftest import Program, World

assert sys.platform != "win32", "there are no Unix sockets"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_on_a_path__cl_68(
    collection: WaitStateCollection, tcp: World, tmp_path: Path, stream: bool
) -> None:
    """A path takes the place of host and port; all else is as over TCP, streams included."""
    near = Program()
    far = Program(read=lambda sock, data: sock.write(data, write_cb=lambda sock: sock.close()))
    path = tmp_path / "socket"
    server = unix_server(collection, path, far.read, far.event, connect_cb=far.connect)
    how: dict[str, Any] = {"connect_cb": near.connect, "write_cb": near.write}
    made = unix_connect(collection, path, near.read, near.event, data="he", stream=stream, **how)
    made.write(b"llo")
    tcp.keep(made)
    event = tcp.until_event(near)
    assert isinstance(made, AsyncIOStream) is stream
    assert far.received == b"hello"
    assert (made.read() if isinstance(made, AsyncIOStream) else near.received) == b"hello"
    assert isinstance(event, EndOfStream)
    assert near.names == ["connect", "write", "read", "event"]
    server.close()


def test_a_missing_path_is_an_event__cl_63_68(
    collection: WaitStateCollection, tcp: World, tmp_path: Path
) -> None:
    """A path that is not there gives one `NoSuchPath`, and no other call."""
    near = Program()
    sock = unix_connect(collection, tmp_path / "nobody", near.read, near.event, data=b"x")
    event = tcp.until_event(near)
    assert sock.closed
    assert event.connection is sock
    assert isinstance(event, NoSuchPath)
    assert near.names == ["event"]


def test_what_a_dead_server_left_is_taken_over__cl_69(
    collection: WaitStateCollection, tmp_path: Path
) -> None:
    """A path that a dead server left is taken over, and removed when this one closes."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = unix_server(collection, path, None)
    assert path.is_socket()
    assert server.local_port is None
    server.close()
    assert not path.exists()


def test_what_is_not_ours_is_left_alone__cl_62_69(
    collection: WaitStateCollection, tcp: World, tmp_path: Path
) -> None:
    """The path of a live server, and any other file, is left alone and is a `BindError`."""
    live, file = tmp_path / "live", tmp_path / "file"
    file.write_text("precious")
    server = unix_server(collection, live, None)
    late = Program()
    for path in (live, file):
        with pytest.raises(BindError) as caught:
            unix_server(collection, path, late.read, late.event)
        assert caught.value.identifier == "address-in-use"
    tcp.settle()
    assert late.calls == []
    assert file.read_text() == "precious"
    assert live.is_socket()
    server.close()


def test_a_path_that_is_another_s_stays__cl_69(
    collection: WaitStateCollection, tmp_path: Path
) -> None:
    """A server that closes does not remove a path that is another's by now."""
    path = tmp_path / "socket"
    server = unix_server(collection, path, None)
    path.unlink()
    other = unix_server(collection, path, None)
    server.close()
    assert path.is_socket()
    other.close()
    assert not path.exists()


def test_tls_on_a_path__cl_68_70(
    collection: WaitStateCollection, certificates: Certificates, tcp: World, tmp_path: Path
) -> None:
    """On a path TLS is as over TCP, but the name that is verified has to be given."""
    near, far = Program(), Program(read=lambda sock, data: sock.write(data))
    path, trusting = tmp_path / "socket", ClientTLS(trusted_file=certificates.authority)
    server = unix_server(collection, path, far.read, tls=ServerTLS(certificates.localhost))
    with pytest.raises(ValueError, match="name"):
        unix_connect(collection, path, near.read, tls=trusting)
    made = unix_connect(
        *(collection, path, near.read, near.event),
        data=b"hello",
        tls=trusting,
        server_hostname="localhost",
    )
    tcp.keep(made)
    tcp.until_read(near, b"hello")
    server.close()
