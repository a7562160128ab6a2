"""What may be given as `tls=`, and what comes of it."""

from __future__ import annotations

import ipaddress
import logging
import ssl
from datetime import timedelta
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS, ServerTLS, name_or_address, tls_plan
from reactor.errors import TLSError, TLSVerificationFailed
from tests.certificates import Certificates
from tests.tls_pairs import client, meet, plan, server, shown

# What tls= may be.


@pytest.mark.parametrize("nothing", [None, False])
def test_no_tls_takes_no_option_of_tls__lw_154(nothing: object) -> None:
    """Without `tls=` any option of TLS raises, so that nobody goes in clear by oversight."""
    assert tls_plan(nothing, side="client", host="localhost") is None
    for option in (
        {"server_hostname": "localhost"},
        {"server_hostname": False},
        {"configure_context": print},
        {"configure_connection": print},
    ):
        with pytest.raises(ValueError, match="tls="):
            tls_plan(nothing, side="client", **option)


@pytest.mark.parametrize("wrong", [1, "yes", object(), ClientTLS])
def test_anything_else_is_a_wrong_type__lw_154(wrong: object) -> None:
    """Only True, a description or an `ssl.SSLContext` can be given as `tls=`."""
    with pytest.raises(TypeError, match="tls="):
        plan(wrong, host="localhost")


def test_a_context_is_used_as_it_is__lw_154(certificates: Certificates) -> None:
    """A caller's `ssl.SSLContext` is neither changed nor copied."""
    context = certificates.client_context()
    made = plan(context, host="localhost")
    assert made.current_context() is context
    assert made.side == "client"
    assert made.engine().tls_object.context is context


def test_true_is_the_safe_client__lw_155() -> None:
    """`tls=True` verifies, checks the name, speaks TLS 1.2 or newer, and is made once."""
    made = plan(True, host="localhost")
    context = made.current_context()
    assert (made.side, made.server_hostname, made.close_timeout) == ("client", "localhost", 3.0)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert plan(True, host="elsewhere").current_context() is context
    with pytest.raises(ValueError, match="ServerTLS"):
        plan(True, side="server")


def test_a_description_of_the_other_side_is_refused__lw_156(certificates: Certificates) -> None:
    """A server's description for a client, or the reverse, is a TypeError, an
    `ssl.SSLContext` a ValueError.
    """
    with pytest.raises(TypeError):
        plan(server(certificates), side="client", host="localhost")
    with pytest.raises(TypeError):
        plan(client(certificates), side="server")
    with pytest.raises(ValueError, match="server's side"):
        plan(certificates.server_context(), side="client", host="localhost")
    with pytest.raises(ValueError, match="client's side"):
        plan(certificates.client_context(), side="server")


def test_the_side_is_that_of_the_description__lw_140(certificates: Certificates) -> None:
    """The side of TLS is that of the description; a contradiction or an unknown side is a
    ValueError.
    """
    assert plan(server(certificates)).side == "server"
    assert plan(client(certificates), host="localhost").side == "client"
    for wrong in ("both", "", "Server"):
        with pytest.raises(ValueError, match="side"):
            plan(server(certificates), side=wrong)
    with pytest.raises(ValueError, match="side"):
        plan(server(certificates), side="client")
    with pytest.warns(DeprecationWarning, match="PROTOCOL_TLS"):
        either = ssl.SSLContext(ssl.PROTOCOL_TLS)
    with pytest.raises(ValueError, match="say"):
        plan(either)
    assert plan(either, side="server").side == "server"


# The functions.


def test_configure_context_works_on_a_context_of_its_own__lw_157(
    certificates: Certificates,
) -> None:
    """`configure_context` of a verb is called once, on a context that nobody else has."""
    seen: list[ssl.SSLContext] = []
    description = server(certificates)
    made = plan(description, configure_context=seen.append)
    assert seen == [made.current_context()]
    assert seen[0] is not description.context
    made.engine()
    made.engine()
    assert len(seen) == 1
    with pytest.raises(ValueError, match=r"ssl\.SSLContext"):
        plan(certificates.server_context(), configure_context=seen.append)
    with pytest.raises(TypeError, match="configure_context"):
        plan(description, configure_context=1)


