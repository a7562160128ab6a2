"""Libraries that know files and sockets, over a stream, unchanged."""

from __future__ import annotations

import contextlib
import functools
import gc
import http.client
import http.server
import io
import pickle
import shutil
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor.channel.tls_settings import ClientTLS
from reactor.errors import ConnectionReset, StateClosed
from reactor.stream.opening import open_tcp_stream
from reactor.stream.socket_stream import SocketStream
from reactor.stream.stream_file import StreamFile
from tests.certificates import Certificates
from tests.reactor.stream.conftest import Pair
from tests.reactor.stream.streams import PATIENCE, meanwhile, pair_of
from tests.reactor.stream.test_ending import RESET

BODY = bytes(range(256)) * 4096


class Pages(http.server.BaseHTTPRequestHandler):
    """A page that tells its length, one that ends with the connection, and one that is chunked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(BODY), 100_000):
                piece = BODY[start : start + 100_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        if self.path == "/closing":
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """An HTTPS server that shakes hands in the thread of each client."""

    daemon_threads = False

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Pages)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._context.wrap_socket(request, server_side=True) as talk:
            super().finish_request(talk, client_address)
            with contextlib.suppress(OSError):
                talk.unwrap()


@pytest.fixture
def https(certificates: Certificates) -> Iterator[int]:
    """The port of a real HTTPS server, the standard library's."""
    with Server(certificates.server_context()) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(PATIENCE)


@pytest.fixture
def connection(https: int, certificates: Certificates) -> Iterator[http.client.HTTPConnection]:
    """An `http.client` connection that speaks through a stream of ours, verified."""
    stream = open_tcp_stream(
        "localhost",
        https,
        tls=ClientTLS(trusted_file=certificates.authority),
        read_timeout=PATIENCE,
    )
    with contextlib.closing(http.client.HTTPConnection("localhost")) as connection:
        connection.sock = stream
        yield connection


@pytest.mark.parametrize("path", ["/", "/chunked", "/closing"])
def test_https_through_http_client__lw_181(
    connection: http.client.HTTPConnection, path: str
) -> None:
    """`http.client` speaks HTTPS over a stream: bodies with a length, in chunks, and to the end."""
    connection.request("GET", path)
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, BODY)
    assert response.isclosed()


def test_a_connection_is_used_again__lw_181(connection: http.client.HTTPConnection) -> None:
    """Several requests go over one stream, with bodies both ways, and reading line by line."""
    for _ in range(3):
        connection.request("POST", "/", BODY)
        response = connection.getresponse()
        assert b"".join(iter(functools.partial(response.read, 70_001), b"")) == BODY[::-1]


def test_a_response_outlives_its_connection__lw_181(
    connection: http.client.HTTPConnection,
) -> None:
    """A library may close the stream and read the file that it made of it to the end; that closes
    the connection.
    """
    stream = connection.sock
    connection.request("GET", "/closing")
    response = connection.getresponse()
    assert connection.sock is None
    with pytest.raises(StateClosed):
        stream.fileno()
    assert response.read(10) == BODY[:10]
    assert response.read() == BODY[10:]


def test_a_file_is_copied__lw_181(pair: Pair, tmp_path: Path) -> None:
    """`shutil.copyfileobj` copies a file into a stream and out of another."""
    near, far = pair
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(BODY)

    def send() -> None:
        with source.open("rb") as file:
            shutil.copyfileobj(file, near)
        near.shutdown("output")

    with meanwhile(send), target.open("wb") as file:
        shutil.copyfileobj(far, file)
    assert target.read_bytes() == BODY


def test_objects_are_pickled__lw_181(sockets: Pair) -> None:
    """`pickle` writes objects to a stream and reads them, one after the other, and no byte more."""
    near, far = sockets
    things = [{"a": 1}, list(range(10_000)), "text" * 5000]

    def send() -> None:
        for thing in [*things, "end"]:
            pickle.dump(thing, near)

    with meanwhile(send):
        assert [pickle.load(far) for _ in things] == things  # our own
        assert pickle.load(far) == "end"  # likewise


def test_a_conversation_in_text__lw_174(pair: Pair) -> None:
    """`io.TextIOWrapper` around a stream talks line by line, and closing it closes the stream."""
    near, far = pair

    def answer() -> None:
        with io.TextIOWrapper(far, "utf-8") as text:
            for line in text:
                text.write(line.upper())
                text.flush()

    with meanwhile(answer), io.TextIOWrapper(near, "utf-8", line_buffering=True) as text:
        for line in ("hello\n", "grüße\n"):
            text.write(line)
            assert text.readline() == line.upper()
        near.shutdown("output")
        assert text.read() == ""
    assert near.closed


def test_smtplib_speaks_through_a_stream__lw_181(sockets: Pair) -> None:
    """`smtplib` greets a server and leaves over a stream, by `makefile` and `sendall`."""
    near, far = sockets

    def serve() -> list[bytes]:
        heard = list[bytes]()
        far.write(b"220 here\r\n")
        for reply in (b"250-here\r\n250 PIPELINING\r\n", b"221 bye\r\n"):
            heard.append(far.readline())
            far.write(reply)
        return heard

    class Client(smtplib.SMTP):
        def _get_socket(self, host: str, port: int, timeout: float) -> SocketStream:
            return near

    with meanwhile(serve) as serving:
        client = Client("mail.example", 25, local_hostname="me")
        assert client.ehlo()[0] == 250
        assert client.has_extn("pipelining")
        client.quit()
    assert serving.result() == [b"ehlo me\r\n", b"quit\r\n"]
    near.close()


