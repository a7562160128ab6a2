"""Face: what a protocol in the host's thread may do, whatever its connection carries.

What it sends is counted when it is given, and when the transport has taken it: so the protocol is
paused and resumed here, by the same marks, without asking the other thread.
"""

from collections.abc import Callable
from typing import Any

from reactor.errors import LimitExceeded, ReactorError, StateClosed, WrongThread
from reactor.flow.close_report import CloseReport
from reactor.hosts.aside.delivery import EVENT_SIZE, Way


class Face:
    """What both delivered transports have.

    Attributes:
        transport: the real one, which belongs to the thread of the collection.

    Thread: the host's. Calls back: `pause_writing`, at most. Source: HO-03, PR-04 to PR-11.
    """

    __slots__ = (
        "_delivery",
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

    def __init__(self, delivery: Any, way: Way, transport: Any) -> None:
        self.transport = transport
        self._delivery = delivery
        self._way = way
        self._low, self._high = transport.get_write_buffer_limits()
        self._given = self._taken = 0  # bytes: by the protocol, by the transport
        self._kept = 0  # bytes that the transport has taken while it had too many
        self._held = False  # so it has now
        self._paused = False  # so the protocol was told to write no more
        self._resuming = False  # and that it may is on its way

    def abort(self) -> None:
        """End at once; what waits is lost. Once more is harmless.

        Raises:
            WrongThread: this is not the host's.

        Thread: the host's. Calls back: never. Source: PR-11.
        """
        self._end(self.transport.abort)

    def set_protocol(self, protocol: Any) -> None:
        """Let another protocol have every call from now on; nothing is lost between them.

        Args:
            protocol: of the same sort: on a stream, `Protocol` or `BufferedProtocol`.

        Raises:
            WrongThread: this is not the host's.

        Thread: the host's. Calls back: never. Source: PR-09.
        """
        self._check_thread()
        self._delivery.change(protocol)

    def get_protocol(self) -> Any:
        """Return the protocol that gets the calls; None when it has had the last one.

        Thread: the host's. Calls back: never. Source: PR-09.
        """
        return self._delivery.protocol

    def is_closing(self) -> bool:
        """Return whether the protocol has closed it, or had its last call.

        Thread: the host's. Calls back: never. Source: PR-11.
        """
        over: bool = self._delivery.over
        return over

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait, beside those that the transport may hold below its high mark.

        Each write counts for 256 bytes more.

        Thread: any. Calls back: never. Source: PR-06.
        """
        return self._given - self._taken

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the connection, as the real transport does.

        Args:
            name: one of the words there.
            default: what to return for any other name, and for a fact that there is not.

        Thread: any. Calls back: never. Source: PR-10.
        """
        return self.transport.get_extra_info(name, default)

    @property
    def close_report(self) -> CloseReport | None:
        """A `CloseReport`, in `connection_lost` and behind it; None before that."""
        report: CloseReport | None = self.transport.close_report
        return report

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

    def closed_error(self, verb: str) -> StateClosed:
        """Say that it is too late for something."""
        text = f"{self!r} is closing or closed, too late for {verb}"
        return StateClosed(text, phase="close", connection=self)

    # Inside.

    def _give(self, verb: Callable[..., object], data: bytes, *more: Any) -> None:
        """Have data sent by a verb of the transport, unless too many bytes wait."""
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
        self._way.ask(self._send, verb, data, *more)
        if pause:
            self._delivery.attempt(self._delivery.protocol.pause_writing)

    def _send(self, verb: Callable[..., object], data: bytes, *more: Any) -> None:
        self._kept += len(data) + EVENT_SIZE  # first: the verb may hold us, and let us go again
        self._do(verb, data, *more)
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
            self._delivery.silence()
            self._way.ask(self._do, verb, *arguments)

    def _check_thread(self) -> None:
        if not self._way.at_home:
            raise WrongThread(
                f"{self!r} belongs to the thread of the host, and this is another one"
            )

    def _check_open(self, verb: str) -> None:
        self._check_thread()
        if self._delivery.over:
            raise self.closed_error(verb)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.transport!r}>"
