"""Faults of TLS: the cases of what a reactor has to survive that speak of TLS, with real peers.

Each is played by `openssl` and by `gnutls` where they can play it, as servers and as clients; what
no honest program does is done by Python's `ssl`, by a forger, or by bytes that were never TLS. The
programs share the loop under test, so nothing here has a thread for a peer.

    openssl, gnutls ── their pipes ──► peers ──► the loop of the test ◄── our server or client
    a forger, garbage ──────────────────── a socket ──────────────────────────────┘

    peers              programs beside the loop, and what they have said
    conversations      one conversation, held by a blocking server and by ours, and compared
    test_handshakes    silence, garbage, HTTP, resets and deaths before anybody is let in
    test_certificates  what is verified, and what is refused with which words
    test_alerts        an ill-behaved peer reads of us what it reads of a blocking server
    test_starttls      what a meddler can and cannot put before a switch
    test_traffic       much, in pieces of every size, key updates, readers that do not read
    test_ends          closing alerts, truncation, and what comes too late
    test_logs          secrets stay out of logs, and text of the peer is escaped in them
"""
