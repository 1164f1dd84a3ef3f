"""Curves of several runs: a measure against x for models and seeds, and the loss of a training run."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from course_utils.errors import CourseError
from course_utils.viz.plots import MARKERS
from course_utils.viz.style import COLOURS, GREY, STYLE, new_figure

MOST_TICKS = 12
SMOOTHING = 0.04                                                   # of the run: the width of the running mean


def bands(
    series: Mapping[str, np.ndarray],
    x: Sequence[float],
    x_label: str,
    y_label: str,
    title: str = "",
    chance: float | None = None,
    log: bool = False,
) -> Figure:
    """What several models reach, each trained from several seeds: the mean, every seed thin, lowest to highest shaded.

    series: name -> (seeds, points), or (points,) for a single run; x (points,). `chance`, what guessing reaches, is a
    dashed line. The y axis begins at zero, or is logarithmic with `log`. Raises CourseError where the shapes do not fit
    and for more models than an eye can tell apart.
    """
    runs = {name: _runs(name, values, len(x)) for name, values in series.items()}
    if not 1 <= len(runs) <= len(MARKERS):
        raise CourseError(f"{len(runs)} models cannot be told apart; expected 1 to {len(MARKERS)}. Draw fewer at once.")
    figure, axes = new_figure()
    with matplotlib.rc_context(STYLE):
        for (name, values), marker, colour in zip(runs.items(), MARKERS, COLOURS, strict=False):
            _band(axes, x, values, colour)
            axes.plot(x, values.mean(axis=0), color=colour, marker=marker, markersize=5, label=name)
        axes.set(xlabel=x_label, ylabel=y_label)
        axes.set_yscale("log") if log else axes.set_ylim(bottom=0)
        _ticks(axes, x)
        if chance is not None:
            _level(axes, chance, "chance")
        _heading(axes, title, columns=len(runs) if len(runs) > 1 else 0)
    return figure


def training_curve(
    steps: Sequence[float],
    train: Sequence[float],
    validation: Sequence[tuple[float, float]] = (),
    title: str = "",
    unit: str = "nats per token",
    x_label: str = "step",
) -> Figure:
    """The loss of a run: each batch faint, their running mean over it, the validation loss as dots, the best ringed.

    steps and train (points,): the loss of one batch and where it was; validation: pairs of step and loss. The y axis
    begins at zero. Losses that are not numbers leave a gap. Raises CourseError where steps and train differ in length.
    """
    if len(steps) != len(train):
        raise CourseError(f"{len(steps)} steps but {len(train)} losses; expected a step for each loss.")
    losses = np.asarray(train, float)
    figure, axes = new_figure(height=3.0)
    with matplotlib.rc_context(STYLE):
        axes.plot(steps, losses, color=COLOURS[0], alpha=0.3, linewidth=0.8, marker="." if len(losses) == 1 else None)
        axes.plot(steps, smoothed(losses, round(SMOOTHING * len(losses))), color=COLOURS[0], label="training")
        axes.set(xlabel=x_label, ylabel=f"loss, {unit}")
        if len(validation):
            _validation(axes, *np.asarray(validation, float).T)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        _heading(axes, title, columns=2 if len(validation) else 0)
    return figure


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """The mean over about `width` values around each, fewer at both ends; values (points,), NaNs left out."""
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    place = np.arange(len(values))
    low, high = np.maximum(place - width // 2, 0), np.minimum(place + width // 2 + 1, len(values))
    counted = count[high] - count[low]
    return np.where(counted > 0, (total[high] - total[low]) / np.maximum(counted, 1), np.nan)


def _runs(name: str, values: np.ndarray, points: int) -> np.ndarray:
    runs = np.atleast_2d(np.asarray(values, float))
    if runs.ndim != 2 or runs.shape[0] == 0 or runs.shape[1] != points or points == 0:
        raise CourseError(
            f"{name!r} has shape {np.shape(values)}; expected (seeds, {points}): a row a seed, a column for each x."
        )
    return runs


def _band(axes, x: Sequence[float], values: np.ndarray, colour: str) -> None:
    axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.16, linewidth=0)
    if len(values) > 1:
        axes.plot(x, values.T, color=colour, alpha=0.45, linewidth=0.8)


def _validation(axes, steps: np.ndarray, losses: np.ndarray) -> None:
    known = np.isfinite(losses)
    best = int(np.argmin(np.where(known, losses, np.inf)))
    label = f"validation, best {losses[best]:.3f} at {steps[best]:,.0f}" if known[best] else "validation"
    axes.plot(steps, losses, "o", color=COLOURS[1], markersize=5, label=label)
    if known[best]:
        axes.plot(steps[best], losses[best], "o", color=COLOURS[1], markersize=11, fillstyle="none")


def _level(axes, value: float, label: str) -> None:
    """A dashed line across, its name above it at the right."""
    axes.axhline(value, color=GREY, linestyle=(0, (4, 3)), linewidth=1.2, zorder=1)
    axes.annotate(
        label, (1, value), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
        ha="left", va="center", color=GREY, annotation_clip=False,
    )  # fmt: skip


def _ticks(axes, x: Sequence[float]) -> None:
    """A tick at each x where those are few whole numbers that do not crowd."""
    closest = min(np.diff(sorted(x)), default=1) / max(max(x) - min(x), 1)
    if len(x) <= MOST_TICKS and closest > 0.03 and all(float(value).is_integer() for value in x):
        axes.set_xticks(x, [f"{value:g}" for value in x])


def _heading(axes, title: str, columns: int) -> None:
    """The title, and under it the legend in one row, where it covers no curve."""
    if columns:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderpad=0.2, borderaxespad=0.1,
            handlelength=1.8, columnspacing=1.6,
        )  # fmt: skip
    axes.set_title(title, loc="left", fontsize=11, pad=26 if columns and title else None)
