"""Makes `instrument.png` anew: the panel of the examples, on a display that nobody sees.

    python docs/pictures/instrument.py

Nothing here is run when the pages are built. It takes a minute, Tk, and Xvfb.
"""

import os
import subprocess
import sys
import tkinter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLE: Final = ROOT / "examples" / "gui" / "instrument"
SIZE: Final = (760, 460)
SECONDS: Final = 34.0  # until the plot is full

sys.path[:0] = [str(ROOT), str(EXAMPLE)]

from panel import Panel, dress  # noqa: E402
from screen import Screen  # noqa: E402

from reactor import WaitStateCollection  # noqa: E402
from reactor.hosts import tk  # noqa: E402


def main() -> None:
    """Run an instrument and a panel, and take a picture of the screen."""
    with Screen(*SIZE) as screen:
        meter = subprocess.Popen(
            [sys.executable, EXAMPLE / "simulator.py", "--port", "0", "--hang", "0.02"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert meter.stdout is not None
            watch(screen.name, int(meter.stdout.readline().rpartition(":")[2]))
            screen.save(Path(__file__).with_suffix(".png"))
        finally:
            meter.terminate()


def watch(screen: str, port: int) -> None:
    """Let the panel run for a while; it is left as it is, to be seen."""
    root = tkinter.Tk(screenName=screen)
    dress(root)
    root.geometry("{}x{}+0+0".format(*SIZE))
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


if __name__ == "__main__":
    main()
