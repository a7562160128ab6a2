"""asynchat: what an old program finds under the name, on a socket and on its loop."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from protocols import asynchat
from protocols.asynchat import INPUT_LIMIT
from reactor.compat import asyncore
from reactor.compat.residents import Members
from reactor.errors import LimitExceeded
from tests.reactor.loop.probe import LIMIT


class Chat(asynchat.async_chat):
    """Collects as old programs do; `got` has what had its terminator."""

    def __init__(self, sock: Any, members: Members) -> None:
        super().__init__(sock, members)
        self.got = list[bytes]()
        self.errors = list[BaseException | None]()
        self.set_terminator(b"\r\n")

    def collect_incoming_data(self, data: bytes) -> None:
        self._collect_incoming_data(data)

    def found_terminator(self) -> None:
        self.got.append(self._get_data())

    def handle_error(self) -> None:
        self.errors.append(sys.exc_info()[1])
        self.close()


class Uploads(Chat):
    """A line with a length, so many bytes, and so on."""

    def found_terminator(self) -> None:
        super().found_terminator()
        asked = self.got[-1]
        self.set_terminator(int(asked) if asked.isdigit() else b"\r\n")


class Both:
    """A chat of a given kind, and a plain socket at its other end."""

    def __init__(self) -> None:
        near, self.far = socket.socketpair()
        self.near: Any = near
        self.members: Members = {}

    def chat(self, kind: type[Chat] = Chat) -> Any:
        self.near = kind(self.near, self.members)
        return self.near

    def say(self, data: bytes, piece: int | None = None) -> None:
        """Send bytes to the chat, in pieces, and let it read each."""
        for start in range(0, len(data), piece or len(data)):
            self.far.send(data[start : start + (piece or len(data))])
            asyncore.loop(0, map=self.members, count=1)

    def heard(self, size: int) -> bytes:
        """Read what the chat has sent, while it goes on sending."""
        self.far.setblocking(False)
        data = bytearray()
        while len(data) < size and self.members:
            asyncore.loop(0, map=self.members, count=1)
            try:
                data += self.far.recv(1 << 20)
            except BlockingIOError:
                continue
        return bytes(data)


@pytest.fixture
def both() -> Iterator[Both]:
    both = Both()
    yield both
    both.near.close()
    both.far.close()


@pytest.mark.parametrize("piece", [None, 1, 2, 3])
def test_terminators_are_found_wherever_the_pieces_end(both: Both, piece: int | None) -> None:
    chat = both.chat()
    both.say(b"one\r\n\r\ntwo\rand\nthree\r\r\nfour\r", piece)
    assert chat.got == [b"one", b"", b"two\rand\nthree\r"]
    assert (chat._get_data(), chat.ac_in_buffer) == (b"four", b"\r")


@pytest.mark.parametrize("piece", [None, 1, 2])
def test_the_terminator_changes_in_the_midst_of_a_piece(both: Both, piece: int | None) -> None:
    chat = both.chat(Uploads)
    both.say(b"5\r\na\r\nb\r3\r\nabcend\r\n4\r\nbo", piece)
    assert chat.got == [b"5", b"a\r\nb\r", b"3", b"abc", b"end", b"4"]
    assert (chat._get_data(), chat.get_terminator(), chat.terminator) == (b"bo", 2, 2)


@pytest.mark.parametrize("nothing", [None, 0, b"", ""])
def test_without_a_terminator_all_is_data(both: Both, nothing: Any) -> None:
    chat = both.chat()
    chat.terminator = nothing
    both.say(b"a\r\nb")
    assert (chat.got, chat._get_data()) == ([], b"a\r\nb")
    assert not chat.get_terminator()


def test_a_terminator_is_bytes_a_number_or_nothing(both: Both) -> None:
    chat = both.chat()
    with pytest.raises(ValueError, match="must be positive"):
        chat.set_terminator(-1)
    with pytest.raises(TypeError):
        chat.set_terminator("\r\n")
    assert chat.get_terminator() == b"\r\n"
    chat.use_encoding = True
    chat.set_terminator("\xa7")
    both.say(b"one\xa7")
    assert chat.got == [b"one"]


@pytest.mark.slow
def test_64_mib_may_come_before_a_terminator(both: Both) -> None:
    assert INPUT_LIMIT == asynchat.async_chat.ac_in_limit == 64 << 20
    chat = both.chat()
    chat.ac_in_buffer = b"x" * (INPUT_LIMIT - 2) + b"\r\r"
    both.say(b"\n")
    assert [len(one) for one in chat.got] == [INPUT_LIMIT - 1]


def test_too_much_without_a_terminator_is_an_error(both: Both) -> None:
    class Short(Chat):
        ac_in_limit = 5

        def handle_error(self) -> None:
            self.errors.append(sys.exc_info()[1])

    chat = both.chat(Short)
    both.say(b"12345\r\n")
    assert chat.got == [b"12345"]
    both.say(b"123456")
    (error,) = chat.errors
    assert isinstance(error, LimitExceeded)
    assert (error.identifier, chat._get_data(), chat.ac_in_buffer) == ("input-limit", b"", b"")
    both.say(b"1\r\n")  # whoever goes on in spite of it begins anew
    assert chat.got == [b"12345", b"1"]
    chat.set_terminator(10)  # who counts has said how much it takes
    both.say(b"1234567890")
    assert chat.got == [b"12345", b"1", b"1234567890"]


def test_what_is_pushed_leaves_in_order_and_whole(both: Both) -> None:
    chat = both.chat()
    large = os.urandom(300_000)
    chat.push(b"begin")
    chat.push(bytearray(large))
    chat.push(memoryview(large))
    chat.push(b"")
    chat.push_with_producer(asynchat.simple_producer(large, buffer_size=1000))
    chat.push_with_producer(b"end")
    sent = b"begin" + large * 3 + b"end"
    assert both.heard(len(sent)) == sent
    assert not chat.producer_fifo
    assert not chat.writable()
    assert chat.readable()


@pytest.mark.parametrize("wrong", ["text", 10, None])
def test_only_bytes_can_be_pushed(both: Both, wrong: Any) -> None:
    chat = both.chat()
    with pytest.raises(TypeError, match="byte-ish"):
        chat.push(wrong)


def test_strings_are_encoded_if_that_is_wanted(both: Both) -> None:
    chat = both.chat()
    chat.use_encoding = 1
    chat.push_with_producer("\xa7")
    assert both.heard(1) == b"\xa7"


def test_it_closes_when_all_is_sent(both: Both) -> None:
    chat = both.chat()
    data = os.urandom(1_000_000)
    chat.push(data)
    chat.close_when_done()
    got = both.heard(len(data) + 1)  # up to the end
    both.far.setblocking(True)
    both.far.settimeout(LIMIT)
    while piece := both.far.recv(1 << 20):
        got += piece
    assert (got, both.members) == (data, {})


def test_what_waits_can_be_dropped_even_while_it_is_sent(both: Both) -> None:
    class Dropping(Chat):
        def send(self, data: Any) -> int:
            size = super().send(data)
            self.discard_buffers()
            return size

    chat = both.chat(Dropping)
    chat.push(b"x" * 200_000)
    chat.ac_in_buffer = b"\r"
    chat.incoming.append(b"some")
    chat.discard_buffers()
    assert (chat.ac_in_buffer, chat.incoming, list(chat.producer_fifo)) == (b"", [], [])
    assert chat.get_terminator() == b"\r\n"


def test_a_producer_may_drop_what_waits(both: Both) -> None:
    class Giving:
        def more(self) -> bytes:
            chat.discard_buffers()
            return b""

    chat = both.chat()
    chat.push_with_producer(Giving())
    assert not chat.producer_fifo


def test_a_failure_goes_to_its_handler(both: Both) -> None:
    class Broken(Chat):
        def send(self, data: Any) -> int:
            raise OSError("no send")

        def recv(self, buffer_size: int) -> bytes:
            raise OSError("no recv")

    chat = both.chat(Broken)
    chat.push(b"x")
    chat.handle_read()
    assert [str(error) for error in chat.errors] == ["no send", "no recv"]


def test_reading_for_nothing_is_no_error(both: Both) -> None:
    chat = both.chat()
    chat.handle_read()
    assert (chat.errors, chat.got) == ([], [])
    both.far.close()
    asyncore.loop(LIMIT, map=both.members)
    assert (chat.errors, both.members) == ([], {})


def test_the_two_hooks_are_the_subclass_affair() -> None:
    chat = asynchat.async_chat(map={})
    assert chat.writable()  # it has yet to connect
    with pytest.raises(NotImplementedError):
        chat.collect_incoming_data(b"x")
    with pytest.raises(NotImplementedError):
        chat.found_terminator()


@pytest.mark.parametrize(
    ("haystack", "needle", "size"),
    [
        ("qwerty\r", "\r\n", 1),
        ("qwertydkjf", "\r\n", 0),
        (b"a\r\n.\r", b"\r\n.\r\n", 4),
        (b"", b"\n", 0),
    ],
)
def test_the_beginning_of_a_terminator_is_found(haystack: Any, needle: Any, size: int) -> None:
    assert asynchat.find_prefix_at_end(haystack, needle) == size


def test_a_producer_gives_pieces() -> None:
    producer = asynchat.simple_producer(b"abcde", buffer_size=2)
    assert [producer.more() for _ in range(4)] == [b"ab", b"cd", b"e", b""]
