"""Loss against tokens or operations for models of several sizes, the law that was fitted, and a run foretold."""

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from course_utils.errors import CourseError
from course_utils.viz.plots import MARKERS
from course_utils.viz.style import COLOURS, STYLE, new_figure

Points = tuple[Sequence[float], Sequence[float]]


def scaling_curves(
    runs: Mapping[str, Points],
    laws: Mapping[str, Points],
    x_label: str,
    y_label: str = "validation loss, nats per byte\n(both axes logarithmic)",
    held_out: tuple[float, float] | None = None,
    foretold: tuple[float, float, float] | None = None,
) -> Figure:
    """Runs as points and the law as lines, a colour for each name; both axes logarithmic, so a power law is straight.

    runs and laws: name -> (x, loss); a law whose name is not among the runs is grey. held_out: (x, loss) of a run that
    the law has not seen; foretold: (loss, low, high), what the law says of it. Raises CourseError for more sizes than
    an eye can tell apart, and numbers that have no logarithm.
    """
    if not 1 <= len(runs) <= len(MARKERS) - 1:
        raise CourseError(f"{len(runs)} sizes cannot be told apart; expected 1 to {len(MARKERS) - 1}.")
    numbers = [value for points in (*runs.values(), *laws.values()) for axis in points for value in axis]
    if min(numbers) <= 0:
        raise CourseError(f"{min(numbers)} has no logarithm; expected numbers above 0.")
    figure, axes = new_figure(height=4.0)
    with matplotlib.rc_context(STYLE):
        colours = dict(zip(runs, COLOURS, strict=False))
        for name, (x, y) in laws.items():
            axes.plot(x, y, color=colours.get(name, "#8C8C8C"), linewidth=1.4, zorder=2)
        for (name, (x, y)), marker in zip(runs.items(), MARKERS, strict=False):
            axes.plot(x, y, marker, color=colours[name], markersize=6, label=name, zorder=3)
        if held_out is not None:
            _foretold(axes, held_out, foretold)
        axes.set(xscale="log", yscale="log", xlabel=x_label, ylabel=y_label)
        _plain_amounts(axes)
        _plain_losses(axes)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _foretold(axes, held_out: tuple[float, float], foretold: tuple[float, float, float] | None) -> None:
    """The run as a black cross, and beside it the interval in which the law expects it."""
    x, loss = held_out
    if foretold is not None:
        middle, low, high = foretold
        below, above = max(middle - low, 0), max(high - middle, 0)
        axes.errorbar(
            x, middle, [[below], [above]], fmt="_", color=COLOURS[5], markersize=12, capsize=5, linewidth=2.5,
            label="foretold", zorder=3,
        )  # fmt: skip
    axes.plot(x, loss, "x", color="black", markersize=8, markeredgewidth=2, label="measured,\nheld out", zorder=4)


def _plain_amounts(axes) -> None:
    """Amounts as 200 k or 10 G; 2 and 5 are written too where the axis spans few powers of ten."""
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _plain_losses(axes) -> None:
    """Losses as plain numbers, since they span less than a power of ten."""
    low, high = axes.get_ylim()
    axes.set_yticks(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
