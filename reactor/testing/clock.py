"""ManualClock: a monotonic clock that moves when it is told to."""


class ManualClock:
    """Stands for `time.monotonic` where a test decides how late it is.

    Args:
        start: the first reading, in seconds.

    Thread: any that reads; one that advances. Calls back: never. Source: LW-001, CL-73.
    """

    __slots__ = ("_now",)

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def __call__(self) -> float:
        """Return the moment, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass; nothing runs until the loop takes its next turn.

        Args:
            seconds: 0 or more.

        Raises:
            ValueError: it would go backwards, which a monotonic clock never does.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock can be advanced by 0 or more seconds, not {seconds!r}")
        self._now += seconds

    def __repr__(self) -> str:
        return f"<ManualClock at {self._now:g} s>"
