"""The list of all works, in the order of the table."""

from typing import Final

from benchmarks.works import calls, echo, memory, system_calls, timeouts, timers

WORKS: Final = (
    *echo.WORKS,
    *memory.WORKS,
    *timeouts.WORKS,
    *timers.WORKS,
    *calls.WORKS,
    *system_calls.WORKS,
)