def test_a_description_takes_functions_only__lw_157_158_170(certificates: Certificates) -> None:
    """Whatever cannot be called is a TypeError when the description is made."""
    for option in ("verify_callback", "configure_context", "configure_connection"):
        for described in (client, server):
            with pytest.raises(TypeError, match=option):
                described(certificates, **{option: "a name"})
    with pytest.raises(TypeError, match="choose_context"):
        server(certificates, choose_context="a name")


def test_configure_context_of_a_description_follows_its_files__lw_157(
    certificates: Certificates,
) -> None:
    """`configure_context` of a description is called whenever its files are read."""
    seen: list[ssl.SSLContext] = []
    description = server(certificates, configure_context=seen.append)
    assert seen == [description.context]
    description.reload()
    assert seen[1:] == [description.context]


def test_what_configure_context_raises_is_the_cause__lw_158(certificates: Certificates) -> None:
    """What `configure_context` raises is the cause of a `TLSError` in phase "handshake"."""

    def fail(_: ssl.SSLContext) -> None:
        raise ZeroDivisionError

    for attempt in (
        lambda: plan(server(certificates), configure_context=fail),
        lambda: server(certificates, configure_context=fail),
    ):
        with pytest.raises(TLSError) as caught:
            attempt()
        assert caught.value.phase == "handshake"
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_configure_connection_is_called_for_each_connection__lw_158(
    certificates: Certificates,
) -> None:
    """`configure_connection` is called for each connection: the description's first, then
    the verb's.
    """
    calls: list[tuple[str, object]] = []
    description = client(
        certificates, configure_connection=lambda tls_object: calls.append(("first", tls_object))
    )
    made = plan(
        description,
        host="localhost",
        configure_connection=lambda tls_object: calls.append(("second", tls_object)),
    )
    one, other = made.engine(), made.engine()
    one.handshake()
    assert calls == [("first", one.tls_object), ("second", one.tls_object)]
    other.handshake()
    assert calls[2:] == [("first", other.tls_object), ("second", other.tls_object)]


def test_verify_callback_belongs_to_the_description__lw_170(certificates: Certificates) -> None:
    """A false result of a description's `verify_callback` fails the handshake although
    OpenSSL has agreed.
    """
    with pytest.raises(TLSVerificationFailed, match="verify_callback"):
        meet(client(certificates, verify_callback=lambda _: False), server(certificates))


# Names.


def sni_of(certificates: Certificates, host: Any, **options: Any) -> str | None:
    """Return the name that a client sends to a server, which it shows to `choose_context`."""
    names: list[str | None] = []
    description = client(certificates, **options.pop("described", {}))
    far = plan(server(certificates, choose_context=names.append)).engine()
    near = plan(description, host=host, **options).engine()
    near.handshake()
    far.feed(near.take())
    far.handshake()
    assert len(names) == 1
    return names[0]


def test_a_name_is_sent_and_checked__lw_160(certificates: Certificates) -> None:
    """A `server_hostname` is sent and checked, whatever the host is; a final dot is dropped."""
    assert sni_of(certificates, "10.0.0.1", server_hostname="localhost") == "localhost"
    assert sni_of(certificates, "10.0.0.1", server_hostname="localhost.") == "localhost"
    assert sni_of(certificates, "x", server_hostname="127.0.0.1") is None
    meet(client(certificates), server(certificates), "10.0.0.1", server_hostname="localhost")
    with pytest.raises(TLSVerificationFailed):
        meet(client(certificates), server(certificates), server_hostname="other.example")
    for empty in ("", "."):
        with pytest.raises(ValueError, match="name of a host"):
            plan(client(certificates), host="localhost", server_hostname=empty)
        with pytest.raises(ValueError, match="name of a host"):
            client(certificates, server_hostname=empty)
    with pytest.raises(TypeError, match="server_hostname"):
        plan(client(certificates), host="localhost", server_hostname=b"localhost")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", 2130706433, ipaddress.IPv4Address("127.0.0.1")),
        *("::1", "[::1]", "::1%lo", "[::1%1]", ipaddress.IPv6Address("::1")),
    ],
)
def test_a_numeric_host_is_checked_but_not_sent__lw_161__rel_36(
    certificates: Certificates, host: object
) -> None:
    """For a numeric host no name is sent, and the certificate must contain the address."""
    assert sni_of(certificates, host, server_hostname=True) is None
    meet(client(certificates), server(certificates), host)
    with pytest.raises(TLSVerificationFailed):
        meet(client(certificates), ServerTLS(certificates.elsewhere), host)


