"""A certificate for localhost, made on first use with the `openssl` program.

It signs itself, so a client trusts it by being given the file: `--cafile`. It is good for trying
things out on one machine, and for nothing else.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

VALIDITY: Final = 90  # days
LEFT: Final = 24 * 3600  # seconds; one that ends sooner is made anew
PATIENCE: Final = 30.0  # seconds for the program, which takes some 20 ms

# A file of our own: the system's may lack what is needed, and the options that replace it differ
# between OpenSSL and LibreSSL.
REQUEST: Final = """\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
"""


class CertificateMissing(Exception):
    """There is no certificate and none could be made; the text says what to do."""


def cache_folder() -> Path:
    """Return where this user's programs keep what can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "waitstate-chat"


def for_localhost(folder: Path) -> tuple[Path, Path]:
    """Return the files of the certificate and of its key, and make them if need be.

    Args:
        folder: where they are kept; made if missing, for this user only.

    Raises:
        CertificateMissing: `openssl` is not installed or fails, or the folder cannot be written.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    openssl = shutil.which("openssl")
    if openssl is None:
        raise CertificateMissing(
            "the openssl program is needed to make a certificate for localhost, and is not "
            "installed (Debian: apt-get install openssl)"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if not (key.exists() and lasts(openssl, certificate)):
            make(openssl, folder, certificate, key)
    except OSError as error:
        raise CertificateMissing(f"no certificate can be kept in {folder}: {error}") from error
    return certificate, key


def lasts(openssl: str, certificate: Path) -> bool:
    """Tell whether a certificate is there and will be valid for a while."""
    if not certificate.exists():
        return False
    try:
        run(openssl, "x509", "-noout", "-checkend", str(LEFT), "-in", str(certificate))
    except CertificateMissing:
        return False
    return True


def make(openssl: str, folder: Path, certificate: Path, key: Path) -> None:
    """Make both files aside and move them in place: nobody sees half a file."""
    with tempfile.TemporaryDirectory(dir=folder) as aside:  # only its owner can look into it
        request, new_key, new = (Path(aside) / name for name in ("request", "key", "certificate"))
        request.write_text(REQUEST)
        run(openssl, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(new_key))
        new_key.chmod(0o600)
        what = ["req", "-x509", "-new", "-sha256", "-days", str(VALIDITY), "-config", str(request)]
        run(openssl, *what, "-key", str(new_key), "-out", str(new))
        new_key.replace(key)
        new.replace(certificate)


def run(openssl: str, *arguments: str) -> None:
    """Run the program, or say what it said."""
    try:
        subprocess.run(
            [openssl, *arguments], check=True, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip() or f"exit status {error.returncode}"
        raise CertificateMissing(f"openssl {arguments[0]} failed: {said}") from error
    except subprocess.TimeoutExpired as error:
        raise CertificateMissing(f"openssl {arguments[0]} took over {PATIENCE:g} s") from error
