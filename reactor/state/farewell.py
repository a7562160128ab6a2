"""Farewell: how a connection ends after its state has been closed.

`close` answers at once, but an orderly end takes a round trip: the closing alerts of TLS, or a
last word that has to arrive before the connection is torn down. A farewell takes the channel over
for that, has one operation and one limit, and nobody to report to.
"""

from typing import Final

from reactor.channel.base import Channel
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import Stage
from reactor.errors import ReactorError
from reactor.loop.collection import WaitStateCollection
from reactor.state.exchange import Exchanging
from reactor.state.operation_queue import QueueOwner
from reactor.state.operations import Drain, Unwrap

# Seconds for the peer to take our last word and to end its direction too, where TLS has failed or
# was never up: a guess, below the 2 s after which a plain HTTP client on a TLS port is annoyed.
LINGER_LIMIT: Final = 1.0


class Farewell(Exchanging):
    """The end of one connection, until its descriptor is given back.

    Thread: the owner's. Calls back: never. Source: LW-137, LW-152.
    """

    __slots__ = ()

    def over(self, state: QueueOwner, status: ReactorError | None) -> None:
        """Close the channel: it has ended as well as it could."""
        self.leave()
        self.collection.retire(self.channel)

    def close_silently(self) -> None:
        """Give up: the collection is being closed."""
        self.leave()
        self.collection.retire(self.channel)


def part_from(collection: WaitStateCollection, channel: Channel) -> None:
    """Close the channel of a state that is closed already, in as good an order as it can be.

    Args:
        collection: where the state was.
        channel: what has to be closed.

    Thread: the owner's. Calls back: never. Source: LW-134, LW-137, LW-152.
    """
    if not isinstance(channel, TLSChannel):
        collection.retire(channel)
    elif channel.engine.stage is Stage.OPEN:
        Farewell(collection, channel, Unwrap(discard=True), channel.close_timeout)
    elif channel.engine.stage is Stage.CLOSED and not channel.holds_output:
        collection.retire(channel)
    else:
        Farewell(collection, channel, Drain(), LINGER_LIMIT)
