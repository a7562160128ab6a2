"""Interest: what is waited for on a descriptor.

Two bits, with the values of the standard library's `selectors`, so that no border translates
them. A mask of 0 waits for nothing: such a descriptor is not in the selector at all, because
some selectors report a hang-up even to those who did not ask.
"""

import selectors
from typing import Final

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE
EITHER: Final = READ | WRITE


def interest_text(mask: int) -> str:
    """Write a mask for a `repr`: "read", "write", "read, write" or "nothing"."""
    names = [name for bit, name in ((READ, "read"), (WRITE, "write")) if mask & bit]
    return ", ".join(names) or "nothing"
