"""TLS that begins in the midst of a connection, when a protocol in the host's thread says so."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Final

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import (
    OperationInProgress,
    OperationNotAllowed,
    StateClosed,
    TLSError,
    WrongThread,
)
from reactor.hosts import thread as own_thread
from reactor.hosts.aside import pauses
from reactor.hosts.delivered import DeliveredTransport
from reactor.hosts.thread import DeliveringGuest
from reactor.loop.collection import WaitStateCollection
from tests.certificates import Certificates
from tests.hosts.aside.protocols import (
    GO_ON,
    GREETING,
    STARTTLS,
    Lender,
    Listening,
    Upgrading,
    connected,
    lose,
    meanwhile,
    read,
    run_until,
    send_more,
    shaken,
    turns_until,
)
from tests.hosts.loops import LIMIT, Loop
from tests.reactor.loop.probe import elsewhere

MIB: Final = 1 << 20
MUCH: Final = 8 * MIB  # more than the kernel takes in
EVIL: Final = b"EVIL COMMAND\n"


@pytest.fixture
def tls(certificates: Certificates) -> ServerTLS:
    return ServerTLS(certificates.localhost)


class ByHand:
    """A client of TLS whose first words can be sent in pieces, before anybody expects them."""

    def __init__(self, certificates: Certificates) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = certificates.client_context().wrap_bio(
            self.incoming, self.outgoing, server_hostname="localhost"
        )
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        self.hello = self.outgoing.read()

    def heard(self, far: socket.socket) -> bytes:
        """Shake hands, and return what is heard first."""
        assert read(far, len(GO_ON)) == GO_ON
        while True:
            self.incoming.write(far.recv(MIB))
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
                return self.tls.read(MIB)
            far.sendall(self.outgoing.read())


def test_a_delivered_connection_begins_tls__ho_3__pr_10(
    each_host: Loop, beside: WaitStateCollection, certificates: Certificates, tls: ServerTLS
) -> None:
    """A delivered protocol can put TLS on its connection: its callback is told once, in the thread
    of the host, and what goes and comes from then on is protected.
    """
    protocol = Upgrading(tls, each_host.quit)

    def talk() -> None:
        with shaken(far, certificates) as there:
            assert read(there, len(GREETING)) == GREETING
            there.sendall(b"good bye")
            there.unwrap().close()

    with own_thread.attach(each_host.way_in(), beside) as guest:
        with connected(guest, lambda: protocol) as far, meanwhile(talk):
            each_host.run()
        assert protocol.transport.get_extra_info("cipher") is not None
    assert protocol.calls == ["made", "data", "secured", "data", "eof", "lost"]
    assert protocol.got == STARTTLS + b"good bye"
    assert protocol.threads == {threading.current_thread()}


@pytest.mark.parametrize("slow", [False, True], ids=["", "a slow hook"])
@pytest.mark.parametrize("unread", [0, 10], ids=["behind", "in one piece"])
def test_what_was_not_delivered_is_the_engines__ho_3__pr_10__tls_6(
    host: Loop, guest: DeliveringGuest, certificates: Certificates, slow: bool, unread: int
) -> None:
    """A ClientHello that came before a delivered protocol has asked for TLS, and waits in pieces to
    be delivered to it, goes into the TLS engine behind what the protocol gives back.
    """

    class Hooked(Upgrading):
        def start(self, **options: Any) -> None:
            super().start(**options)
            if slow:
                guest.collection.submit(len, "").result(LIMIT)  # the other thread does its part

    protocol = Hooked(ServerTLS(certificates.localhost), host.quit)
    client, heard = ByHand(certificates), list[bytes]()

    def talk() -> None:
        heard.append(client.heard(far))
        far.close()

    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        send_more(protocol, far, STARTTLS + client.hello[:unread])
        for at in range(unread, len(client.hello), 100):
            send_more(protocol, far, client.hello[at : at + 100])
        with meanwhile(talk):
            host.run()
    assert heard == [GREETING]
    assert protocol.calls == ["made", "data", "secured", "lost: TLSTruncated"]
    assert protocol.got == STARTTLS + client.hello[:unread]


def test_what_came_in_clear_is_never_believed__ho_3__pr_10__rel_34(
    host: Loop, guest: DeliveringGuest, tls: ServerTLS
) -> None:
    """A command in clear that waits to be delivered when a delivered protocol begins TLS breaks the
    handshake: it is never delivered, and the callback and the protocol are told.
    """
    protocol = Upgrading(tls, host.quit)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        send_more(protocol, far, STARTTLS)
        send_more(protocol, far, EVIL)
        send_more(protocol, far, EVIL)
        host.run()
    assert protocol.calls == ["made", "data", "refused: TLSError", "lost: TLSError"]
    assert protocol.got == STARTTLS
    report = protocol.transport.close_report
    assert report is not None
    assert (report.by, report.phase) == ("error", "handshake")


def test_the_rest_of_a_lent_buffer_is_the_engines__ho_3__pr_1__pr_10(
    host: Loop, guest: DeliveringGuest, tls: ServerTLS
) -> None:
    """What did not fit into the buffer that a delivered protocol lends, before it begins TLS, goes
    into the TLS engine.
    """

    told = list[object]()

    class Asking(Lender):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def buffer_updated(self, nbytes: int) -> None:
            super().buffer_updated(nbytes)
            self.transport.start_tls(tls, lambda _, error: told.append(type(error)))
            guest.collection.submit(len, "").result(LIMIT)  # the other thread has done its part

    asking = Asking(host)
    with connected(guest, lambda: asking) as far:
        far.sendall(b"TLS" + EVIL)
        host.run()
    assert (asking.got, told) == ([b"TLS"], [TLSError])


def test_what_was_written_before_goes_in_clear__ho_3__pr_6__pr_10(
    host: Loop, guest: DeliveringGuest, certificates: Certificates, tls: ServerTLS
) -> None:
    """What a delivered protocol has written when it begins TLS leaves in clear, however much, and
    what it writes from then on only under TLS; meanwhile it is paused, and resumed behind that.
    """

    written = threading.Event()

    class Writing(Upgrading):
        def start(self, **options: Any) -> None:
            self.transport.write(b"a" * MUCH)
            super().start(**options)
            self.transport.write(b"b" * MIB)
            self.transport.write_eof()
            written.set()

        def told(self, transport: DeliveredTransport, error: BaseException | None) -> None:
            self.note("secured" if error is None else "refused")

    def talk() -> None:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        far.sendall(STARTTLS)
        assert written.wait(LIMIT)
        assert read(far, len(GO_ON) + MUCH) == GO_ON + b"a" * MUCH
        client = certificates.client_context()
        with client.wrap_socket(far, server_hostname="localhost") as there:
            assert read(there, MIB + 1) == b"b" * MIB

    protocol = Writing(tls, host.quit)
    with connected(guest, lambda: protocol) as far, meanwhile(talk):
        host.run()
    calls = [call for call in protocol.calls if call in {"pause", "resume", "secured"}]
    assert calls == ["pause", "secured", "resume"]
    assert protocol.calls[-1].startswith("lost")


def test_what_came_under_tls_is_delivered_behind_the_news__ho_3__pr_4__pr_10(
    host: Loop, guest: DeliveringGuest, certificates: Certificates, tls: ServerTLS
) -> None:
    """A delivered protocol whose host stands still from the beginning of TLS to the end of the
    connection hears of TLS first, then of every byte that came under it, then of the end.
    """

    class Standing(Upgrading):
        def start(self, **options: Any) -> None:
            super().start(**options)
            host.quit()

    protocol = Standing(tls)

    def talk() -> None:
        with shaken(far, certificates) as there:
            there.sendall(b"good bye")
            there.shutdown(socket.SHUT_WR)  # without an alert
            with contextlib.suppress(ConnectionResetError):
                while there.recv(MIB):
                    pass

    with connected(guest, lambda: protocol) as far:
        with meanwhile(talk):
            host.run()
            turns_until(guest.collection, lambda: protocol.transport.close_report)
        run_until(host, protocol.ended)
    assert protocol.calls == ["made", "data", "secured", "data", "lost: TLSTruncated"]
    assert protocol.got == STARTTLS + b"good bye"


@pytest.mark.parametrize("end", [DeliveredTransport.close, DeliveredTransport.abort])
def test_an_end_meanwhile_tells_the_callback_first__ho_3__pr_4__pr_10(
    host: Loop, guest: DeliveringGuest, tls: ServerTLS, end: Callable[[DeliveredTransport], None]
) -> None:
    """A delivered connection that is closed while TLS is being attached tells the callback, then
    the protocol, once each; what waits for TLS never leaves.
    """
    protocol = Upgrading(tls, host.quit)
    with connected(guest, lambda: protocol) as far:
        far.sendall(STARTTLS)
        run_until(host, lambda: len(protocol.calls) > 1)
        protocol.transport.write(b"a secret")
        assert not protocol.transport.is_reading()
        end(protocol.transport)
        host.run()
        heard = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while piece := far.recv(MIB):
                heard += piece
        assert b"secret" not in heard
    assert protocol.calls == ["made", "data", "refused: StateClosed", "lost"]


def test_a_silent_peer_has_a_limit_there_too__ho_3__pr_10__rel_21(
    host: Loop, guest: DeliveringGuest, tls: ServerTLS
) -> None:
    """A peer that says nothing after a delivered protocol has begun TLS is given up at the limit
    that was asked for.
    """
    protocol = Upgrading(tls, host.quit, handshake_timeout=0.02)
    with connected(guest, lambda: protocol) as far:
        far.sendall(STARTTLS)
        host.run()
    error = "TLSHandshakeTimeout"
    assert protocol.calls == ["made", "data", f"refused: {error}", f"lost: {error}"]


def test_a_name_is_proved__ho_3__pr_10(
    host: Loop, guest: DeliveringGuest, certificates: Certificates
) -> None:
    """A delivered client verifies the name of whom it has connected to, and is told before the
    protocol is that the server could not prove it; it never goes on in clear.
    """
    protocol = Upgrading(ClientTLS(trusted_file=certificates.stranger), host.quit)
    server = certificates.server_context()

    def talk() -> None:
        far.sendall(STARTTLS)
        assert read(far, len(GO_ON)) == GO_ON
        with pytest.raises(ssl.SSLError, match="unknown ca"):
            server.wrap_socket(far, server_side=True).recv(1)

    with connected(guest, lambda: protocol) as far, meanwhile(talk):
        host.run()
    error = "TLSVerificationFailed"
    assert protocol.calls == ["made", "data", f"refused: {error}", f"lost: {error}"]


def test_a_loss_before_that_tells_the_callback__ho_3__pr_10(
    host: Loop, guest: DeliveringGuest, tls: ServerTLS
) -> None:
    """When the connection of a delivered protocol has ended before that asks for TLS, what waits to
    be delivered is dropped; the callback and the protocol are told what has happened.
    """
    closing = list[bool]()

    class Telling(Upgrading):
        def told(self, transport: DeliveredTransport, error: BaseException | None) -> None:
            super().told(transport, error)
            closing.append(transport.is_closing())

    protocol = Telling(tls, host.quit)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        send_more(protocol, far, STARTTLS)
        lose(guest.collection, protocol, far)
        host.run()
    error = "ConnectionReset"
    assert protocol.calls == ["made", "data", f"refused: {error}", f"lost: {error}"]
    assert protocol.got == STARTTLS
    assert closing == [True]


@pytest.mark.parametrize("closed", ["the collection", "the guest before it"])
def test_closing_tells_the_callback_too__ho_9__pr_4__pr_10(
    host: Loop, beside: WaitStateCollection, tls: ServerTLS, closed: str
) -> None:
    """When a collection is closed while a delivered protocol attaches TLS, the callback and the
    protocol are told, once each.
    """
    protocol = Upgrading(tls, host.quit)
    with (
        own_thread.attach(host.way_in(), beside) as guest,
        connected(guest, lambda: protocol) as far,
    ):
        run_until(host, lambda: protocol.calls)
        if closed == "the collection":
            send_more(protocol, far, b"in clear")
            beside.apply(beside.close)
            protocol.start()
            host.run()
        else:
            protocol.start()
            guest.close()
            beside.close()
    assert protocol.calls == ["made", "refused: StateClosed", "lost: StateClosed"]
    assert protocol.threads == {threading.current_thread()}


def test_a_guest_may_be_closed_meanwhile__ho_9__pr_10(
    each_host: Loop, beside: WaitStateCollection, certificates: Certificates, tls: ServerTLS
) -> None:
    """When the guest is closed while a delivered protocol attaches TLS, and the collection is then
    attached to that host, TLS comes, and what is said under it.
    """
    protocol = Upgrading(tls)

    def talk() -> None:
        with shaken(far, certificates) as there:
            assert read(there, len(GREETING)) == GREETING
            there.unwrap().close()

    guest = own_thread.attach(each_host.way_in(), beside)
    with connected(guest, lambda: protocol) as far, meanwhile(talk):
        run_until(each_host, lambda: len(protocol.calls) > 1)
        guest.close()
        with each_host.attach(beside):
            run_until(each_host, protocol.ended)
    assert protocol.calls == ["made", "data", "secured", "eof", "lost"]


def test_a_callback_of_tls_that_raises_ends_the_connection__ho_4__pr_10__rel_15(
    host: Loop, guest: DeliveringGuest, certificates: Certificates, tls: ServerTLS
) -> None:
    """What the callback of `start_tls` raises in the host's thread goes to the error handler and
    ends the connection.
    """

    class Failing(Upgrading):
        def told(self, transport: DeliveredTransport, error: BaseException | None) -> None:
            super().told(transport, error)
            raise LookupError("a mistake of the user")

    told = list[str]()
    guest.collection.error_handler = lambda thing, error: told.append(type(thing).__name__)
    protocol = Failing(tls, host.quit)

    def talk() -> None:
        with shaken(far, certificates) as there, contextlib.suppress(OSError):
            while there.recv(MIB):
                pass

    with connected(guest, lambda: protocol) as far, meanwhile(talk):
        host.run()
    assert protocol.calls == ["made", "data", "secured", "lost: LookupError"]
    assert told == ["Transport"]


def test_a_pause_holds_nothing_of_tls_back__ho_3__pr_7__pr_10(
    host: Loop, guest: DeliveringGuest, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivered protocol that has paused reading is told that TLS is up, gets what comes under it
    when it resumes, and is told of a loss at the limit that every pause has.
    """
    monkeypatch.setattr(pauses, "DRAIN_TIMEOUT", 0.01)

    class Pausing(Upgrading):
        def start(self, **options: Any) -> None:
            super().start(**options)
            self.transport.pause_reading()

    protocol, client = Pausing(ServerTLS(certificates.localhost), host.quit), ByHand(certificates)

    def talk() -> None:
        assert client.heard(far) == GREETING
        client.tls.write(b"under TLS")
        far.sendall(client.outgoing.read())

    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        send_more(protocol, far, STARTTLS)
        send_more(protocol, far, client.hello[:50])
        send_more(protocol, far, client.hello[50:])
        with meanwhile(talk):
            run_until(host, lambda: "secured" in protocol.calls)
        turns_until(guest.collection, lambda: protocol.transport.get_read_buffer_size() >= 9)
        assert protocol.calls == ["made", "data", "secured"]
        protocol.transport.resume_reading()
        run_until(host, lambda: len(protocol.calls) > 3)
        protocol.transport.pause_reading()
        far.close()
        host.run()
    assert protocol.got == STARTTLS + b"under TLS"
    assert protocol.calls == ["made", "data", "secured", "data", "lost: TLSTruncated"]


