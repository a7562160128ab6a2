"""The list of all works, in the order of the table."""

from typing import Final

from benchmarks.works import (
    bulk,
    calls,
    echo,
    files,
    hosts,
    memory,
    sessions,
    system_calls,
    timeouts,
    timers,
    visits,
)

WORKS: Final = (
    *echo.WORKS,
    *bulk.WORKS,
    *files.WORKS,
    *visits.WORKS,
    *sessions.WORKS,
    *memory.WORKS,
    *timeouts.WORKS,
    *timers.WORKS,
    *calls.WORKS,
    *hosts.WORKS,
    *system_calls.WORKS,
)
