"""Operations: what there is to do on a channel, stepped until it is done.

An operation is one read, one write, one handshake, one message, or what goes on for as long as a
connection lives. Its `step` tries the channel and says "done" or "not yet". It never waits, and it
does not know who does that for it: a collection or a blocking call step the very same operations.

      reading      Fill  Take  Check  Wait    a program takes bytes
      writing      Send                       and sends them
      exchanges    Handshake  Unwrap  Drain   both directions stand still
      messages     Receive  Transmit          one datagram, whole
      accepting    AcceptClient               a client, for a caller who waits
      streams      Feed  BufferedFeed  Pour   a protocol's bytes, to the end
      datagrams    DatagramFeed  ...Pour      a protocol's datagrams
                      │
              Operation.step(channel) -> done?

Words: *unread* bytes have arrived, and nobody has asked for them yet: `read_buffer` keeps them. An
operation that *sticks* leaves its failure behind for the next one; those on messages do not.

Read `operation` first, then `reading`; the others are variations.

Nothing here knows a loop, a thread, a queue or a clock; moments are given to it as numbers.
"""
