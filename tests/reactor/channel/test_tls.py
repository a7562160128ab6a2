"""TLS over memory: the rules of TLS, one by one, and the contract that every channel keeps."""

from __future__ import annotations

import os
import selectors
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from reactor.channel.base import Channel
from reactor.channel.socket_channel import SocketChannel
from reactor.channel.tls import ANSWER_LIMIT, PUSH_SIZE, TLSChannel
from reactor.channel.tls_engine import CHUNK_SIZE, TLSEngine
from reactor.errors import (
    BrokenPipe,
    ConnectionReset,
    OperationNotAllowed,
    StateClosed,
    TLSError,
    TLSTruncated,
    TLSVerificationFailed,
)
from reactor.interest import READ, WRITE
from reactor.testing.conformance import CHECKS, carry
from reactor.testing.memory import MemoryChannel, memory_pair
from tests.certificates import Certificates
from tests.tls_forger import Forger
from tests.tls_pairs import VERSIONS, channels, close, contexts, engines, shake_channels, step_until

MIB: Final = 1 << 20

# A full channel is filled, and emptied again: a byte at a time that takes minutes.
LONG: Final = {"a_full_channel_says_not_now_and_goes_on", "any_cut_gives_the_same_bytes"}


@contextmanager
def ends(
    certificates: Certificates, version: ssl.TLSVersion | None = None, capacity: int = 65536
) -> Iterator[tuple[TLSChannel, TLSChannel]]:
    """Two ends that have shaken hands, closed behind the test."""
    near, far = channels(certificates, version, capacity=capacity)
    try:
        yield near, far
    finally:
        close(near, far)


def memory(channel: TLSChannel) -> MemoryChannel:
    """Return the inner channel, which tests may pull about."""
    assert isinstance(channel.inner, MemoryChannel)
    return channel.inner


def send(data: bytes, sender: TLSChannel) -> None:
    """Write little enough to leave in one go."""
    assert sender.write(data) == len(data)
    assert sender.flush()


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
    """TLS passes them also where one byte moves at a time."""
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
    """Nobody has to flush what only OpenSSL knows of."""
    with forged(certificates, tmp_path, capacity=4096) as (near, far, forger):
        memory(near).write(forger.key_update() + forger.key_update())
        assert far.read(100) is None
        assert not far.holds_output
        assert memory(near).read(100)


def test_answers_that_nobody_can_get_are_dropped__lw_118(
    certificates: Certificates, tmp_path: Path
) -> None:
    """With the way out lost, key updates neither pile up nor stop the reading."""
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


@contextmanager
def forged(
    certificates: Certificates, folder: Path, capacity: int
) -> Iterator[tuple[TLSChannel, TLSChannel, Forger]]:
    """Two ends, and a forger who writes in the client's name."""
    client_context, server_context = contexts(certificates)
    client_context.keylog_filename = str(folder / "keys")
    here, there = memory_pair(capacity)
    client, server = engines(client_context, server_context)
    near, far = TLSChannel(here, client), TLSChannel(there, server)
    shake_channels(near, far)
    try:
        yield near, far, Forger(folder / "keys")
    finally:
        close(near, far)


def fill(channel: TLSChannel) -> int:
    """Write until it says "not now", and return how many bytes it took."""
    taken = 0
    while (count := channel.write(bytes(CHUNK_SIZE))) is not None:
        taken += count
        channel.flush()
    return taken


# Rules 2 to 5.


