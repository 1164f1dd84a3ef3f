"""ROUGE, worked out by hand."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.rouge import Rouge, longest_common, rouge_l, rouge_n, rouge_scores

REFERENCE = "police killed the gunman"                             # the example of Lin 2004, section 3
SAME_WORDS, SAME_ORDER = "the gunman kill police", "police kill the gunman"


def test_both_summaries_of_the_paper_have_the_same_pairs_and_differ_in_order():
    assert rouge_n(SAME_ORDER, REFERENCE, 2).f1 == rouge_n(SAME_WORDS, REFERENCE, 2).f1 == pytest.approx(1 / 3)
    assert rouge_l(SAME_ORDER, REFERENCE).f1 == pytest.approx(3 / 4)
    assert rouge_l(SAME_WORDS, REFERENCE).f1 == pytest.approx(2 / 4)


def test_a_word_counts_as_often_as_in_the_text_that_has_it_less_often():
    assert rouge_n("the the the the", "the cat and the dog") == Rouge(precision=2 / 4, recall=2 / 5)


def test_case_and_punctuation_do_not_count_and_other_letters_cut_a_word():
    assert rouge_n("The CAT.", "the cat!").f1 == 1.0
    assert rouge_n("café", "caf").f1 == 1.0                        # as in ROUGE's script, which knows a to z alone


@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
def test_the_longest_common_subsequence_is_that_of_trying_all(first, second):
    of_second = {parts for size in range(len(second) + 1) for parts in combinations(second, size)}
    of_first = (parts for size in range(len(first) + 1) for parts in combinations(first, size))
    assert longest_common(first, second) == max(len(parts) for parts in of_first if parts in of_second)


def test_the_best_reference_counts_and_scores_are_means_over_the_summaries():
    found = rouge_scores([SAME_ORDER, "nothing"], [["something else", REFERENCE], ["all"]])
    assert found == pytest.approx({"rouge1": 3 / 8, "rouge2": 1 / 6, "rougeL": 3 / 8})


def test_a_text_without_words_has_nothing_in_common():
    assert rouge_n("", REFERENCE).f1 == rouge_l("…", REFERENCE).f1 == rouge_n("one", "one", 2).f1 == 0.0


def test_bad_input_is_refused():
    with pytest.raises(CourseError, match="n is 0"):
        rouge_n("a", "a", 0)
    with pytest.raises(CourseError, match="one to each"):
        rouge_scores(["a"], [])
    with pytest.raises(CourseError, match="a list of references"):
        rouge_scores(["a"], ["a"])
