"""State: operations in order, each way.

A state is a channel in a collection with a queue of operations for each direction. Operations come
from the floor below, and never wait; a queue decides which one is stepped, for how long it may go
on, and who is told how it ended. Blocking code steps them without any of that, by `drive`;
`blocking` gives each of its waits a limit.

      the program's verbs                            blocking verbs
              │                                            │
        AsyncIOState ── unread: ReadBuffer                 │
          │       │                                        │
       input    output : OperationQueue            Blocking, drive
          │       │                                        │
          └───┬───┘                                        │
        Operation.step(channel) ◄──────────────────────────┘

Words: a *status* is what stopped a direction. An *exchange* is an operation that needs both
directions, as TLS does at its switch.

Read `operation_queue` first, which is the only state machine of them all, then `connection`, then
`async_io_state`, which is wide and shallow. `drive` is a page. `exchange` is a handshake or an end
that has a channel to itself; `handshake` comes before there is a state, `farewell` after its close.

Nothing here knows what a protocol is, or how a connection came to be; `drive` knows no loop either.
"""
