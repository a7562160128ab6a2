"""Transport: TLS that begins in the midst of a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import TLSEngine
from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    OperationInProgress,
    OperationNotAllowed,
    ReactorError,
    SocketError,
    StateClosed,
    TLSError,
    TLSHandshakeTimeout,
    TLSVerificationFailed,
    WrongThread,
)
from reactor.flow.rate_limit import RateLimit
from reactor.loop.collection import WaitStateCollection
from reactor.testing.clock import ManualClock
from reactor.transport import Transport
from tests.certificates import Certificates
from tests.reactor.loop.probe import elsewhere
from tests.reactor.transport.conftest import Talks
from tests.recorder import BufferedRecorder, Notes, Recorder
from tests.talk import Talk

STEPS: Final = 50  # of a handshake that is stepped by hand; each flight takes two


class Switch:
    """A server's side that starts TLS; `told` has what its callback got."""

    def __init__(self, certificates: Certificates) -> None:
        self.server = ServerTLS(certificates.localhost)
        self.client = certificates.client_context()
        self.told = list[BaseException | None]()

    def start(self, transport: Transport, **options: object) -> None:
        transport.start_tls(self.server, self.tell, **options)  # type: ignore[arg-type]  # by name

    def tell(self, transport: Transport, error: BaseException | None) -> None:
        self.told.append(error)

    def far_side(self, talk: Talk) -> TLSChannel:
        """Put the client's TLS on the far end."""
        engine = TLSEngine(self.client, server_side=False, server_hostname="localhost")
        talk.far = TLSChannel(talk.far, engine)
        return talk.far

    def shake(self, talk: Talk) -> None:
        """Shake hands, from the far end."""
        far = talk.far if isinstance(talk.far, TLSChannel) else self.far_side(talk)
        for _ in range(STEPS):
            talk.settle()
            if far.handshake():
                break
        else:
            raise AssertionError("no handshake")
        talk.settle()


def shake_until_refused(talk: Talk, far: TLSChannel) -> None:
    """Step the handshake of the far end, and read what is said about it."""
    for _ in range(STEPS):
        talk.settle()
        if far.handshake():
            far.read(1)


@pytest.fixture
def switch(certificates: Certificates) -> Switch:
    return Switch(certificates)


@pytest.fixture(params=["memory", "socketpair", "tcp4"])
def kind(request: pytest.FixtureRequest) -> str:
    """TLS is put on what has none."""
    assert isinstance(request.param, str)
    return request.param


@pytest.mark.parametrize("made", [Recorder, BufferedRecorder])
def test_the_protocol_stays_and_goes_on_under_tls__pr_10(
    talks: Talks, switch: Switch, kind: str, made: Callable[..., Notes]
) -> None:
    """After `start_tls` the callback is told once, and the same protocol is protected both ways."""
    talk = talks(made(), kind=kind)
    assert talk.transport.get_extra_info("cipher") is None
    switch.start(talk.transport)
    assert not talk.transport.is_reading()
    switch.shake(talk)
    assert switch.told == [None]
    talk.say(b"protected")
    talk.transport.write(b"both ways")
    assert (talk.protocol.received, talk.hear()) == (b"protected", b"both ways")
    assert talk.transport.get_extra_info("cipher") is not None
    talk.transport.close()
    talk.hear()
    assert (talk.ended, talk.report.tls_ended) == (True, True)


def test_limits_of_the_rate_hold_on_both_sides_of_it__pr_5__pr_7__pr_10(
    clock: ManualClock, talks: Talks, switch: Switch, kind: str
) -> None:
    """What is written while TLS is being attached, and what comes under TLS, goes by the limits
    that were set before.
    """
    talk, text = talks(kind=kind), bytes(range(250)) * 10
    reading, writing = (RateLimit(talk.collection, 1000) for _ in range(2))
    talk.transport.set_rate_limits(read=reading, write=writing)
    switch.start(talk.transport)
    talk.transport.write(text)
    switch.shake(talk)
    heard = talk.hear()
    talk.say(text)
    for count in (1000, 2000, 2500):
        assert (heard, talk.protocol.received) == (text[:count], text[:count])
        clock.advance(1)
        heard += talk.hear()


