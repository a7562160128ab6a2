"""Certificates for tests: one authority, made afresh for each run, and what it signs.

Every identity is one PEM file with the key first and the chain below it, so that the same path
serves `SSLContext.load_cert_chain`, `ServerTLS`, and `openssl s_client -cert`.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Certificates:
    """An authority's PEM file, those of the identities most tests need, and `issue` for others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self._stranger = trustme.CA()
        self.authority = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(self.authority)
        self.stranger = folder / "stranger.pem"  # an authority that has signed nothing of ours
        self._stranger.cert_pem.write_to_path(self.stranger)
        self.localhost = self.issue("localhost", "127.0.0.1", "::1")
        self.elsewhere = self.issue("elsewhere.example")  # good, and for another host
        self.expired = self.issue("localhost", "127.0.0.1", "::1", ended=timedelta(days=1))
        self.client = self.issue("client@waitstate.example")
        self.alone = folder / "alone.pem"  # signed by itself
        self._stranger.private_key_pem.write_to_path(self.alone)
        self._stranger.cert_pem.write_to_path(self.alone, append=True)

    def issue(
        self,
        *names: str,
        ended: timedelta | None = None,
        begins: timedelta | None = None,
        common_name: str | None = None,
    ) -> Path:
        """Sign a certificate for host names, addresses or mail addresses; return its PEM file.

        Args:
            names: what it is valid for.
            ended: how long ago its validity ended; None for a certificate that is valid today.
            begins: how long it is until its validity begins; None for the same.
            common_name: what the old field for one name has, which must not be believed.
        """
        not_after = None if ended is None else datetime.now(UTC) - ended
        not_before = None if begins is None else datetime.now(UTC) + begins
        leaf = self._ca.issue_cert(
            *names, common_name=common_name, not_after=not_after, not_before=not_before
        )
        path = self._folder / f"identity-{len(list(self._folder.iterdir()))}.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(path)
        return path

    def server_context(self, identity: Path | None = None) -> ssl.SSLContext:
        """Make a server's context that shows `identity`, by default the one for localhost."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Defaults that not every Python 3.11 has: that of Debian 12 has neither.
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        context.load_cert_chain(identity or self.localhost)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Make a client's context that trusts the authority, and nobody else."""
        return ssl.create_default_context(cafile=self.authority)

    def __repr__(self) -> str:
        return f"<Certificates in {self._folder}>"
