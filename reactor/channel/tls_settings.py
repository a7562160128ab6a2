"""Descriptions of TLS: what a program says once, and what every connection is then made from.

`ClientTLS` and `ServerTLS` read their files when they are made, and again in `reload`; what they
make is an `ssl.SSLContext`, which all connections share. `tls_plan` turns whatever a program may
give as `tls=`, and the options beside it, into a `TLSPlan`, from which a verb that connects,
accepts or attaches takes one engine for each connection.

What is not said is safe: certificates are verified, names are checked, nothing older than TLS 1.2
is spoken, and no mistake in an argument is found later than at the call.
"""

import functools
import ipaddress
import logging
import os
import ssl
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from reactor.arguments import check_callables, check_count
from reactor.channel.tls import CLOSE_TIMEOUT
from reactor.channel.tls_context import (
    ConfigureContext,
    DescribedContext,
    FileName,
    Identity,
    Password,
    Recipe,
    choice,
    choose,
    configure,
)
from reactor.channel.tls_engine import ConfigureConnection, TLSEngine, VerifyCallback
from reactor.channel.tls_sessions import SESSION_LIMIT, Sessions, proof
from reactor.deadline import check_timeout

HANDSHAKE_TIMEOUT: Final = 10.0  # seconds for a whole handshake, unless told otherwise

# Bytes in the name of a host (RFC 1035, section 2.3.4, less what its text does not show). OpenSSL
# refuses more than 255, when the connection is up already.
HOST_NAME_LIMIT: Final = 253

TICKET_COUNT: Final = 2  # session tickets for each TLS 1.3 handshake, as in OpenSSL
CLIENT_CERTIFICATES: Final = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}
SIDES: Final = ("client", "server")
SIDE_OF_PROTOCOL: Final = {  # other protocols serve either side
    ssl.PROTOCOL_TLS_CLIENT: "client",
    ssl.PROTOCOL_TLS_SERVER: "server",
}

Side: TypeAlias = Literal["client", "server"]
Host: TypeAlias = str | int | ipaddress.IPv4Address | ipaddress.IPv6Address
ServerHostname: TypeAlias = str | bool | None

_log: Final = logging.getLogger(__name__)


class Description:
    """What `ClientTLS` and `ServerTLS` have in common: a context, and how to make it again.

    Thread: any. Calls back: `configure_context`, in the constructor and in `reload`.
    Source: LW-164 to LW-167.
    """

    side: Side
    server_hostname: ServerHostname = None

    def __init__(
        self,
        recipe: Recipe,
        *,
        name: str | None,
        verify_callback: VerifyCallback | None,
        configure_context: ConfigureContext | None,
        configure_connection: ConfigureConnection | None,
        close_timeout: float | None,
    ) -> None:
        check_callables(
            verify_callback=verify_callback,
            configure_context=configure_context,
            configure_connection=configure_connection,
        )
        self.name = name
        self.verify_callback = verify_callback
        self.configure_connection = configure_connection
        self.close_timeout = check_timeout("close_timeout", close_timeout)
        self._configure_context = configure_context
        self._recipe = recipe
        self._lock = threading.Lock()
        self._plans: weakref.WeakSet[TLSPlan] = weakref.WeakSet()  # with contexts of their own
        self._context = self.new_context(ask=True)
        if recipe.key_log_file is not None:
            _log.warning("%r writes the secrets of its connections to a file", self)

    @property
    def context(self) -> ssl.SSLContext:
        """The context that connections of this moment are made from."""
        return self._context

    def new_context(self, *, ask: bool = False) -> DescribedContext:
        """Read the files again into a context that nobody shares.

        Args:
            ask: whether a password function is called again; else its last answer is used.
        """
        context = self._bare_context()
        self._recipe.fill(context, ask=ask)
        configure(context, self._configure_context)
        context.remember_roots()
        return context

    def _bare_context(self) -> DescribedContext:
        raise NotImplementedError

    def reload(self) -> None:
        """Read the files again: later connections use what is in them now.

        If anything fails nothing has changed. Connections that are up go on as they are.

        Raises:
            OSError, ssl.SSLError: a file cannot be used. TLSError: `configure_context` has raised.

        Thread: any; it reads files, so rather not the one of a loop. Calls back:
        `configure_context`, and a password function. Source: LW-167.
        """
        with self._lock:
            context = self.new_context(ask=True)
            fresh = [(plan, plan.new_context()) for plan in self._plans]
            self._context = context
            for plan, its_context in fresh:
                plan.context = its_context

    def keep_fresh(self, plan: "TLSPlan") -> None:
        """Remember that `plan` has a context of its own, made of our files."""
        with self._lock:
            self._plans.add(plan)

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return f"<{type(self).__name__}{name}>"


