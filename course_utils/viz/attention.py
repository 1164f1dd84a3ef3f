"""Where the heads of a transformer look: a viewer to point at, for a page that runs scripts in a frame of its own.

It asks no other address for anything. `attention_static.py` and `attention_grid.py` draw for paper.
"""

import html
from collections.abc import Sequence

import numpy as np

from course_utils.errors import CourseError
from course_utils.viz.attention_page import ROW, RULES, SCRIPT
from course_utils.viz.rich import NO_REQUESTS, SHEET, Rich, framed

MOST_TOKENS = 64
MOST_WEIGHTS = 160_000                                             # two characters each: 320 KB
AROUND, CHOICES = 116, 28                                          # pixels: title, headings, what is said; both lists
LEAST = 0.01                                                       # a weight below it is neither drawn nor said
DIGITS = "0123456789abcdefghijklmnopqrstuv"
HELP = "Point at a token on the left, or go to it with the Tab and arrow keys: it says where it looks. Esc shows all."
NO_WEIGHTS = (
    "There are no weights to draw; expected some, which torch's fast attention does not return. Build our models with "
    'operations=WRITTEN_OUT; load those of transformers with attn_implementation="eager".'
)


def attention_viewer(
    queries: Sequence[str], keys: Sequence[str], weights, title: str = "", layer: int = 0, head: int = 0,
    query: int | None = None,
) -> Rich:  # fmt: skip
    """Tokens that look on the left, what they look at on the right, a line for each weight, thick where it is large.

    queries and keys: the tokens, the same for self-attention; weights (layers, heads, T, S), (heads, T, S) or (T, S),
    torch or numpy, rows summing to 1. Layer and head are chosen in the page; it opens at `layer` and `head`, all
    counted from 0, and at the token with the number `query`, or showing all. Weights are kept to three decimals.
    Raises CourseError where weights are None, do not fit, or are no softmax; for more than 64 tokens on a side or
    160,000 weights; and where there is no such layer, head or query.
    """
    values = checked(queries, keys, weights, dimensions=4)
    _refuse_too_many(values)
    at = (layer, head) if query is None else (layer, head, query)
    for kind, number, count in zip(("layer", "head", "query"), at, values.shape, strict=False):
        if not 0 <= number < count:
            raise CourseError(f"There is no {kind} {number}; expected 0 to {count - 1}.")
    text = _text(queries, keys, values, title, layer, head, query)
    page = _page(_choices(values, layer, head) + _columns(queries, keys, query), packed(values), title, text)
    height = ROW * max(len(queries), len(keys)) + AROUND + CHOICES * (values.shape[:2] != (1, 1))
    return Rich(framed(page, height, title or "Attention", text, scripts=True), text)


def checked(queries: Sequence[str], keys: Sequence[str], weights, dimensions: int) -> np.ndarray:
    """Weights as an array of so many dimensions, the last two (T, S), axes of size 1 put in front of fewer.

    Raises CourseError where there are none, they do not fit the tokens, or their rows are no probabilities.
    """
    values = as_array(weights)
    for name, tokens in (("queries", queries), ("keys", keys)):
        if not 1 <= len(tokens) <= MOST_TOKENS:
            raise CourseError(f"There are {len(tokens)} {name}; expected 1 to {MOST_TOKENS} tokens. Show a part.")
    if not 2 <= values.ndim <= dimensions or 0 in values.shape or values.shape[-2:] != (len(queries), len(keys)):
        shapes = ("(T, S)", "(heads, T, S)", "(layers, heads, T, S)")[: dimensions - 1]
        raise CourseError(
            f"The weights have shape {values.shape}; expected {', '.join(shapes)} with T = {len(queries)} queries and "
            f"S = {len(keys)} keys. From a batch take one text, weights[:, 0]; join layers with torch.cat."
        )
    _refuse_no_softmax(values)
    return values.reshape((1,) * (dimensions - values.ndim) + values.shape)


def looks_at(row: np.ndarray, keys: Sequence[str], most: int = 3) -> str:
    """The largest weights of a row in words, such as `cat 43 %, mat 12 %`; of small ones the largest alone."""
    order = sorted(range(len(row)), key=lambda place: (-round(row[place], 3), place))[:most]
    told = [place for place in order if row[place] >= 0.05] or order[:1]
    return ", ".join(f"{visible(keys[place])} {100 * row[place]:.0f} %" for place in told)


def visible(token: str) -> str:
    """A token whose white space and control characters can be seen."""
    shown = token.replace(" ", "␣").replace("\n", "↵")
    return "".join(character if character.isprintable() else "□" for character in shown) or "∅"


