"""Images side by side, each pixel a square of the same size: rows with names, whole sheets, pairs, and what is hidden.

Notation: B images, C channels (1 grey or 3 colours), H × W pixels. Images are levels 0 to 255 in uint8, or floats in
[−1, 1], −1 black; what lies beyond is drawn as the end. Places on the page are counted in its own pixels from the upper
left. An image pixel covers a whole number of them, unless images would then fill less than three quarters of the room.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.errors import CourseError
from course_utils.viz.style import COLOURS, DPI, STYLE, WIDTH, new_figure

PAGE = int(WIDTH * DPI)                                            # pixels across a figure
LARGEST, SMALLEST = 96, 20                                         # pixels along the side of an image
GAP, BETWEEN = 6, 16                                               # white beside an image, and between groups of rows
NAME_SIZE, CAPTION_SIZE, TITLE_SIZE = 10.0, 8.5, 11.0              # points
LETTER = 0.6                                                       # width of a letter, in heights of its font
LINE = 1.3                                                         # height of a line, in heights of its font
NAME_LETTERS = 14                                                  # of a row's name, before it goes on in a new line
WELL_FILLED = 0.75                                                 # of the room for an image, by a whole enlargement
BEYOND = 16                                                        # how far noise may reach; bytes as floats go farther
HIDDEN = (86, 180, 233)                                            # sky blue: no grey image has it


@dataclass(frozen=True)
class Row:
    """One row of images (B, H, W, 3), its name, a caption below each image or none, and which are marked."""

    name: str
    images: np.ndarray
    captions: tuple[str, ...]
    marks: tuple[bool, ...]
    above: int = GAP


@dataclass(frozen=True)
class Page:
    """Where images stand: `left` of the first, `step` from one to the next, `side` of each, all in pixels."""

    left: int
    step: int
    width: int
    height: int


# --- what the lessons call ------------------------------------------------------------------------


def gallery(
    rows: Mapping[str, np.ndarray],
    headings: Sequence[str] = (),
    captions: Mapping[str, Sequence[str]] | None = None,
    marks: Mapping[str, Sequence[bool]] | None = None,
    title: str = "",
) -> Figure:
    """Rows of images with their names at the left: name -> images (B, C, H, W), arrays or tensors.

    headings: a word above each column. captions, marks: for a row's name a text below each image, and which images get
    an orange frame (say in the title what it means). Rows may differ in length. Raises CourseError for another shape or
    range, for captions and marks that do not fit, and for more images in a row than can be seen.
    """
    captions, marks = captions or {}, marks or {}
    unknown = {*captions, *marks} - {*rows}
    if not rows or unknown:
        raise CourseError(f"There are the rows {', '.join(rows) or '(none)'}; expected one or more, and no {unknown}.")
    return _draw([_row(name, rows[name], captions.get(name), marks.get(name)) for name in rows], headings, title)


def image_sheet(
    images: np.ndarray,
    columns: int = 10,
    captions: Sequence[str] | None = None,
    marks: Sequence[bool] | None = None,
    title: str = "",
) -> Figure:
    """All images (B, C, H, W), row after row, `columns` of them in each. Raises what `gallery` raises.

    Twelve of 28×28 are drawn twice as large, eight three times.
    """
    rows = [_row("", *part) for part in _parts(columns, images, captions, marks)]
    return _draw(rows, (), title)


def image_pairs(
    upper: np.ndarray,
    lower: np.ndarray,
    names: tuple[str, str] = ("generated", "nearest in training"),
    captions: Sequence[str] | None = None,
    columns: int = 10,
    title: str = "",
) -> Figure:
    """Each of the images `upper` (B, C, H, W) above its partner in `lower`: a generated one and the nearest real one.

    captions: a text below each pair, such as how far apart the two are. Raises what `gallery` raises, and CourseError
    where there are not as many of both.
    """
    if len(upper) != len(lower):
        raise CourseError(f"{len(upper)} images have {len(lower)} partners; expected one for each.")
    rows = []
    for first, second, below in _parts(columns, upper, lower, captions):
        rows.append(_row(names[0], first, None, None, BETWEEN if rows else GAP))
        rows.append(_row(names[1], second, below, None))
    return _draw(rows, (), title)


def covered(images: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Images (B, C, H, W) in colour (B, 3, H, W), uint8: blue where known (H, W) is False, as they are elsewhere.

    Raises CourseError where `known` does not fit, or holds no truth values.
    """
    pictures, known = _pictures(images, "images"), np.asarray(known)
    if known.dtype != bool or known.shape != pictures.shape[1:3]:
        raise CourseError(f"known is {known.dtype} {known.shape}; expected bool {pictures.shape[1:3]}.")
    hidden = np.where(known[..., None], pictures, np.array(HIDDEN, dtype=np.uint8))     # (B, H, W, 3)
    return hidden.transpose(0, 3, 1, 2)


