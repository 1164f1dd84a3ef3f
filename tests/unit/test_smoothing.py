"""Every smoothing is a distribution in every context, and the numbers are those of its paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.exercises.lesson01.counting import conditional_probability
from course_utils.exercises.lesson01.smoothing import add_k, continuation_counts, interpolate, kneser_ney_discounts
from course_utils.models.counts import NgramCounts
from course_utils.models.ngram import NGram
from course_utils.models.smoothing import (
    AbsoluteDiscount,
    AddK,
    JelinekMercer,
    KneserNey,
    Smoothing,
    modified_discounts,
)
from tests.support.brute_force import KneserNeyByHand, streams

SMOOTHINGS = [
    AddK(0),
    AddK(0.01),
    AddK(1),
    JelinekMercer(0),
    JelinekMercer(0.3),
    JelinekMercer(1),
    JelinekMercer((0.9, 0.5, 0.1, 0.7, 0, 1)),  # the longest streams have n-grams of six
    AbsoluteDiscount(),
    KneserNey(),
]
TOY = {"ids": [1, 2, 1, 2, 1, 1], "vocabulary_size": 4, "order": 2, "start": 0}


def after(smoothing: Smoothing, context, **changes) -> list[float]:
    return NGram(NgramCounts(**{**TOY, **changes}), smoothing).distribution(context).tolist()


# --- properties


@given(streams(), st.sampled_from(SMOOTHINGS), st.lists(st.integers(0, 5), max_size=8))
def test_probabilities_sum_to_one_after_any_context_seen_or_not(stream, smoothing, context):
    model = NGram(NgramCounts(**stream), smoothing)
    probability = model.distribution([token % stream["vocabulary_size"] for token in context])
    assert probability.sum() == pytest.approx(1, abs=1e-12)
    assert (probability >= 0).all()


@given(streams(), st.sampled_from(SMOOTHINGS))
def test_probabilities_sum_to_one_after_every_context_of_the_text_itself(stream, smoothing):
    model, text = NGram(NgramCounts(**stream), smoothing), [stream["start"], *stream["ids"]]
    for t in range(len(text)):
        assert model.distribution(text[: t + 1]).sum() == pytest.approx(1, abs=1e-12)


@given(streams(), st.sampled_from(SMOOTHINGS))
def test_no_alpha_and_no_gamma_is_negative(stream, smoothing):
    for table in smoothing.tables(NgramCounts(**stream)):
        assert (table.alpha >= 0).all()
        assert (table.gamma >= 0).all() and (table.gamma <= 1).all()


@given(streams(longest=40), st.lists(st.integers(0, 5), max_size=6))
def test_kneser_ney_equals_the_recursion_written_over_dictionaries(stream, context):
    context = [token % stream["vocabulary_size"] for token in context]
    expected = KneserNeyByHand(**stream).distribution(context)
    np.testing.assert_allclose(NGram(NgramCounts(**stream), KneserNey()).distribution(context), expected, atol=1e-12)


@given(streams(), st.sampled_from([AddK(0.01), JelinekMercer(0.9), AbsoluteDiscount(), KneserNey()]))
def test_with_an_empty_text_every_token_is_equally_likely(stream, smoothing):
    model = NGram(NgramCounts(**{**stream, "ids": []}), smoothing)
    np.testing.assert_allclose(model.distribution([0]), 1 / stream["vocabulary_size"], rtol=1e-12)


# --- by hand: 0 | a b a b a a, so a→b twice, a→a once, b→a twice, start→a once; V = 4


def test_add_k_is_the_formula_on_paper():
    assert after(AddK(1), [1]) == pytest.approx([1 / 7, 2 / 7, 3 / 7, 1 / 7])
    assert after(AddK(0.5), [2]) == pytest.approx([0.5 / 4, 2.5 / 4, 0.5 / 4, 0.5 / 4])


def test_add_zero_is_maximum_likelihood_with_its_zeros():
    assert after(AddK(0), [1]) == pytest.approx([0, 1 / 3, 2 / 3, 0])


def test_add_k_knows_nothing_after_an_unseen_context():
    assert after(AddK(1), [3]) == pytest.approx([0.25] * 4)


def test_add_k_asks_no_shorter_context_unless_the_line_begins_there():
    line = {"ids": [1, 2, 1, 0, 1, 2, 3, 0], "order": 3, "boundary": 0}
    assert after(AddK(1), [3, 2], **line) == pytest.approx([0.25] * 4)  # b→a, b→c are known, d b is not
    assert after(AddK(1), [0], **line) == pytest.approx([1 / 6, 3 / 6, 1 / 6, 1 / 6])
    assert after(AddK(1), [3, 0], **line) == after(AddK(1), [0], **line)


def test_jelinek_mercer_mixes_each_order_with_the_one_below():
    unigram = [0.5 * 0.25 + 0.5 * count / 6 for count in (0, 4, 2, 0)]
    bigram = [0.5 * lower + 0.5 * seen for lower, seen in zip(unigram, (0, 1 / 3, 2 / 3, 0), strict=True)]
    assert after(JelinekMercer(0.5), [1]) == pytest.approx(bigram)
    assert after(JelinekMercer(0.5), [3]) == pytest.approx(unigram)  # unseen: handed down whole


def test_jelinek_mercer_may_have_a_weight_for_each_order():
    unigram = [0.1 * 0.25 + 0.9 * count / 6 for count in (0, 4, 2, 0)]
    bigram = [0.25 * lower + 0.75 * seen for lower, seen in zip(unigram, (0, 1 / 3, 2 / 3, 0), strict=True)]
    assert after(JelinekMercer((0.9, 0.75)), [1]) == pytest.approx(bigram)
    assert after(JelinekMercer((0.9, 0.75)), [3]) == pytest.approx(unigram)
    assert after(JelinekMercer((0.4, 0.4)), [1]) == after(JelinekMercer(0.4), [1])
    assert [JelinekMercer((0.9, 0.75)).weight(n) for n in (1, 2)] == [0.9, 0.75]


def test_kneser_ney_prefers_the_word_that_follows_many_to_the_word_that_is_frequent():
    francisco, glass = 1, 2  # "San Francisco" often; glass after all sorts
    text = [3, 1, 0, 3, 1, 0, 3, 1, 0, 3, 1, 0, 4, 2, 0, 5, 2, 0, 6, 2, 0]
    counts = NgramCounts(text, vocabulary_size=8, order=2, start=0)
    frequent, diverse = (NGram(counts, rule).distribution([7]) for rule in (AbsoluteDiscount(), KneserNey()))
    assert frequent[francisco] > frequent[glass]
    assert diverse[glass] > diverse[francisco]
    # Ten different bigrams, discounts ½, 1, 1½, saved 5·½ + 1 + 1½ = 5 of 10; 7 itself was never seen before anything.
    assert diverse[glass] == pytest.approx((3 - 1.5) / 10 + 0.5 / 8)
    assert diverse[francisco] == pytest.approx((1 - 0.5) / 10 + 0.5 / 8)


def test_a_kneser_ney_unigram_is_worked_out_on_paper():
    # Left neighbours: a (1) follows 0, 1 and 2; b (2) follows 1 alone. No unigram has two, so the discounts are ½, 1
    # and 1½: of 4, 3 − 1½ and 1 − ½ are kept.
    saved = 2 / 4
    assert after(KneserNey(), [3]) == pytest.approx([saved / 4, 1.5 / 4 + saved / 4, 0.5 / 4 + saved / 4, saved / 4])


# --- discounts


def test_modified_discounts_are_those_of_the_paper_on_paper():
    # n1 = 8, n2 = 4, n3 = 2, n4 = 1: Y = ½; 1 − 2·½·4/8, 2 − 3·½·2/4, 3 − 4·½·1/2
    counts = np.repeat([1, 2, 3, 4, 0], [8, 4, 2, 1, 5])
    assert modified_discounts(counts) == pytest.approx((0.5, 1.25, 2.0))


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [1, 1, 2, 2],  # nothing was counted three times
        [1] * 2 + [2] * 2 + [3] * 9,  # the second would be −2.5
        [1] * 8 + [2] * 4 + [3] * 1 + [4] * 9,  # the third would be −15
    ],
)
def test_discounts_fall_back_where_the_data_do_not_carry_the_estimate(counts):
    assert modified_discounts(np.array(counts, dtype=np.int64)) == (0.5, 1.0, 1.5)


def test_the_first_discount_is_y():
    assert modified_discounts(np.repeat([1, 2, 3, 4], [900, 210, 80, 41]))[0] == pytest.approx(900 / (900 + 2 * 210))


@given(st.lists(st.integers(0, 6), max_size=200))
def test_a_discount_is_never_negative_nor_more_than_the_count(counts):
    for count, discount in enumerate(modified_discounts(np.array(counts, dtype=np.int64)), start=1):
        assert 0 <= discount <= count


# --- the exercises teach the same formulas


@pytest.mark.parametrize(
    "sizes", [(8, 4, 2, 1), (60, 20, 9, 5, 3, 2), (900, 210, 80, 41, 25, 16, 9), (700, 150, 70, 33)]
)
def test_the_exercise_on_discounts_agrees_with_the_library(sizes):
    counts = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    assert kneser_ney_discounts(counts) == pytest.approx(modified_discounts(counts), rel=1e-12)


def test_the_exercises_on_add_k_and_maximum_likelihood_agree_with_the_library():
    text = [TOY["start"], *TOY["ids"]]
    for token in range(4):
        count = sum(pair == (1, token) for pair in zip(text, text[1:], strict=False))
        assert add_k(count, 3, 4, 0.3) == pytest.approx(after(AddK(0.3), [1])[token])
        assert conditional_probability(text, (1,), token) == pytest.approx(after(AddK(0), [1])[token])


def test_the_exercise_on_interpolation_agrees_with_the_library():
    assert interpolate([4 / 6, 1 / 3], [0.6, 0.6], 4) == pytest.approx(after(JelinekMercer(0.6), [1])[1])
    assert interpolate([4 / 6, None], [0.6, 0.6], 4) == pytest.approx(after(JelinekMercer(0.6), [3])[1])


@given(streams())
def test_the_exercise_on_continuation_counts_agrees_with_the_library(stream):
    stream = {**stream, "order": 2}
    text, left = [stream["start"], *stream["ids"]], NgramCounts(**stream).levels[0].left
    expected = continuation_counts(list(zip(text, text[1:], strict=False)))
    assert left.tolist() == [expected[token] for token in range(stream["vocabulary_size"])]


# --- bad input


@pytest.mark.parametrize("k", [-1, -1e-9, float("nan"), float("inf")])
def test_add_k_refuses_a_k_that_is_negative_or_no_number(k):
    with pytest.raises(CourseError, match="expected 0 or more"):
        AddK(k)


@pytest.mark.parametrize("weights", [-0.1, 1.1, float("nan"), (0.5, 1.1), (0.5, float("nan"))])
def test_jelinek_mercer_refuses_a_weight_outside_zero_and_one(weights):
    with pytest.raises(CourseError, match="expected a number from 0 to 1"):
        JelinekMercer(weights)


@pytest.mark.parametrize("weights", [(), (0.5,)])
def test_jelinek_mercer_refuses_an_order_without_a_weight(weights):
    with pytest.raises(CourseError, match=f"has no weight for order {len(weights) + 1}; expected one for each"):
        NGram(NgramCounts(**TOY), JelinekMercer(weights))


def test_a_rule_without_a_table_is_no_smoothing():
    with pytest.raises(NotImplementedError):
        Smoothing().tables(NgramCounts(**TOY))
