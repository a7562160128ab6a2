"""Loop: the one place that waits.

A collection holds wait states, asks a selector which of them are ready, and calls them. It does
not know what they do when they are called: not channels, not operations, not protocols.

    other threads ──apply──► calls ─────┐
                   └─wake──► waker ─┐   │
                                    ▼   ▼
    selector ◄── poller ◄─wait, serve─ collection              wait states
                    │               ▲   │                       (connections, listeners,
                    │   timers ─────┘   └─on_due─► timed         watches)
                    └──on_readable, on_writable────────────────►

Words: a *turn* is one wait and what was done about it. The *owner* is the thread that may use the
collection. To *want* is to ask for readiness. *Stale* is what was reported about a descriptor
that has left since.

Read `wait_state` and `timers` first: they are what is held, and what is due. Then `poller`, which
finds out what is ready, and calls it; `waker` and `calls`, which carry work over from other
threads, and from turn to turn; and `ownership`, which keeps other threads out of everything else.
`collection` puts them together and is the only one that knows them all. `watch` and `signals` are
small users of it, `health` counts, `error_handler` is where exceptions end.
"""
