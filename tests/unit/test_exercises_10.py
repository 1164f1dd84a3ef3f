"""The references of lesson 10 agree with what the course's own modules do, and with trusted libraries."""

import numpy as np
import pytest

from course_utils.exercises.lesson10.cleaning import MINIMA, signature
from course_utils.text.duplicates import PRIME, MinHash, jaccard, shingles

TEXT = "Four score and seven years ago our fathers brought forth on this continent a new nation"
CHANGED = TEXT.replace("new nation", "free country")


def of_the_house(hashing, text, sign=signature):
    """The signature by the exercise, with the slopes and offsets that the course's MinHash draws."""
    random = np.random.default_rng(hashing.seed)
    slopes, offsets = random.integers(1, PRIME, (2, hashing.bands * hashing.rows)).tolist()
    return sign({run % PRIME for run in shingles(text, hashing.words)}, slopes, offsets, PRIME)


def test_the_signature_is_that_of_the_courses_minhash():
    hashing = MinHash(bands=8, rows=4, words=3)
    assert of_the_house(hashing, TEXT) == hashing.signature(TEXT).ravel().tolist()


@pytest.mark.parametrize("mistake", MINIMA.misconceptions, ids=lambda mistake: mistake.name)
def test_no_mistaken_signature_is_that_of_the_courses_minhash(mistake):
    hashing = MinHash(bands=2, rows=4, words=3)
    assert of_the_house(hashing, TEXT, mistake.wrong) != hashing.signature(TEXT).ravel().tolist()


def test_the_share_of_equal_minima_estimates_the_likeness():
    hashing = MinHash(bands=100, rows=10, words=3)
    one, other = (of_the_house(hashing, text) for text in (TEXT, CHANGED))
    likeness = jaccard(shingles(TEXT, 3), shingles(CHANGED, 3))
    share = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
    assert likeness == pytest.approx(12 / 16)
    assert share == pytest.approx(likeness, abs=0.05)                # three and a half standard errors of 1,000 minima
