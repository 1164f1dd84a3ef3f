"""Bias in word vectors, measured by the Word Embedding Association Test (WEAT, Caliskan, Bryson and Narayanan 2017).

It shows what the vectors took over from their texts, not what a program built on them will do; and where it finds
nothing, another set of words might. Notation: N target words, M attribute words, D width of a vector.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.models.embeddings import WordVectors
from course_utils.shapes import check_counts, check_finite, check_shapes

ROUNDING = 1e-9                                                    # sums in another order differ by less than this


@dataclass(frozen=True)
class WordSets:
    """Two sets of target words, such as flowers and insects, and two of attributes, such as pleasant and unpleasant.

    Raises CourseError for fewer than 2 words in a target set, for an empty attribute set, and for a word that stands
    twice.
    """

    targets: tuple[Sequence[str], Sequence[str]]
    attributes: tuple[Sequence[str], Sequence[str]]

    def __post_init__(self):
        sizes = [[len(words) for words in pair] for pair in (self.targets, self.attributes)]
        if any(len(pair) != 2 for pair in sizes):
            raise CourseError(f"{len(sizes[0])} target sets and {len(sizes[1])} of attributes; expected two of each.")
        if min(sizes[0]) < 2 or min(sizes[1]) < 1:
            raise CourseError(
                f"The target sets have {sizes[0]} words and the attribute sets {sizes[1]}; expected two sets each, "
                "of at least 2 targets and at least 1 attribute."
            )
        words = [word for pair in (self.targets, self.attributes) for chosen in pair for word in chosen]
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise CourseError(f"{', '.join(map(repr, twice))}: in two sets or twice in one; expected each word once.")


@dataclass(frozen=True)
class Weat:
    """Effect size with its interval; the one-sided p-value, and of how many partitions. `exact`: of all there are."""

    effect_size: float
    low: float
    high: float
    p_value: float
    partitions: int
    exact: bool


def weat(
    vectors: WordVectors, sets: WordSets, random: torch.Generator, samples: int = 1000, most: int = 20_000
) -> Weat:
    """Word Embedding Association Test: do the first targets lean to the first attributes, more than the second do?

    The p-value is that of `permutation_test`, with at most `most` partitions. The 95 % interval is a percentile
    bootstrap in which all four sets are drawn anew, `samples` times; it does not know how far another training run
    would move the vectors. Raises CourseError for a word without a vector. Caliskan, Bryson and Narayanan 2017.
    """
    associated = associations(vectors, [*sets.targets[0], *sets.targets[1]], sets.attributes)
    first, second = np.split(associated, [len(sets.targets[0])])
    p_value, partitions, exact = permutation_test(first, second, random, most)
    drawn = [_effect_of_draw(_cosines(vectors, sets), sets, *draw) for draw in _draws(sets, random, samples)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Weat(effect_size(first, second), float(low), float(high), p_value, partitions, exact)


def weat_change(
    before: WordVectors, after: WordVectors, sets: WordSets, random: torch.Generator, samples: int = 1000
) -> tuple[float, float, float]:
    """(change, low, high): the effect size in `after` minus that in `before`, and its 95 % bootstrap interval.

    In pairs: each draw of words is measured in both. Raises CourseError for a word without a vector in either.
    """
    both = _cosines(before, sets), _cosines(after, sets)
    everything = np.arange(both[0].shape[0]), np.arange(both[0].shape[1])
    draws = [everything, *_draws(sets, random, samples)]
    effects = np.array([[_effect_of_draw(cosines, sets, *draw) for cosines in both] for draw in draws])
    change = effects[:, 1] - effects[:, 0]                          # (1 + samples,)
    low, high = np.quantile(change[1:], [0.025, 0.975])
    return float(change[0]), float(low), float(high)


def associations(
    vectors: WordVectors, words: Sequence[str], attributes: tuple[Sequence[str], Sequence[str]]
) -> np.ndarray:
    """(N,) for each word its mean cosine to the first attributes minus that to the second, −2 … 2.

    Raises CourseError for a word without a vector.
    """
    if not words or len(attributes) != 2 or not all(attributes):
        raise CourseError("A set of words is empty or missing; expected words, and two sets of attributes.")
    first, second = (_rows(vectors, words) @ _rows(vectors, chosen).T for chosen in attributes)
    return first.mean(axis=1) - second.mean(axis=1)


def effect_size(first, second) -> float:
    """Cohen's d of two sets of numbers: the difference of their means in standard deviations of all of them together.

    The standard deviation divides by N − 1. Raises CourseError where an array is empty or all numbers are the same.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    check_shapes("N, M", first=first, second=second)
    check_finite(first=first, second=second)
    everything = np.concatenate([first, second])
    if not first.size or not second.size or np.ptp(everything) < ROUNDING:
        raise CourseError(
            f"{first.size} and {second.size} numbers, {np.unique(everything).size} of them different; expected at "
            "least one on each side, and two that differ."
        )
    return float((first.mean() - second.mean()) / everything.std(ddof=1))


