"""Connection: a channel in a collection, with a queue of operations for each direction.

It is what a state of the program and a transport of a protocol have in common: who is stepped when
the descriptor is ready, what is wanted of it, what a loss on one side means for the other, and how
it all ends. The verbs by which operations come into the queues are upstairs.

Both directions go their own ways. Only TLS needs them at one time: while it is attached, detached
or shaking hands the connection is SWITCHING, and no operation may be started.
"""

import enum
import math
from collections.abc import Callable
from threading import get_ident
from typing import Any, Final, Literal, TypeAlias, cast

from reactor.channel.adopting import channel_of, keep_socket, timeout_of
from reactor.channel.base import BytesLike, Channel
from reactor.channel.lost import Lost, raise_if_failed
from reactor.channel.socket_channel import OwnedSocket
from reactor.channel.tls import TLSChannel
from reactor.channel.unresolved import Unresolved
from reactor.errors import (
    Address,
    EndOfStream,
    InternalError,
    OperationInProgress,
    OperationNotAllowed,
    ReactorError,
    SocketError,
    StateClosed,
    address_text,
)
from reactor.interest import READ, WRITE
from reactor.loop.collection import WaitStateCollection
from reactor.loop.wait_state import Reader
from reactor.operations.exchanges import Exchange, Handshake, Unwrap
from reactor.operations.operation import Operation
from reactor.operations.read_buffer import ReadBuffer
from reactor.state.farewell import part_from
from reactor.state.operation_queue import BLOCKED, OperationQueue, QueueOwner

Callback: TypeAlias = Callable[..., object]

INPUT_LIMIT: Final = 16 << 20  # unread bytes
OUTPUT_LIMIT: Final = 16 << 20  # bytes that wait behind the write that runs


class Mode(enum.IntEnum):
    """What may be asked of a state; powers of two, so that a set of modes is a mask."""

    CONNECTING = 1
    OPEN = 2
    SWITCHING = 4
    CLOSED = 8
    RESOLVING = 16  # the peer of a datagram state is being looked up: operations wait for it


MOVES: Final[dict[int, int]] = {
    Mode.CONNECTING: Mode.OPEN | Mode.CLOSED,
    Mode.OPEN: Mode.SWITCHING | Mode.CLOSED,
    Mode.SWITCHING: Mode.OPEN | Mode.CLOSED,
    Mode.CLOSED: 0,
    Mode.RESOLVING: Mode.OPEN | Mode.CLOSED,
}


# A member of an enum costs more than the number that it is.
CONNECTING: Final[int] = Mode.CONNECTING.value
OPEN: Final[int] = Mode.OPEN.value
SWITCHING: Final[int] = Mode.SWITCHING.value
CLOSED: Final[int] = Mode.CLOSED.value
RESOLVING: Final[int] = Mode.RESOLVING.value

# In these modes operations can be started, and stopped.
OPEN_TO_OPERATIONS: Final[int] = OPEN | RESOLVING

# What is being waited for when a verb cannot be used: the word for errors.
PHASES: Final = {CONNECTING: "connect", RESOLVING: "resolve", SWITCHING: "handshake"}

# Connections of these modes have nothing to wait for.
WITHOUT_CHANNEL: Final[int] = CONNECTING | RESOLVING | CLOSED