class ClientTLS(Description):
    """How a client speaks TLS; for any number of connections, collections and threads.

    Args:
        name: only shown.
        certificate_file, key_file, password: who we are, if servers ask; PEM. The key may be in
            the first file. `password` is text, bytes or a function without arguments.
        trusted_file, trusted_directory: roots; if one is given only these count, else the system's.
        verify: False takes any certificate, and checks no name. It is logged.
        check_hostname: False takes a certificate for any name. It is logged.
        minimum_version, maximum_version: "1.2" or "1.3"; None is the newest.
        alpn: protocol names, the preferred one first.
        server_hostname: the name expected instead of the host; True, False or None as in
            a connecting verb.
        session_limit: names, 128 by default, for which sessions are kept, so that a later
            connection needs a shorter handshake, without certificates; 0 keeps none. `reload`
            forgets all of them.
        key_log_file: where to write the secrets of all connections, for debugging. It is logged.
        verify_callback: gets the `ssl.SSLObject` after OpenSSL's verification; false refuses.
        configure_context: gets the `ssl.SSLContext` whenever the files have been read.
        configure_connection: gets the `ssl.SSLObject` before each handshake.
        close_timeout: seconds for the peer's closing alert; 3 by default, None for no limit.

    Raises:
        OSError, ssl.SSLError: a file cannot be used; its name is in the error.
        TLSError: `configure_context` has raised. TypeError, ValueError: wrong arguments.

    Thread: any. Calls back: `configure_context` and the password function, before it returns.
    Source: LW-164, LW-166, LW-168 to LW-170, LW-202.
    """

    side: Side = "client"

    def __init__(
        self,
        *,
        name: str | None = None,
        certificate_file: FileName | None = None,
        key_file: FileName | None = None,
        password: Password | None = None,
        trusted_file: FileName | None = None,
        trusted_directory: FileName | None = None,
        verify: bool = True,
        check_hostname: bool = True,
        minimum_version: str = "1.2",
        maximum_version: str | None = None,
        alpn: Sequence[str] = (),
        server_hostname: ServerHostname = None,
        session_limit: int = SESSION_LIMIT,
        key_log_file: FileName | None = None,
        verify_callback: VerifyCallback | None = None,
        configure_context: ConfigureContext | None = None,
        configure_connection: ConfigureConnection | None = None,
        close_timeout: float | None = CLOSE_TIMEOUT,
    ) -> None:
        check_count("session_limit", session_limit)
        self._session_limit = session_limit
        _check_bools(verify=verify, check_hostname=check_hostname)
        if isinstance(server_hostname, str):
            name_or_address(server_hostname)
        self.server_hostname = server_hostname
        self._verify = verify
        self._check_hostname = verify and check_hostname
        super().__init__(
            Recipe(
                Identity(certificate_file, key_file, password),
                (trusted_file, trusted_directory),
                (minimum_version, maximum_version),
                alpn,
                key_log_file,
            ),
            name=name,
            verify_callback=verify_callback,
            configure_context=configure_context,
            configure_connection=configure_connection,
            close_timeout=close_timeout,
        )
        if not verify:
            _log.warning("%r verifies no certificate: anybody can pose as the server", self)
        elif not check_hostname:
            _log.warning("%r checks no host name: whoever has a certificate will do", self)

    def _bare_context(self) -> DescribedContext:
        context = DescribedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self._check_hostname
        context.verify_mode = ssl.CERT_REQUIRED if self._verify else ssl.CERT_NONE
        # Python would believe the common name where there are no alternative ones; RFC 9525 does
        # not, as it may be any text.
        context.hostname_checks_common_name = False
        context.sessions = Sessions(self._session_limit)
        return context


