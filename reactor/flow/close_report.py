"""CloseReport: what is left of a connection, and the last call to its protocol.

A connection may end in a hook, in a write, by a limit, or with its collection. Whichever it is,
there is one report, and one last call, made later than everything else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from reactor.channel.tls import TLSChannel
from reactor.channel.tls_engine import Stage
from reactor.loop.wait_state import call
from reactor.state.connection import Connection

Closer: TypeAlias = Literal["us", "peer", "limit", "error"]


@dataclass(frozen=True, slots=True)
class CloseReport:
    """Who closed a connection and why.

    Args:
        by: "us", "peer", "limit" or "error".
        phase: what was going on: "read", "write", "idle", "handshake", "close" or "callback".
        error: the exception that `connection_lost` gets, or None.
        bytes_unread: how many bytes had arrived that nobody has taken.
        bytes_unsent: how many bytes of output the kernel has not taken.
        tls_ended: whether TLS ended properly, None without TLS.

    Thread: any. Calls back: never. Source: PR-13.
    """

    by: Closer
    phase: str
    error: BaseException | None
    bytes_unread: int
    bytes_unsent: int
    tls_ended: bool | None


class LastCall:
    """The last call to a protocol: made later, or before that, when the collection closes.

    Args:
        state: the connection that has ended.
        functions: called one after the other; what one raises goes to the error handler.

    Thread: the owner's. Calls back: the functions, each once. Source: PR-04.
    """

    __slots__ = ("_functions", "_state")

    def __init__(self, state: Connection, *functions: Callable[[], object]) -> None:
        self._state = state
        self._functions = functions
        state.collection.held.add(self)

    def make(self) -> None:
        """Make it: from the posted calls, which a collection that is being closed drops."""
        self._state.collection.held.discard(self)
        self._call(self._functions)

    def close(self) -> None:
        """Make it now: the collection is being closed, perhaps by a hook of this connection."""
        context = self._state.context
        call(self.make, (), None if context is None else context.copy())

    def _call(self, functions: tuple[Callable[[], object], ...]) -> None:
        if not functions:
            return
        try:
            functions[0]()
        except Exception as exception:  # noqa: BLE001  # user code
            self._state.collection.report(self._state.face, exception)
        finally:
            self._call(functions[1:])  # all of them, even if a handler raises

    def __repr__(self) -> str:
        return f"<LastCall of {self._state!r}>"


def tls_ended(state: Connection, aborted: bool) -> bool | None:
    """Tell whether TLS has ended properly, or is about to; None without TLS."""
    channel = state.channel
    if not isinstance(channel, TLSChannel):
        return None
    engine = channel.engine
    ending = engine.stage is Stage.OPEN and state.input.status is None and not aborted
    return engine.they_ended or ending
