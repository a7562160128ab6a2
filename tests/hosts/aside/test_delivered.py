"""Protocols that live in the thread of a host, and their connections in another."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import subprocess
import sys
import threading
from typing import Any, Final

import pytest

from reactor.errors import BrokenPipe, LimitExceeded, StateClosed, WrongThread
from reactor.hosts import thread as own_thread
from reactor.hosts.aside.delivery import EVENT_SIZE
from reactor.hosts.aside.streams import INPUT_LIMIT_HIGH
from reactor.hosts.thread import DeliveringGuest
from reactor.loop.collection import WaitStateCollection
from reactor.operations.operation import READ_SIZE
from reactor.server import connect, serve
from tests.certificates import Certificates
from tests.hosts.aside.protocols import (
    Echo,
    Lender,
    Lines,
    Listening,
    Slow,
    connected,
    run_until,
    send_more,
)
from tests.hosts.loops import LIMIT, Loop, in_turn
from tests.reactor.loop.probe import elsewhere

MIB: Final = 1 << 20
STREAM: Final = 20 * MIB
SENDER: Final = f"""
import random, socket, sys
data = random.Random(7).randbytes({MIB})
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    for _ in range({STREAM // MIB}):
        sock.sendall(data)
"""


def test_a_protocol_lives_in_the_hosts_thread__ho_3__pr_4(
    each_host: Loop, beside: WaitStateCollection
) -> None:
    """The factory and all hooks of a delivered protocol are called in the thread of the host, in
    their order, and what it writes arrives.
    """
    with own_thread.attach(each_host.way_in(), beside) as guest:
        made = list[threading.Thread]()

        def factory() -> Listening:
            made.append(threading.current_thread())
            return protocol

        protocol = Listening(each_host.quit)
        with connected(guest, factory) as far:
            run_until(each_host, lambda: protocol.calls)
            protocol.transport.write(bytearray(b"hello"))
            assert far.recv(99) == b"hello"
            far.sendall(b"good bye")
            far.shutdown(socket.SHUT_WR)
            each_host.run()
            assert far.recv(99) == b""
    assert protocol.calls == ["made", "data", "eof", "lost"]
    assert protocol.got == b"good bye"
    assert {*made, *protocol.threads} == {threading.current_thread()}
    assert protocol.transport.get_protocol() is None


@pytest.mark.slow
def test_a_slow_window_slows_its_peer_down__ho_3__pr_7(
    each_host: Loop, beside: WaitStateCollection
) -> None:
    """Of 20 MB that another process sends to a window that is slow every byte is delivered, in
    order; never more has been read than one read beyond the limit of what may wait.
    """
    with own_thread.attach(each_host.way_in(), beside) as guest:
        slow = Slow(each_host)
        factory = guest.delivered_protocol(lambda: slow)
        server = beside.submit(serve, beside, factory, 0, address="127.0.0.1").result(LIMIT)
        port = server.handle.local_port
        sender = subprocess.Popen([sys.executable, "-SE", "-c", SENDER, str(port)])
        each_host.run()
        assert sender.wait(LIMIT) == 0
    assert slow.size == STREAM
    data = random.Random(7).randbytes(MIB)
    assert slow.digest.digest() == hashlib.sha256(data * (STREAM // MIB)).digest()
    assert slow.most <= INPUT_LIMIT_HIGH + READ_SIZE + EVENT_SIZE


def test_a_window_that_stands_still_stops_the_reading__ho_3__pr_7(
    host: Loop, guest: DeliveringGuest
) -> None:
    """While the host's loop does not run, a connection is read until 512 KiB wait, and one read
    more; when it runs again, everything is delivered.
    """
    protocol, sent = Listening(host.quit), 0
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        while protocol.transport.transport.is_reading():
            sent += far.send(bytes(65_536))
        waiting = protocol.transport.get_read_buffer_size()
        assert INPUT_LIMIT_HIGH < waiting <= INPUT_LIMIT_HIGH + READ_SIZE + EVENT_SIZE
        far.shutdown(socket.SHUT_WR)
        host.run()
    assert len(protocol.got) == sent
    assert (protocol.calls[-2:], set(protocol.calls[1:-2])) == (["eof", "lost"], {"data"})


def test_small_pieces_count_for_more_than_their_bytes__ho_3(
    host: Loop, guest: DeliveringGuest
) -> None:
    """What waits is bounded also for a peer that sends single bytes."""
    protocol, sent = Listening(host.quit), 0
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = protocol.transport.transport
        while transport.is_reading():
            sent += far.send(b"!")
            assert sent < INPUT_LIMIT_HIGH
        far.shutdown(socket.SHUT_WR)
        host.run()
    assert len(protocol.got) == sent


def test_an_echo_with_back_pressure_is_whole__ho_3__pr_6(
    host: Loop, guest: DeliveringGuest
) -> None:
    """A delivered protocol that reads only while it may write is paused inside `write`, resumed
    strictly in turn, and loses no byte.
    """
    echo, got = Echo(host.quit), bytearray()
    data = bytes(range(256)) * (2 * MIB // 256)

    def receive() -> None:
        while piece := far.recv(65_536):
            got.extend(piece)

    with connected(guest, lambda: echo) as far:
        talkers = [
            threading.Thread(target=in_turn(lambda: far.sendall(data), lambda: far.shutdown(1))),
            threading.Thread(target=receive),
        ]
        for talker in talkers:
            talker.start()
        host.run()
        for talker in talkers:
            talker.join(LIMIT)
    assert got == data
    flow = [call for call in echo.calls if call in {"pause", "resume"}]
    assert flow[:4] == ["pause", "resume"] * 2
    assert flow == (["pause", "resume"] * len(flow))[: len(flow)]


def test_both_ends_may_be_delivered_under_tls__ho_3__pr_6(
    host: Loop, guest: DeliveringGuest, certificates: Certificates
) -> None:
    """A server and a client in the same window talk under TLS, both delivered, and every byte that
    the one sends back reaches the other.
    """
    collection, client = guest.collection, Listening(host.quit)
    how = {"address": "127.0.0.1", "tls": certificates.server_context()}
    factory = guest.delivered_protocol(Echo)
    server = collection.submit(serve, collection, factory, 0, **how).result(LIMIT)
    collection.submit(
        *(connect, collection, guest.delivered_protocol(lambda: client)),
        *("localhost", server.handle.local_port),
        tls=certificates.client_context(),
    ).result(LIMIT)
    run_until(host, lambda: client.calls)
    client.transport.write(bytes(2 * MIB))
    client.transport.write_eof()
    host.run()
    assert client.got == bytes(2 * MIB)
    assert client.calls[-2:] == ["eof", "lost"]


def test_writes_have_a_limit__ho_3__pr_5(host: Loop, guest: DeliveringGuest) -> None:
    """A delivered protocol that writes on though nobody reads is refused at the output limit; what
    was taken before arrives.
    """
    protocol, sent, got = Listening(host.quit), 0, 0
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        with contextlib.suppress(LimitExceeded):
            while sent < 64 * MIB:
                protocol.transport.write(bytes(MIB))
                sent += MIB
        assert 16 * MIB <= sent < 32 * MIB
        assert protocol.calls == ["made", "pause"]
        protocol.transport.close()
        while piece := far.recv(MIB):
            got += len(piece)
        host.run()
    assert got == sent
    assert protocol.calls[-1] == "lost"


def test_small_writes_count_for_more_than_their_bytes__ho_3__pr_5(
    host: Loop, guest: DeliveringGuest
) -> None:
    """Writes of single bytes have a limit, too, while the other thread takes none; all arrive."""
    protocol, sent, got, may_go_on = Listening(host.quit), 0, b"", threading.Event()
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        transport = protocol.transport.transport
        guest.collection.submit(setattr, transport, "output_limit", MIB).result(LIMIT)
        guest.collection.apply(may_go_on.wait, LIMIT)
        with contextlib.suppress(LimitExceeded):
            while sent < MIB:
                protocol.transport.write(b"!")
                sent += 1
        may_go_on.set()
        protocol.transport.close()
        while piece := far.recv(MIB):
            got += piece
        host.run()
    assert 3_000 < sent < 5_000
    assert got == b"!" * sent


def test_a_hook_that_raises_ends_its_connection__ho_4__rel_15(
    host: Loop, guest: DeliveringGuest
) -> None:
    """An exception in a hook of a delivered protocol goes to the error handler, with the transport;
    nothing but `connection_lost` is called then, with it.
    """
    told = list[tuple[str, str]]()

    class Failing(Listening):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            send_more(self, far)
            raise LookupError("a mistake of the user")

    guest.collection.error_handler = lambda thing, error: told.append(
        (type(thing).__name__, str(error))
    )
    protocol = Failing(host.quit)
    with connected(guest, lambda: protocol) as far:
        far.sendall(b"1")
        host.run()
        with contextlib.suppress(ConnectionResetError):
            assert far.recv(9) == b""
    assert protocol.calls == ["made", "data", "lost: LookupError"]
    assert told == [("Transport", "a mistake of the user")]


def test_a_factory_that_raises_ends_the_connection__ho_4(
    host: Loop, guest: DeliveringGuest
) -> None:
    """When the factory of a delivered protocol raises, the connection ends and the error handler
    is told.
    """
    told = list[str]()

    def handle(thing: object, exception: BaseException) -> None:
        told.append(str(exception))
        guest.deliver(host.quit)

    guest.collection.error_handler = handle
    factory: Any = lambda: 1 / 0  # noqa: E731  # it is no protocol
    with connected(guest, factory) as far:
        host.run()
        assert far.recv(9) == b""
    assert told == ["division by zero"]


def test_closing_delivers_no_more__ho_3__pr_11(host: Loop, guest: DeliveringGuest) -> None:
    """When a delivered protocol closes its connection, what has come is not delivered any more;
    what it had written arrives.
    """

    class Closing(Listening):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            send_more(self, far)
            self.transport.pause_reading()
            self.transport.write(b"enough")
            self.transport.close()
            self.transport.close()
            with pytest.raises(StateClosed):
                self.transport.write(b"more")
            with pytest.raises(StateClosed):
                self.transport.write_eof()

    protocol = Closing(host.quit)
    with connected(guest, lambda: protocol) as far:
        far.sendall(b"1")
        host.run()
        assert far.recv(99) == b"enough"
    assert protocol.calls == ["made", "data", "lost"]


def test_aborting_delivers_no_more__ho_3__pr_11(host: Loop, guest: DeliveringGuest) -> None:
    """A delivered protocol can abort its connection, also when it has closed it, and paused."""
    protocol, got = Listening(host.quit), 0
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        protocol.transport.pause_reading()
        send_more(protocol, far)
        host.later(0.01, host.quit)
        host.run()
        protocol.transport.write(bytes(8 * MIB))
        protocol.transport.close()
        protocol.transport.abort()
        protocol.transport.abort()
        host.run()
        with contextlib.suppress(ConnectionResetError):
            while piece := far.recv(MIB):
                got += len(piece)
    assert protocol.calls == ["made", "pause", "lost"]
    assert got < 8 * MIB
    report = protocol.transport.close_report
    assert report is not None
    assert report.bytes_unsent > 0


def test_reading_can_be_paused__ho_3__pr_7(host: Loop, guest: DeliveringGuest) -> None:
    """While a delivered protocol has paused reading nothing is delivered to it, not even the end;
    when it resumes everything comes, in order.
    """
    protocol = Listening(host.quit)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        protocol.transport.pause_reading()
        assert not protocol.transport.is_reading()
        far.sendall(b"12")
        far.shutdown(socket.SHUT_WR)
        host.later(0.03, host.quit)
        host.run()
        assert protocol.calls == ["made"]
        protocol.transport.resume_reading()
        assert protocol.calls == ["made"]
        host.run()
    assert protocol.calls == ["made", "data", "eof", "lost"]


def test_a_protocol_may_lend_its_buffers__ho_3__pr_1(host: Loop, guest: DeliveringGuest) -> None:
    """A delivered protocol that lends buffers gets the bytes in there, as many as fit."""
    lender = Lender(host)
    with connected(guest, lambda: lender) as far:
        far.sendall(b"12345678")
        far.shutdown(socket.SHUT_WR)
        host.run()
    assert lender.got == [b"123", b"456", b"78"]


def test_a_codec_runs_there_too__ho_3__pr_9(host: Loop, guest: DeliveringGuest) -> None:
    """A protocol of lines can be delivered; it may pause between them, and hand the connection over
    to another protocol, which gets the bytes behind the last line and all calls that follow.
    """
    heir = Listening(host.quit)
    lines = Lines(host, heir)
    with connected(guest, lambda: lines) as far:
        far.sendall(b"one\ntwo\nover\nrest")
        far.shutdown(socket.SHUT_WR)
        host.run()
    assert lines.got == [b"one", b"two", b"over"]
    assert heir.calls == ["data", "eof", "lost"]
    assert heir.got == b"rest"


def test_our_direction_can_be_ended__ho_3__pr_8(host: Loop, guest: DeliveringGuest) -> None:
    """A delivered protocol may end its direction and read on, and keep a connection open whose
    peer has ended.
    """

    class Staying(Listening):
        def eof_received(self) -> bool:
            super().eof_received()
            self.transport.writelines([b"and ", b"an answer"])
            self.transport.write_eof()
            self.transport.write_eof()
            with pytest.raises(BrokenPipe):
                self.transport.write(b"more")
            host.later(0.02, in_turn(lambda: self.note("open"), self.transport.close))
            return True

    protocol = Staying(host.quit)
    with connected(guest, lambda: protocol) as far:
        far.shutdown(socket.SHUT_WR)
        host.run()
        assert far.recv(99) == b"and an answer"
    assert protocol.calls == ["made", "eof", "open", "lost"]


def test_its_verbs_are_the_hosts__lw_014(host: Loop, guest: DeliveringGuest) -> None:
    """The verbs of a delivered transport belong to the thread of the host; the real transport and
    its facts are there.
    """
    protocol = Listening()
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        face = protocol.transport
        verbs: list[Any] = [face.close, face.abort, face.write_eof, face.pause_reading]
        for verb in [*verbs, face.resume_reading]:
            with pytest.raises(WrongThread, match="host"):
                elsewhere(verb)
        with pytest.raises(WrongThread):
            elsewhere(face.write, b"!")
        with pytest.raises(WrongThread):
            elsewhere(face.set_protocol, protocol)
        with pytest.raises(TypeError):
            face.write("text")  # type: ignore[arg-type]  # programs may be wrong
        with pytest.raises(ValueError, match="drain_timeout"):
            face.close(-1.0)
        assert face.get_extra_info("peername") == far.getsockname()
        assert (face.can_write_eof(), face.close_report) == (True, None)
        assert repr(face.transport) in repr(face)


def test_a_closed_guest_closes_its_connections__ho_9__pr_4(
    host: Loop, beside: WaitStateCollection
) -> None:
    """When the guest is closed, and then the collection, in the host's thread, delivered protocols
    get what had come and was not delivered, and their last call, each once.
    """
    protocol = Listening()
    guest = own_thread.attach(host.way_in(), beside)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        far.sendall(b"last words")
        while not protocol.transport.get_read_buffer_size():
            beside.submit(len, "").result(LIMIT)
        guest.close()
        assert protocol.calls == ["made"]
        beside.close()
    assert protocol.calls == ["made", "data", "lost: StateClosed"]
    assert protocol.got == b"last words"
    assert protocol.threads == {threading.current_thread()}


def test_a_guest_is_closed_in_a_flood__ho_9(each_host: Loop, beside: WaitStateCollection) -> None:
    """A guest can be closed while more of a stream waits than may: nobody waits for anybody, and
    when the collection is then attached to that host every byte is delivered, in order.
    """
    protocol = Listening(each_host.quit)
    guest = own_thread.attach(each_host.way_in(), beside)
    with connected(guest, lambda: protocol) as far:
        send = in_turn(lambda: far.sendall(bytes(4 * MIB)), lambda: far.shutdown(socket.SHUT_WR))
        sender = threading.Thread(target=send)
        run_until(each_host, lambda: protocol.calls)
        sender.start()
        while protocol.transport.transport.is_reading():
            beside.submit(len, "").result(LIMIT)  # the window computes
        guest.close()
        with each_host.attach(beside):
            each_host.run()
        sender.join(LIMIT)
    assert len(protocol.got) == 4 * MIB
    assert (protocol.calls[-2:], protocol.threads) == (
        ["eof", "lost"],
        {threading.current_thread()},
    )


@pytest.mark.parametrize("waiting", [False, True])
def test_a_closed_guest_delivers_to_nobody_elsewhere__ho_9(
    host: Loop, beside: WaitStateCollection, caplog: pytest.LogCaptureFixture, waiting: bool
) -> None:
    """When the collection of a closed guest runs in another thread than the host's, its delivered
    protocols are not called there: their connections end, and the log says why.
    """
    protocol = Listening()
    guest = own_thread.attach(host.way_in(), beside)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        if waiting:
            send_more(protocol, far)
        guest.close()
        if not waiting:
            far.sendall(b"!")
        with beside:
            with contextlib.suppress(ConnectionResetError):
                assert far.recv(9) == b""
            for _ in range(3):  # the last call is a turn or two away
                beside.submit(len, "").result(LIMIT)
    assert protocol.calls == ["made"]
    assert any(
        "delivers no more" in record.exc_text for record in caplog.records if record.exc_text
    )
