"""Sessions: a client's next handshake is shorter, and never trusts more than a full one would."""

from __future__ import annotations

import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reactor.channel.tls import TLSChannel
from reactor.channel.tls_sessions import (
    SESSION_LIMIT,
    SESSIONS_OF_A_NAME,
    Proof,
    Sessions,
    proof,
)
from reactor.channel.tls_settings import ClientTLS, ServerTLS, tls_plan
from reactor.errors import TLSError, TLSVerificationFailed
from reactor.testing.memory import memory_pair
from tests.certificates import Certificates
from tests.channels import shake_hands

VERSIONS = ["1.2", "1.3"]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Which TLS is spoken."""
    name: str = request.param
    return name


@pytest.fixture
def server(certificates: Certificates) -> ServerTLS:
    """A server for localhost."""
    return ServerTLS(certificates.localhost)


def trusting(certificates: Certificates, version: str = "1.3", **options: Any) -> ClientTLS:
    """A client that trusts the authority, and speaks one version."""
    versions: dict[str, Any] = {"minimum_version": version, "maximum_version": version}
    return ClientTLS(trusted_file=certificates.authority, **versions, **options)


def visit(
    client: ClientTLS, server: ServerTLS, name: str = "localhost", *, read: bool = True
) -> bool:
    """Meet, talk, part; return whether the handshake was a short one."""
    near, far = memory_pair()
    plans = tls_plan(client, side="client", host=name), tls_plan(server, side="server")
    assert plans[0] is not None
    assert plans[1] is not None
    ends = TLSChannel(near, plans[0].engine()), TLSChannel(far, plans[1].engine())
    try:
        if read:
            shake_hands(*ends)
        else:
            while not all([ends[0].handshake(), ends[1].handshake()]):
                pass
        reused = [end.tls_object.session_reused for end in ends]
        assert reused[0] == reused[1]
        return bool(reused[0])
    finally:
        for end in ends:
            end.close()


def test_the_second_connection_resumes_the_first__lw_164(
    certificates: Certificates, server: ServerTLS, version: str
) -> None:
    """A later connection of a client description to the same name has a short handshake, of
    either version, again and again.
    """
    client = trusting(certificates, version)
    assert [visit(client, server) for _ in range(4)] == [False, True, True, True]


def test_a_session_belongs_to_a_name__lw_160__lw_164(
    certificates: Certificates, version: str
) -> None:
    """A session is used for the name alone that was verified when it was made."""
    server = ServerTLS(certificates.issue("localhost", "other.example"))
    client = trusting(certificates, version)
    found = [visit(client, server, name) for name in ("localhost", "other.example") * 2]
    assert found == [False, False, True, True]


def test_a_session_belongs_to_a_description__lw_164(
    certificates: Certificates, server: ServerTLS, version: str
) -> None:
    """What one description has learnt, without a check perhaps, another one does not use."""
    careless = trusting(certificates, version, verify=False)
    assert [visit(careless, server) for _ in range(2)] == [False, True]
    strict = trusting(certificates, version)
    assert visit(strict, server) is False


def test_reloading_a_client_forgets_its_sessions__lw_167(
    certificates: Certificates, server: ServerTLS, version: str, tmp_path: Path
) -> None:
    """After `reload` with other roots a server that was trusted before is refused."""
    roots = tmp_path / "roots.pem"
    roots.write_bytes(certificates.authority.read_bytes())
    client = ClientTLS(trusted_file=roots, minimum_version=version, maximum_version=version)
    assert [visit(client, server) for _ in range(2)] == [False, True]
    roots.write_bytes(certificates.stranger.read_bytes())
    client.reload()
    with pytest.raises(TLSVerificationFailed):
        visit(client, server)


def test_a_reloaded_server_begins_anew__lw_167(
    certificates: Certificates, server: ServerTLS, version: str
) -> None:
    """A server that has read its files again does not know the old sessions: the handshake is a
    full one, and succeeds.
    """
    client = trusting(certificates, version)
    assert visit(client, server) is False
    server.reload()
    assert [visit(client, server) for _ in range(2)] == [False, True]


def test_another_server_of_that_name_is_verified__lw_164(
    certificates: Certificates, server: ServerTLS, version: str
) -> None:
    """A server that does not know the session is verified like any other, so that nobody can take
    the place of one that was met before; who has the name by right has a full handshake next.
    """
    client = trusting(certificates, version)
    assert visit(client, server) is False
    with pytest.raises(TLSVerificationFailed):
        visit(client, ServerTLS(certificates.elsewhere))
    assert [visit(client, server) for _ in range(2)] == [False, True]


def test_without_tickets_there_is_what_the_version_has__lw_165(
    certificates: Certificates, version: str
) -> None:
    """A server without tickets is met in full each time under TLS 1.3; under TLS 1.2 `ticket_count`
    changes nothing.
    """
    client, server = (
        trusting(certificates, version),
        ServerTLS(certificates.localhost, ticket_count=0),
    )
    assert [visit(client, server) for _ in range(2)] == [False, version == "1.2"]


def test_a_ticket_is_used_once__lw_164(certificates: Certificates, server: ServerTLS) -> None:
    """A ticket of TLS 1.3 serves one connection: who gets no new one has a full handshake next."""
    client = trusting(certificates)
    assert visit(client, server) is False
    assert visit(client, server, read=False) is True  # the new tickets are never read
    assert visit(client, server) is False


def test_verify_callback_sees_resumed_connections_too__lw_170(
    certificates: Certificates, server: ServerTLS, version: str
) -> None:
    """`verify_callback` is called for a short handshake as well, and may refuse the server then."""
    seen = list[Any]()

    def verify(tls_object: ssl.SSLObject) -> bool:
        seen.append(bool(tls_object.getpeercert()))
        return len(seen) < 3

    client = trusting(certificates, version, verify_callback=verify)
    assert [visit(client, server) for _ in range(2)] == [False, True]
    with pytest.raises(TLSError):
        visit(client, server)
    assert seen == [True, True, True]


@pytest.mark.parametrize(
    ("identity", "option", "stricter"),
    [
        ("alone", "verify", ("verify_mode", ssl.CERT_REQUIRED)),
        ("elsewhere", "check_hostname", ("check_hostname", True)),
    ],
    ids=["roots", "name"],
)
def test_what_was_proved_less_strictly_is_not_resumed__lw_164__lw_158(
    certificates: Certificates, version: str, identity: str, option: str, stricter: Any
) -> None:
    """After a program has made the context of a description stricter, a server that would not be
    trusted now is refused, though it was met before.
    """
    server = ServerTLS(getattr(certificates, identity))
    client = trusting(certificates, version, **{option: False})
    assert [visit(client, server) for _ in range(2)] == [False, True]
    setattr(client.context, *stricter)
    with pytest.raises(TLSVerificationFailed):
        visit(client, server)


def test_a_connection_with_another_context_leaves_no_session__lw_158__lw_164(
    certificates: Certificates, server: ServerTLS, version: str
) -> None:
    """If `configure_connection` gives a connection another context, it works each time, and what
    it has left is not taken for the description's.
    """
    another = certificates.client_context()
    client = trusting(
        certificates,
        version,
        configure_connection=lambda tls_object: setattr(tls_object, "context", another),
    )
    assert [visit(client, server) for _ in range(3)] == [False, False, False]


def test_sessions_can_be_switched_off__lw_164(
    certificates: Certificates, server: ServerTLS, version: str
) -> None:
    """With `session_limit=0` every handshake is a full one."""
    client = trusting(certificates, version, session_limit=0)
    assert [visit(client, server) for _ in range(2)] == [False, False]


@pytest.mark.parametrize(("limit", "error"), [(-1, ValueError), ("many", TypeError)])
def test_a_limit_is_a_number__lw_164(limit: Any, error: type[Exception]) -> None:
    """`session_limit` is a whole number, 0 or more."""
    with pytest.raises(error, match="session_limit"):
        ClientTLS(session_limit=limit)


class Ended:
    """Enough of an `ssl.SSLObject` that has ended: Python makes no session by itself."""

    def __init__(self, number: int, *, has_ticket: bool = True) -> None:
        self.session = self
        self.context: Any = None
        self.has_ticket = has_ticket
        self.id = b"" if not has_ticket else bytes([number % 256])

    def version(self) -> str:
        """Return the version."""
        return "TLSv1.3"


def proved(name: str) -> Proof:
    """What a server with this name proves to a careful client."""
    return name, True, ssl.CERT_REQUIRED, ssl.VERIFY_DEFAULT


def keep(sessions: Sessions, proof: Proof | None, ended: Ended) -> None:
    ended.context = SimpleNamespace(sessions=sessions)
    sessions.keep(proof, None, cast(ssl.SSLObject, ended))


def test_sessions_have_a_limit__lw_164() -> None:
    """Sessions are kept for 128 names unless told otherwise, four of each; the oldest name goes."""
    sessions = Sessions()
    names = [proved(f"{number}.example") for number in range(SESSION_LIMIT + 1)]
    for number, name in enumerate(names):
        keep(sessions, name, Ended(number))
    assert sessions.take(names[0]) is None
    assert sessions.take(names[-1]) is not None
    for number in range(SESSIONS_OF_A_NAME + 1):
        keep(sessions, names[1], Ended(number))
    taken = [sessions.take(names[1]) for _ in range(SESSIONS_OF_A_NAME + 1)]
    assert [one is None for one in taken] == [False] * SESSIONS_OF_A_NAME + [True]


@pytest.mark.parametrize(
    ("name", "has_ticket"), [(None, True), (proved("a.example"), False)], ids=["name", "ticket"]
)
def test_what_cannot_be_found_again_is_not_kept__lw_164(
    name: Proof | None, has_ticket: bool
) -> None:
    """Without a name, and without something to resume by, no session is kept."""
    sessions = Sessions()
    keep(sessions, name, Ended(1, has_ticket=has_ticket))
    assert sessions.take(name) is None


def test_without_a_name_nothing_is_proved__lw_163__lw_164() -> None:
    """A connection without a name to verify neither resumes a session nor leaves one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert [proof(context, name) for name in (None, "")] == [None, None]
    assert proof(context, "a.example") is not None
