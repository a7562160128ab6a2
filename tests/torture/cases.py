"""Cases: every conversation with every kind of call that it makes, and the tally of them all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from reactor.net.path import UNIX
from tests.torture import protocols, states
from tests.torture.conversation import Conversation
from tests.torture.errnos import TABLE
from tests.torture.seam import Fault

CONVERSATIONS: Final[tuple[type[Conversation], ...]] = (
    protocols.Echo,
    protocols.EchoOverTLS,
    protocols.EchoByName,
    protocols.EchoByTheSecondAddress,
    protocols.EchoFromAnAddress,
    protocols.EchoWithOptions,
    protocols.EchoOnPlainEpoll,
    protocols.Returning,
    protocols.ReturningOverTLS,
    *([protocols.EchoOnAPath] if UNIX else []),
    protocols.Drain,
    protocols.Flood,
    protocols.Pour,
    protocols.PourOverTLS,
    protocols.HalfClose,
    protocols.HalfCloseOverTLS,
    protocols.Switch,
    states.StateEcho,
    states.StateEchoOverTLS,
    states.StateSwitch,
    states.Datagrams,
    states.Functions,
    states.FunctionsOverTLS,
)

# Only epoll asks the kernel when something is registered; other selectors keep a list.
ELSEWHERE: Final = frozenset(TABLE) - {"register", "modify", "unregister"}

INJECTED_FLOOR: Final = 500  # faults; a run of all cases that injects fewer has not tortured


@dataclass(frozen=True)
class Case:
    """One kind of call in one conversation."""

    make: type[Conversation]
    call: str

    def faults(self, count: int) -> Iterator[Fault]:
        """Go through the faults: each of `count` calls with each errno."""
        for number in range(1, count + 1):
            for error in TABLE[self.call]:
                # Nothing is waited for when a datagram socket connects.
                if not (
                    self.make is states.Datagrams and error == "EINTR" and self.call != "close"
                ):
                    yield Fault(self.call, number, error)

    def __str__(self) -> str:
        return f"{self.make.__name__}-{self.call}"


CASES: Final = [
    Case(make, call)
    for make in CONVERSATIONS
    for call in TABLE
    if call in make.calls and (sys.platform == "linux" or call in ELSEWHERE)
]


@dataclass
class Tally:
    """How many faults were injected in this run, and in which cases."""

    injected: int = 0
    cases: set[str] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        """Whether every case has run."""
        return self.cases == {str(case) for case in CASES}

    @property
    def too_few(self) -> bool:
        """Whether the torture was none."""
        return self.complete and self.injected < INJECTED_FLOOR
