"""RateLimit: so many bytes per second, for one connection or for all that share it.

Who may not read does not read: the kernel's buffer fills up, and TCP tells the peer. What may not
be sent waits with the rest of the output. Nothing is dropped, and neither the read nor the write
timeout runs because of it.

Each direction of a connection that is limited has a `Meter`, which stands in for its channel in the
steps of a `Feed` or a `Pour` and lets less through. When a bucket is empty the meter stops its
flow and waits in line; when a share has come the first in line may go on. Where others wait nobody
moves more than a share before it is at the end of the line again, so that of those who share a
limit none starves. One who was called and found the bucket empty, as somebody else was faster,
keeps its place.

    Feed ──read──► Meter ──read less──► channel         RateLimit ── TokenBucket
                     └──nothing left──► in line ───────────► share has come ──► the first goes on
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, Protocol, TypeAlias

from reactor.channel.base import BytesLike, Channel
from reactor.flow.token_bucket import TokenBucket
from reactor.loop.collection import WaitStateCollection
from reactor.loop.timers import Timed
from reactor.operations.streams import BufferedFeed, Feed

# A share is what comes in this time, in seconds, but no less than so many bytes: smaller pieces
# cost more than they are worth. Both are guesses.
SHARE_TIME: Final = 0.01
SHARE_SIZE: Final = 1024
# And no more than this part of a burst: who waited for all of it would find that some has run over.
SHARES_OF_A_BURST: Final = 4

Limits: TypeAlias = "RateLimit | Iterable[RateLimit] | None"


class RateLimit(Timed):
    """A limit in bytes per second, for as many directions of connections as share it.

    `Transport.set_rate_limits` puts it on a connection. Bytes of the program count, not those that
    TLS adds. A limit may be changed at any time, also for those who wait already.

    Args:
        collection: that of the connections.
        rate: bytes per second, above 0; None is no limit for now.
        burst: bytes that may move at once after a pause, 1 or more; None, the default, is what
            `rate` gives in one second, whatever the rate.

    Raises:
        ValueError: a figure is out of its range. TypeError: it is none.
        WrongThread, StateClosed, WrongProcess: as every verb of a collection.

    Thread: the owner's; attributes may be read by all. Calls back: never. Source: PR-05, PR-07.
    """

    __slots__ = ("_bucket", "_given_burst", "_waiting", "collection")

    def __init__(
        self, collection: WaitStateCollection, rate: float | None, burst: int | None = None
    ) -> None:
        collection.owner.check()
        super().__init__()
        self.collection = collection
        self._given_burst = burst
        self._bucket = TokenBucket(rate, burst, collection.clock())
        self._waiting: OrderedDict[Meter, None] = OrderedDict()  # a line that one can leave

    @property
    def rate(self) -> float | None:
        """Bytes per second, settable at any time; None is no limit."""
        return self._bucket.rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._change(rate, self._given_burst)

    @property
    def burst(self) -> int:
        """Bytes that may move at once, settable at any time; None is those of a second."""
        return self._bucket.burst

    @burst.setter
    def burst(self, burst: int | None) -> None:
        self._change(self.rate, burst)

    @property
    def waiting_count(self) -> int:
        """How many directions of connections wait at this moment."""
        return len(self._waiting)

    # For meters.

    def grant(self, meter: "Meter", wanted: int) -> int:
        """Return how many of the bytes wanted may move now; at 0 the meter has to wait.

        Thread: the owner's. Calls back: never. Source: PR-05, PR-07.
        """
        share = self._share
        if self._waiting:
            wanted = min(wanted, share - meter.used)
        available = self._bucket.available(self.collection.clock())
        if wanted <= 0 or available < min(wanted, share):
            return 0  # less than a share is not worth a step, unless it is all that is wanted
        return min(wanted, available)

    def take(self, count: int) -> None:
        """Count bytes that have moved.

        Thread: the owner's. Calls back: never. Source: PR-05, PR-07.
        """
        self._bucket.take(count, self.collection.clock())

    def line_up(self, meter: "Meter") -> None:
        """Let a meter wait; its `refill` is called when its turn has come.

        Thread: the owner's. Calls back: never. Source: PR-05, PR-07.
        """
        self._waiting[meter] = None
        if meter.called:
            self._waiting.move_to_end(meter, last=False)
        if len(self._waiting) == 1:
            self._arm(self._share)

    def leave(self, meter: "Meter") -> None:
        """Let a meter wait no longer.

        Thread: the owner's. Calls back: never. Source: PR-05, PR-07.
        """
        self._waiting.pop(meter, None)
        if not self._waiting:
            self.collection.timers.disarm(self)

    def on_due(self, now: float) -> None:
        """Call as many as there are shares for, those first who have waited longest.

        Thread: the owner's. Calls back: never. Source: PR-05, PR-07.
        """
        share = self._share
        count = self._bucket.available(self.collection.clock()) // share
        called = [
            self._waiting.popitem(last=False)[0] for _ in range(min(count, self.waiting_count))
        ]
        if self._waiting:
            self._arm(share * (count + 1))
        for meter in called:
            meter.refill()

    @property
    def _share(self) -> int:
        """Bytes that one may move before it is the turn of others."""
        share = SHARE_SIZE if self.rate is None else max(SHARE_SIZE, int(self.rate * SHARE_TIME))
        return min(share, max(1, self.burst // SHARES_OF_A_BURST))

    def _arm(self, count: int) -> None:
        self.collection.arm(self, self._bucket.moment_of(count, self.collection.clock()))

    def _change(self, rate: float | None, burst: int | None) -> None:
        self.collection.owner.check()
        self._bucket.change(rate, burst, self.collection.clock())
        self._given_burst = burst
        if self._waiting:
            self._arm(self._share)

    def __repr__(self) -> str:
        rate = "no limit" if self.rate is None else f"{self.rate:g} bytes per second"
        return f"<RateLimit of {rate}, {self.waiting_count} waiting>"


class Stoppable(Protocol):
    """A flow of bytes that a limit stops and starts again."""

    def run_dry(self) -> None:
        """Move nothing, until `refill`."""

    def refill(self) -> None:
        """Move again."""


class Meter:
    """What one direction of a connection moves, under its limits.

    In a step it stands in for the channel, of which it has what a `Feed` and a `Pour` need.

    Args:
        limits: one or more, those of the connection itself first.
        flow: what is stopped while it waits.

    Thread: the owner's. Calls back: never. Source: PR-05, PR-07.
    """

    __slots__ = ("_channel", "_flow", "_limits", "_line", "called", "used")

    _channel: Channel

    def __init__(self, limits: tuple[RateLimit, ...], flow: Stoppable) -> None:
        self._limits = limits
        self._flow: Stoppable | None = flow
        self._line: RateLimit | None = None  # where it waits
        self.called = False  # to the head of a line, and has moved nothing since
        self.used = 0  # bytes of its turn

    def on(self, channel: Channel) -> Any:
        """Return this meter, to be used in place of a channel."""
        self._channel = channel
        return self

    def read(self, size: int) -> bytes | None:
        """Read what may be read; None is also "not allowed"."""
        allowed = self._allowed(size)
        if not allowed:
            return None
        data = self._channel.read(allowed)
        if data:
            self.count(len(data))
        return data

    def readinto(self, view: memoryview) -> int | None:
        """Read what may be read into the front of a buffer."""
        allowed = self._allowed(len(view))
        if not allowed:
            return None
        count = self._channel.readinto(view[:allowed])
        if count:
            self.count(count)
        return count

    def write(self, data: BytesLike) -> int | None:
        """Write what may be written."""
        if not data:
            return 0  # which takes no turn
        allowed = self._allowed(len(data))
        if not allowed:
            return None
        count = self._channel.write(data if allowed == len(data) else memoryview(data)[:allowed])
        if count:
            self.count(count)
        return count

    def flush(self) -> bool:
        """Bring out what the channel holds: it has been counted."""
        return self._channel.flush()

    def count(self, count: int) -> None:
        """Count bytes that have moved, with all of the limits."""
        self.called = False
        self.used += count
        for limit in self._limits:
            limit.take(count)

    def refill(self) -> None:
        """Go on: it is our turn."""
        self._line = None
        self.called = True
        self.used = 0
        if self._flow is not None:
            self._flow.refill()

    def leave(self) -> None:
        """Wait no more, for good."""
        if self._line is not None:
            self._line.leave(self)
            self._line = None
        self._flow = None

    def _allowed(self, wanted: int) -> int:
        """Return how many bytes may move; if none may the flow stops, and we wait."""
        for limit in self._limits:
            granted = limit.grant(self, wanted)
            if not granted:
                if self._flow is not None:
                    self._line = limit
                    limit.line_up(self)
                    self._flow.run_dry()
                return 0
            wanted = granted
        return wanted

    def __repr__(self) -> str:
        return f"<Meter of {self._flow!r}{', waiting' if self._line is not None else ''}>"


class MeteredFeed(Feed):
    """A feed that reads what its meter lets through."""

    __slots__ = ("_meter",)

    def __init__(self, receiver: Any, meter: Meter) -> None:
        super().__init__(receiver)
        self._meter = meter

    def step(self, channel: Channel) -> bool:
        """Read once, if it may."""
        return super().step(self._meter.on(channel))


class MeteredBufferedFeed(BufferedFeed):
    """The same into buffers that the receiver lends."""

    __slots__ = ("_meter",)

    def __init__(self, receiver: Any, meter: Meter) -> None:
        super().__init__(receiver)
        self._meter = meter

    def step(self, channel: Channel) -> bool:
        """Read once, if it may."""
        return super().step(self._meter.on(channel))


def meter_of(limits: Limits, flow: Stoppable, collection: WaitStateCollection) -> Meter | None:
    """Look at the limits of a direction and make a meter of them; None where there are none.

    Raises:
        TypeError: one is no RateLimit. ValueError: one is of another collection.

    Thread: any. Calls back: never. Source: PR-05, PR-07.
    """
    if limits is None:
        return None
    found = tuple(limits) if isinstance(limits, Iterable) else (limits,)
    for limit in found:
        if not isinstance(limit, RateLimit):
            raise TypeError(f"a limit of the rate is a RateLimit, not {limit!r}")
        if limit.collection is not collection:
            raise ValueError(f"{limit!r} is of another collection")
    return Meter(found, flow) if found else None
