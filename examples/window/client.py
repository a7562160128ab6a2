"""A window that shows what a server says, line by line, and sends what is typed.

`python examples/window/client.py HOST PORT`; `nc -l PORT` is a server to talk to it. The loop is
that of Tk; the collection is a guest there, so the protocol may touch the window.
"""

import signal
import sys
import tkinter

from protocols import LineProtocol
from reactor import Transport, WaitStateCollection, connect
from reactor.hosts import tk


class Talk(LineProtocol):
    """Shows lines in a list; `entry` is where they are typed."""

    def __init__(self, lines: tkinter.Listbox, entry: tkinter.Entry) -> None:
        super().__init__()
        self.lines = lines
        self.entry = entry

    def connection_made(self, transport: Transport) -> None:
        """Let the user type."""
        super().connection_made(transport)
        self.entry.bind("<Return>", self.typed)
        self.say("(there)")

    def typed(self, event: "tkinter.Event[tkinter.Entry]") -> None:
        """Send what has been typed: called by Tk, outside of any turn."""
        self.send_line(self.entry.get().encode())
        self.entry.delete(0, tkinter.END)

    def line_received(self, line: bytes) -> None:
        """Show a line."""
        self.say(line.decode(errors="replace"))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Say so; the window stays, to be read."""
        super().connection_lost(exc)
        self.entry.unbind("<Return>")
        self.say("(over)" if exc is None else f"({exc})")

    def say(self, text: str) -> None:
        """Put a line under the others, and bring it into view."""
        self.lines.insert(tkinter.END, text)
        self.lines.see(tkinter.END)


def leave() -> None:
    """Close the connection, which shows its end, and then the window."""
    collection.close()
    root.destroy()


if __name__ == "__main__":
    root = tkinter.Tk()
    root.title(f"{sys.argv[1]}:{sys.argv[2]}")
    root.protocol("WM_DELETE_WINDOW", leave)
    lines = tkinter.Listbox(root, width=60)
    lines.pack(fill="both", expand=True)
    entry = tkinter.Entry(root)
    entry.pack(fill="x")
    collection = WaitStateCollection("window")
    tk.attach(root, collection)
    talk = Talk(lines, entry)
    connect(collection, lambda: talk, sys.argv[1], sys.argv[2], failed=lambda e: talk.say(str(e)))
    collection.on_signal(signal.SIGTERM, leave)
    root.mainloop()
