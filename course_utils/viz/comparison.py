"""Models side by side: one measure as dots, many measures as parallel axes, time against quality, bits per pixel.

Every model keeps its colour and its marker through all pictures where it stands at the same place among the names.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from course_utils.errors import CourseError
from course_utils.viz.heatmaps import STRENGTH, luminance
from course_utils.viz.plots import MARKERS
from course_utils.viz.style import COLOURS, GREY, STYLE, WIDTH, new_figure

Interval = tuple[float, float, float]                              # value, low, high
SPREAD = 0.075                                                     # of an axis: how far apart two labels stand
NAME_WIDTH = 1.1                                                   # inches: closer names stand on two levels
BAND = "#DCDCDC"


# --- one measure ----------------------------------------------------------------------------------


def measure_dots(
    models: Mapping[str, Interval],
    x_label: str,
    references: Mapping[str, Interval] | None = None,
    log: bool = False,
    digits: int = 2,
    title: str = "",
) -> Figure:
    """A dot with its interval for each model, first on top, and what it may be compared with as shaded lines.

    models, references: name -> (value, low, high), in the unit that x_label names. references: floor and ceiling, such
    as real images and noise; each is named above its line. Without `log` the axis begins at zero. Raises CourseError
    for no model or too many, an interval that does not hold its value, and numbers without logarithm where `log`.
    """
    references = references or {}
    _check_count(models)
    for name, interval in (*models.items(), *references.items()):
        _check_interval(name, interval, log)
    figure, axes = new_figure(height=1.35 + 0.36 * len(models))
    with matplotlib.rc_context(STYLE):
        axes.set(xscale="log" if log else "linear", xlabel=x_label, ylim=(len(models) - 0.4, -0.6))
        _set_span(axes, [*models.values(), *references.values()], log)
        _shade(axes, references)
        for row, (interval, colour, marker) in enumerate(zip(models.values(), COLOURS, MARKERS, strict=False)):
            _dot(axes, row, interval, colour, marker, digits)
        axes.set_yticks(range(len(models)), models)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_title(title, loc="left", fontsize=11, pad=6 + 14 * (1 + max(_levels(axes, references), default=-1)))
    return figure


def _check_count(models: Mapping) -> None:
    if not 1 <= len(models) <= len(COLOURS):
        raise CourseError(f"There are {len(models)} models; expected 1 to {len(COLOURS)}, which an eye can tell apart.")


def _check_interval(name: str, interval: Interval, log: bool) -> None:
    value, low, high = interval
    if not (math.isfinite(low) and low <= value <= high < math.inf):
        raise CourseError(f"{name}: {interval}; expected (value, low, high), finite and low ≤ value ≤ high.")
    if log and low <= 0:
        raise CourseError(f"{name}: {low} has no logarithm; expected numbers above 0, or log=False.")


def _set_span(axes, intervals: Sequence[Interval], log: bool) -> None:
    """Limits with room at the right for the numbers that are written beside the dots."""
    low, high = min(low for _, low, _ in intervals), max(high for *_, high in intervals)
    if log:
        span = max(math.log10(high / low), 0.3)
        axes.set_xlim(low / 10 ** (0.06 * span), high * 10 ** (0.14 * span))
        _number_some(axes.xaxis)
    else:
        span = (high - min(0.0, low)) or 1.0
        axes.set_xlim(min(0.0, low - 0.04 * span), high + 0.14 * span)


def _number_some(axis) -> None:
    """Round numbers at a logarithmic axis, written out; 2 and 5 too where the powers of ten alone are few."""
    low, high = sorted(axis.get_view_interval())
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high < 1000 * low else (1,)
    axis.set_ticks([step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high])
    axis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))
    axis.set_minor_formatter(NullFormatter())


def written(value: float, digits: int = 3) -> str:
    """A number without exponent: all digits before the point, and as many after it as make `digits` in all."""
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return np.format_float_positional(value, precision=digits, fractional=False, trim="-")


def ink_of(colour: str) -> tuple[float, float, float]:
    """A colour of the course, darkened until text in it can be read on white: a contrast of 4.5."""
    channels = np.array(matplotlib.colors.to_rgb(colour))
    while 1.05 / (luminance(channels) + 0.05) < 4.5:
        channels = 0.97 * channels
    return tuple(channels)


def _shade(axes, references: Mapping[str, Interval]) -> None:
    """Each reference as a line with its interval as a grey field; names on two levels, as neighbours may be near."""
    edge = axes.get_xlim()[1]
    for level, name in zip(_levels(axes, references), sorted(references, key=references.get), strict=True):
        value, low, high = references[name]
        axes.axvspan(low, high, color=BAND, zorder=0)
        axes.axvline(value, color=GREY, linestyle=(0, (4, 2)), linewidth=1.3, zorder=1)
        axes.annotate(
            name, (value, 1), (0, 4 + 14 * level), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
            ha="center" if _inches(axes, value, edge) > 0.6 else "right", color=GREY, fontsize=9.5,
        )  # fmt: skip


def _levels(axes, references: Mapping[str, Interval]) -> list[int]:
    """0 for a name that stands right above the field, 1 for one that would lie on its left neighbour's."""
    levels: list[int] = []
    order = sorted(references, key=references.get)
    for place, name in enumerate(order):
        near = place and _inches(axes, references[order[place - 1]][0], references[name][0]) < NAME_WIDTH
        levels.append(1 - levels[-1] if near else 0)
    return levels


