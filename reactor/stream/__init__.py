"""Streams: a connection as a file, for code that waits.

      open_tcp_stream ──► SocketStream ◄── wait_for_input_streams
                               │
            StreamFile ◄───────┤        what makefile() lends, to libraries that know sockets
           StreamInput ◄───────┤        what is read, and what is unread
            StreamBase ◄───────┘        a channel, two directions, their limits, the end
                  │
              Blocking                  one operation, stepped with a limit for each wait
                  │
      Operation.step(channel) -> done?  and drive() waits

Words: a *direction* is the input or the output; it has one user at a time, a limit for each wait,
and an end of its own. *Unread* bytes have arrived, and nobody has asked for them yet.

Read `stream_base` first, then `stream_input`, `socket_stream`, `stream_file`, `opening`, `waiting`;
`socket_facts` is what streams, listeners and datagram sockets can be asked alike.

Nothing here knows a collection, steps an operation itself, or keeps what is written.
"""
