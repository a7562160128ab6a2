"""Hosts: a collection that lives in somebody else's main loop.

A program with a window has a loop already, and two loops need two threads, or one of them a guest
of the other. Here the collection is the guest: callbacks run in the host's thread, between its own
events, and nothing polls.

    attach(host, collection) ──► Guest: mode, close()
                                   │ turns: dispatch(wait(0)), bounded, never nested
          ┌────────────────────────┴──────────────────────┐
     DescriptorGuest                                  ThreadGuest
     the host watches fileno(),                       a thread waits, and posts what it has
     and has one timer: the KernelTimer               found to the host's loop
     is in there on Linux
          └────────────────────────┬──────────────────────┘
                                 Host: watch, unwatch, arm, disarm, post, close
              ┌─────────────────────┼─────────────────────┐
      asyncio.py  glib.py       WokenHost             pygame.py, where the guest
      trio.py     wx.py       tk.py   qt.py           is what the program calls

     attach(deliver, collection) ──► DeliveringGuest: deliver(function), close()
                                      a loop in a thread of its own, beside the host

Words: a *host* is the other loop; a *guest* is the handle that attaching returns. A turn is what
it is everywhere, only shorter: the host has to paint.

Reading order: host.py is what a guest asks of a loop; guest.py has all that adapters share, and is
where the traps are; kernel_timer.py lets the one descriptor tell of time as well; then one file for
each host, with its `attach`; thread.py, for a window that computes; and delivered.py, which is what
protocols see there, with aside/ underneath. A toolkit is imported when it is attached to, and none
is needed to import these files.

A collection must not know that it is hosted: it has a descriptor, a next moment, two halves of a
turn, and a word for when that moment comes earlier.
"""
