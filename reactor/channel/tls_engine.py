"""TLSEngine: one TLS conversation without a socket, and the border behind which `ssl` stays.

Ciphertext is fed in and taken out, plaintext is read and written; who carries the ciphertext is
not known here. That is `reactor.channel.tls`, and the next thing to read. Every `ssl` error turns
into one of our tree by the table `MEANINGS`; above this file nobody meets another.

Two habits of OpenSSL shape the code.

- `SSLObject.unwrap` shuts down twice in one call: the first time it sends our closing alert, the
  second time it reads. If it finds application data there, in the BIO or inside the object, the
  connection is broken and the data lost. So we first drain everything into a store of our own,
  call `unwrap` once, and read on as always; the peer's alert is then an end like any other.
- An `SSLObject.read` for which there is nothing costs an exception. The input is empty when
  nothing is pending in the BIO *and* inside the object, and then it is not asked.

The descriptor's end of stream never reaches OpenSSL, which would break the way out too. That it
came, and before the peer's closing alert, are two facts, and `TLSTruncated` is made of them.
"""

import contextlib
import enum
import ssl
from collections.abc import Callable
from typing import Final, TypeAlias

from reactor.channel.base import BytesLike
from reactor.errors import (
    BrokenPipe,
    InternalError,
    LimitExceeded,
    OperationNotAllowed,
    TLSClosed,
    TLSError,
    TLSTruncated,
    TLSVerificationFailed,
)

CHUNK_SIZE: Final = 262_144  # bytes of plaintext encrypted in one go; smaller ones cost a quarter
RECORD_SIZE: Final = 16_384  # bytes in a record, and so in one SSL_read (RFC 8446, section 5.1)
UNREAD_LIMIT: Final = 16 << 20  # bytes of plaintext kept for the reader while an end is awaited

ConfigureConnection: TypeAlias = Callable[[ssl.SSLObject], object]
VerifyCallback: TypeAlias = Callable[[ssl.SSLObject], object]


class Stage(enum.IntEnum):
    """How far the conversation is."""

    NEW, HANDSHAKING, OPEN, CLOSED, BROKEN = range(5)


OPEN: Final = Stage.OPEN  # a member costs a look into its class, and every record asks for it

MOVES: Final = {
    Stage.NEW: {Stage.HANDSHAKING, Stage.BROKEN},  # BROKEN: configure_connection has raised
    Stage.HANDSHAKING: {Stage.OPEN, Stage.BROKEN},
    Stage.OPEN: {Stage.CLOSED, Stage.BROKEN},  # CLOSED: both closing alerts have been exchanged
    Stage.CLOSED: set[Stage](),  # what was decrypted can still be read, what is left over taken
    Stage.BROKEN: set[Stage](),  # the alert that explains it can still be taken
}

# What OpenSSL raises -> what it means here; the first line that fits.
MEANINGS: Final[tuple[tuple[type[ssl.SSLError], type[TLSError]], ...]] = (
    (ssl.SSLCertVerificationError, TLSVerificationFailed),
    (ssl.SSLZeroReturnError, TLSClosed),
    (ssl.SSLEOFError, TLSTruncated),
    (ssl.SSLError, TLSError),
)

# Alerts by which a server refuses a client's certificate. Under TLS 1.3 they come when the client
# has long finished its own handshake, and are met by its first read (RFC 8446, 6.2).
CERTIFICATE_ALERTS: Final = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_DECRYPT_ERROR",
        "TLSV1_ALERT_UNKNOWN_CA",
    }
)


