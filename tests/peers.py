"""The real programs that tests talk to. `require` finds one, or ends the test in the right way."""

from __future__ import annotations

import os
import shutil
from typing import Final

import pytest

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
