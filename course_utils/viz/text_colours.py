"""A text whose characters are coloured by a value each: what a hidden unit does, how surprised a model is."""

import html
import re
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.viz.heatmaps import SIGNED, STRENGTH, ink
from course_utils.viz.rich import SHEET, Rich, unset
from course_utils.viz.style import GREY, SPOKEN, STYLE, WIDTH, new_figure

LEVELS = 17                                                        # shades: an eye tells no more apart; the middle is 0
MOST_CHARACTERS = 2000
TEXT = "font-family:monospace;font-size:14px;line-height:1.9;white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0"
MONOSPACE = "DejaVu Sans Mono"
COLUMNS = 76                                                       # characters in a line of the figure
LEFT, ROW = 0.08, 0.25                                             # inches: margin, height of a line
CELL = (WIDTH - 2 * LEFT) / COLUMNS                                # inches
SIZE = CELL * 72 / (1233 / 2048)                                   # points: a letter of the font is as wide as a cell


def coloured_text(
    text: Sequence[str], values: Sequence[float], title: str = "", low: float = -1.0, high: float = 1.0
) -> Rich:
    """A text with each character on a colour for its value, for a page in JupyterLab.

    text: a string, or a list of symbols that are shown one after another; values: one for each. Colours go from `low`
    to `high`, values beyond them get the last colour; where zero lies between the two it is white, blue below and
    orange above. Point at a character to read its value. Raises CourseError where there are not as many values as
    symbols, none at all, or values that are not numbers.
    """
    levels = _levels(text, values, low, high)
    pieces = []
    for level, run in groupby(zip(levels, text, strict=True), key=itemgetter(0)):
        shown = html.escape("".join(_visible(symbol) for _, symbol in run))
        pieces.append(f'<span style="{_style(level, low, high)}" title="{_number(level, low, high)}">{shown}</span>')
    said = summary(text, values, title, low, high)
    page = (
        f'<div style="{SHEET}"><div style="font-weight:600">{html.escape(title)}</div>'
        f'<div style="{TEXT}">{"".join(pieces)}</div>{_legend(low, high)}'
        f'<p style="{SPOKEN}">{html.escape(said)}</p></div>'
    )
    return Rich(unset(page), plain_text(text, values, title, low, high))


def plain_text(
    text: Sequence[str], values: Sequence[float], title: str = "", low: float = -1.0, high: float = 1.0, width: int = 80
) -> str:
    """The same in characters: under each line of text a line of digits, 0 at `low` and 9 at `high`."""
    digits = np.rint(9 * _shares(values, low, high)).astype(int)
    lines = [title] if title else []
    lines.append(f"(digits: 0 is {_signed(low)} or less, 9 is {_signed(high)} or more)")
    for row in _rows(text, width):
        lines += ["".join(character for _, character in row), "".join(str(digits[place]) for place, _ in row)]
    return "\n".join([*lines, summary(text, values, "", low, high)])


def summary(text: Sequence[str], values: Sequence[float], title: str, low: float, high: float) -> str:
    """One sentence: where the value is highest and where it is lowest, each with what surrounds the place."""
    levels = _levels(text, values, low, high)
    ends = {"highest": int(np.argmax(levels)), "lowest": int(np.argmin(levels))}
    said = ", ".join(f"{end} ({_number(levels[at], low, high)}) {_around(text, at)}" for end, at in ends.items())
    return f"{title}: {said}." if title else f"{said[0].upper()}{said[1:]}."


def coloured_text_figure(
    text: Sequence[str], values: Sequence[float], title: str = "", low: float = -1.0, high: float = 1.0
) -> Figure:
    """The picture of `coloured_text`, for pages that keep no colours of HTML. Raises CourseError as that one does,
    and for more than 2,000 characters."""
    levels = _levels(text, values, low, high)
    if sum(map(len, text)) > MOST_CHARACTERS:
        raise CourseError(f"{sum(map(len, text)):,} characters are too many for a picture; draw {MOST_CHARACTERS:,}.")
    rows = list(_rows(text, COLUMNS))
    height = 0.35 * bool(title) + ROW * len(rows) + 0.4
    figure, axes = new_figure(height)
    figure.set_layout_engine("none")
    axes.axis("off")
    with matplotlib.rc_context(STYLE):
        axes.text(LEFT, height - 0.18, title, fontsize=11, va="center")
        for number, row in enumerate(rows):
            _draw_row(axes, row, levels, height - 0.35 * bool(title) - ROW * (number + 0.5), low, high)
        _draw_legend(axes, low, high)
        axes.set(position=(0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, height))
    return figure


# --- values and colours


def _shares(values: Sequence[float], low: float, high: float) -> np.ndarray:
    """Where each value lies between low and high, from 0 to 1."""
    return np.clip((np.asarray(values, float) - low) / (high - low), 0, 1)


