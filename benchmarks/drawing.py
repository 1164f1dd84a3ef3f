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

WIDTH, ROWS, HEAD = 8.6, (0.235, 0.36), 1.0                        # inches: all, a row of each half, title and axis
NAMES = 9.5                                                        # size of the font of a row
RANGE = 0.01, 200.0                                                # ratios drawn where they are; others at the edge
MET, MISSED, NO_TARGET = COLOURS[2], COLOURS[1], COLOURS[0]
APART, STEP = 0.06, 0.27                                           # marks closer than this are set so many rows apart
OURS, (FIRST, SECOND, PEER) = "ours", ("first", "second", "peer")
HOLLOW = {"markerfacecolor": "white", "markeredgewidth": 1.5}
MARKS = {                                                          # of the lower half
    FIRST: {"marker": "o", "color": COLOURS[0], "markersize": 6, "zorder": 3},
    SECOND: {"marker": "o", "color": COLOURS[0], "markersize": 6, "zorder": 3} | HOLLOW,
    PEER: {"marker": "s", "color": COLOURS[1], "markersize": 5} | HOLLOW,
}
EXPONENT = (
    "exponent: at 1, twice the size takes twice the time\n"
    "lower: grows more slowly; this says nothing of who is faster"
)
MARKERS = {MET: "o", MISSED: "X", NO_TARGET: "D"}                  # told apart without colour too


def draw(made: dict, path: Path) -> None:
    """Write the picture of a record, `bench.json`."""
    found, grown = contests(made), by_task(growths(made))
    heights = [HEAD + row * max(len(rows), 1) for row, rows in zip(ROWS, (found, grown), strict=True)]
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
    axes.set_xlabel("speed of ours ÷ speed of the peer (logarithmic); right of 1 ours is faster", loc="right")
    _rows(axes, "How many times as fast as the peer", [_named(contest) for contest in found])
    keys = [Line2D([], [], color=colour, marker=marker, linestyle="") for colour, marker in MARKERS.items()]
    keys.append(Line2D([], [], color="black", marker="|", markersize=13, markeredgewidth=1.5, linestyle=""))
    _legend(axes, keys, ["target met", "target missed", "no target", "target"])


def _contest(axes: Axes, row: int, ratio: dict[str, float], target: float | None) -> None:
    colour = NO_TARGET if target is None else MET if ratio["median"] >= target else MISSED
    inside = RANGE[0] < ratio["median"] < RANGE[1]
    marker = MARKERS[colour] if inside else "<" if ratio["median"] <= RANGE[0] else ">"
    axes.plot([ratio["low"], ratio["high"]], [row, row], color=colour, linewidth=1.5)
    at = min(max(ratio["median"], RANGE[0]), RANGE[1])
    axes.plot(at, row, marker, color=colour, markersize=6, clip_on=False, zorder=3)
    if target is not None:
        axes.plot([target, target], [row - 0.44, row + 0.44], color="black", linewidth=1.5, zorder=1.5)
    number = f"{ratio['median']:,.0f} ×" if ratio["median"] >= 100 else f"{ratio['median']:.3g} ×"
    axes.annotate(number, (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=NAMES)


def _named(contest: dict) -> str:
    ours = "" if contest["ours"] == "ours" else f"{contest['ours']}, "
    return f"{contest['task']}: {ours}beside {contest['peer']}"


def _growths(axes: Axes, grown: dict[str, list[dict]]) -> None:
    """One mark for each slope; those that would cover each other one below the other."""
    for power in (0, 1, 2):
        axes.axvline(power, color=GREY, linewidth=1)
    for row, entrants in enumerate(grown.values()):
        lowered = offsets([growth["slope"] for growth in entrants])
        for growth, mark, offset in zip(entrants, marks(entrants), lowered, strict=True):
            axes.plot(growth["slope"], row + offset, linestyle="", **MARKS[mark])
    axes.set_xlabel(EXPONENT, loc="right")
    _rows(axes, "How time grows with a size", list(grown))
    names = legend(grown)
    _legend(axes, [Line2D([], [], linestyle="", **MARKS[mark]) for mark in names], list(names.values()))


def marks(entrants: list[dict]) -> list[str]:
    """How each of a row is marked: the first of ours, others of ours, the peers."""
    ours = [growth["who"] for growth in entrants if growth["who"].startswith(OURS)]
    return [PEER if who not in ours else FIRST if who == ours[0] else SECOND for who in (g["who"] for g in entrants)]


def legend(grown: dict[str, list[dict]]) -> dict[str, str]:
    """What each mark stands for; where a row has two of ours, by their names."""
    named: dict[str, dict[str, None]] = {mark: {} for mark in MARKS}
    for entrants in grown.values():
        for growth, mark in zip(entrants, marks(entrants), strict=True):
            named[mark][growth["who"].removeprefix(OURS).strip(", ")] = None
    first, second = (", ".join(filter(None, named[mark])) for mark in (FIRST, SECOND))
    ours = {FIRST: f"{OURS} (of two: {first})", SECOND: f"{OURS} ({second})"} if second else {FIRST: OURS}
    return ours | {PEER: "a peer"}


def offsets(slopes: list[float]) -> list[float]:
    """By how many rows each mark is lowered: those of a row that stand close are spread around its middle."""
    order = sorted(range(len(slopes)), key=slopes.__getitem__)
    groups: list[list[int]] = []
    for i in order:
        if groups and slopes[i] - slopes[groups[-1][-1]] < APART:
            groups[-1].append(i)
        else:
            groups.append([i])
    lowered = {i: STEP * (place - (len(group) - 1) / 2) for group in groups for place, i in enumerate(group)}
    return [lowered[i] for i in range(len(slopes))]


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
