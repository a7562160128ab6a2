"""Works: what is measured, one file for each, with one instrument in it.

A work is a function of a peer's name that returns a figure: what one echo, one idle connection, one
timer or one call from a thread costs that peer. It runs in a process of its own, makes the peer,
uses it as `peers/` promises, and cleans up nothing that the end of the process cleans up.

    file               instrument                                       unit
    echo.py            full batch: CPU time of the serving thread       us per echo
    bulk.py            CPU time of the serving thread                   us per MiB
    visits.py          the same                                         us per connection
    memory.py          anonymous memory of the serving process          KiB per idle connection
    timeouts.py        full batch with 10 timers against 10,000         how many times the cost
    timers.py          CPU time of the thread                           us per timer
    calls.py           clock, from a thread's call to its run           us per call
    hosts.py           clock, from another process's send to the call   us
    system_calls.py    strace -c -f of a serving process                calls per echo

Reading order: as above. Each file ends in `WORKS`, which `benchmarks/catalogue.py` collects. To add
a work, write such a file, add it there, and give it its figures in `goals.toml`.

A work must not need a machine at rest: it reads CPU time where it can, takes a median where it has
to read the clock, and leaves the comparing of peers to the runner.
"""