def test_bytes_behind_the_switch_are_the_engine_s__pr_10__tls_6__rel_34(
    talks: Talks, switch: Switch, kind: str
) -> None:
    """A ClientHello that a hook was given with the request for TLS goes into the engine."""

    def received(transport: Transport) -> None:
        data = talk.protocol.calls[-1][1]
        if data.startswith(b"STARTTLS\n"):
            switch.start(transport, unread=data[len(b"STARTTLS\n") :])

    talk = talks(Recorder(data_received=received), kind=kind)
    talk.far.write(b"STARTTLS\n")
    switch.far_side(talk)
    switch.shake(talk)
    assert switch.told == [None]
    talk.say(b"after")
    assert talk.protocol.calls[-1] == ("data_received", b"after")


def test_bytes_of_both_sides_of_a_buffer_stay_in_order__pr_10__tls_6(
    talks: Talks, switch: Switch
) -> None:
    """A ClientHello of which the protocol was given only the beginning is put together again."""
    engine = TLSEngine(switch.client, server_side=False, server_hostname="localhost")
    engine.handshake()
    hello = engine.take()
    first = len(b"STARTTLS\n")

    def received(transport: Transport) -> None:
        if transport.get_extra_info("cipher") is None:
            switch.start(transport, unread=protocol.received[first:])

    protocol = BufferedRecorder(size=first + 10, data_received=received)
    talk = talks(protocol, unread=b"STARTTLS\n" + hello)
    assert protocol.received == b"STARTTLS\n" + hello[:10]
    talk.far = TLSChannel(talk.far, engine)
    switch.shake(talk)
    talk.say(b"protected")
    assert (switch.told, protocol.received[first + 10 :]) == ([None], b"protected")


def test_what_came_in_clear_is_never_taken_for_protected__pr_10__rel_34(
    talks: Talks, switch: Switch, kind: str
) -> None:
    """A command slipped in behind the request for TLS breaks the handshake; it is never
    delivered.
    """
    protocol = Recorder(
        data_received=lambda transport: switch.start(transport, unread=b"EVIL COMMAND\n")
    )
    talk = talks(protocol, kind=kind)
    talk.far.write(b"STARTTLS\n")
    talk.settle()
    assert protocol.received == b"STARTTLS\n"
    assert protocol.names[-1] == "connection_lost"
    assert len(switch.told) == 1
    assert switch.told == protocol.lost
    assert isinstance(protocol.lost[0], SocketError)
    assert (talk.report.by, talk.report.phase) == ("error", "handshake")


@pytest.mark.parametrize("early", [False, True], ids=["", "early"])
@pytest.mark.parametrize("waits", [False, True], ids=["", "output waits"])
@pytest.mark.parametrize("evil", [b"", b"EVIL COMMAND\n"], ids=["", "evil"])
def test_who_lends_a_buffer_may_begin_tls__pr_1__pr_10__tls_6__rel_34(
    talks: Talks, switch: Switch, evil: bytes, waits: bool, early: bool
) -> None:
    """When a protocol begins TLS while it lends a buffer, what has come belongs to TLS: a
    ClientHello is understood, a command in clear breaks the handshake, and neither is delivered.
    """

    def start(transport: Transport) -> None:
        del protocol.on["get_buffer"]
        transport.write(bytes(size))
        switch.start(transport)

    size = 20_001 if waits else 1
    engine = TLSEngine(switch.client, server_side=False, server_hostname="localhost")
    engine.handshake()
    hello, protocol = evil + engine.take(), BufferedRecorder(3, get_buffer=start)
    talk = talks(protocol, capacity=20_000, begun=False, unread=hello if early else b"")
    if not early:
        talk.far.write(hello)
    talk.begin()
    clear = 0
    while clear < size:
        clear += len(talk.far.read(size - clear) or b"")
        talk.settle()
    if evil:
        assert [type(error) for error in switch.told] == [TLSError]
    else:
        talk.far = TLSChannel(talk.far, engine)
        switch.shake(talk)
        talk.say(b"protected")
        assert switch.told == [None]
    assert protocol.received == (b"" if evil else b"protected")


