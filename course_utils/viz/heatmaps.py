"""A matrix as colours: attention and alignment maps, gates and hidden units over a text."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.viz.plots import readable
from course_utils.viz.style import STYLE, WIDTH, new_figure

# White for nothing, then darker all the way: what is more stays more on a grey print and without any kind of cones.
STRENGTH = LinearSegmentedColormap.from_list("strength", ["#FFFFFF", "#A6CDE6", "#0072B2", "#00263D"])
# White for zero. Blue against orange stays apart for colour-blind readers; a grey print keeps the size, not the sign.
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#00395A", "#0072B2", "#A6CDE6", "#FFFFFF", "#F5BE98", "#D55E00", "#6B2F00"]
)
CELL = 0.34                                                        # inches: the side of a square that holds a phoneme
TALLEST = 4.8                                                      # inches for all rows together
MOST_NAMES = 100
LETTER = 0.62                                                      # width of a letter, in heights of its font
POINTS = 72                                                        # in an inch


def heatmap(
    matrix: np.ndarray, rows: Sequence[str] | None, columns: Sequence[str] | None, x_label: str, y_label: str,
    title: str = "", value_label: str = "", signed: bool = False, low: float | None = None, high: float | None = None,
    numbers: bool = False,
) -> Figure:  # fmt: skip
    """Each value of a matrix (rows, columns) as a colour, the first row on top, with a bar that explains the colours.

    rows and columns name them (letters, phonemes, tokens; white space is made visible); None numbers them. Colours go
    from `low` to `high`: 0 to the largest value unless said, with `signed` as far below zero as above. `numbers` writes
    the values into the cells. Raises CourseError where names and shape do not fit, for values that are not numbers, and
    for more than 100 names along a side: nobody could read them.
    """
    values = _checked(matrix, rows, columns)
    names = [[readable(name) for name in side] if side is not None else [] for side in (rows, columns)]
    figure, axes, width, height = _page(values.shape, *names, title)
    with matplotlib.rc_context(STYLE):
        low, high = _limits(values, signed, low, high)
        colours, aspect = SIGNED if signed else STRENGTH, "equal" if width == height else "auto"
        image = axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect=aspect, interpolation="nearest")
        _name_sides(axes, *names, width, height)
        axes.set(xlabel=x_label, ylabel=y_label, anchor="W")
        if numbers:
            _write_numbers(axes, image, min(width, 2 * height))
        _explain_colours(axes, image, value_label, width * values.shape[1])
    return figure


def ink(colour: Sequence[float]) -> str:
    """Black or white, whichever can be read better on a colour (red, green, blue, …), each from 0 to 1."""
    return "black" if luminance(colour) > 0.179 else "white"       # there both have a contrast of 4.6


def luminance(colour: Sequence[float]) -> float:
    """Light that a colour (red, green, blue, …) sends out, from 0 to 1, as WCAG 2 defines it."""
    channels = np.asarray(colour[:3], float)
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _checked(matrix: np.ndarray, rows: Sequence[str] | None, columns: Sequence[str] | None) -> np.ndarray:
    values = np.asarray(matrix, float)
    if values.ndim != 2 or values.size == 0:
        raise CourseError(f"A heat map needs a matrix (rows, columns) that holds something; got shape {values.shape}.")
    for kind, names, size in (("row", rows, values.shape[0]), ("column", columns, values.shape[1])):
        if names is not None and len(names) != size:
            raise CourseError(f"{len(names)} {kind} names for {size} {kind}s of the matrix; expected one for each.")
        if names is not None and size > MOST_NAMES:
            raise CourseError(f"{size} named {kind}s cannot be read; expected {MOST_NAMES} at most. Draw a part.")
    if not np.isfinite(values).all():
        raise CourseError("The matrix holds values that are not numbers (NaN or infinity); expected finite ones.")
    return values


def _limits(values: np.ndarray, signed: bool, low: float | None, high: float | None) -> tuple[float, float]:
    low = min(0.0, values.min()) if low is None else low
    high = max(0.0, values.max()) if high is None else high
    if signed:
        low, high = -max(-low, high), max(-low, high)
    return (low, high) if low < high else (low, low + 1)


def _page(shape: tuple[int, int], rows: list[str], columns: list[str], title: str):
    """Figure, axes, and the width and height of a cell in inches."""
    margin, longest = 1.7 + 0.085 * max(map(len, rows), default=2), max(map(len, columns), default=0)
    width, height = _cell(shape, WIDTH - margin, longest)
    page = min(WIDTH, max(3.4, margin + width * shape[1], 0.8 + 0.085 * len(title)))
    below = 0.95 + 0.085 * longest * _upright(width, longest)
    figure, axes = new_figure(below + height * shape[0], width=page)
    axes.set_title(title, loc="left", fontsize=11)
    return figure, axes, width, height


def _cell(shape: tuple[int, int], room: float, longest: int) -> tuple[float, float]:
    """Width and height of a cell in inches: room for its column's name, or a square, or as wide as the page allows."""
    widest, highest = room / shape[1], TALLEST / shape[0]
    for_name = _name_width(longest, 9.5) / POINTS
    if CELL < for_name <= min(widest, 0.8):
        return for_name, min(CELL, highest)
    side = min(CELL, widest, highest)
    return (side, side) if side > 0.7 * CELL else (min(CELL, widest), min(CELL, highest))


def _name_width(letters: int, size: float) -> float:
    """Points that a name takes with some air beside it."""
    return (LETTER * letters + 0.25) * size


def _upright(width: float, longest: int) -> bool:
    """Whether names of that many letters must stand upright under columns that are `width` inches wide."""
    return longest > 1 and POINTS * width < _name_width(longest, 7)


def _name_sides(axes, rows: list[str], columns: list[str], width: float, height: float) -> None:
    """Names at the ticks, as large as fits; upright at the bottom where a cell is too narrow for them."""
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color="#BFBFBF", linewidth=0.8)
    if rows:
        axes.set_yticks(range(len(rows)), rows, fontsize=min(10.5, POINTS * height / 1.1))
        axes.tick_params(axis="y", length=0)
    if columns:
        longest = max(map(len, columns))
        upright = _upright(width, longest)
        size = POINTS * width / (1.1 if upright else _name_width(longest, 1))
        axes.set_xticks(range(len(columns)), columns, fontsize=min(10.5, size), rotation=90 if upright else 0)
        axes.tick_params(axis="x", length=0)


def _write_numbers(axes, image, room: float) -> None:
    values = image.get_array()
    size = min(9.0, POINTS * room / (4.4 * LETTER))
    for (row, column), value in np.ndenumerate(values):
        colour = ink(image.cmap(image.norm(value)))
        axes.text(column, row, f"{value:.2f}".replace("-", "−"), ha="center", va="center", color=colour, fontsize=size)


def _explain_colours(axes, image, label: str, width: float) -> None:
    """A colour bar as high as the map, so that the two read as one."""
    bar = axes.inset_axes((1 + 0.12 / width, 0, 0.14 / width, 1))
    axes.figure.colorbar(image, cax=bar)
    bar.set_ylabel(label)
    bar.grid(visible=False)
    bar.spines[:].set_visible(False)
    bar.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
