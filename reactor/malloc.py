"""Malloc: why a read may ask for a quarter of a mebibyte and costs nothing.

A process that has just begun takes each large piece of memory from the kernel and gives it back at
once, page by page, until glibc has seen a large one freed: from then on it keeps such pieces. A
read for 256 KiB of which a few bytes come costs ten times as much before as it does afterwards.
"""

import functools
from typing import Final

# What glibc is to keep from now on; it takes the size of what it has seen freed, up to 32 MiB.
KEPT_SIZE: Final = 4 << 20


@functools.cache
def keep_large_pieces() -> None:
    """Show malloc a large piece that is freed; it needs that once in a process.

    Thread: any. Calls back: never.
    """
    bytearray(KEPT_SIZE)
