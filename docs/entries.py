"""Entries: what the pages in `docs/reference/` show of the code, and what docstrings must say.

Which names have an entry, which methods a class shows, and what is missing: a public name without
a page, a parameter without a word. How the docstrings are read is told in `docstrings`.
"""

import ast
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
ENTRY: Final = re.compile(r"^\.\. auto\w+:: (\S+)$", re.MULTILINE)
FACADES: Final = ("reactor", "reactor.callbacks", "protocols")
# For tests of programs; these modules have no facade.
TESTING: Final = (
    "reactor.testing.clock.ManualClock",
    "reactor.testing.settle.settle",
    "reactor.testing.memory.memory_pair",
    "reactor.testing.memory.MemoryChannel",
    "reactor.testing.conformance.CHECKS",
    "reactor.testing.conformance.carry",
)
# Old modules under their old names; programs import them whole.
OLD: Final = (
    *(
        f"reactor.compat.asyncore.{name}"
        for name in (
            *("loop", "poll", "close_all", "socket_map", "SocketMap", "ExitNow"),
            *("dispatcher", "dispatcher_with_send", "file_dispatcher", "file_wrapper"),
            *("read", "write", "readwrite", "compact_traceback"),
        )
    ),
    *(
        f"protocols.asynchat.{name}"
        for name in ("async_chat", "simple_producer", "find_prefix_at_end")
    ),
)
# Each host of a collection has a module with one verb.
HOSTS: Final = tuple(
    f"reactor.hosts.{name}.attach"
    for name in ("asyncio", "glib", "pygame", "qt", "tk", "trio", "wx")
)
# A collection in a thread of its own, and the ways into the hosts that it may have beside it.
BESIDE: Final = (
    "reactor.hosts.thread.attach",
    *(f"reactor.hosts.{name}.deliver" for name in ("asyncio", "glib", "qt", "tk", "wx")),
)
# Classes that programs meet without importing them: what verbs return, and what they are given.
MET: Final = (
    "reactor.channel.base.Channel",
    "reactor.loop.timers.Timer",
    "reactor.loop.timers.RepeatedTimer",
    "reactor.loop.watch.Watch",
    "reactor.loop.calls.IdleCallback",
    "reactor.loop.signals.SignalHandler",
    "reactor.hosts.guest.Guest",
    "reactor.hosts.pygame.Frames",
    "reactor.hosts.pygame.Events",
    "reactor.hosts.thread.DeliveringGuest",
    "reactor.hosts.delivered.DeliveredTransport",
    "reactor.opening.connect.Connecting",
    "reactor.reconnection.Link",
    "reactor.flow.close_report.CloseReport",
    "reactor.stream.stream_file.StreamFile",
    "reactor.sockets.udp_socket.Received",
)
# Methods that other files of the library call: no part of the surface.
CALLED_FROM_BELOW: Final = {
    "AcceptingHandle": {"begin", "begun", "close_silently", "on_readable", "tell"},
    "Connecting": {"cancel", "on_due", "retime"},
    "DatagramTransport": {"begin", "collection_closed", "failed"},
    "Events": {"begin"},
    "Frames": {"begin"},
    "Guest": {"begin"},
    "DeliveringGuest": {
        "ask",
        "ask_or_else",
        "at_home",
        "begin",
        "closed_error",
        "pass_on",
        "report",
    },
    "DeliveredTransport": {"closed_error", "hold", "resumed"},
    "IdleCallback": {"close_after_error", "close_silently", "run"},
    "Link": {"begun", "close", "tell", "up"},
    "MemoryChannel": {"traffic"},
    "PendingLookup": {"begin", "found", "found_names"},
    "Poll": {"on_due", "concerns", "close_after_error"},
    "RateLimit": {"grant", "leave", "line_up", "on_due", "take"},
    "Reconnecting": {"check", "clock", "concerns", "later", "on_due", "tell", "up", "wants"},
    "RepeatedTimer": {"begin", "on_due"},
    "Resolver": {
        *("doubt", "drop", "hasten", "known_addresses"),
        *("look_up", "look_up_blocking", "look_up_name", "start_anew"),
    },
    "SignalHandler": {"renew"},
    "Server": {"cannot_accept", "connection_of", "welcome"},
    "SocketStream": {"file_closed", "looking"},
    "TCPServer": {"failed", "listen", "make_socket"},
    "TCPSocket": {
        *("close_after_error", "closed_error", "connect_by", "connect_failed", "connect_timeout"),
        *("connection_made", "tls_as_given"),
    },
    "Timer": {"on_due"},
    "Transport": {
        *("begin", "begin_switch", "collection_closed", "drain", "end_by", "failed", "held_up"),
        *("input_ended", "mark_passed", "moved", "output_failed", "output_gone", "plan_switch"),
    },
    "WaitStateCollection": {
        *("add", "arm", "begin_loop", "close_because", "close_later", "descriptor_works"),
        *("end_loop", "post", "rebind", "remove", "report", "retire", "stopping"),
        *("turning", "want"),
    },
    "Watch": {"close_silently", "on_readable", "on_writable"},
}
# What a class has from its bases and shows as its own.
INHERITED: Final = {
    "AsyncIOState": {
        *("address", "close", "closed", "input_limit", "join_group", "leave_group"),
        *("multicast_hops", "multicast_interface", "multicast_loop", "output_limit"),
        *("peer_address", "queue_input", "queue_output", "read_status", "read_timeout"),
        *("receive_message", "release", "send_message", "send_message_to", "tls_object"),
        *("tls_side", "truncated", "write_status", "write_timeout"),
    },
    "SocketStream": {
        *("address", "allow_truncation", "closed", "fileno", "input_limit", "local_filename"),
        *("local_host", "local_port", "name", "peek", "peer_address", "read", "read1"),
        *("read_exactly", "read_timeout", "read_until", "readable", "readinto", "readinto1"),
        *("readline", "remote_filename", "remote_host", "remote_port", "tls_object", "tls_side"),
        *("wait_for_input", "writable", "write_timeout"),
    },
    "TCPSocket": {"address", "peer_address", "stream"},
    "DeliveredTransport": {
        *("abort", "close_report", "get_extra_info", "get_protocol", "get_write_buffer_size"),
        *("is_closing", "set_protocol"),
    },
    "Transport": {
        *("can_write_eof", "get_extra_info", "get_protocol", "get_write_buffer_limits"),
        *("get_write_buffer_size", "hold_output", "is_closing", "is_reading", "output_limit"),
        *("pause_reading", "release_output", "resume_reading", "set_protocol"),
        "set_write_buffer_limits",
    },
    "ListenerSocket": {
        *("address", "close", "closed", "fileno", "local_filename", "local_host", "local_port"),
        *("read_timeout", "wait_for_input", "write_timeout"),
    },
    "UDPSocket": {
        *("address", "close", "closed", "fileno", "local_host", "local_port", "peer_address"),
        *("read_timeout", "remote_host", "remote_port", "wait_for_input", "write_timeout"),
    },
    "async_chat": {"close", "handle_error", "recv", "send"},
    "BufferedProtocol": {
        *("connection_lost", "connection_made", "pause_writing", "resume_writing"),
    },
}
FACTS: Final = re.compile(r"Thread:\s(.+?)\s+Calls back:\s(.+?)\s+Source:\s(.+)", re.DOTALL)
MADE: Final = re.compile(r"\bmade by\b|\bmake them with\b")
SECTION: Final = re.compile(r"^(\w+):\n((?:    .*\n|\n(?=    ))+)", re.MULTILINE)
ARGUMENT: Final = re.compile(r"^    ([\w, *]+):", re.MULTILINE)


