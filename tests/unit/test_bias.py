"""WEAT: effect size and partitions by hand, p-values as SciPy's, intervals on words without an association."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from course_utils.bias import (
    WordSets,
    associations,
    effect_size,
    permutation_test,
    weat,
    weat_change,
)
from course_utils.errors import CourseError
from course_utils.models.embeddings import WordVectors
from course_utils.seeding import generator

# The angle to "kind" (1, 0) and "cruel" (0, 1): rose 1 − 0, tulip 0.8 − 0.6, wasp 0 − 1, moth 0.6 − 0.8.
WORDS = ("rose", "tulip", "wasp", "moth", "kind", "cruel")
BY_HAND = WordVectors(WORDS, np.array([[2.0, 0], [0.8, 0.6], [0, 1.0], [0.3, 0.4], [1.0, 0], [0, 5.0]]))
SETS = WordSets((("rose", "tulip"), ("wasp", "moth")), (("kind",), ("cruel",)))


def drawn(seed: int, sizes=(4, 4, 4, 4), lean: float = 0.0) -> tuple[WordVectors, WordSets]:
    """Random vectors; the first targets and the first attributes share a direction of length `lean`."""
    words = [[f"{name}{i}" for i in range(size)] for name, size in zip("xyab", sizes, strict=True)]
    vectors = torch.randn(sum(sizes), 20, generator=generator(seed)).numpy()
    leaning = [word[0] in "xa" for chosen in words for word in chosen]
    vectors[leaning, 0] += lean
    return WordVectors([word for chosen in words for word in chosen], vectors), WordSets(words[:2], words[2:])


def test_association_is_the_mean_cosine_to_one_set_minus_that_to_the_other():
    assert associations(BY_HAND, WORDS[:4], SETS.attributes) == pytest.approx([1, 0.2, -1, -0.2])


def test_the_effect_size_by_hand():
    found = weat(BY_HAND, SETS, generator(0), samples=10)
    # (0.6 + 0.6) / √((1 + 0.04 + 1 + 0.04) / 3); dividing by N would give 1.664
    assert found.effect_size == pytest.approx(1.2 / math.sqrt(2.08 / 3), abs=1e-9)


def test_of_the_six_partitions_only_the_true_one_has_so_large_a_difference():
    found = weat(BY_HAND, SETS, generator(0), samples=10)
    assert (found.p_value, found.partitions, found.exact) == (pytest.approx(1 / 6), 6, True)


def test_turned_round_the_effect_changes_its_sign_and_every_partition_is_as_large():
    found = weat(BY_HAND, WordSets(SETS.targets[::-1], SETS.attributes), generator(0), samples=10)
    assert found.effect_size == pytest.approx(-1.441153, abs=1e-5)
    assert found.p_value == 1.0


@pytest.mark.parametrize("sizes", [(5, 5), (3, 7)])
def test_the_exact_p_value_is_that_of_scipy(sizes):
    first, second = (torch.randn(size, generator=generator(size)).double().numpy() for size in sizes)
    theirs = stats.permutation_test(
        (first, second), lambda x, y: x.mean() - y.mean(), alternative="greater", n_resamples=np.inf
    )
    assert permutation_test(first, second, generator(0))[0] == pytest.approx(theirs.pvalue)


def test_a_partition_that_ties_with_the_true_one_counts():
    assert permutation_test([0.1 + 0.2, 1.0], [0.3, 0.0], generator(0))[0] == pytest.approx(2 / 6)


def test_drawn_partitions_come_near_to_all_of_them_and_never_give_a_zero():
    first, second = torch.randn(8, generator=generator(1)) + 0.6, torch.randn(8, generator=generator(2))
    every, count, exact = permutation_test(first.numpy(), second.numpy(), generator(0))
    some, drawn_count, all_of_them = permutation_test(first.numpy(), second.numpy(), generator(0), most=4000)
    assert (count, exact, drawn_count, all_of_them) == (12_870, True, 4000, False)
    assert some == pytest.approx(every, abs=4 * math.sqrt(every / 4000))        # four standard errors
    assert permutation_test(np.arange(20.0) + 99, np.arange(20.0), generator(0), most=9)[0] == pytest.approx(0.1)


def test_without_an_association_a_p_value_below_a_tenth_comes_about_once_in_ten():
    p_values = []
    for seed in range(300):
        first, second = torch.randn(2, 5, generator=generator(seed)).numpy()
        p_values.append(permutation_test(first, second, generator(0))[0])
    assert np.mean(np.array(p_values) <= 0.1) == pytest.approx(0.1, abs=0.05)   # three standard errors
    assert min(p_values) >= 1 / 252


def test_without_an_association_most_intervals_hold_zero_and_with_a_strong_one_none_does():
    def holding(lean):
        found = [weat(*drawn(seed, lean=lean), generator(seed), samples=100) for seed in range(25)]
        return np.mean([each.low <= 0 <= each.high for each in found])

    assert holding(0.0) >= 0.8
    assert holding(9.0) == 0.0


def test_the_same_generator_gives_the_same_interval():
    vectors, sets = drawn(3)
    first, again, other = (weat(vectors, sets, generator(seed), samples=50) for seed in (1, 1, 2))
    assert first == again
    assert first.low != other.low
    assert first.low < first.effect_size < first.high


def test_nothing_changed_is_a_change_of_zero_without_doubt():
    vectors, sets = drawn(0)
    assert weat_change(vectors, vectors, sets, generator(0), samples=20) == (0.0, 0.0, 0.0)


def test_a_change_is_the_difference_of_the_two_effects():
    (before, sets), (after, _) = drawn(5), drawn(6, lean=9.0)
    change, low, high = weat_change(before, after, sets, generator(0), samples=100)
    effects = [weat(vectors, sets, generator(0), samples=1).effect_size for vectors in (before, after)]
    assert change == pytest.approx(effects[1] - effects[0])
    assert low < change < high


@pytest.mark.parametrize(
    ("targets", "attributes", "says"),
    [
        (((), ("a", "b")), (("c",), ("d",)), r"target sets have \[0, 2\] words"),
        ((("a", "b"), ("c",)), (("d",), ("e",)), r"\[2, 1\]"),
        ((("a", "b"), ("c", "d")), (("e",), ()), r"attribute sets \[1, 0\]"),
        ((("a", "b"), ("b", "d")), (("e",), ("f",)), "^'b': in two sets"),
        ((("a", "a"), ("c", "d")), (("e",), ("f",)), "^'a': in two sets or twice in one"),
        ((("a", "b"), ("c", "d")), (("a",), ("f",)), "^'a': in two sets"),
    ],
)
def test_empty_and_overlapping_sets_are_refused(targets, attributes, says):
    with pytest.raises(CourseError, match=says):
        WordSets(targets, attributes)


def test_a_word_without_a_vector_numbers_that_do_not_differ_and_no_samples_are_refused():
    with pytest.raises(CourseError, match="'bee' has no vector"):
        weat(BY_HAND, WordSets((("rose", "tulip"), ("wasp", "bee")), SETS.attributes), generator(0))
    with pytest.raises(CourseError, match="2 and 1 numbers, 1 of them different"):
        effect_size([1, 1], [1])
    with pytest.raises(CourseError, match="0 numbers and 2"):
        permutation_test([], [1, 2], generator(0))
    with pytest.raises(CourseError, match="samples=0"):
        weat(BY_HAND, SETS, generator(0), samples=0)
