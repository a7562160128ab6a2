"""What is rare with delivered protocols: ends in a pause, low limits, buffers of who leaves."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
from types import FrameType
from typing import Any, Final

import pytest

from reactor.errors import LimitExceeded
from reactor.hosts import thread as own_thread
from reactor.hosts.aside import pauses
from reactor.hosts.aside.delivery import Delivery
from reactor.hosts.delivered import DeliveredTransport
from reactor.hosts.thread import DeliveringGuest
from reactor.loop.collection import WaitStateCollection
from tests.hosts.aside.protocols import (
    Lender,
    Listening,
    connected,
    lose,
    run_until,
    send_more,
)
from tests.hosts.loops import LIMIT, Loop

MIB: Final = 1 << 20


class Deaf(Listening):
    """Never reads."""

    def connection_made(self, transport: DeliveredTransport) -> None:
        super().connection_made(transport)
        transport.pause_reading()


def test_a_loss_waits_for_one_who_pauses__ho_3__pr_7(host: Loop, guest: DeliveringGuest) -> None:
    """What had come before a loss, and the loss, wait while a delivered protocol has paused, and
    come when it resumes.
    """
    protocol = Deaf(host.quit)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        lose(guest.collection, protocol, far)
        host.later(0.01, host.quit)
        host.run()
        assert protocol.calls == ["made"]
        protocol.transport.resume_reading()
        host.run()
    assert protocol.calls == ["made", "data", "lost: ConnectionReset"]
    assert protocol.got == b"last"


def test_a_loss_does_not_wait_for_ever__ho_3__pr_4(
    host: Loop, guest: DeliveringGuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivered protocol that has paused and takes nothing for so long is told of a loss all the
    same, and of nothing else any more: one that only writes would never hear of it.
    """
    monkeypatch.setattr(pauses, "DRAIN_TIMEOUT", 0.01)
    protocol = Deaf(host.quit)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        lose(guest.collection, protocol, far)
        protocol.transport.write(b"to nobody")
        host.run()
    assert protocol.calls == ["made", "lost: ConnectionReset"]


def test_to_pause_behind_each_event_costs_no_more__ho_3__pr_7(
    host: Loop, guest: DeliveringGuest
) -> None:
    """A delivered protocol that pauses reading behind each of many pieces that wait, and resumes
    each time, gets all of them, in order, for a number of calls that grows as theirs does.
    """

    class Pausing(Listening):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()
            host.later(0.0, self.transport.resume_reading)

    def count(frame: FrameType, event: str, argument: object) -> None:
        tries[0] += event == "call" and frame.f_code is Delivery._deliver.__code__

    protocol, tries, pieces = Pausing(host.quit), [0], [bytes([number]) for number in range(25)]
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        for piece in pieces:
            send_more(protocol, far, piece)
        far.shutdown(socket.SHUT_WR)
        sys.setprofile(count)
        try:
            host.run()
        finally:
            sys.setprofile(None)
    assert protocol.got == b"".join(pieces)
    assert protocol.calls[-2:] == ["eof", "lost"]
    assert len(pieces) < tries[0] < 4 * len(pieces)


@pytest.mark.parametrize("paused", [False, True])
def test_closing_tells_of_an_end_that_came_before__ho_9__pr_4(
    host: Loop, beside: WaitStateCollection, paused: bool
) -> None:
    """A connection that has ended when the guest is closed, and then the collection, has its last
    call then, if that was not delivered yet; what had come is before it, unless the protocol has
    paused.
    """
    protocol = Listening()
    guest = own_thread.attach(host.way_in(), beside)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        if paused:
            protocol.transport.pause_reading()
        lose(guest.collection, protocol, far)
        if paused:
            host.later(0.01, host.quit)
            host.run()
        guest.close()
        assert protocol.calls == ["made"]
        beside.close()
    data = [] if paused else ["data"]
    assert protocol.calls == ["made", *data, "lost: ConnectionReset"]
    assert protocol.threads == {threading.current_thread()}


@pytest.mark.parametrize("ended_before", [False, True])
def test_a_collection_that_is_closed_ends_a_pause__ho_9__pr_4(
    host: Loop, guest: DeliveringGuest, ended_before: bool
) -> None:
    """When the collection of a guest is closed in its own thread, a delivered protocol that has
    paused gets its last call, whether its connection had been lost before or not.
    """
    protocol = Deaf(host.quit)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        if ended_before:
            lose(guest.collection, protocol, far)
            host.later(0.01, host.quit)
            host.run()
        guest.collection.apply(guest.collection.close)
        host.run()
    assert [call.partition(":")[0] for call in protocol.calls] == ["made", "lost"]


