"""Hosts, services and families in every accepted form, and the forms that are refused."""

import ipaddress
import socket
from typing import Any

import pytest

from reactor.errors import NameLookupFailed
from reactor.net import address
from reactor.net.address import (
    Host,
    Target,
    dotted_to_ipaddr,
    family_for_binding,
    family_for_connecting,
    ipaddr_to_dotted,
    ipaddr_to_hostname,
    lookup_hostname,
    lookup_port,
    read_host,
    read_local,
    read_target,
)
from reactor.net.socket_address import SocketAddress

V4, V6, EITHER = socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC
LOOPBACK = SocketAddress(V4, ("127.0.0.1", 80))
INTERFACE = socket.if_nameindex()[0] if hasattr(socket, "if_nameindex") else (1, "lo")


@pytest.mark.parametrize(
    "host",
    [
        2130706433,
        "127.0.0.1",
        "[127.0.0.1]",
        ipaddress.IPv4Address("127.0.0.1"),
        ipaddress.IPv4Interface("127.0.0.1/8"),
    ],
)
def test_the_forms_of_an_ipv4_host_reach_the_same_place__lw_022(host: Any) -> None:
    """An IPv4 host may be a number, numeric text or an `ipaddress` object, which mean the
    same place.
    """
    assert read_target(host, 80).known_addresses() == [LOOPBACK]


@pytest.mark.parametrize(
    "host",
    [
        "::1",
        "[::1]",
        "0:0::0:1",
        ipaddress.IPv6Address("::1"),
        ipaddress.IPv6Interface("::1/64"),
        "0000:0::0001",
    ],
)
def test_the_forms_of_an_ipv6_host_reach_the_same_place__lw_022(host: Any) -> None:
    """IPv6 text may have brackets and any spelling; it is one address."""
    assert read_host(host).text == "::1"
    assert read_target(host, 80).known_addresses() == [SocketAddress(V6, ("::1", 80, 0, 0))]


@pytest.mark.parametrize(
    "host",
    ["::ffff:127.0.0.1", "[::ffff:7f00:1]", ipaddress.IPv6Address("::ffff:127.0.0.1")],
    ids=repr,
)
def test_ipv4_in_ipv6_is_shown_as_ipv4__lw_022_028(host: Any) -> None:
    """A host that is an IPv4 address in the clothes of IPv6 is that IPv6 address to the system,
    and an IPv4 address to everybody who reads of it.
    """
    (address,) = read_target(host, 80).known_addresses() or []
    assert address == SocketAddress(V6, ("::ffff:127.0.0.1", 80, 0, 0))
    assert address.pair == ("127.0.0.1", 80)


@pytest.mark.parametrize("scope", INTERFACE)
def test_a_scope_is_the_interface_of_that_name_or_number__lw_022(scope: int | str) -> None:
    """The scope of an IPv6 host, as in `fe80::1%eth0`, is an interface by name or number."""
    target = read_target(f"fe80::1%{scope}", 80)
    assert target.known_addresses() == [SocketAddress(V6, ("fe80::1", 80, 0, INTERFACE[0]))]


@pytest.mark.parametrize("scope", ["no-such-if", "4294967296", "9" * 30, "٣"])
def test_a_scope_that_is_not_here_is_a_host_that_is_not_found__lw_022(scope: str) -> None:
    """A scope that names no interface of this machine fails like an unknown host, not as an
    argument.
    """
    target = read_target(f"fe80::1%{scope}", 80)
    with pytest.raises(NameLookupFailed) as caught:
        target.known_addresses()
    assert caught.value.identifier == "host-not-found"
    assert caught.value.peer == (f"fe80::1%{scope}", 80)


@pytest.mark.parametrize(
    "host",
    [
        *("127.1", "010.0.0.1", "0x7f000001", "2130706433", "1.2.3", "256.1.1.1", "1.2.3.4.5"),
        *(
            "1.2.3.4.",
            "0x",
            "a.0x7F",
            "example.1",
            "0",
            "\uff11\uff12\uff17.1",
            "127\u30020\u30020\u30021",
        ),
        *("[::1", "::1]", "[]", "[example.org]", "::g", "1:2", "example.org:80", "fe80::1%"),
        *("http://example.org", " 127.0.0.1", "127.0.0.1 x", "a b", "a\n", "localhost\0.example"),
    ],
)
def test_text_that_systems_read_in_different_ways_is_refused__lw_022(host: str) -> None:
    """Text that looks like a number is an address in full, or a `ValueError` at the call."""
    with pytest.raises(ValueError, match=r"^host "):
        read_host(host)


