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
from reactor.state.operation_queue import BLOCKED, Lost, OperationQueue, QueueOwner, Request
from reactor.state.operations import Drain, Exchange, Unwrap

# Seconds for the peer to take our last word and to end its direction too, where TLS has failed or
# was never up: a guess, below the 2 s after which a plain HTTP client on a TLS port is annoyed.
LINGER_LIMIT: Final = 1.0


class Farewell(QueueOwner):
    """The end of one connection, until its descriptor is given back.

    Thread: the owner's. Calls back: never. Source: LW-137, LW-152.
    """

    __slots__ = ("_queue",)

    def __init__(
        self,
        collection: WaitStateCollection,
        channel: Channel,
        operation: Exchange,
        limit: float | None,
    ) -> None:
        super().__init__(collection, channel)
        self._queue = OperationQueue(self, channel)
        collection.add(self)
        self._queue.start(Request(operation, self._over, timeout=limit))

    def on_readable(self) -> None:
        """Go on with the end."""
        self._queue.proceed()
        self.settle()

    def on_writable(self) -> None:
        """Go on with the end."""
        self._queue.proceed()
        self.settle()

    def settle(self) -> None:
        """Want what the operation waits for."""
        request = self._queue.request
        if request is not None and self._queue.phase == BLOCKED:
            if self.channel.holds_input:
                self._queue.post()
            self.collection.want(self, request.operation.want(self.channel))

    def close_silently(self) -> None:
        """Give up: the collection is being closed."""
        self._queue.close(None)
        self._let_go()

    def _over(self, state: QueueOwner, status: ReactorError | None) -> None:
        self._queue.close(None)
        self._let_go()

    def _let_go(self) -> None:
        self.collection.remove(self)
        self.collection.retire(self.channel)


def part_from(collection: WaitStateCollection, channel: Channel, output: Channel) -> None:
    """Close the channel of a state that is closed already, in as good an order as it can be.

    Args:
        collection: where the state was.
        channel: what has to be closed.
        output: the channel that its writes went to; a `Lost` one if the way out is gone.

    Thread: the owner's. Calls back: never. Source: LW-134, LW-137, LW-152.
    """
    broken_way_out = isinstance(output, Lost) and output.status.phase != "handshake"
    if not isinstance(channel, TLSChannel) or broken_way_out:
        collection.retire(channel)
    elif channel.engine.stage is Stage.OPEN:
        Farewell(collection, channel, Unwrap(discard=True), channel.close_timeout)
    elif channel.engine.stage is Stage.CLOSED and not channel.holds_output:
        collection.retire(channel)
    else:
        Farewell(collection, channel, Drain(), LINGER_LIMIT)
