"""Streams: the delivery of a protocol on a stream of bytes.

The host may be slow, or stand still; the connection is not read then, and its peer comes to feel
it. The protocol may pause, and everything waits for it but, after a while, the end.
"""

import functools
from collections.abc import Callable
from typing import Final

from reactor.flow.feeding import feed_of
from reactor.hosts.aside.delivery import EVENT_SIZE, Delivery, Way
from reactor.hosts.delivered import DeliveredTransport
from reactor.operations.streams import BufferedFeed, Feed
from reactor.protocol import BaseProtocol
from reactor.transport import DRAIN_TIMEOUT, Transport

INPUT_LIMIT_HIGH: Final = 524_288  # bytes not delivered above which a connection is not read
INPUT_LIMIT_LOW: Final = 131_072  # bytes not delivered at which it is read again


class DeliveredProtocol(Delivery):
    """The hooks of a protocol that lives in another thread; made by a delivered factory.

    Thread: hooks the owner's, the rest the host's. Calls back: hooks of the protocol, from the
    host's loop only. Source: HO-03, HO-04, PR-04.
    """

    __slots__ = ("_feed", "_full", "_skipped", "paused")

    def __init__(self, way: Way, factory: Callable[[], BaseProtocol]) -> None:
        super().__init__(way, factory)
        self._feed: Feed | BufferedFeed | None = None  # how the protocol takes what comes
        self._full = False  # so the connection is not read
        self._skipped = 0  # calls that came while the protocol was paused
        self.paused = False  # by the protocol

    # Hooks, in the thread of the collection.

    def data_received(self, data: bytes) -> None:
        """Have it delivered; if too much waits, read no more for now."""
        self._came += len(data) + EVENT_SIZE
        self._put(self._received, data)
        if not self._full and self.waiting > INPUT_LIMIT_HIGH:
            self._full = True
            self._transport.pause_reading()
            self.look_again()

    def eof_received(self) -> bool:
        """Have it delivered, and stay open until the protocol has been asked."""
        self._put(self._ended, None)
        return True

    def look_again(self) -> None:
        """Read again, if not much waits any more."""
        if self._full and self.waiting <= INPUT_LIMIT_LOW:
            self._full = False
            self._transport.resume_reading()

    def _face_of(self, transport: Transport) -> DeliveredTransport:
        return DeliveredTransport(self, self._way, transport)

    # In the host's thread.

    def change(self, protocol: BaseProtocol | None) -> None:
        """Let another protocol have every call from now on; None for nobody."""
        super().change(protocol)
        self._feed = None if protocol is None else feed_of(protocol)

    def silence(self) -> None:
        """Deliver nothing but the end from now on, even in a pause."""
        super().silence()
        self.go_on()

    def go_on(self) -> None:
        """Deliver what was skipped in a pause."""
        self.paused = False
        skipped, self._skipped = self._skipped, 0
        for _ in range(skipped):
            self._way.pass_on(self._deliver, self.context)

    def end_pause(self, gone: int | None = None) -> None:
        """Deliver the end, and nothing before it, unless more has gone than that meanwhile."""
        if self.paused and gone in {None, self._gone}:
            self.silence()

    def _skips(self) -> bool:
        if not self.paused or self.over:
            return False
        self._skipped += 1
        if self._skipped == len(self._events) and self._events[-1][0] == self._lost:
            self._limit_pause()
        return True

    def _limit_pause(self) -> None:
        """Let nothing but the end wait for a protocol that may never resume: it is the last call.

        As with any transport there is a limit, and it is for a pause in which nothing is taken.
        """
        end = functools.partial(self.end_pause, self._gone)
        pass_on = functools.partial(self._way.pass_on, end, self.context)
        call_later = self._way.collection.call_later
        self._way.ask_or_else(functools.partial(call_later, DRAIN_TIMEOUT, pass_on), pass_on)

    def _received(self, data: bytes | memoryview) -> None:
        """Deliver data: all of it, or what fits into the buffer that the protocol lends."""
        count = size = len(data)
        try:
            if self.over:
                return
            if isinstance(self._feed, Feed):
                self._feed.receiver.data_received(bytes(data))
            elif (feed := self._feed) is not None:
                view = feed.lend(size)
                count = min(len(view), size)
                view[:count] = data[:count]
                feed.receiver.buffer_updated(count)  # who lent it, though it has left meanwhile
        finally:
            self._gone += count if count < size else count + EVENT_SIZE
            if self._full and self.waiting <= INPUT_LIMIT_LOW:
                self._way.ask(self.look_again)
        if count < size:
            self._events.appendleft((self._received, memoryview(data)[count:]))
            self._way.pass_on(self._deliver, self.context)

    def _ended(self, nothing: object) -> None:
        if not self.over and not self.protocol.eof_received():
            self._face.close()
