"""`make_socket` with paths for addresses."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from reactor.errors import BindError
from reactor.sockets.listener_socket import ListenerSocket
from reactor.sockets.make_socket import make_socket
from reactor.stream.socket_stream import SocketStream

assert sys.platform != "win32", "Python has no Unix sockets there"


def test_paths_connect_sockets_too__cc_1_7_10_21_22_41(tmp_path: Path) -> None:
    """With "file" a listener makes a path, whoever connects to it gets a `SocketStream`, and both
    tell the paths; hosts and ports are None.
    """
    path = tmp_path / "gate"
    with (
        make_socket(address_family="file", connect="passive", local_filename=path) as listener,
        make_socket(address_family="file", remote_filename=str(path)) as stream,
        listener.accept_connection() as other,
    ):
        assert (type(listener), type(stream)) == (ListenerSocket, SocketStream)
        stream.write(b"x")
        assert other.read(1) == b"x"
        assert {one.address_family for one in (listener, stream, other)} == {"file"}
        assert (stream.remote_filename, stream.local_filename) == (str(path), None)
        assert (listener.local_filename, listener.remote_filename) == (str(path), None)
        assert other.local_filename == str(path)
        assert (stream.remote_host, stream.remote_port) == (None, None)
        assert (listener.local_host, listener.local_port) == (None, None)
    assert not path.exists()


def test_a_path_that_is_in_use_is_left_alone__cc_10(tmp_path: Path) -> None:
    """A path on which somebody listens, or any other file, is `address-in-use`; that of a dead
    server is taken over.
    """
    path = tmp_path / "gate"
    keywords: Any = {"address_family": "file", "connect": "passive", "local_filename": path}
    with make_socket(**keywords), pytest.raises(BindError) as raised:
        make_socket(**keywords)
    assert raised.value.identifier == "address-in-use"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with make_socket(**keywords):
        pass
    path.write_text("a file")
    with pytest.raises(BindError):
        make_socket(**keywords)
    assert path.read_text() == "a file"


def test_a_listener_leaves_a_path_that_is_not_its_own__cc_33(tmp_path: Path) -> None:
    """Closing a file listener removes its path before the descriptor, unless it is another's by
    now.
    """
    path = tmp_path / "gate"
    keywords: Any = {"address_family": "file", "connect": "passive", "local_filename": path}
    first = make_socket(**keywords)
    path.unlink()
    with make_socket(**keywords):
        first.close()
        assert path.is_socket()
    assert not path.exists()
