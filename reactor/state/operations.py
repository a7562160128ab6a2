"""Operations: one read, write or handshake under way, to be stepped until it is done.

An operation never waits and knows no clock and no collection. Its `step` tries a channel and says
"done" or "not yet"; an error is raised. Whoever steps it does the waiting: the queue of a state,
for a collection, or `drive`, for a blocking call. That is why both run the very same reads, writes
and handshakes. Who is told of its end, and the limits it has, are written on the operation itself,
like an address and a date on a letter: a slip beside it would be one object more for each of them.

`Fill`, `Check`, `Wait` and `Send` are the verbs of a state. `Handshake` and `Unwrap` are TLS,
`Drain` is a polite end without it. What never ends by itself is in `streams` and `datagrams`.
"""

import logging
import socket
from collections.abc import Callable
from typing import Any, Final, Self, cast

from reactor.channel.base import Channel
from reactor.channel.tls import TLSChannel
from reactor.deadline import NEVER
from reactor.errors import (
    DeadlinePassed,
    EndOfStream,
    LimitExceeded,
    OperationTimeout,
    ReactorError,
    TLSHandshakeTimeout,
)
from reactor.state.read_buffer import ReadBuffer

# Bytes that one step may move: then it is the turn of others, even if the peer never pauses.
STEP_LIMIT: Final = 1 << 20

# Bytes asked for at once. With malloc primed (see `loop.collection`) a large request costs
# nothing, and a smaller one costs a system call more for every large message.
READ_SIZE: Final = 262_144

# A shorter read takes in what comes behind it as well: the next read then needs no system call.
READ_AHEAD_LIMIT: Final = 65_536

log: Final = logging.getLogger("reactor")


class CallbackRaised(Exception):
    """An envelope around an exception that user code raised in the midst of a step.

    The queue must tell it from a failure of the channel, even where it is of the same class.
    """

    def __init__(self, exception: Exception) -> None:
        super().__init__()
        self.exception = exception


class Operation:
    """Something under way on a channel, who is told of its end, and the limits it has.

    `timeout` is seconds, `deadline` a moment. `began` is the moment at which it was first in line,
    `since` that at which it was last stepped: a renewed timeout counts from there. They are kept by
    who does the waiting.

    `moved` counts bytes. `phase` is the word for errors; `renewed` tells whether a timeout is
    counted anew whenever bytes move, or once for all of it. `eager` operations are tried inside
    the call that starts them: they run no code of the user. `sticks` is false of datagrams: a
    failure of one says nothing about the next.

    Thread: the owner's. Calls back: from `report`, and of `Check`, `Feed` and `Pour` inside `step`.
    Source: LW-088, LW-097, LW-120, LW-121, LW-196.
    """

    __slots__ = (
        "began",
        "callback",
        "deadline",
        "error_callback",
        "moved",
        "since",
        "timeout",
    )

    phase: str = "read"
    renewed: bool = False
    eager: bool = False
    sticks: bool = True
    size: int = 0  # bytes that it is to move, if it knows
    counts: bool = True  # else `moved` only tells whether anything has: the channel knows more

    def __init__(self) -> None:
        # Not order(None): operations come by the message, and the call is a tenth of one.
        self.moved = 0
        self.callback: Callable[..., object] | None = None
        self.error_callback: Callable[..., object] | None = None
        self.timeout: float | None = None
        self.deadline = NEVER
        self.began = self.since = 0.0

    def order(
        self,
        callback: Callable[..., object] | None,
        error_callback: Callable[..., object] | None = None,
        timeout: float | None = None,
        deadline: float = NEVER,
    ) -> Self:
        """Say who is told of the end, and the limits; of one that is driven nobody is told."""
        self.callback = callback
        self.error_callback = error_callback
        self.timeout = timeout
        self.deadline = deadline
        return self

    def step(self, channel: Channel) -> bool:
        """Try, and return whether the operation is done.

        Raises:
            EndOfStream: the peer has ended before it was. SocketError: the channel failed.
        """
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether a step can do something although the channel is quiet."""
        return False

    def want(self, channel: Channel) -> int:
        """Return the readiness to wait for before the next step, a mask."""
        return channel.read_want

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Return what a callback gets behind the state."""
        return ()

    def limit(self) -> float:
        """Return the moment at which the running operation is out of time."""
        if self.timeout is None:
            return self.deadline
        start = self.since if self.renewed else self.began
        return min(self.deadline, start + self.timeout)

    def timeout_error(self, channel: Channel, state: object, now: float) -> OperationTimeout:
        """Make the error that says which limit has passed, and how far the operation came."""
        start = self.since if self.renewed else self.began
        kind, limit = OperationTimeout, self.timeout
        if self.deadline <= now:
            kind, limit = DeadlinePassed, max(0.0, self.deadline - self.began)
            what = "the deadline has passed"
        elif self.renewed:
            what = f"nothing moved for {limit:g} s"
        else:
            what = f"it was not over within {limit:g} s"
        if self.phase == "handshake":
            kind = TLSHandshakeTimeout
        moved = self.moved if self.counts else channel.traffic()[0]
        return kind(
            f"{what}; {moved} bytes were moved",
            phase=self.phase,
            limit=limit,
            elapsed=now - start,
            bytes_moved=moved,
            peer=channel.peer_address,
            connection=state,
        )

    def report(self, state: object, status: ReactorError | None) -> None:
        """Make the one final call: ends and timeouts to the callback, failures to theirs."""
        callback = self.callback
        if status is not None:
            failure = not isinstance(status, (EndOfStream, OperationTimeout))
            if callback is None or (failure and self.error_callback is not None):
                callback = self.error_callback
        if callback is not None:
            callback(state, *self.result(status))
        elif status is not None:
            log.warning("%r: %r failed and nobody is told: %s", state, self, status)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} moved {self.moved}>"


