"""Net: where a channel leads, before there is one.

What a person wrote is read here, names are looked up, and addresses are put into the order in which
they are tried. All of it is plain functions and small machines. They open no connection, and none
of them knows who is going to wait: the collection and the blocking driver both come here, and find
the same answers.

    "example.org", "https"                          what a person writes
             |  address          refuses what is wrong, at the call
             v
          Target                                    a host, a port
             |  resolver         what is known, or a thread off the loop; a limit on everything
             v
      [SocketAddress, ...]                          what the system calls take
             |  race             who is tried when; no clock, no socket
             v
        a socket, told its `options`                by `opening`, upstairs

Its words. A *target* is a host and a service to connect to, a *socket address* is what the kernel
is told. A *look-up* is what one asker wants to know of a name; several may share a *question* to
the name service. An *address* at the surface is always a pair, `(host, port)`.

To be read in this order: `socket_address`, `name_service`, `options`, `address`, `known_names`,
`lookup_threads`, `resolver`, `inquiry`, `race`.
"""
