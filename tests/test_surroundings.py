"""The things around the tests are tested too: the leak guard, the peers, the certificates."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import pytest

from tests import leaks, peers
from tests.certificates import Certificates

ROOT: Final = Path(__file__).resolve().parents[1]


def test_the_leak_guard_names_a_descriptor_that_was_left_open() -> None:
    if not leaks.DESCRIPTORS.exists():
        pytest.skip("this system does not list its descriptors in /proc")
    before = leaks.inventory()
    fd = os.open(os.devnull, os.O_RDONLY)
    try:
        assert leaks.left_since(before) == [f"descriptor {fd}: {os.devnull}"]
    finally:
        os.close(fd)
    assert leaks.left_since(before) == []


def test_the_leak_guard_names_a_thread_that_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "ENDING", 0.01)
    before = leaks.inventory()
    told = threading.Event()
    thread = threading.Thread(target=told.wait, name="forgotten")
    thread.start()
    try:
        assert leaks.left_since(before) == ["thread 'forgotten'"]
    finally:
        told.set()
        thread.join()
    assert leaks.left_since(before) == []


def test_the_leak_guard_forgives_what_only_waits_to_be_collected() -> None:
    class Ring:
        def __init__(self, fd: int) -> None:
            self.fd, self.ring = fd, self

        def __del__(self) -> None:
            os.close(self.fd)

    before = leaks.inventory()
    Ring(os.open(os.devnull, os.O_RDONLY))
    assert leaks.left_since(before) == []


@pytest.mark.slow  # it starts another pytest
def test_the_leak_guard_surrounds_every_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_a.py").write_text(
        "import os\n"
        "def test_tidy(): assert os.getpid()\n"
        "def test_untidy(): os.open(os.devnull, os.O_RDONLY)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=.", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed, 1 error" in done.stdout
    assert "the test left behind descriptor" in done.stdout
    assert "the same order again: make test SEED=" in done.stdout


@pytest.mark.parametrize("ci", ["true", "1"])
def test_a_missing_peer_fails_in_continuous_integration(
    monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        peers.require("no-such-program")


def test_a_missing_peer_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        peers.require("no-such-program")


@pytest.mark.parametrize(
    ("identity", "verdict"),
    [
        ("localhost", 0),
        ("elsewhere", 62),  # X509_V_ERR_HOSTNAME_MISMATCH
        ("expired", 10),  # X509_V_ERR_CERT_HAS_EXPIRED
    ],
)
def test_a_client_believes_the_identities_that_it_should(
    certificates: Certificates, identity: str, verdict: int
) -> None:
    server = certificates.server_context(getattr(certificates, identity))
    assert _verdict(server, certificates.client_context()) == verdict


def _verdict(server: ssl.SSLContext, client: ssl.SSLContext) -> int:
    """Shake hands in memory; return what OpenSSL says to the client, 0 if it is content."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    far = server.wrap_bio(up, down, server_side=True)
    near = client.wrap_bio(down, up, server_hostname="localhost")
    for _ in range(3):
        for side in (near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_code
    assert near.version() == far.version() is not None, "three rounds are enough"
    return 0


def test_an_open_socket_is_a_descriptor_like_any_other() -> None:
    if not leaks.DESCRIPTORS.exists():
        pytest.skip("this system does not list its descriptors in /proc")
    before = leaks.inventory()
    with socket.socket():
        assert [line.split(":")[1] for line in leaks.left_since(before)] == [" socket"]
