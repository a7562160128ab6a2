"""Dispatchers of pipes and plain files."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from reactor.compat import asyncore
from reactor.compat.residents import Members, Residents
from reactor.loop.collection import WaitStateCollection
from tests.reactor.compat.conftest import Noting, turns
from tests.reactor.loop.probe import LIMIT

assert sys.platform != "win32", "Windows has no such dispatchers"


def test_a_pipe_is_read_to_its_end(members: Members) -> None:
    source, sink = os.pipe()
    got = list[bytes]()

    class Reader(asyncore.file_dispatcher):
        def writable(self) -> bool:
            return False

        def handle_read(self) -> None:
            got.append(self.recv(10))

        def handle_close(self) -> None:
            self.close()

    reader = Reader(source, members)
    os.close(source)  # it has a copy
    os.write(sink, b"hello")
    turns(members)
    os.close(sink)
    asyncore.loop(timeout=LIMIT, map=members)
    assert (got, reader.socket.fileno()) == ([b"hello", b""], -1)
    assert reader.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    with pytest.raises(NotImplementedError):
        reader.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def test_a_plain_file_is_ready_always(members: Members, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 25)
    got = list[bytes]()

    class Copier(asyncore.file_dispatcher):
        def writable(self) -> bool:
            return len(got) == 1

        def handle_read(self) -> None:
            got.append(self.recv(10))

        def handle_write(self) -> None:
            self.send(b"end")

        def handle_close(self) -> None:
            self.close()

    with path.open("r+b", buffering=0) as file:
        file.seek(5)
        Copier(file, members)
        asyncore.loop(timeout=LIMIT, map=members)
    assert got == [b"x" * 10, b"x" * 10, b""]
    assert path.read_bytes() == b"x" * 25 + b"end"


def test_a_plain_file_is_served_once_in_a_turn(members: Members, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdefgh")
    got = list[bytes]()

    class Reader(asyncore.file_dispatcher):
        def handle_read(self) -> None:
            got.append(self.recv(1))

    with path.open("rb", buffering=0) as file:
        Reader(file, members)
        turns(members, 3)
    assert got == [b"a", b"b", b"c"]


def test_a_copy_is_left_alone_from_the_first_turn_on() -> None:
    members: Members = {}
    source, sink = os.pipe()
    copy = asyncore.file_dispatcher(source, members)
    os.write(sink, b"!")
    near, far = socket.socketpair()
    Noting(near, members, readable=lambda dispatcher: copy.close())
    with asyncore._lodging(members) as residents:
        residents.ask()
        assert residents.collection.wait(0) == []
    asyncore.close_all(members)
    far.close()
    os.close(source)
    os.close(sink)


def test_a_copy_that_was_forgotten_is_closed_with_a_warning() -> None:
    with open(os.devnull, "rb") as file:
        wrapper = asyncore.file_wrapper(file.fileno())
        with pytest.warns(ResourceWarning, match="unclosed file"):
            wrapper.__del__()
        wrapper.close()


def test_a_copy_of_a_descriptor_that_was_closed_is_not_watched(
    collection: WaitStateCollection,
) -> None:
    members: Members = {}
    residents = Residents(collection, members)
    source, sink = os.pipe()
    dispatcher = asyncore.file_dispatcher(source, members)
    residents.turn(0)
    dispatcher.close()
    os.write(sink, b"!")  # for the copy that is still open; the selector knew the other
    residents.turn(0)
    assert collection.wait(0) == []
    os.close(source)
    os.close(sink)