def test_what_is_wrong_is_refused_at_the_call__ho_3__pr_10__lw_014(
    host: Loop, guest: DeliveringGuest, tls: ServerTLS
) -> None:
    """`start_tls` of a delivered transport refuses at the call wrong arguments and other threads,
    which change nothing, and a second call, and one behind our end or behind closing.
    """
    protocol = Upgrading(tls, host.quit)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        start: Any = protocol.transport.start_tls
        for description, options in (
            (None, {}),
            ("tls", {}),
            (tls, {"tls_side": "client"}),
            (tls, {"handshake_timeout": 0}),
            (tls, {"unread": 5}),
        ):
            with pytest.raises((TypeError, ValueError)):
                start(description, **options)
        with pytest.raises(WrongThread, match="host"):
            elsewhere(lambda: start(tls))
        protocol.transport.write(b"in clear")
        assert read(far, 8) == b"in clear"
        protocol.start()
        with pytest.raises(OperationInProgress):
            protocol.start()
        protocol.transport.close()
        with pytest.raises(StateClosed):
            protocol.start()
        host.run()
    assert protocol.calls == ["made", "refused: StateClosed", "lost"]


def test_there_is_one_tls_and_none_behind_our_end__ho_3__pr_8__pr_10(
    host: Loop, guest: DeliveringGuest, certificates: Certificates, tls: ServerTLS
) -> None:
    """A delivered protocol under TLS, or one that has ended its direction, cannot begin TLS."""
    refused = list[str]()

    class Again(Upgrading):
        def told(self, transport: DeliveredTransport, error: BaseException | None) -> None:
            with pytest.raises(OperationNotAllowed):
                self.start()
            refused.append("under TLS")
            super().told(transport, error)
            transport.close()

    ended = Listening()
    with connected(guest, lambda: ended):
        run_until(host, lambda: ended.calls)
        ended.transport.write_eof()
        with pytest.raises(OperationNotAllowed):
            ended.transport.start_tls(tls)
        refused.append("behind the end")

    def talk() -> None:
        with shaken(far, certificates) as there:
            assert read(there, MIB) == GREETING

    protocol = Again(tls, host.quit)
    with connected(guest, lambda: protocol) as far, meanwhile(talk):
        host.run()
    assert refused == ["behind the end", "under TLS"]
