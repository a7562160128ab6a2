"""Screen: a display that nobody sees, and what is on it as a picture. It takes Xvfb, no library."""

import os
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self


class Screen:
    """A display of its own; a context manager.

    Args:
        width: in pixels.
        height: likewise.

    Attributes:
        name: what programs call it.
    """

    def __init__(self, width: int, height: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        read, write = os.pipe()
        size = ("-screen", "0", f"{width}x{height}x24")
        self._server = subprocess.Popen(
            [
                "Xvfb",
                "-noreset",
                "-nocursor",
                "-displayfd",
                str(write),
                *size,
                "-fbdir",
                self._folder.name,
            ],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,  # it is short of keys that nobody has
        )
        os.close(write)
        with open(read) as told:
            self.name = f":{told.readline().strip()}"

    def save(self, path: Path) -> None:
        """Write down what is on it, as PNG."""
        path.write_bytes(png(*pixels(Path(self._folder.name, "Xvfb_screen0").read_bytes())))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.terminate()
        self._server.wait()
        self._folder.cleanup()


def pixels(xwd: bytes) -> tuple[int, int, list[bytes]]:
    """Take a dump of X apart: a head of 25 words, colours, and four bytes for each pixel."""
    head = struct.unpack(">25I", xwd[:100])
    width, height, line_size, colour_count = head[4], head[5], head[12], head[19]
    first = head[0] + 12 * colour_count
    rows = [xwd[first + line_size * y :][: 4 * width] for y in range(height)]
    rgb = [bytearray(3 * width) for _ in rows]
    for row, out in zip(rows, rgb, strict=True):
        out[0::3], out[1::3], out[2::3] = row[2::4], row[1::4], row[0::4]
    return width, height, [bytes(out) for out in rgb]


def png(width: int, height: int, rows: list[bytes]) -> bytes:
    """Write an image: PNG, section 11."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
