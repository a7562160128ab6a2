"""TLS that comes and goes on a stream, in both roles."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    OperationNotAllowed,
    OperationTimeout,
    SocketIOError,
    TLSError,
    TLSHandshakeTimeout,
    TLSVerificationFailed,
)
from reactor.stream.socket_stream import SocketStream
from tests.certificates import Certificates
from tests.channels import CHANNELS
from tests.reactor.stream.conftest import Pair
from tests.reactor.stream.streams import SHORT, meanwhile, pair_of


def client_of(certificates: Certificates) -> ClientTLS:
    """What trusts the authority of the tests."""
    return ClientTLS(trusted_file=certificates.authority)


def server_of(certificates: Certificates) -> ServerTLS:
    """What shows the identity of localhost."""
    return ServerTLS(certificates.localhost)


def shaken(pair: Pair, certificates: Certificates) -> None:
    """Put TLS on both ends."""
    near, far = pair
    with meanwhile(lambda: far.attach_tls(tls=server_of(certificates))) as attaching:
        near.attach_tls(tls=client_of(certificates), server_hostname="localhost")
    attaching.result()


def test_tls_can_come_later__lw_185(plain_pair: Pair, certificates: Certificates) -> None:
    """`attach_tls` shakes hands and returns; what is read and written then is protected."""
    near, far = plain_pair
    near.write(b"STARTTLS\n")
    assert far.readline() == b"STARTTLS\n"
    shaken(plain_pair, certificates)
    assert (near.tls_side, far.tls_side) == ("client", "server")
    near.write(b"secret")
    assert far.read(6) == b"secret"
    assert near.tls_object.version() == "TLSv1.3"


def test_tls_can_go_again__lw_185(plain_pair: Pair, certificates: Certificates) -> None:
    """`detach_tls` exchanges closing alerts and goes on in clear; what was decrypted before is read
    first, and what came behind the alert after it.
    """
    near, far = plain_pair
    shaken(plain_pair, certificates)
    far.write(b"protected ")
    assert near.wait_for_input() is True

    def leave() -> None:
        far.detach_tls()
        far.write(b"in clear")

    with meanwhile(leave):
        near.detach_tls()
    assert near.read(18) == b"protected in clear"
    assert (near.tls_side, near.tls_object) == (None, None)
    near.detach_tls()  # without TLS there is nothing to do
    near.write(b"too")
    assert far.read(3) == b"too"
    shaken(plain_pair, certificates)


def test_an_early_client_hello_is_used__lw_185(sockets: Pair, certificates: Certificates) -> None:
    """A handshake that has begun before `attach_tls` was called goes on with its unread bytes."""
    near, far = sockets
    with meanwhile(
        lambda: near.attach_tls(tls=client_of(certificates), server_hostname="localhost")
    ) as attaching:
        assert far.peek().startswith(b"\x16\x03")
        far.attach_tls(tls=server_of(certificates))
    attaching.result()


def test_what_was_injected_is_never_protected__lw_185(
    sockets: Pair, certificates: Certificates
) -> None:
    """Plaintext that came too early makes the handshake fail, and is never read as protected."""
    near, far = sockets
    near.write(b"STARTTLS\nRSET\n")
    assert far.readline() == b"STARTTLS\n"
    with (
        meanwhile(lambda: near.attach_tls(tls=True, server_hostname="localhost")) as attaching,
        pytest.raises(TLSError),
    ):
        far.attach_tls(tls=server_of(certificates))
    assert isinstance(attaching.exception(), OSError)
    for verb in (far.read, lambda: far.write(b"x"), far.handshake):
        with pytest.raises((TLSError, OperationNotAllowed)):
            verb()


def test_after_a_failure_only_closing_is_left__lw_185(
    sockets: Pair, certificates: Certificates
) -> None:
    """A handshake that fails raises why, and so does everything after it: nothing goes on in
    clear.
    """
    near, far = sockets
    with (
        meanwhile(lambda: far.attach_tls(tls=server_of(certificates))),
        pytest.raises(TLSVerificationFailed),
    ):
        near.attach_tls(tls=True, server_hostname="localhost")
    verbs: list[Callable[[], object]] = [
        near.read,
        lambda: near.write(b"in clear"),
        lambda: near.attach_tls(tls=True, server_hostname="localhost"),
    ]
    for verb in verbs:
        with pytest.raises(TLSVerificationFailed):
            verb()
    with pytest.raises(SocketIOError, match="lost already"):
        near.shutdown("output")
    assert near.tls_side is None
    near.close()


def test_a_function_that_raises_leaves_nothing_in_clear__lw_185(sockets: Pair) -> None:
    """A `configure_context` that raises is a failed handshake: nothing goes on in clear, and what
    was unread is dropped.
    """
    near, far = sockets
    far.write(b"injected")
    assert near.peek() == b"injected"

    def configure(_: object) -> None:
        raise LookupError("a mistake of the user")

    with pytest.raises(TLSError) as raised:
        near.attach_tls(server_hostname="localhost", configure_context=configure)
    assert isinstance(raised.value.__cause__, LookupError)
    for verb in (near.read, near.peek, lambda: near.write(b"x")):
        with pytest.raises(TLSError):
            verb()


def test_a_silent_peer_has_a_limit__lw_185(certificates: Certificates) -> None:
    """`attach_tls`, `handshake` and `detach_tls` have limits, and raise when they pass."""
    with pair_of("tcp4", certificates) as (near, _), pytest.raises(TLSHandshakeTimeout):
        near.attach_tls(tls=True, server_hostname="localhost", handshake_timeout=SHORT)
    with pair_of("tls13", certificates) as (near, _):
        with pytest.raises(OperationTimeout) as raised:
            near.detach_tls(SHORT)
        assert raised.value.phase == "close"
        with pytest.raises(OperationTimeout):
            near.read()


def test_a_layered_channel_may_not_have_shaken_hands__lw_185(certificates: Certificates) -> None:
    """`handshake` shakes hands on a TLS channel that has not done so, and returns at once if it
    has.
    """
    with pair_of("tls13", certificates) as (near, far):
        near.handshake()
        far.handshake(SHORT)
        near.write(b"x")
        assert far.read(1) == b"x"
    with pair_of("tcp4", certificates) as (near, _), pytest.raises(OperationNotAllowed):
        near.handshake()


def test_tls_is_attached_once__lw_185(tls_pair: Pair) -> None:
    """On a stream that has TLS `attach_tls` is refused, and the stream goes on."""
    near, far = tls_pair
    with pytest.raises(OperationNotAllowed):
        near.attach_tls()
    near.write(b"x")
    assert far.read(1) == b"x"


@pytest.mark.parametrize(
    "wrong", [{"tls": None}, {"tls": 5}, {"tls_side": "both"}, {"handshake_timeout": 0}, {}]
)
def test_options_that_cannot_be_are_refused__lw_185(sockets: Pair, wrong: Any) -> None:
    """Wrong options are plain errors, nothing is sent, and the stream goes on in clear; a client
    without a host to verify is one of them.
    """
    near, far = sockets
    with pytest.raises((TypeError, ValueError)):
        near.attach_tls(**wrong)
    near.write(b"x")
    assert far.read(1) == b"x"


def test_an_accepted_socket_becomes_a_server_of_tls__lw_185__cc_27(
    certificates: Certificates,
) -> None:
    """The standard library's client speaks with a stream that has attached the server's side."""
    here, there = socket.socketpair()

    def call() -> bytes:
        context = certificates.client_context()
        with context.wrap_socket(here, server_hostname="localhost") as talk:
            talk.sendall(b"hello")
            return talk.recv(100)

    with meanwhile(call) as calling, SocketStream(there) as stream:
        stream.attach_tls(tls=server_of(certificates))
        stream.write(stream.read(5).upper())
    assert calling.result() == b"HELLO"


@pytest.mark.parametrize("kind", ["tls12", "tls13"])
def test_threads_share_the_steps_of_tls__lw_186(certificates: Certificates, kind: str) -> None:
    """While one thread reads and another writes over one engine no record is torn, both ways."""
    channels = CHANNELS[kind](certificates)
    near, far = (SocketStream(channel, read_timeout=10, write_timeout=10) for channel in channels)
    bulk = bytes(range(256)) * 8192
    with contextlib.closing(near), contextlib.closing(far):
        with (
            meanwhile(lambda: near.write(bulk)),
            meanwhile(lambda: far.write(bulk)),
            meanwhile(lambda: near.read(len(bulk))) as one,
            meanwhile(lambda: far.read(len(bulk))) as two,
        ):
            pass
        assert one.result() == two.result() == bulk