# --- what is checked ------------------------------------------------------------------------------


def _parts(columns: int, *lists):
    """Lists of equal length cut into parts of `columns`; None stays None in each part."""
    if columns < 1:
        raise CourseError(f"columns is {columns}; expected 1 or more.")
    for first in range(0, max(1, len(lists[0])), columns):
        yield [None if each is None else each[first : first + columns] for each in lists]


def _row(name: str, images, captions, marks, above: int = GAP) -> Row:
    pictures = _pictures(images, name or "images")
    for kind, given in (("captions", captions), ("marks", marks)):
        if given is not None and len(given) != len(pictures):
            raise CourseError(f"{len(given)} {kind} for {len(pictures)} images; expected one for each.")
    return Row(name, pictures, tuple(captions or ()), tuple(map(bool, marks if marks is not None else ())), above)


def _pictures(images, name: str) -> np.ndarray:
    """(B, H, W, 3) uint8 of images (B, C, H, W). Raises CourseError for none, another shape, and other numbers."""
    values = np.asarray(images)
    if values.ndim != 4 or values.shape[1] not in (1, 3) or values.size == 0:
        raise CourseError(f"{name}: expected images (B, C, H, W), grey (C = 1) or RGB (C = 3); got {values.shape}.")
    pictures = _bytes(values, name).transpose(0, 2, 3, 1)                               # (B, H, W, C)
    return np.broadcast_to(pictures, (*pictures.shape[:3], 3))


