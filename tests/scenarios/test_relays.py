"""States and the programs that people relay bytes with: socat, ncat and nc."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from reactor import (
    AsyncIOState,
    ClientTLS,
    ServerTLS,
    WaitStateCollection,
    accept_tcp,
    accept_unix,
    connect_tcp,
    connect_udp,
    connect_unix,
    open_udp,
    open_unix_datagram,
)
from tests.certificates import Certificates
from tests.peers import require
from tests.reactor.opening.network import free_port
from tests.scenarios.programs import PATIENCE, Program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these programs are for Unix")

HOST = "127.0.0.1"
LINE = b"hello\n"


@pytest.fixture
def loop() -> Iterator[WaitStateCollection]:
    """A collection in a thread of its own."""
    with WaitStateCollection("relay") as collection:
        yield collection


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose paths are short."""
    with TemporaryDirectory(prefix="ws") as name:
        yield Path(name)


def made(
    loop: WaitStateCollection, function: Callable[..., Any], *args: Any, **options: Any
) -> Any:
    """Call a function in the loop's thread."""
    return loop.submit(lambda: function(loop, *args, **options)).result(PATIENCE)


def echo(_: object, state: AsyncIOState) -> None:
    """Send back what comes, until the end; then end."""

    def show(state: AsyncIOState, buffer: bytearray, end: int) -> None:
        data = bytes(buffer[:end])
        if state.read_status is not None:
            state.close()
        else:
            state.finish(end)
            state.write_buffer(data, lambda *_: state.read_with_checking(show))

    state.read_with_checking(show)


def answer(state: AsyncIOState) -> AsyncIOState:
    """Send each message back to who has sent it."""

    def heard(state: AsyncIOState, buffer: bytearray, count: int, host: Any, port: Any) -> None:
        state.send_message_to(host, port, bytes(buffer[:count]), None)
        state.receive_message(buffer, heard, needs_address=True)

    state.receive_message(bytearray(2048), heard, needs_address=True)
    return state


class Conversation:
    """What a state of ours says to a program, and what it hears."""

    def __init__(self, loop: WaitStateCollection) -> None:
        self.error: Any = None
        self._buffer = bytearray(len(LINE))
        self._loop = loop

    def begin(self, state: AsyncIOState, error: Exception | None) -> None:
        """Say a line, and wait for the same."""
        self.error = error
        if error is None:
            state.write_buffer(LINE, None)
            state.read_buffer(self._buffer, lambda *_: self._loop.stop())

    def message(self, state: AsyncIOState, error: Exception | None) -> None:
        """Send a line as a message, and wait for the same."""
        self.error = error
        state.send_message(LINE, None)
        state.receive_message(self._buffer, lambda *_: self._loop.stop())

    def takes_place(self) -> bytes:
        """Run until the line has come back; return it."""
        guard = self._loop.call_later(PATIENCE, self._loop.stop)
        self._loop.run()
        guard.cancel()
        assert self.error is None
        return bytes(self._buffer)


def types_and_hears(*command: str, folder: Path) -> None:
    """Let a program send a line, and print what comes back."""
    with Program(*command, folder=folder) as client:
        client.types(LINE.decode().strip())
        client.expect(LINE.decode().strip())


def told_port(server: Program) -> int:
    """Wait until a program listens, and return where."""
    return int(server.expect("istening on").rpartition(":")[2])


# They come to us.


@pytest.mark.parametrize("program", ["socat", "nc", "ncat"])
def test_they_connect_to_our_path__lw_199(
    loop: WaitStateCollection, folder: Path, program: str
) -> None:
    """Programs that connect to a Unix path get back what they send."""
    path = folder / "socket"
    made(loop, accept_unix, path, echo)
    arguments = {"socat": ["-", f"UNIX-CONNECT:{path}"], "nc": ["-U", str(path)]}
    found = arguments.get(program, ["-U", str(path)])
    types_and_hears(require(program), *found, folder=folder)


