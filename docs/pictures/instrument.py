"""Makes `instrument.png` anew: the panel of the examples, on a display that nobody sees.

    python docs/pictures/instrument.py

Nothing here is run when the pages are built. It takes a minute, Tk, and Xvfb, which writes its
screen into a file.
"""

import os
import struct
import subprocess
import sys
import tempfile
import tkinter
import zlib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLE: Final = ROOT / "examples" / "gui" / "instrument"
SCREEN: Final = "760x460x24"
SECONDS: Final = 34.0  # until the plot is full

sys.path[:0] = [str(ROOT), str(EXAMPLE)]

from panel import Panel, dress  # noqa: E402

from reactor import WaitStateCollection  # noqa: E402
from reactor.hosts import tk  # noqa: E402


def main() -> None:
    """Run an instrument and a panel, and take a picture of the screen."""
    with tempfile.TemporaryDirectory() as folder:
        read, write = os.pipe()
        display = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-fbdir", folder],
            pass_fds=[write],
        )
        with open(read) as told:
            screen = f":{told.readline().strip()}"
        meter = subprocess.Popen(
            [sys.executable, EXAMPLE / "simulator.py", "--port", "0", "--hang", "0.02"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert meter.stdout is not None
        port = int(meter.stdout.readline().rpartition(":")[2])
        try:
            watch(screen, port)
            screen_file = Path(folder, "Xvfb_screen0").read_bytes()
            (ROOT / "docs" / "_static" / "instrument.png").write_bytes(png(*pixels(screen_file)))
        finally:
            meter.terminate()
            display.terminate()


def watch(screen: str, port: int) -> None:
    """Let the panel run for a while; it is left as it is, to be seen."""
    root = tkinter.Tk(screenName=screen)
    dress(root)
    root.geometry("760x460+0+0")
    collection = WaitStateCollection("picture")
    tk.attach(root, collection)
    panel = Panel(root, collection, "127.0.0.1", port)
    panel.controls.interval.set("0.2")
    panel.controls.take_interval()
    panel.start_or_stop()
    collection.call_later(SECONDS, root.quit)
    root.mainloop()
    collection.close()
    root.update()


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
    """Write an image without a library: PNG, section 11."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
