"""What programs need to test their protocols: no network, no sleeping, no luck.

The fakes here are verified: each passes the same suite as the thing it stands for. So a test that
holds with them holds with sockets, and a channel of your own can be shown to be one.

        your test ──► settle(collection) ──► turns of the loop, until all is quiet
            │                                     │             │
            │ advance(seconds)              now() │             │ readiness
            ▼                                     ▼             ▼
       ManualClock ◄─────────────────────── timers        MemoryChannel ◄──► MemoryChannel
                                                              near              far
                                                                   ▲
                                                     conformance   │  its checks take any pair

`memory_pair` makes two connected ends in memory. How many bytes may be under way, how many each
call may move, when they arrive and whether the connection breaks is up to the test; and yet every
selector sees them, as their readiness is shown by real descriptors.

Read `memory` first, then `clock` and `settle`, which make time and turns obey; and `conformance`,
which says in code what `reactor.channel.base` says in prose.

These modules are for tests: nothing else in the package may import them, and they may import
everything. They need no particular test runner.
"""