def test_socat_sends_messages_to_our_port__lw_109__lw_112(
    loop: WaitStateCollection, folder: Path
) -> None:
    """A program that speaks UDP gets back the datagrams that it sends."""
    state = made(loop, lambda loop: answer(open_udp(loop, local_address=HOST)))
    where = f"UDP4:{HOST}:{state.address[1]}"
    types_and_hears(require("socat"), "-", where, folder=folder)


def test_socat_sends_messages_to_our_path__lw_200(loop: WaitStateCollection, folder: Path) -> None:
    """A program that sends to a Unix path gets back the datagrams that it sends."""
    path = folder / "ours"
    made(loop, lambda loop: answer(open_unix_datagram(loop, path)))
    where = f"UNIX-SENDTO:{path},bind={folder / 'theirs'}"
    types_and_hears(require("socat"), "-", where, folder=folder)


def test_socat_speaks_tls_with_us__lw_054(
    loop: WaitStateCollection, certificates: Certificates, folder: Path
) -> None:
    """A relay that verifies our certificate gets back what it sends."""
    handle = made(loop, accept_tcp, 0, echo, address=HOST, tls=ServerTLS(certificates.localhost))
    where = f"OPENSSL:localhost:{handle.local_port},pf=ip4,cafile={certificates.authority}"
    types_and_hears(require("socat"), "-", where, folder=folder)


def test_ncat_speaks_tls_with_us__lw_054(
    loop: WaitStateCollection, certificates: Certificates, folder: Path
) -> None:
    """Ncat, which verifies our certificate, gets back what it sends."""
    handle = made(loop, accept_tcp, 0, echo, address=HOST, tls=ServerTLS(certificates.localhost))
    command = [require("ncat"), "-4", "--ssl-verify", "--ssl-trustfile"]
    command += [str(certificates.authority), "localhost", str(handle.local_port)]
    types_and_hears(*command, folder=folder)


# We come to them.


def test_we_connect_to_the_path_of_socat__lw_199(folder: Path) -> None:
    """A state that connects to a program's Unix path gets back what it sends."""
    loop, path = WaitStateCollection(), folder / "socket"
    with Program(require("socat"), "-d", "-d", f"UNIX-LISTEN:{path}", "PIPE", folder=folder) as one:
        one.expect("listening on")
        talk = Conversation(loop)
        connect_unix(loop, path, talk.begin)
        assert talk.takes_place() == LINE
    loop.close()


def test_we_send_messages_to_socat__lw_111(folder: Path) -> None:
    """A state that sends datagrams to a program gets them back."""
    loop = WaitStateCollection()
    command = [require("socat"), "-d", "-d", f"UDP4-LISTEN:0,bind={HOST}", "PIPE"]
    with Program(*command, folder=folder) as server:
        port = told_port(server)
        talk = Conversation(loop)
        connect_udp(loop, HOST, port, talk.message)
        assert talk.takes_place() == LINE
    loop.close()


@pytest.mark.parametrize("program", ["socat", "ncat"])
def test_we_speak_tls_with_them__lw_041(
    certificates: Certificates, folder: Path, program: str
) -> None:
    """A state that verifies a program's certificate gets back what it sends under TLS."""
    loop, identity = WaitStateCollection(), certificates.localhost
    where = f"OPENSSL-LISTEN:0,bind={HOST},cert={identity},verify=0"
    command = [require("socat"), "-d", "-d", where, "PIPE"]
    if program == "ncat":
        command = [require("ncat"), "-v", "--ssl", "--ssl-cert", str(identity), "--ssl-key"]
        command += [str(identity), "-l", HOST, str(free_port()), "--exec", "/bin/cat"]
    with Program(*command, folder=folder) as server:
        port = told_port(server)
        talk = Conversation(loop)
        trusting = ClientTLS(trusted_file=certificates.authority)
        connect_tcp(loop, "localhost", port, talk.begin, tls=trusting, ipv6=False)
        assert talk.takes_place() == LINE
    loop.close()
