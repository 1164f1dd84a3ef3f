"""Networks over time, drawn: a recurrent network unrolled over a text, and an encoder with its decoder."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.shapes import check_number
from course_utils.viz.canvas import INPUT, MEMORY, PLAIN, STATE, Canvas
from course_utils.viz.plots import readable
from course_utils.viz.style import GREY, WIDTH

MOST_STEPS, MOST_SYMBOLS = 6, 12
READ, WRITE, OUT = 0.95, 3.35, 4.25                                # heights of encoder, decoder and what it writes
HALF_HEIGHT = 0.24                                                 # of a state's box
LETTER = 0.088                                                     # inches: the width of a letter of the usual size


def unrolled(tokens: Sequence[str], guesses: Sequence[str] = ()) -> Figure:
    """A recurrent network at each token of a text: one cell drawn as often as it is used, the state handed on.

    `guesses`, where given, is what the network expects after each token. Raises CourseError for no token, for more
    than fit the page, and for guesses that are not as many as the tokens.
    """
    if not 1 <= len(tokens) <= MOST_STEPS:
        raise CourseError(f"{len(tokens)} tokens do not make a readable diagram; expected 1 to {MOST_STEPS}.")
    if len(guesses) not in (0, len(tokens)):
        raise CourseError(f"{len(guesses)} guesses for {len(tokens)} tokens; expected one after each, or none.")
    page, row = Canvas(3.3 if guesses else 2.45), 1.95
    step = (WIDTH - 1.1) / len(tokens)
    half = min(0.55, 0.27 * step)                                       # of a cell's width
    for number, token in enumerate(tokens, start=1):
        x = 0.55 + step * (number - 0.5)
        _cell_over(page, x, row, half, number, token, step)
        begin = 0.42 if number == 1 else x - step + half
        middle = (begin + x - half) / 2 - 0.04
        page.line([(begin, row), (x - half, row)], STATE)
        page.text(middle, row - 0.2, "$W_{hh}$", STATE, 10)
        if number > 1:
            page.text(middle, row + 0.2, f"$h_{number - 1}$", STATE, 12)
        if guesses:
            page.line([(x, row + 0.3), (x, 2.78)], STATE)
            _word(page, x, 3.0, f"{readable(guesses[number - 1])}?", step)
    page.line([(x + half, row), (WIDTH - 0.42, row)], STATE)
    page.text(0.22, row, "$h_0$", STATE, 13)
    page.text(WIDTH - 0.22, row, f"$h_{len(tokens)}$", STATE, 13)
    return page.figure


def _cell_over(page: Canvas, x: float, row: float, half: float, number: int, token: str, step: float) -> None:
    """A cell with its token and the token's vector below it."""
    _word(page, x, 0.22, f"“{readable(token)}”", step)
    page.line([(x, 0.4), (x, 0.68)], PLAIN)
    page.box(x, 0.9, f"$x_{number}$", INPUT, width=2 * half, height=0.44)
    page.line([(x, 1.12), (x, row - 0.3)], INPUT)
    page.text(x + 0.08, 1.39, "$W_{ih}$", INPUT, 10, align="left")
    page.box(x, row, "tanh", STATE, width=2 * half, height=0.6)


def _word(page: Canvas, x: float, y: float, word: str, room: float, colour: str = "black") -> None:
    """A word no wider than the room there is, in inches."""
    page.text(x, y, word, colour, size=min(10.5, 10.5 * room / (LETTER * (len(word) + 1))))


def encoder_decoder(
    source: Sequence[str],
    target: Sequence[str],
    weights: Sequence[float] | None = None,
    step: int = 0,
    both_ways: bool = False,
) -> Figure:
    """An encoder that reads `source` below and a decoder that writes `target` above it.

    Without `weights` the decoder gets one summary of the whole source at every step. With `weights` (S,), one for each
    symbol of the source, it looks back: they are those of the target's symbol number `step`, counted from 0.
    `both_ways` is an encoder that reads in both directions. What the decoder begins with is not drawn. Raises
    CourseError for no symbols, more than fit the page, and weights or a step that do not fit.
    """
    _check(source, target, weights, step)
    page = Canvas(4.5)
    below, above = _places(len(source)), _places(len(target))
    _encoder(page, below, source, both_ways)
    _decoder(page, above, target)
    if weights is None:
        _one_summary(page, below, above)
    else:
        _look_back(page, below, above[step], weights, readable(target[step]))
    return page.figure


