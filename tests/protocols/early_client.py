"""EarlyClient: a TLS client whose ClientHello is there before anybody has asked for it."""

from __future__ import annotations

import ssl

import pytest

from tests.certificates import Certificates


class EarlyClient:
    """Speaks TLS with bytes alone; `hello` is its first word."""

    def __init__(self, certificates: Certificates) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = certificates.client_context()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self.hello = self._out.read()

    def answer(self, flight: bytes, secret: bytes) -> bytes:
        """Take the server's flight; return the end of the handshake with `secret` behind it."""
        self._in.write(flight)
        self._tls.do_handshake()
        self._tls.write(secret)
        return self._out.read()
