"""What tests need of a machine: programs to talk to, and IPv6; without, they end as they should."""

from __future__ import annotations

import os
import shutil
from typing import Final

import pytest

from reactor.net.options import ipv6_available

NO_IPV6: Final = "this machine has no IPv6"

PACKAGES: Final = {  # program: the Debian package that brings it; `make test` installs these
    "curl": "curl",
    "gnutls-cli": "gnutls-bin",
    "gnutls-serv": "gnutls-bin",
    "nc": "netcat-openbsd",
    "ncat": "ncat",
    "openssl": "openssl",
    "socat": "socat",
    "Xvfb": "xvfb",
}


def require(program: str) -> str:
    """Return the path of `program`, or skip the test; in continuous integration fail it instead.

    A skip would be a test that cannot fail: there, `CI=true` says that everything is installed.
    """
    path = shutil.which(program)
    if path is not None:
        return path
    reason = f"{program} is not installed; Debian has it in {PACKAGES.get(program, program)}"
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"{reason}, and in continuous integration no peer may be missing")
    pytest.skip(reason)


def require_ipv6() -> None:
    """Skip the test where there is no IPv6, as in many containers."""
    if not ipv6_available():
        pytest.skip(NO_IPV6)


needs_ipv6: Final = pytest.mark.skipif(not ipv6_available(), reason=NO_IPV6)
