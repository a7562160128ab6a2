"""AsyncIOState, TLS: attached, shaken hands, detached (rules 6 and 7)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final

import pytest

from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import TLSEngine
from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    BrokenPipe,
    EndOfStream,
    OperationInProgress,
    OperationNotAllowed,
    OperationTimeout,
    ReactorError,
    StateClosed,
    TLSError,
    TLSHandshakeTimeout,
    TLSTruncated,
    TLSVerificationFailed,
)
from reactor.interest import READ
from reactor.loop.collection import WaitStateCollection
from reactor.state.async_io_state import AsyncIOState
from reactor.testing.clock import ManualClock
from reactor.testing.memory import memory_pair
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.state.reports import Reports
from tests.reactor.state.tls_states import (
    BELOW,
    Pair,
    attach,
    exchange,
)
from tests.tls_pairs import contexts

FULL: Final = 4096  # bytes that memory holds where it is to be full


def test_attached_tls_carries_both_ways__lw_139_145__tls_2(
    collection: WaitStateCollection,
    certificates: Certificates,
    plain: Pair,
    version: ssl.TLSVersion,
) -> None:
    """After attaching both ends speak TLS, and each knows its side and what was agreed."""
    assert plain[0].tls_side is plain[0].tls_object is None
    assert attach(collection, plain, *contexts(certificates, version)) == [None, None]
    client, server = plain
    assert (client.tls_side, server.tls_side) == ("client", "server")
    assert client.tls_object.version() == f"TLSv1.{int(version) - 0x301}"
    exchange(collection, client, server)
    exchange(collection, server, client)
    with pytest.raises(OperationNotAllowed, match="already"):
        client.attach_tls(Reports(), tls=True, server_hostname="localhost")


def test_descriptions_say_which_side__lw_140(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair
) -> None:
    """A description knows its side; a contradiction is refused and leaves the state as it was."""
    client = ClientTLS(trusted_file=certificates.authority)
    server = ServerTLS(certificates.localhost)
    for wrong in ("server", "both"):
        with pytest.raises(ValueError, match=r"side"):
            plain[0].attach_tls(Reports(), tls=client, tls_side=wrong, server_hostname="localhost")
    with pytest.raises(TypeError):
        plain[0].attach_tls(Reports(), tls=None)
    with pytest.raises(ValueError, match="name"):
        plain[0].attach_tls(Reports(), tls=client)  # nobody knows whom to verify
    assert attach(collection, plain, client, server) == [None, None]
    exchange(collection, *plain)


def test_a_failed_switch_leaves_closing_only__lw_141(
    collection: WaitStateCollection,
    certificates: Certificates,
    plain: Pair,
    version: ssl.TLSVersion,
) -> None:
    """After a failed TLS switch reads and writes report that exception, there is no side,
    and only closing is left.
    """
    client, server = contexts(certificates, version)
    client.load_verify_locations(certificates.stranger)
    stranger = ssl.create_default_context(cafile=certificates.stranger)
    stranger.minimum_version = stranger.maximum_version = version
    told = attach(collection, plain, stranger, server)
    refused = next(error for error in told if isinstance(error, TLSVerificationFailed))
    state = plain[0]
    assert state.tls_side is None
    state.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert (reports.counts, reports.reads, state.write_status) == ([0], [refused], refused)
    with pytest.raises(TLSVerificationFailed):
        state.write_buffer(b"x", Reports())
    with pytest.raises(ReactorError):
        state.attach_tls(Reports(), tls=client, server_hostname="localhost")
    assert state.close() == 0


@pytest.mark.parametrize("option", ["configure_context", "configure_connection"])
def test_a_configuration_that_raises_fails_the_switch__lw_158__lw_141(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair, option: str
) -> None:
    """What `configure_context` or `configure_connection` raises in `attach_tls` is delivered as the
    cause of a `TLSError`, and what was unread is not read in clear.
    """
    state, mistake = plain[0], LookupError("a mistake")

    def configure(_: object) -> None:
        raise mistake

    plain[1].write_buffer(b"go ahead", None)
    state.read_buffer(bytearray(2), Reports())
    settle(collection)
    client, told = ClientTLS(trusted_file=certificates.authority), Reports()
    options: dict[str, Any] = {"tls": client, "server_hostname": "localhost", option: configure}
    state.attach_tls(told, **options)
    assert len(told) == 0
    with pytest.raises(OperationInProgress):
        state.read_buffer(bytearray(1), Reports())
    settle(collection)
    (error,) = told.moved
    assert (type(error), error.phase, error.__cause__) == (TLSError, "handshake", mistake)
    assert error.peer == state.peer_address
    assert (state.tls_side, state.read_status, state.write_status) == (None, error, error)
    state.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert (reports.counts, reports.reads) == ([0], [error])
    assert state.close() == 0


def test_both_ways_must_be_idle_to_switch__tls_7__lw_142(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair
) -> None:
    """TLS is attached only while both directions are idle, and meanwhile no operation can
    be started.
    """
    client, server = contexts(certificates)
    state = plain[0]
    state.read_buffer(bytearray(1), Reports())
    with pytest.raises(OperationInProgress):
        state.attach_tls(Reports(), tls=client, server_hostname="localhost")
    state.abort(None)
    state.write_buffer(b"", Reports())
    with pytest.raises(OperationInProgress):
        state.attach_tls(Reports(), tls=client, server_hostname="localhost")
    settle(collection)
    state.attach_tls(told := Reports(), tls=client, server_hostname="localhost")
    verbs: list[Callable[[], object]] = [
        lambda: state.read_buffer(bytearray(1), Reports()),
        lambda: state.write_buffer(b"x", Reports()),
        lambda: state.abort(None),
        lambda: state.detach_tls(Reports()),
        lambda: state.handshake(Reports()),
        lambda: state.shutdown("output"),
        lambda: state.release(),
    ]
    for verb in verbs:
        with pytest.raises(OperationInProgress, match="handshake"):
            verb()
    plain[1].attach_tls(told, tls=server)
    settle(collection)
    assert told.moved == [None, None]
    state.read_buffer(bytearray(1), Reports())
    for verb in verbs[3:5]:
        with pytest.raises(OperationInProgress):
            verb()
    state.abort(None)


@pytest.mark.parametrize("verb", ["close", "abort_and_close"])
def test_closing_in_the_midst_of_a_handshake__lw_130_135(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair, verb: str
) -> None:
    """`close` ends a handshake with `StateClosed`, `abort_and_close` without a word."""
    told, closed = Reports(), Reports()
    plain[0].attach_tls(told, tls=contexts(certificates)[0], server_hostname="localhost")
    settle(collection)
    if verb == "close":
        plain[0].close()
    else:
        plain[0].abort_and_close(closed)
    settle(collection)
    assert len(told) + len(closed) == 1
    if verb == "close":
        assert isinstance(told.moved[0], StateClosed)
    plain[1].close()


@pytest.mark.parametrize("option", ["configure_connection", "verify_callback"])
def test_closing_inside_a_function_of_the_handshake_is_told__lw_123_135(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair, option: str
) -> None:
    """A state that is closed inside `configure_connection` or `verify_callback` ends its handshake
    with `StateClosed`, and the peer's fails.
    """
    state = plain[0]
    functions: dict[str, Any] = {option: lambda _: state.close() == 0}
    client = ClientTLS(trusted_file=certificates.authority, **functions)
    told, closed = attach(collection, plain, client, ServerTLS(certificates.localhost))
    if not isinstance(closed, StateClosed):
        told, closed = closed, told
    assert isinstance(closed, StateClosed)
    assert isinstance(told, TLSTruncated)


def test_a_handshake_has_a_limit__lw_159(
    collection: WaitStateCollection, certificates: Certificates, clock: ManualClock, plain: Pair
) -> None:
    """A peer that says nothing, or too little, fails the handshake when the limit passes."""
    told = Reports()
    context = contexts(certificates)[0]
    plain[0].attach_tls(told, tls=context, server_hostname="localhost", handshake_timeout=3.0)
    for _ in range(2):
        clock.advance(1.4)
        plain[1].write_buffer(b"\x16", Reports())
        settle(collection)
    assert len(told) == 0
    clock.advance(0.2)
    settle(collection)
    assert isinstance(told.moved[0], TLSHandshakeTimeout)
    assert (told.moved[0].limit, told.moved[0].phase) == (3.0, "handshake")
    plain[0].close()


def test_a_handshake_is_begun_by_itself_on_a_tls_channel__lw_146(
    collection: WaitStateCollection, certificates: Certificates, below: str
) -> None:
    """A state over TLS shakes hands on demand; when that was done before, it is no traffic."""
    client, server = contexts(certificates)
    near, far = BELOW[below](certificates)
    one = TLSChannel(near, TLSEngine(client, server_side=False, server_hostname="localhost"))
    other = TLSChannel(far, TLSEngine(server, server_side=True))
    states = AsyncIOState(collection, one), AsyncIOState(collection, other)
    with pytest.raises(OperationNotAllowed, match="handshake"):
        states[0].read_buffer(bytearray(1), Reports())
    with pytest.raises(OperationNotAllowed, match="handshake"):
        states[0].write_buffer(b"x", Reports())
    with pytest.raises(OperationNotAllowed, match="handshake"):
        states[0].detach_tls(Reports())
    told = Reports()
    for state in states:
        state.handshake(told)
    settle(collection)
    assert told.moved == [None, None]
    exchange(collection, *states)
    before = one.traffic(), other.traffic()
    states[0].handshake(told)
    settle(collection)
    assert (len(told), told.moved[2]) == (3, None)
    assert (one.traffic(), other.traffic()) == before


def test_a_handshake_that_fails_is_the_status__lw_146(
    collection: WaitStateCollection, certificates: Certificates, below: str
) -> None:
    """What `handshake` tells its callback of a failure is the status of reading and writing too."""
    stranger = ssl.create_default_context(cafile=certificates.stranger)
    near, far = BELOW[below](certificates)
    one = TLSChannel(near, TLSEngine(stranger, server_side=False, server_hostname="localhost"))
    state, told = AsyncIOState(collection, one), Reports()
    AsyncIOState(collection, far).attach_tls(Reports(), tls=ServerTLS(certificates.localhost))
    state.handshake(told)
    settle(collection)
    (error,) = told.moved
    assert isinstance(error, TLSVerificationFailed)
    assert (state.read_status, state.write_status) == (error, error)


def test_without_tls_there_is_no_handshake__lw_146_144(
    collection: WaitStateCollection, near: AsyncIOState
) -> None:
    """`handshake` is refused without TLS; `detach_tls` has only to call back, later."""
    with pytest.raises(OperationNotAllowed):
        near.handshake(Reports())
    with pytest.raises(ValueError, match="timeout"):
        near.detach_tls(Reports(), timeout=0)
    near.detach_tls(told := Reports())
    assert len(told) == 0
    settle(collection)
    assert told.moved == [None]


# Rule 6: bytes around the switch.


def test_a_clienthello_that_came_early_reaches_the_engine__tls_6__lw_143(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair
) -> None:
    """Of an eager client the bytes behind STARTTLS go into the engine, not astray."""
    client, server = plain
    client.write_buffer(b"STARTTLS\r\n", Reports())
    settle(collection)
    context, server_context = contexts(certificates)
    client.attach_tls(told := Reports(), tls=context, server_hostname="localhost")
    settle(collection)
    server.read_buffer(bytearray(10), reports := Reports())  # reads ahead
    settle(collection)
    assert (reports.counts, server.buffered_data_length > 100) == ([10], True)
    server.attach_tls(told, tls=server_context)
    assert server.buffered_data_length == 0
    settle(collection)
    assert told.moved == [None, None]
    exchange(collection, client, server)


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 43, 120, 1000])
def test_a_clienthello_may_come_early_in_part__tls_6__lw_143(
    collection: WaitStateCollection, certificates: Certificates, version: ssl.TLSVersion, size: int
) -> None:
    """However much of a ClientHello was unread when TLS was attached, the rest fits behind it."""
    client, server = contexts(certificates, version)
    here, there = memory_pair(16384)
    near, told = AsyncIOState(collection, here), Reports()
    near.attach_tls(told, tls=client, server_hostname="localhost")
    settle(collection)
    hello = there.read(16384) or b""
    assert 120 < len(hello) < 1000
    far = AsyncIOState(collection, there, hello[:size])
    far.attach_tls(told, tls=server)
    settle(collection)
    assert told.moved == ([None, None] if size >= len(hello) else [])
    here.write(hello[size:])
    settle(collection)
    assert (told.moved, far.buffered_data_length) == ([None, None], 0)
    exchange(collection, near, far)


def test_injected_commands_are_never_trusted__tls_6__lw_143(
    collection: WaitStateCollection, certificates: Certificates, plain: Pair
) -> None:
    """What was sent in clear behind STARTTLS fails the handshake, and is not read as protected."""
    client, server = plain
    client.write_buffer(b"STARTTLS\r\nDELETE everything\r\n", Reports())
    server.read_buffer(bytearray(10), Reports())
    settle(collection)
    server.attach_tls(told := Reports(), tls=contexts(certificates)[1])
    settle(collection)
    assert isinstance(told.moved[0], TLSError)
    assert server.buffered_data_length == 0
    server.read_buffer(bytearray(1), reports := Reports())
    settle(collection)
    assert reports.counts == [0]


def detach_both(collection: WaitStateCollection, pair: Pair) -> list[ReactorError | None]:
    """Detach TLS from both ends; return what the callbacks were told."""
    told = Reports()
    for state in pair:
        state.detach_tls(told)
    settle(collection)
    return told.moved


def test_detached_tls_leaves_the_connection_in_clear__tls_6__lw_144__lw_139(
    collection: WaitStateCollection,
    certificates: Certificates,
    pair: Pair,
    version: ssl.TLSVersion,
) -> None:
    """After both closing alerts the traffic is plain, and TLS can be attached once more."""
    exchange(collection, *pair)
    pair[1].write_buffer(b"last words", None)
    settle(collection)
    assert detach_both(collection, pair) == [None, None]
    assert [state.tls_side for state in pair] == [None, None]
    assert not isinstance(pair[0].channel, TLSChannel)
    assert pair[0].protected_length == pair[0].get_buffered_data(bytearray(10)) == 10
    exchange(collection, *pair)
    exchange(collection, *reversed(pair))
    assert attach(collection, pair, *contexts(certificates, version)) == [None, None]
    assert (pair[0].tls_side, pair[0].protected_length) == ("client", 0)
    exchange(collection, *pair)


def test_bytes_around_the_end_of_tls_are_told_apart__tls_6__lw_144(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """After detaching TLS what it protected comes first and is counted, then what came
    behind the alert.
    """
    client, server = pair
    client.write_buffer(b"protected", Reports())
    settle(collection)
    told = Reports()
    client.detach_tls(told)
    settle(collection)
    assert isinstance(client.channel, TLSChannel)
    client.channel.inner.write(b"in clear")  # right behind the closing alert
    server.detach_tls(told)
    settle(collection)
    assert told.moved == [None, None]
    assert (server.protected_length, server.buffered_data_length) == (9, 17)
    server.read_buffer(bytearray(17), reports := Reports())
    settle(collection)
    assert reports.moved == [(b"protectedin clear", 17)]


def test_detaching_sleeps_while_the_peer_is_silent__lw_144__pitfall_10(
    collection: WaitStateCollection, pair: Pair
) -> None:
    """While the peer's closing alert is awaited the loop makes no turns, though what was decrypted
    before it is unread.
    """
    client, server = pair
    server.write_buffer(b"protected", None)
    settle(collection)
    client.detach_tls(told := Reports())
    settle(collection)
    assert (len(told), collection.run_once(0), client.wanted) == (0, 0, READ)
    server.detach_tls(told)
    settle(collection)
    assert (told.moved, client.protected_length) == ([None, None], 9)


@pytest.mark.parametrize("end", ["they", "we"])
def test_detaching_after_an_end_of_tls__tls_6__lw_144(
    collection: WaitStateCollection, pair: Pair, end: str
) -> None:
    """The end of TLS does not stick on a connection that goes on: detaching sets it back."""
    client, server = pair
    (server if end == "they" else client).shutdown("output")
    if end == "they":
        client.read_buffer(bytearray(1), Reports())
        settle(collection)
        assert isinstance(client.read_status, EndOfStream)
    else:
        with pytest.raises(BrokenPipe):
            client.write_buffer(b"x", Reports())
    assert detach_both(collection, pair) == [None, None]
    assert (client.read_status, client.write_status) == (None, None)
    exchange(collection, *pair)
    exchange(collection, *reversed(pair))


def test_detaching_is_bounded__lw_144_141(
    collection: WaitStateCollection, clock: ManualClock, pair: Pair
) -> None:
    """A peer that does not answer our closing alert fails the detaching when its limit passes."""
    pair[0].detach_tls(told := Reports(), timeout=2.0)
    settle(collection)
    assert len(told) == 0
    clock.advance(2.0)
    settle(collection)
    assert isinstance(told.moved[0], OperationTimeout)
    assert pair[0].tls_side is None
    with pytest.raises(OperationTimeout):
        pair[0].write_buffer(b"x", Reports())


def test_a_handshake_that_begins_in_a_callback_waits_for_room__lw_139(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """What is attached in the callback of a read says its first words when there is room."""
    client, server = contexts(certificates)
    near, far = (AsyncIOState(collection, channel) for channel in memory_pair(FULL))
    told = Reports()
    near.write_buffer(bytes(FULL), None)  # all of it is under way, and nothing more has room
    near.read_buffer(
        bytearray(1),
        lambda state, *_: state.attach_tls(told, tls=client, server_hostname="localhost"),
    )
    settle(collection)
    far.write_buffer(b"!", None)
    settle(collection)
    far.read_buffer(bytearray(FULL), lambda state, *_: state.attach_tls(told, tls=server))
    settle(collection)
    assert told.moved == [None, None]
    near.abort_and_close()
    far.abort_and_close()