@functools.cache
def wanted() -> frozenset[str]:
    """Return the names that have to be on a page."""
    public = {
        f"{facade}.{name}" for facade in FACADES for name in importlib.import_module(facade).__all__
    }
    return frozenset(public | {*HOSTS, *BESIDE, *OLD, *TESTING, *MET})


def entries(root: Path) -> list[str]:
    """Return the names that the pages under `root` have, one for each place."""
    pages = sorted((root / "docs/reference").glob("*.md"))
    return [name for page in pages for name in ENTRY.findall(page.read_text("utf-8"))]


def faults(root: Path = ROOT) -> list[str]:
    """Say what is missing, on the pages and in the docstrings."""
    names = entries(root)
    lost = [f"{name} is on no page of docs/reference/" for name in wanted() - {*names}]
    twice = [f"{name} has {names.count(name)} places" for name in {*names} if names.count(name) > 1]
    known = {name.rpartition(".")[2]: value_of(name) for name in names}
    stale = [
        f"docs/entries.py: {kind}.{method} does not exist"
        for table in (CALLED_FROM_BELOW, INHERITED)
        for kind, methods in table.items()
        for method in methods
        if not hasattr(known.get(kind), method)
    ]
    mute = [fault for name in names for fault in faults_of(name, value_of(name))]
    return sorted(lost + twice + stale + mute)


