"""An image in numbers, codes as points, the plane of latent codes and what is decoded there, masses of levels."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.viz.style import COLOURS, GREY, STYLE, WIDTH, new_figure

GAP = 1                                                            # pixels between two images of a mosaic
TEN = (*COLOURS, "#8C564B", "#8A8A00", "#7F7F7F")                  # for ten classes, each with a marker too
TEN_MARKERS = "osD^vPX<>*"                                         # colours alone do not tell ten classes apart
MOST_PANELS = 5
WHITE = 255


def pixel_numbers(levels: np.ndarray, row: int = 0, column: int = 0) -> Figure:
    """A part of an image (H, W) in its own greys, the level of each pixel, 0 to 255, written on it.

    row and column: where in the image the part begins, for the names at its sides. Raises CourseError for other shapes
    and for numbers that are no levels.
    """
    levels = np.asarray(levels)
    if levels.ndim != 2 or not levels.size or levels.min() < 0 or levels.max() > WHITE:
        raise CourseError(f"levels have shape {levels.shape}; expected (H, W) of numbers from 0 to {WHITE}.")
    high, wide = levels.shape
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(height=0.5 + 0.34 * high, width=min(WIDTH, 0.7 + 0.5 * wide))
        axes.imshow(levels, cmap="gray", vmin=0, vmax=WHITE, aspect="auto", interpolation="nearest")
        for (line, place), level in np.ndenumerate(levels):
            ink = "black" if level > WHITE / 2 else "white"
            axes.text(place, line, f"{level:.0f}", ha="center", va="center", color=ink, fontsize=9.5)
        axes.set_xticks(range(wide), [str(column + place) for place in range(wide)])
        axes.set_yticks(range(high), [str(row + line) for line in range(high)])
        axes.set(xlabel="column", ylabel="row")
        axes.grid(visible=False)
    return figure


def latent_map(
    codes: np.ndarray, labels: np.ndarray, classes: Sequence[str], title: str = "", drawn: np.ndarray | None = None
) -> Figure:
    """Codes of images (N, 2) as points; each class has a colour and a marker of its own, named at the right.

    labels (N,) are places in `classes`, ten at most. drawn (M, 2): points to mark with crosses, such as draws of a
    sampler. Both axes have one scale, so that a distance is one. Raises CourseError for other shapes.
    """
    codes, labels = np.asarray(codes, float), np.asarray(labels)
    if codes.ndim != 2 or codes.shape[1] != 2 or labels.shape != codes.shape[:1] or len(classes) > len(TEN):
        got = f"codes {codes.shape}, labels {labels.shape}, {len(classes)} classes"
        raise CourseError(f"{got}; expected (N, 2), (N,) and ten at most.")
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(height=4.6)
        for label, (name, colour, marker) in enumerate(zip(classes, TEN, TEN_MARKERS, strict=False)):
            points = codes[labels == label]
            if len(points):
                axes.plot(*points.T, marker, color=colour, markersize=4, alpha=0.7, markeredgewidth=0, label=name)
        if drawn is not None:
            axes.plot(*np.asarray(drawn, float).T, "x", color="black", markersize=8, markeredgewidth=2, label="drawn")
        axes.set(xlabel="first latent number", ylabel="second latent number", aspect="equal", title=title)
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), markerscale=1.6)
    return figure


def latent_plane(
    images: np.ndarray, across: Sequence[float], up: Sequence[float], title: str = "",
    point: tuple[float, float] | None = None, decoded: np.ndarray | None = None,
) -> Figure:  # fmt: skip
    """What is decoded all over a plane: a mosaic with the latent numbers at its sides, the largest `up` on top.

    images (len(up), len(across), H, W) in [−1, 1], the first row for up[0]. point: a place to ring; decoded (H, W):
    the image there, drawn large beside. Raises CourseError where images do not fit the numbers.
    """
    images = np.asarray(images, float)
    if images.ndim != 4 or images.shape[:2] != (len(up), len(across)) or min(len(up), len(across)) < 2:
        raise CourseError(f"images are {images.shape}; expected ({len(up)}, {len(across)}, H, W), 2 or more a side.")
    half_x, half_y = (across[1] - across[0]) / 2, (up[1] - up[0]) / 2
    extent = (across[0] - half_x, across[-1] + half_x, up[0] - half_y, up[-1] + half_y)
    with matplotlib.rc_context(STYLE):
        figure, panels = new_figure(height=4.6, columns=1 if decoded is None else 2)
        axes = panels if decoded is None else panels[0]
        axes.imshow(_mosaic(images[::-1]), cmap="gray", vmin=-1, vmax=1, extent=extent, interpolation="nearest")
        axes.set(xlabel="first latent number", ylabel="second latent number", title=title)
        axes.grid(visible=False)
        if point is not None:
            axes.plot(*point, "o", markersize=13, fillstyle="none", color=COLOURS[1], markeredgewidth=3)
        if decoded is not None:
            _alone(panels[1], decoded, "" if point is None else f"decoded at ({point[0]:.1f}, {point[1]:.1f})")
    return figure


def level_panels(panels: Mapping[str, tuple[np.ndarray, int]], title: str = "", most: float | None = None) -> Figure:
    """The probability of each level of a few pixels, side by side on one scale; a line stands at the true level.

    panels: name -> (masses (L,), the true level). most: the top of the scale; bars that go beyond are cut there, and
    the height of the highest is written. Raises CourseError for more than five panels.
    """
    if not 1 <= len(panels) <= MOST_PANELS:
        raise CourseError(f"There are {len(panels)} panels; expected 1 to {MOST_PANELS}.")
    top = most if most is not None else 1.08 * max(float(np.max(masses)) for masses, _ in panels.values())
    with matplotlib.rc_context(STYLE):
        figure, grid = new_figure(height=2.5, columns=len(panels), share_y=True)
        for axes, (name, (masses, level)) in zip(np.atleast_1d(grid), panels.items(), strict=True):
            axes.bar(range(len(masses)), masses, width=1.0, color=COLOURS[0])
            axes.axvline(level, color=COLOURS[1], linestyle=(0, (3, 2)), linewidth=1.5)
            axes.set(xlim=(-6, len(masses) + 5), ylim=(0, top), xlabel="level", title=name)
            place = int(np.argmax(masses))
            if masses[place] > top:
                _height(axes, place, float(masses[place]), left=place > len(masses) / 2)
        np.atleast_1d(grid)[0].set_ylabel("probability")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


# --- the parts ------------------------------------------------------------------------------------


def _alone(axes, image: np.ndarray, title: str = "") -> None:
    axes.imshow(np.asarray(image, float), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_title(title, loc="left", fontsize=11)
    for edge in axes.spines.values():
        edge.set_visible(False)


def _mosaic(images: np.ndarray) -> np.ndarray:
    """(rows, columns, H, W) as one picture with a grey line between two images."""
    edged = np.pad(images, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=0.0)
    rows, columns, high, wide = edged.shape
    return edged.transpose(0, 2, 1, 3).reshape(rows * high, columns * wide)


def _height(axes, place: int, value: float, left: bool) -> None:
    """The height of a bar that is cut, beside its upper end."""
    axes.annotate(
        f"{value:.2f}", (place, axes.get_ylim()[1]), xytext=(-8 if left else 8, -11), textcoords="offset points",
        ha="right" if left else "left", color=GREY,
    )  # fmt: skip
