"""Transformers, drawn: one block beside its residual stream, and decoder, encoder and encoder–decoder side by side."""

from matplotlib.figure import Figure

from course_utils.viz.canvas import GATE, INPUT, MEMORY, PLAIN, STATE, Canvas
from course_utils.viz.style import GREY, WIDTH

THICK = 2.6                                                        # points: the residual stream
COLUMN, HALF = 1.56, 0.19                                          # inches: a box's width, half its height


def transformer_block() -> Figure:
    """One block: the residual stream runs through, two layers read a normed copy of it and add to it."""
    page, row, top = Canvas(2.5), 0.62, 1.95
    page.ground(0.62, 0.16, WIDTH - 0.62, 2.4)
    page.text(0.8, 0.34, "block", GREY, align="left")
    page.text(0.3, row, "x", STATE, 13)
    page.text(WIDTH - 0.3, row, "x", STATE, 13)
    ends = []
    for start, name, colour in ((1.0, "attention", STATE), (3.95, "feed-forward", MEMORY)):
        norm, layer, plus = start + 0.42, start + 1.5, start + 2.42
        page.dot(start, row, STATE)
        page.line([(start, row), (start, top), (norm - 0.28, top)])
        page.box(norm, top, "norm", GATE, width=0.56, height=0.42)
        page.line([(norm + 0.28, top), (layer - 0.55, top)])
        page.box(layer, top, name, colour, width=1.1, height=0.5)
        page.line([(layer + 0.55, top), (plus, top), (plus, row + 0.15)])
        page.circle(plus, row, "+")
        ends.append(plus)
    page.text((1.0 + ends[0]) / 2, row + 0.26, "fetches from other tokens", GREY, 9.5)
    page.text((3.95 + ends[1]) / 2, row + 0.26, "works on each token alone", GREY, 9.5)
    page.line([(0.42, row), (ends[0] - 0.15, row)], STATE, width=THICK)
    page.line([(ends[0] + 0.15, row), (ends[1] - 0.15, row)], STATE, width=THICK)
    page.line([(ends[1] + 0.15, row), (WIDTH - 0.42, row)], STATE, width=THICK)
    page.text(WIDTH / 2, 0.32, "residual stream", STATE, 9.5)
    return page.figure


def stacks() -> Figure:
    """Decoder, encoder and encoder–decoder. What differs from the decoder is orange."""
    page, step = Canvas(4.7), (WIDTH - 0.3) / 4
    columns = [0.15 + step * (number + 0.5) for number in range(4)]
    decoder, encoder, source, target = columns
    _stack(page, decoder, "decoder\nGPT, Llama", [("causal attention", STATE), ("feed-forward", STATE)], "next token")
    parts = [("attention, no mask", MEMORY), ("feed-forward", STATE)]
    _stack(page, encoder, "encoder\nBERT", parts, "a vector a token", out_colour=MEMORY)
    _stack(page, source, "encoder–decoder, T5:\nits encoder", parts, "")
    crossed = [("causal attention", STATE), ("cross-attention", MEMORY), ("feed-forward", STATE)]
    _stack(page, target, "and\nits decoder", crossed, "next token")
    height, side = _heights(3)[1], COLUMN / 2
    middle = (source + target) / 2
    page.line([(source, 3.62), (source, 3.8), (middle, 3.8), (middle, height), (target - side, height)], MEMORY)
    return page.figure


def _heights(count: int) -> list[float]:
    """Heights of so many layers within a block, the lowest first."""
    return [1.55 + 0.62 * number + (0.31 if count == 2 else 0) for number in range(count)]


def _stack(page: Canvas, x: float, title: str, layers: list[tuple[str, str]], out: str, out_colour: str = STATE):
    """One column: tokens, embedding, L times the layers, what comes out."""
    side = COLUMN / 2
    page.text(x, 4.42, title, "black", 9.5)
    page.text(x, 0.2, "tokens", PLAIN, 9.5)
    page.line([(x, 0.32), (x, 0.55)])
    page.box(x, 0.74, "embedding", INPUT, width=COLUMN, height=2 * HALF)
    page.ground(x - side - 0.07, 1.16, x + side + 0.07, 3.22, "")
    page.text(x - side + 0.16, 3.07, "L ×", GREY, 9)
    before = 0.93
    for (name, colour), height in zip(layers, _heights(len(layers)), strict=True):
        page.line([(x, before), (x, height - HALF)], STATE, width=THICK)
        page.box(x, height, name, colour, width=COLUMN, height=2 * HALF)
        before = height + HALF
    page.line([(x, before), (x, 3.62)], STATE, width=THICK, head=bool(out))
    if out:
        page.box(x, 3.81, out, out_colour, width=COLUMN, height=2 * HALF)
