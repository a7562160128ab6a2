"""Conversation: what is done on the library while one of its calls fails.

A conversation opens a port, lets clients call it one after the other, and closes the port. It
notes every end that the library owes it; what it is owed twice, or gets without cause, is a
complaint. It knows nothing of faults: a failure is told to it as to any program.
"""

from __future__ import annotations

import selectors
from collections import Counter
from collections.abc import Callable
from typing import Final

from reactor.loop.collection import WaitStateCollection
from reactor.net.options import INHERITED
from tests.certificates import Certificates
from tests.torture.errnos import TABLE

HOST: Final = "127.0.0.1"
MESSAGE: Final = bytes(range(256)) * 16
GREETING: Final = b"encrypt, please\n"
ANSWER: Final = b"go on\n"


class Conversation:
    """The base of all conversations.

    Args:
        collection: where it takes place.
        certificates: for those that speak TLS.
    """

    # Whether what a fault has swallowed is not sent again, so that nobody knows that it is over.
    lossy = False
    # The connect without which a client cannot be served; 0 if there is always another address.
    needed_connect = 1
    # Faults, call and errno, that cost time and no client.
    survived: frozenset[tuple[str, str]] = frozenset()
    # Whether what is accepted has the options of its listener, as the library sees it.
    inherited = INHERITED
    selector: Callable[[], selectors.BaseSelector] | None = None
    # Which kinds of calls it makes, of those in the table.
    calls: frozenset[str] = frozenset(TABLE) - {"modify"}

    def __init__(self, collection: WaitStateCollection, certificates: Certificates) -> None:
        self.collection = collection
        self.certificates = certificates
        self.owed = Counter[str]()  # final calls that are due, by whom
        self.told = list[BaseException]()  # errors that the program has heard of
        self.complaints = list[str]()

    def listen(self) -> None:
        """Open the port; may raise a SocketError, and can be called again then."""
        raise NotImplementedError

    def call(self) -> None:
        """Let a client begin."""
        raise NotImplementedError

    @property
    def listening(self) -> bool:
        """Whether the port is open."""
        raise NotImplementedError

    @property
    def served(self) -> bool:
        """Whether the last client has got all that it was due."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Close the port, and what has no end of its own."""
        raise NotImplementedError

    def look_at_bytes(self) -> None:
        """Complain of bytes that nobody has sent."""

    # What is noted.

    @property
    def over(self) -> bool:
        """Whether everything that had begun has ended."""
        return not any(self.owed.values())

    def begins(self, what: str) -> None:
        """Note that something has begun that has to end once."""
        self.owed[what] += 1

    def ends(self, what: str, error: BaseException | None = None) -> None:
        """Note its end, and why it was not the one that was hoped for."""
        self.owed[what] -= 1
        if error is not None:
            self.told.append(error)
        if self.owed[what] < 0:
            self.complaints.append(f"{what} has ended twice")

    def arrived(self, what: str, received: bytes, sent: bytes) -> None:
        """Complain unless what was received is a beginning of what was sent."""
        if not sent.startswith(received):
            self.complaints.append(f"{what}: {len(received)} bytes that were not sent so")
