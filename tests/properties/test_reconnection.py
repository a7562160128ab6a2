"""Random verbs on a client that connects again, and on its server, in whatever order.

Its protocols have one beginning and one end each, what it tells alternates, it never comes before
its time, and when it is over nothing is left of it.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.errors import SocketError
from reactor.loop.collection import WaitStateCollection
from reactor.reconnection import Backoff
from reactor.testing.clock import ManualClock
from reactor.testing.settle import settle
from tests.reactor.reconnection.conftest import Place, Visitor

EXAMPLES: Final = 200
VERBS: Final = st.one_of(
    st.tuples(st.sampled_from(["open", "shut", "abort", "write"])),
    st.tuples(st.just("advance"), st.sampled_from([0.1, 1.0, 2.0, 20.0, 100.0])),
    st.tuples(st.just("client"), st.sampled_from(["retry_now", "reset"])),
    st.tuples(st.sampled_from(["turn", "settle"])),
)
RARE: Final = st.one_of(
    VERBS, VERBS, st.tuples(st.just("client"), st.sampled_from(["stop", "close"]))
)


class Model:
    """A client, its server, and what should be true of them."""

    def __init__(self, attempt_limit: int | None) -> None:
        self.clock = ManualClock(1000.0)
        self.collection = WaitStateCollection(clock=self.clock, error_handler=self._fail)
        self.exceptions = list[BaseException]()
        self.place = Place(self.collection)
        backoff = Backoff(jitter=0, attempt_limit=attempt_limit)
        self.visitor = Visitor(self.collection, self.place.port, backoff=backoff)
        self.stopped = False

    def _fail(self, thing: object, exception: BaseException) -> None:
        self.exceptions.append(exception)

    def open(self) -> None:
        if self.place.server is None:
            self.place.open()

    def shut(self) -> None:
        self.place.close()

    def abort(self) -> None:
        for transport in self.place.server.connections if self.place.server else ():
            transport.abort()

    def write(self) -> None:
        transport = self.visitor.client.connection
        if transport is not None and not transport.is_closing():
            with contextlib.suppress(SocketError):  # it was lost before
                transport.write(b"x")

    def client(self, verb: str) -> None:
        getattr(self.visitor.client, verb)()
        self.stopped |= verb in ("stop", "close")

    def advance(self, seconds: float) -> None:
        told, due = len(self.visitor.told), self.visitor.client.when
        self.clock.advance(seconds)
        if self.clock() < due < math.inf:
            self.settle()
            assert len(self.visitor.told) == told, "it has come before its time"

    def turn(self) -> None:
        self.collection.run_once(0)

    def settle(self) -> None:
        settle(self.collection)

    def look(self) -> None:
        names = self.visitor.names
        assert names.count("gave_up") <= 1
        assert "gave_up" not in names[:-1], "nothing comes behind the end"
        assert not (self.stopped and not self.visitor.client.closed)
        assert ("connected", "connected") not in itertools.pairwise(names)
        for protocol in self.visitor.protocols:
            assert protocol.names[:1] == ["connection_made"]
            assert len(protocol.lost) <= 1
        assert sum(not protocol.lost for protocol in self.visitor.protocols) <= 1


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(
    verbs=st.lists(RARE, max_size=30),
    attempt_limit=st.sampled_from([None, 3]),
    ending=st.sampled_from(["stop", "close", "collection"]),
)
def test_random_verbs_leave_one_connection_or_none__pr_2__pr_4(
    verbs: list[tuple[Any, ...]], attempt_limit: int | None, ending: str
) -> None:
    """Whatever happens to a client that reconnects and to its server, it has one connection at
    most, each protocol has one beginning and one end, and nothing is left of it behind its end.
    """
    model = Model(attempt_limit)
    try:
        for verb, *arguments in verbs:
            getattr(model, verb)(*arguments)
            model.look()
        if ending == "collection":
            model.collection.close()
        else:
            model.client(ending)
            model.shut()
            model.settle()
            assert len(model.collection.timers) == 0
            assert not model.collection.held - {model.collection.resolver}
        model.look()
        assert all(len(protocol.lost) == 1 for protocol in model.visitor.protocols)
        assert model.visitor.client.connection is None or ending == "collection"
        assert model.exceptions == []
    finally:
        model.collection.close()
