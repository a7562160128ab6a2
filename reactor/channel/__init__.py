"""Things that can be tried once.

This floor moves bytes, and does nothing else. A channel is tried, and answers at once: so many
bytes, or the end, or "not now". It has no callback and no timeout, and it never waits; who waits
is upstairs, in `reactor.loop` or in the blocking driver, and both get the same answers. That is
why there is one TLS for all of them, and why TLS goes over a socket, over memory, or over TLS.

             AsyncIOState, SocketStream           (upstairs: these wait)
                       │ read, write, flush
                ┌──────▼──────┐     ciphertext     ┌───────────┐
                │ TLSChannel  │◄──────────────────►│ TLSEngine │  pure: no I/O
                └──────┬──────┘                    └───────────┘
                       │ read, write, flush      (or one more TLSChannel)
                ┌──────▼──────┐
                │SocketChannel│  here errno gets its meaning
                └──────┬──────┘
                       ▼ recv, send

The words: *not now* is None, as in `io.RawIOBase`; a *want* is the readiness that the next try
should wait for; *holds* says that a channel has bytes of which the descriptor knows nothing.

Read `base` first, the contract of all channels. Then `socket_channel`, connections and listeners;
`tls_engine`, the conversation with OpenSSL; `tls`, which pumps an engine over another channel;
`tls_context`, how files become a context of `ssl`; and `tls_settings`, what a program says of it.
`lost` stands where a channel was, and `traffic` counts.

The floor must not know of collections, operations, timeouts, host names or protocols.
"""