class Fill(Operation):
    """Fill a buffer completely.

    Source: LW-071 to LW-076.
    """

    __slots__ = ("_buffer", "_unread", "_view")

    def __init__(self, buffer: Any, view: memoryview, unread: ReadBuffer) -> None:
        super().__init__()
        self._buffer = buffer
        self._view = view
        self._unread = unread

    def step(self, channel: Channel) -> bool:
        """Take unread bytes first, then the channel's, until the view is full."""
        began = self.moved
        while self.moved < len(self._view):
            if self._unread.data:
                self.moved += self._unread.move_into(self._view[self.moved :])
                continue
            if self.moved - began >= STEP_LIMIT or not self._receive(channel):
                return False
        return True

    def ready(self) -> bool:
        """An empty view, and one that unread bytes begin to fill, need no readiness."""
        return bool(self._unread.data) or not len(self._view)

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Let go of the buffer; return it and how many bytes of it were filled."""
        self._view.release()  # a bytearray can be cut and grown again by who is told
        return self._buffer, self.moved

    def _receive(self, channel: Channel) -> bool:
        rest = self._view[self.moved :] if self.moved else self._view
        if len(rest) > READ_AHEAD_LIMIT:
            count = channel.readinto(rest)
            if count is None:
                return False
            self.moved += count
        else:
            data = channel.read(READ_SIZE)
            if data is None:
                return False
            count, room = len(data), len(rest)
            if count <= room:
                rest[:count] = data
                self.moved += count
            else:
                rest[:] = data[:room]
                self.moved += room
                self._unread.append(memoryview(data)[room:])
        if not count:
            raise EndOfStream("the peer has ended the stream", phase="read")
        return True


class Wait(Operation):
    """Wait until something can be read, and leave it there.

    Source: LW-080.
    """

    __slots__ = ("_unread",)

    def __init__(self, unread: ReadBuffer) -> None:
        super().__init__()
        self._unread = unread

    def step(self, channel: Channel) -> bool:
        """Take in what there is, so that under TLS it is plaintext that counts."""
        if not self._unread.data:
            data = channel.read(READ_SIZE)
            if data is None:
                return False
            if not data:
                raise EndOfStream("the peer has ended the stream", phase="read")
            self._unread.append(data)
        return True

    def ready(self) -> bool:
        """Unread bytes are something to read."""
        return bool(self._unread.data)


class Check(Operation):
    """Collect what arrives among the unread bytes and show all of it, until told to finish.

    Args:
        unread: the buffer of the state.
        show: called with this, the buffer and its length whenever bytes have arrived.
        size: bytes that one call may add at most.
        limit: bytes that may be unread at most.

    Source: LW-081 to LW-092.
    """

    __slots__ = ("_limit", "_show", "_shown", "_size", "_unread", "finished")

    renewed = True

    def __init__(
        self,
        unread: ReadBuffer,
        show: Callable[["Check", bytearray, int], object],
        size: int,
        limit: int,
    ) -> None:
        super().__init__()
        self._unread = unread
        self._show = show
        self._size = size
        self._limit = limit
        self._shown = False
        self.finished = False

    def step(self, channel: Channel) -> bool:
        """Show what was there before at first; then read once, and show."""
        unread = self._unread
        if self._shown or not unread.data:
            # One byte more than the limit allows: an end behind the last byte is no excess.
            data = channel.read(min(self._size, max(0, self._limit - len(unread)) + 1))
            if data is None:
                return False
            if not data:
                raise EndOfStream("the peer has ended the stream", phase="read")
            self.moved += len(data)
            unread.append(data)
            if len(unread) > self._limit:
                raise self._excess()
        self._begin_to_show()
        try:
            self._show(self, unread.data, len(unread))
        except Exception as exception:  # noqa: BLE001  # user code
            raise CallbackRaised(exception) from None
        finally:
            if not self.finished:
                unread.old_length = len(unread)
        return self.finished

    def ready(self) -> bool:
        """Bytes that were unread before are shown without waiting."""
        return not self._shown and bool(self._unread.data)

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Return the buffer and its length."""
        self._begin_to_show()
        return self._unread.data, len(self._unread)

    def _begin_to_show(self) -> None:
        if not self._shown:
            self._shown = True
            self._unread.old_length = 0

    def _excess(self) -> LimitExceeded:
        return LimitExceeded(
            f"{len(self._unread)} bytes are unread and the limit is {self._limit}:"
            " discard() what is done with, or raise `input_limit`",
            identifier="input-limit",
            phase="read",
        )


