"""A few points, each with its name beside it, over an x axis of powers of ten."""

import math
from collections.abc import Mapping

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from course_utils.errors import CourseError
from course_utils.viz.plots import readable
from course_utils.viz.style import COLOURS, GREY, STYLE, new_figure

BEHIND_NAME = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
NAME_WIDTH, NAME_HEIGHT = 0.35, 0.068                              # shares of the axes that a name takes up


def named_points(points: Mapping[str, tuple[float, float]], x_label: str, y_label: str, title: str = "") -> Figure:
    """Points (x, y) by name; x on a logarithmic axis, y on one that does not begin at zero: say so in its label.

    A name that would lie on another, or on a point, is moved up and joined to its point by a line. Raises CourseError
    where there is no point, or an x that has no logarithm.
    """
    if not points or min(x for x, _ in points.values()) <= 0:
        raise CourseError(f"There are {len(points)} points; expected one or more, all with x above 0.")
    places = {name: (math.log10(x), y) for name, (x, y) in points.items()}
    left, right = _limits([x for x, _ in places.values()], least=1.5, after=0.55)
    bottom, top = _limits([y for _, y in places.values()], least=0.2, after=0.4)
    heights = _heights(places, NAME_WIDTH * (right - left), NAME_HEIGHT * (top - bottom))
    figure, axes = new_figure(height=3.6)
    with matplotlib.rc_context(STYLE):
        axes.set(xlabel=x_label, ylabel=y_label, xscale="log", xlim=(10**left, 10**right), ylim=(bottom, top))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(title, loc="left", fontsize=11)
        for name in sorted(points, key=heights.get, reverse=True):  # so that a name covers the lines to those above it
            (x, y), line = points[name], {"arrowstyle": "-", "color": GREY, "linewidth": 0.8, "relpos": (0, 0.5)}
            at = 10 ** (math.log10(x) + 0.02 * (right - left)), heights[name]
            line = line if heights[name] > y else None
            axes.annotate(readable(name), (x, y), at, va="center", arrowprops=line, bbox=BEHIND_NAME)
            axes.plot(x, y, "o", color=COLOURS[0], markersize=6, zorder=4)
    return figure


def _limits(values: list[float], least: float, after: float) -> tuple[float, float]:
    """Both ends of an axis with room for names: a seventh of the span before the values, the share `after` behind."""
    span = max(max(values) - min(values), least)
    return min(values) - span / 7, max(values) + after * span


def _heights(places: Mapping[str, tuple[float, float]], width: float, height: float) -> dict[str, float]:
    """The y of each name, from the lowest point upwards: the point's own, or where it lies on no name and no point."""
    written: dict[str, float] = {}
    for name, (x, y) in sorted(places.items(), key=lambda item: item[1][1]):
        near = [written[other] for other in written if abs(places[other][0] - x) < width]
        behind = [dot for left, dot in places.values() if 0 < left - x < width]
        at = max([y, *(neighbour + height for neighbour in near)])
        while any(abs(at - dot) < 0.6 * height for dot in behind):
            at += height / 4
        written[name] = at
    return written