@pytest.mark.parametrize(
    "host",
    ["example.org", "example.org.", "a-1.example", "1.2.3.4x", "0xg", "bücher.example", "7z"],
)
def test_other_text_is_a_name_as_it_was_given__lw_022(host: str) -> None:
    """A host name is taken as it was given, and has no family before it is looked up."""
    assert read_host(host) == Host(host, host, EITHER)
    assert not read_host(host).numeric
    assert read_target(host, 80).known_addresses() is None


@pytest.mark.parametrize("service", [80, "80", "http", "HTTP", "080"])
def test_the_forms_of_a_service_are_equal__lw_023(service: int | str) -> None:
    """A port's number, its digits and the name of its service, in any case, mean the same."""
    assert read_target("192.0.2.1", service) == Target(read_host("192.0.2.1"), 80, service)


def test_a_service_name_is_looked_up_for_the_protocol_of_the_socket__lw_023() -> None:
    """A service name counts for the protocol in the system's table only: "tcp" or "udp"."""
    assert read_target("192.0.2.1", "tftp", "udp").port == 69
    with pytest.raises(NameLookupFailed):
        read_target("192.0.2.1", "tftp", "tcp")


@pytest.mark.parametrize("service", [0, "0", "000"])
def test_nobody_connects_to_port_0__lw_023(service: int | str) -> None:
    """Connecting to port 0 raises `ValueError`."""
    with pytest.raises(ValueError, match="port 0"):
        read_target("192.0.2.1", service)


@pytest.mark.parametrize(
    ("host", "service"),
    [(-1, 80), (2**32, 80), ("", 80), ("h", -1), ("h", 65536), ("h", "65536"), ("h", "")],
)
def test_a_target_out_of_range_is_a_value_error__lw_024(host: Any, service: Any) -> None:
    """A host or port number out of range and an empty string raise `ValueError`."""
    with pytest.raises(ValueError, match=r"0 to|empty"):
        read_target(host, service)


@pytest.mark.parametrize("wrong", [None, True, False, 1.5, b"127.0.0.1", ["h"], ("h", 80)])
def test_a_target_of_a_wrong_type_is_a_type_error__lw_024(wrong: Any) -> None:
    """A host or service of a wrong type, also `bool`, or None where one is required, raises
    `TypeError`.
    """
    with pytest.raises(TypeError, match="host is"):
        read_target(wrong, 80)
    with pytest.raises(TypeError, match="service is"):
        read_target("h", wrong)


def test_to_bind_nothing_means_every_interface_and_any_port__lw_025() -> None:
    """To bind, `address=None` is every interface, and `service=None` or 0 the system's
    choice of a port.
    """
    assert read_local(None, None) == (None, 0)
    assert read_local(None, 0) == (None, 0)
    assert read_local("::1", "http") == (read_host("::1"), 80)
    with pytest.raises(ValueError, match=r"^address "):
        read_local("", 0)


@pytest.mark.parametrize("address", [None, "127.0.0.1"])
def test_a_service_that_cannot_be_bound_is_told_as_it_was_given__lw_190(
    address: str | None,
) -> None:
    """The error of an unknown service names it, with the local address, as they were given."""
    with pytest.raises(NameLookupFailed) as caught:
        read_local(address, "no-such-service")
    assert caught.value.peer == (address, "no-such-service")


@pytest.mark.parametrize(("ipv6", "family"), [("any", EITHER), (True, V6), (False, V4)])
def test_a_connecting_verb_chooses_the_family__lw_026(ipv6: Any, family: int) -> None:
    """`ipv6=` of a connecting verb: "any" uses either family, True only IPv6, False only IPv4."""
    assert family_for_connecting(ipv6, read_host("example.org")) == family
    assert family_for_connecting(ipv6, read_host("192.0.2.1")) == family
    assert family_for_connecting(ipv6, read_host(2130706433)) == EITHER
    assert family_for_connecting(ipv6, read_host(ipaddress.IPv6Address("::1"))) == EITHER


