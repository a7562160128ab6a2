"""Rules about borders: which files may know the operating system, TLS, the tests.

Each border is a row of a table. Whoever needs another file in a row writes its reason there.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.architecture.tree import PACKAGES, Source


@dataclass(frozen=True)
class Border:
    """Modules, or methods, and the only places in the packages that may use them."""

    names: frozenset[str]
    places: tuple[str, ...]
    reason: str


MODULES: Final = (
    Border(
        frozenset({"ssl"}),
        (
            "reactor/channel/tls_engine.py",  # ssl's errors get their meaning here
            "reactor/channel/tls.py",
            "reactor/channel/tls_context.py",
            "reactor/channel/tls_settings.py",
            "reactor/channel/tls_sessions.py",
            "reactor/errors.py",  # our TLS errors are ssl's as well
            "reactor/__main__.py",  # the doctor names the library
        ),
        "TLS is a channel over a channel (pitfall 1)",
    ),
    Border(
        frozenset({"errno"}),
        (
            *("reactor/errors.py", "reactor/channel/socket_channel.py", "reactor/opening/"),
            "reactor/compat/asyncore.py",  # a dispatcher calls its socket itself
        ),
        "the system's numbers get their meaning in one file per floor (pitfall 12)",
    ),
    Border(
        frozenset({"select", "selectors"}),
        (
            "reactor/loop/poller.py",
            "reactor/state/drive.py",
            "reactor/interest.py",  # for its two numbers
            "reactor/loop/collection.py",  # for the type of an argument
            "reactor/testing/",
        ),
        "only the collection and the blocking driver wait",
    ),
    Border(
        frozenset({"reactor.testing"}),
        ("reactor/testing/",),
        "the fakes are for tests; no floor and no protocol may see them",
    ),
    Border(
        frozenset({"asyncio"}),
        ("reactor/hosts/",),
        "nothing here stands on another loop; asyncio is a host like the others",
    ),
)
CALLS: Final = (
    Border(
        frozenset({"recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into"}),
        (
            *("reactor/channel/", "reactor/loop/waker.py", "reactor/testing/"),
            *("reactor/compat/asyncore.py", "protocols/asynchat.py"),  # so do its subclasses
        ),
        "what is read is read once, by a channel (pitfall 8)",
    ),
    Border(
        frozenset({"send", "sendall", "sendto", "sendmsg", "sendfile"}),
        (
            "reactor/channel/",
            "reactor/loop/waker.py",
            "reactor/testing/",
            "protocols/codecs/",  # a parser may be a generator, and has a `send` then
            *("reactor/compat/asyncore.py", "protocols/asynchat.py"),
        ),
        "what is sent is sent once, by a channel (pitfall 8)",
    ),
    Border(
        frozenset({"basicConfig", "dictConfig", "fileConfig", "addHandler", "setLevel"}),
        ("reactor/__main__.py",),
        "a library does not configure logging",
    ),
    Border(
        frozenset({"sleep"}),
        (
            "reactor/testing/",
            "reactor/hosts/",  # a host's verb may have that name
            "reactor/state/drive.py",  # one of the two that wait: on Windows, for nothing but time
        ),
        "nothing sleeps: wait for readiness, or arm a timer",
    ),
)
IMPURE: Final = {  # what a codec may not know: it does no I/O and asks no clock
    *("reactor", "asyncio", "select", "selectors", "socket", "ssl", "threading", "time"),
    *("_thread", "concurrent", "multiprocessing", "os", "queue", "random", "signal", "subprocess"),
}
FOREIGN: Final = {  # module: the places that may import it; its distribution is an extra
    "h11": ("protocols/codecs/",),
    "websockets": ("protocols/codecs/",),
}


def modules_stay_behind_their_border(source: Source) -> list[str]:
    """The table `MODULES` holds."""
    return [
        source.at(node, f"may not import {name}: {border.reason}")
        for border in _borders_around(source, MODULES)
        for node, name in imported(source)
        if any(name == one or name.startswith(one + ".") for one in border.names)
    ]


def calls_stay_behind_their_border(source: Source) -> list[str]:
    """The table `CALLS` holds."""
    return [
        source.at(node, f"may not call {node.func.attr}(): {border.reason}")
        for border in _borders_around(source, CALLS)
        for node in source.nodes(ast.Call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in border.names
    ]


def _borders_around(source: Source, table: tuple[Border, ...]) -> Iterator[Border]:
    if source.under("reactor/", "protocols/"):
        yield from (border for border in table if not source.under(*border.places))


def codecs_are_pure(source: Source) -> list[str]:
    """A codec takes bytes and gives events; it meets no I/O, no thread and no clock."""
    if not source.under("protocols/codecs/"):
        return []
    return [
        source.at(node, f"a codec is pure and does not import {name}")
        for node, name in imported(source)
        if name.split(".")[0] in IMPURE
    ]


def nothing_foreign_is_imported(source: Source) -> list[str]:
    """The packages stand on the standard library; hosts and a few codecs know one guest each."""
    if not source.under("reactor/", "protocols/") or source.under("reactor/hosts/"):
        return []
    findings = []
    for node, name in imported(source):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in PACKAGES:
            continue
        if not source.under(*FOREIGN.get(top, ())):
            findings.append(source.at(node, f"{top} is not of the standard library"))
    return findings


def imported(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield every imported name: `from a import b` is `a.b`, since `b` may be a module."""
    for node in source.nodes(ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            yield from ((node, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{one.name}") for one in node.names)


RULES: Final = (
    modules_stay_behind_their_border,
    calls_stay_behind_their_border,
    codecs_are_pure,
    nothing_foreign_is_imported,
)
