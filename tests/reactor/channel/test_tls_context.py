"""How files, versions and names become a context, and how one is chosen in a handshake."""

from __future__ import annotations

import gc
import logging
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from reactor.channel.tls_settings import ClientTLS, ServerTLS
from reactor.errors import TLSError, TLSVerificationFailed
from tests.certificates import Certificates
from tests.peers import require
from tests.tls_pairs import client, meet, plan, server, shake, shown


def test_a_wrong_file_is_named_at_once__lw_166(certificates: Certificates, tmp_path: Path) -> None:
    """An error about a TLS file is raised when the description is made, with the file's name."""
    missing, garbage = tmp_path / "missing.pem", tmp_path / "garbage.pem"
    garbage.write_text("this is no certificate")
    for attempt in (
        lambda: ServerTLS(missing),
        lambda: ServerTLS(certificates.localhost, missing),
        lambda: ClientTLS(trusted_file=missing),
        lambda: ClientTLS(trusted_directory=missing),
    ):
        with pytest.raises(FileNotFoundError, match=r"missing\.pem"):
            attempt()
    for attempt in (lambda: ServerTLS(tmp_path), lambda: ClientTLS(trusted_file=tmp_path)):
        with pytest.raises(OSError, match=tmp_path.name):
            attempt()
    with pytest.raises(OSError, match=r"garbage\.pem"):  # OpenSSL would find no roots in it
        ClientTLS(trusted_directory=garbage)
    with pytest.raises(OSError, match="keys"):
        ClientTLS(key_log_file=missing / "keys")
    with pytest.raises(TypeError):
        ServerTLS(None)  # type: ignore[arg-type]  # nobody could speak with it
    for attempt in (lambda: ServerTLS(garbage), lambda: ClientTLS(trusted_file=garbage)):
        with pytest.raises(ssl.SSLError, match=r"garbage\.pem") as caught:
            attempt()
        assert caught.value.filename == str(garbage)


def locked_key(certificates: Certificates, folder: Path, password: bytes) -> Path:
    """Write the key of localhost under a password."""
    key = serialization.load_pem_private_key(certificates.localhost.read_bytes(), None)
    path = folder / "key.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password),
        )
    )
    return path


def test_a_password_is_text_bytes_or_a_function__lw_166(
    certificates: Certificates, tmp_path: Path
) -> None:
    """The password of a key is text, bytes or a function, which is called when files are
    read and never on a loop.
    """
    key = locked_key(certificates, tmp_path, b"sesame")
    asked: list[None] = []

    def tell() -> str:
        asked.append(None)
        return "sesame"

    for password in ("sesame", b"sesame"):
        ServerTLS(certificates.localhost, key, password=password)
    described = ServerTLS(certificates.localhost, key, password=tell)
    assert len(asked) == 1
    plan(described, configure_context=lambda _: None)
    assert len(asked) == 1
    described.reload()
    assert len(asked) == 2
    assert "sesame" not in repr(described)
    with pytest.raises(ssl.SSLError, match="password"):
        ServerTLS(certificates.localhost, key)  # and nobody is asked at the terminal
    with pytest.raises(ssl.SSLError, match=r"key\.pem.*is the password right"):
        ServerTLS(certificates.localhost, key, password="open")
    with pytest.raises(TypeError, match="password is a function"):
        ServerTLS(certificates.localhost, key, password=1)  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize("answer", ["open", None])
def test_a_password_that_was_good_stays_when_reload_fails__lw_166_167(
    certificates: Certificates, tmp_path: Path, answer: str | None
) -> None:
    """After a `reload()` with a wrong password, or none, the old one serves the verbs that read
    the key again; nobody is asked on the loop.
    """
    answers, asked = ["sesame", answer], list[None]()

    def tell() -> str:
        asked.append(None)
        told = answers.pop(0)
        if told is None:
            raise LookupError("nobody knows it")
        return told

    key = locked_key(certificates, tmp_path, b"sesame")
    described = ServerTLS(certificates.localhost, key, password=tell)
    with pytest.raises((ssl.SSLError, LookupError)):
        described.reload()
    for _ in range(2):
        plan(described, configure_context=lambda _: None)
    assert len(asked) == 2


def test_a_key_that_has_become_secret_is_not_asked_for_on_the_loop__lw_166(
    certificates: Certificates, tmp_path: Path
) -> None:
    """A key that is encrypted since the description was made is refused to the verbs that read it
    again, without asking for its password; `reload()` asks.
    """
    asked = list[None]()

    def tell() -> str:
        asked.append(None)
        return "sesame"

    key = tmp_path / "key.pem"
    key.write_bytes(certificates.localhost.read_bytes())
    described = ServerTLS(certificates.localhost, key, password=tell)
    locked_key(certificates, tmp_path, b"sesame")
    with pytest.raises(ssl.SSLError, match=r"reload\(\)"):
        plan(described, configure_context=lambda _: None)
    assert asked == []
    described.reload()
    plan(described, configure_context=lambda _: None)
    assert len(asked) == 1