def packed(values: np.ndarray) -> str:
    """Weights (layers, heads, T, S) in thousandths, each two digits to the base of 32, for the script of the page."""
    pairs = np.array([DIGITS[number // 32] + DIGITS[number % 32] for number in range(1001)])
    thousandths = np.rint(1000 * np.clip(values, 0, 1)).astype(int)
    written = pairs[thousandths].reshape(-1, *values.shape[2:])
    return ";".join(",".join(_without_last_zeros("".join(row)) for row in head) for head in written)


def _without_last_zeros(row: str) -> str:
    while row.endswith("00") and len(row) % 2 == 0:
        row = row[:-2]
    return row


def as_array(weights) -> np.ndarray:
    """A tensor wherever it lies and whatever it is made of, or anything that numpy takes. Raises CourseError."""
    if weights is None or isinstance(weights, (list, tuple)) and (not weights or any(part is None for part in weights)):
        raise CourseError(NO_WEIGHTS)
    if hasattr(weights, "detach"):
        weights = weights.detach().float().cpu()
    try:
        return np.asarray(weights, float)
    except (TypeError, ValueError) as error:
        raise CourseError(
            f"The weights are no array of numbers ({type(weights).__name__}); expected a tensor (layers, heads, T, S). "
            "Join a tuple of layers with torch.cat."
        ) from error


def _refuse_no_softmax(values: np.ndarray) -> None:
    if not ((values >= -1e-6) & (values <= 1 + 1e-3)).all():
        raise CourseError("Some weights are not between 0 and 1; expected what comes out of a softmax, not scores.")
    sums = values.sum(axis=-1)
    worst = np.unravel_index(np.abs(sums - 1).argmax(), sums.shape)
    if abs(sums[worst] - 1) > 0.02:                                # bfloat16 rounds by less
        raise CourseError(
            f"The weights of query {worst[-1]} sum to {sums[worst]:.2f}; expected 1, as a softmax over the keys (the "
            "last axis) gives. With dropout they do not: call model.eval() first."
        )


def _refuse_too_many(values: np.ndarray) -> None:
    if values.size > MOST_WEIGHTS:
        raise CourseError(
            f"{values.size:,} weights would make the page too large; expected {MOST_WEIGHTS:,} at most. "
            "Choose fewer layers, say weights[:6], or a shorter text."
        )


def _text(queries, keys, values: np.ndarray, title: str, layer: int, head: int, query: int | None) -> str:
    """The chosen head in characters: a line for each query, or for the chosen one."""
    several = values.shape[:2] != (1, 1)
    lines = [title] if title else []
    lines += [f"layer {layer} of 0 to {len(values) - 1}, head {head} of 0 to {values.shape[1] - 1}"] if several else []
    for place in range(len(queries)) if query is None else [query]:
        lines.append(f"{visible(queries[place]):>10}  looks at  {looks_at(values[layer, head, place], keys)}")
    return "\n".join(lines)


def _page(body: str, weights: str, title: str, text: str) -> str:
    """The whole page, weights written where the script finds them."""
    return (
        f"<!doctype html>{NO_REQUESTS}<style>{RULES}</style><body><div style='{SHEET}'>"
        f"<b>{html.escape(title)}</b>{body}<p role='status' data-help='{html.escape(HELP)}'>{html.escape(HELP)}</p>"
        f"<noscript><pre>{html.escape(text)}</pre></noscript></div>"
        f"<script type='text/plain' id='weights'>{weights}</script><script>{SCRIPT}</script></body>"
    )


def _choices(values: np.ndarray, layer: int, head: int) -> str:
    """Lists to choose layer and head from; one with a single entry is hidden."""
    written = ""
    for name, count, chosen in (("Layer", values.shape[0], layer), ("Head", values.shape[1], head)):
        options = "".join(f"<option{' selected' * (number == chosen)}>{number}</option>" for number in range(count))
        written += f"<label{' hidden' if count == 1 else ''}>{name} <select>{options}</select></label>"
    return f"<div style='margin-top:4px'>{written}</div>"


def _columns(queries: Sequence[str], keys: Sequence[str], query: int | None) -> str:
    """Both columns of tokens, and between them an empty picture that the script fills with lines."""
    height = ROW * max(len(queries), len(keys))
    left = "".join(
        f"<button type='button' aria-pressed='{'true' if place == query else 'false'}' "
        f"tabindex='{0 if place == (query or 0) else -1}'>{html.escape(visible(token))}</button>"
        for place, token in enumerate(queries)
    )
    right = "".join(f"<div><span>{html.escape(visible(token))}</span><small></small></div>" for token in keys)
    return (
        f"<div class='columns'><div class='from'><h2>this token looks</h2><div role='toolbar' "
        f"aria-orientation='vertical' aria-label='Tokens that look'>{left}</div></div>"
        f"<svg viewBox='0 0 100 {height}' height='{height}' preserveAspectRatio='none' aria-hidden='true'></svg>"
        f"<div class='to'><h2>at these</h2>{right}</div></div>"
    )
