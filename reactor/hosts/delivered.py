"""A protocol in the thread of a host, and its connection in the thread of a collection.

Two objects stand between them. `DeliveredProtocol` is what the transport sees: each call of a hook
becomes an event, and waits in line until the host makes it. `DeliveredTransport` is what the
protocol sees: each verb becomes a call in the thread of the collection.

    Transport ──► DeliveredProtocol ── events, in order ──► protocol    counted up / counted down
    Transport ◄── verbs, in order ─── DeliveredTransport ◄── protocol   counted down / counted up

What is under way is the difference of two counters, each of which one thread writes and both read:
so no lock is needed. Whoever stops because of a difference looks at it once more, since the other
one may have counted just before and not have seen that somebody stops.
"""

import functools
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any, Final, Protocol, TypeAlias

from reactor.channel.base import BytesLike
from reactor.deadline import check_timeout
from reactor.errors import BrokenPipe, LimitExceeded, ReactorError, StateClosed, WrongThread
from reactor.flow.close_report import CloseReport
from reactor.flow.feeding import feed_of
from reactor.loop.collection import WaitStateCollection
from reactor.loop.wait_state import current_context
from reactor.operations.streams import BufferedFeed, Feed
from reactor.protocol import BaseProtocol
from reactor.transport import DRAIN_TIMEOUT, Transport

INPUT_LIMIT_HIGH: Final = 524_288  # bytes not delivered above which a connection is not read
INPUT_LIMIT_LOW: Final = 131_072  # bytes not delivered at which it is read again
# Bytes that an event, or a write, counts for beside its data: about what it takes, so that single
# bytes have a limit, too.
EVENT_SIZE: Final = 256

Event: TypeAlias = tuple[Callable[[Any], object], Any]


