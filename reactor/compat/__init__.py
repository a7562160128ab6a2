"""Compat: a landing place for programs that were written for another reactor.

What left the standard library with Python 3.12 runs here unchanged: `asyncore` under its old names,
on a collection. Its sister `asynchat`, which has a codec, is in `protocols/`.

     asyncore.loop()                         collection.run()
          │ turn by turn                          │ asks at the end of each turn
          ▼                                       ▼
      Residents ◄── a dict: {fd: dispatcher}  SocketMap ──► Residents
          │  ask: readable(), writable()
          ▼
      Resident, a wait state ──► handle_read_event, handle_write_event

Words: a *dispatcher* is asyncore's object with a socket; a *map* is asyncore's table of them. A
*resident* is the wait state through which a dispatcher lives on a collection.

Read `residents` first: how objects that are asked before each wait live on a loop that is told.
`socket_map` puts them on a collection beside everything else that this library has; `asyncore` is
the old module with its old names.

These files keep the contract of asyncore and not that of this library, where the two differ: a
dispatcher owns its socket and calls it itself, errors are the plain `OSError` of the call, and the
module holds a map. Nothing else may know them: new programs subclass `reactor.Protocol`.
"""
