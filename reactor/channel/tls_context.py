"""Contexts: how files, versions and names of protocols become an `ssl.SSLContext`.

`tls_settings` says which ones; here they are read and put together, so that an error about a file
names the file, a key's password is asked for once, and never at the terminal, and a context chosen
in the middle of a handshake cannot be more or less strict than the one it replaces.
"""

import contextlib
import os
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from reactor.arguments import check_callables
from reactor.channel.tls_sessions import Sessions
from reactor.errors import TLSError

VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
ALPN_SIZE_LIMIT: Final = 255  # bytes in a name (RFC 7301, section 3.1)

FileName: TypeAlias = str | os.PathLike[str]
Password: TypeAlias = str | bytes | Callable[[], str | bytes]
ConfigureContext: TypeAlias = Callable[[ssl.SSLContext], object]


class ChoosingObject(ssl.SSLObject):
    """An `ssl.SSLObject` that keeps what went wrong in `choose_context`: OpenSSL cannot."""

    __slots__ = ("refused",)

    refused: Exception


class DescribedContext(ssl.SSLContext):
    """A context of ours. It remembers its roots, of which OpenSSL does not tell the directory.

    A client's has `sessions` that its connections have left for others; a server's has None.
    """

    __slots__ = ("roots", "sessions", "trusted_directory")

    sslobject_class = ChoosingObject
    roots: frozenset[bytes]
    sessions: Sessions | None
    trusted_directory: str

    def remember_roots(self) -> None:
        """Remember the roots as described: those of a directory are among them once used."""
        self.roots = frozenset(self.get_ca_certs(binary_form=True))


class Identity:
    """A certificate with its key, and the password as it was told last."""

    __slots__ = ("_answer", "_certificate_file", "_key_file", "_password")

    def __init__(
        self,
        certificate_file: FileName | None,
        key_file: FileName | None,
        password: Password | None,
    ) -> None:
        if password is not None and not isinstance(password, (str, bytes)):
            check_callables(password=password)
        if certificate_file is None and key_file is not None:
            raise ValueError("a key_file needs its certificate_file")
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._password = password
        self._answer: str | bytes | None = None

    def load(self, context: ssl.SSLContext, *, ask: bool) -> None:
        """Put the certificate and its key into `context`; none if there is none.

        Args:
            context: to be filled.
            ask: whether a password function is called again; else its last answer is used.

        Thread: any. Calls back: the password function. Source: LW-164, LW-166.
        """
        if self._certificate_file is None:
            return
        answer = None if ask else self._answer

        def tell() -> str | bytes:
            # OpenSSL asks only if the key is encrypted; without this it would ask at the terminal.
            nonlocal answer
            if answer is None:
                answer = self._ask(ask=ask)
            return answer

        files = [file for file in (self._certificate_file, self._key_file) if file is not None]
        try:
            with _named(*files):
                context.load_cert_chain(self._certificate_file, self._key_file, tell)
        except ssl.SSLError as error:
            if answer is not None:
                error.strerror = f"{error.strerror}: is the password right?"
            raise
        self._answer = answer  # not before: of files that cannot be used the password is no use

    def _ask(self, *, ask: bool) -> str | bytes:
        if self._password is None:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "the key is encrypted: give its password")
        if not callable(self._password):
            return self._password
        if not ask:
            text = "the key was not encrypted when it was read: reload() asks for its password"
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, text)
        return self._password()


class Recipe:
    """What both sides put into a context: identity, roots, versions, protocols, key log."""

    __slots__ = ("_alpn", "_identity", "_roots", "_versions", "key_log_file")

    def __init__(
        self,
        identity: Identity,
        roots: tuple[FileName | None, FileName | None],
        versions: tuple[str, str | None],
        alpn: Sequence[str],
        key_log_file: FileName | None,
    ) -> None:
        self._identity = identity
        self._roots = roots
        self._versions = _version_range(*versions)
        self._alpn = _alpn_names(alpn)
        self.key_log_file = key_log_file

    def fill(self, context: DescribedContext, *, ask: bool) -> None:
        """Read the files, and put everything into `context`.

        Raises:
            OSError, ssl.SSLError: a file cannot be used; its name is in the error.

        Thread: any. Calls back: a password function, if `ask` is true. Source: LW-166, LW-168.
        """
        context.minimum_version, context.maximum_version = self._versions
        context.options |= ssl.OP_NO_RENEGOTIATION  # TLS 1.2 has it, and nobody needs it
        self._identity.load(context, ask=ask)
        self._trust(context)
        if self._alpn:
            context.set_alpn_protocols(self._alpn)
        if self.key_log_file is not None:
            context.keylog_filename = os.fspath(self.key_log_file)

    def _trust(self, context: DescribedContext) -> None:
        file, directory = self._roots
        if directory is not None:
            next(Path(directory).iterdir(), None)  # OpenSSL would not tell that it is none
            context.trusted_directory = os.fspath(directory)
        if file is not None:
            with _named(file):
                context.load_verify_locations(file, directory)
        elif directory is not None:
            context.load_verify_locations(None, directory)
        elif context.verify_mode is not ssl.CERT_NONE:
            server = context.protocol is ssl.PROTOCOL_TLS_SERVER
            purpose = ssl.Purpose.CLIENT_AUTH if server else ssl.Purpose.SERVER_AUTH
            context.load_default_certs(purpose)


