"""Edit distance, alignments, phoneme and word error rates, on words that can be checked on paper."""

import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.error_rates import (
    DELETE,
    INSERT,
    MATCH,
    SUBSTITUTE,
    ErrorRates,
    alignment,
    edit_distance,
    error_rates,
)
from course_utils.errors import CourseError
from course_utils.seeding import generator

WORDS = st.text("abc", max_size=8)
CAT, CUT, SCAT = ("K", "AE", "T"), ("K", "AH", "T"), ("S", "K", "AE", "T")


# --- edit distance


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("", "", 0),
        ("a", "a", 0),
        ("a", "b", 1),
        ("", "abc", 3),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
        ("saturday", "sunday", 3),
        ("ab", "ba", 2),  # an exchange of neighbours is no operation of its own
        ("abcd", "bcde", 2),  # a shift: one deleted, one inserted, no position equal
        ("intention", "execution", 5),
    ],
)
def test_the_edit_distance_is_the_least_number_of_changes(a, b, distance):
    assert edit_distance(a, b) == distance
    assert edit_distance(tuple(a), list(b)) == distance


def test_symbols_of_several_letters_count_as_one():
    assert edit_distance(CAT, CUT) == 1
    assert edit_distance(["K", "AE", "T"], ["S", "K", "AE", "T"]) == 1


@given(WORDS, WORDS, WORDS)
def test_the_edit_distance_is_a_metric(a, b, c):
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, b) == edit_distance(b, a)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


@given(WORDS, WORDS)
def test_the_edit_distance_lies_between_the_difference_in_length_and_the_longer_length(a, b):
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@pytest.mark.parametrize("function", [edit_distance, alignment])
def test_a_string_is_not_compared_with_a_tuple_of_symbols(function):
    with pytest.raises(CourseError, match=r"Of 'K AE T' and \('K', 'AE', 'T'\) one is a string; expected symbols"):
        function("K AE T", CAT)


def test_twelve_thousand_words_of_eight_symbols_take_less_than_two_seconds():
    symbols = torch.randint(39, (12_000, 2, 8), generator=generator(0)).tolist()
    begin = time.process_time()
    for a, b in symbols:
        edit_distance(a, b)
    assert time.process_time() - begin < 2


# --- alignment


def test_an_alignment_names_each_change_in_order():
    assert alignment("kitten", "sitting") == [
        (SUBSTITUTE, "k", "s"),
        (MATCH, "i", "i"),
        (MATCH, "t", "t"),
        (MATCH, "t", "t"),
        (SUBSTITUTE, "e", "i"),
        (MATCH, "n", "n"),
        (INSERT, None, "g"),
    ]
    assert alignment(SCAT, CAT)[0] == (DELETE, "S", None)


def test_of_equally_cheap_alignments_the_one_without_needless_detours_is_shown():
    assert alignment("ab", "cd") == [(SUBSTITUTE, "a", "c"), (SUBSTITUTE, "b", "d")]
    assert alignment("ab", "b") == [(DELETE, "a", None), (MATCH, "b", "b")]
    assert alignment("aab", "ab") == [(DELETE, "a", None), (MATCH, "a", "a"), (MATCH, "b", "b")]


def test_alignments_with_nothing_are_all_deletions_or_all_insertions():
    assert alignment("", "") == []
    assert alignment(CAT, ()) == [(DELETE, symbol, None) for symbol in CAT]
    assert alignment((), CAT) == [(INSERT, None, symbol) for symbol in CAT]


@given(WORDS, WORDS)
def test_an_alignment_spells_both_words_and_costs_the_edit_distance(a, b):
    steps = alignment(a, b)
    assert "".join(x for _, x, _ in steps if x is not None) == a
    assert "".join(y for _, _, y in steps if y is not None) == b
    assert sum(operation != MATCH for operation, _, _ in steps) == edit_distance(a, b)
    right = {MATCH: lambda x, y: x == y, SUBSTITUTE: lambda x, y: None not in (x, y) and x != y}
    right |= {DELETE: lambda x, y: y is None, INSERT: lambda x, y: x is None}
    assert all(right[operation](x, y) for operation, x, y in steps)


# --- error rates


def test_phonemes_are_counted_over_all_words_and_words_as_wholes():
    rates = error_rates([CAT, CUT, SCAT], [(CAT,), (CAT,), (CAT,)])
    assert (rates.errors, rates.phonemes, rates.words) == (2, 9, 3)
    assert rates.per == pytest.approx(2 / 9)
    assert rates.wer == pytest.approx(2 / 3)
    assert rates.wrong == (False, True, True)
    assert rates.pairs.tolist() == [[0, 3], [1, 3], [1, 3]]


def test_the_phoneme_error_rate_is_a_ratio_of_sums_and_not_a_mean_of_ratios():
    rates = error_rates([("B",), CAT + CAT], [(("A",),), (CAT + CAT,)])
    assert rates.per == pytest.approx(1 / 7)  # the mean of 1/1 and 0/6 would be 1/2


def test_any_of_several_pronunciations_is_right():
    rates = error_rates([("AY", "DH", "ER")], [(("IY", "DH", "ER"), ("AY", "DH", "ER"))])
    assert (rates.per, rates.wer) == (0, 0)


def test_edits_are_counted_to_the_nearest_pronunciation_and_its_length_is_taken():
    rates = error_rates([("A", "B", "X")], [(("C", "D"), ("A", "B", "C", "D"), ("A", "B", "C"))])
    assert (rates.errors, rates.phonemes) == (1, 3)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_equally_near_pronunciations_the_shorter_counts_wherever_it_stands(order):
    allowed = (("A", "B", "C"), ("A",))[::order]  # one edit away from A B, either of them
    assert error_rates([("A", "B")], [allowed]).per == 1


def test_an_empty_prediction_counts_as_all_deleted():
    rates = error_rates([()], [(CAT, SCAT)])
    assert (rates.errors, rates.phonemes, rates.per, rates.wer) == (3, 3, 1, 1)


def test_the_phoneme_error_rate_can_exceed_one_and_the_word_error_rate_cannot():
    rates = error_rates([("A",) * 5], [(("B",),)])
    assert (rates.per, rates.wer) == (5, 1)


def test_lists_serve_as_well_as_tuples():
    assert error_rates([list(CAT)], [[list(CUT)]]) == error_rates([CAT], [(CUT,)]) == ErrorRates((1,), (3,))


def test_the_rates_print_as_percentages_with_the_number_of_words():
    assert str(ErrorRates((0, 1), (3, 5))) == "PER 12.50%, WER 50.00% of 2 words"


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([CAT], [], "1 predictions for 0 references; expected one a word"),
        ([], [], "There are no words"),
        ([CAT, CUT], [(CAT,), ()], r"Word 1 has no reference or an empty one: \(\)"),
        ([CAT], [(CAT, ())], "Word 0 has no reference or an empty one"),
        (["K AE T"], [(CAT,)], "Prediction 0 is the string 'K AE T'; expected a tuple of symbols"),
        ([CAT], [CAT], "The references of word 0 are .* one more pair of brackets"),
        ([CAT], ["K AE T"], "The references of word 0 are 'K AE T'"),
    ],
)
def test_words_that_cannot_be_counted_are_refused_with_the_reason(predictions, references, message):
    with pytest.raises(CourseError, match=message):
        error_rates(predictions, references)
