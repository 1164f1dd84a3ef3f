"""bertviz's own head and model view (Vig 2019), in a frame that asks no other address for anything.

bertviz takes two scripts, d3 and jQuery, from a server each time it draws. Here they come from the assets of those
names and stand, packed, in the page. bertviz itself is left as it is; its views are used with a mouse.
"""

import base64
import html
import re
import zlib
from collections.abc import Sequence

import numpy as np
import torch

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.viz.attention import MOST_WEIGHTS, checked, visible
from course_utils.viz.rich import NO_REQUESTS, SHEET, Rich, framed
from course_utils.viz.style import GREY

TOKEN, AROUND_HEADS = 22.5, 112                                    # pixels: a token of the head view, all around it
MAP_TOKEN, DETAIL_TOKEN, AROUND_MODEL = 84, 18, 64                 # a token of the model view: times heads, large
WIDE, SHEET_WIDTH = 985, 806                                       # pixels: the model view, and what it is shrunk to
SERVER = re.compile(r"require\.config\(\{.*?\}\s*\}\);", re.DOTALL)    # where bertviz says from whom to take scripts
CREDITS = "bertviz © Jesse Vig, Apache-2.0 · D3 © Mike Bostock, BSD-3-Clause · jQuery © OpenJS Foundation, MIT"
# In the place of require.js: both scripts are there before bertviz asks for them.
LOADER = "window.requirejs = (names, use) => use(...names.map(name => ({jquery: window.jQuery, d3: window.d3})[name]));"
UNPACK = """
const bytes = Uint8Array.from(atob(document.querySelector('#packed').textContent), letter => letter.charCodeAt(0));
const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
new Response(stream).text().then(code => {
  const script = document.createElement('script');
  script.textContent = code;
  document.body.append(script);
});
"""


def head_view(
    tokens: Sequence[str], weights, keys: Sequence[str] | None = None, title: str = "",
    layers: Sequence[int] | None = None, heads: Sequence[int] | None = None,
) -> Rich:  # fmt: skip
    """bertviz's head view: a layer is chosen from a list, heads by their coloured squares; point at a token.

    weights (layers, heads, T, S), rows summing to 1; keys are the tokens themselves where they are None. Only `layers`
    are kept, the first of them shown first; `heads` are those switched on at first, all where None. Weights are kept to
    three decimals. Raises CourseError where weights are None, do not fit or are no softmax; for more than 64 tokens on
    a side or 160,000 weights; where a layer or head is not there; and AssetError where a script is not to be had.
    """
    from bertviz import head_view as draw

    values, layers = _checked(tokens, tokens if keys is None else keys, weights, layers, heads)
    chosen = {"layer": layers[0], "heads": heads, "include_layers": layers}
    view = draw(**_texts(tokens, keys, values), **chosen, html_action="return")
    height = round(TOKEN * max(values.shape[-2:])) + AROUND_HEADS
    return _rich(view.data, height, title, f"bertviz head view of {_said(values, layers)}")


def model_view(
    tokens: Sequence[str], weights, keys: Sequence[str] | None = None, title: str = "",
    layers: Sequence[int] | None = None,
) -> Rich:  # fmt: skip
    """bertviz's model view: all heads of all layers, small; click one to see it large. Otherwise as `head_view`."""
    from bertviz import model_view as draw

    values, layers = _checked(tokens, tokens if keys is None else keys, weights, layers, None)
    view = draw(**_texts(tokens, keys, values), display_mode="light", include_layers=layers, html_action="return")
    small, large = MAP_TOKEN / values.shape[1] * max(values.shape[-2:]) + 10, DETAIL_TOKEN * max(values.shape[-2:]) + 55
    scale = SHEET_WIDTH / WIDE
    height = round(scale * max(len(layers) * small + 38, large)) + AROUND_MODEL
    return _rich(view.data, height, title, f"bertviz model view of {_said(values, layers)}", scale)


def _checked(queries, keys, weights, layers, heads) -> tuple[np.ndarray, list[int]]:
    """All weights as an array (layers, heads, T, S) to three decimals, and the numbers of the layers to keep."""
    values = checked(queries, keys, weights, dimensions=4)
    layers = list(range(len(values))) if layers is None else list(layers)
    for kind, numbers, count in (("layer", layers, len(values)), ("head", heads or [0], values.shape[1])):
        missing = [number for number in numbers if not 0 <= number < count]
        if missing or not numbers:
            found = f"no {kind} {missing[0]}" if missing else f"no {kind} chosen"
            raise CourseError(f"There is {found}; expected numbers from 0 to {count - 1}.")
    kept = values[layers].size
    if kept > MOST_WEIGHTS:
        raise CourseError(
            f"{kept:,} weights would make the page slow; expected {MOST_WEIGHTS:,} at most. Choose fewer layers, say "
            "layers=[0, 5], or a shorter text."
        )
    return np.round(values, 3), layers


def _texts(queries: Sequence[str], keys: Sequence[str] | None, values: np.ndarray) -> dict:
    """Tokens and weights by the names that bertviz has for them: of one text, or from one text to another."""
    layers = [torch.from_numpy(layer)[None] for layer in values]
    shown = [visible(token) for token in queries]
    if keys is None:
        return {"tokens": shown, "attention": layers}
    return {"decoder_tokens": shown, "encoder_tokens": [visible(token) for token in keys], "cross_attention": layers}


def _said(values: np.ndarray, layers: list[int]) -> str:
    _, heads, queries, keys = values.shape
    return f"{len(layers)} layers of {heads} heads, {queries} tokens looking at {keys}"


def _rich(view: str, height: int, title: str, said: str, scale: float = 1) -> Rich:
    """The frame with the view's own HTML, and its script packed together with those it calls."""
    body, script = _split(view)
    code = "\n".join([_script("jquery", "jquery.js"), _script("d3", "d3.v5.min.js"), LOADER, script])
    packed = base64.b64encode(zlib.compress(code.encode(), 9)).decode()
    text = "\n".join([*([title] if title else []), f"{said}. It needs a page that runs scripts."])
    page = (
        f"<!doctype html>{NO_REQUESTS}<meta charset='utf-8'><body style='margin:0'><div style='{SHEET}'>"
        f"<b>{html.escape(title)}</b><div style='zoom:{scale:.3f}'>{body}</div>"
        f"<div style='font-size:11px;color:{GREY}'>{CREDITS}</div><noscript>{html.escape(text)}</noscript></div>"
        f"<script type='text/plain' id='packed'>{packed}</script><script>{UNPACK}</script></body>"
    )
    return Rich(framed(page, height, title or said, text, scripts=True), text)


def _split(view: str) -> tuple[str, str]:
    """What bertviz returned as its HTML and its script, without the addresses of other scripts and the random name.

    Raises CourseError where bertviz has changed its ways, so that nothing is fetched unnoticed.
    """
    found = re.fullmatch(
        r'<script src="[^"]*/require\.min\.js"></script>(.*?)<script type="text/javascript">(.*)</script>\s*',
        view, re.DOTALL,
    )  # fmt: skip
    if not found or len(SERVER.findall(found[2])) != 1:
        raise CourseError("This version of bertviz builds its pages in another way; install bertviz 1.4.1.")
    name = re.compile(r"bertviz-[0-9a-f]{32}")
    return name.sub("bertviz", found[1]), name.sub("bertviz", SERVER.sub("", found[2]))


def _script(asset: str, file: str) -> str:
    return (assets.path(asset) / file).read_text(encoding="utf-8")
