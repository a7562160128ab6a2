"""Exchanging: one exchange on a channel that is nobody's at that time.

A handshake before anybody has been told of a connection, and the last words after everybody has
been told of its end, are alike: one operation, one limit, and nothing else on the channel.
"""

from reactor.channel.base import Channel
from reactor.errors import ReactorError, SocketError
from reactor.interest import READ
from reactor.loop.collection import WaitStateCollection
from reactor.operations.exchanges import Exchange
from reactor.state.operation_queue import BLOCKED, OperationQueue, QueueOwner


class Exchanging(QueueOwner):
    """A channel in a collection for as long as one exchange takes.

    Args:
        collection: whose loop steps it.
        channel: where it takes place.
        operation: what is to be done.
        limit: seconds for all of it, None for no limit.

    Thread: the owner's. Calls back: never; `over` is for subclasses. Source: LW-137, LW-159.
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
        self._queue.start(operation.order(self.over, timeout=limit))

    def on_readable(self) -> None:
        """Go on."""
        self._queue.proceed()
        self.settle()

    def on_writable(self) -> None:
        """Go on."""
        self._queue.proceed()
        self.settle()

    def settle(self, *, forget: bool = False) -> None:
        """Want what the operation waits for."""
        operation = self._queue.operation
        if operation is not None and self._queue.phase == BLOCKED:
            want = operation.want(self.channel)
            # Who waits for a way out would be stepped in vain, again and again.
            if want & READ and self.channel.holds_input and operation.uses_held(self.channel):
                self._queue.post()
            try:
                self.collection.want(self, want)
            except SocketError as error:  # what cannot be watched is lost
                self._queue.lose(error)

    def over(self, state: QueueOwner, status: ReactorError | None) -> None:
        """Act: the exchange has ended, in order if `status` is None."""
        raise NotImplementedError

    def leave(self) -> None:
        """Leave the collection; the channel stays as it is."""
        self._queue.close(None)
        self.collection.remove(self)
