"""Poller: asks an instrument for a reading, again and again, and comes back when it was away.

There is no toolkit here, and no thread: who is told may show it at once, because a collection that
lives in a window calls back in the thread of the window.

    connect ──► *IDN? ──► CONF:VOLT, SYST:ERR? ──► READ? ──► a moment's wait ─┐
       ▲                        ▲                   ▲  └──── not a number ──┐ │
       │ back-off               └─ range changed ───┴───────────────────────│─┘
       └──── refused, hung up, too late, misunderstood ◄────────────────────┘

Readings are due at even moments. One that takes longer than the interval delays the next, and is
never overtaken by it.
"""

import enum
import re
from collections.abc import Callable
from typing import Any, Final

from dialogue import Dialogue, Misunderstood
from readings import Reading

from reactor import (
    AsyncIOState,
    Backoff,
    EndOfStream,
    OperationTimeout,
    Reconnecting,
    WaitStateCollection,
    connect_tcp,
    may_heal,
)
from reactor.errors import escaped
from reactor.reconnection import Link

SHOWN: Final = 60  # characters of what an instrument says of itself, or has against a range
INTERVAL: Final = 0.5  # seconds between two readings
INTERVAL_LEAST: Final = 0.05
TIMEOUT: Final = 1.0  # seconds for one answer
OVERLOAD: Final = 9.9e37  # what SCPI has for "more than I can measure"
ERROR: Final = re.compile(r'[+-]?\d{1,5},".*"')
NUMBER: Final = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?(E[+-]?\d{1,3})?", re.IGNORECASE)
BACKOFF: Final = Backoff(delay_first=0.5, delay_limit=10.0)