def test_reload_is_for_later_connections_and_keeps_the_old_on_failure__lw_167(
    certificates: Certificates, tmp_path: Path
) -> None:
    """After `reload()` later connections use the new files; if reading fails the old ones stay."""
    identity = tmp_path / "identity.pem"
    shutil.copy(certificates.localhost, identity)
    described = ServerTLS(identity)
    plans = [plan(described), plan(described, configure_context=lambda _: None)]
    near = client(certificates, check_hostname=False)

    def names() -> list[Any]:
        found = []
        for one in plans:
            ends = plan(near, host="localhost").engine(), one.engine()
            shake(*ends)
            found.append(shown(ends[0])[0])
        return found

    standing = plans[0].engine()
    assert names() == ["localhost", "localhost"]
    shutil.copy(certificates.elsewhere, identity)
    assert names() == ["localhost", "localhost"]
    described.reload()
    assert names() == ["elsewhere.example", "elsewhere.example"]
    identity.write_text("broken")
    with pytest.raises(ssl.SSLError):
        described.reload()
    assert names() == ["elsewhere.example", "elsewhere.example"]
    begun = plan(near, host="localhost").engine()
    shake(begun, standing)
    assert shown(begun)[0] == "localhost"


def test_a_plan_that_nobody_has_is_forgotten(certificates: Certificates) -> None:
    seen: list[object] = []
    described = server(certificates)
    made = plan(described, configure_context=seen.append)
    assert len(seen) == 1
    del made
    gc.collect()
    described.reload()
    assert len(seen) == 1


def test_versions_are_kept__lw_168(certificates: Certificates) -> None:
    """A peer outside of the allowed TLS versions fails the handshake; unknown versions are
    refused at the call.
    """
    near, _far = meet(client(certificates, maximum_version="1.2"), server(certificates))
    assert near.tls_object.version() == "TLSv1.2"
    near, _far = meet(client(certificates), server(certificates))
    assert near.tls_object.version() == "TLSv1.3"
    with pytest.raises(TLSError):
        meet(
            client(certificates, maximum_version="1.2"), server(certificates, minimum_version="1.3")
        )
    for wrong in ({"minimum_version": "1.1"}, {"maximum_version": 1.2}):
        with pytest.raises(ValueError, match="_version"):
            server(certificates, **wrong)
    with pytest.raises(ValueError, match="below"):
        server(certificates, minimum_version="1.3", maximum_version="1.2")


def test_renegotiation_is_off__rel_33(certificates: Certificates) -> None:
    """Renegotiation in TLS 1.2 is refused on both sides."""
    for described in (client(certificates), server(certificates)):
        assert ssl.OP_NO_RENEGOTIATION in described.context.options


def test_given_roots_are_the_only_ones__lw_168(certificates: Certificates, tmp_path: Path) -> None:
    """A file or directory of trusted roots replaces the system's."""
    assert client(certificates).context.cert_store_stats()["x509_ca"] == 1
    with pytest.raises(TLSVerificationFailed):
        meet(ClientTLS(trusted_file=certificates.stranger), server(certificates))
    assert ClientTLS(trusted_directory=tmp_path).context.cert_store_stats()["x509_ca"] == 0
    with pytest.raises(TLSVerificationFailed):
        meet(ClientTLS(trusted_directory=tmp_path), server(certificates))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a store, and no file")
