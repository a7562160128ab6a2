"""Sessions: what a client keeps of a conversation, so that the next one needs a shorter handshake.

A resumed handshake transfers no certificate and checks none: what counts is that the session's own
handshake has verified this very name, under these very roots, as strictly as this one would. So
sessions belong to one context and are kept under what was proved to it, see `proof`; files that are
read again make a new context, which has none.

A session is taken out to be used: a ticket of TLS 1.3 that came twice would tell an onlooker that
both connections are of one client (RFC 8446, C.4). The connection that has used one leaves another.
"""

import collections
import ssl
import threading
from typing import Final, TypeAlias

SESSION_LIMIT: Final = 128  # names of which there are sessions; the oldest is forgotten
SESSIONS_OF_A_NAME: Final = 4  # for as many connections at a time; a guess

# A name, whether it was compared, and how the certificate was verified.
Proof: TypeAlias = tuple[str, bool, ssl.VerifyMode, ssl.VerifyFlags]


class Sessions:
    """The sessions of one context, by the name that the server has proved.

    Args:
        limit: how many names are kept; 0 keeps nothing.

    Thread: any. Calls back: never. Source: RFC 8446, sections 4.6.1 and C.4.
    """

    __slots__ = ("_limit", "_lock", "_of_proofs")

    def __init__(self, limit: int = SESSION_LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._of_proofs: dict[Proof, collections.deque[ssl.SSLSession]] = {}

    def take(self, proof: Proof | None) -> ssl.SSLSession | None:
        """Take out the latest session of a name that was proved so, None if there is none."""
        with self._lock:
            sessions = None if proof is None else self._of_proofs.get(proof)
            return sessions.pop() if sessions else None

    def keep(
        self, proof: Proof | None, used: ssl.SSLSession | None, tls_object: ssl.SSLObject
    ) -> bool:
        """Keep the session of a conversation, if it can be resumed and found again; tell whether.

        Args:
            proof: what the server has proved.
            used: the session that was resumed; under TLS 1.3 it has served its turn.
            tls_object: of the conversation, which has succeeded.
        """
        session = tls_object.session
        if session is None or proof is None or not self._limit:
            return False
        if not (session.has_ticket or session.id):
            return False
        if session == used and tls_object.version() == "TLSv1.3":
            return False
        if getattr(tls_object.context, "sessions", None) is not self:
            return False  # a `configure_connection` has changed the context: the proof is another
        with self._lock:
            sessions = self._of_proofs.pop(proof, None)
            if sessions is None:
                sessions = collections.deque(maxlen=SESSIONS_OF_A_NAME)
                while len(self._of_proofs) >= self._limit:
                    del self._of_proofs[next(iter(self._of_proofs))]
            self._of_proofs[proof] = sessions
            sessions.append(session)
        return True

    def __repr__(self) -> str:
        return f"<Sessions of {len(self._of_proofs)} names>"


def proof(context: ssl.SSLContext, name: str | None) -> Proof | None:
    """Return what a server proves in a full handshake that begins now; None without a name.

    A context can be changed by the program at any time, so it is asked each time.

    Thread: any. Calls back: never. Source: LW-160, LW-164.
    """
    if not name:
        return None
    return name, context.check_hostname, context.verify_mode, context.verify_flags
