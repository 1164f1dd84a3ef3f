"""Near-duplicates: likeness by hand, its estimate, and planted copies found among real texts."""

import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.text.duplicates import (
    MinHash,
    estimate,
    jaccard,
    near_duplicates,
    shingles,
    without_duplicates,
)


def vocabulary_text(seed: int, length: int = 200) -> str:
    return " ".join(f"word{number}" for number in np.random.default_rng(seed).integers(0, 5000, length))


def changed(text: str, every: int, seed: int = 0) -> str:
    """A copy in which one of `every` words is another."""
    words = text.split()
    for place in range(seed, len(words), every):
        words[place] = "changed"
    return " ".join(words)


def test_shingles_are_runs_of_words_without_case_and_punctuation():
    assert shingles("The cat, the CAT!", 2) == shingles("the cat the cat", 2)
    assert len(shingles("the cat the cat", 2)) == 2                # "the cat" twice, "cat the" once
    assert len(shingles("one two three", 5)) == 1 and shingles(" … ", 5) == set()


def test_likeness_by_hand():
    assert jaccard({1, 2, 3}, {2, 3, 4, 5}) == 2 / 5
    assert jaccard(set(), set()) == 1.0 and jaccard({1}, set()) == 0.0


@pytest.mark.parametrize("every", [10, 25, 100])
def test_equal_minima_estimate_the_likeness(every):
    hashing = MinHash(bands=128, rows=8)
    text = vocabulary_text(1, 400)
    exact = jaccard(shingles(text), shingles(changed(text, every)))
    found = estimate(hashing.signature(text), hashing.signature(changed(text, every)))
    assert found == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 1024) ** 0.5)     # four standard errors


def test_a_pair_is_looked_at_as_often_as_the_formula_says():
    text, hits = vocabulary_text(1), []
    copy = changed(text, 22)
    likeness = jaccard(shingles(text), shingles(copy))
    for seed in range(200):
        hits.append(bool(MinHash(bands=8, rows=4, seed=seed).candidates([text, copy])))
    expected = MinHash(bands=8, rows=4).chance(likeness)
    assert 0.2 < expected < 0.95
    assert np.mean(hits) == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 200) ** 0.5)


def test_planted_copies_are_found_and_nothing_else_is():
    texts = [vocabulary_text(seed) for seed in range(200)]
    for number in range(20):
        texts.append(changed(texts[number], 40, seed=number))
    found = near_duplicates(texts, threshold=0.6)
    assert set(found) == {(number, 200 + number) for number in range(20)}
    assert all(value == jaccard(shingles(texts[i]), shingles(texts[j])) for (i, j), value in found.items())
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_of_texts_that_are_alike_the_first_is_kept_also_along_a_chain():
    text = vocabulary_text(1)
    once, twice = changed(text, 30), changed(changed(text, 30), 30, seed=15)
    assert jaccard(shingles(text), shingles(twice)) < 0.6 < jaccard(shingles(once), shingles(twice))
    hashing = MinHash(bands=64, rows=3)
    assert without_duplicates([text, vocabulary_text(2), once, twice], 0.6, hashing) == [0, 1]
    assert without_duplicates([text, twice], 0.6, hashing) == [0, 1]


def test_empty_texts_are_alike_and_a_list_may_be_empty():
    assert near_duplicates(["", "…", "word"]) == {(0, 1): 1.0}
    assert near_duplicates([]) == {} and without_duplicates([]) == []


def test_values_that_make_no_sense_are_refused():
    with pytest.raises(CourseError, match="threshold is 0"):
        near_duplicates(["a"], threshold=0)
    with pytest.raises(CourseError, match="1 or more"):
        MinHash(bands=0)
    with pytest.raises(CourseError, match="1 or more"):
        shingles("a", 0)
