"""The tree of what may be written: where the boxes stand, and what is said of them."""

import pytest
import torch

from course_utils.decoding_tree import Node, tree
from course_utils.errors import CourseError
from course_utils.generation import Beam
from course_utils.viz.trees import MOST_LEAVES, token_tree

NAMES = {0: " a", 1: "<b>", 2: "$x$"}


class Table:
    """A model whose probabilities never change."""

    def read(self, ids, memory=None):
        return torch.tensor([0.6, 0.3, 0.1]), None


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_each_token_stands_with_its_probability_and_each_leaf_with_that_of_its_path():
    nodes = tree(Table(), [0], depth=2, width=2, beam=Beam(2))
    shown = words(token_tree(nodes, NAMES, "…"))
    assert shown.count("␣a  60%") == 3 and shown.count("<b>  30%") == 3
    assert {"36.0%", "18.0%", "9.0%"} <= set(shown)
    assert sum(text.endswith("%") and " " not in text for text in shown) == 4


def test_each_leaf_has_a_line_of_its_own_and_the_prompt_stands_between_them():
    figure = token_tree(tree(Table(), [0], depth=3, width=2), NAMES)
    heights = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    leaves = [text.get_position()[1] for text in figure.axes[0].texts if "." in text.get_text()]
    assert len(leaves) == len(set(leaves)) == 8
    assert min(leaves) < heights["prompt"] < max(leaves)


def test_a_path_that_is_hardly_possible_is_not_called_impossible():
    nodes = [Node(None, (), 1.0, 1.0), Node(0, (0,), 0.0001, 0.0001, greedy=True, beam=1)]
    assert "<0.1%" in words(token_tree(nodes, NAMES))


def test_a_dollar_is_no_formula():
    nodes = [Node(None, (), 1.0, 1.0), Node(0, (2,), 0.1, 0.1)]
    assert r"\$x\$  10%" in words(token_tree(nodes, NAMES))


def test_a_tree_that_does_not_fit_is_refused():
    nodes = tree(Table(), [0], depth=3, width=3)
    assert MOST_LEAVES < 27
    with pytest.raises(CourseError, match="27 leaves"):
        token_tree(nodes, NAMES)
