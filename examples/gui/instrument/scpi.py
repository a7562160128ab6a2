"""A voltmeter that speaks SCPI, without a network and without a clock.

`obey` takes one line and returns what is to be answered, and how long that takes to measure. As in
every instrument of its kind, a command that makes no sense is not answered: what was wrong with it
waits in the error queue, until somebody asks `SYST:ERR?`.

A header is spelled in its short form or its long one, in any case: `MEAS:VOLT?`, or
`measure:voltage:dc?`. Several commands stand in one line between semicolons, each with its whole
header.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

IDENTITY: Final = "WAITSTATE,SIMULATED VOLTMETER,0,1.0"
RANGES: Final = (1.0, 10.0, 100.0)  # volts, full scale
OVERLOAD: Final = 9.9e37  # what SCPI has for "more than I can measure" (SCPI-99, 7.2.1.4)
DIGITS: Final = 1e5  # steps of the converter in a full scale
ERROR_LIMIT: Final = 10  # errors that wait to be asked for
UNIT_LIMIT: Final = 16  # commands in one line

NO_ERROR: Final = (0, "No error")
NOT_ASCII: Final = (-101, "Invalid character")
NO_NUMBER: Final = (-104, "Data type error")
TOO_MANY: Final = (-108, "Parameter not allowed")
TOO_FEW: Final = (-109, "Missing parameter")
UNKNOWN: Final = (-113, "Undefined header")
OUT_OF_RANGE: Final = (-222, "Data out of range")
OVERFLOW: Final = (-350, "Queue overflow")
OVERRUN: Final = (-363, "Input buffer overrun")

Error: TypeAlias = tuple[int, str]


@dataclass(frozen=True)
class Reply:
    """What a line leads to.

    Attributes:
        text: the answer, without a line end; None if nothing was asked.
        measurement_count: how many measurements have to be made for it.
    """

    text: str | None
    measurement_count: int


class ErrorQueue:
    """What went wrong, first come first told; at the limit the last one becomes an overflow."""

    def __init__(self) -> None:
        self._errors: deque[Error] = deque()

    def add(self, error: Error) -> None:
        """Keep an error until somebody asks."""
        if len(self._errors) == ERROR_LIMIT:
            self._errors[-1] = OVERFLOW
        else:
            self._errors.append(error)

    def take(self) -> str:
        """Take the oldest out, as `SYST:ERR?` answers it."""
        number, text = self._errors.popleft() if self._errors else NO_ERROR
        return f'{number},"{text}"'

    def clear(self) -> None:
        """Forget them all."""
        self._errors.clear()


class Refused(Exception):
    """A command cannot be obeyed; `error` is what goes into the queue."""

    def __init__(self, error: Error) -> None:
        super().__init__(*error)
        self.error = error


class Voltmeter:
    """One instrument, however many talk to it: they share its range and its errors.

    Args:
        signal: returns the voltage at its terminals now.
    """

    def __init__(self, signal: Callable[[], float]) -> None:
        self.errors = ErrorQueue()
        self.range: float | None = None  # volts; None is "what fits"
        self._signal = signal

    def obey(self, line: bytes) -> Reply:
        """Do what a line says.

        Args:
            line: as it came, without its end; nothing is trusted yet.
        """
        answers, measurement_count = list[str](), 0
        try:
            for unit in units(line):
                command, parameters = meant_by(unit)
                answer = command(self, *parameters)
                measurement_count += command in (Voltmeter.measure, Voltmeter.read)
                if answer is not None:
                    answers.append(answer)
        except Refused as refusal:  # the rest of the line is not looked at
            self.errors.add(refusal.error)
        return Reply(";".join(answers) if answers else None, measurement_count)

    def identify(self) -> str:
        """`*IDN?`."""
        return IDENTITY

    def reset(self) -> None:
        """`*RST`: as it was when it was switched on; errors stay."""
        self.range = None

    def clear(self) -> None:
        """`*CLS`."""
        self.errors.clear()

    def complete(self) -> str:
        """`*OPC?`: whatever came before has been done."""
        return "1"

    def version(self) -> str:
        """`SYST:VERS?`."""
        return "1999.0"

    def next_error(self) -> str:
        """`SYST:ERR?`."""
        return self.errors.take()

    def configure(self, text: str) -> None:
        """`CONF:VOLT 10`, or `AUTO`: choose the smallest range that holds so many volts."""
        if re.fullmatch("AUTO|DEF(AULT)?", text.upper()):
            self.range = None
            return
        try:
            wanted = abs(float(text))
        except ValueError:
            raise Refused(NO_NUMBER) from None
        fitting = [one for one in RANGES if wanted <= one]
        if not fitting:
            raise Refused(OUT_OF_RANGE)
        self.range = fitting[0]

    def configuration(self) -> str:
        """`CONF?`."""
        return f'"VOLT {"AUTO" if self.range is None else format(self.range, "g")}"'

    def measure(self) -> str:
        """`MEAS:VOLT?`: as it was when it was switched on, and then `READ?`."""
        self.range = None
        return self.read()

    def read(self) -> str:
        """`READ?`: in volts, in steps of the range; beyond it there is nothing to see."""
        volts = self._signal()
        fitting = [one for one in RANGES if abs(volts) <= one]
        scale = self.range or (fitting or RANGES[-1:])[0]
        if abs(volts) > scale:
            return f"{OVERLOAD:+.5E}"
        return f"{round(volts / scale * DIGITS) / DIGITS * scale:+.5E}"


def units(line: bytes) -> list[str]:
    """Cut a line into its commands."""
    if not line.isascii():
        raise Refused(NOT_ASCII)
    found = [unit.strip() for unit in line.decode("ascii").split(";", UNIT_LIMIT)]
    if len(found) > UNIT_LIMIT:
        raise Refused(OVERRUN)
    return [unit for unit in found if unit]


def meant_by(unit: str) -> tuple[Callable[..., str | None], list[str]]:
    """Find the command that a header names, and its parameters."""
    header, *rest = unit.split(maxsplit=1)
    parameters = [one.strip() for one in rest[0].split(",")] if rest else []
    for spelling, (command, parameter_count) in COMMANDS.items():
        if spelling.fullmatch(header.removeprefix(":")):
            if len(parameters) != parameter_count:
                raise Refused(TOO_FEW if len(parameters) < parameter_count else TOO_MANY)
            return command, parameters
    raise Refused(UNKNOWN)


def spelled(header: str) -> re.Pattern[str]:
    """Make a pattern of a header as manuals print it: `MEASure[:VOLTage]?`.

    What is in small letters may be left out, word by word, and so may what is in brackets.
    """
    pattern = re.sub("[a-z]+", lambda small: f"({small[0]})?", re.sub(r"([*?])", r"\\\1", header))
    return re.compile(pattern.replace("[", "(").replace("]", ")?"), re.IGNORECASE)


COMMANDS: Final[dict[re.Pattern[str], tuple[Callable[..., Any], int]]] = {
    spelled("*IDN?"): (Voltmeter.identify, 0),
    spelled("*RST"): (Voltmeter.reset, 0),
    spelled("*CLS"): (Voltmeter.clear, 0),
    spelled("*OPC?"): (Voltmeter.complete, 0),
    spelled("SYSTem:ERRor[:NEXT]?"): (Voltmeter.next_error, 0),
    spelled("SYSTem:VERSion?"): (Voltmeter.version, 0),
    spelled("CONFigure[:VOLTage][:DC]"): (Voltmeter.configure, 1),
    spelled("CONFigure?"): (Voltmeter.configuration, 0),
    spelled("MEASure:VOLTage[:DC]?"): (Voltmeter.measure, 0),
    spelled("READ?"): (Voltmeter.read, 0),
}