def permutation_test(first, second, random: torch.Generator, most: int = 20_000) -> tuple[float, int, bool]:
    """(p, partitions, exact): how often a partition of all numbers by chance has a mean difference at least as large.

    One-sided: only `first` above `second` counts. Where there are at most `most` ways to choose len(first) of all,
    each is looked at; else `most` are drawn, and the true one is counted too, so that p is never 0 (Phipson and Smyth
    2010). Raises CourseError where an array is empty.
    """
    check_counts(most=most)
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    check_shapes("N, M", first=first, second=second)
    values, size = np.concatenate([first, second]).astype(float), len(first)
    if not 0 < size < len(values):
        raise CourseError(f"{size} numbers and {len(values) - size} to compare with; expected at least 1 of each.")
    partitions = math.comb(len(values), size)
    exact = partitions <= most
    if exact:
        chosen = np.array(list(combinations(range(len(values)), size)))
    else:
        chosen = torch.rand(most, len(values), generator=random).argsort(dim=1)[:, :size].numpy()
    # Of a fixed total, the difference of means grows with the sum of the first alone.
    as_large = int((values[chosen].sum(axis=1) >= values[:size].sum() - ROUNDING).sum())
    return (as_large / partitions, partitions, True) if exact else ((as_large + 1) / (most + 1), most, False)


def _rows(vectors: WordVectors, words: Sequence[str]) -> np.ndarray:
    return np.stack([vectors[word] for word in words]).astype(float)


def _cosines(vectors: WordVectors, sets: WordSets) -> np.ndarray:
    """(N, M) of each target with each attribute, the first set of either before the second."""
    targets, attributes = ([*pair[0], *pair[1]] for pair in (sets.targets, sets.attributes))
    return _rows(vectors, targets) @ _rows(vectors, attributes).T


def _draws(sets: WordSets, random: torch.Generator, samples: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row and column numbers of `_cosines`: as many of each set as it has, with replacement."""
    if samples < 1:
        raise CourseError(f"samples={samples}: a bootstrap needs at least 1.")
    for _ in range(samples):
        yield _redrawn(sets.targets, random), _redrawn(sets.attributes, random)


def _redrawn(pair: tuple[Sequence[str], Sequence[str]], random: torch.Generator) -> np.ndarray:
    first, second = len(pair[0]), len(pair[1])
    parts = torch.randint(first, (first,), generator=random), first + torch.randint(second, (second,), generator=random)
    return torch.cat(parts).numpy()


def _effect_of_draw(cosines: np.ndarray, sets: WordSets, rows: np.ndarray, columns: np.ndarray) -> float:
    drawn, attributes = cosines[np.ix_(rows, columns)], len(sets.attributes[0])
    associated = drawn[:, :attributes].mean(axis=1) - drawn[:, attributes:].mean(axis=1)
    if np.ptp(associated) < ROUNDING:                               # one word, drawn again and again: no difference
        return 0.0
    return effect_size(*np.split(associated, [len(sets.targets[0])]))