@pytest.mark.parametrize("version", VERSIONS)
def test_done_means_in_the_kernel__tls_2(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """What was written is done when `flush` has brought the last byte of ciphertext out."""
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
    """Writes stay together until they are flushed."""
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
    """After the tickets have been taken in, nothing is held and nothing is ready."""
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
    """What small writes add up to is pushed; while it cannot leave, nothing more is taken."""
    with ends(certificates, capacity=1000) as (near, _far):
        taken = 0
        while (count := near.write(bytes(1000))) is not None:
            taken += count
        assert PUSH_SIZE <= taken < PUSH_SIZE + 1000


def test_plaintext_in_the_engine_is_read_while_all_is_quiet__tls_5__lw_150(
    certificates: Certificates,
) -> None:
    """The rest of a record is held, told by `holds_input`, and read."""
    with ends(certificates) as (near, far):
        send(b"one record", near)
        assert far.read(3) == b"one"
        with selectors.DefaultSelector() as selector:
            selector.register(far, READ)
            assert selector.select(0) == []  # no selector sees the rest
        assert far.holds_input
        assert far.read(100) == b" record"


def test_the_end_is_told_though_no_descriptor_shows_it__tls_5(certificates: Certificates) -> None:
    """An end that came together with the last bytes counts as held input."""
    with ends(certificates) as (near, far):
        near.write(b"bye")
        assert near.write_eof()
        assert far.read(100) == b"bye"
        assert far.holds_input
        assert far.read(100) == b""


def test_what_an_inner_tls_holds_is_asked_for__tls_5(certificates: Certificates) -> None:
    """In TLS over TLS the inner end is met by the same read, as no descriptor would show it."""
    near, far = channels(certificates, depth=2)
    near.engine.write(b"never complete")
    near.inner.write(near.engine.take()[:10])
    assert near.inner.write_eof()
    with pytest.raises(TLSTruncated):
        far.read(100)
    close(near, far)


# Rule 6: bytes past the switch belong to the other side of it.


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_around_the_end_of_tls_are_told_apart__tls_6__lw_144(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """Detaching gives what TLS protected, and apart from it what came behind the alert."""
    with ends(certificates, version) as (near, far):
        far.write(b"protected")
        assert not far.unwrap()  # waits for the client
        assert near.unwrap()
        inner, decrypted, leftover = near.detach()
        assert (decrypted, leftover) == (b"protected", b"")
        inner.write(b"in clear")
        assert far.unwrap()
        same, nothing, clear = far.detach()
        assert same is far.inner
        assert (nothing, clear) == (b"", b"in clear")
        assert carry(b"and on", inner, same) == b"and on"


def test_detaching_needs_both_alerts(certificates: Certificates) -> None:
    with ends(certificates) as (near, _far):
        assert not near.unwrap()
        with pytest.raises(OperationNotAllowed):
            near.detach()


def test_unwrapping_waits_until_its_own_alert_has_left(certificates: Certificates) -> None:
    with ends(certificates, capacity=1000) as (near, far):
        memory(far).write(bytes(1000 - 5))  # fills the way to the client, behind TLS's back
        assert near.write_eof()
        assert not far.unwrap()  # knows the client's alert, and cannot answer
        assert far.holds_output
        assert far.exchange_want == WRITE
        assert near.inner.read(1000) is not None
        assert far.unwrap()


def test_early_bytes_go_into_the_engine__tls_6__lw_143(certificates: Certificates) -> None:
    """A client hello that was read before TLS was attached is used."""
    here, there = memory_pair()
    client, server = engines(*contexts(certificates))
    near = TLSChannel(here, client)
    assert not near.handshake()
    unread = there.read(1000)  # by whoever had the plain connection
    assert unread
    server.feed(unread)
    far = TLSChannel(there, server)
    shake_channels(near, far)
    close(near, far)


def test_injected_commands_break_the_handshake__tls_6__lw_143(certificates: Certificates) -> None:
    """Plaintext that came too early fails the handshake and is never read as protected."""
    here, there = memory_pair()
    client, server = engines(*contexts(certificates))
    server.feed(b"RCPT TO:<mallory@example.com>\r\n")
    near, far = TLSChannel(here, client), TLSChannel(there, server)
    assert not near.handshake()
    with pytest.raises(TLSError):
        far.handshake()
    with pytest.raises(TLSError):
        far.read(100)
    close(near, far)


# Rule 8: the end.


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_without_alert_is_truncation__tls_8__lw_151__rel_29(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """An end without closing alert is `TLSTruncated`, unless that is allowed."""
    with ends(certificates, version) as (near, far):
        send(b"half", near)
        memory(near).close()
        assert far.read(100) == b"half"
        for _ in range(2):
            with pytest.raises(TLSTruncated) as caught:
                far.read(100)
        assert caught.value.connection is far
        assert caught.value.peer == far.peer_address
        far.allow_truncation = True
        assert far.read(100) == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_closing_alerts_are_exchanged_and_what_waits_discarded__tls_8__rel_25(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """Closing answers the peer's alert, and throws away what nobody will read."""
    with ends(certificates, version) as (near, far):
        send(b"nobody wants this", far)
        assert not near.unwrap(discard=True)
        assert far.read(100) == b""
        assert far.unwrap()
        assert near.unwrap(discard=True)
        assert near.read(100) == b""


def test_output_leaves_before_the_closing_alert__rel_32(certificates: Certificates) -> None:
    """Everything written before the end arrives before it."""
    with ends(certificates, capacity=4096) as (near, far):
        taken = fill(near)
        assert not near.write_eof()
        got = [b""]

        def step() -> bool:
            near.flush()
            data = far.read(MIB)
            got.append(data or b"")
            return data == b""

        step_until(step)
        assert len(b"".join(got)) == taken
        assert near.write_eof()


# Rule 9: a failure is told.


def unshaken(certificates: Certificates, server: ssl.SSLContext) -> tuple[TLSChannel, TLSChannel]:
    """Two ends that have not shaken hands yet."""
    here, there = memory_pair()
    near_engine, far_engine = engines(certificates.client_context(), server)
    return TLSChannel(here, near_engine), TLSChannel(there, far_engine)


def test_a_refused_certificate_is_told_to_the_server__tls_9__lw_152(
    certificates: Certificates,
) -> None:
    """The alert about an expired certificate leaves before the client closes."""
    near, far = unshaken(certificates, certificates.server_context(certificates.expired))
    with pytest.raises(TLSVerificationFailed) as caught:
        step_until(lambda: all([near.handshake(), far.handshake()]))
    assert (caught.value.connection, caught.value.phase) == (near, "handshake")
    assert not near.holds_output  # the alert has left by itself
    near.close()
    with pytest.raises(TLSError) as told:
        step_until(far.handshake)
    assert told.value.reason == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    close(near, far)


def test_an_alert_that_finds_no_room_waits_for_flush__tls_9(certificates: Certificates) -> None:
    """An alert that cannot leave at once is held, and leaves with a later `flush`."""
    near, far = unshaken(certificates, certificates.server_context())
    memory(far).write(bytes(65536))
    memory(near).write(b"\x16\x03\x01\x00\x04\xff\0\0\0")
    with pytest.raises(TLSError):
        far.handshake()
    assert (far.holds_output, far.flush()) == (True, False)
    assert memory(near).read(65536) == bytes(65536)
    assert far.flush()
    alert = memory(near).read(100)
    assert alert is not None
    assert alert[0] == 21
    close(near, far)


def test_the_alert_of_a_peer_who_is_gone_is_found_in_the_handshake__tls_9(
    certificates: Certificates,
) -> None:
    """The alert of a server that has hung up is preferred to the lost way out."""
    near, far = unshaken(certificates, certificates.server_context())
    memory(far).write(bytes([21, 3, 3, 0, 2, 2, 40]))  # fatal, handshake_failure
    memory(far).close()
    with pytest.raises(TLSError) as caught:
        near.handshake()  # cannot write its hello: that is the smaller news
    assert caught.value.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"
    close(near, far)


def test_a_lost_way_out_is_told_when_nothing_better_is_there__lw_192(
    certificates: Certificates,
) -> None:
    """A reset below TLS keeps its class, in phase handshake."""
    near, far = unshaken(certificates, certificates.server_context())
    memory(far).reset()
    with pytest.raises(ConnectionReset) as caught:
        near.handshake()
    assert (caught.value.phase, caught.value.connection) == ("handshake", near)
    close(near, far)


def test_a_way_out_that_is_shut_fails_the_handshake__lw_192(certificates: Certificates) -> None:
    """Where nothing arrives that explains it, it is told as it is."""
    near, far = unshaken(certificates, certificates.server_context())
    memory(far).shutdown(socket.SHUT_RD)
    with pytest.raises(BrokenPipe) as caught:
        near.handshake()
    assert (caught.value.phase, caught.value.connection) == ("handshake", near)
    close(near, far)


@pytest.mark.parametrize("version", VERSIONS)
def test_last_words_are_read_though_writing_fails__lw_118(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """A failing write leaves reading to find its own end, and fails each time."""
    with ends(certificates, version) as (near, far):
        far.write(b"last words")
        assert far.write_eof()
        memory(far).close()
        near.write(b"in vain")
        for _ in range(2):
            with pytest.raises(BrokenPipe):
                near.flush()
            with pytest.raises(BrokenPipe):
                near.write(b"again")
        assert not near.holds_output
        assert near.read(100) == b"last words"
        assert near.read(100) == b""


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
    """The side and the `ssl.SSLObject` can be asked for."""
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
