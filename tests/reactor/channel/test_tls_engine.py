"""The engine: no I/O, so every test moves the ciphertext by hand."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from reactor.channel.tls_engine import CHUNK_SIZE, MOVES, UNREAD_LIMIT, Stage, meaning
from reactor.errors import (
    BrokenPipe,
    InternalError,
    LimitExceeded,
    OperationNotAllowed,
    TLSClosed,
    TLSError,
    TLSTruncated,
    TLSVerificationFailed,
)
from tests.certificates import Certificates
from tests.tls_forger import Forger
from tests.tls_pairs import TLS_1_2, TLS_1_3, VERSIONS, carry, contexts, engines, shake, shaken

RECORD_HEADER: Final = 5  # bytes
CLOSE_NOTIFY: Final = bytes([21, 3, 3, 0, 2, 1, 0])  # in clear, as it may come in a handshake
BAD_RECORD: Final = bytes([23, 3, 3, 0, 32]) + bytes(32)


def records(ciphertext: bytes) -> int:
    """Count the records in a stretch of ciphertext."""
    count = 0
    while ciphertext:
        length = int.from_bytes(ciphertext[3:RECORD_HEADER], "big")
        ciphertext = ciphertext[RECORD_HEADER + length :]
        count += 1
    return count


# The traps of OpenSSL.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("before", [0, 10])  # nothing read yet; a part of a record read
def test_a_plain_unwrap_breaks_the_connection_if_data_waits(
    certificates: Certificates, version: ssl.TLSVersion, before: int
) -> None:
    client, server = shaken(certificates, version)
    client.write(b"x" * 1000)
    carry(client, server)
    if before:
        server.tls_object.read(before)
    with pytest.raises(ssl.SSLError):
        server.tls_object.unwrap()
    with pytest.raises(ssl.SSLError):
        server.tls_object.read(1000)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("before", [0, 10])
def test_ours_ends_and_keeps_every_byte_that_waits__lw_144(
    certificates: Certificates, version: ssl.TLSVersion, before: int
) -> None:
    """Ending TLS from our side loses no data that has arrived."""
    client, server = shaken(certificates, version)
    client.write(b"x" * 1000)
    carry(client, server)
    if before:
        assert server.read(before) == b"x" * before
    server.write_eof()
    assert server.we_ended
    client.write(b"later")
    carry(client, server)
    assert client.read(10) == b""
    assert server.read(2000) == b"x" * (1000 - before)
    assert server.read(2000) == b"later"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_comes_behind_the_alert_is_left_over__tls_6(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """Bytes behind the peer's closing alert are left over as they came, those before it are
    read.
    """
    client, server = shaken(certificates, version)
    assert not client.unwrap()
    assert server.leftover() == b""
    server.feed(client.take())
    server.write(b"last words")
    assert server.unwrap()
    assert server.stage is Stage.CLOSED
    client.feed(server.take() + b"in clear")
    assert client.unwrap()
    assert client.read(100) == b"last words"
    assert client.read(100) == b""
    assert client.leftover() == b"in clear"
    assert client.leftover() == b""


def test_an_empty_input_is_never_read(certificates: Certificates) -> None:
    class Counting(ssl.SSLObject):
        reads = 0

        def read(self, *arguments: object) -> bytes:
            Counting.reads += 1
            return super().read(*arguments)  # type: ignore[arg-type]  # handed through

    client_context, server_context = contexts(certificates, TLS_1_3)
    client_context.sslobject_class = Counting
    client, server = engines(client_context, server_context)
    shake(client, server)
    Counting.reads = 0
    assert client.read(100) is None
    assert Counting.reads == 0
    server.write(b"now")
    carry(client, server)
    assert client.read(100) == b"now"
    assert Counting.reads == 1


def test_several_records_make_one_read(certificates: Certificates) -> None:
    client, server = shaken(certificates)
    for piece in (b"one", b"two", b"three"):
        client.write(piece)
    carry(client, server)
    assert server.read(5) == b"onetw"
    assert server.holds_input  # inside the object, where `incoming.pending` is blind
    assert server.read(100) == b"othree"
    assert not server.holds_input


def test_a_read_of_no_bytes_takes_none(certificates: Certificates) -> None:
    client, server = shaken(certificates)
    client.write(b"all of it")
    carry(client, server)
    assert server.read(0) is None
    assert server.read(3) == b"all"
    assert server.read(0) is None
    assert server.read(100) == b" of it"


# Writing.


def test_a_write_takes_a_chunk_at_most__tls_4(certificates: Certificates) -> None:
    """One write encrypts a chunk and no more."""
    client, _server = shaken(certificates)
    assert client.write(bytes(CHUNK_SIZE + 1)) == CHUNK_SIZE
    assert CHUNK_SIZE < client.output_size < CHUNK_SIZE * 1.01
    assert client.write(b"") == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [1, 7, 1400, 16384, 16385, 100_000])
def test_any_size_arrives_and_a_small_one_is_one_record__rel_26(
    certificates: Certificates, version: ssl.TLSVersion, size: int
) -> None:
    """Writes of any size arrive under TLS, in as few records as there can be."""
    client, server = shaken(certificates, version)
    data = bytes(itertools.islice(itertools.cycle(range(251)), size))
    assert client.write(data) == size
    ciphertext = client.take()
    assert records(ciphertext) == -(-size // 16384)
    server.feed(ciphertext)
    assert server.read(CHUNK_SIZE) == data


@pytest.mark.parametrize("version", VERSIONS)
def test_after_our_end_nothing_can_be_written(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    client, server = shaken(certificates, version)
    client.write_eof()
    client.write_eof()
    carry(client, server)
    with pytest.raises(BrokenPipe) as caught:
        client.write(b"x")
    assert caught.value.phase == "write"
    assert server.read(1) == b""
    assert server.write(b"goes on") == 7
    carry(client, server)
    assert client.read(10) == b"goes on"


# The end.


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_without_alert_is_truncation__tls_8(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """After the data, an end without closing alert is told as truncation, and our way out
    is whole.
    """
    client, server = shaken(certificates, version)
    client.write(b"half of it")
    server.feed(client.take())
    server.feed_eof()
    assert server.read(100) == b"half of it"
    held = [server.holds_input]  # the truncation is still to be told
    for _ in range(2):
        with pytest.raises(TLSTruncated) as caught:
            server.read(100)
    assert caught.value.phase == "read"
    assert [*held, server.holds_input] == [True, False]
    assert server.write(b"our way out is whole") == 20


@pytest.mark.parametrize("version", VERSIONS)
def test_the_end_comes_after_the_data_and_what_follows_is_dropped__rel_30(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """The peer's closing alert is the end; what it sends behind it is dropped."""
    client, server = shaken(certificates, version)
    client.write(b"data")
    client.write_eof()
    server.feed(client.take() + b"whatever comes behind it")
    assert server.read(100) == b"data"
    assert server.holds_input
    assert [server.read(100), server.read(100)] == [b"", b""]
    assert not server.holds_input


