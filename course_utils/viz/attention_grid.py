"""All heads of a transformer side by side: each a small map of where it looks."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.errors import CourseError
from course_utils.viz.attention import checked
from course_utils.viz.attention_static import names
from course_utils.viz.heatmaps import STRENGTH
from course_utils.viz.style import STYLE, WIDTH, new_figure

PITCH = 1.12                                                       # from map to map, in widths or heights of a map
WIDEST, TALLEST = 1.4, 8.0                                         # inches: one map, all rows of maps together
BESIDE = 1.6                                                       # inches: numbers of layers, bar of colours


def attention_grid(
    weights, queries: Sequence[str], keys: Sequence[str] | None = None, title: str = "", high: float = 1.0
) -> Figure:
    """All heads as small maps: layers downwards, heads to the right; in each map T queries down and S keys across.

    weights (layers, heads, T, S) or (heads, T, S); the keys are the queries where they are None. One scale of colours,
    from 0 to `high`, with a bar. Raises CourseError where weights are None, do not fit, or are no softmax; for more
    than 64 tokens on a side; and where `high` is not above 0 and at most 1.
    """
    keys = queries if keys is None else keys
    values = checked(queries, keys, weights, dimensions=4)
    if not 0 < high <= 1:
        raise CourseError(f"The colours end at high={high:g}; expected a weight above 0 and at most 1.")
    layers, heads = values.shape[:2]
    side, flat = _side(values.shape), len(queries) / len(keys)
    across, down = side * PITCH * heads, side * flat * PITCH * layers
    figure, axes = new_figure(down + 1.25, width=min(WIDTH, max(4.6, across + BESIDE)))
    with matplotlib.rc_context(STYLE):
        image = _draw_maps(axes, values, high)
        axes.set_title(title, loc="left", fontsize=11)
        axes.set(xlim=(0, PITCH * heads), ylim=(PITCH * layers, 0), aspect=flat, anchor="W")
        _number_maps(axes, layers, heads, side)
        axes.set_xlabel(_caption(queries, keys), loc="left", fontsize=9.5)
        _explain_colours(axes, image, across)
    return figure


def _side(shape: tuple[int, ...]) -> float:
    """Width of a map in inches, so that all have room."""
    layers, heads, queries, keys = shape
    return min(WIDEST, (WIDTH - BESIDE) / (PITCH * heads), TALLEST / (PITCH * layers) * keys / queries)


def _draw_maps(axes, values: np.ndarray, high: float):
    """Each head's map in a thin frame, one unit wide and high; returns the last one, for the bar of colours."""
    for layer, head in np.ndindex(values.shape[:2]):
        x, y = PITCH * head, PITCH * layer
        place = {"extent": (x, x + 1, y + 1, y), "aspect": "auto", "interpolation": "nearest"}
        image = axes.imshow(values[layer, head], cmap=STRENGTH, vmin=0, vmax=high, **place)
        axes.add_patch(Rectangle((x, y), 1, 1, fill=False, edgecolor="#BFBFBF", linewidth=0.6))
    return image


def _number_maps(axes, layers: int, heads: int, side: float) -> None:
    """Numbers of heads above, of layers at the left, from 0, as large as fits."""
    size = min(10.0, 44 * side)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xticks([PITCH * head + 0.5 for head in range(heads)], range(heads), fontsize=size)
    axes.set_yticks([PITCH * layer + 0.5 for layer in range(layers)], range(layers), fontsize=size)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_ylabel("layer")
    axes.annotate("head", (0, 1), (-5, 5), xycoords="axes fraction", textcoords="offset points", ha="right")


def _caption(queries: Sequence[str], keys: Sequence[str]) -> str:
    down, right = (f"from {names(tokens)[0]} to {names(tokens)[-1]}" for tokens in (queries, keys))
    if list(queries) == list(keys):
        return f"in each map: who looks, downwards {down};\nat what, to the right, the same"
    return f"in each map: who looks, downwards {down};\nat what, to the right {right}"


def _explain_colours(axes, image, across: float) -> None:
    bar = axes.inset_axes((1 + 0.05 / across, 0, 0.14 / across, 1))
    axes.figure.colorbar(image, cax=bar, label="weight")
    bar.grid(visible=False)
    bar.spines[:].set_visible(False)
    bar.set_yticks([0, image.norm.vmax / 2, image.norm.vmax])
