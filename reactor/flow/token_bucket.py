"""TokenBucket: how many bytes may move now, if it must be so many per second.

A bucket holds tokens, one for a byte, and begins full. They come at a rate, and what is above the
burst runs over. So in any span of t seconds no more than burst + rate * t bytes move, and whoever
has been quiet may be quick for once. It knows no clock and nobody who waits: moments are handed in.
"""

import sys
from typing import Final

from reactor.deadline import NEVER

PLENTY: Final = 1 << 62  # bytes; what may move where there is no limit

# Of a byte; moments are rounded, and without it somebody would wait once more for the last bit.
TOLERANCE: Final = 0.001


class TokenBucket:
    """Tokens that come at a rate.

    Args:
        rate: bytes per second, above 0; None is no limit.
        burst: bytes that it holds, 1 or more; None is what comes in a second.
        now: the moment at which it is full.

    Raises:
        ValueError: a figure is out of its range. TypeError: it is none.

    Thread: one at a time. Calls back: never. Source: PR-05, PR-07.
    """

    __slots__ = ("_given_burst", "_moment", "_tokens", "rate")

    def __init__(self, rate: float | None, burst: int | None, now: float) -> None:
        _check(rate, burst)
        self.rate = rate
        self._given_burst = burst
        self._moment = now
        self._tokens = float(self.burst)

    @property
    def burst(self) -> int:
        """Bytes that it holds: what was given, or what comes in a second, at least one."""
        if self._given_burst is not None:
            return self._given_burst
        return PLENTY if self.rate is None else max(1, int(self.rate))

    def change(self, rate: float | None, burst: int | None, now: float) -> None:
        """Have another rate and another burst from now on; what has come stays, if it fits.

        Raises:
            ValueError, TypeError: as the constructor; then nothing has changed.
        """
        _check(rate, burst)
        self._fill(now)
        self.rate = rate
        self._given_burst = burst
        self._tokens = min(self._tokens, float(self.burst))

    def available(self, now: float) -> int:
        """Return how many bytes may move; 0 also where it owes some."""
        if self.rate is None:
            return PLENTY
        self._fill(now)
        return max(0, int(self._tokens + TOLERANCE))

    def take(self, count: int, now: float) -> None:
        """Take tokens for bytes that have moved; it owes those that it does not have."""
        if self.rate is not None:
            self._fill(now)
            self._tokens -= count

    def moment_of(self, count: int, now: float) -> float:
        """Return when it will have got so many tokens, were there room for them all."""
        if self.rate is None:
            return now
        self._fill(now)
        return now + max(0.0, count - self._tokens) / self.rate

    def _fill(self, now: float) -> None:
        if now > self._moment:
            rate = NEVER if self.rate is None else self.rate
            self._tokens = min(float(self.burst), self._tokens + (now - self._moment) * rate)
            self._moment = now

    def __repr__(self) -> str:
        return f"<TokenBucket of {self.burst} with {self._tokens:g}, {self.rate} per second>"


def _check(rate: float | None, burst: int | None) -> None:
    if rate is not None:
        if isinstance(rate, bool) or not isinstance(rate, (int, float)):
            raise TypeError(f"rate is bytes per second, or None for no limit, not {rate!r}")
        if not 0 < rate <= sys.float_info.max:
            raise ValueError(f"rate is more than 0 bytes per second, or None, not {rate!r}")
    if burst is not None:
        if isinstance(burst, bool) or not isinstance(burst, int):
            raise TypeError(f"burst is a whole number of bytes, or None, not {burst!r}")
        if not 1 <= burst <= PLENTY:
            raise ValueError(f"burst is from 1 to {PLENTY} bytes, not {burst}")
