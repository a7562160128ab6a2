"""Benchmarks: what an echo, an idle connection, a timer and a call from a thread cost.

Whatever is measured is a *work*: one file in `works/`, one clear instrument in it. Whoever does
the work is a *peer*: an event loop behind the few verbs of `peers/`, so that every work is written
once. All figures are costs (microseconds, KiB, system calls), so that less is better everywhere,
and a ratio is always the cost of the other divided by ours: how many times cheaper we are.

    python -m benchmarks                    a process for each figure
      __main__ ──► runner ────────────────► worker ──► works/echo.py ──► full_batch.py
         │           shuffles the peers,       │       works/memory.py ──► clients.py
         │           repeats, collects         │       works/timers.py, calls.py ...
         ▼                                     ▼
      table.py ◄── goals.toml               peers/ asyncio, streams, uvloop, bare, ours
      columns.py                                   hosts: the main loops of others

Each figure comes from a process of its own, since what ran before in the same one - a grown heap,
a tuned malloc - is worth more than the differences that we look for. The peers of one work run
side by side, again and again in random order, so that the moods of the machine meet all of them.

Reading order: `README.md` for how to read the table; `full_batch.py`, which is the precise
instrument; `works/echo.py`, the first work; `catalogue.py`, the list of all; then the rest.
"""
