"""The chat in a window of Tk.

    python examples/gui/tk_client.py localhost 4322 --cafile ~/.cache/waitstate-chat/certificate.pem

The loop is Tk's, and the collection is a guest there: what the network tells may touch the window,
and what is clicked may call the network. There is no thread, and nothing polls.
"""

import contextlib
import signal
import sys
import tkinter
from collections.abc import Sequence
from pathlib import Path
from tkinter import filedialog, ttk

import looks
from command_line import place_of_the_chat
from network import Network, Place, State
from transfers import Phase, Transfer

from reactor import WaitStateCollection
from reactor.hosts import tk

GROUND, EDGE, BLUE = "#f2f3f5", "#c8ccd1", "#2e86c1"


class Window:
    """What is seen of the chat; a `View` of its network.

    Args:
        root: an empty window of Tk.
        collection: attached to Tk's loop.
        place: where the chat is.
    """

    def __init__(
        self, root: tkinter.Tk | tkinter.Toplevel, collection: WaitStateCollection, place: Place
    ) -> None:
        self.root = root
        self.collection = collection
        self.network = Network(collection, self, place)
        self.rows: dict[int, Row] = {}
        self._dress()
        self._build_top()
        self._build_bottom()
        self._build_middle()
        root.title(f"Chat at {place.host}")
        root.geometry("{}x{}".format(*looks.SIZE))
        root.protocol("WM_DELETE_WINDOW", self.leave)
        root.bind("<Control-o>", lambda event: self.choose_file())
        root.bind("<Control-q>", lambda event: self.leave())
        root.bind("<Escape>", lambda event: self.entry.focus())
        self.entry.focus()

    def _dress(self) -> None:
        style = ttk.Style(self.root)
        style.theme_use("clam")
        style.configure(".", background=GROUND, bordercolor=EDGE, lightcolor=GROUND)
        style.configure("TButton", padding=(10, 4), background="white")
        style.configure("TEntry", padding=5)
        style.configure(
            "Horizontal.TProgressbar", background=BLUE, lightcolor=BLUE, darkcolor=BLUE,
            troughcolor="white", thickness=10,
        )  # fmt: skip
        self.root.configure(background=GROUND)

    def _build_top(self) -> None:
        top = ttk.Frame(self.root, padding=(12, 8))
        self.light = ttk.Label(top, text="●")
        self.state = ttk.Label(top)
        self.button = ttk.Button(top, text="Connect", command=self.network.retry)
        self.light.pack(side="left")
        self.state.pack(side="left", padx=6, fill="x", expand=True)
        keep_in_room(self.state)
        top.pack(fill="x")

    def _build_middle(self) -> None:
        middle = ttk.Frame(self.root, padding=(12, 0))
        self.lines = tkinter.Text(
            middle, wrap="word", state="disabled", takefocus=False, width=1, height=1,
            relief="flat", padx=10, pady=8, spacing3=4, font="TkDefaultFont",
            highlightthickness=1, highlightbackground=EDGE,
        )  # fmt: skip
        for sign, colour in looks.LINE_COLOURS.items():
            self.lines.tag_configure(sign, foreground=colour)
        self.lines.tag_configure("name", foreground=looks.NAME_COLOUR, font="TkHeadingFont")
        bar = ttk.Scrollbar(middle, command=self.lines.yview)
        self.lines["yscrollcommand"] = bar.set

        def keep_the_end(event: object) -> None:  # a file takes room; the bar has what was seen
            if bar.get()[1] == 1.0:
                self.lines.see("end")

        self.lines.bind("<Configure>", keep_the_end)
        side = ttk.Frame(middle)
        self.room = ttk.Label(side, font="TkHeadingFont")
        self.people = tkinter.Listbox(
            side, width=16, exportselection=False, relief="flat", activestyle="none",
            highlightthickness=1, highlightbackground=EDGE,
        )  # fmt: skip
        self.room.pack(anchor="w", pady=(0, 4))
        self.people.pack(fill="both", expand=True)
        side.pack(side="right", fill="y", padx=(10, 0))
        bar.pack(side="right", fill="y")
        self.lines.pack(fill="both", expand=True)
        middle.pack(fill="both", expand=True)

    def _build_bottom(self) -> None:
        bottom = ttk.Frame(self.root, padding=12)
        self.entry = ttk.Entry(bottom)
        self.entry.bind("<Return>", lambda event: self.say())
        say = ttk.Button(bottom, text="Say", command=self.say)
        send = ttk.Button(bottom, text="Send file…", command=self.choose_file)
        send.pack(side="right")
        say.pack(side="right", padx=6)
        self.entry.pack(fill="x", expand=True)
        bottom.pack(side="bottom", fill="x")
        self.files = ttk.Frame(self.root, padding=(12, 0))
        self.files.pack(side="bottom", fill="x")

    # What people do.

    def say(self) -> None:
        """Send what was typed; what cannot be sent stays where it is."""
        if self.network.say(self.entry.get()):
            self.entry.delete(0, "end")

    def choose_file(self) -> None:
        """Offer a file to whoever is marked in the list; the network lives on meanwhile."""
        name = self.marked()
        if name is None:
            self.show_line("", looks.NOBODY_MARKED)
            return
        try:
            path = filedialog.askopenfilename(parent=self.root, title=f"A file for {name}")
        except tkinter.TclError:  # the dialog has lost its window
            if self.collection.alive:
                raise
            return
        if path:
            self.network.offer(name, Path(path))

    def marked(self) -> str | None:
        """Return who is marked in the list."""
        chosen = self.people.curselection()  # type: ignore[no-untyped-call]  # as typeshed has it
        name: str | None = self.people.get(chosen[0]) if chosen else None
        return name

    def leave(self) -> None:
        """Close everything, whatever it is in the middle of."""
        self.network.close()
        self.collection.close()
        self.root.destroy()

    # What the network tells.

    def show_line(self, name: str, text: str) -> None:
        """Add a line, and keep the end in view unless somebody reads further up."""
        at_end = self.lines.yview()[1] == 1.0
        self.lines["state"] = "normal"
        if name:
            self.lines.insert("end", f"{name}  ", "name", f"{text}\n")
        else:
            self.lines.insert("end", f"{text}\n", text[:1])
        self.lines.delete("1.0", f"end - {looks.LINES_SHOWN} lines")
        self.lines["state"] = "disabled"
        if at_end:
            self.lines.see("end")

    def show_state(self, state: State, text: str) -> None:
        """Show a light, and a button while it is of use."""
        self.light["foreground"] = looks.STATE_COLOURS[state]
        self.state["text"] = text
        if state is State.OFFLINE:
            self.button.pack(side="right", before=self.light)  # else a long text leaves no room
        else:
            self.button.pack_forget()

    def show_people(self, room: str, names: Sequence[str]) -> None:
        """Show them, with the same one marked."""
        marked = self.marked()
        self.room["text"] = room
        self.people.delete(0, "end")
        self.people.insert("end", *names)
        if marked in names:
            self.people.selection_set(names.index(marked))

    def show_transfer(self, transfer: Transfer) -> None:
        """Show a row with a bar, until it is over."""
        row = self.rows.get(transfer.number)
        if row is None:
            row = self.rows[transfer.number] = Row(self.files, self.network, transfer)
        row.show(transfer)
        if transfer.phase is Phase.OVER:
            del self.rows[transfer.number]


