"""The clients of a listener, counted: how many there may be, and how many there are."""

import collections
import dataclasses
from typing import Any, Final

from reactor.arguments import check_optional_count
from reactor.deadline import NEVER

HANDSHAKE_LIMIT: Final = 128  # clients that may be shaking hands; each holds 60 KB in OpenSSL


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How many may come: connections, connections of one host, handshakes; None is any number.

    Raises:
        TypeError, ValueError: one is no positive whole number.

    Thread: any. Calls back: never. Source: LW-058.
    """

    connections: int | None = None
    per_peer: int | None = None
    handshakes: int | None = HANDSHAKE_LIMIT

    def __post_init__(self) -> None:
        check_optional_count("connection_limit", self.connections)
        check_optional_count("connection_limit_per_peer", self.per_peer)
        check_optional_count("handshake_limit", self.handshakes)


class Clients:
    """How many connections there are, and of which hosts.

    Thread: the owner's. Calls back: never. Source: LW-028, LW-058.
    """

    __slots__ = ("_hosts", "_limits", "count")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._hosts: collections.Counter[Any] = collections.Counter()
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether nobody more may come."""
        return self.count >= (self._limits.connections or NEVER)

    def admit(self, host: Any) -> bool:
        """Count a client; false, and not counted, if there are too many of that host."""
        if self._hosts[host] >= (self._limits.per_peer or NEVER):
            return False
        self._hosts[host] += 1
        self.count += 1
        return True

    def left(self, host: Any) -> None:
        """Count a client no longer."""
        self.count -= 1
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