@pytest.mark.parametrize(("host", "family"), [("192.0.2.1", V6), ("[2001:db8::1]", V4)])
def test_numeric_text_of_the_other_family_is_not_found__lw_026(host: str, family: int) -> None:
    """Numeric text of the family that was not chosen fails like an unknown name."""
    with pytest.raises(NameLookupFailed) as caught:
        read_target(host, "http").known_addresses(family)
    assert caught.value.identifier == "host-not-found"
    assert caught.value.phase == "resolve"
    assert caught.value.peer == (host, "http")


@pytest.mark.parametrize("wrong", [None, "both", 1, 0, "", "yes", [], V6])
def test_a_connecting_verb_refuses_other_choices__lw_026_027(wrong: Any) -> None:
    """Other values of `ipv6=`, None and "both" among them, raise `ValueError` when connecting."""
    with pytest.raises(ValueError, match="ipv6 is 'any', True or False"):
        family_for_connecting(wrong, read_host("example.org"))


def test_a_binding_verb_leaves_the_family_to_the_address__lw_027() -> None:
    """`ipv6=` of a binding verb: "any" and "both" leave the family to the address, True and
    False choose it.
    """
    for word in ("any", "both"):
        assert family_for_binding(word, None) == EITHER
        assert family_for_binding(word, read_host("::1")) == EITHER
    assert family_for_binding(True, None) == V6
    assert family_for_binding(False, read_host("name.example")) == V4
    assert family_for_binding(True, read_host("::1")) == V6


@pytest.mark.parametrize(("ipv6", "host"), [(True, "127.0.0.1"), (False, "::1")])
def test_a_choice_against_a_numeric_address_is_refused__lw_027(ipv6: bool, host: str) -> None:
    """`ipv6=` against the family of a numeric address to bind raises `ValueError`."""
    with pytest.raises(ValueError, match="contradicts"):
        family_for_binding(ipv6, read_host(host))