class ServerTLS(Description):
    """How a server speaks TLS; for any number of listeners, collections and threads.

    Args:
        certificate_file, key_file, password: who we are; PEM. The key may be in the first file.
            `password` is text, bytes or a function without arguments.
        name: only shown.
        client_certificates: "none" (default), "optional" or "required".
        trusted_file, trusted_directory: roots of clients; if one is given only these count, else
            the system's.
        minimum_version, maximum_version: "1.2" or "1.3"; None is the newest.
        alpn: protocol names, the preferred one first.
        ticket_count: session tickets after each TLS 1.3 handshake; 0 makes handshakes cheaper.
        key_log_file: where to write the secrets of all connections, for debugging. It is logged.
        choose_context: gets the name that the client asks for, or None; returns a `ServerTLS` or
            `ssl.SSLContext` to go on with, or None to stay. One that is more or less strict than
            this description, or has a `verify_callback` of its own, fails the handshake.
        verify_callback: gets the `ssl.SSLObject` after OpenSSL's verification; false refuses.
        configure_context: gets the `ssl.SSLContext` whenever the files have been read.
        configure_connection: gets the `ssl.SSLObject` before each handshake.
        close_timeout: seconds for the peer's closing alert; 3 by default, None for no limit.

    Raises:
        OSError, ssl.SSLError: a file cannot be used; its name is in the error.
        TLSError: `configure_context` has raised. TypeError, ValueError: wrong arguments.

    Thread: any. Calls back: `configure_context` and the password function, before it returns;
    `choose_context` in handshakes. Source: LW-165, LW-166, LW-168 to LW-171, LW-202.
    """

    side: Side = "server"

    def __init__(
        self,
        certificate_file: FileName,
        key_file: FileName | None = None,
        *,
        name: str | None = None,
        password: Password | None = None,
        client_certificates: str = "none",
        trusted_file: FileName | None = None,
        trusted_directory: FileName | None = None,
        minimum_version: str = "1.2",
        maximum_version: str | None = None,
        alpn: Sequence[str] = (),
        ticket_count: int = TICKET_COUNT,
        key_log_file: FileName | None = None,
        choose_context: "Callable[[str | None], ServerTLS | ssl.SSLContext | None] | None" = None,
        verify_callback: VerifyCallback | None = None,
        configure_context: ConfigureContext | None = None,
        configure_connection: ConfigureConnection | None = None,
        close_timeout: float | None = CLOSE_TIMEOUT,
    ) -> None:
        os.fspath(certificate_file)  # a TypeError for None: nobody could speak with such a server
        self._verify_mode = choice("client_certificates", client_certificates, CLIENT_CERTIFICATES)
        check_count("ticket_count", ticket_count)
        check_callables(choose_context=choose_context)
        self._ticket_count = ticket_count
        self._choose_context = choose_context
        super().__init__(
            Recipe(
                Identity(certificate_file, key_file, password),
                (trusted_file, trusted_directory),
                (minimum_version, maximum_version),
                alpn,
                key_log_file,
            ),
            name=name,
            verify_callback=verify_callback,
            configure_context=configure_context,
            configure_connection=configure_connection,
            close_timeout=close_timeout,
        )

    def _bare_context(self) -> DescribedContext:
        context = DescribedContext(ssl.PROTOCOL_TLS_SERVER)
        context.sessions = None
        context.verify_mode = self._verify_mode
        context.num_tickets = self._ticket_count
        if self._choose_context is not None:
            context.sni_callback = functools.partial(choose, self._chosen)
        return context

    def _chosen(self, server_name: str | None) -> ssl.SSLContext | None:
        assert self._choose_context is not None, "no callback was set without it"
        chosen: object = self._choose_context(server_name)
        if isinstance(chosen, ServerTLS):
            if chosen.verify_callback not in (None, self.verify_callback):
                raise ValueError(
                    f"the verify_callback of {chosen!r} would not be called: give it to {self!r}"
                )
            return chosen.context
        if chosen is None or isinstance(chosen, ssl.SSLContext):
            return chosen
        raise TypeError(f"choose_context returns a ServerTLS or ssl.SSLContext, not {chosen!r}")


