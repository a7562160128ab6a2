"""Sockets: every kind of socket for blocking code, made by one function with keywords.

      make_socket ──► Request ──┬──► SocketStream     active: connects, over TCP or to a path
                                ├──► ListenerSocket   passive: accept_connection
                                └──► UDPSocket        datagrams: send_to, receive_from
                                          │
                                   BlockingSocket     of `stream/`: directions, limits, the end
                                          │
                         Operation.step(channel) -> done?  and drive() waits

Words: an *active* socket connects, a *passive* one listens. The *default target* of a datagram
socket is where it sends unless told otherwise; only a *connected* one hears nobody else. What is
*adopted* is an open descriptor, used instead of a new socket.

Read `request` first, which knows what the keywords mean together, then `make_socket`, which opens
what a request describes, then `listener_socket` and `udp_socket`.

What is refused before any system call is a plain `ValueError`; what the system refuses, a
`SocketCreationError`.

Nothing here steps an operation itself, resolves a name itself, or knows a collection.
"""
