"""The seam: a call fails when it should, once, and otherwise everything is real."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from tests.torture.seam import failing


def test_a_fault_happens_once_and_to_whom_it_should() -> None:
    with failing("setsockopt", "ENOMEM", number=2) as seam, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    assert seam.fired
    assert seam.counts["setsockopt"] == 3


def test_a_socket_whose_close_fails_is_closed() -> None:
    with failing("close", "EIO") as seam:
        sock = socket.socket()
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            sock.close()
    assert sock.fileno() < 0
    assert seam.left_open == []


def test_who_is_lost_in_accept_is_reset() -> None:
    with (
        failing("accept", "ECONNABORTED") as seam,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        with socket.create_connection(server.getsockname()) as lost:
            with pytest.raises(ConnectionAbortedError):
                server.accept()
            with pytest.raises(ConnectionResetError):
                lost.recv(1)
        with socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
            assert accepted.fileno() >= 0
    assert seam.client_lost


def test_a_shortage_lasts_until_time_passes() -> None:
    with (
        failing("accept", "EMFILE") as seam,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
    ):
        for _ in range(2):
            with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
                server.accept()
        seam.time_has_passed = True
        server.accept()[0].close()
