"""The errors of the codecs: every one says whose fault it was.

    ProtocolViolation (ValueError)
    ├── LocalViolation     our program asked for what the protocol cannot say, or not now
    └── RemoteViolation    the peer sent what it must not

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