def _bytes(values: np.ndarray, name: str) -> np.ndarray:
    """The same images as levels 0 to 255. Raises CourseError for what is neither levels nor about [−1, 1]."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind != "f" or not np.abs(values).max() <= BEYOND:                  # False for nan
        raise CourseError(f"{name}: {values.dtype} up to {values.max()}; expected uint8, or floats in [-1, 1].")
    return ((values.clip(-1, 1) + 1) / 2 * 255).round().astype(np.uint8)


# --- what is drawn --------------------------------------------------------------------------------


def _draw(rows: Sequence[Row], headings: Sequence[str], title: str) -> Figure:
    page = _page(rows, headings)
    tops, top = [], _height(TITLE_SIZE, 1) * bool(title) + _height(CAPTION_SIZE, _most_lines(headings, page))
    for row in rows:
        tops.append(top + row.above)
        top += row.above + page.height + _height(CAPTION_SIZE, _most_lines(row.captions, page))
    figure, axes = new_figure((top + GAP) / DPI)
    figure.set_layout_engine("none")
    with matplotlib.rc_context(STYLE):
        axes.set(position=(0, 0, 1, 1), xlim=(0, PAGE), ylim=(top + GAP, 0))
        axes.axis("off")
        axes.text(GAP, GAP, title, fontsize=TITLE_SIZE, va="top")
        _captions(axes, page, headings, tops[0], "bottom")
        for row, place in zip(rows, tops, strict=True):
            _draw_row(axes, page, row, place)
    return figure


def _draw_row(axes, page: Page, row: Row, top: int) -> None:
    """The name, the images and what stands below them; `top` is their upper edge."""
    name = textwrap.fill(row.name, NAME_LETTERS)
    axes.text(page.left - 2 * GAP, top + page.height / 2, name, fontsize=NAME_SIZE, ha="right", va="center")
    for place, image in enumerate(row.images):
        left = page.left + place * page.step
        extent = (left, left + page.width, top + page.height, top)
        smooth = "hanning" if page.width % image.shape[1] else "nearest"
        axes.imshow(image, extent=extent, interpolation=smooth, aspect="auto", zorder=2)
    for place, marked in enumerate(row.marks):
        if marked:
            corner = page.left + place * page.step - 2, top - 2
            axes.add_patch(
                Rectangle(corner, page.width + 4, page.height + 4, fill=False, edgecolor=COLOURS[1], linewidth=2.2)
            )
    _captions(axes, page, row.captions, top + page.height, "top")


def _captions(axes, page: Page, texts: Sequence[str], edge: int, side: str) -> None:
    """Texts below the images, or with side "bottom" above them, each in the middle of its image."""
    for place, text in enumerate(texts):
        middle = page.left + place * page.step + page.width / 2
        away = 3 if side == "top" else -3
        axes.text(middle, edge + away, _wrapped(text, page), fontsize=CAPTION_SIZE, ha="center", va=side)


def _page(rows: Sequence[Row], headings: Sequence[str]) -> Page:
    """The largest enlargement of the images with which all of them and their captions fit on the page.

    A whole one is sharp; but twelve named images of 28 pixels would be as small as stamps, for want of a tenth.
    """
    count, (high, wide) = max(len(row.images) for row in rows), _largest([row.images.shape[1:3] for row in rows])
    lines = [line for row in rows for line in textwrap.wrap(row.name, NAME_LETTERS)]
    left = GAP + (_length(lines, NAME_SIZE) + 2 * GAP) * bool(lines)
    words = [word for text in (*headings, *(text for row in rows for text in row.captions)) for word in text.split()]
    room, word = (PAGE - left) // count - GAP, _length(words, CAPTION_SIZE)
    side = min(room, max(LARGEST, wide))
    whole = side // wide * wide
    width = whole if whole >= WELL_FILLED * side else side
    if width < SMALLEST or word > room:
        raise CourseError(
            f"{count} images in a row leave {room} pixels for each; expected {max(SMALLEST, word)} or more, for the "
            "image and the longest word below it. Draw fewer in a row."
        )
    if headings and len(headings) != count:
        raise CourseError(f"{len(headings)} headings for {count} columns; expected one for each.")
    left += max(0, word - width) // 2
    return Page(left, max(width, word) + GAP, width, math.ceil(width * high / wide))


def _largest(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The one (H, W) of all rows. Raises CourseError where they differ in shape: one cell has to fit all."""
    shapes = {size[0] / size[1] for size in sizes}
    if len(shapes) > 1:
        raise CourseError(f"The rows hold images of {', '.join(map(str, sizes))}; expected one shape for all.")
    return max(sizes)


def _wrapped(text: str, page: Page) -> str:
    letters = max(1, int((page.step - 2) / (LETTER * _pixels(CAPTION_SIZE))))
    return "\n".join(textwrap.fill(line, letters, break_long_words=False) for line in text.split("\n"))


def _most_lines(texts: Sequence[str], page: Page) -> int:
    return max((1 + _wrapped(text, page).count("\n") for text in texts), default=0)


def _length(texts: Sequence[str], size: float) -> int:
    """Pixels that the longest of some texts takes."""
    return math.ceil(LETTER * _pixels(size) * max(map(len, texts), default=0))


def _height(size: float, lines: int) -> int:
    """Pixels that lines of text take, with some air."""
    return math.ceil(lines * LINE * _pixels(size)) + 6 * bool(lines)


def _pixels(points: float) -> float:
    return points * DPI / 72
