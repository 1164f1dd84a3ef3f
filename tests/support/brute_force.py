"""Slow and obvious twins of the n-gram code: dictionaries and tuples, written from the definitions alone."""

from collections import Counter

import numpy as np
from hypothesis import strategies as st


def ngrams(ids: list[int], n: int, start: int, boundary: int | None) -> Counter:
    """Occurrences of each n-gram of a stream; only its first and its last token may be the boundary."""
    stream = [start, *ids]
    windows = [tuple(stream[i : i + n]) for i in range(1 if n == 1 else 0, len(stream) - n + 1)]
    return Counter(window for window in windows if boundary not in window[1:-1])


def left_neighbours(longer: Counter, ngram: tuple[int, ...]) -> int:
    """How many different tokens stand before an n-gram, from the n-grams one longer."""
    return len({window[0] for window in longer if window[1:] == ngram})


class KneserNeyByHand:
    """Interpolated modified Kneser–Ney over dictionaries, Chen and Goodman 1998, section 4.1.6."""

    def __init__(self, ids, vocabulary_size: int, order: int, start: int, boundary: int | None):
        self.vocabulary_size, self.order = vocabulary_size, order
        raw = [ngrams(ids, n, start, boundary) for n in range(1, order + 1)]
        self.counted = [
            {ngram: left_neighbours(longer, ngram) or count for ngram, count in level.items()}
            for level, longer in zip(raw, raw[1:], strict=False)
        ] + [dict(raw[-1])]

    def discount(self, n: int, count: int) -> float:
        """What is taken off this count of an n-gram."""
        n1, n2, n3, n4 = (list(self.counted[n - 1].values()).count(r) for r in (1, 2, 3, 4))
        taken = [0.5, 1.0, 1.5]
        if n1 and n2 and n3:
            y = n1 / (n1 + 2 * n2)
            estimate = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
            if all(0 <= estimate[r] <= r + 1 for r in range(3)):
                taken = estimate
        return 0.0 if count == 0 else taken[min(count, 3) - 1]

    def probability(self, context: tuple[int, ...], token: int) -> float:
        """p(token | context), by the recursion of the paper."""
        context = context[-(self.order - 1) :] if self.order > 1 else ()
        lower = self.probability(context[1:], token) if context else 1 / self.vocabulary_size
        n = len(context) + 1
        following = {ngram[-1]: count for ngram, count in self.counted[n - 1].items() if ngram[:-1] == context}
        if not following:
            return lower
        total, count = sum(following.values()), following.get(token, 0)
        saved = sum(self.discount(n, each) for each in following.values())
        return (count - self.discount(n, count)) / total + saved / total * lower

    def distribution(self, context) -> np.ndarray:
        """(V,) probabilities of the next token."""
        return np.array([self.probability(tuple(context), token) for token in range(self.vocabulary_size)])


@st.composite
def streams(draw, longest: int = 60):
    """Arguments of NgramCounts: a random stream over a small vocabulary, with or without a boundary."""
    vocabulary_size = draw(st.integers(2, 6))
    token = st.integers(0, vocabulary_size - 1)
    return {
        "ids": draw(st.lists(token, max_size=longest)),
        "vocabulary_size": vocabulary_size,
        "order": draw(st.integers(1, 6)),
        "start": draw(token),
        "boundary": draw(st.none() | token),
    }