def test_the_host_is_the_name_unless_the_description_has_one__lw_162(
    certificates: Certificates,
) -> None:
    """Without `server_hostname` the description's name counts, then the host."""
    assert sni_of(certificates, "localhost") == "localhost"
    described = {"server_hostname": "localhost"}
    assert sni_of(certificates, "elsewhere.example", described=described) == "localhost"
    assert sni_of(certificates, None, described=described) == "localhost"
    name = sni_of(certificates, "elsewhere.example", described=described, server_hostname=True)
    assert name == "elsewhere.example"


def test_no_name_needs_a_client_that_checks_none__lw_163(certificates: Certificates) -> None:
    """`server_hostname=False` is refused unless the description checks no names."""
    for options in ({"server_hostname": False, "host": "localhost"}, {}, {"server_hostname": True}):
        for tls in (True, client(certificates), certificates.client_context()):
            with pytest.raises(ValueError, match="no name"):
                plan(tls, **options)
    unnamed = client(certificates, check_hostname=False)
    assert (
        sni_of(
            certificates, "localhost", server_hostname=False, described={"check_hostname": False}
        )
        is None
    )
    meet(unnamed, ServerTLS(certificates.elsewhere), server_hostname=False)
    plan(server(certificates), server_hostname=False)
    for name in ("localhost", True):
        with pytest.raises(ValueError, match="client's side"):
            plan(server(certificates), server_hostname=name)


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("Example.COM.", "Example.COM"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[fe80::1%eth0]", "fe80::1"),
        # Python 3.13 writes the same address as `::ffff:127.0.0.1`.
        ("::FFFF:127.0.0.1", str(ipaddress.IPv6Address("::ffff:7f00:1"))),
        ("my_host", "my_host"),
        ("example.com\N{IDEOGRAPHIC FULL STOP}", "example.com"),
    ],
)
def test_a_host_is_written_as_certificates_do__rel_36(host: str, written: str) -> None:
    """A host is compared as certificates write it: names as A-labels, addresses without
    brackets and scope.
    """
    assert name_or_address(host) == written


@pytest.mark.parametrize("wrong", ["a..b", "a..", ".example", "x" * 64 + ".example", "a\0b", -1])
def test_what_can_be_no_host_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"host|-1"):
        name_or_address(wrong)
    for no_type in (True, None, b"localhost"):
        with pytest.raises(TypeError):
            name_or_address(no_type)  # type: ignore[arg-type]  # that is the point


def test_a_name_has_253_bytes_at_most__lw_160(certificates: Certificates) -> None:
    """A `server_hostname` of more than 253 bytes is refused at the call, one of 253 is sent."""
    name = ".".join(["x" * 63] * 3 + ["y" * 61])
    assert len(name) == 253
    assert sni_of(certificates, "10.0.0.1", server_hostname=name) == name
    with pytest.raises(ValueError, match="253 bytes"):
        plan(client(certificates), host="10.0.0.1", server_hostname=f"{name}y")


def test_an_international_name_is_verified__rel_36(certificates: Certificates) -> None:
    """A certificate for the A-label of an international name is one for that name."""
    described = ServerTLS(certificates.issue("xn--bcher-kva.example"))
    meet(client(certificates), described, "bücher.example")


def test_a_common_name_is_not_believed__rel_36(certificates: Certificates) -> None:
    """A host that only the common name of a certificate has is not verified by it."""
    described = ServerTLS(certificates.issue(common_name="localhost"))
    with pytest.raises(TLSVerificationFailed, match="localhost"):
        meet(client(certificates), described)


# Descriptions.


