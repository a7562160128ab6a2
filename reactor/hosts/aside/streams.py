"""Streams: the delivery of a protocol on a stream of bytes.

The host may be slow, or stand still; the connection is not read then, and its peer comes to feel
it. The protocol may pause, and everything waits for it but, after a while, the end.

When the protocol asks for TLS, what is in line came in clear, and lies behind the switch. From the
call on the host takes nothing out of the line; the thread of the collection does, and feeds it to
TLS, as if it had not been received yet. Then nothing comes into the line but how the switch ended,
and behind that what TLS has protected.

    start_tls ── parting ──► what waits goes to TLS ──► secured, or lost ──► what comes then
    the host takes nothing     the collection does         the host again
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Final

from reactor.errors import StateClosed
from reactor.flow.feeding import feed_of
from reactor.flow.switch import Switch
from reactor.hosts.aside.delivery import EVENT_SIZE, Way
from reactor.hosts.aside.pauses import PausingDelivery
from reactor.hosts.delivered import DeliveredTransport
from reactor.operations.streams import BufferedFeed, Feed
from reactor.protocol import BaseProtocol
from reactor.transport import Transport

INPUT_LIMIT_HIGH: Final = 524_288  # bytes not delivered above which a connection is not read
INPUT_LIMIT_LOW: Final = 131_072  # bytes not delivered at which it is read again


class DeliveredProtocol(PausingDelivery):
    """The hooks of a protocol that lives in another thread; made by a delivered factory.

    Thread: hooks the owner's, the rest the host's. Calls back: hooks of the protocol, from the
    host's loop only. Source: HO-03, HO-04, PR-04.
    """

    __slots__ = ("_feed", "_full", "_parting", "_switch", "_void")

    def __init__(self, way: Way, factory: Callable[[], BaseProtocol]) -> None:
        super().__init__(way, factory)
        self._feed: Feed | BufferedFeed | None = None  # how the protocol takes what comes
        self._full = False  # so the connection is not read
        self._switch: Switch | None = None  # to TLS, until the protocol has been told how it ended
        self._parting = False  # the line is the collection's, until it has given TLS what is there
        self._void = 0  # calls that are still to come for events that TLS was given

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

    def close(self) -> None:
        """Make all calls now, or have them made."""
        if self._way.closed:
            self._parting = False  # nobody gives TLS anything any more
        super().close()

    def _part(self, switch: Switch, unread: bytes) -> None:
        """Begin TLS with what the host has not taken; nothing may go on in clear if that fails."""
        transport = self._transport
        if transport.close_report is not None:
            self._parted()
            return
        early, taken = bytearray(unread), len(self._events)
        while self._events:
            handler, argument = self._events.popleft()
            if handler == self._received:
                early += argument
                self._came -= len(argument) + EVENT_SIZE

        def shaken(transport: Transport, error: BaseException | None) -> None:
            if error is None:  # else the end comes, and tells
                self._put(self._secured, taken)

        try:
            transport.begin_switch(Switch(switch.plan, shaken, switch.timeout), early)
        except StateClosed:
            pass  # somebody closes it there, and the end will be told
        except Exception as exception:  # noqa: BLE001  # also what an SSLContext of the program raises
            transport.failed(exception)
        self._parting = False
        self.look_again()

    def _parted(self) -> None:
        """Let the host take again what is in line: the connection has ended; in any thread."""
        self._parting = False
        with contextlib.suppress(StateClosed):
            self._way.pass_on(self._make_up, self.context)

    def _face_of(self, transport: Transport) -> DeliveredTransport:
        return DeliveredTransport(self, self._way, transport)

    # In the host's thread.

    def change(self, protocol: BaseProtocol | None) -> None:
        """Let another protocol have every call from now on; None for nobody."""
        super().change(protocol)
        self._feed = None if protocol is None else feed_of(protocol)

    @property
    def switching(self) -> bool:
        """Whether the protocol waits for TLS."""
        return self._switch is not None

    def begin_tls(self, switch: Switch, unread: bytes) -> None:
        """Attach TLS; what the protocol was not given yet goes there, behind `unread`."""
        self._switch = switch
        self._parting = True
        self._way.ask_or_else(functools.partial(self._part, switch, unread), self._parted)

    def _skips(self) -> bool:
        if self._void:
            self._void -= 1
            return True
        if self._parting or (self.switching and not self._events):
            self._skipped += 1
            return True
        return not self.switching and super()._skips()

    def _received(self, data: bytes | memoryview) -> None:
        """Deliver data: all of it, or what fits into the buffer that the protocol lends."""
        count = size = len(data)
        try:
            if self.over or self.switching:
                return
            if isinstance(self._feed, Feed):
                self._feed.receiver.data_received(bytes(data))
            elif (feed := self._feed) is not None:
                view = feed.lend(size)
                count = min(len(view), size)
                view[:count] = data[:count]
                if count < size:  # before the call, which may begin TLS: that takes the rest, too
                    self._events.appendleft((self._received, memoryview(data)[count:]))
                    self._way.pass_on(self._deliver, self.context)
                feed.receiver.buffer_updated(count)  # who lent it, though it has left meanwhile
        finally:
            self._gone += count if count < size else count + EVENT_SIZE
            if self._full and self.waiting <= INPUT_LIMIT_LOW:
                self._way.ask(self.look_again)

    def _ended(self, nothing: object) -> None:
        if not self.over and not self.switching and not self.protocol.eof_received():
            self._face.close()

    def _secured(self, taken: int) -> None:
        """Tell that TLS is up, unless the protocol has closed; then the end tells."""
        # For each event that TLS was given there was a call. What was skipped were calls of these.
        self._void, self._skipped = taken - self._skipped, 0
        if not self.over:
            self._tell(None)

    def _tell(self, error: BaseException | None) -> None:
        switch, self._switch = self._switch, None
        assert switch is not None
        self.attempt(switch.tell, self._face, error)

    def _lost(self, exception: BaseException | None) -> None:
        self.over = True  # the callback finds it closed
        if self._switch is not None:
            self._tell(exception or self._face.closed_error("TLS"))
        super()._lost(exception)
