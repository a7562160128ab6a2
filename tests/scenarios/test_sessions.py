"""TLS sessions with OpenSSL's own programs at the other end."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactor import AsyncIOState, ClientTLS, ServerTLS, WaitStateCollection, accept_tcp, connect_tcp
from tests.certificates import Certificates
from tests.peers import require
from tests.scenarios.programs import PATIENCE, Program

LINE = b"hello\n"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_we_resume_with_openssl__lw_164(
    certificates: Certificates, tmp_path: Path, version: str
) -> None:
    """The second connection to a server of OpenSSL's is a resumed one, with either version."""
    loop, reused = WaitStateCollection(), list[bool]()
    tls = ClientTLS(
        trusted_file=certificates.authority, minimum_version=version, maximum_version=version
    )

    def up(state: AsyncIOState, error: Exception | None) -> None:
        assert error is None
        state.write_buffer(LINE, None)
        state.read_buffer(bytearray(len(LINE)), heard)

    def heard(state: AsyncIOState, *_: object) -> None:
        reused.append(state.tls_object.session_reused)
        state.abort_and_close(lambda _: loop.stop())

    command = [require("openssl"), "s_server", "-accept", "127.0.0.1:0", "-rev"]
    command += ["-cert", str(certificates.localhost)]
    with Program(*command, folder=tmp_path) as server:
        port = int(server.expect("ACCEPT").rpartition(":")[2])
        for _ in range(2):
            connect_tcp(loop, "localhost", port, up, tls=tls, ipv6=False)
            guard = loop.call_later(PATIENCE, loop.stop)
            loop.run()
            guard.cancel()
            while loop.stats()["states"]:
                loop.run_once(0.1)
    loop.close()
    assert reused == [False, True]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes_with_us__lw_165(
    certificates: Certificates, tmp_path: Path, version: str
) -> None:
    """A client of OpenSSL's that comes back with its session has a short handshake."""

    def welcome(handle: object, state: AsyncIOState) -> None:
        state.write_buffer(LINE, None)
        state.read_with_checking(lambda state, *_: state.read_status and state.close())

    with WaitStateCollection() as loop:
        tls = ServerTLS(certificates.localhost)
        handle = accept_tcp(loop, 0, welcome, address="127.0.0.1", tls=tls)
        command = [require("openssl"), "s_client", version, "-connect"]
        command += [f"127.0.0.1:{handle.local_port}", "-CAfile", str(certificates.authority)]
        for option, expected in (("-sess_out", "New, TLSv1"), ("-sess_in", "Reused, TLSv1")):
            with Program(*command, option, "session", folder=tmp_path) as client:
                client.expect(expected)
                client.expect("hello")
                client.types("Q")
                client.ends()
