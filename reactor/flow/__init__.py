"""Flow: what goes through the connection of a protocol, and how it comes to an end.

A protocol pushes bytes and is pushed bytes; an operation is started and ends. These are the parts
that turn the one into the other. None of them does any I/O, and none knows the others: a transport
has one of each, and only it knows when the connection is open, switching to TLS, closing or over.

        Transport ──write──► the channel, at once ──what it refuses──► WaitingOutput ─► Pour
            │                                                              │
            │◄── hooks ── Protocol ◄── Feeding ◄── Feed                    │
            │                             │                                │
            │                             └──────► IdleLimit ◄─────────────┘
            └── over ──► CloseReport, LastCall

Words: *waiting* output is what no channel has taken. A *high* and a *low* mark are the sizes at
which the protocol is paused and resumed. To *feed* a protocol is to hand over what arrives as it
arrives. To run *dry* is to wait for one's turn under a limit of the rate. The *last call* is
`connection_lost`.

Read `waiting_output` first, then `feeding`, which is the other direction. `idle_limit` watches
over both, and `rate_limit` slows them down by what is in a `token_bucket`. `phase` is what a
transport is doing, `transport_base` what it can be told of all this, and `close_report` what is
left of it.

Nothing here knows where connections come from; sizes of messages, lines and frames belong to the
protocols.
"""