class Row:
    """One file."""

    def __init__(self, parent: ttk.Frame, network: Network, transfer: Transfer) -> None:
        desk = network.desk
        self.frame = ttk.Frame(parent, padding=(0, 8, 0, 0))
        self.text = ttk.Label(self.frame)
        self.bar = ttk.Progressbar(self.frame, maximum=looks.BAR_LENGTH)
        accept, cancel = (lambda: desk.accept(transfer)), (lambda: desk.cancel(transfer))
        self.accept = ttk.Button(self.frame, text="Accept", command=accept)
        ttk.Button(self.frame, text="Cancel", command=cancel).pack(side="right")
        if transfer.incoming:
            self.accept.pack(side="right", padx=6)
        keep_in_room(self.text)
        self.text.pack(fill="x")
        self.bar.pack(fill="x", padx=(0, 10))
        self.frame.pack(fill="x")

    def show(self, transfer: Transfer) -> None:
        """Show how far it is."""
        if transfer.phase is Phase.OVER:
            self.frame.destroy()
            return
        self.text["text"] = transfer.text
        self.bar["value"] = transfer.fraction * looks.BAR_LENGTH
        if transfer.phase is Phase.MOVING:
            self.accept.pack_forget()


def keep_in_room(label: ttk.Label) -> None:
    """Break the lines of a label where its room ends."""
    label.bind("<Configure>", lambda event: label.configure(wraplength=event.width))


def main() -> int:
    """Open the window, until it is closed."""
    place = place_of_the_chat()
    try:
        root = tkinter.Tk()
    except tkinter.TclError as error:  # there is no display
        sys.exit(f"chat: {error}")
    with contextlib.closing(WaitStateCollection("chat")) as collection:
        tk.attach(root, collection)
        window = Window(root, collection, place)
        for number in (signal.SIGINT, signal.SIGTERM):
            collection.on_signal(number, window.leave)
        window.network.retry()
        root.mainloop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