class TLSEngine:
    """Ciphertext in and out on one side, plaintext on the other; it never waits.

    `we_ended` and `they_ended` tell whose closing alert is out; the conversation is CLOSED when
    both are. A failure is told by every verb from then on, and what OpenSSL wanted to say about
    it, the fatal alert, can still be taken.

    Args:
        context: used as it is.
        server_side: which side of the handshake is ours.
        server_hostname: sent as SNI unless it is an address, and checked as `context` says.
        configure_connection: called with the `ssl.SSLObject` before the handshake; may be None.
        verify_callback: called with the `ssl.SSLObject` after OpenSSL's own verification and
            before anybody is told of success; a false result refuses the peer. May be None.
        session: of an earlier conversation under the same context, to be resumed; may be None.
        keep_session: for who ends the conversation, to be called with the `ssl.SSLObject`; may be
            None.

    Raises:
        ValueError: `context` checks host names, and there is none.

    Thread: one at a time. Calls back: the two functions above, inside `handshake`.
    Source: LW-145, LW-152, LW-158, LW-170, LW-192.
    """

    __slots__ = (
        "_failure",
        "_incoming",
        "_store",
        "_untold",
        "eof",
        "functions",
        "outgoing",
        "quiet",
        "stage",
        "they_ended",
        "tls_object",
        "we_ended",
    )

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        configure_connection: ConfigureConnection | None = None,
        verify_callback: VerifyCallback | None = None,
        session: ssl.SSLSession | None = None,
        keep_session: Callable[[ssl.SSLObject], bool] | None = None,
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls_object = context.wrap_bio(
            self._incoming,
            self.outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
            session=session,
        )
        self.functions = configure_connection, verify_callback, keep_session  # the user's, and ours
        self.stage = Stage.NEW
        self.we_ended = False
        self.they_ended = False
        self.eof = False  # no ciphertext will come any more
        self._failure: TLSError | None = None
        self.quiet = False  # OPEN, and all input was read: nothing to tell until more is fed
        self._untold = False  # the end or a failure is known, and no read has told it yet
        self._store = bytearray()  # plaintext that had to be decrypted before it was asked for

    # Ciphertext.

    def feed(self, data: BytesLike) -> None:
        """Take ciphertext from the peer, also before the first step of the handshake."""
        if self.stage is not Stage.BROKEN:  # nobody would ever look at it
            self._incoming.write(data)
            self.quiet = False

    def feed_eof(self) -> None:
        """Learn that no more ciphertext will come."""
        if not self.eof:
            self.eof = True
            self._untold = not self.they_ended
            self.quiet = False

    def take(self) -> bytes:
        """Return the ciphertext that has to go to the peer, all of it; empty if there is none."""
        return self.outgoing.read()

    def leftover(self) -> bytes:
        """Return what came behind the peer's closing alert, once; it is no part of TLS."""
        return self._incoming.read() if self.they_ended else b""

    @property
    def output_size(self) -> int:
        """How many bytes `take` would return."""
        return self.outgoing.pending

    @property
    def holds_input(self) -> bool:
        """Whether a read may have something to tell although nothing more arrives."""
        if self.quiet:
            return False
        if self._store or self._untold:
            return True
        if self.they_ended or self.stage in (Stage.CLOSED, Stage.BROKEN):
            return False  # what is pending there will not be read as TLS
        return bool(self._incoming.pending or self.tls_object.pending())

    @property
    def hungry(self) -> bool:
        """Whether the handshake has begun and has used up all that it was fed.

        To ask it again would cost an exception that says so.
        """
        return self.stage is Stage.HANDSHAKING and not (self._incoming.pending or self.eof)

    # The handshake.

    def handshake(self) -> bool:
        """Go as far as the input allows; true when the handshake is over and the peer verified.

        Raises:
            TLSVerificationFailed, TLSClosed, TLSTruncated, TLSError: with phase "handshake".

        Thread: the owner's. Calls back: `configure_connection`, `verify_callback`.
        Source: LW-042, LW-158, LW-170, LW-192.
        """
        if self.stage is Stage.NEW:
            self._prepare()
        elif self.stage is not Stage.HANDSHAKING:
            self._raise_failure()
            return True
        try:
            self.tls_object.do_handshake()
        except ssl.SSLWantReadError:
            if self.eof:
                raise self._broken(self._cut_off()) from None
            return False
        except ssl.SSLError as error:
            refused = getattr(self.tls_object, "refused", None)  # what choose_context has raised
            if refused is None:
                raise self._broken(meaning(error, "handshake")) from error
            text = f"choose_context raised {type(refused).__name__}: {refused}"
            raise self._broken(meaning(error, "handshake", text)) from refused
        refusal = _refusal(self.functions[1], self.tls_object)
        if refusal is not None:
            # Python cannot send an alert of its own. Without our last flight the peer does at
            # least not take the handshake for a success.
            self.outgoing.read()
            raise self._broken(refusal)
        self._enter(Stage.OPEN)
        return True

    def _cut_off(self) -> TLSError:
        # OpenSSL has an alert for this too, and a peer that ended only its way out will read it.
        self._incoming.write_eof()
        with contextlib.suppress(ssl.SSLError):
            self.tls_object.do_handshake()
        return _truncated("handshake")

    def _prepare(self) -> None:
        configure = self.functions[0]
        if configure is not None:
            try:
                configure(self.tls_object)
            except Exception as error:
                text = f"configure_connection raised {type(error).__name__}: {error}"
                raise self._broken(TLSError(text, phase="handshake")) from error
        self._enter(Stage.HANDSHAKING)

    # Plaintext.

    def decrypt(self, ciphertext: bytes, size: int) -> bytes | None:
        """Do as `feed` and then `read` do: the short way of the one record that came alone.

        Thread: the owner's. Calls back: never. Source: LW-150.
        """
        if self.quiet and size >= RECORD_SIZE:
            self._incoming.write(ciphertext)
            data = self._pull(size)
            if data and not self._incoming.pending and len(data) < RECORD_SIZE:
                return data  # and it is quiet in here as before
            self.quiet = False
            return self._collected(data, size) if data else self._told()
        self.feed(ciphertext)
        return self.read(size)

    def read(self, size: int) -> bytes | None:
        """Return at most `size` bytes of plaintext; None is "not now", empty the peer's end.

        Several records are put together; a single one is returned without a copy. What came
        before an end or a failure is returned first.

        Args:
            size: bytes, at least 1.

        Raises:
            TLSTruncated: the ciphertext ended without the peer's closing alert.
            TLSError: the conversation is broken. OperationNotAllowed: no handshake yet.

        Thread: the owner's. Calls back: never. Source: LW-150, LW-151, LW-170.
        """
        if self.quiet:
            return None
        if self._store:
            data = bytes(self._store[:size])
            del self._store[:size]
            return data
        if self.stage is OPEN and (self._incoming.pending or self.tls_object.pending()):
            data = self._pull(size)
            if data:
                if self._incoming.pending or len(data) == RECORD_SIZE or len(data) == size:
                    return self._collected(data, size)
                self.quiet = not self.eof  # a record that gave less than it could is used up
                return data
        return self._told()

    def write(self, view: BytesLike) -> int | None:
        """Encrypt from the front of `view`, at most `CHUNK_SIZE` bytes; return how many.

        None means that the peer's answer is needed first: a renegotiation, which only a context
        of the caller's own can allow.

        Raises:
            BrokenPipe: we have ended. TLSError: broken. OperationNotAllowed: no handshake yet.

        Thread: the owner's. Calls back: never. Source: LW-149.
        """
        if self.stage is not OPEN or self.we_ended:
            self._raise_unless_open()
            raise BrokenPipe("TLS was ended on this side, nothing more can be sent", phase="write")
        if len(view) > CHUNK_SIZE:
            view = memoryview(view)[:CHUNK_SIZE]
        try:
            return self.tls_object.write(view)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as error:
            raise self._broken(meaning(error, "write")) from error

    def _collected(self, first: bytes, size: int) -> bytes:
        parts, missing = [first], size - len(first)
        while missing and (self._incoming.pending or self.tls_object.pending()):
            data = self._pull(missing)
            if not data:
                break
            parts.append(data)
            missing -= len(data)
        self.quiet = not (self.holds_input or self.eof)
        return first if len(parts) == 1 else b"".join(parts)

    def _pull(self, size: int) -> bytes:
        # One SSL_read. Empty: nothing complete is there, or an end or a failure is now known.
        # b"" is the peer's alert, and so is SSLZeroReturnError once ours has been sent.
        try:
            data = self.tls_object.read(size if size < RECORD_SIZE else RECORD_SIZE)
            if data or not size:
                return data
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLZeroReturnError:
            pass
        except ssl.SSLError as error:
            self._broken(meaning(error, _phase_of(error, self.tls_object)))
            self._untold = True
            return b""
        if not self.they_ended:
            self.they_ended = self._untold = True
            if self.we_ended:
                self._enter(Stage.CLOSED)
        return b""

    def _told(self) -> bytes | None:
        # What a read says that has no bytes to give.
        self._untold = False
        self._raise_unless_open()
        if self.they_ended:
            return b""
        if self.eof:
            raise _truncated("read")
        # A read of no bytes comes here too, and leaves what there is.
        self.quiet = not (self._incoming.pending or self.tls_object.pending())
        return None

    # The end.

    def write_eof(self) -> None:
        """End our direction: the closing alert is ready to be taken. Reading goes on.

        Raises:
            TLSError: the conversation is broken. OperationNotAllowed: no handshake yet.
            LimitExceeded: more than `UNREAD_LIMIT` is unread.

        Thread: the owner's. Calls back: never. Source: LW-144, PR-08; RFC 8446, section 6.1.
        """
        if self.we_ended:
            return
        self._raise_unless_open()
        self._drain()
        try:
            self.tls_object.unwrap()
        except ssl.SSLWantReadError:
            pass  # ours has been sent, the peer's is not there yet
        except ssl.SSLError as error:
            raise self._broken(meaning(error, "close")) from error
        self.we_ended = True
        if self.they_ended:
            self._enter(Stage.CLOSED)

    def unwrap(self, *, discard: bool = False) -> bool:
        """End our direction, and read on until the peer has ended its own; true when it has.

        Args:
            discard: throw away the plaintext met on the way; otherwise it waits for `read`.

        Raises:
            TLSTruncated: the ciphertext ended first. LimitExceeded: more than `UNREAD_LIMIT` is
            unread. TLSError: the conversation is broken. OperationNotAllowed: no handshake yet.

        Thread: the owner's. Calls back: never. Source: LW-144, LW-151; RFC 8446, section 6.1.
        """
        self.write_eof()
        if self.stage is Stage.OPEN:
            self._drain()
        if discard:
            self._store.clear()
        if self.eof and not self.they_ended:
            raise _truncated("close")
        return self.they_ended

    def _drain(self) -> None:
        while self._incoming.pending or self.tls_object.pending():
            if len(self._store) >= UNREAD_LIMIT:
                text = f"more than {UNREAD_LIMIT} bytes came before the peer's closing alert"
                raise LimitExceeded(text, identifier="input-limit", phase="close")
            data = self._pull(RECORD_SIZE)
            if not data:
                break
            self._store += data
        self._raise_failure()

    # What goes wrong.

    def _enter(self, stage: Stage) -> None:
        if stage not in MOVES[self.stage]:
            raise InternalError(f"{self!r} cannot go from {self.stage.name} to {stage.name}")
        self.stage = stage

    def _broken(self, failure: TLSError) -> TLSError:
        self._enter(Stage.BROKEN)
        self._failure = failure
        self.quiet = False
        return failure

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # it is told often; traces would pile up

    def _raise_unless_open(self) -> None:
        self._raise_failure()
        if self.stage < Stage.OPEN:
            raise OperationNotAllowed("TLS has not shaken hands yet; do that first")

    def __repr__(self) -> str:
        side = "server" if self.tls_object.server_side else "client"
        ended = [name for name in ("we_ended", "they_ended") if getattr(self, name)]
        return f"<TLSEngine {' '.join([side, self.stage.name, *ended])}>"


