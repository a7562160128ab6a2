"""Drawing: readings on a canvas of Tk, with axes, units, and bands where nothing is known."""

import tkinter
from typing import Final

from plot import Point, Scale, label, room_for, thinned
from readings import Reading, gaps, runs

LEFT, RIGHT, TOP, BOTTOM = 64, 18, 24, 30  # pixels around the plot
TICKS_ACROSS: Final = 70  # pixels from one tick to the next, at least
TICKS_UPRIGHT: Final = 36
LEAST_BAND: Final = 16  # pixels in which a line of text has room
SMALL: Final = ("TkDefaultFont", 9)
PAPER, FRAME, GRID, INK = "#ffffff", "#9aa5b1", "#e4e7eb", "#52606d"
LINE, LOST, WHY = "#0b69a3", "#fde8e8", "#ba2525"


class Drawing:
    """What an instrument has shown in the last seconds.

    Args:
        canvas: where it is drawn; all of it, at whatever size.
    """

    def __init__(self, canvas: tkinter.Canvas) -> None:
        self.canvas = canvas
        canvas.configure(background=PAPER, highlightthickness=0)

    def show(self, readings: list[Reading], now: float, length: float) -> None:
        """Draw the readings of the last `length` seconds; the one before them may lead there."""
        canvas = self.canvas
        width, height = canvas.winfo_width(), canvas.winfo_height()
        canvas.delete("all")
        if width <= LEFT + RIGHT or height <= TOP + BOTTOM:
            return  # nobody could see anything
        across = Scale(-length, 0.0, LEFT, width - RIGHT)
        values = [reading.value for reading in readings if reading.value is not None]
        upright = Scale(*room_for(values), height - BOTTOM, TOP)
        for gap in gaps(readings, now):
            edges = across(max(gap.begin - now, -length)), across(gap.end - now)
            self._band(*edges, upright, gap.reason)
        self._axes(across, upright)
        canvas.tag_raise("reason")
        for run in runs(readings):
            points = [(across(when - now), upright(value)) for when, value in run]
            self._line(inside(points, across.first))

    def _band(self, left: float, right: float, upright: Scale, reason: str) -> None:
        edges = (left, upright.last, right, upright.first)
        self.canvas.create_rectangle(*edges, fill=LOST, width=0)
        if right - left > LEAST_BAND:  # else the next to it may have a word there, too
            middle = ((left + right) / 2, (upright.first + upright.last) / 2)
            self.canvas.create_text(
                *middle, text=reason, angle=90, font=SMALL, fill=WHY, tags="reason"
            )

    def _axes(self, across: Scale, upright: Scale) -> None:
        canvas = self.canvas
        marks = across.ticks(TICKS_ACROSS)
        for mark in marks:
            x = across(mark)
            canvas.create_line(x, upright.first, x, upright.last, fill=GRID)
            text = f"{label(mark, marks)} s" if mark else "now"
            canvas.create_text(x, upright.first + 6, text=text, anchor="n", font=SMALL, fill=INK)
        marks = upright.ticks(TICKS_UPRIGHT)
        for mark in marks:
            y = upright(mark)
            canvas.create_line(across.first, y, across.last, y, fill=GRID)
            text = label(mark, marks)
            canvas.create_text(across.first - 8, y, text=text, anchor="e", font=SMALL, fill=INK)
        canvas.create_text(8, 4, text="voltage in V", anchor="nw", font=SMALL, fill=INK)
        edges = (across.first, upright.last, across.last, upright.first)
        canvas.create_rectangle(*edges, outline=FRAME)

    def _line(self, points: list[Point]) -> None:
        points = thinned(points)
        if len(points) > 1:
            flat = [coordinate for point in points for coordinate in point]
            self.canvas.create_line(*flat, fill=LINE, width=2)
        for x, y in points[-1:]:
            self.canvas.create_oval(x - 3, y - 3, x + 3, y + 3, fill=LINE, width=0)


def inside(points: list[Point], edge: float) -> list[Point]:
    """Cut a line that begins left of an edge, there."""
    if len(points) > 1 and points[0][0] < edge <= points[1][0]:
        (x, y), (right, lower) = points[:2]
        return [(edge, y + (lower - y) * (edge - x) / (right - x)), *points[1:]]
    return [point for point in points if point[0] >= edge]
