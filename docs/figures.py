"""Figures: how the constants of the code are written for people."""

from typing import Final

UNITS: Final = ("seconds", "size", "count")
SIZES: Final = ((1 << 20, "MiB"), (1 << 10, "KiB"))


def figure(value: float, unit: str) -> str:
    """Write a number: `30 s`, `16 MiB`, `1 000`.

    Args:
        value: in seconds, bytes or things.
        unit: one of `UNITS`.
    """
    if unit == "seconds":
        return f"{value:g} s"
    if unit == "size":
        for factor, word in SIZES:
            if value % factor == 0:
                return f"{value / factor:g} {word}"
        return f"{value} bytes"
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")
