"""Interest: what is waited for on a descriptor.

Two bits, with the values of the standard library's `selectors`, so that no border translates
them, and one that these do not have. A mask of 0 waits for nothing: such a descriptor is not in
the selector at all, because some selectors report a hang-up even to those who did not ask.
"""

import selectors
from typing import Final

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE
EITHER: Final = READ | WRITE
URGENT: Final = 4  # a byte out of band; beside another bit, and only where epoll is


def interest_text(mask: int) -> str:
    """Write a mask for a `repr`: "read", "write", "urgent", these together, or "nothing"."""
    bits = ((READ, "read"), (WRITE, "write"), (URGENT, "urgent"))
    names = [name for bit, name in bits if mask & bit]
    return ", ".join(names) or "nothing"
