"""Feeding: what arrives is handed to a protocol, for as long as somebody wants it.

One operation does all of it, a `Feed` bound directly to the hook of the protocol, or a
`BufferedFeed` for protocols that lend their buffers. It runs unless the program has paused it, the
transport has stopped it, or it has run dry under a limit of the rate. Bytes that had been received
before there was a feed come first.
"""

from typing import Any

from reactor.flow.rate_limit import Meter, MeteredBufferedFeed, MeteredFeed
from reactor.operations.streams import BufferedFeed, Feed
from reactor.protocol import BaseProtocol, BufferedProtocol
from reactor.state.connection import Connection


class Feeding:
    """The input of one connection on its way to its protocol; stopped until `go`.

    Args:
        state: whose input it is.
        protocol: who gets it.
        transport: whose `input_ended` is called with the state when the input has ended, and
            whose `moved` with the moment of the last arrival when the feed stops.

    Thread: the owner's. Calls back: hooks and `input_ended` from the loop only.
    Source: PR-04, PR-07, PR-09.
    """

    __slots__ = (
        "_dry",
        "_feed",
        "_protocol",
        "_quiet",
        "_state",
        "_stopped",
        "_transport",
        "meter",
        "paused",
    )

    def __init__(
        self,
        state: Connection,
        protocol: BaseProtocol,
        transport: Any,
    ) -> None:
        self._state = state
        self._protocol: Any = protocol
        self._transport = transport
        self._feed: Feed | BufferedFeed | None = None  # made when it first runs for this protocol
        self._stopped = True
        self.paused = False
        self.meter: Meter | None = None  # of a limit of the rate
        self._dry = False  # the meter has stopped it
        self._quiet = 0.0  # seconds without arrival that had passed when the feed was withdrawn

    @property
    def active(self) -> bool:
        """Whether the feed runs."""
        return self._feed is not None and self._state.input.operation is self._feed

    @property
    def over(self) -> bool:
        """Whether the input has ended: nothing more can come."""
        return self._state.input.channel is not self._state.channel

    @property
    def _held_up(self) -> bool:
        """Whether something stands against feeding."""
        return self._stopped or self.paused or self._dry or self._state.input.active

    def go(self) -> None:
        """Feed, unless paused; the read timeout counts from now."""
        self._stopped = False
        self._quiet = 0.0
        self._go_on()

    def stop(self) -> None:
        """Feed no more, until `go`."""
        self._stopped = True
        self._withdraw()

    def pause(self) -> None:
        """Feed nothing while the program does not want it; once more is harmless."""
        self.paused = True
        self._withdraw()

    def resume(self, *, restart: bool = False) -> None:
        """Feed again, with the limit counted from now if `restart`; once more is harmless."""
        self.paused = False
        if restart:
            self.retime(self._state.input.timeout)
        self._go_on()

    def change(self, protocol: BaseProtocol) -> None:
        """Feed another protocol from now on."""
        self._withdraw()
        self._protocol = protocol
        self._feed = None
        self._go_on()

    def limit_rate(self, meter: Meter | None) -> None:
        """Feed by another meter from now on; None for none."""
        self._withdraw()
        if self.meter is not None:
            self.meter.leave()
        self.meter = meter
        self._feed = None
        self.refill()

    def run_dry(self) -> None:
        """Feed nothing until it is our turn; the read timeout stands still."""
        self._dry = True
        self._withdraw()

    def refill(self) -> None:
        """Feed again: it is our turn."""
        self._dry = False
        self._go_on()

    def end(self) -> None:
        """Feed no more, for good: the connection has ended, and its queue with it."""
        self._stopped = True

    def let_go(self) -> None:
        """Know nobody any more: the connection has ended, and everybody has been told."""
        self._feed = self._protocol = self._transport = None

    def retime(self, timeout: float | None) -> None:
        """Set how many seconds may pass without an arrival, counted from now."""
        self._state.input.timeout = timeout
        self._quiet = 0.0
        if self.active:
            self._state.input.retime(timeout)

    def _go_on(self) -> None:
        """Let the feed run, if nothing stands against it."""
        state = self._state
        if self._held_up:
            return
        if state.unread_count:
            state.later(self._deliver_unread)
        elif not self.over:  # else the end has been told already
            feed = self._feed
            if feed is None:
                feed = self._feed = feed_of(self._protocol, self.meter)
            feed.order(self._transport.input_ended)  # its timeout is whatever the queue's is now
            state.input.start(feed)
            if self._quiet:
                state.input.retime(feed.timeout, self._quiet)

    def _withdraw(self) -> None:
        if self.active:
            state = self._state
            now = state.collection.clock()
            # Inside the hook itself something has just arrived.
            since = now if state.input.running else self._feed.since  # type: ignore[union-attr]  # it is active
            self._quiet = now - since
            self._transport.moved(since)
            state.input.withdraw()

    def _deliver_unread(self) -> None:
        """Deliver what had arrived before there was a feed, one buffer at a time."""
        state = self._state
        if self._held_up:
            return
        if state.unread_count:
            feed = feed_of(self._protocol)
            if isinstance(feed, Feed):
                data = state.unread.take()
                self._count(len(data))
                feed.receiver.data_received(data)
            else:
                view = feed.lend(len(state.unread))
                if not self._held_up and feed.receiver is self._protocol:  # else it is not for it
                    count = state.unread.move_into(view)
                    self._count(count)
                    feed.receiver.buffer_updated(count)
        self._go_on()

    def _count(self, count: int) -> None:
        """Count what has come past the feed: a limit may owe it, and is paid back before more."""
        if self.meter is not None:
            self.meter.count(count)

    def __repr__(self) -> str:
        condition = "paused" if self.paused else "stopped" if self._stopped else "running"
        return f"<Feeding of {self._protocol!r}, {condition}>"


def feed_of(protocol: Any, meter: Meter | None = None) -> Feed | BufferedFeed:
    """Return the operation that feeds a protocol; asyncio's own classes fit too."""
    if isinstance(protocol, BufferedProtocol) or not hasattr(protocol, "data_received"):
        return BufferedFeed(protocol) if meter is None else MeteredBufferedFeed(protocol, meter)
    return Feed(protocol) if meter is None else MeteredFeed(protocol, meter)