def _inches(axes, left: float, right: float) -> float:
    """How far two numbers are apart on the page, about: the axes take six inches of it."""
    low, high, left, right = axes.transScale.transform([(x, 0) for x in (*axes.get_xlim(), left, right)])[:, 0]
    return 6 * (right - left) / (high - low)


def _dot(axes, row: int, interval: Interval, colour: str, marker: str, digits: int) -> None:
    value, low, high = interval
    axes.plot([low, high], [row, row], color=colour, linewidth=2.4, solid_capstyle="butt", zorder=3)
    axes.plot(value, row, marker, color=colour, markersize=7, zorder=4)
    axes.annotate(
        f"{value:,.{digits}f}", (high, row), (8, 0), textcoords="offset points", va="center", color=GREY, fontsize=9.5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8}, zorder=5,
    )  # fmt: skip


# --- many measures --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """One axis of `parallel_plot`: its name (may have two lines), whether more is better, and how it is drawn.

    worst, best: the ends of the axis, those of the models unless said.
    """

    name: str
    more_is_better: bool
    log: bool = False
    worst: float | None = None
    best: float | None = None


def parallel_plot(models: Mapping[str, Sequence[float | None]], measures: Sequence[Measure], title: str = "") -> Figure:
    """A vertical axis for each measure, turned so that up is better, and a line for each model with its name beside it.

    models: name -> one value for each measure; None where there is none, such as the bits of a GAN: the line has a gap
    there. The values at the ends are written. Raises CourseError for fewer than two measures, values that do not fit
    them, a model without a value, a measure that nobody has, and numbers without logarithm where the axis has one.
    """
    _check_count(models)
    if len(measures) < 2:
        raise CourseError(f"There are {len(measures)} measures; expected two or more, or draw measure_dots.")
    for name, values in models.items():
        if len(values) != len(measures):
            raise CourseError(f"{name} has {len(values)} values for {len(measures)} measures; expected one for each.")
        if all(value is None for value in values):
            raise CourseError(f"{name} has no value at all; expected one or more.")
    ends = [_ends(measure, [values[place] for values in models.values()]) for place, measure in enumerate(measures)]
    figure, axes = new_figure(height=4.0)
    with matplotlib.rc_context(STYLE):
        axes.set(xlim=(-0.25, len(measures) - 1 + 1.3), ylim=(-0.17, 1.3))
        axes.axis("off")
        axes.set_title(title, loc="left", fontsize=11)
        for place, (measure, (worst, best)) in enumerate(zip(measures, ends, strict=True)):
            _draw_axis(axes, place, measure, worst, best)
        heights = {name: _heights(values, measures, ends) for name, values in models.items()}
        _draw_models(axes, heights)
    return figure


def _ends(measure: Measure, values: Sequence[float | None]) -> tuple[float, float]:
    """The worst and the best value of an axis."""
    there = [value for value in values if value is not None]
    if not there or not all(map(math.isfinite, there)):
        raise CourseError(f"{measure.name!r} has the values {there}; expected one number or more, all finite.")
    low, high = min(there), max(there)
    worst, best = (low, high) if measure.more_is_better else (high, low)
    ends = (worst if measure.worst is None else measure.worst, best if measure.best is None else measure.best)
    if measure.log and min(*ends, *there) <= 0:
        raise CourseError(f"{measure.name!r} reaches {min(*ends, *there)}, which has no logarithm; expected above 0.")
    if min(ends) > low or max(ends) < high:
        raise CourseError(f"{measure.name!r} ends at {ends}, but a model has {low} or {high}; expected room for all.")
    return ends


def _heights(values: Sequence[float | None], measures, ends) -> list[float]:
    """Where values lie on their axes, from 0 (worst) to 1 (best); not-a-number where there is none."""
    return [
        math.nan if value is None else _height(value, measure.log, *end)
        for value, measure, end in zip(values, measures, ends, strict=True)
    ]


def _height(value: float, log: bool, worst: float, best: float) -> float:
    if worst == best:
        return 0.5
    if log:
        value, worst, best = math.log(value), math.log(worst), math.log(best)
    return (value - worst) / (best - worst)


def _draw_axis(axes, place: int, measure: Measure, worst: float, best: float) -> None:
    axes.plot([place, place], [0, 1], color="#8C8C8C", linewidth=1.2, zorder=1)
    axes.text(place, 1.14, measure.name, ha="center", va="baseline", fontsize=9.5, linespacing=1.1)
    for value, height, side in ((best, 1.03, "bottom"), (worst, -0.03, "top")):
        axes.text(place, height, written(value), ha="center", va=side, color=GREY, fontsize=9, zorder=5)


def _draw_models(axes, heights: Mapping[str, Sequence[float]]) -> None:
    """A line for each model, dashed across an axis on which it has no value, and its name at the right."""
    last = {name: [height for height in line if not math.isnan(height)][-1] for name, line in heights.items()}
    at, right = spread(last, SPREAD), len(next(iter(heights.values()))) - 1
    for (name, line), colour, marker in zip(heights.items(), COLOURS, MARKERS, strict=False):
        there = [(place, height) for place, height in enumerate(line) if not math.isnan(height)]
        axes.plot(*zip(*there, strict=True), color=colour, linestyle=(0, (2, 2)), linewidth=1.2, zorder=2)
        axes.plot(range(len(line)), line, color=colour, marker=marker, markersize=7, linewidth=2.2, zorder=3)
        axes.plot([there[-1][0], right + 0.27], [there[-1][1], at[name]], color=colour, linewidth=0.9, zorder=2)
        axes.text(right + 0.3, at[name], name, color=ink_of(colour), va="center", fontsize=10.5)


def spread(places: Mapping[str, float], least: float) -> dict[str, float]:
    """The places (0 to 1) of labels moved apart until two are `least` from each other, in their order, near their own.

    Neighbours that lie too close share the way: the middle of a crowd stays where it was.
    """
    order = sorted(places, key=places.get)
    groups = [[[name], places[name]] for name in order]             # names, and the middle of them
    moved = True
    while moved:
        moved = False
        for one, other in zip(groups, groups[1:], strict=False):
            if other[1] - one[1] < least * (len(one[0]) + len(other[0])) / 2 - 1e-9:
                names = one[0] + other[0]
                middle = (one[1] * len(one[0]) + other[1] * len(other[0])) / len(names)
                groups[groups.index(one)] = [names, middle]
                groups.remove(other)
                moved = True
                break
    return {
        name: middle + least * (rank - (len(names) - 1) / 2)
        for names, middle in groups
        for rank, name in enumerate(names)
    }


# --- time against quality -------------------------------------------------------------------------


def pareto_plot(
    models: Mapping[str, Sequence[tuple[float, float, str]]],
    x_label: str = "seconds per image (logarithmic)",
    y_label: str = "Fréchet distance",
    log: bool = True,
    title: str = "",
) -> Figure:
    """Time against distance, both better when smaller; the settings of one model are joined, and the front is drawn.

    models: name -> (seconds, distance, note) of each setting, in the order they are joined in; a short note, such as
    a number of steps, stands at its point. log: whether distances are logarithmic too. On the grey field something is
    both faster and better. Raises CourseError for too few or many models, one without points, and numbers not above 0
    or not finite.
    """
    _check_count(models)
    points = [point for settings in models.values() for point in settings]
    numbers = [number for point in points for number in point[:2]]
    if not all(models.values()) or not all(math.isfinite(number) and number > 0 for number in numbers):
        raise CourseError(f"{dict(models)}; expected one setting or more of each model, all of them above 0.")
    figure, axes = new_figure(height=4.2)
    with matplotlib.rc_context(STYLE):
        axes.set(xscale="log", yscale="log" if log else "linear", xlabel=x_label, ylabel=y_label)
        axes.set_title(title, loc="left", fontsize=11)
        limits = _room([seconds for seconds, *_ in points], 0.1, 0.3), _room([d for _, d, _ in points], 0.1, 0.15)
        axes.set(xlim=limits[0], ylim=limits[1] if log else (0, 1.12 * max(d for _, d, _ in points)))
        for axis in (axes.xaxis, axes.yaxis)[: 1 + log]:
            _number_some(axis)
        _draw_front(axes, [(seconds, distance) for seconds, distance, _ in points])
        for (name, settings), colour, marker in zip(models.items(), COLOURS, MARKERS, strict=False):
            _draw_settings(axes, name, settings, colour, marker)
    return figure


def _room(values: Sequence[float], before: float, after: float) -> tuple[float, float]:
    """Both ends of a logarithmic axis with a share of its length before the values, and behind them for names."""
    low, high = math.log10(min(values)), math.log10(max(values))
    span = max(high - low, 0.5)
    return 10 ** (low - before * span), 10 ** (high + after * span)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other beats, from left to right; smaller is better in both, and equal points count once."""
    best: list[tuple[float, float]] = []
    for point in sorted(set(points)):
        if not best or point[1] < best[-1][1]:
            best.append(point)
    return best