def _levels(text: Sequence[str], values: Sequence[float], low: float, high: float) -> list[int]:
    """The shade of each symbol, from 0 to LEVELS − 1."""
    if len(text) != len(values) or len(text) == 0:
        raise CourseError(f"{len(values)} values for {len(text)} characters; expected one for each, and one at least.")
    if not low < high:
        raise CourseError(f"The colours go from {low:g} to {high:g}; expected low below high.")
    if not np.isfinite(np.asarray(values, float)).all():
        raise CourseError("Some values are not numbers (NaN or infinity); expected finite ones.")
    return np.rint((LEVELS - 1) * _shares(values, low, high)).astype(int).tolist()


@cache
def _colour(level: int, low: float, high: float) -> str:
    value = low + (high - low) * level / (LEVELS - 1)
    if low < 0 < high:
        return to_hex(SIGNED(0.5 + value / (2 * max(-low, high))))
    return to_hex(STRENGTH(level / (LEVELS - 1)))


def _style(level: int, low: float, high: float) -> str:
    colour = _colour(level, low, high)
    return f"background-color:{colour};color:{ink(matplotlib.colors.to_rgb(colour))};padding:3px 0"


def _number(level: int, low: float, high: float) -> str:
    return f"{low + (high - low) * level / (LEVELS - 1):.2g}".replace("-", "−")


def _around(text: Sequence[str], place: int) -> str:
    before, after = "".join(text[max(0, place - 12) : place]), "".join(text[place + 1 : place + 13])
    return f"at “{text[place]}” in “{before}[{text[place]}]{after}”".replace("\n", "↵")


def _legend(low: float, high: float) -> str:
    chips = "".join(
        f'<span style="background-color:{_colour(level, low, high)};display:inline-block;width:8px">&nbsp;</span>'
        for level in range(LEVELS)
    )
    frame = '<span style="display:inline-block;border:1px solid #bfbfbf;line-height:1.1;margin:0 4px">'
    return f'<div style="font-size:12px;color:{GREY}">{_signed(low)}{frame}{chips}</span>{_signed(high)}</div>'


# --- lines and pictures


def _rows(text: Sequence[str], width: int):
    """Lines of at most `width` characters, broken after a space where there is one: pairs of place and character."""
    row: list[tuple[int, str]] = []
    for place, symbol in enumerate(text):
        for character in symbol:
            row.append((place, drawable(character)))
            if len(row) > width:
                space = max((i for i, (_, shown) in enumerate(row[:-1]) if shown == " "), default=width - 1)
                yield row[: space + 1]
                row = row[space + 1 :]
            if character == "\n":
                yield row
                row = []
    if row:
        yield row


@cache
def drawable(character: str) -> str:
    """A character that the monospaced font has: the end of a line becomes ↵, what it has not □."""
    if character == "\n":
        return "↵"
    font = font_manager.get_font(font_manager.findfont(MONOSPACE))
    return character if character.isprintable() and font.get_char_index(ord(character)) else "□"


def _draw_row(axes, row: list[tuple[int, str]], levels: list[int], y: float, low: float, high: float) -> None:
    """Colours, then the letters: words one by one, since the width of a letter is rounded to pixels."""
    colours = [matplotlib.colors.to_rgb(_colour(levels[place], low, high)) for place, _ in row]
    right = LEFT + CELL * len(row)
    axes.imshow([colours], extent=(LEFT, right, y - 0.115, y + 0.115), aspect="auto", interpolation="nearest")
    for shade in ("black", "white"):
        pairs = zip(row, colours, strict=True)
        letters = "".join(character if ink(colour) == shade else " " for (_, character), colour in pairs)
        for word in re.finditer(r"\S+", letters):
            axes.text(
                LEFT + CELL * word.start(), y - 0.07, word.group(), family=MONOSPACE, fontsize=SIZE, color=shade,
                parse_math=False,
            )  # fmt: skip


def _draw_legend(axes, low: float, high: float) -> None:
    left, right = 0.6, 1.8
    shades = [matplotlib.colors.to_rgb(_colour(level, low, high)) for level in range(LEVELS)]
    axes.imshow([shades], extent=(left, right, 0.12, 0.26), aspect="auto", interpolation="nearest")
    axes.add_patch(matplotlib.patches.Rectangle((left, 0.12), right - left, 0.14, fill=False, edgecolor="#BFBFBF"))
    for end, x, align in ((low, left - 0.08, "right"), (high, right + 0.08, "left")):
        axes.text(x, 0.19, _signed(end), ha=align, va="center", fontsize=9, color=GREY)


def _visible(symbol: str) -> str:
    """A symbol for HTML: the end of a line can be seen, and control characters are boxes."""
    return "".join("↵\n" if c == "\n" else c if c.isprintable() else "□" for c in symbol)


def _signed(value: float) -> str:
    return f"{value:g}".replace("-", "−")