@pytest.mark.parametrize("wrong", [None, 1, 0, "neither"])
def test_a_binding_verb_refuses_other_choices__lw_027(wrong: Any) -> None:
    """Other values of `ipv6=`, None among them, raise `ValueError` when binding."""
    with pytest.raises(ValueError, match="'both'"):
        family_for_binding(wrong, None)


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "localhost.", "me.localhost"])
def test_localhost_needs_no_look_up__lw_029(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host "localhost" is the loopback addresses, that of IPv6 first, and nobody is asked."""
    monkeypatch.setattr(address, "ipv6_available", lambda: True)
    target = read_target(name, 80)
    ipv6 = SocketAddress(V6, ("::1", 80, 0, 0))
    assert target.known_addresses() == [ipv6, LOOPBACK]
    assert target.known_addresses(V4) == [LOOPBACK]
    assert target.known_addresses(V6) == [ipv6]
    assert read_target("notlocalhost", 80).known_addresses() is None


def test_localhost_without_ipv6_is_the_ipv4_address__lw_029(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where IPv6 cannot be used, "localhost" is the IPv4 address alone."""
    monkeypatch.setattr(address, "ipv6_available", lambda: False)
    target = read_target("localhost", 80)
    assert target.known_addresses() == [LOOPBACK]
    with pytest.raises(NameLookupFailed) as caught:
        target.known_addresses(V6)
    assert caught.value.identifier == "host-not-found"


DOTTED = [
    ("192.168.0.1", 3232235521),
    ("127.0.0.1", 2130706433),
    ("0.0.0.0", 0),
    ("255.255.255.255", 4294967295),
]


@pytest.mark.parametrize(("dotted", "number"), DOTTED)
def test_dotted_text_and_number_are_one_address__cc_085_086(dotted: str, number: int) -> None:
    """`dotted_to_ipaddr` and `ipaddr_to_dotted` undo each other."""
    assert dotted_to_ipaddr(dotted) == number
    assert ipaddr_to_dotted(number) == dotted


@pytest.mark.parametrize(
    "dotted", ["1.2.3", "256.1.1.1", "1.2.3.4.5", "010.0.0.1", " 1.2.3.4", "", "1.2.3.4\n", "::1"]
)
def test_dotted_text_of_another_form_is_refused__cc_085(dotted: str) -> None:
    """Dotted text that is not four numbers in full raises `ValueError`, or is None on request."""
    with pytest.raises(ValueError, match=r".+"):
        dotted_to_ipaddr(dotted)
    assert dotted_to_ipaddr(dotted, errorp=False) is None


def test_ipaddr_to_dotted_gives_four_values_on_request__cc_086() -> None:
    """`ipaddr_to_dotted` gives the four numbers with `values=True`; a number out of range
    is a `ValueError`.
    """
    assert ipaddr_to_dotted(3232235521, values=True) == (192, 168, 0, 1)
    for number in (-1, 2**32):
        with pytest.raises(ValueError, match="0 to 4294967295"):
            ipaddr_to_dotted(number)


@pytest.mark.parametrize("wrong", ["1.2.3.4", True, None, 1.0])
def test_ipaddr_to_dotted_takes_a_number__cc_086(wrong: Any) -> None:
    """`ipaddr_to_dotted` takes a number, and no text."""
    with pytest.raises(TypeError, match="32 bits"):
        ipaddr_to_dotted(wrong)


def test_the_name_of_an_address_is_what_the_system_says__cc_087() -> None:
    """`ipaddr_to_hostname` finds a name by reverse look-up, and fails for an address
    without one.
    """
    try:
        expected = socket.getnameinfo(("127.0.0.1", 0), socket.NI_NAMEREQD)[0]
    except socket.gaierror:
        pytest.skip("this system has no name for 127.0.0.1")
    assert ipaddr_to_hostname(2130706433) == expected
    assert ipaddr_to_hostname("127.0.0.1", ignore_cache=True) == expected
    with pytest.raises(ValueError, match="not a name"):
        ipaddr_to_hostname("localhost")


def test_lookup_hostname_gives_the_number_of_a_host__cc_088() -> None:
    """`lookup_hostname` makes of a name, dotted text or a number the 32-bit number of the host."""
    assert lookup_hostname("192.168.0.1") == 3232235521
    assert lookup_hostname(3232235521) == 3232235521
    assert lookup_hostname("localhost") == 2130706433


@pytest.mark.parametrize("host", ["::1", "x" * 64 + ".example", "a..b"])
def test_a_host_without_ipv4_address_is_not_found__cc_088(host: str) -> None:
    """A name that cannot exist, or has no IPv4 address, raises `host-not-found`."""
    with pytest.raises(NameLookupFailed) as caught:
        lookup_hostname(host)
    assert caught.value.identifier == "host-not-found"
    assert caught.value.peer == (host, None)


@pytest.mark.parametrize(
    ("port", "protocol", "number"),
    [
        ("http", "tcp", 80),
        ("HTTP", "tcp", 80),
        ("domain", "udp", 53),
        (8080, "tcp", 8080),
        ("8080", "tcp", 8080),
        (0, "udp", 0),
        (65535, "udp", 65535),
    ],
)
def test_lookup_port_gives_the_number_of_a_service__cc_089(
    port: int | str, protocol: str, number: int
) -> None:
    """`lookup_port` finds a service as given, then in lower case; a number is itself."""
    assert lookup_port(port, protocol) == number


@pytest.mark.parametrize("service", ["no-such-service", "-1", "+80", " 80", "٨٠", "80x", "\ud800"])
def test_a_service_that_the_table_lacks_is_not_found__cc_084_089(service: str) -> None:
    """An unknown service raises `service-not-found`, and tells which system call failed."""
    with pytest.raises(NameLookupFailed) as caught:
        lookup_port(service, "tcp")
    assert caught.value.identifier == "service-not-found"
    assert (caught.value.phase, caught.value.situation) == ("resolve", "getservbyname")
    with pytest.raises(NameLookupFailed) as caught:
        read_target("example.org", service)
    assert caught.value.peer == ("example.org", service)


@pytest.mark.parametrize("protocol", ["sctp", "TCP", "", None, 6])
def test_lookup_port_knows_two_protocols__cc_089(protocol: Any) -> None:
    """The protocol of `lookup_port` is "tcp" or "udp", else `ValueError`."""
    with pytest.raises(ValueError, match="protocol is"):
        lookup_port(80, protocol)
