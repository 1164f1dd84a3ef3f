"""Measures of repetition, counted by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.diversity import counted, distinct_n, diversity, repetition
from course_utils.errors import CourseError

WORDS = ["the", "cat", "sat", "on", "the", "cat", "sat", "down"]   # 8 words, 5 of them different


def test_all_runs_of_n_tokens_are_counted():
    assert counted([1, 2, 3, 1, 2], 2) == {(1, 2): 2, (2, 3): 1, (3, 1): 1}
    assert counted([1, 2, 3], 1) == {(1,): 1, (2,): 1, (3,): 1}
    assert counted([1, 2, 3], 4) == counted([], 1) == {}


def test_distinct_n_counts_different_ngrams_for_each_token():
    assert distinct_n(WORDS, 1) == 5 / 8
    assert distinct_n(WORDS, 2) == 5 / 8                           # the-cat cat-sat sat-on on-the sat-down
    assert distinct_n(WORDS, 3) == 5 / 8                           # the-cat-sat is there twice
    assert distinct_n([7, 7, 7, 7], 2) == 1 / 4
    assert distinct_n([1, 2], 2) == 1 / 2 and distinct_n([1], 2) == 0


def test_repetition_is_the_share_of_ngrams_that_came_before():
    assert repetition(WORDS, 1) == pytest.approx(3 / 8)
    assert repetition(WORDS, 2) == pytest.approx(2 / 7)
    assert repetition(WORDS, 3) == pytest.approx(1 / 6)
    assert repetition(WORDS, 4) == repetition(WORDS, 9) == repetition([], 1) == 0
    assert repetition([7] * 10, 3) == pytest.approx(7 / 8)


def test_diversity_is_the_product_over_two_to_four():
    assert diversity(WORDS) == pytest.approx(5 / 7 * 5 / 6)
    assert diversity([1, 2, 3, 4, 5]) == diversity([1]) == 1
    assert diversity([7] * 6) == pytest.approx(1 / 5 * 1 / 4 * 1 / 3)


def test_ids_may_be_a_tensor():
    ids = torch.tensor([4, 4, 5, 4, 4])
    assert distinct_n(ids, 1) == 2 / 5 and repetition(ids, 2) == pytest.approx(1 / 4)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 5))
def test_both_measures_stay_between_nothing_and_all(tokens, n):
    assert 0 <= repetition(tokens, n) < 1 and 0 <= distinct_n(tokens, n) <= 1
    assert (repetition(tokens, n) == 0) == (max(counted(tokens, n).values(), default=1) == 1)
    assert repetition([*tokens, *tokens], 1) >= 0.5


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(CourseError, match=r"A text came, .*; expected tokens: cut it first, by text.split\(\)"):
        distinct_n("the cat", 1)
    with pytest.raises(CourseError, match="A text came"):
        repetition("the cat", 1)
    with pytest.raises(CourseError, match="n is 0; expected a number of tokens in a row"):
        repetition([1, 2], 0)
    with pytest.raises(CourseError, match="The text is empty; distinct-n needs at least one token"):
        distinct_n([], 2)
