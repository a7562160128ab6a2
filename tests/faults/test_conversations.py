"""One peer at a time: what it gets back, and how it may end."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
from typing import Final

import pytest

from tests.faults.watched import Watched, hear, reset
from tests.scenarios.programs import PATIENCE

MIB: Final = 1 << 20


def exchange(sock: socket.socket, data: bytes) -> bytes:
    """Send all of it and end, while reading whatever comes, to the end; return what came."""
    heard, rest = bytearray(), memoryview(data)
    sock.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while True:
            ready = selector.select(PATIENCE)
            assert ready, f"nothing moves, after {len(heard)} bytes and with {len(rest)} to send"
            if ready[0][1] & selectors.EVENT_WRITE:
                rest = rest[sock.send(rest[:MIB]) :]
                if not rest:
                    sock.shutdown(socket.SHUT_WR)
                    selector.modify(sock, selectors.EVENT_READ)
            if ready[0][1] & selectors.EVENT_READ:
                piece = sock.recv(MIB)
                if not piece:
                    return bytes(heard)
                heard += piece


def test_every_octet_comes_back_and_then_the_end__rel_1(server: Watched, face: str) -> None:
    """Of 4 MiB that were sent before the peer ended each octet is echoed, in order, then FIN."""
    data = random.Random(1).randbytes(4 * MIB)
    with server.call(face) as client:
        assert exchange(client, data) == data


def test_an_end_at_once_is_answered_by_an_end__rel_2(server: Watched, face: str) -> None:
    """A peer that connects and says nothing but FIN reads FIN, and no byte and no reset."""
    with server.call(face) as client:
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def test_single_octets_arrive_as_they_were_sent__rel_3(server: Watched, face: str) -> None:
    """3,000 segments of one octet, some awaited and the others not, come back in order."""
    data = random.Random(3).randbytes(3_000)
    with server.call(face) as client:
        for octet in data[:500]:
            client.send(bytes([octet]))
            assert client.recv(10) == bytes([octet])
        for octet in data[500:]:
            client.send(bytes([octet]))
        client.shutdown(socket.SHUT_WR)
        assert hear(client) == data[500:]


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_reset_is_one_end_without_a_word__rel_4(server: Watched, face: str, size: int) -> None:
    """A reset after any number of octets is one final event, and nothing in any log."""
    client = server.call(face)
    client.sendall(bytes(size))
    reset(client)
    ends = server.ends_of(server.quiet())
    assert ends in ({"ConnectionReset": 1}, {"BrokenPipe": 1})


def test_a_reset_behind_a_half_close_is_one_end__rel_6(server: Watched, face: str) -> None:
    """The peer ends its direction, reads nothing of the answer, and resets: one end, no noise."""
    client = server.call(face)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or it might hold all of it
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(1_000):
            client.send(bytes(MIB))
    client.shutdown(socket.SHUT_WR)
    reset(client)
    (reason,) = server.ends_of(server.quiet())
    assert reason in {"ConnectionReset", "BrokenPipe"}