def test_without_roots_those_of_the_system_count__lw_155_168(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no roots are given those of the system are trusted, by clients and by servers that
    ask for certificates.
    """
    far = {"client_certificates": "required"}
    shows = {"certificate_file": certificates.client}
    for roots in (certificates.authority, certificates.stranger):
        monkeypatch.setenv("SSL_CERT_FILE", str(roots))
        for one, other in (
            (ClientTLS(), server(certificates)),
            (client(certificates, **shows), server(certificates, **far)),
        ):
            if roots == certificates.authority:
                meet(one, other)
            else:
                with pytest.raises(TLSVerificationFailed):
                    meet(one, other)


def directory_of(authority: Path, folder: Path) -> Path:
    """Make a directory of roots as OpenSSL looks into it: the name of a file is a hash."""
    asked = [require("openssl"), "x509", "-hash", "-noout", "-in", str(authority)]
    name = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(authority, folder / f"{name}.0")
    return folder


def test_a_root_is_found_in_a_directory__lw_168(certificates: Certificates, tmp_path: Path) -> None:
    """What a root in `trusted_directory` has signed is trusted."""
    roots = directory_of(certificates.authority, tmp_path)
    meet(ClientTLS(trusted_directory=roots), server(certificates))
    with pytest.raises(TLSVerificationFailed):
        meet(ClientTLS(trusted_directory=roots), ServerTLS(certificates.alone))


def test_protocols_are_agreed_upon__lw_169(certificates: Certificates) -> None:
    """The protocol chosen by ALPN can be asked for; without a common one there is none, and
    no failure.
    """
    far = server(certificates, alpn=["h2", "http/1.1"])
    for offered, agreed in ((["http/1.1", "h2"], "h2"), (["irc"], None), ((), None)):
        near, _far = meet(client(certificates, alpn=offered), far)
        assert near.tls_object.selected_alpn_protocol() == agreed
    for wrong in ([""], ["x" * 256], ["bücher"]):
        with pytest.raises(ValueError, match="alpn"):
            client(certificates, alpn=wrong)
    for no_names in ("h2", [b"h2"]):
        with pytest.raises(TypeError, match="alpn"):
            client(certificates, alpn=no_names)


@pytest.mark.parametrize("kind", ["description", "context", "nothing"])
def test_choose_context_goes_on_with_another_certificate__lw_171(
    certificates: Certificates, kind: str
) -> None:
    """`choose_context` gets the server name, and returns a description, a context, or None
    to stay.
    """
    other = certificates.issue("other.example")
    choices: dict[str, Any] = {
        "description": ServerTLS(other, alpn=["h2"]),
        "context": certificates.server_context(other),
        "nothing": None,
    }
    names: list[str | None] = []

    def choose(name: str | None) -> Any:
        names.append(name)
        return choices[kind]

    far = server(certificates, choose_context=choose)
    near = client(certificates, check_hostname=False, alpn=["h2"])
    seen, _far = meet(near, far, "other.example")
    assert names == ["other.example"]
    assert shown(seen)[0] == ("localhost" if kind == "nothing" else "other.example")
    agreed = "h2" if kind == "description" else None
    assert seen.tls_object.selected_alpn_protocol() == agreed


@pytest.mark.parametrize(
    "difference",
    [
        {"client_certificates": "optional"},
        {"client_certificates": "none"},
        {"trusted_file": "stranger"},
        {"minimum_version": "1.3"},
        {"maximum_version": "1.2"},
        {"trusted_directory": "."},
    ],
    ids=str,
)
def test_a_chosen_context_is_never_weaker__lw_171(
    certificates: Certificates, difference: dict[str, Any]
) -> None:
    """A chosen context whose client certificates, roots or versions differ fails the handshake."""
    strict = {"client_certificates": "required", "trusted_file": certificates.authority}
    if "trusted_file" in difference:
        difference = {"trusted_file": certificates.stranger}
    chosen = ServerTLS(certificates.elsewhere, **{**strict, **difference})
    for choice in (chosen, chosen.context):
        far = server(certificates, choose_context=lambda _, choice=choice: choice, **strict)
        with pytest.raises(TLSError) as caught:
            meet(client(certificates, certificate_file=certificates.client), far)
        assert caught.value.phase == "handshake"
        assert type(caught.value.__cause__) is ValueError  # and no verdict on a certificate


def test_what_a_verb_adds_makes_the_listener_stricter__lw_171(certificates: Certificates) -> None:
    """Roots that the `configure_context` of a verb adds belong to the listener: a chosen context
    without them fails the handshake.
    """
    strict: dict[str, Any] = {
        "client_certificates": "required",
        "trusted_file": certificates.authority,
    }
    other = ServerTLS(certificates.elsewhere, **strict)
    described = server(certificates, choose_context=lambda _: other, **strict)
    near = client(certificates, certificate_file=certificates.client)
    meet(near, described, "elsewhere.example")
    far = plan(
        described,
        configure_context=lambda context: context.load_verify_locations(certificates.stranger),
    ).engine()
    with pytest.raises(TLSError, match="choose_context"):
        shake(plan(near, host="elsewhere.example").engine(), far)


def test_a_directory_of_roots_stays_the_same_when_it_is_used__lw_171(
    certificates: Certificates, tmp_path: Path
) -> None:
    """A chosen description with the listener's `trusted_directory` is as strict as the listener,
    also when one of them has looked roots up in it already.
    """
    strict: dict[str, Any] = {
        "client_certificates": "required",
        "trusted_directory": directory_of(certificates.authority, tmp_path),
    }
    sites = {"elsewhere.example": ServerTLS(certificates.elsewhere, **strict)}
    far = server(certificates, choose_context=sites.get, **strict)
    near = client(certificates, certificate_file=certificates.client)
    for host in ("localhost", "elsewhere.example", "elsewhere.example", "localhost"):
        seen, _far = meet(near, far, host)
        assert shown(seen)[0] == host


def test_a_chosen_context_of_the_program_is_as_strict__lw_171(certificates: Certificates) -> None:
    """An `ssl.SSLContext` of the program's own may be chosen if it has the listener's roots."""
    chosen = certificates.server_context(certificates.elsewhere)
    chosen.verify_mode = ssl.CERT_REQUIRED
    chosen.load_verify_locations(certificates.authority)
    strict: dict[str, Any] = {
        "client_certificates": "required",
        "trusted_file": certificates.authority,
    }
    far = server(certificates, choose_context=lambda _: chosen, **strict)
    near = client(certificates, certificate_file=certificates.client)
    meet(near, far, "elsewhere.example")
    chosen.load_verify_locations(certificates.stranger)
    with pytest.raises(TLSError, match="choose_context"):
        meet(near, far, "elsewhere.example")


def test_a_chosen_verify_callback_is_not_passed_over__lw_171(certificates: Certificates) -> None:
    """A chosen description with a `verify_callback` that would not be called fails the
    handshake; the listener's is called, whatever is chosen.
    """
    calls: list[object] = []

    def verify(tls_object: object) -> bool:
        calls.append(tls_object)
        return True

    other = ServerTLS(certificates.elsewhere, verify_callback=lambda _: True)
    far = server(certificates, choose_context=lambda _: other, verify_callback=verify)
    with pytest.raises(TLSError, match="would not be called") as caught:
        meet(client(certificates), far, "elsewhere.example")
    assert type(caught.value.__cause__) is ValueError
    for same in (None, verify):
        chosen = ServerTLS(certificates.elsewhere, verify_callback=same)
        far = server(certificates, choose_context=lambda _, it=chosen: it, verify_callback=verify)
        meet(client(certificates), far, "elsewhere.example")
    assert len(calls) == 2


def test_what_choose_context_raises_is_the_cause__lw_171(certificates: Certificates) -> None:
    """An exception of `choose_context` fails that handshake, is its cause, and the client
    is told.
    """
    for choose, kind in (
        (lambda _: 1 / 0, ZeroDivisionError),
        (lambda _: ClientTLS(), TypeError),
        (lambda _: "localhost", TypeError),
    ):
        near = plan(client(certificates), host="localhost").engine()
        far = plan(server(certificates, choose_context=choose)).engine()
        near.handshake()
        far.feed(near.take())
        with pytest.raises(TLSError) as caught:
            far.handshake()
        assert isinstance(caught.value.__cause__, kind)
        assert f"choose_context raised {kind.__name__}: " in str(caught.value)
        near.feed(far.take())
        with pytest.raises(TLSError) as told:
            near.handshake()
        assert told.value.reason == "TLSV1_ALERT_INTERNAL_ERROR"


def test_tickets_are_counted__lw_165(certificates: Certificates) -> None:
    """`ticket_count` is how many session tickets a TLS 1.3 server sends, 2 by default."""
    sizes = []
    counts: list[dict[str, Any]] = [*({"ticket_count": count} for count in (0, 1, 2)), {}]
    for options in counts:
        near = plan(client(certificates), host="localhost").engine()
        far = plan(server(certificates, **options)).engine()
        near.handshake()
        far.feed(near.take())
        far.handshake()
        near.feed(far.take())
        near.handshake()
        far.feed(near.take())
        assert far.handshake()
        sizes.append(len(far.take()))
    assert sizes[0] == 0 < sizes[1] < sizes[2] == sizes[3]
    with pytest.raises(ValueError, match="ticket_count"):
        server(certificates, ticket_count=-1)
    with pytest.raises(TypeError, match="ticket_count"):
        server(certificates, ticket_count=True)


def test_a_key_log_is_written_and_logged__lw_202(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With `key_log_file` the secrets of a connection go to that file, and the log says
    that they do.
    """
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    meet(client(certificates, name="open book", key_log_file=ours), server(certificates))
    meet(client(certificates), server(certificates, name="open door", key_log_file=str(theirs)))
    for path in (ours, theirs):
        assert "CLIENT_TRAFFIC_SECRET_0" in path.read_text()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "open book" in caplog.messages[0]
    assert "open door" in caplog.messages[1]
    caplog.clear()  # the record holds on to the description, and that to the file
