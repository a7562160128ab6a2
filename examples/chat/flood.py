"""Allowance: how many lines somebody may send. It asks no clock; its caller says what time it is.

The bucket of tokens, written down as a single moment: the one at which all is paid for. A line
moves it on by what a line costs; it may lie ahead of the present by what a burst costs.
"""


class Allowance:
    """So many lines a second in the long run, and so many at once before that counts.

    Args:
        rate: lines a second.
        burst: lines that may come at once after a silence.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._cost = 1 / rate
        self._credit = burst * self._cost
        self._paid_at = float("-inf")

    def spend(self, now: float) -> float:
        """Count one line, and return the seconds to wait before the next; mostly 0.0."""
        self._paid_at = max(self._paid_at, now) + self._cost
        # The next line has to fit as well, so that the wait comes before it and not after.
        return max(0.0, self._paid_at + self._cost - now - self._credit)

    def __repr__(self) -> str:
        return f"<Allowance of {1 / self._cost:g} lines a second>"
