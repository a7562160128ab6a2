"""Make the pictures of `docs/gui.md`: each window of the chat in the middle of a file.

    pip install pillow && PYTHONPATH=. python docs/screenshots.py tk qt gtk

Nobody sees the display. The hand that types is that of the tests, `window_driver.py`, so what the
pictures show has happened. Nothing runs this but people who have changed a window.
"""

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image, ImageGrab

from tests.architecture.tree import ROOT
from tests.hosts.conftest import display
from tests.scenarios.examples.chat_server import ChatServer, Guest
from tests.scenarios.examples.gui.test_gui import HEADLESS
from tests.scenarios.programs import Program

PICTURES: Final = ROOT / "docs" / "pictures"
DRIVER: Final = ROOT / "tests" / "scenarios" / "examples" / "window_driver.py"
SIZE: Final = 12_400_000  # bytes of the file
SENT: Final = 8_060_000  # of them, when the picture is taken


def main() -> None:
    """Make the picture of each toolkit that was named."""
    for kind in sys.argv[1:]:
        take(kind)


def take(kind: str) -> None:
    """Make one picture."""
    with contextlib.ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        environment = {"PYTHONPATH": f"{ROOT}:{ROOT}/examples/gui"}

        def start(*command: str | Path) -> Program:
            program = Program(*command, folder=folder, environment=environment)
            return undo.enter_context(program)

        server = ChatServer(start, folder / "certificate")
        environment["DISPLAY"] = screen = undo.enter_context(display())
        environment |= HEADLESS
        trust = ("--cafile", server.certificate, "--folder", folder / "files")
        where = ("localhost", str(server.tls_port), "--nick", "ann")
        bob, eve = (undo.enter_context(server.guest(name)) for name in ("bob", "eve"))
        window = start(sys.executable, DRIVER, kind, *where, *trust)
        chat(window, bob, eve)
        with bob.end() as giver:
            giver.sendall(bytes(SENT))
            window.expect(f"MOVING {SENT / SIZE:.4f}")
            picture = folder / "picture.png"
            window.types(f"grab {picture}")
            window.expect("grabbed")
            image = Image.open(picture) if picture.exists() else ImageGrab.grab(xdisplay=screen)
            save(image, PICTURES / f"chat-{kind}.png")


def chat(window: Program, bob: Guest, eve: Guest) -> None:
    """Have a conversation, up to a file that may move."""
    window.expect("is now ann")
    bob.says("has anybody seen the ice on the lake this morning?")
    window.expect("show_line bob")
    eve.says("only from the train, and far too late")
    window.expect("show_line eve")
    window.types("type I was on it, and I heard it sing. Did you take a picture?")
    window.expect("typed ''")
    bob.says("I did, just before it cracked")
    window.expect("show_line bob")
    bob.says(f"/send ann {SIZE} the ice at eight.jpg")
    window.expect("OFFERED")
    window.types("type yes please")
    window.types("press Accept")


def save(image: Image.Image, path: Path) -> None:
    """Save it, without what is black around it."""
    image = image.convert("RGB")
    image = image.crop(image.getbbox())
    image.save(path, optimize=True)
    sys.stdout.write(f"{path}: {image.size}, {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