def test_verification_is_off_only_by_argument_and_logged__lw_164__rel_37(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """Verification is off only by an argument, and then the log says so."""
    ClientTLS()
    assert caplog.records == []
    trusting = ClientTLS(name="trusting", verify=False)
    meet(trusting, ServerTLS(certificates.expired), "whatever.example")
    ClientTLS(check_hostname=False)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "trusting" in caplog.text
    with pytest.raises(TypeError, match="verify"):
        ClientTLS(verify=None)  # type: ignore[arg-type]  # a slip must not switch it off


def test_a_client_shows_its_certificate__lw_164(certificates: Certificates) -> None:
    """A client's certificate is read from `certificate_file`, with the key in it, and shown
    on request.
    """
    far = server(certificates, client_certificates="required", trusted_file=certificates.authority)
    _near, seen = meet(client(certificates, certificate_file=certificates.client), far)
    assert shown(seen) == ["client@waitstate.example"]
    with pytest.raises(ValueError, match="certificate_file"):
        ClientTLS(key_file=certificates.client)


@pytest.mark.parametrize("wanted", ["none", "optional", "required"])
def test_client_certificates_are_asked_for_as_described__lw_165(
    certificates: Certificates, wanted: str
) -> None:
    """`client_certificates` decides: only "required" fails a client that has none."""
    far = server(certificates, client_certificates=wanted, trusted_file=certificates.authority)
    if wanted == "required":
        with pytest.raises(TLSError):
            meet(client(certificates), far)
    else:
        meet(client(certificates), far)
    _near, seen = meet(client(certificates, certificate_file=certificates.client), far)
    assert bool(shown(seen)) == (wanted != "none")
    with pytest.raises(ValueError, match="client_certificates"):
        server(certificates, client_certificates="maybe")


def test_a_client_of_a_stranger_is_refused__lw_165(certificates: Certificates) -> None:
    """A client certificate that the server's roots have not signed is as bad as none."""
    far = server(certificates, client_certificates="required", trusted_file=certificates.stranger)
    with pytest.raises(TLSVerificationFailed):
        meet(client(certificates, certificate_file=certificates.client), far)


def test_the_close_timeout_reaches_the_plan__lw_164(certificates: Certificates) -> None:
    """A closing alert is waited for 3 s, unless `close_timeout` says otherwise; None is no
    limit.
    """
    assert plan(server(certificates)).close_timeout == 3.0
    assert plan(server(certificates, close_timeout=0.5)).close_timeout == 0.5
    assert plan(client(certificates, close_timeout=None), host="x").close_timeout is None
    for wrong in (0, -1.0):
        with pytest.raises(ValueError, match="close_timeout"):
            server(certificates, close_timeout=wrong)


@pytest.mark.parametrize("identity", ["expired", "elsewhere", "future", "wildcard", "stranger"])
def test_a_bad_certificate_is_refused_with_its_own_text__rel_35(
    certificates: Certificates, identity: str
) -> None:
    """Certificates expired, for another host or wildcard, or of no authority are refused,
    each with its own text.
    """
    near = client(certificates)
    far = {
        "expired": certificates.expired,
        "elsewhere": certificates.elsewhere,
        "wildcard": certificates.issue("*.example"),
        "future": certificates.issue("localhost", begins=timedelta(days=1)),
    }.get(identity, certificates.localhost)
    if identity == "stranger":
        near = ClientTLS(trusted_file=certificates.stranger)
    with pytest.raises(TLSVerificationFailed) as caught:
        meet(near, ServerTLS(far))
    text = {
        "expired": "expired",
        "future": "not yet valid",
        "elsewhere": "localhost",
        "wildcard": "localhost",
        "stranger": "issuer",
    }
    assert text[identity] in str(caught.value)


def test_descriptions_show_their_name_and_no_secret(certificates: Certificates) -> None:
    described = server(certificates, name="shop", password="sesame")
    assert repr(described) == "<ServerTLS 'shop'>"
    assert repr(plan(described)) == "<TLSPlan server by <ServerTLS 'shop'>>"
    near = plan(client(certificates), host="localhost")
    assert repr(near) == "<TLSPlan client to localhost by <ClientTLS>>"
