"""Aside: a protocol in the thread of a host, and its connection in that of a collection.

Two objects stand between them. A *delivery* is what the transport sees: each call of a hook becomes
an event, and waits in line until the host makes it. A *face* is what the protocol sees: each verb
becomes a call in the thread of the collection.

    thread of the collection                               thread of the host
    Transport ──► Delivery ──── events, in order ────────► protocol    counted up / counted down
    Transport ◄── verbs, in order ─────────────── Face ◄── protocol    counted down / counted up

What is under way is the difference of two counters, each of which one thread writes and both read:
so no lock is needed. Whoever stops because of a difference looks at it once more, since the other
one may have counted just before and not have seen that somebody stops.

Reading order: delivery.py has the line of events, and the way that they go, pauses.py how it stands
still; streams.py is the delivery of a stream of bytes. face.py is what a protocol may do whatever
it is on. The faces that programs meet are upstairs, in `delivered`, and the way itself is the guest
of `thread`.

Neither side ever waits for the other. What has a limit is told so by it: a connection whose events
are not taken is not read, and a protocol that writes more than leaves is paused.
"""
