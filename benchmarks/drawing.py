"""The picture of `make bench`: every contest on one scale with its target, and below it how the work grows."""

import hashlib
import io
import json
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from course_utils.viz.style import COLOURS, GREY, STYLE, new_figure, png

WIDTH, ROW, HEAD = 8.6, 0.235, 1.0                                 # inches: all, a row, title and axis of one half
NAMES = 9.5                                                        # size of the font of a row
RANGE = 0.01, 200.0                                                # ratios drawn where they are; others at the edge
MET, MISSED, NO_TARGET = COLOURS[2], COLOURS[1], COLOURS[0]
MARKERS = {MET: "o", MISSED: "X", NO_TARGET: "D"}                  # told apart without colour too


def draw(made: dict, path: Path) -> None:
    """Write the picture of a record, `bench.json`."""
    found, grown = contests(made), by_task(growths(made))
    heights = [HEAD + ROW * max(len(rows), 1) for rows in (found, grown)]
    figure, (above, below) = new_figure(sum(heights), rows=2, width=WIDTH)
    above.get_gridspec().set_height_ratios(heights)
    _contests(above, found)
    _growths(below, grown)
    shown = PngInfo()
    shown.add_text("shows", _digest(made))
    Image.open(io.BytesIO(png(figure))).save(path, optimize=True, pnginfo=shown)


def is_of(made: dict, path: Path) -> bool:
    """Whether a picture was drawn from this record; its pixels may differ by a hair from machine to machine."""
    return path.exists() and Image.open(path).text.get("shows") == _digest(made)


def _digest(made: dict) -> str:
    return hashlib.sha256(json.dumps([contests(made), growths(made)]).encode()).hexdigest()


def contests(made: dict) -> list[dict]:
    """Every contest of a record, in its order."""
    return [contest for part in made.values() if isinstance(part, dict) for contest in part.get("contests", ())]


def growths(made: dict) -> list[dict]:
    """Every growth of a record, in its order."""
    return [growth for part in made.values() if isinstance(part, dict) for growth in part.get("growth", ())]


def by_task(grown: list[dict]) -> dict[str, list[dict]]:
    """One row for each task and size, with everybody who was measured at it."""
    rows: dict[str, list[dict]] = {}
    for growth in grown:
        rows.setdefault(f"{growth['task']}: {growth['size']}", []).append(growth)
    return rows


def _contests(axes: Axes, found: list[dict]) -> None:
    """A dot for the median, a line from the lowest to the highest round, and a bar where the target is."""
    axes.set_xscale("log")
    axes.set_xlim(*RANGE)
    axes.axvline(1, color=GREY, linewidth=1)
    for row, contest in enumerate(found):
        _contest(axes, row, contest["faster"], contest["target"])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("ours ÷ peer in the same round, logarithmic", loc="right")
    _rows(axes, "How many times as fast as the peer", [_named(contest) for contest in found])
    keys = [Line2D([], [], color=colour, marker=marker, linestyle="") for colour, marker in MARKERS.items()]
    keys.append(Line2D([], [], color="black", marker="|", markersize=11, markeredgewidth=2.5, linestyle=""))
    _legend(axes, keys, ["target met", "target missed", "no target", "target"])


def _contest(axes: Axes, row: int, ratio: dict[str, float], target: float | None) -> None:
    colour = NO_TARGET if target is None else MET if ratio["median"] >= target else MISSED
    inside = RANGE[0] < ratio["median"] < RANGE[1]
    marker = MARKERS[colour] if inside else "<" if ratio["median"] <= RANGE[0] else ">"
    axes.plot([ratio["low"], ratio["high"]], [row, row], color=colour, linewidth=1.5)
    at = min(max(ratio["median"], RANGE[0]), RANGE[1])
    axes.plot(at, row, marker, color=colour, markersize=6, clip_on=False, zorder=3)
    if target is not None:
        axes.plot([target, target], [row - 0.4, row + 0.4], color="black", linewidth=2.5)
    number = f"{ratio['median']:,.0f} ×" if ratio["median"] >= 100 else f"{ratio['median']:.3g} ×"
    axes.annotate(number, (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=NAMES)


def _named(contest: dict) -> str:
    ours = "" if contest["ours"] == "ours" else f"{contest['ours']}, "
    return f"{contest['task']}: {ours}beside {contest['peer']}"


def _growths(axes: Axes, grown: dict[str, list[dict]]) -> None:
    """One mark for each slope: ours a dot, the peers hollow."""
    for power in (0, 1, 2):
        axes.axvline(power, color=GREY, linewidth=1)
    for row, entrants in enumerate(grown.values()):
        for growth in entrants:
            axes.plot(growth["slope"], row, **_mark(growth))
    axes.set_xlabel("exponent: at 1, twice the size takes twice the time", loc="right")
    _rows(axes, "How time grows with a size", list(grown))
    names = ["ours", "a peer"]
    _legend(axes, [Line2D([], [], linestyle="", **_mark({"who": name})) for name in names], names)


def _mark(growth: dict) -> dict:
    if growth["who"].startswith("our"):
        return {"marker": "o", "color": COLOURS[0], "markersize": 7, "zorder": 3}
    return {"marker": "s", "color": COLOURS[1], "markersize": 6, "markerfacecolor": "none", "markeredgewidth": 1.5}


def _rows(axes: Axes, title: str, names: list[str]) -> None:
    """A title above the names, which begin at the left edge as it does, and one line for each name."""
    axes.set_yticks(range(len(names)), names, fontsize=NAMES)
    axes.set_ylim(len(names) - 0.4, -0.6)
    left_of_all = {"xycoords": ("figure fraction", "axes fraction"), "textcoords": "offset points"}
    axes.annotate(title, (0, 1), (6, 7), fontsize=STYLE["axes.titlesize"], **left_of_all)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, pad=8)


def _legend(axes: Axes, keys: list[Line2D], names: list[str]) -> None:
    below = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": len(keys), "borderaxespad": 0.2}
    axes.legend(keys, names, frameon=False, fontsize=NAMES, handletextpad=0.1, columnspacing=1.0, **below)