def test_what_was_written_before_goes_in_clear_and_what_comes_after_does_not__pr_10(
    talks: Talks, switch: Switch
) -> None:
    """Output that waits when `start_tls` is called leaves first; nothing written behind it
    leaves without TLS.
    """
    talk = talks(capacity=20_000)  # room for the largest record
    talk.transport.write(b"a" * 50_000)
    switch.start(talk.transport)
    talk.transport.write(b"b" * 50_000)
    assert talk.transport.get_write_buffer_size() == 80_000
    assert talk.protocol.names[-1] == "pause_writing"
    clear = bytearray()
    while len(clear) < 50_000:
        clear += talk.far.read(1000) or b""
        talk.settle()
    assert clear == b"a" * 50_000
    assert talk.far.read(1000) is None
    switch.shake(talk)
    assert (talk.hear(), switch.told) == (b"b" * 50_000, [None])
    assert talk.protocol.names[-1] == "resume_writing"


def test_a_client_may_start_too__pr_10(talks: Talks, certificates: Certificates, kind: str) -> None:
    """The side of `start_tls` is that of its description, and a server's name is verified."""
    talk = talks(kind=kind)
    told = list[BaseException | None]()
    talk.transport.start_tls(
        ClientTLS(trusted_file=certificates.authority),
        lambda transport, error: told.append(error),
        server_hostname="localhost",
    )
    far = TLSChannel(talk.far, TLSEngine(certificates.server_context(), server_side=True))
    talk.far = far
    for _ in range(STEPS):
        talk.settle()
        if far.handshake():
            break
    talk.settle()
    assert told == [None]
    talk.transport.write(b"x")
    assert talk.hear() == b"x"


def test_a_handshake_that_fails_loses_the_connection__pr_10__pr_13(
    talks: Talks, certificates: Certificates, kind: str
) -> None:
    """When `start_tls` fails its callback has the error first, `connection_lost` the same
    one; the peer hears why.
    """
    talk = talks(kind=kind)
    order = list[object]()
    talk.protocol.on["connection_lost"] = lambda transport: order.append("lost")
    talk.transport.start_tls(
        ClientTLS(trusted_file=certificates.stranger),
        lambda transport, error: order.append(type(error)),
        server_hostname="localhost",
    )
    far = TLSChannel(talk.far, TLSEngine(certificates.server_context(), server_side=True))
    talk.far = far
    with pytest.raises(ReactorError, match="unknown ca"):
        shake_until_refused(talk, far)
    talk.settle()
    assert order == [TLSVerificationFailed, "lost"]
    assert (talk.report.by, talk.report.phase, talk.report.error) == (
        "error",
        "handshake",
        talk.protocol.lost[0],
    )


def test_a_handshake_has_a_limit__pr_10__rel_21(
    clock: ManualClock, talks: Talks, switch: Switch, kind: str
) -> None:
    """A peer that says nothing after `start_tls` is given up at the limit, which the report
    names.
    """
    talk = talks(kind=kind)
    switch.start(talk.transport, handshake_timeout=5.0)
    talk.settle()
    clock.advance(4.9)
    talk.settle()
    assert switch.told == []
    clock.advance(0.1)
    talk.settle()
    assert [type(error) for error in switch.told] == [TLSHandshakeTimeout]
    assert switch.told == talk.protocol.lost
    assert (talk.report.by, talk.report.phase) == ("limit", "handshake")


