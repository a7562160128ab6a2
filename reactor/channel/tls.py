"""TLSChannel: TLS over any other channel, be it a socket, memory, or TLS once more.

It carries ciphertext between an inner channel and a `TLSEngine`, and decides only when: plaintext
that is there already is given before the inner channel is asked; small writes stay together until
`flush`; and nothing is encrypted while the inner channel refuses what was encrypted before. So at
most one chunk (`CHUNK_SIZE` of plaintext) is held, however slowly the peer reads.

Either direction may need the other one. A read may have to answer the peer, a key update for
instance: then `read_want` asks for room to write too. A lost way out is no reason to stop
reading: the peer's last words, an alert that explains everything, may be waiting there.
"""

import contextlib
import ssl
from typing import Final, Literal, NoReturn

from reactor.channel.base import BytesLike, Channel
from reactor.channel.tls_engine import CHUNK_SIZE, UNREAD_LIMIT, Stage, TLSEngine
from reactor.errors import (
    Address,
    OperationNotAllowed,
    SocketError,
    StateClosed,
    TLSTruncated,
)

READ_SIZE: Final = 262_144  # bytes of ciphertext asked for at once; 16 KiB would cost a quarter

# Bytes. A peer that asks for answers and does not read them is not read any more beyond this:
# answers to key updates would pile up without end. It is far above what honest peers ask for.
ANSWER_LIMIT: Final = 65_536

# Bytes of plaintext after which a write pushes what it has encrypted: small writes in a row leave
# together, but not so many of them that nobody would notice a peer that does not read.
PUSH_SIZE: Final = 65_536

CLOSE_TIMEOUT: Final = 3.0  # seconds that the peer's closing alert is worth; a guess


