"""Farewell: how a connection ends after its state has been closed.

`close` answers at once, but an orderly end takes a round trip: the closing alerts of TLS, or a
last word that has to arrive before the connection is torn down. A farewell takes the channel over
for that, has one operation and one limit, and nobody to report to.
"""

from collections.abc import Callable
from typing import Final

from reactor.channel.base import Channel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import Stage
from reactor.errors import LimitExceeded, ReactorError, SocketError
from reactor.loop.collection import WaitStateCollection
from reactor.operations.exchanges import Drain, Exchange, Unwrap
from reactor.state.exchange import Exchanging
from reactor.state.operation_queue import QueueOwner

# Seconds for the peer to take our last word and to end its direction too, where TLS has failed or
# was never up: a guess, below the 2 s after which a plain HTTP client on a TLS port is annoyed.
LINGER_LIMIT: Final = 1.0


class Farewell(Exchanging):
    """The end of one connection, until its descriptor is given back.

    `on_over` is called with this when it is.

    Thread: the owner's. Calls back: `on_over`. Source: LW-137, LW-152.
    """

    __slots__ = ("on_over",)

    def __init__(
        self,
        collection: WaitStateCollection,
        channel: TLSChannel,
        operation: Exchange,
        limit: float | None,
    ) -> None:
        self.on_over: Callable[[Farewell], object] | None = None
        super().__init__(collection, channel, operation, limit)

    def over(self, state: QueueOwner, status: ReactorError | None) -> None:
        """Close the channel: it has ended as well as it could."""
        self.close_silently()

    def close_silently(self) -> None:
        """Close it as it is: the collection is being closed, or too many linger."""
        self.leave()
        self.collection.retire(self.channel)
        if self.on_over is not None:
            self.on_over(self)


def part_from(collection: WaitStateCollection, channel: Channel) -> Farewell | None:
    """Close the channel of a state that is closed already, in as good an order as it can be.

    Args:
        collection: where the state was.
        channel: what has to be closed.

    Returns:
        What takes its time for that, None if it is done.

    Thread: the owner's. Calls back: never. Source: LW-134, LW-137, LW-152.
    """
    if isinstance(channel, TLSChannel) and not has_said_goodbye(channel):
        if channel.engine.stage is Stage.OPEN:
            return Farewell(collection, channel, Unwrap(discard=True), channel.close_timeout)
        return Farewell(collection, channel, Drain(), LINGER_LIMIT)
    collection.retire(channel)
    return None


def has_said_goodbye(channel: TLSChannel) -> bool:
    """Try to end our direction; true if that was all: the peer has ended before, or cannot answer.

    Most peers have gone by then, and nothing is left to be waited for.
    """
    engine = channel.engine
    if engine.stage is Stage.OPEN:
        try:
            return channel.write_eof() and (engine.eof or engine.they_ended)
        except LimitExceeded:
            return False
        except SocketError:
            return engine.stage is Stage.OPEN  # the way out is lost; else there is an alert to say
    return engine.stage is Stage.CLOSED and not channel.holds_output
