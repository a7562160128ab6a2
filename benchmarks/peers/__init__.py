"""Peers: event loops behind the same few verbs, so that each work is written once.

A peer offers what our works need and every loop can do. The echo server behind `serve` is what a
user of that loop would write, and nothing more: no counters and no hooks, for each of them would
cost every peer the same and so make all of them look alike.

    serve(tls, patient=False) -> port  an echo server on 127.0.0.1; patient: with a read timeout
    run() ... stop()                   stop is called from inside
    call_soon(function)                in the next turn
    call_later(delay, function) -> timer with cancel()
    call_from_thread(function)         from any thread

                 asyncio      Protocol and Transport of the standard library
                 streams      its StreamReader and StreamWriter
    works  ──►   uvloop       the Protocol of `asyncio` on libuv
                 bare         epoll, recv and send in a `while` loop: the limit of Python
                 ours         reactor.Protocol with a read timeout armed on each connection

`bare` has neither TLS, timers nor calls from threads; the works that want them leave it out. Ours
is measured as people use it: with a read timeout armed, always. The others arm one, a single timer
for each connection, where its memory counts; their echoes go without.

Files: `names.py`, then `asyncio_peer.py` (asyncio, streams and uvloop), `bare.py`, `ours.py`. The
main loops in `hosts.py` are no peers: a collection of ours lives in each of them.
"""
