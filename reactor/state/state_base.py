"""StateBase: what all verbs of a state have in common.

How a verb is checked and started, who is told, which limits count if it brings none of its own, and
what a program wants to remember with a connection. The verbs are in the files that stand on this.
"""

import math
from typing import Any, Final, cast

from reactor.arguments import check_callback, check_count
from reactor.channel.base import BytesLike
from reactor.channel.socket_channel import NO_ADDRESS
from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import Stage
from reactor.deadline import NEVER, check_timeout
from reactor.errors import OperationNotAllowed, ReactorError, address_text
from reactor.loop.collection import WaitStateCollection
from reactor.net.recipients import Recipients
from reactor.operations.operation import Operation
from reactor.operations.reading import Check
from reactor.state.connection import OPEN_TO_OPERATIONS, Callback, Connection
from reactor.state.operation_queue import OperationQueue

READ_LIMIT: Final = 262_144  # bytes that one call of a checking callback may add, unless told else

# What a channel carries, and what is there for it instead of what was tried.
STREAM_VERBS: Final = "a stream of bytes: see read_buffer, read_with_checking, write_buffer"
MESSAGE_VERBS: Final = "datagrams: see receive_message, send_message, send_message_to"


class StateBase(Connection):
    """A connection of a program, without verbs.

    Args and attributes are those of `AsyncIOState`.

    Thread: the owner's; attributes may be read by all. Calls back: never before a call returns.
    Source: LW-065 to LW-070, LW-115 to LW-124.
    """

    __slots__ = (
        "_checking",
        "_recipients",
        "max_read",
        "name",
        "protected_length",
        "user_info",
    )

    def __init__(
        self,
        collection: WaitStateCollection,
        object: Any,  # noqa: A002  # the name of the contract
        unread: BytesLike = b"",
        *,
        read_timeout: float | None = None,
        write_timeout: float | None = None,
        user_info: Any = None,
        name: Any = None,
        queue_output: bool | None = None,
        queue_input: bool = False,
        direction: str = "in",
    ) -> None:
        check_timeout("read_timeout", read_timeout)  # before anything of ours holds the object
        check_timeout("write_timeout", write_timeout)
        super().__init__(collection, object, unread, direction=direction)
        self.name = name
        self.user_info = user_info
        self.max_read = READ_LIMIT
        self.protected_length = 0  # of the unread bytes, those that TLS protected before detaching
        self._checking: Check | None = None  # the read whose callback may discard and finish now
        self._recipients: Recipients | None = None  # to whom datagrams have gone
        self.input.lines_up = queue_input
        if queue_output is None:
            queue_output = self.carries_messages
        self.output.lines_up = bool(queue_output)
        self.read_timeout = read_timeout
        self.write_timeout = write_timeout

    @property
    def peer_credentials(self) -> tuple[int, int, int] | None:
        """Process, user and group of who is at the other end of a Unix socket; None elsewhere.

        Linux tells; it is who has connected, or made the listener, and stays after closing.
        """
        return None if self.channel is None else self.channel.peer_credentials

    @property
    def read_status(self) -> ReactorError | None:
        """What stopped the last read; None, `EndOfStream`, a timeout or a failure (LW-115)."""
        return self.input.status

    @property
    def write_status(self) -> ReactorError | None:
        """What stopped the last write (LW-115)."""
        return self.output.status

    @property
    def read_timeout(self) -> float | None:
        """Seconds for reads that bring no limit of their own, None for no limit (LW-069)."""
        return self.input.timeout

    @read_timeout.setter
    def read_timeout(self, timeout: float | None) -> None:
        self.input.timeout = check_timeout("read_timeout", timeout)

    @property
    def write_timeout(self) -> float | None:
        """Seconds without progress for writes that bring no limit of their own (LW-069)."""
        return self.output.timeout

    @write_timeout.setter
    def write_timeout(self, timeout: float | None) -> None:
        self.output.timeout = check_timeout("write_timeout", timeout)

    @property
    def queue_input(self) -> bool:
        """Whether a second read waits in line (LW-077)."""
        return self.input.lines_up

    @queue_input.setter
    def queue_input(self, lines_up: bool) -> None:
        self.input.lines_up = lines_up

    @property
    def queue_output(self) -> bool:
        """Whether a second write waits in line (LW-099, LW-100)."""
        return self.output.lines_up

    @queue_output.setter
    def queue_output(self, lines_up: bool) -> None:
        self.output.lines_up = lines_up

    @property
    def input_limit(self) -> int:
        """Bytes that may be unread at most; 16 MiB unless set (LW-092)."""
        return self.input.limit

    @input_limit.setter
    def input_limit(self, limit: int) -> None:
        self.input.limit = check_count("input_limit", limit)

    @property
    def output_limit(self) -> int:
        """Bytes that may wait in line at most; 16 MiB unless set (LW-103)."""
        return self.output.limit

    @output_limit.setter
    def output_limit(self, limit: int) -> None:
        self.output.limit = check_count("output_limit", limit)

    # For the verbs.

    def _start(self, queue: OperationQueue, operation: Operation, user_info: Any) -> None:
        """Start an operation, if it is one for what the channel carries."""
        self._check_usable(operation.phase, OPEN_TO_OPERATIONS)
        if operation.sticks is self.channel.carries_messages:
            self._check_carries(messages=not operation.sticks)
        if self.layered:
            self._check_shaken()
        if queue is not self.input:
            queue.raise_if_lost()
        queue.start(operation)
        if user_info is not None:
            self.user_info = user_info

    def _check_shaken(self) -> None:
        """Refuse what needs a handshake before."""
        if cast(TLSChannel, self.channel).engine.stage < Stage.OPEN:
            raise OperationNotAllowed(
                f"TLS has not shaken hands on {self!r}: call handshake() first", connection=self
            )

    def _check_carries(self, *, messages: bool) -> None:
        """Refuse what is for datagrams on a stream of bytes, and the reverse."""
        if messages is not self.carries_messages:
            text = STREAM_VERBS if messages else MESSAGE_VERBS
            raise OperationNotAllowed(f"{self!r} carries {text}", connection=self)

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name}"
        where = f"to {address_text(self.peer_address)}"
        if self.carries_messages and self.peer_address == NO_ADDRESS:
            where = f"on {address_text(self.address)}"
        return f"<{type(self).__name__}{name} {where}{' closed' if self.closed else ''}>"


