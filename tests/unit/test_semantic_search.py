"""Search by meaning and by words: ranks and scores by hand, BM25 by its formula, and the shipped embeddings."""

import json
import math

import numpy as np
import pytest
import torch

from course_utils import tasks
from course_utils.errors import CourseError
from course_utils.paths import DATA
from course_utils.seeding import generator
from course_utils.semantic_search import (
    WordSearch,
    mean_reciprocal_rank,
    nearest,
    packed,
    rank_of,
    recall_at,
    unpacked,
    wiki_embeddings,
    words,
)
from course_utils.text import load_wiki

TEXTS = ["the cat sat", "the dog sat on the mat", "a cat and a cat", "fish"]


def test_the_nearest_are_those_with_the_largest_cosine_whatever_their_length():
    rows = torch.tensor([[2.0, 0.0], [0.0, 5.0], [3.0, 3.0], [-1.0, 0.0]])
    found = nearest(torch.tensor([0.5, 0.0]), rows, 3)
    assert [number for number, _ in found] == [0, 2, 1]
    assert [cosine for _, cosine in found] == pytest.approx([1.0, math.sqrt(0.5), 0.0], abs=1e-6)
    assert len(nearest(torch.tensor([1.0, 0.0]), rows, 99)) == 4
    with pytest.raises(CourseError, match="k is 0"):
        nearest(torch.tensor([1.0, 0.0]), rows, 0)


def test_bm25_by_its_formula():
    search, k, b = WordSearch(TEXTS), 1.2, 0.75
    mean = (3 + 6 + 5 + 1) / 4
    rarity = math.log(1 + (4 - 2 + 0.5) / (2 + 0.5))               # "cat" is in two of four texts
    by_hand = [rarity * n * (k + 1) / (n + k * (1 - b + b * length / mean)) for n, length in ((1, 3), (2, 5))]
    scores = search.scores("Cat!")
    assert scores[[0, 2]] == pytest.approx(by_hand)
    assert scores[1] == scores[3] == 0
    assert search.scores("a cat a cat") == pytest.approx(search.scores("cat a"))
    assert not search.scores("zebra").any()


def test_words_are_cut_at_everything_that_is_no_letter_or_number():
    assert words("It’s 3 o'clock—now, señor_x!") == ["it", "s", "3", "o", "clock", "now", "señor", "x"]


def test_a_tie_is_lost():
    assert rank_of([0.3, 0.9, 0.3, 0.1], 1) == 1
    assert rank_of([0.3, 0.9, 0.3, 0.1], 0) == 3
    assert rank_of([0.0, 0.0, 0.0], 1) == 3


def test_recall_and_mean_reciprocal_rank_by_hand():
    ranks = [1, 2, 4, 10]
    assert recall_at(ranks, 1) == 0.25 and recall_at(ranks, 4) == 0.75
    assert mean_reciprocal_rank(ranks) == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 10) / 4)


def test_packing_keeps_each_number_within_half_a_step_and_the_cosines():
    rows = torch.nn.functional.normalize(torch.randn(50, 384, generator=generator(1)), dim=1)
    numbers, scales = packed(rows)
    again = unpacked(numbers, scales)
    assert numbers.dtype == torch.int8 and ((again - rows).abs() <= scales / 2 + 1e-7).all()
    assert (rows @ rows.T - again @ again.T).abs().max() < 0.01


def test_nothing_to_search_in_is_refused():
    with pytest.raises(CourseError, match="no texts"):
        WordSearch([])


def test_the_shipped_embeddings_are_those_of_minilm_for_the_introductions_as_they_are():
    index, articles = wiki_embeddings(), load_wiki()
    facts = json.loads((DATA / "wiki_minilm.json").read_text(encoding="utf-8"))
    assert index.shape == (len(articles), 384) and facts["texts"] == len(articles)
    chosen = list(range(7, len(articles), 1200))
    again = tasks.embed([articles[i]["extract"] for i in chosen])
    assert torch.nn.functional.cosine_similarity(again, index[chosen]).min() > 0.9995
    assert np.isclose(index.norm(dim=1).numpy(), 1, atol=0.01).all()


def test_a_paraphrase_finds_its_article_by_meaning():
    articles = load_wiki()
    titles = [articles[i]["title"] for i, _ in nearest(tasks.embed(["a drink made from roasted beans"])[0],
                                                       wiki_embeddings(), 5)]  # fmt: skip
    assert any("offee" in title for title in titles), titles
