"""Opening: how a channel comes to be.

Three floors down a channel exists already and is tried. Here it is made: addresses are tried
against each other, sockets are bound, told their options, and accepted, and what comes of it enters
a collection as a state, or is handed to who has asked.

                 Target, Route                      read by `net`, downstairs
                       |
        attempt  one socket, one address            Racing brings the race into a collection
                       |
        connect  one deadline for all of it         listen   bound, at once
                       |                                |
                       |                            accept   within a budget, TLS beside it
                       v                                v
                   AsyncIOState                 one AsyncIOState for each client

        udp      opened at once: there is nobody to wait for
        unix     the same for paths; `own_path` takes a stale one over, and removes its own
        blocking the same route, race and handshake for a caller who waits

Its words. An *attempt* is one address tried in a race, a *route* is where to connect and how, a
*binding* what a listener is bound to, a *reception* what becomes of its clients.

To be read in this order: `attempt`, `connect`, `listen`, `accept`, which counts `clients`, `udp`,
`unix`, and `blocking`, in which all of `connect` comes again in a page.

It must not know protocols or transports; `server` and `datagram` bring those together with it.
"""