def test_unread_bytes_before_an_end_have_a_limit(certificates: Certificates) -> None:
    client, server = shaken(certificates)
    for _ in range(UNREAD_LIMIT // CHUNK_SIZE):
        client.write(bytes(CHUNK_SIZE))
        server.feed(client.take())
        assert not server.unwrap()
    client.write(b"one byte more")
    server.feed(client.take())
    with pytest.raises(LimitExceeded) as caught:
        server.unwrap()
    assert (caught.value.identifier, caught.value.phase) == ("input-limit", "close")
    assert server.read(2 * UNREAD_LIMIT) == bytes(UNREAD_LIMIT)


def test_discarding_reads_on_without_a_limit(certificates: Certificates) -> None:
    client, server = shaken(certificates)
    for _ in range(UNREAD_LIMIT // CHUNK_SIZE + 1):
        client.write(bytes(CHUNK_SIZE))
        server.feed(client.take())
        assert not server.unwrap(discard=True)
    client.write_eof()
    server.feed(client.take())
    assert server.unwrap(discard=True)
    assert server.read(1) == b""


def test_an_unwrap_that_meets_the_end_of_the_ciphertext_is_truncated(
    certificates: Certificates,
) -> None:
    client, server = shaken(certificates)
    client.write(b"x")
    server.feed(client.take())
    server.feed_eof()
    with pytest.raises(TLSTruncated) as caught:
        server.unwrap()
    assert caught.value.phase == "close"


# What goes wrong.


@pytest.mark.parametrize("version", VERSIONS)
def test_a_bad_record_is_told_after_the_data_and_to_both_sides__tls_9(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """A bad record fails every later verb, and the alert about it can still be sent."""
    client, server = shaken(certificates, version)
    client.write(b"good")
    server.feed(client.take() + BAD_RECORD)
    assert server.read(100) == b"good"
    assert server.holds_input
    for verb in (lambda: server.read(1), lambda: server.write(b"x"), server.write_eof):
        with pytest.raises(TLSError) as caught:
            verb()
    assert (caught.value.phase, caught.value.identifier) == ("read", "tls-failure")
    assert caught.value.reason == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    client.feed(server.take())
    with pytest.raises(TLSError) as caught:
        client.read(1)
    assert "ALERT_BAD_RECORD_MAC" in caught.value.reason


@pytest.mark.parametrize("size", [1, 4, 5, 100, 1000, 16384, 70_000])
def test_garbage_breaks_the_handshake_and_nothing_else__rel_24(
    certificates: Certificates, size: int
) -> None:
    """Garbage of any length on a TLS port is a failed handshake and nothing worse."""
    _client, server = engines(*contexts(certificates))
    server.feed(b"\xa5" * size)
    server.feed_eof()
    with pytest.raises(TLSError) as caught:
        server.handshake()
    assert caught.value.phase == "handshake"
    assert server.stage is Stage.BROKEN


def test_http_is_no_tls__rel_23(certificates: Certificates) -> None:
    """Plain HTTP on a TLS port is a failed handshake with a reason of its own."""
    _client, server = engines(*contexts(certificates))
    server.feed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with pytest.raises(TLSError) as caught:
        server.handshake()
    assert caught.value.reason == "HTTP_REQUEST"
    server.feed(b"more")  # and is not kept
    with pytest.raises(TLSError):
        server.handshake()


def test_a_peer_may_end_or_vanish_in_the_handshake__lw_192(certificates: Certificates) -> None:
    """A peer that ends TLS in the handshake is `TLSClosed`, one that vanishes `TLSTruncated`."""
    for input_, kind in ((CLOSE_NOTIFY, TLSClosed), (b"", TLSTruncated)):
        client, _server = engines(*contexts(certificates))
        assert not client.handshake()
        client.feed(input_)
        client.feed_eof()
        with pytest.raises(kind) as caught:
            client.handshake()
        assert caught.value.phase == "handshake"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_bad_certificate_is_refused_and_the_server_told__lw_152(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """A certificate for another host is refused, and the server gets the alert."""
    client_context, server_context = contexts(certificates, version)
    server_context.load_cert_chain(certificates.elsewhere)
    client, server = engines(client_context, server_context)
    with pytest.raises(TLSVerificationFailed) as caught:
        shake(client, server)
    assert caught.value.reason == "CERTIFICATE_VERIFY_FAILED"
    assert "localhost" in str(caught.value)
    server.feed(client.take())
    with pytest.raises(TLSError) as told:
        server.handshake()
    assert "ALERT" in told.value.reason


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_certificate_learns_it_as_part_of_the_handshake__lw_170(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """A client that was refused learns it in phase "handshake", in TLS 1.3 by its first read."""
    client_context, server_context = contexts(certificates, version)
    server_context.verify_mode = ssl.CERT_REQUIRED
    client, server = engines(client_context, server_context)
    with pytest.raises(TLSError) as refused:
        shake(client, server)
    assert refused.value.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    client.feed(server.take())
    first: Callable[[], object] = client.handshake if version is TLS_1_2 else lambda: client.read(1)
    with pytest.raises(TLSError) as learnt:
        first()
    assert learnt.value.phase == "handshake"


def test_every_ssl_error_has_a_meaning() -> None:
    for theirs, ours in (
        (ssl.SSLCertVerificationError, TLSVerificationFailed),
        (ssl.SSLZeroReturnError, TLSClosed),
        (ssl.SSLEOFError, TLSTruncated),
        (ssl.SSLSyscallError, TLSError),
        (ssl.SSLError, TLSError),
    ):
        error = theirs(1, "the text does not matter")
        error.verify_message = "unknown issuer"  # type: ignore[attr-defined]  # of one class only
        found = meaning(error, "read")
        assert type(found) is ours
        assert isinstance(found, ssl.SSLError)
        assert found.__cause__ is error


# Early bytes, key updates, stages.


@pytest.mark.parametrize("version", VERSIONS)
def test_a_clienthello_that_came_early_reaches_the_engine__tls_6(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """Bytes that are fed before the first step of the handshake are part of it."""
    client, server = engines(*contexts(certificates, version))
    client.handshake()
    server.feed(client.take())  # before the server's first step
    assert server.holds_input
    assert not server.handshake()
    assert server.output_size > 0
    shake(client, server)


def test_a_thousand_key_updates_are_answered__rel_33(
    certificates: Certificates, tmp_path: Path
) -> None:
    """A thousand key updates are answered, and the data behind them is read."""
    client_context, server_context = contexts(certificates, TLS_1_3)
    client_context.keylog_filename = str(tmp_path / "keys")
    client, server = engines(client_context, server_context)
    shake(client, server)
    forger = Forger(tmp_path / "keys")
    for _ in range(1000):
        server.feed(forger.key_update())
    server.feed(forger.data(b"after them"))
    assert server.read(100) == b"after them"
    assert records(server.take()) in range(1, 1001)
    assert not server.holds_input


def test_nothing_can_be_read_or_written_before_the_handshake(certificates: Certificates) -> None:
    client, _server = engines(*contexts(certificates))
    for verb in (lambda: client.read(1), lambda: client.write(b"x"), client.write_eof):
        with pytest.raises(OperationNotAllowed):
            verb()
    client.handshake()
    with pytest.raises(OperationNotAllowed):
        client.read(1)


def test_the_stages_of_a_conversation(certificates: Certificates) -> None:
    client, server = engines(*contexts(certificates, TLS_1_2))
    seen = [client.stage]
    client.handshake()
    seen.append(client.stage)
    shake(client, server)
    seen.append(client.stage)
    assert client.handshake()  # done is done, and makes no traffic
    assert client.output_size == 0
    client.write_eof()
    assert client.stage is Stage.OPEN
    assert repr(client) == "<TLSEngine client OPEN we_ended>"
    carry(client, server)
    assert server.unwrap()
    carry(client, server)
    assert client.read(1) == b""
    seen.append(client.stage)
    assert seen == [Stage.NEW, Stage.HANDSHAKING, Stage.OPEN, Stage.CLOSED]


def test_an_illegal_move_is_our_mistake(certificates: Certificates) -> None:
    for stage, other in itertools.product(Stage, Stage):
        client, _server = engines(*contexts(certificates))
        client.stage = stage
        if other in MOVES[stage]:
            client._enter(other)
            assert client.stage is other
        else:
            with pytest.raises(InternalError):
                client._enter(other)