def test_an_end_that_was_told_is_forgotten__ho_9(host: Loop, guest: DeliveringGuest) -> None:
    """A collection keeps nothing of delivered connections that have ended and been told so."""
    before = set(guest.collection.held)
    for _ in range(3):
        protocol = Listening(host.quit)
        with connected(guest, lambda: protocol):  # noqa: B023  # called at once
            run_until(host, lambda: protocol.calls)  # noqa: B023  # likewise
        host.run()
    guest.collection.submit(len, "").result(LIMIT)
    assert guest.collection.held == before


@pytest.mark.parametrize("closed", [False, True])
def test_a_last_call_that_raises_is_reported__ho_4__rel_15(
    host: Loop, guest: DeliveringGuest, caplog: pytest.LogCaptureFixture, closed: bool
) -> None:
    """An exception of `connection_lost` of a delivered protocol is in the log once, also when the
    collection is being closed, and nobody can be told in its thread any more.
    """

    class Failing(Listening):
        def connection_lost(self, exc: BaseException | None) -> None:
            super().connection_lost(exc)
            raise LookupError("a mistake of the user")

    protocol = Failing(host.quit)
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        if closed:
            guest.close()
            guest.collection.close()
        else:
            far.close()
            host.run()
            guest.collection.submit(len, "").result(LIMIT)
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [str(record.exc_info[1]) for record in told if record.exc_info] == [
        "a mistake of the user"
    ]


@pytest.mark.parametrize("limit", [0, 1, 1_000])
def test_a_low_limit_takes_one_write_at_a_time__ho_3__pr_5(
    host: Loop, guest: DeliveringGuest, limit: int
) -> None:
    """Where the output limit is below the high mark, a write is taken while none waits, and
    one is refused when nobody reads; the connection lives, and what was taken arrives.
    """
    protocol, sent, got = Listening(host.quit), 0, 0
    with connected(guest, lambda: protocol) as far:
        run_until(host, lambda: protocol.calls)
        transport = protocol.transport.transport
        guest.collection.submit(setattr, transport, "output_limit", limit).result(LIMIT)
        with contextlib.suppress(LimitExceeded):
            while sent < 64 * MIB:
                protocol.transport.write(bytes(MIB))
                sent += MIB
                guest.collection.submit(len, "").result(LIMIT)
        assert 0 < sent < 64 * MIB
        protocol.transport.close()
        while piece := far.recv(MIB):
            got += len(piece)
        host.run()
    assert (got, protocol.calls[-1]) == (sent, "lost")


def test_who_lent_a_buffer_is_told_of_it__ho_3__pr_9(host: Loop, guest: DeliveringGuest) -> None:
    """A delivered protocol that gives the connection away while it lends a buffer is told what is
    in there; its heir gets all that is behind.
    """

    class Leaving(Lender):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def get_buffer(self, sizehint: int) -> bytearray:
            self.transport.set_protocol(heir)
            return super().get_buffer(sizehint)

    leaving, heir = Leaving(host), Listening(host.quit)
    with connected(guest, lambda: leaving) as far:
        far.sendall(b"12345678")
        far.shutdown(socket.SHUT_WR)
        host.run()
    assert (leaving.got, bytes(heir.got)) == ([b"123"], b"45678")


def test_connections_do_not_use_up_the_calls__ho_3(host: Loop, beside: WaitStateCollection) -> None:
    """What waits for delivered protocols does not count for the limit of delivered calls."""
    protocol, done = Listening(), list[int]()
    with (
        own_thread.attach(host.way_in(), beside, delivery_limit=2) as guest,
        connected(guest, lambda: protocol) as far,
    ):
        run_until(host, lambda: protocol.calls)
        for _ in range(5):
            send_more(protocol, far)
        for number in range(3):
            with contextlib.suppress(LimitExceeded):
                guest.deliver(done.append, number)
        run_until(host, lambda: done)
        guest.deliver(done.append, 3)
        run_until(host, lambda: 3 in done)
    assert done == [0, 1, 3]
    assert protocol.got == b"!!!!!"
