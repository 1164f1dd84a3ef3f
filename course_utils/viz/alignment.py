"""Where a decoder looked as it wrote: a picture in which one points at what was written. HTML and CSS, no script."""

import html
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_hex

from course_utils.errors import CourseError
from course_utils.viz.attention import as_array, visible
from course_utils.viz.heatmaps import STRENGTH, ink
from course_utils.viz.rich import SHEET, Rich, framed
from course_utils.viz.style import COLOURS, GREY

MOST_SYMBOLS = 40
STEP, BOX = 46, 36                                                 # pixels: from symbol to symbol, a symbol's box
READ_ROW, WRITE_ROW, HEIGHT = 42, 180, 204                         # middles of both rows of boxes, the whole
AROUND = 76                                                        # pixels: the title above and the help below
LEAST = 0.01                                                       # a weight below it is not drawn
HELP = "Point at a symbol below, or go to it with the Tab key: what it looked at lights up, with its share."
# `s` is a symbol that was written, `r` its lines, `b` a box, `w` what lights up where it looked.
RULES = """
body{margin:0}
svg{max-width:100%;height:auto;display:block;margin:4px 0}
.s{cursor:pointer}
.s:focus{outline:none}
.s:hover>.b,.s:focus>.b{stroke-width:3.5}
.all:hover .r,.all:focus-within .r{opacity:.07}
.all .s:hover .r,.all .s:focus .r{opacity:1}
.all .s:hover .w,.all .s:focus .w{opacity:1}
.all:hover .s:focus:not(:hover) .w{opacity:0}
.all:hover .s:focus:not(:hover) .r{opacity:.07}
"""


def alignment_viewer(source: Sequence[str], target: Sequence[str], weights: np.ndarray, title: str = "") -> Rich:
    """What was read above, what was written below, and between them a line for each weight (T, S), thick where large.

    Pointing at a symbol of `target`, or moving to it with Tab, lights up what it looked at. `heatmap` is the same for
    pages that keep no styles. Raises CourseError where weights do not fit or are not between 0 and 1, and for
    sequences that are empty or longer than 40.
    """
    weights = _checked(source, target, weights)
    picture = _picture(source, target, weights, title)
    page = (
        f"<!doctype html><style>{RULES}</style><body><div style='{SHEET}'><b>{html.escape(title)}</b>{picture}"
        f"<div style='font-size:12px;color:{GREY}'>{HELP}</div></div></body>"
    )
    rows = zip(target, weights, strict=True)
    lines = [f"{visible(symbol):>6}  looked at  {_said(row, source)}" for symbol, row in rows]
    text = "\n".join([*([title] if title else []), *lines])
    return Rich(framed(page, HEIGHT + AROUND, title or "Alignment", text), text)


def _picture(source: Sequence[str], target: Sequence[str], weights: np.ndarray, title: str) -> str:
    width = STEP * max(len(source), len(target), 6)
    above, below = _places(len(source), width), _places(len(target), width)
    letters = "".join(_symbol(x, READ_ROW, symbol) for x, symbol in zip(above, source, strict=True))
    written = zip(below, target, weights, strict=True)
    groups = "".join(_written(x, symbol, row, source, above) for x, symbol, row in written)
    return (
        f"<svg viewBox='0 0 {width} {HEIGHT}' width='{width}' role='group' aria-label='{html.escape(title)}' "
        f"font-family='sans-serif' font-size='15' text-anchor='middle'>{letters}<g class='all'>{groups}</g></svg>"
    )


def _checked(source: Sequence[str], target: Sequence[str], weights: np.ndarray) -> np.ndarray:
    values = as_array(weights)
    for name, symbols in (("source", source), ("target", target)):
        if not 1 <= len(symbols) <= MOST_SYMBOLS:
            raise CourseError(f"The {name} has {len(symbols)} symbols; expected 1 to {MOST_SYMBOLS}.")
    if values.shape != (len(target), len(source)):
        raise CourseError(
            f"The weights have shape {values.shape}; expected {(len(target), len(source))}: a row for each symbol of "
            "the target, a column for each of the source."
        )
    if not ((values >= -1e-6) & (values <= 1 + 1e-6)).all():
        raise CourseError("Some weights are not between 0 and 1; expected what comes out of a softmax.")
    return values


def _places(count: int, width: float) -> list[float]:
    """Where so many symbols stand in a row, in pixels."""
    return [round(width * (place + 0.5) / count, 1) for place in range(count)]


def _symbol(x: float, y: float, symbol: str, fill: str = "#ffffff", edge: str = "#888888", tone: str = "black") -> str:
    """A box with a symbol in it."""
    squeeze = f" textLength='{BOX - 6}' lengthAdjust='spacingAndGlyphs'" if len(symbol) > 3 else ""
    return (
        f"<rect class='b' x='{x - BOX / 2:g}' y='{y - BOX / 2:g}' width='{BOX}' height='{BOX}' rx='6' fill='{fill}' "
        f"stroke='{edge}' stroke-width='1.5'/>"
        f"<text x='{x:g}' y='{y + 5:g}' fill='{tone}'{squeeze}>{html.escape(visible(symbol))}</text>"
    )


def _written(x: float, symbol: str, row: np.ndarray, source: Sequence[str], places: Sequence[float]) -> str:
    """A symbol that was written, its lines to what it looked at, and what lights up there."""
    lines, lights = [], []
    for place, letter, weight in zip(places, source, row, strict=True):
        if weight < LEAST:
            continue
        top, bottom, middle = READ_ROW + BOX / 2, WRITE_ROW - BOX / 2, (READ_ROW + WRITE_ROW) / 2
        lines.append(
            f"<path d='M{place:g} {top:g}C{place:g} {middle:g} {x:g} {middle:g} {x:g} {bottom:g}' "
            f"stroke-width='{0.6 + 12 * weight:.1f}' stroke-opacity='{0.2 + 0.7 * weight:.2f}'/>"
        )
        colour = STRENGTH(float(weight))
        box = _symbol(place, READ_ROW, letter, to_hex(colour), COLOURS[0], ink(colour))
        lights.append(f"{box}<text x='{place:g}' y='16' font-size='12'>{_percent(weight)}</text>")
    said = html.escape(f"{visible(symbol)} looked at {_said(row, source)}")
    return (
        f"<g class='s' tabindex='0' role='img' aria-label='{said}'><title>{said}</title>"
        f"<g class='r' fill='none' stroke='{COLOURS[0]}' pointer-events='none'>{''.join(lines)}</g>"
        f"<g class='w' opacity='0' pointer-events='none'>{''.join(lights)}</g>"
        f"{_symbol(x, WRITE_ROW, symbol, '#d9eaf5', COLOURS[0])}</g>"
    )


def _said(row: np.ndarray, source: Sequence[str]) -> str:
    """The three largest weights of a row in words, those below a twentieth left out where there are larger ones."""
    order = sorted(range(len(row)), key=lambda place: (-round(row[place], 2), place))[:3]
    told = [place for place in order if row[place] >= 0.05] or order[:1]
    return ", ".join(f"{visible(source[place])} {_percent(row[place])}" for place in told)


def _percent(weight: float) -> str:
    return f"{100 * weight:.0f} %"
