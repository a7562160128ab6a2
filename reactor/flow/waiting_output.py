"""WaitingOutput: what a transport could not send at once, in order and between two marks.

Most connections never have one byte in it: a write that the kernel takes goes past it. What does
wait is poured into the channel as there is room; the protocol is paused above the high mark and
resumed at the low one, strictly in turn, and at the limit writes are refused.

    0 ─────────── low ─────────── high ───────────────────── limit
    drained       └─► resumed     └─► paused                 └─► LimitExceeded

A *fence* keeps what is written after it apart from what was written before: the first leaves in
clear, the second waits for TLS. A *hold* lets nothing leave while it lasts, and no limit runs. A
*mark* is passed when all that was written before it is with the kernel. Output that has *run dry*
waits for its turn under a limit of the rate.
"""

from collections.abc import Callable
from typing import Any, Final

from reactor.channel.base import BytesLike
from reactor.errors import LimitExceeded
from reactor.flow.rate_limit import Meter
from reactor.operations.streams import Pour
from reactor.state.connection import Connection

WRITE_LIMIT_HIGH: Final = 65_536  # bytes of output above which the protocol is paused
WRITE_LIMIT_LOW: Final = 16_384  # bytes of output at which it is resumed


class WaitingOutput:
    """The output of one connection that waits for room, or behind a fence.

    `size` counts bytes, those included that TLS has encrypted and the kernel has not taken yet.

    Args:
        state: whose output it is.
        transport: whose `mark_passed` is called with true when the size has risen above the high
            mark, inside `keep`, and with false when it has sunk to the low one, from the loop;
            whose `output_gone` is called when all that may leave has left, and whose
            `output_failed` with what stopped it.

    Thread: the owner's. Calls back: `mark_passed(True)` inside `keep` and `watch`, else from the
    loop. Source: PR-05, PR-06.
    """

    __slots__ = (
        "_behind",
        "_dry",
        "_fenced",
        "_held",
        "_pour",
        "_state",
        "_timeout",
        "_transport",
        "high",
        "low",
        "meter",
        "paused",
    )

    def __init__(self, state: Connection, transport: Any) -> None:
        self._state = state
        self._transport = transport
        self._pour: Pour | None = None  # what leaves as there is room
        self._behind: Pour | None = None  # what is behind the fence
        self._fenced = False
        self._held = False
        self._dry = False  # the meter has stopped it
        self._timeout: float | None = None  # seconds without progress; None is that of the state
        self.meter: Meter | None = None  # of a limit of the rate
        self.paused = False
        self.high = WRITE_LIMIT_HIGH
        self.low = WRITE_LIMIT_LOW

    def __bool__(self) -> bool:
        """Tell whether anything waits, so that a write has to wait behind it."""
        return self._pour is not None or self._fenced or self._held

    @property
    def leaving(self) -> bool:
        """Whether there is something on this side of the fence."""
        return self._pour is not None

    @property
    def kept(self) -> int:
        """How many bytes the channel has not taken yet."""
        return sum(pour.size for pour in (self._pour, self._behind) if pour is not None)

    @property
    def size(self) -> int:
        """How many bytes wait, here or in the channel."""
        return self.kept + self._state.channel.output_size

    def check_limit(self) -> None:
        """Refuse a write if as much waits before it as the limit allows.

        Raises:
            LimitExceeded: so it is; nothing was taken.
        """
        size, limit = self.size, self._state.output.limit
        if size >= limit:
            raise LimitExceeded(
                f"{size} bytes wait to be sent already and the limit is {limit}: stop at"
                " pause_writing(), or raise `output_limit`",
                identifier="output-limit",
                phase="write",
                peer=self._state.peer_address,
                connection=self._state.face,
            )

    def keep(self, data: BytesLike) -> None:
        """Keep bytes behind all others, `bytes` as they are, anything else as a copy."""
        self._last().put(data)
        self._begin()
        self._rose()

    def watch(self) -> None:
        """Wait for what the channel itself holds: it counts, and it has limits, like the rest."""
        if self._pour is None:
            self._pour = Pour(self._sunk, self.low, self.meter)
            self._begin()
        self._rose()

    def mark(self, passed: Callable[[], object]) -> None:
        """Call `passed`, which must not raise, when all that is kept now has been sent."""
        self._last().mark(passed)
        self._begin()

    def set_marks(self, high: int | None, low: int | None) -> None:
        """Set the marks, as `Transport.set_write_buffer_limits` says."""
        if high is None:
            high = WRITE_LIMIT_HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(f"the marks must be 0 <= low <= high, not {low} and {high}")
        self.high, self.low = high, low
        for pour in (self._pour, self._behind):
            if pour is not None:
                pour.low = low
        self._rose()
        if self.paused:
            self._state.later(self._sunk)

    def retime(self, timeout: float | None) -> None:
        """Give what is leaving another limit in seconds without progress, counted from now."""
        self._timeout = timeout
        if self._pour is not None:
            self._state.output.retime(timeout)

    def hold(self) -> None:
        """Let nothing leave until `release`; what TLS has encrypted already does."""
        if not self._held:
            self._held = True
            self._withdraw()

    def release(self) -> None:
        """Let it leave again; the limit of what waits counts from now."""
        if self._held:
            self._held = False
            if self._pour is not None:
                self._begin()
            elif not self._fenced:
                self._transport.output_gone()

    def limit_rate(self, meter: Meter | None) -> None:
        """Let what leaves, and what is written from now on, go by another meter; None for none."""
        if self.meter is not None:
            self.meter.leave()
        self.meter = meter
        for pour in (self._pour, self._behind):
            if pour is not None:
                pour.meter = meter
        if self._dry:
            self.refill()

    def run_dry(self) -> None:
        """Let nothing leave until it is our turn; no write timeout runs meanwhile."""
        self._dry = True
        self._transport.moved()
        self._withdraw()

    def refill(self) -> None:
        """Let it leave again: it is our turn."""
        self._dry = False
        self._begin()

    def give_up(self) -> None:
        """Keep nothing, since it cannot leave, and resume who is paused until it has.

        `size` still says how much was lost.
        """
        for pour in (self._pour, self._behind):
            if pour is not None:
                pour.forget()
        if self.paused:
            self.paused = False
            self._state.later(self._transport.mark_passed, False)

    def fence(self) -> None:
        """Let what is written from now on wait until `lift`."""
        self._fenced = True

    def lift(self) -> None:
        """Let what is behind the fence leave; nothing is before it any more."""
        self._fenced = False
        self._pour, self._behind = self._behind, None
        self._begin()

    def _last(self) -> Pour:
        """Return what the next bytes go into, on the far side of the fence if there is one."""
        if self._fenced:
            if self._behind is None:
                self._behind = Pour(self._sunk, self.low, self.meter)
            return self._behind
        if self._pour is None:
            self._pour = Pour(self._sunk, self.low, self.meter)
        return self._pour

    def _begin(self) -> None:
        if self._pour is None or self._held or self._dry or self._state.output.active:
            return
        self._state.output.start(self._pour.order(self._poured, timeout=self._timeout))

    def _withdraw(self) -> None:
        if self._state.output.operation is self._pour is not None:
            self._state.output.withdraw()

    def _rose(self) -> None:
        if not self.paused and self.size > self.high:
            self.paused = True  # before the call, which may write more
            self._transport.mark_passed(True)

    def _sunk(self) -> None:
        if self.paused and self.size <= self.low and not self._state.closed:
            self.paused = False
            self._transport.mark_passed(False)

    def _poured(self, state: Connection) -> None:
        status = state.output.status
        if status is not None:
            self._transport.output_failed(status)
            return
        self._pour = None
        self._sunk()
        if self._pour is None:
            self._transport.output_gone()

    def __repr__(self) -> str:
        return f"<WaitingOutput of {self.size}{' paused' if self.paused else ''}>"