class TLSPlan:
    """TLS as one verb was told to speak it: `engine` gives each of its connections its own.

    Made by `tls_plan`. `side` is "client" or "server", `server_hostname` the name or address that
    the server has to prove, or None, `close_timeout` a number of seconds or None. `context` is
    that of this verb alone, or None if the source's is used, whichever it has at that moment.

    Thread: any. Calls back: never. Source: LW-154 to LW-163, LW-167.
    """

    __slots__ = (
        "__weakref__",
        "_configure_connection",
        "_configure_context",
        "_source",
        "close_timeout",
        "context",
        "server_hostname",
        "side",
    )

    def __init__(
        self,
        source: Description | ssl.SSLContext,
        side: Side,
        configure_context: ConfigureContext | None,
        configure_connection: ConfigureConnection | None,
    ) -> None:
        self.side = side
        self.server_hostname: str | None = None
        self.close_timeout: float | None = CLOSE_TIMEOUT
        self._source = source
        self._configure_context = configure_context
        self._configure_connection = configure_connection
        self.context: ssl.SSLContext | None = None
        if isinstance(source, Description):
            self.close_timeout = source.close_timeout
            if configure_context is not None:
                self.context = self.new_context()
                source.keep_fresh(self)

    def new_context(self) -> ssl.SSLContext:
        """Make a context for this verb alone, and let its `configure_context` work on it."""
        assert isinstance(self._source, Description), "a caller's context is never changed"
        context = self._source.new_context()
        configure(context, self._configure_context)
        context.remember_roots()
        return context

    def current_context(self) -> ssl.SSLContext:
        """Return the context for a connection that begins now."""
        if self.context is not None:
            return self.context
        return self._source.context if isinstance(self._source, Description) else self._source

    def engine(self) -> TLSEngine:
        """Make the engine of one connection.

        Thread: any. Calls back: never; the engine does, in its handshake. Source: LW-158, LW-167.
        """
        source = self._source
        functions = [self._configure_connection]
        verify_callback = None
        if isinstance(source, Description):
            functions.insert(0, source.configure_connection)
            verify_callback = source.verify_callback
        context, name = self.current_context(), self.server_hostname
        sessions = context.sessions if isinstance(context, DescribedContext) else None
        session, keep = None, None
        if sessions is not None:
            proved = proof(context, name)
            session = sessions.take(proved)
            keep = functools.partial(sessions.keep, proved, session)
        return TLSEngine(
            context,
            server_side=self.side == "server",
            server_hostname=name,
            configure_connection=_in_turn([one for one in functions if one is not None]),
            verify_callback=verify_callback,
            session=session,
            keep_session=keep,
        )

    def __repr__(self) -> str:
        name = "" if self.server_hostname is None else f" to {self.server_hostname}"
        return f"<TLSPlan {self.side}{name} by {self._source!r}>"


class WrongSide(TypeError, ValueError):
    """A description for one side was given where the other one is needed.

    A wrong kind of object if the verb has only one side (LW-156), a contradiction between two
    arguments if the caller chose the side (LW-140): who catches either is right.
    """


def tls_plan(
    tls: object,
    *,
    side: str | None,
    host: Host | None = None,
    server_hostname: ServerHostname = None,
    configure_context: ConfigureContext | None = None,
    configure_connection: ConfigureConnection | None = None,
) -> TLSPlan | None:
    """Check a `tls=` argument with the options beside it, and say what it means.

    Args:
        tls: None or False for none; True for the safe client; a `ClientTLS` or `ServerTLS`; or an
            `ssl.SSLContext`, which is used as it is.
        side: "client" or "server", or None for that of `tls`.
        host: whom a client connects to, or None if there is no such thing.
        server_hostname: the name the server must prove, which is also sent as SNI; True for the
            host, False for none, None for that of the description or else the host.
        configure_context: gets a context made for this plan; a caller's own is refused.
        configure_connection: gets each `ssl.SSLObject` before its handshake.

    Returns:
        The plan, or None for no TLS.

    Raises:
        TypeError, ValueError: the arguments are wrong or contradict each other.
        TLSError: `configure_context` has raised; its `__cause__` is that exception.
        OSError, ssl.SSLError: with `configure_context`, the files cannot be read any more.

    Thread: any. Calls back: `configure_context`. Source: LW-140, LW-154 to LW-163.
    """
    check_callables(configure_context=configure_context, configure_connection=configure_connection)
    options = (server_hostname, configure_context, configure_connection)
    if side is not None and side not in SIDES:
        raise ValueError(f'the side of TLS is "client" or "server", not {side!r}')
    if tls is None or tls is False:
        if any(option is not None for option in options):
            raise ValueError("an option of TLS was given, but not tls=: say tls=True, or drop it")
        return None
    source, its_side = _source_and_side(tls, side)
    if isinstance(source, ssl.SSLContext) and configure_context is not None:
        raise ValueError(
            "an ssl.SSLContext is used as it is; configure it before, or give a description"
        )
    plan = TLSPlan(source, its_side, configure_context, configure_connection)
    if its_side == "client":
        plan.server_hostname = _expected_name(plan.current_context(), source, host, server_hostname)
    elif server_hostname not in (None, False):
        raise ValueError("server_hostname= is for the client's side of TLS")
    return plan