# Files.


def test_a_file_reads_from_the_same_buffer__lw_181(pair: Pair) -> None:
    """What a file does not read is there for the stream, and the other way round."""
    near, far = pair
    file = near.makefile("rb")
    far.write(b"one\ntwo\nthree\n")
    assert file.readline() == b"one\n"
    assert near.readline() == b"two\n"
    assert file.read(2) == b"th"
    assert near.peek().startswith(b"r")
    file.close()
    assert near.readline() == b"ree\n"


@pytest.mark.parametrize(
    ("mode", "can"), [("rb", "r"), ("wb", "w"), ("rwb", "rw"), ("brw", "rw"), ("wrb", "rw")]
)
def test_a_file_does_what_its_mode_says__lw_181(sockets: Pair, mode: Any, can: str) -> None:
    """A file reads or writes as its mode says, refuses the other, and a closed one everything."""
    near, far = sockets
    file: StreamFile = near.makefile(mode)
    with file:
        assert (file.readable(), file.writable()) == ("r" in can, "w" in can)
        if "r" in can:
            far.write(b"abcdefg")
            buffer = bytearray(2)
            assert (file.read1(1), file.readinto(buffer), file.peek()) == (b"a", 2, b"defg")
            assert (file.readinto1(buffer), file.read(2)) == (2, b"fg")
        else:
            with pytest.raises(io.UnsupportedOperation):
                file.read(1)
        if "w" in can:
            file.write(b"x")
            file.flush()
            assert far.read(1) == b"x"
        else:
            with pytest.raises(io.UnsupportedOperation):
                file.write(b"x")
        assert file.fileno() == file.name == near.fileno() == near.name
    for verb in (file.read, file.flush, file.fileno):
        with pytest.raises(StateClosed):
            verb()
    assert (file.closed, file.name, near.closed) == (True, -1, False)


def test_other_modes_there_are_not__lw_181(sockets: Pair) -> None:
    """A mode that is none is refused."""
    mode: Any
    for mode in ("", "b", "a", "x", "r+", "rbb"):
        with pytest.raises(ValueError, match="a mode is"):
            sockets[0].makefile(mode)


def test_text_of_a_file__lw_181(sockets: Pair) -> None:
    """Without "b" a file carries text, of the encoding that was asked for."""
    near, far = sockets
    with near.makefile("rw", encoding="latin-1", newline="") as file:
        far.write(b"gr\xfc\xdfe\r\n")
        assert file.readline() == "grüße\r\n"
        file.write("ä")
        file.flush()
        assert far.read(1) == b"\xe4"


def test_the_last_file_closes__lw_181(sockets: Pair) -> None:
    """A closed stream leaves its connection to its files; the last of them closes it. What the
    stream had read ahead, and its limits, go along.
    """
    near, far = sockets
    far.write(b"abcd")
    assert near.read(1) == b"a"
    near.read_timeout = 5.0
    one, two = near.makefile("rb"), near.makefile("rwb")
    near.close()
    assert near.closed
    assert one.read(1) == b"b"
    one.close()
    two.write(b"still here")
    assert (two.read(2), far.read(10)) == (b"cd", b"still here")
    two.close()
    assert far.read() == b""


def test_a_forgotten_file_closes_as_well__lw_181(sockets: Pair) -> None:
    """A library that closes the socket and forgets its file has closed the connection, and no
    collector of garbage is waited for.
    """
    near, far = sockets
    file = near.makefile("rb")
    near.close()
    assert not far.wait_for_input(0)
    gc.disable()
    try:
        del file
        assert far.read() == b""
    finally:
        gc.enable()


def test_a_file_that_was_not_made_holds_nothing__lw_181(sockets: Pair) -> None:
    """After a `makefile` that failed, closing the stream closes the connection."""
    near, far = sockets
    with pytest.raises(LookupError):
        near.makefile("r", encoding="no such")
    near.close()
    assert far.read() == b""


def test_what_ended_a_stream_ends_its_files__lw_181(certificates: Certificates) -> None:
    """A loss that was met, and a direction that was not opened, count for files that outlive the
    stream: a reset does not become an end.
    """
    with pair_of("tcp4", certificates) as (near, far):
        file = near.makefile("rwb")
        with socket.socket(fileno=far.fileno()) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.detach()
        far.close()
        with pytest.raises(ConnectionReset):
            near.read(1)
        near.close()
        for _ in range(2):
            with pytest.raises(ConnectionReset):
                file.read(1)
        file.close()
    here, there = socket.socketpair()
    with there, SocketStream(here, direction="input") as reader:
        file = reader.makefile("rwb")
        reader.close()
        with pytest.raises(io.UnsupportedOperation):
            file.write(b"x")
        file.close()


def test_an_abort_leaves_nothing_to_files__lw_186(sockets: Pair) -> None:
    """`close(abort=True)` ends the connection although there are files, which say so."""
    near, far = sockets
    file = near.makefile("rb")
    near.close(abort=True)
    assert far.read() == b""
    with pytest.raises(StateClosed):
        file.read(1)
    file.close()
