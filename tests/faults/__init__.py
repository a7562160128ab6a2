"""Faults: what a trusted reactor has to survive, done to it by real peers and real processes.

Peers that send and do not read, that come by the hundred and are killed, that end one direction
and go on with the other; threads that post while the loop stops; children of a fork. Most of it is
asked of a server in a process of its own, because only there memory, processor time and
descriptors are its own:

    test ── socket ──► server.py, on a port for each face: transport, state
     │                     ▲
     └── questions ────────┘  figures, quiet, share: over its standard input

    server              the server, and what it knows of itself
    watched             the way to it: who calls, and what it may not keep of anybody
    forking             a program that forks while it serves
    test_conversations  one peer, and how it may end
    test_crowds         many peers, and peers that do not do their part
    test_both_ways      half closes, much each way at once, writes after a loss
    test_batches        what a callback does to others that are ready with it
    test_threads        posts from threads while the loop stops and starts, and wait threads
    test_forks          a child that tries everything, and the parent's connections
    test_leftovers      2,000 connections later: nothing is left, and no cycle
    test_warnings       the tests again, with every warning of a development build
"""