class Connection(QueueOwner):
    """A connection in a collection.

    Args:
        collection: where it belongs, for all its life.
        object: a connected stream socket, a datagram socket, a descriptor of either, or a channel;
            None only while it is still being connected.
        unread: bytes that have been received already; the first read sees them first.
        direction: "in" or "out", for the figures: whether it was accepted, or begun by us.

    Thread: the owner's; attributes may be read by all. Calls back: from the loop only.
    Source: LW-065 to LW-067, LW-115 to LW-124.
    """

    __slots__ = (
        "_mode",
        "_output",
        "_socket_timeout",
        "_unread",
        "direction",
        "face",
        "input",
        "layered",
        "object",
        "on_closed",
        "server_name",
    )

    def __init__(
        self,
        collection: WaitStateCollection,
        object: Any,  # noqa: A002  # the name of the contract
        unread: BytesLike = b"",
        *,
        direction: str = "in",
    ) -> None:
        collection.owner.check()
        timeout = timeout_of(object)
        channel = None if object is None else channel_of(object)
        super().__init__(collection, channel)
        self.object = object
        self._socket_timeout = timeout  # the socket's own, for who gets it back
        self.direction = direction
        self._unread = ReadBuffer(unread) if unread else None  # made when there are some
        self.layered = isinstance(channel, TLSChannel)
        self.server_name: Any = None  # the host that it was connected to
        self.face: Any = None  # who stands for it: a transport; what connects it, until then
        self.on_closed: Callable[[Any], object] | None = None  # called once; for who counts us
        self._mode: int = OPEN
        if channel is None:
            self._mode = CONNECTING
        elif isinstance(channel, Unresolved):
            self._mode = RESOLVING
        self.input = OperationQueue(self, self.channel, limit=INPUT_LIMIT)
        self._output: OperationQueue | None = None  # made when something has to wait in it
        if self._mode == OPEN:
            collection.add(self)

    @property
    def carries_messages(self) -> bool:
        """Whether there are datagrams, not a stream of bytes."""
        return self.channel is not None and self.channel.carries_messages

    @property
    def unread(self) -> ReadBuffer:
        """The bytes that have arrived and that nobody has asked for yet."""
        if self._unread is None:
            self._unread = ReadBuffer()
        return self._unread

    @property
    def output(self) -> OperationQueue:
        """The operations that write; of a connection that only reads there is no queue."""
        if self._output is None:
            self._output = OperationQueue(self, self.channel, limit=OUTPUT_LIMIT)
            if self.closed:
                self._output.close(None)
        return self._output

    def set_write_timeout(self, timeout: float | None) -> None:
        """Set the seconds without progress after which a write fails, None for no limit."""
        if timeout is not None or self._output is not None:
            self.output.timeout = timeout

    @property
    def unread_count(self) -> int:
        """How many bytes are unread."""
        return 0 if self._unread is None else len(self._unread)

    @property
    def loss(self) -> ReactorError | None:
        """Why nothing can be sent any more, None if something can."""
        channel = None if self._output is None else self._output.channel
        return channel.status if isinstance(channel, Lost) else None

    @property
    def queues(self) -> tuple[OperationQueue, ...]:
        """The queues that there are."""
        return (self.input,) if self._output is None else (self.input, self._output)

    @property
    def closed(self) -> bool:
        """Whether the state is closed."""
        return self._mode == CLOSED

    @property
    def address(self) -> Address:
        """The address of this end, a pair `(host, port)`; stays after closing (LW-030)."""
        return self.channel.address if self.channel is not None else (None, None)

    @property
    def peer_address(self) -> Address:
        """The address of the other end, a pair `(host, port)`; stays after closing (LW-030)."""
        return self.channel.peer_address if self.channel is not None else (None, None)

    @property
    def tls_side(self) -> Literal["client", "server"] | None:
        """Which side of TLS is ours, None without TLS or if its switch has failed (LW-141, 145)."""
        lost = self.input.channel
        if isinstance(lost, Lost) and lost.status.phase in (Handshake.phase, Unwrap.phase):
            return None
        return self.channel.tls_side if isinstance(self.channel, TLSChannel) else None

    @property
    def tls_object(self) -> Any:
        """The `ssl.SSLObject` with version, cipher, certificate and ALPN choice, or None."""
        return self.channel.tls_object if isinstance(self.channel, TLSChannel) else None

    @property
    def bytes_in(self) -> int:  # type: ignore[override]  # nobody sets it
        """Bytes that reads have moved, those ahead of their time included."""
        return self.channel.traffic()[0] if self.channel is not None else 0

    @property
    def bytes_out(self) -> int:  # type: ignore[override]  # nobody sets it
        """Bytes that writes have moved, those that went past the queue included."""
        return self.channel.traffic()[1] if self.channel is not None else 0

    # Beginning, and ending.

    def connected(self, object: Any) -> None:  # noqa: A002  # as in the constructor
        """Be connected: from here on it is a state like any other, and what has waited begins."""
        self.object = object
        self._set_channel(channel_of(object))
        self.fd = self.channel.fileno()
        self._enter(OPEN)
        self.face = None
        self.collection.add(self)
        for queue in self.queues:
            if queue.phase == BLOCKED:
                queue.post()

    def failed_to_connect(self, error: SocketError | None = None) -> None:
        """Be closed: there will be no connection; what has waited for one ends with `error`."""
        for queue in self.queues:
            queue.close(error)
        self._enter(CLOSED)

    def close(self, *, keep_object: bool = False) -> int:
        """Close the connection in order; return the number of unread bytes.

        What runs or waits in line ends later with `StateClosed`. Under TLS the closing alert is
        sent, and the peer's awaited for a bounded time in the background. Again is harmless.

        Args:
            keep_object: leave the socket open, and blocking if it was; it is the caller's.

        Raises:
            OperationNotAllowed: `keep_object` under TLS. WrongThread, WrongProcess.

        Thread: the owner's. Calls back: never before it returns. Source: LW-134 to LW-137.
        """
        self.collection.owner.check(over=self.closed)
        if not self.closed:
            self._close(closed_error(self, "closed by the program"), keep_object=keep_object)
        return self.unread_count

    close_after_error = close  # what the error handler calls

    def end(self, *, abort: bool = False) -> None:
        """Close without a word to what runs; `abort` drops the connection instead of ending it.

        Thread: the owner's. Calls back: never. Source: PR-11.
        """
        if not self.closed:
            self._close(None, abort=abort)

    def release(self) -> tuple[Channel, bytes]:
        """Give the channel and the unread bytes away; the state is closed, the connection is not.

        `AsyncIOState(collection, *state.release())` goes on with it without losing a byte.

        Raises:
            OperationInProgress: a direction is active. SocketError: the failure of the input, if
            it has failed: nobody else would hear of that. StateClosed, WrongThread.

        Thread: the owner's. Calls back: never. Source: LW-138.
        """
        self._check_idle("release")
        raise_if_failed(self.input.channel)
        channel, unread = self.channel, self.unread.take()
        self.collection.remove(self)
        for queue in self.queues:
            queue.close(None)
        self._enter(CLOSED)
        return channel, unread

    def begin_tls(self, plan: Any, callback: Callback, timeout: float | None) -> None:
        """Do as `attach_tls` by a plan that was made before."""
        engine = plan.engine()
        engine.feed(self.unread.take())
        self._set_channel(TLSChannel(self.channel, engine, close_timeout=plan.close_timeout))
        self._exchange(Handshake(), callback, timeout)
        if self.input.running:
            self.input.post()  # who calls back without TLS does not settle afterwards

    # From the loop.

    def reader(self) -> Reader | None:
        """Return who acts when there is input; without TLS the queue needs nobody else."""
        plain = self.context is None and not self.layered
        return self.input if plain else super().reader()

    def on_readable(self) -> None:
        """Let the input go on; if that was all there is, there is nothing to settle."""
        queue = self.input
        if not self.layered:
            queue.proceed()
            return
        if queue.phase != BLOCKED or self.wanted != READ:
            self._ready(READ)
            return
        try:
            queue.proceed()
        finally:
            output = self._output
            try:
                rests = self.channel.rest()
            except SocketError as error:
                self._lose_output(error)
                rests = False
            if (
                not rests
                or queue.phase != BLOCKED
                or (output is not None and output.phase == BLOCKED)
            ):
                self.settle()

    def on_writable(self) -> None:
        """Let the output go on; one who has nothing to write is ready for it all the time."""
        if self.layered:
            self._ready(WRITE)
            return
        try:
            self.output.proceed()
        finally:
            self.settle()

    def settle(self, *, forget: bool = False) -> None:
        """Bring what is wanted of the descriptor up to date, and flush what is held.

        An interest in input outlives its operation until something arrives: mostly the next
        operation is there by then, and two system calls are saved. `forget` ends it.
        """
        if self._mode & WITHOUT_CHANNEL:
            return
        channel = self.channel
        wanted = 0 if forget else self.wanted & READ
        if channel.holds_output:
            wanted |= self._flush()
            if self.closed:
                return  # the transport has ended it, as its output is lost
        queue = self.input
        if queue.phase == BLOCKED and queue.posted is None:
            want = queue.want()
            # Who waits for a way out would be stepped in vain, again and again.
            if (
                want & READ
                and channel.holds_input
                and cast(Operation, queue.operation).uses_held(channel)
            ):
                queue.post()
            else:
                wanted |= want
        output = self._output
        if output is not None and output.phase == BLOCKED and output.posted is None:
            wanted |= output.want()
        if wanted != self.wanted:
            try:
                self.collection.want(self, wanted)
            except SocketError as error:  # what cannot be watched is lost
                self.input.lose(error)
                self.output.lose(error)

    def lost(self, queue: OperationQueue, status: SocketError) -> None:
        """Let output fail too, as input has: the connection is lost."""
        if queue is self.input:
            self.output.lose(status)

    def close_silently(self) -> None:
        """Close without a callback: the collection is being closed."""
        if self.closed:
            return  # by the last call of another protocol
        # With output left, the stream must not look complete to the peer.
        unsent = self._output is not None and self._output.active
        for queue in self.queues:
            queue.close(None)
        self.collection.remove(self)
        self._enter(CLOSED)
        if self.face is not None:
            self.face.collection_closed()
        if self.channel is not None:
            try:
                if self.layered and not unsent:
                    self.channel.write_eof()
            except ReactorError:
                pass  # it was worth a try
            self.collection.retire(self.channel)

    def on_exception(self, exception: Exception) -> bool:
        """Let the transport end the connection, if this is one of a protocol."""
        return self.face is not None and bool(self.face.failed(exception))

    # Inside.

    def _check_usable(self, verb: str, modes: int = OPEN) -> None:
        """Raise unless a verb may be used now: in one of these modes."""
        if self.collection.owner.thread != get_ident():
            self.collection.owner.check()
        if self._mode & modes:
            return
        if self._mode == CLOSED:
            raise closed_error(self, f"nothing can be done with it any more, not even {verb}")
        phase = PHASES[self._mode]
        raise OperationInProgress(
            f"{self!r} is not ready for {verb}: wait for the callback of its {phase}",
            phase=phase,
            connection=self,
        )

    def _check_idle(self, verb: str) -> None:
        self._check_usable(verb)
        for queue in self.queues:
            if queue.active:
                raise OperationInProgress(
                    f"cannot {verb} {self!r} while {queue!r}: abort it, or wait for its callback",
                    connection=self,
                )

    def _exchange(self, operation: Exchange, callback: Callback, timeout: float | None) -> None:
        self._enter(SWITCHING)
        lost = self.input.channel
        if isinstance(lost, Lost) and isinstance(lost.status, EndOfStream):
            self.input.channel = self.channel  # the end of TLS is not the end of what is below

        def exchanged(state: object, error: ReactorError | None) -> None:
            if self._mode == SWITCHING:
                self._enter(OPEN)
            if error is not None and not isinstance(self.output.channel, Lost):
                self.output.lose(error)
            callback(self, error)

        limit = math.inf if timeout is None else timeout
        self.input.start(operation.order(exchanged, timeout=limit))

    def _set_channel(self, channel: Channel) -> None:
        self.channel = channel
        for queue in self.queues:
            queue.channel = channel
            queue.status = None
        self.layered = isinstance(channel, TLSChannel)
        self.collection.rebind(self)

    def _ready(self, mask: int) -> None:
        """Let go on whoever waits for this readiness: under TLS either direction may."""
        nobody = True
        try:
            for queue in self.queues:
                if queue.phase == BLOCKED and (want := queue.want()) & mask:
                    nobody = False
                    # Room is no arrival: what is held leaves without a read that waits for one.
                    if queue is self.input and want != mask == WRITE and self._mode == OPEN:
                        continue
                    queue.proceed()
        finally:
            self.settle(forget=nobody and mask == READ)

    def _lose_output(self, error: SocketError) -> None:
        self.output.lose(error)
        if self.face is not None:
            self.face.output_failed(error)

    def _flush(self) -> int:
        """Push what the channel holds; return what to wait for if it is not all."""
        try:
            flushed = self.channel.flush()
        except SocketError as error:
            self._lose_output(error)
            return 0
        if flushed:
            return 0
        if self.face is not None and not (self._output and self._output.active):
            self.face.held_up()
        return self.channel.write_want

    def _close(
        self, status: StateClosed | None, *, keep_object: bool = False, abort: bool = False
    ) -> None:
        """Close; what runs or waits ends with `status`, or without a word."""
        if keep_object and not isinstance(self.channel, OwnedSocket):
            raise OperationNotAllowed(
                f"{self!r} has no socket to give away: detach_tls() first, or release()",
                connection=self,
            )
        connecting = self._mode & (CONNECTING | RESOLVING)
        counted, self.on_closed = self.on_closed, None
        farewell = None
        if self.channel is not None:
            self.collection.health.moved(*self.channel.traffic())
        for queue in self.queues:
            queue.close(status)
        self.collection.remove(self)
        self._enter(CLOSED)
        if connecting:
            self.face.cancel(status)
        elif isinstance(self.channel, OwnedSocket) and keep_object:
            self.object = keep_socket(self.object, self.channel, self._socket_timeout)
        elif abort:
            self.collection.close_later(Aborting(self.channel))
        else:
            farewell = part_from(self.collection, self.channel)
        if counted is not None:
            if farewell is None:
                counted(self)
            else:  # it has a descriptor still: a silent peer must not get round the limits
                farewell.on_over = lambda _: counted(self)

    def _enter(self, mode: int) -> None:
        if not MOVES[self._mode] & mode:
            raise InternalError(
                f"{self!r} cannot go from {Mode(self._mode).name} to {Mode(mode).name}"
            )
        self._mode = mode
        if mode == CLOSED and self.on_closed is not None:
            self.on_closed(self)

    def __repr__(self) -> str:
        peer = address_text(self.peer_address)
        return f"<{type(self).__name__} to {peer}{' closed' if self.closed else ''}>"


class Aborting:
    """A channel that is aborted when it is closed."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def close(self) -> None:
        """Drop the connection."""
        self._channel.abort()


def closed_error(state: Connection, why: str) -> StateClosed:
    """Make the error that a state is closed."""
    return StateClosed(
        f"{state!r} is closed: {why}", phase="close", peer=state.peer_address, connection=state
    )
