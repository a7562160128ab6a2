"""TLS over memory: the contract that every channel keeps, and the rules 1 to 5 of TLS."""

from __future__ import annotations

import os
import selectors
import socket
import ssl
from pathlib import Path
from typing import Final

import pytest

from reactor.channel.base import Channel
from reactor.channel.socket_channel import SocketChannel
from reactor.channel.tls import ANSWER_LIMIT, PUSH_SIZE, TLSChannel
from reactor.channel.tls_engine import CHUNK_SIZE, TLSEngine
from reactor.errors import StateClosed, TLSTruncated
from reactor.interest import READ, WRITE
from reactor.testing.conformance import CHECKS, carry
from reactor.testing.memory import memory_pair
from tests.certificates import Certificates
from tests.tls_pairs import (
    VERSIONS,
    channels,
    close,
    contexts,
    ends,
    engines,
    fill,
    forged,
    memory,
    send,
    step_until,
)

MIB: Final = 1 << 20

# A full channel is filled, and emptied again: a byte at a time that takes minutes.
LONG: Final = {"a_full_channel_says_not_now_and_goes_on", "any_cut_gives_the_same_bytes"}


# The contract of every channel: LW-153.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("check", CHECKS)
def test_tls_keeps_the_contract_of_a_channel__lw_153(
    certificates: Certificates, check: str, depth: int, version: ssl.TLSVersion
) -> None:
    """TLS over memory, and TLS in TLS, pass every check for channels."""
    CHECKS[check](lambda: channels(certificates, version, depth=depth))


@pytest.mark.parametrize("check", [name for name in CHECKS if name not in LONG])
def test_tls_keeps_it_one_byte_at_a_time__lw_153(certificates: Certificates, check: str) -> None:
    """TLS over memory passes every check for channels also where one byte moves at a time."""
    CHECKS[check](lambda: channels(certificates, sip=1))


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_tls_is_the_same_over_sockets__lw_153(certificates: Certificates, family: str) -> None:
    """TLS carries a mebibyte each way over TCP and over a Unix socket."""
    if family == "unix":
        left, right = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            left = socket.create_connection(listener.getsockname())
            right, _ = listener.accept()
    client, server = engines(*contexts(certificates))
    near, far = TLSChannel(SocketChannel(left), client), TLSChannel(SocketChannel(right), server)
    step_until(lambda: all([near.handshake(), far.handshake()]))
    data = os.urandom(MIB)
    assert carry(data, near, far) == data
    assert carry(data, far, near) == data
    assert (near.address, near.peer_address) == (far.peer_address, far.address)
    close(near, far)


# Rule 1: either direction may want either readiness.


def test_a_read_that_must_answer_wants_to_write__tls_1__lw_147(
    certificates: Certificates, tmp_path: Path
) -> None:
    """A read that has to answer a key update wants room to write, and sends the answer itself."""
    with forged(certificates, tmp_path, capacity=4096) as (near, far, forger):
        assert fill(far) > 4096  # the server's way out is full
        # OpenSSL keeps one answer back until it has something to send; so there are two.
        memory(near).write(forger.key_update() + forger.key_update() + forger.data(b"question"))
        assert far.read(100) == b"question"
        assert far.read(100) is None
        assert far.engine.output_size > 0  # the answer, which finds no room
        assert (far.holds_output, far.read_want, far.write_want) == (True, READ | WRITE, WRITE)
        while memory(near).read(4096):  # the client takes everything
            assert far.read(100) is None  # and a read alone brings the answer out
        assert (far.holds_output, far.read_want) == (False, READ)


def test_an_answer_leaves_with_the_read_that_made_it__tls_3(
    certificates: Certificates, tmp_path: Path
) -> None:
    """The answer to a key update leaves with the read that made it; nobody has to flush it."""
    with forged(certificates, tmp_path, capacity=4096) as (near, far, forger):
        memory(near).write(forger.key_update() + forger.key_update())
        assert far.read(100) is None
        assert not far.holds_output
        assert memory(near).read(100)


def test_answers_that_nobody_can_get_are_dropped__lw_118(
    certificates: Certificates, tmp_path: Path
) -> None:
    """Where the way out is lost, answers to key updates neither pile up nor stop the reading."""
    with forged(certificates, tmp_path, capacity=65536) as (near, far, forger):
        memory(near).shutdown(socket.SHUT_RD)
        for _ in range(5000):
            memory(near).write(forger.key_update())
            assert far.read(100) is None
        assert far.engine.output_size < 100
        memory(near).write(forger.data(b"still heard"))
        assert far.read(100) == b"still heard"


def test_answers_that_nobody_takes_stop_the_reading__rel_33(
    certificates: Certificates, tmp_path: Path
) -> None:
    """A peer that floods us with key updates and reads no answers is not read any more."""
    with forged(certificates, tmp_path, capacity=65536) as (near, far, forger):
        fill(far)
        sent = 0
        for _ in range(10_000):
            if memory(near).write(forger.key_update()) is None:
                break
            sent += 1
            assert far.read(100) is None
        assert sent < 10_000
        assert ANSWER_LIMIT < far.engine.output_size < ANSWER_LIMIT + 100
        assert far.read_want == WRITE  # and not READ: it would spin


# Rules 2 to 5.


