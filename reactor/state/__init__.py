"""State: operations in order, each way.

A state is a channel in a collection with a queue of operations for each direction. Operations are
stepped and never wait; a queue decides which one is stepped, for how long it may go on, and who is
told how it ended. Blocking code steps the same operations without any of that, by `drive`.

      the program's verbs                            blocking verbs
              │                                            │
        AsyncIOState ── unread: ReadBuffer                 │
          │       │                                        │
       input    output : OperationQueue                  drive
          │       │                                        │
          └───┬───┘                                        │
        Operation.step(channel) ◄──────────────────────────┘

Words: a *status* is what stopped a direction. An *exchange* is an operation that needs both
directions, as TLS does at its switch.

Read `operations` first, then `operation_queue`, which is the only state machine of them all, then
`async_io_state`, which is wide and shallow. `drive` is a page. `exchange` is a handshake or an end
that has a channel to itself; `handshake` comes before there is a state, `farewell` after its close.
`streams` are operations that last as long as a connection; `datagrams` are those for messages, of
which none depends on the one before.

Nothing here knows what a protocol is, or how a connection came to be; `operations`, `streams`,
`datagrams`, `read_buffer` and `drive` know no loop either.
"""