def _draw_front(axes, points: Sequence[tuple[float, float]]) -> None:
    """Steps along the front, and a field where a point would be beaten."""
    best, right, top = front(points), axes.get_xlim()[1], axes.get_ylim()[1]
    across = [x for x, _ in best] + [right]
    up = [y for _, y in best] + [best[-1][1]]
    axes.fill_between(across, up, top, step="post", color="#EFEFEF", zorder=0, linewidth=0)
    axes.step([across[0], *across], [top, *up], where="post", color="#8C8C8C", linewidth=1.4, zorder=1)
    axes.grid(visible=False)
    axes.annotate(
        "front", (right, up[-1]), (-5, -4), textcoords="offset points", ha="right", va="top", color=GREY, fontsize=9.5
    )  # fmt: skip


def _draw_settings(axes, name: str, settings: Sequence[tuple[float, float, str]], colour: str, marker: str) -> None:
    """The settings of a model, joined, notes at the lower left of each, and the name above the first."""
    seconds, distances, notes = zip(*settings, strict=True)
    axes.plot(seconds, distances, color=colour, marker=marker, markersize=7, linewidth=1.6, zorder=3)
    for x, y, note in zip(seconds, distances, notes, strict=True):
        axes.annotate(
            note, (x, y), (-5, -5), textcoords="offset points", ha="right", va="top", color=ink_of(colour), fontsize=9,
            zorder=4,
        )  # fmt: skip
    axes.annotate(
        name, (seconds[0], distances[0]), (4, 6), textcoords="offset points", color=ink_of(colour), fontsize=10.5,
        zorder=4,
    )  # fmt: skip


