"""Ways to turn counts into probabilities, all of one form.

    p(w | context) = alpha(context, w) + gamma(context) · p(w | context without its first token)

`alpha` is what the counts themselves say, `gamma` the share handed down to the shorter context; below the single tokens
lies the uniform distribution 1/V. A smoothing is a rule for the two arrays of each level.
"""

from dataclasses import dataclass

import numpy as np

from course_utils.errors import CourseError
from course_utils.models.counts import Level, NgramCounts


@dataclass(frozen=True)
class Table:
    """One level of a smoothed model: alpha (N_n,), one per n-gram; gamma (N_{n−1},), one per context. Non-negative."""

    alpha: np.ndarray
    gamma: np.ndarray


class Smoothing:
    """A rule that makes one Table per level."""

    def tables(self, counts: NgramCounts) -> list[Table]:
        contexts = [1, *(len(level) for level in counts.levels[:-1])]
        return [
            self.table(level, n, counts, number)
            for n, (level, number) in enumerate(zip(counts.levels, contexts, strict=True), start=1)
        ]

    def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
        raise NotImplementedError


@dataclass(frozen=True)
class AddK(Smoothing):
    """(c + k) / (C + kV) after the longest context there is. Laplace 1814, Lidstone 1920.

    k = 0 is maximum likelihood; after a context that was never seen, where that is 0/0, uniform.
    Shorter contexts are never asked: only at the beginning of a line, where no longer one exists, are they the longest.
    """

    k: float

    def __post_init__(self):
        if not 0 <= self.k < np.inf:
            raise CourseError(f"AddK(k={self.k}): expected 0 or more.")

    def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
        total = totals(level, level.count, contexts)
        longest = n == counts.order or (counts.begins_line(n - 1) if n > 1 else False)
        speaks = longest & (total > 0)
        mass = np.where(speaks, total + self.k * counts.vocabulary_size, np.inf)
        return Table(level.count / mass[level.context], np.where(speaks, self.k * counts.vocabulary_size / mass, 1.0))


@dataclass(frozen=True)
class JelinekMercer(Smoothing):
    """Mix each order's maximum likelihood with the order below, weight to (1 − weight). Jelinek and Mercer 1980.

    `weights[n - 1]` is the weight of order n, and there must be one for every order of the model; a single number is
    the weight of them all.
    """

    weights: float | tuple[float, ...]

    def __post_init__(self):
        if not all(0 <= weight <= 1 for weight in np.atleast_1d(self.weights)):
            raise CourseError(f"JelinekMercer({self.weights}): expected a number from 0 to 1, or one for each order.")

    def weight(self, n: int) -> float:
        """The weight of order n. Raises CourseError where there is none."""
        if np.ndim(self.weights) == 0:
            return self.weights
        if n > len(self.weights):
            raise CourseError(f"JelinekMercer({self.weights}) has no weight for order {n}; expected one for each.")
        return self.weights[n - 1]

    def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
        weight, total = self.weight(n), totals(level, level.count, contexts)
        seen = total > 0
        alpha = weight * level.count / np.where(seen, total, 1)[level.context]
        return Table(alpha, np.where(seen, 1 - weight, 1.0))


class Discounting(Smoothing):
    """Take a little off every count and hand what was saved, context by context, to the order below."""

    def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
        counted = self.counted(level, highest=n == counts.order)
        discount = np.array([0.0, *modified_discounts(counted)])[np.minimum(counted, 3)]
        total = totals(level, counted, contexts)
        safe = np.where(total > 0, total, 1)
        saved = np.bincount(level.context, weights=discount, minlength=contexts)
        return Table((counted - discount) / safe[level.context], np.where(total > 0, saved / safe, 1.0))

    def counted(self, level: Level, highest: bool) -> np.ndarray:
        """(N,) the count that stands for each n-gram."""
        raise NotImplementedError


@dataclass(frozen=True)
class AbsoluteDiscount(Discounting):
    """Every order counts occurrences. Ney, Essen and Kneser 1994, with the discounts of Chen and Goodman 1998."""

    def counted(self, level: Level, highest: bool) -> np.ndarray:
        return level.count


@dataclass(frozen=True)
class KneserNey(Discounting):
    """Interpolated modified Kneser–Ney. Kneser and Ney 1995; Chen and Goodman 1998, section 4.1.6.

    The highest order counts how often an n-gram occurred, the lower ones in how many different places it did.
    An n-gram that nothing ever precedes (it begins a line) keeps its occurrences.
    """

    def counted(self, level: Level, highest: bool) -> np.ndarray:
        return level.count if highest else np.where(level.left == 0, level.count, level.left)


def totals(level: Level, count: np.ndarray, contexts: int) -> np.ndarray:
    """(contexts,) how much was counted after each context."""
    return np.bincount(level.context, weights=count, minlength=contexts)


def modified_discounts(counts: np.ndarray) -> tuple[float, float, float]:
    """The discounts for n-grams counted once, twice, and three times or more; the first is Y itself.

    Chen and Goodman 1998, technical report TR-10-98, equation 26. Where there is too little data for the estimate (a
    count of counts is zero or a discount out of range): ½, 1, 1½. Counts truncated by a vocabulary cut-off (min_count)
    bias n1 at level 1, where the effect is small.
    """
    n1, n2, n3, n4 = (int((counts == r).sum()) for r in (1, 2, 3, 4))
    if min(n1, n2, n3) == 0:
        return 0.5, 1.0, 1.5
    y = n1 / (n1 + 2 * n2)
    discounts = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
    in_range = all(0 <= discount <= count for count, discount in enumerate(discounts, start=1))
    return discounts if in_range else (0.5, 1.0, 1.5)
