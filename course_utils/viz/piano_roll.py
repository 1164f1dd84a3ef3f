"""A tune as a picture: time to the right, pitch upwards, a bar of colour for each note."""

from collections import Counter
from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_utils.errors import CourseError
from course_utils.music import Score, pitch_name
from course_utils.viz.style import COLOURS, GREY, STYLE, new_figure

BARS_IN_A_ROW = 8
SEMITONE = 0.058                                                   # inches
MOST_ROWS = 12
GAP = 0.06                                                         # beats left white after a note, so that two stay two


def piano_roll(score: Score, title: str = "", seconds: float | None = None, wrong: Sequence[int] = ()) -> Figure:
    """Pitch against beats, eight bars a row, each with its bar lines; repeats stand once, with their signs.

    `seconds`: how long the tune plays, for a second scale. `wrong`: the bars, counted from 0, that get the second
    colour, such as `bar_report(score).wrong`. Raises CourseError for a tune without notes, for more than 12 rows, and
    for a bar that the tune has not.
    """
    pitches = Counter(note.pitch for note in score.notes if note.pitch is not None)
    rows = _rows(score)
    _check(score, pitches, rows, wrong)
    row_height = SEMITONE * (max(pitches) - min(pitches) + 4) + (0.28 if seconds is None else 0.5)
    widest = max(float(score.metre / score.beat), *(_beats(score, row) for row in rows))
    figure, grid = new_figure(0.55 + row_height * len(rows), rows=len(rows))
    with matplotlib.rc_context(STYLE):
        start = 0.0
        for axes, row in zip(grid if len(rows) > 1 else [grid], rows, strict=True):
            end = _draw_row(axes, score, row, start, set(wrong))
            axes.set_xlim(start, start + widest)
            _name_pitches(axes, score, pitches)
            if seconds is not None:
                _second_scale(axes, seconds * float(score.beat / score.length), first=start == 0)
            start = end
        axes.set_xlabel("beats")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _check(score: Score, pitches: Counter, rows: list[list[int]], wrong: Sequence[int]) -> None:
    if not pitches:
        raise CourseError("A piano roll draws notes; this tune has none.")
    if len(rows) > MOST_ROWS:
        raise CourseError(f"A piano roll has {MOST_ROWS} rows at most, this tune {len(rows)}; cut it with first_bars.")
    if any(not 0 <= index < len(score.bars) for index in wrong):
        raise CourseError(f"wrong={list(wrong)}: the bars of this tune are 0 … {len(score.bars) - 1}.")


def _rows(score: Score) -> list[list[int]]:
    """The bars of each row: as many as last eight full bars, at least one."""
    rows: list[list[int]] = []
    room = 0
    for i, bar in enumerate(score.bars):
        if bar.length > room:
            rows.append([])
            room = BARS_IN_A_ROW * bar.metre
        rows[-1].append(i)
        room -= bar.length
    return rows


def _beats(score: Score, row: list[int]) -> float:
    return float(sum(score.bars[i].length for i in row) / score.beat)


def _draw_row(axes, score: Score, row: list[int], start: float, wrong: set[int]) -> float:
    """Draw notes and bar lines of a row that begins at the beat `start`; return the beat it ends at."""
    place = start
    for i in row:
        bar, colour = score.bars[i], COLOURS[1 if i in wrong else 0]
        if bar.ending:
            axes.annotate(
                f"{bar.ending}.", (place, 1), xycoords=("data", "axes fraction"), xytext=(5, -9),
                textcoords="offset points", fontsize=8, color=GREY,
            )  # fmt: skip
        for note in bar.notes:
            length = float(note.length / score.beat)
            if note.pitch is not None:
                before = GAP if note.held else 0                   # closes what the note before has left white
                width = before + length - min(GAP, length / 3)
                axes.barh(note.pitch, width, left=place - before, height=0.9, color=colour)
            place += length
        _bar_line(axes, place, bar.line, strong=bar.ends_part)
    return place


def _bar_line(axes, place: float, line: str, strong: bool) -> None:
    """A thin line, a strong one where a part ends, and the two dots of a repeat on the side that is repeated."""
    if not line:
        return
    axes.axvline(place, color=GREY if strong else "#BFBFBF", linewidth=2 if strong else 0.9, zorder=0, clip_on=False)
    for repeats, side in ((line.startswith(":"), -5), (line.endswith(":"), 5)):
        for height in (0.38, 0.62) if repeats else ():
            axes.annotate(
                "•", (place, height), xycoords=("data", "axes fraction"), xytext=(side, 0),
                textcoords="offset points", ha="center", va="center", fontsize=13, color=GREY,
            )  # fmt: skip


def _name_pitches(axes, score: Score, pitches: Counter) -> None:
    """Name the pitches that occur, the most frequent first, but none beside a named one: there is no room."""
    named: list[int] = []
    for pitch, _ in pitches.most_common():
        if all(abs(pitch - other) > 1 for other in named):
            named.append(pitch)
    axes.set_yticks(named, [pitch_name(pitch, score.key) for pitch in named], fontsize=7.5)
    axes.set_ylim(min(pitches) - 1, max(pitches) + 1)
    axes.grid(axis="x", visible=False)
    axes.tick_params(axis="x", labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _second_scale(axes, per_beat: float, first: bool) -> None:
    scale = axes.secondary_xaxis("top", functions=(lambda beat: beat * per_beat, lambda second: second / per_beat))
    scale.tick_params(labelsize=8, colors=GREY)
    scale.spines["top"].set_visible(False)
    if first:
        scale.set_xlabel("seconds", fontsize=8.5, color=GREY)
