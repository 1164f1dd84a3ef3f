"""The adversarial game in pictures: one moment of it on a line, paths of both players, clouds of points."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.shapes import check_number
from course_utils.viz.style import COLOURS, GREY, STYLE, WIDTH, new_figure

REAL, FAKE, JUDGE = COLOURS[0], COLOURS[1], COLOURS[2]
MOST_PANELS = 6


def line_game(grid: np.ndarray, real: np.ndarray, fake: np.ndarray, judged: np.ndarray, title: str = "") -> Figure:
    """One moment of the game on a line: both densities, and above them how likely D takes each place to be real.

    grid, real, fake, judged (points,) each; judged from 0 to 1. The density axis reaches to twice the highest real one,
    so that the frames of a game can be compared. Raises CourseError where the lengths differ.
    """
    if not len(grid) == len(real) == len(fake) == len(judged):
        lengths = [len(values) for values in (grid, real, fake, judged)]
        raise CourseError(f"grid, real, fake and judged have {lengths} values; expected as many of each.")
    figure, (above, below) = new_figure(height=3.6, rows=2)
    with matplotlib.rc_context(STYLE):
        above.plot(grid, judged, color=JUDGE)
        above.axhline(0.5, color=GREY, linestyle=(0, (4, 3)), linewidth=1)
        above.set(ylim=(-0.03, 1.03), ylabel="D, taken for real")
        above.tick_params(labelbottom=False)
        for values, colour, name in ((real, REAL, "real"), (fake, FAKE, "generated")):
            below.fill_between(grid, values, color=colour, alpha=0.3, linewidth=0)
            below.plot(grid, values, color=colour, label=name, linestyle="-" if name == "real" else "--")
        below.set(ylim=(0, 2 * float(np.max(real))), xlabel="x", ylabel="density")
        below.legend(loc="upper right", ncols=2)
        above.set_title(title, loc="left", fontsize=11)
        for axes in (above, below):
            axes.set_xlim(grid[0], grid[-1])
    return figure


def phase_paths(
    paths: Mapping[str, np.ndarray], arrows: tuple[np.ndarray, np.ndarray] | None, x_label: str, y_label: str,
    title: str = "", reach: float = 2.0,
) -> Figure:  # fmt: skip
    """Where two players go together, a panel for each path (steps, 2): begun at the ring, ended at the dot.

    arrows: places (n, 2) and the way from there (n, 2), drawn in grey behind each path. The cross is (0, 0). All panels
    reach from −reach to reach. Raises CourseError for no path and for more than four.
    """
    if not 1 <= len(paths) <= 4:
        raise CourseError(f"{len(paths)} paths do not make readable panels; expected 1 to 4.")
    figure, grid = new_figure(_row_height(len(paths), title, names=0.4), columns=len(paths))
    with matplotlib.rc_context(STYLE):
        for axes, (name, path) in zip(np.atleast_1d(grid), paths.items(), strict=True):
            path = np.asarray(path, float)
            if arrows is not None:
                _draw_arrows(axes, *(np.asarray(ends, float) for ends in arrows), longest=0.28 * reach)
            axes.plot(*path.T, color=COLOURS[0], linewidth=1.4)
            axes.plot(*path[0], "o", color=COLOURS[1], fillstyle="none", markersize=8, markeredgewidth=1.8)
            axes.plot(*path[-1], "o", color=COLOURS[1], markersize=6)
            axes.plot(0, 0, "+", color="black", markersize=10)
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel=x_label)
            axes.set_title(name, loc="left", fontsize=10.5)
        np.atleast_1d(grid)[0].set_ylabel(y_label)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def point_clouds(clouds: Mapping[str, np.ndarray], real: np.ndarray, title: str = "", reach: float = 1.6) -> Figure:
    """Generated points (N, 2) over real ones in grey, a panel for each cloud, all of one scale.

    Raises CourseError for no cloud and for more than six.
    """
    if not 1 <= len(clouds) <= MOST_PANELS:
        raise CourseError(f"{len(clouds)} clouds do not make readable panels; expected 1 to {MOST_PANELS}.")
    check_number(1e-6, 1e6, reach=reach)
    figure, grid = new_figure(_row_height(len(clouds), title, names=0.3), columns=len(clouds))
    with matplotlib.rc_context(STYLE):
        for axes, (name, points) in zip(np.atleast_1d(grid), clouds.items(), strict=True):
            axes.plot(*np.asarray(real).T, ".", color="#B5B5B5", markersize=2.5)
            axes.plot(*np.asarray(points).T, ".", color=FAKE, markersize=2.5)
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color="#BFBFBF")
            axes.set_title(name, loc="left", fontsize=9.5)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _row_height(panels: int, title: str, names: float) -> float:
    """Inches that a row of square panels takes, with `names` for what is written around them."""
    return min(2.5, WIDTH / panels) + names + 0.3 * bool(title)


def _draw_arrows(axes, places: np.ndarray, ways: np.ndarray, longest: float) -> None:
    """Arrows in grey, the longest of them `longest` on the axes."""
    scale = np.linalg.norm(ways, axis=1).max() / longest
    axes.quiver(*places.T, *ways.T, color="#8C8C8C", angles="xy", scale_units="xy", scale=scale, width=0.008, zorder=1)