class TLSChannel(Channel):
    """A channel whose bytes are protected by TLS on an inner channel.

    Nothing can be read or written before `handshake` has returned true. `close` says nothing to
    the peer: who wants to end properly calls `write_eof` or `unwrap` first. The end of the inner
    channel without the peer's closing alert is `TLSTruncated`, as an attacker can cause it.

    `allow_truncation` makes such an end an ordinary one. `close_timeout` is for those who wait:
    how many seconds the peer's closing alert is worth.

    Args:
        inner: the channel below; it belongs to this one until `detach`.
        engine: new, and possibly fed with bytes that were read before.
        close_timeout: seconds, or None for no limit.

    Thread: one at a time. Calls back: as the engine does, inside `handshake`.
    Source: LW-145 to LW-153.
    """

    __slots__ = (
        "_held",
        "_output",
        "_plain_size",
        "_write_failure",
        "allow_truncation",
        "close_timeout",
        "engine",
        "inner",
    )

    def __init__(
        self, inner: Channel, engine: TLSEngine, *, close_timeout: float | None = CLOSE_TIMEOUT
    ) -> None:
        self.inner = inner
        self.engine = engine
        self.close_timeout = close_timeout
        self.allow_truncation = False
        self._held = False  # something is not in the inner channel, or can never go there
        self._output: bytes | memoryview = b""  # ciphertext that the inner channel has refused
        self._plain_size = 0  # bytes of plaintext encrypted since all of it had left
        self._write_failure: SocketError | None = None

    @property
    def tls_side(self) -> Literal["client", "server"]:
        """Which side of the handshake is ours."""
        return "server" if self.engine.tls_object.server_side else "client"

    @property
    def tls_object(self) -> ssl.SSLObject:
        """The standard library's object, for its version, cipher, certificate and ALPN choice."""
        return self.engine.tls_object

    @property
    def address(self) -> Address:
        """The address of this end of the inner channel."""
        return self.inner.address

    @property
    def peer_address(self) -> Address:
        """The address of the other end of the inner channel."""
        return self.inner.peer_address

    # What can be waited for.

    @property
    def holds_input(self) -> bool:  # type: ignore[override]  # nobody sets it
        """Whether a read may succeed although the descriptor is quiet."""
        return self.engine.holds_input or self.inner.holds_input

    @property
    def holds_output(self) -> bool:  # type: ignore[override]  # nobody sets it
        """Whether ciphertext is not in the kernel yet, and may still get there."""
        return (self._held and self._write_failure is None) or self.inner.holds_output

    @property
    def output_size(self) -> int:  # type: ignore[override]  # nobody sets it
        """How many bytes of ciphertext are not in the kernel yet."""
        return len(self._output) + self.engine.output_size + self.inner.output_size

    @property
    def read_want(self) -> int:  # type: ignore[override]  # nobody sets it
        """What a refused read waits for: input, and a way out for what is held."""
        inner = self.inner
        if not self.holds_output:
            return inner.read_want
        if self.engine.output_size > ANSWER_LIMIT:
            return inner.write_want  # more input would not be looked at
        return inner.read_want | inner.write_want

    @property
    def write_want(self) -> int:  # type: ignore[override]  # nobody sets it
        """What a refused write waits for: a way out, or the input that it needs first."""
        inner = self.inner
        return inner.write_want if self.holds_output else inner.write_want | inner.read_want

    @property
    def exchange_want(self) -> int:
        """What a refused `handshake` or `unwrap` waits for: once agreed, only for the way out."""
        if self.engine.stage in (Stage.NEW, Stage.HANDSHAKING):
            return self.read_want
        agreed = self.engine.stage is not Stage.OPEN or not self.engine.we_ended
        return self.inner.write_want if agreed and self.holds_output else self.read_want

    def fileno(self) -> int:
        """Return the inner channel's descriptor, or -1 once closed."""
        return self.inner.fileno()

    # The handshake.

    def handshake(self) -> bool:
        """Go on with the handshake; true when it is over, the peer verified, and all of it sent.

        What arrives is looked at before a lost way out is complained of: it may be the alert that
        says why. After a failure the alert of ours was tried to send once; `holds_output` tells
        whether `flush` should be tried again before closing.

        Raises:
            TLSVerificationFailed, TLSClosed, TLSTruncated, TLSError: by the engine.
            SocketError: the inner channel's; all with phase "handshake".

        Thread: the owner's. Calls back: `configure_connection`, `verify_callback`.
        Source: LW-042, LW-146, LW-152.
        """
        engine = self.engine
        try:
            done = not engine.hungry and engine.handshake()
            self._send_on()
            if not done:
                if self._fetch():
                    done = engine.handshake()
                    self._send_on()
                elif self._write_failure is not None:
                    raise self._write_failure
            return done and self.flush()
        except SocketError as error:
            error.phase = "handshake"
            self._fail(error)

    # Plaintext.

    def read(self, size: int) -> bytes | None:
        """Return at most `size` bytes of plaintext; None is "not now", empty the peer's end.

        What is held goes out first. What the peer sends behind its closing alert is not read.

        Raises:
            TLSTruncated: the inner channel ended without the peer's closing alert.
            TLSError: the conversation is broken; our alert was tried to send once.
            OperationNotAllowed: no handshake yet. SocketError: the inner channel's.

        Thread: the owner's. Calls back: never. Source: LW-147 to LW-151.
        """
        if self._held:
            self._relieve()
        engine, inner = self.engine, self.inner
        try:
            data = None if engine.quiet else engine.read(size)
            while data is None and not (self._held and engine.output_size > ANSWER_LIMIT):
                ciphertext = inner.read(READ_SIZE)
                if ciphertext:
                    data = engine.decrypt(ciphertext, size)
                elif ciphertext is not None:
                    engine.feed_eof()
                    data = engine.read(size)
                if data is not None or not inner.holds_input:
                    break  # the rest of it is still to come, and the descriptor will tell
        except TLSTruncated as error:
            if self.allow_truncation:
                return b""
            self._fail(error)
        except SocketError as error:
            self._fail(error)
        if engine.outgoing.pending:
            self._send_on()
        return data

    def readinto(self, view: memoryview) -> int | None:
        """Fill the front of `view`; as `read`, and 0 is the peer's end."""
        octets = view.cast("B")
        data = self.read(len(octets))
        if data is None:
            return None
        octets[: len(data)] = data
        return len(data)

    def write(self, view: BytesLike) -> int | None:
        """Encrypt from the front of `view` and return how many bytes; None is "not now".

        They leave with the next `flush`, or when there are many.

        Raises:
            BrokenPipe: our direction has ended. TLSError: the conversation is broken.
            OperationNotAllowed: no handshake yet. SocketError: the inner channel's, every time.

        Thread: the owner's. Calls back: never. Source: LW-147, LW-149.
        """
        try:
            if self._output and not self._push():
                return None
            room = CHUNK_SIZE - self._plain_size
            if len(view) > room:
                view = memoryview(view)[:room]
            count = self.engine.write(view)
            if count is None and self._fetch():  # a renegotiation that the peer has begun
                count = self.engine.write(view)
            self._held = True
            if count is None:
                self._push()
                return None
            self._plain_size += count
            if self._plain_size >= PUSH_SIZE:
                self._push()
        except SocketError as error:
            self._fail(error)
        return count

    def flush(self) -> bool:
        """Return whether everything that was taken is in the kernel, after trying it once more.

        Raises:
            SocketError: the inner channel has lost its way out.

        Thread: the owner's. Calls back: never. Source: LW-095.
        """
        if self._held:
            try:
                if not self._push():
                    return False
            except SocketError as error:
                self._fail(error)
        return not self.inner.holds_output or self.inner.flush()

    def rest(self) -> bool:
        """Push what is held; true if then nothing is left that the descriptor would not show.

        Raises:
            SocketError: the inner channel has lost its way out.

        Thread: the owner's. Calls back: never. Source: LW-148.
        """
        try:
            if self._held and not self._push():
                return False
            return self.engine.quiet and self.inner.rest()
        except SocketError as error:
            self._fail(error)

    # The end.

    def write_eof(self) -> bool:
        """End our direction with the closing alert; true once it has left. Reading goes on.

        Raises:
            TLSError: the conversation is broken. OperationNotAllowed: no handshake yet.
            LimitExceeded: too much is unread. SocketError: the inner channel's.

        Thread: the owner's. Calls back: never. Source: PR-08; RFC 8446, section 6.1.
        """
        give_session(self.engine)
        try:
            if self._output:
                self._push()
            self.engine.write_eof()
        except SocketError as error:
            self._fail(error)
        self._held = True
        return self.flush()

    def unwrap(self, *, discard: bool = False) -> bool:
        """End TLS: true once both closing alerts are exchanged, and ours has left.

        Args:
            discard: throw away what the peer still says; otherwise it waits for `detach`.

        Raises:
            TLSTruncated: the peer has ended without its alert. LimitExceeded: it says too much
            before it. TLSError, OperationNotAllowed, SocketError: as in `write_eof`.

        Thread: the owner's. Calls back: never. Source: LW-144, LW-151.
        """
        give_session(self.engine)
        try:
            ended = self.engine.unwrap(discard=discard)
            self._held = True
            self._send_on()
            if not ended and self._fetch():
                ended = self.engine.unwrap(discard=discard)
            if self._write_failure is not None:
                raise self._write_failure
            return ended and self.flush()
        except SocketError as error:
            if error.phase != "handshake":
                error.phase = "close"
            self._fail(error)

    def detach(self) -> tuple[Channel, bytes, bytes]:
        """Take the inner channel back, after `unwrap`; this channel is of no use any more.

        Returns:
            The inner channel; what was decrypted before the peer's closing alert; and what came
            behind it, in clear. Nothing else has been read from the inner channel.

        Raises:
            OperationNotAllowed: `unwrap` has not returned true yet.

        Thread: the owner's. Calls back: never. Source: LW-144.
        """
        if self.engine.stage is not Stage.CLOSED or self.holds_output:
            raise OperationNotAllowed("TLS has not ended yet; let unwrap() do so first")
        decrypted = self.engine.read(UNREAD_LIMIT) or b""
        give_session(self.engine)
        return self.inner, decrypted, self.engine.leftover()

    @property
    def peer_credentials(self) -> tuple[int, int, int] | None:  # type: ignore[override]  # nobody sets it
        """Those of the channel inside."""
        return self.inner.peer_credentials

    def traffic(self) -> tuple[int, int]:
        """Return the traffic of the inner channel, which is ciphertext."""
        return self.inner.traffic()

    def shutdown(self, how: int) -> None:
        """Shut the inner channel down, one way or both; TLS is not ended by it."""
        self.inner.shutdown(how)

    def close(self) -> None:
        """Close the inner channel, without a word to the peer; once more is harmless."""
        if self.inner.fileno() >= 0:
            give_session(self.engine)
        self.inner.close()
        self._refuse_all()

    def abort(self) -> None:
        """Abort the inner channel."""
        self.inner.abort()
        self._refuse_all()

    # Ciphertext.

    def _fetch(self) -> bool:
        """Feed what the inner channel has to the engine; false if it has nothing, or must wait."""
        if self._held and self.engine.output_size > ANSWER_LIMIT:
            return False
        data = self.inner.read(READ_SIZE)
        if data is None:
            return False
        if data:
            self.engine.feed(data)
        else:
            self.engine.feed_eof()
        return True

    def _push(self) -> bool:
        """Give all ciphertext to the inner channel; false if it has refused some."""
        if self._write_failure is not None:
            raise self._write_failure.with_traceback(None)  # it is told often
        output = self._output or self.engine.outgoing.read()
        try:
            while output:
                count = self.inner.write(output)
                if count is None:
                    self._output = output
                    return False
                if count < len(output):
                    output = memoryview(output)[count:]
                    continue
                output = self.engine.take() if self._output else b""
                self._output = b""
        except SocketError as error:
            self._output = output  # it stays there, so that every write comes here
            self._write_failure = error
            raise
        self._held = False
        self._plain_size = 0
        return True

    def _relieve(self) -> None:
        """Push what is held for a reader; a lost way out is told by the next write."""
        if self._write_failure is None:
            with contextlib.suppress(SocketError):
                self._push()
        if self._write_failure is not None:
            if isinstance(self._write_failure, StateClosed):
                raise self._write_failure
            self.engine.take()  # nobody will get it; it would only grow

    def _send_on(self) -> None:
        """Push what the engine has to say, by itself."""
        self._held = True
        self._relieve()

    def _refuse_all(self) -> None:
        self._output = b"closed"
        self._held = True
        self._write_failure = StateClosed(
            "this connection is closed: make a new one",
            phase="close",
            peer=self.peer_address,
            connection=self,
        )

    def _fail(self, error: SocketError) -> NoReturn:
        """Say whose error it is, try once to send the alert that explains it, and raise it."""
        error.connection = self
        error.peer = self.peer_address
        if self.engine.output_size and self._write_failure is None:
            self._send_on()
        raise error

    def __repr__(self) -> str:
        return f"<TLSChannel {self.tls_side} {self.engine.stage.name} over {self.inner!r}>"


def give_session(engine: TLSEngine) -> None:
    """Give the session to who keeps it, for a later conversation; none after a failure.

    It is asked for at the end, because tickets come at any time; before the closing alerts, because
    many peers do not answer ours, and then the end is a failure.
    """
    keep = engine.functions[2]
    if keep is not None and engine.stage in (Stage.OPEN, Stage.CLOSED) and keep(engine.tls_object):
        engine.functions = (*engine.functions[:2], None)  # once: a ticket is not for two
