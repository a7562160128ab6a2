"""Work: one thing to be measured, and which peers do it."""

from collections.abc import Callable
from dataclasses import dataclass

# A fresh glibc process pays mmap, mremap and munmap for each read into 256 KiB, until malloc has
# learnt better, and an echo then costs 20 us instead of 7. We compare with those who have learnt
# it, or we would measure malloc. Our own loop has to see to this by itself, and is not helped.
WARM_MALLOC = {"MALLOC_MMAP_THRESHOLD_": "67108864", "MALLOC_TRIM_THRESHOLD_": "268435456"}

MESSAGE_SIZE = 1024  # bytes, of peers whose messages have one size


class NotInstalledError(Exception):
    """A peer or a tool is not on this machine: a reason to skip, not to fail."""


@dataclass(frozen=True)
class Work:
    """A row of the catalogue.

    Attributes:
        key: how the command line and `goals.toml` call it.
        title: how the table calls it.
        unit: of the figure; less is better.
        peers: who is measured, by their names in `peers/`.
        measure: gets the name of a peer and whether to be quick, returns the figure; or figures
            by the names of `columns`, those that there are.
        runs: processes for each peer; half of them when quick.
        warm: whether the others start with the malloc thresholds of `WARM_MALLOC`.
        columns: the names of several figures, where one would not tell enough.
    """

    key: str
    title: str
    unit: str
    peers: tuple[str, ...]
    measure: Callable[[str, bool], float | dict[str, float]]
    runs: int = 5
    warm: bool = True
    columns: tuple[str, ...] = ()
