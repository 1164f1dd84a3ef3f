"""The figures by which strategies are compared: worked out by hand on models whose probabilities are known."""

import json
import math
from types import SimpleNamespace

import pytest
import torch

from course_utils import strategies
from course_utils.errors import CourseError
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.paths import RESULTS
from course_utils.seeding import generator
from course_utils.strategies import WAYS, Passage, bits_per_token, forbid, measure, passages, write

END = 0
PASSAGE = Passage("toy", beginning=(1, 2, 3), continuation=(4, 5, 4, 5, 4, 5))


class Table:
    """A model whose probabilities never change."""

    def __init__(self, *probability: float):
        self.probability = torch.tensor(probability)

    def read(self, ids, memory=None):
        return self.probability, None


class Words:
    """A tokenizer that cuts at blanks and numbers words as they come."""

    def __call__(self, text: str, add_special_tokens: bool) -> SimpleNamespace:
        return SimpleNamespace(input_ids=list(range(len(text.split()))))


def test_the_surprise_of_a_token_is_minus_log2_of_its_probability_and_the_beginning_counts_nothing():
    model = Table(0.5, 0.25, 0.125, 0.125)
    assert bits_per_token(model, [3, 3, 3], [0, 1, 2]) == pytest.approx((1 + 2 + 3) / 3)
    assert bits_per_token(model, [0], [3]) == pytest.approx(3)


def test_a_continuation_is_measured_whoever_wrote_it():
    model = Table(*[1 / 8] * 8)
    found = measure(model, PASSAGE, PASSAGE.continuation)
    assert found.bits_per_token == pytest.approx(3) and found.seconds is None
    assert found.distinct_2 == pytest.approx(2 / 6)                # 4 5 and 5 4, for six tokens
    assert found.repeated_4 == pytest.approx(1 / 3)                # of three runs of four the last is the first


@pytest.mark.parametrize("name", WAYS)
def test_each_way_writes_as_much_as_the_person_and_never_the_end(name):
    model = Transformer(TransformerConfig(12, 32, 16, 2, 1), generator(1))
    with torch.no_grad():
        model.embedding.weight[END] *= 20                          # so that the end would often be the likeliest
    ids, seconds = write(model, PASSAGE, WAYS[name], END)
    assert len(ids) == len(PASSAGE.continuation) and END not in ids and seconds >= 0


def test_a_forbidden_token_is_impossible_and_the_others_keep_their_logits():
    ruled = forbid(1)([2], torch.tensor([1.0, 2.0, 3.0]))
    assert ruled.tolist() == [1.0, -math.inf, 3.0]


def test_passages_are_cut_to_length_and_are_of_different_articles():
    found = passages(Words(), 7, beginning=5, continuation=11)
    assert len({passage.title for passage in found}) == 7
    assert all(passage.beginning == tuple(range(5)) for passage in found)
    assert all(passage.continuation == tuple(range(5, 16)) for passage in found)


@pytest.mark.parametrize("count", [0, 10**6])
def test_a_number_of_passages_that_there_is_not_is_refused(count):
    with pytest.raises(CourseError, match="expected 1 to"):
        passages(Words(), count)


def test_the_record_has_every_strategy_and_people_on_the_same_number_of_passages():
    record = json.loads((RESULTS / "decoding.json").read_text(encoding="utf-8"))
    assert set(record["ways"]) == {strategies.PEOPLE, *WAYS}
    lengths = {len(column) for way in record["ways"].values() for column in way.values()}
    assert lengths == {record["passages"]}