@contextlib.contextmanager
def _named(*files: FileName) -> Iterator[None]:
    """Put the names of the files into the errors about them; `ssl` leaves them out."""
    for file in files:
        Path(file).open("rb").close()
    names = ", ".join(os.fspath(file) for file in files)
    try:
        yield
    except ssl.SSLError as error:
        error.filename = names
        error.strerror = f"{names}: {error.strerror}"
        raise


def configure(context: ssl.SSLContext, function: ConfigureContext | None) -> None:
    """Let a `configure_context` work on `context`; what it raises is the cause of a `TLSError`.

    Thread: any. Calls back: `function`. Source: LW-157, LW-158.
    """
    if function is None:
        return
    try:
        function(context)
    except Exception as error:
        text = f"configure_context raised {type(error).__name__}: {error}"
        raise TLSError(text, phase="handshake") from error


def choose(
    choose_context: Callable[[str | None], ssl.SSLContext | None],
    tls_object: ChoosingObject,
    server_name: str | None,
    listening: ssl.SSLContext,
) -> int | None:
    """Go on with the context that is chosen for a name; the body of an SNI callback.

    Only certificate and protocols of a chosen context count in OpenSSL. So one that seems to ask
    more or less of the client is refused, and no connection is weaker than it looks.

    Args:
        choose_context: gets the name that the client asks for, or None.
        tls_object: the connection; it keeps what went wrong, as OpenSSL cannot.
        server_name: that name.
        listening: the context that the connection began with.

    Thread: the connection's. Calls back: `choose_context`. Source: LW-171.
    """
    try:
        chosen = choose_context(server_name)
        if chosen is None:
            return None
        if _strictness(chosen) != _strictness(listening):
            raise ValueError(
                f"what choose_context gave for {server_name!r} differs from the listener's "
                "description in client certificates, roots or versions: choose certificate and "
                "ALPN only"
            )
        tls_object.context = chosen
    except Exception as error:  # noqa: BLE001 - the engine makes it the cause of its own
        tls_object.refused = error
        return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
    return None


def _strictness(context: ssl.SSLContext) -> tuple[object, ...]:
    verifies = context.verify_mode is not ssl.CERT_NONE
    if isinstance(context, DescribedContext):
        roots = context.roots
    else:
        roots = frozenset(context.get_ca_certs(binary_form=True))
    return (
        context.verify_mode,
        context.verify_flags if verifies else None,
        context.minimum_version,
        context.maximum_version,
        roots,
        getattr(context, "trusted_directory", None),
    )


def _version_range(minimum: str, maximum: str | None) -> tuple[ssl.TLSVersion, ssl.TLSVersion]:
    lowest = choice("minimum_version", minimum, VERSIONS)
    if maximum is None:
        return lowest, ssl.TLSVersion.MAXIMUM_SUPPORTED
    highest = choice("maximum_version", maximum, VERSIONS)
    if highest < lowest:
        raise ValueError(f"maximum_version {maximum} is below minimum_version {minimum}")
    return lowest, highest


def _alpn_names(names: Sequence[str]) -> list[str]:
    if isinstance(names, (str, bytes)):
        raise TypeError(f"alpn takes a sequence of names, not {names!r}")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a name in alpn is text, not {name!r}")
        if not (name.isascii() and 0 < len(name) <= ALPN_SIZE_LIMIT):
            raise ValueError(f"a name in alpn is 1 to 255 ASCII characters, not {name!r}")
    return list(names)


def choice(argument: str, value: str, choices: dict[str, Any]) -> Any:
    """Return what `value` stands for, or raise a ValueError that lists what there is."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise ValueError(f"{argument} is one of {sorted(choices)}, not {value!r}") from None
