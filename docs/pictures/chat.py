"""Makes `chat-*.png` anew: each window of the chat, in the middle of a file.

    python docs/pictures/chat.py tk qt gtk

Nothing here is run when the pages are built. It takes the toolkits that are named, and Xvfb. The
hand that types is that of the tests, `window_driver.py`: what the pictures show has happened.
"""

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PICTURES: Final = Path(__file__).parent

sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "gui")]

import looks  # noqa: E402
from screen import Screen  # noqa: E402

from tests.scenarios.examples.chat_server import ChatServer, Guest  # noqa: E402
from tests.scenarios.examples.gui.test_gui import DRIVER, HEADLESS  # noqa: E402
from tests.scenarios.programs import Program  # noqa: E402

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
        screen = undo.enter_context(Screen(*looks.SIZE))
        environment |= {"DISPLAY": screen.name, **HEADLESS}
        trust = ("--cafile", server.certificate, "--folder", folder / "files")
        where = ("localhost", str(server.tls_port), "--nick", "ann")
        bob, eve = (undo.enter_context(server.guest(name)) for name in ("bob", "eve"))
        window = start(sys.executable, DRIVER, kind, *where, *trust)
        chat(window, bob, eve)
        with bob.end() as giver:
            giver.sendall(bytes(SENT))
            window.expect(f"MOVING {SENT / SIZE:.4f}")
            picture = PICTURES / f"chat-{kind}.png"
            picture.unlink(missing_ok=True)
            window.types(f"grab {picture}")
            window.expect("grabbed")
            if not picture.exists():  # only Qt takes one by itself
                screen.save(picture)


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


if __name__ == "__main__":
    main()
