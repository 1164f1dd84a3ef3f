"""Points in the plane, the arrows that lead back to them, and the ways that points take along the arrows."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.shapes import check_finite
from course_utils.viz.style import COLOURS, GREY, STYLE, new_figure

DOTS = "#000000"


def arrow_field(
    points: np.ndarray, places: np.ndarray, arrows: np.ndarray, paths: np.ndarray | None = None, title: str = ""
) -> Figure:
    """Points (N, 2) black, an arrow (M, 2) at each of the places (M, 2), and paths (T, P, 2) if there are any.

    Arrows are drawn with the root of their length, so that short ones are seen beside long ones. A path ends in a dot.
    """
    points, places, arrows = _points("points", points), _points("places", places), _points("arrows", arrows)
    if places.shape != arrows.shape:
        raise CourseError(f"{len(arrows)} arrows for {len(places)} places; expected one for each.")
    length = np.linalg.norm(arrows, axis=1, keepdims=True)
    drawn = arrows / np.sqrt(np.maximum(length, 1e-12))
    figure, axes = new_figure(height=4.6, width=4.9)
    with matplotlib.rc_context(STYLE):
        axes.plot(*points.T, "o", color=DOTS, markersize=3.2, zorder=2.5)
        axes.quiver(*places.T, *drawn.T, color=COLOURS[0], angles="xy", width=0.004, zorder=2)
        for path in [] if paths is None else np.asarray(paths, float).transpose(1, 0, 2):
            axes.plot(*path.T, color=COLOURS[1], linewidth=1.4, zorder=3)
            axes.plot(*path[-1], "o", color=COLOURS[1], markersize=5, zorder=4)
        _square(axes, 1.05 * np.abs(places).max())
        axes.set_title(title, loc="left", fontsize=11)
    return figure


def _points(name: str, values) -> np.ndarray:
    points = np.asarray(values, float)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise CourseError(f"{name!r} has shape {points.shape}; expected (N, 2), N 1 or more.")
    check_finite(**{name: points})
    return points


def _square(axes, reach: float) -> None:
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.tick_params(labelsize=9, labelcolor=GREY)
