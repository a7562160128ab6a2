"""A forger: it knows the secrets of a TLS 1.3 client, and writes records that OpenSSL would not.

Python cannot ask OpenSSL for a key update. So a test takes the client's secret from a key log,
and makes the client's next records itself (RFC 8446, sections 4.6.3, 5.2 and 7).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

ALERT: Final = 21
APPLICATION_DATA: Final = 23
HANDSHAKE: Final = 22
CLOSE_NOTIFY: Final = bytes([1, 0])
KEY_UPDATE_REQUESTED: Final = bytes([24, 0, 0, 1, 1])
TAG_SIZE: Final = 16  # bytes that AES-GCM adds


class Forger:
    """Writes as the client of one connection, which must have sent nothing since its handshake."""

    def __init__(self, key_log: Path) -> None:
        lines = [line.split() for line in key_log.read_text().splitlines()]
        secrets = [line[2] for line in lines if line and line[0] == "CLIENT_TRAFFIC_SECRET_0"]
        self._use(bytes.fromhex(secrets[-1]))

    def data(self, plaintext: bytes) -> bytes:
        """Return a record of application data."""
        return self._record(APPLICATION_DATA, plaintext)

    def closing_alert(self) -> bytes:
        """Return the alert behind which nothing more may come."""
        return self._record(ALERT, CLOSE_NOTIFY)

    def key_update(self) -> bytes:
        """Return a key update that wants to be answered; what follows uses the next keys."""
        record = self._record(HANDSHAKE, KEY_UPDATE_REQUESTED)
        self._use(_expand(self._secret, b"traffic upd", 48))
        return record

    def _use(self, secret: bytes) -> None:
        self._secret = secret
        self._key = AESGCM(_expand(secret, b"key", 32))
        self._nonce = int.from_bytes(_expand(secret, b"iv", 12), "big")
        self._count = 0

    def _record(self, kind: int, payload: bytes) -> bytes:
        inner = payload + bytes([kind])
        header = bytes([APPLICATION_DATA, 3, 3]) + (len(inner) + TAG_SIZE).to_bytes(2, "big")
        nonce = (self._nonce ^ self._count).to_bytes(12, "big")
        self._count += 1
        return header + self._key.encrypt(nonce, inner, header)


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    label = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    return HKDFExpand(SHA384(), size, info).derive(secret)