class Way(Protocol):
    """What a delivered protocol needs of its guest."""

    closed: bool
    collection: WaitStateCollection

    @property
    def at_home(self) -> bool:
        """Whether the caller is in the host's thread."""

    def pass_on(self, call: Callable[[], object], context: Context | None) -> None:
        """Make a call in the host's loop."""

    def ask(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in the thread of the collection."""

    def ask_or_else(self, function: Callable[[], object], otherwise: Callable[[], object]) -> None:
        """Call a function there, or else another one somewhere: the collection has been closed."""

    def report(self, thing: object, exception: BaseException, tell: Callable[[], object]) -> None:
        """Call `tell` in the thread of the collection, or have it in the log."""

    def closed_error(self) -> StateClosed:
        """Say that the guest is closed."""


class DeliveredProtocol(BaseProtocol):
    """The hooks of a protocol that lives in another thread; made by a delivered factory.

    What is the program's, the factory and the protocol, is let go in the host's thread: there are
    toolkits whose objects must not die in another one.

    Args:
        way: to the host and back.
        factory: called in the host's thread; returns the protocol.

    Thread: hooks the owner's, the rest the host's. Calls back: hooks of the protocol, from the
    host's loop only. Source: HO-03, HO-04, PR-04.
    """

    __slots__ = (
        "_came",
        "_events",
        "_face",
        "_factory",
        "_feed",
        "_full",
        "_gone",
        "_skipped",
        "_way",
        "context",
        "over",
        "paused",
    )

    def __init__(self, way: Way, factory: Callable[[], BaseProtocol]) -> None:
        self._way = way
        self._factory: Callable[[], BaseProtocol] | None = factory
        self.context = current_context()
        self._events: deque[Event] = deque()
        self._face: DeliveredTransport | None = None
        self._came = self._gone = 0  # bytes: the one the collection's thread counts, one the host's
        self._full = False  # so the connection is not read
        self._feed: Feed | BufferedFeed | None = None
        self._skipped = 0  # calls that came while the protocol was paused
        self.paused = False  # by the protocol
        self.over = False  # nothing but the end is delivered any more

    # Hooks, in the thread of the collection.

    def connection_made(self, transport: Transport) -> None:
        """Have the protocol made, and told."""
        self._face = DeliveredTransport(self, self._way, transport)
        self._put(self._made, self._face)

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

    def pause_writing(self) -> None:
        """Count no more of what the transport takes as gone."""
        if self._face is not None:
            self._face.hold(True)

    def resume_writing(self) -> None:
        """Count it as gone."""
        if self._face is not None:
            self._face.hold(False)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Have it delivered, behind everything else; held by the collection until it has been."""
        self._events.append((self._lost, exc))
        if self._way.closed and self._way.at_home:
            self.close()
        else:
            self._way.pass_on(self._deliver, self.context)
            self._way.collection.held.add(self)  # `_lost` lets go, in a turn behind this one

    def close(self) -> None:
        """Make all calls now, or have them made: the collection ends, and nobody will later."""
        if not self._way.closed:
            self._way.pass_on(self._end_pause, self.context)
        elif self._way.at_home:
            while self._events:
                self.over |= self.paused
                self._deliver()

    @property
    def waiting(self) -> int:
        """How many bytes have come and were not delivered yet, each event counted as some more."""
        return self._came - self._gone

    def look_again(self) -> None:
        """Read again, if not much waits any more."""
        if self._full and self.waiting <= INPUT_LIMIT_LOW:
            self._full = False
            self._transport.resume_reading()

    def _put(self, handler: Callable[[Any], object], argument: object) -> None:
        self._events.append((handler, argument))
        self._way.pass_on(self._deliver, self.context)

    @property
    def _transport(self) -> Transport:
        assert self._face is not None  # there is one since `connection_made`
        return self._face.transport

    # In the host's thread.

    @property
    def protocol(self) -> Any:
        """Whose the connection is; None before it is made, and when it has had the last call."""
        return None if self._feed is None else self._feed.receiver

    @protocol.setter
    def protocol(self, protocol: BaseProtocol) -> None:
        self._feed = feed_of(protocol)

    def go_on(self) -> None:
        """Deliver what was skipped in a pause."""
        self.paused = False
        skipped, self._skipped = self._skipped, 0
        for _ in range(skipped):
            self._way.pass_on(self._deliver, self.context)

    def failed(self, exception: Exception) -> None:
        """End the connection: a hook has raised this; nothing but the end is delivered now."""
        self.over = True
        self.go_on()
        transport = self._transport
        self._way.report(transport, exception, functools.partial(transport.failed, exception))

    def _deliver(self) -> None:
        """Deliver the next event."""
        if not self._way.at_home:  # the guest is closed, and the collection runs elsewhere
            self._transport.failed(self._way.closed_error())
        elif self.paused and not self.over:
            self._skipped += 1
            if self._skipped == len(self._events) and self._events[-1][0] == self._lost:
                self._limit_pause()
        elif self._events:
            self.attempt(*self._events.popleft())

    def _limit_pause(self) -> None:
        """Let nothing but the end wait for a protocol that may never resume: it is the last call.

        As with any transport there is a limit, and it is for a pause in which nothing is taken.
        """
        end = functools.partial(self._end_pause, self._gone)
        pass_on = functools.partial(self._way.pass_on, end, self.context)
        call_later = self._way.collection.call_later
        self._way.ask_or_else(functools.partial(call_later, DRAIN_TIMEOUT, pass_on), pass_on)

    def _end_pause(self, gone: int | None = None) -> None:
        """Deliver the end, and nothing before it, unless more has gone than that meanwhile."""
        if self.paused and gone in {None, self._gone}:
            self.over = True
            self.go_on()

    def attempt(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call something of the program; if it raises, that ends the connection."""
        try:
            function(*arguments)
        except Exception as exception:  # noqa: BLE001  # user code
            self.failed(exception)

    def _made(self, face: "DeliveredTransport") -> None:
        factory, self._factory = self._factory, None
        assert factory is not None
        self._feed = feed_of(factory())
        self.protocol.connection_made(face)

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
        assert self._face is not None
        if not self.over and not self.protocol.eof_received():
            self._face.close()

    def resumed(self) -> None:
        """Tell the protocol that it may write again."""
        assert self._face is not None
        self._face.resumed()
        if not self.over:
            self.attempt(self.protocol.resume_writing)

    def _lost(self, exception: BaseException | None) -> None:
        protocol, self.over = self.protocol, True
        self._feed = self._factory = None
        self._way.ask(self._way.collection.held.discard, self)
        if protocol is not None:
            protocol.connection_lost(exception)

    def __repr__(self) -> str:
        return f"<DeliveredProtocol of {self.protocol!r}>"


class DeliveredTransport:
    """What a protocol in the host's thread sees of its connection; made by its delivery.

    The verbs of a transport that a protocol needs day by day, for the host's thread. What else
    there is, `set_timeouts` for example, is asked of the real one, in its own thread:
    `collection.apply(functools.partial(delivered.transport.set_timeouts, idle=60.0))`. TLS begins
    with the connection or not at all.

    Attributes:
        transport: the `Transport`, which belongs to the thread of the collection.

    Thread: the host's. Calls back: `pause_writing`, inside `write`. Source: HO-03, PR-04 to PR-11.
    """

    __slots__ = (
        "_delivery",
        "_eof_asked",
        "_given",
        "_held",
        "_high",
        "_kept",
        "_low",
        "_paused",
        "_resuming",
        "_taken",
        "_way",
        "transport",
    )

    def __init__(self, delivery: DeliveredProtocol, way: Way, transport: Transport) -> None:
        self.transport = transport
        self._delivery = delivery
        self._way = way
        self._eof_asked = False
        self._low, self._high = transport.get_write_buffer_limits()
        self._given = self._taken = 0  # bytes: by the protocol, by the transport
        self._kept = 0  # bytes that the transport has taken while it had too many
        self._held = False  # so it has now
        self._paused = False  # so the protocol was told to write no more
        self._resuming = False  # and that it may is on its way

    # Verbs.

    def write(self, data: BytesLike) -> None:
        """Send bytes, after those that were written before; never block.

        Args:
            data: bytes-like, any number of bytes; yours again when this returns.

        Raises:
            LimitExceeded: as much waits already as the output limit (16 MiB) allows, each write
            counted as 256 bytes more.
            StateClosed: the protocol has closed it, or had its last call. BrokenPipe: after
            `write_eof`. WrongThread: this is not the host's. TypeError: not bytes-like.

        Thread: the host's. Calls back: `pause_writing`, at most. Source: PR-05, PR-06.
        """
        self._check_open("write")
        if self._eof_asked:
            raise BrokenPipe("write after write_eof", phase="write", connection=self)
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))
        if not data:
            return
        waiting, limit = self.get_write_buffer_size(), self.transport.output_limit
        # Below its high mark the transport may hold some that do not wait here; and one write is
        # always taken when none waits, as by any transport.
        rest = max(1, limit - self._high)
        if waiting >= rest or self.transport.get_write_buffer_size() >= max(1, limit):
            raise LimitExceeded(
                f"{waiting} bytes wait to be sent already and the limit is {limit}: stop at"
                " pause_writing()",
                identifier="output-limit",
                phase="write",
                connection=self,
            )
        self._given += len(data) + EVENT_SIZE
        pause = not self._paused and self.get_write_buffer_size() > self._high
        self._paused |= pause  # before the transport can have it, and look whether we are
        self._way.ask(self._send, data)
        if pause:
            self._delivery.attempt(self._delivery.protocol.pause_writing)

    def writelines(self, list_of_data: Iterable[BytesLike]) -> None:
        """Send many pieces, as one `write` of all of them.

        Args:
            list_of_data: bytes-like objects.

        Raises:
            LimitExceeded, StateClosed, BrokenPipe, WrongThread, TypeError: as `write`.

        Thread: the host's. Calls back: `pause_writing`, at most. Source: PR-05.
        """
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """End our direction when the output has gone; once more is harmless.

        Raises:
            StateClosed: the protocol has closed it, or had its last call. WrongThread.

        Thread: the host's. Calls back: never. Source: PR-08.
        """
        self._check_open("write_eof")
        self._eof_asked = True
        self._way.ask(self._do, self.transport.write_eof)

    def close(self, drain_timeout: float | None = DRAIN_TIMEOUT) -> None:
        """Send the output, then end; only `connection_lost` is still called. Once more is harmless.

        Args:
            drain_timeout: seconds without progress after which what is left is dropped, None for
                no limit.

        Raises:
            ValueError: not above 0. WrongThread.

        Thread: the host's. Calls back: never. Source: PR-11.
        """
        check_timeout("drain_timeout", drain_timeout)
        self._end(self.transport.close, drain_timeout)

    def abort(self) -> None:
        """End at once; what waits is lost. Once more is harmless.

        Raises:
            WrongThread: this is not the host's.

        Thread: the host's. Calls back: never. Source: PR-11.
        """
        self._end(self.transport.abort)

    def pause_reading(self) -> None:
        """Deliver nothing from now on, not even an end; once more is harmless.

        The last call comes all the same when the connection is lost, and nothing has been taken
        for 20 s since, or when the collection is closed.

        Raises:
            WrongThread: this is not the host's.

        Thread: the host's. Calls back: never. Source: PR-07.
        """
        self._check_thread()
        self._delivery.paused = True

    def resume_reading(self) -> None:
        """Deliver again, also what has come meanwhile; once more is harmless.

        Raises:
            WrongThread: this is not the host's.

        Thread: the host's. Calls back: never before it returns. Source: PR-07.
        """
        self._check_thread()
        self._delivery.go_on()

    def set_protocol(self, protocol: BaseProtocol) -> None:
        """Let another protocol have every call from now on; no byte is lost between them.

        Args:
            protocol: of either kind, `Protocol` or `BufferedProtocol`.

        Raises:
            WrongThread: this is not the host's.

        Thread: the host's. Calls back: never. Source: PR-09.
        """
        self._check_thread()
        self._delivery.protocol = protocol

    # Facts.

    def get_protocol(self) -> Any:
        """Return the protocol that gets the calls; None when it has had the last one.

        Thread: the host's. Calls back: never. Source: PR-09.
        """
        return self._delivery.protocol

    def is_reading(self) -> bool:
        """Return whether input is delivered.

        Thread: the host's. Calls back: never. Source: PR-07.
        """
        return not self._delivery.paused and not self._delivery.over

    def is_closing(self) -> bool:
        """Return whether the protocol has closed it, or had its last call.

        Thread: the host's. Calls back: never. Source: PR-11.
        """
        return self._delivery.over

    def can_write_eof(self) -> bool:
        """Return true: every stream here can be half closed.

        Thread: any. Calls back: never. Source: PR-08.
        """
        return True

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait, beside those that the transport may hold below its high mark.

        Each write counts for 256 bytes more.

        Thread: any. Calls back: never. Source: PR-06.
        """
        return self._given - self._taken

    def get_read_buffer_size(self) -> int:
        """Return how many bytes have been read, and wait to be delivered; each piece counts extra.

        Thread: any. Calls back: never. Source: PR-07.
        """
        return self._delivery.waiting

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the connection, as `Transport.get_extra_info` does.

        Args:
            name: one of the words there.
            default: what to return for any other name, and for a fact that there is not.

        Thread: any. Calls back: never. Source: PR-10.
        """
        return self.transport.get_extra_info(name, default)

    @property
    def close_report(self) -> CloseReport | None:
        """A `CloseReport`, in `connection_lost` and behind it; None before that."""
        return self.transport.close_report

    # For the delivery.

    def hold(self, held: bool) -> None:
        """Hear that the transport has too much to send, or little; in the collection's thread."""
        self._held = held
        if not held:
            kept, self._kept = self._kept, 0
            self._take(kept)

    def resumed(self) -> None:
        """Know that the protocol is told now that it may write again."""
        self._paused = self._resuming = False

    # Inside.

    def _send(self, data: bytes) -> None:
        self._kept += len(data) + EVENT_SIZE  # first: `write` may hold us, and let us go again
        self._do(self.transport.write, data)
        if not self._held:
            self.hold(False)

    def _do(self, verb: Callable[..., object], *arguments: Any) -> None:
        try:
            verb(*arguments)
        except LimitExceeded as error:
            self.transport.failed(error)  # nothing is dropped in silence
        except ReactorError:
            pass  # it has ended meanwhile, of which `connection_lost` tells

    def _take(self, count: int) -> None:
        self._taken += count
        if self._paused and not self._resuming and self.get_write_buffer_size() <= self._low:
            self._resuming = True
            # Past the events: it may have paused reading, until it may write again.
            self._way.pass_on(self._delivery.resumed, self._delivery.context)

    def _end(self, verb: Callable[..., object], *arguments: Any) -> None:
        self._check_thread()
        if not self._delivery.over or verb == self.transport.abort:
            self._delivery.over = True
            self._delivery.go_on()
            self._way.ask(self._do, verb, *arguments)

    def _check_thread(self) -> None:
        if not self._way.at_home:
            raise WrongThread(
                f"{self!r} belongs to the thread of the host, and this is another one"
            )

    def _check_open(self, verb: str) -> None:
        self._check_thread()
        if self._delivery.over:
            text = f"{self!r} is closing or closed, too late for {verb}"
            raise StateClosed(text, phase="close", connection=self)

    def __repr__(self) -> str:
        return f"<DeliveredTransport of {self.transport!r}>"
