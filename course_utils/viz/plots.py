"""The few kinds of plot the lessons share. Each returns a Figure for `show(figure, alt=…)`."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from course_utils.errors import CourseError
from course_utils.shapes import check_counts
from course_utils.viz.style import COLOURS, GREY, HALF, STYLE, WIDTH, new_figure

MARKERS = "osD^vPX"


def lines(
    series: Mapping[str, Sequence[float]],
    x: Sequence[float],
    x_label: str,
    y_label: str,
    title: str = "",
    from_zero: bool = True,
) -> Figure:
    """Curves over common x values, each with its own colour and marker. The y axis begins at zero if `from_zero`.

    Raises CourseError for more curves than an eye can tell apart, and for one that has not as many values as `x`.
    """
    _check_lengths(x, series)
    if len(series) > len(MARKERS):
        raise CourseError(f"{len(series)} curves cannot be told apart; expected {len(MARKERS)} or fewer. Draw two.")
    figure, axes = new_figure()
    with matplotlib.rc_context(STYLE):
        for (name, values), marker in zip(series.items(), MARKERS, strict=False):
            axes.plot(x, values, marker=marker, markersize=5, label=name)
        _name(axes, x_label, y_label, title)
        if from_zero:
            axes.set_ylim(bottom=0)
        if all(isinstance(value, int) for value in x):
            axes.set_xticks(x)
        if len(series) > 1:
            axes.legend()
    return figure


def scatter(
    x, y, x_label: str, y_label: str, title: str = "", log: bool = False, notes: Mapping[str, tuple] | None = None
) -> Figure:
    """Points, on logarithmic axes if wanted; `notes` maps a label to the point it is written at.

    Raises CourseError where there are not as many y as x.
    """
    _check_lengths(x, {"y": y})
    figure, axes = new_figure()
    axes.plot(x, y, ".", color=COLOURS[0], markersize=3)
    _name(axes, x_label, y_label, title)
    if log:
        axes.set(xscale="log", yscale="log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for label, point in (notes or {}).items():
        axes.plot(*point, "o", color=COLOURS[1], markersize=5)
        axes.annotate(label, point, xytext=(6, 6), textcoords="offset points", color=COLOURS[1])
    return figure


def bars(
    values: Mapping[str, float], x_label: str, title: str = "", highlight: Sequence[str] = (), digits: int = 2
) -> Figure:
    """Horizontal bars, first on top, each with its value; the highlighted ones in a second colour."""
    check_counts(0, digits=digits)
    figure, axes = new_figure(height=0.7 + 0.27 * len(values))
    names = [readable(name) for name in values]
    colours = [COLOURS[1] if name in highlight else COLOURS[0] for name in values]
    axes.barh(range(len(names)), list(values.values()), color=colours, height=0.72)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    _name(axes, x_label, "", title)
    for row, value in enumerate(values.values()):
        number = f"{value:.{int(digits)}f}"
        side = {"xytext": (-4, 0), "ha": "right"} if value < 0 else {"xytext": (4, 0)}
        axes.annotate(number, (value, row), textcoords="offset points", va="center", color=GREY, **side)
    axes.margins(x=0.12)
    return figure


def small_bars(panels: Mapping[str, Mapping[str, float]], x_label: str, title: str = "") -> Figure:
    """One small bar chart a panel, side by side on the same scale, for comparing distributions."""
    tallest = max(len(values) for values in panels.values())
    figure, grid = new_figure(height=1.0 + 0.27 * tallest, columns=len(panels), width=max(WIDTH, 1.75 * len(panels)))
    top = max((value for values in panels.values() for value in values.values()), default=1)
    for axes, (name, values) in zip(grid if len(panels) > 1 else [grid], panels.items(), strict=True):
        axes.barh(range(len(values)), list(values.values()), color=COLOURS[0], height=0.72)
        axes.set_yticks(range(len(values)), [readable(token) for token in values])
        axes.set(xlim=(0, top * 1.05), ylim=(tallest - 0.5, -0.5))
        axes.xaxis.set_major_locator(MaxNLocator(2))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        _name(axes, x_label, "", name)
        axes.grid(axis="y", visible=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _check_lengths(x, series: Mapping[str, Sequence[float]]) -> None:
    for name, values in series.items():
        if np.shape(values) != np.shape(x):
            raise CourseError(f"{name} has shape {np.shape(values)}, x {np.shape(x)}; expected a value for each x.")


def _name(axes, x_label: str, y_label: str, title: str) -> None:
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_title(title, loc="left", fontsize=11)


def readable(token: str) -> str:
    """A token as a reader should see it: white space visible, `$` not taken for mathematics, long ones cut."""
    shown = HALF.sub("□", token).replace("\n", "↵").replace("$", r"\$")
    shown = "␣" + shown[1:] if shown.startswith(" ") else shown
    return shown if len(shown) <= 24 else shown[:23] + "…"
