"""TLS over memory where it begins and ends: the switch, closing alerts, failures."""

from __future__ import annotations

import socket
import ssl
from typing import Final

import pytest

from reactor.channel.tls import TLSChannel
from reactor.errors import (
    BrokenPipe,
    ConnectionReset,
    OperationNotAllowed,
    TLSError,
    TLSTruncated,
    TLSVerificationFailed,
)
from reactor.interest import WRITE
from reactor.testing.conformance import carry
from reactor.testing.memory import memory_pair
from tests.certificates import Certificates
from tests.tls_pairs import (
    VERSIONS,
    close,
    contexts,
    ends,
    engines,
    fill,
    memory,
    send,
    shake_channels,
    step_until,
)

MIB: Final = 1 << 20


# Rule 6: bytes past the switch belong to the other side of it.


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_around_the_end_of_tls_are_told_apart__tls_6__lw_144(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """Detaching TLS gives what it protected and, apart from that, what came behind the
    closing alert.
    """
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
    """A ClientHello that was read before TLS was attached is used."""
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
    """Closing TLS sends our alert, answers the peer's, and drops what nobody will read."""
    with ends(certificates, version) as (near, far):
        send(b"nobody wants this", far)
        assert not near.unwrap(discard=True)
        assert far.read(100) == b""
        assert far.unwrap()
        assert near.unwrap(discard=True)
        assert near.read(100) == b""


def test_output_leaves_before_the_closing_alert__rel_32(certificates: Certificates) -> None:
    """Everything written before the end of TLS arrives before its closing alert."""
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
    """A client that refuses a certificate sends the alert that says why before it closes."""
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
    """An alert that cannot leave at once is kept, and leaves with a later `flush`."""
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
    """If a server hangs up in the handshake, its alert is the error, not the lost way out."""
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
    """A reset in the handshake keeps the class of a reset, with phase "handshake"."""
    near, far = unshaken(certificates, certificates.server_context())
    memory(far).reset()
    with pytest.raises(ConnectionReset) as caught:
        near.handshake()
    assert (caught.value.phase, caught.value.connection) == ("handshake", near)
    close(near, far)


def test_a_way_out_that_is_shut_fails_the_handshake__lw_192(certificates: Certificates) -> None:
    """A handshake that cannot write, and reads nothing that explains it, fails with the
    error of the write.
    """
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
    """A failing write under TLS leaves reading to find its own end, and fails each time."""
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
