"""The fourth floor: how a channel comes to be.

Below, a channel exists already and is tried. Here it is made: what a person wrote is read, names
are looked up, addresses are tried against each other, sockets are bound, told their options, and
accepted. Most of it is plain functions and small machines that know no loop; only `attempt`,
`connect`, `accept`, `udp` and `unix` bring them into a collection.

    "example.org", "https"                          what a person writes
             |  address          refuses what is wrong, at the call
             v
          Target                                    a host, a port
             |  resolver         off the loop, four threads, a limit on everything
             v
      [SocketAddress, ...]                          what the system calls take
             |  race             who is tried when; no clock, no socket
             v
         connect  <-- options    one deadline for all of it
             |
             v
          Channel                                   the floor below

Its words. A *target* is a host and a service to connect to, a *socket address* is what the
kernel is told, a *look-up* is one question to the name service, an *attempt* is one address
tried in a race. An *address* at the surface is always a pair, `(host, port)`.

To be read in this order: `socket_address`, `name_service`, `options`, `address`, `resolver`,
`race`, and then what uses them: `attempt`, `connect`, `listen`, `accept`, `udp`, `unix`.

It must not know protocols, transports, or who is going to wait: the collection and the blocking
driver both come here, and find the same answers.
"""
