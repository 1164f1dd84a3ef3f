"""A tree of what may be written, drawn from the left: a box for each token, a line for each way on."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from course_utils.decoding_tree import Node
from course_utils.errors import CourseError
from course_utils.viz.canvas import MEMORY, STATE, Canvas
from course_utils.viz.plots import readable
from course_utils.viz.style import GREY, WIDTH

ROW, HEADER = 0.36, 0.42                                           # inches: from leaf to leaf, and above for the legend
MOST_LEAVES = 24
FAINT = "#BDBDBD"


def token_tree(nodes: Sequence[Node], names: Mapping[int, str], prompt: str = "prompt") -> Figure:
    """The nodes of `decoding_tree.tree`, each with its token and probability; at a leaf, the whole path's.

    Orange is where greedy goes, blue the best text of the beam, both where they go together. `names`: the text of each
    token. Raises CourseError where more leaves than fit are to be drawn.
    """
    children = _children(nodes)
    leaves = [place for place, below in children.items() if not below]
    if len(leaves) > MOST_LEAVES:
        raise CourseError(f"The tree has {len(leaves)} leaves; expected {MOST_LEAVES} at most: less depth or width.")
    page = Canvas(ROW * len(leaves) + HEADER)
    heights = _heights(children, leaves, ROW * len(leaves) - ROW / 2)
    step = (WIDTH - 1.0) / (max(node.depth for node in nodes) + 0.55)
    for place, node in enumerate(nodes):
        x, y = 0.1 + step * node.depth, heights[place]
        if node.parent is not None:
            _branch(page, node, (x - step + _width(step), heights[node.parent]), (x, y))
        _label(page, node, x, y, step, prompt if node.token is None else names[node.token])
        if place in leaves:
            page.text(x + _width(step) + 0.1, y, _share(node.path_probability), GREY, size=9, align="left")
    _legend(page, ROW * len(leaves) + HEADER / 2)
    return page.figure


def _children(nodes: Sequence[Node]) -> dict[int, list[int]]:
    """The places of the nodes below each."""
    below: dict[int, list[int]] = {place: [] for place in range(len(nodes))}
    for place, node in enumerate(nodes):
        if node.parent is not None:
            below[node.parent].append(place)
    return below


def _heights(children: Mapping[int, list[int]], leaves: Sequence[int], top: float) -> dict[int, float]:
    """The y of each node: leaves from the top in the order of the tree, every other halfway between its children."""
    in_order = [place for place in _downwards(children, 0) if place in set(leaves)]
    heights = {place: top - ROW * row for row, place in enumerate(in_order)}
    for place in sorted(children, reverse=True):                   # children stand after their parents
        if children[place]:
            heights[place] = (heights[children[place][0]] + heights[children[place][-1]]) / 2
    return heights


def _downwards(children: Mapping[int, list[int]], place: int) -> list[int]:
    """A node and all below it, branch by branch."""
    return [place, *(below for child in children[place] for below in _downwards(children, child))]


def _width(step: float) -> float:
    return 0.8 * step                                              # of a box; the rest is for the lines


def _branch(page: Canvas, node: Node, start: tuple[float, float], end: tuple[float, float]) -> None:
    """The line to a node, once for each search that goes along it."""
    (left, from_y), (right, to_y), middle = start, end, (start[0] + end[0]) / 2
    colours = [colour for colour, there in ((MEMORY, node.greedy), (STATE, node.beam == 1)) if there] or [FAINT]
    for number, colour in enumerate(colours):
        shift = 0.05 * (number - (len(colours) - 1) / 2)
        bend = [(middle, from_y), (middle, to_y)] if from_y != to_y else []
        corners = [(left, from_y), *bend, (right, to_y)]
        page.line([(x, y + shift) for x, y in corners], colour, head=False, width=1.2 if colour == FAINT else 2.4)


def _label(page: Canvas, node: Node, x: float, y: float, step: float, text: str) -> None:
    colour = MEMORY if node.greedy else STATE if node.beam == 1 else FAINT
    shown = readable(text) if node.token is None else f"{readable(text)}  {node.probability:.0%}"
    page.box(x + _width(step) / 2, y, "", colour, width=_width(step), height=0.28)
    page.text(x + _width(step) / 2, y, shown, size=9)


def _share(probability: float) -> str:
    return f"{probability:.1%}" if probability >= 0.0005 else "<0.1%"


def _legend(page: Canvas, y: float) -> None:
    for x, colour, text in ((0.1, MEMORY, "greedy"), (1.4, STATE, "the best text of the beam")):
        page.line([(x, y), (x + 0.35, y)], colour, head=False, width=2.4)
        page.text(x + 0.45, y, text, GREY, size=9.5, align="left")
    page.text(WIDTH - 0.1, y, "at the right: probability of the whole path", GREY, size=9.5, align="right")
