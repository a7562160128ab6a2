"""Looks: what all windows have in common to the eye."""

from typing import Final

from network import State

SIZE: Final = (640, 460)  # pixels
LINES_SHOWN: Final = 2000  # what is older is gone
BAR_LENGTH: Final = 1000  # steps of a progress bar

STATE_COLOURS: Final = {
    State.OFFLINE: "#c0392b",
    State.CONNECTING: "#d68910",
    State.ONLINE: "#1e8449",
}
NAME_COLOUR: Final = "#1f618d"
# By the first sign of a line that nobody says: news of the server, and what is refused.
LINE_COLOURS: Final = {"*": "#6b7780", "!": STATE_COLOURS[State.OFFLINE]}

NOBODY_MARKED: Final = "! mark in the list who is to have the file"
