"""What a model might write, as a tree: where greedy goes, where a beam goes, and what both leave aside."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from course_utils.beam_search import Beam, beam_search
from course_utils.errors import CourseError
from course_utils.generation import generate
from course_utils.logit_rules import Rule
from course_utils.reading import begun, expected
from course_utils.sampling import greedy, likeliest


@dataclass(frozen=True)
class Node:
    """A token that may follow those above it. The root is the prompt, with no token and probability 1.

    parent: its place in the list of nodes. ids: the new ids from the root to here. probability: of the token, given all
    before it; path_probability: of all `ids` together. greedy: `greedy` comes through here. beam: the rank, from 1, of
    the best text of the beam search that comes through here, or None.
    """

    parent: int | None
    ids: tuple[int, ...]
    probability: float
    path_probability: float
    greedy: bool = False
    beam: int | None = None

    @property
    def token(self) -> int | None:
        """The last of the ids."""
        return self.ids[-1] if self.ids else None

    @property
    def depth(self) -> int:
        """How many tokens below the prompt it stands."""
        return len(self.ids)


def tree(
    model,
    prompt: Sequence[int],
    depth: int,
    width: int,
    stop: int | None = None,
    beam: Beam | None = None,
    rules: Sequence[Rule] = (),
) -> list[Node]:
    """The `width` likeliest tokens after the prompt, after each of them and so on, `depth` tokens down; level by level.

    Children stand with the likelier first, none that is impossible, and nothing follows `stop`. `beam` is
    `Beam(width)` unless another is given, whose width may be smaller: then all its texts lie in the tree, except where
    rules make beam search weigh otherwise. The model reads every node above the last level once, and the paths again.
    Raises CourseError for a depth or width below 1, for a beam that is wider than the tree, and what `generate` raises.
    """
    _check(depth, width, beam)
    beam = Beam(width) if beam is None else beam
    nodes = _grown(model, begun(prompt), depth, width, stop, rules)
    path = generate(model, prompt, depth, greedy, stop=stop, rules=rules)
    found = [each.ids for each in beam_search(model, prompt, depth, beam, stop, rules)]
    return [replace(node, greedy=_leads_to(node, path), beam=_rank(node, found)) for node in nodes]


def _check(depth: int, width: int, beam: Beam | None) -> None:
    if depth < 1 or width < 1:
        raise CourseError(f"depth is {depth} and width {width}; expected 1 or more of each.")
    if beam is not None and beam.width > width:
        raise CourseError(
            f"The beam keeps {beam.width} beginnings and the tree shows {width} tokens a node; expected a beam that is "
            "no wider, so that its texts lie in the tree."
        )


def _grown(model, prompt: list[int], depth: int, width: int, stop: int | None, rules: Sequence[Rule]) -> list[Node]:
    """All nodes, level by level, without marks."""
    nodes, level = [Node(None, (), 1.0, 1.0)], [(0, prompt, None)]                  # place, unread ids, memory
    for _ in range(depth):
        below = []
        for place, unread, memory in level:
            above = nodes[place]
            probability, memory = expected(model, unread, memory, [*prompt, *above.ids], rules)
            for token, p in likeliest(probability, width):
                if token != stop:
                    below.append((len(nodes), [token], memory))
                nodes.append(Node(place, (*above.ids, token), p, above.path_probability * p))
        level = below
    return nodes


def _leads_to(node: Node, ids: Sequence[int]) -> bool:
    return node.ids == tuple(ids[: node.depth])


def _rank(node: Node, texts: Sequence[tuple[int, ...]]) -> int | None:
    """The place, from 1, of the first text that goes through the node."""
    return next((rank for rank, ids in enumerate(texts, start=1) if _leads_to(node, ids)), None)