def order(
    operation: Operation,
    callback: Callback | None,
    error_callback: Callback | None,
    timeout: float | None,
    deadline: float | None,
) -> None:
    """Say who is told of an operation, and its limits, after checking them.

    Raises:
        TypeError: nobody is told of a read. ValueError: a limit is none.
    """
    if callback is None and operation.phase == "read":
        raise TypeError("a read needs a callback: who else would get what it reads?")
    if callback is not None:
        check_callback(callback)
    if error_callback is not None:
        check_callback(error_callback)
    if deadline is not None and math.isnan(deadline):
        raise ValueError("a deadline is a moment on the clock of the collection, not NaN")
    operation.order(
        callback,
        error_callback,
        None if timeout is None else check_timeout("timeout", timeout),
        NEVER if deadline is None else float(deadline),
    )


def view_of(buffer: Any, start: int, end: int | None) -> memoryview:
    """Return the bytes `buffer[start:end]` without a copy.

    Raises:
        TypeError: it is not bytes-like. ValueError: the range is not inside it.
    """
    view = memoryview(buffer)
    if type(buffer) is not bytearray and type(buffer) is not bytes:
        view = view.cast("B")
    if not start and end is None:
        return view
    stop = len(view) if end is None else end
    if not 0 <= start <= stop <= len(view):
        raise ValueError(f"[{start}:{end}] is not inside a buffer of {len(view)} bytes")
    return view[start:stop]