@pytest.mark.parametrize("end", [Transport.close, Transport.abort])
@pytest.mark.parametrize("waits", [False, True], ids=["shaking", "switching"])
def test_an_end_meanwhile_tells_the_callback_and_the_protocol__pr_4__pr_10(
    talks: Talks, switch: Switch, end: Callable[[Transport], None], waits: bool
) -> None:
    """A connection closed during `start_tls` tells the callback, then the protocol, once each."""
    order = list[str]()
    talk = talks(capacity=1000)
    talk.protocol.on["connection_lost"] = lambda transport: order.append("lost")
    if waits:
        talk.transport.write(bytes(5000))
    talk.transport.start_tls(switch.server, lambda transport, error: order.append("told"))
    talk.settle()
    talk.transport.write(b"never in clear")
    end(talk.transport)
    talk.settle()
    heard = talk.hear()
    assert order == ["told", "lost"]
    assert talk.protocol.lost == [None]
    assert b"never" not in heard
    assert talk.report.bytes_unsent >= len(b"never in clear")


def test_a_closing_collection_tells_the_callback_too__pr_4__pr_10(
    collection: WaitStateCollection, talks: Talks, switch: Switch
) -> None:
    """`collection.close()` during `start_tls` tells its callback and the protocol, once each."""
    talk = talks()
    switch.start(talk.transport)
    collection.close()
    assert [type(error) for error in switch.told] == [StateClosed]
    assert [type(error) for error in talk.protocol.lost] == [StateClosed]


def test_tls_is_not_started_twice__pr_10(talks: Talks, switch: Switch, kind: str) -> None:
    """While `start_tls` is under way, and after it, another one is refused."""
    talk = talks(kind=kind)
    switch.start(talk.transport)
    with pytest.raises(OperationInProgress):
        switch.start(talk.transport)
    switch.shake(talk)
    with pytest.raises(OperationNotAllowed):
        switch.start(talk.transport)
    talk.say(b"goes on")
    assert (talk.protocol.received, switch.told) == (b"goes on", [None])


def test_wrong_arguments_change_nothing__pr_10(talks: Talks, switch: Switch) -> None:
    """Wrong arguments of `start_tls` are refused at the call, and leave the connection as
    it was.
    """
    talk = talks()
    for tls, options in (
        (None, {}),
        ("tls", {}),
        (True, {}),  # a client without a name to verify
        (switch.server, {"tls_side": "client"}),
        (switch.server, {"handshake_timeout": 0}),
        (switch.server, {"unread": 5}),
    ):
        with pytest.raises((TypeError, ValueError)):
            talk.transport.start_tls(tls, **options)
    talk.transport.write(b"plain")
    talk.say(b"plain")
    assert (talk.hear(), talk.protocol.received) == (b"plain", b"plain")


def test_who_may_not_call_is_told_that_first__pr_10__lw_014(talks: Talks) -> None:
    """`start_tls` in a wrong thread, or behind the end, is refused as that, whatever is given."""
    talk = talks()
    with pytest.raises(WrongThread):
        elsewhere(lambda: talk.transport.start_tls(None))
    talk.transport.close()
    with pytest.raises(StateClosed):
        talk.transport.start_tls(None)


def test_our_end_may_be_asked_for_meanwhile__pr_8__pr_10(
    talks: Talks, switch: Switch, kind: str
) -> None:
    """`write_eof` in the midst of a handshake sends the closing alert behind it."""
    talk = talks(kind=kind)
    switch.start(talk.transport)
    talk.transport.write(b"last")
    talk.transport.write_eof()
    switch.shake(talk)
    assert (talk.hear(), talk.ended, switch.told) == (b"last", True, [None])


def test_the_switch_inside_a_hook_needs_no_other_event__pr_10(talks: Talks, switch: Switch) -> None:
    """A handshake begun in a hook gets its turn though the way out is full."""
    talk = talks(Recorder(data_received=lambda transport: start(transport)), capacity=16)

    def start(transport: Transport) -> None:
        transport.write(bytes(16))
        transport.start_tls(
            ClientTLS(check_hostname=False, verify=False), switch.tell, server_hostname=False
        )

    talk.far.write(b"go")
    talk.settle()
    assert talk.far.read(100) == bytes(16)
    talk.settle()
    assert (talk.far.read(1) or b"")[:1] == b"\x16"  # of the ClientHello
