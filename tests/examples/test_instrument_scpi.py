"""The instrument of the examples without its network: headers, ranges, and the error queue."""

from __future__ import annotations

import pytest
from scpi import ERROR_LIMIT, IDENTITY, UNIT_LIMIT, Reply, Voltmeter


@pytest.fixture
def volts() -> list[float]:
    """What is at the terminals; the last one counts."""
    return [1.25]


@pytest.fixture
def meter(volts: list[float]) -> Voltmeter:
    return Voltmeter(lambda: volts[-1])


def answer(meter: Voltmeter, line: str) -> str | None:
    return meter.obey(line.encode()).text


@pytest.mark.parametrize(
    "spelling",
    ["MEAS:VOLT?", "meas:volt:dc?", "MEASure:VOLTage?", ":MEASURE:VOLT:DC?", "read?", " READ? "],
)
def test_a_header_is_short_or_long_and_in_any_case(meter: Voltmeter, spelling: str) -> None:
    assert meter.obey(spelling.encode()) == Reply("+1.25000E+00", 1)


@pytest.mark.parametrize("spelling", ["MEASU:VOLT?", "ME:VOLT?", "MEAS:VOLT", "*IDN", "READ:?"])
def test_what_is_neither_is_an_error(meter: Voltmeter, spelling: str) -> None:
    assert answer(meter, spelling) is None
    assert answer(meter, "SYST:ERR?") == '-113,"Undefined header"'
    assert answer(meter, "SYST:ERR?") == '0,"No error"'


def test_one_line_may_ask_for_several_things(meter: Voltmeter) -> None:
    reply = meter.obey(b"*IDN?;:READ?; *RST;;READ?;*OPC?")
    assert reply == Reply(f"{IDENTITY};+1.25000E+00;+1.25000E+00;1", 2)


def test_the_rest_of_a_wrong_line_is_not_looked_at(meter: Voltmeter) -> None:
    assert answer(meter, "*OPC?;NONSENSE;*IDN?;NONSENSE") == "1"
    assert answer(meter, "SYST:ERR?;:SYST:ERR:NEXT?") == ('-113,"Undefined header";0,"No error"')


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("CONF:VOLT", '-109,"Missing parameter"'),
        ("CONF:VOLT 1,2", '-108,"Parameter not allowed"'),
        ("*IDN? 1", '-108,"Parameter not allowed"'),
        ("CONF:VOLT ten", '-104,"Data type error"'),
        ("CONF:VOLT 101", '-222,"Data out of range"'),
        ("CONF:VOLT nan", '-222,"Data out of range"'),
        ("CONF:VOLT ünd", '-101,"Invalid character"'),
        (";".join(["*OPC?"] * (UNIT_LIMIT + 1)), '-363,"Input buffer overrun"'),
    ],
)
def test_what_cannot_be_is_said_when_somebody_asks(meter: Voltmeter, line: str, error: str) -> None:
    assert answer(meter, line) is None
    assert answer(meter, "SYST:ERR?") == error
    assert answer(meter, "CONF?") == '"VOLT AUTO"'


def test_of_too_many_errors_the_last_says_that_there_were_more(meter: Voltmeter) -> None:
    meter.obey(b"CONF:VOLT")
    for _ in range(100):
        meter.obey(b"NONSENSE")
    told = [answer(meter, "SYST:ERR?") for _ in range(ERROR_LIMIT + 1)]
    assert told[0] == '-109,"Missing parameter"'
    assert told[1:-2] == ['-113,"Undefined header"'] * (ERROR_LIMIT - 2)
    assert told[-2:] == ['-350,"Queue overflow"', '0,"No error"']
    meter.obey(b"NONSENSE;*IDN?")
    meter.obey(b"*CLS")
    assert answer(meter, "SYST:ERR?") == '0,"No error"'


def test_a_range_is_the_smallest_that_holds_the_value(meter: Voltmeter, volts: list[float]) -> None:
    meter.obey(b"CONF:VOLT:DC 2")
    assert answer(meter, "CONF?") == '"VOLT 10"'
    volts.append(-3.123456)
    assert answer(meter, "READ?") == "-3.12350E+00"  # a step is a hundred-thousandth of 10 V
    meter.obey(b"CONF 0.5")
    assert answer(meter, "READ?") == "+9.90000E+37"
    assert answer(meter, "MEAS:VOLT?") == "-3.12350E+00"  # which forgets the range
    assert answer(meter, "READ?") == "-3.12350E+00"
    meter.obey(b"CONF 0.5")
    meter.obey(b"CONF auto")
    assert answer(meter, "READ?") == "-3.12350E+00"
    volts.append(1000.0)
    assert answer(meter, "READ?") == "+9.90000E+37"
