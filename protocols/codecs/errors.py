"""The errors of the codecs: every one says whose fault it was.

    ProtocolViolation (ValueError)
    ├── LocalViolation     our program asked for what the protocol cannot say, or not now
    └── RemoteViolation    the peer sent what it must not
        └── TooLong        more of it than is allowed, with the figures

A codec is pure and knows no connection. The class that binds it to one turns a remote violation
into an error of `reactor.errors` that names the peer.
"""


class ProtocolViolation(ValueError):
    """The root: a rule of a protocol was broken. `identifier` names the rule for programs."""

    identifier = "protocol-violation"


class LocalViolation(ProtocolViolation):
    """Our program broke it; nothing was sent, and the codec can still be used."""

    identifier = "local-violation"


class RemoteViolation(ProtocolViolation):
    """The peer broke it; what follows in its bytes cannot be trusted any more."""

    identifier = "remote-violation"


class TooLong(RemoteViolation):
    """The peer sent, or announced, more bytes of one thing than it may have.

    Args:
        limit: the bytes that were allowed.
        seen: the bytes that were there, or were announced; it may have been longer still.

    Thread: any. Calls back: never. Source: the default limits.
    """

    identifier = "size-limit"
    thing = "thing"  # what a subclass calls it

    def __init__(self, limit: int, seen: int) -> None:
        super().__init__(
            f"a {self.thing} of {seen} bytes or more, where {limit} are allowed: "
            f"the peer must send shorter {self.thing}s, or {self.thing}_limit be raised"
        )
        self.limit = limit
        self.seen = seen
