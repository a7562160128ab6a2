"""Clients and servers as programs describe them, and how two of them shake hands."""

from __future__ import annotations

from typing import Any

from reactor.channel.tls_engine import TLSEngine
from reactor.channel.tls_settings import ClientTLS, ServerTLS, TLSPlan, tls_plan
from tests.certificates import Certificates
from tests.tls_pairs import Engines, shake


def plan(tls: object, **options: Any) -> TLSPlan:
    """Make a plan; there has to be one."""
    options.setdefault("side", None)
    made = tls_plan(tls, **options)
    assert made is not None
    return made


def client(certificates: Certificates, **options: Any) -> ClientTLS:
    """Describe a client that trusts our authority."""
    return ClientTLS(trusted_file=certificates.authority, **options)


def server(certificates: Certificates, **options: Any) -> ServerTLS:
    """Describe a server for localhost."""
    return ServerTLS(certificates.localhost, **options)


def meet(near: object, far: object, host: Any = "localhost", **options: Any) -> Engines:
    """Let a client and a server shake hands, each as described."""
    ends = plan(near, host=host, **options).engine(), plan(far).engine()
    shake(*ends)
    return ends


def shown(engine: TLSEngine) -> Any:
    """Return the names in the certificate that the other end has shown."""
    certificate = engine.tls_object.getpeercert()
    return None if not certificate else [pair[1] for pair in certificate["subjectAltName"]]
