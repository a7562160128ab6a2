"""Accepting, unless told otherwise: each limit is what the documents say, and is kept."""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import sys
from typing import Final

import pytest

from reactor.errors import LimitExceeded, ReactorError
from reactor.loop.collection import WaitStateCollection
from reactor.opening.accept import AcceptingHandle, accept_tcp
from reactor.opening.listen import BIND_RETRY_DELAY, Binding, patience
from reactor.testing.settle import settle
from tests.certificates import Certificates
from tests.reactor.opening.network import HOST
from tests.tls_pairs import server
from tests.turns import until

TCP_INFO: Final[int] = getattr(socket, "TCP_INFO", 0)  # an option of Linux
QUEUE_PLACE: Final = (
    28  # of the longest queue of a listener, in Linux's `struct tcp_info`: tcpi_sacked
)


def counts(handle: AcceptingHandle, count: int) -> bool:
    return handle.connection_count == count


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the length of the queue")
def test_128_clients_may_wait_in_the_kernel__lw_048(collection: WaitStateCollection) -> None:
    """By default 128 clients may wait in the kernel's queue; `backlog=` is another number."""
    for backlog, expected in ((None, 128), (7, 7)):
        handle = accept_tcp(collection, 0, print, address=HOST, backlog=backlog)
        assert handle.socket is not None
        facts = handle.socket.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 104)
        assert struct.unpack_from("I", facts, QUEUE_PLACE) == (expected,)
        handle.close()


def test_a_busy_port_is_worth_60_s__lw_046() -> None:
    """A busy port is tried for 60 s by default, where the caller may wait, and else once."""
    assert patience(Binding(0).init_timeout, may_wait=True) == 60.0
    assert patience(Binding(0).init_timeout, may_wait=False) == 0.0


def test_a_busy_port_is_tried_again_at_least_once_a_second__lw_046() -> None:
    """A busy port is tried again at least once a second, so nobody waits long for a free one."""
    assert 0 < BIND_RETRY_DELAY <= 1.0


def test_128_clients_may_shake_hands__lw_058(
    collection: WaitStateCollection, certificates: Certificates
) -> None:
    """By default 128 clients may shake hands at a time; for one more the oldest is dropped."""
    errors = list[ReactorError]()
    handle = accept_tcp(
        collection,
        0,
        print,
        address=HOST,
        tls=server(certificates),
        tls_error_callback=lambda _, error: errors.append(error),
    )
    with contextlib.ExitStack() as clients:
        for count in range(1, 129):
            clients.enter_context(socket.create_connection((HOST, handle.local_port)))
            until(collection, functools.partial(counts, handle, count))
        assert errors == []
        clients.enter_context(socket.create_connection((HOST, handle.local_port)))
        until(collection, lambda: errors)
        assert isinstance(errors[0], LimitExceeded)
        assert handle.connection_count == 128
        handle.close()
        settle(collection)