def _source_and_side(tls: object, side: str | None) -> tuple[Description | ssl.SSLContext, Side]:
    source: Description | ssl.SSLContext
    if tls is True:
        if side == "server":
            raise ValueError("tls=True is a client; a server needs a ServerTLS with a certificate")
        source, own = default_client(), "client"
    elif isinstance(tls, Description):
        source, own = tls, tls.side
        if side not in (None, own):
            raise WrongSide(f"{tls!r} is for the {own}'s side of TLS, not the {side}'s")
    elif isinstance(tls, ssl.SSLContext):
        source, own = tls, SIDE_OF_PROTOCOL.get(tls.protocol, side or "")
        if not own:
            raise ValueError('this ssl.SSLContext serves either side: say "client" or "server"')
        if side not in (None, own):
            raise ValueError(
                f"this ssl.SSLContext is for the {own}'s side of TLS, not the {side}'s"
            )
    else:
        raise TypeError(
            f"tls= takes True, a ClientTLS, a ServerTLS or an ssl.SSLContext, not {tls!r}"
        )
    return source, "server" if own == "server" else "client"


@functools.cache
def default_client() -> ClientTLS:
    """Return the client behind `tls=True`; made once, as loading the system's roots takes 20 ms."""
    return ClientTLS(name="default")


# Names.


def _expected_name(
    context: ssl.SSLContext,
    source: Description | ssl.SSLContext,
    host: Host | None,
    wanted: ServerHostname,
) -> str | None:
    if wanted is None and isinstance(source, Description):
        wanted = source.server_hostname
    if wanted is None or wanted is True:
        name = None if host is None else name_or_address(host)
    elif wanted is False:
        name = None
    elif isinstance(wanted, str):
        name = name_or_address(wanted)
    else:
        raise TypeError(f"server_hostname= takes a name, True, False or None, not {wanted!r}")
    if name is None and context.check_hostname:
        raise ValueError(
            "there is no name that the certificate could be checked against: give "
            "server_hostname=, or a ClientTLS with check_hostname=False"
        )
    return name


def name_or_address(host: Host) -> str:
    """Write a host as a certificate does: in A-labels without a final dot, or as an address.

    An address loses its brackets and its scope, which belong to the sender alone.

    Raises:
        ValueError: it cannot be a host. TypeError: it is no text, number or address.

    Thread: any. Calls back: never. Source: LW-022, LW-160, LW-161; RFC 6066, section 3.
    """
    if isinstance(host, bool) or not isinstance(
        host, (str, int, ipaddress.IPv4Address, ipaddress.IPv6Address)
    ):
        raise TypeError(f"a host is text, a number or an address, not {host!r}")
    if isinstance(host, int):
        return str(ipaddress.IPv4Address(host))
    bare = str(host).removesuffix(".")
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    try:
        return str(ipaddress.ip_address(bare)).partition("%")[0]
    except ValueError:
        pass  # it is a name
    try:
        name = str(host).encode("idna").decode("ascii").removesuffix(".")
    except UnicodeError as error:
        raise ValueError(f"{host!r} cannot be the name of a host: {error}") from error
    if not name or "\0" in name:
        raise ValueError(f"{host!r} cannot be the name of a host")
    if len(name) > HOST_NAME_LIMIT:
        raise ValueError(f"the name of a host has {HOST_NAME_LIMIT} bytes at most, not {len(name)}")
    return name


def _in_turn(functions: Sequence[ConfigureConnection]) -> ConfigureConnection | None:
    if len(functions) < 2:
        return functions[0] if functions else None

    def all_of_them(tls_object: ssl.SSLObject) -> None:
        for function in functions:
            function(tls_object)

    return all_of_them


# Arguments.


def _check_bools(**values: object) -> None:
    for argument, value in values.items():
        if not isinstance(value, bool):
            raise TypeError(f"{argument} is True or False, not {value!r}")
