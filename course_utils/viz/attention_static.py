"""Where one head of a transformer looks, as a picture for paper and for pages that run no scripts."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from course_utils.errors import CourseError
from course_utils.viz.attention import LEAST, checked
from course_utils.viz.plots import readable
from course_utils.viz.style import COLOURS, GREY, STYLE, WIDTH, new_figure
from course_utils.viz.text_colours import drawable

ROW = 0.24                                                         # inches: the height of a token
FROM, TO = 2.3, 4.1                                                # inches: where lines begin and end
BEND = 0.7                                                         # inches: how far a line goes on straight
BAR = 2.2                                                          # inches: the bar of a weight of 1


def attention_picture(
    queries: Sequence[str], keys: Sequence[str], weights, query: int | None = None, title: str = ""
) -> Figure:
    """One head: tokens that look on the left, what they look at on the right, a line for each weight (T, S).

    With `query`, the number of a token counted from 0, only its lines are drawn, and its weights written beside the
    keys. Raises CourseError where weights are None, do not fit, or are no softmax; for more than 64 tokens on a side;
    and where there is no such query.
    """
    values = checked(queries, keys, weights, dimensions=2)
    if query is not None and query not in range(len(queries)):
        raise CourseError(f"There is no query {query}; expected 0 to {len(queries) - 1}.")
    rows = max(len(queries), len(keys))
    height = ROW * rows + 0.34 + 0.3 * bool(title)
    figure, axes = new_figure(height)
    figure.set_layout_engine("none")
    axes.set(position=(0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    with matplotlib.rc_context(STYLE):
        axes.text(0.1, 0.17, title, fontsize=11, va="center")
        top = 0.3 * bool(title)
        for x, words, align in ((FROM, "this token looks", "right"), (TO, "at these", "left")):
            axes.text(x, top + 0.17, words, fontsize=9, color=GREY, ha=align, va="center")
        _draw_lines(axes, values, top + 0.32, query)
        _draw_tokens(axes, queries, keys, values, top + 0.32, query)
    return figure


def _draw_lines(axes, values: np.ndarray, top: float, query: int | None) -> None:
    """Curves between the columns; those of the chosen query alone where there is one."""
    for place, row in enumerate(values):
        if query in (None, place):
            for key in np.flatnonzero(row >= LEAST):
                start, end = (FROM + 0.08, top + ROW * (place + 0.5)), (TO - 0.08, top + ROW * (key + 0.5))
                axes.add_patch(_curve(start, end, float(row[key]), least=0.12 if query is None else 0.6))


def _curve(start: tuple[float, float], end: tuple[float, float], weight: float, least: float) -> PathPatch:
    """A line as thick and as dark as the weight is large, the faintest as dark as `least`."""
    points = [start, (start[0] + BEND, start[1]), (end[0] - BEND, end[1]), end]
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    look = {"edgecolor": COLOURS[0], "alpha": least + (0.9 - least) * weight, "linewidth": 0.5 + 5.5 * weight}
    return PathPatch(Path(points, codes), facecolor="none", capstyle="butt", **look)


def _draw_tokens(axes, queries, keys, values: np.ndarray, top: float, query: int | None) -> None:
    """Both columns of names; for a chosen query a bar as long as the weight behind each key, and its share."""
    for place, name in enumerate(names(queries)):
        weight = "bold" if place == query else "normal"
        axes.text(FROM, top + ROW * (place + 0.5), name, ha="right", va="center", fontsize=10, weight=weight)
    for place, name in enumerate(names(keys)):
        y = top + ROW * (place + 0.5)
        if query is not None:
            share = float(values[query, place])
            corner = (TO - 0.04, y - 0.42 * ROW)
            axes.add_patch(Rectangle(corner, BAR * share, 0.84 * ROW, color="#A6CDE6", linewidth=0))
            axes.text(TO + BAR + 0.5, y, f"{100 * share:.0f} %", ha="right", va="center", fontsize=9)
        axes.text(TO, y, name, va="center", fontsize=10)


def names(tokens: Sequence[str]) -> list[str]:
    """Tokens as they can be read and the font can draw them."""
    return ["".join(map(drawable, readable(token))) for token in tokens]