def value_of(name: str) -> Any:
    """Return what a dotted name stands for."""
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


def faults_of(name: str, value: Any) -> Iterator[str]:
    """Say what the docstrings of a name, and of what is shown of it, leave out."""
    if inspect.isclass(value):
        yield from faults_of_class(name, value)
        for member in shown(value):
            found = inspect.getattr_static(value, member)
            yield from faults_of(
                f"{name}.{member}", inspect.unwrap(getattr(found, "__func__", found))
            )
    elif inspect.isfunction(value):
        yield from faults_of_function(name, value, value.__doc__ or "")
        if name.count(".") <= 2 and not FACTS.search(value.__doc__ or ""):
            yield f"{name}: no `Thread: ... Calls back: ... Source: ...`"
    elif isinstance(value, property) and ":" in (value.__doc__ or ":").partition("\n")[0]:
        yield f"{name}: a colon in the first line of a property looks like a type"


def faults_of_class(name: str, value: type) -> Iterator[str]:
    """Say what the docstring of a class leaves out: how it is made, unless a verb makes it."""
    text = value.__doc__ or ""
    if not FACTS.search(text) and not issubclass(value, BaseException):
        yield f"{name}: no `Thread: ... Calls back: ... Source: ...`"
    if issubclass(value, BaseException):  # what its bases tell is not told again
        text = "\n".join(inspect.cleandoc(one.__doc__ or "") + "\n" for one in value.__mro__)
    if "__init__" in vars(value) and not made_by_a_verb(value):
        yield from faults_of_function(name, vars(value)["__init__"], text)


def faults_of_function(name: str, function: Any, text: str) -> Iterator[str]:
    """Say which parameters a docstring has no word for, and whether it hides an error."""
    told = arguments_of(text)
    parameters = inspect.signature(function).parameters
    for word in parameters:
        if word not in told | {"self", "details"}:
            yield f"{name}: no word on `{word}` under Args"
    if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        yield from (f"{name}: it has no `{word}`" for word in sorted(told - {*parameters}))
    if raises(function) and "Raises:" not in text:
        yield f"{name}: it raises, and has no Raises"


def arguments_of(text: str) -> set[str]:
    """Return the names under Args."""
    sections = SECTION.findall(inspect.cleandoc(text) + "\n")
    names = [name for kind, body in sections if kind == "Args" for name in ARGUMENT.findall(body)]
    return {name.strip(" *") for line in names for name in line.split(",")}


def raises(function: Any) -> bool:
    """Tell whether a function has a `raise` of its own, save to be overridden.

    A function that was generated has no source and no such thing.
    """
    if function.__code__.co_filename.startswith("<"):
        return False
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    inner = {
        id(node)
        for one in ast.walk(tree)
        if one is not tree and isinstance(one, ast.FunctionDef)
        for node in ast.walk(one)
    }
    return any(
        isinstance(node, ast.Raise)
        and node.exc is not None
        and id(node) not in inner
        and ast.unparse(node.exc) != "NotImplementedError"
        for node in ast.walk(tree)
    )


def made_by_a_verb(value: type) -> bool:
    """Tell whether programs do not make such objects themselves."""
    return bool(MADE.search((value.__doc__ or "").partition("\n\n")[0]))


@functools.cache
def shown(value: type) -> list[str]:
    """Return the methods and properties that a class shows, in the order of its source."""
    if issubclass(value, BaseException):
        return []
    own = [name for name in vars(value) if not name.startswith("_")]
    names = [*own, *INHERITED.get(value.__name__, ())]
    return [
        name
        for name in names
        if name not in CALLED_FROM_BELOW.get(value.__name__, ())
        if (found := inspect.getattr_static(value, name)) is not None
        if inspect.isroutine(found) or isinstance(found, property)
        if found.__doc__
    ]
