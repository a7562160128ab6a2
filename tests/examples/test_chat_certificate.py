"""The certificate of the chat: made once, for localhost, for its owner's eyes."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from certificate import CertificateMissing, for_localhost

from tests.peers import require


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_strict_client_trusts_it_for_localhost(tmp_path: Path) -> None:
    require("openssl")
    certificate, key = for_localhost(tmp_path / "cache")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    client_context = ssl.create_default_context(cafile=certificate)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1", "::1"):
        assert shake_hands(client_context, server_context, name) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(client_context, server_context, "elsewhere.example")


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> str | None:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(down, up, server_hostname=name)
    far = server.wrap_bio(up, down, server_side=True)
    for end in (near, far, near, far):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return near.version()


def test_only_its_owner_can_read_the_key(tmp_path: Path) -> None:
    require("openssl")
    folder = tmp_path / "a" / "b"
    _, key = for_localhost(folder)
    assert (mode(folder), mode(key)) == (0o700, 0o600)
    assert sorted(path.name for path in folder.iterdir()) == ["certificate.pem", "key.pem"]


def test_it_is_made_once_and_again_when_it_is_spoiled(tmp_path: Path) -> None:
    require("openssl")
    certificate, key = for_localhost(tmp_path)
    first = certificate.read_bytes(), key.read_bytes()
    for_localhost(tmp_path)
    assert (certificate.read_bytes(), key.read_bytes()) == first
    certificate.write_text("spoiled")
    for_localhost(tmp_path)
    assert certificate.read_bytes() not in (b"spoiled", first[0])
    assert key.read_bytes() != first[1]


def test_without_openssl_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateMissing, match="apt-get install openssl"):
        for_localhost(tmp_path / "cache")


def test_an_openssl_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\necho no entropy today >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateMissing, match="openssl ecparam failed: no entropy today"):
        for_localhost(tmp_path / "cache")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    require("openssl")
    (tmp_path / "file").touch()
    with pytest.raises(CertificateMissing, match=r"no certificate can be kept in .*file/cache"):
        for_localhost(tmp_path / "file" / "cache")
