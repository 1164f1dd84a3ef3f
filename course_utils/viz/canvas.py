"""A sheet to draw diagrams on: boxes, circles, arrows and words at places given in inches from the lower left."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from course_utils.viz.style import COLOURS, GREY, STYLE, WIDTH, new_figure

# What a colour means in every diagram: blue the hidden state, orange the memory of an LSTM, green the input.
STATE, MEMORY, INPUT, GATE, PLAIN = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[3], "#333333"
PAPER = "#F7F7F7"
LINE = 1.6                                                         # points
HEAD = 11                                                          # points: an arrow's head
BEND = 0.09                                                        # inches: the radius of a corner

Point = tuple[float, float]


class Canvas:
    """A page of `WIDTH` by `height` inches."""

    def __init__(self, height: float):
        self.figure, self.axes = new_figure(height)
        self.figure.set_layout_engine("none")
        self.axes.set(position=(0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, height), aspect="equal")
        self.axes.axis("off")

    def box(self, x: float, y: float, text: str, colour: str, width: float = 0.9, height: float = 0.5) -> None:
        """A rounded box around (x, y), with a pale fill of its colour."""
        self._area(x, y, width, height, face=tint(colour), edge=colour, rounding=0.09)
        self.text(x, y, text)

    def ground(self, left: float, bottom: float, right: float, top: float, text: str = "") -> None:
        """A grey field behind what belongs together, its name in the upper left corner."""
        middle, size = ((left + right) / 2, (bottom + top) / 2), (right - left, top - bottom)
        self._area(*middle, *size, face=PAPER, edge="#D0D0D0", rounding=0.14, order=0)
        self.text(left + 0.14, top - 0.18, text, colour=GREY, align="left")

    def circle(self, x: float, y: float, text: str, colour: str = PLAIN, radius: float = 0.15, size: float = 12):
        """An operation on numbers that come together here."""
        self.axes.add_patch(Circle((x, y), radius, facecolor="white", edgecolor=colour, linewidth=LINE, zorder=4))
        self.text(x, y, text, size=size)

    def dot(self, x: float, y: float, colour: str) -> None:
        """Here a line divides. Lines that cross without a dot do not touch."""
        self.axes.add_patch(Circle((x, y), 0.04, color=colour, zorder=4))

    def text(
        self, x: float, y: float, text: str, colour: str = "black", size: float = 10.5, align: str = "center",
        weight: str = "normal",
    ) -> None:  # fmt: skip
        """Words or a formula, centred vertically."""
        with matplotlib.rc_context(STYLE):
            self.axes.text(
                x, y, text, color=colour, fontsize=size, ha=align, va="center", weight=weight, zorder=6,
                linespacing=1.25,
            )  # fmt: skip

    def line(
        self, points: Sequence[Point], colour: str = PLAIN, head: bool = True, both: bool = False, width: float = LINE,
        dashed: bool = False, alpha: float = 1.0,
    ) -> None:  # fmt: skip
        """An arrow through the points, its corners rounded; without `head` a line, with `both` a head at either end."""
        style = "<|-|>" if both else "-|>" if head else "-"
        self.axes.add_patch(
            FancyArrowPatch(
                path=rounded_path(points), arrowstyle=style, mutation_scale=0.75 * HEAD if both else HEAD,
                color=colour, linewidth=width, linestyle=(0, (3, 2)) if dashed else "solid", alpha=alpha, zorder=3,
                capstyle="butt", joinstyle="round",
            )  # fmt: skip
        )

    def _area(self, x, y, width, height, face, edge, rounding, order=4) -> None:
        self.axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2), width, height, boxstyle=f"round,pad=0,rounding_size={rounding}",
                facecolor=face, edgecolor=edge, linewidth=1.4 if order else 1.0, zorder=order,
            )  # fmt: skip
        )


def tint(colour: str, share: float = 0.16) -> tuple[float, float, float]:
    """A colour mixed with white; `share` of it is the colour."""
    return tuple(1 - share * (1 - channel) for channel in matplotlib.colors.to_rgb(colour))


def rounded_path(points: Sequence[Point]) -> Path:
    """A path along the points with rounded corners."""
    corners = np.asarray(points, float)
    vertices, codes = [corners[0]], [Path.MOVETO]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        vertices += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*vertices, corners[-1]], [*codes, Path.LINETO])


def _towards(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(end - start)
    return start + (end - start) * min(BEND, distance / 2) / distance