class Condition(enum.Enum):
    """What a poller is doing, in the words that it is shown with."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    POLLING = "polling"
    WAITING = "waiting"  # for the next attempt; `reason` says why, `when` until when


class Poller:
    """Readings of one instrument.

    Args:
        collection: whose loop does it.
        host: where the instrument is.
        port: likewise.
        measured: gets each `Reading`, those without a value included.
        changed: called without arguments whenever there is something else to show.
        timeout: seconds for one answer, and for one attempt to connect.
        backoff: how long it waits before it tries again.

    Attributes:
        identity: what the instrument calls itself; empty before it has said so.
        complaint: what the instrument had against the range, or why there is no trying to reach
            it; empty if nothing.
    """

    def __init__(
        self,
        collection: WaitStateCollection,
        host: str,
        port: int | str,
        measured: Callable[[Reading], object],
        changed: Callable[[], object],
        *,
        timeout: float = TIMEOUT,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self.collection = collection
        self.identity = self.complaint = ""
        self._where = (host, port)
        self._told = (measured, changed)
        self._timeout = timeout
        self._backoff = backoff
        self._interval = INTERVAL
        self._scales = ["AUTO", ""]  # the one that is wanted, and the one that the instrument has
        self._client: Reconnecting | None = None
        self._last = 0.0  # the moment at which the last reading was due
        self._timer: Any = None

    @property
    def condition(self) -> Condition:
        """What it is doing. Nothing is kept for this, so it cannot be wrong."""
        if self._client is None:
            return Condition.STOPPED
        if self._client.connection is not None:
            return Condition.POLLING
        waits = self.when is not None and self._client.failure_count
        return Condition.WAITING if waits else Condition.CONNECTING

    @property
    def reason(self) -> str:
        """Why the last connection has ended or could not be made; empty before the first end."""
        client = self._client
        return "" if client is None or not client.failure_count else in_words(client.error)

    @property
    def when(self) -> float | None:
        """The moment of the next attempt; None unless it waits for one."""
        if self._client is None or self._client.when == float("inf"):
            return None
        return self._client.when

    @property
    def interval(self) -> float:
        """Seconds from one reading to the next; counts at once."""
        return self._interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        if not INTERVAL_LEAST <= seconds < float("inf"):
            raise ValueError(f"an interval has at least {INTERVAL_LEAST} seconds, not {seconds}")
        self._interval = seconds
        self._next()

    @property
    def full_scale(self) -> str:
        """The range as SCPI has it, in volts, or `AUTO`; the instrument is told at once."""
        return self._scales[0]

    @full_scale.setter
    def full_scale(self, volts: str) -> None:
        if volts != "AUTO" and NUMBER.fullmatch(volts) is None:
            raise ValueError(f"a range is a number of volts, or AUTO, and not {volts!r}")
        self._scales[0] = volts
        self._next()

    def start(self) -> None:
        """Begin; once more is harmless."""
        if self._client is None:
            self._client = Reconnecting(
                self.collection,
                self._connect,
                backoff=self._backoff,
                retry=lambda error: may_heal(error) or isinstance(error, Misunderstood),
                connected=self._greet,
                waiting=self._miss,
                gave_up=self._give_up,
            )
            self.complaint = ""
            self._changed()

    def stop(self) -> None:
        """End, at any moment: what is under way is given up, and leads to no reading."""
        if self._client is not None:
            self._client.close()
            self._client = None
            self._pause()
            self._changed()

    def retry_now(self) -> None:
        """Do not wait any longer."""
        if self._client is not None:
            self._client.retry_now()

    # How a connection comes and goes.

    def _connect(self, link: Link) -> AsyncIOState:
        """Begin an attempt; what becomes of it is told to the link."""

        def up(state: AsyncIOState, error: BaseException | None) -> None:
            if error is not None:
                link.ended(error)
            else:
                link.connected(Dialogue(state, self._timeout, link.ended))

        self._changed()
        return connect_tcp(self.collection, *self._where, up, connect_timeout=self._timeout)

    def _greet(self, client: Reconnecting, dialogue: Dialogue) -> None:
        self._scales[1] = ""  # who knows what it has been through
        self._last = self.collection.time() - self._interval
        self._changed()
        self._ask("*IDN?", self._identified)

    def _miss(self, client: Reconnecting, error: BaseException | None) -> None:
        """Put down that there is no reading, and why."""
        self._measured(Reading(self.collection.time(), None, in_words(error)))
        self._changed()

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self, client: Reconnecting, error: BaseException | None) -> None:
        """Stop: the address is none, or something in here is wrong."""
        self.complaint = in_words(error)
        self.stop()

    # What is asked.

    def _next(self) -> None:
        """Ask what is to be asked now, or wait for its moment."""
        dialogue = self._client.connection if self._client is not None else None
        if dialogue is None or dialogue.asking:
            return  # whatever happens next comes by here
        self._pause()
        now, due = self.collection.time(), self._last + self._interval
        if self._scales[0] != self._scales[1]:
            self._configure(self._scales[0])
        elif due <= now:
            missed = now - due >= self._interval  # and is not made up for
            self._last = now if missed else due
            self._ask("READ?", self._read)
        else:
            self._timer = self.collection.call_at(due, self._next)

    def _ask(self, question: str, answered: Callable[[str], object]) -> None:
        assert self._client is not None

        def told(answer: str) -> None:
            answered(answer)
            self._next()

        self._client.connection.ask(question, told)

    def _identified(self, answer: str) -> None:
        self.identity = escaped(answer)[:SHOWN]
        self._changed()

    def _configure(self, volts: str) -> None:
        """Set the range. A command has no answer, so the question is what was wrong with it."""

        def configured(answer: str) -> None:
            if ERROR.fullmatch(answer) is None:
                raise Misunderstood("that is no error", answer.encode())
            self._scales[1] = volts
            error = int(answer.partition(",")[0])
            self.complaint = escaped(answer)[:SHOWN] if error else ""
            self._changed()

        self._ask(f"CONF:VOLT {volts};:SYST:ERR?", configured)

    def _read(self, answer: str) -> None:
        """Take a reading."""
        if NUMBER.fullmatch(answer) is None:
            raise Misunderstood("that is no reading", answer.encode())
        now, value = self.collection.time(), float(answer)
        assert self._client is not None
        self._client.reset()  # who measures has come back: the next failure is the first again
        if abs(value) >= OVERLOAD:
            self._measured(Reading(now, None, "overload"))
        else:
            self._measured(Reading(now, value))

    # Who is told.

    def _measured(self, reading: Reading) -> None:
        self._told[0](reading)

    def _changed(self) -> None:
        self._told[1]()

    def __repr__(self) -> str:
        return f"<Poller of {self._where[0]}:{self._where[1]}, {self.condition.value}>"


def in_words(error: BaseException | None) -> str:
    """Say in a few words why there is no reading."""
    if isinstance(error, OperationTimeout):
        return "no answer"
    if error is None or isinstance(error, EndOfStream):
        return "hung up"
    identifier = getattr(error, "identifier", None)  # of what the library raises
    return str(error) if identifier is None else identifier.replace("-", " ")
