"""A resolver that is closed while others wait for it."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest

from reactor.callbacks import dns_lookup, reverse_dns_lookup
from reactor.errors import SocketError, StateClosed
from reactor.loop.collection import WaitStateCollection
from reactor.net.resolver import Resolver
from reactor.opening.connect import connect_tcp
from reactor.testing.settle import settle
from tests.reactor.net.names.questions import EITHER, PATIENCE, NameService, take, target


@pytest.mark.parametrize("timeout", [None, 3600.0])
def test_who_blocks_is_told_that_it_was_closed__lw_029(
    service: NameService, timeout: float | None
) -> None:
    """A blocking look-up raises `StateClosed` when another thread closes the resolver."""
    resolver = Resolver(lookup=service)
    outcome: queue.SimpleQueue[SocketError] = queue.SimpleQueue()

    def block() -> None:
        with pytest.raises(StateClosed, match=r"the resolver is closed .*one\.example") as caught:
            resolver.look_up_blocking(target("one"), EITHER, timeout)
        outcome.put(caught.value)

    thread = threading.Thread(target=block, daemon=True)
    thread.start()
    take(service.asked)
    resolver.close()
    assert take(outcome).phase == "resolve"
    thread.join(PATIENCE)


def test_collections_are_told_that_it_was_closed__cl_80(
    collection: WaitStateCollection, service: NameService
) -> None:
    """A look-up of a collection whose resolver is closed by somebody else fails with a
    `StateClosed`, once and from the loop, and nothing of it is left.
    """
    told: queue.SimpleQueue[SocketError | None] = queue.SimpleQueue()
    unwanted: Any = pytest.fail

    def name_of(address: Any, flags: int) -> tuple[str, str]:
        service("address.example", 0, 0, 0)
        return "host", "service"

    collection.resolver = Resolver(lookup=service, name_lookup=name_of)
    dns_lookup(collection, "one.example", unwanted, told.put, timeout=None)
    dns_lookup(collection, "one.example", unwanted, unwanted).cancel()
    reverse_dns_lookup(collection, "192.0.2.1", unwanted, told.put)
    connect_tcp(collection, "two.example", 80, lambda state, error: told.put(error))
    collection.resolver.close()
    assert told.empty()
    settle(collection)
    assert [type(told.get_nowait()) for _ in range(3)] == [StateClosed] * 3
    assert told.empty()
    assert (collection.held, len(collection.timers)) == (set(), 0)
