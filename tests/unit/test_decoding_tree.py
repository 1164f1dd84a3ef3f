"""The tree of what a model might write: counted and multiplied by hand, and the paths of greedy and beam in it."""

import math

import pytest
import torch

from course_utils.decoding_tree import Node, tree
from course_utils.errors import CourseError
from course_utils.generation import Beam, beam_search, generate, greedy
from course_utils.logit_rules import NoRepeatNgram
from course_utils.models.ngram import NGram
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.text import CharVocabulary


class Planned:
    """Gives the probabilities that a table holds for the ids written so far; the prompt is [0]."""

    def __init__(self, table):
        self.table, self.was_read = table, []

    def read(self, ids, memory=None):
        written = () if memory is None else (*memory, *ids)
        self.was_read.append(written)
        return torch.tensor(self.table[written], dtype=torch.float64), written


# Greedy falls for token 1 (0.6), after which all is even; token 2 (0.4) is followed by a sure thing.
TRAP = {(): [0.0, 0.6, 0.4], (1,): [0.3, 0.4, 0.3], (2,): [0.0, 0.05, 0.95]}


def test_the_tree_of_a_model_worked_out_by_hand():
    nodes = tree(Planned(TRAP), [0], depth=2, width=2)
    assert nodes[0] == Node(None, (), 1.0, 1.0, greedy=True, beam=1) and nodes[0].token is None
    assert [(node.parent, node.ids, node.token) for node in nodes[1:]] == [
        (0, (1,), 1), (0, (2,), 2), (1, (1, 1), 1), (1, (1, 0), 0), (2, (2, 2), 2), (2, (2, 1), 1),
    ]  # fmt: skip
    assert [node.probability for node in nodes[1:]] == pytest.approx([0.6, 0.4, 0.4, 0.3, 0.95, 0.05])
    assert [node.path_probability for node in nodes[1:]] == pytest.approx([0.6, 0.4, 0.24, 0.18, 0.38, 0.02])
    assert [node.ids for node in nodes if node.greedy] == [(), (1,), (1, 1)]
    assert [(node.ids, node.beam) for node in nodes if node.beam] == [
        ((), 1), ((1,), 2), ((2,), 1), ((1, 1), 2), ((2, 2), 1),
    ]  # fmt: skip
    assert [node.depth for node in nodes] == [0, 1, 1, 2, 2, 2, 2]


def test_nothing_follows_the_stop_token_and_nothing_impossible_is_shown():
    model = Planned({(): [0.5, 0.5, 0.0], (1,): [1.0, 0.0, 0.0]})  # 0 ends; what follows it is not in the table
    nodes = tree(model, [0], depth=5, width=3, stop=0)
    assert [node.ids for node in nodes] == [(), (0,), (1,), (1, 0)]
    assert [node.greedy for node in nodes] == [True, True, False, False]
    assert {node.ids: node.beam for node in nodes} == {(): 1, (0,): 2, (1,): 1, (1, 0): 1}  # ln ½ is divided by 2


def test_each_node_above_the_last_level_is_read_once_by_the_tree_itself():
    model = Planned(TRAP)
    tree(model, [0], depth=2, width=2)
    assert model.was_read[:3] == [(), (1,), (2,)]


@pytest.mark.parametrize("stop", [None, 3])
def test_greedy_and_beams_of_networks_lie_in_the_tree(stop):
    config = TransformerConfig(9, context=16, width=12, heads=3, layers=2)
    for seed in range(4):
        model = Transformer(config, generator(seed)).eval()
        for beam in (None, Beam(2), Beam(3, 0.0)):
            nodes = tree(model, [1, 2], depth=3, width=3, stop=stop, beam=beam)
            by_ids = {node.ids: node for node in nodes}
            assert by_ids[tuple(generate(model, [1, 2], 3, greedy, stop=stop))].greedy
            found = beam_search(model, [1, 2], 3, beam or Beam(3), stop)
            assert [by_ids[each.ids].beam for each in found] == list(range(1, len(found) + 1))
            for each in found:
                assert math.log(by_ids[each.ids].path_probability) == pytest.approx(each.log_probability, abs=1e-5)
            assert sum(node.greedy for node in nodes if node.depth == 1) == 1


def test_a_tree_as_wide_as_the_vocabulary_holds_all_the_probability():
    vocabulary = CharVocabulary("abc")
    model = NGram.fit(vocabulary.encode("abcabcaab\n" * 4), vocabulary, order=2)
    nodes = tree(model, [0], depth=3, width=len(vocabulary))
    for depth in range(4):
        assert sum(node.path_probability for node in nodes if node.depth == depth) == pytest.approx(1)
    for node in nodes[1:]:
        assert node.ids[:-1] == nodes[node.parent].ids
        expected = model.distribution([0, *node.ids[:-1]])[node.token]
        assert node.probability == pytest.approx(expected)
        assert node.path_probability == pytest.approx(nodes[node.parent].path_probability * node.probability)


def test_rules_hold_in_the_tree():
    model = Planned({(): [0.5, 0.3, 0.2], (1,): [0.5, 0.3, 0.2], (2,): [0.5, 0.3, 0.2]})
    nodes = tree(model, [0], depth=2, width=3, rules=[NoRepeatNgram(1)])
    assert [node.ids for node in nodes] == [(), (1,), (2,), (1, 2), (2, 1)]
    assert nodes[1].probability == pytest.approx(0.6) and nodes[3].path_probability == pytest.approx(0.6)
    assert [node.ids for node in nodes if node.greedy] == [(), (1,), (1, 2)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 0}, "depth is 0 and width 2; expected 1 or more of each"),
        ({"width": 0}, "depth is 2 and width 0; expected 1 or more"),
        ({"beam": Beam(3)}, "The beam keeps 3 beginnings and the tree shows 2 tokens a node"),
        ({"prompt": []}, "The prompt is empty"),
    ],
)
def test_trees_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(CourseError, match=message):
        tree(**{"model": Planned(TRAP), "prompt": [0], "depth": 2, "width": 2} | settings)
