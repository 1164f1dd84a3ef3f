"""Near-duplicates among many texts, found without comparing each with each: MinHash and banding. Broder 1997.

The likeness of two texts is the share of their runs of words that both have (Jaccard's index). If every run gets a
random number, the text's smallest number is the same for both texts with exactly that probability. Many such minima
are a signature; texts whose signatures agree in one band of it are worth a closer look (Leskovec et al. 2020, ch. 3).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from zlib import crc32

import numpy as np

from course_utils.errors import CourseError
from course_utils.shapes import check_number, check_shapes

PRIME = (1 << 31) - 1                                              # so that a·x + b stays below 2⁶³
Pair = tuple[int, int]


def shingles(text: str, words: int = 5) -> set[int]:
    """The runs of `words` words, lower case and without punctuation, as numbers; of a shorter text the whole of it."""
    if words < 1:
        raise CourseError(f"words is {words}; expected 1 or more.")
    found = re.findall(r"\w+", text.lower())
    runs = {" ".join(found[i : i + words]) for i in range(max(1, len(found) - words + 1))} if found else set()
    return {crc32(run.encode()) for run in runs}


def jaccard(first: set, second: set) -> float:
    """How many of all members both sets have, 0 to 1; two empty sets are alike."""
    return len(first & second) / len(first | second) if first or second else 1.0


@dataclass(frozen=True)
class MinHash:
    """Signatures of `bands` · `rows` minima.

    Two texts of likeness s agree in some band with probability 1 − (1 − s^rows)^bands: an S-shaped curve whose steep
    part lies near (1/bands)^(1/rows). Raises CourseError for sizes below 1.
    """

    bands: int = 32
    rows: int = 4
    words: int = 5
    seed: int = 1

    def __post_init__(self):
        if min(self.bands, self.rows, self.words) < 1:
            raise CourseError(f"{self}: expected sizes of 1 or more.")

    def signature(self, text: str) -> np.ndarray:
        """(bands, rows) the smallest of (a·x + b) mod p over the text's shingles x, for as many pairs (a, b)."""
        random = np.random.default_rng(self.seed)
        slopes, offsets = random.integers(1, PRIME, (2, self.bands * self.rows, 1))
        members = np.fromiter(shingles(text, self.words), dtype=np.int64) % PRIME          # (N,)
        if len(members) == 0:
            return np.full((self.bands, self.rows), -1)
        return ((slopes * members + offsets) % PRIME).min(axis=1).reshape(self.bands, self.rows)

    def chance(self, likeness: float) -> float:
        """With what probability a pair of this likeness is looked at."""
        check_number(0, 1, likeness=likeness)
        return 1 - (1 - likeness**self.rows) ** self.bands

    def candidates(self, texts: Iterable[str]) -> set[Pair]:
        """Pairs (i, j), i < j, whose signatures agree in a whole band."""
        buckets: dict[tuple, list[int]] = defaultdict(list)
        for i, text in enumerate(texts):
            for band, row in enumerate(self.signature(text)):
                buckets[band, row.tobytes()].append(i)
        return {pair for together in buckets.values() for pair in combinations(together, 2)}


def estimate(first: np.ndarray, second: np.ndarray) -> float:
    """The likeness of two texts from their signatures: the share of minima that are equal."""
    check_shapes("bands+ rows+, bands+ rows+", first=first, second=second)
    return float((first == second).mean())


def near_duplicates(texts: Sequence[str], threshold: float = 0.5, hashing: MinHash | None = None) -> dict[Pair, float]:
    """Pairs (i, j), i < j, whose likeness is `threshold` or more, most alike first.

    Each candidate is compared exactly, so no pair is wrong; one may be missed, with probability 1 − `chance`.
    """
    if not 0 < threshold <= 1:
        raise CourseError(f"threshold is {threshold}; expected a number above 0 and up to 1.")
    hashing = hashing or MinHash()
    found, members = {}, {}
    for i, j in hashing.candidates(texts):
        for k in (i, j):
            if k not in members:
                members[k] = shingles(texts[k], hashing.words)
        likeness = jaccard(members[i], members[j])
        if likeness >= threshold:
            found[i, j] = likeness
    return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))


def without_duplicates(texts: Sequence[str], threshold: float = 0.5, hashing: MinHash | None = None) -> list[int]:
    """The places of the texts to keep: of texts that are alike, also by way of others, the first."""
    root = list(range(len(texts)))

    def first_of(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    for i, j in near_duplicates(texts, threshold, hashing):
        one, other = sorted((first_of(i), first_of(j)))
        root[other] = one
    return [i for i in range(len(texts)) if root[i] == i]