def meaning(error: ssl.SSLError, phase: str, text: str | None = None) -> TLSError:
    """Give an error of OpenSSL its meaning; its reason and the result of a verification stay.

    Args:
        error: what `ssl` raised. Its text is for people and is not looked at.
        phase: what we were doing.
        text: what has happened, if we know better than OpenSSL.

    Thread: any. Calls back: never. Source: LW-190, LW-192.
    """
    kind = next(ours for theirs, ours in MEANINGS if isinstance(error, theirs))
    reason = getattr(error, "reason", None)
    if text is None:
        text = "TLS failed" if reason is None else reason.lower().replace("_", " ")
    if isinstance(error, ssl.SSLZeroReturnError):
        text = "the peer has ended TLS"
    elif isinstance(error, ssl.SSLCertVerificationError):
        text = f"the peer's certificate is refused: {error.verify_message}"
    made = kind(text, phase=phase)
    for name in ("reason", "library", "verify_code", "verify_message"):
        if hasattr(error, name):
            setattr(made, name, getattr(error, name))
    made.__cause__ = error
    return made


def _refusal(verify: VerifyCallback | None, tls: ssl.SSLObject) -> TLSVerificationFailed | None:
    """Ask `verify_callback`, if there is one; return why the peer is refused, None if it is not."""
    cause: Exception | None = None
    text = "verify_callback has refused the peer"
    try:
        if verify is None or verify(tls):
            return None
    except Exception as error:  # noqa: BLE001 - it goes on as the cause of ours
        cause, text = error, f"verify_callback raised {type(error).__name__}: {error}"
    refusal = TLSVerificationFailed(text, phase="handshake")
    refusal.__cause__ = cause
    return refusal


def _truncated(phase: str) -> TLSTruncated:
    return TLSTruncated("the connection ended without the closing alert of TLS", phase=phase)


def _phase_of(error: ssl.SSLError, tls: ssl.SSLObject) -> str:
    """Tell to what an error belongs that was met while reading."""
    refused = not tls.server_side and error.reason in CERTIFICATE_ALERTS
    return "handshake" if refused else "read"