# --- bits per pixel -------------------------------------------------------------------------------


def bits_map(
    images: np.ndarray, bits: np.ndarray, names: Sequence[str] = (), most: float | None = None, title: str = ""
) -> Figure:
    """Images above, and below each what its pixels cost, all on one scale that starts at 0, with their mean.

    images (B, 1, H, W), of any numbers: black is the least, white the largest. bits (B, H, W). names: above the images.
    most: the top of the scale; what costs more is drawn as that. Raises CourseError for shapes that do not fit, more
    than eight images, and bits below 0 or not finite.
    """
    images, bits = np.asarray(images), np.asarray(bits, float)
    if images.ndim != 4 or images.shape[1] != 1 or bits.shape != (len(images), *images.shape[2:]):
        raise CourseError(f"images {images.shape}, bits {bits.shape}; expected (B, 1, H, W) and (B, H, W).")
    if not 1 <= len(images) <= 8 or (names and len(names) != len(images)):
        raise CourseError(f"{len(images)} images, {len(names)} names; expected 1 to 8, and a name for each or none.")
    if not (np.isfinite(bits).all() and bits.min() >= 0):
        raise CourseError(f"bits go from {bits.min():.3g} to {bits.max():.3g}; expected finite numbers, 0 or above.")
    side = min(1.5, (WIDTH - 1) / len(images))
    figure, grid = new_figure(0.9 + 2 * side, columns=len(images), rows=2, width=max(3.4, 1 + side * len(images)))
    with matplotlib.rc_context(STYLE):
        grid = np.asarray(grid).reshape(2, len(images))
        for place, (above, below) in enumerate(grid.T):
            above.imshow(images[place, 0], cmap="gray", interpolation="nearest")
            top = bits.max() if most is None else most
            drawn = below.imshow(bits[place], cmap=STRENGTH, vmin=0, vmax=top or 1, interpolation="nearest")
            above.set_title(names[place] if names else "", fontsize=9.5, loc="center")
            below.set_xlabel(f"mean {bits[place].mean():.2f}", fontsize=9.5)
            for axes in (above, below):
                axes.set(xticks=[], yticks=[])
                axes.grid(visible=False)
                axes.spines[:].set(visible=True, color="#BFBFBF", linewidth=0.8)
        _explain_bits(figure, drawn, grid)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _explain_bits(figure: Figure, drawn, grid: np.ndarray) -> None:
    """A bar of colours beside the lower row; room for it is taken from both, so that they stay in line."""
    bar = figure.colorbar(drawn, ax=grid.ravel().tolist(), shrink=0.42, pad=0.02, aspect=12, anchor=(0, 0.06))
    bar.set_label("bits per pixel", fontsize=9.5)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_locator(MaxNLocator(4))
