"""Positions as angles: for each pair of numbers, a dial whose hand turns from position to position."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from course_utils.errors import CourseError
from course_utils.shapes import check_finite
from course_utils.viz.canvas import MEMORY, STATE, Canvas
from course_utils.viz.style import GREY, WIDTH

LABELS, HEADER = 1.55, 0.6                                         # inches at the left, and above for two lines
MOST_COLUMNS, MOST_ROWS = 12, 6


def dials(angles: np.ndarray, rows: Sequence[str], columns: Sequence[str], marks: np.ndarray | None = None) -> Figure:
    """One dial for each angle: a hand that points right at 0 and turns to the left, against the clock.

    angles (rows, columns) in radians; `marks`, of the same shape, are drawn as a second, orange hand, for a query and a
    key in one dial. rows and columns are their names. Raises CourseError where shapes and names do not fit, and for
    more than 6 rows or 12 columns.
    """
    angles = np.asarray(angles, float)
    shapes = {angles.shape} if marks is None else {angles.shape, np.shape(marks)}
    if shapes != {(len(rows), len(columns))}:
        raise CourseError(f"the angles have shape {shapes}; expected {(len(rows), len(columns))}: one for each name.")
    if not (0 < len(rows) <= MOST_ROWS and 0 < len(columns) <= MOST_COLUMNS):
        raise CourseError(f"{angles.shape} dials do not fit; expected at most {MOST_ROWS} rows of {MOST_COLUMNS}.")
    check_finite(angles=angles)
    side = min(0.95, (WIDTH - LABELS) / len(columns))
    page = Canvas(side * len(rows) + HEADER)
    for row, name in enumerate(rows):
        y = side * (len(rows) - row - 0.5) + 0.05
        page.text(0.1, y, name, GREY, align="left", size=9.5)
        for column in range(len(columns)):
            x = LABELS + side * (column + 0.5)
            _dial(page, x, y, 0.42 * side)
            if marks is not None:
                _hand(page, x, y, 0.42 * side, marks[row][column], MEMORY)
            _hand(page, x, y, 0.42 * side, angles[row, column], STATE)
    for column, name in enumerate(columns):
        page.text(LABELS + side * (column + 0.5), side * len(rows) + HEADER / 2, name, size=9.5)
    return page.figure


def _dial(page: Canvas, x: float, y: float, radius: float) -> None:
    page.axes.add_patch(Circle((x, y), radius, facecolor="white", edgecolor="#BFBFBF", linewidth=1.0, zorder=2))


def _hand(page: Canvas, x: float, y: float, radius: float, angle: float, colour: str) -> None:
    page.line([(x, y), (x + radius * math.cos(angle), y + radius * math.sin(angle))], colour)