class Late(Operation):
    """In place of an operation whose moment had passed before it began: it touches no channel.

    Source: LW-196.
    """

    __slots__ = ("_error", "_operation")

    def __init__(self, operation: Operation, error: ReactorError) -> None:
        super().__init__()
        self.order(operation.callback, operation.error_callback)
        self._operation = operation
        self._error = error

    def step(self, channel: Channel) -> bool:
        """Say that it is too late."""
        raise self._error

    def ready(self) -> bool:
        """There is nothing to wait for."""
        return True

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Return what the operation would have."""
        return self._operation.result(status)


class Send(Operation):
    """Send all of a buffer, into the kernel.

    Source: LW-094, LW-095.
    """

    __slots__ = ("_buffer", "_view", "size")

    phase = "write"
    renewed = True
    eager = True

    def __init__(self, buffer: Any, view: memoryview) -> None:
        super().__init__()
        self._buffer = buffer
        self._view = view
        self.size = len(view)

    def step(self, channel: Channel) -> bool:
        """Write until the channel refuses; then whatever it holds must leave as well."""
        began = self.moved
        while self.moved < self.size:
            if self.moved - began >= STEP_LIMIT:
                return False
            count = channel.write(self._view[self.moved :] if self.moved else self._view)
            if count is None:
                return False
            self.moved += count
        return channel.flush()

    def want(self, channel: Channel) -> int:
        """Wait for what the channel needs to write."""
        return channel.write_want

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Let go of the buffer; return it and how many bytes of it went."""
        self._view.release()
        return self._buffer, self.moved


class Exchange(Operation):
    """What both directions have to stand still for; the callback gets None or the error."""

    __slots__ = ()

    phase = "handshake"

    def want(self, channel: Channel) -> int:
        """Wait for what the TLS channel needs to go on."""
        return cast(TLSChannel, channel).exchange_want

    def ready(self) -> bool:
        """Nobody else will make the first step."""
        return True

    def result(self, status: ReactorError | None) -> tuple[Any, ...]:
        """Return the error, or None."""
        return (status,)


class Handshake(Exchange):
    """Shake hands, on a TLS channel.

    Source: LW-146, LW-159.
    """

    __slots__ = ()

    def step(self, channel: Channel) -> bool:
        """Let the channel go on."""
        return cast(TLSChannel, channel).handshake()


class Unwrap(Exchange):
    """Exchange closing alerts, on a TLS channel.

    Args:
        discard: throw away what the peer says before its alert.

    Source: LW-137, LW-144.
    """

    __slots__ = ("_discard",)

    phase = "close"
    eager = True

    def __init__(self, *, discard: bool = False) -> None:
        super().__init__()
        self._discard = discard

    def step(self, channel: Channel) -> bool:
        """Let the channel go on."""
        return cast(TLSChannel, channel).unwrap(discard=self._discard)


class Drain(Exchange):
    """Send what is held, end our direction, and read until the peer has ended its own.

    A socket that is closed with unread input sends a reset, which may overtake and destroy the
    last thing we said: a fatal alert, for example.

    Source: LW-152.
    """

    __slots__ = ("_ended",)

    phase = "close"
    eager = True

    def __init__(self) -> None:
        super().__init__()
        self._ended = False

    def step(self, channel: Channel) -> bool:
        """Flush and end; then read below TLS, which is broken perhaps, and forget."""
        if not self._ended:
            if not channel.flush():
                return False
            channel.shutdown(socket.SHUT_WR)
            self._ended = True
        bottom = channel
        while isinstance(bottom, TLSChannel):
            bottom = bottom.inner
        while self.moved <= STEP_LIMIT:
            data = bottom.read(READ_SIZE)
            if not data:
                return data is not None
            self.moved += len(data)
        return True  # enough was listened to

    def want(self, channel: Channel) -> int:
        """Wait for a way out first, then for the peer."""
        return channel.read_want if self._ended else channel.write_want
