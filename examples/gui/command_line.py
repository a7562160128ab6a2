"""The command line that all windows have."""

import argparse
import ssl
from pathlib import Path
from typing import Final

from network import Place

from reactor import ClientTLS, ReactorError

PORT_MAX: Final = 65_535


def place_of_the_chat(arguments: list[str] | None = None) -> Place:
    """Read where the chat is, and as whom we come; ends the program if that makes no sense."""
    parser = argparse.ArgumentParser(description="A window for the chat server of examples/chat.")
    parser.add_argument("host", help="a name or an address; over TLS the one in the certificate")
    parser.add_argument("port", type=int)
    parser.add_argument(
        "--tls", action="store_true", help="over TLS, trusting whom this system trusts"
    )
    parser.add_argument(
        "--cafile", type=Path, metavar="FILE", help="over TLS, trusting this certificate only"
    )
    parser.add_argument("--nick", help="what you are called")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path.home() / "Downloads",
        help="where files go that you accept; default: %(default)s",
    )
    options = parser.parse_args(arguments)
    try:
        if not options.host.encode("idna"):
            parser.error("a host has a name")
    except UnicodeError as error:
        parser.error(f"{options.host} cannot be the name of a host: {error}")
    if not 0 < options.port <= PORT_MAX:
        parser.error(f"a port is 1 to {PORT_MAX}, not {options.port}")
    tls = None
    if options.tls or options.cafile:
        try:
            tls = ClientTLS(trusted_file=options.cafile)
        except (OSError, ReactorError, ssl.SSLError) as error:
            parser.error(f"--cafile: {error}")
    return Place(options.host, options.port, tls, options.nick, options.folder)