def _check(source: Sequence[str], target: Sequence[str], weights: Sequence[float] | None, step: int) -> None:
    for name, symbols in (("source", source), ("target", target)):
        if not 1 <= len(symbols) <= MOST_SYMBOLS:
            raise CourseError(f"The {name} has {len(symbols)} symbols; expected 1 to {MOST_SYMBOLS} for a diagram.")
    check_number(0, 1, **{f"weight {place}": weight for place, weight in enumerate(() if weights is None else weights)})
    if weights is not None and (len(weights) != len(source) or step not in range(len(target))):
        raise CourseError(
            f"{len(weights)} weights at step {step} do not fit {len(source)} symbols of source and {len(target)} of "
            f"target; expected a weight for each symbol of the source and a step from 0 to {len(target) - 1}."
        )


def _places(count: int) -> np.ndarray:
    """Where so many boxes stand in a row."""
    left, right = 1.15, WIDTH - 0.3
    return left + (right - left) * (np.arange(count) + 0.5) / count


def _half(places: np.ndarray) -> float:
    return 0.32 * min(1.4, (WIDTH - 1.45) / len(places))


def _encoder(page: Canvas, places: np.ndarray, source: Sequence[str], both_ways: bool) -> None:
    half = _half(places)
    page.text(0.12, READ, "encoder\nreads", GREY, align="left")
    for number, (x, symbol) in enumerate(zip(places, source, strict=True)):
        _word(page, x, 0.22, readable(symbol), 3 * half)
        page.line([(x, 0.38), (x, READ - HALF_HEIGHT)], INPUT)
        page.box(x, READ, f"$h_{{{number + 1}}}$", STATE, width=2 * half, height=2 * HALF_HEIGHT)
        if number:
            page.line([(places[number - 1] + half, READ), (x - half, READ)], STATE, both=both_ways)


def _decoder(page: Canvas, places: np.ndarray, target: Sequence[str]) -> None:
    """The decoder's states in a row; what one writes, the next one reads."""
    half = _half(places)
    page.text(0.12, WRITE, "decoder\nwrites", GREY, align="left")
    for number, (x, symbol) in enumerate(zip(places, target, strict=True)):
        page.box(x, WRITE, f"$s_{{{number + 1}}}$", MEMORY, width=2 * half, height=2 * HALF_HEIGHT)
        page.line([(x, WRITE + HALF_HEIGHT), (x, OUT - 0.2)], MEMORY)
        _word(page, x, OUT, readable(symbol), 3 * half)
        entry = (x - half, WRITE + 0.1)
        if not number:
            page.text(entry[0] - 0.28, OUT, "START")
            page.line([(entry[0] - 0.28, OUT - 0.16), (entry[0] - 0.28, entry[1]), entry], INPUT, dashed=True)
            continue
        before, low = places[number - 1], WRITE - 0.1
        page.line([(before + half, low), (x - half, low)], MEMORY)
        begin, middle = before + LETTER * len(readable(target[number - 1])) / 2 + 0.07, (before + x) / 2
        page.line([(min(begin, middle - 0.02), OUT), (middle, OUT), (middle, entry[1]), entry], INPUT, dashed=True)


def _one_summary(page: Canvas, below: np.ndarray, above: np.ndarray) -> None:
    """The last state of the encoder, and nothing else, goes to every step of the decoder."""
    row, entry, last = 2.1, WRITE - HALF_HEIGHT, below[-1]
    page.line([(last, READ + HALF_HEIGHT), (last, row), (above[0], row), (above[0], entry)], STATE, width=2.4)
    for x in above[1:]:
        page.dot(x, row, STATE)
        page.line([(x, row), (x, entry)], STATE, width=2.4)
    page.text(1.15, row - 0.27, "one summary of everything read", STATE, align="left")


def _look_back(page: Canvas, below: np.ndarray, x: float, weights: Sequence[float], symbol: str) -> None:
    """One step looks at every state of the encoder, at each as strongly as its weight says."""
    row = 2.4
    for place, weight in zip(below, weights, strict=True):
        ends = [(place, READ + HALF_HEIGHT), (x, row)]
        page.line(ends, STATE, head=False, width=0.6 + 6 * weight, alpha=0.3 + 0.7 * weight)
        page.text(place + 0.06, 0.53, f"{weight:.2f}", STATE, 8.5, align="left")
    page.circle(x, row, "Σ", STATE, radius=0.18)
    page.line([(x, row + 0.18), (x, WRITE - HALF_HEIGHT)], STATE, width=2.4)
    left = x > WIDTH / 2
    words = f"the weights for {symbol} add up to 1"
    page.text(1.15 if left else WIDTH - 0.3, row + 0.3, words, STATE, align="left" if left else "right")