@pytest.mark.parametrize("version", VERSIONS)
def test_done_means_in_the_kernel__tls_2(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """A write under TLS is done when `flush` has brought the last byte of ciphertext out."""
    with ends(certificates, version, capacity=4096) as (near, far):
        assert near.write(bytes(10_000)) == 10_000
        assert not near.flush()
        assert (near.holds_output, near.write_want) == (True, WRITE)
        got = 0
        while not near.flush():
            got += len(far.read(MIB) or b"")
        assert (near.holds_output, near.read_want) == (False, READ)
        near.close()  # loses nothing any more
        while got < 10_000:
            got += len(far.read(MIB) or b"")
        assert got == 10_000


def test_small_writes_leave_together__tls_2(certificates: Certificates) -> None:
    """Small writes under TLS stay together until they are flushed."""
    with ends(certificates) as (near, far):
        for piece in (b"to", b"geth", b"er"):
            near.write(piece)
        assert far.read(100) is None
        assert near.flush()
        assert far.read(100) == b"together"


@pytest.mark.parametrize("version", VERSIONS)
def test_stray_ciphertext_drains_and_then_all_is_quiet__tls_3(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """After the session tickets have been taken in, nothing is held and nothing is ready."""
    here, there = memory_pair()
    client, server = engines(*contexts(certificates, version))
    near, far = TLSChannel(here, client), TLSChannel(there, server)
    step_until(lambda: all([near.handshake(), far.handshake()]))
    assert near.read(100) is None  # takes the tickets of TLS 1.3
    for end in (near, far):
        assert (end.holds_input, end.holds_output, end.read_want) == (False, False, READ)
        with selectors.DefaultSelector() as selector:
            selector.register(end, READ)
            assert selector.select(0) == []
    close(near, far)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_chunk_is_held_and_no_more__tls_4__lw_149(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """While the peer reads nothing, one chunk is encrypted and no byte more."""
    with ends(certificates, version, capacity=1000) as (near, _far):
        taken = fill(near)
        assert taken == CHUNK_SIZE
        assert len(near._output) + near.engine.output_size < CHUNK_SIZE * 1.01
        assert near.write(b"x") is None


def test_many_small_writes_are_one_chunk_too__tls_4(certificates: Certificates) -> None:
    """Small writes that add up to a chunk are pushed out; while that cannot leave, nothing
    more is taken.
    """
    with ends(certificates, capacity=1000) as (near, _far):
        taken = 0
        while (count := near.write(bytes(1000))) is not None:
            taken += count
        assert PUSH_SIZE <= taken < PUSH_SIZE + 1000


def test_plaintext_in_the_engine_is_read_while_all_is_quiet__tls_5__lw_150(
    certificates: Certificates,
) -> None:
    """The rest of a decrypted record is told as held input, and read, without any event of
    the socket.
    """
    with ends(certificates) as (near, far):
        send(b"one record", near)
        assert far.read(3) == b"one"
        with selectors.DefaultSelector() as selector:
            selector.register(far, READ)
            assert selector.select(0) == []  # no selector sees the rest
        assert far.holds_input
        assert far.read(100) == b" record"


def test_the_end_is_told_though_no_descriptor_shows_it__tls_5(certificates: Certificates) -> None:
    """An end of TLS that came together with the last bytes counts as held input, and is told."""
    with ends(certificates) as (near, far):
        near.write(b"bye")
        assert near.write_eof()
        assert far.read(100) == b"bye"
        assert far.holds_input
        assert far.read(100) == b""


def test_what_an_inner_tls_holds_is_asked_for__tls_5(certificates: Certificates) -> None:
    """In TLS over TLS the end of the inner one is met by the same read, as no descriptor
    would show it.
    """
    near, far = channels(certificates, depth=2)
    near.engine.write(b"never complete")
    near.inner.write(near.engine.take()[:10])
    assert near.inner.write_eof()
    with pytest.raises(TLSTruncated):
        far.read(100)
    close(near, far)


# The rest.


def test_nothing_is_read_after_close(certificates: Certificates) -> None:
    with ends(certificates) as (near, far):
        send(b"xy", near)
        assert far.read(1) == b"x"
        far.close()
        with pytest.raises(StateClosed):
            far.read(1)
        assert far.fileno() == -1


def test_what_a_channel_tells_of_itself__lw_145(certificates: Certificates) -> None:
    """A connection with TLS tells its side and its `ssl.SSLObject`."""
    with ends(certificates) as (near, far):
        assert (near.tls_side, far.tls_side) == ("client", "server")
        assert near.tls_object.version() == "TLSv1.3"
        assert near.close_timeout == 3.0
        assert repr(near).startswith("<TLSChannel client OPEN over <MemoryChannel near")


def test_a_handshake_wants_to_write_once_it_is_agreed(certificates: Certificates) -> None:
    here, there = memory_pair(capacity=300)
    client, server = engines(*contexts(certificates))
    near, far = TLSChannel(here, client), TLSChannel(there, server)
    assert not far.handshake()
    assert far.exchange_want == READ
    step_until(lambda: near.handshake() or far.handshake())
    assert not far.handshake()  # its tickets find no room until the client reads
    assert far.exchange_want == WRITE
    close(near, far)


def test_a_bare_engine_and_a_channel_speak_the_same(certificates: Certificates) -> None:
    here, there = memory_pair()
    client, server = engines(*contexts(certificates))
    far = TLSChannel(there, server)

    def step() -> bool:
        done = client.handshake()
        here.write(client.take())
        far_done = far.handshake()
        client.feed(here.read(65536) or b"")
        return done and far_done

    step_until(step)
    assert isinstance(client, TLSEngine)
    assert isinstance(far, Channel)
    client.write(b"hello")
    here.write(client.take())
    assert far.read(100) == b"hello"
    close(here, far)
