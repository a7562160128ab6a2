"""Reports: a callback that writes down how it was called, and what the state's statuses were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactor.errors import ReactorError
from reactor.state.async_io_state import AsyncIOState


class Reports:
    """Called with a state and what was moved; `then`, if given, is called afterwards.

    `moved` has what came behind the state, a buffer as the bytes that it had; `reads` and
    `writes` have the two statuses as they were inside the call.
    """

    def __init__(self, then: Callable[[AsyncIOState], object] | None = None) -> None:
        self.moved = list[Any]()
        self.reads = list[ReactorError | None]()
        self.writes = list[ReactorError | None]()
        self._then = then

    def __call__(self, state: AsyncIOState, *arguments: Any) -> None:
        plain = tuple(
            bytes(one) if isinstance(one, (bytearray, memoryview)) else one for one in arguments
        )
        self.moved.append(plain[0] if len(plain) == 1 else plain)
        self.reads.append(state.read_status)
        self.writes.append(state.write_status)
        if self._then is not None:
            self._then(state)

    def __len__(self) -> int:
        return len(self.moved)

    def __bool__(self) -> bool:
        return True

    @property
    def counts(self) -> list[int]:
        """What was said to have been moved, call by call."""
        return [arguments[1] for arguments in self.moved]

    @property
    def status(self) -> ReactorError | None:
        """The only status that the two directions had in the only call, or None."""
        assert len(self) == 1, f"one call was expected, not {self.moved}"
        found = {id(one): one for one in (*self.reads, *self.writes) if one is not None}
        assert len(found) <= 1, f"one status was expected, not {found}"
        return next(iter(found.values()), None)

    def __repr__(self) -> str:
        return f"<Reports {self.moved}>"
